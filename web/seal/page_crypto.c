/* SPDX-License-Identifier: Apache-2.0
 * The table of core/crypto.h in WebAssembly: every primitive is a synchronous import of module "crypto",
 * which the page's worker fulfils (web/worker/crypto_noble.ts). Owns nothing and keeps no key. Signatures
 * cross as 64 bytes (r, s): their DER, and how strict it is, is decided here. An import answers 0 or more, or
 * -enum err. */
#include "core/crypto.h"
#include "base/secret.h"
#include "seal/face.h"

#ifdef SEAL_MBEDTLS
#include <mbedtls/gcm.h>
#include <mbedtls/sha256.h>
#endif

#define IMPORT(name) __attribute__((import_module("crypto"), import_name(#name)))

struct part { /* what the page reads: two little-endian 32-bit numbers */
    const uint8_t *p;
    size_t n;
};
_Static_assert(sizeof(struct span) == 8 && sizeof(struct part) == 8, "the page reads spans as two words");

IMPORT(hash) int32_t page_hash(uint32_t h, const struct span *parts, size_t count, uint8_t *out);
IMPORT(hmac)
int32_t page_hmac(uint32_t h, const uint8_t *key, size_t key_n, const struct span *parts, size_t count,
                  uint8_t *out);
/* parts: key, nonce, additional data, text */
IMPORT(aead_seal) int32_t page_aead_seal(uint32_t a, const struct span *parts, uint8_t *out);
IMPORT(aead_open) int32_t page_aead_open(uint32_t a, const struct span *parts, uint8_t *out);
IMPORT(aes_ctr) int32_t page_aes_ctr(const struct span *parts, uint8_t *out);
IMPORT(dh_public) int32_t page_dh_public(uint32_t d, const uint8_t *priv, uint8_t *pub);
IMPORT(dh)
int32_t page_dh(uint32_t d, const uint8_t *priv, const uint8_t *pub, size_t pub_n, uint8_t *shared);
IMPORT(sign_public) int32_t page_sign_public(uint32_t s, const uint8_t *priv, uint8_t *pub);
IMPORT(sign)
int32_t page_sign(uint32_t s, const uint8_t *priv, const uint8_t *message, size_t n, uint8_t *sig);
/* parts: public key, message, 64 bytes of signature */
IMPORT(verify) int32_t page_verify(uint32_t s, const struct span *parts);
IMPORT(random) int32_t page_random(uint8_t *dst, size_t n);

static enum err result(int32_t r)
{
    return r >= 0 ? OK : -r < ERR_COUNT ? (enum err) - r : ERR_CRYPTO;
}

#ifdef SEAL_MBEDTLS
#define BLOCK 64

static bool sha_absorb(mbedtls_sha256_context *x, const struct span *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (parts[i].n && mbedtls_sha256_update_ret(x, parts[i].p, parts[i].n) != 0) return false;
    return true;
}

/* SHA-256 of a first part and the others. */
static enum err sha256(struct span first, const struct span *parts, size_t count, uint8_t *out)
{
    mbedtls_sha256_context x;
    mbedtls_sha256_init(&x);
    bool ok = mbedtls_sha256_starts_ret(&x, 0) == 0 && sha_absorb(&x, &first, 1) &&
              sha_absorb(&x, parts, count) && mbedtls_sha256_finish_ret(&x, out) == 0;
    mbedtls_sha256_free(&x);
    return ok ? OK : ERR_CRYPTO;
}

/* RFC 2104. */
static enum err hmac_sha256(struct span key, const struct span *parts, size_t count, uint8_t *out)
{
    uint8_t pad[BLOCK] = {0}, inner[32];
    enum err e = OK;
    if (key.n > BLOCK)
        e = sha256(key, NULL, 0, pad);
    else if (key.n)
        memcpy(pad, key.p, key.n);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36;
    if (e == OK) e = sha256(SPAN_OF(pad), parts, count, inner);
    for (size_t i = 0; i < BLOCK; i++)
        pad[i] ^= 0x36 ^ 0x5c;
    struct span last = SPAN_OF(inner);
    if (e == OK) e = sha256(SPAN_OF(pad), &last, 1, out);
    secret_wipe(pad, sizeof pad);
    secret_wipe(inner, sizeof inner);
    return e;
}

