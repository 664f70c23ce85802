/* SPDX-License-Identifier: Apache-2.0 */
#include "room/feedback.h"

#include "core/peer.h"
#include "room/sfu.h"
#include "room/share.h"

#define RTCP_BYTES_MAX 1180
#define NACK_TICK_US   (10 * USEC_MS)
#define NACKS_READ_MAX 64 /* FCI entries of one datagram that are looked at */
#define REMB_START     2000000u
#define REMB_LEAST     100000u
#define REMB_MOST      8000000u

/* Our NTP clock is the monotonic one: only differences matter to receivers (RFC 3550 section 4). */
static uint64_t ntp_of(usec t)
{
    return (t / USEC_S) << 32 | ((t % USEC_S) << 32) / USEC_S;
}

static struct slot *slot_of_ssrc(const struct member *m, uint32_t ssrc)
{
    for (uint8_t i = 0; i < m->slots; i++)
        if (m->slot[i]->ssrc == ssrc) return m->slot[i];
    return NULL;
}

/* ---- in ---- */

static void on_sender_report(struct member *m, usec now, const struct rtcp_item *item)
{
    for (uint8_t i = 0; i < m->streams; i++) {
        const struct stream_in *s = &m->stream[i];
        if (s->ssrc != item->sender || s->rtx) continue;
        struct layer *l = &m->track[s->track]->layer[s->layer];
        l->sr_ntp = item->sr.ntp;
        l->sr_ts = item->sr.ts;
        l->sr_at = now;
        int64_t ntp_us =
            (int64_t)((item->sr.ntp >> 32) * USEC_S + ((item->sr.ntp & 0xffffffffu) * USEC_S >> 32));
        int64_t offset = (int64_t)now - ntp_us;
        /* the quickest report is the nearest to the truth; drift is followed slowly */
        if (!m->has_clock || offset < m->clock_offset_us || offset > m->clock_offset_us + 1000000)
            m->clock_offset_us = offset;
        else
            m->clock_offset_us += (offset - m->clock_offset_us) / 64;
        m->has_clock = true;
        return;
    }
}

static void on_reports(struct member *m, usec now, struct span body)
{
    struct rtcp_report r;
    while (rtcp_report_next(&body, &r)) {
        struct slot *s = slot_of_ssrc(m, r.ssrc);
        if (!s) continue;
        s->fraction_lost = r.fraction_lost;
        s->jitter = r.jitter;
        if (!r.last_sr || r.last_sr != s->sr_mark) continue;
        usec held = (usec)r.since_last_sr * USEC_S / 65536, gone = usec_since(now, s->sr_at);
        if (held > gone || gone - held > 10 * USEC_S) continue;
        usec rtt = gone - held;
        m->rtt_us = m->rtt_us ? (m->rtt_us * 7 + rtt) / 8 : rtt ? rtt : 1;
    }
}

static void on_arrivals(struct member *m, usec now, struct span body)
{
    if (!m->estimate) return;
    if (estimate_feedback(m->estimate, now, body)) {
        m->room->counters.rtcp_bad++;
        return;
    }
    if (share_changed(m)) m->room->wake = now;
}

static void on_nack(struct member *m, usec now, struct rtcp_item *item, struct out *out)
{
    struct slot *s = slot_of_ssrc(m, item->media);
    uint16_t seq, following;
    m->room->counters.nacks_in++;
    for (unsigned i = 0; s && i < NACKS_READ_MAX && rtcp_nack_next(&item->body, &seq, &following); i++)
        sfu_resend(s, now, seq, following, out);
}

static void on_key_request(struct member *m, uint32_t ssrc)
{
    struct slot *s = slot_of_ssrc(m, ssrc);
    m->room->counters.plis_in++;
    if (s && s->track && !s->paused) track_want_key(s->track, s->started ? s->layer : s->want_layer);
}

static void on_fir(struct member *m, struct rtcp_item *item)
{
    uint32_t ssrc;
    uint8_t number;
    for (unsigned i = 0; i < NACKS_READ_MAX && rtcp_fir_next(&item->body, &ssrc, &number); i++)
        on_key_request(m, ssrc);
}

void feedback_receive(struct member *m, usec now, struct span rtcp, struct out *out)
{
    struct rtcp_item item;
    enum err e;
    while ((e = rtcp_next(&rtcp, &item)) == OK) {
        switch (item.kind) {
        case RTCP_SENDER_REPORT:
            on_sender_report(m, now, &item);
            on_reports(m, now, item.body);
            break;
        case RTCP_RECEIVER_REPORT:
            on_reports(m, now, item.body);
            break;
        case RTCP_TRANSPORT_CC:
            on_arrivals(m, now, item.body);
            break;
        case RTCP_NACK:
            on_nack(m, now, &item, out);
            break;
        case RTCP_PLI:
            on_key_request(m, item.media);
            break;
        case RTCP_FIR:
            on_fir(m, &item);
            break;
        default:
            break;
        }
    }
    if (e != ERR_CLOSED) m->room->counters.rtcp_bad++;
    sfu_ask_keys(m->room, now, out);
}

/* ---- out ---- */

static void flush(struct member *m, usec now, struct writer *w, size_t keep, struct out *out)
{
    if (w->n + keep < RTCP_BYTES_MAX && keep) return;
    sfu_rtcp(m, now, writer_span(w), out);
    w->n = 0;
    w->bad = false;
}

