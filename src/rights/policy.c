/* SPDX-License-Identifier: Apache-2.0 */
#include "rights/policy.h"

#define BIT(v)     (UINT32_C(1) << (v))
#define EVERY_VERB (BIT(VERB_COUNT) - 2)
#define ENTERING   (BIT(VERB_JOIN) | BIT(VERB_GUEST))
#define PUBLIC     (BIT(VERB_POLICY) | BIT(VERB_GUEST) | BIT(VERB_OPENAPI))
#define MODERATING                                                                                           \
    (BIT(VERB_RECORD) | BIT(VERB_UNRECORD) | BIT(VERB_KICK) | BIT(VERB_MUTE) | BIT(VERB_LOCK) |              \
     BIT(VERB_ADMIT) | BIT(VERB_END) | BIT(VERB_BARRED) | BIT(VERB_UNBAR) | BIT(VERB_TOKEN) |                \
     BIT(VERB_MEMBERS))
#define ON_A_MEMBER    (BIT(VERB_KICK) | BIT(VERB_MUTE) | BIT(VERB_ADMIT))
#define ON_A_RECORDING (BIT(VERB_RECORDING) | BIT(VERB_PLAY) | BIT(VERB_SHRED))
#define HOUSEHOLD                                                                                            \
    (BIT(VERB_LIST) | BIT(VERB_AUDIT) | BIT(VERB_EXPLAIN) | BIT(VERB_RECORDINGS) | ON_A_RECORDING)
#define MEETING (CAN_JOIN | CAN_PUBLISH | CAN_SUBSCRIBE | CAN_CHAT | CAN_SHARE)

struct rule {
    struct rule_text text;
    uint32_t verbs;
    bool (*when)(const struct facts *f);
};

static bool always(const struct facts *f)
{
    (void)f;
    return true;
}

/* --- what speaks against it --- */
static bool no_audit(const struct facts *f)
{
    return !f->audit;
}
static bool too_often(const struct facts *f)
{
    return f->who.rate;
}
static bool bad_token(const struct facts *f)
{
    return f->who.bad;
}
static bool expired_token(const struct facts *f)
{
    return f->who.expired;
}
/* In a development server anybody may make rooms, and what comes in plain over loopback may join. */
static bool nobody(const struct facts *f)
{
    if (f->who.token || f->who.operator_) return false;
    if (f->verb == VERB_JOIN && f->dev && f->who.plain_dev) return false;
    return !(f->verb == VERB_CREATE && f->dev);
}
static bool other_room(const struct facts *f)
{
    return f->room.named && f->who.token && !f->who.this_room && !f->who.all_rooms;
}
static bool earlier_room(const struct facts *f)
{
    return f->room.named && f->who.token && f->who.too_old;
}
static bool barred(const struct facts *f)
{
    return f->who.barred && !f->who.operator_;
}
static bool no_room(const struct facts *f)
{
    return (f->room.named || BIT(f->verb) & ENTERING) && !f->room.there;
}
static bool over(const struct facts *f)
{
    return f->room.over;
}
static bool locked(const struct facts *f)
{
    return f->room.locked && !(f->who.token && f->who.can & CAN_MODERATE);
}
static bool full(const struct facts *f)
{
    return f->room.members >= f->room.members_max;
}
static bool wants_token(const struct facts *f)
{
    return f->room.rule != RULE_LINK && f->room.rule != RULE_LOBBY;
}
static bool no_object(const struct facts *f)
{
    return !f->object.there;
}
static bool oneself(const struct facts *f)
{
    return f->object.self;
}
static bool exceeds(const struct facts *f)
{
    return f->object.exceeds && !f->who.operator_;
}
static bool direct(const struct facts *f)
{
    return f->room.of_class == CLASS_DIRECT && f->who.plain_dev;
}
static bool not_governed(const struct facts *f)
{
    return f->room.of_class != CLASS_GOVERNED;
}
static bool governed(const struct facts *f)
{
    return f->room.there && f->room.of_class == CLASS_GOVERNED;
}
static bool never_recorded(const struct facts *f)
{
    return f->room.recording == RECORDING_FORBIDDEN;
}
static bool no_archive(const struct facts *f)
{
    return !f->archive;
}
static bool always_recorded(const struct facts *f)
{
    return f->room.recording == RECORDING_REQUIRED;
}
static bool runs(const struct facts *f)
{
    return f->object.self;
}

