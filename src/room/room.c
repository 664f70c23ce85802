/* SPDX-License-Identifier: Apache-2.0 */
#include "room/room.h"

#include "base/mem.h"
#include "core/peer.h"
#include "room/feedback.h"
#include "room/messages.h"
#include "room/sfu.h"
#include "room/share.h"
#include "room/streams.h"

#define TICK_MOST_US (100 * USEC_MS)
#define LEVEL_HEARD  60 /* -dBov: what is quieter is not called speaking */

enum err room_new(const struct room_conf *conf, struct span name, enum room_class of_class, usec now,
                  struct room **room)
{
    if (name.n == 0 || name.n >= sizeof(*room)->name || of_class < CLASS_DIRECT || of_class > CLASS_GOVERNED)
        return ERR_RANGE;
    struct room *r = mem_new(1, sizeof *r);
    if (!r) return ERR_NOMEM;
    r->conf = conf;
    r->of_class = (uint8_t)of_class;
    r->name_n = (uint8_t)name.n;
    memcpy(r->name, name.p, name.n);
    r->levels = true;
    r->wake = now + TICK_MOST_US;
    *room = r;
    return OK;
}

static void bury(struct member *m)
{
    if (m->peer) {
        peer_fini(m->peer);
        mem_free(m->peer);
    }
    member_free(m);
}

void room_sees(struct member *m, usec now)
{
    struct room *r = m->room;
    m->sees = true;
    r->refresh_at = now + REFRESH_US;
    r->wake = usec_min(r->wake, r->refresh_at);
}

static void refresh(struct room *r)
{
    r->refresh_at = 0;
    for (struct member *m = room_member_first(r); m; m = room_member_next(m))
        for (unsigned i = 0; i < m->tracks; i++)
            for (uint32_t k = 0; k < m->track[i]->feeds; k++) {
                const struct slot *s = m->track[i]->feed[k];
                track_want_key(m->track[i], s->started ? s->layer : s->want_layer);
            }
}

void room_reap(struct room *r)
{
    while (r->dead) {
        struct member *m = r->dead;
        r->dead = m->next;
        bury(m);
    }
}

void room_free(struct room *r)
{
    if (!r) return;
    room_reap(r);
    while (r->first) {
        struct member *m = r->first;
        r->first = m->next;
        bury(m);
    }
    mem_free(r);
}

struct span room_name(const struct room *r)
{
    return SPAN(r->name, r->name_n);
}

const struct room_counters *room_counters(const struct room *r)
{
    return &r->counters;
}

void room_add_paths(const struct room *r, struct room_paths *sum)
{
    for (const struct member *m = r->first; m; m = m->next) {
        if (!m->estimate || estimate_bps(m->estimate) >= ESTIMATE_MOST) continue;
        sum->limited++;
        sum->limited_bps += estimate_bps(m->estimate);
        for (uint8_t i = 0; i < m->slots; i++)
            sum->held_slots += m->slot[i]->track && (m->slot[i]->paused || m->slot[i]->most != SLOT_NO_LIMIT);
    }
}

void room_tap(struct room *r, const struct sfu_tap *tap)
{
    r->tap = tap;
}

/* ---- coming and going ---- */

enum err room_admit(struct room *r, const struct verdict *verdict, const struct room_entrant *who, usec now,
                    struct news *news, struct member **member)
{
    uint16_t most = r->conf->members_max ? r->conf->members_max : ROOM_MEMBERS_MAX;
    if (!verdict->allowed || !(verdict->can & CAN_JOIN) || verdict->room_class != r->of_class || r->ended)
        return ERR_DENIED;
    if (!span_equal(SPAN(verdict->room, strnlen(verdict->room, sizeof verdict->room)), room_name(r)))
        return ERR_DENIED;
    if (who->number == 0 || who->kind > MEMBER_MACHINE) return ERR_DENIED;
    if (room_member_by_number(r, who->number) || room_member_by_session(r, who->session)) return ERR_EXISTS;
    if (r->members >= most) return ERR_FULL;
    struct member *m = member_new(r, verdict, who, now);
    if (!m) return ERR_NOMEM;
    uint8_t random[12];
    if (rng_fill(&r->conf->rng, random, sizeof random)) {
        member_free(m);
        return ERR_IO;
    }
    memcpy(&m->rtcp_ssrc, random, 4);
    memcpy(&m->answer_id, random + 4, 8);
    m->answer_id >>= 2; /* at most 2^62 (RFC 8829 section 5.2.1) */
    m->report_due = now + REPORT_US;
    m->nack_due = USEC_NEVER;
    roster_add(r, m);
    note_member(r, news, ROOM_MEMBER_JOINED, m);
    note_joined(r, news, m, who->ice);
    if (r->recording != ROOM_NOT_RECORDED) note_recording_to(r, news, m);
    *member = m;
    return OK;
}

