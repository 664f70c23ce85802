/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/policy.h"

#include "base/mem.h"
#include "base/read.h"
#include "base/secret.h"
#include "base/write.h"
#include "seal/sframe.h"
#include "seal/suite.h"

#define VERSION   1
#define LABEL     "incamera 1.0 RoomPolicy"
#define LABEL_MAX 64
#define FLAGS_ALL 63
#define SCOPE_ALL 127
#define KEY_MAX   CRYPTO_PUBLIC_MAX

/* ---- decode ---- */

static struct span text_read(struct reader *r, enum err *e)
{
    struct span s = read_vecv(r);
    if (s.n > POLICY_TEXT_MAX) *e = ERR_LIMIT;
    return s;
}

static void credentials_read(struct reader *outer, struct policy *p, enum err *e)
{
    struct reader r = reader_of(read_vecv(outer));
    while (read_left(&r) > 0 && *e == OK) {
        if (p->credentials_n == POLICY_CREDENTIALS_MAX) {
            *e = ERR_LIMIT;
            return;
        }
        struct policy_credential *c = &p->credentials[p->credentials_n++];
        c->kind = read_u8(&r);
        c->issuer = text_read(&r, e);
        c->issuer_key_hash = text_read(&r, e);
    }
    if (r.bad) outer->bad = true;
}

static void moderators_read(struct reader *outer, struct policy *p, enum err *e)
{
    struct reader r = reader_of(read_vecv(outer));
    while (read_left(&r) > 0 && *e == OK) {
        if (p->moderators_n == POLICY_MODERATORS_MAX) {
            *e = ERR_LIMIT;
            return;
        }
        struct span m = read_vecv(&r);
        p->moderators[p->moderators_n++] = m;
        if (m.n != POLICY_HASH_SIZE && !r.bad) *e = ERR_RANGE;
    }
    if (r.bad) outer->bad = true;
}

static void archive_read(struct reader *r, struct policy *p, enum err *e)
{
    uint8_t present = read_u8(r);
    if (present > 1) *e = ERR_FORMAT;
    if (present != 1) return;
    struct policy_archive *a = &p->archive;
    p->has_archive = true;
    a->name = text_read(r, e);
    a->signature_scheme = read_u16(r);
    a->signature_key = text_read(r, e);
    a->scope = read_u16(r);
    a->retention_days = read_u32(r);
    a->jurisdiction = text_read(r, e);
    a->notice_url = text_read(r, e);
}

static void suites_read(struct reader *outer, struct policy *p, enum err *e)
{
    struct reader r = reader_of(read_vecv(outer));
    while (read_left(&r) > 0 && *e == OK) {
        if (p->mls_suites_n == POLICY_SUITES_MAX) {
            *e = ERR_LIMIT;
            return;
        }
        p->mls_suites[p->mls_suites_n++] = read_u16(&r);
    }
    if (r.bad) outer->bad = true;
}

static void policy_read(struct reader *r, struct policy *p, enum err *e)
{
    p->version = read_u16(r);
    p->room_id = read_vecv(r);
    p->serial = read_u64(r);
    p->not_after = read_u64(r);
    uint8_t mode = read_u8(r), join = read_u8(r);
    p->mode = (enum policy_mode)mode;
    p->join_rule = (enum policy_join)join;
    if (!r->bad && (p->version != VERSION || p->room_id.n != POLICY_ROOM_ID_SIZE || mode < POLICY_DIRECT ||
                    mode > POLICY_GOVERNED || join < POLICY_LINK || join > POLICY_LIST))
        *e = ERR_RANGE;
    if (*e == OK) credentials_read(r, p, e);
    if (*e == OK) moderators_read(r, p, e);
    if (*e == OK) archive_read(r, p, e);
    p->chat_retention_days = read_u32(r);
    if (*e == OK) suites_read(r, p, e);
    p->sframe_suite = read_u16(r);
    p->sframe_epoch_bits = read_u8(r);
    p->sframe_index_bits = read_u8(r);
    p->flags = read_u8(r);
}

enum err policy_decode(struct span encoded, struct policy_signed *p)
{
    if (encoded.n > POLICY_SIZE_MAX) return ERR_LIMIT;
    struct policy_signed got = {0};
    struct reader r = reader_of(encoded);
    enum err e = OK;
    policy_read(&r, &got.policy, &e);
    if (e != OK) return e;
    got.signature_scheme = read_u16(&r);
    got.owner_key = read_vecv(&r);
    got.content = SPAN(encoded.p, encoded.n - read_left(&r));
    got.signature = read_vecv(&r);
    e = read_end(&r);
    if (e == OK && (got.owner_key.n > KEY_MAX || got.signature.n > CRYPTO_SIGN_MAX)) e = ERR_LIMIT;
    if (e == OK) *p = got;
    return e;
}

