/* SPDX-License-Identifier: Apache-2.0 */
#include "room/roster.h"

#include "base/mem.h"
#include "base/secret.h"
#include "core/ice.h"

const char *class_name(enum room_class c)
{
    static const char *const names[] = {"", "direct", "sealed", "witnessed", "governed"};
    return (size_t)c < COUNT_OF(names) ? names[c] : "";
}

bool bucket_take(struct bucket *b, usec now, uint32_t burst, uint32_t per_s)
{
    uint64_t more = b->at ? usec_since(now, b->at) * per_s / 1000 : (uint64_t)burst * 1000;
    uint64_t milli = b->milli + more;
    if (b->at && more == 0 && milli < 1000) return false; /* keeps the time, so that slow drops add up */
    b->at = now ? now : 1;
    b->milli = (uint32_t)(milli > (uint64_t)burst * 1000 ? (uint64_t)burst * 1000 : milli);
    if (b->milli < 1000) return false;
    b->milli -= 1000;
    return true;
}

/* ---- members ---- */

struct member *member_new(struct room *r, const struct verdict *v, const struct room_entrant *who, usec now)
{
    struct member *m = mem_new(1, sizeof *m);
    if (!m) return NULL;
    m->room = r;
    m->session = who->session;
    m->number = who->number;
    m->kind = who->kind;
    m->can = v->can;
    m->moderator = v->can & CAN_MODERATE;
    m->since_ms = (int64_t)(now / 1000) + r->conf->wall_offset_ms;
    m->sees = !room_sealed(r);
    m->told = who->kind == MEMBER_BROWSER || who->kind == MEMBER_NATIVE;
    m->name_n = (uint8_t)strnlen(v->name, ROOM_NAME_MAX);
    memcpy(m->name, v->name, m->name_n);
    m->subject_n = (uint8_t)strnlen(v->subject, sizeof m->subject - 1);
    memcpy(m->subject, v->subject, m->subject_n);
    return m;
}

void member_free(struct member *m)
{
    for (uint8_t i = 0; i < m->tracks; i++)
        track_free(m->track[i]);
    for (uint8_t i = 0; i < MEMBER_CODEC_TABLES; i++)
        mem_free(m->codecs[i]);
    for (uint8_t i = 0; i < m->slots; i++)
        mem_free(m->slot[i]);
    mem_free(m->slot);
    mem_free(m->view);
    mem_free(m->twcc);
    mem_free(m->estimate);
    mem_free(m->stream);
    if (m->promised) secret_wipe(m->promised, sizeof *m->promised);
    mem_free(m->promised);
    mem_free(m);
}

void roster_add(struct room *r, struct member *m)
{
    m->before = r->last;
    m->next = NULL;
    *(r->last ? &r->last->next : &r->first) = m;
    r->last = m;
    r->members++;
}

void roster_drop(struct room *r, struct member *m)
{
    *(m->before ? &m->before->next : &r->first) = m->next;
    *(m->next ? &m->next->before : &r->last) = m->before;
    m->next = m->before = NULL;
    r->members--;
}

struct member *room_member_first(const struct room *r)
{
    return r->first;
}

struct member *room_member_next(const struct member *m)
{
    return m->next;
}

struct member *room_member_by_session(const struct room *r, uint64_t session)
{
    struct member *m = r->first;
    while (m && m->session != session)
        m = m->next;
    return m;
}

struct member *room_member_by_number(const struct room *r, uint32_t number)
{
    struct member *m = r->first;
    while (m && m->number != number)
        m = m->next;
    return m;
}

uint32_t room_member_count(const struct room *r)
{
    return r->members;
}

struct peer *member_peer(struct member *m)
{
    return m->peer;
}

struct room *member_room(const struct member *m)
{
    return m->room;
}

uint64_t member_session(const struct member *m)
{
    return m->session;
}

uint32_t member_number(const struct member *m)
{
    return m->number;
}

/* ---- tracks ---- */

struct track *room_track(const struct room *r, uint32_t number)
{
    struct track *t = r->track_first;
    while (t && t->number != number)
        t = t->next;
    return t;
}

struct track *member_track(const struct member *m, enum source source)
{
    for (uint8_t i = 0; i < m->tracks; i++)
        if (m->track[i]->source == source) return m->track[i];
    return NULL;
}

void room_add_track(struct room *r, struct track *t)
{
    t->room = r;
    t->before = r->track_last;
    t->next = NULL;
    *(r->track_last ? &r->track_last->next : &r->track_first) = t;
    r->track_last = t;
    t->listed = true;
    r->tracks++;
}

void room_drop_track(struct room *r, struct track *t)
{
    if (!t->listed) return;
    *(t->before ? &t->before->next : &r->track_first) = t->next;
    *(t->next ? &t->next->before : &r->track_last) = t->before;
    t->next = t->before = NULL;
    t->listed = false;
    r->tracks--;
}

/* ---- notes ---- */

void put_text(struct writer *w, struct span text)
{
    write_vec32(w, text);
}

static void put_str(struct writer *w, const char *text)
{
    put_text(w, span_str(text));
}

void note_to_all(struct room *r, struct news *n, unsigned message, const struct member *except)
{
    news_note(n, message);
    for (const struct member *m = r->first; m; m = m->next)
        if (m != except && m->told) news_to(n, m->session);
}

void note_to_one(struct news *n, unsigned message, const struct member *m)
{
    news_note(n, message);
    news_to(n, m->session);
}

