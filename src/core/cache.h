/* SPDX-License-Identifier: Apache-2.0
 * The packet cache: the recent packets of one published stream, kept once for all who receive it: forwarding
 * reads from it, retransmission reads from it again. Two rings in one block: an index by sequence number and
 * a ring of bytes; a packet is there until either has gone round. Owns its block, taken at cache_init; adds
 * never allocate. Sequence numbers are extended to 32 bits by the caller (cache_extend). */
#ifndef CORE_CACHE_H
#define CORE_CACHE_H

#include "base/err.h"
#include "base/span.h"
#include "base/time.h"

#define CACHE_VIDEO_PACKETS 1024
#define CACHE_VIDEO_BYTES   (512u * 1024)
#define CACHE_AUDIO_PACKETS 128
#define CACHE_AUDIO_BYTES   (32u * 1024)
#define CACHE_CARRY_MAX     160 /* bytes of header extensions kept with a packet */

struct cache_pkt {
    usec at;      /* when it came */
    uint32_t seq; /* extended; 0: the place is empty */
    uint32_t ts;
    uint32_t place;  /* of its bytes, counted since the beginning (modulo 2^32) */
    uint16_t n;      /* bytes of payload */
    uint8_t carry_n; /* bytes of the dependency descriptor, kept before the payload */
    uint8_t stamp_n; /* bytes of abs-capture-time, kept before that */
    uint8_t codec;   /* enum codec */
    uint8_t pt;      /* as it came */
    bool marker, key, start, end, up, temporal, has_level, has_orientation;
    bool has_picture, has_tl0;
    uint8_t level, orientation;
    uint8_t sid, tid;
    uint8_t tl0, tl0_at, picture_at, picture_bytes;
    uint16_t picture;
    uint16_t primary; /* RED: where the newest block begins */
};

struct cache {
    struct cache_pkt *pkt;
    uint8_t *bytes;
    uint32_t packets, size; /* powers of two */
    uint32_t written;       /* bytes written since the beginning (modulo 2^32) */
    uint32_t highest;       /* extended sequence number; 0: nothing yet */
};

/* ERR_NOMEM. Both sizes are powers of two. */
enum err cache_init(struct cache *c, uint32_t packets, uint32_t bytes) MUST_CHECK;
void cache_fini(struct cache *c);
static inline bool cache_ready(const struct cache *c)
{
    return c->pkt != NULL;
}
/* The extended number that a 16-bit one means beside the highest seen; the first starts at 2^16 + seq. */
uint32_t cache_extend(const struct cache *c, uint16_t seq);
/* Keeps a copy of pkt with stamp, carry and payload; its place, n, carry_n and stamp_n are set here.
 * ERR_EXISTS for one that is there, ERR_EXPIRED for one too old to have a place, ERR_RANGE for one too large.
 */
enum err cache_add(struct cache *c, const struct cache_pkt *pkt, const struct span part[static 3],
                   const struct cache_pkt **kept) MUST_CHECK;
/* NULL when it is not there (any more). */
const struct cache_pkt *cache_get(const struct cache *c, uint32_t seq);
/* Borrowed until the next add. */
static inline struct span cache_stamp(const struct cache *c, const struct cache_pkt *p)
{
    return SPAN(c->bytes + (p->place & (c->size - 1)), p->stamp_n);
}
static inline struct span cache_carry(const struct cache *c, const struct cache_pkt *p)
{
    return SPAN(c->bytes + (p->place & (c->size - 1)) + p->stamp_n, p->carry_n);
}
static inline struct span cache_payload(const struct cache *c, const struct cache_pkt *p)
{
    return SPAN(c->bytes + (p->place & (c->size - 1)) + p->stamp_n + p->carry_n, p->n);
}

#endif
