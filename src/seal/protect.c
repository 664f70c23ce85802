/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/protect.h"

static void tbs_write(struct writer *w, const struct mls_signed *s, struct span context)
{
    write_u16(w, MLS_VERSION);
    write_u16(w, s->wire);
    mls_content_write(w, &s->content);
    if (s->content.from == MLS_MEMBER || s->content.from == MLS_NEW_COMMIT) write_bytes(w, context);
}

enum err protect_tbs(const struct mls_signed *s, struct span context, struct blob *tbs)
{
    PACK(tbs) tbs_write(&k.w, s, context);
    return tbs->p ? OK : ERR_NOMEM;
}

enum err protect_verify(const struct suite *s, const struct mls_signed *m, struct span context,
                        struct span key)
{
    struct blob tbs = {0};
    enum err e = protect_tbs(m, context, &tbs);
    if (e == OK) e = suite_verify(s, key, SPAN_LIT("FramedContentTBS"), blob_span(&tbs), m->signature);
    blob_drop(&tbs);
    return e;
}

static enum err membership_tag(const struct protect *p, const struct mls_signed *s,
                               uint8_t tag[static SUITE_NH])
{
    struct blob tbm = {0};
    PACK(&tbm)
    {
        tbs_write(&k.w, s, p->context);
        mls_auth_write(&k.w, s);
    }
    if (!tbm.p) return ERR_NOMEM;
    struct span in = blob_span(&tbm);
    enum err e = suite_mac(p->suite, secret_span(&p->schedule->membership), &in, 1, tag);
    blob_drop(&tbm);
    return e;
}

static enum err message_pack(const struct mls_message *m, struct blob *message)
{
    struct blob b = {0};
    PACK(&b) mls_message_write(&k.w, m);
    if (!b.p) return ERR_NOMEM;
    if (b.n > MLS_MESSAGE_MAX) {
        blob_drop(&b);
        return ERR_LIMIT;
    }
    *message = b;
    return OK;
}

enum err protect_public(const struct protect *p, const struct mls_signed *s, struct blob *message)
{
    uint8_t tag[SUITE_NH];
    struct mls_message m = {.wire = MLS_PUBLIC, .pub = {*s, SPAN_NONE}};
    if (s->content.from == MLS_MEMBER) {
        enum err e = membership_tag(p, s, tag);
        if (e) return e;
        m.pub.membership_tag = SPAN_OF(tag);
    }
    return message_pack(&m, message);
}

enum err protect_check_public(const struct protect *p, const struct mls_public *m)
{
    uint8_t tag[SUITE_NH];
    enum err e = membership_tag(p, &m->is, tag);
    if (e) return e;
    return secret_equal(SPAN_OF(tag), m->membership_tag) ? OK : ERR_AUTH;
}

enum err protect_sender_key(const struct suite *s, const struct secret *sender_data, struct span ciphertext,
                            struct ratchet_key *key)
{
    struct span sample = span_part(ciphertext, 0, SUITE_NH), secret = secret_span(sender_data);
    enum err e = suite_expand(s, secret, SPAN_LIT("key"), sample, MSPAN(key->key, s->nk));
    if (e) return e;
    return suite_expand(s, secret, SPAN_LIT("nonce"), sample, MSPAN(key->nonce, SUITE_NN));
}

#define SENDER_DATA 12 /* leaf, generation, reuse guard */

static void guard(struct ratchet_key *key, const uint8_t reuse[static 4])
{
    for (size_t i = 0; i < 4; i++)
        key->nonce[i] ^= reuse[i];
}

/* SenderDataAAD, and with the authenticated data PrivateContentAAD. */
static void aad_write(struct writer *w, const struct mls_private *m, bool content)
{
    write_vecv(w, m->group_id);
    write_u64(w, m->epoch);
    write_u8(w, m->type);
    if (content) write_vecv(w, m->authenticated_data);
}

static enum err aead(const struct protect *p, const struct ratchet_key *key, const struct mls_private *m,
                     bool content, bool opening, struct span in, uint8_t *out)
{
    const struct suite *s = p->suite;
    struct blob aad = {0};
    PACK(&aad) aad_write(&k.w, m, content);
    if (!aad.p) return ERR_NOMEM;
    struct span k = SPAN(key->key, s->nk), nonce = SPAN_OF(key->nonce);
    enum err e = opening ? s->crypto->aead_open(s->crypto->ctx, s->aead, k, nonce, blob_span(&aad), in, out)
                         : s->crypto->aead_seal(s->crypto->ctx, s->aead, k, nonce, blob_span(&aad), in, out);
    blob_drop(&aad);
    return e;
}

static enum ratchet_kind ratchet_of(uint8_t type)
{
    return type == MLS_APPLICATION ? RATCHET_APPLICATION : RATCHET_HANDSHAKE;
}

