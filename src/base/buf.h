/* SPDX-License-Identifier: Apache-2.0
 * A growing buffer with a hard cap named at its birth. Owns its memory. Not for the packet path. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "base/err.h"
#include "base/span.h"

struct buf {
    uint8_t *p;
    size_t n, size, cap; /* bytes used, bytes taken, bytes allowed */
};

static inline void buf_init(struct buf *b, size_t cap)
{
    *b = (struct buf){NULL, 0, 0, cap};
}
void buf_fini(struct buf *b);
/* Keeps a copy of s at the end. ERR_LIMIT past the cap, ERR_NOMEM; on failure the buffer is unchanged. */
enum err buf_add(struct buf *b, struct span s) MUST_CHECK;
/* Room for n more bytes at the end, to be written and then counted by adding to b->n. */
enum err buf_reserve(struct buf *b, size_t n, struct mspan *room) MUST_CHECK;
/* Takes n bytes off the front. */
void buf_drop(struct buf *b, size_t n);
static inline struct span buf_span(const struct buf *b)
{
    return SPAN(b->p, b->n);
}

#endif
