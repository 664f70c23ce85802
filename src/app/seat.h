/* SPDX-License-Identifier: Apache-2.0
 * A role's seat in its own process: the link to the parent, the links to neighbours, what the parent handed
 * over, the loop. Each role is a struct role_work; seat_run is its process from start to end: receive the
 * configuration, the channels and the sockets, start the work, drop all powers (io/sandbox), say IPC_READY,
 * serve, drain, end. A message reaches the work only if the table has it for this pair of roles. Neighbours
 * may die and be replaced: `lost` tells, `met` tells again. Nothing a role needs from the file system may be
 * opened after `start`. */
#ifndef APP_SEAT_H
#define APP_SEAT_H

#include "app/ipc_table.h"
#include "base/err.h"
#include "base/span.h"
#include "base/write.h"
#include "io/loop.h"

#define SEAT_ENGINES_MAX 64
#define SEAT_SOCKETS_MAX 160
#define SEAT_STATS_MAX   65536
#define ROLE_FD          3 /* where the link to the parent is when a role starts */

/* What an inherited socket is for: IPC_SOCKET's `use`. */
enum socket_use {
    SOCKET_HTTPS = 1, /* listener: TLS */
    SOCKET_PLAIN,     /* listener: plain HTTP, --dev only */
    SOCKET_MEDIA_UDP, /* text: the address to announce, empty = the bound one */
    SOCKET_MEDIA_TCP, /* listener of the same address and number, follows its UDP socket */
    SOCKET_TURN_UDP,
    SOCKET_TURN_TCP, /* listener */
    SOCKET_CONTROL,  /* listener: DIR/control.sock */
    SOCKET_USES
};
struct seat_socket {
    enum socket_use use;
    char text[64];
    int fd; /* the work closes it */
};

struct seat_got { /* a message for the work; body is borrowed for the call */
    enum role from;
    uint16_t index; /* which engine, else 0 */
    uint16_t message;
    uint64_t session;
    struct span body;
};

struct seat;
struct role_work {
    /* Everything was handed over: open what must be opened. On failure the role says why in the log and ends.
     */
    enum err (*start)(struct seat *s, void **state);
    void (*message)(void *state, const struct seat_got *got);
    bool (*ready)(const void *state); /* what it needs of its neighbours is there; NULL = from the start */
    void (*met)(void *state, enum role who, uint16_t index);  /* a neighbour can be spoken to; may be NULL */
    void (*lost)(void *state, enum role who, uint16_t index); /* it is gone, with all it knew; may be NULL */
    usec (*turn)(void *state, usec now);          /* after each batch; when it wants to be called */
    void (*stats)(void *state, struct writer *w); /* metrics, Prometheus text; may be NULL */
    void (*drain)(void *state);                   /* take nobody new; may be NULL */
    bool (*drained)(const void *state);           /* nobody is here any more; NULL = always */
    void (*end)(void *state);                     /* free everything */
};

struct seat {
    enum role role;
    uint16_t index; /* which engine, else 0 */
    struct loop *loop;
    struct span config; /* this role's part, lines of `key=value`; app/config.h reads it */
    struct seat_socket socket[SEAT_SOCKETS_MAX];
    uint16_t sockets;
    struct seat_inside *inside;
};

/* Sends to a neighbour. ERR_UNKNOWN when it is not there, ERR_FULL when it does not read, ERR_DENIED by the
 * table. */
enum err seat_send(struct seat *s, enum role to, uint16_t index, uint16_t message, uint64_t session,
                   struct span body) MUST_CHECK;
/* A neighbour of this role and index is there. */
bool seat_knows(const struct seat *s, enum role who, uint16_t index);
/* The life of a role's process on ROLE_FD; its exit code. */
int seat_run(enum role role, uint16_t index, const struct role_work *work);

/* The six roles' work; the parent has none. */
extern const struct role_work front_work, engine_work, keeper_work, vault_work, archive_work, kms_work;

#endif
