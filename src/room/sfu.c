/* SPDX-License-Identifier: Apache-2.0 */
#include "room/sfu.h"

#include "core/peer.h"

#define MID_PACKETS      96 /* the first ones of a slot name their section, and key frames always do */
#define CATCH_UP_US      (2500 * USEC_MS) /* a key frame at most this old starts a new receiver, */
#define CATCH_UP_PACKETS 512              /* with at most so many packets behind it, */
#define SQUEEZE          32               /* in a time so much shorter, so that the picture is live at once */
#define RESEND_SHARE     4                /* resent bytes at most a quarter of what was sent in a second, */
#define RESEND_FLOOR     (8u * 1024)      /* or this much where little is sent */

struct head {             /* what is written in front of a payload */
    uint8_t pt, inner_pt; /* inner_pt: of what is repaired, the same otherwise */
    bool marker, mid, rtx, again;
    uint16_t original;
    uint32_t ts, ssrc;
    uint64_t index; /* roll-over counter and sequence number */
};

/* ---- writing ---- */

/* Appends one header extension element in the form the section's numbers need. */
static uint8_t *element(uint8_t *p, bool two_byte, uint8_t id, struct span v)
{
    if (two_byte) {
        *p++ = id;
        *p++ = (uint8_t)v.n;
    } else {
        *p++ = (uint8_t)(id << 4 | (v.n - 1));
    }
    memcpy(p, v.p, v.n);
    return p + v.n;
}

static uint8_t *put16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
    return p + 2;
}

static uint8_t *put32(uint8_t *p, uint32_t v)
{
    return put16(put16(p, (uint16_t)(v >> 16)), (uint16_t)v);
}

/* Lost packets are repaired by RTX (or not at all): no packet is sealed twice. */
static bool repairs(const struct slot *s)
{
    return s->kind == SDP_AUDIO || s->rtx_pt != 255;
}

/* It carries a transport-wide number. */
static bool numbered(const struct slot *s)
{
    return s->member->ext_out[EXT_TRANSPORT_CC] && s->member->estimate && repairs(s);
}

/* The extensions of one packet to m; returns the end. */
static uint8_t *extensions(uint8_t *p, struct slot *s, const struct head *h, const struct cache_pkt *pkt,
                           const struct cache *c, usec now)
{
    struct member *m = s->member;
    const uint8_t *id = m->ext_out;
    struct span carry = cache_carry(c, pkt), stamp = cache_stamp(c, pkt);
    bool with_carry = carry.n && id[EXT_DESCRIPTOR], two = m->two_byte || (with_carry && carry.n > 16);
    uint8_t *start = p, small[3];
    p += 4;
    if (h->mid && id[EXT_MID]) p = element(p, two, id[EXT_MID], SPAN(s->mid_text, s->mid_n));
    if (numbered(s)) {
        put16(small, m->estimate->next);
        p = element(p, two, id[EXT_TRANSPORT_CC], SPAN(small, 2));
    }
    if (id[EXT_SEND_TIME] && !id[EXT_TRANSPORT_CC] && repairs(s)) { /* 6.18 fixed point seconds */
        uint32_t t = (uint32_t)(now % (64 * USEC_S) * (1u << 18) / USEC_S);
        small[0] = (uint8_t)(t >> 16);
        small[1] = (uint8_t)(t >> 8);
        small[2] = (uint8_t)t;
        p = element(p, two, id[EXT_SEND_TIME], SPAN(small, 3));
    }
    if (pkt->has_level && id[EXT_AUDIO_LEVEL]) {
        small[0] = pkt->level;
        p = element(p, two, id[EXT_AUDIO_LEVEL], SPAN(small, 1));
    }
    if (pkt->has_orientation && id[EXT_ORIENTATION]) {
        small[0] = pkt->orientation;
        p = element(p, two, id[EXT_ORIENTATION], SPAN(small, 1));
    }
    if (stamp.n && id[EXT_CAPTURE_TIME]) p = element(p, two, id[EXT_CAPTURE_TIME], stamp);
    if (with_carry) {
        p = element(p, two, id[EXT_DESCRIPTOR], carry);
        descriptor_renumber(p - carry.n, carry.n, s->frame_offset);
    }
    if (p == start + 4) return start;
    while ((p - start) % 4)
        *p++ = 0;
    put16(start, two ? 0x1000 : 0xbede);
    put16(start + 2, (uint16_t)((p - start) / 4 - 1));
    return p;
}

