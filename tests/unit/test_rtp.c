/* SPDX-License-Identifier: Apache-2.0
 * RTP headers: both forms of extensions, their ends, padding, sources, and headers written anew (row 15). */
#include "test.h"

#include "wire/rtp.h"

static uint8_t pkt[4096];

/* A packet with these CSRCs, this extension block (profile, words of body) and this payload. */
static struct span make(uint8_t first, uint8_t csrcs, uint16_t profile, struct span body, struct span payload)
{
    size_t n = 12 + csrcs * 4u;
    memset(pkt, 0, sizeof pkt);
    pkt[0] = (uint8_t)(first | csrcs);
    pkt[1] = 0x80 | 111;
    pkt[3] = 7;
    pkt[7] = 8;
    pkt[11] = 9;
    if (first & 0x10) {
        size_t words = (body.n + 3) / 4;
        uint8_t head[] = {(uint8_t)(profile >> 8), (uint8_t)profile, (uint8_t)(words >> 8), (uint8_t)words};
        memcpy(pkt + n, head, 4);
        if (body.n) memcpy(pkt + n + 4, body.p, body.n);
        n += 4 + words * 4;
    }
    if (payload.n) memcpy(pkt + n, payload.p, payload.n);
    return SPAN(pkt, n + payload.n);
}

static void demultiplexes(void **state)
{
    (void)state;
    static const uint8_t ends[][2] = {
        {0, PKT_STUN},  {3, PKT_STUN},          {4, PKT_JUNK},          {19, PKT_JUNK}, {20, PKT_DTLS},
        {63, PKT_DTLS}, {64, PKT_TURN_CHANNEL}, {79, PKT_TURN_CHANNEL}, {80, PKT_JUNK}, {127, PKT_JUNK},
        {128, PKT_RTP}, {191, PKT_RTP},         {192, PKT_JUNK},        {255, PKT_JUNK}};
    for (size_t i = 0; i < COUNT_OF(ends); i++) {
        uint8_t b[2] = {ends[i][0], 96};
        assert_int_equal(pkt_kind(SPAN_OF(b)), ends[i][1]);
    }
    for (unsigned second = 0; second < 256; second++) {
        uint8_t b[2] = {0x80, (uint8_t)second};
        assert_int_equal(pkt_kind(SPAN_OF(b)), second >= 192 && second <= 223 ? PKT_RTCP : PKT_RTP);
    }
    assert_int_equal(pkt_kind(SPAN_NONE), PKT_JUNK);
    assert_int_equal(pkt_kind(SPAN(pkt, 1)), PKT_JUNK);
}

static void headers(void **state)
{
    (void)state;
    struct rtp h;
    for (uint8_t c = 0; c < 16; c++) {
        struct span p = make(0x80, c, 0, SPAN_NONE, SPAN_LIT("payload"));
        assert_ok(rtp_parse(p, &h));
        assert_true(h.marker && h.pt == 111 && h.seq == 7 && h.ts == 8 && h.ssrc == 9);
        assert_int_equal(h.header_n, 12 + c * 4);
        for (size_t n = 0; n < h.header_n; n++)
            assert_err(ERR_SHORT, rtp_parse(SPAN(pkt, n), &h));
    }
    for (unsigned version = 0; version < 4; version++) {
        struct span p = make((uint8_t)(version << 6), 0, 0, SPAN_NONE, SPAN_NONE);
        assert_int_equal(rtp_parse(p, &h), version == 2 ? OK : ERR_FORMAT);
    }
}

static void one_byte_form(void **state)
{
    (void)state;
    struct rtp h;
    static const uint8_t body[] = {0x10, 0xaa, 0, 0, 0x32, 1, 2, 3, 0xf0, 9, 0x40, 5};
    struct span p = make(0x90, 2, 0xbede, SPAN_OF(body), SPAN_LIT("x"));
    assert_ok(rtp_parse(p, &h));
    assert_int_equal(h.ext_count, 2); /* id 15 ends the block */
    assert_int_equal(h.header_n, 12 + 8 + 4 + 12);
    assert_true(span_equal(rtp_ext_value(&h, p, 1), SPAN(body + 1, 1)));
    assert_true(span_equal(rtp_ext_value(&h, p, 3), SPAN(body + 5, 3)));
    assert_int_equal(rtp_ext_value(&h, p, 4).n, 0);
    assert_int_equal(rtp_ext_value(&h, p, 0).n, 0);
    static const uint8_t over[] = {0x10, 0xaa, 0x2f, 1}; /* the second says 16 bytes */
    p = make(0x90, 0, 0xbede, SPAN_OF(over), SPAN_LIT("not an extension's"));
    assert_ok(rtp_parse(p, &h));
    assert_int_equal(h.ext_count, 1);
    p = make(0x90, 0, 0xbede, SPAN_OF(over), SPAN_NONE);
    pkt[15] = 2; /* one word more than there is */
    assert_err(ERR_SHORT, rtp_parse(p, &h));
    pkt[14] = pkt[15] = 0xff;
    assert_err(ERR_SHORT, rtp_parse(p, &h));
    p = make(0x90, 0, 0x1234, SPAN_OF(body), SPAN_NONE); /* a profile of somebody else */
    assert_ok(rtp_parse(p, &h));
    assert_int_equal(h.ext_count, 0);
}

