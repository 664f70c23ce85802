/* SPDX-License-Identifier: Apache-2.0 */
#include "core/turn_table.h"

#include "base/mem.h"

#include <assert.h>

#define CHUNK 64 /* items a slab grows by */

_Static_assert(sizeof(struct path) <= MAP_KEY_MAX, "a path is a key");

struct relay_key {
    uint8_t addr[16], family, zero;
    uint16_t port;
};

enum err turn_table_init(struct turn_table *t, const struct turn_quota *user, const struct turn_quota *total,
                         uint16_t locals, const struct rng *rng)
{
    memset(t, 0, sizeof *t);
    t->user_quota = *user;
    t->total_quota = *total;
    t->locals = locals;
    t->open_head = t->open_tail = t->revoked_head = t->revoked_tail = SLAB_NONE;
    t->closing_head = t->closing_tail = TURN_LOCAL_NONE;
    enum err e = slab_init(&t->alloc, sizeof(struct turn_alloc), CHUNK, total->allocations);
    if (!e) e = slab_init(&t->user, sizeof(struct turn_user), CHUNK, total->allocations);
    if (!e) e = slab_init(&t->perm, sizeof(struct turn_perm), CHUNK, total->permissions);
    if (!e) e = slab_init(&t->chan, sizeof(struct turn_chan), CHUNK, total->channels);
    if (!e) e = slab_init(&t->revoked, sizeof(struct turn_revoked), CHUNK, TURN_REVOKED_MAX);
    if (!e) e = map_init(&t->by_client, sizeof(struct path), total->allocations, rng);
    if (!e) e = map_init(&t->by_user, TURN_ID_BYTES, total->allocations, rng);
    if (!e) e = map_init(&t->by_relay, sizeof(struct relay_key), 2 * total->allocations, rng);
    if (!e) e = map_init(&t->by_revoked, TURN_ID_BYTES, TURN_REVOKED_MAX, rng);
    if (!e && !(t->local = mem_new(locals, sizeof *t->local))) e = ERR_NOMEM;
    if (e) {
        turn_table_fini(t);
        return e;
    }
    for (uint16_t i = 0; i < locals; i++)
        t->local[i].alloc = SLAB_NONE;
    return OK;
}

void turn_table_fini(struct turn_table *t)
{
    for (uint32_t i = 0; i < t->alloc.made; i++)
        secret_wipe(turn_alloc_at(t, i)->key, TURN_KEY_BYTES);
    slab_fini(&t->alloc);
    slab_fini(&t->user);
    slab_fini(&t->perm);
    slab_fini(&t->chan);
    slab_fini(&t->revoked);
    map_fini(&t->by_client);
    map_fini(&t->by_user);
    map_fini(&t->by_relay);
    map_fini(&t->by_revoked);
    mem_free(t->local);
    memset(t, 0, sizeof *t);
}

/* The user of an ID, made when there is none; it lives as long as it has allocations. */
static enum err user_get(struct turn_table *t, usec now, const uint8_t id[static TURN_ID_BYTES],
                         uint32_t *index)
{
    if (map_get(&t->by_user, id, index)) return OK;
    struct turn_user *u = slab_take(&t->user, index);
    if (!u) return ERR_FULL;
    memcpy(u->id, id, TURN_ID_BYTES);
    u->bucket = (struct turn_bucket){.bytes = t->user_quota.bytes_per_s, .filled = now};
    enum err e = map_set(&t->by_user, id, *index);
    if (e) slab_give(&t->user, *index);
    return e;
}

static void user_put(struct turn_table *t, uint32_t index)
{
    struct turn_user *u = slab_at(&t->user, index);
    if (u->allocations > 0) return;
    map_drop(&t->by_user, u->id);
    slab_give(&t->user, index);
}

enum err turn_alloc_add(struct turn_table *t, usec now, const struct path *client,
                        const uint8_t id[static TURN_ID_BYTES], uint32_t *index)
{
    uint32_t user, i;
    if (t->alloc.used >= t->total_quota.allocations) return ERR_FULL;
    enum err e = user_get(t, now, id, &user);
    if (e) return e;
    struct turn_user *u = slab_at(&t->user, user);
    struct turn_alloc *a = NULL;
    if (u->allocations >= t->user_quota.allocations)
        e = ERR_LIMIT;
    else if (!(a = slab_take(&t->alloc, &i)))
        e = ERR_FULL;
    else if ((e = map_set(&t->by_client, client, i)) != OK)
        slab_give(&t->alloc, i);
    if (e) {
        user_put(t, user);
        return e;
    }
    u->allocations++;
    a->next_open = a->perm = a->chan = SLAB_NONE;
    a->state = TURN_OPENING;
    a->user = user;
    a->birth = ++t->births;
    a->client = *client;
    a->born = now;
    *index = i;
    return OK;
}

