/* SPDX-License-Identifier: Apache-2.0
 * Frames out of packets with loss and disorder (core/frames, wire/frame), the sealed form of files (archive/chunk,
 * row 68), and a whole recording opened again: every frame in its block, gaps named, nothing after a cut. */
#include "archive/recording.h"
#include "base/rng.h"
#include "core/frames.h"
#include "guest/openssl_crypto.h"
#include "test.h"
#include "wire/json.h"

/* --- wire/frame --- */

static struct span joined(enum codec codec, const struct span *payload, size_t n, uint8_t *into, size_t size,
                          bool *key)
{
    struct frame_joiner j;
    struct span out = SPAN_NONE;
    frame_begin(&j, codec, MSPAN(into, size));
    for (size_t i = 0; i < n; i++)
        if (frame_add(&j, payload[i])) return SPAN_NONE;
    return frame_end(&j, &out, key) ? SPAN_NONE : out;
}

static void frames_of_every_codec(void **state)
{
    uint8_t b[512];
    bool key;
    (void)state;
    /* VP8: a 16-bit picture id, TL0PICIDX and TID; the key frame's first byte is even */
    struct span vp8[2] = {SPAN_LIT("\x90\xf0\x81\x02\x05\x20\x10\x02\x00\x9d\x01\x2a\x40\x01\xf0\x00xy"),
                          SPAN_LIT("\x80\xf0\x81\x02\x05\x20zz")};
    struct span f = joined(CODEC_VP8, vp8, 2, b, sizeof b, &key);
    assert_int_equal(f.n, 14);
    assert_true(key);
    struct frame_picture p;
    assert_ok(frame_describe(CODEC_VP8, f, &p));
    assert_int_equal(p.width, 320);
    assert_int_equal(p.height, 240);
    assert_int_equal(joined(CODEC_VP8, vp8 + 1, 1, b, sizeof b, &key).n, 0); /* its beginning is missing */
    /* VP9: two spatial layers become one superframe */
    struct span vp9[2] = {SPAN_LIT("\x8c\x01"
                                   "abc"),
                          SPAN_LIT("\x8c\x01"
                                   "defg")};
    f = joined(CODEC_VP9, vp9, 2, b, sizeof b, &key);
    assert_int_equal(f.n, 7 + 10);
    assert_memory_equal(f.p + 7, "\xd9\3\0\0\0\4\0\0\0\xd9", 10);
    /* H.264: STAP-A with parameter sets, then a fragmented IDR */
    struct span h264[3] = {
        SPAN_LIT("\x78\x00\x09\x67\x42\xc0\x1f\xda\x02\x80\xf6\x40\x00\x04\x68\xce\x3c\x80"),
        SPAN_LIT("\x7c\x85"
                 "ab"),
        SPAN_LIT("\x7c\x45"
                 "cd")};
    f = joined(CODEC_H264, h264, 3, b, sizeof b, &key);
    assert_true(key);
    assert_int_equal(f.n, 4 + 9 + 4 + 4 + 4 + 5);
    assert_memory_equal(f.p + 21,
                        "\0\0\0\5\x65"
                        "abcd",
                        9);
    assert_ok(frame_describe(CODEC_H264, f, &p));
    assert_int_equal(p.width, 640);
    assert_int_equal(p.height, 480);
    assert_memory_equal(p.private_data, "\1\x42\xc0\x1f\xff\xe1\0\x09", 8);
    assert_int_equal(joined(CODEC_H264, h264, 2, b, sizeof b, &key).n, 0); /* the fragment has no end */
    /* AV1: a delimiter that goes, a sequence header, a frame in two packets */
    struct span av1[2] = {
        SPAN_LIT("\x78\x02\x12\x00\x0c\x0a\x0a\x00\x00\x00\x04\x47\x7e\x1a\xdf\xfc\xc0\x30\x61"),
        SPAN_LIT("\x90"
                 "bcd")};
    f = joined(CODEC_AV1, av1, 2, b, sizeof b, &key);
    assert_true(f.n > 0);
    assert_true(key);
    assert_memory_equal(f.p, "\x0a", 1);
    assert_memory_equal(f.p + f.n - 6,
                        "\x32\x04"
                        "abcd",
                        6);
}

/* --- core/frames --- */

struct line { /* a publisher of VP8-like frames of three packets */
    struct cache cache;
    uint32_t seq;
};

