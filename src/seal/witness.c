/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/witness.h"

#include "base/read.h"
#include "base/write.h"

#define VERSION        1
#define LABEL_KEY      "incamera 1.0 archive seal key"
#define LABEL_SEAL     "incamera 1.0 archive seal"
#define LABEL_RECORD   "incamera 1.0 archive record"
#define LABEL_RECEIPT  "incamera 1.0 archive receipt"
#define RECEIPT_DISK   1
#define RECEIPT_OPENED 2

/* ---- R1 ---- */

static size_t key_size(uint16_t kem)
{
    return kem == HPKE_KEM_X25519 ? 32 : 65;
}

static enum err delegation_ok(const struct witness_delegation *d)
{
    if (d->room_id.n != POLICY_ROOM_ID_SIZE || d->policy_hash.n != POLICY_HASH_SIZE) return ERR_RANGE;
    if (d->kem != HPKE_KEM_P256 && d->kem != HPKE_KEM_X25519) return ERR_RANGE;
    if (d->seal_key.n != key_size(d->kem) || d->receipt_key.n == 0 || d->receipt_key.n > CRYPTO_PUBLIC_MAX)
        return ERR_RANGE;
    if (d->not_after < d->not_before || d->not_after - d->not_before > WITNESS_SPAN_MAX_S) return ERR_RANGE;
    return OK;
}

enum err witness_delegation_decode(struct span encoded, struct witness_delegation *d)
{
    if (encoded.n > WITNESS_SIZE_MAX) return ERR_LIMIT;
    struct reader r = reader_of(encoded);
    struct witness_delegation got;
    struct span label = read_vecv(&r);
    got.room_id = read_vecv(&r);
    got.policy_hash = read_vecv(&r);
    got.kem = read_u16(&r);
    got.seal_key = read_vecv(&r);
    got.receipt_key = read_vecv(&r);
    got.not_before = read_u64(&r);
    got.not_after = read_u64(&r);
    got.content = SPAN(encoded.p, encoded.n - read_left(&r));
    got.signature = read_vecv(&r);
    enum err e = read_end(&r);
    if (e == OK && !span_equal(label, SPAN_LIT(LABEL_KEY))) e = ERR_FORMAT;
    if (e == OK) e = delegation_ok(&got);
    if (e == OK && got.signature.n > CRYPTO_SIGN_MAX) e = ERR_LIMIT;
    if (e == OK) *d = got;
    return e;
}

enum err witness_delegation_encode(const struct witness_delegation *d, struct mspan out, size_t *n)
{
    enum err e = delegation_ok(d);
    if (e != OK) return e;
    struct writer w = writer_of(out);
    write_vecv(&w, SPAN_LIT(LABEL_KEY));
    write_vecv(&w, d->room_id);
    write_vecv(&w, d->policy_hash);
    write_u16(&w, d->kem);
    write_vecv(&w, d->seal_key);
    write_vecv(&w, d->receipt_key);
    write_u64(&w, d->not_before);
    write_u64(&w, d->not_after);
    if (write_ok(&w) != OK) return ERR_FULL;
    *n = w.n;
    return OK;
}

enum err witness_delegation_verify(const struct crypto *c, const struct witness_delegation *d,
                                   const struct policy_signed *policy, const struct wall *now)
{
    uint8_t hash[POLICY_HASH_SIZE];
    const struct policy *p = &policy->policy;
    if (!p->has_archive || !span_equal(d->room_id, p->room_id)) return ERR_AUTH;
    enum err e = policy_hash(c, policy, hash);
    if (e != OK) return e;
    if (!span_equal(d->policy_hash, SPAN_OF(hash))) return ERR_AUTH;
    e = policy_verify_label(c, p->archive.signature_scheme, p->archive.signature_key, SPAN_LIT(LABEL_KEY),
                            d->content, d->signature);
    if (e != OK || !now) return e;
    uint64_t at = now->ms < 0 ? 0 : (uint64_t)now->ms / 1000;
    return at >= d->not_before && at <= d->not_after ? OK : ERR_EXPIRED;
}

