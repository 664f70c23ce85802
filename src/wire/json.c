/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/json.h"

#include "base/read.h"

enum expect {
    WANT_VALUE,          /* a value must come */
    WANT_VALUE_OR_CLOSE, /* after [ */
    WANT_KEY,            /* after , in an object */
    WANT_KEY_OR_CLOSE,   /* after { */
    WANT_COMMA_OR_CLOSE, /* after a value inside something */
    WANT_END             /* after the outermost value */
};

bool utf8_next(struct span s, size_t *at, uint32_t *code)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    if (*at >= s.n) return false;
    uint8_t b = s.p[*at];
    unsigned n = b < 0x80                ? 1
                 : b >= 0xc2 && b < 0xe0 ? 2
                 : b >= 0xe0 && b < 0xf0 ? 3
                 : b >= 0xf0 && b < 0xf5 ? 4
                                         : 0;
    if (n == 0 || s.n - *at < n) return false;
    uint32_t c = n == 1 ? b : b & (0xffu >> (n + 1));
    for (unsigned i = 1; i < n; i++) {
        uint8_t next = s.p[*at + i];
        if ((next & 0xc0) != 0x80) return false;
        c = c << 6 | (next & 0x3f);
    }
    if (c < least[n] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000)) return false;
    *at += n;
    *code = c;
    return true;
}

bool utf8_valid(struct span s)
{
    uint32_t code;
    for (size_t at = 0; at < s.n;)
        if (!utf8_next(s, &at, &code)) return false;
    return true;
}

void json_init(struct json *j, struct span text)
{
    j->text = text;
    j->at = 0;
    j->failed = text.n > UINT32_MAX ? ERR_LIMIT : OK;
    j->depth = 0;
    j->expect = WANT_VALUE;
    j->keys = 0;
}

static enum err fail(struct json *j, enum err e)
{
    j->failed = e;
    return e;
}

static bool hex4(struct span s, size_t at, uint32_t *v)
{
    if (s.n - at < 4 || at > s.n) return false;
    uint32_t x = 0;
    for (size_t i = at; i < at + 4; i++) {
        uint8_t c = s.p[i];
        uint8_t low = c | 0x20;
        if (c >= '0' && c <= '9')
            x = x << 4 | (uint32_t)(c - '0');
        else if (low >= 'a' && low <= 'f')
            x = x << 4 | (uint32_t)(low - 'a' + 10);
        else
            return false;
    }
    *v = x;
    return true;
}

/* \uXXXX at s[*at] (just past the u), with its second half when it is a surrogate. */
static bool unicode_escape(struct span s, size_t *at, uint32_t *code)
{
    uint32_t c, low;
    if (!hex4(s, *at, &c)) return false;
    *at += 4;
    if (c >= 0xdc00 && c < 0xe000) return false;
    if (c >= 0xd800 && c < 0xdc00) {
        if (s.n - *at < 6 || s.p[*at] != '\\' || s.p[*at + 1] != 'u' || !hex4(s, *at + 2, &low)) return false;
        if (low < 0xdc00 || low >= 0xe000) return false;
        *at += 6;
        c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
    }
    *code = c;
    return c != 0;
}

/* One code point of a string's raw text, unescaping; false when malformed. */
static bool string_next(struct span s, size_t *at, uint32_t *code)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    if (*at >= s.n) return false;
    if (s.p[*at] != '\\') return utf8_next(s, at, code) && *code >= 0x20;
    if (s.n - *at < 2) return false;
    uint8_t c = s.p[*at + 1];
    *at += 2;
    if (c == 'u') return unicode_escape(s, at, code);
    const char *found = memchr(from, c, sizeof from - 1);
    if (!found) return false;
    *code = (uint8_t)to[found - from];
    return true;
}

