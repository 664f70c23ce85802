/* SPDX-License-Identifier: Apache-2.0
 * The relay's limits: quotas, bandwidth, revocation, credentials and nonces in time, and what strangers can
 * make it do, which is nothing that costs memory or sends more than they sent (RELIABILITY rows 25, 26, 27).
 */
#include <inttypes.h>

#include "sim/turn_client.h"
#include "test.h"

static struct turn_world world;
static const struct span hello = {(const uint8_t *)"hello", 5};

static int begin(void **state)
{
    (void)state;
    assert_ok(turn_world_init(&world, &turn_world_user, &turn_world_total));
    return 0;
}

static int end(void **state)
{
    (void)state;
    turn_world_fini(&world);
    assert_int_equal(mem_live(), 0);
    return 0;
}

static struct turn_addr peer_number(uint16_t n)
{
    return turn_addr4(9, 9, (uint8_t)(n / 256), (uint8_t)(n % 256), 4000);
}

static void each_user_has_a_quota_and_a_fourth_still_gets_in(void **state)
{
    (void)state;
    static const char *const name[] = {"a", "b", "c", "d"};
    uint16_t n = 0;
    for (size_t user = 0; user < 3; user++) {
        for (uint32_t k = 0; k < turn_world_user.allocations; k++) {
            struct turn_client c = turn_client_make(&world, n++, "room", name[user]);
            assert_int_equal(turn_client_allocate(&world, &c, 0).code, 0);
        }
        struct turn_client over = turn_client_make(&world, n++, "room", name[user]);
        assert_int_equal(turn_client_allocate(&world, &over, 0).code, 486);
    }
    struct turn_client fourth = turn_client_make(&world, n++, "room", name[3]);
    assert_int_equal(turn_client_allocate(&world, &fourth, 0).code, 0);
    /* The same member with another credential is the same user. */
    world.now += 7 * USEC_S;
    struct turn_client again = turn_client_make(&world, n++, "room", "a");
    assert_int_equal(turn_client_allocate(&world, &again, 0).code, 486);
    /* What is given back can be had again. */
    assert_int_equal(turn_client_refresh(&world, &fourth, 0).code, 0);
    for (uint32_t k = 0; k < turn_world_user.allocations; k++) {
        struct turn_client c = turn_client_make(&world, n++, "room", name[3]);
        assert_int_equal(turn_client_allocate(&world, &c, 0).code, 0);
    }
    struct turn_client e = turn_client_make(&world, n++, "room", "e");
    assert_int_equal(turn_client_allocate(&world, &e, 0).code, 508); /* the total is used up */
    assert_int_equal(world.turn.table.user.used, 4);
    turn_world_pass(&world, 700 * USEC_S);
    assert_int_equal(world.turn.table.alloc.used, 0);
    assert_int_equal(world.turn.table.user.used, 0);
    assert_int_equal(world.turn.table.by_client.count, 0);
    assert_int_equal(world.turn.table.by_user.count, 0);
    assert_int_equal(world.opened, world.closed);
}

