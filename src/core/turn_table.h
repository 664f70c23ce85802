/* SPDX-License-Identifier: Apache-2.0
 * The relay's tables: users, allocations, their permissions and channels, relay sockets, revocations, and the
 * quotas over them. Internal to core/turn*.c. Knows nothing of messages; every number in it is an index into
 * a slab. */
#ifndef CORE_TURN_TABLE_H
#define CORE_TURN_TABLE_H

#include "base/map.h"
#include "base/slab.h"
#include "base/time.h"
#include "core/out.h"
#include "core/turn_auth.h"
#include "wire/turn.h"

#define TURN_PERMISSIONS_EACH 64 /* of one allocation */
#define TURN_CHANNELS_EACH    64
#define TURN_REVOKED_MAX      65536
#define TURN_LOCAL_NONE       UINT16_MAX

struct turn_quota {
    uint32_t allocations, permissions, channels;
    uint64_t bytes_per_s; /* payload relayed, both ways together; 0 = no limit */
};

struct turn_bucket { /* may run one second ahead of its rate */
    uint64_t bytes;
    usec filled;
};

struct turn_perm {
    uint32_t next;
    uint8_t family;
    uint8_t addr[16];
    usec expires;
};

struct turn_chan {
    uint32_t next;
    uint16_t number;
    struct out_dest dest;
    struct path to; /* local = the relay socket */
    usec expires;
};

enum turn_relay_state {
    TURN_RELAY_NONE,
    TURN_RELAY_WANTED,
    TURN_RELAY_ASKED,
    TURN_RELAY_OPEN,
    TURN_RELAY_FAILED
};
struct turn_relay {
    uint8_t state;
    uint8_t family;
    uint16_t local;
    struct turn_addr addr;
};

enum turn_alloc_state { TURN_FREE, TURN_OPENING, TURN_UP };
struct turn_alloc {
    uint32_t next_open; /* the slab writes here when the item is free */
    uint8_t state;
    bool listed; /* in the list of those that want sockets */
    bool even_port;
    uint16_t perm_count, chan_count;
    uint32_t user, perm, chan;
    uint32_t birth;
    struct path client;
    struct out_dest dest;
    usec born, expires;
    uint64_t expiry_s; /* of the credential, which with the user's ID is the whole user name */
    uint32_t lifetime_s;
    uint8_t key[TURN_KEY_BYTES];
    uint8_t id[TURN_ID]; /* of the Allocate request, to know its repetitions */
    struct turn_relay relay[2];
};

struct turn_user {
    uint32_t allocations; /* the slab writes here when the item is free */
    uint32_t permissions, channels;
    uint8_t id[TURN_ID_BYTES];
    struct turn_bucket bucket;
};

struct turn_revoked {
    uint32_t next;
    uint32_t until_s; /* monotonic */
    uint8_t id[TURN_ID_BYTES];
};

struct turn_local { /* a relay socket */
    uint32_t alloc; /* SLAB_NONE when free */
    uint16_t next_closing;
    bool closing;
};

struct turn_table {
    struct turn_quota user_quota, total_quota;
    struct slab alloc, user, perm, chan, revoked;
    struct map by_client, by_user, by_relay, by_revoked;
    struct turn_local *local;
    uint16_t locals;
    uint32_t open_head, open_tail;       /* allocations that want sockets */
    uint16_t closing_head, closing_tail; /* sockets to be closed */
    uint32_t revoked_head, revoked_tail; /* oldest first */
    uint32_t births;
    struct turn_bucket bucket;
};

enum err turn_table_init(struct turn_table *t, const struct turn_quota *user, const struct turn_quota *total,
                         uint16_t locals, const struct rng *rng) MUST_CHECK;
void turn_table_fini(struct turn_table *t);

