/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/stun.h"

#include "base/secret.h"

#define INTEGRITY_SIZE  20
#define FINGERPRINT_XOR 0x5354554eu

/* CRC-32 of RFC 8489 section 14.7 (ITU V.42), four bits at a time: strangers make us compute it, so it is not
 * the slowest way, and a table of 16 is enough for messages of a hundred bytes. */
static uint32_t crc32_of(const uint8_t *p, size_t n)
{
    static const uint32_t table[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4,
                                       0x4db26158, 0x5005713c, 0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                       0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t c = 0xffffffffu;
    for (size_t i = 0; i < n; i++) {
        c = c >> 4 ^ table[(c ^ p[i]) & 15];
        c = c >> 4 ^ table[(c ^ (uint32_t)p[i] >> 4) & 15];
    }
    return ~c;
}

bool stun_looks(struct span pkt)
{
    if (pkt.n < STUN_HEADER || pkt.p[0] > 3) return false;
    struct reader r = reader_of(pkt);
    read_skip(&r, 2);
    uint16_t length = read_u16(&r);
    return read_u32(&r) == STUN_COOKIE && length % 4 == 0 && (size_t)length + STUN_HEADER == pkt.n;
}

struct stun_cursor stun_attributes(const struct stun *m)
{
    return (struct stun_cursor){reader_of(span_part(m->whole, STUN_HEADER, m->whole.n))};
}

bool stun_next(struct stun_cursor *c, struct stun_attribute *a)
{
    if (!read_left(&c->r)) return false;
    a->type = read_u16(&c->r);
    a->value = read_vec16(&c->r);
    read_skip(&c->r, (4 - a->value.n % 4) % 4);
    return !c->r.bad;
}

static void note_unknown(struct stun *m, uint16_t type)
{
    if (m->unknown_count < COUNT_OF(m->unknown)) m->unknown[m->unknown_count++] = type;
}

/* Reads a number of exactly n bytes. */
static enum err number(struct span v, size_t n, uint64_t *out)
{
    if (v.n != n) return ERR_FORMAT;
    uint64_t x = 0;
    for (size_t i = 0; i < n; i++)
        x = x << 8 | v.p[i];
    *out = x;
    return OK;
}

static enum err take_attribute(struct stun *m, const struct stun_attribute *a)
{
    uint64_t v = 0;
    enum err e = OK;
    switch (a->type) {
    case STUN_USERNAME:
        if (a->value.n == 0 || a->value.n > 513) return ERR_FORMAT;
        if (!m->username.n) m->username = a->value; /* the first counts, RFC 8489 section 14 */
        return OK;
    case STUN_PRIORITY:
        e = number(a->value, 4, &v);
        m->priority = (uint32_t)v;
        m->has_priority = !e;
        return e;
    case STUN_USE_CANDIDATE:
        m->use_candidate = true;
        return a->value.n ? ERR_FORMAT : OK;
    case STUN_ICE_CONTROLLING:
    case STUN_ICE_CONTROLLED:
        e = number(a->value, 8, &m->tie_breaker);
        if (a->type == STUN_ICE_CONTROLLING)
            m->controlling = !e;
        else
            m->controlled = !e;
        return e;
    default:
        return OK;
    }
}

static bool is_known(uint16_t type)
{
    switch (type) {
    case STUN_MAPPED_ADDRESS:
    case STUN_USERNAME:
    case STUN_MESSAGE_INTEGRITY:
    case STUN_ERROR_CODE:
    case STUN_UNKNOWN_ATTRIBUTES:
    case STUN_REALM:
    case STUN_NONCE:
    case STUN_XOR_MAPPED_ADDRESS:
    case STUN_PRIORITY:
    case STUN_USE_CANDIDATE:
        return true;
    default:
        return type >= 0x8000; /* comprehension-optional */
    }
}

static enum err take_fingerprint(struct stun *m, const struct stun_attribute *a, size_t at)
{
    uint64_t v;
    if (number(a->value, 4, &v) || at + 8 != m->whole.n) return ERR_FORMAT; /* it must be the last one */
    if ((uint32_t)v != (crc32_of(m->whole.p, at) ^ FINGERPRINT_XOR)) return ERR_AUTH;
    m->fingerprint_ok = true;
    return OK;
}

enum err stun_parse(struct span pkt, struct stun *out)
{
    if (!stun_looks(pkt)) return ERR_FORMAT;
    uint16_t type = (uint16_t)(pkt.p[0] << 8 | pkt.p[1]);
    struct stun m = {.whole = pkt, .id = pkt.p + 8};
    m.of_class = (uint8_t)((type >> 4 & 1) | (type >> 7 & 2));
    m.method = (uint16_t)((type & 0xf) | (type >> 1 & 0x70) | (type >> 2 & 0xf80));
    struct stun_cursor c = stun_attributes(&m);
    unsigned count = 0;
    while (read_left(&c.r)) {
        struct stun_attribute a;
        size_t at = (size_t)(c.r.p - pkt.p);
        if (!stun_next(&c, &a)) return ERR_SHORT;
        if (++count > STUN_ATTRS_MAX) return ERR_LIMIT;
        enum err e = OK;
        if (a.type == STUN_FINGERPRINT) {
            e = take_fingerprint(&m, &a, at);
        } else if (m.integrity_at) {
            continue; /* after the integrity nothing counts */
        } else if (a.type == STUN_MESSAGE_INTEGRITY) {
            if (a.value.n != INTEGRITY_SIZE) return ERR_FORMAT;
            m.integrity_at = at;
        } else {
            e = take_attribute(&m, &a);
            if (!is_known(a.type)) note_unknown(&m, a.type);
        }
        if (e) return e;
    }
    *out = m;
    return OK;
}

/* HMAC-SHA1 over the message up to MESSAGE-INTEGRITY, with the length as if it ended there (RFC 8489, 14.5).
 */
static enum err integrity_of(struct span whole, size_t at, struct span key, const struct stun_hmac *h,
                             uint8_t tag[20])
{
    uint8_t head[4];
    memcpy(head, whole.p, sizeof head);
    size_t length = at + 4 + INTEGRITY_SIZE - STUN_HEADER;
    head[2] = (uint8_t)(length >> 8);
    head[3] = (uint8_t)length;
    struct span parts[] = {SPAN_OF(head), SPAN(whole.p + 4, at - 4)};
    return h->sha1(h->ctx, key, parts, COUNT_OF(parts), tag);
}

enum err stun_check(const struct stun *m, struct span key, const struct stun_hmac *h)
{
    uint8_t tag[20];
    if (!m->integrity_at) return ERR_AUTH;
    enum err e = integrity_of(m->whole, m->integrity_at, key, h, tag);
    if (e) return e;
    return secret_equal(SPAN_OF(tag), SPAN(m->whole.p + m->integrity_at + 4, INTEGRITY_SIZE)) ? OK : ERR_AUTH;
}

bool stun_peek_username(struct span pkt, struct span *local_ufrag)
{
    struct stun m;
    if (stun_parse(pkt, &m) || m.of_class != STUN_REQUEST || m.method != STUN_BINDING || !m.integrity_at)
        return false;
    const uint8_t *colon = m.username.n ? memchr(m.username.p, ':', m.username.n) : NULL;
    if (!colon || colon == m.username.p) return false;
    *local_ufrag = SPAN(m.username.p, (size_t)(colon - m.username.p));
    return true;
}

void stun_begin(struct writer *w, uint16_t method, enum stun_class c, const uint8_t *id)
{
    unsigned type = (method & 0xfu) | (method & 0x70u) << 1 | (method & 0xf80u) << 2 |
                    ((unsigned)c & 1) << 4 | ((unsigned)c & 2) << 7;
    write_u16(w, (uint16_t)type);
    write_u16(w, 0);
    write_u32(w, STUN_COOKIE);
    write_bytes(w, SPAN(id, STUN_ID));
}

void stun_put(struct writer *w, uint16_t type, struct span value)
{
    write_u16(w, type);
    write_vec16(w, value);
    write_zero(w, (4 - value.n % 4) % 4);
}

void stun_put_u32(struct writer *w, uint16_t type, uint32_t v)
{
    write_u16(w, type);
    write_u16(w, 4);
    write_u32(w, v);
}

void stun_put_u64(struct writer *w, uint16_t type, uint64_t v)
{
    write_u16(w, type);
    write_u16(w, 8);
    write_u64(w, v);
}

/* The bytes an address is mixed with: the cookie, then for IPv6 the transaction id. */
static void mix(uint8_t *addr, size_t n, const uint8_t *id)
{
    static const uint8_t cookie[4] = {0x21, 0x12, 0xa4, 0x42};
    for (size_t i = 0; i < n; i++)
        addr[i] ^= i < 4 ? cookie[i] : id[i - 4];
}

void stun_put_xor_address(struct writer *w, uint16_t type, uint8_t family, const uint8_t *addr, uint16_t port)
{
    size_t n = family == 4 ? 4 : 16;
    uint8_t mixed[16];
    if (w->bad || w->n < STUN_HEADER) {
        w->bad = true;
        return;
    }
    memcpy(mixed, addr, n);
    mix(mixed, n, w->p + 8);
    write_u16(w, type);
    write_u16(w, (uint16_t)(4 + n));
    write_u8(w, 0);
    write_u8(w, family == 4 ? 1 : 2);
    write_u16(w, port ^ (uint16_t)(STUN_COOKIE >> 16));
    write_bytes(w, SPAN(mixed, n));
}

bool stun_get_xor_address(const struct stun *m, struct span value, uint8_t *family, uint8_t addr[16],
                          uint16_t *port)
{
    struct reader r = reader_of(value);
    uint8_t got[16] = {0};
    read_skip(&r, 1);
    uint8_t f = read_u8(&r);
    uint16_t p = read_u16(&r) ^ (uint16_t)(STUN_COOKIE >> 16);
    size_t n = f == 1 ? 4 : f == 2 ? 16 : 0;
    read_copy(&r, got, n);
    if (!n || read_end(&r)) return false;
    mix(got, n, m->id);
    memcpy(addr, got, 16);
    *family = f == 1 ? 4 : 6;
    *port = p;
    return true;
}

void stun_put_error(struct writer *w, unsigned code, const char *phrase)
{
    uint8_t value[4 + 64];
    struct writer v = writer_of(MSPAN(value, sizeof value));
    write_u16(&v, 0);
    write_u8(&v, (uint8_t)(code / 100));
    write_u8(&v, (uint8_t)(code % 100));
    write_str(&v, phrase);
    stun_put(w, STUN_ERROR_CODE, writer_span(&v));
}

enum err stun_end(struct writer *w, struct span key, const struct stun_hmac *h, bool fingerprint)
{
    if (w->bad || w->n < STUN_HEADER) return ERR_FULL;
    if (key.n) {
        uint8_t tag[20];
        enum err e = integrity_of(writer_span(w), w->n, key, h, tag);
        if (e) return e;
        stun_put(w, STUN_MESSAGE_INTEGRITY, SPAN_OF(tag));
    }
    size_t end = w->n + (fingerprint ? 8 : 0);
    write_u16_at(w, 2, (uint16_t)(end - STUN_HEADER));
    if (fingerprint) stun_put_u32(w, STUN_FINGERPRINT, crc32_of(w->p, w->n) ^ FINGERPRINT_XOR);
    return write_ok(w);
}
