/* SPDX-License-Identifier: Apache-2.0 */
#include "app/engine.h"

#include "app/engine_inner.h"
#include "app/engine_message.h"
#include "base/mem.h"
#include "core/peer.h"
#include "io/clock.h"
#include "io/tcp.h"

#include <assert.h>

#define TRAY_PACKETS   4096
#define BATCHES_A_TURN 8 /* of one socket, then the others get their turn */
#define HOUSEKEEPING   (1000 * USEC_MS)

/* Where the next free seat is; seats[0] is never used. */
static enum err seat_take(struct engine *e, uint32_t *index)
{
    if (e->free_seat) {
        *index = e->free_seat;
        e->free_seat = e->seat[*index].next_free;
        return OK;
    }
    if (e->seat_count >= ENGINE_MEMBERS_MAX) return ERR_FULL;
    if (e->seat_count >= e->seat_size) {
        uint32_t size = e->seat_size ? e->seat_size * 2 : 64;
        struct seat *s = mem_resize(e->seat, size, sizeof *s);
        if (!s) return ERR_NOMEM;
        e->seat = s;
        e->seat_size = size;
    }
    *index = e->seat_count++;
    return OK;
}

enum err engine_seat(struct engine *e, struct engine_room *room, struct member *m)
{
    uint32_t i;
    uint64_t session = member_session(m);
    enum err err = seat_take(e, &i);
    if (err) return err;
    e->seat[i] = (struct seat){.room = room, .member = m};
    err = map_set(&e->by_session, &session, i);
    if (err) {
        e->seat[i] = (struct seat){.next_free = e->free_seat};
        e->free_seat = i;
        return err;
    }
    e->members++;
    return OK;
}

struct seat *engine_seat_of(struct engine *e, uint64_t session)
{
    uint32_t i;
    return map_get(&e->by_session, &session, &i) ? &e->seat[i] : NULL;
}

/* A path leads to this seat from now on; the oldest of too many is forgotten. */
static void seat_path(struct engine *e, uint32_t index, const struct path *path)
{
    struct seat *s = &e->seat[index];
    uint32_t old;
    if (map_get(&e->by_path, path, &old) && old == index) return;
    if (map_set(&e->by_path, path, index)) {
        e->counts.paths_refused++;
        return;
    }
    struct path *place = &s->path[s->path_next++ % SEAT_PATHS];
    if (map_get(&e->by_path, place, &old) && old == index) map_drop(&e->by_path, place);
    *place = *path;
    if (path->kind == PATH_TCP) ice_tcp_keep(e->tcp, path);
}

static void key_of_ufrag(struct span ufrag, uint8_t key[UFRAG_KEY])
{
    memset(key, 0, UFRAG_KEY);
    if (ufrag.n <= UFRAG_KEY) memcpy(key, ufrag.p, ufrag.n);
}

void engine_seat_opened(struct engine *e, uint64_t session)
{
    uint32_t i;
    if (!map_get(&e->by_session, &session, &i)) return;
    struct seat *s = &e->seat[i];
    struct peer *p = member_peer(s->member);
    if (!p) return;
    uint8_t key[UFRAG_KEY];
    key_of_ufrag(peer_local_ufrag(p), key);
    uint8_t *place = s->ufrag[s->ufrag_next++ % SEAT_UFRAGS];
    uint32_t old;
    if (place[0] && memcmp(place, key, UFRAG_KEY) != 0 && map_get(&e->by_ufrag, place, &old) && old == i)
        map_drop(&e->by_ufrag, place);
    if (map_set(&e->by_ufrag, key, i)) return;
    memcpy(place, key, UFRAG_KEY);
}

void engine_seat_gone(struct engine *e, uint64_t session)
{
    uint32_t i, owner;
    if (!map_get(&e->by_session, &session, &i)) return;
    struct seat *s = &e->seat[i];
    for (unsigned n = 0; n < SEAT_PATHS; n++)
        if (map_get(&e->by_path, &s->path[n], &owner) && owner == i) map_drop(&e->by_path, &s->path[n]);
    for (unsigned n = 0; n < SEAT_UFRAGS; n++)
        if (s->ufrag[n][0] && map_get(&e->by_ufrag, s->ufrag[n], &owner) && owner == i)
            map_drop(&e->by_ufrag, s->ufrag[n]);
    map_drop(&e->by_session, &session);
    *s = (struct seat){.next_free = e->free_seat};
    e->free_seat = i;
    e->members--;
}