static inline struct turn_alloc *turn_alloc_at(const struct turn_table *t, uint32_t i)
{
    return slab_at(&t->alloc, i);
}
static inline struct turn_user *turn_user_of(const struct turn_table *t, const struct turn_alloc *a)
{
    return slab_at(&t->user, a->user);
}
/* The allocation of a client, or NULL; one that has expired ends here. */
struct turn_alloc *turn_find(struct turn_table *t, usec now, const struct path *client, uint32_t *index);
/* A new allocation in state TURN_OPENING. ERR_LIMIT over the user's quota, ERR_FULL over the total or a
 * table, ERR_NOMEM. */
enum err turn_alloc_add(struct turn_table *t, usec now, const struct path *client,
                        const uint8_t id[static TURN_ID_BYTES], uint32_t *index) MUST_CHECK;
/* Ends an allocation; its open sockets go to the list of those to be closed. */
void turn_alloc_drop(struct turn_table *t, uint32_t index);
/* Puts an allocation with relays in state TURN_RELAY_WANTED on the list. */
void turn_alloc_list(struct turn_table *t, uint32_t index);
/* The relay of a family that is open, or NULL. */
struct turn_relay *turn_relay_of(struct turn_alloc *a, uint8_t family);
/* Gives a relay its socket. ERR_RANGE, ERR_EXISTS, ERR_NOMEM. */
enum err turn_relay_bind(struct turn_table *t, uint32_t index, struct turn_relay *r, uint16_t local,
                         const struct turn_addr *relayed) MUST_CHECK;
/* Takes the socket of a relay away, to be closed. */
void turn_relay_unbind(struct turn_table *t, struct turn_relay *r);
/* True when one of our relays is open at this address and port. */
bool turn_relay_live(const struct turn_table *t, const struct turn_addr *a);

/* A permission in force for an address, or NULL. The hit moves to the front. */
struct turn_perm *turn_perm_find(struct turn_table *t, usec now, struct turn_alloc *a, uint8_t family,
                                 const uint8_t *addr);
/* How many permissions the list would add, all peers of the list counted once. ERR_FULL when there is no
 * room. */
enum err turn_perm_room(struct turn_table *t, usec now, struct turn_alloc *a, const struct turn_addr *peer,
                        size_t count) MUST_CHECK;
/* Installs or refreshes. ERR_FULL, ERR_NOMEM. */
enum err turn_perm_set(struct turn_table *t, usec now, struct turn_alloc *a, const struct turn_addr *peer,
                       usec expires) MUST_CHECK;
/* A channel in force, by number or by peer, or NULL. The hit moves to the front. */
struct turn_chan *turn_chan_find(struct turn_table *t, usec now, struct turn_alloc *a, uint16_t number);
struct turn_chan *turn_chan_of_peer(struct turn_table *t, usec now, struct turn_alloc *a, uint8_t family,
                                    uint16_t port, const uint8_t *addr);
/* A new channel; the caller knows that neither number nor peer is bound. ERR_FULL, ERR_NOMEM. */
enum err turn_chan_add(struct turn_table *t, usec now, struct turn_alloc *a, uint16_t number,
                       const struct path *to, usec expires) MUST_CHECK;
/* Drops what has expired of an allocation. */
void turn_prune(struct turn_table *t, usec now, struct turn_alloc *a);

/* True when n bytes of the user may be relayed now; they are paid for. */
bool turn_pay(struct turn_table *t, usec now, struct turn_alloc *a, size_t n);

/* Remembers an ID (of a member, or of a room: the rest zero) until then; a later call for the same ID
 * prolongs. */
enum err turn_revoked_add(struct turn_table *t, usec now, const uint8_t id[static TURN_ID_BYTES],
                          usec until) MUST_CHECK;
void turn_revoked_drop(struct turn_table *t, const uint8_t id[static TURN_ID_BYTES]);
/* True when the ID or its room is revoked. */
bool turn_revoked(const struct turn_table *t, usec now, const uint8_t id[static TURN_ID_BYTES]);

#endif
