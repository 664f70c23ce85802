/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/sframe.h"

#include "base/read.h"
#include "base/write.h"
#include "seal/kdf.h"

struct row {        /* RFC 9605 section 4.5 and table 2 */
    bool ctr;       /* AES-CTR with HMAC instead of an AEAD */
    uint8_t nka;    /* encryption key bytes */
    uint8_t nk, nt; /* all key bytes, tag bytes */
    enum crypto_hash hash;
    enum crypto_aead aead;
};

static const struct row ROWS[] = {
    {true, 16, 48, 10, CRYPTO_SHA256, 0},
    {true, 16, 48, 8, CRYPTO_SHA256, 0},
    {true, 16, 48, 4, CRYPTO_SHA256, 0},
    {false, 16, 16, 16, CRYPTO_SHA256, CRYPTO_AES_128_GCM},
    {false, 32, 32, 16, CRYPTO_SHA512, CRYPTO_AES_256_GCM},
    {true, 32, 96, 10, CRYPTO_SHA512, 0},
    {true, 32, 96, 8, CRYPTO_SHA512, 0},
    {true, 32, 96, 4, CRYPTO_SHA512, 0},
};

static const struct row *row_of(uint16_t suite)
{
    return suite >= 1 && suite <= COUNT_OF(ROWS) ? &ROWS[suite - 1] : NULL;
}

bool sframe_suite_known(uint16_t suite)
{
    return row_of(suite) != NULL;
}
size_t sframe_key_size(uint16_t suite)
{
    return row_of(suite) ? row_of(suite)->nk : 0;
}
size_t sframe_hash_size(uint16_t suite)
{
    return row_of(suite) ? crypto_hash_size(row_of(suite)->hash) : 0;
}
size_t sframe_tag_size(uint16_t suite)
{
    return row_of(suite) ? row_of(suite)->nt : 0;
}

/* One half of the config byte and, from 8 on, the number after it in as few bytes as it takes. */
static uint8_t number_write(uint64_t v, uint8_t *out, size_t *n)
{
    if (v < 8) return (uint8_t)v;
    unsigned len = 1;
    while (len < 8 && v >> (8 * len))
        len++;
    for (unsigned i = 0; i < len; i++)
        out[(*n)++] = (uint8_t)(v >> (8 * (len - 1 - i)));
    return (uint8_t)(8 | (len - 1));
}

size_t sframe_header_write(struct sframe_header h, uint8_t out[static SFRAME_HEADER_MAX])
{
    size_t n = 1;
    uint8_t kid = number_write(h.kid, out, &n), ctr = number_write(h.ctr, out, &n);
    out[0] = (uint8_t)(kid << 4 | ctr);
    return n;
}

static uint64_t number_read(struct reader *r, uint8_t half)
{
    if (!(half & 8)) return half;
    uint64_t v = 0;
    for (int i = 0; i <= (half & 7); i++)
        v = v << 8 | read_u8(r);
    return v;
}

enum err sframe_header_read(struct span frame, struct sframe_header *h, size_t *n)
{
    struct reader r = reader_of(frame);
    uint8_t config = read_u8(&r);
    struct sframe_header got;
    got.kid = number_read(&r, config >> 4);
    got.ctr = number_read(&r, config & 15);
    if (read_ok(&r) != OK) return ERR_SHORT;
    *h = got;
    *n = frame.n - read_left(&r);
    return OK;
}

static enum err derive(struct sframe_key *k, const struct row *row, const struct secret *secret,
                       const char *label, struct mspan out)
{
    uint8_t tail[10];
    struct writer w = writer_of(MSPAN(tail, sizeof tail));
    write_u64(&w, k->kid);
    write_u16(&w, k->suite);
    struct span parts[] = {span_str(label), SPAN_OF(tail)};
    return kdf_expand(k->crypto, row->hash, secret_span(secret), (struct kdf_info){parts, 2}, out);
}

