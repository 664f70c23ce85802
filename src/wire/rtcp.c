/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/rtcp.h"

#include "base/read.h"

#define FMT_NACK         1
#define FMT_TRANSPORT_CC 15
#define FMT_PLI          1
#define FMT_FIR          4
#define FMT_APPLICATION  15
#define REMB_NAME        0x52454d42u /* "REMB" */

/* ---- reading ---- */

static enum err read_reports(struct reader *r, struct rtcp_item *item, bool sender)
{
    item->sender = read_u32(r);
    if (sender) {
        item->sr.ntp = read_u64(r);
        item->sr.ts = read_u32(r);
        item->sr.packets = read_u32(r);
        item->sr.octets = read_u32(r);
    }
    item->body = read_bytes(r, (size_t)item->count * 24); /* what follows is a profile's business */
    item->kind = sender ? RTCP_SENDER_REPORT : RTCP_RECEIVER_REPORT;
    return read_ok(r);
}

static enum err read_remb(struct reader *r, struct rtcp_item *item)
{
    if (read_u32(r) != REMB_NAME) return read_ok(r); /* another application's feedback */
    uint8_t count = read_u8(r);
    uint32_t packed = read_u24(r);
    unsigned exponent = packed >> 18;
    uint64_t mantissa = packed & 0x3ffff;
    item->body = read_bytes(r, (size_t)count * 4);
    if (r->bad) return ERR_SHORT;
    item->kind = RTCP_REMB;
    item->remb_bps = exponent > 45 ? UINT64_MAX : mantissa << exponent;
    return OK;
}

static enum err read_feedback(struct reader *r, struct rtcp_item *item, uint8_t type)
{
    item->sender = read_u32(r);
    item->media = read_u32(r);
    if (r->bad) return ERR_SHORT;
    unsigned format = item->count;
    item->count = 0;
    if (type == RTCP_TYPE_PSFB && format == FMT_APPLICATION) return read_remb(r, item);
    item->body = read_bytes(r, read_left(r));
    if (type == RTCP_TYPE_RTPFB)
        item->kind = format == FMT_NACK           ? RTCP_NACK
                     : format == FMT_TRANSPORT_CC ? RTCP_TRANSPORT_CC
                                                  : RTCP_OTHER;
    else
        item->kind = format == FMT_PLI ? RTCP_PLI : format == FMT_FIR ? RTCP_FIR : RTCP_OTHER;
    if (item->kind == RTCP_NACK && (item->body.n == 0 || item->body.n % 4)) return ERR_FORMAT;
    if (item->kind == RTCP_FIR && (item->body.n == 0 || item->body.n % 8)) return ERR_FORMAT;
    return OK;
}

static enum err read_item(struct span body, uint8_t type, struct rtcp_item *item)
{
    struct reader r = reader_of(body);
    switch (type) {
    case RTCP_TYPE_SR:
        return read_reports(&r, item, true);
    case RTCP_TYPE_RR:
        return read_reports(&r, item, false);
    case RTCP_TYPE_SDES:
        item->kind = RTCP_SDES;
        return OK;
    case RTCP_TYPE_BYE:
        item->body = read_bytes(&r, (size_t)item->count * 4);
        item->kind = RTCP_BYE;
        return read_ok(&r);
    case RTCP_TYPE_RTPFB:
    case RTCP_TYPE_PSFB:
        return read_feedback(&r, item, type);
    default:
        return OK;
    }
}

enum err rtcp_next(struct span *rest, struct rtcp_item *item)
{
    if (rest->n == 0) return ERR_CLOSED;
    struct reader r = reader_of(*rest);
    uint8_t first = read_u8(&r), type = read_u8(&r);
    size_t n = (size_t)read_u16(&r) * 4;
    if (r.bad || read_left(&r) < n) return ERR_SHORT;
    if (first >> 6 != 2 || type < 192 || type > 223) return ERR_FORMAT;
    struct span body = read_bytes(&r, n);
    size_t whole = n + 4;
    if (first &
        0x20) { /* padding: only at the very end, RFC 3550 section 6.4.1; of transport-wide feedback any length */
        uint8_t pad = n ? body.p[n - 1] : 0;
        bool arrivals = type == RTCP_TYPE_RTPFB && (first & 0x1f) == FMT_TRANSPORT_CC;
        if (rest->n != whole || pad == 0 || (pad % 4 && !arrivals) || pad > n) return ERR_FORMAT;
        body.n -= pad;
    }
    struct rtcp_item found = {.count = first & 0x1f};
    enum err e = read_item(body, type, &found);
    if (e) return e;
    *item = found;
    *rest = SPAN(rest->p + whole, rest->n - whole);
    return OK;
}

bool rtcp_report_next(struct span *body, struct rtcp_report *report)
{
    struct reader r = reader_of(*body);
    struct rtcp_report v = {.ssrc = read_u32(&r), .fraction_lost = read_u8(&r)};
    uint32_t lost = read_u24(&r);
    v.lost = (int32_t)(lost & 0x800000 ? lost | 0xff000000u : lost);
    v.highest = read_u32(&r);
    v.jitter = read_u32(&r);
    v.last_sr = read_u32(&r);
    v.since_last_sr = read_u32(&r);
    if (r.bad) return false;
    *report = v;
    *body = SPAN(body->p + 24, body->n - 24);
    return true;
}

