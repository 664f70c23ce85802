/* SPDX-License-Identifier: Apache-2.0
 * The secret tree of an epoch, RFC 9420 section 9: one handshake and one application ratchet per leaf, made
 * when first needed. Owns every secret not used yet; each is erased when it has been split, used or has
 * fallen out of the window, so what was opened cannot be opened again. Keys of skipped generations stay for
 * SECRETTREE_BACK generations; a jump of more than `forward` is refused. Opening is two steps, so that a
 * forged message costs nothing: find, then accept. */
#ifndef SEAL_SECRETTREE_H
#define SEAL_SECRETTREE_H

#include "base/read.h"
#include "base/write.h"
#include "seal/suite.h"

#define SECRETTREE_BACK    32 /* ROOMS: 32 back */
#define SECRETTREE_FORWARD 64 /* and 64 forward, unless told otherwise */
#define SECRETTREE_LEAVES  1024

enum ratchet_kind { RATCHET_HANDSHAKE, RATCHET_APPLICATION };

struct ratchet_key {
    uint8_t key[SUITE_NK_MAX], nonce[SUITE_NN];
};
struct ratchet {
    uint8_t secret[SUITE_NH];
    uint32_t next; /* generation that `secret` belongs to */
    struct {
        bool have;
        uint32_t generation;
        struct ratchet_key key;
    } kept[SECRETTREE_BACK];
};
struct secrettree_node {
    uint8_t have, secret[SUITE_NH];
};
struct secrettree {
    const struct suite *suite; /* borrowed */
    uint32_t leaves, forward;
    struct secrettree_node *nodes;
    struct ratchet **ratchets; /* two for each leaf that was used */
};
struct ratchet_step { /* between find and accept; wipe with ratchet_step_drop */
    uint32_t leaf;
    enum ratchet_kind kind;
    struct ratchet after;
    struct ratchet_key key;
};

/* Starts from encryption_secret; leaves is a power of two up to SECRETTREE_LEAVES; borrows the suite. */
enum err secrettree_init(struct secrettree *t, const struct suite *s, uint32_t leaves,
                         const struct secret *root, uint32_t forward) MUST_CHECK;
/* Wipes and frees all. */
void secrettree_fini(struct secrettree *t);
/* The next key of an own ratchet, erased here with its return. ERR_LIMIT after 2^32 - 1 messages. */
enum err secrettree_next(struct secrettree *t, uint32_t leaf, enum ratchet_kind kind, uint32_t *generation,
                         struct ratchet_key *key) MUST_CHECK;
/* The key of a generation, changing nothing yet that shows: ERR_REPLAY when it was used or is too old,
 * ERR_LIMIT when it is too far ahead. */
enum err secrettree_find(struct secrettree *t, struct ratchet_step *step, uint32_t generation) MUST_CHECK;
/* The message was authentic: its key and those before the window are gone now. Wipes the step. */
void secrettree_accept(struct secrettree *t, struct ratchet_step *step);
void ratchet_step_drop(struct ratchet_step *step);
/* State in and out, exact; reading borrows the suite. */
void secrettree_write(struct writer *w, const struct secrettree *t);
enum err secrettree_read(struct reader *r, struct secrettree *t, const struct suite *s) MUST_CHECK;

#endif
