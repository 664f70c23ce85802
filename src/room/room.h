/* SPDX-License-Identifier: Apache-2.0
 * A room: its members, their tracks and who receives what. An engine runs many; each is alone (no locks, no
 * clock). Owns its members with their peers, the tracks with their packet caches. Never decides who may do
 * what: a member comes in with a verdict (rights/verdict.h) and what it may do is read from there; names,
 * subjects and rights are never taken from a message. Bodies of messages are in shape binary form and are
 * checked again here. Every call may add to `out` (datagrams) and to `news` (messages to clients, events for
 * the engine); the engine drains the news after each call and then calls room_reap. docs/protocol.md; RFC
 * 8829 (the answers), 8834, 4585, 9725; transport-wide feedback as browsers do it. */
#ifndef ROOM_ROOM_H
#define ROOM_ROOM_H

#include "base/err.h"
#include "base/rng.h"
#include "base/span.h"
#include "base/time.h"
#include "core/out.h"
#include "rights/verdict.h"
#include "room/news.h"
#include "wire/room_messages.h"

#define ROOM_TRACKS_MAX    2000 /* a room */
#define MEMBER_TRACKS_MAX  8    /* a member */
#define MEMBER_SLOTS_MAX   ROOM_SLOTS_MAX
#define ROOM_ADDRESSES_MAX 8 /* of our media socket, in answers */

struct peer;
struct peer_conf;
struct peer_in;
struct member;
struct room;
struct sfu_tap;

/* How a member came in; the same numbers as enum entry between the roles. */
enum member_kind { MEMBER_BROWSER, MEMBER_WHIP, MEMBER_WHEP, MEMBER_NATIVE, MEMBER_MACHINE };

enum source {
    SOURCE_NONE,
    SOURCE_MICROPHONE,
    SOURCE_CAMERA,
    SOURCE_SCREEN,
    SOURCE_SCREEN_AUDIO,
    SOURCE_COUNT
};
/* "microphone", …; SOURCE_NONE for anything else. */
enum source source_by_name(struct span name);
const char *source_name(enum source s);

struct room_address { /* one of our media addresses, as text and port, for `candidate` lines */
    char ip[46];
    uint16_t port;
    bool udp, tcp;
};

struct room_scratch; /* big tables for one offer at a time */

/* What all rooms of an engine share; borrowed for the life of each room. */
struct room_conf {
    struct rng rng;
    const struct peer_conf *peer; /* certificate, fingerprint, limits of transports */
    struct room_scratch *scratch; /* room_scratch_new; one an engine */
    struct room_address address[ROOM_ADDRESSES_MAX];
    uint8_t address_count;
    uint16_t members_max;   /* of one room; 0 = ROOM_MEMBERS_MAX */
    int64_t wall_offset_ms; /* wall clock = now / 1000 + this; the engine refreshes it */
};

/* NULL without memory. */
struct room_scratch *room_scratch_new(void) MUST_CHECK;
void room_scratch_free(struct room_scratch *s);

struct room_counters { /* since the room began; they only count up */
    uint64_t packets_in, packets_out, bytes_in, bytes_out;
    uint64_t refused_ssrc, refused_pt, late, muted;
    uint64_t nacks_in, resent, resend_refused, nacks_out, plis_in, plis_out, rtcp_bad, padding_out;
    uint64_t messages_limited, offers_refused;
};

/* An empty room; keeps a copy of name (at most 64 bytes). ERR_NOMEM, ERR_RANGE. */
enum err room_new(const struct room_conf *conf, struct span name, enum room_class of_class, usec now,
                  struct room **room) MUST_CHECK;
/* Ends it without news: members, peers and tracks go. NULL is fine. */
void room_free(struct room *r);

struct room_entrant { /* who comes in, besides what the verdict says */
    uint64_t session; /* of the client, from front */
    uint32_t number;  /* of the member, from the keeper, never reused in a meeting, not 0 */
    uint8_t kind;     /* enum member_kind */
    struct span ice;  /* relays it may use, as `joined` lists them with their count first; or empty: none */
};
/* Lets somebody in: the only way to become a member. Keeps a copy of what it needs of the verdict. News:
 * `joined` to it (with id 0, which front replaces), `member_joined` to the others. ERR_DENIED when the
 * verdict says no or names another room or class; ERR_EXISTS for a number or session that is there; ERR_FULL;
 * ERR_NOMEM; on failure nothing changed. */
