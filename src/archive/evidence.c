/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/evidence.h"

#include "archive/consent.h"
#include "base/read.h"
#include "wire/base64url.h"
#include "wire/json.h"

void evidence_digest_begin(struct evidence_digest *d, const struct crypto *c)
{
    d->crypto = c;
    d->n = 0;
    memset(d->digest, 0, sizeof d->digest);
}

enum err evidence_digest_end(struct evidence_digest *d)
{
    struct span parts[2] = {SPAN_OF(d->digest), SPAN(d->block, d->n)};
    if (!d->n) return OK;
    d->n = 0;
    return d->crypto->hash(d->crypto->ctx, CRYPTO_SHA256, parts, 2, d->digest);
}

enum err evidence_digest_add(struct evidence_digest *d, struct span s)
{
    while (s.n) {
        size_t n = sizeof d->block - d->n;
        if (n > s.n) n = s.n;
        memcpy(d->block + d->n, s.p, n);
        d->n += (uint32_t)n;
        s = span_part(s, n, s.n);
        enum err e = d->n == sizeof d->block ? evidence_digest_end(d) : OK;
        if (e) return e;
    }
    return OK;
}

static enum err take_hex(struct json *j, uint8_t *into, size_t n)
{
    struct json_token t;
    enum err e = json_expect(j, JSON_STRING, &t);
    return e ? e : read_hex(t.raw, into, n);
}

static enum err take_uint(struct json *j, uint64_t *v)
{
    struct json_token t;
    enum err e = json_expect(j, JSON_NUMBER, &t);
    return e ? e : json_uint(&t, INT64_MAX, v);
}

static enum err skip(struct json *j)
{
    struct json_token t;
    enum err e = json_next(j, &t);
    return e ? e : json_skip(j, &t);
}

/* --- the manifest --- */

static enum err take_file(struct json *j, struct evidence_file *f)
{
    struct json_token t;
    unsigned has = 0;
    enum err e = OK;
    while (!e) {
        e = json_next(j, &t);
        if (e || t.kind == JSON_OBJECT_END) break;
        if (json_is(&t, "file")) {
            e = json_take_text(j, f->name, sizeof f->name);
            has |= 1;
        } else if (json_is(&t, "bytes")) {
            e = take_uint(j, &f->bytes);
            has |= 2;
        } else if (json_is(&t, "digest")) {
            e = take_hex(j, f->digest, sizeof f->digest);
            has |= 4;
        } else {
            e = skip(j);
        }
    }
    return e ? e : has == 7 ? OK : ERR_FORMAT;
}

static enum err take_files(struct json *j, struct evidence_file *files, unsigned max, unsigned *count)
{
    struct json_token t;
    enum err e = json_expect(j, JSON_ARRAY, &t);
    for (*count = 0; !e; ++*count) {
        e = json_next(j, &t);
        if (e || t.kind == JSON_ARRAY_END) break;
        if (t.kind != JSON_OBJECT) return ERR_FORMAT;
        if (*count == max) return ERR_LIMIT;
        files[*count] = (struct evidence_file){0};
        e = take_file(j, &files[*count]);
    }
    return e;
}

enum err evidence_manifest(struct span text, uint8_t id[ARTEFACT_ID], struct evidence_file *files,
                           unsigned max, unsigned *count)
{
    struct json j;
    struct json_token t;
    unsigned has = 0;
    json_init(&j, text);
    enum err e = json_expect(&j, JSON_OBJECT, &t);
    while (!e) {
        e = json_next(&j, &t);
        if (e || t.kind == JSON_OBJECT_END) break;
        if (json_is(&t, "id")) {
            e = take_hex(&j, id, ARTEFACT_ID);
            has |= 1;
        } else if (json_is(&t, "files")) {
            e = take_files(&j, files, max, count);
            has |= 2;
        } else {
            e = skip(&j);
        }
    }
    if (!e) e = json_expect(&j, JSON_END, &t);
    return e ? e : has == 3 ? OK : ERR_FORMAT;
}