static void send(struct line *l, uint32_t ts, unsigned part, bool key, usec at, bool arrives)
{
    uint8_t payload[6] = {part == 0 ? 0x10 : 0x00, key ? 0 : 1, 9, (uint8_t)ts, (uint8_t)part, 0};
    struct cache_pkt p = {.at = at,
                          .seq = l->seq++,
                          .ts = ts,
                          .codec = CODEC_VP8,
                          .marker = part == 2,
                          .key = key && part == 0,
                          .start = part == 0};
    const struct cache_pkt *kept;
    struct span parts[3] = {SPAN_NONE, SPAN_NONE, SPAN(payload, sizeof payload)};
    if (arrives) assert_ok(cache_add(&l->cache, &p, parts, &kept));
    if (arrives && p.seq > l->cache.highest) l->cache.highest = p.seq;
}

static void late(struct line *l, uint32_t seq, uint32_t ts, unsigned part)
{
    uint32_t now = l->seq;
    l->seq = seq;
    send(l, ts, part, false, 0, true);
    l->seq = now;
}

static void lost_and_late_packets(void **state)
{
    struct line l = {.seq = 65536 + 65530};
    struct frames f;
    struct frames_out o;
    usec now = USEC_S;
    (void)state;
    assert_ok(cache_init(&l.cache, CACHE_VIDEO_PACKETS, CACHE_VIDEO_BYTES));
    assert_ok(frames_init(&f, CODEC_VP8));
    assert_err(ERR_AGAIN, frames_next(&f, &l.cache, now, &o));
    for (unsigned i = 0; i < 3; i++) { /* no key frame yet: nothing */
        send(&l, 0xffffff00, i, false, now, true);
        assert_err(ERR_AGAIN, frames_next(&f, &l.cache, now, &o));
    }
    for (unsigned i = 0; i < 3; i++)
        send(&l, 0xffffff80, i, true, now, true);
    assert_ok(frames_next(&f, &l.cache, now, &o));
    assert_true(o.key && !o.gap);
    assert_int_equal(o.bytes.n, 15);
    uint64_t first = o.line;
    /* one that comes late is waited for; the timestamp wraps */
    uint32_t missing = l.seq + 1;
    send(&l, 0x80, 0, false, now, true);
    send(&l, 0x80, 1, false, now, false);
    send(&l, 0x80, 2, false, now, true);
    assert_err(ERR_AGAIN, frames_next(&f, &l.cache, now, &o));
    late(&l, missing, 0x80, 1);
    assert_ok(frames_next(&f, &l.cache, now + 500 * USEC_MS, &o));
    assert_false(o.gap);
    assert_int_equal(o.line - first, 0x100);
    /* one that never comes is given up; then a key frame begins again, and the gap is said */
    now += USEC_S;
    send(&l, 0x180, 0, false, now, true);
    send(&l, 0x180, 1, false, now, false);
    send(&l, 0x180, 2, false, now, true);
    for (unsigned i = 0; i < 3; i++)
        send(&l, 0x200, i, false, now, true);
    assert_err(ERR_AGAIN, frames_next(&f, &l.cache, now, &o));
    now += FRAMES_WAIT_US;
    assert_err(ERR_AGAIN, frames_next(&f, &l.cache, now, &o));
    assert_int_equal(f.lost, 1);
    for (unsigned i = 0; i < 3; i++)
        send(&l, 0x280, i, true, now, true);
    assert_ok(frames_next(&f, &l.cache, now, &o));
    assert_true(o.gap && o.key);
    assert_err(ERR_AGAIN, frames_next(&f, &l.cache, now, &o));
    frames_fini(&f);
    cache_fini(&l.cache);
    assert_int_equal(mem_live(), 0);
}

/* --- archive/chunk: row 68 --- */

