/* SPDX-License-Identifier: Apache-2.0 */
#include "room/messages.h"

#include "base/mem.h"
#include "base/read.h"
#include "core/peer.h"
#include "room/negotiate.h"
#include "room/sfu.h"

struct said { /* one message being acted on */
    struct member *m;
    usec now;
    uint32_t id;
    struct reader body; /* behind the id */
    struct out *out;
    struct news *news;
};

static void ok(const struct said *s)
{
    note_ok(s->news, s->m, s->id);
}

static void error(const struct said *s, const char *code, const char *title)
{
    note_error(s->news, s->m, s->id, code, title);
}

/* ---- tracks ---- */

static void restart_feeds(struct track *t)
{
    for (uint32_t i = 0; i < t->feeds; i++) {
        sfu_restart(t->feed[i]);
        track_want_key(t, t->feed[i]->want_layer);
    }
}

/* The numbers begin anew after a pause during which nothing was counted. */
static void resume(struct track *t, usec now)
{
    for (uint8_t k = 0; k < t->layers; k++)
        track_renew(t, k, true);
    restart_feeds(t);
    t->room->wake = now;
}

static bool held(const struct member *m)
{
    const struct room *r = m->room;
    return r->recording == ROOM_HELD || (r->recording == ROOM_RECORDED && m->told && !m->agreed);
}

void hold(struct member *m, usec now)
{
    for (uint8_t i = 0; i < m->tracks; i++) {
        struct track *t = m->track[i];
        bool was = t->held;
        t->held = held(m);
        if (was && !t->held) resume(t, now);
    }
}

void publish(struct track *t, bool muted, usec now, struct news *news)
{
    struct room *r = t->member->room;
    t->muted = muted;
    t->silenced = false;
    t->held = held(t->member);
    t->on = true;
    for (uint8_t k = 0; k < t->layers; k++)
        track_renew(t, k, true);
    t->number = ++r->next_track;
    room_add_track(r, t);
    note_track(r, news, ROOM_TRACK_ON, t);
    slots_fill_all(r, now, news);
    r->wake = now;
}

void unpublish(struct track *t, usec now, struct news *news)
{
    struct room *r = t->member->room;
    t->on = false;
    if (!t->listed) return;
    room_drop_track(r, t);
    slots_drop_track(t, now, news);
    note_track(r, news, ROOM_TRACK_OFF, t);
    if (r->tap) r->tap->gone(r->tap->ctx, now, t);
}

void set_muted(struct track *t, bool muted, usec now, struct news *news)
{
    bool was = t->muted || t->silenced;
    t->muted = muted;
    t->silenced = false;
    if (was == muted) return;
    resume(t, now);
    note_track(t->room, news, ROOM_TRACK_CHANGED, t);
    const struct sfu_tap *tap = t->room->tap;
    if (tap) tap->noted(tap->ctx, now, muted ? "mute" : "unmute", t);
}

static void on_track(struct said *s)
{
    enum source source = source_by_name(read_vec32(&s->body));
    bool on = read_u8(&s->body), muted = read_u8(&s->body);
    struct track *t = member_track(s->m, source);
    if (source == SOURCE_NONE) {
        error(s, "bad_message", "There is no such source.");
    } else if (!t || t->idle) {
        error(s, "no_such_track", "The offer has no section for this source.");
    } else if (on && !t->on && s->m->room->tracks >= ROOM_TRACKS_MAX) {
        error(s, "room_full", "The room has as many tracks as it can have.");
    } else {
        if (!on)
            unpublish(t, s->now, s->news);
        else if (!t->on)
            publish(t, muted, s->now, s->news);
        else
            set_muted(t, muted, s->now, s->news);
        ok(s);
    }
}

/* ---- offers ---- */

static void answer_with(const struct said *s, enum room_message with, struct span sdp)
{
    note_to_one(s->news, with, s->m);
    struct writer w = news_body_open(s->news, 12 + sdp.n);
    write_u64(&w, s->id);
    put_text(&w, sdp);
    news_done(s->news, &w);
}