void note_ok(struct news *n, const struct member *m, uint32_t id)
{
    note_to_one(n, ROOM_OK, m);
    struct writer w = news_body_open(n, 8);
    write_u64(&w, id);
    news_done(n, &w);
}

void note_error(struct news *n, const struct member *m, uint32_t id, const char *code, const char *title)
{
    note_to_one(n, ROOM_ERROR, m);
    struct writer w = news_body_open(n, 512);
    write_u8(&w, 1);
    write_u64(&w, id);
    put_str(&w, code);
    put_str(&w, title);
    news_done(n, &w);
}

void note_closed(struct news *n, const struct member *m, const struct room_expulsion *why)
{
    note_to_one(n, ROOM_CLOSED, m);
    struct writer w = news_body_open(n, 512);
    put_text(&w, span_part(why->reason, 0, 32));
    put_text(&w, span_part(why->title, 0, 256));
    write_u8(&w, why->by != 0);
    if (why->by) write_u64(&w, why->by);
    news_done(n, &w);
}

static void put_member(struct writer *w, const struct member *m)
{
    static const char *const kinds[] = {"browser", "whip", "whep", "native", "machine"};
    write_u64(w, m->number);
    put_text(w, SPAN(m->name, m->name_n));
    put_str(w, m->kind < COUNT_OF(kinds) ? kinds[m->kind] : "native");
    write_u8(w, m->moderator);
    write_u8(w, m->hand);
    write_u64(w, (uint64_t)m->since_ms);
}

static void put_track(struct writer *w, const struct track *t)
{
    write_u64(w, t->number);
    write_u64(w, t->member->number);
    put_str(w, source_name((enum source)t->source));
    put_str(w, t->kind == SDP_AUDIO ? "audio" : "video");
    write_u8(w, t->muted || t->silenced);
    put_str(w, codec_name((enum codec)t->codec.codec));
}

void note_member(struct room *r, struct news *n, unsigned message, const struct member *about)
{
    note_to_all(r, n, message, message == ROOM_MEMBER_JOINED ? about : NULL);
    struct writer w = news_body_open(n, 256);
    put_member(&w, about);
    news_done(n, &w);
}

void note_left(struct room *r, struct news *n, const struct member *m, const char *reason, uint32_t by)
{
    note_to_all(r, n, ROOM_MEMBER_LEFT, m);
    struct writer w = news_body_open(n, 64);
    write_u64(&w, m->number);
    put_str(&w, reason);
    write_u8(&w, by != 0);
    if (by) write_u64(&w, by);
    news_done(n, &w);
}

void note_track(struct room *r, struct news *n, unsigned message, const struct track *t)
{
    note_to_all(r, n, message, NULL);
    struct writer w = news_body_open(n, 128);
    if (message == ROOM_TRACK_OFF)
        write_u64(&w, t->number);
    else
        put_track(&w, t);
    news_done(n, &w);
}

static void put_rights(struct writer *w, uint32_t can)
{
    static const struct {
        uint32_t bit;
        const char *name;
    } rows[] = {{CAN_JOIN, "join"},     {CAN_PUBLISH, "publish"}, {CAN_SUBSCRIBE, "subscribe"},
                {CAN_CHAT, "chat"},     {CAN_SHARE, "share"},     {CAN_MODERATE, "moderate"},
                {CAN_CREATE, "create"}, {CAN_ADMIN, "admin"}};
    uint16_t count = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        count = (uint16_t)(count + ((can & rows[i].bit) != 0));
    write_u16(w, count);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (can & rows[i].bit) put_str(w, rows[i].name);
}

void note_joined(struct room *r, struct news *n, const struct member *m, struct span ice)
{
    note_to_one(n, ROOM_JOINED, m);
    struct writer w = news_body_open(n, NEWS_BODY_MAX);
    write_u64(&w, 0); /* front puts the id of the `join` here */
    write_u64(&w, m->number);
    put_rights(&w, m->can);
    put_text(&w, SPAN(r->name, r->name_n));
    put_str(&w, class_name((enum room_class)r->of_class));
    write_u8(&w, r->locked);
    write_u8(&w, r->recording == ROOM_RECORDED);
    /* WHIP and WHEP clients see no list: a thousand viewers need not get a thousand names each */
    write_u16(&w, (uint16_t)(m->told ? r->members : 0));
    for (const struct member *o = r->first; o && m->told; o = o->next)
        put_member(&w, o);
    write_u16(&w, (uint16_t)(m->told ? r->tracks : 0));
    for (const struct track *t = r->track_first; t && m->told; t = t->next)
        put_track(&w, t);
    if (ice.n)
        write_bytes(&w, ice);
    else
        write_u16(&w, 0);
    news_done(n, &w);
}

static void put_recording(const struct room *r, struct news *n)
{
    static const char *const state[] = {"off", "on", "held"};
    struct writer w = news_body_open(n, 512);
    put_str(&w, state[r->recording]);
    put_str(&w, r->recording_id);
    write_u8(&w, r->recording_required);
    put_str(&w, r->recording_why);
    news_done(n, &w);
}

void note_recording(struct room *r, struct news *n)
{
    note_to_all(r, n, ROOM_RECORDING, NULL);
    put_recording(r, n);
}

void note_recording_to(const struct room *r, struct news *n, const struct member *m)
{
    note_to_one(n, ROOM_RECORDING, m);
    put_recording(r, n);
}
