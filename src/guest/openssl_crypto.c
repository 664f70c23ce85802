/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/openssl_crypto.h"

#include <limits.h>
#include <pthread.h>

/* libcrypto has a type of the name of one of our errors */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <openssl/rand.h>
#undef ERR_STATE

#include "base/secret.h"

#define X25519_SIZE     32
#define ED25519_SIZE    32
#define ED25519_SIG     64
#define P256_PRIV       32
#define P256_PUB        65
#define P256_COMPRESSED 33
#define BLOCK_MAX       128 /* SHA-512's block, for HMAC */

static struct {
    EVP_MD *md[5];       /* by enum crypto_hash; MD5 may be missing */
    EVP_CIPHER *aead[3]; /* by enum crypto_aead */
    EVP_CIPHER *ctr[2];  /* 128, 256 bit */
    EC_GROUP *p256;
    bool ok;
} lib;

static void lib_load(void)
{
    static const char *const md[] = {"SHA256", "SHA384", "SHA512", "SHA1"};
    static const char *const aead[] = {"AES-128-GCM", "AES-256-GCM", "ChaCha20-Poly1305"};
    bool ok = true;
    for (size_t i = 0; i < COUNT_OF(md); i++)
        ok = (lib.md[i] = EVP_MD_fetch(NULL, md[i], NULL)) != NULL && ok;
    lib.md[CRYPTO_MD5] = EVP_MD_fetch(NULL, "MD5", NULL);
    for (size_t i = 0; i < COUNT_OF(aead); i++)
        ok = (lib.aead[i] = EVP_CIPHER_fetch(NULL, aead[i], NULL)) != NULL && ok;
    ok = (lib.ctr[0] = EVP_CIPHER_fetch(NULL, "AES-128-CTR", NULL)) != NULL && ok;
    ok = (lib.ctr[1] = EVP_CIPHER_fetch(NULL, "AES-256-CTR", NULL)) != NULL && ok;
    ok = (lib.p256 = EC_GROUP_new_by_curve_name(NID_X9_62_prime256v1)) != NULL && ok;
    lib.ok = ok;
}

/* What libcrypto has to say goes nowhere: our error codes carry it, and its queue must not grow. */
static enum err fail(enum err e)
{
    ERR_clear_error();
    return e;
}

static bool absorb(EVP_MD_CTX *x, const struct span *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].n > 0 && EVP_DigestUpdate(x, parts[i].p, parts[i].n) != 1) return false;
    return true;
}

static enum err do_hash(void *ctx, enum crypto_hash h, const struct span *parts, size_t count, uint8_t *out)
{
    (void)ctx;
    if (!lib.md[h]) return ERR_CRYPTO;
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    bool ok = x && EVP_DigestInit_ex2(x, lib.md[h], NULL) == 1 && absorb(x, parts, count) &&
              EVP_DigestFinal_ex(x, out, NULL) == 1;
    EVP_MD_CTX_free(x);
    return ok ? OK : fail(ERR_CRYPTO);
}

