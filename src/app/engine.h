/* SPDX-License-Identifier: Apache-2.0
 * The engine: one core's media. Joins sockets (io/udp, app/ice_tcp), transports (core/peer) and rooms
 * (room/room); speaks with front and keeper in the messages of app/ipc_table.h through two functions, so that
 * it also runs inside one process with them. Owns its rooms and its media sockets. Never decides who may do
 * what, never sees a file, a database or a key at rest. A datagram from a path nobody proved is looked at
 * only for the name in its STUN Binding (R1): everything else is counted and dropped. */
#ifndef APP_ENGINE_H
#define APP_ENGINE_H

#include "app/ipc_table.h"
#include "base/rng.h"
#include "base/write.h"
#include "io/loop.h"
#include "room/room.h"

#define ENGINE_ROOMS_MAX   4096
#define ENGINE_MEMBERS_MAX 16384

struct engine;

struct engine_conf {
    struct loop *loop;
    struct rng rng;
    uint16_t index; /* which engine this is */
    /* sends a message to a neighbour; false when it can't be taken (the neighbour is gone or does not read)
     */
    bool (*send)(void *ctx, enum role to, uint16_t message, uint64_t session, struct span body);
    void *ctx;
};

/* Makes a certificate. ERR_NOMEM, ERR_CRYPTO. */
enum err engine_new(const struct engine_conf *conf, struct engine **engine) MUST_CHECK;
void engine_free(struct engine *e);
/* Takes a bound datagram socket, and the listener of the same number (-1: none). Candidates name `announce`,
 * or the bound address when it is empty. ERR_FULL. */
enum err engine_socket(struct engine *e, int udp_fd, int tcp_fd, struct span announce) MUST_CHECK;
/* A message from a neighbour; what is malformed is refused and counted. */
void engine_message(struct engine *e, enum role from, uint16_t message, uint64_t session, struct span body);
/* Says to the keeper who is here: to one that has just begun, or that asks. */
void engine_tell_members(struct engine *e);
/* The archive has begun anew: recorded rooms tell it of their tracks again. */
/* front is gone: so are all its sessions. */
void engine_front_lost(struct engine *e);
/* Ticks what is due, flushes the tray; call after each batch of the loop. Returns when it wants to be called.
 */
usec engine_turn(struct engine *e, usec now);
/* Our metrics as exposition text. */
void engine_stats(const struct engine *e, struct writer *w);
/* True when nobody is here any more. */
bool engine_empty(const struct engine *e);

#endif
