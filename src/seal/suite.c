/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/suite.h"

#include "base/mem.h"
#include "base/write.h"
#include "seal/hpke.h"
#include "seal/kdf.h"

#define PREFIX "MLS 1.0 "

/* Labels of a vector<V>: a varint, "MLS 1.0 " and the label. */
#define LABEL_ROOM (4 + sizeof PREFIX - 1 + SUITE_LABEL_MAX)
#define SIGN_SMALL 1024 /* content up to here is signed from the stack */

static const struct suite SUITES[] = {
    {NULL, SUITE_X25519_AES128, HPKE_KEM_X25519, HPKE_KDF_SHA256, HPKE_AES_128_GCM, 0x0807, CRYPTO_SHA256,
     CRYPTO_AES_128_GCM, CRYPTO_X25519, CRYPTO_ED25519, 16, 32, 32},
    {NULL, SUITE_P256_AES128, HPKE_KEM_P256, HPKE_KDF_SHA256, HPKE_AES_128_GCM, 0x0403, CRYPTO_SHA256,
     CRYPTO_AES_128_GCM, CRYPTO_P256, CRYPTO_ECDSA_P256_SHA256, 16, 65, 65},
    {NULL, SUITE_X25519_CHACHA, HPKE_KEM_X25519, HPKE_KDF_SHA256, HPKE_CHACHA20_POLY1305, 0x0807,
     CRYPTO_SHA256, CRYPTO_CHACHA20_POLY1305, CRYPTO_X25519, CRYPTO_ED25519, 32, 32, 32},
};

static const struct suite *find(uint16_t id)
{
    for (size_t i = 0; i < COUNT_OF(SUITES); i++)
        if (SUITES[i].id == id) return &SUITES[i];
    return NULL;
}

bool suite_known(uint16_t id)
{
    return find(id) != NULL;
}

enum err suite_init(struct suite *s, uint16_t id, const struct crypto *c)
{
    const struct suite *found = find(id);
    if (!found) return ERR_UNSUPPORTED;
    *s = *found;
    s->crypto = c;
    return OK;
}

enum err suite_hash(const struct suite *s, const struct span *parts, size_t count,
                    uint8_t out[static SUITE_NH])
{
    return s->crypto->hash(s->crypto->ctx, s->hash, parts, count, out);
}

enum err suite_mac(const struct suite *s, struct span key, const struct span *parts, size_t count,
                   uint8_t out[static SUITE_NH])
{
    return s->crypto->hmac(s->crypto->ctx, s->hash, key, parts, count, out);
}

enum err suite_extract(const struct suite *s, struct span salt, struct span ikm, struct secret *out)
{
    return kdf_extract(s->crypto, s->hash, salt, &ikm, 1, out);
}

/* A labelled vector: varint length, "MLS 1.0 " (unless whole), label. */
static struct span label_write(struct mspan room, struct span label)
{
    struct writer w = writer_of(room);
    write_varint(&w, sizeof PREFIX - 1 + label.n);
    write_str(&w, PREFIX);
    write_bytes(&w, label);
    return writer_span(&w);
}

static struct span length_write(struct mspan room, size_t n)
{
    struct writer w = writer_of(room);
    write_varint(&w, n);
    return writer_span(&w);
}

enum err suite_expand(const struct suite *s, struct span key, struct span label, struct span context,
                      struct mspan out)
{
    if (label.n > SUITE_LABEL_MAX || out.n > UINT16_MAX) return ERR_RANGE;
    uint8_t size[2] = {(uint8_t)(out.n >> 8), (uint8_t)out.n}, name[LABEL_ROOM], length[4];
    struct span parts[] = {SPAN_OF(size), label_write(MSPAN(name, sizeof name), label),
                           length_write(MSPAN(length, sizeof length), context.n), context};
    if (parts[1].n == 0 || parts[2].n == 0) return ERR_RANGE;
    return kdf_expand(s->crypto, s->hash, key, (struct kdf_info){parts, COUNT_OF(parts)}, out);
}

enum err suite_derive(const struct suite *s, struct span key, struct span label, struct secret *out)
{
    uint8_t b[SUITE_NH];
    enum err e = suite_expand(s, key, label, SPAN_NONE, MSPAN(b, sizeof b));
    if (e == OK) {
        out->n = sizeof b;
        memcpy(out->b, b, sizeof b);
    }
    secret_wipe(b, sizeof b);
    return e;
}

enum err suite_derive_tree(const struct suite *s, struct span key, struct span label, uint32_t generation,
                           struct mspan out)
{
    uint8_t b[4];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    write_u32(&w, generation);
    return suite_expand(s, key, label, writer_span(&w), out);
}

enum err suite_ref_hash(const struct suite *s, struct span label, struct span value,
                        uint8_t out[static SUITE_NH])
{
    uint8_t a[4], b[4];
    struct span parts[] = {length_write(MSPAN(a, sizeof a), label.n), label,
                           length_write(MSPAN(b, sizeof b), value.n), value};
    if (parts[0].n == 0 || parts[2].n == 0) return ERR_RANGE;
    return suite_hash(s, parts, COUNT_OF(parts), out);
}

enum err suite_key_package_ref(const struct suite *s, struct span encoded, uint8_t out[static SUITE_NH])
{
    return suite_ref_hash(s, SPAN_LIT("MLS 1.0 KeyPackage Reference"), encoded, out);
}

enum err suite_proposal_ref(const struct suite *s, struct span encoded, uint8_t out[static SUITE_NH])
{
    return suite_ref_hash(s, SPAN_LIT("MLS 1.0 Proposal Reference"), encoded, out);
}

