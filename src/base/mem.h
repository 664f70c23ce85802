/* SPDX-License-Identifier: Apache-2.0
 * Memory. mem_new and mem_free are the only allocator of our code (a check refuses malloc elsewhere), so that tests
 * can make the Nth allocation fail (tests/oom). Arenas bump through caller's memory and are freed at once. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/err.h"
#include "base/span.h"

/* Zeroed memory for count objects of size bytes, or NULL; the caller gives it back with mem_free. */
void *mem_new(size_t count, size_t size) MUST_CHECK;
/* Like realloc on memory of mem_new; the new part is not zeroed; NULL leaves the old block as it was. */
void *mem_resize(void *p, size_t count, size_t size) MUST_CHECK;
/* Takes p back; NULL is fine. */
void mem_free(void *p);
/* Test hook: the nth allocation from now fails (1 = the next), 0 = none fails. Returns allocations so far. */
uint64_t mem_fail_nth(uint64_t nth);
/* Blocks given and not yet taken back: 0 at the end of a test. */
uint64_t mem_live(void);

struct arena { /* borrows its block */
    uint8_t *p;
    size_t n, cap;
};
static inline struct arena arena_of(struct mspan m)
{
    return (struct arena){m.p, 0, m.n};
}
/* 16-aligned zeroed bytes, or NULL when the arena is full. */
void *arena_take(struct arena *a, size_t count, size_t size) MUST_CHECK;
/* A copy of s in the arena; ERR_NOMEM when full. */
enum err arena_copy(struct arena *a, struct span s, struct span *copy) MUST_CHECK;

#endif
