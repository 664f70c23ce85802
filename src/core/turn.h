/* SPDX-License-Identifier: Apache-2.0
 * The relay: allocations with short-lived credentials, permissions, channels, quotas, revocation. RFC 8656
 * over RFC 8489; RFC 6062 and port reservations are refused. Before a request carries valid integrity
 * nothing is kept and no memory is taken, and answers stay within core/turn_guard.h. Peers are judged by
 * core/peeraddr.h. Owns its tables, not sockets: it asks for relay sockets by events, is told their numbers,
 * and names them in the `local` of paths. All memory grows in slabs up to the quotas in total; full tables
 * are answered 486 or 508. */
#ifndef CORE_TURN_H
#define CORE_TURN_H

#include "core/peeraddr.h"
#include "core/turn_auth.h"
#include "core/turn_guard.h"
#include "core/turn_table.h"
#include "wire/turn.h"

#define TURN_LIFETIME_S     600  /* unless a client asks for more, */
#define TURN_LIFETIME_MAX_S 3600 /* at most this */
#define TURN_PERMISSION_S   300
#define TURN_CHANNEL_S      600
#define TURN_OPENING_S      10    /* for the caller to open the relay sockets */
#define TURN_CREDENTIAL_S   86400 /* a credential that ends later than this from now is refused, */
#define TURN_AGE_S          86400 /* and an allocation ends at this age: so long must a revocation be remembered */

struct turn_conf {
    const struct crypto *crypto; /* borrowed for the life of the core */
    struct rng rng;
    struct turn_quota user, total; /* what each user may hold, and all together; all numbers at least 1 */
    uint16_t locals;               /* numbers of relay sockets are below this */
    bool relay4, relay6;           /* families that relays are offered in */
};

struct turn_counts {
    uint64_t malformed, challenged, denied_credential, revoked, stale_nonce;
    uint64_t allocated, refused_quota, refused_peer, refused_capacity;
    uint64_t to_peer, to_peer_bytes, to_client, to_client_bytes;       /* relayed */
    uint64_t no_channel, no_permission, too_big, over_rate, tray_full; /* and why not */
};

enum turn_event_kind {
    TURN_OPEN_RELAY,  /* open a UDP socket of `family`, then turn_relay_opened or turn_relay_failed with
                         `ticket` */
    TURN_CLOSE_RELAY, /* close the socket `local`; its number may be used again from now on */
};
struct turn_event {
    enum turn_event_kind kind;
    uint64_t ticket;
    uint8_t family;
    bool even; /* an even port is wanted */
    uint16_t local;
};

struct turn {
    struct turn_conf conf;
    struct peeraddr peers; /* the caller fills it: core/peeraddr.h */
    struct turn_auth auth; /* the caller sets its secret: turn_auth_secret */
    struct turn_guard guard;
    struct turn_table table;
    struct turn_counts counts;
    bool wall_known;
    int64_t wall_ms; /* wall time of */
    usec wall_at;    /* this moment */
    usec sweep_at;
    uint32_t sweep_phase;
};

/* ERR_NOMEM, ERR_IO (randomness). On failure nothing is held. */
enum err turn_init(struct turn *t, const struct turn_conf *conf, usec now) MUST_CHECK;
void turn_fini(struct turn *t);
/* What the wall clock shows now; until the first call no credential is good. */
void turn_wall(struct turn *t, usec now, struct wall wall);
/* A datagram, or a frame of a stream (turn_frame), from a client. Borrows pkt. Answers and what is relayed go
 * to the tray. Errors say why it was dropped and need no action: counters have them. */
enum err turn_receive(struct turn *t, usec now, const struct path *from, struct span pkt,
                      struct out *out) MUST_CHECK;
/* A datagram for the relay socket from->local. */
enum err turn_relay_receive(struct turn *t, usec now, const struct path *from, struct span pkt,
                            struct out *out) MUST_CHECK;
/* Next thing the caller must do; to be asked after every call. False when there is none. */
bool turn_next_event(struct turn *t, struct turn_event *e);
/* The socket for a ticket is open as number `local`; peers reach it at `relayed`. ERR_UNKNOWN when the
 * allocation is gone, ERR_RANGE, ERR_EXISTS, ERR_NOMEM: then the caller closes the socket (the client has its
 * answer). */
enum err turn_relay_opened(struct turn *t, usec now, const struct turn_event *e,
                           const struct turn_addr *relayed, struct out *out) MUST_CHECK;
/* No socket could be had for a ticket. */
void turn_relay_failed(struct turn *t, usec now, const struct turn_event *e, struct out *out);
/* The client's connection is closed: its allocation ends. */
void turn_closed(struct turn *t, const struct path *from);
/* True when an allocation belongs to the path: else an idle connection may be closed. */
bool turn_knows(const struct turn *t, const struct path *from);
/* Ends all allocations of a member of a room, or with an empty handle of the whole room, at once, and refuses
 * its credentials for as long as any can be good. ERR_FULL or ERR_NOMEM: it could not be remembered: change
 * the secret. */
enum err turn_revoke(struct turn *t, usec now, struct span room, struct span handle) MUST_CHECK;
/* Takes a revocation back: the member is admitted anew, the room opened again. */
void turn_restore(struct turn *t, struct span room, struct span handle);
void turn_tick(struct turn *t, usec now);
usec turn_wake(const struct turn *t);

#endif
