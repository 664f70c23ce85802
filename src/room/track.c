/* SPDX-License-Identifier: Apache-2.0 */
#include "room/track.h"

#include "base/mem.h"

static const char *const source_names[SOURCE_COUNT] = {"", "microphone", "camera", "screen", "screen_audio"};

enum source source_by_name(struct span name)
{
    for (int s = SOURCE_MICROPHONE; s < SOURCE_COUNT; s++)
        if (span_equal(name, span_str(source_names[s]))) return (enum source)s;
    return SOURCE_NONE;
}

const char *source_name(enum source s)
{
    return s < SOURCE_COUNT ? source_names[s] : "";
}

struct track *track_new(struct member *m, const struct sdp_media *section, const struct sdp_codec *codec,
                        enum source source)
{
    struct track *t = mem_new(1, sizeof *t);
    if (!t) return NULL;
    const struct sdp_codec *rtx = sdp_rtx_of(section, codec->pt);
    t->member = m;
    t->source = (uint8_t)source;
    t->kind = section->kind;
    t->codec = *codec;
    t->codec.fmtp = SPAN_NONE;
    t->pt = codec->pt;
    t->rtx_pt = rtx ? rtx->pt : 255;
    t->red_pt = 255;
    t->nack = codec->feedback & SDP_NACK;
    t->key_tokens = 2;
    t->level = t->level_told = LEVEL_SILENT;
    t->mid_n = (uint8_t)section->mid.n;
    memcpy(t->mid_text, section->mid.p, section->mid.n);
    t->layers = section->simulcast > 1 ? section->simulcast : 1;
    if (t->layers > TRACK_LAYERS_MAX) t->layers = TRACK_LAYERS_MAX;
    for (uint8_t i = 0; section->simulcast > 1 && i < t->layers; i++) {
        struct layer *l = &t->layer[i];
        memcpy(l->rid_text, section->rid[i].p, section->rid[i].n);
        l->rid = SPAN(l->rid_text, section->rid[i].n);
    }
    if (section->simulcast == 1) {
        memcpy(t->layer[0].rid_text, section->rid[0].p, section->rid[0].n);
        t->layer[0].rid = SPAN(t->layer[0].rid_text, section->rid[0].n);
    }
    return t;
}

void track_free(struct track *t)
{
    if (!t) return;
    for (uint8_t i = 0; i < TRACK_LAYERS_MAX; i++)
        cache_fini(&t->layer[i].cache);
    mem_free(t->feed);
    mem_free(t);
}

/* ---- arrival ---- */

/* A mean over about two seconds: key frames must not look like another rate. */
static void count_layers(struct layer *l, usec window)
{
    for (unsigned i = 0; i < TRACK_SIDS; i++) {
        uint32_t bps = (uint32_t)((uint64_t)l->sid_bytes[i] * 8 * USEC_S / window);
        if (l->window)
            l->sid_bps[i] = l->sid_bps[i] ? (uint32_t)(((uint64_t)l->sid_bps[i] * 3 + bps) / 4) : bps;
        l->sid_bytes[i] = 0;
    }
}

uint32_t layer_bps(const struct layer *l, uint8_t sid)
{
    uint32_t sum = 0;
    for (unsigned i = 0; i < TRACK_SIDS && i <= sid; i++)
        sum += l->sid_bps[i];
    return sum;
}

static void count_arrival(struct layer *l, usec now, const struct track *t, const struct rtp_in *in,
                          uint32_t seq)
{
    uint32_t arrival = (uint32_t)(now * (t->codec.clock_hz / 1000) / 1000), transit = arrival - in->ts;
    if (!l->first_seq) l->first_seq = seq;
    if (l->received++ > 0) {
        int32_t d = (int32_t)(transit - l->transit);
        uint32_t size = (uint32_t)(d < 0 ? -(int64_t)d : d);
        if (size < t->codec.clock_hz * 5) l->jitter_16 += size - ((l->jitter_16 + 8) >> 4);
    }
    l->transit = transit;
    usec window = usec_since(now, l->window);
    if (window >= USEC_S / 2) {
        if (l->window) l->bps = (uint32_t)((uint64_t)l->window_bytes * 8 * USEC_S / window);
        count_layers(l, window);
        l->window = now;
        l->window_bytes = 0;
    }
    l->window_bytes += (uint32_t)in->payload.n + 12;
    if (seq == l->cache.highest) l->last_ts = in->ts, l->last_at = now;
}