static bool gcm_start(mbedtls_gcm_context *g, struct span key)
{
    mbedtls_gcm_init(g);
    return mbedtls_gcm_setkey(g, MBEDTLS_CIPHER_ID_AES, key.p, (unsigned)key.n * 8) == 0;
}

static enum err gcm_seal(struct span key, struct span nonce, struct span aad, struct span pt, uint8_t *ct)
{
    mbedtls_gcm_context g;
    bool ok = gcm_start(&g, key) &&
              mbedtls_gcm_crypt_and_tag(&g, MBEDTLS_GCM_ENCRYPT, pt.n, nonce.p, nonce.n, aad.p, aad.n, pt.p,
                                        ct, CRYPTO_TAG_SIZE, ct + pt.n) == 0;
    mbedtls_gcm_free(&g);
    return ok ? OK : ERR_CRYPTO;
}

static enum err gcm_open(struct span key, struct span nonce, struct span aad, struct span ct, uint8_t *pt)
{
    mbedtls_gcm_context g;
    size_t n = ct.n - CRYPTO_TAG_SIZE;
    uint8_t tag[CRYPTO_TAG_SIZE];
    memcpy(tag, ct.p + n, sizeof tag);
    bool ok = gcm_start(&g, key) &&
              mbedtls_gcm_auth_decrypt(&g, n, nonce.p, nonce.n, aad.p, aad.n, tag, sizeof tag, ct.p, pt) == 0;
    mbedtls_gcm_free(&g);
    return ok ? OK : ERR_AUTH;
}
#endif

static enum err do_hash(void *ctx, enum crypto_hash h, const struct span *parts, size_t count, uint8_t *out)
{
    (void)ctx;
#ifdef SEAL_MBEDTLS
    if (h == CRYPTO_SHA256) return sha256(SPAN_NONE, parts, count, out);
#endif
    return result(page_hash(h, parts, count, out));
}

static enum err do_hmac(void *ctx, enum crypto_hash h, struct span key, const struct span *parts,
                        size_t count, uint8_t *out)
{
    (void)ctx;
#ifdef SEAL_MBEDTLS
    if (h == CRYPTO_SHA256) return hmac_sha256(key, parts, count, out);
#endif
    return result(page_hmac(h, key.p, key.n, parts, count, out));
}

static enum err do_aead_seal(void *ctx, enum crypto_aead a, struct span key, struct span nonce,
                             struct span aad, struct span pt, uint8_t *ct)
{
    (void)ctx;
    if (key.n != crypto_key_size(a) || nonce.n != CRYPTO_NONCE_SIZE) return ERR_RANGE;
#ifdef SEAL_MBEDTLS
    if (a != CRYPTO_CHACHA20_POLY1305) return gcm_seal(key, nonce, aad, pt, ct);
#endif
    return result(page_aead_seal(a, (struct span[]){key, nonce, aad, pt}, ct));
}

static enum err do_aead_open(void *ctx, enum crypto_aead a, struct span key, struct span nonce,
                             struct span aad, struct span ct, uint8_t *pt)
{
    (void)ctx;
    if (ct.n < CRYPTO_TAG_SIZE) return ERR_AUTH;
    if (key.n != crypto_key_size(a) || nonce.n != CRYPTO_NONCE_SIZE) return ERR_RANGE;
    enum err e;
#ifdef SEAL_MBEDTLS
    if (a != CRYPTO_CHACHA20_POLY1305)
        e = gcm_open(key, nonce, aad, ct, pt);
    else
#endif
        e = result(page_aead_open(a, (struct span[]){key, nonce, aad, ct}, pt));
    if (e != OK) secret_wipe(pt, ct.n - CRYPTO_TAG_SIZE);
    return e;
}

static enum err do_aes_ctr(void *ctx, struct span key, struct span iv, struct span in, uint8_t *out)
{
    (void)ctx;
    if ((key.n != 16 && key.n != 32) || iv.n != 16) return ERR_RANGE;
    return result(page_aes_ctr((struct span[]){key, iv, in}, out));
}

static enum err do_dh_public(void *ctx, enum crypto_dh d, struct span priv, uint8_t *pub, size_t *pub_n)
{
    (void)ctx;
    if (priv.n != 32) return ERR_RANGE;
    int32_t n = page_dh_public(d, priv.p, pub);
    if (n > 0) *pub_n = (size_t)n;
    return result(n);
}