static void permissions_are_limited_and_lists_are_all_or_nothing(void **state)
{
    (void)state;
    struct turn_client c = turn_client_make(&world, 1, "room", "a"),
                       d = turn_client_make(&world, 2, "room", "a");
    struct turn_addr list[TURN_PEERS_MAX + 1];
    assert_int_equal(turn_client_allocate(&world, &c, 0).code, 0);
    assert_int_equal(turn_client_allocate(&world, &d, 0).code, 0);
    for (uint16_t i = 0; i < 18; i++) {
        struct turn_addr peer = peer_number(i);
        assert_int_equal(turn_client_permit(&world, &c, &peer, 1).code, 0);
    }
    for (uint16_t i = 0; i < COUNT_OF(list); i++)
        list[i] = peer_number((uint16_t)(100 + i));
    assert_int_equal(turn_client_permit(&world, &d, list, 3).code, 508); /* 2 are left */
    assert_int_equal(world.turn.table.perm.used, 18);
    struct turn_addr twice[] = {list[0], list[1], list[0], peer_number(3)};
    assert_int_equal(turn_client_permit(&world, &c, twice, 4).code, 0);
    assert_int_equal(world.turn.table.perm.used, 20);
    assert_int_equal(turn_client_permit(&world, &c, twice, 4).code, 0); /* refreshing needs no room */
    assert_int_equal(turn_client_permit(&world, &d, list, 1).code, 508);
    assert_int_equal(turn_client_bind(&world, &d, 0x4000, list).code, 508);
    assert_int_equal(world.turn.table.chan.used, 0);
    assert_int_equal(turn_client_permit(&world, &d, list, TURN_PEERS_MAX + 1).code, 508);
    turn_world_pass(&world, 301 * USEC_S);
    assert_int_equal(turn_client_permit(&world, &d, list, TURN_PEERS_MAX).code,
                     508); /* of c some are not pruned yet */
    turn_world_pass(&world, 10 * USEC_S);
    assert_int_equal(turn_client_permit(&world, &d, list, TURN_PEERS_MAX).code, 0);
}

static void channels_are_limited(void **state)
{
    (void)state;
    struct turn_client c = turn_client_make(&world, 1, "room", "a");
    assert_int_equal(turn_client_allocate(&world, &c, 0).code, 0);
    for (uint16_t i = 0; i < 10; i++) {
        struct turn_addr peer = peer_number(i);
        assert_int_equal(turn_client_bind(&world, &c, (uint16_t)(0x4000 + i), &peer).code, 0);
    }
    struct turn_addr peer = peer_number(10);
    assert_int_equal(turn_client_bind(&world, &c, 0x400a, &peer).code, 508);
    assert_int_equal(world.turn.counts.refused_capacity, 1);
    struct turn_addr known = peer_number(4);
    assert_int_equal(turn_client_bind(&world, &c, 0x4004, &known).code, 0);
    assert_int_equal(turn_client_refresh(&world, &c, 0).code, 0);
    assert_int_equal(world.turn.table.chan.used, 0);
    assert_int_equal(world.turn.table.perm.used, 0);
}

static void bandwidth_is_limited_each_and_in_total(void **state)
{
    (void)state;
    static uint8_t data[1000];
    struct turn_quota user = turn_world_user, total = turn_world_total;
    user.bytes_per_s = 100000;
    total.bytes_per_s = 150000;
    turn_world_fini(&world);
    assert_ok(turn_world_init(&world, &user, &total));
    struct turn_client c[2] = {turn_client_make(&world, 1, "room", "a"),
                               turn_client_make(&world, 2, "room", "b")};
    struct turn_addr peer = peer_number(1);
    uint32_t passed[2] = {0};
    for (size_t k = 0; k < 2; k++) {
        assert_int_equal(turn_client_allocate(&world, &c[k], 0).code, 0);
        assert_int_equal(turn_client_bind(&world, &c[k], 0x4000, &peer).code, 0);
    }
    for (uint32_t ms = 0; ms < 10000; ms++, world.now += USEC_MS) { /* a offers ten times its share, b half */
        passed[0] += turn_client_data(&world, &c[0], 0x4000, SPAN_OF(data), &peer);
        if (ms % 20 == 0) passed[1] += turn_peer_data(&world, 1, &peer, SPAN_OF(data), &c[1]).n > 0;
    }
    assert_in_range(passed[0], 990, 1110); /* 100 a second and the second's worth ahead */
    assert_int_equal(passed[1], 500);
    assert_true(world.turn.counts.over_rate > 8000);
    world.now += 10 * USEC_S;
    uint32_t both = 0;
    for (uint32_t ms = 0; ms < 10000; ms++, world.now += USEC_MS)
        for (size_t k = 0; k < 2; k++)
            both += turn_client_data(&world, &c[k], 0x4000, SPAN_OF(data), &peer);
    assert_in_range(both, 1480, 1660);
}

