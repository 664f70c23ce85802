/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buf.h"

#include "base/mem.h"

void buf_fini(struct buf *b)
{
    mem_free(b->p);
    *b = (struct buf){NULL, 0, 0, b->cap};
}

enum err buf_reserve(struct buf *b, size_t n, struct mspan *room)
{
    if (n > b->cap - b->n) return ERR_LIMIT;
    if (b->size - b->n < n) {
        size_t size = b->size ? b->size * 2 : 256;
        if (size < b->n + n) size = b->n + n;
        if (size > b->cap) size = b->cap;
        uint8_t *p = mem_resize(b->p, size, 1);
        if (!p) return ERR_NOMEM;
        b->p = p;
        b->size = size;
    }
    *room = MSPAN(b->p + b->n, b->size - b->n);
    return OK;
}

enum err buf_add(struct buf *b, struct span s)
{
    struct mspan room;
    if (s.n == 0) return OK;
    enum err e = buf_reserve(b, s.n, &room);
    if (e) return e;
    memcpy(room.p, s.p, s.n);
    b->n += s.n;
    return OK;
}

void buf_drop(struct buf *b, size_t n)
{
    if (n > b->n) n = b->n;
    b->n -= n;
    if (b->n) memmove(b->p, b->p + n, b->n);
}
