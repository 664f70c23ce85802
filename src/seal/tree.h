/* SPDX-License-Identifier: Apache-2.0
 * The ratchet tree, RFC 9420 sections 4, 7.1, 7.2, 7.7, 7.8, 7.9, 12.4.3.1 (structure): leaves and parents
 * with blanks and unmerged leaves, resolution, filtered direct path, tree hash (cached by node), parent hash
 * and its check at join. Holds public values only. Owns its nodes and one heap of bytes they point into; a
 * span got from a tree is good until the tree next changes. A tree is a value: tree_clone, change the clone,
 * swap. At most TREE_LEAVES_MAX leaves. */
#ifndef SEAL_TREE_H
#define SEAL_TREE_H

#include "seal/schedule.h"
#include "seal/treemath.h"

#define TREE_LEAVES_MAX 1000
#define TREE_SLOTS      1024 /* leaves of the largest full tree */
#define TREE_NODES_MAX  (2 * TREE_SLOTS - 1)
#define TREE_DEPTH_MAX  10
#define TREE_HEAP_MAX   (8u << 20) /* bytes of all leaves and lists */

enum tree_kind { TREE_BLANK, TREE_LEAF, TREE_PARENT };

struct tree_node {
    uint8_t kind; /* enum tree_kind */
    bool hashed;  /* hash is the tree hash of this subtree */
    uint8_t key_n, parent_hash_n;
    uint8_t hash[SUITE_NH];
    uint8_t key[CRYPTO_PUBLIC_MAX], parent_hash[SUITE_NH]; /* of a parent */
    uint32_t at, n, size;                                  /* encoded leaf, or unmerged leaves, in the heap */
};
struct tree {
    uint32_t leaves; /* a power of two, or 0 */
    struct tree_node *nodes;
    uint8_t *heap;
    uint32_t heap_n, heap_size;
};
struct tree_path { /* filtered direct path, bottom up */
    size_t n;
    uint32_t node[TREE_DEPTH_MAX], copath[TREE_DEPTH_MAX];
};
struct tree_set { /* a set of leaves */
    uint8_t bits[TREE_SLOTS / 8];
};
static inline bool tree_set_has(const struct tree_set *s, uint32_t leaf)
{
    return s->bits[leaf / 8] >> leaf % 8 & 1;
}
static inline void tree_set_put(struct tree_set *s, uint32_t leaf)
{
    s->bits[leaf / 8] = (uint8_t)(s->bits[leaf / 8] | 1u << leaf % 8);
}

/* A tree of one blank leaf. */
enum err tree_init(struct tree *t) MUST_CHECK;
void tree_fini(struct tree *t);
/* A copy without the heap's dead bytes. */
enum err tree_clone(const struct tree *from, struct tree *t) MUST_CHECK;
/* Reads the vector of a ratchet_tree extension and checks structure: no blank at the end, nodes of the right
 * kind, unmerged leaves that are sorted, present, below their node and in every node between. */
enum err tree_read(struct tree *t, struct span nodes) MUST_CHECK;
/* The vector's content. */
void tree_write(struct writer *w, const struct tree *t);

/* Reads leaf i; false when it is blank or not there. */
bool tree_leaf(const struct tree *t, uint32_t i, struct mls_leaf *l);
/* Public key of a node that is not blank. */
struct span tree_key(const struct tree *t, uint32_t node);
/* Unmerged leaves of a parent node, uint32 each. */
struct span tree_unmerged(const struct tree *t, uint32_t node);
/* Leaves that are not blank. */
uint32_t tree_members(const struct tree *t);

/* Add: the leftmost blank leaf, or a larger tree; the leaf becomes unmerged above. ERR_LIMIT when the room is
 * full. */
enum err tree_add(struct tree *t, struct span leaf, uint32_t *index) MUST_CHECK;
/* Update: replaces the leaf and blanks its direct path. */
enum err tree_update(struct tree *t, uint32_t i, struct span leaf) MUST_CHECK;
/* Remove: blanks leaf and direct path and cuts the tree while its right half is empty. */
void tree_remove(struct tree *t, uint32_t i);
/* Replaces the leaf alone (a committer's). */
enum err tree_set_leaf(struct tree *t, uint32_t i, struct span leaf) MUST_CHECK;
/* Makes a parent node with this key and no unmerged leaves. */
void tree_set_parent(struct tree *t, uint32_t node, struct span key, const struct digest *parent_hash);
void tree_blank(struct tree *t, uint32_t node);

/* The resolution of a node into list (TREE_NODES_MAX fit); returns how many. */
size_t tree_resolution(const struct tree *t, uint32_t node, uint16_t *list);
/* The filtered direct path of a leaf. */
void tree_filtered_path(const struct tree *t, uint32_t leaf, struct tree_path *p);
/* Tree hash of the whole; computes what is not cached. */
enum err tree_hash(struct tree *t, const struct suite *s, struct digest *hash) MUST_CHECK;
/* Parent hash of `node` for the side that is not `sibling`. Needs the sibling's tree hash cached (tree_hash).
 */
enum err tree_parent_hash(struct tree *t, const struct suite *s, uint32_t node, uint32_t sibling,
                          struct digest *hash) MUST_CHECK;
/* Every parent node hangs together with one below it (section 7.9.2). ERR_AUTH. O(N log N) hashes. */
enum err tree_check_parents(struct tree *t, const struct suite *s) MUST_CHECK;
/* No public key twice: encryption keys over all nodes, signature keys over leaves; sizes are the suite's.
 * ERR_EXISTS. */
enum err tree_check_keys(const struct tree *t, const struct suite *s) MUST_CHECK;

#endif