static void a_revoked_member_is_out_at_once_and_stays_out(void **state)
{
    (void)state;
    struct turn_client a = turn_client_make(&world, 1, "room", "a"),
                       b = turn_client_make(&world, 2, "room", "b");
    struct turn_client x = turn_client_make(&world, 3, "other", "a");
    struct turn_addr peer = peer_number(1);
    assert_int_equal(turn_client_allocate(&world, &a, 0).code, 0);
    assert_int_equal(turn_client_allocate(&world, &b, 0).code, 0);
    assert_int_equal(turn_client_allocate(&world, &x, 0).code, 0);
    assert_int_equal(turn_client_bind(&world, &a, 0x4000, &peer).code, 0);
    assert_true(turn_client_data(&world, &a, 0x4000, hello, &peer));
    assert_ok(turn_revoke(&world.turn, world.now, SPAN_LIT("room"), SPAN_LIT("a")));
    turn_world_serve(&world);
    assert_int_equal(world.closed, 1);
    assert_false(turn_client_data(&world, &a, 0x4000, hello, &peer));
    assert_int_equal(turn_peer_data(&world, 0, &peer, hello, &a).n, 0);
    assert_int_equal(turn_client_refresh(&world, &a, 600).code, 401);
    assert_int_equal(turn_client_allocate(&world, &a, 0).code, 401);
    assert_int_equal(turn_client_refresh(&world, &b, 600).code, 0);
    assert_int_equal(turn_client_refresh(&world, &x, 600).code, 0);
    struct turn_client later = turn_client_make(&world, 4, "room", "a"); /* a new credential does not help */
    assert_int_equal(turn_client_allocate(&world, &later, 0).code, 401);
    turn_restore(&world.turn, SPAN_LIT("room"), SPAN_LIT("a"));
    assert_int_equal(turn_client_allocate(&world, &later, 0).code, 0);
    /* The whole room. */
    assert_ok(turn_revoke(&world.turn, world.now, SPAN_LIT("room"), SPAN_NONE));
    assert_int_equal(world.turn.table.alloc.used, 1);
    assert_int_equal(turn_client_allocate(&world, &b, 0).code, 401);
    assert_int_equal(turn_client_refresh(&world, &x, 600).code, 0);
    turn_restore(&world.turn, SPAN_LIT("room"), SPAN_NONE);
    assert_int_equal(turn_client_allocate(&world, &b, 0).code, 0);
}

static void revocations_are_forgotten_when_no_credential_can_be_left(void **state)
{
    (void)state;
    for (int i = 0; i < 100; i++) {
        assert_ok(
            turn_revoke(&world.turn, world.now, SPAN_LIT("room"), SPAN("abcdefghij", (size_t)(1 + i % 10))));
        world.now += 60 * USEC_S;
    }
    assert_int_equal(world.turn.table.by_revoked.count, 10);
    world.now += TURN_CREDENTIAL_S * USEC_S;
    assert_ok(turn_revoke(&world.turn, world.now, SPAN_LIT("room"), SPAN_LIT("z")));
    assert_int_equal(world.turn.table.by_revoked.count, 1);
    assert_int_equal(world.turn.table.revoked.used, 1);
}

static void credentials_end_but_not_what_they_opened(void **state)
{
    (void)state;
    struct turn_client c = turn_client_make(&world, 1, "room", "a"),
                       d = turn_client_make(&world, 2, "room", "a");
    assert_int_equal(turn_client_allocate(&world, &c, 0).code, 0);
    for (int i = 0; i < 23 * 6; i++) { /* an hour's credential carries a day's call, */
        turn_world_pass(&world, 600 * USEC_S - USEC_S);
        assert_int_equal(turn_client_refresh(&world, &c, 600).code, 0);
    }
    assert_int_equal(turn_client_allocate(&world, &d, 0).code, 401);
    int more = 0;
    while (turn_client_refresh(&world, &c, 600).code == 0 && more++ < 20)
        turn_world_pass(&world, 500 * USEC_S);
    assert_in_range(more, 5, 12); /* and no more than a day's */
    assert_int_equal(world.turn.table.alloc.used, 0);
}

