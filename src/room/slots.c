/* SPDX-License-Identifier: Apache-2.0 */
#include "room/slots.h"

#include "room/roster.h"
#include "room/sfu.h"

/* ---- which format ---- */

static unsigned likeness(const struct slot_codec *row, const struct sdp_codec *c)
{
    if (row->codec != c->codec) return 0;
    if (c->codec == CODEC_VP9 || c->codec == CODEC_AV1) return row->profile == c->profile ? 4 : 0;
    if (c->codec != CODEC_H264) return 4;
    if (row->mode != c->mode) return 0;
    if (row->profile == c->profile) return row->constraints == c->constraints ? 4 : 3;
    return row->profile == 0x42 || c->profile == 0x42 ? 1 : 0; /* decoders take more than they offer */
}

const struct slot_codec *slot_codec_for(const struct slot_codecs *codecs, const struct sdp_codec *c)
{
    const struct slot_codec *best = NULL;
    unsigned best_likeness = 0;
    for (uint8_t i = 0; i < codecs->n; i++) {
        unsigned l = likeness(&codecs->row[i], c);
        if (l > best_likeness) {
            best = &codecs->row[i];
            best_likeness = l;
        }
    }
    return best;
}

/* ---- which layer ---- */

/* Without knowing the layers' sizes: encodings halve from the last to the first, so the height asked for says
 * how many steps below the largest are enough. */
static uint8_t steps_down(const struct slot *s)
{
    if (!s->height || s->height > 400) return 0;
    return s->height > 200 ? 1 : 2;
}

/* A layer that was never sent isn't waited for. */
static uint8_t sent_layer(const struct track *t, uint8_t most)
{
    for (int k = most; t && k >= 0; k--)
        if (t->layer[k].last_at) return (uint8_t)k;
    return most;
}

uint8_t slot_wish(const struct slot *s)
{
    uint8_t top = s->track ? (uint8_t)(s->track->layers - 1) : 0, down = steps_down(s);
    if (top) return sent_layer(s->track, top > down ? (uint8_t)(top - down) : 0);
    if (s->rtx_pt == 255) return SLOT_SIDS; /* such a packet must look the same when it is sent again */
    return down == 2 ? 0 : down == 1 ? 1 : SLOT_SIDS;
}

void slot_choose_layer(struct slot *s)
{
    uint8_t wish = slot_wish(s), want = wish < s->most ? wish : s->most;
    bool layers = s->track && s->track->layers > 1;
    s->want_layer = layers ? sent_layer(s->track, want) : 0;
    s->want_sid = layers ? SLOT_SIDS : want;
    s->max_tid = 7;
    if (s->want_sid < s->max_sid || !s->started) s->max_sid = s->want_sid;
}

/* ---- filling ---- */

static bool same_person(const struct member *a, const struct member *b)
{
    if (a == b) return true;
    return a->subject_n && a->subject_n == b->subject_n && memcmp(a->subject, b->subject, a->subject_n) == 0;
}

static const struct shown *shown_as(const struct member *m, const struct track *t)
{
    for (uint16_t i = 0; i < m->views; i++)
        if (m->view[i].track == t->number) return &m->view[i];
    return NULL;
}

/* WHEP of one track, which says what it wants to see and nothing else: the sound that belongs to it comes along. */
static bool asked_for(const struct member *m, const struct track *t)
{
    if (m->told || !m->has_view || t->kind == SDP_VIDEO) return true;
    uint8_t picture = t->source == SOURCE_SCREEN_AUDIO ? SOURCE_SCREEN : SOURCE_CAMERA;
    for (uint16_t i = 0; i < m->views; i++) {
        const struct track *v = room_track(m->room, m->view[i].track);
        if (v && (v == t || (v->member == t->member && v->source == picture))) return true;
    }
    return false;
}

bool slots_may_have(const struct member *m, const struct track *t)
{
    return t->listed && t->on && !same_person(m, t->member) && asked_for(m, t);
}

static bool is_screen(const struct track *t)
{
    return t->source == SOURCE_SCREEN || t->source == SOURCE_SCREEN_AUDIO;
}

static struct slot *slot_of(const struct member *m, const struct track *t)
{
    for (uint8_t i = 0; i < m->slots; i++)
        if (m->slot[i]->track == t) return m->slot[i];
    return NULL;
}

static struct slot *free_slot(const struct member *m, const struct track *t, bool for_screen)
{
    for (uint8_t i = 0; i < m->slots; i++) {
        struct slot *s = m->slot[i];
        if (!s->track && !s->closed && s->kind == t->kind && s->for_screen == for_screen &&
            slot_codec_for(s->codecs, &t->codec))
            return s;
    }
    return NULL;
}

static void clear(struct slot *s)
{
    if (!s->track) return;
    track_drop_feed(s->track, s);
    s->track = NULL;
    sfu_restart(s);
}