static bool raw_equal(struct span a, struct span b)
{
    size_t i = 0, k = 0;
    while (i < a.n && k < b.n) {
        uint32_t x, y;
        if (!string_next(a, &i, &x) || !string_next(b, &k, &y) || x != y) return false;
    }
    return i == a.n && k == b.n;
}

/* Reads the string whose opening quote is at j->at; checks every code point; *hash is over code points. */
static enum err string_scan(struct json *j, struct span *raw, uint32_t *hash)
{
    size_t from = j->at + 1, at = from;
    uint32_t h = 2166136261u, code;
    while (at < j->text.n && j->text.p[at] != '"') {
        if (!string_next(j->text, &at, &code)) return ERR_FORMAT;
        h = (h ^ code) * 16777619u;
    }
    if (at >= j->text.n) return ERR_SHORT;
    *raw = SPAN(j->text.p + from, at - from);
    *hash = h;
    j->at = at + 1;
    return OK;
}

static size_t digits(struct span s, size_t at)
{
    size_t n = 0;
    while (at + n < s.n && s.p[at + n] >= '0' && s.p[at + n] <= '9')
        n++;
    return n;
}

static enum err number_scan(struct json *j, struct span *raw)
{
    struct span s = j->text;
    size_t at = j->at, n;
    if (s.p[at] == '-') at++;
    n = digits(s, at);
    if (n == 0 || (n > 1 && s.p[at] == '0')) return ERR_FORMAT;
    at += n;
    if (at < s.n && s.p[at] == '.') {
        n = digits(s, at + 1);
        if (n == 0) return ERR_FORMAT;
        at += 1 + n;
    }
    if (at < s.n && (s.p[at] | 0x20) == 'e') {
        at++;
        if (at < s.n && (s.p[at] == '+' || s.p[at] == '-')) at++;
        n = digits(s, at);
        if (n == 0) return ERR_FORMAT;
        at += n;
    }
    if (at - j->at > JSON_NUMBER_BYTES_MAX) return ERR_LIMIT;
    *raw = SPAN(s.p + j->at, at - j->at);
    j->at = at;
    return OK;
}

static void value_done(struct json *j)
{
    j->expect = j->depth == 0 ? WANT_END : WANT_COMMA_OR_CLOSE;
}

static enum err open_level(struct json *j, bool object, struct json_token *t)
{
    if (j->depth == JSON_DEPTH_MAX) return ERR_LIMIT;
    j->object[j->depth] = object;
    j->keys_at[j->depth++] = j->keys;
    j->expect = object ? WANT_KEY_OR_CLOSE : WANT_VALUE_OR_CLOSE;
    j->at++;
    *t = (struct json_token){object ? JSON_OBJECT : JSON_ARRAY, SPAN_NONE};
    return OK;
}

static enum err close_level(struct json *j, struct json_token *t)
{
    bool object = j->object[--j->depth];
    if (j->text.p[j->at] != (object ? '}' : ']')) return ERR_FORMAT;
    j->keys = j->keys_at[j->depth];
    j->at++;
    *t = (struct json_token){object ? JSON_OBJECT_END : JSON_ARRAY_END, SPAN_NONE};
    value_done(j);
    return OK;
}

static enum err word(struct json *j, const char *text, enum json_kind kind, struct json_token *t)
{
    size_t n = strlen(text);
    if (j->text.n - j->at < n || memcmp(j->text.p + j->at, text, n) != 0) return ERR_FORMAT;
    j->at += n;
    *t = (struct json_token){kind, SPAN_NONE};
    value_done(j);
    return OK;
}

static enum err value(struct json *j, struct json_token *t)
{
    uint32_t hash;
    struct span raw = SPAN_NONE;
    enum err e;
    switch (j->text.p[j->at]) {
    case '{':
        return open_level(j, true, t);
    case '[':
        return open_level(j, false, t);
    case 't':
        return word(j, "true", JSON_TRUE, t);
    case 'f':
        return word(j, "false", JSON_FALSE, t);
    case 'n':
        return word(j, "null", JSON_NULL, t);
    case '"':
        e = string_scan(j, &raw, &hash);
        if (e) return e;
        *t = (struct json_token){JSON_STRING, raw};
        break;
    default:
        e = number_scan(j, &raw);
        if (e) return e;
        *t = (struct json_token){JSON_NUMBER, raw};
    }
    value_done(j);
    return OK;
}

