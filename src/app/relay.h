/* SPDX-License-Identifier: Apache-2.0
 * The relay of an engine: joins core/turn with sockets. Listens for TURN by UDP and TCP, takes streams that
 * front has ended the TLS of, opens one UDP socket an allocation, and passes datagrams in groups: two trays,
 * one for each direction, flushed once a turn of the loop. Under load it paces the loop (RELAY_PACE_US), so
 * that one look at the sockets does the work of many. Owns relay sockets and connections, and the sockets
 * given to it. Holds no media key. */
#ifndef APP_RELAY_H
#define APP_RELAY_H

#include "base/write.h"
#include "core/turn.h"
#include "io/loop.h"

#define RELAY_LISTENERS_MAX 16
#define RELAY_STREAMS_MAX   1024 /* from front */
#define RELAY_PACE_US       2000 /* between turns above RELAY_BUSY_PPS */
#define RELAY_BUSY_PPS      2000

struct relay;
struct relay_conf {
    struct loop *loop;
    struct rng rng;
    const struct crypto *crypto;
    struct turn_quota user, total;
    uint16_t port_from, port_to; /* of relay sockets; 0, 0: the kernel chooses */
    /* Bytes for a stream of front's; empty: close it. NULL when there is no front. False when it is not
     * taken. */
    bool (*to_front)(void *ctx, uint64_t stream, struct span bytes);
    void *ctx;
};

/* What a product relay grants unless configured otherwise. */
extern const struct turn_quota relay_user_quota, relay_total_quota;

/* ERR_NOMEM, ERR_IO. */
enum err relay_new(const struct relay_conf *conf, struct relay **relay) MUST_CHECK;
void relay_free(struct relay *r);
/* Takes a bound datagram socket. Relay sockets are opened on its address, if it is a certain one, and are
 * told to clients as being at `announce` (its address; NULL: the same). ERR_FULL, ERR_IO; then the caller
 * keeps it. */
enum err relay_udp(struct relay *r, int fd, const struct path *announce) MUST_CHECK;
/* Relay sockets may be opened on this address (its port is ignored), told as `announce` or the same; only the
 * first of each family counts, and an unspecified one needs an announced one. */
void relay_bind(struct relay *r, const struct path *at, const struct path *announce);
/* Takes a listener. ERR_FULL, ERR_IO; then the caller keeps it. */
enum err relay_tcp(struct relay *r, int fd) MUST_CHECK;
/* The core, for its secret, its peers (peeraddr_allow, peeraddr_own), revocations and counters. Borrowed. */
struct turn *relay_turn_core(struct relay *r);
/* Bytes of a stream that front holds; empty: it is closed. */
void relay_stream(struct relay *r, uint64_t stream, struct span bytes, usec now);
/* Front is gone, and its streams. */
void relay_front_lost(struct relay *r);
/* Ticks what is due and flushes both trays; call once a turn of the loop. When it wants to be called. */
usec relay_turn(struct relay *r, usec now);
/* Metrics, Prometheus text. */
void relay_stats(const struct relay *r, struct writer *w);

#endif
