/* SPDX-License-Identifier: Apache-2.0
 * Gaps in an arriving stream, and when to ask for what is missing (RFC 4585 section 6.2.1). One per stream
 * that is received with NACK. Bounded: at most NACK_GAPS_MAX missing packets, NACK_TRIES_MAX requests each,
 * NACK_AGE_US of age, and a budget of requests a second; a gap larger than that is given up at once
 * (`gave_up`), and the owner asks for a key frame instead. Owns nothing outside itself, allocates nothing.
 * Sequence numbers are extended. */
#ifndef CORE_NACK_H
#define CORE_NACK_H

#include "base/span.h"
#include "base/time.h"

#define NACK_GAPS_MAX  128
#define NACK_TRIES_MAX 8
#define NACK_AGE_US    (800 * USEC_MS)
#define NACK_WAIT_US   (8 * USEC_MS) /* for reordered packets, before the first request */
#define NACK_BUDGET    400           /* requests a second */

struct nack_gap {
    uint32_t seq;
    uint8_t tries;
    usec since, next;
};
struct nack {
    uint32_t highest; /* 0: nothing yet */
    uint16_t count;
    bool gave_up;    /* something will never come; the owner resets it */
    uint32_t budget; /* requests left this second */
    usec second;
    struct nack_gap gap[NACK_GAPS_MAX]; /* ascending */
};

/* A packet came (or came back). */
void nack_got(struct nack *n, usec now, uint32_t seq);
/* Forgets the past: the stream starts anew. */
void nack_reset(struct nack *n);
/* Puts what is to be asked for now into seq, at most max; rtt: how long an answer takes. Returns how many. */
uint16_t nack_due(struct nack *n, usec now, usec rtt, uint16_t *seq, uint16_t max);
/* When nack_due has something next. */
usec nack_wake(const struct nack *n);

#endif
