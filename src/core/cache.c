/* SPDX-License-Identifier: Apache-2.0 */
#include "core/cache.h"

#include <assert.h>

#include "base/mem.h"

static bool power_of_two(uint32_t v)
{
    return v && (v & (v - 1)) == 0;
}

enum err cache_init(struct cache *c, uint32_t packets, uint32_t bytes)
{
    assert(power_of_two(packets) && power_of_two(bytes));
    uint8_t *block = mem_new(1, packets * sizeof(struct cache_pkt) + bytes);
    if (!block) return ERR_NOMEM;
    *c = (struct cache){.pkt = (struct cache_pkt *)(void *)block,
                        .bytes = block + packets * sizeof(struct cache_pkt),
                        .packets = packets,
                        .size = bytes};
    return OK;
}

void cache_fini(struct cache *c)
{
    mem_free(c->pkt);
    *c = (struct cache){0};
}

uint32_t cache_extend(const struct cache *c, uint16_t seq)
{
    if (!c->highest) return 0x10000u + seq;
    return c->highest + (uint32_t)(int16_t)(uint16_t)(seq - c->highest);
}

enum err cache_add(struct cache *c, const struct cache_pkt *pkt, const struct span part[static 3],
                   const struct cache_pkt **kept)
{
    size_t n = part[0].n + part[1].n + part[2].n;
    struct cache_pkt *slot = &c->pkt[pkt->seq & (c->packets - 1)];
    if (part[0].n > UINT8_MAX || part[1].n > UINT8_MAX || part[2].n > UINT16_MAX || n > c->size / 4)
        return ERR_RANGE;
    if (c->highest && (int32_t)(pkt->seq - c->highest) <= -(int32_t)c->packets) return ERR_EXPIRED;
    if (slot->seq == pkt->seq) return ERR_EXISTS;
    uint32_t at = c->written & (c->size - 1);
    if (c->size - at < n) c->written += c->size - at; /* one packet lies in one piece */
    *slot = *pkt;
    slot->place = c->written;
    slot->stamp_n = (uint8_t)part[0].n;
    slot->carry_n = (uint8_t)part[1].n;
    slot->n = (uint16_t)part[2].n;
    uint8_t *to = c->bytes + (c->written & (c->size - 1));
    for (int i = 0; i < 3; i++) {
        if (part[i].n) memcpy(to, part[i].p, part[i].n);
        to += part[i].n;
    }
    c->written += (uint32_t)n;
    if (!c->highest || (int32_t)(pkt->seq - c->highest) > 0) c->highest = pkt->seq;
    *kept = slot;
    return OK;
}

const struct cache_pkt *cache_get(const struct cache *c, uint32_t seq)
{
    const struct cache_pkt *p = &c->pkt[seq & (c->packets - 1)];
    if (p->seq != seq || seq == 0) return NULL;
    return c->written - p->place <= c->size ? p : NULL;
}