static void unlist(struct turn_table *t, uint32_t index)
{
    uint32_t before = SLAB_NONE;
    for (uint32_t i = t->open_head; i != SLAB_NONE; before = i, i = turn_alloc_at(t, i)->next_open) {
        if (i != index) continue;
        uint32_t next = turn_alloc_at(t, i)->next_open;
        if (before == SLAB_NONE)
            t->open_head = next;
        else
            turn_alloc_at(t, before)->next_open = next;
        if (t->open_tail == i) t->open_tail = before;
        break;
    }
    turn_alloc_at(t, index)->listed = false;
}

void turn_alloc_list(struct turn_table *t, uint32_t index)
{
    struct turn_alloc *a = turn_alloc_at(t, index);
    a->next_open = SLAB_NONE;
    a->listed = true;
    if (t->open_tail == SLAB_NONE)
        t->open_head = index;
    else
        turn_alloc_at(t, t->open_tail)->next_open = index;
    t->open_tail = index;
}

void turn_alloc_drop(struct turn_table *t, uint32_t index)
{
    struct turn_alloc *a = turn_alloc_at(t, index);
    assert(a->state != TURN_FREE);
    if (a->listed) unlist(t, index);
    turn_prune(t, USEC_NEVER, a);
    for (size_t k = 0; k < COUNT_OF(a->relay); k++)
        if (a->relay[k].state == TURN_RELAY_OPEN) turn_relay_unbind(t, &a->relay[k]);
    map_drop(&t->by_client, &a->client);
    turn_user_of(t, a)->allocations--;
    user_put(t, a->user);
    secret_wipe(a->key, sizeof a->key);
    a->state = TURN_FREE;
    slab_give(&t->alloc, index);
}

struct turn_alloc *turn_find(struct turn_table *t, usec now, const struct path *client, uint32_t *index)
{
    uint32_t i;
    if (!map_get(&t->by_client, client, &i)) return NULL;
    struct turn_alloc *a = turn_alloc_at(t, i);
    if (a->expires <= now) {
        turn_alloc_drop(t, i);
        return NULL;
    }
    *index = i;
    return a;
}

struct turn_relay *turn_relay_of(struct turn_alloc *a, uint8_t family)
{
    for (size_t k = 0; k < COUNT_OF(a->relay); k++)
        if (a->relay[k].state == TURN_RELAY_OPEN && a->relay[k].family == family) return &a->relay[k];
    return NULL;
}

static struct relay_key key_of(const struct turn_addr *a)
{
    struct relay_key k = {.family = a->family, .port = a->port};
    memcpy(k.addr, a->addr, sizeof k.addr);
    return k;
}

enum err turn_relay_bind(struct turn_table *t, uint32_t index, struct turn_relay *r, uint16_t local,
                         const struct turn_addr *relayed)
{
    struct relay_key key = key_of(relayed);
    uint32_t other;
    if (local >= t->locals || relayed->family != r->family) return ERR_RANGE;
    if (t->local[local].alloc != SLAB_NONE || t->local[local].closing || map_get(&t->by_relay, &key, &other))
        return ERR_EXISTS;
    enum err e = map_set(&t->by_relay, &key, index);
    if (e) return e;
    t->local[local] = (struct turn_local){.alloc = index};
    r->state = TURN_RELAY_OPEN;
    r->local = local;
    r->addr = *relayed;
    return OK;
}

void turn_relay_unbind(struct turn_table *t, struct turn_relay *r)
{
    struct relay_key key = key_of(&r->addr);
    struct turn_local *l = &t->local[r->local];
    map_drop(&t->by_relay, &key);
    *l = (struct turn_local){.alloc = SLAB_NONE, .next_closing = TURN_LOCAL_NONE, .closing = true};
    if (t->closing_tail == TURN_LOCAL_NONE)
        t->closing_head = r->local;
    else
        t->local[t->closing_tail].next_closing = r->local;
    t->closing_tail = r->local;
    r->state = TURN_RELAY_NONE;
}