/* The seat a datagram belongs to, 0 for a stranger's. A Binding says itself whom it is for; all else goes by
 * path. */
static uint32_t seat_for(struct engine *e, const struct path *from, struct span pkt)
{
    uint32_t i = 0;
    struct span ufrag;
    uint8_t key[UFRAG_KEY];
    if (pkt.n && pkt.p[0] < 4 && stun_peek_username(pkt, &ufrag) && ufrag.n && ufrag.n <= UFRAG_KEY) {
        key_of_ufrag(ufrag, key);
        if (map_get(&e->by_ufrag, key, &i)) return i;
        return 0;
    }
    return map_get(&e->by_path, from, &i) ? i : 0;
}

/* A media packet's first room: find the peer by path, let it open the packet, hand it to the room. */
static void engine_pkt(void *ctx, const struct path *from, struct mspan pkt)
{
    struct engine *e = ctx;
    uint32_t i = seat_for(e, from, span_m(pkt));
    if (!i) {
        e->counts.strangers++;
        return;
    }
    struct seat *s = &e->seat[i];
    struct peer *p = member_peer(s->member);
    struct peer_in in;
    if (!p) return;
    if (out_tight(&e->out, 64)) engine_flush(e);
    struct engine_room *room = s->room;
    enum err err = peer_receive(p, e->now, from, pkt, &in, &e->out);
    if (!err && in.path_validated) seat_path(e, i, from);
    if (!err && in.kind != PEER_IN_NOTHING) room_input(room->room, s->member, e->now, &in, &e->out, &e->news);
    engine_room_touched(e, room);
}

static void engine_conn_gone(void *ctx, const struct path *path)
{
    struct engine *e = ctx;
    map_drop(&e->by_path, path);
}

static void socket_ready(void *ctx, unsigned events, usec now)
{
    struct engine_socket *s = ctx;
    struct engine *e = s->engine;
    (void)events;
    e->now = now;
    for (unsigned n = 0; n < BATCHES_A_TURN; n++)
        if (udp_receive(&e->udp, s->index, engine_pkt, e) < UDP_BATCH) break;
}

void engine_flush(struct engine *e)
{
    udp_flush(&e->udp, &e->out);
    ice_tcp_flush(e->tcp, &e->out, e->now);
    e->counts.tray_full += e->out.dropped;
    e->out.dropped = 0;
    out_clear(&e->out);
}

/* The room is looked at again before the turn ends: its news are sent and its next wake is read. */
void engine_room_touched(struct engine *e, struct engine_room *room)
{
    if (e->news.count || e->news.lost) engine_drain(e, room);
    room->touched = true;
}

static void rooms_turn(struct engine *e, usec now)
{
    e->wake = USEC_NEVER;
    for (uint32_t i = 0; i < e->room_count; i++) {
        struct engine_room *r = &e->room[i];
        if (!r->room) continue;
        if (r->wake <= now) {
            room_tick(r->room, now, &e->out, &e->news);
            if (r->delivery) delivery_tick(r->delivery, now, &e->news);
            engine_room_touched(e, r);
        }
        if (r->touched) {
            r->touched = false;
            if (r->reap) room_reap(r->room);
            r->reap = false;
            if (!room_member_count(r->room)) {
                engine_room_drop(e, r);
                continue;
            }
            r->wake = room_wake(r->room);
            if (r->delivery) r->wake = usec_min(r->wake, delivery_wake(r->delivery));
        }
        e->wake = usec_min(e->wake, r->wake);
        if (out_tight(&e->out, 256)) engine_flush(e);
    }
}

