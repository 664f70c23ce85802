/* SPDX-License-Identifier: Apache-2.0 */
#include "core/out.h"

#include "base/mem.h"

#include <assert.h>

enum err out_init(struct out *o, uint16_t pkt_cap)
{
    memset(o, 0, sizeof *o);
    o->arena_cap = (size_t)pkt_cap * OUT_PKT_MAX;
    o->arena = mem_new(o->arena_cap, 1);
    o->pkt = mem_new(pkt_cap, sizeof *o->pkt);
    o->group = mem_new(pkt_cap, sizeof *o->group);
    if (!o->arena || !o->pkt || !o->group) {
        out_fini(o);
        return ERR_NOMEM;
    }
    o->pkt_cap = o->group_cap = pkt_cap;
    o->turn = 1;
    return OK;
}

void out_fini(struct out *o)
{
    mem_free(o->arena);
    mem_free(o->pkt);
    mem_free(o->group);
    memset(o, 0, sizeof *o);
}

uint8_t *out_reserve(struct out *o, const struct path *to, struct out_dest *dest)
{
    if (o->pkt_n == o->pkt_cap || o->arena_cap - o->arena_n < OUT_PKT_MAX) {
        o->dropped++;
        return NULL;
    }
    o->open_to = *to;
    o->open_dest = dest;
    return o->arena + o->arena_n;
}

/* The group of this turn for the open reservation; there is always room, as there are as many groups as packets. */
static uint16_t group_of(struct out *o)
{
    struct out_dest *d = o->open_dest;
    if (d && d->turn == o->turn && path_equal(&o->group[d->group].to, &o->open_to)) return d->group;
    uint16_t g = o->group_n++;
    o->group[g] = (struct out_group){.to = o->open_to, .head = OUT_NONE, .tail = OUT_NONE};
    if (d) *d = (struct out_dest){.turn = o->turn, .group = g};
    return g;
}

void out_commit(struct out *o, size_t n)
{
    assert(n <= OUT_PKT_MAX);
    if (n == 0) return;
    struct out_group *g = &o->group[group_of(o)];
    uint16_t i = o->pkt_n++;
    o->pkt[i] = (struct out_pkt){.at = (uint32_t)o->arena_n, .n = (uint16_t)n, .next = OUT_NONE};
    o->arena_n += n;
    if (g->tail == OUT_NONE)
        g->head = i;
    else
        o->pkt[g->tail].next = i;
    g->tail = i;
    g->count++;
    g->bytes += (uint32_t)n;
}

enum err out_add(struct out *o, const struct path *to, struct out_dest *dest, struct span pkt)
{
    if (pkt.n > OUT_PKT_MAX) return ERR_RANGE;
    uint8_t *p = out_reserve(o, to, dest);
    if (!p) return ERR_FULL;
    if (pkt.n) memcpy(p, pkt.p, pkt.n);
    out_commit(o, pkt.n);
    return OK;
}

void out_clear(struct out *o)
{
    o->arena_n = 0;
    o->pkt_n = o->group_n = 0;
    o->open_dest = NULL;
    if (++o->turn == 0) o->turn = 1;
}
