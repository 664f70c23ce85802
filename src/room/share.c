/* SPDX-License-Identifier: Apache-2.0 */
#include "room/share.h"

#include "room/sfu.h"

#define NOTICE  20              /* an estimate that moved by a part in so many is shared out again */
#define MORE(c) ((c) + (c) / 6) /* what is not there yet needs some air above its rate */
#define NOTHING (-1)

enum rank { RANK_SCREEN, RANK_SPEAKER, RANK_REST, RANKS };

struct want {
    struct slot *slot;
    uint8_t rank, top;
    int now, got; /* layer or spatial layer; NOTHING: paused */
};
struct wants {
    struct want w[MEMBER_SLOTS_MAX];
    unsigned n;
};

bool share_changed(const struct member *m)
{
    uint32_t bps = estimate_bps(m->estimate), was = m->share_bps;
    return bps > was ? bps - was > was / NOTICE : was - bps > was / NOTICE;
}

/* ---- what the steps cost ---- */

static uint64_t cost(const struct slot *s, int step)
{
    const struct track *t = s->track;
    if (step < 0) return 0;
    return t->layers > 1 ? layer_bps(&t->layer[step], SLOT_SIDS) : layer_bps(&t->layer[0], (uint8_t)step);
}

/* The highest spatial layer that comes. */
static int highest_sid(const struct layer *l)
{
    int sid = TRACK_SIDS - 1;
    while (sid > 0 && !l->sid_bps[sid])
        sid--;
    return sid;
}

/* The next step above that is really sent; above the top when there is none. */
static int next_step(const struct slot *s, int step)
{
    const struct track *t = s->track;
    if (t->layers > 1) {
        do
            step++;
        while (step < t->layers && !t->layer[step].last_at);
        return step;
    }
    int highest = highest_sid(&t->layer[0]);
    if (s->rtx_pt == 255) return SLOT_SIDS;
    return step + 1 >= highest ? SLOT_SIDS : step + 1;
}

/* ---- who wants what ---- */

static uint8_t rank_of(const struct room *r, const struct track *t)
{
    if (t->source == SOURCE_SCREEN) return RANK_SCREEN;
    const struct track *loud = r->loudest ? room_track(r, r->loudest) : NULL;
    return loud && loud->member == t->member ? RANK_SPEAKER : RANK_REST;
}

static bool before(const struct want *a, const struct want *b)
{
    if (a->rank != b->rank) return a->rank < b->rank;
    return a->slot->height > b->slot->height;
}

static void add(struct wants *all, struct want w)
{
    unsigned at = all->n++;
    for (; at > 0 && before(&w, &all->w[at - 1]); at--)
        all->w[at] = all->w[at - 1];
    all->w[at] = w;
}

/* Bits a second that sound takes. */
static uint64_t collect(const struct member *m, struct wants *all)
{
    uint64_t sound = 0;
    all->n = 0;
    for (uint8_t i = 0; i < m->slots; i++) {
        struct slot *s = m->slot[i];
        if (!s->track || !track_live(s->track)) continue;
        if (s->kind == SDP_AUDIO) {
            sound += layer_bps(&s->track->layer[0], SLOT_SIDS);
            continue;
        }
        uint8_t top = slot_wish(s);
        int now = s->paused ? NOTHING : s->most < top ? s->most : top;
        add(all, (struct want){s, rank_of(m->room, s->track), top, now, NOTHING});
    }
    return sound;
}

/* ---- sharing ---- */

static bool calm(const struct want *w, usec now)
{
    return !w->slot->most_at || usec_since(now, w->slot->most_at) >= SHARE_CALM_US;
}

/* Gives w its next step if that fits. */
static bool give(struct want *w, uint64_t *left, usec now)
{
    int next = next_step(w->slot, w->got);
    if (w->got >= w->top) return false;
    if (next > w->top) next = w->top;
    uint64_t more = cost(w->slot, next), has = cost(w->slot, w->got);
    more = more > has ? more - has : 0;
    bool fresh = next > w->now;
    if ((fresh && !calm(w, now)) || (fresh ? MORE(more) : more) > *left) return false;
    *left -= more < *left ? more : *left;
    w->got = next;
    return true;
}