/* --- what speaks for it --- */
static bool here_with(const struct facts *f, uint32_t can)
{
    return f->who.token && f->who.this_room && f->room.there && (f->who.can & can) == can;
}
static bool lobby_waits(const struct facts *f)
{
    return here_with(f, CAN_JOIN) && f->room.rule == RULE_LOBBY && !f->who.admitted &&
           !(f->who.can & CAN_MODERATE);
}
static bool operator_(const struct facts *f)
{
    return f->who.operator_;
}
static bool creator(const struct facts *f)
{
    return f->who.token && f->who.can & (CAN_CREATE | CAN_ADMIN);
}
static bool dev_creator(const struct facts *f)
{
    return f->dev && (f->object.of_class == CLASS_GOVERNED || f->object.of_class == CLASS_SEALED);
}
static bool admin_everywhere(const struct facts *f)
{
    return f->who.token && f->who.all_rooms && f->who.can & CAN_ADMIN;
}
static bool admin_here(const struct facts *f)
{
    return f->who.token && (f->who.all_rooms || f->who.this_room) && f->who.can & CAN_ADMIN;
}
static bool joiner(const struct facts *f)
{
    return here_with(f, CAN_JOIN);
}
/* Whoever waits in a lobby is given nothing yet; relays come with the room's answer. */
static bool joiner_inside(const struct facts *f)
{
    return joiner(f) && (f->room.rule != RULE_LOBBY || f->who.admitted || f->who.can & CAN_MODERATE);
}
static bool writer_here(const struct facts *f)
{
    return joiner_inside(f) && here_with(f, CAN_CHAT);
}
static bool plain_dev(const struct facts *f)
{
    return f->dev && f->who.plain_dev && !f->who.token && f->room.there && f->room.of_class == CLASS_GOVERNED;
}
static bool moderator(const struct facts *f)
{
    return here_with(f, CAN_MODERATE);
}
static bool sees_members(const struct facts *f)
{
    return here_with(f, CAN_JOIN) && f->room.rule != RULE_LOBBY;
}
static bool room_there(const struct facts *f)
{
    return f->room.there;
}

#define DENY(n, verbs, when, status, code, reason)                                                           \
    {                                                                                                        \
        {n, false, false, status, code, reason}, verbs, when                                                 \
    }
#define WAIT(n, verbs, when, reason)                                                                         \
    {                                                                                                        \
        {n, false, true, 202, "waiting", reason}, verbs, when                                                \
    }
#define ALLOW(n, verbs, when, reason)                                                                        \
    {                                                                                                        \
        {n, true, false, 200, "", reason}, verbs, when                                                       \
    }