/* ---- R2 ---- */

void witness_scope(uint16_t scope, bool kinds[static WITNESS_KINDS])
{
    kinds[0] = scope & POLICY_SCOPE_AUDIO;
    kinds[1] = scope & POLICY_SCOPE_CAMERA;
    kinds[2] = scope & POLICY_SCOPE_SCREEN;
    kinds[3] = scope & (POLICY_SCOPE_AUDIO | POLICY_SCOPE_SCREEN);
}

static bool epoch_ok(const struct witness_epoch *e)
{
    bool ok = e->group_id.n > 0 && e->group_id.n <= WITNESS_GROUP_ID_MAX &&
              e->policy_hash.n == POLICY_HASH_SIZE && (e->chat_key.n == 0 || e->chat_key.n == WITNESS_KEY) &&
              e->roster_hash.n == WITNESS_HASH && e->transcript_hash.n == WITNESS_HASH;
    for (int i = 0; ok && i < WITNESS_KINDS; i++)
        ok = e->key[i].n == (e->in_scope[i] ? WITNESS_KEY : 0);
    return ok;
}

enum err witness_epoch_encode(const struct witness_epoch *e, struct mspan out, size_t *n)
{
    if (!epoch_ok(e)) return ERR_RANGE;
    struct writer w = writer_of(out);
    size_t kinds = 0;
    for (int i = 0; i < WITNESS_KINDS; i++)
        kinds += e->in_scope[i];
    write_u8(&w, VERSION);
    write_vecv(&w, e->group_id);
    write_vecv(&w, e->policy_hash);
    write_u64(&w, e->epoch);
    write_varint(&w, kinds * (2 + WITNESS_KEY));
    for (int i = 0; i < WITNESS_KINDS; i++) {
        if (!e->in_scope[i]) continue;
        write_u8(&w, (uint8_t)i);
        write_vecv(&w, e->key[i]);
    }
    write_vecv(&w, e->chat_key);
    write_vecv(&w, e->roster_hash);
    write_vecv(&w, e->transcript_hash);
    if (write_ok(&w) != OK) return ERR_FULL;
    *n = w.n;
    return OK;
}

enum err witness_epoch_decode(struct span encoded, struct witness_epoch *e)
{
    struct reader r = reader_of(encoded);
    struct witness_epoch got = {0};
    uint8_t version = read_u8(&r);
    got.group_id = read_vecv(&r);
    got.policy_hash = read_vecv(&r);
    got.epoch = read_u64(&r);
    struct reader keys = reader_of(read_vecv(&r));
    int last = -1;
    bool ok = true;
    while (ok && read_left(&keys) > 0) { /* kinds ascend, so that W has one encoding */
        int kind = read_u8(&keys);
        struct span key = read_vecv(&keys);
        ok = kind > last && kind < WITNESS_KINDS && !keys.bad;
        if (!ok) break;
        got.in_scope[kind] = true;
        got.key[kind] = key;
        last = kind;
    }
    got.chat_key = read_vecv(&r);
    got.roster_hash = read_vecv(&r);
    got.transcript_hash = read_vecv(&r);
    enum err err = read_end(&r);
    if (err == OK && (!ok || keys.bad)) err = ERR_FORMAT;
    if (err == OK && (version != VERSION || !epoch_ok(&got))) err = ERR_RANGE;
    if (err == OK) *e = got;
    return err;
}

static struct span aad_write(struct mspan room, struct span group_id, struct span hash, uint64_t epoch)
{
    struct writer w = writer_of(room);
    write_bytes(&w, group_id);
    write_bytes(&w, hash);
    write_u64(&w, epoch);
    return writer_span(&w);
}

#define AAD_MAX (WITNESS_GROUP_ID_MAX + POLICY_HASH_SIZE + 8)

