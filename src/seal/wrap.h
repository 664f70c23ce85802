/* SPDX-License-Identifier: Apache-2.0
 * How a sealed frame travels inside each codec's packets (ROOMS.md section 8): always the whole frame is
 * sealed, and only what a browser's packetiser must see stands before it in clear. The receiver finds the
 * SFrame by structure, from the front, and discards everything in clear. Keeps no state, allocates nothing,
 * borrows its input. Opus, VP9: the SFrame alone. VP8: a constant prefix, which is the SFrame's metadata.
 * AV1: the sequence header, then one OBU_FRAME. H.264: SPS and PPS, then one slice NAL with a constant head,
 * escaped, closed by 0x80. No pass-through: what has no SFrame in it is an error. */
#ifndef SEAL_WRAP_H
#define SEAL_WRAP_H

#include "base/err.h"
#include "base/span.h"

enum wrap_codec { WRAP_OPUS, WRAP_VP8, WRAP_VP9, WRAP_AV1, WRAP_H264 };
#define WRAP_CODECS    5
#define WRAP_CLEAR_MAX 2048 /* bytes of sequence header or parameter sets that are copied in clear */

struct wrap { /* how one frame will be wrapped */
    enum wrap_codec codec;
    bool key;             /* VP8, H.264: a key frame */
    struct span metadata; /* constant bytes: the SFrame's metadata, empty but for VP8 */
    size_t clear_n;       /* AV1, H.264: bytes in clear before the wrapping */
    struct span frame;    /* borrowed: where they come from */
};

/* Reads a clear frame and decides its wrapping; borrows frame. A frame that can't be read as its codec is
 * still sealed whole, with nothing in clear. ERR_IGNORED for an empty frame (let it fall), ERR_LIMIT when the
 * parameter sets are over WRAP_CLEAR_MAX. */
enum err wrap_plan(struct wrap *w, enum wrap_codec codec, struct span frame) MUST_CHECK;
/* The most bytes wrap_write makes of an SFrame of n bytes. */
size_t wrap_size(const struct wrap *w, size_t sframe_n);
/* Writes the frame for the wire: clear parts, then the SFrame. ERR_FULL when out is too small. out overlaps
 * nothing. */
enum err wrap_write(const struct wrap *w, struct span sframe, struct mspan out, size_t *n) MUST_CHECK;

struct wrap_found {
    struct span metadata; /* the SFrame's metadata: constant bytes */
    struct span sframe;   /* borrowed from wire, or from room for H.264 */
};
/* Finds the SFrame in a frame from the wire. H.264 is unescaped into room (wire.n bytes fit). ERR_IGNORED for
 * an empty frame, ERR_FORMAT or ERR_SHORT when there is no SFrame where it must be, ERR_FULL for a small
 * room. */
enum err wrap_find(enum wrap_codec codec, struct span wire, struct mspan room,
                   struct wrap_found *found) MUST_CHECK;

#endif
