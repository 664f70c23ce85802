/* SPDX-License-Identifier: Apache-2.0
 * For builds with MemorySanitizer, which can't see into OpenSSL: stands in front of its table (--wrap), looks
 * whether every input is written, and marks every output as written. What lies between is OpenSSL's. */
#include <sanitizer/msan_interface.h>

#include "guest/openssl_crypto.h"

const struct crypto *__real_openssl_crypto(void);
const struct crypto *__wrap_openssl_crypto(void);

static const struct crypto *real;

static void in(struct span s)
{
    if (s.n) __msan_check_mem_is_initialized(s.p, s.n);
}

static void in_all(const struct span *parts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        in(parts[i]);
}

/* Library calls may use what only the library has written. */
static void enter(void)
{
    __msan_scoped_disable_interceptor_checks();
}

static enum err leave(enum err e, void *out, size_t n)
{
    __msan_scoped_enable_interceptor_checks();
    __msan_unpoison(&e, sizeof e);
    if (out && n) __msan_unpoison(out, n);
    return e;
}

static enum err hash(void *ctx, enum crypto_hash h, const struct span *parts, size_t count, uint8_t *out)
{
    in_all(parts, count);
    enter();
    return leave(real->hash(ctx, h, parts, count, out), out, crypto_hash_size(h));
}

static enum err hmac(void *ctx, enum crypto_hash h, struct span key, const struct span *parts, size_t count,
                     uint8_t *out)
{
    in(key);
    in_all(parts, count);
    enter();
    return leave(real->hmac(ctx, h, key, parts, count, out), out, crypto_hash_size(h));
}

static enum err aead_seal(void *ctx, enum crypto_aead a, struct span key, struct span nonce, struct span aad,
                          struct span pt, uint8_t *ct)
{
    in(key), in(nonce), in(aad), in(pt);
    enter();
    return leave(real->aead_seal(ctx, a, key, nonce, aad, pt, ct), ct, pt.n + CRYPTO_TAG_SIZE);
}

static enum err aead_open(void *ctx, enum crypto_aead a, struct span key, struct span nonce, struct span aad,
                          struct span ct, uint8_t *pt)
{
    in(key), in(nonce), in(aad), in(ct);
    enter();
    return leave(real->aead_open(ctx, a, key, nonce, aad, ct, pt), pt,
                 ct.n < CRYPTO_TAG_SIZE ? 0 : ct.n - CRYPTO_TAG_SIZE);
}

static enum err aes_ctr(void *ctx, struct span key, struct span iv, struct span data, uint8_t *out)
{
    in(key), in(iv), in(data);
    enter();
    return leave(real->aes_ctr(ctx, key, iv, data, out), out, data.n);
}

/* A public key or signature whose length the library says. */
static enum err leave_sized(enum err e, uint8_t *out, size_t *n)
{
    e = leave(e, n, sizeof *n);
    if (!e) __msan_unpoison(out, *n);
    return e;
}

static enum err dh_public(void *ctx, enum crypto_dh d, struct span priv, uint8_t *pub, size_t *n)
{
    in(priv);
    enter();
    return leave_sized(real->dh_public(ctx, d, priv, pub, n), pub, n);
}

static enum err dh(void *ctx, enum crypto_dh d, struct span priv, struct span pub, uint8_t *shared)
{
    in(priv), in(pub);
    enter();
    return leave(real->dh(ctx, d, priv, pub, shared), shared, CRYPTO_DH_MAX);
}

static enum err sign_public(void *ctx, enum crypto_sign s, struct span priv, uint8_t *pub, size_t *n)
{
    in(priv);
    enter();
    return leave_sized(real->sign_public(ctx, s, priv, pub, n), pub, n);
}

static enum err sign(void *ctx, enum crypto_sign s, struct span priv, struct span message, uint8_t *sig,
                     size_t *n)
{
    in(priv), in(message);
    enter();
    return leave_sized(real->sign(ctx, s, priv, message, sig, n), sig, n);
}

static enum err verify(void *ctx, enum crypto_sign s, struct span pub, struct span message, struct span sig)
{
    in(pub), in(message), in(sig);
    enter();
    return leave(real->verify(ctx, s, pub, message, sig), NULL, 0);
}

static enum err random_bytes(void *ctx, uint8_t *dst, size_t n)
{
    enter();
    return leave(real->random(ctx, dst, n), dst, n);
}

const struct crypto *__wrap_openssl_crypto(void)
{
    static struct crypto table;
    if (!real) {
        enter();
        real = __real_openssl_crypto();
        (void)leave(OK, NULL, 0);
        if (!real) return NULL;
        table = (struct crypto){real->ctx, hash, hmac,        aead_seal, aead_open, aes_ctr,
                                dh_public, dh,   sign_public, sign,      verify,    random_bytes};
    }
    return &table;
}