enum err suite_sign_content(struct span label, struct span content, struct mspan room, struct span *tbs)
{
    uint8_t name[LABEL_ROOM];
    if (label.n > SUITE_LABEL_MAX) return ERR_RANGE;
    struct writer w = writer_of(room);
    write_bytes(&w, label_write(MSPAN(name, sizeof name), label));
    write_vecv(&w, content);
    if (write_ok(&w) != OK) return ERR_FULL;
    *tbs = writer_span(&w);
    return OK;
}

enum err suite_sign(const struct suite *s, struct span priv, struct span label, struct span content,
                    uint8_t *sig, size_t *sig_n)
{
    const struct crypto *c = s->crypto;
    uint8_t small[SIGN_SMALL];
    size_t n = content.n + label.n + 18;
    uint8_t *room = n <= sizeof small ? small : mem_new(n, 1);
    if (!room) return ERR_NOMEM;
    struct span tbs;
    enum err e = suite_sign_content(label, content, MSPAN(room, n), &tbs);
    if (e == OK) e = c->sign(c->ctx, s->sign, priv, tbs, sig, sig_n);
    if (room != small) mem_free(room);
    return e;
}

bool suite_sign_key_fits(const struct suite *s, struct span pub)
{
    return pub.n == s->nspk || (s->sign == CRYPTO_ECDSA_P256_SHA256 && pub.n == 33);
}

enum err suite_verify(const struct suite *s, struct span pub, struct span label, struct span content,
                      struct span sig)
{
    const struct crypto *c = s->crypto;
    uint8_t small[SIGN_SMALL];
    size_t n = content.n + label.n + 18;
    if (!suite_sign_key_fits(s, pub)) return ERR_AUTH;
    uint8_t *room = n <= sizeof small ? small : mem_new(n, 1);
    if (!room) return ERR_NOMEM;
    struct span tbs;
    enum err e = suite_sign_content(label, content, MSPAN(room, n), &tbs);
    if (e == OK) e = c->verify(c->ctx, s->sign, pub, tbs, sig);
    if (room != small) mem_free(room);
    return e;
}

static enum err box_info(const struct suite_box *box, uint8_t **room, struct span *info)
{
    uint8_t name[LABEL_ROOM];
    if (box->label.n > SUITE_LABEL_MAX) return ERR_RANGE;
    size_t n = box->context.n + box->label.n + 18;
    if (!(*room = mem_new(n, 1))) return ERR_NOMEM;
    struct writer w = writer_of(MSPAN(*room, n));
    write_bytes(&w, label_write(MSPAN(name, sizeof name), box->label));
    write_vecv(&w, box->context);
    *info = writer_span(&w);
    return write_ok(&w) == OK ? OK : ERR_RANGE;
}

static struct hpke_with hpke_of(const struct suite *s, struct span info)
{
    return (struct hpke_with){
        .crypto = s->crypto, .kem = s->kem_id, .kdf = s->kdf_id, .aead = s->aead_id, .info = info};
}

enum err suite_encrypt(const struct suite *s, const struct suite_box *box, struct span pt,
                       uint8_t *kem_output, uint8_t *ct)
{
    uint8_t *room = NULL;
    struct span info;
    struct hpke h = {0};
    uint8_t enc[HPKE_ENC_MAX];
    size_t enc_n = 0;
    enum err e = box_info(box, &room, &info);
    if (e == OK) {
        struct hpke_with with = hpke_of(s, info);
        e = hpke_send(&h, &with, box->key, enc, &enc_n);
    }
    if (e == OK) e = hpke_seal(&h, SPAN_NONE, pt, ct);
    if (e == OK) memcpy(kem_output, enc, enc_n);
    hpke_fini(&h);
    mem_free(room);
    return e;
}

enum err suite_decrypt(const struct suite *s, const struct suite_box *box, struct span kem_output,
                       struct span ct, uint8_t *pt)
{
    uint8_t *room = NULL;
    struct span info;
    struct hpke h = {0};
    enum err e = box_info(box, &room, &info);
    if (e == OK) {
        struct hpke_with with = hpke_of(s, info);
        e = hpke_receive(&h, &with, box->key, kem_output);
    }
    if (e == OK) e = hpke_open(&h, SPAN_NONE, ct, pt);
    hpke_fini(&h);
    mem_free(room);
    return e;
}

enum err suite_dh_derive(const struct suite *s, struct span ikm, struct secret *priv, uint8_t *pub)
{
    size_t n;
    return hpke_derive_key_pair(s->crypto, s->kem_id, ikm, priv, pub, &n);
}

enum err suite_dh_new(const struct suite *s, struct secret *priv, uint8_t *pub)
{
    uint8_t ikm[32];
    enum err e = s->crypto->random(s->crypto->ctx, ikm, sizeof ikm);
    if (e == OK) e = suite_dh_derive(s, SPAN_OF(ikm), priv, pub);
    secret_wipe(ikm, sizeof ikm);
    return e;
}

enum err suite_sign_new(const struct suite *s, struct secret *priv, uint8_t *pub)
{
    struct secret k = {.n = 32};
    size_t n;
    enum err e = ERR_RANGE;
    for (int i = 0; i < 8 && e == ERR_RANGE; i++) { /* a P-256 scalar out of range: once in 2^32 */
        e = s->crypto->random(s->crypto->ctx, k.b, k.n);
        if (e == OK) e = s->crypto->sign_public(s->crypto->ctx, s->sign, secret_span(&k), pub, &n);
    }
    if (e == OK) *priv = k;
    secret_drop(&k);
    return e;
}