static void credentials_too_far_ahead_or_without_a_clock_are_refused(void **state)
{
    (void)state;
    struct turn_client c = turn_client_make(&world, 1, "room", "a");
    uint64_t now_s = TURN_WORLD_WALL_S, last = now_s + TURN_CREDENTIAL_S;
    for (uint64_t expiry = last; expiry <= last + 1; expiry++) {
        assert_ok(turn_auth_issue(&world.turn.auth, SPAN_LIT("room"), SPAN_LIT("a"), expiry, &c.credential));
        assert_ok(turn_auth_key(&world.turn.auth, 0, span_str(c.credential.username), c.key));
        assert_int_equal(turn_client_allocate(&world, &c, 0).code, expiry == last ? 0 : 401);
        turn_closed(&world.turn, &c.path);
    }
    turn_wall(&world.turn, world.now,
              (struct wall){((int64_t)now_s + 3600 * 24 * 3650) * 1000}); /* ten years on */
    c = turn_client_make(&world, 1, "room", "a");
    assert_int_equal(turn_client_allocate(&world, &c, 0).code, 401);
    world.turn.wall_known = false;
    assert_int_equal(turn_client_allocate(&world, &c, 0).code, 401);
}

static void the_secret_can_be_changed_without_breaking_anyone(void **state)
{
    (void)state;
    struct turn_client old = turn_client_make(&world, 1, "room", "a"),
                       older = turn_client_make(&world, 2, "room", "b");
    assert_int_equal(turn_client_allocate(&world, &old, 0).code, 0);
    assert_ok(turn_auth_secret(&world.turn.auth, SPAN_LIT("another secret of some length")));
    assert_int_equal(turn_client_refresh(&world, &old, 600).code, 0);
    assert_int_equal(turn_client_allocate(&world, &older, 0).code, 0);
    struct turn_client fresh = turn_client_make(&world, 3, "room", "a");
    assert_int_equal(turn_client_allocate(&world, &fresh, 0).code, 0);
    assert_ok(turn_revoke(&world.turn, world.now, SPAN_LIT("room"), SPAN_LIT("a"))); /* under both */
    assert_int_equal(world.turn.table.alloc.used, 1);
    assert_int_equal(turn_client_allocate(&world, &old, 0).code, 401);
    assert_ok(turn_auth_secret(&world.turn.auth, SPAN_LIT("a third secret of some length")));
    struct turn_client oldest = older;
    oldest.path.port++;
    assert_int_equal(turn_client_allocate(&world, &oldest, 0).code, 401);
    assert_err(ERR_RANGE, turn_auth_secret(&world.turn.auth, SPAN_LIT("short")));
}

static void wrong_credentials_are_refused(void **state)
{
    (void)state;
    struct turn_client c = turn_client_make(&world, 1, "room", "a"), good = c;
    c.key[3] ^= 1;
    assert_int_equal(turn_client_allocate(&world, &c, 0).code, 401);
    c = good;
    c.credential.username[12] ^= 1; /* the key of another name */
    assert_int_equal(turn_client_allocate(&world, &c, 0).code, 401);
    static const char *const names[] = {"", ":", "1", "1790003600", "u", "1790003600:x", "179000360000000:"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        c = good;
        memset(c.credential.username, 0, sizeof c.credential.username);
        memcpy(c.credential.username, names[i], strlen(names[i]));
        assert_ok(turn_auth_key(&world.turn.auth, 0, span_str(names[i]), c.key));
        assert_int_equal(turn_client_allocate(&world, &c, 0).code, 401);
    }
    assert_int_equal(turn_client_allocate(&world, &good, 0).code, 0);
    assert_int_equal(strlen(good.credential.password), TURN_PASSWORD);
    assert_null(strstr(good.credential.username, "room"));
}

