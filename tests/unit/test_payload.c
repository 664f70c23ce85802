/* SPDX-License-Identifier: Apache-2.0
 * Payload descriptors on what Chromium really sends (tests/vectors/rtp-clear), sealed frames among it: key
 * frames are found, layers and picture ids make sense. */
#include "test.h"

#include "wire/payload.h"
#include "wire/rtp.h"

static uint8_t file[1 << 20];

struct seen {
    unsigned packets, keys, starts, first_is_key, sids, tids, structures, descriptors;
    unsigned picture_steps, picture_jumps;
};

static struct seen walk(const char *name, uint8_t pt, enum codec codec, uint8_t dd_id)
{
    char path[4096];
    struct seen s = {0};
    static struct descriptor_templates templates;
    templates = (struct descriptor_templates){0};
    int picture = -1;
    uint32_t ssrc = 0;
    snprintf(path, sizeof path, TEST_DATA "/rtp-clear/%s.rtp.pcap", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(file, 1, sizeof file, f);
    fclose(f);
    for (size_t at = 24; at + 16 <= n;) {
        uint32_t len = (uint32_t)file[at + 8] | (uint32_t)file[at + 9] << 8 | (uint32_t)file[at + 10] << 16;
        struct span pkt = SPAN(file + at + 16 + 28, len - 28); /* behind IPv4 and UDP */
        at += 16 + len;
        struct rtp h;
        struct payload_facts p;
        struct descriptor d;
        if (pkt_kind(pkt) != PKT_RTP || rtp_parse(pkt, &h) || rtp_padding(pkt, &h) || h.pt != pt) continue;
        if (!ssrc) ssrc = h.ssrc;
        struct span payload = span_part(pkt, h.header_n, pkt.n - h.header_n - h.padding);
        if (h.ssrc != ssrc || payload.n == 0) continue;
        assert_ok(payload_read(codec, payload, &p));
        s.packets++;
        s.keys += p.key;
        s.starts += p.start;
        if (s.packets == 1) s.first_is_key = p.key;
        s.sids |= 1u << p.sid;
        s.tids |= 1u << p.tid;
        if (p.has_picture && picture >= 0 && p.picture != picture) {
            s.picture_steps += p.picture == ((picture + 1) & 0x7fff);
            s.picture_jumps += p.picture != ((picture + 1) & 0x7fff);
        }
        if (p.has_picture) picture = p.picture;
        struct span ext = rtp_ext_value(&h, pkt, dd_id);
        if (!dd_id || !ext.n) continue;
        assert_ok(descriptor_read(ext, &templates, &d));
        s.descriptors++;
        s.structures += d.structure;
        s.sids |= 1u << d.sid;
        s.tids |= 1u << d.tid;
        if (d.structure) assert_true(p.key || codec == CODEC_VP9);
    }
    print_message("%s: %u packets, %u keys, %u starts, sids %x, tids %x, %u descriptors, %u structures\n",
                  name, s.packets, s.keys, s.starts, s.sids, s.tids, s.descriptors, s.structures);
    return s;
}

static void what_chromium_sends(void **state)
{
    (void)state;
    struct seen s = walk("vp8-l1t3-dd", 96, CODEC_VP8, 14);
    assert_true(s.packets > 50 && s.first_is_key && s.keys >= 1 && s.tids == 7 && s.structures >= 1 &&
                !s.picture_jumps);
    s = walk("vp9-l3t3key-dd", 98, CODEC_VP9, 14);
    assert_true(s.packets > 50 && s.first_is_key && s.sids == 3 && s.tids == 7 && s.structures >= 1 &&
                !s.picture_jumps);
    s = walk("av1-l3t3key-dd", 45, CODEC_AV1, 14);
    assert_true(s.packets > 50 && s.first_is_key && s.sids == 3 && s.structures >= 1);
    s = walk("h264", 102, CODEC_H264, 0);
    assert_true(s.packets > 50 && s.keys >= 1);
}

static void sealed_frames_are_read_the_same(void **state)
{
    (void)state;
    struct seen s = walk("e2ee-vp8", 96, CODEC_VP8, 14);
    assert_true(s.packets > 50 && s.first_is_key && s.keys >= 1 && s.keys < s.packets / 4);
    s = walk("e2ee-h264", 102, CODEC_H264, 0);
    assert_true(s.packets > 50 && s.keys >= 1);
}

static void descriptors_alone(void **state)
{
    (void)state;
    struct payload_facts f;
    assert_err(ERR_SHORT, payload_read(CODEC_VP8, SPAN_NONE, &f));
    assert_err(ERR_SHORT, payload_read(CODEC_VP8, SPAN_LIT("\x90\xf0\x81"), &f));
    assert_ok(payload_read(CODEC_VP8, SPAN_LIT("\x90\x80\x81\x02\x10"), &f));
    assert_true(f.key && f.picture == 0x102 && f.picture_at == 2 && f.picture_bytes == 2);
    assert_ok(payload_read(CODEC_VP8, SPAN_LIT("\x80\x80\x81\x02\x10"), &f));
    assert_false(f.key || f.start);
    assert_ok(payload_read(CODEC_VP8, SPAN_LIT("\x90\xe0\x05\x07\x60\x11"), &f));
    assert_true(f.picture == 5 && f.picture_bytes == 1 && f.tl0 == 7 && f.tid == 1 && f.up && !f.key);
    uint8_t b[] = {0x90, 0xe0, 0x85, 0x01, 0x07, 0x60, 0x11};
    assert_ok(payload_read(CODEC_VP8, SPAN_OF(b), &f));
    payload_renumber_vp8(b, sizeof b, &f, 0x7fff, 9);
    assert_memory_equal(b, "\x90\xe0\xff\xff\x09\x60\x11", 7);
    assert_err(ERR_FORMAT, payload_read(CODEC_AV1, SPAN_LIT("\x88\x01"), &f));
    assert_err(ERR_SHORT, payload_read(CODEC_RED,
                                       SPAN_LIT("\xef\x00\x00\x09\x6f"
                                                "aaa"),
                                       &f));
    assert_ok(payload_read(CODEC_RED,
                           SPAN_LIT("\xef\x00\x00\x03\x6f"
                                    "aaab"),
                           &f));
    assert_int_equal(f.primary, 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_chromium_sends),
                                       cmocka_unit_test(sealed_frames_are_read_the_same),
                                       cmocka_unit_test(descriptors_alone)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
