/* SPDX-License-Identifier: Apache-2.0
 * What a payload's outside says about the frame in it: key frame, layers, picture id. Reads the payload
 * descriptors (VP8 RFC 7741, VP9 RFC 9628, H.264 RFC 6184, AV1 RTP specification) and the dependency
 * descriptor extension; of the payload itself only VP8's first byte and NAL unit types, which stay clear in
 * sealed rooms too. Never reads past what is there, never keeps anything but the descriptor's templates,
 * never allocates. */
#ifndef WIRE_PAYLOAD_H
#define WIRE_PAYLOAD_H

#include "base/err.h"
#include "base/span.h"
#include "wire/sdp.h"

struct payload_facts {
    bool start;             /* first packet of a frame (of a layer frame with SVC) */
    bool end;               /* last packet of a frame, where the descriptor says so */
    bool key;               /* a decoder can start here */
    bool up;                /* a receiver of lower temporal layers may go up to this one here */
    bool layered, temporal; /* sid, tid are known */
    bool has_picture, has_tl0;
    uint8_t sid, tid;
    uint8_t tl0, tl0_at;               /* VP8: value and its offset in the payload */
    uint8_t picture_at, picture_bytes; /* VP8: offset in the payload; 1 or 2 */
    uint16_t picture;
    uint16_t primary; /* RED: offset of the newest block */
};

/* What the payload of a packet says. ERR_SHORT, ERR_FORMAT when it can't be of this codec. */
enum err payload_read(enum codec codec, struct span payload, struct payload_facts *f) MUST_CHECK;

#define DESCRIPTOR_TEMPLATES_MAX 64
struct descriptor_templates { /* of the last key frame's dependency structure */
    uint8_t offset, count;
    uint8_t layer[DESCRIPTOR_TEMPLATES_MAX]; /* sid << 4 | tid */
};
struct descriptor {
    bool start, end, structure; /* structure: a new one came along, a key frame */
    uint8_t sid, tid;
    uint16_t frame;
};
/* Reads a dependency descriptor; keeps the templates of a new structure in t. ERR_SHORT, ERR_FORMAT;
 * ERR_UNKNOWN for a template that the last structure does not have. */
enum err descriptor_read(struct span ext, struct descriptor_templates *t, struct descriptor *d) MUST_CHECK;

/* The bytes of VP8's picture id and TL0PICIDX put in the place of those that are there; p is a payload of n
 * bytes whose facts are f. */
void payload_renumber_vp8(uint8_t *p, size_t n, const struct payload_facts *f, uint16_t picture, uint8_t tl0);

/* A dependency descriptor's frame number (bits 8 to 23), and the same in place moved on by some; 0 and nothing for one too short. */
uint16_t descriptor_frame(struct span ext);
void descriptor_renumber(uint8_t *p, size_t n, uint16_t by);

#endif
