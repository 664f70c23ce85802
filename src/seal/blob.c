/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/blob.h"

#include "base/mem.h"
#include "base/secret.h"

enum err blob_new(struct blob *b, size_t n)
{
    if (n > BLOB_MAX) return ERR_LIMIT;
    uint8_t *p = mem_new(n, 1);
    if (!p) return ERR_NOMEM;
    *b = (struct blob){p, n};
    return OK;
}

enum err blob_copy(struct blob *b, struct span s)
{
    enum err e = blob_new(b, s.n);
    if (e == OK && s.n) memcpy(b->p, s.p, s.n);
    return e;
}

void blob_drop(struct blob *b)
{
    if (b->p) secret_wipe(b->p, b->n);
    mem_free(b->p);
    *b = (struct blob){NULL, 0};
}

void blob_move(struct blob *b, struct blob *from)
{
    blob_drop(b);
    *b = *from;
    *from = (struct blob){NULL, 0};
}

struct pack pack_start(struct blob *b)
{
    *b = (struct blob){NULL, 0};
    return (struct pack){b, writer_counting(BLOB_MAX), 0};
}

bool pack_more(struct pack *k)
{
    if (k->pass == 0) {
        k->pass = 1;
        return true;
    }
    if (k->pass == 2 || k->w.bad || blob_new(k->b, k->w.n) != OK) return false;
    k->w = writer_of(MSPAN(k->b->p, k->b->n));
    k->pass = 2;
    return true;
}
