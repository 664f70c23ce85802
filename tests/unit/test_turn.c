/* SPDX-License-Identifier: Apache-2.0
 * The relay, message by message: challenge, allocation, permissions, channels, indications, refusals,
 * lifetimes. */
#include "base/read.h"
#include "sim/turn_client.h"
#include "test.h"

static struct turn_world world;
static struct turn_client alice;
static const struct span hello = {(const uint8_t *)"hello", 5};

static int begin(void **state)
{
    (void)state;
    assert_ok(turn_world_init(&world, &turn_world_user, &turn_world_total));
    alice = turn_client_make(&world, 1, "room", "alice");
    return 0;
}

static int end(void **state)
{
    (void)state;
    turn_world_fini(&world);
    assert_int_equal(mem_live(), 0);
    return 0;
}

static void allocated(struct turn_client *c)
{
    struct turn_answer a = turn_client_allocate(&world, c, 0);
    assert_true(a.came);
    assert_int_equal(a.code, 0);
}

static void a_challenge_then_an_allocation(void **state)
{
    (void)state;
    struct turn_request r;
    turn_request_begin(&r, &alice, TURN_REQUEST, TURN_ALLOCATE);
    turn_put_u32(&r.w, TURN_A_TRANSPORT, 17u << 24);
    turn_request_plain(&r);
    struct turn_answer a = turn_request_send(&world, &alice, &r);
    assert_int_equal(a.code, 401);
    assert_int_equal(a.class, TURN_ERROR);
    assert_in_range(a.n, 1, r.w.n * 22 / 10);
    assert_int_equal(world.turn.table.alloc.used, 0);
    a = turn_client_allocate(&world, &alice, 0);
    assert_int_equal(a.class, TURN_SUCCESS);
    assert_int_equal(a.method, TURN_ALLOCATE);
    assert_true(a.integrity_right);
    assert_int_equal(a.lifetime_s, 600);
    assert_int_equal(a.mapped.port, alice.path.port);
    assert_memory_equal(a.mapped.addr, alice.path.addr, 16);
    assert_int_equal(a.relayed_count, 1);
    assert_int_equal(a.relayed[0].port, TURN_WORLD_PORT);
    assert_int_equal(world.turn.table.alloc.used, 1);
}

static void a_repeated_request_gets_the_same_answer_another_one_does_not(void **state)
{
    (void)state;
    struct turn_request r, again;
    turn_request_begin(&r, &alice, TURN_REQUEST, TURN_ALLOCATE);
    turn_put_u32(&r.w, TURN_A_TRANSPORT, 17u << 24);
    struct turn_answer first = turn_exchange(&world, &alice, &r), second = turn_exchange(&world, &alice, &r);
    assert_int_equal(second.code, 0);
    assert_int_equal(second.relayed[0].port, first.relayed[0].port);
    assert_int_equal(world.opened, 1);
    turn_request_begin(&again, &alice, TURN_REQUEST, TURN_ALLOCATE);
    turn_put_u32(&again.w, TURN_A_TRANSPORT, 17u << 24);
    assert_int_equal(turn_exchange(&world, &alice, &again).code, 437);
}

static void a_request_repeated_while_the_socket_opens_is_waited_for(void **state)
{
    (void)state;
    struct turn_request r;
    turn_request_begin(&r, &alice, TURN_REQUEST, TURN_ALLOCATE);
    turn_put_u32(&r.w, TURN_A_TRANSPORT, 17u << 24);
    world.hold = true;
    assert_false(turn_exchange(&world, &alice, &r).came);
    assert_false(turn_exchange(&world, &alice, &r).came);
    assert_int_equal(turn_client_permit(&world, &alice, &(struct turn_addr){.family = 4}, 1).code, 437);
    assert_int_equal(world.turn.table.alloc.used, 1);
    turn_world_pass(&world, (TURN_OPENING_S + 2) * USEC_S);
    assert_int_equal(world.turn.table.alloc.used, 0); /* nobody opened it */
    world.hold = false;
    turn_world_serve(&world);
    assert_int_equal(world.opened, 0);
    allocated(&alice);
}

