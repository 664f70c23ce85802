/* SPDX-License-Identifier: Apache-2.0
 * Who is in a room: the room's and the members' own structures, and the lists and notes about them. Internal
 * to src/room; the engine sees room/room.h only. */
#ifndef ROOM_ROSTER_H
#define ROOM_ROSTER_H

#include "core/estimate.h"
#include "core/twcc.h"
#include "room/slots.h"

#define MEMBER_SSRCS_MAX    64 /* streams one transport may bring in */
#define MEMBER_VIEW_MAX     ROOM_SLOTS_MAX
#define MEMBER_CODEC_TABLES 8  /* distinct lists of formats among a member's receiving sections */
#define MESSAGES_BURST      60 /* a member's room messages: at once, */
#define MESSAGES_PER_S      20 /* and over time */
#define CHATS_BURST         10
#define CHATS_PER_S         2
#define SPEAKING_US         (250 * USEC_MS)
#define SPEAKING_MAX        16
#define REPORT_US           (1 * USEC_S)

struct bucket {     /* a rate limit */
    uint32_t milli; /* thousandths of a message left */
    usec at;
};

struct stream_in { /* one SSRC a member sends */
    uint32_t ssrc;
    uint8_t track, layer; /* index in the member's tracks */
    bool rtx;
};

struct shown { /* one line of `view` */
    uint32_t track;
    uint16_t width, height;
};

struct member {
    struct room *room;
    struct member *next, *before;
    struct peer *peer; /* NULL before the first accepted offer */
    uint64_t session;
    uint32_t number, can;
    int64_t since_ms;
    uint8_t kind; /* enum member_kind */
    bool agreed;  /* to being recorded */
    bool sees;    /* frames mean something to it: always, in a sealed room once it holds an epoch */
    bool hand, moderator, gone, up,
        told; /* up: media may flow · told: has had `joined` and gets the room's news */
    uint8_t name_n, subject_n;
    char name[ROOM_NAME_MAX + 1], subject[65];
    struct bucket messages, chats;
    /* sending */
    struct track *track[MEMBER_TRACKS_MAX];
    uint8_t tracks;
    struct stream_in *stream; /* MEMBER_SSRCS_MAX, taken with the first sending section */
    uint8_t streams, last_stream;
    struct twcc *twcc;  /* feedback to it; NULL when it does not want any */
    uint32_t twcc_ssrc; /* any of its streams */
    bool wants_remb;
    uint32_t remb_bps;
    usec report_due, nack_due;
    int64_t clock_offset_us; /* our time - its NTP time */
    bool has_clock;
    /* receiving */
    struct slot **slot; /* each alone: feeds point to them */
    uint8_t slots;
    struct slot_codecs *codecs[MEMBER_CODEC_TABLES];
    uint8_t ext_in[EXT_COUNT], ext_out[EXT_COUNT]; /* ids of what it sends and gets, 0: not negotiated */
    bool two_byte;
    bool has_view;
    struct shown *view;
    uint16_t views;
    struct estimate *estimate; /* of the path to it; NULL when it gives no transport-wide feedback */
    bool limited;              /* it gets less than it wants to see (room/share) */
    uint32_t share_bps;        /* the estimate that was shared out last */
    uint32_t spare_bps;        /* what was left of it */
    usec share_due, probe_due, probe_wait, pad_due;
    uint32_t probe_from;
    usec rtt_us; /* 0: not known */
    usec resend_second;
    uint32_t resend_bytes, sent_bytes; /* this second, and the last one's */
    uint32_t sent_before;
    uint32_t rtcp_ssrc;               /* ours, as a receiver without a stream */
    struct ice_credentials *promised; /* of a counter-offer, until it is answered; NULL */
    uint32_t answer_version;
    uint64_t answer_id;
};

struct room {
    const struct room_conf *conf;
    const struct sfu_tap *tap;
    struct member *first, *last, *dead;
    struct track *track_first, *track_last;
    uint32_t members, tracks, next_track;
    uint8_t of_class; /* enum room_class */
    bool locked, ended, levels;
    uint8_t recording; /* enum room_recording */
    bool recording_required;
    char recording_id[33], recording_why[200];
    uint8_t name_n;
    char name[65];
    uint64_t chat_seq;
    usec wake, speaking_due, refresh_at; /* refresh_at 0: nobody new */
    uint32_t loudest;                    /* track that was, when somebody last spoke */
    uint8_t spoken;                      /* how many were in the last `speaking` */
    struct room_counters counters;
};

/* The class, as the protocol names it. */
const char *class_name(enum room_class c);
static inline bool room_sealed(const struct room *r)
{
    return r->of_class != CLASS_GOVERNED;
}
/* True when one more is within the limit of `burst` at once and per_s a second. */
bool bucket_take(struct bucket *b, usec now, uint32_t burst, uint32_t per_s);

struct member *member_new(struct room *r, const struct verdict *v, const struct room_entrant *who,
                          usec now) MUST_CHECK;
/* Frees what it holds; it must be in no list and no feed. */
void member_free(struct member *m);
void roster_add(struct room *r, struct member *m);
void roster_drop(struct room *r, struct member *m);
struct track *room_track(const struct room *r, uint32_t number);
struct track *member_track(const struct member *m, enum source source);
void room_add_track(struct room *r, struct track *t);
void room_drop_track(struct room *r, struct track *t);

/* ---- notes ---- */
/* Starts a note to everybody who gets the room's news, but not to `except` (may be NULL). */
void note_to_all(struct room *r, struct news *n, unsigned message, const struct member *except);
void note_to_one(struct news *n, unsigned message, const struct member *m);
void note_ok(struct news *n, const struct member *m, uint32_t id);
void note_error(struct news *n, const struct member *m, uint32_t id, const char *code, const char *title);
void note_closed(struct news *n, const struct member *m, const struct room_expulsion *why);
void note_member(struct room *r, struct news *n, unsigned message, const struct member *about);
void note_joined(struct room *r, struct news *n, const struct member *m, struct span ice);
void note_left(struct room *r, struct news *n, const struct member *m, const char *reason, uint32_t by);
void note_track(struct room *r, struct news *n, unsigned message, const struct track *t);
/* `recording`, to all or to one. */
void note_recording(struct room *r, struct news *n);
void note_recording_to(const struct room *r, struct news *n, const struct member *m);
void put_text(struct writer *w, struct span text);

#endif
