/* SPDX-License-Identifier: Apache-2.0
 * Policies, identities and links: one spelling in and out, caps, and the rules of ROOMS.md sections A, 3
 * and 6. */
#include "test.h"

#include "guest/openssl_crypto.h"
#include "seal/invite.h"
#include "seal/policy.h"

static uint8_t bytes[POLICY_SIZE_MAX + 64];
static const uint8_t room[32] = {5, 6, 7}, owner_priv[32] = {[31] = 3};

static struct policy sealed_policy(void)
{
    return (struct policy){.version = 1,
                           .room_id = SPAN_OF(room),
                           .serial = 1,
                           .not_after = 2000,
                           .mode = POLICY_SEALED,
                           .join_rule = POLICY_LINK,
                           .credentials = {{IDENTITY_GUEST, SPAN_NONE, SPAN_NONE}},
                           .credentials_n = 1,
                           .mls_suites = {2},
                           .mls_suites_n = 1,
                           .sframe_suite = 4,
                           .sframe_epoch_bits = 6,
                           .sframe_index_bits = 10,
                           .flags = POLICY_PSK_REQUIRED};
}

static size_t signed_bytes(const struct policy *p, uint16_t scheme)
{
    const struct crypto *c = openssl_crypto();
    enum crypto_sign s = scheme == POLICY_SCHEME_P256 ? CRYPTO_ECDSA_P256_SHA256 : CRYPTO_ED25519;
    uint8_t pub[CRYPTO_PUBLIC_MAX], sig[CRYPTO_SIGN_MAX];
    size_t pub_n, sig_n, n;
    assert_ok(c->sign_public(c->ctx, s, SPAN_OF(owner_priv), pub, &pub_n));
    assert_ok(policy_encode(p, scheme, SPAN(pub, pub_n), MSPAN(bytes, sizeof bytes), &n));
    assert_ok(policy_sign(c, scheme, SPAN_OF(owner_priv), SPAN(bytes, n), sig, &sig_n));
    assert_ok(policy_append(MSPAN(bytes, sizeof bytes), &n, SPAN(sig, sig_n)));
    return n;
}

static void round_trip(void **state)
{
    (void)state;
    static const uint16_t schemes[] = {POLICY_SCHEME_P256, POLICY_SCHEME_ED25519};
    for (size_t i = 0; i < 2; i++) {
        struct policy p = sealed_policy();
        struct policy_signed back;
        size_t n = signed_bytes(&p, schemes[i]);
        assert_ok(policy_decode(SPAN(bytes, n), &back));
        assert_ok(policy_verify(openssl_crypto(), &back));
        assert_ok(policy_check(&back.policy));
        assert_ok(policy_check_date(&back.policy, (struct wall){2000 * 1000}));
        assert_err(ERR_EXPIRED, policy_check_date(&back.policy, (struct wall){2001 * 1000}));
        for (size_t k = 0; k < n; k++)
            assert_int_not_equal(policy_decode(SPAN(bytes, k), &back), OK);
        bytes[n] = 0;
        assert_int_not_equal(policy_decode(SPAN(bytes, n + 1), &back), OK);
        assert_ok(policy_decode(SPAN(bytes, n), &back));
        back.signature_scheme = 0x0804;
        assert_err(ERR_UNSUPPORTED, policy_verify(openssl_crypto(), &back));
    }
}

static void caps(void **state)
{
    (void)state;
    struct policy p = sealed_policy();
    struct policy_signed back;
    size_t n;
    p.moderators_n = POLICY_MODERATORS_MAX;
    for (size_t i = 0; i < p.moderators_n; i++)
        p.moderators[i] = SPAN_OF(room);
    n = signed_bytes(&p, POLICY_SCHEME_P256);
    assert_ok(policy_decode(SPAN(bytes, n), &back));
    p.moderators_n++;
    assert_err(ERR_RANGE, policy_encode(&p, 0, SPAN_NONE, MSPAN(bytes, sizeof bytes), &n));
    p = sealed_policy();
    p.version = 2;
    assert_err(ERR_RANGE, policy_encode(&p, 0, SPAN_NONE, MSPAN(bytes, sizeof bytes), &n));
    p = sealed_policy();
    n = signed_bytes(&p, POLICY_SCHEME_P256);
    bytes[1] = 2; /* version */
    assert_err(ERR_RANGE, policy_decode(SPAN(bytes, n), &back));
    bytes[1] = 1, bytes[2 + 33 + 16] = 9; /* mode */
    assert_err(ERR_RANGE, policy_decode(SPAN(bytes, n), &back));
    assert_err(ERR_LIMIT, policy_decode(SPAN(bytes, POLICY_SIZE_MAX + 1), &back));
}

