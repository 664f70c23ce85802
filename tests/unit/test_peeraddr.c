/* SPDX-License-Identifier: Apache-2.0
 * Peer addresses: every special one in every spelling is refused, by itself and by the whole relay, in
 * permissions, channels, sends and mixed lists (RELIABILITY row 24); what may be reached is. */
#include <arpa/inet.h>

#include "sim/turn_client.h"
#include "test.h"

static const char *const refused[] = {
    /* IPv4: the IANA special-purpose registry, first and last addresses */
    "0.0.0.0",
    "0.0.0.1",
    "0.255.255.255",
    "10.0.0.0",
    "10.0.0.1",
    "10.255.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.0.0.2",
    "127.1.2.3",
    "127.255.255.255",
    "169.254.0.1",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.8",
    "192.0.0.9",
    "192.0.0.10",
    "192.0.0.170",
    "192.0.0.192",
    "192.0.2.1",
    "192.31.196.1",
    "192.52.193.1",
    "192.88.99.1",
    "192.168.0.1",
    "192.168.255.255",
    "192.175.48.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.255",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.254",
    "255.255.255.255",
    /* IPv6: unspecified, loopback, and IPv4 addresses inside, public ones too */
    "::",
    "::1",
    "::2",
    "::127.0.0.1",
    "::10.0.0.1",
    "::8.8.8.8",
    "::ffff:0.0.0.0",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:192.168.1.1",
    "::ffff:8.8.8.8",
    "::ffff:224.0.0.1",
    "::ffff:0:127.0.0.1",
    "::ffff:0:8.8.8.8",
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::127.0.0.1",
    "64:ff9b:1:ffff::10.0.0.1",
    "2002:7f00:1::",
    "2002:7f00:1::1",
    "2002:a00:1::1",
    "2002:c0a8:101::1",
    "2002:808:808::1",
    "2001::1",
    "2001:0:7f00:1::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:1::1",
    "2001:1::2",
    "2001:2::1",
    "2001:3::1",
    "2001:4:112::1",
    "2001:10::1",
    "2001:20::1",
    "2001:30::1",
    "2001:db8::1",
    "2001:db8:ffff::1",
    "2620:4f:8000::1",
    "3fff::1",
    "3fff:fff::1",
    "3ffe::1",
    "5f00::1",
    "100::1",
    "100:0:0:1::1",
    "fc00::1",
    "fd00::1",
    "fdff:ffff::1",
    "fe80::1",
    "fe80::5efe:127.0.0.1",
    "febf::1",
    "fec0::1",
    "ff01::1",
    "ff02::1",
    "ff05::2",
    "ff0e::1",
    "4000::1",
    "8000::1",
    "2606:4700::5efe:127.0.0.1",
    "2606:4700::5efe:10.0.0.1",
    "2606:4700::200:5efe:10.0.0.1",
    "2606:4700::5efe:8.8.8.8",
    "1fff::1",
};

static const char *const allowed[] = {
    "1.0.0.1",     "8.8.8.8",         "9.255.255.255",   "11.0.0.1",        "100.63.255.255",
    "100.128.0.0", "126.255.255.255", "128.0.0.1",       "169.253.255.255", "172.15.255.255",
    "172.32.0.0",  "191.255.255.255", "192.0.1.0",       "192.0.3.0",       "192.167.255.255",
    "192.169.0.0", "198.17.255.255",  "198.20.0.0",      "223.255.255.255", "2400::1",
    "2001:200::1", "2001:db7::1",     "2001:db9::1",     "2003::1",         "2606:4700::1",
    "2a00::5efe",  "3ffd::1",         "2620:4f:8001::1", "3fff:1000::1",
};

static struct turn_addr addr_of(const char *text)
{
    struct turn_addr a = {.family = strchr(text, ':') ? 6 : 4, .port = 4000};
    assert_int_equal(inet_pton(a.family == 6 ? AF_INET6 : AF_INET, text, a.addr), 1);
    return a;
}

static void the_table(void **state)
{
    (void)state;
    struct peeraddr none = {0};
    assert_true(COUNT_OF(refused) >= 64);
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct turn_addr a = addr_of(refused[i]);
        if (peeraddr_judge(&none, a.family, a.addr) != PEERADDR_NO) fail_msg("%s", refused[i]);
    }
    for (size_t i = 0; i < COUNT_OF(allowed); i++) {
        struct turn_addr a = addr_of(allowed[i]);
        if (peeraddr_judge(&none, a.family, a.addr) != PEERADDR_YES) fail_msg("%s", allowed[i]);
    }
    uint8_t any[16] = {8, 8, 8, 8};
    assert_int_equal(peeraddr_judge(&none, 0, any), PEERADDR_NO);
    assert_int_equal(peeraddr_judge(&none, 5, any), PEERADDR_NO);
}

