/* SPDX-License-Identifier: Apache-2.0 */
#include "rights/token.h"

#include "rights/facts.h"
#include "wire/base64url.h"
#include "wire/json.h"

#define YEAR_9999 253402300799

static const char *const kinds[] = {"person", "guest", "machine"};

bool room_name_valid(struct span name)
{
    if (name.n == 0 || name.n > 64) return false;
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-')) return false;
    }
    return true;
}

bool room_id_valid(struct span name)
{
    uint8_t id[32];
    struct span out;
    return name.n == 43 && base64url_read(name, MSPAN(id, sizeof id), &out) == OK && out.n == sizeof id;
}

bool person_name_valid(struct span name)
{
    if (name.n == 0 || name.n > 128) return false;
    bool ink = false;
    for (size_t at = 0; at < name.n;) {
        uint32_t c;
        if (!utf8_next(name, &at, &c)) return false;
        if (c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x200e && c <= 0x200f) ||
            (c >= 0x2028 && c <= 0x202e) || (c >= 0x2066 && c <= 0x2069) || c == 0x061c || c == 0xfeff ||
            (c >= 0xfff0 && c <= 0xffff) || c >= 0xe0000)
            return false;
        ink = ink || (c != ' ' && c != 0xa0 && c != 0x200b && c != 0x3000);
    }
    return ink;
}

/* The three parts between the dots. */
static bool split(struct span text, struct span part[3])
{
    size_t from = 0, n = 0;
    for (size_t i = 0; i <= text.n; i++) {
        if (i < text.n && text.p[i] != '.') continue;
        if (n == 3 || i == from) return false;
        part[n++] = span_part(text, from, i - from);
        from = i + 1;
    }
    return n == 3;
}

/* The text of the value after a key, into a C string. */
static enum err take_text(struct json *j, char *into, size_t size)
{
    struct json_token t;
    struct span out;
    enum err e = json_expect(j, JSON_STRING, &t);
    if (!e) e = json_text(&t, MSPAN(into, size - 1), &out);
    if (e) return e;
    into[out.n] = 0;
    return OK;
}

static enum err take_time(struct json *j, int64_t *v)
{
    struct json_token t;
    uint64_t x = 0;
    enum err e = json_expect(j, JSON_NUMBER, &t);
    if (!e) e = json_uint(&t, YEAR_9999, &x);
    if (!e) *v = (int64_t)x;
    return e;
}

static enum err take_can(struct json *j, uint32_t *can)
{
    struct json_token t;
    enum err e = json_expect(j, JSON_ARRAY, &t);
    while (!e) {
        char name[16];
        struct span out;
        e = json_next(j, &t);
        if (e || t.kind == JSON_ARRAY_END) break;
        if (t.kind != JSON_STRING) return ERR_FORMAT;
        e = json_text(&t, MSPAN(name, sizeof name), &out);
        if (e) break;
        uint32_t bit = can_by_name(out);
        if (bit == 0 || *can & bit) return ERR_RANGE; /* a right we don't know is not granted quietly */
        *can |= bit;
    }
    return e;
}

static enum err read_header(struct span text, char kid[17])
{
    struct json j;
    struct json_token t;
    char word[16];
    bool alg = false;
    kid[0] = 0;
    json_init(&j, text);
    enum err e = json_expect(&j, JSON_OBJECT, &t);
    while (!e) {
        e = json_next(&j, &t);
        if (e || t.kind == JSON_OBJECT_END) break;
        if (json_is(&t, "alg")) {
            e = take_text(&j, word, sizeof word);
            if (!e && strcmp(word, "EdDSA") != 0) return ERR_UNSUPPORTED;
            alg = true;
        } else if (json_is(&t, "typ")) {
            e = take_text(&j, word, sizeof word);
            if (!e && strcmp(word, "JWT") != 0) return ERR_UNSUPPORTED;
        } else if (json_is(&t, "kid")) {
            e = take_text(&j, kid, 17);
        } else {
            return ERR_UNSUPPORTED; /* crit, jwk, jku, x5u, x5c, b64, zip, … */
        }
    }
    if (!e) e = json_expect(&j, JSON_END, &t);
    return e ? e : alg ? OK : ERR_UNSUPPORTED;
}