static void a_socket_that_cannot_be_had_is_a_508(void **state)
{
    (void)state;
    world.fail_opens = 1;
    struct turn_answer a = turn_client_allocate(&world, &alice, 0);
    assert_int_equal(a.code, 508);
    assert_true(a.integrity_right);
    assert_int_equal(world.turn.table.alloc.used, 0);
    allocated(&alice);
}

static void late_answers_of_the_caller_are_refused(void **state)
{
    (void)state;
    struct turn_event e;
    struct turn_addr at = turn_addr4(8, 8, 4, 4, 1);
    world.hold = true;
    turn_client_allocate(&world, &alice, 0);
    assert_true(turn_next_event(&world.turn, &e));
    assert_int_equal(e.kind, TURN_OPEN_RELAY);
    assert_false(turn_next_event(&world.turn, &(struct turn_event){0}));
    turn_closed(&world.turn, &alice.path);
    turn_client_allocate(&world, &alice, 0); /* takes the same place */
    e.local = 3;
    assert_err(ERR_UNKNOWN, turn_relay_opened(&world.turn, world.now, &e, &at, &world.out));
    e.ticket = UINT64_MAX;
    assert_err(ERR_UNKNOWN, turn_relay_opened(&world.turn, world.now, &e, &at, &world.out));
    turn_relay_failed(&world.turn, world.now, &e, &world.out);
    assert_true(turn_next_event(&world.turn, &e));
    e.local = TURN_WORLD_LOCALS;
    assert_err(ERR_RANGE, turn_relay_opened(&world.turn, world.now, &e, &at, &world.out));
    assert_int_equal(world.turn.table.alloc.used, 0);
}

static void lifetimes_are_kept_within_bounds_and_refreshed(void **state)
{
    (void)state;
    allocated(&alice);
    assert_int_equal(turn_client_refresh(&world, &alice, 1).lifetime_s, 600);
    assert_int_equal(turn_client_refresh(&world, &alice, 99999999).lifetime_s, 3600);
    assert_int_equal(turn_client_refresh(&world, &alice, 700).lifetime_s, 700);
    turn_world_pass(&world, 699 * USEC_S);
    assert_int_equal(world.turn.table.alloc.used, 1);
    turn_world_pass(&world, 3 * USEC_S);
    assert_int_equal(world.turn.table.alloc.used, 0);
    assert_int_equal(world.closed, 1);
    assert_int_equal(turn_client_refresh(&world, &alice, 600).code, 437);
    allocated(&alice);
    assert_int_equal(turn_client_refresh(&world, &alice, 0).code, 0);
    assert_int_equal(world.turn.table.alloc.used, 0);
    assert_int_equal(world.closed, 2);
}

static void an_expired_allocation_makes_way_before_any_tick(void **state)
{
    (void)state;
    allocated(&alice);
    world.now += 601 * USEC_S;
    struct turn_answer a = turn_client_allocate(&world, &alice, 0);
    assert_int_equal(a.code, 0);
    assert_int_equal(world.turn.table.alloc.used, 1);
    assert_true(turn_knows(&world.turn, &alice.path));
}