/* Content, signature, tag and padding. */
static enum err inner_pack(const struct mls_signed *s, uint32_t step, struct blob *inner)
{
    PACK(inner)
    {
        mls_inner_write(&k.w, s);
        if (step > 1 && k.w.n % step) write_zero(&k.w, step - k.w.n % step);
    }
    return inner->p ? OK : ERR_NOMEM;
}

static enum err sender_data_seal(const struct protect *p, struct mls_private *m,
                                 const uint8_t data[static SENDER_DATA], uint8_t *out)
{
    struct ratchet_key key = {0};
    enum err e = protect_sender_key(p->suite, &p->schedule->sender_data, m->ciphertext, &key);
    if (e == OK) e = aead(p, &key, m, false, false, SPAN(data, SENDER_DATA), out);
    m->sender_data = SPAN(out, SENDER_DATA + CRYPTO_TAG_SIZE);
    secret_wipe(&key, sizeof key);
    return e;
}

enum err protect_private(const struct protect *p, const struct mls_signed *s, uint32_t step,
                         struct blob *message)
{
    const struct mls_content *c = &s->content;
    struct mls_message m = {
        .wire = MLS_PRIVATE,
        .priv = {c->group_id, c->epoch, c->type, c->authenticated_data, SPAN_NONE, SPAN_NONE}};
    uint8_t reuse[4], data[SENDER_DATA], sealed_data[SENDER_DATA + CRYPTO_TAG_SIZE];
    struct blob inner = {0}, ct = {0};
    struct ratchet_key key = {0};
    uint32_t generation = 0;
    enum err e = inner_pack(s, step, &inner);
    if (e == OK) e = blob_new(&ct, inner.n + CRYPTO_TAG_SIZE);
    if (e == OK) e = p->suite->crypto->random(p->suite->crypto->ctx, reuse, sizeof reuse);
    if (e == OK) e = secrettree_next(p->secrets, c->sender, ratchet_of(c->type), &generation, &key);
    if (e == OK) {
        guard(&key, reuse);
        e = aead(p, &key, &m.priv, true, false, blob_span(&inner), ct.p);
    }
    if (e == OK) {
        struct writer w = writer_of(MSPAN(data, sizeof data));
        write_u32(&w, c->sender);
        write_u32(&w, generation);
        write_bytes(&w, SPAN_OF(reuse));
        m.priv.ciphertext = blob_span(&ct);
        e = sender_data_seal(p, &m.priv, data, sealed_data);
    }
    if (e == OK) e = message_pack(&m, message);
    secret_wipe(&key, sizeof key);
    secret_wipe(data, sizeof data);
    blob_drop(&inner);
    blob_drop(&ct);
    return e;
}

static enum err sender_data_open(const struct protect *p, const struct mls_private *m,
                                 uint8_t data[static SENDER_DATA])
{
    struct ratchet_key key = {0};
    if (m->sender_data.n != SENDER_DATA + CRYPTO_TAG_SIZE || m->ciphertext.n < CRYPTO_TAG_SIZE)
        return ERR_FORMAT;
    enum err e = protect_sender_key(p->suite, &p->schedule->sender_data, m->ciphertext, &key);
    if (e == OK) e = aead(p, &key, m, false, true, m->sender_data, data);
    secret_wipe(&key, sizeof key);
    return e;
}

enum err protect_open_private(const struct protect *p, const struct mls_private *m, struct protect_opened *o)
{
    uint8_t data[SENDER_DATA];
    struct ratchet_step step = {0};
    struct protect_opened new = {0};
    enum err e = sender_data_open(p, m, data);
    if (e) return e;
    struct reader r = reader_of(SPAN_OF(data));
    step.leaf = read_u32(&r);
    step.kind = ratchet_of(m->type);
    uint32_t generation = read_u32(&r);
    e = secrettree_find(p->secrets, &step, generation);
    if (e == OK) e = blob_new(&new.plain, m->ciphertext.n - CRYPTO_TAG_SIZE);
    if (e == OK) {
        guard(&step.key, data + 8);
        e = aead(p, &step.key, m, true, true, m->ciphertext, new.plain.p);
    }
    if (e == OK) {
        new.is = (struct mls_signed){.wire = MLS_PRIVATE,
                                     .content = {.group_id = m->group_id,
                                                 .epoch = m->epoch,
                                                 .from = MLS_MEMBER,
                                                 .sender = step.leaf,
                                                 .authenticated_data = m->authenticated_data}};
        new.step = step;
        e = mls_inner_read(blob_span(&new.plain), m->type, &new.is);
    }
    ratchet_step_drop(&step);
    secret_wipe(data, sizeof data);
    if (e)
        blob_drop(&new.plain);
    else
        *o = new;
    return e;
}
