/* SPDX-License-Identifier: Apache-2.0
 * A track: one published stream of a member, with one layer for each RTP stream that carries it (one, or one
 * for each simulcast encoding). Owns the layers' packet caches; knows what arrived, what is missing, how loud
 * it is, and limits how often its source is asked for a key frame. Never forwards (room/sfu). RFC 3550
 * appendix A, 8853. */
#ifndef ROOM_TRACK_H
#define ROOM_TRACK_H

#include "core/cache.h"
#include "core/nack.h"
#include "room/room.h"
#include "wire/payload.h"
#include "wire/rtcp.h"
#include "wire/sdp.h"

#define TRACK_LAYERS_MAX 4
#define TRACK_SIDS       4 /* counted apart; higher ones with the last */
#define TRACK_FEEDS_MAX  ROOM_MEMBERS_MAX
#define LEVEL_SILENT     127

#define KEY_SPACE_US  (1 * USEC_S) /* between two key frame requests to one source, at least */
#define KEY_REFILL_US (2 * USEC_S) /* and no more than one in this time, over time */

struct slot;

struct layer {
    uint32_t ssrc, rtx_ssrc; /* 0: not heard yet */
    struct span rid;         /* of a simulcast layer, in rid_text */
    char rid_text[16];
    struct cache cache; /* empty until the first packet */
    struct nack nack;
    /* what arrived, RFC 3550 appendix A.3, A.8 */
    uint32_t first_seq, received, expected_before, received_before;
    uint32_t jitter_16; /* times 16 */
    uint32_t transit;
    usec last_at;
    uint32_t last_ts; /* of the newest packet */
    /* its last sender report */
    uint64_t sr_ntp;
    uint32_t sr_ts;
    usec sr_at; /* 0: none yet */
    /* the first packet of its last key frame */
    uint32_t key_seq;
    usec key_at; /* 0: none */
    /* how much comes */
    uint32_t window_bytes, bps;
    usec window;
    uint32_t sid_bytes[TRACK_SIDS], sid_bps[TRACK_SIDS]; /* by spatial layer, over a few windows */
};

struct track {
    struct room *room;
    struct member *member;
    struct track *next, *before; /* in the room, in the order of publication */
    uint32_t number;
    uint8_t source;                 /* enum source */
    uint8_t kind;                   /* SDP_AUDIO, SDP_VIDEO */
    struct sdp_codec codec;         /* its fmtp is not kept */
    uint8_t pt, rtx_pt, red_pt;     /* 255: none */
    bool nack, on, muted, silenced; /* silenced: by a moderator, until it is published again */
    bool listed;                    /* the others know of it */
    bool idle;                      /* its section stopped sending */
    bool held;                      /* nothing is taken of it: recording is not possible or not agreed to */
    uint8_t layers;
    char mid_text[SDP_MID_MAX];
    uint8_t mid_n;
    struct layer layer[TRACK_LAYERS_MAX];
    struct descriptor_templates templates;
    /* key frames */
    uint8_t key_wanted; /* bit per layer */
    uint8_t key_tokens; /* at most 2 */
    usec key_asked, key_refilled;
    /* level: 0 loudest … 127 */
    uint8_t level; /* the loudest of the current window */
    usec level_at;
    uint8_t level_told;
    /* who receives it */
    struct slot **feed;
    uint32_t feeds, feeds_size;
};

/* One arrived packet as the transport read it; spans borrow the datagram. */
struct rtp_in {
    uint32_t ssrc, ts;
    uint16_t seq;
    uint8_t pt;
    bool marker, voice, has_level, has_orientation;
    uint8_t level, orientation;
    struct span descriptor, capture_time, payload;
};

/* A track of member m for this section; rids of it become layers. Not in any list yet. NULL without memory.
 */
struct track *track_new(struct member *m, const struct sdp_media *section, const struct sdp_codec *codec,
                        enum source source) MUST_CHECK;
void track_free(struct track *t);
/* Takes a packet into the layer's cache and its books. ERR_EXISTS, ERR_EXPIRED, ERR_NOMEM, ERR_FORMAT. */
enum err track_take(struct track *t, uint8_t layer, usec now, const struct rtp_in *in,
                    const struct cache_pkt **kept) MUST_CHECK;
/* The layer's numbers begin anew: another SSRC, or a pause during which nothing was counted. keep: its
 * packets stay. */
void track_renew(struct track *t, uint8_t layer, bool keep);
/* The report block about a layer, for its sender. */
void track_report(struct layer *l, usec now, struct rtcp_report *report);
/* Bits a second of the layer lately, up to this spatial layer; 0: nothing came yet. */
uint32_t layer_bps(const struct layer *l, uint8_t sid);
/* Somebody needs a key frame of this layer. */
void track_want_key(struct track *t, uint8_t layer);
/* Which layers may be asked for a key frame now (bits); counts as asked. 0: none, or not yet. */
uint8_t track_ask_key(struct track *t, usec now);
/* When track_ask_key can say something. */
usec track_key_wake(const struct track *t);
/* Wired to a receiving slot, and taken off. ERR_NOMEM, ERR_FULL. */
enum err track_add_feed(struct track *t, struct slot *s) MUST_CHECK;
void track_drop_feed(struct track *t, const struct slot *s);
/* Forwarded now? */
static inline bool track_live(const struct track *t)
{
    return t->on && !t->muted && !t->silenced && !t->held;
}

#endif