static void channels_carry_data_both_ways(void **state)
{
    (void)state;
    struct turn_addr peer = turn_addr4(9, 9, 9, 9, 4000), other = turn_addr4(9, 9, 9, 9, 4001);
    allocated(&alice);
    assert_int_equal(turn_client_bind(&world, &alice, 0x4001, &peer).code, 0);
    assert_true(turn_client_data(&world, &alice, 0x4001, hello, &peer));
    assert_int_equal(world.out.group[0].to.local, 0);
    assert_false(turn_client_data(&world, &alice, 0x4002, hello, &peer));
    assert_false(turn_client_data(&world, &alice, 0x5001, hello, &peer));
    struct span got = turn_peer_data(&world, 0, &peer, hello, &alice);
    uint16_t channel;
    struct span data;
    assert_ok(turn_parse_channel(got, &channel, &data));
    assert_int_equal(channel, 0x4001);
    assert_int_equal(got.n, 9); /* no padding in datagrams */
    assert_true(span_equal(data, hello));
    /* Another port of a permitted address comes as an indication. */
    struct turn_msg m;
    assert_ok(turn_parse(turn_peer_data(&world, 0, &other, hello, &alice), &m));
    assert_int_equal(m.class, TURN_INDICATION);
    assert_int_equal(m.method, TURN_DATA);
    assert_true(span_equal(m.data, hello));
    assert_int_equal(m.peer[0].port, 4001);
    assert_memory_equal(m.peer[0].addr, other.addr, 16);
}

static void streams_get_padding(void **state)
{
    (void)state;
    struct turn_addr peer = turn_addr4(9, 9, 9, 9, 4000);
    alice.path.kind = PATH_TCP;
    alice.path.conn = 77;
    allocated(&alice);
    assert_int_equal(turn_client_bind(&world, &alice, 0x4001, &peer).code, 0);
    struct span got = turn_peer_data(&world, 0, &peer, hello, &alice);
    size_t n;
    assert_int_equal(got.n, 12);
    assert_ok(turn_frame(got, &n));
    assert_int_equal(n, 12);
    uint8_t padded[] = {0x40, 0x01, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0};
    out_clear(&world.out);
    assert_ok(turn_receive(&world.turn, world.now, &alice.path, SPAN_OF(padded), &world.out));
    assert_int_equal(world.out.pkt[0].n, 5);
    turn_closed(&world.turn, &alice.path);
    assert_int_equal(world.turn.table.alloc.used, 0);
    turn_world_serve(&world);
    assert_int_equal(world.closed, 1);
}

static void permissions_open_both_ways_for_five_minutes(void **state)
{
    (void)state;
    struct turn_addr peer = turn_addr4(9, 9, 9, 9, 4000), stranger = turn_addr4(9, 9, 9, 8, 4000);
    allocated(&alice);
    assert_false(turn_client_send(&world, &alice, hello, &peer));
    assert_int_equal(turn_peer_data(&world, 0, &peer, hello, &alice).n, 0);
    assert_int_equal(turn_client_permit(&world, &alice, &peer, 1).code, 0);
    assert_true(turn_client_send(&world, &alice, hello, &peer));
    assert_true(turn_peer_data(&world, 0, &peer, hello, &alice).n > 0);
    assert_false(turn_client_send(&world, &alice, hello, &stranger));
    assert_int_equal(turn_peer_data(&world, 0, &stranger, hello, &alice).n, 0);
    turn_world_pass(&world, 299 * USEC_S);
    assert_true(turn_client_send(&world, &alice, hello, &peer));
    turn_world_pass(&world, 2 * USEC_S);
    assert_false(turn_client_send(&world, &alice, hello, &peer));
    assert_int_equal(turn_peer_data(&world, 0, &peer, hello, &alice).n, 0);
    turn_world_pass(&world, 10 * USEC_S);
    assert_int_equal(world.turn.table.perm.used, 0);
}

