/* SPDX-License-Identifier: Apache-2.0 */
#include "base/mem.h"

#include <stdlib.h>

static uint64_t allocations, fail_at, live;

static bool fails(void)
{
    allocations++;
    if (fail_at == 0 || --fail_at != 0) return false;
    return true;
}

void *mem_new(size_t count, size_t size)
{
    if (fails()) return NULL;
    void *p = calloc(count ? count : 1, size ? size : 1);
    if (p) live++;
    return p;
}

void *mem_resize(void *p, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) return NULL;
    if (fails()) return NULL;
    size_t bytes = count * size;
    void *q = realloc(p, bytes ? bytes : 1);
    if (q && !p) live++;
    return q;
}

void mem_free(void *p)
{
    if (p) live--;
    free(p);
}

uint64_t mem_fail_nth(uint64_t nth)
{
    uint64_t so_far = allocations;
    fail_at = nth;
    allocations = 0;
    return so_far;
}

uint64_t mem_live(void)
{
    return live;
}

void *arena_take(struct arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / size) return NULL;
    size_t n = count * size, at = (a->n + 15) & ~(size_t)15;
    if (at > a->cap || a->cap - at < n) return NULL;
    a->n = at + n;
    if (n) memset(a->p + at, 0, n);
    return a->p + at;
}

enum err arena_copy(struct arena *a, struct span s, struct span *copy)
{
    uint8_t *p = arena_take(a, s.n, 1);
    if (!p) return ERR_NOMEM;
    if (s.n) memcpy(p, s.p, s.n);
    *copy = SPAN(p, s.n);
    return OK;
}
