/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/hpke.h"

#include <assert.h>

#include "seal/kdf.h"

enum mode { MODE_BASE, MODE_PSK, MODE_AUTH, MODE_AUTH_PSK };

struct id { /* suite_id: "KEM" + kem, or "HPKE" + kem + kdf + aead */
    uint8_t b[10];
    size_t n;
};

static struct id kem_id(uint16_t kem)
{
    return (struct id){{'K', 'E', 'M', (uint8_t)(kem >> 8), (uint8_t)kem}, 5};
}

static struct id suite_id(const struct hpke *h)
{
    return (struct id){{'H', 'P', 'K', 'E', (uint8_t)(h->kem >> 8), (uint8_t)h->kem, (uint8_t)(h->kdf >> 8),
                        (uint8_t)h->kdf, (uint8_t)(h->aead >> 8), (uint8_t)h->aead},
                       10};
}

static enum crypto_dh dh_of(uint16_t kem)
{
    return kem == HPKE_KEM_X25519 ? CRYPTO_X25519 : CRYPTO_P256;
}
static size_t public_size(uint16_t kem)
{
    return kem == HPKE_KEM_X25519 ? 32 : 65;
}
static enum crypto_hash hash_of(uint16_t kdf)
{
    return kdf == HPKE_KDF_SHA256 ? CRYPTO_SHA256 : kdf == HPKE_KDF_SHA384 ? CRYPTO_SHA384 : CRYPTO_SHA512;
}
static enum crypto_aead aead_of(uint16_t aead)
{
    return aead == HPKE_AES_128_GCM   ? CRYPTO_AES_128_GCM
           : aead == HPKE_AES_256_GCM ? CRYPTO_AES_256_GCM
                                      : CRYPTO_CHACHA20_POLY1305;
}

bool hpke_supported(uint16_t kem, uint16_t kdf, uint16_t aead)
{
    return (kem == HPKE_KEM_P256 || kem == HPKE_KEM_X25519) && kdf >= HPKE_KDF_SHA256 &&
           kdf <= HPKE_KDF_SHA512 &&
           ((aead >= HPKE_AES_128_GCM && aead <= HPKE_CHACHA20_POLY1305) || aead == HPKE_EXPORT_ONLY);
}

struct labelled { /* the constant part of LabeledExtract and LabeledExpand */
    const struct crypto *c;
    enum crypto_hash hash;
    struct id id;
};

static enum err extract(const struct labelled *l, struct span salt, const char *label, struct span ikm,
                        struct secret *out)
{
    struct span parts[] = {SPAN_LIT("HPKE-v1"), SPAN(l->id.b, l->id.n), span_str(label), ikm};
    return kdf_extract(l->c, l->hash, salt, parts, COUNT_OF(parts), out);
}

static enum err expand(const struct labelled *l, struct span prk, const char *label, struct span info,
                       struct mspan out)
{
    if (out.n > UINT16_MAX) return ERR_RANGE;
    uint8_t size[2] = {(uint8_t)(out.n >> 8), (uint8_t)out.n};
    struct span parts[] = {SPAN_OF(size), SPAN_LIT("HPKE-v1"), SPAN(l->id.b, l->id.n), span_str(label), info};
    return kdf_expand(l->c, l->hash, prk, (struct kdf_info){parts, COUNT_OF(parts)}, out);
}

enum err hpke_derive_key_pair(const struct crypto *c, uint16_t kem, struct span ikm, struct secret *priv,
                              uint8_t *pub, size_t *pub_n)
{
    if (kem != HPKE_KEM_X25519 && kem != HPKE_KEM_P256) return ERR_UNSUPPORTED;
    struct labelled l = {c, CRYPTO_SHA256, kem_id(kem)};
    struct secret prk, k = {.n = 32};
    enum err e = extract(&l, SPAN_NONE, "dkp_prk", ikm, &prk);
    if (e == OK && kem == HPKE_KEM_X25519) {
        e = expand(&l, secret_span(&prk), "sk", SPAN_NONE, MSPAN(k.b, k.n));
        if (e == OK) e = c->dh_public(c->ctx, CRYPTO_X25519, secret_span(&k), pub, pub_n);
    } else if (e == OK) {
        e = ERR_RANGE; /* a candidate that is no scalar: the counter tries the next one */
        for (unsigned counter = 0; counter < 256 && e == ERR_RANGE; counter++) {
            uint8_t i = (uint8_t)counter;
            e = expand(&l, secret_span(&prk), "candidate", SPAN(&i, 1), MSPAN(k.b, k.n));
            if (e == OK) e = c->dh_public(c->ctx, CRYPTO_P256, secret_span(&k), pub, pub_n);
        }
    }
    if (e == OK) *priv = k;
    secret_drop(&k);
    secret_drop(&prk);
    return e;
}

struct kem { /* what the two halves of an encapsulation put together */
    struct secret dh;
    uint8_t context[3 * HPKE_ENC_MAX];
    size_t context_n;
};

