/* SPDX-License-Identifier: Apache-2.0
 * The sequence map: how the numbers of a source become the numbers of one receiver's stream, and back again
 * for retransmission. What was lost on the way in stays a gap on the way out; what is left out on purpose
 * closes up; a new source goes on where the last one ended. Runs of numbers with one offset are kept for the
 * last SEQMAP_RUNS changes; what is older has no number any more. No allocation. */
#ifndef CORE_SEQMAP_H
#define CORE_SEQMAP_H

#include "base/span.h"

#define SEQMAP_RUNS 12

struct seqmap_run {
    uint32_t in; /* extended: the first of the run */
    uint16_t out;
    uint8_t layer; /* which of the source's streams */
};
struct seqmap {
    uint16_t next; /* the number after the highest given out */
    uint8_t count, layer;
    bool running;
    uint32_t highest;                   /* of the current layer, extended */
    struct seqmap_run run[SEQMAP_RUNS]; /* oldest first */
};

/* first: the number the stream begins with. */
void seqmap_init(struct seqmap *m, uint16_t first);
/* Another source: nothing older can be mapped; numbers go on. */
void seqmap_stop(struct seqmap *m);
/* From here on this layer, whose next packet is `in`. */
void seqmap_start(struct seqmap *m, uint8_t layer, uint32_t in);
/* The number of a packet that is sent; false when it has none (before the start, of another run, too old). */
bool seqmap_send(struct seqmap *m, uint8_t layer, uint32_t in, uint16_t *out);
/* The packet is left out on purpose. */
void seqmap_skip(struct seqmap *m, uint32_t in);
/* Which packet went out with this number; false when that is not known. */
bool seqmap_back(const struct seqmap *m, uint16_t out, uint8_t *layer, uint32_t *in);

#endif
