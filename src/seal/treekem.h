/* SPDX-License-Identifier: Apache-2.0
 * TreeKEM, RFC 9420 sections 7.4 to 7.6: new keys along a committer's filtered direct path, the path secrets
 * encrypted to the resolutions of the copath, and their opening by every other member, also one that is an
 * unmerged leaf. Owns the private keys in struct treekem_own and the secrets of a path being made; both are
 * values to be wiped. Parent hashes (7.9) are set and compared here too. */
#ifndef SEAL_TREEKEM_H
#define SEAL_TREEKEM_H

#include "seal/blob.h"
#include "seal/tree.h"

struct treekem_own { /* what one member can open */
    uint32_t leaf;
    struct secret
        priv[TREE_DEPTH_MAX + 1]; /* by level on the own direct path; priv[0] is the leaf's; n == 0: none */
};
struct treekem_made { /* a path between start and encrypt */
    struct tree_path path;
    struct secret secret[TREE_DEPTH_MAX]; /* path secrets of path.node */
    struct secret commit;
    struct digest parent_hash; /* for the new leaf */
};
struct treekem_to {               /* whom not, and under which context, a path is encrypted */
    const struct tree_set *fresh; /* leaves added by the same commit */
    struct span context;          /* the provisional GroupContext */
};

void treekem_own_drop(struct treekem_own *own);
void treekem_made_drop(struct treekem_made *made);
/* Forgets the keys of own ancestors that are blank now or no longer there. */
void treekem_prune(struct treekem_own *own, const struct tree *t);
/* Committer: fresh secrets along the path of own->leaf, public keys and parent hashes into the tree, private
 * keys into own (not the leaf's). On failure tree and own are to be thrown away. */
enum err treekem_start(struct tree *t, const struct suite *s, struct treekem_own *own,
                       struct treekem_made *made) MUST_CHECK;
/* Committer: the content of UpdatePath.nodes. */
enum err treekem_encrypt(const struct tree *t, const struct suite *s, const struct treekem_made *made,
                         const struct treekem_to *to, struct blob *nodes) MUST_CHECK;
/* Receiver: the public half of a path: right number of nodes, keys set, parent hash compared, leaf replaced.
 * On failure the tree is to be thrown away. */
enum err treekem_merge(struct tree *t, const struct suite *s, uint32_t sender,
                       const struct mls_path *path) MUST_CHECK;
/* Receiver, after merge: finds what own can open, sets the private keys above and gives the commit_secret. */
enum err treekem_open(const struct tree *t, const struct suite *s, struct treekem_own *own, uint32_t sender,
                      const struct mls_path *path, const struct treekem_to *to,
                      struct secret *commit) MUST_CHECK;
/* Joiner: the path secret of the lowest node common with `sender`. */
enum err treekem_learn(const struct tree *t, const struct suite *s, struct treekem_own *own, uint32_t sender,
                       struct span path_secret) MUST_CHECK;
/* The path secret that a leaf is to get in its Welcome; false when none. */
bool treekem_secret_for(const struct treekem_made *made, uint32_t sender, uint32_t leaf, struct span *secret);

#endif
