/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/sframe_room.h"

#include <assert.h>

#include "base/mem.h"

#define EPOCHS       (SFRAME_BACK + 1)
#define CONTEXT_STEP 16 /* contexts of one kind lie this far apart */
#define WORDS        (SFRAME_WINDOW / 64)

struct sending {
    bool used;
    uint64_t context, next;
    struct sframe_key key;
};

struct epoch { /* one entered epoch; slot 0 is the newest */
    bool used;
    uint64_t epoch;
    uint32_t leaf;
    usec dies; /* USEC_NEVER while it is the newest */
    struct secret base[SFRAME_KINDS];
    struct sending sending[SFRAME_SENDING];
};

struct receiver { /* one KID that once sent an authentic frame */
    bool used;
    uint64_t epoch;
    uint64_t high;        /* highest counter */
    uint64_t seen[WORDS]; /* bit i of the window: counter high - i */
    struct sframe_key key;
};

struct sframe_room {
    struct sframe_room_conf conf;
    struct epoch epochs[EPOCHS];
    uint64_t newest; /* highest epoch ever entered, also after leaving */
    bool entered;    /* newest means something */
    bool lagging;    /* sending is still in the second newest epoch */
    usec switch_at;
    uint32_t slots, mask; /* receivers: open addressing, power of two, at most half full of live ones */
    uint32_t live;
    struct receiver *receivers;
};

struct sframe_room *sframe_room_new(const struct sframe_room_conf *conf)
{
    assert(sframe_suite_known(conf->suite) && conf->kids > 0 && conf->kids <= SFRAME_SENDERS_MAX);
    struct sframe_room *r = mem_new(1, sizeof *r);
    if (!r) return NULL;
    r->conf = *conf;
    r->slots = 16;
    while (r->slots < 2 * conf->kids)
        r->slots *= 2;
    r->mask = r->slots - 1;
    r->receivers = mem_new(r->slots, sizeof *r->receivers);
    if (r->receivers) return r;
    mem_free(r);
    return NULL;
}

void sframe_room_free(struct sframe_room *r)
{
    if (!r) return;
    secret_wipe(r->receivers, r->slots * sizeof *r->receivers);
    mem_free(r->receivers);
    secret_wipe(r, sizeof *r);
    mem_free(r);
}

/* ---- the table of receivers ---- */

static uint32_t slot_of(const struct sframe_room *r, uint64_t epoch, uint64_t kid)
{
    uint64_t x = (kid ^ epoch << 32) * UINT64_C(0x9e3779b97f4a7c15);
    return (uint32_t)(x >> 40) & r->mask;
}

static struct receiver *receiver_find(struct sframe_room *r, uint64_t epoch, uint64_t kid)
{
    for (uint32_t i = slot_of(r, epoch, kid);; i = (i + 1) & r->mask) {
        struct receiver *v = &r->receivers[i];
        if (!v->used) return NULL;
        if (v->epoch == epoch && v->key.kid == kid) return v;
    }
}

static struct receiver *receiver_place(struct sframe_room *r, const struct receiver *from)
{
    uint32_t i = slot_of(r, from->epoch, from->key.kid);
    while (r->receivers[i].used)
        i = (i + 1) & r->mask;
    r->receivers[i] = *from;
    return &r->receivers[i];
}

/* Drops an epoch's receivers; what follows a hole in its chain is placed anew. */
static void receivers_drop(struct sframe_room *r, uint64_t epoch)
{
    bool again = r->live > 0;
    while (again) {
        again = false;
        for (uint32_t i = 0; i < r->slots; i++) {
            if (!r->receivers[i].used || r->receivers[i].epoch != epoch) continue;
            secret_wipe(&r->receivers[i], sizeof r->receivers[i]);
            r->live--;
            for (uint32_t j = (i + 1) & r->mask; r->receivers[j].used; j = (j + 1) & r->mask) {
                struct receiver moved = r->receivers[j];
                secret_wipe(&r->receivers[j], sizeof r->receivers[j]);
                receiver_place(r, &moved);
                secret_wipe(&moved, sizeof moved);
            }
            again = r->live > 0; /* a moved one may lie before i now */
        }
    }
}

/* ---- epochs ---- */

static void epoch_drop(struct sframe_room *r, struct epoch *e)
{
    if (!e->used) return;
    receivers_drop(r, e->epoch);
    secret_wipe(e, sizeof *e);
}

