/* SPDX-License-Identifier: Apache-2.0
 * A server that lies about media, for tests of sealed rooms (acceptance row 61): the product's own binary with its forwarding
 * wrapped by the linker. In turns of some seconds it is honest, gives each picture to whom another's was meant, lies in the
 * dependency descriptor, and loses, repeats and delays packets. What may be seen then: late pictures, or none; never one under
 * another's name. tests/browser/hostile.mjs runs it. */
#include "room/sfu.h"

#define TURN_US (4 * USEC_S)

enum lie { HONEST, SWAPPED, DESCRIPTOR, LOST_AND_REPEATED, LIES };

void __real_sfu_forward(struct track *t, uint8_t layer, const struct cache_pkt *p, usec now, struct out *out);
void __wrap_sfu_forward(struct track *t, uint8_t layer, const struct cache_pkt *p, usec now, struct out *out);

static uint32_t dice;

static uint32_t thrown(uint32_t sides)
{
    dice = dice * 1664525 + 1013904223;
    return (dice >> 8) % sides;
}

/* Another picture in the room. */
static struct track *other(const struct track *t)
{
    struct track *o = t->next ? t->next : t->room->track_first;
    while (o != t && (o->kind != t->kind || o->source != t->source))
        o = o->next ? o->next : t->room->track_first;
    return o == t ? NULL : o;
}

static void swap_feeds(struct track *a, struct track *b)
{
    struct slot **feed = a->feed;
    uint32_t n = a->feeds, size = a->feeds_size;
    a->feed = b->feed, a->feeds = b->feeds, a->feeds_size = b->feeds_size;
    b->feed = feed, b->feeds = n, b->feeds_size = size;
}

void __wrap_sfu_forward(struct track *t, uint8_t layer, const struct cache_pkt *p, usec now, struct out *out)
{
    struct track *o = other(t);
    enum lie lie = (enum lie)(now / TURN_US % LIES);
    struct cache *c = &t->layer[layer].cache;
    if (lie == SWAPPED && o) {
        swap_feeds(t, o);
        __real_sfu_forward(t, layer, p, now, out);
        swap_feeds(t, o);
        return;
    }
    if (lie == DESCRIPTOR)
        for (uint8_t i = 0; i < p->carry_n; i++)
            if (thrown(4) == 0)
                c->bytes[((p->place & (c->size - 1)) + p->stamp_n) + i] ^= (uint8_t)(1u << thrown(8));
    if (lie == LOST_AND_REPEATED) {
        uint32_t what = thrown(8);
        if (what == 0) return; /* lost */
        if (what == 1) __real_sfu_forward(t, layer, p, now, out);
        const struct cache_pkt *before = what == 2 ? cache_get(c, p->seq - 1 - thrown(20)) : NULL;
        if (before) __real_sfu_forward(t, layer, before, now, out);
    }
    __real_sfu_forward(t, layer, p, now, out);
}
