/* SPDX-License-Identifier: Apache-2.0
 * The table of primitives on OpenSSL: known answers, and the hostile values that must be refused the same way
 * everywhere (points off the curve, all-zero results, loose DER, odd Ed25519 keys, flipped tags). */
#include "test.h"

#include "guest/openssl_crypto.h"

#define P256_ORDER_LOW 0x51

static const struct crypto *c;

static int setup(void **state)
{
    (void)state;
    c = openssl_crypto();
    return c ? 0 : -1;
}

static size_t unhex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    for (; hex[0] && hex[1]; hex += 2) {
        unsigned v;
        assert_int_equal(sscanf(hex, "%2x", &v), 1);
        out[n++] = (uint8_t)v;
    }
    return n;
}

static void digests(void **state)
{
    (void)state;
    uint8_t out[64], want[64];
    struct span abc[] = {SPAN_LIT("a"), SPAN_NONE, SPAN_LIT("bc")};
    assert_ok(c->hash(c->ctx, CRYPTO_SHA256, abc, 3, out));
    unhex("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad", want);
    assert_memory_equal(out, want, 32);
    assert_ok(c->hash(c->ctx, CRYPTO_SHA1, abc, 3, out));
    unhex("a9993e364706816aba3e25717850c26c9cd0d89d", want);
    assert_memory_equal(out, want, 20);
    /* RFC 4231 cases 2 and 6 (a key longer than the block) */
    struct span ask[] = {SPAN_LIT("what do ya want "), SPAN_LIT("for nothing?")};
    assert_ok(c->hmac(c->ctx, CRYPTO_SHA256, SPAN_LIT("Jefe"), ask, 2, out));
    unhex("5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843", want);
    assert_memory_equal(out, want, 32);
    uint8_t key[131];
    memset(key, 0xaa, sizeof key);
    struct span text = SPAN_LIT("Test Using Larger Than Block-Size Key - Hash Key First");
    assert_ok(c->hmac(c->ctx, CRYPTO_SHA512, SPAN_OF(key), &text, 1, out));
    unhex("80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f352"
          "6b56d037e05f2598bd0fd2215d6a1e5295e64f73f63f0aec8b915a985d786598",
          want);
    assert_memory_equal(out, want, 64);
}

static void aead(void **state)
{
    (void)state;
    for (int a = CRYPTO_AES_128_GCM; a <= CRYPTO_CHACHA20_POLY1305; a++) {
        uint8_t key[32] = {1, 2, 3}, nonce[12] = {9}, text[100], back[100], ct[116];
        struct span k = SPAN(key, crypto_key_size((enum crypto_aead)a)), nn = SPAN_OF(nonce),
                    aad = SPAN_LIT("with");
        memset(text, 0x5a, sizeof text);
        for (size_t n = 0; n <= sizeof text; n += 20) {
            size_t full = n + CRYPTO_TAG_SIZE;
            assert_ok(c->aead_seal(c->ctx, (enum crypto_aead)a, k, nn, aad, SPAN(text, n), ct));
            assert_ok(c->aead_open(c->ctx, (enum crypto_aead)a, k, nn, aad, SPAN(ct, full), back));
            assert_memory_equal(back, text, n);
            for (size_t i = 0; i < full; i++) {
                ct[i] ^= 1;
                memset(back, 7, sizeof back);
                assert_err(ERR_AUTH,
                           c->aead_open(c->ctx, (enum crypto_aead)a, k, nn, aad, SPAN(ct, full), back));
                for (size_t j = 0; j < n; j++)
                    assert_int_equal(back[j], 0);
                ct[i] ^= 1;
            }
            assert_err(ERR_AUTH, c->aead_open(c->ctx, (enum crypto_aead)a, k, nn, SPAN_LIT("wit"),
                                              SPAN(ct, full), back));
            /* in place */
            memcpy(back, text, n);
            memcpy(ct, back, n);
            assert_ok(c->aead_seal(c->ctx, (enum crypto_aead)a, k, nn, aad, SPAN(ct, n), ct));
            assert_ok(c->aead_open(c->ctx, (enum crypto_aead)a, k, nn, aad, SPAN(ct, full), ct));
            assert_memory_equal(ct, text, n);
        }
        assert_err(ERR_AUTH, c->aead_open(c->ctx, (enum crypto_aead)a, k, nn, aad, SPAN(ct, 15), back));
        assert_err(ERR_RANGE,
                   c->aead_seal(c->ctx, (enum crypto_aead)a, SPAN(key, 15), nn, aad, SPAN(text, 4), ct));
    }
}

