/* SPDX-License-Identifier: Apache-2.0
 * The wrapping of sealed frames: bytes as measured in browsers, round trips, and frames that carry no SFrame.
 */
#include "test.h"

#include "base/rng.h"
#include "seal/wrap.h"

static uint8_t wire[20000], room[20000], text[8000];

static void round_trip(enum wrap_codec codec, struct span frame, struct span sframe, struct wrap_found *found)
{
    struct wrap w;
    size_t n;
    assert_ok(wrap_plan(&w, codec, frame));
    assert_true(wrap_size(&w, sframe.n) <= sizeof wire);
    assert_ok(wrap_write(&w, sframe, MSPAN(wire, wrap_size(&w, sframe.n)), &n));
    assert_true(n <= wrap_size(&w, sframe.n));
    assert_ok(wrap_find(codec, SPAN(wire, n), MSPAN(room, n), found));
    assert_true(span_equal(found->sframe, sframe));
    assert_true(span_equal(found->metadata, w.metadata));
    assert_err(ERR_FULL, wrap_write(&w, sframe, MSPAN(wire, n - 1), &n));
}

static void every_codec_any_bytes(void **state)
{
    (void)state;
    struct rng_seeded seed = {7};
    for (int i = 0; i < 3000; i++) {
        size_t n = 1 + (size_t)(i * 37) % 600;
        assert_ok(rng_seeded_fill(&seed, text, n));
        for (size_t k = 0; k < n && i % 3; k++)
            text[k] &= i % 3 == 1 ? 3 : 1; /* zeros in plenty: every way to need an escape */
        if (i % 5 == 0) memset(text, 0, n);
        struct wrap_found found;
        for (int c = 0; c < WRAP_CODECS; c++)
            round_trip((enum wrap_codec)c, SPAN(text, n), SPAN(text, n), &found);
    }
}

static void bytes_of_vp8(void **state)
{
    (void)state;
    static const uint8_t key[] = {0x10, 1, 2, 0x9d, 1, 0x2a, 4, 5, 6, 7, 8}, delta[] = {0x31, 9};
    static const uint8_t want[] = {0, 0, 0, 0x9d, 1, 0x2a, 0, 0, 0, 0, 's'};
    struct wrap w;
    size_t n;
    assert_ok(wrap_plan(&w, WRAP_VP8, SPAN_OF(key)));
    assert_ok(wrap_write(&w, SPAN_LIT("s"), MSPAN(wire, 64), &n));
    assert_true(span_equal(SPAN(wire, n), SPAN_OF(want)));
    assert_ok(wrap_plan(&w, WRAP_VP8, SPAN_OF(delta)));
    assert_ok(wrap_write(&w, SPAN_LIT("s"), MSPAN(wire, 64), &n));
    assert_true(span_equal(SPAN(wire, n), SPAN_LIT("\x01s")));
    struct wrap_found f;
    /* a frame that was never sealed, and one cut short */
    assert_err(ERR_FORMAT, wrap_find(WRAP_VP8, SPAN_OF(key), MSPAN(room, 64), &f));
    assert_err(ERR_FORMAT, wrap_find(WRAP_VP8, SPAN_OF(delta), MSPAN(room, 64), &f));
    assert_err(ERR_SHORT, wrap_find(WRAP_VP8, SPAN(want, 10), MSPAN(room, 64), &f));
    assert_err(ERR_IGNORED, wrap_find(WRAP_VP8, SPAN_NONE, MSPAN(room, 64), &f));
    assert_err(ERR_IGNORED, wrap_plan(&w, WRAP_OPUS, SPAN_NONE));
}