static bool put(struct slot *s, struct track *t)
{
    if (track_add_feed(t, s)) return false;
    const struct slot_codec *row = slot_codec_for(s->codecs, &t->codec);
    s->track = t;
    s->pt = row->pt;
    s->rtx_pt = row->rtx_pt;
    s->red_pt = 255;
    for (uint8_t i = 0; i < s->codecs->n; i++)
        if (s->codecs->row[i].codec == CODEC_RED) s->red_pt = s->codecs->row[i].pt;
    s->most = SLOT_NO_LIMIT;
    s->paused = false;
    s->most_at = 0;
    s->member->share_due = 0;
    sfu_restart(s);
    slot_choose_layer(s);
    s->member->room->wake = 0; /* the next tick starts it: from the cache, or by asking the source */
    return true;
}

static bool place(struct member *m, struct track *t, bool *changed)
{
    struct slot *s = is_screen(t) ? free_slot(m, t, true) : NULL;
    if (!s) s = free_slot(m, t, false);
    if (!s || !put(s, t)) return false;
    for (uint8_t i = 0; i < m->slots; i++)
        if (m->slot[i] == s) changed[i] = true;
    return true;
}

/* Empties the slots whose track may not or need not be there. */
static void sweep(struct member *m, bool *changed)
{
    unsigned room_for = 0;
    for (uint8_t i = 0; i < m->slots; i++)
        room_for += m->slot[i]->kind == SDP_VIDEO && !m->slot[i]->closed;
    for (uint8_t i = 0; i < m->slots; i++) {
        struct slot *s = m->slot[i];
        if (!s->track) continue;
        bool keep = !s->closed && slots_may_have(m, s->track);
        if (keep && s->kind == SDP_VIDEO && m->has_view) {
            const struct shown *at = shown_as(m, s->track);
            keep = at && (unsigned)(at - m->view) < room_for;
        }
        if (keep) continue;
        clear(s);
        changed[i] = true;
    }
}

static void resize(struct member *m)
{
    for (uint8_t i = 0; i < m->slots; i++) {
        struct slot *s = m->slot[i];
        const struct shown *at = s->track && m->has_view ? shown_as(m, s->track) : NULL;
        s->width = at ? at->width : 0;
        s->height = at ? at->height : 0;
        m->share_due = 0;
        if (!s->track || s->kind != SDP_VIDEO) continue;
        slot_choose_layer(s);
        if (s->started && s->layer != s->want_layer && !s->paused) track_want_key(s->track, s->want_layer);
    }
}

static void tell(const struct member *m, const bool *changed, struct news *news)
{
    uint16_t count = 0;
    for (uint8_t i = 0; i < m->slots; i++)
        count = (uint16_t)(count + changed[i]);
    if (!count || !m->told || m->gone) return;
    note_to_one(news, ROOM_SLOTS, m);
    struct writer w = news_body_open(news, 2 + (size_t)count * 32);
    write_u16(&w, count);
    for (uint8_t i = 0; i < m->slots; i++) {
        const struct slot *s = m->slot[i];
        if (!changed[i]) continue;
        put_text(&w, SPAN(s->mid_text, s->mid_n));
        write_u8(&w, s->track != NULL);
        if (s->track) write_u64(&w, s->track->number);
    }
    news_done(news, &w);
}

void slots_fill(struct member *m, usec now, struct news *news)
{
    bool changed[MEMBER_SLOTS_MAX] = {false};
    (void)now;
    if (!m->slots || m->gone || !(m->can & CAN_SUBSCRIBE)) return;
    sweep(m, changed);
    for (uint16_t i = 0; i < m->views && m->has_view; i++) {
        struct track *t = room_track(m->room, m->view[i].track);
        if (t && t->kind == SDP_VIDEO && slots_may_have(m, t) && !slot_of(m, t)) (void)place(m, t, changed);
    }
    for (struct track *t = m->room->track_first; t; t = t->next) {
        if (t->kind == SDP_VIDEO && m->has_view) continue;
        if (slots_may_have(m, t) && !slot_of(m, t)) (void)place(m, t, changed);
    }
    resize(m);
    tell(m, changed, news);
}

void slots_fill_all(struct room *r, usec now, struct news *news)
{
    for (struct member *m = r->first; m; m = m->next)
        slots_fill(m, now, news);
}

void slots_drop_track(struct track *t, usec now, struct news *news)
{
    while (t->feeds) {
        struct slot *s = t->feed[t->feeds - 1];
        struct member *m = s->member;
        clear(s);
        slots_fill(m, now, news);
        bool changed[MEMBER_SLOTS_MAX] = {false};
        for (uint8_t i = 0; i < m->slots; i++)
            changed[i] = m->slot[i] == s && !s->track;
        tell(m, changed, news);
    }
}

void slots_empty(struct member *m)
{
    for (uint8_t i = 0; i < m->slots; i++)
        clear(m->slot[i]);
}
