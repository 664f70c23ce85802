/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/turn.h"

#include "base/read.h"

#define FAMILY_4 0x01
#define FAMILY_6 0x02

static uint8_t family_of(uint8_t number)
{
    return number == FAMILY_4 ? 4 : number == FAMILY_6 ? 6 : 0;
}

/* The mask of XOR-…-ADDRESS: the cookie, then the transaction. RFC 8489 section 14.2. */
static void mask(uint8_t *addr, size_t n, const uint8_t id[static TURN_ID])
{
    static const uint8_t cookie[4] = {0x21, 0x12, 0xA4, 0x42};
    for (size_t i = 0; i < n; i++)
        addr[i] ^= i < 4 ? cookie[i] : id[i - 4];
}

static bool read_peer(struct span value, const uint8_t id[static TURN_ID], struct turn_addr *a)
{
    struct reader r = reader_of(value);
    read_skip(&r, 1);
    *a = (struct turn_addr){.family = family_of(read_u8(&r))};
    if (a->family == 0 || value.n != (a->family == 4 ? 8u : 20u)) return false;
    a->port = read_u16(&r) ^ (uint16_t)(TURN_COOKIE >> 16);
    size_t n = a->family == 4 ? 4 : 16;
    read_copy(&r, a->addr, n);
    mask(a->addr, n, id);
    return read_end(&r) == OK;
}

static bool take_span(bool *has, struct span *to, struct span value)
{
    if (!*has) *to = value;
    *has = true;
    return true;
}

/* A four-byte attribute whose first byte matters. */
static bool take_u8(bool *has, uint8_t *to, struct span value)
{
    if (value.n != 4) return false;
    if (!*has) *to = value.p[0];
    *has = true;
    return true;
}

static bool take_family(bool *has, uint8_t *to, struct span value)
{
    uint8_t number = 0;
    bool had = *has;
    if (!take_u8(has, &number, value)) return false;
    if (!had) *to = family_of(number);
    return true;
}

static bool take_peer(struct turn_msg *m, struct span value)
{
    if (m->peer_count == TURN_PEERS_MAX) {
        m->peers_over = true;
        return true;
    }
    if (!read_peer(value, m->id, &m->peer[m->peer_count])) return false;
    m->peer_count++;
    return true;
}

/* False when the attribute is malformed. */
static bool take(struct turn_msg *m, uint16_t type, struct span value)
{
    struct reader r = reader_of(value);
    switch (type) {
    case TURN_A_USERNAME:
        return take_span(&m->has_username, &m->username, value);
    case TURN_A_REALM:
        return take_span(&m->has_realm, &m->realm, value);
    case TURN_A_NONCE:
        return take_span(&m->has_nonce, &m->nonce, value);
    case TURN_A_DATA:
        return take_span(&m->has_data, &m->data, value);
    case TURN_A_XOR_PEER:
        return take_peer(m, value);
    case TURN_A_TRANSPORT:
        return take_u8(&m->has_transport, &m->transport, value);
    case TURN_A_FAMILY:
        return take_family(&m->has_family, &m->family, value);
    case TURN_A_ADDITIONAL_FAMILY:
        return take_family(&m->has_additional, &m->additional, value);
    case TURN_A_EVEN_PORT:
        if (value.n != 1) return false;
        if (!m->even_port) m->even_pair = value.p[0] & 0x80;
        return m->even_port = true;
    case TURN_A_RESERVATION:
        m->reservation = true;
        return value.n == 8;
    case TURN_A_LIFETIME:
        if (!m->has_lifetime) m->lifetime_s = read_u32(&r);
        m->has_lifetime = true;
        return value.n == 4;
    case TURN_A_CHANNEL_NUMBER:
        if (!m->has_channel) m->channel = read_u16(&r);
        m->has_channel = true;
        return value.n == 4;
    default:
        break;
    }
    /* 0x0000 to 0x7FFF must be understood, except what belongs to answers or to plain STUN and means nothing
     * here. */
    if (type < 0x8000 && type != TURN_A_XOR_MAPPED && type != 0x0001 && m->unknown_count < TURN_UNKNOWN_MAX)
        m->unknown[m->unknown_count++] = type;
    return true;
}

