/* SPDX-License-Identifier: Apache-2.0
 * SFrame in a room (ROOMS.md sections A and 7): one key set per MLS epoch, send counters that never come
 * twice, one 1,024-wide replay window per KID, and the rules by which epochs are entered, left and wiped.
 * Lives and dies with its owner; is never stored or restored. Owns all keys in it and wipes them; memory is
 * taken once, at birth. No trial decryption: the KID names the epoch, the leaf and the context, and one key
 * is tried. RFC 9605. */
#ifndef SEAL_SFRAME_ROOM_H
#define SEAL_SFRAME_ROOM_H

#include "base/time.h"
#include "seal/sframe.h"

#define SFRAME_BACK        4    /* epochs kept behind the newest, decrypt-only */
#define SFRAME_WINDOW      1024 /* counters below the highest that may still come */
#define SFRAME_KINDS       4    /* 0 microphone, 1 camera, 2 screen, 3 screen audio: context mod 16 */
#define SFRAME_CONTEXTS    64   /* contexts per leaf */
#define SFRAME_SENDING     8    /* contexts one member sends at once */
#define SFRAME_KEEP_US     (10 * USEC_S)       /* an old epoch after a commit */
#define SFRAME_KEEP_CUT_US (2 * USEC_S)        /* the same when the commit removed a leaf */
#define SFRAME_SWITCH_US   (800 * USEC_MS)     /* the longest that sending stays in the old epoch */
#define SFRAME_CTR_MAX     (UINT64_C(1) << 40) /* frames of one key */
#define SFRAME_SENDERS_MAX 16384               /* KIDs received at once, at most */

struct sframe_room;

struct sframe_room_conf {
    const struct crypto *crypto; /* borrowed for the room's life */
    uint16_t suite;
    struct sframe_layout layout;
    uint32_t kids; /* received KIDs to have room for, at most SFRAME_SENDERS_MAX */
};

struct sframe_epoch { /* what a commit brings */
    uint64_t epoch;
    uint32_t leaf; /* our own */
    bool removed;  /* the commit removed a leaf: older epochs end sooner and sending switches at once */
    bool per_kind; /* one base key for each kind (witnessed rooms) instead of base[0] for all */
    struct span base[SFRAME_KINDS];
};

struct sframe_from { /* what an authenticated frame says of itself */
    uint64_t epoch, kid, ctr;
    uint64_t context;
    uint32_t leaf;
};

/* A room without epochs; NULL without memory; a wrong conf is a bug. The caller frees it. */
struct sframe_room *sframe_room_new(const struct sframe_room_conf *conf) MUST_CHECK;
/* Wipes and frees; NULL is fine. */
void sframe_room_free(struct sframe_room *r);

/* Enters an epoch, keeping its own derived keys. Epochs only go up: ERR_STATE for one that is not newer than
 * all before it (so that no counter can start again), ERR_RANGE for a leaf that does not fit or missing keys.
 */
enum err sframe_room_enter(struct sframe_room *r, usec now, const struct sframe_epoch *e) MUST_CHECK;
/* Sends in the newest epoch from now on (all members are ready). */
void sframe_room_switch(struct sframe_room *r);
/* Switches and wipes what is due. */
void sframe_room_tick(struct sframe_room *r, usec now);
/* When tick is needed next. */
usec sframe_room_wake(const struct sframe_room *r);
/* Wipes every epoch: we left or were removed. Epochs may be entered afterwards, higher ones only. */
void sframe_room_leave(struct sframe_room *r);

/* Seals a frame of a context in the sending epoch; *n bytes to out (pt.n + SFRAME_OVERHEAD_MAX fit).
 * ERR_STATE without an epoch, ERR_FULL for more contexts than SFRAME_SENDING or a small out, ERR_LIMIT when
 * the counter ends. */
enum err sframe_room_seal(struct sframe_room *r, usec now, uint64_t context, struct span metadata,
                          struct span pt, struct mspan out, size_t *n) MUST_CHECK;

struct sframe_plain { /* where an opened frame goes */
    struct mspan out;
    size_t n;
    struct sframe_from from;
};
/* Opens a frame; out.n of at least frame.n fits. ERR_UNKNOWN: no such epoch (hold the frame or drop it), leaf
 * or context; ERR_REPLAY: counter seen or too old; ERR_AUTH: does not hold; ERR_FULL: no room for another
 * KID. */
enum err sframe_room_open(struct sframe_room *r, usec now, struct span frame, struct span metadata,
                          struct sframe_plain *plain) MUST_CHECK;
/* The epoch frames are sealed in now and the counter the next frame of the context gets; false when none. */
bool sframe_room_sending(const struct sframe_room *r, uint64_t context, uint64_t *epoch, uint64_t *ctr);

#endif