void room_gone(struct room *r, struct member *m, usec now, const char *reason, struct out *out,
               struct news *news)
{
    (void)r;
    member_leave(m, now, reason, 0, out, news);
}

void room_expel(struct room *r, struct member *m, usec now, const struct room_expulsion *why, struct out *out,
                struct news *news)
{
    char reason[16] = {0};
    (void)r;
    if (m->gone) return;
    memcpy(reason, why->reason.p, why->reason.n < sizeof reason ? why->reason.n : sizeof reason - 1);
    note_closed(news, m, why);
    member_leave(m, now, reason, why->by, out, news);
}

static void end_room(struct room *r, usec now, uint32_t by, struct out *out, struct news *news)
{
    struct room_expulsion why = {
        .reason = SPAN_LIT("ended"), .title = SPAN_LIT("The meeting was ended for everyone."), .by = by};
    r->ended = true;
    while (r->first)
        room_expel(r, r->first, now, &why, out, news);
}

static enum err mute(struct room *r, usec now, const struct room_setting *s, struct news *news)
{
    struct member *m = room_member_by_number(r, s->member);
    struct track *t = m ? member_track(m, source_by_name(s->source)) : NULL;
    if (!t || !t->on) return ERR_UNKNOWN;
    bool was = t->muted || t->silenced;
    t->silenced = true;
    if (!was) note_track(r, news, ROOM_TRACK_CHANGED, t);
    if (!was && r->tap) r->tap->noted(r->tap->ctx, now, "mute", t);
    note_to_one(news, ROOM_ASKED, m);
    struct writer w = news_body_open(news, 64);
    put_text(&w, SPAN_LIT("mute"));
    put_text(&w, span_str(source_name((enum source)t->source)));
    write_u64(&w, s->by);
    news_done(news, &w);
    return OK;
}

static void keep_text(char *into, size_t size, struct span s)
{
    size_t n = s.n < size ? s.n : size - 1;
    if (n) memcpy(into, s.p, n);
    into[n] = 0;
}

/* Told to all when something changed; nobody's answer to an earlier recording counts for another. */
static enum err set_recording(struct room *r, usec now, const struct room_setting *s, struct news *news)
{
    if (s->state > ROOM_HELD) return ERR_UNKNOWN;
    bool same = s->state == r->recording && s->flag == r->recording_required &&
                span_equal(s->recording, span_str(r->recording_id)) &&
                span_equal(s->why, span_str(r->recording_why));
    bool other = !span_equal(s->recording, span_str(r->recording_id));
    if (same) return OK;
    r->recording = s->state;
    r->recording_required = s->flag;
    keep_text(r->recording_id, sizeof r->recording_id, s->recording);
    keep_text(r->recording_why, sizeof r->recording_why, s->why);
    for (struct member *m = r->first; m; m = m->next) {
        if (other) m->agreed = false;
        hold(m, now);
    }
    note_recording(r, news);
    return OK;
}

static enum err set_consent(struct room *r, usec now, const struct room_setting *s)
{
    struct member *m = room_member_by_number(r, s->member);
    if (!m) return ERR_UNKNOWN;
    m->agreed = s->flag;
    hold(m, now);
    return OK;
}

enum err room_set(struct room *r, usec now, const struct room_setting *s, struct out *out, struct news *news)
{
    switch (s->what) {
    case ROOM_LOCK:
        r->locked = s->flag;
        note_to_all(r, news, ROOM_LOCKED, NULL);
        struct writer w = news_body_open(news, 16);
        write_u8(&w, s->flag);
        write_u64(&w, s->by);
        news_done(news, &w);
        return OK;
    case ROOM_END:
        end_room(r, now, s->by, out, news);
        return OK;
    case ROOM_MUTE_MEMBER:
        return mute(r, now, s, news);
    case ROOM_RECORDING:
        return set_recording(r, now, s, news);
    case ROOM_CONSENT:
        return set_consent(r, now, s);
    default:
        return ERR_UNKNOWN;
    }
}

/* ---- packets ---- */

/* From the cache when that is possible, else by a key frame of the source, whose limit decides. */
static void start_slot(struct slot *s, usec now, struct out *out)
{
    if (!s->track || s->kind != SDP_VIDEO || !sfu_up(s->member) || !s->member->sees || s->paused) return;
    slot_choose_layer(s);
    sfu_catch_up(s, now, out);
    if (!s->started || (s->layer != s->want_layer && s->track->layer[s->want_layer].last_at))
        track_want_key(s->track, s->want_layer);
    if (s->want_sid > s->max_sid && s->level_sid > s->max_sid) track_want_key(s->track, s->layer);
}

static void connected(struct member *m, usec now, struct out *out)
{
    m->up = peer_ready(m->peer, now);
    m->report_due = now + REPORT_US / 4;
    for (uint8_t i = 0; i < m->slots; i++)
        start_slot(m->slot[i], now, out);
    for (uint8_t i = 0; i < m->tracks; i++)
        if (m->track[i]->feeds) track_want_key(m->track[i], (uint8_t)(m->track[i]->layers - 1));
    sfu_ask_keys(m->room, now, out);
    m->room->wake = now;
}