bool turn_relay_live(const struct turn_table *t, const struct turn_addr *a)
{
    struct relay_key key = key_of(a);
    uint32_t index;
    return map_get(&t->by_relay, &key, &index);
}

static bool same_addr(uint8_t family, const uint8_t *a, const uint8_t *b)
{
    return memcmp(a, b, family == 4 ? 4 : 16) == 0;
}

struct turn_perm *turn_perm_find(struct turn_table *t, usec now, struct turn_alloc *a, uint8_t family,
                                 const uint8_t *addr)
{
    uint32_t *at = &a->perm;
    for (struct turn_perm *p; *at != SLAB_NONE; at = &p->next) {
        p = slab_at(&t->perm, *at);
        if (p->family != family || !same_addr(family, p->addr, addr)) continue;
        uint32_t found = *at;
        *at = p->next;
        p->next = a->perm;
        a->perm = found;
        return p->expires > now ? p : NULL;
    }
    return NULL;
}

enum err turn_perm_room(struct turn_table *t, usec now, struct turn_alloc *a, const struct turn_addr *peer,
                        size_t count)
{
    uint32_t more = 0;
    for (size_t i = 0; i < count; i++) {
        bool repeated = false;
        for (size_t k = 0; k < i && !repeated; k++)
            repeated =
                peer[k].family == peer[i].family && same_addr(peer[i].family, peer[k].addr, peer[i].addr);
        if (!repeated && !turn_perm_find(t, now, a, peer[i].family, peer[i].addr)) more++;
    }
    if (more == 0) return OK;
    turn_prune(t, now, a);
    const struct turn_user *u = turn_user_of(t, a);
    if (a->perm_count + more > TURN_PERMISSIONS_EACH || u->permissions + more > t->user_quota.permissions ||
        t->perm.used + more > t->total_quota.permissions)
        return ERR_FULL;
    return OK;
}

enum err turn_perm_set(struct turn_table *t, usec now, struct turn_alloc *a, const struct turn_addr *peer,
                       usec expires)
{
    uint32_t index;
    struct turn_perm *p = turn_perm_find(t, now, a, peer->family, peer->addr);
    if (!p) {
        enum err e = turn_perm_room(t, now, a, peer, 1);
        if (e) return e;
        p = slab_take(&t->perm, &index);
        if (!p) return ERR_NOMEM;
        p->family = peer->family;
        memcpy(p->addr, peer->addr, sizeof p->addr);
        p->next = a->perm;
        a->perm = index;
        a->perm_count++;
        turn_user_of(t, a)->permissions++;
    }
    p->expires = expires;
    return OK;
}

struct turn_chan *turn_chan_find(struct turn_table *t, usec now, struct turn_alloc *a, uint16_t number)
{
    uint32_t *at = &a->chan;
    for (struct turn_chan *c; *at != SLAB_NONE; at = &c->next) {
        c = slab_at(&t->chan, *at);
        if (c->number != number) continue;
        uint32_t found = *at;
        *at = c->next;
        c->next = a->chan;
        a->chan = found;
        return c->expires > now ? c : NULL;
    }
    return NULL;
}

struct turn_chan *turn_chan_of_peer(struct turn_table *t, usec now, struct turn_alloc *a, uint8_t family,
                                    uint16_t port, const uint8_t *addr)
{
    uint32_t *at = &a->chan;
    for (struct turn_chan *c; *at != SLAB_NONE; at = &c->next) {
        c = slab_at(&t->chan, *at);
        if (c->to.port != port || c->to.family != family || !same_addr(family, c->to.addr, addr)) continue;
        uint32_t found = *at;
        *at = c->next;
        c->next = a->chan;
        a->chan = found;
        return c->expires > now ? c : NULL;
    }
    return NULL;
}

enum err turn_chan_add(struct turn_table *t, usec now, struct turn_alloc *a, uint16_t number,
                       const struct path *to, usec expires)
{
    uint32_t index;
    turn_prune(t, now, a);
    struct turn_user *u = turn_user_of(t, a);
    if (a->chan_count >= TURN_CHANNELS_EACH || u->channels >= t->user_quota.channels ||
        t->chan.used >= t->total_quota.channels)
        return ERR_FULL;
    struct turn_chan *c = slab_take(&t->chan, &index);
    if (!c) return ERR_NOMEM;
    c->next = a->chan;
    c->number = number;
    c->to = *to;
    c->expires = expires;
    a->chan = index;
    a->chan_count++;
    u->channels++;
    return OK;
}