static void skip_space(struct json *j)
{
    while (j->at < j->text.n) {
        uint8_t c = j->text.p[j->at];
        if (c != ' ' && c != '\t' && c != '\n' && c != '\r') return;
        j->at++;
    }
}

static enum err key(struct json *j, struct json_token *t)
{
    uint32_t hash = 0;
    struct span raw = SPAN_NONE;
    if (j->text.p[j->at] != '"') return ERR_FORMAT;
    enum err e = string_scan(j, &raw, &hash);
    if (e) return e;
    if (raw.n > JSON_KEY_BYTES_MAX) return ERR_LIMIT;
    uint16_t first = j->keys_at[j->depth - 1];
    for (uint16_t i = first; i < j->keys; i++) {
        const struct json_key *k = &j->key[i];
        if (k->hash == hash && raw_equal(raw, SPAN(j->text.p + k->at, k->n))) return ERR_EXISTS;
    }
    if (j->keys - first == JSON_KEYS_MAX) return ERR_LIMIT;
    j->key[j->keys++] = (struct json_key){(uint32_t)(raw.p - j->text.p), (uint32_t)raw.n, hash};
    skip_space(j);
    if (j->at >= j->text.n) return ERR_SHORT;
    if (j->text.p[j->at] != ':') return ERR_FORMAT;
    j->at++;
    *t = (struct json_token){JSON_KEY, raw};
    j->expect = WANT_VALUE;
    return OK;
}

static enum err step(struct json *j, struct json_token *t)
{
    skip_space(j);
    if (j->expect == WANT_END) {
        if (j->at < j->text.n) return ERR_FORMAT;
        *t = (struct json_token){JSON_END, SPAN_NONE};
        return OK;
    }
    if (j->at >= j->text.n) return ERR_SHORT;
    uint8_t c = j->text.p[j->at];
    bool closes = c == '}' || c == ']';
    if (j->expect == WANT_COMMA_OR_CLOSE) {
        if (closes) return close_level(j, t);
        if (c != ',') return ERR_FORMAT;
        j->at++;
        j->expect = j->object[j->depth - 1] ? WANT_KEY : WANT_VALUE;
        return step(j, t); /* once: neither of these comes back here */
    }
    if (closes && (j->expect == WANT_KEY_OR_CLOSE || j->expect == WANT_VALUE_OR_CLOSE))
        return close_level(j, t);
    if (j->expect == WANT_KEY || j->expect == WANT_KEY_OR_CLOSE) return key(j, t);
    return value(j, t);
}

enum err json_next(struct json *j, struct json_token *t)
{
    if (j->failed) return j->failed;
    enum err e = step(j, t);
    return e ? fail(j, e) : OK;
}

enum err json_skip(struct json *j, const struct json_token *t)
{
    if (t->kind == JSON_KEY) {
        struct json_token v;
        enum err e = json_next(j, &v);
        return e ? e : json_skip(j, &v); /* a value is no key: no deeper */
    }
    if (t->kind != JSON_OBJECT && t->kind != JSON_ARRAY) return j->failed;
    uint8_t until = (uint8_t)(j->depth - 1);
    while (!j->failed && j->depth > until) {
        struct json_token skipped;
        enum err e = json_next(j, &skipped);
        if (e) return e;
    }
    return j->failed;
}

enum err json_expect(struct json *j, enum json_kind kind, struct json_token *t)
{
    struct json_token got;
    enum err e = json_next(j, &got);
    if (e) return e;
    if (got.kind != kind) return fail(j, ERR_FORMAT);
    *t = got;
    return OK;
}