enum err witness_ephemeral_context(const struct witness_delegation *d, const struct witness_epoch *e,
                                   struct mspan out, size_t *n)
{
    uint8_t aad[AAD_MAX];
    size_t used;
    if (!epoch_ok(e)) return ERR_RANGE;
    struct writer w = writer_of(out);
    write_u16(&w, d->kem);
    write_bytes(&w, d->seal_key);
    write_bytes(&w, aad_write(MSPAN(aad, sizeof aad), e->group_id, e->policy_hash, e->epoch));
    if (write_ok(&w) != OK) return ERR_FULL;
    enum err err = witness_epoch_encode(e, MSPAN(out.p + w.n, out.n - w.n), &used);
    if (err == OK) *n = w.n + used;
    return err;
}

static struct hpke_with hpke_of(const struct crypto *c, const struct witness_delegation *d, struct span ikm)
{
    return (struct hpke_with){.crypto = c,
                              .kem = d->kem,
                              .kdf = HPKE_KDF_SHA256,
                              .aead = HPKE_AES_128_GCM,
                              .info = SPAN_LIT(LABEL_SEAL),
                              .ephemeral_ikm = ikm};
}

enum err witness_seal(const struct crypto *c, const struct witness_delegation *d,
                      const struct witness_epoch *e, struct span ikm, struct mspan out, size_t *n)
{
    uint8_t aad[AAD_MAX], w[WITNESS_SIZE_MAX], enc[HPKE_ENC_MAX];
    size_t w_n = 0, enc_n = 0;
    struct hpke h = {0};
    struct hpke_with with = hpke_of(c, d, ikm);
    if (ikm.n != 32) return ERR_RANGE;
    enum err err = witness_epoch_encode(e, MSPAN(w, sizeof w), &w_n);
    if (err == OK) err = hpke_send(&h, &with, d->seal_key, enc, &enc_n);
    if (err == OK && out.n < enc_n + w_n + CRYPTO_TAG_SIZE) err = ERR_FULL;
    if (err == OK)
        err = hpke_seal(&h, aad_write(MSPAN(aad, sizeof aad), e->group_id, e->policy_hash, e->epoch),
                        SPAN(w, w_n), out.p + enc_n);
    if (err == OK) {
        memcpy(out.p, enc, enc_n);
        *n = enc_n + w_n + CRYPTO_TAG_SIZE;
    }
    hpke_fini(&h);
    secret_wipe(w, sizeof w);
    return err;
}

enum err witness_open(const struct crypto *c, const struct witness_delegation *d,
                      const struct witness_opening *o, struct span seal, struct mspan room,
                      struct witness_epoch *e)
{
    uint8_t aad[AAD_MAX];
    size_t enc_n = key_size(d->kem), n;
    struct hpke h = {0};
    struct hpke_with with = hpke_of(c, d, SPAN_NONE);
    struct witness_epoch got;
    if (o->group_id.n > WITNESS_GROUP_ID_MAX || o->policy_hash.n != POLICY_HASH_SIZE) return ERR_RANGE;
    if (seal.n < enc_n + CRYPTO_TAG_SIZE) return ERR_SHORT;
    n = seal.n - enc_n - CRYPTO_TAG_SIZE;
    if (room.n < n) return ERR_FULL;
    enum err err = hpke_receive(&h, &with, o->priv, SPAN(seal.p, enc_n));
    if (err == OK)
        err = hpke_open(&h, aad_write(MSPAN(aad, sizeof aad), o->group_id, o->policy_hash, o->epoch),
                        SPAN(seal.p + enc_n, seal.n - enc_n), room.p);
    hpke_fini(&h);
    if (err == OK) err = witness_epoch_decode(SPAN(room.p, n), &got);
    if (err == OK && (!span_equal(got.group_id, o->group_id) ||
                      !span_equal(got.policy_hash, o->policy_hash) || got.epoch != o->epoch))
        err = ERR_AUTH;
    if (err == OK) *e = got;
    if (err != OK) secret_wipe(room.p, n);
    return err;
}

/* ---- R3 ---- */

static enum err record_ok(const struct witness_record *r)
{
    if (r->group_id.n == 0 || r->group_id.n > WITNESS_GROUP_ID_MAX || r->prev.n != WITNESS_HASH)
        return ERR_RANGE;
    if (r->type < WITNESS_FIRST || r->type > WITNESS_ATTEST) return ERR_RANGE;
    return r->body.n <= WITNESS_BODY_MAX ? OK : ERR_LIMIT;
}

