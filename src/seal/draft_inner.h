/* SPDX-License-Identifier: Apache-2.0
 * What the files that make messages share: draft.c (members), enter.c (those outside). Not for others. */
#ifndef SEAL_DRAFT_INNER_H
#define SEAL_DRAFT_INNER_H

#include "seal/group_inner.h"

enum draft_kind {
    DRAFT_KEY_PACKAGE,
    DRAFT_PROPOSAL,
    DRAFT_COMMIT,
    DRAFT_APPLICATION,
    DRAFT_INFO,
    DRAFT_ENTER
};
enum draft_stage { STAGE_LEAF, STAGE_PACKAGE, STAGE_FRAME, STAGE_INFO, STAGE_DONE };

struct draft {
    enum draft_kind kind;
    enum draft_stage stage;
    struct group *g; /* NULL for a key package and a proposal from outside */
    bool own_group;  /* of an external commit: g is the draft's */
    uint8_t from;    /* enum mls_from */
    uint32_t sender; /* leaf, or place of an external sender */
    struct blob group_id;
    uint64_t epoch;
    struct suite suite;
    struct blob tbs, signer; /* what is to be signed, and the public key for it */
    struct blob leaf;        /* without its signature, then with */
    struct secret leaf_priv, init_priv;
    uint8_t leaf_pub[CRYPTO_PUBLIC_MAX], init_pub[CRYPTO_PUBLIC_MAX];
    struct blob package; /* a key package without its signature */
    struct blob body, authenticated_data;
    struct mls_signed content;
    bool in_public;
    struct mls_proposal proposal;
    struct blob values; /* by-value proposals one after another */
    struct proposals list;
    bool has_path, tree_apart, has_adds, dead;
    struct epoch *next;
    struct applied applied;
    struct treekem_made made;
    struct secret psk, joiner;
    struct secret init; /* init_secret the next epoch begins with */
    struct blob info;
    struct blob message, welcome;
};

/* The next signature: over SignContent(label, content). */
enum err draft_want(struct draft *d, enum draft_stage stage, struct span label,
                    struct span content) MUST_CHECK;
/* A leaf of these parameters, whose capabilities' extension types are written to `types`. */
#define DRAFT_EXTENSIONS_MAX 16
enum err draft_leaf_fill(const struct leaf_params *p, struct mspan types, struct mls_leaf *l) MUST_CHECK;
/* Wants the signature of leaf l, which goes to d->leaf. */
enum err draft_leaf_start(struct draft *d, const struct mls_leaf *l) MUST_CHECK;
/* Wants the signature of the message whose body is d->body; context: encoded, where the sender signs it. */
enum err draft_frame_start(struct draft *d, uint8_t type, struct span context) MUST_CHECK;
/* Fills p from what is asked, but for an Update; g may be NULL where no PSK is named. */
enum err draft_fill(const struct suite *s, const struct group *g, const struct propose *what,
                    struct mls_proposal *p, uint8_t nonce[static SUITE_NH]) MUST_CHECK;
/* The content of a Welcome's list of PSKs. */
enum err draft_psk_ids(const struct draft *d, struct blob *ids) MUST_CHECK;

#endif
