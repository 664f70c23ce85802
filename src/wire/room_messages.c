/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/room_messages.h"

#define SHAPE_OF(fields)                                                                                     \
    {                                                                                                        \
        fields, (uint8_t)COUNT_OF(fields)                                                                    \
    }
#define UINT(n, m)                                                                                           \
    {                                                                                                        \
        .name = n, .kind = FIELD_UINT, .max = m                                                              \
    }
#define BOOL(n)                                                                                              \
    {                                                                                                        \
        .name = n, .kind = FIELD_BOOL                                                                        \
    }
#define TEXT(n, m)                                                                                           \
    {                                                                                                        \
        .name = n, .kind = FIELD_TEXT, .max = m                                                              \
    }
#define TEXTS(n, c, m)                                                                                       \
    {                                                                                                        \
        .name = n, .kind = FIELD_LIST_TEXT, .max = c, .item_max = m                                          \
    }
#define LIST(n, c, s)                                                                                        \
    {                                                                                                        \
        .name = n, .kind = FIELD_LIST, .max = c, .shape = &(s)                                               \
    }
#define OBJECT(n, s)                                                                                         \
    {                                                                                                        \
        .name = n, .kind = FIELD_OBJECT, .shape = &(s)                                                       \
    }
#define MAYBE_UINT(n, m)                                                                                     \
    {                                                                                                        \
        .name = n, .kind = FIELD_UINT, .optional = true, .max = m                                            \
    }
#define MAYBE_TEXT(n, m)                                                                                     \
    {                                                                                                        \
        .name = n, .kind = FIELD_TEXT, .optional = true, .max = m                                            \
    }
#define ID       UINT("id", UINT32_MAX)
#define MAYBE_ID MAYBE_UINT("id", UINT32_MAX)

/* nested shapes */
static const struct field send_fields[] = {TEXT("mid", 16), TEXT("source", 16)};
static const struct shape send_shape = SHAPE_OF(send_fields);
static const struct field show_fields[] = {UINT("track", UINT32_MAX), UINT("width", 16384),
                                           UINT("height", 16384)};
static const struct shape show_shape = SHAPE_OF(show_fields);
static const struct field member_fields[] = {
    UINT("member", UINT32_MAX),
    TEXT("name", ROOM_NAME_MAX),
    TEXT("kind", 16),
    BOOL("moderator"),
    BOOL("hand"),
    UINT("since", 0),
};
static const struct shape member_shape = SHAPE_OF(member_fields);
static const struct field track_fields[] = {
    UINT("track", UINT32_MAX), UINT("member", UINT32_MAX), TEXT("source", 16), TEXT("kind", 8), BOOL("muted"),
    TEXT("codec", 16),
};
static const struct shape track_shape = SHAPE_OF(track_fields);
static const struct field slot_fields[] = {TEXT("mid", 16), MAYBE_UINT("track", UINT32_MAX)};
static const struct shape slot_shape = SHAPE_OF(slot_fields);
static const struct field level_fields[] = {UINT("member", UINT32_MAX), UINT("level", 127)};
static const struct shape level_shape = SHAPE_OF(level_fields);
static const struct field knock_fields[] = {UINT("knock", UINT32_MAX), TEXT("name", ROOM_NAME_MAX)};
static const struct shape knock_shape = SHAPE_OF(knock_fields);
static const struct field ice_fields[] = {TEXTS("urls", 8, 256), TEXT("username", 256),
                                          TEXT("credential", 256)};
static const struct shape ice_shape = SHAPE_OF(ice_fields);
static const struct field room_fields[] = {TEXT("name", 64), TEXT("class", 16), BOOL("locked"),
                                           BOOL("recording")};
static const struct shape room_shape = SHAPE_OF(room_fields);

