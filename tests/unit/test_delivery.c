/* SPDX-License-Identifier: Apache-2.0
 * The blind delivery service: who wins an epoch, who hears what, what is refused, what survives a lost
 * socket. */
#include "room/delivery.h"

#include "base/read.h"
#include "guest/openssl_crypto.h"
#include "test.h"

static struct news news;
static struct delivery *d;
static struct rng_seeded seeded = {3};
static usec now = 1;

static void open_room(void)
{
    struct rng rng = rng_from_seed(&seeded);
    news_init(&news);
    d = delivery_new(span_str("room"), openssl_crypto(), &rng, now);
    assert_non_null(d);
}

static void close_room(void)
{
    delivery_free(d);
    news_fini(&news);
    assert_int_equal(mem_live(), 0);
}

static bool reads; /* what the last send said of its session */

static bool send(uint64_t session, uint64_t epoch, unsigned kind, struct span body)
{
    uint8_t bytes[40000];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    write_u8(&w, 1);
    write_vecv(&w, span_str("room"));
    write_u64(&w, epoch);
    write_u8(&w, (uint8_t)kind);
    write_vecv(&w, body);
    assert_ok(write_ok(&w));
    news_clear(&news);
    delivery_receive(d, now, session, writer_span(&w), &news, &reads);
    return reads;
}

struct heard { /* an envelope in the news */
    unsigned kind, sessions;
    uint64_t epoch;
    struct span body;
};

/* The nth envelope for this session; kind 0 when there is none. */
static struct heard heard(uint64_t session, unsigned nth)
{
    for (uint32_t i = 0; i < news.count; i++) {
        const struct news_item *item = &news.item[i];
        struct reader s = reader_of(news_sessions(&news, item)), r = reader_of(news_body(&news, item));
        struct heard h = {.sessions = item->sessions_n / 8};
        bool mine = false;
        while (read_left(&s))
            mine |= read_u64(&s) == session;
        if (!mine || nth-- > 0) continue;
        read_skip(&r, 1);
        (void)read_vecv(&r);
        h.epoch = read_u64(&r);
        h.kind = read_u8(&r);
        h.body = read_vecv(&r);
        assert_ok(read_end(&r));
        return h;
    }
    return (struct heard){0};
}

static uint8_t resume[16];

static uint32_t hello(uint64_t session, uint8_t door, struct span token, uint64_t epoch)
{
    uint8_t body[64], secret[32];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    memset(secret, door, sizeof secret);
    write_vecv(&w, SPAN_OF(secret));
    write_vecv(&w, token);
    send(session, epoch, ENVELOPE_HELLO, writer_span(&w));
    struct heard h = heard(session, 0);
    if (h.kind != ENVELOPE_STATE) return 0;
    struct reader r = reader_of(h.body);
    uint32_t number = read_u32(&r);
    struct span t = read_vecv(&r);
    memcpy(resume, t.p, 16);
    return number;
}

static uint8_t next_door; /* of the next bundle; 0: it brings none */

static void bundle(uint64_t session, uint64_t epoch, uint32_t add, uint32_t remove)
{
    uint8_t secret[32], hash[32], body[200], added[64], removed[4];
    struct writer a = writer_of(MSPAN(added, sizeof added)), r = writer_of(MSPAN(removed, sizeof removed)),
                  w = writer_of(MSPAN(body, sizeof body));
    if (add) {
        write_u32(&a, add);
        write_vecv(&a, span_str("welcome"));
    }
    if (remove) write_u32(&r, remove);
    memset(secret, next_door, sizeof secret);
    struct span door = SPAN_OF(secret);
    const struct crypto *c = openssl_crypto();
    assert_ok(c->hash(c->ctx, CRYPTO_SHA256, &door, 1, hash));
    write_vecv(&w, span_str("commit"));
    write_vecv(&w, next_door ? SPAN_OF(hash) : SPAN_NONE);
    write_vecv(&w, writer_span(&a));
    write_vecv(&w, writer_span(&r));
    send(session, epoch, ENVELOPE_BUNDLE, writer_span(&w));
}

static void two_members(void)
{
    assert_int_equal(hello(1, 7, SPAN_NONE, 0), 1);
    assert_true(send(1, 0, ENVELOPE_CREATE, SPAN_NONE)); /* who makes it can read it */
    assert_int_equal(hello(2, 7, SPAN_NONE, 0), 2);
    assert_false(send(2, 0, ENVELOPE_KNOCK, span_str("key package")));
    assert_int_equal(heard(1, 0).kind, ENVELOPE_KNOCK);
    assert_int_equal(heard(1, 1).kind, ENVELOPE_PLEASE_COMMIT);
    assert_int_equal(heard(2, 0).kind, 0); /* the one outside hears nothing of it */
    bundle(1, 0, 2, 0);
    assert_int_equal(heard(1, 0).kind, ENVELOPE_BUNDLE); /* the echo */
    assert_int_equal(heard(2, 0).kind, ENVELOPE_WELCOME);
    assert_int_equal(delivery_epoch(d), 1);
    assert_int_equal(delivery_members(d), 2);
}

