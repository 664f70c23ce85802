/* SPDX-License-Identifier: Apache-2.0
 * Which track and layer an arriving packet belongs to. A transport's SSRCs are known by its own offer or by
 * the MID (and RID) extensions its own offer named; nothing of another member's, nothing undeclared, and
 * never more than MEMBER_SSRCS_MAX. Undoes retransmission (RFC 4588). RFC 8843 section 9.2, 8852. */
#ifndef ROOM_STREAMS_H
#define ROOM_STREAMS_H

#include "room/roster.h"

/* An authenticated RTP packet of m: to its track's cache and on to everybody who receives it. */
void streams_receive(struct member *m, usec now, struct peer_in *in, struct out *out);

#endif
