/* SPDX-License-Identifier: Apache-2.0
 * A table of equal items named by small numbers, grown a chunk at a time up to a cap and never moved, so that
 * pointers to items stay good. Taking and giving back costs a few instructions. Owns its memory; never
 * shrinks. */
#ifndef BASE_SLAB_H
#define BASE_SLAB_H

#include "base/err.h"
#include "base/span.h"

#define SLAB_NONE UINT32_MAX

struct slab {
    uint8_t **chunk;
    uint32_t item_bytes, per_chunk, cap;
    uint32_t made; /* items in the chunks there are */
    uint32_t used, free_head;
};

/* At most cap items (a multiple of per_chunk, rounded up) of item_bytes ≥ 4. ERR_NOMEM. */
enum err slab_init(struct slab *s, size_t item_bytes, uint32_t per_chunk, uint32_t cap) MUST_CHECK;
void slab_fini(struct slab *s);
/* A zeroed item and its number; NULL at the cap or out of memory. */
void *slab_take(struct slab *s, uint32_t *index) MUST_CHECK;
/* Takes the item back. */
void slab_give(struct slab *s, uint32_t index);
/* The item of a number that slab_take gave, or once gave: an item given back may be looked at, not used. */
static inline void *slab_at(const struct slab *s, uint32_t index)
{
    return s->chunk[index / s->per_chunk] + (size_t)(index % s->per_chunk) * s->item_bytes;
}

#endif