static void joins_go_through_a_member(void **state)
{
    (void)state;
    open_room();
    two_members();
    assert_true(send(2, 1, ENVELOPE_READY, SPAN_NONE));
    assert_int_equal(heard(1, 0).kind, ENVELOPE_READY);
    assert_false(send(2, 1, ENVELOPE_READY, SPAN_NONE));
    close_room();
}

static void the_first_bundle_of_an_epoch_wins(void **state)
{
    (void)state;
    open_room();
    two_members();
    bundle(2, 1, 0, 0);
    assert_int_equal(heard(1, 0).epoch, 1);
    bundle(1, 1, 0, 0);
    assert_int_equal(heard(1, 0).kind, ENVELOPE_CONFLICT);
    assert_int_equal(heard(1, 0).epoch, 2);
    assert_int_equal(heard(2, 0).kind, 0);
    assert_int_equal(delivery_epoch(d), 2);
    bundle(1, 9, 0, 0);
    assert_int_equal(heard(1, 0).body.p[0], REFUSED_EPOCH);
    close_room();
}

static void strangers_move_nothing(void **state)
{
    (void)state;
    open_room();
    two_members();
    assert_int_equal(hello(3, 8, SPAN_NONE, 0), 0); /* another door */
    assert_int_equal(heard(3, 0).body.p[0], REFUSED_DOOR);
    send(3, 1, ENVELOPE_APP, span_str("x"));
    assert_int_equal(heard(3, 0).body.p[0], REFUSED_OUTSIDE);
    assert_int_not_equal(hello(4, 7, SPAN_NONE, 0), 0); /* has the link, is no member */
    const unsigned kinds[] = {ENVELOPE_APP, ENVELOPE_READY};
    for (size_t i = 0; i < COUNT_OF(kinds); i++) {
        send(4, 1, kinds[i], kinds[i] == ENVELOPE_APP ? span_str("x") : SPAN_NONE);
        assert_int_equal(heard(4, 0).body.p[0], REFUSED_OUTSIDE);
        assert_int_equal(heard(1, 0).kind, 0);
    }
    bundle(4, 1, 0, 1);
    assert_int_equal(heard(4, 0).body.p[0], REFUSED_OUTSIDE);
    assert_int_equal(delivery_epoch(d), 1);
    close_room();
}

static void messages_go_to_the_others_at_their_rate(void **state)
{
    static uint8_t big[DELIVERY_APP_MAX + 1];
    (void)state;
    open_room();
    two_members();
    for (int i = 0; i < 20; i++) {
        send(1, 1, ENVELOPE_APP, span_str("hi"));
        assert_int_equal(heard(2, 0).kind, ENVELOPE_APP);
        assert_int_equal(heard(2, 0).sessions, 1);
    }
    send(1, 1, ENVELOPE_APP, span_str("hi"));
    assert_int_equal(heard(1, 0).body.p[0], REFUSED_RATE);
    now += USEC_S;
    send(1, 1, ENVELOPE_APP, SPAN(big, DELIVERY_APP_MAX));
    assert_int_equal(heard(2, 0).kind, ENVELOPE_APP);
    send(1, 1, ENVELOPE_APP, SPAN_OF(big));
    assert_int_equal(heard(1, 0).body.p[0], REFUSED_SIZE);
    send(2, 1, ENVELOPE_KNOCK, span_str("x")); /* a second after the first */
    assert_int_equal(heard(2, 0).body.p[0], REFUSED_RATE);
    now += 4 * USEC_S;
    send(2, 1, ENVELOPE_KNOCK, span_str("x"));
    assert_int_equal(heard(1, 0).kind, ENVELOPE_KNOCK);
    close_room();
}

static void a_lost_socket_keeps_its_handle_for_15_s(void **state)
{
    uint8_t token[16];
    (void)state;
    open_room();
    assert_int_equal(hello(1, 7, SPAN_NONE, 0), 1);
    send(1, 0, ENVELOPE_CREATE, SPAN_NONE);
    assert_int_equal(hello(2, 7, SPAN_NONE, 0), 2);
    memcpy(token, resume, sizeof token);
    send(2, 0, ENVELOPE_KNOCK, span_str("key package"));
    bundle(1, 0, 2, 0);
    assert_true(send(2, 1, ENVELOPE_READY, SPAN_NONE));
    delivery_gone(d, now, 2, false, &news);
    bundle(1, 1, 0, 0);
    now += 14 * USEC_S;
    news_clear(&news);
    delivery_tick(d, now, &news);
    assert_int_equal(heard(1, 0).kind, 0);
    assert_int_equal(hello(5, 7, SPAN_OF(token), 1), 2); /* the same handle on a new session */
    assert_true(reads);                                  /* which can read at once */
    assert_int_equal(heard(5, 1).kind, ENVELOPE_BUNDLE); /* and what it missed */
    assert_int_equal(heard(5, 1).epoch, 1);
    delivery_gone(d, now, 5, false, &news);
    now += 15 * USEC_S;
    assert_true(delivery_wake(d) <= now);
    news_clear(&news);
    delivery_tick(d, now, &news);
    assert_int_equal(heard(1, 0).kind, ENVELOPE_GONE);
    assert_int_equal(heard(1, 0).body.p[4], 2);
    assert_int_equal(heard(1, 1).kind, ENVELOPE_PLEASE_COMMIT);
    close_room();
}

