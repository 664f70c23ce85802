/* SPDX-License-Identifier: Apache-2.0
 * The link model: delay, order, loss, bursts, the rate limit and its queue, settings as text. */
#include "sim/link.h"
#include "test.h"

static struct link make(const char *text, uint64_t seed, uint32_t cap)
{
    struct link l;
    struct link_conf c = {0};
    assert_ok(link_parse(&c, span_str(text)));
    assert_ok(link_init(&l, &c, seed, cap, 1500));
    return l;
}

/* Sends count packets of n bytes, one every gap; returns how many came out by the end of time. `late` counts
 * those that came out behind a later one. */
static uint64_t stream(struct link *l, uint64_t count, size_t n, usec gap, uint64_t *late)
{
    uint8_t bytes[1500] = {0};
    uint64_t got = 0, tag, newest = 0;
    struct span pkt;
    usec now = 0;
    *late = 0;
    for (uint64_t i = 1; i <= count || l->used; i++, now += gap) {
        if (i <= count) link_send(l, now, SPAN(bytes, n), i);
        while (link_receive(l, now, &pkt, &tag)) {
            assert_int_equal(pkt.n, n);
            if (tag < newest) ++*late;
            if (tag > newest) newest = tag;
            got++;
        }
    }
    return got;
}

static void a_clear_link_passes_all_in_order(void **state)
{
    (void)state;
    struct link l = make("", 1, 64);
    uint64_t late;
    assert_int_equal(stream(&l, 10000, 1200, 100, &late), 10000);
    assert_int_equal(late, 0);
    link_fini(&l);
}

static void delay_is_exact_and_jitter_keeps_the_order(void **state)
{
    (void)state;
    struct link l = make("delay=50ms", 1, 8);
    struct span pkt;
    uint64_t tag, late;
    link_send(&l, 1000, SPAN_LIT("x"), 7);
    assert_int_equal(link_wake(&l), 51000);
    assert_false(link_receive(&l, 50999, &pkt, &tag));
    assert_true(link_receive(&l, 51000, &pkt, &tag));
    assert_true(span_equal(pkt, SPAN_LIT("x")));
    assert_int_equal(tag, 7);
    assert_int_equal(link_wake(&l), USEC_NEVER);
    link_fini(&l);
    l = make("delay=20ms jitter=30ms", 5, 1024);
    assert_int_equal(stream(&l, 20000, 100, 1000, &late), 20000);
    assert_int_equal(late, 0);
    link_fini(&l);
}

static void loss_is_near_its_figure_and_repeats_with_the_seed(void **state)
{
    (void)state;
    uint64_t late;
    struct link a = make("loss=5%", 42, 64), b = make("loss=5% delay=10ms", 42, 1024),
                c = make("loss=5%", 43, 64);
    uint64_t x = stream(&a, 100000, 100, 1000, &late), y = stream(&b, 100000, 100, 1000, &late);
    assert_in_range(x, 94500, 95500);
    assert_int_equal(x, y);
    assert_int_equal(a.counts.lost + x, 100000);
    assert_int_not_equal(stream(&c, 100000, 100, 1000, &late), x);
    link_fini(&a);
    link_fini(&b);
    link_fini(&c);
    a = make("loss=100%", 1, 4);
    assert_int_equal(stream(&a, 1000, 100, 10, &late), 0);
    link_fini(&a);
}

static void bursts_lose_as_much_but_together(void **state)
{
    (void)state;
    struct link l = make("loss=10% burst=8", 9, 4);
    uint64_t lost = 0, runs = 0;
    bool before = false;
    struct span pkt;
    uint64_t tag;
    for (int i = 0; i < 200000; i++) {
        link_send(&l, 0, SPAN_LIT("x"), 0);
        bool gone = !link_receive(&l, 0, &pkt, &tag);
        lost += gone;
        runs += gone && !before;
        before = gone;
    }
    assert_in_range(lost, 18000, 22000);
    assert_in_range(lost * 10 / runs, 72, 88);
    link_fini(&l);
}

