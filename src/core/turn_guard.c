/* SPDX-License-Identifier: Apache-2.0 */
#include "core/turn_guard.h"

#include "base/map.h"
#include "base/mem.h"

#define WAYS       4
#define ALL_REFILL 256 /* bytes a second */

struct turn_guard_place {
    uint64_t source; /* a hash; 0 is empty */
    uint32_t heard_s;
    int32_t credit;
};

enum err turn_guard_init(struct turn_guard *g, const struct rng *rng)
{
    memset(g, 0, sizeof *g);
    enum err e = rng_fill(rng, (uint8_t *)g->seed, sizeof g->seed);
    if (e) return e;
    g->place = mem_new(TURN_GUARD_PLACES, sizeof *g->place);
    if (!g->place) return ERR_NOMEM;
    g->all = TURN_GUARD_ALL;
    return OK;
}

void turn_guard_fini(struct turn_guard *g)
{
    mem_free(g->place);
    memset(g, 0, sizeof *g);
}

static struct turn_guard_place *place_of(struct turn_guard *g, usec now, const struct path *from)
{
    uint8_t key[9] = {from->family};
    memcpy(key + 1, from->addr, from->family == 4 ? 4 : 8);
    uint64_t source = map_hash(g->seed, SPAN_OF(key)) | 1;
    uint32_t now_s = (uint32_t)(now / USEC_S);
    struct turn_guard_place *set = &g->place[(source >> 32) % (TURN_GUARD_PLACES / WAYS) * WAYS],
                            *oldest = set;
    for (size_t i = 0; i < WAYS; i++) {
        struct turn_guard_place *p = &set[i];
        if (p->source == source) {
            uint64_t gain = (uint64_t)(now_s - p->heard_s) * TURN_GUARD_REFILL;
            if (p->credit < TURN_GUARD_FIRST) {
                uint64_t short_by = (uint64_t)(TURN_GUARD_FIRST - p->credit);
                p->credit += (int32_t)(gain < short_by ? gain : short_by);
            }
            p->heard_s = now_s;
            return p;
        }
        if (!p->source || (oldest->source && p->heard_s < oldest->heard_s)) oldest = p;
    }
    *oldest = (struct turn_guard_place){.source = source, .heard_s = now_s, .credit = TURN_GUARD_FIRST};
    return oldest;
}

static void earn(struct turn_guard *g, struct turn_guard_place *p, size_t own, size_t all)
{
    p->credit = p->credit + (int64_t)own < TURN_GUARD_MOST ? p->credit + (int32_t)own : TURN_GUARD_MOST;
    g->all = g->all + (int64_t)all < TURN_GUARD_ALL ? g->all + (int64_t)all : TURN_GUARD_ALL;
}

bool turn_guard_answer(struct turn_guard *g, usec now, const struct path *from, size_t request_n,
                       size_t answer_n)
{
    struct turn_guard_place *p = place_of(g, now, from);
    uint64_t refill = usec_since(now, g->all_filled) / USEC_S;
    if (refill > 0) {
        g->all_filled = now;
        refill = refill < TURN_GUARD_ALL ? refill * ALL_REFILL : TURN_GUARD_ALL;
    }
    earn(g, p, request_n / 2, request_n + refill);
    if (answer_n * 10 > request_n * 22 || p->credit < (int64_t)answer_n || g->all < (int64_t)answer_n) {
        g->refused++;
        return false;
    }
    p->credit -= (int32_t)answer_n;
    g->all -= (int64_t)answer_n;
    return true;
}

void turn_guard_proven(struct turn_guard *g, usec now, const struct path *from, size_t n)
{
    earn(g, place_of(g, now, from), n, n);
}