/* RFC 2104 over the digest: in OpenSSL 3.0 EVP_MAC costs several times the two digests it wraps. */
static enum err do_hmac(void *ctx, enum crypto_hash h, struct span key, const struct span *parts,
                        size_t count, uint8_t *out)
{
    uint8_t pad[BLOCK_MAX] = {0}, inner[CRYPTO_HASH_MAX];
    size_t block = h == CRYPTO_SHA384 || h == CRYPTO_SHA512 ? 128 : 64, n = crypto_hash_size(h);
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    bool ok = x != NULL;
    if (key.n > block)
        ok = ok && do_hash(ctx, h, &key, 1, pad) == OK;
    else if (key.n > 0)
        memcpy(pad, key.p, key.n);
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36;
    ok = ok && EVP_DigestInit_ex2(x, lib.md[h], NULL) == 1 && EVP_DigestUpdate(x, pad, block) == 1 &&
         absorb(x, parts, count) && EVP_DigestFinal_ex(x, inner, NULL) == 1;
    for (size_t i = 0; i < block; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    ok = ok && EVP_DigestInit_ex2(x, lib.md[h], NULL) == 1 && EVP_DigestUpdate(x, pad, block) == 1 &&
         EVP_DigestUpdate(x, inner, n) == 1 && EVP_DigestFinal_ex(x, out, NULL) == 1;
    EVP_MD_CTX_free(x);
    secret_wipe(pad, sizeof pad);
    secret_wipe(inner, sizeof inner);
    return ok ? OK : fail(ERR_CRYPTO);
}

static bool aead_fits(enum crypto_aead a, struct span key, struct span nonce, struct span aad, size_t n)
{
    return key.n == crypto_key_size(a) && nonce.n == CRYPTO_NONCE_SIZE && aad.n <= INT_MAX && n <= INT_MAX;
}

static enum err do_aead_seal(void *ctx, enum crypto_aead a, struct span key, struct span nonce,
                             struct span aad, struct span pt, uint8_t *ct)
{
    (void)ctx;
    if (!aead_fits(a, key, nonce, aad, pt.n)) return ERR_RANGE;
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ok = x && EVP_EncryptInit_ex2(x, lib.aead[a], key.p, nonce.p, NULL) == 1 &&
              (aad.n == 0 || EVP_EncryptUpdate(x, NULL, &n, aad.p, (int)aad.n) == 1) &&
              (pt.n == 0 || EVP_EncryptUpdate(x, ct, &n, pt.p, (int)pt.n) == 1) &&
              EVP_EncryptFinal_ex(x, ct + pt.n, &n) == 1 &&
              EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_GET_TAG, CRYPTO_TAG_SIZE, ct + pt.n) == 1;
    EVP_CIPHER_CTX_free(x);
    return ok ? OK : fail(ERR_CRYPTO);
}

static enum err do_aead_open(void *ctx, enum crypto_aead a, struct span key, struct span nonce,
                             struct span aad, struct span ct, uint8_t *pt)
{
    (void)ctx;
    if (ct.n < CRYPTO_TAG_SIZE) return ERR_AUTH;
    size_t len = ct.n - CRYPTO_TAG_SIZE;
    if (!aead_fits(a, key, nonce, aad, len)) return ERR_RANGE;
    uint8_t tag[CRYPTO_TAG_SIZE], none;
    memcpy(tag, ct.p + len, sizeof tag);
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ready = x && EVP_DecryptInit_ex2(x, lib.aead[a], key.p, nonce.p, NULL) == 1 &&
                 EVP_CIPHER_CTX_ctrl(x, EVP_CTRL_AEAD_SET_TAG, CRYPTO_TAG_SIZE, tag) == 1 &&
                 (aad.n == 0 || EVP_DecryptUpdate(x, NULL, &n, aad.p, (int)aad.n) == 1) &&
                 (len == 0 || EVP_DecryptUpdate(x, pt, &n, ct.p, (int)len) == 1);
    bool ok = ready && EVP_DecryptFinal_ex(x, len ? pt + len : &none, &n) == 1;
    EVP_CIPHER_CTX_free(x);
    if (ok) return OK;
    if (len) secret_wipe(pt, len);
    return fail(ready ? ERR_AUTH : ERR_CRYPTO);
}

static enum err do_aes_ctr(void *ctx, struct span key, struct span iv, struct span in, uint8_t *out)
{
    (void)ctx;
    if ((key.n != 16 && key.n != 32) || iv.n != 16 || in.n > INT_MAX) return ERR_RANGE;
    EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
    int n = 0;
    bool ok = x && EVP_EncryptInit_ex2(x, lib.ctr[key.n == 32], key.p, iv.p, NULL) == 1 &&
              (in.n == 0 || EVP_EncryptUpdate(x, out, &n, in.p, (int)in.n) == 1);
    EVP_CIPHER_CTX_free(x);
    return ok ? OK : fail(ERR_CRYPTO);
}