static void the_rate_limit_spaces_packets_and_its_queue_overflows(void **state)
{
    (void)state;
    struct link l = make("rate=1mbit queue=5kB", 1, 64);
    uint8_t bytes[1250] = {0};
    struct span pkt;
    uint64_t tag;
    for (uint64_t i = 0; i < 10; i++)
        link_send(&l, 0, SPAN_OF(bytes), i);
    assert_int_equal(l.counts.queue_full, 6); /* 4 of 1,250 bytes fit */
    for (uint64_t i = 0; i < 4; i++) {
        assert_int_equal(link_wake(&l), (i + 1) * 10000);
        assert_true(link_receive(&l, (i + 1) * 10000, &pkt, &tag));
        assert_int_equal(tag, i);
    }
    link_send(&l, 100000, SPAN_OF(bytes), 10); /* idle time is not saved up */
    assert_int_equal(link_wake(&l), 110000);
    link_fini(&l);
}

static void reordered_and_doubled_packets_are_counted(void **state)
{
    (void)state;
    struct link l = make("reorder=2% reorder-by=5ms dup=1%", 3, 64);
    uint64_t late, got = stream(&l, 50000, 100, 1000, &late);
    assert_int_equal(got, 50000 + l.counts.duplicated);
    assert_in_range(l.counts.duplicated, 400, 600);
    assert_in_range(l.counts.reordered, 850, 1150);
    assert_in_range(late, l.counts.reordered * 9 / 10, l.counts.reordered * 11 / 10);
    link_fini(&l);
}

static void full_tables_and_big_packets_are_lost_and_counted(void **state)
{
    (void)state;
    struct link l = make("delay=1s", 1, 4);
    uint8_t big[1501] = {0};
    for (int i = 0; i < 6; i++)
        link_send(&l, 0, SPAN_OF("abc"), 0);
    link_send(&l, 0, SPAN_OF(big), 0);
    assert_int_equal(l.counts.table_full, 2);
    assert_int_equal(l.counts.too_big, 1);
    assert_int_equal(l.used, 4);
    link_fini(&l);
}

static void settings_are_read_or_refused_whole(void **state)
{
    (void)state;
    struct link_conf c = {0};
    assert_ok(link_parse(
        &c, span_str("loss=2.5% burst=4 delay=50ms jitter=10ms rate=1.5mbit  queue=64kB reorder=1% "
                     "reorder-by=500us dup=100ppm")));
    assert_int_equal(c.loss_ppm, 25000);
    assert_int_equal(c.burst, 4);
    assert_int_equal(c.delay_us, 50000);
    assert_int_equal(c.jitter_us, 10000);
    assert_int_equal(c.rate_bps, 1500000);
    assert_int_equal(c.queue_bytes, 64000);
    assert_int_equal(c.reorder_ppm, 10000);
    assert_int_equal(c.reorder_us, 500);
    assert_int_equal(c.dup_ppm, 100);
    static const char *const wrong[] = {"loss=1 delay=9ms",
                                        "delay=9ms loss=101%",
                                        "delay=9ms los=1%",
                                        "delay=1",
                                        "=1%",
                                        "loss",
                                        "loss=",
                                        "loss=.5%",
                                        "loss=1.2.3%",
                                        "rate=99999999999999999999bit",
                                        "delay=9ms delay=5000s",
                                        "loss=-1%"};
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        assert_true(link_parse(&c, span_str(wrong[i])) != OK);
        assert_int_equal(c.delay_us, 50000);
    }
    assert_ok(link_parse(&c, span_str("delay=0 loss=0")));
    assert_int_equal(c.delay_us + c.loss_ppm, 0);
    assert_ok(link_parse(&c, span_str("clear delay=1ms")));
    assert_int_equal(c.rate_bps, 0);
    assert_int_equal(c.delay_us, 1000);
}

static enum err life(void *arg)
{
    (void)arg;
    struct link l;
    struct link_conf c = {0};
    enum err e = link_init(&l, &c, 1, 8, 100);
    if (!e) link_fini(&l);
    return e;
}

static void memory_failures_are_clean(void **state)
{
    (void)state;
    assert_int_equal(oom_run(life, NULL), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_clear_link_passes_all_in_order),
        cmocka_unit_test(delay_is_exact_and_jitter_keeps_the_order),
        cmocka_unit_test(loss_is_near_its_figure_and_repeats_with_the_seed),
        cmocka_unit_test(bursts_lose_as_much_but_together),
        cmocka_unit_test(the_rate_limit_spaces_packets_and_its_queue_overflows),
        cmocka_unit_test(reordered_and_doubled_packets_are_counted),
        cmocka_unit_test(full_tables_and_big_packets_are_lost_and_counted),
        cmocka_unit_test(settings_are_read_or_refused_whole),
        cmocka_unit_test(memory_failures_are_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
