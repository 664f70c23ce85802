/* SPDX-License-Identifier: Apache-2.0
 * STUN: what must be refused, what is written is read again, whom a Binding names. RFC 5769's vectors run in
 * build/tests/vectors. */
#include "test.h"

#include "core/ice.h"
#include "guest/openssl_crypto.h"
#include "wire/stun.h"

static const uint8_t id[STUN_ID] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
static uint8_t bytes[STUN_MAX];

static struct span request(const char *username, const char *pwd, bool fingerprint)
{
    struct stun_hmac h = ice_hmac(openssl_crypto());
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    stun_begin(&w, STUN_BINDING, STUN_REQUEST, id);
    if (username) stun_put(&w, STUN_USERNAME, span_str(username));
    stun_put_u32(&w, STUN_PRIORITY, 0x6e001eff);
    stun_put_u64(&w, STUN_ICE_CONTROLLING, 0x0102030405060708);
    stun_put(&w, STUN_USE_CANDIDATE, SPAN_NONE);
    assert_ok(stun_end(&w, pwd ? span_str(pwd) : SPAN_NONE, &h, fingerprint));
    return writer_span(&w);
}

static void writes_and_reads(void **state)
{
    (void)state;
    struct stun m;
    struct stun_hmac h = ice_hmac(openssl_crypto());
    struct span pkt = request("abcd:efgh", "secret", true), ufrag;
    assert_ok(stun_parse(pkt, &m));
    assert_true(m.method == STUN_BINDING && m.of_class == STUN_REQUEST && m.fingerprint_ok);
    assert_true(m.use_candidate && m.controlling && !m.controlled && m.has_priority);
    assert_int_equal(m.priority, 0x6e001eff);
    assert_true(m.tie_breaker == 0x0102030405060708);
    assert_ok(stun_check(&m, span_str("secret"), &h));
    assert_err(ERR_AUTH, stun_check(&m, span_str("secreu"), &h));
    assert_true(stun_peek_username(pkt, &ufrag) && span_equal(ufrag, span_str("abcd")));
    unsigned count = 0;
    struct stun_attribute a;
    for (struct stun_cursor c = stun_attributes(&m); stun_next(&c, &a);)
        count++;
    assert_int_equal(count, 6);
    for (size_t i = 0; i < 8 * (pkt.n - 8); i++) { /* no bit may change before FINGERPRINT */
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
        assert_true(stun_parse(pkt, &m) != OK || stun_check(&m, span_str("secret"), &h) != OK);
        bytes[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    for (size_t n = 0; n < pkt.n; n++)
        assert_int_not_equal(stun_parse(SPAN(bytes, n), &m), OK);
    pkt = request(NULL, "secret", false);
    assert_false(stun_peek_username(pkt, &ufrag));
    pkt = request("abcd:efgh", NULL, false);
    assert_false(stun_peek_username(pkt, &ufrag));
    assert_ok(stun_parse(pkt, &m));
    assert_err(ERR_AUTH, stun_check(&m, span_str("secret"), &h));
    pkt = request("abcdefgh", "secret", false);
    assert_false(stun_peek_username(pkt, &ufrag));
}

static void counts_and_lengths(void **state)
{
    (void)state;
    struct stun m;
    struct stun_hmac h = ice_hmac(openssl_crypto());
    for (unsigned n = STUN_ATTRS_MAX - 1; n <= STUN_ATTRS_MAX + 1; n++) {
        struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
        stun_begin(&w, STUN_BINDING, STUN_REQUEST, id);
        for (unsigned i = 0; i < n; i++)
            stun_put(&w, 0xc057, SPAN_NONE);
        assert_ok(stun_end(&w, SPAN_NONE, &h, false));
        assert_int_equal(stun_parse(writer_span(&w), &m), n <= STUN_ATTRS_MAX ? OK : ERR_LIMIT);
    }
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    stun_begin(&w, STUN_BINDING, STUN_REQUEST, id);
    for (unsigned i = 0; i < 12; i++)
        stun_put(&w, (uint16_t)(0x7000 + i), SPAN_LIT("x"));
    assert_ok(stun_end(&w, SPAN_NONE, &h, false));
    assert_ok(stun_parse(writer_span(&w), &m));
    assert_int_equal(m.unknown_count, COUNT_OF(m.unknown));
    w = writer_of(MSPAN(bytes, 30));
    stun_begin(&w, STUN_BINDING, STUN_REQUEST, id);
    assert_err(ERR_FULL, stun_end(&w, span_str("k"), &h, true));
}

static void addresses(void **state)
{
    (void)state;
    struct stun m;
    struct stun_hmac h = ice_hmac(openssl_crypto());
    uint8_t addr[16] = {192, 0, 2, 1, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}, got[16], family;
    uint16_t port;
    for (uint8_t f = 4; f <= 6; f += 2) {
        struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
        struct stun_attribute a;
        stun_begin(&w, STUN_BINDING, STUN_SUCCESS, id);
        stun_put_xor_address(&w, STUN_XOR_MAPPED_ADDRESS, f, addr, 32853);
        assert_ok(stun_end(&w, SPAN_NONE, &h, true));
        assert_ok(stun_parse(writer_span(&w), &m));
        assert_int_equal(m.of_class, STUN_SUCCESS);
        struct stun_cursor c = stun_attributes(&m);
        assert_true(stun_next(&c, &a));
        assert_true(stun_get_xor_address(&m, a.value, &family, got, &port));
        assert_true(family == f && port == 32853 && memcmp(got, addr, f == 4 ? 4 : 16) == 0);
        assert_false(stun_get_xor_address(&m, span_part(a.value, 0, a.value.n - 1), &family, got, &port));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_and_reads),
        cmocka_unit_test(counts_and_lengths),
        cmocka_unit_test(addresses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
