/* SPDX-License-Identifier: Apache-2.0
 * News: what a room wants said after a call, in order. A note is one room message (wire/room_messages.h) with
 * the sessions it goes to; an event tells the engine about a member (register its peer, forget it). The
 * engine drains both after each call into the room (notes become IPC_TO_CLIENTS) and then calls news_clear.
 * Owns its memory, grows up to NEWS_BYTES_MAX. What does not fit is counted in `lost`: clients would then
 * know less than the room, so the engine answers lost > 0 with `restart` to every session of the room. */
#ifndef ROOM_NEWS_H
#define ROOM_NEWS_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "base/write.h"

#define NEWS_BYTES_MAX (8u * 1024 * 1024)
#define NEWS_ITEMS_MAX 16384
#define NEWS_BODY_MAX  (360u * 1024) /* one message between roles carries little more */

enum news_kind {
    NEWS_NOTE,     /* message, sessions, body */
    NEWS_ENVELOPE, /* sessions, body: opaque bytes (room/delivery.h) */
    NEWS_OPENED,   /* the member's peer has credentials: register its ufrag */
    NEWS_GONE, /* the member left: forget every pointer to it and its peer; its memory goes with room_reap */
};

struct member;
struct news_item {
    uint8_t kind;    /* enum news_kind */
    uint8_t message; /* NEWS_NOTE: enum room_message */
    uint32_t number; /* NEWS_OPENED, NEWS_GONE: the member's number */
    uint64_t session;
    struct member *member;
    uint32_t sessions_at,
        sessions_n; /* NEWS_NOTE: bytes; u64 each, big-endian, as IPC_TO_CLIENTS wants them */
    uint32_t body_at, body_n;
    char reason[16]; /* NEWS_GONE: `left`, `lost`, `kicked`, … */
};

struct news {
    struct news_item *item;
    uint32_t count, size;
    struct buf bytes;
    struct news_item open; /* the note being written */
    bool failed;           /* it does not fit */
    uint64_t lost;
};

/* Takes no memory yet. */
void news_init(struct news *n);
void news_fini(struct news *n);
/* Forgets everything said; keeps the memory for the next time. */
void news_clear(struct news *n);
/* Borrowed until the next call on n. */
static inline struct span news_sessions(const struct news *n, const struct news_item *i)
{
    return SPAN(n->bytes.p + i->sessions_at, i->sessions_n);
}
static inline struct span news_body(const struct news *n, const struct news_item *i)
{
    return SPAN(n->bytes.p + i->body_at, i->body_n);
}

/* A note is written in this order: news_note, news_to for each session, news_body_open, the writer's calls,
 * news_done. A note for nobody falls silently; one that does not fit falls whole and counts as lost. */
void news_note(struct news *n, unsigned message);
/* The same for an envelope of a sealed room: its bytes are the body. */
void news_envelope(struct news *n);
void news_to(struct news *n, uint64_t session);
/* A writer for at most `most` bytes of body. */
struct writer news_body_open(struct news *n, size_t most);
void news_done(struct news *n, const struct writer *body);
/* An event about a member. */
void news_event(struct news *n, const struct news_item *event);

#endif