static void channels_last_ten_minutes_and_hold_number_and_peer_together(void **state)
{
    (void)state;
    struct turn_addr peer = turn_addr4(9, 9, 9, 9, 4000), other = turn_addr4(9, 9, 9, 8, 4000);
    allocated(&alice);
    assert_int_equal(turn_client_refresh(&world, &alice, 3600).code, 0);
    assert_int_equal(turn_client_bind(&world, &alice, 0x4000, &peer).code, 0);
    assert_int_equal(turn_client_bind(&world, &alice, 0x4000, &other).code, 400);
    assert_int_equal(turn_client_bind(&world, &alice, 0x4001, &peer).code, 400);
    assert_int_equal(turn_client_bind(&world, &alice, 0x4001, &other).code, 0);
    assert_int_equal(turn_client_bind(&world, &alice, 0x3FFF, &other).code, 400);
    assert_int_equal(turn_client_bind(&world, &alice, 0x8000, &other).code, 400);
    turn_world_pass(&world, 400 * USEC_S);
    assert_int_equal(turn_peer_data(&world, 0, &peer, hello, &alice).n, 0); /* the permission is over, */
    assert_true(turn_client_data(&world, &alice, 0x4000, hello, &peer));    /* the channel is not */
    assert_int_equal(turn_client_bind(&world, &alice, 0x4000, &peer).code, 0);
    assert_true(turn_peer_data(&world, 0, &peer, hello, &alice).n > 0);
    turn_world_pass(&world, 210 * USEC_S);
    assert_false(turn_client_data(&world, &alice, 0x4001, hello, &other));
    assert_true(turn_client_data(&world, &alice, 0x4000, hello, &peer));
    assert_int_equal(turn_client_bind(&world, &alice, 0x4001, &other).code, 0);
    turn_world_pass(&world, 700 * USEC_S);
    assert_int_equal(world.turn.table.chan.used, 0);
}

static void both_families_have_relays(void **state)
{
    (void)state;
    struct turn_addr peer6 = {.family = 6, .port = 5, .addr = {0x26, 0x06, 0x47, [15] = 1}};
    struct turn_addr peer4 = turn_addr4(9, 9, 9, 9, 5);
    struct turn_answer a = turn_client_allocate(&world, &alice, 6);
    assert_int_equal(a.relayed[0].family, 6);
    assert_int_equal(turn_client_permit(&world, &alice, &peer4, 1).code, 443);
    assert_int_equal(turn_client_bind(&world, &alice, 0x4001, &peer6).code, 0);
    assert_true(turn_client_data(&world, &alice, 0x4001, hello, &peer6));
    assert_true(turn_peer_data(&world, 0, &peer6, hello, &alice).n == 9);
    assert_int_equal(turn_client_refresh(&world, &alice, 0).code, 0);

    struct turn_request r;
    turn_request_begin(&r, &alice, TURN_REQUEST, TURN_ALLOCATE);
    turn_put_u32(&r.w, TURN_A_TRANSPORT, 17u << 24);
    turn_put_u32(&r.w, TURN_A_ADDITIONAL_FAMILY, 2u << 24);
    a = turn_exchange(&world, &alice, &r);
    assert_int_equal(a.code, 0);
    assert_int_equal(a.relayed_count, 2);
    assert_int_equal(a.relayed[0].family, 4);
    assert_int_equal(a.relayed[1].family, 6);
    assert_int_equal(turn_client_permit(&world, &alice, (struct turn_addr[]){peer4, peer6}, 2).code, 0);
    assert_true(turn_client_send(&world, &alice, hello, &peer4));
    assert_true(turn_client_send(&world, &alice, hello, &peer6));
    /* One of the two may be given back. */
    turn_request_begin(&r, &alice, TURN_REQUEST, TURN_REFRESH);
    turn_put_u32(&r.w, TURN_A_LIFETIME, 0);
    turn_put_u32(&r.w, TURN_A_FAMILY, 1u << 24);
    assert_int_equal(turn_exchange(&world, &alice, &r).code, 0);
    assert_false(turn_client_send(&world, &alice, hello, &peer4));
    assert_true(turn_client_send(&world, &alice, hello, &peer6));
    turn_request_begin(&r, &alice, TURN_REQUEST, TURN_REFRESH);
    turn_put_u32(&r.w, TURN_A_FAMILY, 1u << 24);
    assert_int_equal(turn_exchange(&world, &alice, &r).code, 443);
    assert_int_equal(turn_client_refresh(&world, &alice, 0).code, 0);
    assert_int_equal(world.opened, world.closed);
    assert_int_equal(world.turn.table.by_relay.count, 0);
}