/* from a client */
static const struct field join[] = {ID, TEXT("token", ROOM_TOKEN_MAX), TEXT("room", 64)};
static const struct field offer[] = {ID, TEXT("sdp", ROOM_SDP_MAX), LIST("send", 8, send_shape)};
static const struct field track[] = {ID, TEXT("source", 16), BOOL("on"), BOOL("muted")};
static const struct field view[] = {ID, LIST("show", ROOM_SLOTS_MAX, show_shape)};
static const struct field chat[] = {ID, TEXT("text", ROOM_TEXT_MAX)};
static const struct field hand[] = {ID, BOOL("up")};
static const struct field react[] = {ID, TEXT("emoji", 32)};
static const struct field only_id[] = {ID};
static const struct field kick[] = {ID, UINT("member", UINT32_MAX)};
static const struct field mute_member[] = {ID, UINT("member", UINT32_MAX), TEXT("source", 16)};
static const struct field lock[] = {ID, BOOL("locked")};
static const struct field admit[] = {ID, UINT("knock", UINT32_MAX), BOOL("admit")};
static const struct field consent[] = {
    ID,
    TEXT("recording", 32),
    BOOL("agreed"),
    UINT("at", 0),
    TEXT("policy", 64),
    TEXT("text", ROOM_CONSENT_MAX),
    TEXT("key", 96),
    TEXT("signature", 96),
};

/* from the server */
static const struct field joined[] = {
    ID,
    UINT("member", UINT32_MAX),
    TEXTS("can", 32, 32),
    OBJECT("room", room_shape),
    LIST("members", ROOM_MEMBERS_MAX, member_shape),
    LIST("tracks", ROOM_MEMBERS_MAX * 4, track_shape),
    LIST("ice", 8, ice_shape),
};
static const struct field error[] = {MAYBE_ID, TEXT("code", 32), TEXT("title", 256)};
static const struct field answer[] = {ID, TEXT("sdp", ROOM_SDP_MAX)};
static const struct field member_one[] = {OBJECT("member", member_shape)};
static const struct field member_left[] = {UINT("member", UINT32_MAX), TEXT("reason", 32),
                                           MAYBE_UINT("by", UINT32_MAX)};
static const struct field track_one[] = {OBJECT("track", track_shape)};
static const struct field track_off[] = {UINT("track", UINT32_MAX)};
static const struct field slots[] = {LIST("slots", ROOM_SLOTS_MAX, slot_shape)};
static const struct field chat_said[] = {UINT("member", UINT32_MAX), TEXT("text", ROOM_TEXT_MAX),
                                         UINT("at", 0), UINT("seq", 0)};
static const struct field reacted[] = {UINT("member", UINT32_MAX), TEXT("emoji", 32)};
static const struct field speaking[] = {LIST("levels", 16, level_shape)};
static const struct field asked[] = {TEXT("what", 16), TEXT("source", 16), UINT("by", UINT32_MAX)};
static const struct field locked[] = {BOOL("locked"), UINT("by", UINT32_MAX)};
static const struct field knocks[] = {LIST("knocks", 256, knock_shape)};
static const struct field restart[] = {TEXT("reason", 32)};
static const struct field closed[] = {TEXT("reason", 32), TEXT("title", 256), MAYBE_UINT("by", UINT32_MAX)};

static const struct field recording[] = {TEXT("state", 8), TEXT("recording", 32), BOOL("required"),
                                         TEXT("why", 256)};

#define ROW(number, name, who, bytes, fields) [number] = {name, who, bytes, SHAPE_OF(fields)}

