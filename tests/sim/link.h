/* SPDX-License-Identifier: Apache-2.0
 * One direction of a network link as a model: seeded loss (single or in bursts), delay, jitter, a rate limit
 * with a queue, reordering and duplicates. Packets go in with a time and come out when they are due; time is
 * an argument, so that tests simulate hours in milliseconds and tools/netsim runs the same model on the real
 * clock. Owns copies of the packets under way, at most the number named at birth; takes no memory after
 * link_init. The same seed, settings and input give the same output. Each packet draws the same number of
 * random values whatever the settings are, so that a changed delay does not change which packets are lost. */
#ifndef SIM_LINK_H
#define SIM_LINK_H

#include "base/err.h"
#include "base/rng.h"
#include "base/span.h"
#include "base/time.h"

#define LINK_PPM 1000000u

struct link_conf {
    uint32_t loss_ppm;
    uint32_t burst;       /* mean length of a burst of losses in packets; 0 or 1 = losses are independent */
    uint32_t dup_ppm;     /* sent twice */
    uint32_t reorder_ppm; /* held back by reorder_us, so that later packets overtake */
    uint32_t reorder_us;  /* 0 = 10 ms */
    uint32_t delay_us;
    uint32_t jitter_us; /* added on top, evenly spread from 0; keeps the order */
    uint64_t rate_bps;  /* 0 = no limit */
    uint32_t
        queue_bytes; /* before the rate limit; 0 = 100 ms at the rate, at least two packets of 1,500 bytes */
};

struct link_counts {
    uint64_t in, in_bytes, out, out_bytes;
    uint64_t lost, queue_full, table_full, too_big; /* why a packet did not come out */
    uint64_t duplicated, reordered;
};

struct link_pkt { /* one packet under way */
    usec due;
    uint64_t order; /* breaks ties: first in, first out */
    uint64_t tag;
    uint32_t n;
};

struct link {
    struct link_conf conf;
    struct link_counts counts;
    struct rng_seeded random;
    bool in_burst;
    usec free_at;  /* when the rate limit has sent all it holds */
    usec last_due; /* of the packets that keep their order */
    uint64_t order;
    uint32_t cap, pkt_max, used;
    struct link_pkt *pkt;
    uint32_t *heap; /* the first `used` are under way, earliest on top; the rest are free */
    uint8_t *bytes;
};

/* Takes memory for cap packets of at most pkt_max bytes under way at once. ERR_NOMEM. */
enum err link_init(struct link *l, const struct link_conf *conf, uint64_t seed, uint32_t cap,
                   uint32_t pkt_max) MUST_CHECK;
void link_fini(struct link *l);
/* New settings from now on; packets under way keep their times. */
void link_set(struct link *l, const struct link_conf *conf);
/* Keeps a copy of pkt, or loses it as the model says (counted, not an error). `tag` comes out with it. */
void link_send(struct link *l, usec now, struct span pkt, uint64_t tag);
/* Takes the next packet that is due. pkt is borrowed from the link until its next call. False when none is
 * due. */
bool link_receive(struct link *l, usec now, struct span *pkt, uint64_t *tag);
/* When the next packet is due; USEC_NEVER when none is under way. */
usec link_wake(const struct link *l);
/* Reads settings such as "loss=2.5% burst=4 delay=50ms jitter=10ms rate=2mbit queue=64kB reorder=1%
 * reorder-by=5ms dup=0.1%" over those in conf; "clear" sets all to 0. ERR_FORMAT names no field: then conf is
 * untouched. */
enum err link_parse(struct link_conf *conf, struct span text) MUST_CHECK;

#endif