static void allow(struct peeraddr *p, const char *net, uint8_t bits)
{
    struct turn_addr a = addr_of(net);
    assert_ok(peeraddr_allow(p, a.family, a.addr, bits));
}

static enum peeraddr_verdict judge(const struct peeraddr *p, const char *text)
{
    struct turn_addr a = addr_of(text);
    return peeraddr_judge(p, a.family, a.addr);
}

static void the_operator_names_networks_in_one_spelling_only(void **state)
{
    (void)state;
    struct peeraddr p = {0};
    allow(&p, "127.0.0.0", 8);
    allow(&p, "10.1.2.0", 23);
    allow(&p, "fd00:1::", 32);
    assert_int_equal(judge(&p, "127.9.9.9"), PEERADDR_YES);
    assert_int_equal(judge(&p, "10.1.3.255"), PEERADDR_YES);
    assert_int_equal(judge(&p, "10.1.4.0"), PEERADDR_NO);
    assert_int_equal(judge(&p, "fd00:1::9"), PEERADDR_YES);
    assert_int_equal(judge(&p, "fd00:2::9"), PEERADDR_NO);
    static const char *const other[] = {
        "::1", "::ffff:127.0.0.1", "::127.0.0.1",      "64:ff9b::127.0.0.1", "2002:7f00:1::1", "0.0.0.0",
        "::",  "::ffff:10.1.2.3",  "::ffff:0:10.1.2.3"};
    for (size_t i = 0; i < COUNT_OF(other); i++)
        if (judge(&p, other[i]) != PEERADDR_NO) fail_msg("%s", other[i]);
    /* Even everything is not the unspecified, multicast and broadcast addresses. */
    allow(&p, "0.0.0.0", 0);
    allow(&p, "::", 0);
    assert_int_equal(judge(&p, "192.168.0.1"), PEERADDR_YES);
    assert_int_equal(judge(&p, "::1"), PEERADDR_YES);
    static const char *const never[] = {
        "0.0.0.0", "255.255.255.255",  "224.0.0.1",      "::",
        "ff02::1", "::ffff:224.0.0.1", "::ffff:0.0.0.0", "::ffff:255.255.255.255"};
    for (size_t i = 0; i < COUNT_OF(never); i++)
        if (judge(&p, never[i]) != PEERADDR_NO) fail_msg("%s", never[i]);
    struct turn_addr a = addr_of("1.1.1.1");
    assert_err(ERR_RANGE, peeraddr_allow(&p, 4, a.addr, 33));
    assert_err(ERR_RANGE, peeraddr_allow(&p, 6, a.addr, 129));
    assert_err(ERR_RANGE, peeraddr_allow(&p, 5, a.addr, 8));
    while (p.allow_count < PEERADDR_ALLOW_MAX)
        allow(&p, "1.1.1.1", 32);
    assert_err(ERR_FULL, peeraddr_allow(&p, 4, a.addr, 32));
}

static struct peeraddr_own own_of(const char *text, uint16_t from, uint16_t to)
{
    struct turn_addr a = addr_of(text);
    struct peeraddr_own o = {.family = a.family, .from = from, .to = to};
    memcpy(o.addr, a.addr, sizeof o.addr);
    return o;
}

