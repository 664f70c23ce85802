/* SPDX-License-Identifier: Apache-2.0
 * UDP in groups: a batch in (recvmmsg, UDP_GRO), the tray out (sendmmsg, UDP_SEGMENT). Where the kernel lacks
 * the offloads it falls back by itself and says so in the counters. Owns the receive buffers, not the
 * sockets. */
#ifndef IO_UDP_H
#define IO_UDP_H

#include "base/err.h"
#include "base/span.h"
#include "core/out.h"

#define UDP_SOCKETS_MAX 32
#define UDP_BATCH       16    /* messages of one recvmmsg; each may hold up to 64 datagrams */
#define UDP_MSG_MAX     65535 /* bytes of one message with UDP_GRO */

struct udp_counts {
    uint64_t received, received_bytes, sent, sent_bytes, send_calls, send_failed, unsendable;
};

struct udp {
    int *fd;          /* -1: no socket has this index now */
    uint16_t *unused; /* indices below count without a socket */
    uint16_t count, cap, unused_count;
    bool gso, gro; /* offered by the kernel */
    uint8_t *room; /* UDP_BATCH * UDP_MSG_MAX */
    struct udp_counts counts;
};

/* Binds a datagram socket, non-blocking, close-on-exec, large buffers. ERR_EXISTS port in use, ERR_DENIED,
 * ERR_IO. */
enum err udp_bind(const struct path *at, int *fd) MUST_CHECK;
/* The address a socket is bound to. ERR_IO. */
enum err udp_bound(int fd, struct path *at) MUST_CHECK;

/* For at most `sockets` sockets, UDP_SOCKETS_MAX with udp_init. ERR_NOMEM. */
enum err udp_init_for(struct udp *u, uint16_t sockets) MUST_CHECK;
enum err udp_init(struct udp *u) MUST_CHECK;
void udp_fini(struct udp *u);
/* Adds a bound socket; its index is the `local` of its paths. Finds out about the offloads. ERR_FULL. */
enum err udp_add(struct udp *u, int fd, uint16_t *index) MUST_CHECK;

/* Forgets a socket; the caller closes it. Its index may be given out again. */
void udp_drop(struct udp *u, uint16_t index);

typedef void udp_pkt(void *ctx, const struct path *from, struct mspan pkt);
/* Reads one batch from socket `index` and hands each datagram to `take`; pkt is borrowed and may be changed
 * in place. Returns how many messages came; fewer than UDP_BATCH means that the socket is empty. */
unsigned udp_receive(struct udp *u, uint16_t index, udp_pkt *take, void *ctx);
/* Sends every UDP group of the tray, equal sizes in one call where the kernel can; does not clear the tray.
 * What the kernel refuses is dropped and counted, as the network would. */
void udp_flush(struct udp *u, const struct out *o);

#endif
