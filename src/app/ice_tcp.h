/* SPDX-License-Identifier: Apache-2.0
 * Passive ICE-TCP (RFC 6544): connections to the engine's TCP port, framed by RFC 4571 (u16 length before
 * each packet), and TURN over TCP, framed by itself. To the rest of the engine a connection is a path like
 * any other. A connection that has not shown an authenticated Binding within 10 s is closed, as is one that
 * stops reading (256 KiB queued: packets are dropped; 20 s: closed). Caps: ICE_TCP_MAX connections, 64 an
 * address. Owns the connections, not the listeners. */
#ifndef APP_ICE_TCP_H
#define APP_ICE_TCP_H

#include "base/rng.h"
#include "io/loop.h"
#include "io/udp.h"

#define ICE_TCP_MAX         1024
#define ICE_TCP_PER_ADDRESS 64
#define ICE_TCP_QUEUE_MAX   (256 * 1024)
#define ICE_TCP_LISTEN_MAX  16

enum tcp_framing { TCP_RFC4571, TCP_TURN /* messages and ChannelData say their length: wire/turn.h */ };

struct ice_tcp;
typedef void ice_tcp_gone(void *ctx, const struct path *path);

/* NULL when out of memory. `take` gets each packet as udp_receive's does; `gone` hears of closed connections.
 */
struct ice_tcp *ice_tcp_new(struct loop *l, enum tcp_framing framing, udp_pkt *take, ice_tcp_gone *gone,
                            void *ctx);
void ice_tcp_free(struct ice_tcp *t);
/* Accepts on a bound listener; `local` is its index in paths. ERR_FULL. */
enum err ice_tcp_listen(struct ice_tcp *t, int fd, uint16_t local) MUST_CHECK;
/* The connection of this path carried an authenticated Binding: it may stay. With TCP_TURN: it has an
 * allocation, said again before each tick. */
void ice_tcp_keep(struct ice_tcp *t, const struct path *path);
/* Sends every TCP group of the tray. */
void ice_tcp_flush(struct ice_tcp *t, const struct out *o, usec now);
/* Closes what is overdue. Cheap; call once a second. */
void ice_tcp_tick(struct ice_tcp *t, usec now);
uint32_t ice_tcp_count(const struct ice_tcp *t);

#endif