static void an_additional_relay_that_fails_is_said(void **state)
{
    (void)state;
    struct turn_request r;
    world.turn.conf.relay6 = false;
    assert_int_equal(turn_client_allocate(&world, &alice, 6).code, 440);
    turn_request_begin(&r, &alice, TURN_REQUEST, TURN_ALLOCATE);
    turn_put_u32(&r.w, TURN_A_TRANSPORT, 17u << 24);
    turn_put_u32(&r.w, TURN_A_ADDITIONAL_FAMILY, 2u << 24);
    struct turn_answer a = turn_exchange(&world, &alice, &r);
    assert_int_equal(a.code, 0);
    assert_int_equal(a.relayed_count, 1);
    assert_int_equal(a.address_error, 508);
}

/* An Allocate request with one more attribute. */
static uint16_t allocate_with(uint32_t transport, uint16_t attribute, struct span value, uint16_t second,
                              struct span value2)
{
    struct turn_request r;
    turn_request_begin(&r, &alice, TURN_REQUEST, TURN_ALLOCATE);
    if (transport) turn_put_u32(&r.w, TURN_A_TRANSPORT, transport << 24);
    if (attribute) turn_put(&r.w, attribute, value);
    if (second) turn_put(&r.w, second, value2);
    return turn_exchange(&world, &alice, &r).code;
}

static void what_is_not_offered_is_refused_by_name(void **state)
{
    (void)state;
    static const uint8_t four[4] = {1}, six[4] = {2}, odd[4] = {9}, token[8] = {1};
    struct turn_request r;
    assert_int_equal(allocate_with(0, 0, SPAN_NONE, 0, SPAN_NONE), 400);
    assert_int_equal(allocate_with(6, 0, SPAN_NONE, 0, SPAN_NONE), 442);
    assert_int_equal(allocate_with(17, TURN_A_EVEN_PORT, SPAN_LIT("\x80"), 0, SPAN_NONE), 508);
    assert_int_equal(allocate_with(17, TURN_A_RESERVATION, SPAN_OF(token), 0, SPAN_NONE), 508);
    assert_int_equal(allocate_with(17, TURN_A_RESERVATION, SPAN_OF(token), TURN_A_EVEN_PORT, SPAN_LIT("\0")),
                     400);
    assert_int_equal(allocate_with(17, TURN_A_RESERVATION, SPAN_OF(token), TURN_A_FAMILY, SPAN_OF(four)),
                     400);
    assert_int_equal(allocate_with(17, TURN_A_DONT_FRAGMENT, SPAN_NONE, 0, SPAN_NONE), 420);
    assert_int_equal(allocate_with(17, 0x001B, SPAN_OF(token), 0, SPAN_NONE), 420); /* ACCESS-TOKEN */
    assert_int_equal(allocate_with(17, TURN_A_FAMILY, SPAN_OF(odd), 0, SPAN_NONE), 440);
    assert_int_equal(allocate_with(17, TURN_A_FAMILY, SPAN_OF(four), TURN_A_ADDITIONAL_FAMILY, SPAN_OF(six)),
                     400);
    assert_int_equal(allocate_with(17, TURN_A_ADDITIONAL_FAMILY, SPAN_OF(four), 0, SPAN_NONE), 400);
    assert_int_equal(allocate_with(17, TURN_A_LIFETIME, SPAN_LIT("\1"), 0, SPAN_NONE), 400);
    assert_int_equal(world.turn.table.alloc.used, 0);
    assert_int_equal(allocate_with(17, 0x8003, SPAN_OF(token), TURN_A_FAMILY, SPAN_OF(four)), 0);
    for (uint16_t method = TURN_CONNECT; method <= TURN_CONNECTION_BIND; method++) {
        struct turn_addr peer = turn_addr4(9, 9, 9, 9, 80);
        turn_request_begin(&r, &alice, TURN_REQUEST, method);
        turn_put_addr(&r.w, TURN_A_XOR_PEER, &peer, r.bytes + 8);
        assert_int_equal(turn_exchange(&world, &alice, &r).code, 400);
    }
    turn_request_begin(&r, &alice, TURN_REQUEST, 5);
    assert_false(turn_exchange(&world, &alice, &r).came);
    turn_request_begin(&r, &alice, TURN_REQUEST, TURN_CREATE_PERMISSION);
    assert_int_equal(turn_exchange(&world, &alice, &r).code, 400);
    turn_request_begin(&r, &alice, TURN_REQUEST, TURN_CHANNEL_BIND);
    assert_int_equal(turn_exchange(&world, &alice, &r).code, 400);
}