static struct epoch *epoch_sending(struct sframe_room *r)
{
    struct epoch *e = &r->epochs[r->lagging && r->epochs[1].used ? 1 : 0];
    return e->used ? e : NULL;
}

enum err sframe_room_enter(struct sframe_room *r, usec now, const struct sframe_epoch *e)
{
    if (r->entered && e->epoch <= r->newest) return ERR_STATE;
    uint64_t kid;
    struct sframe_kid k = {.leaf = e->leaf, .epoch = e->epoch};
    if (sframe_kid_join(r->conf.layout, k, &kid) != OK) return ERR_RANGE;
    for (int i = 0; i < (e->per_kind ? SFRAME_KINDS : 1); i++)
        if (e->base[i].n == 0 || e->base[i].n > SECRET_MAX) return ERR_RANGE;
    usec dies = now + (e->removed ? SFRAME_KEEP_CUT_US : SFRAME_KEEP_US);
    for (int i = 0; i < EPOCHS; i++)
        r->epochs[i].dies = usec_min(r->epochs[i].dies, dies);
    epoch_drop(r, &r->epochs[EPOCHS - 1]);
    memmove(&r->epochs[1], &r->epochs[0], (EPOCHS - 1) * sizeof r->epochs[0]);
    secret_wipe(&r->epochs[0], sizeof r->epochs[0]);
    struct epoch *n = &r->epochs[0];
    n->used = true;
    n->epoch = e->epoch;
    n->leaf = e->leaf;
    n->dies = USEC_NEVER;
    for (int i = 0; i < SFRAME_KINDS; i++) {
        struct span b = e->base[e->per_kind ? i : 0];
        n->base[i].n = (uint8_t)b.n;
        memcpy(n->base[i].b, b.p, b.n);
    }
    r->newest = e->epoch;
    r->entered = true;
    r->lagging = r->epochs[1].used && !e->removed;
    r->switch_at = now + SFRAME_SWITCH_US;
    sframe_room_tick(r, now);
    return OK;
}

void sframe_room_switch(struct sframe_room *r)
{
    r->lagging = false;
}

void sframe_room_tick(struct sframe_room *r, usec now)
{
    if (r->lagging && now >= r->switch_at) r->lagging = false;
    for (int i = 1; i < EPOCHS; i++)
        if (r->epochs[i].used && (now >= r->epochs[i].dies || r->newest - r->epochs[i].epoch > SFRAME_BACK))
            epoch_drop(r, &r->epochs[i]);
}

usec sframe_room_wake(const struct sframe_room *r)
{
    usec at = r->lagging ? r->switch_at : USEC_NEVER;
    for (int i = 1; i < EPOCHS; i++)
        if (r->epochs[i].used) at = usec_min(at, r->epochs[i].dies);
    return at;
}

void sframe_room_leave(struct sframe_room *r)
{
    secret_wipe(r->epochs, sizeof r->epochs);
    secret_wipe(r->receivers, r->slots * sizeof *r->receivers);
    r->live = 0;
    r->lagging = false;
}

/* ---- sending ---- */

static bool context_ok(uint64_t context)
{
    return context < SFRAME_CONTEXTS && context % CONTEXT_STEP < SFRAME_KINDS;
}

static enum err kid_key(const struct sframe_room *r, const struct epoch *e, struct sframe_kid k,
                        struct sframe_key *key)
{
    uint64_t kid;
    const struct secret *base = &e->base[k.context % CONTEXT_STEP];
    enum err err = sframe_kid_join(r->conf.layout, k, &kid);
    if (err != OK) return err;
    return sframe_key_derive(key, r->conf.crypto, r->conf.suite, secret_span(base), kid);
}

static enum err sending_of(struct sframe_room *r, struct epoch *e, uint64_t context, struct sending **s)
{
    struct sending *free = NULL;
    if (!context_ok(context)) return ERR_RANGE;
    for (int i = 0; i < SFRAME_SENDING; i++) {
        if (e->sending[i].used && e->sending[i].context == context) {
            *s = &e->sending[i];
            return OK;
        }
        if (!e->sending[i].used && !free) free = &e->sending[i];
    }
    if (!free) return ERR_FULL;
    enum err err = kid_key(r, e, (struct sframe_kid){context, e->leaf, e->epoch}, &free->key);
    if (err != OK) return err;
    free->used = true;
    free->context = context;
    free->next = 0;
    *s = free;
    return OK;
}

