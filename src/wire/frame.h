/* SPDX-License-Identifier: Apache-2.0
 * Frames out of RTP payloads, in the form that files hold: Opus and VP8 as they are (RFC 7587, 7741), VP9 with a
 * superframe index when a picture has several spatial layers (RFC 9628; VP9 bitstream annex B), H.264 as NAL units
 * with a 4-byte length before each (RFC 6184, ISO 14496-15), AV1 as OBUs that carry their size, without temporal
 * delimiters (AV1 RTP specification). Also what a key frame says of the picture. Never decodes, never allocates:
 * the frame is put together in a buffer of the caller. */
#ifndef WIRE_FRAME_H
#define WIRE_FRAME_H

#include "base/err.h"
#include "base/span.h"
#include "wire/sdp.h"

#define FRAME_LAYERS_MAX  8
#define FRAME_PRIVATE_MAX 512 /* bytes of codec private data */

struct frame_joiner {
    enum codec codec;
    struct mspan into;
    size_t n;
    bool broken, key;
    bool unit_open; /* H.264 FU or AV1 OBU that goes on in the next packet */
    size_t unit_at; /* where it begins in `into` */
    uint8_t layers; /* VP9: layer frames so far, and where each begins */
    size_t layer_at[FRAME_LAYERS_MAX];
};
/* Begins a frame in a borrowed buffer. */
void frame_begin(struct frame_joiner *j, enum codec codec, struct mspan into);
/* The next packet of the frame, in order of sequence. ERR_SHORT, ERR_FORMAT, ERR_FULL; then the frame is lost. */
enum err frame_add(struct frame_joiner *j, struct span payload) MUST_CHECK;
/* The whole frame, borrowed from the buffer, and whether a decoder can begin with it. ERR_FORMAT when it is not
 * whole or was lost. */
enum err frame_end(struct frame_joiner *j, struct span *frame, bool *key) MUST_CHECK;

struct frame_picture {
    uint16_t width, height;
    uint16_t
        private_n; /* codec private data of the Matroska codec mapping: avcC, av1C; none for the others */
    uint8_t private_data[FRAME_PRIVATE_MAX];
};
/* What a whole key frame says. ERR_SHORT, ERR_FORMAT; ERR_LIMIT for parameter sets that are too long. */
enum err frame_describe(enum codec codec, struct span frame, struct frame_picture *p) MUST_CHECK;

#endif
