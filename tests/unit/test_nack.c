/* SPDX-License-Identifier: Apache-2.0
 * Gaps are asked for in time and within budgets; transport-wide feedback says what arrived and when. */
#include "test.h"

#include "base/read.h"
#include "base/rng.h"
#include "core/nack.h"
#include "core/twcc.h"
#include "wire/rtcp.h"

static void gaps_are_asked_for(void **state)
{
    (void)state;
    struct nack n = {0};
    uint16_t seq[NACK_GAPS_MAX];
    usec now = USEC_S;
    nack_got(&n, now, 0x1fffe);
    nack_got(&n, now, 0x20002);
    assert_int_equal(n.count, 3);
    assert_int_equal(nack_due(&n, now, 0, seq, 10), 0); /* reordered packets get a moment */
    assert_int_equal(nack_wake(&n), now + NACK_WAIT_US);
    now += NACK_WAIT_US;
    assert_int_equal(nack_due(&n, now, 40 * USEC_MS, seq, 10), 3);
    assert_true(seq[0] == 0xffff && seq[1] == 0 && seq[2] == 1);
    assert_int_equal(nack_due(&n, now + 30 * USEC_MS, 40 * USEC_MS, seq, 10), 0); /* once a round trip */
    nack_got(&n, now, 0x20000);
    assert_int_equal(nack_due(&n, now + 60 * USEC_MS, 40 * USEC_MS, seq, 10), 2);
    for (int i = 0; i < 40; i++)
        (void)nack_due(&n, now + (usec)i * 100 * USEC_MS, 40 * USEC_MS, seq, 10);
    assert_int_equal(n.count, 0);
    assert_true(n.gave_up);
    assert_int_equal(nack_wake(&n), USEC_NEVER);
}

static void black_outs_and_floods_are_bounded(void **state)
{
    (void)state;
    struct nack n = {0};
    uint16_t seq[NACK_GAPS_MAX];
    usec now = USEC_S;
    nack_got(&n, now, 100);
    nack_got(&n, now, 100000);
    assert_true(n.gave_up && n.count == 0);
    n.gave_up = false;
    uint32_t asked = 0, at = 100000;
    for (int i = 0; i < 1000; i++) { /* every other packet lost, one second */
        now += USEC_MS;
        nack_got(&n, now, at += 2);
        asked += nack_due(&n, now, 20 * USEC_MS, seq, NACK_GAPS_MAX);
    }
    assert_true(asked <= 2 * NACK_BUDGET);
    assert_true(n.count <= NACK_GAPS_MAX);
}

struct told {
    uint16_t base, count;
    uint32_t reference;
    bool got[TWCC_STATUS_MAX];
    int64_t at_us[TWCC_STATUS_MAX];
};

/* A reader of its own, by the draft's text. */
static void read_feedback(struct span body, struct told *t)
{
    struct reader r = reader_of(body);
    uint8_t status[TWCC_STATUS_MAX + 14];
    unsigned n = 0;
    t->base = read_u16(&r);
    t->count = read_u16(&r);
    t->reference = read_u24(&r);
    (void)read_u8(&r);
    assert_true(t->count <= TWCC_STATUS_MAX);
    while (n < t->count) {
        uint16_t chunk = read_u16(&r);
        assert_false(r.bad);
        if (!(chunk & 0x8000)) {
            for (unsigned i = 0; i < (chunk & 0x1fffu); i++)
                status[n++] = (uint8_t)(chunk >> 13 & 3);
        } else {
            assert_true(chunk & 0x4000);
            for (unsigned i = 0; i < 7; i++)
                status[n++] = (uint8_t)(chunk >> (12 - 2 * i) & 3);
        }
    }
    int64_t at = (int64_t)t->reference * 64000;
    for (unsigned i = 0; i < t->count; i++) {
        t->got[i] = status[i] != 0;
        if (status[i] == 1) at += read_u8(&r) * 250;
        if (status[i] == 2) at += (int16_t)read_u16(&r) * 250;
        t->at_us[i] = at;
    }
    assert_false(r.bad);
}

static void feedback_tells_the_truth(void **state)
{
    (void)state;
    static struct twcc t;
    static struct told told;
    uint8_t bytes[1400];
    usec now = 5 * USEC_S;
    usec at[3000] = {0};
    struct rng_seeded random = {.state = 99};
    twcc_init(&t);
    assert_int_equal(twcc_wake(&t), USEC_NEVER);
    uint32_t reported = 0, received = 0;
    for (uint32_t i = 0; i < 3000; i++) {
        uint32_t v;
        (void)rng_seeded_fill(&random, (uint8_t *)&v, sizeof v);
        now += v % 3000;
        if (i % 500 == 499) now += 10 * USEC_S;
        if (v >> 16 & 7) {
            twcc_got(&t, now, (uint16_t)(65000 + i));
            at[i] = now;
            received++;
        }
        while (twcc_wake(&t) <= now) {
            struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
            if (!twcc_write(&t, now, &w, 1, 2)) break;
            assert_false(w.bad);
            assert_true(w.n < 1200);
            struct span rest = writer_span(&w);
            struct rtcp_item item;
            assert_ok(rtcp_next(&rest, &item));
            assert_int_equal(item.kind, RTCP_TRANSPORT_CC);
            read_feedback(item.body, &told);
            for (unsigned k = 0; k < told.count; k++) {
                uint32_t index = (uint16_t)(told.base + k - 65000u);
                assert_true(index < 3000);
                assert_int_equal(told.got[k], at[index] != 0);
                if (!told.got[k]) continue;
                reported++;
                int64_t error = told.at_us[k] - (int64_t)(at[index] % ((usec)64000 << 24));
                assert_true(error > -600 && error < 600);
            }
        }
    }
    print_message("%u of %u arrivals reported\n", reported, received);
    assert_true(reported + 100 >= received);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(gaps_are_asked_for),
                                       cmocka_unit_test(black_outs_and_floods_are_bounded),
                                       cmocka_unit_test(feedback_tells_the_truth)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