static void x25519_small_order(void **state)
{
    (void)state;
    uint8_t priv[32] = {0x40, 1}, pub[65], out[32], keep[32];
    memset(out, 0xee, sizeof out);
    memcpy(keep, out, sizeof out);
    static const char *const bad[] = {
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        unhex(bad[i], pub);
        assert_err(ERR_AUTH, c->dh(c->ctx, CRYPTO_X25519, SPAN_OF(priv), SPAN(pub, 32), out));
        assert_memory_equal(out, keep, 32);
    }
    assert_err(ERR_AUTH, c->dh(c->ctx, CRYPTO_X25519, SPAN_OF(priv), SPAN(pub, 31), out));
    assert_err(ERR_RANGE, c->dh(c->ctx, CRYPTO_X25519, SPAN(priv, 31), SPAN(pub, 32), out));
}

static void p256_points(void **state)
{
    (void)state;
    uint8_t a[32] = {[31] = 5}, b[32] = {[31] = 7}, pa[65], pb[65], x[32], y[32];
    size_t n;
    assert_ok(c->dh_public(c->ctx, CRYPTO_P256, SPAN_OF(a), pa, &n));
    assert_int_equal(n, 65);
    assert_ok(c->dh_public(c->ctx, CRYPTO_P256, SPAN_OF(b), pb, &n));
    assert_ok(c->dh(c->ctx, CRYPTO_P256, SPAN_OF(a), SPAN_OF(pb), x));
    assert_ok(c->dh(c->ctx, CRYPTO_P256, SPAN_OF(b), SPAN_OF(pa), y));
    assert_memory_equal(x, y, 32);
    for (size_t i = 0; i < 65; i += 3) { /* off the curve, or another form of point */
        pb[i] ^= 1;
        assert_err(ERR_AUTH, c->dh(c->ctx, CRYPTO_P256, SPAN_OF(a), SPAN_OF(pb), x));
        pb[i] ^= 1;
    }
    uint8_t compressed[33] = {2}, infinity[1] = {0};
    memcpy(compressed + 1, pb + 1, 32);
    assert_err(ERR_AUTH, c->dh(c->ctx, CRYPTO_P256, SPAN_OF(a), SPAN_OF(compressed), x));
    assert_err(ERR_AUTH, c->dh(c->ctx, CRYPTO_P256, SPAN_OF(a), SPAN_OF(infinity), x));
    assert_err(ERR_AUTH, c->dh(c->ctx, CRYPTO_P256, SPAN_OF(a), SPAN_NONE, x));
    uint8_t zero[32] = {0}, order[32];
    assert_err(ERR_RANGE, c->dh_public(c->ctx, CRYPTO_P256, SPAN_OF(zero), pa, &n));
    unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551", order);
    assert_err(ERR_RANGE, c->dh_public(c->ctx, CRYPTO_P256, SPAN_OF(order), pa, &n));
    order[31] = P256_ORDER_LOW - 1;
    assert_ok(c->dh_public(c->ctx, CRYPTO_P256, SPAN_OF(order), pa, &n));
}

