/* SPDX-License-Identifier: Apache-2.0
 * Sharing out what a member's path bears (core/estimate) over its slots: sound first, then screens, then who
 * speaks, then the rest, the largest first. Chooses the highest layer each may have and pauses video whose
 * lowest layer does not fit; when more is wanted than the path is known to bear it is probed. While no limit
 * is known nothing is held back. Knows bytes and sizes only, so sealed rooms are the same. */
#ifndef ROOM_SHARE_H
#define ROOM_SHARE_H

#include "room/roster.h"

#define SHARE_US       (500 * USEC_MS) /* at least so often while something is limited: layers' rates change */
#define SHARE_CALM_US  (2 * USEC_S)    /* after any change of a slot before it gets more */
#define PROBE_LEAST_US (3 * USEC_S)    /* between probes; twice as long after each that found nothing, */
#define PROBE_MOST_US  (12 * USEC_S)   /* up to this */
#define PROBE_STEP_US  (10 * USEC_MS)

/* Whether the estimate differs noticeably from what was shared out. */
bool share_changed(const struct member *m);
/* Shares out when that is due, probes when that is due. */
void share_tick(struct member *m, usec now, struct out *out);
usec share_wake(const struct member *m);

#endif
