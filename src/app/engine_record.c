/* SPDX-License-Identifier: Apache-2.0 */
#include "app/engine_record.h"

#include "base/mem.h"
#include "core/frames.h"
#include "room/roster.h"
#include "room/sfu.h"

#define RECORDED_TRACKS_MAX 512
#define LAYER_CHOSEN_EVERY  (2 * USEC_S)
#define DRIFT_MAX_MS        500 /* between a sender's clock and ours, before its line is set anew */

struct recorded { /* a track */
    uint32_t number;
    uint8_t layer;
    bool told, gap, has_base;
    usec chosen; /* when the layer was last looked at */
    struct frames frames;
    uint64_t base_line, base_ms, last_ms;
};
struct recorder {
    struct engine *engine;
    struct room *room;
    uint64_t number;
    int64_t begin_ms;
    struct sfu_tap tap;
    struct recorded *track[RECORDED_TRACKS_MAX];
    unsigned tracks;
    uint8_t message[RECORD_PART_MAX + 64];
};

static bool to_archive(struct recorder *r, uint16_t message, struct span body)
{
    return r->engine->conf.send(r->engine->conf.ctx, ROLE_ARCHIVE, message, r->number, body);
}

static uint64_t ms_of(const struct recorder *r, usec at)
{
    int64_t ms = r->engine->room_conf.wall_offset_ms + (int64_t)(at / 1000) - r->begin_ms;
    return ms > 0 ? (uint64_t)ms : 0;
}

static bool tell_track(struct recorder *r, const struct track *t, uint64_t at_ms, bool ends)
{
    struct writer w = writer_of(MSPAN(r->message, sizeof r->message));
    bool video = t->kind == SDP_VIDEO;
    struct ipc_record_track m = {.ends = ends,
                                 .track = t->number,
                                 .member = t->member->number,
                                 .at_ms = at_ms,
                                 .codec = video ? t->codec.codec : CODEC_OPUS,
                                 .channels = 2,
                                 .source = span_str(source_name(t->source)),
                                 .name = span_str(t->member->name)};
    put_ipc_record_track(&w, &m);
    return !w.bad && to_archive(r, IPC_RECORD_TRACK, writer_span(&w));
}

static struct recorded *recorded_of(struct recorder *r, const struct track *t)
{
    for (unsigned i = 0; i < r->tracks; i++)
        if (r->track[i]->number == t->number) return r->track[i];
    if (r->tracks == RECORDED_TRACKS_MAX) return NULL;
    struct recorded *d = mem_new(1, sizeof *d);
    if (!d) return NULL;
    d->number = t->number;
    if (frames_init(&d->frames, t->kind == SDP_VIDEO ? (enum codec)t->codec.codec : CODEC_OPUS)) {
        mem_free(d);
        return NULL;
    }
    r->track[r->tracks++] = d;
    return d;
}

/* The largest layer that arrives now; a switch waits for that layer's next key frame. */
static void choose_layer(struct recorded *d, struct track *t, usec now)
{
    uint8_t best = d->layer;
    if (d->chosen && usec_since(now, d->chosen) < LAYER_CHOSEN_EVERY) return;
    bool alive = usec_since(now, t->layer[best].last_at) < LAYER_CHOSEN_EVERY;
    for (uint8_t i = 0; i < t->layers; i++) {
        const struct layer *l = &t->layer[i];
        if (!cache_ready(&l->cache) || usec_since(now, l->last_at) > LAYER_CHOSEN_EVERY) continue;
        if (!alive || l->bps > t->layer[best].bps + t->layer[best].bps / 4) {
            best = i;
            alive = true;
        }
    }
    bool first = d->chosen == 0;
    d->chosen = now;
    if (best == d->layer && !first) return;
    d->layer = best;
    frames_restart(&d->frames);
    if (t->kind == SDP_VIDEO) track_want_key(t, best);
}

/* When a frame belongs: on its sender's line, as long as that keeps step with our clock. */
static uint64_t place(struct recorder *r, struct recorded *d, const struct frames_out *o, uint32_t clock_hz)
{
    uint64_t arrived = ms_of(r, o->at);
    uint64_t ms = d->has_base ? d->base_ms + (o->line - d->base_line) * 1000 / clock_hz : arrived;
    if (!d->has_base || ms > arrived + DRIFT_MAX_MS || ms + DRIFT_MAX_MS < arrived) {
        d->base_line = o->line;
        d->base_ms = ms = arrived;
        d->has_base = true;
    }
    if (ms < d->last_ms) ms = d->last_ms;
    d->last_ms = ms;
    return ms;
}