static void bytes_of_av1(void **state)
{
    (void)state;
    /* delimiter, sequence header, frame; then the same without sizes on the last */
    static const uint8_t unit[] = {0x12, 0, 0x0a, 3, 0xaa, 0xbb, 0xcc, 0x32, 2, 1, 2};
    static const uint8_t want[] = {0x0a, 3, 0xaa, 0xbb, 0xcc, 0x32, 4, 's', 'e', 'a', 'l'};
    struct wrap w;
    size_t n;
    assert_ok(wrap_plan(&w, WRAP_AV1, SPAN_OF(unit)));
    assert_ok(wrap_write(&w, SPAN_LIT("seal"), MSPAN(wire, 64), &n));
    assert_true(span_equal(SPAN(wire, n), SPAN_OF(want)));
    static const uint8_t bare[] = {0x08, 0xaa}; /* sequence header alone, no size */
    assert_ok(wrap_plan(&w, WRAP_AV1, SPAN_OF(bare)));
    assert_ok(wrap_write(&w, SPAN_LIT("x"), MSPAN(wire, 64), &n));
    assert_true(span_equal(SPAN(wire, n), SPAN_LIT("\x0a\x01\xaa\x32\x01x")));
    struct wrap_found f;
    /* what a packetiser may make of it: a delimiter before, no size on the last OBU */
    static const uint8_t rewritten[] = {0x12, 0, 0x0a, 1, 0xaa, 0x30, 's', 'e'};
    assert_ok(wrap_find(WRAP_AV1, SPAN_OF(rewritten), MSPAN(room, 64), &f));
    assert_true(span_equal(f.sframe, SPAN_LIT("se")));
    static const uint8_t tile_group[] = {0x22, 1, 5}, cut[] = {0x32, 9, 1};
    assert_err(ERR_FORMAT, wrap_find(WRAP_AV1, SPAN_OF(tile_group), MSPAN(room, 64), &f));
    assert_err(ERR_FORMAT, wrap_find(WRAP_AV1, SPAN_OF(cut), MSPAN(room, 64), &f));
    assert_err(ERR_FORMAT, wrap_find(WRAP_AV1, SPAN(want, 5), MSPAN(room, 64), &f));
}

static void bytes_of_h264(void **state)
{
    (void)state;
    static const uint8_t unit[] = {0, 0, 0, 1, 0x67, 1, 2, 0, 0, 0,    1, 0x68,
                                   3, 0, 0, 1, 0x06, 9, 0, 0, 1, 0x65, 4, 4};
    static const uint8_t want[] = {0, 0, 0,    1,    0x67, 1, 2, 0, 0, 0, 1, 0x68, 3, 0, 0,
                                   0, 1, 0x65, 0x88, 0x84, 7, 0, 0, 3, 1, 0, 0,    3, 0, 0x80};
    static const uint8_t sealed[] = {7, 0, 0, 1, 0, 0, 0};
    struct wrap w;
    size_t n;
    assert_ok(wrap_plan(&w, WRAP_H264, SPAN_OF(unit)));
    assert_true(w.key);
    assert_ok(wrap_write(&w, SPAN_OF(sealed), MSPAN(wire, 64), &n));
    assert_true(span_equal(SPAN(wire, n), SPAN_OF(want)));
    struct wrap_found f;
    assert_ok(wrap_find(WRAP_H264, SPAN(wire, n), MSPAN(room, 64), &f));
    assert_true(span_equal(f.sframe, SPAN_OF(sealed)));
    assert_err(ERR_FULL, wrap_find(WRAP_H264, SPAN(wire, n), MSPAN(room, 3), &f));
    assert_err(ERR_FORMAT, wrap_find(WRAP_H264, SPAN_OF(unit), MSPAN(room, 64), &f)); /* never sealed */
    assert_err(ERR_FORMAT,
               wrap_find(WRAP_H264, SPAN(wire, 13), MSPAN(room, 64), &f)); /* parameter sets only */
    wire[n - 1] = 0x81;
    assert_err(ERR_FORMAT, wrap_find(WRAP_H264, SPAN(wire, n), MSPAN(room, 64), &f));
    assert_err(ERR_FORMAT, wrap_find(WRAP_H264, SPAN_LIT("no start code"), MSPAN(room, 64), &f));
}

static void clear_part_is_capped(void **state)
{
    (void)state;
    struct wrap w;
    memset(text, 0xff, sizeof text);
    memcpy(text, "\0\0\0\1\x67", 5);
    assert_err(ERR_LIMIT, wrap_plan(&w, WRAP_H264, SPAN_OF(text)));
    text[0] = 0x08;
    assert_err(ERR_LIMIT, wrap_plan(&w, WRAP_AV1, SPAN_OF(text)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_codec_any_bytes), cmocka_unit_test(bytes_of_vp8),
        cmocka_unit_test(bytes_of_av1),          cmocka_unit_test(bytes_of_h264),
        cmocka_unit_test(clear_part_is_capped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
