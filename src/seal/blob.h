/* SPDX-License-Identifier: Apache-2.0
 * Bytes that are owned, wiped when dropped. PACK runs a writing statement twice, once to count and once into
 * memory of exactly that size: PACK(&b) mls_leaf_write(&k.w, &leaf); if (!b.p) return ERR_NOMEM; */
#ifndef SEAL_BLOB_H
#define SEAL_BLOB_H

#include "base/err.h"
#include "base/span.h"
#include "base/write.h"

#define BLOB_MAX (16u << 20)

struct blob {
    uint8_t *p;
    size_t n;
};

/* n zero bytes; what b held before is not looked at. ERR_LIMIT above BLOB_MAX, ERR_NOMEM. */
enum err blob_new(struct blob *b, size_t n) MUST_CHECK;
/* Keeps a copy. */
enum err blob_copy(struct blob *b, struct span s) MUST_CHECK;
/* Wipes and frees; b is empty then. */
void blob_drop(struct blob *b);
static inline struct span blob_span(const struct blob *b)
{
    return SPAN(b->p, b->n);
}
/* Drops b and puts in its place what `from` holds, which is left empty. */
void blob_move(struct blob *b, struct blob *from);

struct pack {
    struct blob *b;
    struct writer w;
    int pass;
};
struct pack pack_start(struct blob *b);
bool pack_more(struct pack *k);
#define PACK(blob) for (struct pack k = pack_start(blob); pack_more(&k);)

#endif