enum err witness_record_encode(const struct witness_record *r, struct mspan out, size_t *n)
{
    enum err e = record_ok(r);
    if (e != OK) return e;
    struct writer w = writer_of(out);
    write_vecv(&w, r->group_id);
    write_u64(&w, r->epoch);
    write_u32(&w, r->leaf);
    write_u64(&w, r->seq);
    write_vecv(&w, r->prev);
    write_u8(&w, r->type);
    write_vecv(&w, r->body);
    if (write_ok(&w) != OK) return ERR_FULL;
    *n = w.n;
    return OK;
}

enum err witness_record_decode(struct span encoded, struct witness_record *r)
{
    struct reader in = reader_of(encoded);
    struct witness_record got;
    got.group_id = read_vecv(&in);
    got.epoch = read_u64(&in);
    got.leaf = read_u32(&in);
    got.seq = read_u64(&in);
    got.prev = read_vecv(&in);
    got.type = read_u8(&in);
    got.body = read_vecv(&in);
    got.content = SPAN(encoded.p, encoded.n - read_left(&in));
    got.signature = read_vecv(&in);
    enum err e = read_end(&in);
    if (e == OK) e = record_ok(&got);
    if (e == OK && got.signature.n > CRYPTO_SIGN_MAX) e = ERR_LIMIT;
    if (e == OK) *r = got;
    return e;
}

enum err witness_record_sign(const struct suite *s, struct span priv, struct mspan out, size_t *n)
{
    uint8_t sig[CRYPTO_SIGN_MAX];
    size_t sig_n;
    if (*n > out.n) return ERR_FULL;
    enum err e = suite_sign(s, priv, SPAN_LIT(LABEL_RECORD), SPAN(out.p, *n), sig, &sig_n);
    return e == OK ? policy_append(out, n, SPAN(sig, sig_n)) : e;
}

enum err witness_record_verify(const struct suite *s, struct span leaf_key, const struct witness_record *r)
{
    return suite_verify(s, leaf_key, SPAN_LIT(LABEL_RECORD), r->content, r->signature);
}

enum err witness_chain_add(const struct crypto *c, struct witness_chain *chain,
                           const struct witness_record *r, struct span encoded)
{
    uint8_t hash[WITNESS_HASH];
    if (r->seq < chain->next) return ERR_REPLAY;
    enum err e = c->hash(c->ctx, CRYPTO_SHA256, &encoded, 1, hash);
    if (e != OK) return e;
    bool follows = r->seq == chain->next && span_equal(r->prev, SPAN_OF(chain->last)) && r->seq != UINT64_MAX;
    chain->broken = chain->broken || !follows;
    chain->next = r->seq == UINT64_MAX ? r->seq : r->seq + 1;
    memcpy(chain->last, hash, sizeof hash);
    return follows ? OK : ERR_STATE;
}

/* ---- R5 ---- */

static enum err receipt_ok(const struct witness_receipt *r)
{
    if (r->group_id.n == 0 || r->group_id.n > WITNESS_GROUP_ID_MAX || r->policy_hash.n != POLICY_HASH_SIZE ||
        r->seal_hash.n != WITNESS_HASH)
        return ERR_RANGE;
    if (r->rows.n % WITNESS_ROW_SIZE || r->leaves.n % WITNESS_LEAF_SIZE) return ERR_FORMAT;
    if (r->rows.n / WITNESS_ROW_SIZE > WITNESS_KIDS_MAX ||
        r->leaves.n / WITNESS_LEAF_SIZE > WITNESS_LEAVES_MAX)
        return ERR_LIMIT;
    return OK;
}

