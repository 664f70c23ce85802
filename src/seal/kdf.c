/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/kdf.h"

#include <assert.h>

enum err kdf_extract(const struct crypto *c, enum crypto_hash h, struct span salt, const struct span *ikm,
                     size_t count, struct secret *prk)
{
    uint8_t b[CRYPTO_HASH_MAX];
    enum err e = c->hmac(c->ctx, h, salt, ikm, count, b);
    if (e == OK) {
        prk->n = (uint8_t)crypto_hash_size(h);
        memcpy(prk->b, b, prk->n);
    }
    secret_wipe(b, sizeof b);
    return e;
}

enum err kdf_expand(const struct crypto *c, enum crypto_hash h, struct span prk, struct kdf_info info,
                    struct mspan out)
{
    assert(info.count <= KDF_PARTS_MAX);
    size_t size = crypto_hash_size(h), at = 0;
    if (out.n > 255 * size) return ERR_RANGE;
    uint8_t t[CRYPTO_HASH_MAX], key[CRYPTO_HASH_MAX], i = 0;
    if (prk.n > sizeof key) return ERR_RANGE;
    struct span parts[KDF_PARTS_MAX + 2];
    if (prk.n) memcpy(key, prk.p, prk.n); /* out may be where prk is */
    for (size_t k = 0; k < info.count; k++)
        parts[k + 1] = info.parts[k];
    parts[info.count + 1] = SPAN(&i, 1);
    enum err e = OK;
    while (at < out.n && e == OK) {
        parts[0] = SPAN(t, i ? size : 0);
        i++;
        e = c->hmac(c->ctx, h, SPAN(key, prk.n), parts, info.count + 2, t);
        if (e != OK) break;
        size_t n = out.n - at < size ? out.n - at : size;
        memcpy(out.p + at, t, n);
        at += n;
    }
    if (e != OK && at > 0) secret_wipe(out.p, at);
    secret_wipe(t, sizeof t);
    secret_wipe(key, sizeof key);
    return e;
}