/* ---- encode ---- */

static bool fits(const struct policy *p)
{
    bool ok = p->version == VERSION && p->room_id.n == POLICY_ROOM_ID_SIZE && p->mode >= POLICY_DIRECT &&
              p->mode <= POLICY_GOVERNED && p->join_rule >= POLICY_LINK && p->join_rule <= POLICY_LIST &&
              p->credentials_n <= POLICY_CREDENTIALS_MAX && p->moderators_n <= POLICY_MODERATORS_MAX &&
              p->mls_suites_n <= POLICY_SUITES_MAX;
    for (size_t i = 0; ok && i < p->credentials_n; i++)
        ok = p->credentials[i].issuer.n <= POLICY_TEXT_MAX &&
             p->credentials[i].issuer_key_hash.n <= POLICY_TEXT_MAX;
    for (size_t i = 0; ok && i < p->moderators_n; i++)
        ok = p->moderators[i].n == POLICY_HASH_SIZE;
    const struct policy_archive *a = &p->archive;
    return ok &&
           (!p->has_archive || (a->name.n <= POLICY_TEXT_MAX && a->signature_key.n <= POLICY_TEXT_MAX &&
                                a->jurisdiction.n <= POLICY_TEXT_MAX && a->notice_url.n <= POLICY_TEXT_MAX));
}

/* The bytes of what `items` would write, counted first, then written behind their length. */
static void vector_write(struct writer *w, const struct policy *p,
                         void (*items)(struct writer *w, const struct policy *p))
{
    struct writer count = writer_counting(POLICY_SIZE_MAX);
    items(&count, p);
    if (count.bad) w->bad = true;
    write_varint(w, count.n);
    items(w, p);
}

static void credentials_write(struct writer *w, const struct policy *p)
{
    for (size_t i = 0; i < p->credentials_n; i++) {
        write_u8(w, p->credentials[i].kind);
        write_vecv(w, p->credentials[i].issuer);
        write_vecv(w, p->credentials[i].issuer_key_hash);
    }
}

static void moderators_write(struct writer *w, const struct policy *p)
{
    for (size_t i = 0; i < p->moderators_n; i++)
        write_vecv(w, p->moderators[i]);
}

static void suites_write(struct writer *w, const struct policy *p)
{
    for (size_t i = 0; i < p->mls_suites_n; i++)
        write_u16(w, p->mls_suites[i]);
}

static void archive_write(struct writer *w, const struct policy *p)
{
    const struct policy_archive *a = &p->archive;
    write_u8(w, p->has_archive);
    if (!p->has_archive) return;
    write_vecv(w, a->name);
    write_u16(w, a->signature_scheme);
    write_vecv(w, a->signature_key);
    write_u16(w, a->scope);
    write_u32(w, a->retention_days);
    write_vecv(w, a->jurisdiction);
    write_vecv(w, a->notice_url);
}

enum err policy_encode(const struct policy *p, uint16_t signature_scheme, struct span owner_key,
                       struct mspan out, size_t *n)
{
    if (!fits(p) || owner_key.n > KEY_MAX) return ERR_RANGE;
    struct writer w = writer_of(out);
    write_u16(&w, p->version);
    write_vecv(&w, p->room_id);
    write_u64(&w, p->serial);
    write_u64(&w, p->not_after);
    write_u8(&w, (uint8_t)p->mode);
    write_u8(&w, (uint8_t)p->join_rule);
    vector_write(&w, p, credentials_write);
    vector_write(&w, p, moderators_write);
    archive_write(&w, p);
    write_u32(&w, p->chat_retention_days);
    vector_write(&w, p, suites_write);
    write_u16(&w, p->sframe_suite);
    write_u8(&w, p->sframe_epoch_bits);
    write_u8(&w, p->sframe_index_bits);
    write_u8(&w, p->flags);
    write_u16(&w, signature_scheme);
    write_vecv(&w, owner_key);
    if (write_ok(&w) != OK) return ERR_FULL;
    *n = w.n;
    return OK;
}