static const struct rule rules[] = {
    DENY(1, EVERY_VERB, no_audit, 503, "unavailable",
         "The audit trail can't be written, so nothing is done."),
    DENY(2, EVERY_VERB, too_often, 429, "too_many", "That was asked too often. Wait a moment and try again."),
    DENY(3, EVERY_VERB, bad_token, 401, "token_invalid",
         "This access token is not valid here. Ask for a new one."),
    DENY(4, EVERY_VERB, expired_token, 401, "token_expired",
         "This access token has expired. Ask for a new one."),
    DENY(5, EVERY_VERB & ~(uint32_t)PUBLIC, nobody, 401, "token_invalid",
         "An access token is needed for this."),
    DENY(6, EVERY_VERB, other_room, 403, "denied", "This access token is for another room."),
    DENY(7, EVERY_VERB, earlier_room, 401, "token_expired",
         "This access token is for an earlier room of this name."),
    DENY(8, EVERY_VERB, barred, 403, "denied", "You were removed from this room."),
    DENY(9, EVERY_VERB & ~BIT(VERB_CREATE), no_room, 404, "no_such_room", "There is no room of this name."),
    DENY(10, ENTERING, over, 403, "room_closed", "This room's time is over."),
    DENY(11, ENTERING, locked, 403, "room_locked", "This room is locked."),
    DENY(12, BIT(VERB_JOIN), full, 503, "room_full", "This room is full."),
    DENY(13, BIT(VERB_GUEST), wants_token, 403, "denied",
         "This room wants a token. Ask whoever invited you."),
    DENY(14, BIT(VERB_JOIN), direct, 403, "denied", "A direct room's media never passes the server."),
    DENY(15, ON_A_MEMBER, no_object, 404, "no_such_member", "Nobody of this number is in the room."),
    DENY(16, BIT(VERB_UNBAR), no_object, 404, "no_such_member", "Nobody of this subject is barred."),
    DENY(17, BIT(VERB_KICK), oneself, 403, "denied", "You can't remove yourself. Leave instead."),
    DENY(18, BIT(VERB_TOKEN), exceeds, 403, "denied", "A token can't grant more than its maker holds."),
    DENY(19, BIT(VERB_RECORD), not_governed, 403, "denied",
         "Only governed rooms can be recorded by the server: in this one it sees nothing to record."),
    DENY(20, BIT(VERB_RECORD), never_recorded, 403, "denied", "This room's policy forbids recording."),
    DENY(21, BIT(VERB_RECORD), no_archive, 503, "unavailable",
         "The archive or its keys are not available, so nothing can be recorded."),
    DENY(22, BIT(VERB_UNRECORD), no_object, 404, "no_such_recording", "This room is not being recorded."),
    DENY(23, BIT(VERB_UNRECORD), always_recorded, 403, "denied",
         "This room has to be recorded. End the meeting instead."),
    DENY(24, ON_A_RECORDING | BIT(VERB_CONSENT), no_object, 404, "no_such_recording",
         "There is no such recording."),
    DENY(25, BIT(VERB_SHRED), runs, 409, "exists", "This recording is still running."),
    DENY(26, BIT(VERB_FILE) | BIT(VERB_FETCH), governed, 403, "denied",
         "This server keeps sealed files only, which it cannot open; this room is governed."),
    WAIT(30, BIT(VERB_JOIN), lobby_waits, "Somebody inside has to let you in."),
    ALLOW(40, EVERY_VERB & ~BIT(VERB_JOIN), operator_, "The operator of this server asks."),
    ALLOW(41, BIT(VERB_CREATE), creator, "The token grants making rooms."),
    ALLOW(42, BIT(VERB_CREATE), dev_creator, "A development server lets anybody make rooms."),
    ALLOW(43, HOUSEHOLD, admin_everywhere, "The token grants administration of this server."),
    ALLOW(44, EVERY_VERB & ~(HOUSEHOLD | ENTERING | BIT(VERB_CREATE)), admin_here,
          "The token grants administration of this room."),
    ALLOW(45, BIT(VERB_JOIN), joiner, "The token names this room."),
    ALLOW(46, BIT(VERB_JOIN), plain_dev, "A development server lets plain local clients in."),
    ALLOW(47, MODERATING, moderator, "The token grants moderating this room."),
    ALLOW(48, BIT(VERB_MEMBERS), sees_members, "The token names this room."),
    ALLOW(49, BIT(VERB_SHOW) | BIT(VERB_CONSENT), joiner, "The token names this room."),
    ALLOW(54, BIT(VERB_RELAY), joiner_inside, "The token opens this room."),
    ALLOW(52, BIT(VERB_FILE), writer_here, "The token grants writing in this room."),
    ALLOW(53, BIT(VERB_FETCH), joiner_inside, "The token names this room."),
    ALLOW(50, BIT(VERB_POLICY) | BIT(VERB_GUEST), room_there, "Anybody with the link may ask this."),
    ALLOW(51, BIT(VERB_OPENAPI), always, "Anybody may read this."),
};
static const struct rule_text by_default = {0, false, false, 403, "denied", "The token does not grant this."};

uint32_t rights_inside(const struct facts *f)
{
    uint32_t can = f->who.token ? f->who.can : f->dev && f->who.plain_dev ? MEETING : 0;
    if (!(can & CAN_MODERATE))
        can &= f->room.open | ~(uint32_t)(CAN_PUBLISH | CAN_SUBSCRIBE | CAN_CHAT | CAN_SHARE);
    return can & (MEETING | CAN_MODERATE);
}

const struct rule_text *rights_decide(const struct facts *f, struct verdict *v)
{
    const struct rule_text *by = &by_default;
    for (unsigned i = 0; i < COUNT_OF(rules); i++) {
        if (f->verb <= VERB_NONE || f->verb >= VERB_COUNT) break;
        if (!(rules[i].verbs & BIT(f->verb)) || !rules[i].when(f)) continue;
        by = &rules[i].text;
        break;
    }
    *v = (struct verdict){.allowed = by->allows, .rule = by->number, .room_class = (uint8_t)f->room.of_class};
    if (by->allows) v->can = f->verb == VERB_JOIN ? rights_inside(f) : f->who.can;
    size_t n = strlen(by->reason);
    memcpy(v->reason, by->reason, n < sizeof v->reason ? n : sizeof v->reason - 1);
    return by;
}

const struct rule_text *rights_rule(unsigned number)
{
    if (number == 0) return &by_default;
    for (unsigned i = 0; i < COUNT_OF(rules); i++)
        if (rules[i].text.number == number) return &rules[i].text;
    return NULL;
}

bool rights_needs_token(enum verb v)
{
    return v > VERB_NONE && v < VERB_COUNT && !(BIT(v) & PUBLIC);
}
