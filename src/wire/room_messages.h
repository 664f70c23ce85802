/* SPDX-License-Identifier: Apache-2.0
 * The room protocol `incamera.v1` as a table: one row a message (docs/protocol.md says what each means; a test holds
 * the two against each other). Who may send it, its largest size in bytes as JSON, its fields, and who in the house
 * acts on it. Numbers are the wire form between roles and never change meaning; add at the end. */
#ifndef WIRE_ROOM_MESSAGES_H
#define WIRE_ROOM_MESSAGES_H

#include "wire/shape.h"

enum room_message {
    /* from a client */
    ROOM_JOIN = 1, /* front asks the keeper */
    ROOM_OFFER,    /* engine */
    ROOM_TRACK,    /* engine */
    ROOM_VIEW,     /* engine */
    ROOM_CHAT,     /* engine (governed) */
    ROOM_HAND,     /* engine */
    ROOM_REACT,    /* engine */
    ROOM_LEAVE,    /* engine */
    ROOM_PING,     /* front */
    ROOM_KICK,     /* keeper decides, then the engine acts; so the next six */
    ROOM_MUTE_MEMBER,
    ROOM_LOCK,
    ROOM_ADMIT,
    ROOM_END,
    ROOM_CONSENT, /* keeper */
    ROOM_CLIENT_LAST = 31,
    /* from the server */
    ROOM_JOINED = 32,
    ROOM_OK,
    ROOM_ERROR,
    ROOM_ANSWER,
    ROOM_COUNTER_OFFER, /* to WHEP alone, which front turns into a 406 */
    ROOM_MEMBER_JOINED,
    ROOM_MEMBER_CHANGED,
    ROOM_MEMBER_LEFT,
    ROOM_TRACK_ON,
    ROOM_TRACK_CHANGED,
    ROOM_TRACK_OFF,
    ROOM_SLOTS,
    ROOM_CHAT_SAID,
    ROOM_REACTED,
    ROOM_SPEAKING,
    ROOM_ASKED,
    ROOM_LOCKED,
    ROOM_WAITING,
    ROOM_KNOCKS,
    ROOM_RESTART,
    ROOM_CLOSED,
    ROOM_PONG,
    ROOM_RECORDING,
    ROOM_MESSAGE_COUNT
};

enum room_actor { ACTOR_NONE, ACTOR_FRONT, ACTOR_KEEPER, ACTOR_ENGINE };

struct room_row {
    const char *type;      /* the JSON member "type" */
    enum room_actor actor; /* who acts on it; ACTOR_NONE: sent by the server */
    uint32_t max_bytes;    /* as JSON text */
    struct shape shape;    /* the JSON members besides "type", in binary order */
};

#define ROOM_SDP_MAX     (256 * 1024)
#define ROOM_TEXT_MAX    4096 /* bytes of one chat message */
#define ROOM_CONSENT_MAX 800  /* bytes of the sentence somebody agreed to */
#define ROOM_NAME_MAX    128  /* bytes of a display name */
#define ROOM_TOKEN_MAX   4096
#define ROOM_SLOTS_MAX   128
#define ROOM_MEMBERS_MAX 2000

/* The row of m, or NULL when there is none. */
const struct room_row *room_row(unsigned m);
/* The number of a client's message by its type, 0 when there is none. */
unsigned room_message_by_type(struct span type);

#endif