static bool send_frame(struct recorder *r, const struct recorded *d, const struct frames_out *o,
                       uint64_t at_ms)
{
    uint8_t flags = (uint8_t)((o->key ? RECORD_KEY : 0) | (o->gap || d->gap ? RECORD_GAP : 0));
    for (size_t at = 0; at < o->bytes.n || at == 0; at += RECORD_PART_MAX) {
        struct writer w = writer_of(MSPAN(r->message, sizeof r->message));
        struct span part = span_part(o->bytes, at, RECORD_PART_MAX);
        struct ipc_record_frame m = {.track = d->number, .at_ms = at_ms, .flags = flags, .bytes = part};
        if (at == 0) m.flags |= RECORD_FIRST;
        if (at + part.n >= o->bytes.n) m.flags |= RECORD_LAST;
        put_ipc_record_frame(&w, &m);
        if (w.bad || !to_archive(r, IPC_RECORD_FRAME, writer_span(&w))) return false;
    }
    return true;
}

static void on_packet(void *ctx, usec now, const struct track *const_t, uint8_t layer,
                      const struct cache_pkt *p)
{
    struct recorder *r = ctx;
    struct track *t = room_track(r->room, const_t->number); /* ours to ask for a key frame */
    struct recorded *d = recorded_of(r, const_t);
    struct frames_out o;
    (void)p;
    if (!t || !d) return;
    choose_layer(d, t, now);
    if (layer != d->layer) return;
    bool needed = d->frames.need_key;
    while (frames_next(&d->frames, &t->layer[layer].cache, now, &o) == OK) {
        uint64_t at_ms = place(r, d, &o, t->kind == SDP_VIDEO ? 90000 : 48000);
        if (!d->told) d->told = tell_track(r, t, at_ms, false);
        d->gap = !d->told || !send_frame(r, d, &o, at_ms);
        if (d->gap) frames_refused(&d->frames);
    }
    if (d->frames.need_key && !needed && t->kind == SDP_VIDEO) track_want_key(t, layer);
}

static void on_noted(void *ctx, usec now, const char *what, const struct track *t)
{
    struct recorder *r = ctx;
    uint8_t members[128];
    struct writer m = writer_of(MSPAN(members, sizeof members)),
                  w = writer_of(MSPAN(r->message, sizeof r->message));
    write_str(&m, ",\"member\":");
    write_dec(&m, t->member->number);
    write_str(&m, ",\"track\":");
    write_dec(&m, t->number);
    write_str(&m, ",\"source\":\"");
    write_str(&m, source_name(t->source));
    write_str(&m, "\"");
    put_ipc_record_event(&w, &(struct ipc_record_event){ms_of(r, now), span_str(what), writer_span(&m)});
    if (!w.bad) (void)to_archive(r, IPC_RECORD_NOTED, writer_span(&w));
}

static void forget(struct recorder *r, unsigned i)
{
    frames_fini(&r->track[i]->frames);
    mem_free(r->track[i]);
    r->track[i] = r->track[--r->tracks];
}

static void on_gone(void *ctx, usec now, const struct track *t)
{
    struct recorder *r = ctx;
    for (unsigned i = 0; i < r->tracks; i++) {
        if (r->track[i]->number != t->number) continue;
        if (r->track[i]->told) (void)tell_track(r, t, ms_of(r, now), true);
        forget(r, i);
        return;
    }
}

/* The archive began anew: it hears of every track again, from a key frame on. */
static void again(struct recorder *r)
{
    for (unsigned i = 0; i < r->tracks; i++) {
        r->track[i]->told = false;
        r->track[i]->gap = true;
        frames_restart(&r->track[i]->frames);
        struct track *t = room_track(r->room, r->track[i]->number);
        if (t && t->kind == SDP_VIDEO) track_want_key(t, r->track[i]->layer);
    }
}

void recorder_free(struct recorder *r)
{
    if (!r) return;
    room_tap(r->room, NULL);
    while (r->tracks)
        forget(r, 0);
    mem_free(r);
}

void engine_record_message(struct engine *e, uint64_t number, struct span body, struct engine_room *room)
{
    struct ipc_record_room m;
    if (get_ipc_record_room(body, &m)) return;
    if (!m.on || (room->recorder && room->recorder->number != number)) {
        recorder_free(room->recorder);
        room->recorder = NULL;
    }
    if (m.on && room->recorder && m.anew) again(room->recorder);
    if (!m.on || room->recorder) return;
    struct recorder *r = mem_new(1, sizeof *r);
    if (!r) return; /* the archive hears nothing, and says so */
    *r = (struct recorder){.engine = e, .room = room->room, .number = number, .begin_ms = m.begin_ms};
    r->tap = (struct sfu_tap){r, on_packet, on_gone, on_noted};
    room->recorder = r;
    room_tap(room->room, &r->tap);
}