/* Picture numbers (and frame numbers of descriptors) go on across switches: a decoder that sees them jump back
 * may wait for ever. */
static void renumber(const struct slot *s, const struct cache_pkt *p, uint8_t *payload)
{
    struct payload_facts f = {.has_picture = p->has_picture,
                              .has_tl0 = p->has_tl0,
                              .picture_at = p->picture_at,
                              .picture_bytes = p->picture_bytes,
                              .tl0_at = p->tl0_at};
    payload_renumber_vp8(payload, p->n, &f, (uint16_t)(p->picture + s->picture_offset),
                         (uint8_t)(p->tl0 + s->tl0_offset));
}

/* The payload as it goes out; in `copy` when it is not what is in the cache. */
static struct span outgoing(const struct slot *s, const struct head *h, const struct cache *c,
                            const struct cache_pkt *p, uint8_t *copy)
{
    struct span payload = cache_payload(c, p);
    if (p->codec == CODEC_RED && h->inner_pt == s->pt) payload = span_part(payload, p->primary, payload.n);
    bool pictures = p->codec == CODEC_VP8 && p->has_picture && !room_sealed(s->member->room);
    if (!h->rtx && !pictures) return payload;
    size_t at = 0;
    if (h->rtx) {
        put16(copy, h->original);
        at = 2;
    }
    if (payload.n) memcpy(copy + at, payload.p, payload.n);
    if (pictures) renumber(s, p, copy + at);
    return SPAN(copy, at + payload.n);
}

/* Writes the header and seals one packet into the tray. Of a stream without RTX a number may be sealed twice,
 * so everything in such a packet must be the same each time: the key stream and the tag's key depend on it.
 */
static bool send_packet(struct slot *s, const struct head *h, const struct cache *c,
                        const struct cache_pkt *p, usec now, struct out *out)
{
    struct member *m = s->member;
    uint8_t header[512], copy[OUT_PKT_MAX];
    uint8_t *at = header;
    if ((size_t)p->n + p->carry_n + p->stamp_n + 100 > OUT_PKT_MAX) return false;
    *at++ = 0x80;
    *at++ = (uint8_t)((h->marker ? 0x80 : 0) | h->pt);
    at = put16(at, (uint16_t)h->index);
    at = put32(at, h->ts);
    at = put32(at, h->ssrc);
    uint8_t *end = extensions(at, s, h, p, c, now);
    if (end != at) header[0] |= 0x10;
    struct span payload = outgoing(s, h, c, p, copy);
    size_t n = (size_t)(end - header);
    if (peer_seal_rtp(m->peer, out, SPAN(header, n), payload, h->index)) return false;
    if (numbered(s)) estimate_sent(m->estimate, now, n + payload.n);
    if (!h->again) m->sent_bytes += (uint32_t)(n + payload.n);
    m->room->counters.packets_out++;
    m->room->counters.bytes_out += n + payload.n;
    return true;
}

void sfu_rtcp(struct member *m, usec now, struct span rtcp, struct out *out)
{
    if (!sfu_up(m) || rtcp.n == 0) return;
    (void)now;
    if (peer_seal_rtcp(m->peer, out, rtcp)) return; /* the tray is full: the next report says the same */
}

/* ---- forwarding ---- */

/* The frame number in the packet's dependency descriptor; 0 without one. */
static uint16_t frame_of(const struct track *t, uint8_t layer, const struct cache_pkt *p)
{
    return descriptor_frame(cache_carry(&t->layer[layer].cache, p));
}

/* Layers of one source: its reports say which moments are the same. Ticks from the last packet of the one to
 * this of the other; 0 when they don't say. */