enum err sframe_key_derive(struct sframe_key *k, const struct crypto *c, uint16_t suite, struct span base_key,
                           uint64_t kid)
{
    const struct row *row = row_of(suite);
    if (!row) return ERR_UNSUPPORTED;
    struct sframe_key next = {.crypto = c, .suite = suite, .kid = kid};
    struct secret secret = {0};
    enum err e = kdf_extract(c, row->hash, SPAN_NONE, &base_key, 1, &secret);
    if (e == OK) e = derive(&next, row, &secret, "SFrame 1.0 Secret key ", MSPAN(next.key, row->nk));
    if (e == OK)
        e = derive(&next, row, &secret, "SFrame 1.0 Secret salt ", MSPAN(next.salt, sizeof next.salt));
    if (e == OK) *k = next;
    secret_drop(&secret);
    sframe_key_drop(&next);
    return e;
}

void sframe_key_drop(struct sframe_key *k)
{
    secret_wipe(k, sizeof *k);
}

struct call { /* one frame's nonce and additional data */
    uint8_t nonce[CRYPTO_NONCE_SIZE];
    uint8_t aad[SFRAME_HEADER_MAX + SFRAME_METADATA_MAX];
    size_t aad_n;
};

static void call_fill(struct call *f, const struct sframe_key *k, uint64_t ctr, struct span header,
                      struct span metadata)
{
    memcpy(f->nonce, k->salt, sizeof f->nonce);
    for (int i = 0; i < 8; i++)
        f->nonce[CRYPTO_NONCE_SIZE - 1 - i] ^= (uint8_t)(ctr >> (8 * i));
    memcpy(f->aad, header.p, header.n);
    if (metadata.n) memcpy(f->aad + header.n, metadata.p, metadata.n);
    f->aad_n = header.n + metadata.n;
}

/* Section 4.5.1: HMAC over the three lengths, nonce, additional data and ciphertext, cut to the tag. */
static enum err ctr_tag(const struct sframe_key *k, const struct row *row, const struct span data[3],
                        uint8_t tag[static SFRAME_TAG_MAX])
{
    uint8_t lengths[24], full[CRYPTO_HASH_MAX];
    struct writer w = writer_of(MSPAN(lengths, sizeof lengths));
    write_u64(&w, data[1].n);
    write_u64(&w, data[2].n);
    write_u64(&w, row->nt);
    struct span parts[] = {SPAN_OF(lengths), data[0], data[1], data[2]};
    struct span key = SPAN(k->key + row->nka, (size_t)(row->nk - row->nka));
    enum err e = k->crypto->hmac(k->crypto->ctx, row->hash, key, parts, COUNT_OF(parts), full);
    if (e == OK) memcpy(tag, full, row->nt);
    secret_wipe(full, sizeof full);
    return e;
}

static enum err ctr_crypt(const struct sframe_key *k, const struct row *row, struct span nonce,
                          struct span in, uint8_t *out)
{
    uint8_t iv[16] = {0};
    memcpy(iv, nonce.p, CRYPTO_NONCE_SIZE);
    return k->crypto->aes_ctr(k->crypto->ctx, SPAN(k->key, row->nka), SPAN_OF(iv), in, out);
}

enum err sframe_aead_seal(const struct sframe_key *k, struct span nonce, struct span aad, struct span pt,
                          uint8_t *ct)
{
    const struct row *row = row_of(k->suite);
    const struct crypto *c = k->crypto;
    if (!row) return ERR_UNSUPPORTED;
    if (nonce.n != CRYPTO_NONCE_SIZE) return ERR_RANGE;
    if (!row->ctr) return c->aead_seal(c->ctx, row->aead, SPAN(k->key, row->nk), nonce, aad, pt, ct);
    uint8_t tag[SFRAME_TAG_MAX];
    enum err e = ctr_crypt(k, row, nonce, pt, ct);
    if (e == OK) e = ctr_tag(k, row, (struct span[]){nonce, aad, SPAN(ct, pt.n)}, tag);
    if (e == OK) memcpy(ct + pt.n, tag, row->nt);
    return e;
}

