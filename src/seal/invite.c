/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/invite.h"

#include "base/write.h"
#include "seal/kdf.h"

#define VERSION        1
#define GENERATION_MAX 10 /* digits */

/* The value of a base64url character without a table or branch that its secret could steer; -1 for another
 * one. */
static int sextet(uint8_t c)
{
    int upper = (int)((unsigned)(c - 'A') < 26u), lower = (int)((unsigned)(c - 'a') < 26u),
        digit = (int)((unsigned)(c - '0') < 10u), minus = c == '-', under = c == '_';
    return (upper * (c - 'A' + 1) + lower * (c - 'a' + 27) + digit * (c - '0' + 53) + minus * 63 +
            under * 64) -
           1;
}

static uint8_t letter(unsigned v)
{
    unsigned upper = v < 26, lower = v - 26 < 26u, digit = v - 52 < 10u, minus = v == 62, under = v == 63;
    return (uint8_t)(upper * (v + 'A') + lower * (v - 26 + 'a') + digit * (v - 52 + '0') + minus * '-' +
                     under * '_');
}

/* 43 characters to 32 bytes; the two bits left over must be zero. */
static bool part_read(struct span text, uint8_t out[static 32])
{
    if (text.n != INVITE_PART) return false;
    uint8_t b[33];
    int bad = 0;
    uint32_t bits = 0;
    for (size_t i = 0, at = 0, have = 0; i < INVITE_PART; i++) {
        int v = sextet(text.p[i]);
        bad |= v < 0;
        bits = bits << 6 | ((uint32_t)v & 63);
        have += 6;
        if (have >= 8) {
            have -= 8;
            b[at++] = (uint8_t)(bits >> have);
        }
    }
    bad |= (bits & 3) != 0;
    if (!bad) memcpy(out, b, 32);
    secret_wipe(b, sizeof b);
    return !bad;
}

static void part_write(struct writer *w, const uint8_t in[static 32])
{
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < 32; i++) {
        bits = bits << 8 | in[i];
        have += 8;
        while (have >= 6) {
            have -= 6;
            write_u8(w, letter(bits >> have & 63));
        }
    }
    write_u8(w, letter(bits << (6 - have) & 63));
}

static bool number_read(struct span digits, uint32_t *out)
{
    uint64_t v = 0;
    if (digits.n == 0 || digits.n > GENERATION_MAX || digits.p[0] == '0') return false;
    for (size_t i = 0; i < digits.n; i++) {
        if (digits.p[i] < '0' || digits.p[i] > '9') return false;
        v = 10 * v + (uint64_t)(digits.p[i] - '0');
    }
    *out = (uint32_t)v;
    return v <= UINT32_MAX;
}

/* Cuts text at the first `at`: the part before it is returned, text becomes the part after it (NULL when
 * none). */
static struct span cut(struct span *text, uint8_t at)
{
    struct span before = *text;
    const uint8_t *p = text->n ? memchr(text->p, at, text->n) : NULL;
    if (!p) {
        *text = SPAN_NONE;
        return before;
    }
    before.n = (size_t)(p - text->p);
    *text = SPAN(p + 1, text->n - before.n - 1);
    return before;
}

static enum err fragment_read(struct span text, struct invite *l)
{
    struct span version = cut(&text, '.');
    if (!span_equal(version, SPAN_LIT("1"))) return version.n > 0 && text.p ? ERR_UNSUPPORTED : ERR_FORMAT;
    struct span hash = cut(&text, '.');
    struct span secret = cut(&text, '.');
    l->join_secret.n = 32;
    if (!part_read(hash, l->policy_hash) || !part_read(secret, l->join_secret.b)) return ERR_FORMAT;
    if (text.p && !number_read(text, &l->generation)) return ERR_FORMAT;
    return OK;
}

enum err invite_parse(struct span text, struct invite *l)
{
    struct invite got = {0};
    enum err e = ERR_FORMAT;
    if (text.n > INVITE_MAX) return ERR_LIMIT;
    struct span head = cut(&text, '#');
    if (head.n >= 3 + INVITE_PART) {
        struct span mark = SPAN(head.p + head.n - INVITE_PART - 3, 3), room = SPAN(mark.p + 3, INVITE_PART);
        got.origin = SPAN(head.p, head.n - INVITE_PART - 3);
        if (span_equal(mark, SPAN_LIT("/r/")) && part_read(room, got.room_id)) e = fragment_read(text, &got);
    }
    if (e == OK) *l = got;
    invite_fini(&got);
    return e;
}

enum err invite_write(const struct invite *l, struct mspan out, size_t *n)
{
    struct writer w = writer_of(out);
    write_bytes(&w, l->origin);
    write_str(&w, "/r/");
    part_write(&w, l->room_id);
    write_str(&w, "#1.");
    part_write(&w, l->policy_hash);
    write_u8(&w, '.');
    part_write(&w, l->join_secret.b);
    if (l->generation) {
        write_u8(&w, '.');
        write_dec(&w, l->generation);
    }
    if (write_ok(&w) != OK) return ERR_FULL;
    *n = w.n;
    return OK;
}

void invite_fini(struct invite *l)
{
    secret_wipe(l, sizeof *l);
}

enum err invite_door(const struct crypto *c, const struct invite *l, uint8_t out[static 32])
{
    struct span label = SPAN_LIT("incamera 1.0 door");
    return kdf_expand(c, CRYPTO_SHA256, secret_span(&l->join_secret), (struct kdf_info){&label, 1},
                      MSPAN(out, 32));
}

enum err invite_psk_id(const struct invite *l, struct mspan room, size_t *n)
{
    struct writer w = writer_of(room);
    write_str(&w, "incamera join ");
    write_bytes(&w, SPAN_OF(l->room_id));
    if (l->generation) write_u32(&w, l->generation);
    if (write_ok(&w) != OK) return ERR_FULL;
    *n = w.n;
    return OK;
}

enum err invite_locator(const struct crypto *c, const struct invite *l, uint8_t out[static 32])
{
    struct span parts[] = {SPAN_LIT("incamera 1.0 locator"), secret_span(&l->join_secret)};
    return c->hash(c->ctx, CRYPTO_SHA256, parts, 2, out);
}