static uint32_t apart(const struct layer *from, const struct layer *to, const struct slot *s,
                      const struct cache_pkt *p, uint32_t clock_hz)
{
    if (!from->sr_at || !to->sr_at) return 0;
    int64_t ntp = (int64_t)(to->sr_ntp - from->sr_ntp);
    uint32_t same =
        from->sr_ts + (uint32_t)((ntp >> 16) * (int64_t)clock_hz >> 16); /* the old layer's, at to->sr_ts */
    uint32_t ticks = p->ts - to->sr_ts + same - s->ts_offset - s->last_ts;
    return (int32_t)ticks > 0 && ticks < clock_hz ? ticks : 0;
}

/* The first packet of another source: lines of time and pictures go on from where the last one left them. */
static void start_here(struct slot *s, uint8_t layer, const struct cache_pkt *p, usec now)
{
    const struct track *t = s->track;
    seqmap_stop(&s->map); /* what went before had other offsets: it can't be sent again */
    seqmap_start(&s->map, layer, p->seq);
    uint32_t ticks = 0;
    if (s->last_at) {
        ticks = (uint32_t)(usec_since(now, s->last_at) * (t->codec.clock_hz / 1000) / 1000);
        if (ticks == 0) ticks = t->codec.clock_hz / 100;
    }
    if (s->started && s->layer != SLOT_NO_LAYER && s->layer != layer) {
        uint32_t since = apart(&t->layer[s->layer], &t->layer[layer], s, p, t->codec.clock_hz);
        if (since) ticks = since;
    }
    s->squeezed = false;
    s->ts_offset = p->ts - (s->last_ts + ticks);
    s->frame_offset = (uint16_t)(s->last_frame + 1 - frame_of(t, layer, p));
    s->picture_offset = (uint16_t)(s->last_picture + 1 - p->picture);
    s->tl0_offset = (uint8_t)(s->last_tl0 + 1 - p->tl0);
    s->layer = layer;
    s->started = true;
    s->waits_key = false;
}

/* Whether the slot takes this packet now; starts or changes layers where that is possible. */
static bool wants(struct slot *s, uint8_t layer, const struct cache_pkt *p, usec now)
{
    if (s->started && layer == s->layer) return true;
    if (s->started && layer != s->want_layer) return false;
    if (!s->member->sees || s->paused) return false;
    if (s->kind == SDP_VIDEO && !(p->key && p->start)) return false;
    if (!s->started && layer > s->want_layer) return false;
    start_here(s, layer, p, now);
    return true;
}

/* Layers of a layered stream above what the slot is to get; true when the packet stays out. */
static bool above(struct slot *s, const struct cache_pkt *p, bool *marker)
{
    if (p->sid > s->level_sid) s->level_sid = p->sid;
    if (p->key && p->start) s->max_sid = s->want_sid;
    if (p->sid > s->max_sid || (p->temporal && p->tid > s->max_tid)) {
        seqmap_skip(&s->map, p->seq);
        return true;
    }
    if (p->end && p->sid == s->max_sid && s->level_sid > s->max_sid) *marker = true;
    return false;
}

/* A receiver without RED gets the newest block alone. */
static uint8_t payload_type(const struct slot *s, const struct cache_pkt *p)
{
    return p->codec == CODEC_RED && s->red_pt != 255 ? s->red_pt : s->pt;
}

/* The 48-bit index of a number beside the highest one given out. */
static uint64_t extend(uint64_t *highest, uint16_t seq)
{
    int16_t ahead = (int16_t)(uint16_t)(seq - (uint16_t)*highest);
    uint64_t index = *highest + (uint64_t)(int64_t)ahead;
    if (ahead > 0) *highest = index;
    return index;
}

/* The packet's time in the slot's line. */
static uint32_t time_of(const struct slot *s, const struct cache_pkt *p)
{
    if (!s->squeezed || (int32_t)(p->seq - s->live_seq) > 0) return p->ts - s->ts_offset;
    int32_t since = (int32_t)(p->ts - s->squeeze_from);
    uint32_t whole = s->squeeze_to - s->squeeze_from, part = since > 0 ? (uint32_t)since : 0;
    return s->squeeze_to - s->ts_offset - whole / SQUEEZE + part / SQUEEZE;
}

