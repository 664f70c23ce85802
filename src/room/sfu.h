/* SPDX-License-Identifier: Apache-2.0
 * Selective forwarding: one arrived packet to all who receive the track, each in its own slot's line of
 * numbers, and again what they ask for. The hot path: no allocation, lock, clock or log; payload bytes go out
 * as they came in (only VP8's picture numbers are rewritten, and only in governed rooms). Recording's hook is
 * here. RFC 3550, 4588 (retransmission), 8285 (header extensions), 7741 section 4.2 (picture ids across
 * switches). */
#ifndef ROOM_SFU_H
#define ROOM_SFU_H

#include "room/roster.h"

struct sfu_tap { /* what listens along: recorder, recogniser, relay to another engine */
    void *ctx;
    void (*packet)(void *ctx, usec now, const struct track *t, uint8_t layer, const struct cache_pkt *p);
    void (*gone)(void *ctx, usec now, const struct track *t); /* the track ends */
    /* "mute", "unmute", "speaker" (it is the loudest now) */
    void (*noted)(void *ctx, usec now, const char *what, const struct track *t);
};

/* A packet of the track is in the cache: on to everybody. */
void sfu_forward(struct track *t, uint8_t layer, const struct cache_pkt *p, usec now, struct out *out);
/* A receiver misses these numbers of its slot: again, from the cache, within the budget. */
void sfu_resend(struct slot *s, usec now, uint16_t seq, uint16_t following, struct out *out);
/* A slot that has not started yet starts with the last key frame in the cache, if it is young, and is live at
 * once. */
void sfu_catch_up(struct slot *s, usec now, struct out *out);
/* Something changed: the slot starts again at the next key frame. */
void sfu_restart(struct slot *s);
/* Sends about so many bytes that mean nothing, as RTX of one of the member's slots (RFC 4588 section 4, RFC
 * 3550 section 5.1: padding alone); nothing without such a slot. */
void sfu_pad(struct member *m, usec now, uint32_t bytes, struct out *out);
/* Asks the sources of all tracks of the room for the key frames that are wanted and allowed now. */
void sfu_ask_keys(struct room *r, usec now, struct out *out);
/* Where the slot's line is at `now`, for a sender report; false before the first packet. */
bool sfu_line(const struct slot *s, usec now, uint32_t *ts);

/* ---- towards the member's peer ---- */
/* Media may flow to it. */
static inline bool sfu_up(const struct member *m)
{
    return m->up && !m->gone;
}
/* Seals RTCP into the tray; refused silently when the tray is full. */
void sfu_rtcp(struct member *m, usec now, struct span rtcp, struct out *out);

#endif