static void sealed_files_are_whole_or_refused(void **state)
{
    const struct crypto *c = openssl_crypto();
    struct secret data = {.n = DATA_KEY, .b = {7}}, key, other;
    uint8_t id[ARTEFACT_ID] = {1}, id2[ARTEFACT_ID] = {2}, file[4096], plain[512];
    size_t at[5] = {0};
    struct writer w = writer_of(MSPAN(file, sizeof file));
    unsigned refused = 0;
    (void)state;
    assert_ok(chunk_file_key(c, &data, id, SPAN_LIT("a"), &key));
    for (unsigned i = 0; i < 4; i++) {
        memset(plain, (int)i, sizeof plain);
        assert_ok(chunk_seal(c, &key, i, i == 3, SPAN(plain, 100 + i), &w));
        at[i + 1] = w.n;
    }
    for (unsigned i = 0; i < 4; i++)
        assert_ok(chunk_open(c, &key, i, SPAN(file + at[i], at[i + 1] - at[i]), plain));
    /* another place, another file, another artefact, another key */
    for (unsigned i = 0; i < 4; i++)
        for (unsigned k = 0; k < 4; k++)
            if (i != k)
                refused += chunk_open(c, &key, k, SPAN(file + at[i], at[i + 1] - at[i]), plain) == ERR_AUTH;
    assert_int_equal(refused, 12);
    assert_ok(chunk_file_key(c, &data, id, SPAN_LIT("b"), &other));
    assert_err(ERR_AUTH, chunk_open(c, &other, 0, SPAN(file, at[1]), plain));
    assert_ok(chunk_file_key(c, &data, id2, SPAN_LIT("a"), &other));
    assert_err(ERR_AUTH, chunk_open(c, &other, 0, SPAN(file, at[1]), plain));
    data.b[0] ^= 1;
    assert_ok(chunk_file_key(c, &data, id, SPAN_LIT("a"), &other));
    assert_err(ERR_AUTH, chunk_open(c, &other, 0, SPAN(file, at[1]), plain));
    /* every bit of a chunk, its head's too: the end mark can't be moved */
    for (size_t bit = 0; bit < at[1] * 8; bit++) {
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
        refused += chunk_open(c, &key, 0, SPAN(file, at[1]), plain) != OK;
        file[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    assert_int_equal(refused, 12 + at[1] * 8);
    assert_err(ERR_FORMAT, chunk_open(c, &key, 0, SPAN(file, at[1] - 1), plain));
    assert_err(ERR_FORMAT, chunk_open(c, &key, 0, SPAN(file, at[1] + 1), plain));
    assert_err(ERR_FORMAT, chunk_open(c, &key, 0, SPAN(file, 3), plain));
    print_message("row 68: %u changed, moved or foreign chunks refused\n", refused + 3);
}

/* --- archive/recording --- */

static const struct secret data_key = {.n = DATA_KEY, .b = {9, 9}};

struct opened { /* a sealed file's content */
    char name[RECORDING_NAME_MAX];
    uint8_t sealed[200000], plain[200000];
    size_t sealed_n, n;
    bool ended;
};
static struct opened opened[6];
static unsigned opened_count;

static void take_pending(struct recording *r)
{
    unsigned at = 0;
    struct recording_file f;
    while (recording_pending(r, &at, &f)) {
        unsigned i = 0;
        while (i < opened_count && strcmp(opened[i].name, f.name) != 0)
            i++;
        if (i == opened_count) {
            memset(&opened[i], 0, sizeof opened[i]);
            memcpy(opened[opened_count++].name, f.name, strlen(f.name) + 1);
        }
        memcpy(opened[i].sealed + opened[i].sealed_n, f.pending->p, f.pending->n);
        opened[i].sealed_n += f.pending->n;
        buf_drop(f.pending, f.pending->n);
    }
}

static void open_all(const uint8_t id[ARTEFACT_ID])
{
    for (unsigned i = 0; i < opened_count; i++) {
        struct opened *o = &opened[i];
        struct secret key;
        uint64_t index = 0;
        o->n = 0;
        o->ended = false;
        assert_ok(chunk_file_key(openssl_crypto(), &data_key, id, span_str(o->name), &key));
        for (size_t at = 0; at < o->sealed_n;) {
            size_t n;
            assert_ok(chunk_head(SPAN(o->sealed + at, CHUNK_HEAD), &n, &o->ended));
            assert_ok(chunk_open(openssl_crypto(), &key, index++, SPAN(o->sealed + at, n + CHUNK_OVER),
                                 o->plain + o->n));
            o->n += n;
            at += n + CHUNK_OVER;
        }
        o->plain[o->n] = 0;
    }
}

static struct opened *named(const char *part)
{
    for (unsigned i = 0; i < opened_count; i++)
        if (strstr(opened[i].name, part)) return &opened[i];
    return NULL;
}

static unsigned blocks(const struct opened *o, const char *content)
{
    unsigned n = 0;
    size_t len = strlen(content);
    for (size_t i = 0; i + len <= o->n; i++)
        n += memcmp(o->plain + i, content, len) == 0;
    return n;
}

static void a_recording_opens_again(void **state)
{
    struct recording_conf conf = {openssl_crypto(), {3, 1, 4}, 1, SPAN_LIT("board"), {1795416434428}};
    struct recording_track_in voice = {1, 7, CODEC_OPUS, 2, SPAN_LIT("microphone"), SPAN_LIT("Anna \"A\"")};
    struct recording_track_in face = {2, 7, CODEC_VP8, 0, SPAN_LIT("camera"), SPAN_LIT("Anna")};
    struct recording *r;
    uint8_t digest[32], key_frame[] = "\x10\x02\x00\x9d\x01\x2a\x40\x01\xf0\x00KEYFRAME",
                        delta[] = "\x11"
                                  "DELTA";
    struct span kf = SPAN(key_frame, sizeof key_frame - 1), df = SPAN(delta, sizeof delta - 1);
    usec now = 0;
    (void)state;
    opened_count = 0;
    assert_ok(recording_new(&conf, &data_key, &r));
    assert_ok(recording_track(r, now, &voice));
    assert_ok(recording_track(r, now, &face));
    assert_err(ERR_EXISTS, recording_track(r, now, &face));
    assert_ok(recording_frame(r, now, 2, 5, false, false, df)); /* before the first key frame: not kept */
    for (unsigned i = 0; i < 500; i++, now += 20 * USEC_MS) {
        assert_ok(recording_frame(r, now, 1, i * 20, true, false, SPAN_LIT("VOICE")));
        if (i % 2 == 0)
            assert_ok(recording_frame(r, now, 2, i * 20, i == 10 || i == 250, i == 200,
                                      i == 10 || i == 250 ? kf : df));
        assert_ok(recording_flush(r, now, false));
        take_pending(r);
    }
    /* killed here: all but the last second is readable */
    open_all(conf.id);
    assert_true(blocks(named("microphone"), "VOICE") >= 450);
    assert_false(named("microphone")->ended);
    assert_ok(recording_event(r, now, 9999, "hand", SPAN_LIT(",\"member\":7")));
    recording_gap(r, now, 10000, "the disk is full");
    assert_ok(recording_frame(r, now, 2, 10020, false, false, df));
    assert_ok(recording_end(r, now, 10040, digest));
    take_pending(r);
    open_all(conf.id);
    assert_int_equal(opened_count, 4);
    for (unsigned i = 0; i < opened_count; i++)
        assert_true(opened[i].ended);
    assert_int_equal(blocks(named("microphone"), "VOICE"), 500);
    assert_int_equal(blocks(named("camera"), "KEYFRAME"), 2);
    /* from the first key frame (10) to the loss (200), from the second (250) to the gap */
    assert_int_equal(blocks(named("camera"), "DELTA"), (200 - 10) / 2 - 1 + (500 - 250) / 2 - 1);
    assert_int_equal(blocks(named("timeline"), "\n"), 2 + 1 + 1 + 2 + 1);
    struct opened *m = named("manifest");
    assert_ok(json_check(SPAN(m->plain, m->n)));
    assert_int_equal(blocks(m, "\"gaps\":2"), 1); /* the camera: one loss, one full disk */
    assert_int_equal(blocks(m, "\"gaps\":1,\"tracks\""), 1);
    uint8_t again[32];
    struct span plain = SPAN(m->plain, m->n);
    assert_ok(openssl_crypto()->hash(openssl_crypto()->ctx, CRYPTO_SHA256, &plain, 1, again));
    assert_memory_equal(digest, again, 32);
    recording_free(r);
    assert_int_equal(mem_live(), 0);
}

static enum err whole(void *arg)
{
    struct recording_conf conf = {openssl_crypto(), {1}, 1, SPAN_LIT("r"), {0}};
    struct recording_track_in voice = {1, 7, CODEC_OPUS, 2, SPAN_LIT("microphone"), SPAN_LIT("a")};
    struct recording *r;
    uint8_t digest[32];
    (void)arg;
    enum err e = recording_new(&conf, &data_key, &r);
    if (e) return e;
    e = recording_track(r, 0, &voice);
    if (!e) e = recording_frame(r, 0, 1, 0, true, false, SPAN_LIT("VOICE"));
    if (!e) e = recording_end(r, 0, 20, digest);
    recording_free(r);
    return e;
}

static void out_of_memory(void **state)
{
    (void)state;
    assert_true(oom_run(whole, NULL) >= 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(frames_of_every_codec),
        cmocka_unit_test(lost_and_late_packets),
        cmocka_unit_test(sealed_files_are_whole_or_refused),
        cmocka_unit_test(a_recording_opens_again),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