static void forward_one(struct slot *s, uint8_t layer, const struct cache *c, const struct cache_pkt *p,
                        usec now, struct out *out)
{
    struct head h = {.marker = p->marker, .ssrc = s->ssrc};
    if (!sfu_up(s->member) || !wants(s, layer, p, now) || above(s, p, &h.marker)) return;
    h.pt = payload_type(s, p);
    if (h.pt == 255 || p->n == 0) {
        seqmap_skip(&s->map, p->seq);
        return;
    }
    uint16_t seq;
    if (!seqmap_send(&s->map, layer, p->seq, &seq)) return;
    h.index = extend(&s->sent, seq);
    h.inner_pt = h.pt;
    h.ts = time_of(s, p);
    h.mid = s->packets < MID_PACKETS || p->key || !repairs(s);
    if ((int32_t)(h.ts - s->last_ts) > 0 || !s->last_at) {
        s->last_ts = h.ts;
        s->last_picture = (uint16_t)(p->picture + s->picture_offset);
        s->last_tl0 = (uint8_t)(p->tl0 + s->tl0_offset);
    }
    if (p->carry_n) {
        uint16_t frame = (uint16_t)(frame_of(s->track, layer, p) + s->frame_offset);
        if ((int16_t)(uint16_t)(frame - s->last_frame) > 0) s->last_frame = frame;
    }
    s->last_at = now;
    s->packets++;
    s->octets += p->n;
    (void)send_packet(s, &h, c, p, now, out); /* a full tray is a lost packet: the receiver asks again */
}

void sfu_forward(struct track *t, uint8_t layer, const struct cache_pkt *p, usec now, struct out *out)
{
    const struct cache *c = &t->layer[layer].cache;
    if (t->room->tap) t->room->tap->packet(t->room->tap->ctx, now, t, layer, p);
    for (uint32_t i = 0; i < t->feeds; i++) {
        if (i + 1 < t->feeds) __builtin_prefetch(t->feed[i + 1]);
        forward_one(t->feed[i], layer, c, p, now, out);
    }
}

/* The layer with the freshest key frame that may be sent again whole, at most the wanted one. */
static int layer_to_start(const struct slot *s, usec now)
{
    const struct track *t = s->track;
    for (int k = s->want_layer; k >= 0; k--) {
        const struct layer *l = &t->layer[k];
        if (!l->key_at || usec_since(now, l->key_at) > CATCH_UP_US || !cache_ready(&l->cache)) continue;
        if (l->cache.highest - l->key_seq < CATCH_UP_PACKETS && cache_get(&l->cache, l->key_seq)) return k;
    }
    return -1;
}

void sfu_catch_up(struct slot *s, usec now, struct out *out)
{
    if (s->paused || s->member->limited) return; /* a burst is the last thing a full path needs */
    if (!s->track || s->started || s->kind != SDP_VIDEO || !sfu_up(s->member) || !track_live(s->track))
        return;
    if (room_sealed(s->member->room)) return; /* the key frame may be of an epoch from before it came */
    int k = layer_to_start(s, now);
    if (k < 0 || out_tight(out, CATCH_UP_PACKETS)) return;
    const struct layer *l = &s->track->layer[k];
    const struct cache_pkt *p = cache_get(&l->cache, l->key_seq);
    uint32_t whole = l->last_ts - p->ts;
    if ((int32_t)whole < 0) return;
    start_here(s, (uint8_t)k, p, now);
    s->squeezed = true;
    s->squeeze_from = p->ts;
    s->squeeze_to = l->last_ts;
    s->live_seq = l->cache.highest;
    s->ts_offset += whole - whole / SQUEEZE; /* the key frame keeps its time, what is live follows soon */
    for (uint32_t seq = l->key_seq; (int32_t)(seq - s->live_seq) <= 0; seq++) {
        p = cache_get(&l->cache, seq);
        if (p) forward_one(s, (uint8_t)k, &l->cache, p, now, out);
    }
}

