/* SPDX-License-Identifier: Apache-2.0
 * One epoch of a group as a value: tree, GroupContext, keys, secret tree and own private keys (RFC 9420
 * sections 8, 12). The next epoch is built beside the last and swapped in, or thrown away. Owns all it holds
 * and wipes it; borrows the suite, which outlives it. */
#ifndef SEAL_EPOCH_H
#define SEAL_EPOCH_H

#include "seal/protect.h"
#include "seal/treekem.h"

struct epoch {
    const struct suite *suite; /* borrowed */
    uint64_t number;
    struct blob group_id, extensions; /* of the GroupContext */
    struct tree tree;
    struct digest tree_hash, confirmed, interim;
    struct blob context; /* encoded GroupContext */
    struct schedule keys;
    struct secrettree secrets;
    struct treekem_own own;
    uint8_t tag[SUITE_NH]; /* confirmation tag of the commit that made it */
};

/* A copy of public state and own keys with the next number; no keys of an epoch yet. NULL without memory. */
struct epoch *epoch_next(const struct epoch *old) MUST_CHECK;
/* An empty one: blobs, tree and keys unset. */
struct epoch *epoch_new(const struct suite *s) MUST_CHECK;
/* Wipes and frees; NULL is fine. */
void epoch_free(struct epoch *e);
/* Recomputes tree hash and context; the confirmed transcript hash is whatever e holds. */
enum err epoch_context(struct epoch *e) MUST_CHECK;
/* Secrets of the epoch and its secret tree, out of joiner and PSK secret; then the confirmation tag and the
 * interim hash. e->context must be final. */
enum err epoch_keys(struct epoch *e, const struct secret *joiner, const struct secret *psk,
                    uint32_t forward) MUST_CHECK;
/* What a past epoch needs to open late application messages stays; the rest is wiped. */
void epoch_retire(struct epoch *e);
static inline struct protect epoch_protect(struct epoch *e)
{
    return (struct protect){e->suite, &e->keys, &e->secrets, SPAN(e->context.p, e->context.n)};
}
/* State in and out. */
void epoch_write(struct writer *w, const struct epoch *e);
enum err epoch_read(struct reader *r, const struct suite *s, struct epoch **e) MUST_CHECK;

#endif