static void kem_context(struct kem *k, struct span part)
{
    assert(part.n <= HPKE_ENC_MAX && k->context_n + part.n <= sizeof k->context);
    memcpy(k->context + k->context_n, part.p, part.n);
    k->context_n += part.n;
}

static enum err kem_dh(struct kem *k, const struct hpke_with *with, struct span priv, struct span pub)
{
    const struct crypto *c = with->crypto;
    enum err e = c->dh(c->ctx, dh_of(with->kem), priv, pub, k->dh.b + k->dh.n);
    if (e == OK) k->dh.n = (uint8_t)(k->dh.n + CRYPTO_DH_MAX);
    return e;
}

static enum err kem_finish(struct kem *k, const struct hpke_with *with, struct secret *shared)
{
    struct labelled l = {with->crypto, CRYPTO_SHA256, kem_id(with->kem)};
    struct secret prk;
    enum err e = extract(&l, SPAN_NONE, "eae_prk", secret_span(&k->dh), &prk);
    shared->n = 32;
    if (e == OK)
        e = expand(&l, secret_span(&prk), "shared_secret", SPAN(k->context, k->context_n),
                   MSPAN(shared->b, shared->n));
    secret_drop(&prk);
    secret_wipe(k, sizeof *k);
    return e;
}

/* KeySchedule of section 5.1. */
static enum err schedule(struct hpke *h, const struct hpke_with *with, enum mode mode,
                         const struct secret *shared)
{
    struct labelled l = {h->crypto, hash_of(h->kdf), suite_id(h)};
    struct secret psk_id_hash, info_hash, prk;
    uint8_t context[1 + 2 * CRYPTO_HASH_MAX] = {(uint8_t)mode};
    enum err e = extract(&l, SPAN_NONE, "psk_id_hash", with->psk_id, &psk_id_hash);
    if (e == OK) e = extract(&l, SPAN_NONE, "info_hash", with->info, &info_hash);
    if (e == OK) e = extract(&l, secret_span(shared), "secret", with->psk, &prk);
    if (e != OK) return e;
    size_t nh = crypto_hash_size(l.hash);
    memcpy(context + 1, psk_id_hash.b, nh);
    memcpy(context + 1 + nh, info_hash.b, nh);
    struct span info = SPAN(context, 1 + 2 * nh), s = secret_span(&prk);
    h->exporter.n = (uint8_t)nh;
    e = expand(&l, s, "exp", info, MSPAN(h->exporter.b, nh));
    if (e == OK && h->aead != HPKE_EXPORT_ONLY) {
        h->key.n = (uint8_t)crypto_key_size(aead_of(h->aead));
        e = expand(&l, s, "key", info, MSPAN(h->key.b, h->key.n));
        if (e == OK) e = expand(&l, s, "base_nonce", info, MSPAN(h->base_nonce, sizeof h->base_nonce));
    }
    secret_drop(&prk);
    return e;
}

static enum err begin(struct hpke *h, const struct hpke_with *with, bool auth, enum mode *mode)
{
    if (!hpke_supported(with->kem, with->kdf, with->aead)) return ERR_UNSUPPORTED;
    if ((with->psk.n == 0) != (with->psk_id.n == 0)) return ERR_RANGE;
    if (with->psk.n > 0 && with->psk.n < HPKE_PSK_MIN) return ERR_RANGE;
    *h = (struct hpke){.crypto = with->crypto, .kem = with->kem, .kdf = with->kdf, .aead = with->aead};
    *mode = with->psk.n ? (auth ? MODE_AUTH_PSK : MODE_PSK) : (auth ? MODE_AUTH : MODE_BASE);
    return OK;
}

static enum err ephemeral(const struct hpke_with *with, struct secret *priv, uint8_t *pub, size_t *pub_n)
{
    const struct crypto *c = with->crypto;
    uint8_t fresh[32];
    struct span ikm = with->ephemeral_ikm;
    enum err e = OK;
    if (ikm.n == 0) {
        e = c->random(c->ctx, fresh, sizeof fresh);
        ikm = SPAN_OF(fresh);
    }
    if (e == OK) e = hpke_derive_key_pair(c, with->kem, ikm, priv, pub, pub_n);
    secret_wipe(fresh, sizeof fresh);
    return e;
}

/* Encap and AuthEncap of section 4.1. */
static enum err encap(const struct hpke_with *with, struct span pub, struct secret *shared, uint8_t *enc,
                      size_t *enc_n)
{
    const struct crypto *c = with->crypto;
    struct secret priv = {0};
    struct kem k = {0};
    uint8_t own[HPKE_ENC_MAX];
    size_t own_n;
    enum err e = pub.n == public_size(with->kem) ? ephemeral(with, &priv, enc, enc_n) : ERR_AUTH;
    if (e == OK) e = kem_dh(&k, with, secret_span(&priv), pub);
    if (e == OK) {
        kem_context(&k, SPAN(enc, *enc_n));
        kem_context(&k, pub);
    }
    if (e == OK && with->sender_priv.n) {
        e = c->dh_public(c->ctx, dh_of(with->kem), with->sender_priv, own, &own_n);
        if (e == OK) e = kem_dh(&k, with, with->sender_priv, pub);
        if (e == OK) kem_context(&k, SPAN(own, own_n));
    }
    if (e == OK) e = kem_finish(&k, with, shared);
    secret_wipe(&k, sizeof k);
    secret_drop(&priv);
    return e;
}

