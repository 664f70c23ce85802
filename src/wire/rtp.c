/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/rtp.h"

#include "base/read.h"
#include "base/write.h"

enum pkt_kind pkt_kind(struct span pkt)
{
    if (pkt.n < 2) return PKT_JUNK;
    uint8_t b = pkt.p[0];
    if (b <= 3) return PKT_STUN;
    if (b >= 20 && b <= 63) return PKT_DTLS;
    if (b >= 64 && b <= 79) return PKT_TURN_CHANNEL;
    if (b < 128 || b > 191) return PKT_JUNK;
    return pkt.p[1] >= 192 && pkt.p[1] <= 223 ? PKT_RTCP : PKT_RTP;
}

/* RFC 8285 section 4.2: id 0 is padding, id 15 ends the block. */
static void one_byte_exts(struct span pkt, size_t at, size_t end, struct rtp *h)
{
    while (at < end && h->ext_count < RTP_EXTS_MAX) {
        uint8_t id = pkt.p[at] >> 4, n = (uint8_t)((pkt.p[at] & 15) + 1);
        at++;
        if (id == 0) continue;
        if (id == 15 || at + n > end) return;
        h->ext[h->ext_count++] = (struct rtp_ext){id, n, (uint16_t)at};
        at += n;
    }
}

/* RFC 8285 section 4.3. */
static void two_byte_exts(struct span pkt, size_t at, size_t end, struct rtp *h)
{
    while (at < end && h->ext_count < RTP_EXTS_MAX) {
        uint8_t id = pkt.p[at++];
        if (id == 0) continue;
        if (at >= end) return;
        uint8_t n = pkt.p[at++];
        if (at + n > end) return;
        h->ext[h->ext_count++] = (struct rtp_ext){id, n, (uint16_t)at};
        at += n;
    }
}

enum err rtp_parse(struct span pkt, struct rtp *out)
{
    struct rtp h = {0};
    struct reader r = reader_of(pkt);
    if (pkt.n > UINT16_MAX) return ERR_RANGE;
    uint8_t first = read_u8(&r), second = read_u8(&r);
    h.seq = read_u16(&r);
    h.ts = read_u32(&r);
    h.ssrc = read_u32(&r);
    read_skip(&r, (first & 15) * (size_t)4);
    if (r.bad) return ERR_SHORT;
    if (first >> 6 != 2) return ERR_FORMAT;
    h.marker = second >> 7;
    h.pt = second & 127;
    h.has_padding = first & 0x20;
    if (first & 0x10) {
        uint16_t profile = read_u16(&r);
        struct span body = read_bytes(&r, (size_t)read_u16(&r) * 4);
        if (r.bad) return ERR_SHORT;
        size_t at = (size_t)(r.p - pkt.p) - body.n, end = (size_t)(r.p - pkt.p);
        if (profile == 0xbede)
            one_byte_exts(pkt, at, end, &h);
        else if (profile >> 4 == 0x100)
            two_byte_exts(pkt, at, end, &h);
    }
    h.header_n = (uint16_t)(r.p - pkt.p);
    *out = h;
    return OK;
}

enum err rtp_padding(struct span pkt, struct rtp *h)
{
    if (!h->has_padding) return OK;
    if (pkt.n <= h->header_n) return ERR_FORMAT;
    uint8_t n = pkt.p[pkt.n - 1];
    if (n == 0 || n > pkt.n - h->header_n) return ERR_FORMAT;
    h->padding = n;
    return OK;
}

struct span rtp_ext_value(const struct rtp *h, struct span pkt, uint8_t id)
{
    if (id == 0) return SPAN_NONE;
    for (uint8_t i = 0; i < h->ext_count; i++)
        if (h->ext[i].id == id) return span_part(pkt, h->ext[i].at, h->ext[i].n);
    return SPAN_NONE;
}

static void write_exts(struct writer *w, const struct rtp_out *h)
{
    bool two = false;
    size_t bytes = 0;
    for (uint8_t i = 0; i < h->ext_count; i++) {
        const struct rtp_ext_out *x = &h->ext[i];
        if (!x->id) continue;
        if (x->id > 14 || x->value.n > 16 || x->value.n == 0) two = true;
    }
    for (uint8_t i = 0; i < h->ext_count; i++)
        if (h->ext[i].id) bytes += h->ext[i].value.n + (two ? 2 : 1);
    write_u16(w, two ? 0x1000 : 0xbede);
    write_u16(w, (uint16_t)((bytes + 3) / 4));
    for (uint8_t i = 0; i < h->ext_count; i++) {
        const struct rtp_ext_out *x = &h->ext[i];
        if (!x->id) continue;
        if (two) {
            write_u8(w, x->id);
            write_vec8(w, x->value);
        } else {
            write_u8(w, (uint8_t)(x->id << 4 | (x->value.n - 1)));
            write_bytes(w, x->value);
        }
    }
    write_zero(w, (4 - bytes % 4) % 4);
}

size_t rtp_write(const struct rtp_out *h, struct mspan room)
{
    struct writer w = writer_of(room);
    bool any = false;
    for (uint8_t i = 0; i < h->ext_count; i++)
        any |= h->ext[i].id != 0;
    write_u8(&w, any ? 0x90 : 0x80);
    write_u8(&w, (uint8_t)((h->marker ? 0x80 : 0) | (h->pt & 127)));
    write_u16(&w, h->seq);
    write_u32(&w, h->ts);
    write_u32(&w, h->ssrc);
    if (any) write_exts(&w, h);
    return w.bad ? 0 : w.n;
}