enum err sframe_room_seal(struct sframe_room *r, usec now, uint64_t context, struct span metadata,
                          struct span pt, struct mspan out, size_t *n)
{
    if (r->lagging && now >= r->switch_at) r->lagging = false;
    struct epoch *e = epoch_sending(r);
    if (!e || now >= e->dies) return ERR_STATE;
    struct sending *s;
    enum err err = sending_of(r, e, context, &s);
    if (err != OK) return err;
    if (s->next >= SFRAME_CTR_MAX) return ERR_LIMIT;
    /* the counter is used up before it is used: no failure can make it come twice */
    return sframe_seal(&s->key, s->next++, metadata, pt, out, n);
}

bool sframe_room_sending(const struct sframe_room *r, uint64_t context, uint64_t *epoch, uint64_t *ctr)
{
    const struct epoch *e = &r->epochs[r->lagging && r->epochs[1].used ? 1 : 0];
    if (!e->used) return false;
    *epoch = e->epoch;
    *ctr = 0;
    for (int i = 0; i < SFRAME_SENDING; i++)
        if (e->sending[i].used && e->sending[i].context == context) *ctr = e->sending[i].next;
    return true;
}

/* ---- receiving ---- */

static struct epoch *epoch_find(struct sframe_room *r, uint64_t low, usec now)
{
    uint64_t mask = (UINT64_C(1) << r->conf.layout.epoch_bits) - 1;
    for (int i = 0; i < EPOCHS; i++)
        if (r->epochs[i].used && (r->epochs[i].epoch & mask) == low && now < r->epochs[i].dies)
            return &r->epochs[i];
    return NULL;
}

static enum err window_check(const struct receiver *v, uint64_t ctr)
{
    if (ctr > v->high) return OK;
    uint64_t back = v->high - ctr;
    if (back >= SFRAME_WINDOW) return ERR_REPLAY;
    return v->seen[back / 64] >> (back % 64) & 1 ? ERR_REPLAY : OK;
}

static void window_mark(struct receiver *v, uint64_t ctr)
{
    if (ctr > v->high) {
        uint64_t by = ctr - v->high;
        size_t words = by / 64 < WORDS ? (size_t)(by / 64) : WORDS;
        unsigned bits = (unsigned)(by % 64);
        memmove(v->seen + words, v->seen, (WORDS - words) * sizeof v->seen[0]);
        memset(v->seen, 0, words * sizeof v->seen[0]);
        for (size_t k = 0; bits && k < WORDS - words; k++) {
            size_t i = WORDS - 1 - k;
            v->seen[i] = v->seen[i] << bits | (i > words ? v->seen[i - 1] >> (64 - bits) : 0);
        }
        v->high = ctr;
    }
    uint64_t back = v->high - ctr;
    v->seen[back / 64] |= UINT64_C(1) << (back % 64);
}

enum err sframe_room_open(struct sframe_room *r, usec now, struct span frame, struct span metadata,
                          struct sframe_plain *plain)
{
    struct sframe_header h;
    size_t header_n;
    enum err err = sframe_header_read(frame, &h, &header_n);
    if (err != OK) return err;
    struct sframe_kid k = sframe_kid_split(r->conf.layout, h.kid);
    struct epoch *e = epoch_find(r, k.epoch, now);
    if (!e || !context_ok(k.context)) return ERR_UNKNOWN;
    k.epoch = e->epoch;
    struct receiver fresh = {0}, *v = receiver_find(r, e->epoch, h.kid);
    if (v) {
        err = window_check(v, h.ctr);
    } else if (r->live >= r->conf.kids) {
        return ERR_FULL;
    } else {
        fresh.used = true;
        fresh.epoch = e->epoch;
        fresh.high = h.ctr;
        err = kid_key(r, e, k, &fresh.key);
    }
    if (err == OK) err = sframe_open(v ? &v->key : &fresh.key, frame, metadata, plain->out, &plain->n);
    if (err == OK) {
        if (!v) {
            v = receiver_place(r, &fresh);
            r->live++;
        }
        window_mark(v, h.ctr);
        plain->from = (struct sframe_from){e->epoch, h.kid, h.ctr, k.context, k.leaf};
    }
    secret_wipe(&fresh, sizeof fresh);
    return err;
}
