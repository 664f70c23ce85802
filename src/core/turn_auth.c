/* SPDX-License-Identifier: Apache-2.0 */
#include "core/turn_auth.h"

#include "base/read.h"
#include "base/write.h"

#define SECRET_LEAST 16
#define HANDLE_HEX   (TURN_ID_BYTES - TURN_ID_ROOM - 1)
#define STAMP_BYTES  4 /* of a nonce: seconds */
#define MAC_BYTES    8 /* of a nonce */

_Static_assert((STAMP_BYTES + MAC_BYTES) * 4 / 3 == TURN_NONCE_BYTES, "no padding");
_Static_assert(TURN_USER_MAX > 20 + 1 + TURN_ID_BYTES, "any expiry fits");

enum err turn_auth_init(struct turn_auth *a, const struct crypto *crypto, const struct rng *rng)
{
    memset(a, 0, sizeof *a);
    a->crypto = crypto;
    return rng_fill(rng, a->nonce_key, sizeof a->nonce_key);
}

void turn_auth_fini(struct turn_auth *a)
{
    secret_wipe(a, sizeof *a);
}

enum err turn_auth_secret(struct turn_auth *a, struct span secret)
{
    if (secret.n < SECRET_LEAST || secret.n > SECRET_MAX) return ERR_RANGE;
    if (secret_equal(secret, secret_span(&a->secret))) return OK;
    a->before = a->secret;
    secret_drop(&a->secret);
    a->secret.n = (uint8_t)secret.n;
    memcpy(a->secret.b, secret.p, secret.n);
    return OK;
}

static const struct secret *secret_of(const struct turn_auth *a, int which)
{
    return which ? &a->before : &a->secret;
}

/* RFC 4648; `plus` and `slash` choose the alphabet. The input's padding is written as '='. */
static void base64(struct span in, char plus, char slash, struct writer *w)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    for (size_t i = 0; i < in.n; i += 3) {
        size_t left = in.n - i;
        uint32_t v = (uint32_t)in.p[i] << 16;
        if (left > 1) v |= (uint32_t)in.p[i + 1] << 8;
        if (left > 2) v |= in.p[i + 2];
        for (size_t k = 0; k < 4; k++) {
            uint32_t six = v >> (18 - 6 * k) & 63;
            if (k > left)
                write_u8(w, '=');
            else
                write_u8(w, (uint8_t)(six < 62 ? letters[six] : six == 62 ? plus : slash));
        }
    }
}

enum err turn_auth_id(const struct turn_auth *a, int which, struct span room, struct span handle,
                      uint8_t id[static TURN_ID_BYTES])
{
    const struct secret *s = secret_of(a, which);
    if (s->n == 0) return ERR_STATE;
    uint8_t room_mac[32], handle_mac[32];
    struct span room_parts[] = {SPAN_LIT("incamera turn room\0"), room};
    struct span handle_parts[] = {SPAN_LIT("incamera turn handle\0"), SPAN_OF(room_mac), handle};
    enum err e = a->crypto->hmac(a->crypto->ctx, CRYPTO_SHA256, secret_span(s), room_parts, 2, room_mac);
    if (!e) e = a->crypto->hmac(a->crypto->ctx, CRYPTO_SHA256, secret_span(s), handle_parts, 3, handle_mac);
    if (e) return e;
    struct writer w = writer_of(MSPAN(id, TURN_ID_BYTES));
    write_hex(&w, SPAN(room_mac, TURN_ID_ROOM / 2));
    write_u8(&w, '.');
    write_hex(&w, SPAN(handle_mac, HANDLE_HEX / 2));
    return write_ok(&w);
}

static enum err password_of(const struct turn_auth *a, const struct secret *s, struct span username,
                            char password[static TURN_PASSWORD])
{
    uint8_t mac[20];
    enum err e = a->crypto->hmac(a->crypto->ctx, CRYPTO_SHA1, secret_span(s), &username, 1, mac);
    if (e) return e;
    struct writer w = writer_of(MSPAN(password, TURN_PASSWORD));
    base64(SPAN_OF(mac), '+', '/', &w);
    secret_wipe(mac, sizeof mac);
    return write_ok(&w);
}