static void rules(void **state)
{
    (void)state;
    struct policy p = sealed_policy();
    assert_ok(policy_check(&p));
    p.flags = 0; /* a room without the link's PSK */
    assert_err(ERR_DENIED, policy_check(&p));
    p = sealed_policy(), p.flags |= 64;
    assert_err(ERR_DENIED, policy_check(&p));
    p = sealed_policy(), p.mode = POLICY_GOVERNED;
    assert_err(ERR_DENIED, policy_check(&p));
    p = sealed_policy(), p.mode = POLICY_DIRECT;
    assert_err(ERR_DENIED, policy_check(&p));
    p = sealed_policy(), p.has_archive = true; /* an archive in a sealed room */
    assert_err(ERR_DENIED, policy_check(&p));
    p.mode = POLICY_WITNESSED, p.archive.name = SPAN_LIT("Records"), p.archive.scope = 1;
    assert_err(ERR_DENIED, policy_check(&p)); /* no attestation */
    p.flags |= POLICY_ATTESTATION;
    assert_ok(policy_check(&p));
    p.archive.scope = 128;
    assert_err(ERR_DENIED, policy_check(&p));
    p = sealed_policy(), p.mode = POLICY_WITNESSED; /* witnessed by nobody */
    assert_err(ERR_DENIED, policy_check(&p));
    p = sealed_policy(), p.credentials[0].kind = IDENTITY_ARCHIVE;
    assert_err(ERR_DENIED, policy_check(&p));
    p = sealed_policy(), p.credentials_n = 0;
    assert_err(ERR_DENIED, policy_check(&p));
    p = sealed_policy(), p.mls_suites[0] = 7;
    assert_err(ERR_DENIED, policy_check(&p));
    p = sealed_policy(), p.sframe_suite = 3;
    assert_err(ERR_DENIED, policy_check(&p));
    p = sealed_policy(), p.sframe_index_bits = 9;
    assert_err(ERR_DENIED, policy_check(&p));
}

static void identities(void **state)
{
    (void)state;
    uint8_t id[IDENTITY_GUEST_ID], b[600];
    size_t n;
    assert_ok(identity_guest_id(openssl_crypto(), SPAN_LIT("a key"), id));
    struct identity i = {IDENTITY_GUEST, SPAN_LIT("Zo\xc3\xab \xe2\x82\xac \xf0\x9f\x98\x80"), SPAN_OF(id),
                         SPAN_NONE},
                    back;
    assert_ok(identity_encode(&i, MSPAN(b, sizeof b), &n));
    assert_ok(identity_decode(SPAN(b, n), &back));
    assert_true(span_equal(back.name, i.name) && span_equal(back.id, i.id) && back.kind == i.kind);
    for (size_t k = 0; k < n; k++)
        assert_int_not_equal(identity_decode(SPAN(b, k), &back), OK);
    static const char *const bad[] = {"\x1b[0m",
                                      ("a\xe2\x80\xae"
                                       "b"),
                                      "\xc0\x80",
                                      "\xed\xa0\x80",
                                      "\xf4\x90\x80\x80",
                                      "\xe2\x80",
                                      "\x80",
                                      "\xe2\x81\xa6x",
                                      "\xc2\x85",
                                      "\xef\xbb\xbf",
                                      "\xf3\xa0\x81\x81"};
    for (size_t k = 0; k < COUNT_OF(bad); k++) {
        i.name = span_str(bad[k]);
        assert_err(ERR_FORMAT, identity_encode(&i, MSPAN(b, sizeof b), &n));
    }
    i.name = SPAN_LIT("x"), i.evidence = SPAN_LIT("e");
    assert_err(ERR_FORMAT, identity_encode(&i, MSPAN(b, sizeof b), &n));
    i.evidence = SPAN_NONE, i.id.n = 15;
    assert_err(ERR_FORMAT, identity_encode(&i, MSPAN(b, sizeof b), &n));
    i.kind = 5;
    assert_err(ERR_RANGE, identity_encode(&i, MSPAN(b, sizeof b), &n));
    uint8_t h[32], g[32];
    assert_ok(identity_hash(openssl_crypto(), 2, SPAN_LIT("ab"), SPAN_LIT("c"), h));
    assert_ok(identity_hash(openssl_crypto(), 2, SPAN_LIT("a"), SPAN_LIT("bc"), g));
    assert_memory_not_equal(h, g, 32);
}