/* --- the proof --- */

enum err evidence_proof(const struct crypto *c, struct span proof, struct span key,
                        const uint8_t id[ARTEFACT_ID], struct span manifest, uint8_t signed_by[AUDIT_KEY])
{
    uint8_t keep[5 * AUDIT_TEXT_MAX], digest[32], object[2 * ARTEFACT_ID + 1 + 64];
    struct audit_proof p;
    enum err e = audit_proof_check(c, proof, key, &p, MSPAN(keep, sizeof keep));
    if (!e) e = c->hash(c->ctx, CRYPTO_SHA256, &manifest, 1, digest);
    if (e) return e;
    struct writer w = writer_of(MSPAN(object, sizeof object));
    write_hex(&w, SPAN(id, ARTEFACT_ID));
    write_str(&w, " ");
    write_hex(&w, SPAN_OF(digest));
    if (!span_equal(p.entry.verb, SPAN_LIT("recorded")) || !span_equal(p.entry.object, writer_span(&w)))
        return ERR_AUTH;
    memcpy(signed_by, p.key, AUDIT_KEY);
    return OK;
}

/* --- receipts --- */

struct receipt {
    struct consent said;
    char room[72], text[CONSENT_TEXT_MAX + 1], key[100], signature[100];
    uint64_t member;
    unsigned has;
};

static enum err take_agreed(struct json *j, bool *agreed)
{
    struct json_token t;
    enum err e = json_next(j, &t);
    if (e) return e;
    *agreed = t.kind == JSON_TRUE;
    return t.kind == JSON_TRUE || t.kind == JSON_FALSE ? OK : ERR_FORMAT;
}

static enum err take_member(struct json *j, const struct json_token *name, struct receipt *r)
{
    static const char *const names[] = {"recording", "room", "member", "policy",   "agreed",
                                        "when",      "text", "key",    "signature"};
    unsigned i = 0;
    while (i < COUNT_OF(names) && !json_is(name, names[i]))
        i++;
    r->has |= 1u << i;
    switch (i) {
    case 0:
        return take_hex(j, r->said.recording, sizeof r->said.recording);
    case 1:
        return json_take_text(j, r->room, sizeof r->room);
    case 2:
        return take_uint(j, &r->member);
    case 3:
        return take_hex(j, r->said.policy, sizeof r->said.policy);
    case 4:
        return take_agreed(j, &r->said.agreed);
    case 5:
        return take_uint(j, &r->said.at_ms);
    case 6:
        return json_take_text(j, r->text, sizeof r->text);
    case 7:
        return json_take_text(j, r->key, sizeof r->key);
    case 8:
        return json_take_text(j, r->signature, sizeof r->signature);
    default:
        r->has &= ~(1u << i);
        return skip(j);
    }
}

enum err evidence_consent(const struct crypto *c, struct span line, const uint8_t id[ARTEFACT_ID])
{
    struct json j;
    struct json_token t;
    struct receipt r = {0};
    uint8_t key[CONSENT_KEY], signature[CONSENT_SIGNATURE];
    struct span k, s;
    json_init(&j, line);
    enum err e = json_expect(&j, JSON_OBJECT, &t);
    while (!e) {
        e = json_next(&j, &t);
        if (e || t.kind == JSON_OBJECT_END) break;
        e = take_member(&j, &t, &r);
    }
    if (!e) e = json_expect(&j, JSON_END, &t);
    if (e || r.has != (1u << 9) - 1 || r.member > UINT32_MAX) return ERR_FORMAT;
    if (memcmp(r.said.recording, id, ARTEFACT_ID) != 0) return ERR_AUTH;
    if (base64url_read(span_str(r.key), MSPAN(key, sizeof key), &k) ||
        base64url_read(span_str(r.signature), MSPAN(signature, sizeof signature), &s))
        return ERR_FORMAT;
    r.said.room = span_str(r.room);
    r.said.text = span_str(r.text);
    r.said.member = (uint32_t)r.member;
    return consent_check(c, &r.said, k, s);
}