static enum err do_dh(void *ctx, enum crypto_dh d, struct span priv, struct span pub, uint8_t *shared)
{
    (void)ctx;
    if (priv.n != 32) return ERR_RANGE;
    if (pub.n != (d == CRYPTO_X25519 ? 32 : 65)) return ERR_AUTH;
    return result(page_dh(d, priv.p, pub.p, pub.n, shared));
}

static enum err do_sign_public(void *ctx, enum crypto_sign s, struct span priv, uint8_t *pub, size_t *pub_n)
{
    (void)ctx;
    if (priv.n != 32) return ERR_RANGE;
    int32_t n = page_sign_public(s, priv.p, pub);
    if (n > 0) *pub_n = (size_t)n;
    return result(n);
}

/* A positive DER integer from 32 big-endian bytes; returns its length. */
static size_t der_integer(const uint8_t *v, uint8_t *out)
{
    size_t skip = 0, n;
    while (skip < 31 && v[skip] == 0)
        skip++;
    n = 32 - skip + (v[skip] >> 7);
    out[0] = 0x02;
    out[1] = (uint8_t)n;
    out[2] = 0;
    memcpy(out + 2 + (v[skip] >> 7), v + skip, 32 - skip);
    return 2 + n;
}

static enum err do_sign(void *ctx, enum crypto_sign s, struct span priv, struct span message, uint8_t *sig,
                        size_t *sig_n)
{
    (void)ctx;
    if (priv.n != 32) return ERR_RANGE;
    uint8_t raw[64];
    enum err e = result(page_sign(s, priv.p, message.p, message.n, raw));
    if (e != OK) return e;
    if (s == CRYPTO_ED25519) {
        memcpy(sig, raw, 64);
        *sig_n = 64;
        return OK;
    }
    size_t n = der_integer(raw, sig + 2);
    n += der_integer(raw + 32, sig + 2 + n);
    sig[0] = 0x30;
    sig[1] = (uint8_t)n;
    *sig_n = 2 + n;
    return OK;
}

/* Strict DER to 64 bytes: shortest forms, positive, nothing behind; at most 32 bytes of value each. */
static bool der_read(struct span sig, uint8_t raw[static 64])
{
    if (sig.n < 8 || sig.n > CRYPTO_SIGN_MAX || sig.p[0] != 0x30 || sig.p[1] != sig.n - 2) return false;
    size_t at = 2;
    memset(raw, 0, 64);
    for (int i = 0; i < 2; i++) {
        if (sig.n - at < 3 || sig.p[at] != 0x02) return false;
        size_t n = sig.p[at + 1];
        const uint8_t *v = sig.p + at + 2;
        if (n == 0 || n > 33 || n > sig.n - at - 2) return false;
        if (v[0] & 0x80 || (n > 1 && v[0] == 0 && !(v[1] & 0x80))) return false;
        at += 2 + n;
        size_t zero = v[0] == 0;
        if (n - zero > 32) return false;
        memcpy(raw + 32 * i + 32 - (n - zero), v + zero, n - zero);
    }
    return at == sig.n;
}

static enum err do_verify(void *ctx, enum crypto_sign s, struct span pub, struct span message,
                          struct span sig)
{
    (void)ctx;
    uint8_t raw[64];
    bool ed = s == CRYPTO_ED25519;
    if (ed ? pub.n != 32 || sig.n != 64 : (pub.n != 65 && pub.n != 33) || !der_read(sig, raw))
        return ERR_AUTH;
    if (ed) memcpy(raw, sig.p, 64);
    return result(page_verify(s, (struct span[]){pub, message, SPAN_OF(raw)}));
}

static enum err do_random(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    return result(page_random(dst, n));
}

static const struct crypto page_table = {
    NULL,         do_hash, do_hmac,        do_aead_seal, do_aead_open, do_aes_ctr,
    do_dh_public, do_dh,   do_sign_public, do_sign,      do_verify,    do_random,
};

/* What the page calls first. */
FACE void seal_start(void);
void seal_start(void)
{
    face_start(&page_table);
}

/* An assert ends the instance; there is nothing to print to. */
_Noreturn void __assert_fail(const char *what, const char *file, int line, const char *function);
_Noreturn void __assert_fail(const char *what, const char *file, int line, const char *function)
{
    (void)what, (void)file, (void)line, (void)function;
    __builtin_trap();
}