/* Decap and AuthDecap. */
static enum err decap(const struct hpke_with *with, struct span priv, struct span enc, struct secret *shared)
{
    const struct crypto *c = with->crypto;
    struct kem k = {0};
    uint8_t own[HPKE_ENC_MAX];
    size_t own_n, size = public_size(with->kem);
    if (enc.n != size || (with->sender_pub.n && with->sender_pub.n != size)) return ERR_AUTH;
    enum err e = kem_dh(&k, with, priv, enc);
    if (e == OK) e = c->dh_public(c->ctx, dh_of(with->kem), priv, own, &own_n);
    if (e == OK) {
        kem_context(&k, enc);
        kem_context(&k, SPAN(own, own_n));
    }
    if (e == OK && with->sender_pub.n) {
        e = kem_dh(&k, with, priv, with->sender_pub);
        if (e == OK) kem_context(&k, with->sender_pub);
    }
    if (e == OK) e = kem_finish(&k, with, shared);
    secret_wipe(&k, sizeof k);
    return e;
}

enum err hpke_send(struct hpke *h, const struct hpke_with *with, struct span pub, uint8_t *enc, size_t *enc_n)
{
    struct hpke next;
    struct secret shared = {0};
    enum mode mode;
    uint8_t e_pub[HPKE_ENC_MAX];
    size_t e_n = 0;
    enum err e = begin(&next, with, with->sender_priv.n > 0, &mode);
    if (e != OK) return e;
    next.sender = true;
    e = encap(with, pub, &shared, e_pub, &e_n);
    if (e == OK) e = schedule(&next, with, mode, &shared);
    if (e == OK) {
        *h = next;
        memcpy(enc, e_pub, e_n);
        *enc_n = e_n;
    }
    secret_drop(&shared);
    hpke_fini(&next);
    return e;
}

enum err hpke_receive(struct hpke *h, const struct hpke_with *with, struct span priv, struct span enc)
{
    struct hpke next;
    struct secret shared = {0};
    enum mode mode;
    enum err e = begin(&next, with, with->sender_pub.n > 0, &mode);
    if (e != OK) return e;
    e = decap(with, priv, enc, &shared);
    if (e == OK) e = schedule(&next, with, mode, &shared);
    if (e == OK) *h = next;
    secret_drop(&shared);
    hpke_fini(&next);
    return e;
}

static void nonce_of(const struct hpke *h, uint8_t nonce[static CRYPTO_NONCE_SIZE])
{
    memcpy(nonce, h->base_nonce, CRYPTO_NONCE_SIZE);
    for (int i = 0; i < 8; i++)
        nonce[CRYPTO_NONCE_SIZE - 1 - i] ^= (uint8_t)(h->seq >> (8 * i));
}

/* Section 5.2 allows 2^96 messages; we stop at 2^64 - 1. */
static enum err turn(const struct hpke *h, bool sender)
{
    if (h->sender != sender || h->aead == HPKE_EXPORT_ONLY || h->key.n == 0) return ERR_STATE;
    return h->seq == UINT64_MAX ? ERR_LIMIT : OK;
}

enum err hpke_seal(struct hpke *h, struct span aad, struct span pt, uint8_t *ct)
{
    enum err e = turn(h, true);
    if (e != OK) return e;
    uint8_t nonce[CRYPTO_NONCE_SIZE];
    nonce_of(h, nonce);
    e = h->crypto->aead_seal(h->crypto->ctx, aead_of(h->aead), secret_span(&h->key), SPAN_OF(nonce), aad, pt,
                             ct);
    if (e == OK) h->seq++;
    return e;
}

enum err hpke_open(struct hpke *h, struct span aad, struct span ct, uint8_t *pt)
{
    enum err e = turn(h, false);
    if (e != OK) return e;
    uint8_t nonce[CRYPTO_NONCE_SIZE];
    nonce_of(h, nonce);
    e = h->crypto->aead_open(h->crypto->ctx, aead_of(h->aead), secret_span(&h->key), SPAN_OF(nonce), aad, ct,
                             pt);
    if (e == OK) h->seq++;
    return e;
}

enum err hpke_export(const struct hpke *h, struct span context, struct mspan out)
{
    if (h->exporter.n == 0) return ERR_STATE;
    struct labelled l = {h->crypto, hash_of(h->kdf), suite_id(h)};
    return expand(&l, secret_span(&h->exporter), "sec", context, out);
}

void hpke_fini(struct hpke *h)
{
    secret_wipe(h, sizeof *h);
}
