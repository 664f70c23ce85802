/* SPDX-License-Identifier: Apache-2.0
 * From offer to answer: which sections of a member's offer become tracks and slots, with which formats. Two
 * steps: a plan that changes nothing and says what is wrong, then the change, which can fail for want of
 * memory only. RFC 8829 section 5.3, 8843, 8853; one codec for each published track, all common ones for a
 * slot. */
#ifndef ROOM_NEGOTIATE_H
#define ROOM_NEGOTIATE_H

#include "room/roster.h"

struct refusal { /* as in `error`; both static */
    const char *code, *title;
};

struct negotiated {
    struct span sdp; /* borrowed from the scratch until the next offer */
    bool opened;     /* the peer is new */
    bool counter;    /* not an answer: WHEP's counter-offer, whose answer comes here as an offer does */
};
/* Takes an offer of m; sources: the `send` list of the message in shape binary form (checked). On OK tracks,
 * slots and peer are changed, unless the result is a counter-offer; otherwise why says what is wrong and
 * nothing changed. */
enum err negotiate(struct member *m, struct span sdp, struct span sources, usec now,
                   struct negotiated *result, struct refusal *why) MUST_CHECK;
/* A WHIP or WHEP client restarts ICE with a fragment (RFC 9725 section 4.3.1); the answer is one too. */
enum err negotiate_restart(struct member *m, struct span fragment, usec now, struct span *answer,
                           struct refusal *why) MUST_CHECK;

#endif