static void sender_reports(struct member *m, usec now, struct writer *w, struct out *out)
{
    uint64_t ntp = ntp_of(now);
    for (uint8_t i = 0; i < m->slots; i++) {
        struct slot *s = m->slot[i];
        struct rtcp_sender sr = {.ntp = ntp, .packets = s->packets, .octets = s->octets};
        if (!s->track || !s->packets || usec_since(now, s->last_at) > 5 * USEC_S || !sfu_line(s, now, &sr.ts))
            continue;
        rtcp_write_sender(w, s->ssrc, &sr);
        rtcp_write_cname(w, s->ssrc, SPAN_LIT("incamera"));
        s->sr_mark = (uint32_t)(ntp >> 16);
        s->sr_at = now;
        flush(m, now, w, 64, out);
    }
}

static uint32_t remb(struct member *m, uint8_t worst)
{
    uint32_t bps = m->remb_bps ? m->remb_bps : REMB_START;
    if (worst > 25)
        bps -= (uint32_t)((uint64_t)bps * worst / 512);
    else if (worst < 6)
        bps += bps / 12;
    m->remb_bps = bps < REMB_LEAST ? REMB_LEAST : bps > REMB_MOST ? REMB_MOST : bps;
    return m->remb_bps;
}

static void receiver_reports(struct member *m, usec now, struct writer *w, struct out *out)
{
    struct rtcp_report block[31];
    uint32_t ssrc[31];
    uint8_t n = 0, worst = 0;
    for (uint8_t i = 0; i < m->tracks; i++)
        for (uint8_t k = 0; k < m->track[i]->layers && n < 31; k++) {
            struct layer *l = &m->track[i]->layer[k];
            if (!l->ssrc || !l->received || !cache_ready(&l->cache)) continue;
            ssrc[n] = l->ssrc;
            track_report(l, now, &block[n]);
            if (block[n].fraction_lost > worst) worst = block[n].fraction_lost;
            n++;
        }
    if (!n) return;
    flush(m, now, w, (size_t)n * 24 + 64, out);
    rtcp_write_receiver(w, m->rtcp_ssrc, block, n);
    rtcp_write_cname(w, m->rtcp_ssrc, SPAN_LIT("incamera"));
    if (m->wants_remb) rtcp_write_remb(w, m->rtcp_ssrc, remb(m, worst), ssrc, n);
}

static void reports(struct member *m, usec now, struct out *out)
{
    uint8_t b[RTCP_BYTES_MAX + 200];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    sender_reports(m, now, &w, out);
    receiver_reports(m, now, &w, out);
    flush(m, now, &w, 0, out);
}

static void nacks(struct member *m, usec now, struct out *out)
{
    usec rtt = m->rtt_us ? m->rtt_us : 60 * USEC_MS;
    for (uint8_t i = 0; i < m->tracks; i++) {
        struct track *t = m->track[i];
        for (uint8_t k = 0; k < t->layers && t->nack; k++) {
            struct layer *l = &t->layer[k];
            uint16_t seq[NACK_GAPS_MAX];
            uint8_t b[RTCP_BYTES_MAX];
            struct writer w = writer_of(MSPAN(b, sizeof b));
            uint16_t n = nack_due(&l->nack, now, rtt, seq, NACK_GAPS_MAX);
            if (n) {
                rtcp_write_nack(&w, m->rtcp_ssrc, l->ssrc, seq, n);
                sfu_rtcp(m, now, writer_span(&w), out);
                m->room->counters.nacks_out++;
            }
            if (l->nack.gave_up && t->feeds) track_want_key(t, k);
            l->nack.gave_up = false;
        }
    }
}

static void arrivals(struct member *m, usec now, struct out *out)
{
    for (int i = 0; m->twcc && twcc_wake(m->twcc) <= now && i < 4; i++) {
        uint8_t b[RTCP_BYTES_MAX];
        struct writer w = writer_of(MSPAN(b, sizeof b));
        if (!twcc_write(m->twcc, now, &w, m->rtcp_ssrc, m->twcc_ssrc)) return;
        sfu_rtcp(m, now, writer_span(&w), out);
    }
}

void feedback_tick(struct member *m, usec now, struct out *out)
{
    if (!sfu_up(m)) return;
    arrivals(m, now, out);
    if (m->nack_due <= now) {
        nacks(m, now, out);
        m->nack_due = USEC_NEVER;
        for (uint8_t i = 0; i < m->tracks; i++)
            for (uint8_t k = 0; k < m->track[i]->layers; k++)
                m->nack_due = usec_min(m->nack_due, nack_wake(&m->track[i]->layer[k].nack));
        if (m->nack_due < now + NACK_TICK_US) m->nack_due = now + NACK_TICK_US;
    }
    if (m->report_due <= now) {
        reports(m, now, out);
        m->report_due = now + REPORT_US - (m->number % 64) * USEC_MS; /* not everybody at once */
    }
}

usec feedback_wake(const struct member *m)
{
    if (!sfu_up(m)) return USEC_NEVER;
    usec wake = usec_min(m->report_due, m->nack_due);
    return m->twcc ? usec_min(wake, twcc_wake(m->twcc)) : wake;
}
