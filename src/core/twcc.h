/* SPDX-License-Identifier: Apache-2.0
 * Transport-wide congestion control, the receiving half: when did which packet of this transport arrive, and
 * the feedback about it (draft-holmer-rmcat-transport-wide-cc-extensions-01). One per publishing peer. Keeps
 * the arrival of the last TWCC_PACKETS packets, allocates nothing; its counters wrap with the 16-bit numbers.
 */
#ifndef CORE_TWCC_H
#define CORE_TWCC_H

#include "base/err.h"
#include "base/span.h"
#include "base/time.h"
#include "base/write.h"

#define TWCC_PACKETS     1024 /* power of two */
#define TWCC_FEEDBACK_US (60 * USEC_MS)
#define TWCC_STATUS_MAX  420 /* packets one feedback speaks of: fits a datagram */

struct twcc {
    uint32_t next;    /* extended: the first packet not yet reported; 0: nothing came yet */
    uint32_t highest; /* extended */
    uint8_t count;    /* feedback packet count */
    usec due;         /* of the next feedback; USEC_NEVER when nothing new came */
    struct {
        uint32_t seq;
        uint32_t at; /* microseconds, low 32 bits; differences only */
    } got[TWCC_PACKETS];
    usec last; /* arrival of the newest, whole */
};

void twcc_init(struct twcc *t);
/* A packet with this transport-wide number arrived. */
void twcc_got(struct twcc *t, usec now, uint16_t seq);
/* Writes one feedback packet about what arrived since the last; false when there is nothing to say. */
bool twcc_write(struct twcc *t, usec now, struct writer *w, uint32_t sender, uint32_t media);
static inline usec twcc_wake(const struct twcc *t)
{
    return t->due;
}

#endif
