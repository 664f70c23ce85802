/* SPDX-License-Identifier: Apache-2.0
 * archive/consent and archive/evidence: receipts that are signed, manifests and digests that are read back, and what
 * is refused. The whole chain, with a server's own proof, is in tests/daemon/test_recording.py. */
#include "archive/consent.h"
#include "archive/evidence.h"
#include "guest/openssl_crypto.h"
#include "test.h"
#include "wire/base64url.h"
#include "wire/json.h"

#include <string.h>

static const uint8_t priv[32] = {7, 1, 2, 3};

/* DER to r and s, 32 bytes each. */
static void p1363(struct span der, uint8_t out[64])
{
    const uint8_t *p = der.p + 2;
    memset(out, 0, 64);
    for (unsigned i = 0; i < 2; i++) {
        size_t n = p[1];
        const uint8_t *v = p + 2;
        p = v + n;
        while (n > 32)
            v++, n--;
        memcpy(out + 32 * i + 32 - n, v, n);
    }
}

static void sign(const struct consent *c, uint8_t signature[64])
{
    const struct crypto *x = openssl_crypto();
    uint8_t bytes[2048], der[CRYPTO_SIGN_MAX];
    size_t n;
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    consent_signed(&w, c);
    assert_ok(x->sign(x->ctx, CRYPTO_ECDSA_P256_SHA256, SPAN_OF(priv), writer_span(&w), der, &n));
    p1363(SPAN(der, n), signature);
}

static struct consent some(uint64_t at)
{
    return (struct consent){.recording = {1, 2, 3},
                            .room = SPAN_LIT("room"),
                            .member = 7,
                            .policy = {4, 5, 6},
                            .agreed = true,
                            .at_ms = at,
                            .text = SPAN_LIT("I agree — \"yes\".")};
}

static void receipts(void **state)
{
    (void)state;
    const struct crypto *x = openssl_crypto();
    uint8_t key[CRYPTO_PUBLIC_MAX], s[64];
    size_t key_n;
    assert_ok(x->sign_public(x->ctx, CRYPTO_ECDSA_P256_SHA256, SPAN_OF(priv), key, &key_n));
    assert_int_equal(key_n, CONSENT_KEY);
    for (uint64_t i = 0; i < 64; i++) { /* r and s with and without their top bit, shorter ones too */
        struct consent c = some(i);
        sign(&c, s);
        assert_ok(consent_check(x, &c, SPAN_OF(key), SPAN_OF(s)));
        c.agreed = false;
        assert_err(ERR_AUTH, consent_check(x, &c, SPAN_OF(key), SPAN_OF(s)));
        c = some(i);
        c.recording[15] ^= 1;
        assert_err(ERR_AUTH, consent_check(x, &c, SPAN_OF(key), SPAN_OF(s)));
        c = some(i + 1);
        assert_err(ERR_AUTH, consent_check(x, &c, SPAN_OF(key), SPAN_OF(s)));
        s[i] ^= 1;
        c = some(i);
        assert_true(consent_check(x, &c, SPAN_OF(key), SPAN_OF(s)) != OK);
    }
    struct consent c = some(0);
    memset(s, 0, sizeof s);
    assert_true(consent_check(x, &c, SPAN_OF(key), SPAN_OF(s)) != OK);
    assert_err(ERR_FORMAT, consent_check(x, &c, SPAN_OF(key), SPAN(s, 63)));
    assert_err(ERR_FORMAT, consent_check(x, &c, SPAN(key, 64), SPAN_OF(s)));
    static char text[CONSENT_TEXT_MAX + 1];
    c.text = SPAN(text, sizeof text);
    assert_err(ERR_LIMIT, consent_check(x, &c, SPAN_OF(key), SPAN_OF(s)));
}

