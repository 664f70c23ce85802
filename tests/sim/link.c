/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/link.h"

#include "base/mem.h"
#include "base/read.h"

#define REORDER_DEFAULT_US 10000u
#define QUEUE_DEFAULT_US   100000u
#define QUEUE_LEAST        3000u

enum err link_init(struct link *l, const struct link_conf *conf, uint64_t seed, uint32_t cap,
                   uint32_t pkt_max)
{
    memset(l, 0, sizeof *l);
    l->conf = *conf;
    l->random.state = seed;
    l->cap = cap;
    l->pkt_max = pkt_max;
    l->pkt = mem_new(cap, sizeof *l->pkt);
    l->heap = mem_new(cap, sizeof *l->heap);
    l->bytes = mem_new(cap, pkt_max);
    if (!l->pkt || !l->heap || !l->bytes) {
        link_fini(l);
        return ERR_NOMEM;
    }
    for (uint32_t i = 0; i < cap; i++)
        l->heap[i] = i;
    return OK;
}

void link_fini(struct link *l)
{
    mem_free(l->pkt);
    mem_free(l->heap);
    mem_free(l->bytes);
    memset(l, 0, sizeof *l);
}

void link_set(struct link *l, const struct link_conf *conf)
{
    l->conf = *conf;
}

static bool earlier(const struct link *l, uint32_t a, uint32_t b)
{
    const struct link_pkt *x = &l->pkt[l->heap[a]], *y = &l->pkt[l->heap[b]];
    return x->due != y->due ? x->due < y->due : x->order < y->order;
}

static void swap(struct link *l, uint32_t a, uint32_t b)
{
    uint32_t t = l->heap[a];
    l->heap[a] = l->heap[b];
    l->heap[b] = t;
}

static void put(struct link *l, struct span bytes, usec due, uint64_t tag)
{
    if (l->used == l->cap) {
        l->counts.table_full++;
        return;
    }
    uint32_t at = l->used++;
    struct link_pkt *p = &l->pkt[l->heap[at]];
    *p = (struct link_pkt){.due = due, .order = l->order++, .tag = tag, .n = (uint32_t)bytes.n};
    if (bytes.n) memcpy(l->bytes + (size_t)l->heap[at] * l->pkt_max, bytes.p, bytes.n);
    for (; at > 0 && earlier(l, at, (at - 1) / 2); at = (at - 1) / 2)
        swap(l, at, (at - 1) / 2);
}

/* Even in [0, LINK_PPM). */
static uint32_t draw(struct link *l)
{
    uint8_t b[8];
    uint64_t v = 0;
    if (rng_seeded_fill(&l->random, b, sizeof b)) return 0;
    for (size_t i = 0; i < sizeof b; i++)
        v = v << 8 | b[i];
    return (uint32_t)((v >> 11) % LINK_PPM);
}

/* Gilbert's two states: a burst begins with such a probability that the overall loss is as set. */
static bool lost(struct link *l, uint32_t luck)
{
    const struct link_conf *c = &l->conf;
    if (c->burst <= 1 || c->loss_ppm >= LINK_PPM) return luck < c->loss_ppm;
    uint64_t begin = (uint64_t)c->loss_ppm * LINK_PPM / (LINK_PPM - c->loss_ppm) / c->burst;
    l->in_burst = l->in_burst ? luck >= LINK_PPM / c->burst : luck < begin;
    return l->in_burst;
}

/* When the rate limit lets n bytes go, or false when its queue is full. */
static bool depart(struct link *l, usec now, size_t n, usec *at)
{
    const struct link_conf *c = &l->conf;
    *at = now;
    if (c->rate_bps == 0) return true;
    uint64_t waiting = usec_since(l->free_at, now) * c->rate_bps / 8 / USEC_S;
    uint64_t room = c->queue_bytes ? c->queue_bytes : c->rate_bps / 8 * QUEUE_DEFAULT_US / USEC_S;
    if (!c->queue_bytes && room < QUEUE_LEAST) room = QUEUE_LEAST;
    if (waiting + n > room) return false;
    l->free_at = (l->free_at > now ? l->free_at : now) + (uint64_t)n * 8 * USEC_S / c->rate_bps;
    *at = l->free_at;
    return true;
}

void link_send(struct link *l, usec now, struct span pkt, uint64_t tag)
{
    const struct link_conf *c = &l->conf;
    uint32_t loss_luck = draw(l), dup_luck = draw(l), reorder_luck = draw(l), jitter_luck = draw(l);
    l->counts.in++;
    l->counts.in_bytes += pkt.n;
    if (pkt.n > l->pkt_max) {
        l->counts.too_big++;
        return;
    }
    if (lost(l, loss_luck)) {
        l->counts.lost++;
        return;
    }
    usec due;
    if (!depart(l, now, pkt.n, &due)) {
        l->counts.queue_full++;
        return;
    }
    due += c->delay_us + (uint64_t)c->jitter_us * jitter_luck / LINK_PPM;
    if (reorder_luck < c->reorder_ppm) {
        l->counts.reordered++;
        due += c->reorder_us ? c->reorder_us : REORDER_DEFAULT_US;
    } else {
        if (due < l->last_due) due = l->last_due;
        l->last_due = due;
    }
    put(l, pkt, due, tag);
    if (dup_luck < c->dup_ppm) {
        l->counts.duplicated++;
        put(l, pkt, due, tag);
    }
}

