/* SPDX-License-Identifier: Apache-2.0
 * SFrame: what must be refused, and the room's rules of epochs, counters and replay. The working group's
 * vectors run in build/tests/vectors. */
#include "test.h"

#include "base/rng.h"
#include "guest/openssl_crypto.h"
#include "seal/sframe_room.h"

static uint8_t wire[4096], text[4096];

static struct sframe_room *room_new(void)
{
    struct sframe_room_conf conf = {openssl_crypto(), SFRAME_SUITE_ROOM, SFRAME_LAYOUT_ROOM, 64};
    struct sframe_room *r = sframe_room_new(&conf);
    assert_non_null(r);
    return r;
}

static enum err enter(struct sframe_room *r, usec now, uint64_t epoch, uint32_t leaf, bool removed)
{
    uint8_t base[16] = {(uint8_t)epoch, (uint8_t)(epoch >> 8), 3};
    struct sframe_epoch e = {.epoch = epoch, .leaf = leaf, .removed = removed, .base = {SPAN_OF(base)}};
    return sframe_room_enter(r, now, &e);
}

static size_t seal(struct sframe_room *r, usec now, uint64_t context)
{
    size_t n;
    assert_ok(sframe_room_seal(r, now, context, SPAN_NONE, SPAN_LIT("frame"), MSPAN(wire, sizeof wire), &n));
    return n;
}

static enum err open_frame(struct sframe_room *r, usec now, size_t n, struct sframe_plain *p)
{
    *p = (struct sframe_plain){.out = MSPAN(text, sizeof text)};
    return sframe_room_open(r, now, SPAN(wire, n), SPAN_NONE, p);
}

static void refuses(void **state)
{
    (void)state;
    for (uint16_t suite = 1; suite <= 8; suite++) {
        struct sframe_key k;
        size_t n, m;
        assert_ok(sframe_key_derive(&k, openssl_crypto(), suite, SPAN_LIT("base"), 0x123));
        struct mspan out = MSPAN(wire, sizeof wire), back = MSPAN(text, sizeof text);
        assert_ok(sframe_seal(&k, 300, SPAN_LIT("meta"), SPAN_LIT("hello there"), out, &n));
        assert_ok(sframe_open(&k, SPAN(wire, n), SPAN_LIT("meta"), back, &m));
        assert_true(span_equal(SPAN(text, m), SPAN_LIT("hello there")));
        for (size_t i = 0; i < 8 * n; i++) {
            wire[i / 8] ^= (uint8_t)(1 << i % 8);
            assert_int_not_equal(sframe_open(&k, SPAN(wire, n), SPAN_LIT("meta"), back, &m), OK);
            wire[i / 8] ^= (uint8_t)(1 << i % 8);
        }
        for (size_t i = 0; i < n; i++)
            assert_int_not_equal(sframe_open(&k, SPAN(wire, i), SPAN_LIT("meta"), back, &m), OK);
        assert_err(ERR_AUTH, sframe_open(&k, SPAN(wire, n), SPAN_LIT("metb"), back, &m));
        assert_err(ERR_AUTH, sframe_open(&k, SPAN(wire, n), SPAN_NONE, back, &m));
        assert_err(ERR_FULL, sframe_open(&k, SPAN(wire, n), SPAN_LIT("meta"), MSPAN(text, 10), &m));
        assert_err(ERR_FULL, sframe_seal(&k, 1, SPAN_NONE, SPAN_LIT("hello there"), MSPAN(wire, n - 3), &m));
        sframe_key_drop(&k);
    }
    struct sframe_key k;
    assert_err(ERR_UNSUPPORTED, sframe_key_derive(&k, openssl_crypto(), 9, SPAN_LIT("base"), 1));
    assert_err(ERR_UNSUPPORTED, sframe_key_derive(&k, openssl_crypto(), 0, SPAN_LIT("base"), 1));
}

