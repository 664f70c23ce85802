/* SPDX-License-Identifier: Apache-2.0
 * The bandwidth estimate over simulated links in simulated time: capacity that falls and comes back, random
 * loss, long paths; and receivers that lie. */
#include "test.h"

#include <stdlib.h>

#include "base/rng.h"
#include "base/write.h"
#include "core/estimate.h"
#include "core/twcc.h"
#include "sim/link.h"
#include "wire/arrivals.h"
#include "wire/rtcp.h"

#define FRAME_US 33333
#define SOUND_US (20 * USEC_MS)
#define PACKET   1100
#define SOURCE   5000000u /* bit/s the source would send at most */

struct path {
    struct estimate e;
    struct twcc far;
    struct link to, back;
    usec now, frame_at, sound_at, probe_at;
    uint64_t got_bytes, got, sent;
    double sum_ms; /* of all packets' time under way */
    double mean_ms;
    bool probes;
};
static struct path p;

static void path_open(const char *conf, uint64_t seed, bool probes)
{
    struct link_conf to = {0}, back = {0};
    assert_ok(link_parse(&to, span_str(conf)));
    back.delay_us = to.delay_us;
    memset(&p, 0, sizeof p);
    assert_ok(link_init(&p.to, &to, seed, 4096, 1500));
    assert_ok(link_init(&p.back, &back, seed + 1, 256, 1500));
    p.now = p.frame_at = p.sound_at = p.probe_at = 77 * USEC_S;
    p.probes = probes;
    estimate_init(&p.e, p.now);
    twcc_init(&p.far);
}

static void path_close(void)
{
    link_fini(&p.to);
    link_fini(&p.back);
}

static void put(size_t n)
{
    uint8_t b[1500] = {(uint8_t)(p.e.next >> 8), (uint8_t)p.e.next};
    estimate_sent(&p.e, p.now, n);
    link_send(&p.to, p.now, SPAN(b, n), p.now);
    p.sent++;
}

static void send_due(void)
{
    if (p.sound_at <= p.now) {
        p.sound_at += SOUND_US;
        put(120);
    }
    if (p.frame_at <= p.now) {
        p.frame_at += FRAME_US;
        uint32_t bps = estimate_bps(&p.e);
        for (int64_t n = (bps < SOURCE ? bps : SOURCE) / 8 / 30 - 200; n > 0; n -= PACKET)
            put(n > 100 ? n < PACKET ? (size_t)n : PACKET : 100);
    }
    if (p.probes && p.probe_at <= p.now && estimate_bps(&p.e) < SOURCE) {
        p.probe_at = p.now + 5 * USEC_S;
        (void)estimate_probe(&p.e, p.now, 2 * estimate_bps(&p.e));
    }
    if (p.now % (10 * USEC_MS) == 0)
        for (uint32_t n = estimate_padding(&p.e, p.now); n > 100; n -= n < 250 ? n : 250)
            put(250);
}

static void receive_due(void)
{
    struct span pkt;
    uint64_t tag;
    while (link_receive(&p.to, p.now, &pkt, &tag)) {
        twcc_got(&p.far, p.now, (uint16_t)(pkt.p[0] << 8 | pkt.p[1]));
        p.got_bytes += pkt.n;
        p.got++;
        p.sum_ms += (double)(p.now - tag) / 1000;
    }
    if (twcc_wake(&p.far) <= p.now) {
        uint8_t b[1400];
        struct writer w = writer_of(MSPAN(b, sizeof b));
        if (twcc_write(&p.far, p.now, &w, 1, 2)) link_send(&p.back, p.now, writer_span(&w), 0);
    }
    while (link_receive(&p.back, p.now, &pkt, &tag)) {
        struct rtcp_item item;
        assert_ok(rtcp_next(&pkt, &item));
        assert_int_equal(item.kind, RTCP_TRANSPORT_CC);
        assert_ok(estimate_feedback(&p.e, p.now, item.body));
    }
    estimate_tick(&p.e, p.now);
}

/* Bit/s that arrived. */
static double path_run(usec us)
{
    uint64_t before = p.got_bytes, got = p.got;
    p.sum_ms = 0;
    for (usec end = p.now + us; p.now < end; p.now += USEC_MS) {
        send_due();
        receive_due();
        assert_in_range(estimate_bps(&p.e), ESTIMATE_LEAST, ESTIMATE_MOST);
    }
    p.mean_ms = p.sum_ms / (double)(p.got > got ? p.got - got : 1);
    return (double)(p.got_bytes - before) * 8 * USEC_S / (double)us;
}

static void rate(uint64_t bps)
{
    struct link_conf conf = p.to.conf;
    conf.rate_bps = bps;
    conf.queue_bytes = (uint32_t)(bps / 8 * 3 / 10); /* 300 ms */
    link_set(&p.to, &conf);
}