void turn_prune(struct turn_table *t, usec now, struct turn_alloc *a)
{
    struct turn_user *u = turn_user_of(t, a);
    for (uint32_t *at = &a->perm; *at != SLAB_NONE;) {
        struct turn_perm *p = slab_at(&t->perm, *at);
        uint32_t index = *at;
        if (p->expires > now) {
            at = &p->next;
            continue;
        }
        *at = p->next;
        slab_give(&t->perm, index);
        a->perm_count--;
        u->permissions--;
    }
    for (uint32_t *at = &a->chan; *at != SLAB_NONE;) {
        struct turn_chan *c = slab_at(&t->chan, *at);
        uint32_t index = *at;
        if (c->expires > now) {
            at = &c->next;
            continue;
        }
        *at = c->next;
        slab_give(&t->chan, index);
        a->chan_count--;
        u->channels--;
    }
}

/* Fills up for the time since; true when n bytes are there. */
static bool fill(struct turn_bucket *b, uint64_t rate, usec now, size_t n)
{
    if (rate == 0) return true;
    usec since = usec_since(now, b->filled);
    if (since >= USEC_MS) {
        uint64_t more = since >= USEC_S ? rate : rate / 1000 * since / 1000;
        b->bytes = b->bytes + more < rate ? b->bytes + more : rate;
        b->filled = now;
    }
    return b->bytes >= n;
}

bool turn_pay(struct turn_table *t, usec now, struct turn_alloc *a, size_t n)
{
    uint64_t each = t->user_quota.bytes_per_s, all = t->total_quota.bytes_per_s;
    struct turn_user *u = turn_user_of(t, a);
    if (!fill(&u->bucket, each, now, n) || !fill(&t->bucket, all, now, n)) return false;
    if (each) u->bucket.bytes -= n;
    if (all) t->bucket.bytes -= n;
    return true;
}

/* Forgets the oldest revocations that are over. */
static void forget(struct turn_table *t, usec now)
{
    while (t->revoked_head != SLAB_NONE) {
        uint32_t index = t->revoked_head, known;
        struct turn_revoked *r = slab_at(&t->revoked, index);
        if (r->until_s > now / USEC_S) return;
        t->revoked_head = r->next;
        if (t->revoked_head == SLAB_NONE) t->revoked_tail = SLAB_NONE;
        if (map_get(&t->by_revoked, r->id, &known) && known == index) map_drop(&t->by_revoked, r->id);
        slab_give(&t->revoked, index);
    }
}

enum err turn_revoked_add(struct turn_table *t, usec now, const uint8_t id[static TURN_ID_BYTES], usec until)
{
    uint32_t index;
    forget(t, now);
    struct turn_revoked *r = slab_take(&t->revoked, &index);
    if (!r) return ERR_FULL;
    enum err e = map_set(&t->by_revoked, id, index);
    if (e) {
        slab_give(&t->revoked, index);
        return e;
    }
    r->next = SLAB_NONE;
    r->until_s = (uint32_t)(until / USEC_S) + 1;
    memcpy(r->id, id, TURN_ID_BYTES);
    if (t->revoked_tail == SLAB_NONE)
        t->revoked_head = index;
    else
        ((struct turn_revoked *)slab_at(&t->revoked, t->revoked_tail))->next = index;
    t->revoked_tail = index;
    return OK;
}

void turn_revoked_drop(struct turn_table *t, const uint8_t id[static TURN_ID_BYTES])
{
    map_drop(&t->by_revoked, id); /* its place in the list goes when its time has come */
}

static bool is_revoked(const struct turn_table *t, usec now, const uint8_t *id)
{
    uint32_t index;
    if (!map_get(&t->by_revoked, id, &index)) return false;
    return ((struct turn_revoked *)slab_at(&t->revoked, index))->until_s > now / USEC_S;
}

bool turn_revoked(const struct turn_table *t, usec now, const uint8_t id[static TURN_ID_BYTES])
{
    uint8_t room[TURN_ID_BYTES] = {0};
    memcpy(room, id, TURN_ID_ROOM);
    return is_revoked(t, now, id) || is_revoked(t, now, room);
}