static void put_line(struct writer *w, const struct consent *c, const char *first, bool agreed)
{
    const struct crypto *x = openssl_crypto();
    uint8_t key[CRYPTO_PUBLIC_MAX], s[64];
    size_t key_n;
    sign(c, s);
    assert_ok(x->sign_public(x->ctx, CRYPTO_ECDSA_P256_SHA256, SPAN_OF(priv), key, &key_n));
    write_str(w, first);
    write_str(w, "\"recording\":\"");
    write_hex(w, SPAN_OF(c->recording));
    write_str(w, "\",\"room\":");
    json_write_text(w, c->room);
    write_str(w, ",\"member\":7,\"name\":\"Ana\",\"policy\":\"");
    write_hex(w, SPAN_OF(c->policy));
    write_str(w, agreed ? "\",\"agreed\":true,\"when\":" : "\",\"agreed\":false,\"when\":");
    write_dec(w, c->at_ms);
    write_str(w, ",\"text\":");
    json_write_text(w, c->text);
    write_str(w, ",\"key\":\"");
    base64url_write(w, SPAN(key, key_n));
    write_str(w, "\",\"signature\":\"");
    base64url_write(w, SPAN_OF(s));
    write_str(w, "\"}");
}

static void receipts_as_lines(void **state)
{
    (void)state;
    const struct crypto *x = openssl_crypto();
    uint8_t text[4096], other[ARTEFACT_ID] = {9};
    struct consent c = some(1234567890123);
    struct writer w = writer_of(MSPAN(text, sizeof text));
    put_line(&w, &c, "{\"seq\":1,", true);
    assert_ok(write_ok(&w));
    assert_ok(evidence_consent(x, writer_span(&w), c.recording));
    assert_err(ERR_AUTH, evidence_consent(x, writer_span(&w), other));
    w = writer_of(MSPAN(text, sizeof text));
    put_line(&w, &c, "{\"seq\":1,", false);
    assert_err(ERR_AUTH, evidence_consent(x, writer_span(&w), c.recording));
    for (size_t n = 0; n < w.n; n++)
        assert_err(ERR_FORMAT, evidence_consent(x, SPAN(text, n), c.recording));
}

static void manifests(void **state)
{
    (void)state;
    static const char good[] =
        "{\"incamera_recording\":1,\"id\":\"000102030405060708090a0b0c0d0e0f\",\"room\":\"r\",\"tracks\":[{"
        "\"file\":"
        "\"x\"}],\"files\":[{\"file\":\"a.webm\",\"bytes\":7,\"digest\":"
        "\"00000000000000000000000000000000000000000000000000000000000000ff\"},{\"file\":\"b\",\"bytes\":0,"
        "\"digest\":\"0000000000000000000000000000000000000000000000000000000000000001\"}]}\n";
    struct evidence_file f[4];
    uint8_t id[ARTEFACT_ID];
    unsigned n;
    assert_ok(evidence_manifest(span_str(good), id, f, 4, &n));
    assert_int_equal(n, 2);
    assert_int_equal(id[15], 15);
    assert_string_equal(f[0].name, "a.webm");
    assert_int_equal(f[0].bytes, 7);
    assert_int_equal(f[0].digest[31], 0xff);
    assert_err(ERR_LIMIT, evidence_manifest(span_str(good), id, f, 1, &n));
    for (size_t i = 0; i + 2 < sizeof good; i++)
        assert_true(evidence_manifest(SPAN(good, i), id, f, 4, &n) != OK);
}

static void digests(void **state)
{
    (void)state;
    static uint8_t bytes[3 * RECORDING_BLOCK + 5];
    static struct evidence_digest a, b;
    const struct crypto *x = openssl_crypto();
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(i * 7 + (i >> 9));
    for (size_t n = sizeof bytes - RECORDING_BLOCK - 7; n <= sizeof bytes;
         n++) { /* in one piece, and in odd ones */
        if (n % 8191 && n != sizeof bytes && n % RECORDING_BLOCK) continue;
        evidence_digest_begin(&a, x);
        evidence_digest_begin(&b, x);
        assert_ok(evidence_digest_add(&a, SPAN(bytes, n)));
        for (size_t at = 0; at < n; at += 1237)
            assert_ok(evidence_digest_add(&b, SPAN(bytes + at, n - at < 1237 ? n - at : 1237)));
        assert_ok(evidence_digest_end(&a));
        assert_ok(evidence_digest_end(&b));
        assert_memory_equal(a.digest, b.digest, 32);
    }
    bytes[RECORDING_BLOCK] ^= 1;
    evidence_digest_begin(&b, x);
    assert_ok(evidence_digest_add(&b, SPAN_OF(bytes)));
    assert_ok(evidence_digest_end(&b));
    assert_memory_not_equal(a.digest, b.digest, 32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(receipts),
        cmocka_unit_test(receipts_as_lines),
        cmocka_unit_test(manifests),
        cmocka_unit_test(digests),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