void sfu_restart(struct slot *s)
{
    seqmap_stop(&s->map);
    s->started = false;
    s->layer = SLOT_NO_LAYER;
    s->level_sid = 0;
    s->max_sid = s->want_sid;
    s->waits_key = s->track && s->kind == SDP_VIDEO;
}

bool sfu_line(const struct slot *s, usec now, uint32_t *ts)
{
    if (!s->track || !s->last_at) return false;
    *ts = s->last_ts + (uint32_t)(usec_since(now, s->last_at) * (s->track->codec.clock_hz / 1000) / 1000);
    const struct layer *l = s->layer == SLOT_NO_LAYER ? NULL : &s->track->layer[s->layer];
    const struct member *from = s->track->member;
    if (!l || !l->sr_at || !from->has_clock) return true;
    /* exactly: the source's own clock, so that its sound and picture stay together */
    int64_t ntp_us = (int64_t)((l->sr_ntp >> 32) * USEC_S + ((l->sr_ntp & 0xffffffffu) * USEC_S >> 32));
    int64_t since = (int64_t)now - (ntp_us + from->clock_offset_us);
    *ts = l->sr_ts + (uint32_t)(since * (int64_t)(s->track->codec.clock_hz / 1000) / 1000) - s->ts_offset;
    return true;
}

/* ---- again ---- */

static bool within_budget(struct member *m, usec now, size_t n)
{
    if (usec_since(now, m->resend_second) >= USEC_S) {
        m->sent_before = m->sent_bytes;
        m->sent_bytes = m->resend_bytes = 0;
        m->resend_second = now;
    }
    uint32_t most = m->sent_before > m->sent_bytes ? m->sent_before : m->sent_bytes;
    uint32_t budget = most / RESEND_SHARE > RESEND_FLOOR ? most / RESEND_SHARE : RESEND_FLOOR;
    if (m->limited && budget > RESEND_FLOOR + m->spare_bps / 8) budget = RESEND_FLOOR + m->spare_bps / 8;
    if (m->resend_bytes + n > budget) return false;
    m->resend_bytes += (uint32_t)n;
    return true;
}

/* The same number once a round trip. */
static bool sent_again_lately(struct slot *s, usec now, uint16_t seq)
{
    usec rtt = s->member->rtt_us ? s->member->rtt_us : 50 * USEC_MS;
    uint16_t ms = (uint16_t)(now / 1000), limit = (uint16_t)(rtt > 2 * USEC_S ? 2000 : rtt / 1000);
    if (limit < 5) limit = 5;
    for (int i = 0; i < SLOT_RESENDS_MAX; i++)
        if (s->resent[i].seq == seq && s->resent[i].at_ms && (uint16_t)(ms - s->resent[i].at_ms) < limit)
            return true;
    s->resent[s->resent_at].seq = seq;
    s->resent[s->resent_at].at_ms = ms ? ms : 1;
    s->resent_at = (uint8_t)((s->resent_at + 1) % SLOT_RESENDS_MAX);
    return false;
}

static void resend_one(struct slot *s, usec now, uint16_t seq, struct out *out)
{
    uint8_t layer;
    uint32_t in;
    struct room_counters *count = &s->member->room->counters;
    if (!s->track || !seqmap_back(&s->map, seq, &layer, &in) || layer != s->layer) return;
    const struct cache *c = &s->track->layer[layer].cache;
    const struct cache_pkt *p = cache_ready(c) ? cache_get(c, in) : NULL;
    if (!p || p->n == 0 || usec_since(now, p->at) > 2 * USEC_S) return;
    if (p->sid > s->max_sid || (p->temporal && p->tid > s->max_tid)) return;
    if (sent_again_lately(s, now, seq) || !within_budget(s->member, now, p->n + 40u)) {
        count->resend_refused++;
        return;
    }
    struct head h = {.marker = p->marker || (p->end && p->sid == s->max_sid && s->level_sid > s->max_sid),
                     .pt = payload_type(s, p),
                     .index = extend(&s->sent, seq),
                     .ts = time_of(s, p),
                     .ssrc = s->ssrc,
                     .mid = true,
                     .again = true};
    h.inner_pt = h.pt;
    if (s->kind == SDP_AUDIO && s->rtx_pt == 255) return; /* sound is over before it could be repaired */
    if (s->rtx_ssrc && s->rtx_pt != 255) {
        h.rtx = true;
        h.original = seq;
        h.index = s->rtx_sent++;
        h.ssrc = s->rtx_ssrc;
        h.pt = s->rtx_pt;
    }
    if (h.pt != 255 && send_packet(s, &h, c, p, now, out)) count->resent++;
}