/* The private scalar, 1 <= d < order; NULL when it is none. */
static BIGNUM *p256_scalar(struct span priv)
{
    if (priv.n != P256_PRIV) return NULL;
    BIGNUM *d = BN_secure_new();
    if (d && BN_bin2bn(priv.p, P256_PRIV, d) && !BN_is_zero(d) &&
        BN_cmp(d, EC_GROUP_get0_order(lib.p256)) < 0) {
        BN_set_flags(d, BN_FLG_CONSTTIME);
        return d;
    }
    BN_clear_free(d);
    return NULL;
}

static enum err p256_public(struct span priv, uint8_t *pub)
{
    BIGNUM *d = p256_scalar(priv);
    if (!d) return fail(ERR_RANGE);
    EC_POINT *q = EC_POINT_new(lib.p256);
    uint8_t b[P256_PUB];
    bool ok = q && EC_POINT_mul(lib.p256, q, d, NULL, NULL, NULL) == 1 &&
              EC_POINT_point2oct(lib.p256, q, POINT_CONVERSION_UNCOMPRESSED, b, sizeof b, NULL) == sizeof b;
    EC_POINT_free(q);
    BN_clear_free(d);
    if (!ok) return fail(ERR_CRYPTO);
    memcpy(pub, b, sizeof b);
    return OK;
}

/* An uncompressed point that lies on the curve and is not the one at infinity, or NULL. */
static EC_POINT *p256_point(struct span pub)
{
    if (pub.n != P256_PUB || pub.p[0] != POINT_CONVERSION_UNCOMPRESSED) return NULL;
    EC_POINT *q = EC_POINT_new(lib.p256);
    if (q && EC_POINT_oct2point(lib.p256, q, pub.p, pub.n, NULL) == 1 &&
        EC_POINT_is_on_curve(lib.p256, q, NULL) == 1)
        return q;
    EC_POINT_free(q);
    return NULL;
}

static enum err p256_dh(struct span priv, struct span pub, uint8_t *shared)
{
    EC_POINT *q = p256_point(pub);
    if (!q) return fail(ERR_AUTH);
    BIGNUM *d = p256_scalar(priv), *x = BN_secure_new();
    EC_POINT *r = EC_POINT_new(lib.p256);
    enum err e = d ? ERR_CRYPTO : ERR_RANGE;
    if (d && x && r && EC_POINT_mul(lib.p256, r, NULL, q, d, NULL) == 1) {
        if (EC_POINT_is_at_infinity(lib.p256, r))
            e = ERR_AUTH;
        else if (EC_POINT_get_affine_coordinates(lib.p256, r, x, NULL, NULL) == 1 &&
                 BN_bn2binpad(x, shared, CRYPTO_DH_MAX) == CRYPTO_DH_MAX)
            e = OK;
    }
    EC_POINT_free(q);
    EC_POINT_clear_free(r);
    BN_clear_free(d);
    BN_clear_free(x);
    return e == OK ? OK : fail(e);
}

static enum err raw_public(int type, struct span priv, uint8_t *pub)
{
    if (priv.n != X25519_SIZE) return ERR_RANGE;
    EVP_PKEY *k = EVP_PKEY_new_raw_private_key(type, NULL, priv.p, priv.n);
    size_t n = X25519_SIZE;
    bool ok = k && EVP_PKEY_get_raw_public_key(k, pub, &n) == 1 && n == X25519_SIZE;
    EVP_PKEY_free(k);
    return ok ? OK : fail(ERR_CRYPTO);
}