bool link_receive(struct link *l, usec now, struct span *pkt, uint64_t *tag)
{
    if (link_wake(l) > now) return false;
    uint32_t slot = l->heap[0];
    swap(l, 0, --l->used);
    for (uint32_t at = 0;;) {
        uint32_t least = at, child = 2 * at + 1;
        if (child < l->used && earlier(l, child, least)) least = child;
        if (child + 1 < l->used && earlier(l, child + 1, least)) least = child + 1;
        if (least == at) break;
        swap(l, at, least);
        at = least;
    }
    *pkt = SPAN(l->bytes + (size_t)slot * l->pkt_max, l->pkt[slot].n);
    *tag = l->pkt[slot].tag;
    l->counts.out++;
    l->counts.out_bytes += pkt->n;
    return true;
}

usec link_wake(const struct link *l)
{
    return l->used ? l->pkt[l->heap[0]].due : USEC_NEVER;
}

struct unit {
    const char *name;
    uint64_t times; /* of a millionth */
};
static const struct unit parts[] = {{"%", 10000}, {"ppm", 1}, {NULL, 0}};
static const struct unit times[] = {{"us", 1}, {"ms", 1000}, {"s", 1000000}, {NULL, 0}};
static const struct unit rates[] = {
    {"bit", 1}, {"kbit", 1000}, {"mbit", 1000000}, {"gbit", 1000000000}, {NULL, 0}};
static const struct unit sizes[] = {{"B", 1}, {"kB", 1000}, {"MB", 1000000}, {NULL, 0}};
static const struct unit plain[] = {{"", 1}, {NULL, 0}};

/* A decimal number with a unit, at most six digits after the point; 0 needs no unit. */
static enum err number(struct span s, const struct unit *u, uint64_t max, uint64_t *value)
{
    uint64_t v = 0;
    size_t i = 0, point = 0;
    for (; i < s.n && ((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] == '.' && !point && i > 0)); i++) {
        if (s.p[i] == '.') {
            point = i + 1;
            continue;
        }
        if (v > UINT32_MAX) return ERR_RANGE;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    if (i == 0 || (point && i - point > 6)) return ERR_FORMAT;
    uint64_t scale = 1;
    for (size_t k = point ? i - point : 0; k > 0; k--)
        scale *= 10;
    struct span name = span_part(s, i, s.n);
    if (v == 0 && name.n == 0) {
        *value = 0;
        return OK;
    }
    for (; u->name; u++)
        if (span_equal(name, span_str(u->name))) {
            v = v * u->times / scale;
            if (v > max) return ERR_RANGE;
            *value = v;
            return OK;
        }
    return ERR_FORMAT;
}

static enum err setting(struct link_conf *c, struct span name, struct span text)
{
    uint64_t v = 0;
    struct {
        const char *name;
        const struct unit *unit;
        uint64_t max;
        uint32_t *to;
    } all[] = {
        {"loss", parts, LINK_PPM, &c->loss_ppm},       {"dup", parts, LINK_PPM, &c->dup_ppm},
        {"reorder", parts, LINK_PPM, &c->reorder_ppm}, {"reorder-by", times, UINT32_MAX, &c->reorder_us},
        {"delay", times, UINT32_MAX, &c->delay_us},    {"jitter", times, UINT32_MAX, &c->jitter_us},
        {"queue", sizes, UINT32_MAX, &c->queue_bytes}, {"burst", plain, 1000, &c->burst},
    };
    if (span_equal(name, SPAN_LIT("rate"))) return number(text, rates, UINT64_C(100000000000), &c->rate_bps);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (span_equal(name, span_str(all[i].name))) {
            enum err e = number(text, all[i].unit, all[i].max, &v);
            if (!e) *all[i].to = (uint32_t)v;
            return e;
        }
    return ERR_FORMAT;
}

enum err link_parse(struct link_conf *conf, struct span text)
{
    struct link_conf c = *conf;
    size_t i = 0;
    while (i < text.n) {
        size_t from = i, equals = 0;
        for (; i < text.n && text.p[i] != ' '; i++)
            if (text.p[i] == '=' && !equals) equals = i;
        struct span word = span_part(text, from, i - from);
        i++;
        if (word.n == 0) continue;
        if (span_equal(word, SPAN_LIT("clear"))) {
            memset(&c, 0, sizeof c);
            continue;
        }
        if (equals <= from) return ERR_FORMAT;
        enum err e =
            setting(&c, span_part(text, from, equals - from), span_part(text, equals + 1, i - equals - 2));
        if (e) return e;
    }
    *conf = c;
    return OK;
}