bool rtcp_nack_next(struct span *body, uint16_t *seq, uint16_t *following)
{
    struct reader r = reader_of(*body);
    uint16_t first = read_u16(&r), mask = read_u16(&r);
    if (r.bad) return false;
    *seq = first;
    *following = mask;
    *body = SPAN(body->p + 4, body->n - 4);
    return true;
}

bool rtcp_fir_next(struct span *body, uint32_t *ssrc, uint8_t *number)
{
    struct reader r = reader_of(*body);
    uint32_t source = read_u32(&r);
    uint8_t n = read_u8(&r);
    read_skip(&r, 3);
    if (r.bad) return false;
    *ssrc = source;
    *number = n;
    *body = SPAN(body->p + 8, body->n - 8);
    return true;
}

bool rtcp_source_next(struct span *body, uint32_t *ssrc)
{
    struct reader r = reader_of(*body);
    uint32_t source = read_u32(&r);
    if (r.bad) return false;
    *ssrc = source;
    *body = SPAN(body->p + 4, body->n - 4);
    return true;
}

/* ---- writing ---- */

size_t rtcp_begin(struct writer *w, uint8_t count, uint8_t type)
{
    size_t at = w->n;
    write_u8(w, (uint8_t)(0x80 | (count & 0x1f)));
    write_u8(w, type);
    write_u16(w, 0);
    return at;
}

void rtcp_end(struct writer *w, size_t begin)
{
    while ((w->n - begin) % 4 && !w->bad)
        write_u8(w, 0);
    if (!w->bad) write_u16_at(w, begin + 2, (uint16_t)((w->n - begin) / 4 - 1));
}

void rtcp_write_sender(struct writer *w, uint32_t ssrc, const struct rtcp_sender *s)
{
    size_t at = rtcp_begin(w, 0, RTCP_TYPE_SR);
    write_u32(w, ssrc);
    write_u64(w, s->ntp);
    write_u32(w, s->ts);
    write_u32(w, s->packets);
    write_u32(w, s->octets);
    rtcp_end(w, at);
}

void rtcp_write_receiver(struct writer *w, uint32_t ssrc, const struct rtcp_report *r, uint8_t count)
{
    size_t at = rtcp_begin(w, count, RTCP_TYPE_RR);
    write_u32(w, ssrc);
    for (uint8_t i = 0; i < count; i++) {
        write_u32(w, r[i].ssrc);
        write_u8(w, r[i].fraction_lost);
        int32_t lost = r[i].lost > 0x7fffff ? 0x7fffff : r[i].lost < -0x800000 ? -0x800000 : r[i].lost;
        write_u24(w, (uint32_t)lost & 0xffffff);
        write_u32(w, r[i].highest);
        write_u32(w, r[i].jitter);
        write_u32(w, r[i].last_sr);
        write_u32(w, r[i].since_last_sr);
    }
    rtcp_end(w, at);
}

void rtcp_write_cname(struct writer *w, uint32_t ssrc, struct span cname)
{
    size_t at = rtcp_begin(w, 1, RTCP_TYPE_SDES);
    write_u32(w, ssrc);
    write_u8(w, 1);
    write_vec8(w, cname);
    write_u8(w, 0); /* end of the chunk; rtcp_end pads with more of them */
    rtcp_end(w, at);
}

void rtcp_write_bye(struct writer *w, uint32_t ssrc)
{
    size_t at = rtcp_begin(w, 1, RTCP_TYPE_BYE);
    write_u32(w, ssrc);
    rtcp_end(w, at);
}

static size_t begin_feedback(struct writer *w, uint8_t format, uint8_t type, uint32_t sender, uint32_t media)
{
    size_t at = rtcp_begin(w, format, type);
    write_u32(w, sender);
    write_u32(w, media);
    return at;
}

void rtcp_write_pli(struct writer *w, uint32_t sender, uint32_t media)
{
    rtcp_end(w, begin_feedback(w, FMT_PLI, RTCP_TYPE_PSFB, sender, media));
}

void rtcp_write_nack(struct writer *w, uint32_t sender, uint32_t media, const uint16_t *seq, uint16_t count)
{
    size_t at = begin_feedback(w, FMT_NACK, RTCP_TYPE_RTPFB, sender, media);
    for (uint16_t i = 0; i < count;) {
        uint16_t first = seq[i++], mask = 0;
        while (i < count) {
            uint16_t ahead = (uint16_t)(seq[i] - first - 1);
            if (ahead > 15) break;
            mask |= (uint16_t)(1u << ahead);
            i++;
        }
        write_u16(w, first);
        write_u16(w, mask);
    }
    rtcp_end(w, at);
}

void rtcp_write_remb(struct writer *w, uint32_t sender, uint64_t bps, const uint32_t *ssrc, uint8_t count)
{
    size_t at = begin_feedback(w, FMT_APPLICATION, RTCP_TYPE_PSFB, sender, 0);
    unsigned exponent = 0;
    while (bps >> exponent > 0x3ffff)
        exponent++;
    write_u32(w, REMB_NAME);
    write_u8(w, count);
    write_u24(w, (uint32_t)(exponent << 18 | (bps >> exponent)));
    for (uint8_t i = 0; i < count; i++)
        write_u32(w, ssrc[i]);
    rtcp_end(w, at);
}