enum err turn_parse(struct span pkt, struct turn_msg *m)
{
    struct reader r = reader_of(pkt);
    uint16_t type = read_u16(&r), length = read_u16(&r);
    uint32_t cookie = read_u32(&r);
    memset(m, 0, sizeof *m);
    read_copy(&r, m->id, TURN_ID);
    if (r.bad) return ERR_SHORT;
    if ((type & 0xC000) || cookie != TURN_COOKIE || length % 4 || length != pkt.n - TURN_HEADER)
        return ERR_FORMAT;
    m->class = (enum turn_class)((type >> 4 & 1) | (type >> 7 & 2));
    m->method = (uint16_t)((type & 0xF) | (type >> 1 & 0x70) | (type >> 2 & 0xF80));
    while (read_left(&r) > 0) {
        size_t at = pkt.n - read_left(&r);
        uint16_t attribute = read_u16(&r);
        struct span value = read_vec16(&r);
        read_skip(&r, (4 - value.n % 4) % 4);
        if (r.bad) return ERR_SHORT;
        if (attribute == TURN_A_INTEGRITY) {
            if (value.n != TURN_MAC) return ERR_FORMAT;
            m->integrity = value;
            m->integrity_at = at;
            return OK;
        }
        if (!take(m, attribute, value)) m->malformed = true;
    }
    return OK;
}

enum err turn_parse_channel(struct span pkt, uint16_t *channel, struct span *data)
{
    struct reader r = reader_of(pkt);
    uint16_t number = read_u16(&r);
    struct span d = read_vec16(&r);
    if (r.bad) return ERR_SHORT;
    if (number < TURN_CHANNEL_MIN || number > TURN_CHANNEL_MAX) return ERR_FORMAT;
    *channel = number;
    *data = d;
    return OK;
}

enum err turn_frame(struct span stream, size_t *n)
{
    struct reader r = reader_of(stream);
    if (stream.n < 4) return stream.n > 0 && stream.p[0] >= 0x80 ? ERR_FORMAT : ERR_SHORT;
    uint16_t type = read_u16(&r), length = read_u16(&r);
    size_t whole;
    if (type < 0x4000) {
        if (length % 4) return ERR_FORMAT;
        if (stream.n >= 8 && read_u32(&r) != TURN_COOKIE) return ERR_FORMAT;
        whole = (size_t)TURN_HEADER + length;
    } else {
        if (type > TURN_CHANNEL_MAX) return ERR_FORMAT;
        whole = (size_t)TURN_CHANNEL_HEAD + ((length + 3u) & ~3u);
    }
    if (whole > TURN_FRAME_MAX) return ERR_FORMAT;
    if (stream.n < whole) return ERR_SHORT;
    *n = whole;
    return OK;
}

void turn_begin(struct writer *w, enum turn_class class, uint16_t method, const uint8_t id[static TURN_ID])
{
    uint32_t c = class, m = method;
    write_u16(w, (uint16_t)((m & 0xF) | (m & 0x70) << 1 | (m & 0xF80) << 2 | (c & 1) << 4 | (c & 2) << 7));
    write_u16(w, 0);
    write_u32(w, TURN_COOKIE);
    write_bytes(w, SPAN(id, TURN_ID));
}

void turn_put(struct writer *w, uint16_t attribute, struct span value)
{
    write_u16(w, attribute);
    write_vec16(w, value);
    write_zero(w, (4 - value.n % 4) % 4);
}

void turn_put_u32(struct writer *w, uint16_t attribute, uint32_t value)
{
    write_u16(w, attribute);
    write_u16(w, 4);
    write_u32(w, value);
}

void turn_put_addr(struct writer *w, uint16_t attribute, const struct turn_addr *a,
                   const uint8_t id[static TURN_ID])
{
    size_t n = a->family == 4 ? 4 : 16;
    uint8_t addr[16];
    memcpy(addr, a->addr, sizeof addr);
    mask(addr, n, id);
    write_u16(w, attribute);
    write_u16(w, (uint16_t)(4 + n));
    write_u8(w, 0);
    write_u8(w, a->family == 4 ? FAMILY_4 : FAMILY_6);
    write_u16(w, a->port ^ (uint16_t)(TURN_COOKIE >> 16));
    write_bytes(w, SPAN(addr, n));
}

void turn_put_error(struct writer *w, uint16_t code)
{
    turn_put_u32(w, TURN_A_ERROR_CODE, (uint32_t)(code / 100) << 8 | code % 100);
}

void turn_put_address_error(struct writer *w, uint8_t family, uint16_t code)
{
    uint32_t number = family == 4 ? FAMILY_4 : FAMILY_6;
    turn_put_u32(w, TURN_A_ADDRESS_ERROR, number << 24 | (uint32_t)(code / 100) << 8 | code % 100);
}

void turn_put_unknown(struct writer *w, const struct turn_msg *m)
{
    write_u16(w, TURN_A_UNKNOWN);
    write_u16(w, (uint16_t)(2 * m->unknown_count));
    for (uint16_t i = 0; i < m->unknown_count; i++)
        write_u16(w, m->unknown[i]);
    if (m->unknown_count % 2) write_u16(w, 0);
}

void turn_finish(struct writer *w, size_t more)
{
    write_u16_at(w, 2, (uint16_t)(w->n - TURN_HEADER + more));
}
