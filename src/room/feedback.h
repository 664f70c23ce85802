/* SPDX-License-Identifier: Apache-2.0
 * RTCP between a member and the room, both ways: what receivers say about their slots (reports, NACK, PLI,
 * FIR) and what we say to publishers (reports, NACK, transport-wide feedback, REMB) and receivers (sender
 * reports of the rewritten streams). Feedback about an SSRC that is not this member's is ignored. RFC 3550
 * section 6, 4585, 5104. */
#ifndef ROOM_FEEDBACK_H
#define ROOM_FEEDBACK_H

#include "room/roster.h"

/* A compound packet of m, in clear. */
void feedback_receive(struct member *m, usec now, struct span rtcp, struct out *out);
/* What is due towards m. */
void feedback_tick(struct member *m, usec now, struct out *out);
usec feedback_wake(const struct member *m);

#endif
