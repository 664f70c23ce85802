/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/chunk.h"

#include "base/read.h"

enum err chunk_file_key(const struct crypto *c, const struct secret *data_key,
                        const uint8_t artefact[ARTEFACT_ID], struct span file, struct secret *key)
{
    struct span parts[] = {SPAN_LIT("incamera 1.0 file\n"), SPAN(artefact, ARTEFACT_ID), file};
    if (data_key->n != DATA_KEY) return ERR_STATE;
    enum err e = c->hmac(c->ctx, CRYPTO_SHA256, secret_span(data_key), parts, COUNT_OF(parts), key->b);
    if (!e) key->n = DATA_KEY;
    return e;
}

/* Place and end go into the nonce and the associated data; the file is in the key. */
static void bind(uint64_t index, const uint8_t head[CHUNK_HEAD], uint8_t nonce[CRYPTO_NONCE_SIZE],
                 uint8_t aad[12])
{
    struct writer n = writer_of(MSPAN(nonce, CRYPTO_NONCE_SIZE)), a = writer_of(MSPAN(aad, 12));
    write_u32(&n, 0);
    write_u64(&n, index);
    write_u64(&a, index);
    write_bytes(&a, SPAN(head, CHUNK_HEAD));
}

enum err chunk_seal(const struct crypto *c, const struct secret *file_key, uint64_t index, bool last,
                    struct span plain, struct writer *w)
{
    uint8_t nonce[CRYPTO_NONCE_SIZE], aad[12], head[CHUNK_HEAD];
    struct writer h = writer_of(MSPAN(head, sizeof head));
    if (plain.n > CHUNK_PLAIN_MAX) return ERR_LIMIT;
    if (write_left(w) < plain.n + CHUNK_OVER) return ERR_FULL;
    write_u32(&h, (uint32_t)plain.n | (last ? CHUNK_LAST : 0));
    bind(index, head, nonce, aad);
    enum err e = c->aead_seal(c->ctx, CRYPTO_AES_256_GCM, secret_span(file_key), SPAN_OF(nonce), SPAN_OF(aad),
                              plain, w->p + w->n + CHUNK_HEAD);
    if (e) return e;
    memcpy(w->p + w->n, head, CHUNK_HEAD);
    w->n += plain.n + CHUNK_OVER;
    return OK;
}

enum err chunk_head(struct span head, size_t *plain_n, bool *last)
{
    struct reader r = reader_of(head);
    uint32_t v = read_u32(&r);
    if (r.bad || (v & ~CHUNK_LAST) > CHUNK_PLAIN_MAX) return ERR_FORMAT;
    *plain_n = v & ~CHUNK_LAST;
    *last = v & CHUNK_LAST;
    return OK;
}

enum err chunk_open(const struct crypto *c, const struct secret *file_key, uint64_t index, struct span chunk,
                    uint8_t *plain)
{
    uint8_t nonce[CRYPTO_NONCE_SIZE], aad[12];
    size_t n;
    bool last;
    enum err e = chunk_head(chunk, &n, &last);
    if (e || chunk.n != n + CHUNK_OVER) return ERR_FORMAT;
    bind(index, chunk.p, nonce, aad);
    return c->aead_open(c->ctx, CRYPTO_AES_256_GCM, secret_span(file_key), SPAN_OF(nonce), SPAN_OF(aad),
                        span_part(chunk, CHUNK_HEAD, chunk.n), plain);
}
