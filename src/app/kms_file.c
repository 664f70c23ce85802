/* SPDX-License-Identifier: Apache-2.0 */
#include "app/kms_file.h"

#include "base/read.h"

static enum err wrap(void *ctx, const struct secret *plain, struct span aad, struct writer *sealed)
{
    const struct kms_file *f = ctx;
    uint8_t nonce[CRYPTO_NONCE_SIZE], ct[SECRET_MAX + CRYPTO_TAG_SIZE];
    enum err e = f->crypto->random(f->crypto->ctx, nonce, sizeof nonce);
    if (!e)
        e = f->crypto->aead_seal(f->crypto->ctx, CRYPTO_AES_256_GCM, secret_span(f->key), SPAN_OF(nonce), aad,
                                 secret_span(plain), ct);
    if (e) return e;
    write_bytes(sealed, SPAN_OF(nonce));
    write_bytes(sealed, SPAN(ct, plain->n + CRYPTO_TAG_SIZE));
    return write_ok(sealed);
}

static enum err unwrap(void *ctx, struct span sealed, struct span aad, struct secret *plain)
{
    const struct kms_file *f = ctx;
    struct reader r = reader_of(sealed);
    struct span nonce = read_bytes(&r, CRYPTO_NONCE_SIZE), ct = read_bytes(&r, read_left(&r));
    if (r.bad || ct.n <= CRYPTO_TAG_SIZE || ct.n > SECRET_MAX + CRYPTO_TAG_SIZE) return ERR_FORMAT;
    enum err e = f->crypto->aead_open(f->crypto->ctx, CRYPTO_AES_256_GCM, secret_span(f->key), nonce, aad, ct,
                                      plain->b);
    if (!e) plain->n = (uint8_t)(ct.n - CRYPTO_TAG_SIZE);
    return e;
}

void kms_file_init(struct kms *k, struct kms_file *f)
{
    *k = (struct kms){"file", f, wrap, unwrap};
}