static void kid_layout(void **state)
{
    (void)state;
    uint64_t kid;
    assert_ok(sframe_kid_join(SFRAME_LAYOUT_ROOM, (struct sframe_kid){1, 5, 66}, &kid));
    assert_int_equal(kid, 1 << 16 | 5 << 6 | 2);
    struct sframe_kid k = sframe_kid_split(SFRAME_LAYOUT_ROOM, kid);
    assert_true(k.context == 1 && k.leaf == 5 && k.epoch == 2);
    assert_err(ERR_RANGE, sframe_kid_join(SFRAME_LAYOUT_ROOM, (struct sframe_kid){0, 1024, 0}, &kid));
    assert_err(ERR_RANGE,
               sframe_kid_join(SFRAME_LAYOUT_ROOM, (struct sframe_kid){UINT64_C(1) << 48, 0, 0}, &kid));
    assert_err(ERR_RANGE, sframe_kid_join((struct sframe_layout){0, 10}, (struct sframe_kid){0}, &kid));
}

static void epochs_come_and_go(void **state)
{
    (void)state;
    struct sframe_room *a = room_new(), *b = room_new();
    struct sframe_plain p;
    size_t n;
    assert_err(ERR_STATE, sframe_room_seal(a, 0, 0, SPAN_NONE, SPAN_LIT("x"), MSPAN(wire, 99), &n));
    assert_ok(enter(a, 0, 7, 2, false));
    n = seal(a, 0, 1);
    assert_err(ERR_UNKNOWN, open_frame(b, 0, n, &p)); /* not in the epoch yet: the caller holds the frame */
    assert_ok(enter(b, 0, 7, 3, false));
    assert_ok(open_frame(b, 0, n, &p));
    assert_true(p.from.leaf == 2 && p.from.context == 1 && p.from.epoch == 7 && p.from.ctr == 0);
    assert_err(ERR_REPLAY, open_frame(b, 0, n, &p));

    /* joins only: sending stays in the old epoch until all are ready or 800 ms are over */
    uint64_t epoch, ctr;
    assert_ok(enter(a, USEC_S, 8, 2, false));
    assert_true(sframe_room_sending(a, 1, &epoch, &ctr) && epoch == 7 && ctr == 1);
    assert_int_equal(sframe_room_wake(a), USEC_S + SFRAME_SWITCH_US);
    seal(a, USEC_S + SFRAME_SWITCH_US, 1);
    assert_true(sframe_room_sending(a, 1, &epoch, &ctr) && epoch == 8 && ctr == 1);
    assert_ok(enter(a, 3 * USEC_S, 9, 2, false));
    sframe_room_switch(a);
    assert_true(sframe_room_sending(a, 1, &epoch, &ctr) && epoch == 9 && ctr == 0);

    /* a removal switches at once, and what is older ends in 2 s */
    assert_ok(enter(a, 4 * USEC_S, 10, 2, true));
    assert_true(sframe_room_sending(a, 1, &epoch, &ctr) && epoch == 10);
    n = seal(a, 4 * USEC_S, 0);
    assert_ok(enter(b, 4 * USEC_S, 8, 3, false));
    assert_ok(enter(b, 4 * USEC_S, 10, 3, false));
    assert_ok(open_frame(b, 4 * USEC_S, n, &p));
    n = seal(a, 4 * USEC_S, 0);
    assert_ok(enter(b, 5 * USEC_S, 11, 3, true));
    assert_int_equal(sframe_room_wake(b), 7 * USEC_S);
    assert_ok(open_frame(b, 7 * USEC_S - 1, n, &p));
    n = seal(a, 5 * USEC_S, 0);
    assert_err(ERR_UNKNOWN, open_frame(b, 7 * USEC_S, n, &p)); /* even before the tick */
    sframe_room_tick(b, 7 * USEC_S);
    assert_int_equal(sframe_room_wake(b), USEC_NEVER);
    sframe_room_free(a);
    sframe_room_free(b);
}