static void nonces_are_bound_to_address_and_hour(void **state)
{
    (void)state;
    struct turn_client c = turn_client_make(&world, 1, "room", "a"),
                       other = turn_client_make(&world, 2, "room", "b");
    struct turn_request r;
    assert_int_equal(turn_client_allocate(&world, &c, 0).code, 0);
    memcpy(other.nonce, c.nonce, sizeof c.nonce); /* somebody else's */
    turn_request_begin(&r, &other, TURN_REQUEST, TURN_ALLOCATE);
    turn_put_u32(&r.w, TURN_A_TRANSPORT, 17u << 24);
    turn_request_sign(&world, &other, &r);
    struct turn_answer a = turn_request_send(&world, &other, &r);
    assert_int_equal(a.code, 438);
    assert_memory_not_equal(other.nonce, c.nonce, sizeof c.nonce);
    assert_true(a.n * 10 <= r.w.n * 22);
    assert_int_equal(turn_client_refresh(&world, &c, 3600).code, 0);
    uint8_t first[TURN_NONCE_BYTES];
    memcpy(first, c.nonce, sizeof first);
    turn_world_pass(&world, 3598 * USEC_S);
    assert_int_equal(turn_client_refresh(&world, &c, 3600).code, 0);
    assert_memory_equal(first, c.nonce, sizeof first);
    turn_world_pass(&world, 3 * USEC_S);
    assert_int_equal(turn_client_refresh(&world, &c, 3600).code, 0); /* after one 438 */
    assert_memory_not_equal(first, c.nonce, sizeof first);
    assert_true(world.turn.counts.stale_nonce >= 2);
}

/* One request of a stranger, of many forms. Its first answer's size. */
static size_t stranger(struct turn_world *w, uint32_t i, const struct path *from, size_t *asked)
{
    struct turn_request r;
    struct turn_client c = {.path = *from, .count = i};
    uint8_t junk[20] = {1, 2, 3};
    turn_request_begin(&r, &c, TURN_REQUEST, i % 5 == 4 ? TURN_REFRESH : TURN_ALLOCATE);
    if (i % 7) turn_put_u32(&r.w, TURN_A_TRANSPORT, 17u << 24);
    if (i % 5 == 1) turn_put(&r.w, TURN_A_INTEGRITY, SPAN_OF(junk));
    if (i % 5 == 2 || i % 5 == 3) {
        turn_put(&r.w, TURN_A_USERNAME, SPAN_LIT("1790003600:0123456789abcdef.0123456789abcdef01234567"));
        turn_put(&r.w, TURN_A_REALM, SPAN_LIT(TURN_REALM));
        turn_put(&r.w, TURN_A_NONCE, i % 5 == 2 ? SPAN(junk, 16) : SPAN_LIT("AAAABQAAAAAAAAAA"));
        turn_put(&r.w, TURN_A_INTEGRITY, SPAN_OF(junk));
    }
    turn_request_plain(&r);
    *asked = r.w.n;
    out_clear(&w->out);
    (void)!turn_receive(&w->turn, w->now, from, writer_span(&r.w), &w->out);
    assert_true(w->out.pkt_n <= 1);
    if (w->out.pkt_n == 0) return 0;
    assert_true(path_equal(&w->out.group[0].to, from));
    assert_true((size_t)w->out.pkt[0].n * 10 <= *asked * 22);
    return w->out.pkt[0].n;
}