static enum err x25519_dh(struct span priv, struct span pub, uint8_t *shared)
{
    static const uint8_t zero[X25519_SIZE];
    if (priv.n != X25519_SIZE) return ERR_RANGE;
    if (pub.n != X25519_SIZE) return ERR_AUTH;
    EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, priv.p, priv.n);
    EVP_PKEY *peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, pub.p, pub.n);
    EVP_PKEY_CTX *x = k ? EVP_PKEY_CTX_new(k, NULL) : NULL;
    uint8_t b[X25519_SIZE];
    size_t n = sizeof b;
    enum err e = ERR_CRYPTO;
    if (x && peer && EVP_PKEY_derive_init(x) == 1 && EVP_PKEY_derive_set_peer_ex(x, peer, 0) == 1) {
        /* libcrypto answers an all-zero result (a point of small order) with failure */
        bool good =
            EVP_PKEY_derive(x, b, &n) == 1 && n == sizeof b && !secret_equal(SPAN_OF(b), SPAN_OF(zero));
        e = good ? OK : ERR_AUTH;
        if (good) memcpy(shared, b, sizeof b);
    }
    secret_wipe(b, sizeof b);
    EVP_PKEY_CTX_free(x);
    EVP_PKEY_free(peer);
    EVP_PKEY_free(k);
    return e == OK ? OK : fail(e);
}

static enum err do_dh_public(void *ctx, enum crypto_dh d, struct span priv, uint8_t *pub, size_t *pub_n)
{
    (void)ctx;
    enum err e = d == CRYPTO_X25519 ? raw_public(EVP_PKEY_X25519, priv, pub) : p256_public(priv, pub);
    if (e == OK) *pub_n = d == CRYPTO_X25519 ? X25519_SIZE : P256_PUB;
    return e;
}

static enum err do_dh(void *ctx, enum crypto_dh d, struct span priv, struct span pub, uint8_t *shared)
{
    (void)ctx;
    return d == CRYPTO_X25519 ? x25519_dh(priv, pub, shared) : p256_dh(priv, pub, shared);
}

static enum err do_sign_public(void *ctx, enum crypto_sign s, struct span priv, uint8_t *pub, size_t *pub_n)
{
    (void)ctx;
    enum err e = s == CRYPTO_ED25519 ? raw_public(EVP_PKEY_ED25519, priv, pub) : p256_public(priv, pub);
    if (e == OK) *pub_n = s == CRYPTO_ED25519 ? ED25519_SIZE : P256_PUB;
    return e;
}

/* A P-256 key for signing (priv given) or verifying (pub given), or NULL. */
static EVP_PKEY *p256_key(struct span priv, struct span pub)
{
    BIGNUM *d = priv.n ? p256_scalar(priv) : NULL;
    OSSL_PARAM_BLD *b = OSSL_PARAM_BLD_new();
    OSSL_PARAM *params = NULL;
    EVP_PKEY *k = NULL;
    EVP_PKEY_CTX *x = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    if (b && x && (d || pub.n) &&
        OSSL_PARAM_BLD_push_utf8_string(b, OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) == 1 &&
        (!d || OSSL_PARAM_BLD_push_BN(b, OSSL_PKEY_PARAM_PRIV_KEY, d) == 1) &&
        (!pub.n || OSSL_PARAM_BLD_push_octet_string(b, OSSL_PKEY_PARAM_PUB_KEY, pub.p, pub.n) == 1) &&
        (params = OSSL_PARAM_BLD_to_param(b)) != NULL && EVP_PKEY_fromdata_init(x) == 1 &&
        EVP_PKEY_fromdata(x, &k, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY, params) != 1)
        k = NULL;
    OSSL_PARAM_free(params);
    OSSL_PARAM_BLD_free(b);
    EVP_PKEY_CTX_free(x);
    BN_clear_free(d);
    return k;
}

