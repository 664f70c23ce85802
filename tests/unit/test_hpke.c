/* SPDX-License-Identifier: Apache-2.0
 * HPKE and the suites' labelled functions: what must be refused, and the deterministic archive seal. The
 * RFC's and the working group's vectors run in build/tests/vectors. */
#include "test.h"

#include "guest/openssl_crypto.h"
#include "seal/hpke.h"
#include "seal/suite.h"

static struct hpke_with with_of(uint16_t kem)
{
    return (struct hpke_with){.crypto = openssl_crypto(),
                              .kem = kem,
                              .kdf = HPKE_KDF_SHA256,
                              .aead = HPKE_AES_128_GCM,
                              .info = SPAN_LIT("incamera 1.0 archive seal")};
}

static const uint16_t kems[] = {HPKE_KEM_X25519, HPKE_KEM_P256};

/* Every member of an epoch makes the same bytes; another W has another ephemeral by its keying material. */
static void same_seal_from_every_member(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hpke_with with = with_of(kems[i]);
        struct secret priv;
        uint8_t pub[HPKE_ENC_MAX], enc[3][HPKE_ENC_MAX], ct[2][5 + CRYPTO_TAG_SIZE];
        size_t n, enc_n[3];
        assert_ok(hpke_derive_key_pair(with.crypto, with.kem, SPAN_LIT("archive"), &priv, pub, &n));
        for (int k = 0; k < 2; k++) {
            struct hpke h;
            with.ephemeral_ikm = SPAN_LIT("from the exporter");
            assert_ok(hpke_send(&h, &with, SPAN(pub, n), enc[k], &enc_n[k]));
            assert_ok(hpke_seal(&h, SPAN_LIT("aad"), SPAN_LIT("W...."), ct[k]));
            hpke_fini(&h);
        }
        assert_memory_equal(enc[0], enc[1], enc_n[0]);
        assert_memory_equal(ct[0], ct[1], sizeof ct[0]);
        struct hpke h;
        with.ephemeral_ikm = SPAN_NONE; /* fresh */
        assert_ok(hpke_send(&h, &with, SPAN(pub, n), enc[2], &enc_n[2]));
        hpke_fini(&h);
        assert_memory_not_equal(enc[0], enc[2], enc_n[0]);
    }
}

static void refuses(void **state)
{
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct hpke_with with = with_of(kems[i]);
        struct secret priv;
        uint8_t pub[HPKE_ENC_MAX], enc[HPKE_ENC_MAX], ct[64], pt[64];
        size_t n, enc_n;
        struct hpke to = {0}, from = {0};
        assert_ok(hpke_derive_key_pair(with.crypto, with.kem, SPAN_LIT("them"), &priv, pub, &n));
        assert_ok(hpke_send(&to, &with, SPAN(pub, n), enc, &enc_n));
        assert_ok(hpke_receive(&from, &with, secret_span(&priv), SPAN(enc, enc_n)));
        assert_ok(hpke_seal(&to, SPAN_NONE, SPAN_LIT("text"), ct));
        assert_err(ERR_AUTH, hpke_open(&from, SPAN_LIT("x"), SPAN(ct, 20), pt));
        assert_err(ERR_AUTH, hpke_open(&from, SPAN_NONE, SPAN(ct, 19), pt));
        assert_int_equal(from.seq, 0);
        assert_ok(hpke_open(&from, SPAN_NONE, SPAN(ct, 20), pt));
        assert_err(ERR_AUTH, hpke_open(&from, SPAN_NONE, SPAN(ct, 20), pt)); /* each message once */
        assert_err(ERR_STATE, hpke_seal(&from, SPAN_NONE, SPAN_LIT("t"), ct));
        assert_err(ERR_STATE, hpke_open(&to, SPAN_NONE, SPAN(ct, 20), pt));
        to.seq = UINT64_MAX;
        assert_err(ERR_LIMIT, hpke_seal(&to, SPAN_NONE, SPAN_LIT("text"), ct));
        /* bad points, sizes, half a psk, a short psk, unknown numbers: outputs stay as they were */
        struct hpke keep = from;
        uint8_t bad[HPKE_ENC_MAX] = {i ? 4 : 0}; /* off the curve; a point of small order */
        assert_err(ERR_AUTH, hpke_receive(&from, &with, secret_span(&priv), SPAN(bad, n)));
        assert_err(ERR_AUTH, hpke_receive(&from, &with, secret_span(&priv), SPAN(enc, enc_n - 1)));
        assert_err(ERR_AUTH, hpke_send(&from, &with, SPAN(bad, n), enc, &enc_n));
        with.psk = SPAN_LIT("0123456789abcdef0123456789abcdef");
        assert_err(ERR_RANGE, hpke_receive(&from, &with, secret_span(&priv), SPAN(enc, enc_n)));
        with.psk_id = SPAN_LIT("id"), with.psk.n = 31;
        assert_err(ERR_RANGE, hpke_receive(&from, &with, secret_span(&priv), SPAN(enc, enc_n)));
        with.psk.n = 32, with.kem = 0x0012;
        assert_err(ERR_UNSUPPORTED, hpke_receive(&from, &with, secret_span(&priv), SPAN(enc, enc_n)));
        assert_memory_equal(&keep, &from, sizeof keep);
        hpke_fini(&to);
        hpke_fini(&from);
        assert_err(ERR_STATE, hpke_export(&to, SPAN_NONE, MSPAN(pt, 8)));
        assert_err(ERR_STATE, hpke_seal(&to, SPAN_NONE, SPAN_LIT("text"), ct));
    }
}