static void tell_opened(const struct said *s)
{
    struct news_item opened = {
        .kind = NEWS_OPENED, .number = s->m->number, .session = s->m->session, .member = s->m};
    news_event(s->news, &opened);
    s->m->room->wake = s->now;
}

/* Tracks whose section stopped sending end; those of members who can't say `track` begin at once. */
static void follow_offer(const struct said *s)
{
    struct member *m = s->m;
    for (uint8_t i = 0; i < m->tracks; i++) {
        struct track *t = m->track[i];
        if (t->idle && t->on) unpublish(t, s->now, s->news);
        if (!m->told && !t->idle && !t->on && m->room->tracks < ROOM_TRACKS_MAX)
            publish(t, false, s->now, s->news);
    }
    slots_fill(m, s->now, s->news);
}

static void on_offer(struct said *s)
{
    struct span sdp = read_vec32(&s->body);
    struct span sources = read_bytes(&s->body, read_left(&s->body));
    struct refusal why = {"", ""};
    struct negotiated n = {0};
    bool fragment = sdp.n >= 2 && memcmp(sdp.p, "v=", 2) != 0 && !s->m->told;
    enum err e = fragment ? negotiate_restart(s->m, sdp, s->now, &n.sdp, &why)
                          : negotiate(s->m, sdp, sources, s->now, &n, &why);
    if (e) {
        s->m->room->counters.offers_refused++;
        error(s, why.code, why.title);
        return;
    }
    if (n.counter) {
        answer_with(s, ROOM_COUNTER_OFFER, n.sdp);
        return;
    }
    tell_opened(s); /* also after a restart: the name has changed */
    answer_with(s, ROOM_ANSWER, n.sdp);
    if (!fragment) follow_offer(s);
}

/* ---- what is shown, said, raised ---- */

static void on_view(struct said *s)
{
    struct member *m = s->m;
    uint16_t count = read_u16(&s->body);
    if (count > MEMBER_VIEW_MAX) count = MEMBER_VIEW_MAX;
    if (!m->view) m->view = mem_new(MEMBER_VIEW_MAX, sizeof *m->view);
    if (!m->view) {
        error(s, "busy", "The server has no memory for this now; try again.");
        return;
    }
    m->views = 0;
    m->has_view = true;
    for (uint16_t i = 0; i < count; i++) {
        struct shown line = {.track = (uint32_t)read_u64(&s->body)};
        line.width = (uint16_t)read_u64(&s->body);
        line.height = (uint16_t)read_u64(&s->body);
        bool doubled = false;
        for (uint16_t k = 0; k < m->views; k++)
            doubled |= m->view[k].track == line.track;
        if (!doubled) m->view[m->views++] = line;
    }
    slots_fill(m, s->now, s->news);
    m->room->wake = s->now;
    ok(s);
}

static void on_chat(struct said *s)
{
    struct room *r = s->m->room;
    struct span text = read_vec32(&s->body);
    if (room_sealed(r)) {
        error(s, "unsupported", "In this room messages are sealed by the members themselves.");
    } else if (!(s->m->can & CAN_CHAT)) {
        error(s, "denied", "You may not write in this room.");
    } else if (text.n == 0) {
        error(s, "bad_message", "An empty message is not sent.");
    } else if (!bucket_take(&s->m->chats, s->now, CHATS_BURST, CHATS_PER_S)) {
        error(s, "too_many", "Too many messages at once; wait a moment.");
    } else {
        note_to_all(r, s->news, ROOM_CHAT_SAID, NULL);
        struct writer w = news_body_open(s->news, text.n + 64);
        write_u64(&w, s->m->number);
        put_text(&w, text);
        write_u64(&w, (uint64_t)((int64_t)(s->now / 1000) + r->conf->wall_offset_ms));
        write_u64(&w, ++r->chat_seq);
        news_done(s->news, &w);
        ok(s);
    }
}

