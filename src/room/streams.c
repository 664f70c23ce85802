/* SPDX-License-Identifier: Apache-2.0 */
#include "room/streams.h"

#include "core/peer.h"
#include "room/sfu.h"

static struct span ext_of(const struct member *m, const struct peer_in *in, enum ext e)
{
    return m->ext_in[e] ? rtp_ext_value(&in->rtp, span_m(in->pkt), m->ext_in[e]) : SPAN_NONE;
}

static bool speaks(const struct track *t, uint8_t pt)
{
    return pt == t->pt || pt == t->rtx_pt || pt == t->red_pt;
}

/* The track by the MID extension, or, where the offer has none, by a payload type only one track has. */
static int track_of(const struct member *m, const struct peer_in *in)
{
    struct span mid = ext_of(m, in, EXT_MID);
    int found = -1;
    for (uint8_t i = 0; i < m->tracks; i++) {
        const struct track *t = m->track[i];
        if (mid.n && span_equal(mid, SPAN(t->mid_text, t->mid_n))) return i;
        if (mid.n || m->ext_in[EXT_MID] || !speaks(t, in->rtp.pt)) continue;
        if (found >= 0 || (t->layer[0].ssrc && in->rtp.pt != t->rtx_pt)) return -1;
        found = i;
    }
    return found;
}

static int layer_of(const struct member *m, const struct track *t, const struct peer_in *in, bool rtx)
{
    struct span rid = ext_of(m, in, EXT_RID), repaired = ext_of(m, in, EXT_REPAIRED_RID);
    struct span name = rtx && repaired.n ? repaired : rid;
    if (t->layers == 1 && !name.n) return 0;
    for (uint8_t i = 0; i < t->layers; i++)
        if (name.n && span_equal(name, t->layer[i].rid)) return i;
    return -1;
}

/* Another SSRC takes the layer's place: its numbers mean something else. */
static void take_over(struct member *m, uint8_t track, uint8_t layer, uint32_t ssrc, bool rtx)
{
    struct track *t = m->track[track];
    struct layer *l = &t->layer[layer];
    if (rtx) {
        l->rtx_ssrc = ssrc;
        return;
    }
    if (l->ssrc && l->ssrc != ssrc) {
        for (uint32_t i = 0; i < t->feeds; i++)
            if (t->feed[i]->layer == layer) sfu_restart(t->feed[i]);
        track_renew(t, layer, false);
        track_want_key(t, layer);
    }
    l->ssrc = ssrc;
}

static struct stream_in *learn(struct member *m, const struct peer_in *in)
{
    int track = track_of(m, in);
    if (track < 0 || m->streams == MEMBER_SSRCS_MAX || !m->stream) return NULL;
    struct track *t = m->track[track];
    if (!speaks(t, in->rtp.pt)) return NULL;
    bool rtx = in->rtp.pt == t->rtx_pt;
    int layer = layer_of(m, t, in, rtx);
    if (layer < 0) return NULL;
    struct stream_in *s = &m->stream[m->streams];
    *s = (struct stream_in){
        .ssrc = in->rtp.ssrc, .track = (uint8_t)track, .layer = (uint8_t)layer, .rtx = rtx};
    m->last_stream = m->streams++;
    take_over(m, (uint8_t)track, (uint8_t)layer, in->rtp.ssrc, rtx);
    return s;
}

static struct stream_in *stream_of(struct member *m, const struct peer_in *in)
{
    if (m->last_stream < m->streams && m->stream[m->last_stream].ssrc == in->rtp.ssrc)
        return &m->stream[m->last_stream];
    for (uint8_t i = 0; i < m->streams; i++)
        if (m->stream[i].ssrc == in->rtp.ssrc) {
            m->last_stream = i;
            return &m->stream[i];
        }
    return learn(m, in);
}

static void count_transport_wide(struct member *m, usec now, const struct peer_in *in)
{
    struct span v = ext_of(m, in, EXT_TRANSPORT_CC);
    if (v.n < 2 || !m->twcc) return;
    m->twcc_ssrc = in->rtp.ssrc;
    twcc_got(m->twcc, now, (uint16_t)(v.p[0] << 8 | v.p[1]));
    m->room->wake = usec_min(m->room->wake, twcc_wake(m->twcc));
}

static struct rtp_in packet_of(const struct member *m, const struct peer_in *in)
{
    struct span pkt = span_m(in->pkt), level = ext_of(m, in, EXT_AUDIO_LEVEL),
                turn = ext_of(m, in, EXT_ORIENTATION);
    size_t n = pkt.n - in->rtp.header_n;
    return (struct rtp_in){.ssrc = in->rtp.ssrc,
                           .ts = in->rtp.ts,
                           .seq = in->rtp.seq,
                           .pt = in->rtp.pt,
                           .marker = in->rtp.marker,
                           .has_level = level.n > 0,
                           .level = level.n ? level.p[0] & 0x7f : 0,
                           .voice = level.n && level.p[0] & 0x80,
                           .has_orientation = turn.n > 0,
                           .orientation = turn.n ? turn.p[0] : 0,
                           .descriptor = ext_of(m, in, EXT_DESCRIPTOR),
                           .capture_time = ext_of(m, in, EXT_CAPTURE_TIME),
                           .payload = span_part(pkt, in->rtp.header_n, n - in->rtp.padding)};
}

/* Turns a retransmission back into the packet it repairs; false when it is only padding. */
static bool undo_rtx(const struct track *t, const struct layer *l, struct rtp_in *p)
{
    if (p->payload.n < 3 || !l->ssrc) return false;
    p->seq = (uint16_t)(p->payload.p[0] << 8 | p->payload.p[1]);
    p->ssrc = l->ssrc;
    p->pt = t->pt;
    p->payload = span_part(p->payload, 2, p->payload.n);
    return true;
}

void streams_receive(struct member *m, usec now, struct peer_in *in, struct out *out)
{
    struct room_counters *count = &m->room->counters;
    if (in->rtp.header_n > in->pkt.n || in->rtp.padding > in->pkt.n - in->rtp.header_n) return;
    count->packets_in++;
    count->bytes_in += in->pkt.n;
    struct stream_in *s = stream_of(m, in);
    if (!s) {
        count->refused_ssrc++;
        return;
    }
    count_transport_wide(m, now, in);
    struct track *t = m->track[s->track];
    bool fits = s->rtx ? in->rtp.pt == t->rtx_pt : in->rtp.pt == t->pt || in->rtp.pt == t->red_pt;
    if (!fits || in->rtp.pt == 255) {
        count->refused_pt++;
        return;
    }
    if (!track_live(t)) {
        count->muted++;
        return;
    }
    struct layer *l = &t->layer[s->layer];
    struct rtp_in p = packet_of(m, in);
    const struct cache_pkt *kept;
    if (!s->rtx && l->ssrc != s->ssrc) return; /* another SSRC has taken its place */
    if (s->rtx && !undo_rtx(t, l, &p)) return;
    if (track_take(t, s->layer, now, &p, &kept)) {
        count->late++;
        return;
    }
    if (l->nack.gave_up && t->feeds) { /* a black-out: only a key frame helps */
        l->nack.gave_up = false;
        track_want_key(t, s->layer);
        m->room->wake = now;
    }
    if (l->nack.count && m->nack_due > now + NACK_WAIT_US) m->nack_due = now + NACK_WAIT_US;
    m->room->wake = usec_min(m->room->wake, m->nack_due);
    sfu_forward(t, s->layer, kept, now, out);
}
