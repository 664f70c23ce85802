/* SPDX-License-Identifier: Apache-2.0
 * The rules of an encrypted room over the MLS core: ROOMS.md sections A, 3, 4, 5, 6, as two tables, one for
 * joining and one for commits of others. A commit that the core found valid is asked here before group_apply.
 * Every rule is a function of the room's policy, the group's state and the commit's bytes, never of a clock
 * or of what the server says, so that honest clients never disagree. Owns nothing; evidence in credentials
 * and lifetimes are the admitting committer's, who asks rules_admit and its own clock. */
#ifndef SEAL_RULES_H
#define SEAL_RULES_H

#include "seal/group.h"
#include "seal/policy.h"

#define RULES_DELEGATION 0xf1cb /* GroupContext extension of a witnessed room */
#define RULES_NONCE      8      /* bytes behind the room id in a group id */

struct rules { /* what a client of the room holds; all borrowed */
    const struct crypto *crypto;
    const struct policy *policy;           /* decoded, from the link's hash on believed */
    uint8_t policy_hash[POLICY_HASH_SIZE]; /* the link's */
    struct span psk_id;                    /* of the join secret's current generation */
};
struct rules_in {
    const struct rules *room;
    const struct group *group;     /* before the commit, or just joined */
    const struct incoming *commit; /* NULL at join */
};
struct rules_row {
    const char *name;
    enum err (*check)(const struct rules_in *in);
};
extern const struct rules_row rules_at_join[], rules_at_commit[]; /* end with a row without name */

/* Every rule in turn: the first error, and its name in *name when that is not NULL. ERR_DENIED unless said
 * otherwise. */
enum err rules_join(const struct rules *room, const struct group *g, const char **name) MUST_CHECK;
/* For a commit of another member (an own one is refused by the others). */
enum err rules_commit(const struct rules *room, const struct group *g, const struct incoming *commit,
                      const char **name) MUST_CHECK;
/* Whether a leaf may be in such a room: credential, identity, kind, no extensions, not the archive's key. */
enum err rules_admit(const struct rules *room, const struct mls_leaf *l) MUST_CHECK;
/* Whether the policy names this leaf a moderator. */
bool rules_moderator(const struct rules *room, const struct mls_leaf *l);

#endif