static void who_waits_gets_the_next_member_asked(void **state)
{
    (void)state;
    open_room();
    two_members();
    assert_int_equal(hello(3, 7, SPAN_NONE, 0), 3);
    send(3, 0, ENVELOPE_KNOCK, span_str("kp"));
    bool first_asked = heard(1, 1).kind == ENVELOPE_PLEASE_COMMIT;
    now += DELIVERY_PLEASE_US;
    news_clear(&news);
    delivery_tick(d, now, &news);
    assert_int_equal(heard(first_asked ? 2 : 1, 0).kind, ENVELOPE_PLEASE_COMMIT);
    close_room();
}

static void a_removed_member_hears_no_more(void **state)
{
    (void)state;
    open_room();
    two_members();
    bundle(1, 1, 0, 2);
    assert_int_equal(delivery_members(d), 1);
    send(1, 2, ENVELOPE_APP, span_str("secret"));
    assert_int_equal(heard(2, 0).kind, 0);
    send(2, 2, ENVELOPE_APP, span_str("x"));
    assert_int_equal(heard(2, 0).body.p[0], REFUSED_OUTSIDE);
    close_room();
}

/* A kick, then the new door: also for a remover that has just let three people in. */
static void a_new_door_keeps_out_who_came_by_the_old(void **state)
{
    (void)state;
    open_room();
    two_members();
    assert_int_equal(hello(3, 7, SPAN_NONE, 0), 3); /* waits in front */
    bundle(1, 1, 0, 2);
    now += USEC_S;
    bundle(1, 2, 0, 0);
    bundle(1, 3, 0, 0);
    bundle(1, 4, 0, 0);
    assert_int_equal(heard(1, 0).body.p[0], REFUSED_RATE);
    next_door = 8;
    bundle(1, 4, 0, 0);
    next_door = 0;
    assert_int_equal(delivery_epoch(d), 5);
    assert_int_equal(heard(3, 0).kind, ENVELOPE_REFUSED);
    assert_int_equal(heard(3, 0).body.p[0], REFUSED_DOOR);
    send(3, 0, ENVELOPE_KNOCK, span_str("kp"));
    assert_int_equal(heard(1, 0).kind, 0);
    assert_int_equal(hello(4, 7, SPAN_NONE, 0), 0);
    assert_int_not_equal(hello(5, 8, SPAN_NONE, 0), 0);
    close_room();
}

static void an_empty_room_forgets_everything(void **state)
{
    (void)state;
    open_room();
    two_members();
    delivery_gone(d, now, 1, true, &news);
    delivery_gone(d, now, 2, true, &news);
    assert_int_equal(delivery_epoch(d), 0);
    assert_int_not_equal(hello(9, 99, SPAN_NONE, 0), 0); /* a new door */
    close_room();
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    open_room();
    two_members();
    for (unsigned kind = 0; kind < 256; kind++) {
        if (kind == ENVELOPE_READY || kind == ENVELOPE_CREATE || kind == ENVELOPE_KNOCK ||
            kind == ENVELOPE_RESYNC || kind == ENVELOPE_APP)
            continue;
        send(1, 1, kind, span_str("\xff\xff"));
        assert_int_equal(heard(1, 0).kind, ENVELOPE_REFUSED);
        assert_int_equal(delivery_epoch(d), 1);
    }
    close_room();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(joins_go_through_a_member),
        cmocka_unit_test(the_first_bundle_of_an_epoch_wins),
        cmocka_unit_test(strangers_move_nothing),
        cmocka_unit_test(messages_go_to_the_others_at_their_rate),
        cmocka_unit_test(a_lost_socket_keeps_its_handle_for_15_s),
        cmocka_unit_test(who_waits_gets_the_next_member_asked),
        cmocka_unit_test(a_removed_member_hears_no_more),
        cmocka_unit_test(a_new_door_keeps_out_who_came_by_the_old),
        cmocka_unit_test(an_empty_room_forgets_everything),
        cmocka_unit_test(nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