/* 3 Mbit/s, 300 kbit/s, and back. */
static void follows_capacity(const char *conf, uint64_t seed)
{
    path_open(conf, seed, true);
    double path_ms = (double)p.to.conf.delay_us / 1000;
    rate(3000000);
    path_run(10 * USEC_S);
    double high = path_run(10 * USEC_S), high_ms = p.mean_ms;
    rate(300000);
    path_run(5 * USEC_S);
    double low = path_run(15 * USEC_S), low_ms = p.mean_ms;
    rate(3000000);
    double rises = path_run(15 * USEC_S);
    double back = path_run(15 * USEC_S);
    print_message("%-12s %.0f kbit/s (%.0f ms) | %.0f (%.0f ms) | rises %.0f, then %.0f\n", conf, high / 1000,
                  high_ms, low / 1000, low_ms, rises / 1000, back / 1000);
    assert_true(high > 0.55 * 3e6);
    assert_true(low > 0.5 * 3e5 && low < 3.1e5);
    assert_true(high_ms < path_ms + 200 && low_ms < path_ms + 200); /* the queue holds 300 ms */
    assert_true(rises > 0.25 * 3e6);
    assert_true(back > 0.5 * 3e6);
    path_close();
}

static void capacity_is_followed(void **state)
{
    (void)state;
    follows_capacity("delay=25ms", 1);
    follows_capacity("delay=50ms", 2);
    follows_capacity("delay=150ms", 3);
    follows_capacity("delay=300ms", 4);
    follows_capacity("delay=50ms jitter=15ms", 5);
}

static void random_loss(const char *conf, double least, uint64_t seed)
{
    path_open(conf, seed, true);
    rate(3000000);
    path_run(20 * USEC_S);
    double got = path_run(20 * USEC_S);
    print_message("%-20s %.0f kbit/s of 3000\n", conf, got / 1000);
    assert_true(got > least);
    path_close();
}

/* Loss that sending less does not cure starves nobody. */
static void loss_is_borne(void **state)
{
    (void)state;
    random_loss("delay=50ms", 1.6e6, 11);
    random_loss("delay=50ms loss=2%", 1.5e6, 12);
    random_loss("delay=50ms loss=10%", 0.9e6, 13);
    random_loss("delay=50ms loss=20%", 0.7e6, 14);
    random_loss("delay=50ms loss=20%", 0.7e6, 15);
}

/* A path without a queue: only loss speaks. */
static void loss_is_obeyed(void **state)
{
    (void)state;
    path_open("delay=20ms", 21, false);
    struct link_conf conf = p.to.conf;
    conf.rate_bps = 1000000;
    conf.queue_bytes = 6000;
    link_set(&p.to, &conf);
    path_run(15 * USEC_S);
    uint64_t sent = p.sent, got = p.got;
    double bps = path_run(15 * USEC_S);
    double lost = 1 - (double)(p.got - got) / (double)(p.sent - sent);
    print_message("no queue: %.0f kbit/s of 1000, %.1f %% lost\n", bps / 1000, lost * 100);
    assert_true(bps > 0.4e6);
    assert_true(lost < 0.15);
    path_close();
}

/* Nothing is limited while nothing shows a limit. */
static void a_wide_path_has_no_limit(void **state)
{
    (void)state;
    path_open("delay=40ms jitter=5ms loss=1%", 31, true);
    path_run(60 * USEC_S);
    assert_int_equal(estimate_bps(&p.e), ESTIMATE_MOST);
    path_close();
}

static void silence_halves(void **state)
{
    (void)state;
    path_open("delay=40ms", 41, false);
    path_run(5 * USEC_S);
    struct link_conf conf = p.to.conf;
    conf.loss_ppm = LINK_PPM;
    link_set(&p.to, &conf);
    path_run(10 * USEC_S);
    assert_true(estimate_bps(&p.e) < 100000);
    conf.loss_ppm = 0;
    link_set(&p.to, &conf);
    p.probes = true;
    path_run(30 * USEC_S);
    print_message("after a black-out of 10 s, 30 s later: %u bit/s\n", estimate_bps(&p.e));
    assert_true(estimate_bps(&p.e) > 2000000);
    path_close();
}

/* ---- what receivers say ---- */

static enum err open_bytes(const uint8_t *b, size_t n)
{
    struct arrivals a;
    struct arrival one;
    enum err e = arrivals_open(SPAN(b, n), &a);
    unsigned count = 0;
    while (!e && arrivals_next(&a, &one))
        count++;
    if (!e) assert_int_equal(count, b[2] << 8 | b[3]);
    return e;
}

