/* SPDX-License-Identifier: Apache-2.0
 * The relay's data path, and its clockwork. */
#include "core/turn_relay.h"

#define SWEEP_US     (1 * USEC_S)
#define SWEEP_PHASES 8 /* permissions and channels of an allocation are pruned every so many sweeps */

/* Puts one datagram into the tray, paid for. */
static enum err pass(struct turn *t, usec now, struct turn_alloc *a, const struct path *to,
                     struct out_dest *dest, struct span data, struct out *out)
{
    if (data.n > OUT_PKT_MAX) {
        t->counts.too_big++;
        return ERR_RANGE;
    }
    if (!turn_pay(&t->table, now, a, data.n)) {
        t->counts.over_rate++;
        return ERR_LIMIT;
    }
    uint8_t *p = out_reserve(out, to, dest);
    if (!p) {
        t->counts.tray_full++;
        return ERR_FULL;
    }
    memcpy(p, data.p, data.n);
    out_commit(out, data.n);
    t->counts.to_peer++;
    t->counts.to_peer_bytes += data.n;
    return OK;
}

enum err turn_from_channel(struct turn *t, usec now, const struct path *from, struct span pkt,
                           struct out *out)
{
    uint16_t number;
    uint32_t index;
    struct span data;
    enum err e = turn_parse_channel(pkt, &number, &data);
    if (e) {
        t->counts.malformed++;
        return e;
    }
    struct turn_alloc *a = turn_find(&t->table, now, from, &index);
    struct turn_chan *c = a ? turn_chan_find(&t->table, now, a, number) : NULL;
    if (!c) {
        t->counts.no_channel++;
        return ERR_UNKNOWN;
    }
    if (data.n == 0) return ERR_IGNORED;
    return pass(t, now, a, &c->to, &c->dest, data, out);
}

enum err turn_from_send(struct turn *t, usec now, struct turn_alloc *a, const struct turn_msg *m,
                        struct out *out)
{
    if (m->malformed || m->unknown_count || m->peer_count != 1 || !m->has_data) {
        t->counts.malformed++;
        return ERR_FORMAT;
    }
    const struct turn_addr *peer = &m->peer[0];
    struct turn_relay *r = turn_relay_of(a, peer->family);
    if (!r || !turn_perm_find(&t->table, now, a, peer->family, peer->addr)) {
        t->counts.no_permission++;
        return ERR_DENIED;
    }
    if (!turn_peer_allowed(t, peer)) {
        t->counts.refused_peer++;
        return ERR_DENIED;
    }
    if (m->data.n == 0) return ERR_IGNORED;
    struct path to = {.kind = PATH_UDP, .family = peer->family, .local = r->local, .port = peer->port};
    memcpy(to.addr, peer->addr, sizeof to.addr);
    return pass(t, now, a, &to, NULL, m->data, out);
}

/* Writes what the client gets: ChannelData, or a Data indication when no channel is bound. Returns its
 * length, 0 when it does not fit. */
static size_t wrap(struct turn *t, usec now, struct turn_alloc *a, const struct path *from, struct span pkt,
                   uint8_t *p)
{
    struct writer w = writer_of(MSPAN(p, OUT_PKT_MAX));
    const struct turn_chan *c = turn_chan_of_peer(&t->table, now, a, from->family, from->port, from->addr);
    if (c) {
        write_u16(&w, c->number);
        write_vec16(&w, pkt);
        if (a->client.kind == PATH_TCP) write_zero(&w, (4 - pkt.n % 4) % 4);
        return w.bad ? 0 : w.n;
    }
    /* Indications are not answered: their transaction only has to differ from others'. */
    uint8_t id[TURN_ID] = {'i', 'n', 'd', 0};
    uint64_t count = t->counts.to_client;
    memcpy(id + 4, &count, sizeof count);
    struct turn_addr peer = {.family = from->family, .port = from->port};
    memcpy(peer.addr, from->addr, sizeof peer.addr);
    turn_begin(&w, TURN_INDICATION, TURN_DATA, id);
    turn_put_addr(&w, TURN_A_XOR_PEER, &peer, id);
    turn_put(&w, TURN_A_DATA, pkt);
    if (w.bad) return 0;
    turn_finish(&w, 0);
    return w.n;
}