static enum err prepare(struct track *t, struct layer *l)
{
    if (cache_ready(&l->cache)) return OK;
    return t->kind == SDP_VIDEO ? cache_init(&l->cache, CACHE_VIDEO_PACKETS, CACHE_VIDEO_BYTES)
                                : cache_init(&l->cache, CACHE_AUDIO_PACKETS, CACHE_AUDIO_BYTES);
}

static void note_level(struct track *t, usec now, const struct rtp_in *in)
{
    if (!in->has_level) return;
    if (usec_since(now, t->level_at) > 300 * USEC_MS || in->level < t->level) {
        t->level = in->level;
        t->level_at = now;
    }
}

/* What payload and descriptor say about the frame. */
static enum err learn(struct track *t, const struct rtp_in *in, struct cache_pkt *p)
{
    struct payload_facts f;
    struct descriptor d;
    uint8_t codec = in->pt == t->pt ? t->codec.codec : (uint8_t)CODEC_RED;
    enum err e = payload_read((enum codec)codec, in->payload, &f);
    if (e) return e;
    p->codec = codec;
    p->key = f.key;
    p->start = f.start;
    p->end = f.end;
    p->up = f.up;
    p->temporal = f.temporal;
    p->sid = f.sid;
    p->tid = f.tid;
    p->has_picture = f.has_picture;
    p->has_tl0 = f.has_tl0;
    p->picture = f.picture;
    p->picture_at = f.picture_at;
    p->picture_bytes = f.picture_bytes;
    p->tl0 = f.tl0;
    p->tl0_at = f.tl0_at;
    p->primary = f.primary;
    if (in->descriptor.n && descriptor_read(in->descriptor, &t->templates, &d) == OK) {
        p->start = d.start;
        p->end = d.end;
        p->sid = d.sid;
        p->tid = d.tid;
        p->temporal = true;
        p->key = d.structure && d.start;
    }
    return OK;
}

enum err track_take(struct track *t, uint8_t layer, usec now, const struct rtp_in *in,
                    const struct cache_pkt **kept)
{
    struct layer *l = &t->layer[layer];
    enum err e = prepare(t, l);
    if (e) return e;
    struct cache_pkt p = {.at = now,
                          .seq = cache_extend(&l->cache, in->seq),
                          .ts = in->ts,
                          .pt = in->pt,
                          .marker = in->marker,
                          .has_level = in->has_level,
                          .has_orientation = in->has_orientation,
                          .level = (uint8_t)(in->level | (in->voice ? 0x80 : 0)),
                          .orientation = in->orientation};
    if (in->payload.n) {
        e = learn(t, in, &p);
        if (e) return e;
    }
    struct span part[3] = {in->capture_time, in->descriptor, in->payload};
    if (p.seq == 0) p.seq = 0x10000; /* once in 2^32 packets: number 0 marks an empty place */
    e = cache_add(&l->cache, &p, part, kept);
    if (e) return e;
    count_arrival(l, now, t, in, p.seq);
    l->sid_bytes[p.sid < TRACK_SIDS ? p.sid : TRACK_SIDS - 1] += (uint32_t)in->payload.n + 12;
    if (t->kind == SDP_VIDEO && p.key && p.start && p.seq == l->cache.highest) {
        l->key_seq = p.seq;
        l->key_at = now;
    }
    if (t->nack) nack_got(&l->nack, now, p.seq);
    note_level(t, now, in);
    return OK;
}