enum err room_admit(struct room *r, const struct verdict *verdict, const struct room_entrant *who, usec now,
                    struct news *news, struct member **member) MUST_CHECK;
/* A message of a member: ROOM_OFFER, TRACK, VIEW, CHAT, HAND, REACT, LEAVE; others are answered with `error`.
 * What is wrong is answered to the member and changes nothing. */
void room_message(struct room *r, struct member *m, usec now, unsigned message, struct span body,
                  struct out *out, struct news *news);
/* What the member's peer took out of a datagram (core/peer.h): an RTP or RTCP packet, or a change of state.
 */
void room_input(struct room *r, struct member *m, usec now, struct peer_in *in, struct out *out,
                struct news *news);
/* The client's session is closed (its socket, or DELETE): the member leaves with this reason (`left`,
 * `lost`). */
void room_gone(struct room *r, struct member *m, usec now, const char *reason, struct out *out,
               struct news *news);

struct room_expulsion {
    struct span reason, title; /* of the `closed` message */
    uint32_t by;               /* member, 0 nobody */
};
/* Ends a member's stay at once: `closed` to it, `member_left` to the others; no packet goes to or from it any
 * more. */
void room_expel(struct room *r, struct member *m, usec now, const struct room_expulsion *why, struct out *out,
                struct news *news);

/* Whether the meeting is recorded. Held: it has to be and can't be now, so no media flows. */
enum room_recording { ROOM_NOT_RECORDED, ROOM_RECORDED, ROOM_HELD };

struct room_setting { /* what the keeper decided for the room */
    uint8_t
        what; /* ROOM_LOCK (flag), ROOM_END, ROOM_MUTE_MEMBER (member, source), ROOM_RECORDING (state, flag:
                     required, recording, why), ROOM_CONSENT (member, flag) */
    bool flag;
    uint32_t by, member;
    struct span source; /* enum source by name */
    uint8_t state;      /* enum room_recording */
    struct span recording, why;
};
/* ERR_UNKNOWN for a member or source that is not there. */
enum err room_set(struct room *r, usec now, const struct room_setting *s, struct out *out,
                  struct news *news) MUST_CHECK;

/* Feedback, reports, key frame requests, levels, time-outs; due at room_wake. */
void room_tick(struct room *r, usec now, struct out *out, struct news *news);
usec room_wake(const struct room *r);
/* In a sealed room m can open frames from now on; before, it gets none. Publishers are asked for a key frame
 * REFRESH_US from now, limited as all such requests are: they have just heard of m too, and one that is sealed under
 * the epoch before m could not open. */
#define REFRESH_US (100 * USEC_MS)
void room_sees(struct member *m, usec now);
/* Frees the members that went; call when the news of their going is drained. */
void room_reap(struct room *r);

/* Who is there. NULL at the end or when there is no such member. */
struct member *room_member_first(const struct room *r);
struct member *room_member_next(const struct member *m);
struct member *room_member_by_session(const struct room *r, uint64_t session);
struct member *room_member_by_number(const struct room *r, uint32_t number);
uint32_t room_member_count(const struct room *r);
struct span room_name(const struct room *r); /* borrowed */
const struct room_counters *room_counters(const struct room *r);
struct room_paths {       /* what the members' paths bear, now */
    uint64_t limited_bps; /* the sum of the estimates of those that showed a limit */
    uint32_t limited;     /* how many did */
    uint32_t held_slots;  /* slots that get a lower layer than they are shown in, or nothing */
};
/* Adds this room's. */
void room_add_paths(const struct room *r, struct room_paths *sum);

/* A member's transport, NULL before its first accepted offer; the engine gives it datagrams (peer_receive).
 */
struct peer *member_peer(struct member *m);
struct room *member_room(const struct member *m);
uint64_t member_session(const struct member *m);
uint32_t member_number(const struct member *m);

/* Recording's hook (room/sfu.h): tap gets every packet of every track of the room from now on; NULL takes it
 * away. Borrowed until then. */
void room_tap(struct room *r, const struct sfu_tap *tap);

#endif
