/* SPDX-License-Identifier: Apache-2.0
 * Whole frames out of a stream of packets, in order, with what was lost named: reads along in a packet cache
 * (core/cache.h), so that nothing is copied until a frame is put together, and waits for retransmissions. After a
 * loss video goes on with the next key frame. Owns one frame's buffer. Timestamps: RFC 3550 section 5.1. */
#ifndef CORE_FRAMES_H
#define CORE_FRAMES_H

#include "core/cache.h"
#include "wire/frame.h"

#define FRAMES_BYTES_MAX (2u * 1024 * 1024) /* of one frame */
#define FRAMES_WAIT_US   (1 * USEC_S)       /* for a missing packet */

struct frames {
    enum codec codec;
    struct frame_joiner joiner;
    uint8_t *buffer;
    uint32_t size, most; /* bytes of the buffer: now, and at most */
    uint32_t next;       /* sequence number that comes next; 0: none yet */
    usec missing_since;  /* 0: nothing is missing */
    bool started;        /* a frame is being put together */
    bool need_key;       /* video: nothing until a key frame */
    bool gap;            /* something was lost since the last frame that was handed out */
    uint32_t ts;         /* of the frame in hand */
    usec at;             /* when its first packet came */
    uint64_t line;       /* its time on a line without wrap, in units of the clock; the first frame is 2^32 */
    bool has_line;
    uint32_t line_ts;
    uint64_t lost;   /* packets given up */
    uint64_t broken; /* frames that could not be put together */
};
struct frames_out {
    struct span bytes; /* borrowed until the next call */
    bool key, gap;     /* gap: something before it is missing */
    uint64_t line;
    usec at;
};

/* ERR_NOMEM. */
enum err frames_init(struct frames *f, enum codec codec) MUST_CHECK;
void frames_fini(struct frames *f);
/* The numbers or the stream begin anew: what is in hand is given up, video waits for a key frame. */
void frames_restart(struct frames *f);
/* What was handed out did not arrive: video waits for a key frame, the place is kept. */
void frames_refused(struct frames *f);
/* The next whole frame out of the stream's cache. ERR_AGAIN when there is none yet. */
enum err frames_next(struct frames *f, const struct cache *c, usec now, struct frames_out *o) MUST_CHECK;

#endif
