/* SPDX-License-Identifier: Apache-2.0
 * The list of proposals in a commit, RFC 9420 sections 12.1 to 12.3: which are valid, alone and together, as
 * a table of rules; and their application to the next epoch in the RFC's order. Every rule is a function of
 * the old epoch and the commit's bytes alone, so that honest members never disagree. ReInit is
 * ERR_UNSUPPORTED, and ExternalInit but in an external commit. Owns the list's array; what the items point to is borrowed.
 */
#ifndef SEAL_PROPOSALS_H
#define SEAL_PROPOSALS_H

#include "seal/epoch.h"

#define PROPOSAL_OUTSIDE UINT32_MAX

struct proposal {
    struct mls_proposal is;
    uint32_t sender; /* leaf; PROPOSAL_OUTSIDE: nobody of the group */
    bool by_ref;
    const struct secret *own_leaf; /* the private key of an own Update */
};
struct proposals {
    struct proposal *item;
    size_t n;
};
struct proposals_in { /* what the rules look at */
    const struct proposals *list;
    const struct epoch *old;
    uint32_t committer; /* leaf; PROPOSAL_OUTSIDE in an external commit */
    bool has_path;
    const struct mls_leaf
        *enters; /* of an external commit: the path's leaf, without its parent hash yet when it
                                      is our own; else NULL */
};
struct proposals_rule {
    const char *name;
    enum err (*check)(const struct proposals_in *in);
};
extern const struct proposals_rule proposals_rules[]; /* ends with a row without name */

struct applied {
    struct tree_set added, removed, updated;
    bool self_removed;
    uint32_t *leaf_of; /* for each item the leaf an Add got; as many as items */
};

/* Applies every rule in turn: the first error, and in *rule (when not NULL) its name. */
enum err proposals_check(const struct proposals_in *in, const char **rule) MUST_CHECK;
/* Whether such a commit needs a path (section 12.4). */
bool proposals_need_path(const struct proposals *list);
/* GroupContextExtensions, Update, Remove, Add in that order, onto `next`. On failure next is to be thrown
 * away. */
enum err proposals_apply(const struct proposals *list, struct epoch *next, struct applied *a) MUST_CHECK;
void applied_drop(struct applied *a);
void proposals_drop(struct proposals *list);

#endif
