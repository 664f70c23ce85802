/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/face.h"

#include "base/read.h"
#include "base/write.h"
#include "seal/hpke.h"
#include "seal/invite.h"
#include "seal/policy.h"
#include "seal/wrap.h"

#define BASE_KEY 16

static const struct crypto *table;
static uint8_t in[FACE_IN_BYTES], out[FACE_OUT_BYTES], sealed[FACE_IN_BYTES + SFRAME_OVERHEAD_MAX];
static struct face_from from;

static int32_t answer(enum err e, size_t n)
{
    return e == OK ? (int32_t)n : -(int32_t)e;
}

/* The inputs, one after another; a length that goes past the area sets the reader bad. */
static struct reader inputs(void)
{
    return reader_of(SPAN_OF(in));
}

void face_start(const struct crypto *c)
{
    table = c;
}
const struct crypto *face_crypto(void)
{
    return table;
}
int32_t face_version(void)
{
    return FACE_VERSION;
}
uint8_t *face_in(void)
{
    return in;
}
uint8_t *face_out(void)
{
    return out;
}
void face_wipe(uint32_t n)
{
    secret_wipe(in, n < sizeof in ? n : sizeof in);
    secret_wipe(out, n < sizeof out ? n : sizeof out);
    secret_wipe(sealed, n < sizeof sealed ? n : sizeof sealed);
}

int32_t face_random(uint32_t n)
{
    if (n > sizeof out) return answer(ERR_LIMIT, 0);
    return answer(table->random(table->ctx, out, n), n);
}

int32_t face_sha256(uint32_t n)
{
    struct reader r = inputs();
    struct span s = read_bytes(&r, n);
    if (r.bad) return answer(ERR_LIMIT, 0);
    return answer(table->hash(table->ctx, CRYPTO_SHA256, &s, 1, out), 32);
}

/* ---- HPKE ---- */

static struct hpke_with hpke_of(uint32_t kem)
{
    return (struct hpke_with){
        .crypto = table, .kem = (uint16_t)kem, .kdf = HPKE_KDF_SHA256, .aead = HPKE_AES_128_GCM};
}

int32_t face_hpke_seal(uint32_t kem, uint32_t info_n, uint32_t aad_n, uint32_t ikm_n, uint32_t pt_n)
{
    struct hpke_with with = hpke_of(kem);
    struct reader r = inputs();
    struct span pub = read_bytes(&r, kem == HPKE_KEM_P256 ? 65 : 32);
    with.info = read_bytes(&r, info_n);
    struct span aad = read_bytes(&r, aad_n);
    with.ephemeral_ikm = read_bytes(&r, ikm_n);
    struct span pt = read_bytes(&r, pt_n);
    if (r.bad) return answer(ERR_LIMIT, 0);
    struct hpke h = {0};
    size_t n = 0;
    enum err e = hpke_send(&h, &with, pub, out, &n);
    if (e == OK) e = hpke_seal(&h, aad, pt, out + n);
    hpke_fini(&h);
    return answer(e, n + pt.n + CRYPTO_TAG_SIZE);
}

int32_t face_hpke_open(uint32_t kem, uint32_t info_n, uint32_t aad_n, uint32_t sealed_n)
{
    struct hpke_with with = hpke_of(kem);
    struct reader r = inputs();
    struct span priv = read_bytes(&r, 32);
    with.info = read_bytes(&r, info_n);
    struct span aad = read_bytes(&r, aad_n), all = read_bytes(&r, sealed_n);
    size_t enc_n = kem == HPKE_KEM_P256 ? 65 : 32;
    if (r.bad) return answer(ERR_LIMIT, 0);
    if (all.n < enc_n + CRYPTO_TAG_SIZE) return answer(ERR_SHORT, 0);
    struct hpke h = {0};
    enum err e = hpke_receive(&h, &with, priv, SPAN(all.p, enc_n));
    if (e == OK) e = hpke_open(&h, aad, SPAN(all.p + enc_n, all.n - enc_n), out);
    hpke_fini(&h);
    return answer(e, all.n - enc_n - CRYPTO_TAG_SIZE);
}