static void strangers_cost_no_memory_and_get_less_than_they_sent(void **state)
{
    (void)state;
    uint64_t before = mem_live();
    mem_fail_nth(0);                       /* counts from here */
    for (int many = 0; many < 2; many++) { /* one source with 500 ports, then 20,000 sources */
        uint64_t in = 0, sent = 0, answers = 0;
        for (uint32_t i = 0; i < 20000; i++, world.now += 50) {
            struct path from = {.kind = PATH_UDP, .family = 4, .port = (uint16_t)(1024 + i % 500)};
            uint8_t addr[4] = {7, 0, 0, 1};
            if (many) memcpy(addr + 1, (uint8_t[]){(uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i}, 3);
            memcpy(from.addr, addr, 4);
            size_t asked, n = stranger(&world, i, &from, &asked);
            in += asked;
            sent += n;
            answers += n > 0;
        }
        assert_true(sent > 0 && sent <= in);
        print_message("20,000 requests, %s: %" PRIu64 " bytes in, %" PRIu64 " out (factor %" PRIu64
                      ".%02" PRIu64 ", %" PRIu64 " answers)\n",
                      many ? "20,000 sources" : "one source", in, sent, sent / in, sent * 100 / in % 100,
                      answers);
        if (!many) assert_true(sent * 2 <= in + 2 * TURN_GUARD_FIRST);
    }
    /* One forged victim among many other forged sources gets no more for that. */
    uint64_t in = 0, sent = 0;
    for (uint32_t i = 0; i < 20000; i++, world.now += 50) {
        struct path from = {.kind = PATH_UDP, .family = 6, .port = 5};
        uint8_t addr[16] = {
            0x26, 6, 0, 0, [4] = (uint8_t)(i % 2 ? i >> 8 : 0), [5] = (uint8_t)(i % 2 ? i : 0)};
        memcpy(from.addr, addr, 16);
        size_t asked, n = stranger(&world, 0, &from, &asked);
        if (i % 2 == 0) {
            in += asked;
            sent += n;
        }
    }
    assert_true(sent <= in);
    assert_int_equal(mem_live(), before);
    assert_int_equal(mem_fail_nth(0), 0);
    assert_int_equal(world.turn.table.alloc.made, 0);
    /* A member from the flooded address gets in all the same within its retransmissions. */
    struct turn_client c = turn_client_make(&world, 1, "room", "a");
    uint16_t code = 401;
    for (int tries = 0; tries < 4 && code; tries++, world.now += USEC_S)
        code = turn_client_allocate(&world, &c, 0).code;
    assert_int_equal(code, 0);
}

static void a_crowd_behind_one_address_gets_in(void **state)
{
    (void)state;
    struct turn_quota many = {.allocations = 2000, .permissions = 10, .channels = 10};
    turn_world_fini(&world);
    assert_ok(turn_world_init(&world, &many, &many));
    for (uint16_t i = 0; i < 1000; i++, world.now += 2 * USEC_MS) {
        struct turn_client c = turn_client_make(&world, 1, "room", "a");
        c.path.port = (uint16_t)(1024 + i);
        struct turn_request r;
        turn_request_begin(&r, &c, TURN_REQUEST, TURN_ALLOCATE);
        turn_put_u32(&r.w, TURN_A_TRANSPORT, 17u << 24);
        turn_request_plain(&r);
        assert_int_equal(turn_request_send(&world, &c, &r).code, 401);
        assert_int_equal(turn_client_allocate(&world, &c, 0).code, 0);
    }
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(each_user_has_a_quota_and_a_fourth_still_gets_in),
        T(permissions_are_limited_and_lists_are_all_or_nothing),
        T(channels_are_limited),
        T(bandwidth_is_limited_each_and_in_total),
        T(a_revoked_member_is_out_at_once_and_stays_out),
        T(revocations_are_forgotten_when_no_credential_can_be_left),
        T(credentials_end_but_not_what_they_opened),
        T(credentials_too_far_ahead_or_without_a_clock_are_refused),
        T(the_secret_can_be_changed_without_breaking_anyone),
        T(wrong_credentials_are_refused),
        T(nonces_are_bound_to_address_and_hour),
        T(strangers_cost_no_memory_and_get_less_than_they_sent),
        T(a_crowd_behind_one_address_gets_in),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