struct claims {
    struct token token;
    char issuer[17], audience[17], kind[9];
    bool has_expires, has_issued, has_room;
};

static enum err read_claim(struct json *j, const struct json_token *key, struct claims *c)
{
    if (json_is(key, "iss")) return take_text(j, c->issuer, sizeof c->issuer);
    if (json_is(key, "aud")) return take_text(j, c->audience, sizeof c->audience);
    if (json_is(key, "kind")) return take_text(j, c->kind, sizeof c->kind);
    if (json_is(key, "sub")) return take_text(j, c->token.subject, sizeof c->token.subject);
    if (json_is(key, "name")) return take_text(j, c->token.name, sizeof c->token.name);
    if (json_is(key, "jti")) return take_text(j, c->token.id, sizeof c->token.id);
    if (json_is(key, "can")) return take_can(j, &c->token.can);
    if (json_is(key, "nbf")) return take_time(j, &c->token.not_before);
    if (json_is(key, "room")) {
        c->has_room = true;
        return take_text(j, c->token.room, sizeof c->token.room);
    }
    if (json_is(key, "exp")) {
        c->has_expires = true;
        return take_time(j, &c->token.expires);
    }
    if (json_is(key, "iat")) {
        c->has_issued = true;
        return take_time(j, &c->token.issued);
    }
    return ERR_UNSUPPORTED;
}

static enum err read_claims(struct span text, struct claims *c)
{
    struct json j;
    struct json_token t;
    *c = (struct claims){0};
    json_init(&j, text);
    enum err e = json_expect(&j, JSON_OBJECT, &t);
    while (!e) {
        e = json_next(&j, &t);
        if (e || t.kind == JSON_OBJECT_END) break;
        e = read_claim(&j, &t, c);
    }
    return e ? e : json_expect(&j, JSON_END, &t);
}

static enum err check_claims(struct claims *c, struct wall now)
{
    struct token *t = &c->token;
    int64_t s = now.ms / 1000;
    bool kind = false;
    for (unsigned i = 0; i < COUNT_OF(kinds); i++)
        if (strcmp(c->kind, kinds[i]) == 0) {
            t->kind = (uint8_t)i;
            kind = true;
        }
    struct span room = span_str(t->room);
    if (strcmp(c->issuer, TOKEN_ISSUER) != 0 || strcmp(c->audience, TOKEN_AUDIENCE) != 0 || !kind)
        return ERR_AUTH;
    if (!c->has_expires || !c->has_issued || !c->has_room || t->subject[0] == 0) return ERR_FORMAT;
    if (strcmp(t->room, TOKEN_ROOM_ANY) != 0 && !room_name_valid(room) && !room_id_valid(room))
        return ERR_FORMAT;
    if (t->name[0] && !person_name_valid(span_str(t->name))) return ERR_FORMAT;
    if (t->expires <= t->issued || t->expires - t->issued > TOKEN_TTL_MAX_S) return ERR_RANGE;
    if (t->not_before && t->not_before >= t->expires) return ERR_RANGE;
    if (s >= t->expires) return ERR_EXPIRED;
    if (t->issued > s + TOKEN_SKEW_S || t->not_before > s + TOKEN_SKEW_S) return ERR_RANGE;
    return OK;
}

static enum err check_signature(const struct crypto *crypto, const struct token_keys *keys, const char *kid,
                                struct span message, struct span signature)
{
    enum err e = ERR_UNKNOWN;
    if (signature.n != 64) return ERR_AUTH;
    for (unsigned i = 0; i < keys->count; i++) {
        if (kid[0] && strcmp(kid, keys->kid[i]) != 0) continue;
        e = crypto->verify(crypto->ctx, CRYPTO_ED25519, SPAN_OF(keys->key[i]), message, signature);
        if (!e) return OK;
    }
    return e;
}