enum err policy_append(struct mspan out, size_t *n, struct span signature)
{
    if (*n > out.n) return ERR_FULL;
    struct writer w = writer_of(MSPAN(out.p + *n, out.n - *n));
    write_vecv(&w, signature);
    if (write_ok(&w) != OK) return ERR_FULL;
    *n += w.n;
    return OK;
}

/* ---- sign, verify, hash ---- */

static enum err scheme_of(uint16_t scheme, enum crypto_sign *s)
{
    if (scheme != POLICY_SCHEME_P256 && scheme != POLICY_SCHEME_ED25519) return ERR_UNSUPPORTED;
    *s = scheme == POLICY_SCHEME_P256 ? CRYPTO_ECDSA_P256_SHA256 : CRYPTO_ED25519;
    return OK;
}

static enum err labelled(struct span label, struct span content, uint8_t **room, struct span *tbs)
{
    if (label.n > LABEL_MAX) return ERR_RANGE;
    size_t n = label.n + content.n + 8;
    if (!(*room = mem_new(n, 1))) return ERR_NOMEM;
    struct writer w = writer_of(MSPAN(*room, n));
    write_vecv(&w, label);
    write_vecv(&w, content);
    *tbs = writer_span(&w);
    return write_ok(&w) == OK ? OK : ERR_RANGE;
}

enum err policy_verify_label(const struct crypto *c, uint16_t scheme, struct span key, struct span label,
                             struct span content, struct span sig)
{
    enum crypto_sign s;
    uint8_t *room = NULL;
    struct span tbs;
    enum err e = scheme_of(scheme, &s);
    if (e == OK) e = labelled(label, content, &room, &tbs);
    if (e == OK) e = c->verify(c->ctx, s, key, tbs, sig);
    mem_free(room);
    return e;
}

enum err policy_sign_label(const struct crypto *c, const struct policy_signer *by, struct span content,
                           uint8_t *sig, size_t *sig_n)
{
    enum crypto_sign s;
    uint8_t *room = NULL;
    struct span tbs;
    enum err e = scheme_of(by->scheme, &s);
    if (e == OK) e = labelled(by->label, content, &room, &tbs);
    if (e == OK) e = c->sign(c->ctx, s, by->priv, tbs, sig, sig_n);
    mem_free(room);
    return e;
}

enum err policy_sign(const struct crypto *c, uint16_t signature_scheme, struct span priv, struct span content,
                     uint8_t *sig, size_t *sig_n)
{
    struct policy_signer by = {signature_scheme, priv, SPAN_LIT(LABEL)};
    return policy_sign_label(c, &by, content, sig, sig_n);
}

enum err policy_verify(const struct crypto *c, const struct policy_signed *p)
{
    return policy_verify_label(c, p->signature_scheme, p->owner_key, SPAN_LIT(LABEL), p->content,
                               p->signature);
}

enum err policy_hash(const struct crypto *c, const struct policy_signed *p,
                     uint8_t out[static POLICY_HASH_SIZE])
{
    return c->hash(c->ctx, CRYPTO_SHA256, &p->content, 1, out);
}

/* ---- rules ---- */

enum err policy_check(const struct policy *p)
{
    if (p->mode != POLICY_SEALED && p->mode != POLICY_WITNESSED) return ERR_DENIED;
    if (!(p->flags & POLICY_PSK_REQUIRED) || p->flags & ~FLAGS_ALL) return ERR_DENIED;
    if (p->has_archive != (p->mode == POLICY_WITNESSED)) return ERR_DENIED;
    if (p->has_archive && (!(p->flags & POLICY_ATTESTATION) || p->archive.scope & ~SCOPE_ALL ||
                           p->archive.scope == 0 || p->archive.name.n == 0))
        return ERR_DENIED;
    if (p->credentials_n == 0 || p->mls_suites_n == 0) return ERR_DENIED;
    for (size_t i = 0; i < p->credentials_n; i++)
        if (p->credentials[i].kind < IDENTITY_GUEST || p->credentials[i].kind > IDENTITY_X509)
            return ERR_DENIED;
    for (size_t i = 0; i < p->mls_suites_n; i++)
        if (!suite_known(p->mls_suites[i])) return ERR_DENIED;
    struct sframe_layout l = SFRAME_LAYOUT_ROOM;
    if (p->sframe_suite != SFRAME_SUITE_ROOM || p->sframe_epoch_bits != l.epoch_bits ||
        p->sframe_index_bits != l.index_bits)
        return ERR_DENIED;
    return OK;
}

enum err policy_check_date(const struct policy *p, struct wall now)
{
    return now.ms >= 0 && (uint64_t)now.ms / 1000 <= p->not_after ? OK : ERR_EXPIRED;
}