static void four_back_and_no_more(void **state)
{
    (void)state;
    struct sframe_room *a = room_new(), *b = room_new();
    struct sframe_plain p;
    assert_ok(enter(a, 0, 100, 1, false));
    for (uint64_t e = 100; e <= 104; e++)
        assert_ok(enter(b, 0, e, 2, false));
    size_t n = seal(a, 0, 0);
    assert_ok(open_frame(b, 0, n, &p));
    assert_ok(enter(b, 0, 105, 2, false));
    n = seal(a, 0, 0);
    assert_err(ERR_UNKNOWN, open_frame(b, 0, n, &p));
    /* 164 looks like 100 in the KID: the key is another, nothing of 100 opens */
    assert_ok(enter(b, 0, 164, 2, false));
    n = seal(a, 0, 0);
    assert_err(ERR_AUTH, open_frame(b, 0, n, &p));
    sframe_room_free(a);
    sframe_room_free(b);
}

static void counters_never_restart(void **state)
{
    (void)state;
    struct sframe_room *a = room_new();
    uint64_t epoch, ctr;
    assert_ok(enter(a, 0, 5, 1, false));
    for (int i = 0; i < 10; i++)
        seal(a, 0, 0);
    assert_err(ERR_STATE, enter(a, 0, 5, 1, false));
    assert_err(ERR_STATE, enter(a, 0, 4, 1, false));
    assert_true(sframe_room_sending(a, 0, &epoch, &ctr) && ctr == 10);
    size_t n;
    assert_err(ERR_FULL, sframe_room_seal(a, 0, 0, SPAN_NONE, SPAN_LIT("x"), MSPAN(wire, 3), &n));
    assert_true(sframe_room_sending(a, 0, &epoch, &ctr) && ctr == 11); /* a failure uses its counter up */
    sframe_room_leave(a);
    assert_false(sframe_room_sending(a, 0, &epoch, &ctr));
    assert_err(ERR_STATE, enter(a, 0, 5, 1, false));
    assert_ok(enter(a, 0, 6, 1, false));
    for (uint64_t c = 0; c < 4; c++)
        seal(a, 0, c), seal(a, 0, c + 16);
    assert_err(ERR_FULL, sframe_room_seal(a, 0, 33, SPAN_NONE, SPAN_LIT("x"), MSPAN(wire, 99), &n));
    assert_err(ERR_RANGE, sframe_room_seal(a, 0, 4, SPAN_NONE, SPAN_LIT("x"), MSPAN(wire, 99), &n));
    assert_err(ERR_RANGE, sframe_room_seal(a, 0, 64, SPAN_NONE, SPAN_LIT("x"), MSPAN(wire, 99), &n));
    assert_err(ERR_RANGE, enter(a, 0, 9, 1024, false));
    sframe_room_free(a);
}

/* The window against a plain list of everything seen. */
static void window_is_exact(void **state)
{
    (void)state;
    enum { N = 12000 };
    static bool seen[N + 1];
    memset(seen, 0, sizeof seen);
    struct sframe_room *b = room_new();
    struct rng_seeded seed = {99};
    uint8_t base[16] = {1};
    struct sframe_key k;
    struct sframe_epoch e = {.epoch = 1, .leaf = 9, .base = {SPAN_OF(base)}};
    assert_ok(sframe_room_enter(b, 0, &e));
    assert_ok(sframe_key_derive(&k, openssl_crypto(), SFRAME_SUITE_ROOM, SPAN_OF(base), 3 << 6 | 1));
    uint64_t high = 0;
    for (int i = 0; i < 20000; i++) {
        uint32_t x;
        assert_ok(rng_seeded_fill(&seed, (uint8_t *)&x, sizeof x));
        uint64_t reach = x % 97 == 0 ? 3000 : 1300, from = high > 1200 ? high - 1200 : 0;
        uint64_t ctr = from + (x >> 8) % reach;
        if (ctr > N || i < 3) ctr = ctr % (high < N ? high + 2 : N + 1);
        size_t n;
        struct sframe_plain p;
        assert_ok(sframe_seal(&k, ctr, SPAN_NONE, SPAN_LIT("f"), MSPAN(wire, sizeof wire), &n));
        bool old = ctr + SFRAME_WINDOW <= high;
        enum err want = i > 0 && (seen[ctr] || old) ? ERR_REPLAY : OK;
        assert_err(want, open_frame(b, 0, n, &p));
        seen[ctr] = true;
        if (ctr > high || i == 0) high = ctr;
    }
    sframe_key_drop(&k);
    sframe_room_free(b);
}

