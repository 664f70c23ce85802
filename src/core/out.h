/* SPDX-License-Identifier: Apache-2.0
 * The tray: datagrams that a core wants sent, grouped by destination from the first day so that io/udp can hand the
 * kernel one segmented send per destination (UDP_SEGMENT). Owned by the loop, flushed once a send turn.
 * A destination is a path; its owner keeps a struct out_dest, through which the tray finds the group of this turn
 * without a search. Never allocates after init. When full, out_reserve answers NULL, the packet counts as dropped
 * and the loop flushes before the next batch. */
#ifndef CORE_OUT_H
#define CORE_OUT_H

#include "base/err.h"
#include "base/span.h"
#include "base/time.h"

enum path_kind { PATH_UDP, PATH_TCP };

struct path {       /* local and remote address of a 5-tuple; compared whole, so all padding bytes are 0 */
    uint8_t kind;   /* enum path_kind */
    uint8_t family; /* 4 or 6 */
    uint16_t local; /* which of our sockets (index), for PATH_TCP the listener */
    uint16_t port;  /* remote, host order */
    uint16_t pad;
    uint32_t conn;    /* PATH_TCP: the connection's number, never reused within 2^32; 0 for UDP */
    uint8_t addr[16]; /* remote; IPv4 in the first four bytes, the rest 0 */
};
static inline bool path_equal(const struct path *a, const struct path *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

#define OUT_PKT_MAX 1500 /* bytes of one datagram */

struct out_dest { /* kept by the owner of a path; zeroed at birth and when the path changes */
    uint32_t turn;
    uint16_t group;
};

struct out_pkt {
    uint32_t at; /* offset in the arena */
    uint16_t n;
    uint16_t next; /* next of the same group, OUT_NONE at the end */
};
struct out_group {
    struct path to;
    uint16_t head, tail, count;
    uint32_t bytes;
};
#define OUT_NONE UINT16_MAX

struct out {
    uint8_t *arena;
    size_t arena_n, arena_cap;
    struct out_pkt *pkt;
    uint16_t pkt_n, pkt_cap;
    struct out_group *group;
    uint16_t group_n, group_cap;
    uint32_t turn;
    uint64_t dropped;    /* packets refused because the tray was full */
    struct path open_to; /* of the reserved, not yet committed packet */
    struct out_dest *open_dest;
};

/* Takes memory for pkt_cap datagrams (at most OUT_NONE - 1). ERR_NOMEM. */
enum err out_init(struct out *o, uint16_t pkt_cap) MUST_CHECK;
void out_fini(struct out *o);
/* Room for one datagram of at most OUT_PKT_MAX bytes to `to`, or NULL when the tray is full. `dest` may be NULL for
 * a path that nobody keeps (an answer to a stranger). Only one reservation at a time. */
uint8_t *out_reserve(struct out *o, const struct path *to, struct out_dest *dest);
/* The reserved datagram is n bytes long and goes out with the next flush; n == 0 gives the reservation back. */
void out_commit(struct out *o, size_t n);
/* out_reserve, copy, out_commit. ERR_FULL, ERR_RANGE over OUT_PKT_MAX. */
enum err out_add(struct out *o, const struct path *to, struct out_dest *dest, struct span pkt);
/* Forgets everything in the tray and starts the next turn. */
void out_clear(struct out *o);
/* True when fewer than n datagrams still fit. */
static inline bool out_tight(const struct out *o, uint16_t n)
{
    return o->pkt_cap - o->pkt_n < n || o->group_cap - o->group_n < 2;
}

#endif