int32_t face_hpke_key_pair(uint32_t kem, uint32_t ikm_n)
{
    struct reader r = inputs();
    struct span ikm = read_bytes(&r, ikm_n);
    struct secret priv = {0};
    size_t n = 0;
    if (r.bad) return answer(ERR_LIMIT, 0);
    enum err e = hpke_derive_key_pair(table, (uint16_t)kem, ikm, &priv, out + 32, &n);
    if (e == OK) memcpy(out, priv.b, 32);
    secret_drop(&priv);
    return answer(e, 32 + n);
}

/* ---- frames ---- */

struct sframe_room *face_sframe_new(uint32_t kids)
{
    struct sframe_room_conf conf = {table, SFRAME_SUITE_ROOM, SFRAME_LAYOUT_ROOM, kids};
    return kids > 0 && kids <= SFRAME_SENDERS_MAX ? sframe_room_new(&conf) : NULL;
}
void face_sframe_free(struct sframe_room *r)
{
    sframe_room_free(r);
}

int32_t face_sframe_enter(struct sframe_room *r, uint64_t now, uint64_t epoch, uint32_t leaf,
                          uint32_t removed, uint32_t per_kind)
{
    struct sframe_epoch e = {
        .epoch = epoch, .leaf = leaf, .removed = removed != 0, .per_kind = per_kind != 0};
    for (int i = 0; i < (per_kind ? SFRAME_KINDS : 1); i++)
        e.base[i] = SPAN(in + i * BASE_KEY, BASE_KEY);
    return answer(sframe_room_enter(r, now, &e), 0);
}
void face_sframe_switch(struct sframe_room *r)
{
    sframe_room_switch(r);
}
void face_sframe_tick(struct sframe_room *r, uint64_t now)
{
    sframe_room_tick(r, now);
}
uint64_t face_sframe_wake(const struct sframe_room *r)
{
    return sframe_room_wake(r);
}
void face_sframe_leave(struct sframe_room *r)
{
    sframe_room_leave(r);
}

int32_t face_frame_seal(struct sframe_room *r, uint64_t now, uint32_t context, uint32_t codec, uint32_t n)
{
    struct wrap w;
    size_t sealed_n = 0, size = 0;
    if (codec >= WRAP_CODECS) return answer(ERR_RANGE, 0);
    if (n > sizeof in) return answer(ERR_LIMIT, 0);
    enum err e = wrap_plan(&w, (enum wrap_codec)codec, SPAN(in, n));
    if (e == OK)
        e = sframe_room_seal(r, now, context, w.metadata, SPAN(in, n), MSPAN(sealed, sizeof sealed),
                             &sealed_n);
    if (e == OK) e = wrap_write(&w, SPAN(sealed, sealed_n), MSPAN(out, sizeof out), &size);
    return answer(e, size);
}

int32_t face_frame_open(struct sframe_room *r, uint64_t now, uint32_t codec, uint32_t n)
{
    struct wrap_found found;
    struct sframe_plain p = {.out = MSPAN(out, sizeof out)};
    if (codec >= WRAP_CODECS) return answer(ERR_RANGE, 0);
    if (n > sizeof in) return answer(ERR_LIMIT, 0);
    enum err e = wrap_find((enum wrap_codec)codec, SPAN(in, n), MSPAN(sealed, sizeof sealed), &found);
    if (e == OK) e = sframe_room_open(r, now, found.sframe, found.metadata, &p);
    if (e == OK)
        from =
            (struct face_from){p.from.epoch, p.from.kid, p.from.ctr, (uint32_t)p.from.context, p.from.leaf};
    return answer(e, p.n);
}
const struct face_from *face_from(void)
{
    return &from;
}