static const struct room_row rows[ROOM_MESSAGE_COUNT] = {
    ROW(ROOM_JOIN, "join", ACTOR_KEEPER, 8192, join),
    ROW(ROOM_OFFER, "offer", ACTOR_ENGINE, 2 * ROOM_SDP_MAX, offer),
    ROW(ROOM_TRACK, "track", ACTOR_ENGINE, 512, track),
    ROW(ROOM_VIEW, "view", ACTOR_ENGINE, 16384, view),
    ROW(ROOM_CHAT, "chat", ACTOR_ENGINE, 6 * ROOM_TEXT_MAX + 256, chat),
    ROW(ROOM_HAND, "hand", ACTOR_ENGINE, 256, hand),
    ROW(ROOM_REACT, "react", ACTOR_ENGINE, 512, react),
    ROW(ROOM_LEAVE, "leave", ACTOR_ENGINE, 256, only_id),
    ROW(ROOM_PING, "ping", ACTOR_FRONT, 256, only_id),
    ROW(ROOM_KICK, "kick", ACTOR_KEEPER, 256, kick),
    ROW(ROOM_MUTE_MEMBER, "mute_member", ACTOR_KEEPER, 512, mute_member),
    ROW(ROOM_LOCK, "lock", ACTOR_KEEPER, 256, lock),
    ROW(ROOM_ADMIT, "admit", ACTOR_KEEPER, 256, admit),
    ROW(ROOM_END, "end", ACTOR_KEEPER, 256, only_id),
    ROW(ROOM_CONSENT, "consent", ACTOR_KEEPER, 6 * ROOM_CONSENT_MAX + 512, consent),
    ROW(ROOM_JOINED, "joined", ACTOR_NONE, 0, joined),
    ROW(ROOM_OK, "ok", ACTOR_NONE, 0, only_id),
    ROW(ROOM_ERROR, "error", ACTOR_NONE, 0, error),
    ROW(ROOM_ANSWER, "answer", ACTOR_NONE, 0, answer),
    ROW(ROOM_COUNTER_OFFER, "counter_offer", ACTOR_NONE, 0, answer),
    ROW(ROOM_MEMBER_JOINED, "member_joined", ACTOR_NONE, 0, member_one),
    ROW(ROOM_MEMBER_CHANGED, "member_changed", ACTOR_NONE, 0, member_one),
    ROW(ROOM_MEMBER_LEFT, "member_left", ACTOR_NONE, 0, member_left),
    ROW(ROOM_TRACK_ON, "track_on", ACTOR_NONE, 0, track_one),
    ROW(ROOM_TRACK_CHANGED, "track_changed", ACTOR_NONE, 0, track_one),
    ROW(ROOM_TRACK_OFF, "track_off", ACTOR_NONE, 0, track_off),
    ROW(ROOM_SLOTS, "slots", ACTOR_NONE, 0, slots),
    ROW(ROOM_CHAT_SAID, "said", ACTOR_NONE, 0, chat_said),
    ROW(ROOM_REACTED, "reacted", ACTOR_NONE, 0, reacted),
    ROW(ROOM_SPEAKING, "speaking", ACTOR_NONE, 0, speaking),
    ROW(ROOM_ASKED, "asked", ACTOR_NONE, 0, asked),
    ROW(ROOM_LOCKED, "locked", ACTOR_NONE, 0, locked),
    ROW(ROOM_WAITING, "waiting", ACTOR_NONE, 0, only_id),
    ROW(ROOM_KNOCKS, "knocks", ACTOR_NONE, 0, knocks),
    ROW(ROOM_RESTART, "restart", ACTOR_NONE, 0, restart),
    ROW(ROOM_CLOSED, "closed", ACTOR_NONE, 0, closed),
    ROW(ROOM_PONG, "pong", ACTOR_NONE, 0, only_id),
    ROW(ROOM_RECORDING, "recording", ACTOR_NONE, 0, recording),
};

const struct room_row *room_row(unsigned m)
{
    return m < ROOM_MESSAGE_COUNT && rows[m].type ? &rows[m] : NULL;
}

unsigned room_message_by_type(struct span type)
{
    for (unsigned m = ROOM_JOIN; m < ROOM_CLIENT_LAST; m++)
        if (rows[m].type && span_equal(type, span_str(rows[m].type))) return m;
    return 0;
}
