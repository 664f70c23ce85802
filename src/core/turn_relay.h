/* SPDX-License-Identifier: Apache-2.0
 * What the parts of the relay say to each other: the way of the data in turn_relay.c, the judge of peers in
 * turn.c. */
#ifndef CORE_TURN_RELAY_H
#define CORE_TURN_RELAY_H

#include "core/turn.h"

/* True when datagrams may be sent to this address and port now. */
bool turn_peer_allowed(const struct turn *t, const struct turn_addr *a);
/* ChannelData from a client. */
enum err turn_from_channel(struct turn *t, usec now, const struct path *from, struct span pkt,
                           struct out *out) MUST_CHECK;
/* A Send indication from the client of an allocation. */
enum err turn_from_send(struct turn *t, usec now, struct turn_alloc *a, const struct turn_msg *m,
                        struct out *out) MUST_CHECK;

#endif