/* ---- policy and invitation ---- */

static struct face_text text_of(struct span s)
{
    return s.n ? (struct face_text){(uint32_t)(s.p - in), (uint32_t)s.n} : (struct face_text){0, 0};
}

static void policy_fill(struct face_policy *f, const struct policy_signed *s)
{
    const struct policy *p = &s->policy;
    f->mode = p->mode;
    f->join_rule = p->join_rule;
    f->flags = p->flags;
    f->allowed = policy_check(p);
    f->not_after_low = (uint32_t)p->not_after;
    f->not_after_high = (uint32_t)(p->not_after >> 32);
    f->chat_retention_days = p->chat_retention_days;
    f->room_id = text_of(p->room_id);
    f->owner_key = text_of(s->owner_key);
    f->suite = p->mls_suites_n ? p->mls_suites[0] : 0;
    f->has_archive = p->has_archive;
    if (!p->has_archive) return;
    f->archive_scope = p->archive.scope;
    f->archive_retention_days = p->archive.retention_days;
    f->archive_scheme = p->archive.signature_scheme;
    f->archive_name = text_of(p->archive.name);
    f->archive_key = text_of(p->archive.signature_key);
    f->archive_jurisdiction = text_of(p->archive.jurisdiction);
    f->archive_notice = text_of(p->archive.notice_url);
}

int32_t face_policy_open(uint32_t policy_n, uint64_t now_ms)
{
    struct reader r = inputs();
    struct span bytes = read_bytes(&r, policy_n), want = read_bytes(&r, POLICY_HASH_SIZE);
    struct policy_signed s;
    uint8_t hash[POLICY_HASH_SIZE];
    if (r.bad) return answer(ERR_LIMIT, 0);
    enum err e = policy_decode(bytes, &s);
    if (e == OK) e = policy_hash(table, &s, hash);
    if (e == OK && !span_equal(SPAN_OF(hash), want)) e = ERR_AUTH;
    if (e == OK) e = policy_verify(table, &s);
    if (e != OK) return answer(e, 0);
    struct face_policy f = {0};
    policy_fill(&f, &s);
    f.expired = policy_check_date(&s.policy, (struct wall){(int64_t)(now_ms & INT64_MAX)}) != OK;
    memcpy(out, &f, sizeof f);
    return answer(OK, sizeof f);
}

int32_t face_invite_open(uint32_t n)
{
    struct reader r = inputs();
    struct span text = read_bytes(&r, n);
    struct invite l = {0};
    if (r.bad) return answer(ERR_LIMIT, 0);
    enum err e = invite_parse(text, &l);
    struct writer w = writer_of(MSPAN(out, sizeof out));
    if (e == OK) {
        write_bytes(&w, SPAN_OF(l.room_id));
        write_bytes(&w, SPAN_OF(l.policy_hash));
        write_bytes(&w, secret_span(&l.join_secret));
        write_u32(&w, l.generation);
    }
    invite_fini(&l);
    return answer(e, w.n);
}

int32_t face_invite_write(uint32_t origin_n)
{
    struct reader r = inputs();
    struct invite l = {.join_secret = {.n = 32}};
    size_t n = 0;
    read_copy(&r, l.room_id, 32);
    read_copy(&r, l.policy_hash, 32);
    read_copy(&r, l.join_secret.b, 32);
    l.generation = read_u32(&r);
    l.origin = read_bytes(&r, origin_n);
    enum err e = r.bad ? ERR_LIMIT : invite_write(&l, MSPAN(out, INVITE_MAX), &n);
    invite_fini(&l);
    return answer(e, n);
}

int32_t face_invite_door(void)
{
    struct invite l = {.join_secret = {.n = 32}};
    memcpy(l.join_secret.b, in, 32);
    enum err e = invite_door(table, &l, out);
    invite_fini(&l);
    return answer(e, 32);
}