/* A forged frame takes no place and moves no window; authentic KIDs beyond the table's size are refused. */
static void table_is_capped(void **state)
{
    (void)state;
    struct sframe_room *b = room_new();
    struct sframe_plain p;
    size_t n, ok = 0, full = 0;
    uint8_t base[16] = {1, 0, 3};
    assert_ok(enter(b, 0, 1, 0, false));
    for (uint64_t leaf = 0; leaf < 100; leaf++) {
        struct sframe_key k;
        assert_ok(sframe_key_derive(&k, openssl_crypto(), SFRAME_SUITE_ROOM, SPAN_OF(base), leaf << 6 | 1));
        assert_ok(sframe_seal(&k, 1 << 20, SPAN_NONE, SPAN_LIT("f"), MSPAN(wire, sizeof wire), &n));
        wire[n - 1] ^= 1;
        assert_true(open_frame(b, 0, n, &p) == (leaf < 64 ? ERR_AUTH : ERR_FULL));
        wire[n - 1] ^= 1;
        enum err e = open_frame(b, 0, n, &p);
        ok += e == OK;
        full += e == ERR_FULL;
    }
    assert_int_equal(ok, 64);
    assert_int_equal(full, 36);
    /* the next epoch's end makes room again */
    assert_ok(enter(b, USEC_S, 2, 0, true));
    sframe_room_tick(b, 4 * USEC_S);
    base[0] = 2;
    struct sframe_key k;
    assert_ok(sframe_key_derive(&k, openssl_crypto(), SFRAME_SUITE_ROOM, SPAN_OF(base), 70 << 6 | 2));
    assert_ok(sframe_seal(&k, 0, SPAN_NONE, SPAN_LIT("f"), MSPAN(wire, sizeof wire), &n));
    assert_ok(open_frame(b, 4 * USEC_S, n, &p));
    sframe_room_free(b);
}

static void kinds_have_keys_of_their_own(void **state)
{
    (void)state;
    struct sframe_room *a = room_new(), *b = room_new();
    struct sframe_epoch e = {
        .epoch = 1,
        .leaf = 1,
        .per_kind = true,
        .base = {SPAN_LIT("mic"), SPAN_LIT("camera"), SPAN_LIT("screen"), SPAN_LIT("audio")}};
    struct sframe_plain p;
    assert_ok(sframe_room_enter(a, 0, &e));
    e.base[1] = SPAN_LIT("Camera");
    assert_ok(sframe_room_enter(b, 0, &e));
    assert_ok(open_frame(b, 0, seal(a, 0, 0), &p));
    assert_err(ERR_AUTH, open_frame(b, 0, seal(a, 0, 1), &p));
    assert_err(ERR_AUTH, open_frame(b, 0, seal(a, 0, 17), &p));
    assert_ok(open_frame(b, 0, seal(a, 0, 18), &p));
    e.epoch = 2;
    e.base[3] = SPAN_NONE;
    assert_err(ERR_RANGE, sframe_room_enter(a, 0, &e));
    sframe_room_free(a);
    sframe_room_free(b);
}

static enum err birth(void *arg)
{
    (void)arg;
    struct sframe_room_conf conf = {openssl_crypto(), SFRAME_SUITE_ROOM, SFRAME_LAYOUT_ROOM, 64};
    struct sframe_room *r = sframe_room_new(&conf);
    if (!r) return ERR_NOMEM;
    sframe_room_free(r);
    return OK;
}

static void without_memory(void **state)
{
    (void)state;
    assert_int_equal(oom_run(birth, NULL), 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses),
        cmocka_unit_test(kid_layout),
        cmocka_unit_test(epochs_come_and_go),
        cmocka_unit_test(four_back_and_no_more),
        cmocka_unit_test(counters_never_restart),
        cmocka_unit_test(window_is_exact),
        cmocka_unit_test(table_is_capped),
        cmocka_unit_test(kinds_have_keys_of_their_own),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
