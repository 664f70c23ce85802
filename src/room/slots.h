/* SPDX-License-Identifier: Apache-2.0
 * Slots: a member's receiving sections. Each keeps one SSRC, sequence and timestamp line for ever; the room
 * fills it with a track and changes that without a new description. Here stands which track goes where: what
 * the member's `view` asks for first, else the order of publication; the member's own tracks (same subject)
 * never; screens and their sound have a slot of their own. Never forwards (room/sfu). */
#ifndef ROOM_SLOTS_H
#define ROOM_SLOTS_H

#include "core/seqmap.h"
#include "room/track.h"

#define SLOT_CODECS_MAX  16
#define SLOT_RESENDS_MAX 32
#define SLOT_NO_LAYER    255
#define SLOT_SIDS        7 /* spatial layers are numbered up to here */

struct slot_codec {                                        /* a format of a section, and what repairs it */
    uint8_t codec, profile, constraints, mode, pt, rtx_pt; /* rtx_pt 255: none */
};
struct slot_codecs { /* the formats of one or more like sections */
    uint8_t n, feedback;
    struct slot_codec row[SLOT_CODECS_MAX];
};

struct slot {
    struct member *member;
    struct track *track; /* NULL: empty */
    const struct slot_codecs *codecs;
    uint32_t ssrc, rtx_ssrc; /* rtx 0: lost packets are sent again as they were */
    uint8_t kind;            /* SDP_AUDIO, SDP_VIDEO */
    bool for_screen, told_empty, closed;
    bool started;   /* the track's first packet has gone out */
    bool waits_key; /* nothing is sent before a key frame */
    uint8_t pt, rtx_pt, red_pt;
    uint8_t layer, want_layer; /* of the track: what is sent, what should be */
    uint8_t max_sid, max_tid;  /* of a layered stream */
    uint8_t want_sid;          /* what max_sid is to be: lower at once, higher with the next key frame */
    uint8_t most;              /* layer (or spatial layer) the path bears (room/share) */
    bool paused;               /* it bears none */
    usec most_at;              /* when that last changed */
    uint8_t level_sid;         /* highest spatial layer seen lately */
    char mid_text[SDP_MID_MAX];
    uint8_t mid_n;
    uint16_t width, height; /* as the member shows it; 0: not said */
    /* the line that never breaks */
    struct seqmap map;
    uint64_t sent, rtx_sent; /* 48-bit indices: the highest given out · the next of RTX */
    uint32_t ts_offset, last_ts;
    bool squeezed; /* it began with what was in the cache: up to live_seq time runs faster */
    uint32_t live_seq, squeeze_from, squeeze_to;
    usec last_at;
    uint16_t picture_offset, last_picture;
    uint8_t tl0_offset, last_tl0;
    uint16_t frame_offset, last_frame; /* of dependency descriptors */
    uint32_t packets, octets;
    /* what the receiver says */
    uint32_t sr_mark; /* middle 32 bits of our last report's time */
    usec sr_at, sr_due;
    uint8_t fraction_lost;
    uint32_t jitter;
    /* what was sent again lately */
    struct {
        uint16_t seq;
        uint16_t at_ms;
    } resent[SLOT_RESENDS_MAX];
    uint8_t resent_at;
};

/* Fills the member's slots anew. Changes are told to it with `slots`, before the first packet of a new track.
 */
void slots_fill(struct member *m, usec now, struct news *news);
/* The same for everybody in the room. */
void slots_fill_all(struct room *r, usec now, struct news *news);
/* Takes the track out of every slot, now. */
void slots_drop_track(struct track *t, usec now, struct news *news);
/* Takes everything out of the member's slots, silently (it leaves). */
void slots_empty(struct member *m);
/* Whether the track may be in a slot of m: it is live, not its own, and what a WHEP player asked for. */
bool slots_may_have(const struct member *m, const struct track *t);
/* The payload type with which this section receives the codec, or NULL. */
const struct slot_codec *slot_codec_for(const struct slot_codecs *codecs, const struct sdp_codec *c);
#define SLOT_NO_LIMIT 255
/* The layer this slot wants of its track, by the size it is shown in and what the path bears. */
void slot_choose_layer(struct slot *s);
/* The same by the size alone: the layer of a simulcast track, the spatial layer of any other. */
uint8_t slot_wish(const struct slot *s);

#endif