void room_input(struct room *r, struct member *m, usec now, struct peer_in *in, struct out *out,
                struct news *news)
{
    if (m->gone || !m->peer) return;
    switch (in->kind) {
    case PEER_IN_RTP:
        streams_receive(m, now, in, out);
        return;
    case PEER_IN_RTCP:
        feedback_receive(m, now, span_m(in->pkt), out);
        break;
    case PEER_IN_CONNECTED:
        connected(m, now, out);
        break;
    case PEER_IN_CLOSED:
        member_leave(m, now, in->end == PEER_END_REMOTE ? "left" : "lost", 0, out, news);
        return;
    default: /* a handshake goes on, or junk was dropped */
        break;
    }
    r->wake = usec_min(r->wake, peer_wake(m->peer));
}

/* ---- time ---- */

/* The loudest tracks, loudest first. */
static uint8_t loudest(const struct room *r, const struct track *loud[static SPEAKING_MAX])
{
    uint8_t n = 0;
    for (const struct track *t = r->track_first; t; t = t->next) {
        if (t->kind != SDP_AUDIO || !track_live(t) || t->level > LEVEL_HEARD) continue;
        uint8_t at = n;
        while (at > 0 && loud[at - 1]->level > t->level)
            at--;
        if (at == SPEAKING_MAX) continue;
        if (n < SPEAKING_MAX) n++;
        memmove(&loud[at + 1], &loud[at], (size_t)(n - 1 - at) * sizeof loud[0]);
        loud[at] = t;
    }
    return n;
}

static void tell_speaking(struct room *r, usec now, struct news *news)
{
    const struct track *loud[SPEAKING_MAX];
    uint8_t n = loudest(r, loud);
    if (n == 0 && r->spoken == 0) return;
    r->spoken = n;
    if (n && r->tap && loud[0]->number != r->loudest) r->tap->noted(r->tap->ctx, now, "speaker", loud[0]);
    if (n) r->loudest = loud[0]->number;
    note_to_all(r, news, ROOM_SPEAKING, NULL);
    struct writer w = news_body_open(news, 2 + (size_t)n * 16);
    write_u16(&w, n);
    for (uint8_t i = 0; i < n; i++) {
        write_u64(&w, loud[i]->member->number);
        write_u64(&w, loud[i]->level);
    }
    news_done(news, &w);
}

static void fade_levels(struct room *r, usec now)
{
    for (struct track *t = r->track_first; t; t = t->next)
        if (t->kind == SDP_AUDIO && usec_since(now, t->level_at) > 500 * USEC_MS) t->level = LEVEL_SILENT;
}

static bool tick_peer(struct member *m, usec now, struct out *out, struct news *news)
{
    enum peer_end ended = PEER_OPEN;
    if (!m->peer) return true;
    if (peer_wake(m->peer) <= now) peer_tick(m->peer, now, out, &ended);
    if (ended != PEER_OPEN) {
        if (m->told) { /* its socket is still there: it can come in again */
            note_to_one(news, ROOM_RESTART, m);
            struct writer w = news_body_open(news, 16);
            put_text(&w, SPAN_LIT("lost"));
            news_done(news, &w);
        }
        member_leave(m, now, ended == PEER_END_REMOTE ? "left" : "lost", 0, out, news);
        return false;
    }
    m->up = peer_ready(m->peer, now);
    return true;
}

void room_tick(struct room *r, usec now, struct out *out, struct news *news)
{
    usec wake = now + TICK_MOST_US;
    for (struct member *m = r->first, *next; m; m = next) {
        next = m->next;
        if (!tick_peer(m, now, out, news)) continue;
        share_tick(m, now, out);
        for (uint8_t i = 0; i < m->slots; i++)
            start_slot(m->slot[i], now, out);
        feedback_tick(m, now, out);
        if (m->peer) wake = usec_min(wake, peer_wake(m->peer));
        wake = usec_min(wake, usec_min(feedback_wake(m), share_wake(m)));
    }
    if (r->refresh_at && r->refresh_at <= now) refresh(r);
    if (r->refresh_at) wake = usec_min(wake, r->refresh_at);
    sfu_ask_keys(r, now, out);
    for (const struct track *t = r->track_first; t; t = t->next)
        if (track_live(t) && sfu_up(t->member)) wake = usec_min(wake, track_key_wake(t));
    if (r->speaking_due <= now && r->levels) {
        fade_levels(r, now);
        tell_speaking(r, now, news);
        r->speaking_due = now + SPEAKING_US;
    }
    r->wake = wake > now ? wake : now + USEC_MS;
}

usec room_wake(const struct room *r)
{
    return r->wake;
}
