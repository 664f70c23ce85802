/* SPDX-License-Identifier: Apache-2.0
 * The sequence map and the packet cache against a model: loss, reordering, duplicates, packets left out on
 * purpose, changes of layer, and wraps of the numbers, by seed. No number goes out for two packets, nothing
 * is found wrong. */
#include "test.h"

#include <stdlib.h>

#include "base/rng.h"
#include "core/cache.h"
#include "core/seqmap.h"

static struct rng_seeded random_state;
static uint32_t draw(uint32_t below)
{
    uint32_t v;
    (void)rng_seeded_fill(&random_state, (uint8_t *)&v, sizeof v);
    return v % below;
}

/* What went out under each number lately: layer << 32 | in; 0 nothing. */
static uint64_t sent[65536];

static void one_schedule(uint64_t seed)
{
    struct seqmap m;
    random_state.state = seed;
    uint16_t first = (uint16_t)draw(65536);
    uint32_t in = 0x10000u + draw(65536), start;
    uint8_t layer = 0;
    memset(sent, 0, sizeof sent);
    seqmap_init(&m, first);
    seqmap_start(&m, layer, in);
    start = in;
    uint16_t next = first;
    for (int step = 0; step < 400; step++) {
        uint32_t late = draw(8) == 0 ? 1 + draw(20) : 0, at = in;
        if (late && in - start > late)
            at = in - late;
        else
            in += draw(10) == 0 ? 1 + draw(30) : 1; /* sometimes a gap */
        uint16_t out;
        if (draw(12) == 0) {
            seqmap_skip(&m, at);
            continue;
        }
        if (draw(60) == 0) {
            layer ^= 1;
            in += 1000 + draw(100000);
            at = start = in;
            in++;
            seqmap_stop(&m);
            seqmap_start(&m, layer, at);
            memset(sent, 0, sizeof sent);
        }
        if (!seqmap_send(&m, layer, at, &out)) continue;
        uint64_t what = (uint64_t)layer << 32 | at;
        if (sent[out] && sent[out] != what)
            fail_msg("seed %llu: number %u for two packets", (unsigned long long)seed, out);
        sent[out] = what;
        if ((int16_t)(uint16_t)(out - next) >= 0) next = (uint16_t)(out + 1);
        assert_true((int16_t)(uint16_t)(m.next - next) >= 0);
        uint8_t l;
        uint32_t back;
        if (!seqmap_back(&m, out, &l, &back) || l != layer || back != at)
            fail_msg("seed %llu: number %u does not lead back", (unsigned long long)seed, out);
    }
    uint8_t l;
    uint32_t back;
    assert_false(seqmap_back(&m, m.next, &l, &back));
}

static void no_number_twice(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 3000; seed++)
        one_schedule(seed);
    print_message("3000 schedules of 3000\n");
}

static void days_of_wraps(void **state)
{
    (void)state;
    struct seqmap m;
    seqmap_init(&m, 7);
    seqmap_start(&m, 0, 0x10000);
    uint16_t out, want = 7;
    for (uint32_t in = 0x10000; in < 0x10000 + 5000000;
         in++) { /* 24 h of sound at 50 packets a second and more */
        assert_true(seqmap_send(&m, 0, in, &out));
        if (out != want++) fail_msg("at %u", in);
    }
}

static void what_is_left_out_closes_up(void **state)
{
    (void)state;
    struct seqmap m;
    uint16_t out;
    seqmap_init(&m, 100);
    assert_false(seqmap_send(&m, 0, 5, &out));
    seqmap_start(&m, 0, 1000);
    assert_true(seqmap_send(&m, 0, 1000, &out) && out == 100);
    seqmap_skip(&m, 1001);
    seqmap_skip(&m, 1002);
    assert_true(seqmap_send(&m, 0, 1003, &out) && out == 101);
    assert_true(seqmap_send(&m, 0, 1005, &out) && out == 103); /* 1004 lost: a gap */
    assert_true(seqmap_send(&m, 0, 1004, &out) && out == 102);
    assert_false(seqmap_send(&m, 0, 1001, &out));
    assert_false(seqmap_send(&m, 0, 999, &out));
    assert_false(seqmap_send(&m, 1, 1006, &out));
}

static void the_cache_forgets_the_oldest(void **state)
{
    (void)state;
    struct cache c;
    const struct cache_pkt *kept;
    uint8_t bytes[1200];
    assert_ok(cache_init(&c, 64, 16384));
    for (uint32_t i = 0; i < 5000; i++) {
        uint32_t seq = cache_extend(&c, (uint16_t)(65000 + i));
        assert_int_equal(seq, 0x10000u + 65000 + i);
        size_t n = 1 + draw(sizeof bytes - 1);
        memset(bytes, (int)(i & 0xff), n);
        struct span part[3] = {SPAN(bytes, n > 8 ? 8 : 0), SPAN(bytes, n > 3 ? 3 : 0), SPAN(bytes, n)};
        struct cache_pkt p = {.seq = seq, .ts = i};
        assert_ok(cache_add(&c, &p, part, &kept));
        assert_err(ERR_EXISTS, cache_add(&c, &p, part, &kept));
        for (uint32_t back = 0; back < 80 && back <= i; back++) {
            const struct cache_pkt *old = cache_get(&c, seq - back);
            if (back >= 64) assert_null(old);
            if (!old) continue;
            assert_int_equal(old->ts, i - back);
            struct span payload = cache_payload(&c, old);
            for (size_t k = 0; k < payload.n; k++)
                if (payload.p[k] != ((i - back) & 0xff)) fail_msg("packet %u is not what it was", i - back);
        }
    }
    struct cache_pkt old = {.seq = c.highest - 64};
    struct span none[3] = {SPAN_NONE, SPAN_NONE, SPAN(bytes, 10)};
    assert_err(ERR_EXPIRED, cache_add(&c, &old, none, &kept));
    none[2] = SPAN(bytes, 5000);
    old.seq = c.highest + 1;
    assert_err(ERR_RANGE, cache_add(&c, &old, none, &kept));
    cache_fini(&c);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(no_number_twice), cmocka_unit_test(days_of_wraps),
                                       cmocka_unit_test(what_is_left_out_closes_up),
                                       cmocka_unit_test(the_cache_forgets_the_oldest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