enum err witness_receipt_decode(struct span encoded, struct witness_receipt *r)
{
    if (encoded.n > WITNESS_RECEIPT_MAX + WITNESS_SIZE_MAX) return ERR_LIMIT;
    struct reader in = reader_of(encoded);
    struct witness_receipt got;
    struct span label = read_vecv(&in);
    got.group_id = read_vecv(&in);
    got.policy_hash = read_vecv(&in);
    got.epoch = read_u64(&in);
    got.seal_hash = read_vecv(&in);
    got.counter = read_u64(&in);
    got.rows = read_vecv(&in);
    got.leaves = read_vecv(&in);
    uint8_t flags = read_u8(&in);
    got.disk_ok = flags & RECEIPT_DISK;
    got.opened = flags & RECEIPT_OPENED;
    got.content = SPAN(encoded.p, encoded.n - read_left(&in));
    got.signature = read_vecv(&in);
    enum err e = read_end(&in);
    if (e == OK && (!span_equal(label, SPAN_LIT(LABEL_RECEIPT)) || flags & ~(RECEIPT_DISK | RECEIPT_OPENED)))
        e = ERR_FORMAT;
    if (e == OK) e = receipt_ok(&got);
    if (e == OK && got.signature.n > CRYPTO_SIGN_MAX) e = ERR_LIMIT;
    if (e == OK) *r = got;
    return e;
}

enum err witness_receipt_encode(const struct witness_receipt *r, struct mspan out, size_t *n)
{
    enum err e = receipt_ok(r);
    if (e != OK) return e;
    struct writer w = writer_of(out);
    write_vecv(&w, SPAN_LIT(LABEL_RECEIPT));
    write_vecv(&w, r->group_id);
    write_vecv(&w, r->policy_hash);
    write_u64(&w, r->epoch);
    write_vecv(&w, r->seal_hash);
    write_u64(&w, r->counter);
    write_vecv(&w, r->rows);
    write_vecv(&w, r->leaves);
    write_u8(&w, (uint8_t)((r->disk_ok ? RECEIPT_DISK : 0) | (r->opened ? RECEIPT_OPENED : 0)));
    if (write_ok(&w) != OK) return ERR_FULL;
    *n = w.n;
    return OK;
}

void witness_row_write(uint8_t out[static WITNESS_ROW_SIZE], const struct witness_row *row)
{
    struct writer w = writer_of(MSPAN(out, WITNESS_ROW_SIZE));
    write_u64(&w, row->kid);
    write_u64(&w, row->highest);
    write_u64(&w, row->count);
    write_u64(&w, row->drawn);
    write_bytes(&w, SPAN(row->drawn_hash, WITNESS_HASH));
}

void witness_leaf_write(uint8_t out[static WITNESS_LEAF_SIZE], uint32_t leaf, uint64_t seq)
{
    struct writer w = writer_of(MSPAN(out, WITNESS_LEAF_SIZE));
    write_u32(&w, leaf);
    write_u64(&w, seq);
}

bool witness_receipt_row(const struct witness_receipt *r, size_t *at, struct witness_row *row)
{
    struct reader in = reader_of(span_part(r->rows, *at, WITNESS_ROW_SIZE));
    if (read_left(&in) < WITNESS_ROW_SIZE) return false;
    row->kid = read_u64(&in);
    row->highest = read_u64(&in);
    row->count = read_u64(&in);
    row->drawn = read_u64(&in);
    row->drawn_hash = read_bytes(&in, WITNESS_HASH).p;
    *at += WITNESS_ROW_SIZE;
    return true;
}

bool witness_receipt_leaf(const struct witness_receipt *r, size_t *at, uint32_t *leaf, uint64_t *seq)
{
    struct reader in = reader_of(span_part(r->leaves, *at, WITNESS_LEAF_SIZE));
    if (read_left(&in) < WITNESS_LEAF_SIZE) return false;
    *leaf = read_u32(&in);
    *seq = read_u64(&in);
    *at += WITNESS_LEAF_SIZE;
    return true;
}

enum err witness_receipt_verify(const struct crypto *c, const struct witness_delegation *d, uint16_t scheme,
                                const struct witness_receipt *r)
{
    return policy_verify_label(c, scheme, d->receipt_key, SPAN_LIT(LABEL_RECEIPT), r->content, r->signature);
}