static void an_even_port_can_be_had_a_pair_cannot(void **state)
{
    (void)state;
    allocated(&alice); /* takes the even one */
    for (uint16_t k = 2; k < 5; k++) {
        struct turn_client c = turn_client_make(&world, k, "room", "bob");
        struct turn_request r;
        turn_request_begin(&r, &c, TURN_REQUEST, TURN_ALLOCATE);
        turn_put_u32(&r.w, TURN_A_TRANSPORT, 17u << 24);
        turn_put(&r.w, TURN_A_EVEN_PORT, k < 4 ? SPAN_LIT("\0") : SPAN_LIT("\x80"));
        struct turn_answer a = turn_exchange(&world, &c, &r);
        assert_int_equal(a.code, k < 4 ? 0 : 508);
        if (k < 4) assert_int_equal(a.relayed[0].port, TURN_WORLD_PORT + 2 * (k - 1));
    }
}

static void an_allocation_is_its_owners_alone(void **state)
{
    (void)state;
    struct turn_addr peer = turn_addr4(9, 9, 9, 9, 4000);
    struct turn_client bob = turn_client_make(&world, 1, "room", "bob");
    allocated(&alice);
    assert_int_equal(turn_client_permit(&world, &bob, &peer, 1).code, 441);
    assert_int_equal(turn_client_refresh(&world, &bob, 0).code, 441);
    assert_int_equal(turn_client_allocate(&world, &bob, 0).code, 437);
    /* The same member with a later credential is another user name. */
    world.now += USEC_S;
    struct turn_client later = turn_client_make(&world, 1, "room", "alice");
    assert_int_equal(turn_client_permit(&world, &later, &peer, 1).code, 441);
}

static void binding_is_answered_and_junk_is_not(void **state)
{
    (void)state;
    struct turn_request r;
    turn_request_begin(&r, &alice, TURN_REQUEST, TURN_BINDING);
    turn_request_plain(&r);
    struct turn_answer a = turn_request_send(&world, &alice, &r);
    assert_int_equal(a.class, TURN_SUCCESS);
    assert_int_equal(a.mapped.port, alice.path.port);
    assert_in_range(a.n, 20, 44);
    static const char *const junk[] = {
        "", "x", "\x40\x00", "\x40\x00\x00\x09hello", "\x80 rtp", "GET / HTTP/1.1\r\n\r\n----"};
    for (size_t i = 0; i < COUNT_OF(junk); i++) {
        out_clear(&world.out);
        assert_true(turn_receive(&world.turn, world.now, &alice.path, span_str(junk[i]), &world.out) != OK);
        assert_int_equal(world.out.pkt_n, 0);
    }
    for (enum turn_class class = TURN_INDICATION; class <= TURN_ERROR; class ++) {
        turn_request_begin(&r, &alice, class, TURN_ALLOCATE);
        turn_request_plain(&r);
        assert_false(turn_request_send(&world, &alice, &r).came);
    }
}

