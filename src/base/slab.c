/* SPDX-License-Identifier: Apache-2.0 */
#include "base/slab.h"

#include "base/mem.h"

#include <assert.h>

enum err slab_init(struct slab *s, size_t item_bytes, uint32_t per_chunk, uint32_t cap)
{
    assert(item_bytes >= sizeof(uint32_t) && item_bytes < UINT32_MAX && per_chunk > 0);
    uint32_t chunks = cap / per_chunk + (cap % per_chunk != 0);
    memset(s, 0, sizeof *s);
    s->chunk = mem_new(chunks, sizeof *s->chunk);
    if (!s->chunk) return ERR_NOMEM;
    s->item_bytes = (uint32_t)((item_bytes + 7) & ~(size_t)7);
    s->per_chunk = per_chunk;
    s->cap = chunks * per_chunk;
    s->free_head = SLAB_NONE;
    return OK;
}

void slab_fini(struct slab *s)
{
    for (uint32_t i = 0; i < s->made; i += s->per_chunk)
        mem_free(s->chunk[i / s->per_chunk]);
    mem_free(s->chunk);
    memset(s, 0, sizeof *s);
    s->free_head = SLAB_NONE;
}

/* Another chunk, its items on the free list in order. */
static bool grow(struct slab *s)
{
    if (s->made == s->cap) return false;
    uint8_t *chunk = mem_new(s->per_chunk, s->item_bytes);
    if (!chunk) return false;
    s->chunk[s->made / s->per_chunk] = chunk;
    uint32_t first = s->made;
    s->made += s->per_chunk;
    for (uint32_t i = s->made; i-- > first;) {
        memcpy(slab_at(s, i), &s->free_head, sizeof s->free_head);
        s->free_head = i;
    }
    return true;
}

void *slab_take(struct slab *s, uint32_t *index)
{
    if (s->free_head == SLAB_NONE && !grow(s)) return NULL;
    *index = s->free_head;
    void *item = slab_at(s, *index);
    memcpy(&s->free_head, item, sizeof s->free_head);
    memset(item, 0, s->item_bytes);
    s->used++;
    return item;
}

void slab_give(struct slab *s, uint32_t index)
{
    assert(index < s->made && s->used > 0);
    memcpy(slab_at(s, index), &s->free_head, sizeof s->free_head);
    s->free_head = index;
    s->used--;
}