static void signatures(void **state)
{
    (void)state;
    uint8_t priv[32] = {3, 1, 4, 1, 5}, pub[65], sig[CRYPTO_SIGN_MAX];
    size_t pn, sn;
    struct span text = SPAN_LIT("a message");
    for (int s = CRYPTO_ED25519; s <= CRYPTO_ECDSA_P256_SHA256; s++) {
        enum crypto_sign k = (enum crypto_sign)s;
        assert_ok(c->sign_public(c->ctx, k, SPAN_OF(priv), pub, &pn));
        assert_ok(c->sign(c->ctx, k, SPAN_OF(priv), text, sig, &sn));
        assert_ok(c->verify(c->ctx, k, SPAN(pub, pn), text, SPAN(sig, sn)));
        assert_err(ERR_AUTH, c->verify(c->ctx, k, SPAN(pub, pn), SPAN_LIT("b message"), SPAN(sig, sn)));
        assert_err(ERR_AUTH, c->verify(c->ctx, k, SPAN(pub, pn), text, SPAN(sig, sn - 1)));
        assert_err(ERR_AUTH, c->verify(c->ctx, k, SPAN(pub, pn - 1), text, SPAN(sig, sn)));
        for (size_t i = 0; i < sn; i++) {
            sig[i] ^= 0x10;
            assert_err(ERR_AUTH, c->verify(c->ctx, k, SPAN(pub, pn), text, SPAN(sig, sn)));
            sig[i] ^= 0x10;
        }
    }
}

/* Every looser writing of one good ECDSA signature is refused. */
static void strict_der(void **state)
{
    (void)state;
    uint8_t priv[32] = {[31] = 9}, pub[65], sig[CRYPTO_SIGN_MAX], b[CRYPTO_SIGN_MAX + 8];
    size_t pn, n;
    struct span text = SPAN_LIT("x");
    assert_ok(c->sign_public(c->ctx, CRYPTO_ECDSA_P256_SHA256, SPAN_OF(priv), pub, &pn));
    do /* one without leading zeros, so that there is room to add one */
        assert_ok(c->sign(c->ctx, CRYPTO_ECDSA_P256_SHA256, SPAN_OF(priv), text, sig, &n));
    while (sig[3] != 32 || sig[4 + 32 + 1] != 32);
    memcpy(b, sig, n);
    b[n] = 0;
    assert_err(ERR_AUTH, c->verify(c->ctx, CRYPTO_ECDSA_P256_SHA256, SPAN_OF(pub), text, SPAN(b, n + 1)));
    b[0] = 0x30, b[1] = 0x81, b[2] = (uint8_t)(n - 2); /* long form of the length */
    memcpy(b + 3, sig + 2, n - 2);
    assert_err(ERR_AUTH, c->verify(c->ctx, CRYPTO_ECDSA_P256_SHA256, SPAN_OF(pub), text, SPAN(b, n + 1)));
    b[0] = 0x30, b[1] = (uint8_t)(n - 1), b[2] = 2, b[3] = 33, b[4] = 0; /* a zero too many before r */
    memcpy(b + 5, sig + 4, n - 4);
    assert_err(ERR_AUTH, c->verify(c->ctx, CRYPTO_ECDSA_P256_SHA256, SPAN_OF(pub), text, SPAN(b, n + 1)));
    b[0] = 0x30, b[1] = 0x80; /* indefinite length */
    memcpy(b + 2, sig + 2, n - 2);
    b[n] = b[n + 1] = 0;
    assert_err(ERR_AUTH, c->verify(c->ctx, CRYPTO_ECDSA_P256_SHA256, SPAN_OF(pub), text, SPAN(b, n + 2)));
    uint8_t zero[] = {0x30, 6, 2, 1, 0, 2, 1, 0}; /* r = s = 0 */
    assert_err(ERR_AUTH, c->verify(c->ctx, CRYPTO_ECDSA_P256_SHA256, SPAN_OF(pub), text, SPAN_OF(zero)));
}

/* With A of small order and R = -kA for any k, a lax verifier takes S = 0 for some message. */
static void ed25519_odd_keys(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "0100000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000080",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        uint8_t pub[32], sig[64] = {1};
        unhex(bad[i], pub);
        assert_err(ERR_AUTH, c->verify(c->ctx, CRYPTO_ED25519, SPAN_OF(pub), SPAN_LIT("m"), SPAN_OF(sig)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(digests),
        cmocka_unit_test(aead),
        cmocka_unit_test(x25519_small_order),
        cmocka_unit_test(p256_points),
        cmocka_unit_test(signatures),
        cmocka_unit_test(strict_der),
        cmocka_unit_test(ed25519_odd_keys),
    };
    return cmocka_run_group_tests(tests, setup, NULL);
}