enum err sframe_aead_open(const struct sframe_key *k, struct span nonce, struct span aad, struct span ct,
                          uint8_t *pt)
{
    const struct row *row = row_of(k->suite);
    const struct crypto *c = k->crypto;
    if (!row) return ERR_UNSUPPORTED;
    if (nonce.n != CRYPTO_NONCE_SIZE) return ERR_RANGE;
    if (ct.n < row->nt) return ERR_SHORT;
    if (!row->ctr) return c->aead_open(c->ctx, row->aead, SPAN(k->key, row->nk), nonce, aad, ct, pt);
    uint8_t tag[SFRAME_TAG_MAX];
    struct span body = SPAN(ct.p, ct.n - row->nt);
    enum err e = ctr_tag(k, row, (struct span[]){nonce, aad, body}, tag);
    if (e == OK && !secret_equal(SPAN(tag, row->nt), SPAN(ct.p + body.n, row->nt))) e = ERR_AUTH;
    return e == OK ? ctr_crypt(k, row, nonce, body, pt) : e;
}

enum err sframe_seal(const struct sframe_key *k, uint64_t ctr, struct span metadata, struct span pt,
                     struct mspan out, size_t *n)
{
    const struct row *row = row_of(k->suite);
    uint8_t header[SFRAME_HEADER_MAX];
    if (!row) return ERR_UNSUPPORTED;
    if (metadata.n > SFRAME_METADATA_MAX) return ERR_LIMIT;
    size_t header_n = sframe_header_write((struct sframe_header){k->kid, ctr}, header);
    if (pt.n > SIZE_MAX - SFRAME_OVERHEAD_MAX || out.n < header_n + pt.n + row->nt) return ERR_FULL;
    struct call f;
    call_fill(&f, k, ctr, SPAN(header, header_n), metadata);
    enum err e = sframe_aead_seal(k, SPAN_OF(f.nonce), SPAN(f.aad, f.aad_n), pt, out.p + header_n);
    if (e != OK) return e;
    memcpy(out.p, header, header_n);
    *n = header_n + pt.n + row->nt;
    return OK;
}

enum err sframe_open(const struct sframe_key *k, struct span frame, struct span metadata, struct mspan out,
                     size_t *n)
{
    const struct row *row = row_of(k->suite);
    struct sframe_header h;
    size_t header_n;
    if (!row) return ERR_UNSUPPORTED;
    enum err e = sframe_header_read(frame, &h, &header_n);
    if (e != OK) return e;
    if (h.kid != k->kid) return ERR_UNKNOWN;
    if (metadata.n > SFRAME_METADATA_MAX) return ERR_LIMIT;
    if (frame.n - header_n < row->nt) return ERR_SHORT;
    struct span ct = SPAN(frame.p + header_n, frame.n - header_n);
    size_t pt_n = ct.n - row->nt;
    if (out.n < pt_n) return ERR_FULL;
    struct call f;
    call_fill(&f, k, h.ctr, SPAN(frame.p, header_n), metadata);
    e = sframe_aead_open(k, SPAN_OF(f.nonce), SPAN(f.aad, f.aad_n), ct, out.p);
    if (e == OK) *n = pt_n;
    return e;
}

enum err sframe_kid_join(struct sframe_layout l, struct sframe_kid k, uint64_t *kid)
{
    unsigned bits = (unsigned)l.epoch_bits + l.index_bits;
    if (l.epoch_bits == 0 || l.epoch_bits > 16 || l.index_bits == 0 || l.index_bits > 32) return ERR_RANGE;
    if ((uint64_t)k.leaf >> l.index_bits || k.context >> (64 - bits)) return ERR_RANGE;
    uint64_t epoch = k.epoch & ((UINT64_C(1) << l.epoch_bits) - 1);
    *kid = k.context << bits | (uint64_t)k.leaf << l.epoch_bits | epoch;
    return OK;
}

struct sframe_kid sframe_kid_split(struct sframe_layout l, uint64_t kid)
{
    return (struct sframe_kid){
        .context = kid >> (l.epoch_bits + l.index_bits),
        .leaf = (uint32_t)(kid >> l.epoch_bits & ((UINT64_C(1) << l.index_bits) - 1)),
        .epoch = kid & ((UINT64_C(1) << l.epoch_bits) - 1),
    };
}
