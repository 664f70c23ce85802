/* SPDX-License-Identifier: Apache-2.0
 * Leaf nodes and key packages: their signatures, RFC 9420 sections 7.2, 10, and what makes them valid in a
 * group, sections 7.3, 10.1, 11.1 (required capabilities). Owns nothing. Never looks at a clock: lifetimes
 * are judged only when the caller hands in a time. What a credential means is for rules.h and the caller. */
#ifndef SEAL_LEAF_H
#define SEAL_LEAF_H

#include "base/time.h"
#include "seal/blob.h"
#include "seal/tree.h"

#define LEAF_CREDENTIALS_MAX 16 /* different credential types in one group */

/* LeafNodeTBS of a leaf whose fields before the signature are set; group and index count unless it is of a
 * key package. */
enum err leaf_tbs(const struct mls_leaf *l, struct span group_id, uint32_t index,
                  struct blob *tbs) MUST_CHECK;
enum err leaf_verify(const struct suite *s, const struct mls_leaf *l, struct span group_id,
                     uint32_t index) MUST_CHECK;
/* The leaf in itself: source, own credential type and extensions among its capabilities. ERR_FORMAT. */
enum err leaf_check(const struct mls_leaf *l, uint8_t source) MUST_CHECK;
/* The leaf's lifetime holds now; ERR_EXPIRED. Only leaves of key packages have one. */
enum err leaf_check_time(const struct mls_leaf *l, struct wall now) MUST_CHECK;
/* A key package in itself: version, suite, leaf, both signatures, init key unlike the leaf's. */
enum err key_package_check(const struct suite *s, const struct mls_key_package *k) MUST_CHECK;
/* Every leaf of the tree bears what the group demands: required_capabilities and other extensions of the
 * GroupContext, and every credential type in use. ERR_UNSUPPORTED. */
enum err leaf_check_all(const struct tree *t, struct span context_extensions) MUST_CHECK;
/* A required_capabilities extension of this form; its three lists. */
struct leaf_required {
    struct span extensions, proposals, credentials;
};
enum err leaf_required_read(struct span data, struct leaf_required *q) MUST_CHECK;

#endif