void sfu_resend(struct slot *s, usec now, uint16_t seq, uint16_t following, struct out *out)
{
    if (!sfu_up(s->member)) return;
    resend_one(s, now, seq, out);
    for (unsigned i = 0; i < 16; i++)
        if (following & 1u << i) resend_one(s, now, (uint16_t)(seq + 1 + i), out);
}

/* ---- padding ---- */

#define PAD_BYTES 255

static bool pad_one(struct slot *s, usec now, struct out *out)
{
    static const uint8_t nothing[PAD_BYTES] = {[PAD_BYTES - 1] = PAD_BYTES};
    struct member *m = s->member;
    uint8_t header[128], number[2], *at = header;
    bool two = m->two_byte;
    put16(number, m->estimate->next);
    *at++ = 0x80 | 0x20 | 0x10;
    *at++ = s->rtx_pt;
    at = put16(at, (uint16_t)s->rtx_sent);
    at = put32(at, s->last_ts);
    at = put32(at, s->rtx_ssrc);
    uint8_t *start = at;
    at += 4;
    if (m->ext_out[EXT_MID]) at = element(at, two, m->ext_out[EXT_MID], SPAN(s->mid_text, s->mid_n));
    at = element(at, two, m->ext_out[EXT_TRANSPORT_CC], SPAN_OF(number));
    while ((at - start) % 4)
        *at++ = 0;
    put16(start, two ? 0x1000 : 0xbede);
    put16(start + 2, (uint16_t)((at - start) / 4 - 1));
    size_t n = (size_t)(at - header);
    if (peer_seal_rtp(m->peer, out, SPAN(header, n), SPAN_OF(nothing), s->rtx_sent)) return false;
    s->rtx_sent++;
    estimate_sent(m->estimate, now, n + PAD_BYTES);
    m->room->counters.bytes_out += n + PAD_BYTES;
    m->room->counters.padding_out++;
    return true;
}

void sfu_pad(struct member *m, usec now, uint32_t bytes, struct out *out)
{
    struct slot *s = NULL;
    for (uint8_t i = 0; i < m->slots && !s; i++)
        if (m->slot[i]->track && m->slot[i]->kind == SDP_VIDEO && m->slot[i]->rtx_ssrc &&
            m->slot[i]->rtx_pt != 255 && numbered(m->slot[i]))
            s = m->slot[i];
    if (!s || !sfu_up(m)) return;
    for (uint32_t sent = 0; sent + PAD_BYTES / 2 < bytes; sent += PAD_BYTES)
        if (!pad_one(s, now, out)) return;
}

/* ---- key frames ---- */

static void ask_source(struct track *t, uint8_t layers, usec now, struct out *out)
{
    uint8_t b[TRACK_LAYERS_MAX * 12];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    for (uint8_t i = 0; i < t->layers; i++)
        if (layers & 1u << i) rtcp_write_pli(&w, t->member->rtcp_ssrc, t->layer[i].ssrc);
    sfu_rtcp(t->member, now, writer_span(&w), out);
    t->room->counters.plis_out++;
}

void sfu_ask_keys(struct room *r, usec now, struct out *out)
{
    for (struct track *t = r->track_first; t; t = t->next) {
        if (!t->key_wanted || !track_live(t) || !sfu_up(t->member)) continue;
        uint8_t layers = track_ask_key(t, now);
        if (layers) ask_source(t, layers, now, out);
    }
}
