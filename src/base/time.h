/* SPDX-License-Identifier: Apache-2.0
 * Time. Monotonic microseconds (usec) drive every state machine and are passed in as an argument; wall time is
 * another type so that the two can't be mixed. Only src/io reads a clock. */
#ifndef BASE_TIME_H
#define BASE_TIME_H

#include <stdint.h>

typedef uint64_t usec; /* monotonic microseconds since an arbitrary start */

struct wall { /* wall clock, milliseconds since 1970-01-01 UTC */
    int64_t ms;
};

#define USEC_MS    ((usec)1000)
#define USEC_S     ((usec)1000000)
#define USEC_NEVER UINT64_MAX

static inline usec usec_min(usec a, usec b)
{
    return a < b ? a : b;
}
/* a - b, 0 when b is later. */
static inline usec usec_since(usec a, usec b)
{
    return a > b ? a - b : 0;
}

#endif
