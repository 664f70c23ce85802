/* SPDX-License-Identifier: Apache-2.0
 * A strict reader of JSON (RFC 8259) that allocates nothing: a pull tokenizer over borrowed bytes, and the
 * writer's half for strings. Stricter than the RFC where leniency has hurt others: members may not repeat
 * (compared after unescaping), U+0000 and lone surrogates are refused, UTF-8 is checked, nothing may follow
 * the value. Limits: JSON_DEPTH_MAX, JSON_KEYS_MAX an object, JSON_KEY_BYTES_MAX, JSON_NUMBER_BYTES_MAX; the
 * text's size is the caller's to bound. A caller acts only after JSON_END: what comes later may be wrong. */
#ifndef WIRE_JSON_H
#define WIRE_JSON_H

#include "base/err.h"
#include "base/span.h"
#include "base/write.h"

#define JSON_DEPTH_MAX        16
#define JSON_KEYS_MAX         64
#define JSON_KEY_BYTES_MAX    256 /* as written, with escapes */
#define JSON_NUMBER_BYTES_MAX 32

enum json_kind {
    JSON_END, /* the value is complete and nothing follows */
    JSON_OBJECT,
    JSON_OBJECT_END,
    JSON_ARRAY,
    JSON_ARRAY_END,
    JSON_KEY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_TRUE,
    JSON_FALSE,
    JSON_NULL
};

struct json_token {
    enum json_kind kind;
    struct span raw; /* KEY, STRING: between the quotes, still escaped; NUMBER: its text. Borrowed. */
};

struct json_key { /* of an object that is still open */
    uint32_t at, n, hash;
};
struct json {
    struct span text;
    size_t at;
    enum err failed; /* the first error, repeated for ever */
    uint8_t depth, expect;
    bool object[JSON_DEPTH_MAX];      /* else an array */
    uint16_t keys_at[JSON_DEPTH_MAX]; /* where the keys of this level begin */
    uint16_t keys;
    struct json_key key[JSON_DEPTH_MAX * JSON_KEYS_MAX];
};

/* Borrows text, which is at most 4 GiB. */
void json_init(struct json *j, struct span text);
/* The next token. ERR_FORMAT; ERR_LIMIT for depth, keys, key or number length; ERR_EXISTS for a member that
 * repeats; ERR_SHORT when the text ends too early. Errors stay. */
enum err json_next(struct json *j, struct json_token *t) MUST_CHECK;
/* Reads past the rest of the value that t began; nothing to do for scalars. */
enum err json_skip(struct json *j, const struct json_token *t) MUST_CHECK;
/* Next token, which must be of this kind; ERR_FORMAT otherwise. */
enum err json_expect(struct json *j, enum json_kind kind, struct json_token *t) MUST_CHECK;
/* OK when the whole text is one value. Needs about 13 KiB of stack. */
enum err json_check(struct span text) MUST_CHECK;

/* Unescapes a KEY or STRING into `into`; *out is the part used. ERR_LIMIT when it does not fit. */
enum err json_text(const struct json_token *t, struct mspan into, struct span *out) MUST_CHECK;
/* The next value, which must be a STRING, as a C string in `into`. ERR_LIMIT when it does not fit in size - 1 bytes. */
enum err json_take_text(struct json *j, char *into, size_t size) MUST_CHECK;
/* Whether a KEY or STRING, unescaped, is this text. */
bool json_is(const struct json_token *t, const char *text);
/* A NUMBER written as an integer without sign, fraction or exponent, at most max. ERR_FORMAT, ERR_RANGE. */
enum err json_uint(const struct json_token *t, uint64_t max, uint64_t *v) MUST_CHECK;

/* Writes s as a JSON string with its quotes; `<`, `>`, `&`, U+2028 and U+2029 are escaped so that it is safe
 * inside HTML too. Bytes that are not UTF-8 set w->bad. */
void json_write_text(struct writer *w, struct span s);
void json_write_str(struct writer *w, const char *s);

/* Strict UTF-8 (RFC 3629): no overlong forms, surrogates, or values over U+10FFFF. U+0000 is valid here. */
bool utf8_valid(struct span s);
/* One code point at s[*at], moving *at; false when malformed. */
bool utf8_next(struct span s, size_t *at, uint32_t *code);

#endif