static void large_and_empty_data(void **state)
{
    (void)state;
    static uint8_t big[1500];
    struct turn_addr peer = turn_addr4(9, 9, 9, 9, 4000), other = turn_addr4(9, 9, 9, 9, 1);
    allocated(&alice);
    assert_int_equal(turn_client_bind(&world, &alice, 0x4001, &peer).code, 0);
    assert_true(turn_peer_data(&world, 0, &peer, SPAN(big, 1496), &alice).n == 1500);
    assert_int_equal(turn_peer_data(&world, 0, &peer, SPAN(big, 1497), &alice).n, 0);
    assert_true(turn_peer_data(&world, 0, &other, SPAN(big, 1464), &alice).n == 1500);
    assert_int_equal(turn_peer_data(&world, 0, &other, SPAN(big, 1465), &alice).n, 0);
    assert_int_equal(world.turn.counts.too_big, 2);
    assert_true(turn_peer_data(&world, 0, &peer, SPAN_NONE, &alice).n == 4);
    assert_false(turn_client_data(&world, &alice, 0x4001, SPAN_NONE, &peer));
    assert_true(turn_client_data(&world, &alice, 0x4001, SPAN(big, 1400), &peer));
}

static void a_full_tray_drops_and_counts(void **state)
{
    (void)state;
    struct turn_addr peer = turn_addr4(9, 9, 9, 9, 4000);
    allocated(&alice);
    assert_int_equal(turn_client_bind(&world, &alice, 0x4001, &peer).code, 0);
    uint8_t pkt[] = {0x40, 0x01, 0, 1, 'x'};
    out_clear(&world.out);
    for (int i = 0; i < 256; i++)
        assert_ok(turn_receive(&world.turn, world.now, &alice.path, SPAN_OF(pkt), &world.out));
    assert_int_equal(world.out.group_n, 1); /* one destination, one group */
    assert_err(ERR_FULL, turn_receive(&world.turn, world.now, &alice.path, SPAN_OF(pkt), &world.out));
    assert_int_equal(world.turn.counts.tray_full, 1);
}

static enum err life(void *arg)
{
    (void)arg;
    struct turn_world *w = &world;
    enum err e = turn_world_init(w, &turn_world_user, &turn_world_total);
    if (e) return e;
    struct turn_client c = turn_client_make(w, 1, "room", "alice");
    struct turn_addr peer = turn_addr4(9, 9, 9, 9, 4000);
    struct turn_answer a = turn_client_allocate(w, &c, 0);
    assert_true(a.came);
    if (a.code) e = ERR_NOMEM;
    if (!e && turn_client_bind(w, &c, 0x4001, &peer).code) e = ERR_NOMEM;
    if (!e) e = turn_revoke(&w->turn, w->now, SPAN_LIT("room"), SPAN_LIT("alice"));
    turn_world_fini(w);
    return e;
}

static void memory_failures_are_answered(void **state)
{
    (void)state;
    assert_true(oom_run(life, NULL) > 10);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        T(a_challenge_then_an_allocation),
        T(a_repeated_request_gets_the_same_answer_another_one_does_not),
        T(a_request_repeated_while_the_socket_opens_is_waited_for),
        T(a_socket_that_cannot_be_had_is_a_508),
        T(late_answers_of_the_caller_are_refused),
        T(lifetimes_are_kept_within_bounds_and_refreshed),
        T(an_expired_allocation_makes_way_before_any_tick),
        T(channels_carry_data_both_ways),
        T(streams_get_padding),
        T(permissions_open_both_ways_for_five_minutes),
        T(channels_last_ten_minutes_and_hold_number_and_peer_together),
        T(both_families_have_relays),
        T(an_additional_relay_that_fails_is_said),
        T(what_is_not_offered_is_refused_by_name),
        T(an_even_port_can_be_had_a_pair_cannot),
        T(an_allocation_is_its_owners_alone),
        T(binding_is_answered_and_junk_is_not),
        T(large_and_empty_data),
        T(a_full_tray_drops_and_counts),
        cmocka_unit_test(memory_failures_are_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