static void own_addresses_are_reached_on_own_ports_only(void **state)
{
    (void)state;
    struct turn_world w;
    assert_ok(turn_world_init(&w, &turn_world_user, &turn_world_total));
    struct peeraddr *p = &w.turn.peers;
    static const char *const own[] = {"8.8.4.4", "192.168.1.5", "127.0.0.1", "fe80::5"};
    for (size_t i = 0; i < COUNT_OF(own); i++) {
        struct peeraddr_own o = own_of(own[i], 0, 0), media = own_of(own[i], 7000, 7003);
        assert_ok(peeraddr_own(p, &o));
        assert_ok(peeraddr_own(p, &media));
    }
    assert_int_equal(judge(p, "8.8.4.4"), PEERADDR_OWN_PORTS);
    assert_int_equal(judge(p, "192.168.1.5"), PEERADDR_OWN_PORTS);
    assert_int_equal(judge(p, "127.0.0.1"), PEERADDR_NO);
    assert_int_equal(judge(p, "fe80::5"), PEERADDR_NO);
    struct turn_client c = turn_client_make(&w, 1, "room", "alice"),
                       d = turn_client_make(&w, 2, "room", "bob");
    assert_int_equal(turn_client_allocate(&w, &c, 0).code, 0);
    for (uint16_t i = 0; i < 2; i++) { /* the public own address, then the private one */
        struct turn_addr media = addr_of(own[i]), ssh = media, none = media;
        media.port = 7003;
        ssh.port = 22;
        none.port = 0;
        assert_int_equal(turn_client_permit(&w, &c, &ssh, 1).code, 403);
        assert_int_equal(turn_client_bind(&w, &c, 0x4001, &ssh).code, 403);
        assert_int_equal(turn_client_permit(&w, &c, &none, 1).code,
                         0); /* the port means nothing in a permission */
        assert_false(turn_client_send(&w, &c, SPAN_LIT("x"), &ssh));
        assert_false(turn_client_send(&w, &c, SPAN_LIT("x"), &none));
        assert_true(turn_client_send(&w, &c, SPAN_LIT("x"), &media));
        assert_int_equal(turn_client_bind(&w, &c, (uint16_t)(0x4002 + i), &media).code, 0);
    }
    /* A relay is a peer as long as it is open. */
    struct turn_addr relay = turn_client_allocate(&w, &d, 0).relayed[0];
    assert_int_equal(turn_client_bind(&w, &c, 0x4005, &relay).code, 0);
    assert_true(turn_client_send(&w, &c, SPAN_LIT("x"), &relay));
    relay.port++;
    assert_int_equal(turn_client_bind(&w, &c, 0x4006, &relay).code, 403);
    turn_world_fini(&w);
}

/* Everything but the way in is real: the request is signed, the answer and the tray are what a client and a
 * canary see. */
static void no_way_leads_to_a_refused_address(void **state)
{
    (void)state;
    struct turn_world w;
    struct turn_quota big = {.allocations = 8, .permissions = 1000, .channels = 1000};
    assert_ok(turn_world_init(&w, &big, &big));
    struct turn_client c[2] = {turn_client_make(&w, 1, "room", "a"), turn_client_make(&w, 2, "room", "b")};
    assert_int_equal(turn_client_allocate(&w, &c[0], 4).code, 0);
    assert_int_equal(turn_client_allocate(&w, &c[1], 6).code, 0);
    struct turn_addr fine[2] = {addr_of("8.8.8.8"), addr_of("2606:4700::1")};
    size_t requests = 0;
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        struct turn_addr a = addr_of(refused[i]);
        for (size_t k = 0; k < 2; k++, requests += 6) { /* also a family that the relay has not */
            struct turn_addr first[] = {a, fine[k]}, last[] = {fine[k], a}, middle[] = {fine[k], a, fine[k]};
            assert_int_equal(turn_client_permit(&w, &c[k], &a, 1).code, 403);
            assert_int_equal(turn_client_permit(&w, &c[k], first, 2).code, 403);
            assert_int_equal(turn_client_permit(&w, &c[k], last, 2).code, 403);
            assert_int_equal(turn_client_permit(&w, &c[k], middle, 3).code, 403);
            assert_int_equal(turn_client_bind(&w, &c[k], 0x4000, &a).code, 403);
            assert_false(turn_client_send(&w, &c[k], SPAN_LIT("canary"), &a));
            assert_int_equal(w.out.pkt_n, 0);
        }
    }
    assert_int_equal(w.turn.table.perm.used, 0);
    assert_int_equal(w.turn.table.chan.used, 0);
    for (size_t k = 0; k < 2; k++) { /* positive control */
        assert_int_equal(turn_client_permit(&w, &c[k], &fine[k], 1).code, 0);
        assert_true(turn_client_send(&w, &c[k], SPAN_LIT("canary"), &fine[k]));
        assert_int_equal(turn_client_bind(&w, &c[k], 0x4000, &fine[k]).code, 0);
    }
    /* A permitted address does not open another spelling of itself. */
    struct turn_addr mapped = addr_of("::ffff:8.8.8.8");
    assert_false(turn_client_send(&w, &c[0], SPAN_LIT("canary"), &mapped));
    print_message("%zu of %zu requests refused, 0 granted\n", requests, requests);
    turn_world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_table),
        cmocka_unit_test(the_operator_names_networks_in_one_spelling_only),
        cmocka_unit_test(own_addresses_are_reached_on_own_ports_only),
        cmocka_unit_test(no_way_leads_to_a_refused_address),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
