/* SPDX-License-Identifier: Apache-2.0
 * Transport-wide feedback as it is read: which packets of a transport arrived, and when
 * (draft-holmer-rmcat-transport-wide-cc-extensions-01 section 3.1). The whole body is checked once when it is
 * opened; after that the cursor can't fail. Counts beyond ARRIVALS_MAX are refused: nobody remembers so many
 * packets. Work is linear in that cap, not in what the packet claims. Allocates nothing. */
#ifndef WIRE_ARRIVALS_H
#define WIRE_ARRIVALS_H

#include "base/err.h"
#include "base/read.h"

#define ARRIVALS_MAX          2048
#define ARRIVALS_REFERENCE_US 64000
#define ARRIVALS_TICK_US      250

struct arrivals {       /* a cursor; borrows the body */
    uint16_t seq, left; /* the next packet it speaks of · how many */
    uint32_t reference; /* 24 bits, of ARRIVALS_REFERENCE_US */
    uint8_t number;     /* of the feedback, modulo 256 */
    int64_t ticks;      /* the last arrival's, since the reference */
    struct reader chunks, deltas;
    uint16_t run;     /* packets left in the chunk */
    uint16_t symbols; /* those of a vector, highest first */
    uint8_t kind, status;
};
struct arrival {
    uint16_t seq;
    bool received;
    int64_t ticks; /* of ARRIVALS_TICK_US since the reference */
};

/* body: what follows the two SSRCs. Borrows it. ERR_SHORT, ERR_FORMAT (no packets, an empty run, a reserved
 * status, deltas that don't add up), ERR_LIMIT for more than ARRIVALS_MAX packets. */
enum err arrivals_open(struct span body, struct arrivals *a) MUST_CHECK;
/* The next packet; false at the end. */
bool arrivals_next(struct arrivals *a, struct arrival *one);

#endif