static void on_hand(struct said *s)
{
    bool up = read_u8(&s->body);
    if (s->m->hand != up) {
        s->m->hand = up;
        note_member(s->m->room, s->news, ROOM_MEMBER_CHANGED, s->m);
    }
    ok(s);
}

static void on_react(struct said *s)
{
    struct span emoji = read_vec32(&s->body);
    if (emoji.n == 0) {
        error(s, "bad_message", "A reaction needs a sign.");
        return;
    }
    if (!bucket_take(&s->m->chats, s->now, CHATS_BURST, CHATS_PER_S)) {
        error(s, "too_many", "Too many reactions at once; wait a moment.");
        return;
    }
    note_to_all(s->m->room, s->news, ROOM_REACTED, NULL);
    struct writer w = news_body_open(s->news, emoji.n + 16);
    write_u64(&w, s->m->number);
    put_text(&w, emoji);
    news_done(s->news, &w);
    ok(s);
}

/* ---- leaving ---- */

static void say_bye(struct member *m, struct out *out)
{
    uint8_t b[1000];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    for (uint8_t i = 0; i < m->slots && write_left(&w) > 8; i++)
        if (m->slot[i]->packets) rtcp_write_bye(&w, m->slot[i]->ssrc);
    sfu_rtcp(m, 0, writer_span(&w), out);
    peer_close(m->peer, out);
}

void member_leave(struct member *m, usec now, const char *reason, uint32_t by, struct out *out,
                  struct news *news)
{
    struct room *r = m->room;
    struct news_item gone = {.kind = NEWS_GONE, .number = m->number, .session = m->session, .member = m};
    if (m->gone) return;
    if (m->peer) say_bye(m, out);
    m->gone = true;
    m->up = false;
    slots_empty(m);
    for (uint8_t i = 0; i < m->tracks; i++)
        unpublish(m->track[i], now, news);
    roster_drop(r, m);
    m->next = r->dead;
    r->dead = m;
    note_left(r, news, m, reason, by);
    memcpy(gone.reason, reason, strnlen(reason, sizeof gone.reason - 1));
    news_event(news, &gone);
}

static void on_leave(struct said *s)
{
    struct room_expulsion why = {.reason = SPAN_LIT("left"), .title = SPAN_LIT("You have left the room.")};
    ok(s);
    note_closed(s->news, s->m, &why);
    member_leave(s->m, s->now, "left", 0, s->out, s->news);
}

/* ---- all of them ---- */

void room_message(struct room *r, struct member *m, usec now, unsigned message, struct span body,
                  struct out *out, struct news *news)
{
    static const struct {
        uint8_t message;
        void (*act)(struct said *s);
    } rows[] = {{ROOM_OFFER, on_offer}, {ROOM_TRACK, on_track}, {ROOM_VIEW, on_view},  {ROOM_CHAT, on_chat},
                {ROOM_HAND, on_hand},   {ROOM_REACT, on_react}, {ROOM_LEAVE, on_leave}};
    struct said s = {.m = m, .now = now, .out = out, .news = news};
    const struct room_row *row = room_row(message);
    if (m->gone) return;
    struct reader peek = reader_of(body);
    s.id = (uint32_t)read_u64(&peek);
    if (!row || message >= ROOM_CLIENT_LAST || shape_check(&row->shape, body)) {
        error(&s, "bad_message", "This message is not of the protocol.");
        return;
    }
    if (message != ROOM_LEAVE && !bucket_take(&m->messages, now, MESSAGES_BURST, MESSAGES_PER_S)) {
        r->counters.messages_limited++;
        error(&s, "too_many", "Too many messages at once; wait a moment.");
        return;
    }
    s.body = peek;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].message == message) {
            rows[i].act(&s);
            return;
        }
    error(&s, "bad_message", "The room does not take this message.");
}