void track_renew(struct track *t, uint8_t layer, bool keep)
{
    struct layer *l = &t->layer[layer];
    nack_reset(&l->nack);
    l->key_at = 0;
    l->first_seq = l->received = l->expected_before = l->received_before = 0;
    if (!keep) {
        cache_fini(&l->cache);
        l->sr_at = 0;
    }
}

void track_report(struct layer *l, usec now, struct rtcp_report *report)
{
    uint32_t expected = l->received ? l->cache.highest - l->first_seq + 1 : 0; /* RFC 3550 appendix A.3 */
    uint32_t expected_now = expected - l->expected_before, received_now = l->received - l->received_before;
    int64_t lost_now = (int64_t)expected_now - received_now;
    *report = (struct rtcp_report){
        .ssrc = l->ssrc,
        .fraction_lost =
            (uint8_t)(expected_now && lost_now > 0
                          ? (lost_now << 8) / expected_now > 255 ? 255 : (lost_now << 8) / expected_now
                          : 0),
        .lost = (int32_t)(expected - l->received),
        .highest = l->cache.highest - 0x10000,
        .jitter = l->jitter_16 >> 4,
        .last_sr = l->sr_at ? (uint32_t)(l->sr_ntp >> 16) : 0,
        .since_last_sr = l->sr_at ? (uint32_t)(usec_since(now, l->sr_at) * 65536 / USEC_S) : 0,
    };
    l->expected_before = expected;
    l->received_before = l->received;
}

/* ---- key frames ---- */

void track_want_key(struct track *t, uint8_t layer)
{
    if (t->kind == SDP_VIDEO && layer < t->layers) t->key_wanted |= (uint8_t)(1u << layer);
}

static void refill(struct track *t, usec now)
{
    if (!t->key_refilled) t->key_refilled = now;
    while (t->key_tokens < 2 && usec_since(now, t->key_refilled) >= KEY_REFILL_US) {
        t->key_tokens++;
        t->key_refilled += KEY_REFILL_US;
    }
    if (t->key_tokens == 2) t->key_refilled = now;
}

uint8_t track_ask_key(struct track *t, usec now)
{
    uint8_t ask = 0;
    if (!t->key_wanted) return 0;
    refill(t, now);
    if (t->key_tokens == 0 || (t->key_asked && usec_since(now, t->key_asked) < KEY_SPACE_US)) return 0;
    for (uint8_t i = 0; i < t->layers; i++)
        if ((t->key_wanted & 1u << i) && t->layer[i].ssrc) ask |= (uint8_t)(1u << i);
    t->key_wanted = 0;
    if (!ask) return 0;
    t->key_tokens--;
    t->key_asked = now;
    return ask;
}

usec track_key_wake(const struct track *t)
{
    if (!t->key_wanted) return USEC_NEVER;
    usec spaced = t->key_asked ? t->key_asked + KEY_SPACE_US : 0;
    usec refilled = t->key_tokens ? 0 : t->key_refilled + KEY_REFILL_US;
    return spaced > refilled ? spaced : refilled;
}

/* ---- feeds ---- */

enum err track_add_feed(struct track *t, struct slot *s)
{
    if (t->feeds == TRACK_FEEDS_MAX) return ERR_FULL;
    if (t->feeds == t->feeds_size) {
        uint32_t size = t->feeds_size ? t->feeds_size * 2 : 4;
        struct slot **feed = mem_resize(t->feed, size, sizeof *feed);
        if (!feed) return ERR_NOMEM;
        t->feed = feed;
        t->feeds_size = size;
    }
    t->feed[t->feeds++] = s;
    return OK;
}

void track_drop_feed(struct track *t, const struct slot *s)
{
    for (uint32_t i = 0; i < t->feeds; i++)
        if (t->feed[i] == s) {
            t->feed[i] = t->feed[--t->feeds];
            return;
        }
}