static void suites(void **state)
{
    (void)state;
    struct suite s;
    assert_err(ERR_UNSUPPORTED, suite_init(&s, 4, openssl_crypto()));
    assert_err(ERR_UNSUPPORTED, suite_init(&s, 0, openssl_crypto()));
    for (uint16_t id = 1; id <= 3; id++) {
        assert_ok(suite_init(&s, id, openssl_crypto()));
        struct secret priv, sk;
        uint8_t pub[CRYPTO_PUBLIC_MAX], spub[CRYPTO_PUBLIC_MAX], enc[HPKE_ENC_MAX], ct[32], pt[16];
        uint8_t sig[CRYPTO_SIGN_MAX];
        size_t n;
        assert_ok(suite_dh_new(&s, &priv, pub));
        assert_ok(suite_sign_new(&s, &sk, spub));
        struct suite_box to = {SPAN(pub, s.npk), SPAN_LIT("UpdatePathNode"), SPAN_LIT("context")},
                         from = {secret_span(&priv), to.label, to.context};
        assert_ok(suite_encrypt(&s, &to, SPAN_LIT("0123456789abcdef"), enc, ct));
        assert_ok(suite_decrypt(&s, &from, SPAN(enc, s.npk), SPAN_OF(ct), pt));
        assert_memory_equal(pt, "0123456789abcdef", 16);
        from.context = SPAN_LIT("contexT");
        assert_err(ERR_AUTH, suite_decrypt(&s, &from, SPAN(enc, s.npk), SPAN_OF(ct), pt));
        from.context = to.context, from.label = SPAN_LIT("Welcome");
        assert_err(ERR_AUTH, suite_decrypt(&s, &from, SPAN(enc, s.npk), SPAN_OF(ct), pt));
        assert_ok(suite_sign(&s, secret_span(&sk), SPAN_LIT("FramedContentTBS"), SPAN_LIT("c"), sig, &n));
        assert_ok(
            suite_verify(&s, SPAN(spub, s.nspk), SPAN_LIT("FramedContentTBS"), SPAN_LIT("c"), SPAN(sig, n)));
        assert_err(ERR_AUTH, suite_verify(&s, SPAN(spub, s.nspk), SPAN_LIT("LeafNodeTBS"), SPAN_LIT("c"),
                                          SPAN(sig, n)));
        if (id == SUITE_P256_AES128) { /* the same key compressed, as ts-mls writes it */
            uint8_t small[33];
            memcpy(small, spub, 33);
            small[0] = (uint8_t)(2 + (spub[64] & 1));
            assert_ok(
                suite_verify(&s, SPAN_OF(small), SPAN_LIT("FramedContentTBS"), SPAN_LIT("c"), SPAN(sig, n)));
        }
    }
}

static enum err boxes(void *arg)
{
    (void)arg;
    static uint8_t large[4096];
    struct suite s;
    struct secret priv, sk;
    uint8_t pub[CRYPTO_PUBLIC_MAX], spub[CRYPTO_PUBLIC_MAX], enc[HPKE_ENC_MAX], ct[32], pt[16],
        sig[CRYPTO_SIGN_MAX];
    size_t n;
    enum err e = suite_init(&s, 1, openssl_crypto());
    if (e == OK) e = suite_dh_new(&s, &priv, pub);
    if (e == OK) e = suite_sign_new(&s, &sk, spub);
    struct suite_box to = {SPAN(pub, s.npk), SPAN_LIT("l"), SPAN_LIT("c")},
                     from = {secret_span(&priv), to.label, to.context};
    if (e == OK) e = suite_encrypt(&s, &to, SPAN_LIT("0123456789abcdef"), enc, ct);
    if (e == OK) e = suite_decrypt(&s, &from, SPAN(enc, s.npk), SPAN_OF(ct), pt);
    if (e == OK) e = suite_sign(&s, secret_span(&sk), SPAN_LIT("l"), SPAN_OF(large), sig, &n);
    if (e == OK) e = suite_verify(&s, SPAN(spub, s.nspk), SPAN_LIT("l"), SPAN_OF(large), SPAN(sig, n));
    return e;
}

static void without_memory(void **state)
{
    (void)state;
    assert_int_equal(oom_run(boxes, NULL), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_seal_from_every_member),
        cmocka_unit_test(refuses),
        cmocka_unit_test(suites),
        cmocka_unit_test(without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