enum err token_open(const struct crypto *crypto, const struct token_keys *keys, struct span text,
                    struct wall now, struct token *token)
{
    uint8_t header[TOKEN_HEADER_MAX], body[TOKEN_CLAIMS_MAX], signature[80];
    struct span part[3], h, b, s;
    char kid[17];
    struct claims c;
    if (text.n > TOKEN_BYTES_MAX) return ERR_LIMIT;
    if (!split(text, part)) return ERR_FORMAT;
    enum err e = base64url_read(part[0], MSPAN(header, sizeof header), &h);
    if (!e) e = base64url_read(part[1], MSPAN(body, sizeof body), &b);
    if (!e) e = base64url_read(part[2], MSPAN(signature, sizeof signature), &s);
    if (!e) e = read_header(h, kid);
    /* nothing of the claims is looked at before the signature holds */
    if (!e) e = check_signature(crypto, keys, kid, SPAN(text.p, part[0].n + 1 + part[1].n), s);
    if (!e) e = read_claims(b, &c);
    if (!e) e = check_claims(&c, now);
    if (!e) *token = c.token;
    return e;
}

static void put_text(struct writer *w, const char *key, const char *value)
{
    write_str(w, ",\"");
    write_str(w, key);
    write_str(w, "\":");
    json_write_str(w, value);
}

static void put_time(struct writer *w, const char *key, int64_t value)
{
    if (value < 0) w->bad = true;
    write_str(w, ",\"");
    write_str(w, key);
    write_str(w, "\":");
    write_dec(w, (uint64_t)value);
}

void token_write(struct writer *w, const struct token *t, const char *kid)
{
    uint8_t room[TOKEN_CLAIMS_MAX];
    struct writer c = writer_of(MSPAN(room, sizeof room));
    write_str(&c, "{\"alg\":\"EdDSA\",\"typ\":\"JWT\"");
    if (kid && kid[0]) put_text(&c, "kid", kid);
    write_str(&c, "}");
    base64url_write(w, writer_span(&c));
    write_str(w, ".");
    bool bad = c.bad || t->subject[0] == 0 || t->room[0] == 0 || t->kind >= COUNT_OF(kinds);
    c = writer_of(MSPAN(room, sizeof room));
    write_str(&c, "{\"iss\":\"" TOKEN_ISSUER "\",\"aud\":\"" TOKEN_AUDIENCE "\"");
    put_text(&c, "room", t->room);
    if (t->name[0]) put_text(&c, "name", t->name);
    put_text(&c, "sub", t->subject);
    put_text(&c, "jti", t->id);
    put_text(&c, "kind", bad ? "" : kinds[t->kind]);
    write_str(&c, ",\"can\":[");
    for (uint32_t bit = 1, first = 1; bit && can_name(bit); bit <<= 1)
        if (t->can & bit) {
            write_str(&c, first ? "\"" : ",\"");
            write_str(&c, can_name(bit));
            write_str(&c, "\"");
            first = 0;
        }
    write_str(&c, "]");
    put_time(&c, "iat", t->issued);
    if (t->not_before) put_time(&c, "nbf", t->not_before);
    put_time(&c, "exp", t->expires);
    write_str(&c, "}");
    if (bad || c.bad) w->bad = true;
    base64url_write(w, writer_span(&c));
}

void token_finish(struct writer *w, struct span signature)
{
    write_str(w, ".");
    base64url_write(w, signature);
}

enum err token_kid(const struct crypto *crypto, struct span public_key, char kid[17])
{
    uint8_t digest[32];
    enum err e = crypto->hash(crypto->ctx, CRYPTO_SHA256, &public_key, 1, digest);
    if (e) return e;
    struct writer w = writer_of(MSPAN(kid, 16));
    write_hex(&w, SPAN(digest, 8));
    kid[16] = 0;
    return OK;
}