enum err turn_relay_receive(struct turn *t, usec now, const struct path *from, struct span pkt,
                            struct out *out)
{
    struct turn_table *table = &t->table;
    if (from->local >= table->locals || table->local[from->local].alloc == SLAB_NONE) return ERR_UNKNOWN;
    struct turn_alloc *a = turn_alloc_at(table, table->local[from->local].alloc);
    if (a->state != TURN_UP || a->expires <= now) return ERR_STATE;
    if (!turn_perm_find(table, now, a, from->family, from->addr)) {
        t->counts.no_permission++;
        return ERR_DENIED;
    }
    if (!turn_pay(table, now, a, pkt.n)) {
        t->counts.over_rate++;
        return ERR_LIMIT;
    }
    uint8_t *p = out_reserve(out, &a->client, &a->dest);
    if (!p) {
        t->counts.tray_full++;
        return ERR_FULL;
    }
    size_t n = wrap(t, now, a, from, pkt, p);
    out_commit(out, n);
    if (n == 0) {
        t->counts.too_big++;
        return ERR_RANGE;
    }
    t->counts.to_client++;
    t->counts.to_client_bytes += pkt.n;
    return OK;
}

/* Both IDs of a name: under the present secret and the one before. */
static size_t ids_of(struct turn *t, struct span room, struct span handle, uint8_t id[2][TURN_ID_BYTES])
{
    size_t count = 0;
    for (int which = 0; which < 2; which++)
        if (turn_auth_id(&t->auth, which, room, handle, id[count]) == OK) {
            if (handle.n == 0) memset(id[count] + TURN_ID_ROOM, 0, TURN_ID_BYTES - TURN_ID_ROOM);
            count++;
        }
    return count;
}

enum err turn_revoke(struct turn *t, usec now, struct span room, struct span handle)
{
    uint8_t id[2][TURN_ID_BYTES];
    size_t count = ids_of(t, room, handle, id), bytes = handle.n ? TURN_ID_BYTES : TURN_ID_ROOM;
    enum err e = count ? OK : ERR_STATE;
    for (size_t k = 0; k < count; k++) {
        enum err added = turn_revoked_add(&t->table, now, id[k], now + TURN_CREDENTIAL_S * USEC_S);
        if (added) e = added;
    }
    for (uint32_t i = 0; i < t->table.alloc.made; i++) {
        const struct turn_alloc *a = turn_alloc_at(&t->table, i);
        for (size_t k = 0; k < count && a->state != TURN_FREE; k++)
            if (memcmp(turn_user_of(&t->table, a)->id, id[k], bytes) == 0) turn_alloc_drop(&t->table, i);
    }
    return e;
}

void turn_restore(struct turn *t, struct span room, struct span handle)
{
    uint8_t id[2][TURN_ID_BYTES];
    size_t count = ids_of(t, room, handle, id);
    for (size_t k = 0; k < count; k++)
        turn_revoked_drop(&t->table, id[k]);
}

void turn_tick(struct turn *t, usec now)
{
    if (now < t->sweep_at) return;
    t->sweep_at = now + SWEEP_US;
    t->sweep_phase = (t->sweep_phase + 1) % SWEEP_PHASES;
    for (uint32_t i = 0; i < t->table.alloc.made; i++) {
        struct turn_alloc *a = turn_alloc_at(&t->table, i);
        if (a->state == TURN_FREE) continue;
        if (a->expires <= now)
            turn_alloc_drop(&t->table, i);
        else if (i % SWEEP_PHASES == t->sweep_phase)
            turn_prune(&t->table, now, a);
    }
}

usec turn_wake(const struct turn *t)
{
    return t->table.alloc.used ? t->sweep_at : USEC_NEVER;
}
