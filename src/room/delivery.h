/* SPDX-License-Identifier: Apache-2.0
 * The blind delivery service of a sealed room (docs/delivery.md; RFC 9750 section 5): orders the epochs of an
 * MLS group and passes bytes on. Parses the envelope and nothing inside; holds no names, no keys, no key
 * packages after they are used. Owns its handles, the queue of knocks and the last winners. Says everything
 * as news (envelopes for sessions). */
#ifndef ROOM_DELIVERY_H
#define ROOM_DELIVERY_H

#include "base/rng.h"
#include "base/span.h"
#include "base/time.h"
#include "core/crypto.h"
#include "room/news.h"

#define DELIVERY_HANDLES_MAX   356 /* 100 members and 256 who knock */
#define DELIVERY_MEMBERS_MAX   100
#define DELIVERY_KNOCKS_MAX    256
#define DELIVERY_KNOCK_MAX     (16 * 1024)
#define DELIVERY_APP_MAX       (16 * 1024)
#define DELIVERY_BUNDLE_MAX    (1024 * 1024)
#define DELIVERY_WINNERS_MAX   64
#define DELIVERY_WINNERS_BYTES (4 * 1024 * 1024)
#define DELIVERY_LOST_US       (15 * USEC_S)
#define DELIVERY_REKEY_US      (600 * USEC_S)
#define DELIVERY_PLEASE_US     (1500 * USEC_MS)

enum envelope_kind {
    ENVELOPE_HELLO = 1,
    ENVELOPE_CREATE,
    ENVELOPE_KNOCK,
    ENVELOPE_RESYNC,
    ENVELOPE_BUNDLE,
    ENVELOPE_WELCOME,
    ENVELOPE_CONFLICT,
    ENVELOPE_APP,
    ENVELOPE_READY,
    ENVELOPE_STATE,
    ENVELOPE_GONE,
    ENVELOPE_PLEASE_COMMIT,
    ENVELOPE_REFUSED,
};
enum delivery_refusal {
    REFUSED_DOOR = 1,
    REFUSED_RATE,
    REFUSED_OUTSIDE,
    REFUSED_SIZE,
    REFUSED_FULL,
    REFUSED_FORM,
    REFUSED_EPOCH
};

struct delivery;

/* For the room of this name (kept as a copy). `crypto` hashes doors. NULL when out of memory. */
struct delivery *delivery_new(struct span room, const struct crypto *crypto, const struct rng *rng, usec now);
void delivery_free(struct delivery *d);
/* An envelope of a client. *ready is true when frames mean something to this session from now on: it made the group,
 * says for the first time that it holds an epoch, or came back as a member that does. */
void delivery_receive(struct delivery *d, usec now, uint64_t session, struct span envelope, struct news *news,
                      bool *ready);
/* A session ended: at once when it left or was expelled, else 15 s later. */
void delivery_gone(struct delivery *d, usec now, uint64_t session, bool left, struct news *news);
void delivery_tick(struct delivery *d, usec now, struct news *news);
usec delivery_wake(const struct delivery *d);
/* For metrics. */
uint64_t delivery_epoch(const struct delivery *d);
unsigned delivery_members(const struct delivery *d);

#endif