usec engine_turn(struct engine *e, usec now)
{
    e->now = now;
    e->room_conf.wall_offset_ms = clock_wall().ms - (int64_t)(now / 1000);
    if (e->tcp && now >= e->housekeeping) {
        ice_tcp_tick(e->tcp, now);
        e->housekeeping = now + HOUSEKEEPING;
    }
    rooms_turn(e, now);
    engine_flush(e);
    return usec_min(e->wake, e->housekeeping);
}

static enum err engine_init(struct engine *e, const struct engine_conf *conf)
{
    enum err err = map_init(&e->by_path, sizeof(struct path), ENGINE_MEMBERS_MAX * 4, &conf->rng);
    if (!err) err = map_init(&e->by_ufrag, UFRAG_KEY, ENGINE_MEMBERS_MAX * 2, &conf->rng);
    if (!err) err = map_init(&e->by_session, sizeof(uint64_t), ENGINE_MEMBERS_MAX, &conf->rng);
    if (!err) err = map_init(&e->by_name, ROOM_KEY, ENGINE_ROOMS_MAX, &conf->rng);
    if (!err) err = udp_init(&e->udp);
    if (!err) err = out_init(&e->out, TRAY_PACKETS);
    if (!err) err = engine_identity(e);
    if (err) return err;
    e->room = mem_new(ENGINE_ROOMS_MAX, sizeof *e->room);
    e->tcp = ice_tcp_new(conf->loop, TCP_RFC4571, engine_pkt, engine_conn_gone, e);
    e->room_conf.scratch = room_scratch_new();
    return e->room && e->tcp && e->room_conf.scratch ? OK : ERR_NOMEM;
}

enum err engine_new(const struct engine_conf *conf, struct engine **engine)
{
    struct engine *e = mem_new(1, sizeof *e);
    if (!e) return ERR_NOMEM;
    e->conf = *conf;
    e->seat_count = 1;
    e->room_conf.rng = conf->rng;
    news_init(&e->news);
    enum err err = engine_init(e, conf);
    if (err) {
        engine_free(e);
        return err;
    }
    *engine = e;
    return OK;
}

void engine_free(struct engine *e)
{
    if (!e) return;
    for (uint32_t i = 0; i < e->room_count; i++) {
        room_free(e->room[i].room);
        delivery_free(e->room[i].delivery);
    }
    for (uint16_t i = 0; i < e->udp.count; i++)
        loop_drop(e->conf.loop, e->socket[i].watch);
    ice_tcp_free(e->tcp);
    udp_fini(&e->udp);
    out_fini(&e->out);
    news_fini(&e->news);
    room_scratch_free(e->room_conf.scratch);
    engine_identity_free(e);
    map_fini(&e->by_path);
    map_fini(&e->by_ufrag);
    map_fini(&e->by_session);
    map_fini(&e->by_name);
    mem_free(e->seat);
    mem_free(e->room);
    mem_free(e);
}

enum err engine_socket(struct engine *e, int udp_fd, int tcp_fd, struct span announce)
{
    uint16_t index;
    struct path bound;
    struct room_address *a = &e->room_conf.address[e->room_conf.address_count];
    char text[ADDRESS_TEXT];
    enum err err = udp_bound(udp_fd, &bound);
    if (!err) err = udp_add(&e->udp, udp_fd, &index);
    if (err) return err;
    struct engine_socket *s = &e->socket[index];
    *s = (struct engine_socket){.engine = e, .index = index};
    err = loop_add(e->conf.loop, udp_fd, LOOP_READ, socket_ready, s, &s->watch);
    if (!err && tcp_fd >= 0) err = ice_tcp_listen(e->tcp, tcp_fd, index);
    if (err || e->room_conf.address_count == ROOM_ADDRESSES_MAX) return err;
    address_text(&bound, text);
    struct span ip = announce.n ? announce : span_str(text);
    if (ip.n >= sizeof a->ip) return ERR_RANGE;
    *a = (struct room_address){.port = bound.port, .udp = true, .tcp = tcp_fd >= 0};
    memcpy(a->ip, ip.p, ip.n);
    e->room_conf.address_count++;
    return OK;
}

bool engine_empty(const struct engine *e)
{
    return e->members == 0;
}