/* ---- identity ---- */

/* Control characters, and those that turn the direction of writing or hide (RFC 8264's reasons). */
static bool code_shown(uint32_t c)
{
    return c >= 0x20 && !(c >= 0x7f && c <= 0x9f) && c != 0x061c && !(c >= 0x200b && c <= 0x200f) &&
           !(c >= 0x2028 && c <= 0x202e) && !(c >= 0x2060 && c <= 0x206f) && c != 0xfeff &&
           !(c >= 0xfff9 && c <= 0xfffb) && !(c >= 0xe0000 && c <= 0xe007f);
}

static bool name_ok(struct span s)
{
    for (size_t i = 0; i < s.n;) {
        uint8_t b = s.p[i];
        unsigned more = b < 0x80 ? 0 : b < 0xc2 ? 9 : b < 0xe0 ? 1 : b < 0xf0 ? 2 : b < 0xf5 ? 3 : 9;
        if (more == 9 || more >= s.n - i) return false;
        uint32_t c = more == 0 ? b : (uint32_t)b & (0x3fu >> more);
        for (unsigned k = 1; k <= more; k++) {
            if ((s.p[i + k] & 0xc0) != 0x80) return false;
            c = c << 6 | (s.p[i + k] & 0x3f);
        }
        if ((more == 2 && c < 0x800) || (more == 3 && c < 0x10000) || c > 0x10ffff ||
            (c >= 0xd800 && c <= 0xdfff))
            return false;
        if (!code_shown(c)) return false;
        i += 1 + more;
    }
    return true;
}

static enum err identity_ok(const struct identity *i)
{
    if (i->kind < IDENTITY_GUEST || i->kind > IDENTITY_ARCHIVE) return ERR_RANGE;
    if (i->name.n > IDENTITY_NAME_MAX || i->id.n > IDENTITY_ID_MAX || i->evidence.n > IDENTITY_EVIDENCE_MAX)
        return ERR_LIMIT;
    if (!name_ok(i->name)) return ERR_FORMAT;
    if (i->kind == IDENTITY_GUEST && (i->id.n != IDENTITY_GUEST_ID || i->evidence.n > 0)) return ERR_FORMAT;
    return OK;
}

enum err identity_decode(struct span encoded, struct identity *i)
{
    struct reader r = reader_of(encoded);
    struct identity got;
    uint8_t version = read_u8(&r);
    got.kind = read_u8(&r);
    got.name = read_vecv(&r);
    got.id = read_vecv(&r);
    got.evidence = read_vecv(&r);
    enum err e = read_end(&r);
    if (e == OK && version != VERSION) e = ERR_RANGE;
    if (e == OK) e = identity_ok(&got);
    if (e == OK) *i = got;
    return e;
}

enum err identity_encode(const struct identity *i, struct mspan out, size_t *n)
{
    enum err e = identity_ok(i);
    if (e != OK) return e;
    struct writer w = writer_of(out);
    write_u8(&w, VERSION);
    write_u8(&w, i->kind);
    write_vecv(&w, i->name);
    write_vecv(&w, i->id);
    write_vecv(&w, i->evidence);
    if (write_ok(&w) != OK) return ERR_FULL;
    *n = w.n;
    return OK;
}

enum err identity_guest_id(const struct crypto *c, struct span signature_key,
                           uint8_t out[static IDENTITY_GUEST_ID])
{
    struct span parts[] = {SPAN_LIT("incamera 1.0 guest"), signature_key};
    uint8_t hash[32];
    enum err e = c->hash(c->ctx, CRYPTO_SHA256, parts, 2, hash);
    if (e == OK) memcpy(out, hash, IDENTITY_GUEST_ID);
    return e;
}

enum err identity_hash(const struct crypto *c, uint8_t kind, struct span issuer, struct span id,
                       uint8_t out[static POLICY_HASH_SIZE])
{
    uint8_t a[1 + 4], b[4];
    struct writer w = writer_of(MSPAN(a, sizeof a)), v = writer_of(MSPAN(b, sizeof b));
    write_u8(&w, kind);
    write_varint(&w, issuer.n);
    write_varint(&v, id.n);
    if (write_ok(&w) != OK || write_ok(&v) != OK) return ERR_RANGE;
    struct span parts[] = {writer_span(&w), issuer, writer_span(&v), id};
    return c->hash(c->ctx, CRYPTO_SHA256, parts, 4, out);
}