#define ROOM64   "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA"
#define SECRET64 "__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA"

static void links(void **state)
{
    (void)state;
    struct invite l;
    char out[INVITE_MAX];
    size_t n;
    struct span good = SPAN_LIT("https://meet.example:8443/r/" ROOM64 "#1." ROOM64 "." SECRET64 ".17");
    assert_ok(invite_parse(good, &l));
    assert_true(span_equal(l.origin, SPAN_LIT("https://meet.example:8443")));
    for (unsigned i = 0; i < 32; i++) {
        assert_int_equal(l.room_id[i], i + 1);
        assert_int_equal(l.policy_hash[i], i + 1);
        assert_int_equal(l.join_secret.b[i], 255 - i);
    }
    assert_int_equal(l.generation, 17);
    assert_ok(invite_write(&l, MSPAN(out, sizeof out), &n));
    assert_true(span_equal(SPAN(out, n), good));
    assert_err(ERR_FULL, invite_write(&l, MSPAN(out, n - 1), &n));
    uint8_t id[INVITE_PSK_ID_MAX], door[32];
    assert_ok(invite_psk_id(&l, MSPAN(id, sizeof id), &n));
    assert_int_equal(n, 14 + 32 + 4);
    assert_ok(invite_door(openssl_crypto(), &l, door));
    assert_ok(invite_locator(openssl_crypto(), &l, door));
    invite_fini(&l);
    static const char *const bad[] = {
        "",
        "https://x/r/" ROOM64,
        "https://x/r/" ROOM64 "#1." ROOM64,
        "https://x/r/" ROOM64 "#1." ROOM64 ".",
        "https://x/r/" ROOM64 "#1." ROOM64 "." SECRET64 ".",
        "https://x/r/" ROOM64 "#1." ROOM64 "." SECRET64 ".0",
        "https://x/r/" ROOM64 "#1." ROOM64 "." SECRET64 ".01",
        "https://x/r/" ROOM64 "#1." ROOM64 "." SECRET64 ".4294967296",
        "https://x/r/" ROOM64 "#1." ROOM64 "." SECRET64 ".1.1",
        "https://x/r/" ROOM64 "#1." ROOM64 "." SECRET64 "=",
        "https://x/r/" ROOM64 "#1." ROOM64 ".__79+Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eA",
        "https://x/r/" ROOM64 "#1." ROOM64
        ".__79_Pv6-fj39vX08_Lx8O_u7ezr6uno5-bl5OPi4eB", /* left-over bits */
        "https://x/q/" ROOM64 "#1." ROOM64 "." SECRET64,
        "https://x/r/name#1." ROOM64 "." SECRET64,
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        assert_err(ERR_FORMAT, invite_parse(span_str(bad[i]), &l));
    assert_err(ERR_UNSUPPORTED, invite_parse(SPAN_LIT("https://x/r/" ROOM64 "#2." ROOM64 "." SECRET64), &l));
    assert_ok(invite_parse(SPAN_LIT("/r/" ROOM64 "#1." ROOM64 "." SECRET64), &l));
    assert_int_equal(l.generation, 0);
    assert_int_equal(l.origin.n, 0);
}

static enum err signing(void *arg)
{
    (void)arg;
    uint8_t sig[CRYPTO_SIGN_MAX];
    size_t n;
    return policy_sign(openssl_crypto(), POLICY_SCHEME_ED25519, SPAN_OF(owner_priv), SPAN_LIT("content"), sig,
                       &n);
}

static void without_memory(void **state)
{
    (void)state;
    assert_int_equal(oom_run(signing, NULL), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(caps),  cmocka_unit_test(rules),
        cmocka_unit_test(identities), cmocka_unit_test(links), cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