#define OPEN(...) open_bytes((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void feedback_is_read(void **state)
{
    (void)state;
    static const uint8_t all[] = {0xff, 0xfe, 0, 20, 0,    0,    9, 7, /* base, count, reference, number */
                                  0x20, 3,                             /* a run of 3 small deltas */
                                  0xa0, 0x00,                          /* 14 single bits: 1 0 … */
                                  0xe0, 0x00,                          /* 7 pairs: large, not received … */
                                  4,    4,    4, 8,  0xff, 0xf0, 0};
    struct arrivals a;
    struct arrival one;
    static const struct arrival is[20] = {
        {65534, true, 4}, {65535, true, 8}, {0, true, 12}, {1, true, 20}, [17] = {15, true, 4}};
    assert_ok(arrivals_open(SPAN_OF(all), &a));
    assert_int_equal(a.reference, 9);
    assert_int_equal(a.number, 7);
    for (unsigned i = 0; i < 20; i++) {
        assert_true(arrivals_next(&a, &one));
        assert_int_equal(one.seq, (uint16_t)(65534 + i));
        assert_int_equal(one.received, is[i].received);
        if (one.received) assert_int_equal(one.ticks, is[i].ticks);
    }
    assert_false(arrivals_next(&a, &one));
    assert_err(ERR_SHORT, OPEN(0, 1, 0, 1, 0, 0, 0));
    assert_err(ERR_FORMAT, OPEN(0, 1, 0, 0, 0, 0, 0, 0));                /* nothing */
    assert_err(ERR_SHORT, OPEN(0, 1, 0, 1, 0, 0, 0, 0));                 /* no chunk */
    assert_err(ERR_SHORT, OPEN(0, 1, 0, 9, 0, 0, 0, 0, 0x00, 8));        /* one chunk too few */
    assert_err(ERR_FORMAT, OPEN(0, 1, 0, 1, 0, 0, 0, 0, 0x20, 0, 0, 1)); /* an empty run */
    assert_err(ERR_FORMAT, OPEN(0, 1, 0, 1, 0, 0, 0, 0, 0x60, 1, 0, 0)); /* the reserved status */
    assert_err(ERR_FORMAT, OPEN(0, 1, 0, 1, 0, 0, 0, 0, 0xf0, 0, 0, 0));
    assert_err(ERR_SHORT, OPEN(0, 1, 0, 2, 0, 0, 0, 0, 0x40, 2, 0, 0));     /* a delta too few */
    assert_err(ERR_FORMAT, OPEN(0, 1, 0, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0)); /* and too many */
    assert_err(ERR_LIMIT, OPEN(0, 1, 0xff, 0xff, 0, 0, 0, 0, 0x1f, 0xff));
}

static void what_we_write_we_read(void **state)
{
    static struct twcc t;
    (void)state;
    twcc_init(&t);
    for (unsigned i = 0; i < 400; i++)
        if (i % 7 != 3 && i % 50 < 40) twcc_got(&t, (usec)(5000 + i * 3) * USEC_MS, (uint16_t)(65500 + i));
    uint8_t b[1400];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    assert_true(twcc_write(&t, 7000 * USEC_MS, &w, 1, 2));
    struct span all = writer_span(&w);
    struct rtcp_item item;
    struct arrivals a;
    struct arrival one;
    assert_ok(rtcp_next(&all, &item));
    assert_ok(arrivals_open(item.body, &a));
    while (arrivals_next(&a, &one)) {
        unsigned i = (uint16_t)(one.seq - 65500);
        assert_int_equal(one.received, i % 7 != 3 && i % 50 < 40);
        if (!one.received) continue;
        int64_t us = (int64_t)a.reference * ARRIVALS_REFERENCE_US + one.ticks * ARRIVALS_TICK_US;
        assert_in_range(us, (5000 + i * 3) * 1000 - 250, (5000 + i * 3) * 1000);
    }
}

/* Row 22. Whatever is said, the rate stays between its limits and the next honest feedback is understood. */
static void lies_do_no_harm(void **state)
{
    struct rng_seeded random = {99};
    unsigned read = 0;
    (void)state;
    path_open("delay=40ms", 51, true);
    rate(2000000);
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t b[64];
        path_run(5 * USEC_MS);
        assert_ok(rng_seeded_fill(&random, b, sizeof b));
        if (i % 2) {
            uint16_t seq = (uint16_t)(p.e.next - b[0]);
            b[0] = (uint8_t)(seq >> 8);
            b[1] = (uint8_t)seq;
            b[2] = 0;
            b[3] &= 31;
        }
        if (i % 3 == 0) b[8] = 0x20, b[9] &= 31;
        read += estimate_feedback(&p.e, p.now, SPAN(b, 12 + b[63] % 40)) == OK;
        assert_in_range(estimate_bps(&p.e), ESTIMATE_LEAST, ESTIMATE_MOST);
    }
    path_run(30 * USEC_S);
    double got = path_run(10 * USEC_S);
    print_message("after %u lies: %.0f kbit/s of 2000\n", read, got / 1000);
    assert_true(read > 100);
    assert_true(got > 0.5 * 2e6);
    path_close();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(feedback_is_read),     cmocka_unit_test(what_we_write_we_read),
        cmocka_unit_test(capacity_is_followed), cmocka_unit_test(loss_is_borne),
        cmocka_unit_test(loss_is_obeyed),       cmocka_unit_test(a_wide_path_has_no_limit),
        cmocka_unit_test(silence_halves),       cmocka_unit_test(lies_do_no_harm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
