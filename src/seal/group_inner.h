/* SPDX-License-Identifier: Apache-2.0
 * What the files of the group share: group.c (opening, applying), draft.c (making), join.c (create and join),
 * state.c (save and restore). Not for others. */
#ifndef SEAL_GROUP_INNER_H
#define SEAL_GROUP_INNER_H

#include "seal/group.h"
#include "seal/proposals.h"

struct heard { /* a proposal of this epoch, by its reference */
    uint8_t ref[SUITE_NH];
    uint32_t sender;         /* leaf, or PROPOSAL_OUTSIDE */
    struct blob bytes;       /* encoded Proposal */
    struct secret leaf_priv; /* of an own Update */
};
struct known_psk {
    struct blob id, psk;
};
struct resumption {
    uint64_t epoch;
    struct secret psk;
};
struct group {
    struct group_conf conf;
    struct suite suite;
    bool closed;
    struct epoch *now;
    struct epoch *past[GROUP_PAST_MAX]; /* newest first */
    struct heard *heard;
    size_t heard_n;
    struct epoch *staged; /* what the own commit makes */
    struct blob staged_message;
    struct tree_set staged_added, staged_gone, staged_updated;
    bool staged_path;
    struct known_psk psks[GROUP_PSKS_MAX];
    size_t psks_n;
    struct resumption resume[GROUP_RESUME_MAX]; /* newest first */
    size_t resume_n;
    uint32_t welcomed_by;
    struct blob joined_psks; /* list of PreSharedKeyID of the Welcome */
};
struct incoming_inner {
    struct protect_opened opened;
    struct blob message, bytes;
    struct epoch *next;
    struct proposals list;
    struct applied applied;
    uint8_t ref[SUITE_NH];
};

struct group *group_new(const struct group_conf *conf, uint16_t suite, enum err *e);
/* Folds the PSKs of a list's PSK proposals, or of a list of PreSharedKeyID, into one. ERR_UNKNOWN for one
 * that is not there. */
enum err group_psk_of(const struct group *g, const struct mls_psk_id *id, struct span *psk) MUST_CHECK;
enum err group_psk_list(const struct group *g, const struct proposals *list, struct secret *psk) MUST_CHECK;
enum err group_psk_ids(const struct group *g, struct span ids, struct secret *psk) MUST_CHECK;
/* Remembers a proposal; takes `bytes` on OK. */
enum err group_hear(struct group *g, uint32_t sender, const uint8_t ref[static SUITE_NH], struct blob *bytes,
                    const struct secret *leaf_priv) MUST_CHECK;
void group_unhear(struct group *g);
/* Keeps the resumption PSK of an epoch that begins. */
void group_remember(struct group *g, const struct epoch *e);
/* Public half of the epoch of a GroupInfo, whose signature, tree and context are checked; its tag is not. `tree` as in
 * join_with. */
enum err group_epoch_fill(struct epoch *e, struct span tree, const struct mls_group_info *info) MUST_CHECK;
/* Makes next the current epoch. */
void group_advance(struct group *g, struct epoch *next);
/* Checks a whole tree's leaves together: keys, capabilities. */
enum err group_check_tree(const struct epoch *e) MUST_CHECK;
/* Transcript, context, joiner secret and keys of the next epoch out of the signed commit (whose tag is not
 * looked at). */
struct next_keys {
    const struct mls_signed *commit;
    const struct secret *commit_secret, *psk, *init;
    uint32_t forward;
};
enum err group_next_keys(struct epoch *next, const struct next_keys *in, struct secret *joiner) MUST_CHECK;

#endif