/* Returns what is left. */
static uint64_t share_out(struct wants *all, uint64_t left, usec now)
{
    for (unsigned i = 0; i < all->n; i++)
        (void)give(&all->w[i], &left, now);
    for (unsigned rank = 0; rank < RANKS; rank++)
        for (bool gave = true; gave;) {
            gave = false;
            for (unsigned i = 0; i < all->n; i++)
                if (all->w[i].rank == rank && all->w[i].got != NOTHING) gave |= give(&all->w[i], &left, now);
        }
    return left;
}

/* too_much: far more is sent than the path bears, so that waiting for a lower layer's key frame would fill
 * its queues. */
static void apply(const struct want *w, bool too_much, usec now)
{
    struct slot *s = w->slot;
    uint8_t most = w->got == NOTHING ? 0 : w->got >= w->top ? SLOT_NO_LIMIT : (uint8_t)w->got;
    bool pause = w->got == NOTHING;
    if (pause == s->paused && most == s->most) return;
    if (w->got != w->now) s->most_at = now;
    s->most = most;
    if (pause && !s->paused) sfu_restart(s);
    s->paused = pause;
    slot_choose_layer(s);
    if (too_much && s->started && s->layer > s->want_layer) sfu_restart(s);
}

static void unlimit(struct member *m)
{
    m->limited = false;
    for (uint8_t i = 0; i < m->slots; i++) {
        struct slot *s = m->slot[i];
        if (s->most == SLOT_NO_LIMIT && !s->paused) continue;
        s->most = SLOT_NO_LIMIT;
        s->paused = false;
        slot_choose_layer(s);
    }
}

/* What all slots want together; 0 when they have it. */
static uint64_t share(struct member *m, usec now)
{
    struct wants all;
    uint32_t bps = estimate_bps(m->estimate);
    uint64_t sound = collect(m, &all), load = sound, wanted = sound;
    m->share_bps = bps;
    m->limited = false;
    m->spare_bps = (uint32_t)share_out(&all, bps > sound ? bps - sound : 0, now);
    for (unsigned i = 0; i < all.n; i++) {
        load += cost(all.w[i].slot, all.w[i].now);
        wanted += cost(all.w[i].slot, all.w[i].top);
        m->limited |= all.w[i].got < all.w[i].top;
    }
    for (unsigned i = 0; i < all.n; i++)
        apply(&all.w[i], load > (uint64_t)bps * 3 / 2, now);
    return m->limited ? wanted : 0;
}

/* ---- probing ---- */

static void probe(struct member *m, usec now, uint64_t wanted)
{
    uint32_t bps = estimate_bps(m->estimate);
    uint64_t most = wanted + wanted / 3 + 100000;
    if (m->probe_due > now) return;
    if (!m->probe_wait || bps > m->probe_from + m->probe_from / 10) m->probe_wait = PROBE_LEAST_US;
    if (most > 2 * (uint64_t)bps) most = 2 * (uint64_t)bps;
    if (most <= bps || !estimate_probe(m->estimate, now, (uint32_t)most)) return;
    m->probe_from = bps;
    m->probe_due = now + m->probe_wait + (m->number % 16) * 10 * USEC_MS;
    m->probe_wait = usec_min(2 * m->probe_wait, PROBE_MOST_US);
}

void share_tick(struct member *m, usec now, struct out *out)
{
    if (!m->estimate || !sfu_up(m)) return;
    estimate_tick(m->estimate, now);
    if (estimate_bps(m->estimate) >= ESTIMATE_MOST) {
        m->share_bps = ESTIMATE_MOST;
        unlimit(m);
        return;
    }
    if (m->share_due <= now || share_changed(m)) {
        uint64_t wanted = share(m, now);
        m->share_due = now + SHARE_US;
        if (wanted) probe(m, now, wanted);
    }
    uint32_t pad = estimate_padding(m->estimate, now);
    if (pad) sfu_pad(m, now, pad, out);
    m->pad_due = m->estimate->probing ? now + PROBE_STEP_US : USEC_NEVER;
}

usec share_wake(const struct member *m)
{
    if (!m->estimate || !sfu_up(m) || estimate_bps(m->estimate) >= ESTIMATE_MOST) return USEC_NEVER;
    return usec_min(m->share_due, m->pad_due);
}