static enum err do_sign(void *ctx, enum crypto_sign s, struct span priv, struct span message, uint8_t *sig,
                        size_t *sig_n)
{
    (void)ctx;
    bool ed = s == CRYPTO_ED25519;
    if (priv.n != (ed ? ED25519_SIZE : P256_PRIV)) return ERR_RANGE;
    EVP_PKEY *k =
        ed ? EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, priv.p, priv.n) : p256_key(priv, SPAN_NONE);
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    uint8_t b[CRYPTO_SIGN_MAX];
    size_t n = sizeof b;
    bool ok = k && x && EVP_DigestSignInit_ex(x, NULL, ed ? NULL : "SHA256", NULL, NULL, k, NULL) == 1 &&
              EVP_DigestSign(x, b, &n, message.p, message.n) == 1;
    EVP_MD_CTX_free(x);
    EVP_PKEY_free(k);
    if (!ok) return fail(ERR_CRYPTO);
    memcpy(sig, b, n);
    *sig_n = n;
    return OK;
}

/* Ed25519 public keys on which libraries disagree are refused: y >= p, and x = 0 (y = 1 or p - 1). */
static bool ed25519_public_ok(struct span pub)
{
    if (pub.n != ED25519_SIZE) return false;
    uint8_t top = pub.p[31] & 0x7f, low = pub.p[0];
    bool ones = top == 0x7f, zeros = top == 0;
    for (size_t i = 1; i < 31; i++) {
        ones = ones && pub.p[i] == 0xff;
        zeros = zeros && pub.p[i] == 0;
    }
    return !(ones && low >= 0xec) && !(zeros && low == 1);
}

/* Strict DER of two positive integers of at most 33 bytes each, nothing after them. */
static bool der_strict(struct span sig)
{
    if (sig.n < 8 || sig.n > CRYPTO_SIGN_MAX || sig.p[0] != 0x30 || sig.p[1] != sig.n - 2) return false;
    size_t at = 2;
    for (int i = 0; i < 2; i++) {
        if (sig.n - at < 3 || sig.p[at] != 0x02) return false;
        size_t n = sig.p[at + 1];
        const uint8_t *v = sig.p + at + 2;
        if (n == 0 || n > 33 || n > sig.n - at - 2) return false;
        if (v[0] & 0x80 || (n > 1 && v[0] == 0 && !(v[1] & 0x80))) return false;
        at += 2 + n;
    }
    return at == sig.n;
}

/* The forms of SEC 1 section 2.3.3 but the hybrid and the infinite one. */
static bool p256_form_ok(struct span pub)
{
    return (pub.n == P256_PUB && pub.p[0] == POINT_CONVERSION_UNCOMPRESSED) ||
           (pub.n == P256_COMPRESSED && (pub.p[0] & 0xfe) == POINT_CONVERSION_COMPRESSED);
}

static enum err do_verify(void *ctx, enum crypto_sign s, struct span pub, struct span message,
                          struct span sig)
{
    (void)ctx;
    bool ed = s == CRYPTO_ED25519;
    if (ed ? !ed25519_public_ok(pub) || sig.n != ED25519_SIG : !p256_form_ok(pub) || !der_strict(sig))
        return ERR_AUTH;
    EVP_PKEY *k =
        ed ? EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, pub.p, pub.n) : p256_key(SPAN_NONE, pub);
    EVP_MD_CTX *x = EVP_MD_CTX_new();
    bool ok = k && x && EVP_DigestVerifyInit_ex(x, NULL, ed ? NULL : "SHA256", NULL, NULL, k, NULL) == 1 &&
              EVP_DigestVerify(x, sig.p, sig.n, message.p, message.n) == 1;
    EVP_MD_CTX_free(x);
    EVP_PKEY_free(k);
    return ok ? OK : fail(ERR_AUTH);
}

static enum err do_random(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    if (n > INT_MAX) return ERR_RANGE;
    return RAND_bytes(dst, (int)n) == 1 ? OK : fail(ERR_CRYPTO);
}

const struct crypto *openssl_crypto(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static const struct crypto table = {
        NULL,         do_hash, do_hmac,        do_aead_seal, do_aead_open, do_aes_ctr,
        do_dh_public, do_dh,   do_sign_public, do_sign,      do_verify,    do_random,
    };
    return pthread_once(&once, lib_load) == 0 && lib.ok ? &table : NULL;
}
