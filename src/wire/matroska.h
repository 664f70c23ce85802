/* SPDX-License-Identifier: Apache-2.0
 * Writing Matroska and WebM (RFC 9559; EBML RFC 8794; codec mappings of the Matroska project) as a stream that can be
 * cut off at any byte: one track, segment and clusters of unknown size, simple blocks, milliseconds. Players and
 * ffprobe read what is there. Allocates nothing; a block's payload is appended by the caller. */
#ifndef WIRE_MATROSKA_H
#define WIRE_MATROSKA_H

#include "base/err.h"
#include "base/span.h"
#include "base/time.h"
#include "base/write.h"
#include "wire/frame.h"

#define MATROSKA_HEAD_MAX   1024
#define MATROSKA_BLOCK_HEAD 16
#define MATROSKA_SPAN_MS    INT16_MAX /* a block is at most so far behind its cluster's beginning */

struct matroska_track {
    enum codec codec;                    /* OPUS, VP8, VP9, AV1: WebM · H264: Matroska */
    uint8_t channels;                    /* audio */
    const struct frame_picture *picture; /* video */
    struct span name;                    /* shown by players; UTF-8, may be empty */
    struct wall begin;                   /* what 0 ms means */
};
/* "webm" or "mkv": how a file with this codec is called. */
const char *matroska_ending(enum codec c);
/* Everything before the first cluster. ERR_UNSUPPORTED for another codec, ERR_FULL. */
enum err matroska_head(struct writer *w, const struct matroska_track *t) MUST_CHECK;
/* A cluster begins: the blocks after it count from at_ms. */
void matroska_cluster(struct writer *w, uint64_t at_ms);
/* The head of a block of n bytes, after_ms (0 to MATROSKA_SPAN_MS) behind the cluster's beginning. */
void matroska_block(struct writer *w, unsigned after_ms, bool key, size_t n);

#endif
