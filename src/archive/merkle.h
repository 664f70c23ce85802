/* SPDX-License-Identifier: Apache-2.0
 * The Merkle tree of the audit trail (RFC 9162 section 2.1, SHA-256): the right edge that appending needs, and
 * proofs that an entry is in a tree (2.1.3) and that one tree is the beginning of another (2.1.4). The edge is
 * a value of 2 KiB; whoever wants to prove keeps the roots of the full subtrees as merkle_append hands them
 * out and gives them back by level and index. Checking a proof needs nothing but the proof. */
#ifndef ARCHIVE_MERKLE_H
#define ARCHIVE_MERKLE_H

#include "core/crypto.h"

#define MERKLE_HASH      32
#define MERKLE_LEVELS    63
#define MERKLE_PROOF_MAX 64 /* hashes of the longest proof */

struct merkle_hash {
    uint8_t b[MERKLE_HASH];
};
struct merkle_edge { /* a tree as its full subtrees from the left: root[h] counts when bit h of size is set */
    uint64_t size;
    struct merkle_hash root[MERKLE_LEVELS];
};
struct merkle_proof {
    unsigned n;
    struct merkle_hash hash[MERKLE_PROOF_MAX];
};
struct merkle_nodes { /* full subtrees that were kept: level 0 are the leaves, `at` counts within the level */
    enum err (*get)(void *ctx, unsigned level, uint64_t at, struct merkle_hash *h);
    void *ctx;
};
/* A subtree of 2^level leaves is complete; called for level ≥ 1, in order. */
typedef enum err merkle_full_fn(void *ctx, unsigned level, uint64_t at, const struct merkle_hash *h);

enum err merkle_leaf(const struct crypto *c, struct span entry, struct merkle_hash *leaf) MUST_CHECK;
/* Adds a leaf; `full` may be NULL. On failure the edge is as it was. ERR_FULL at 2^63 - 1 leaves. */
enum err merkle_append(const struct crypto *c, struct merkle_edge *e, const struct merkle_hash *leaf,
                       merkle_full_fn *full, void *ctx) MUST_CHECK;
/* The root of the whole; that of an empty tree is the hash of nothing. */
enum err merkle_root(const struct crypto *c, const struct merkle_edge *e,
                     struct merkle_hash *root) MUST_CHECK;
/* The edge of the first `size` leaves out of kept subtrees. */
enum err merkle_edge_of(const struct merkle_nodes *from, uint64_t size, struct merkle_edge *e) MUST_CHECK;

/* That leaf `at` is in the tree of `size` leaves. ERR_RANGE when it is not; else what `from` answers. */
enum err merkle_prove_entry(const struct crypto *c, const struct merkle_nodes *from, uint64_t at,
                            uint64_t size, struct merkle_proof *p) MUST_CHECK;
/* That the tree of `before` leaves is the beginning of that of `size`. ERR_RANGE unless 0 < before ≤ size. */
enum err merkle_prove_growth(const struct crypto *c, const struct merkle_nodes *from, uint64_t before,
                             uint64_t size, struct merkle_proof *p) MUST_CHECK;
/* OK or ERR_AUTH. */
enum err merkle_check_entry(const struct crypto *c, const struct merkle_proof *p, uint64_t at, uint64_t size,
                            const struct merkle_hash *leaf, const struct merkle_hash *root) MUST_CHECK;
enum err merkle_check_growth(const struct crypto *c, const struct merkle_proof *p, uint64_t before,
                             const struct merkle_hash *root_before, uint64_t size,
                             const struct merkle_hash *root) MUST_CHECK;

#endif