enum err turn_auth_issue(const struct turn_auth *a, struct span room, struct span handle, uint64_t expiry_s,
                         struct turn_credential *c)
{
    uint8_t id[TURN_ID_BYTES];
    struct turn_credential made = {0};
    enum err e = turn_auth_id(a, 0, room, handle, id);
    if (e) return e;
    struct writer w = writer_of(MSPAN(made.username, sizeof made.username - 1));
    write_dec(&w, expiry_s);
    write_u8(&w, ':');
    write_bytes(&w, SPAN_OF(id));
    e = write_ok(&w);
    if (!e) e = password_of(a, &a->secret, writer_span(&w), made.password);
    if (!e) *c = made;
    secret_wipe(&made, sizeof made);
    return e;
}

enum err turn_auth_parse(struct span username, uint64_t *expiry_s, struct span *id)
{
    uint64_t v = 0;
    size_t i = 0;
    for (; i < username.n && username.p[i] >= '0' && username.p[i] <= '9'; i++) {
        if (i == 12) return ERR_FORMAT;
        v = v * 10 + (uint64_t)(username.p[i] - '0');
    }
    if (i == 0 || username.n - i != 1 + TURN_ID_BYTES || username.p[i] != ':') return ERR_FORMAT;
    *expiry_s = v;
    *id = SPAN(username.p + i + 1, TURN_ID_BYTES);
    return OK;
}

enum err turn_auth_key(const struct turn_auth *a, int which, struct span username,
                       uint8_t key[static TURN_KEY_BYTES])
{
    const struct secret *s = secret_of(a, which);
    char password[TURN_PASSWORD];
    if (s->n == 0) return ERR_STATE;
    enum err e = password_of(a, s, username, password);
    struct span parts[] = {username, SPAN_LIT(":" TURN_REALM ":"), SPAN_OF(password)};
    if (!e) e = a->crypto->hash(a->crypto->ctx, CRYPTO_MD5, parts, 3, key);
    secret_wipe(password, sizeof password);
    return e;
}

static enum err nonce_at(const struct turn_auth *a, uint32_t stamp, const struct path *from,
                         uint8_t nonce[static TURN_NONCE_BYTES])
{
    uint8_t raw[STAMP_BYTES + MAC_BYTES], head[4], mac[32];
    struct writer w = writer_of(MSPAN(raw, sizeof raw));
    write_u32(&w, stamp);
    struct writer h = writer_of(MSPAN(head, sizeof head));
    write_u8(&h, from->kind);
    write_u8(&h, from->family);
    write_u16(&h, from->port);
    struct span parts[] = {SPAN(raw, STAMP_BYTES), SPAN_OF(head), SPAN_OF(from->addr)};
    enum err e = a->crypto->hmac(a->crypto->ctx, CRYPTO_SHA256, SPAN_OF(a->nonce_key), parts, 3, mac);
    if (e) return e;
    write_bytes(&w, SPAN(mac, MAC_BYTES));
    struct writer text = writer_of(MSPAN(nonce, TURN_NONCE_BYTES));
    base64(writer_span(&w), '-', '_', &text);
    return write_ok(&text);
}

enum err turn_auth_nonce(const struct turn_auth *a, usec now, const struct path *from,
                         uint8_t nonce[static TURN_NONCE_BYTES])
{
    return nonce_at(a, (uint32_t)(now / USEC_S), from, nonce);
}

/* The value of a base64url letter, or 64. */
static uint32_t letter(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A' + 0u;
    if (c >= 'a' && c <= 'z') return c - 'a' + 26u;
    if (c >= '0' && c <= '9') return c - '0' + 52u;
    return c == '-' ? 62 : c == '_' ? 63 : 64;
}

enum err turn_auth_check_nonce(const struct turn_auth *a, usec now, const struct path *from,
                               struct span nonce)
{
    if (nonce.n != TURN_NONCE_BYTES) return ERR_EXPIRED;
    uint64_t bits = 0; /* the first six letters hold the stamp and four bits more */
    for (size_t i = 0; i < 6; i++) {
        uint32_t v = letter(nonce.p[i]);
        if (v > 63) return ERR_EXPIRED;
        bits = bits << 6 | v;
    }
    uint32_t stamp = (uint32_t)(bits >> 4), age = (uint32_t)(now / USEC_S) - stamp;
    uint8_t right[TURN_NONCE_BYTES];
    if (age >= TURN_NONCE_LIFE / USEC_S) return ERR_EXPIRED;
    enum err e = nonce_at(a, stamp, from, right);
    if (e) return e;
    return secret_equal(SPAN_OF(right), nonce) ? OK : ERR_EXPIRED;
}