static void two_byte_form(void **state)
{
    (void)state;
    struct rtp h;
    static const uint8_t body[] = {200, 0, 0, 15, 2, 7, 8, 1, 1, 5, 9, 30};
    struct span p = make(0x90, 0, 0x1005, SPAN_OF(body), SPAN_NONE);
    assert_ok(rtp_parse(p, &h));
    assert_int_equal(h.ext_count, 3);
    assert_true(span_equal(rtp_ext_value(&h, p, 15), SPAN(body + 5, 2)));
    assert_true(span_equal(rtp_ext_value(&h, p, 1), SPAN(body + 9, 1)));
    assert_true(h.ext[0].id == 200 && h.ext[0].n == 0);
    uint8_t many[4 * 40];
    for (size_t i = 0; i < 40; i++)
        memcpy(many + 4 * i, (uint8_t[]){(uint8_t)(i + 1), 2, 0, (uint8_t)i}, 4);
    p = make(0x90, 0, 0x1000, SPAN_OF(many), SPAN_NONE);
    assert_ok(rtp_parse(p, &h));
    assert_int_equal(h.ext_count, RTP_EXTS_MAX);
}

static void padding(void **state)
{
    (void)state;
    struct rtp h;
    for (unsigned payload_n = 0; payload_n <= 260; payload_n++) {
        for (unsigned count = 0; count < 256; count++) {
            uint8_t payload[260] = {0};
            if (payload_n) payload[payload_n - 1] = (uint8_t)count;
            struct span p = make(0xa0, 0, 0, SPAN_NONE, SPAN(payload, payload_n));
            assert_ok(rtp_parse(p, &h));
            bool sound = count > 0 && count <= payload_n;
            assert_int_equal(rtp_padding(p, &h), sound ? OK : ERR_FORMAT);
            assert_int_equal(h.padding, sound ? count : 0);
        }
    }
    assert_ok(rtp_parse(make(0x80, 0, 0, SPAN_NONE, SPAN_LIT("\xff")), &h));
    assert_ok(rtp_padding(SPAN(pkt, 13), &h));
    assert_int_equal(h.padding, 0);
}

static void written_anew(void **state)
{
    (void)state;
    static const uint8_t long_value[255] = {1, 2, 3};
    struct rtp h;
    uint8_t room[400];
    /* value lengths and ids at and past the ends of the one-byte form */
    static const struct {
        uint8_t id, n;
        uint16_t profile;
    } cases[] = {{1, 1, 0xbede},  {14, 16, 0xbede}, {14, 17, 0x1000},
                 {15, 1, 0x1000}, {3, 0, 0x1000},   {255, 255, 0x1000}};
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct rtp_ext_out ext[] = {
            {2, SPAN_LIT("ab")}, {0, SPAN_LIT("skipped")}, {cases[i].id, SPAN(long_value, cases[i].n)}};
        struct rtp_out o = {true, 96, 65535, 0xffffffff, 0x01020304, ext, COUNT_OF(ext)};
        size_t n = rtp_write(&o, MSPAN(room, sizeof room));
        assert_true(n > 0 && n % 4 == 0);
        assert_int_equal(room[12] << 8 | room[13], cases[i].profile);
        assert_ok(rtp_parse(SPAN(room, n), &h));
        assert_true(h.marker && h.pt == 96 && h.seq == 65535 && h.ts == 0xffffffff && h.ssrc == 0x01020304);
        assert_true(h.header_n == n && h.ext_count == 2);
        assert_true(span_equal(rtp_ext_value(&h, SPAN(room, n), 2), span_str("ab")));
        assert_true(h.ext[1].id == cases[i].id && h.ext[1].n == cases[i].n);
        for (size_t less = 0; less < n; less++)
            assert_int_equal(rtp_write(&o, MSPAN(room, less)), 0);
    }
    struct rtp_out bare = {.pt = 8, .seq = 1};
    assert_int_equal(rtp_write(&bare, MSPAN(room, 12)), 12);
    assert_int_equal(room[0], 0x80);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demultiplexes), cmocka_unit_test(headers), cmocka_unit_test(one_byte_form),
        cmocka_unit_test(two_byte_form), cmocka_unit_test(padding), cmocka_unit_test(written_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