enum err json_check(struct span text)
{
    struct json j;
    struct json_token t;
    json_init(&j, text);
    do {
        enum err e = json_next(&j, &t);
        if (e) return e;
    } while (t.kind != JSON_END);
    return OK;
}

static void write_utf8(struct writer *w, uint32_t c)
{
    if (c < 0x80) {
        write_u8(w, (uint8_t)c);
    } else if (c < 0x800) {
        write_u8(w, (uint8_t)(0xc0 | c >> 6));
        write_u8(w, (uint8_t)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        write_u8(w, (uint8_t)(0xe0 | c >> 12));
        write_u8(w, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        write_u8(w, (uint8_t)(0x80 | (c & 0x3f)));
    } else {
        write_u8(w, (uint8_t)(0xf0 | c >> 18));
        write_u8(w, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        write_u8(w, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        write_u8(w, (uint8_t)(0x80 | (c & 0x3f)));
    }
}

enum err json_text(const struct json_token *t, struct mspan into, struct span *out)
{
    struct writer w = writer_of(into);
    if (t->kind != JSON_KEY && t->kind != JSON_STRING) return ERR_FORMAT;
    for (size_t at = 0; at < t->raw.n;) {
        uint32_t code;
        if (!string_next(t->raw, &at, &code)) return ERR_FORMAT;
        write_utf8(&w, code);
        if (w.bad) return ERR_LIMIT;
    }
    *out = writer_span(&w);
    return OK;
}

enum err json_take_text(struct json *j, char *into, size_t size)
{
    struct json_token t;
    struct span out = SPAN_NONE;
    enum err e = json_expect(j, JSON_STRING, &t);
    if (!e) e = json_text(&t, MSPAN(into, size - 1), &out);
    if (!e) into[out.n] = 0;
    return e;
}

bool json_is(const struct json_token *t, const char *text)
{
    struct span s = span_str(text);
    size_t at = 0, i = 0;
    if (t->kind != JSON_KEY && t->kind != JSON_STRING) return false;
    while (at < t->raw.n && i < s.n) {
        uint32_t a, b;
        if (!string_next(t->raw, &at, &a) || !utf8_next(s, &i, &b) || a != b) return false;
    }
    return at == t->raw.n && i == s.n;
}

enum err json_uint(const struct json_token *t, uint64_t max, uint64_t *v)
{
    if (t->kind != JSON_NUMBER || t->raw.n == 0) return ERR_FORMAT;
    if (digits(t->raw, 0) != t->raw.n) return ERR_FORMAT;
    if (t->raw.n > 19) return ERR_RANGE;
    uint64_t x = 0;
    for (size_t i = 0; i < t->raw.n; i++)
        x = x * 10 + (uint64_t)(t->raw.p[i] - '0');
    if (x > max) return ERR_RANGE;
    *v = x;
    return OK;
}

static void write_escape(struct writer *w, uint32_t code)
{
    uint8_t two[2] = {(uint8_t)(code >> 8), (uint8_t)code};
    write_str(w, "\\u");
    write_hex(w, SPAN_OF(two));
}

void json_write_text(struct writer *w, struct span s)
{
    write_u8(w, '"');
    for (size_t at = 0; at < s.n;) {
        uint32_t c = 0;
        if (!utf8_next(s, &at, &c)) {
            w->bad = true;
            return;
        }
        if (c == '"' || c == '\\') {
            write_u8(w, '\\');
            write_u8(w, (uint8_t)c);
        } else if (c < 0x20 || c == 0x7f || c == '<' || c == '>' || c == '&' || c == 0x2028 || c == 0x2029) {
            write_escape(w, c);
        } else {
            write_utf8(w, c);
        }
    }
    write_u8(w, '"');
}

void json_write_str(struct writer *w, const char *s)
{
    json_write_text(w, span_str(s));
}
