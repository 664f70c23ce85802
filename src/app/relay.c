/* SPDX-License-Identifier: Apache-2.0 */
#include "app/relay.h"

#include "app/ice_tcp.h"
#include "base/mem.h"
#include "io/clock.h"
#include "io/tcp.h"

#define SOCKETS_MAX    20000 /* listeners and relays */
#define TRAY_PACKETS   2048
#define BATCHES_A_TURN 64 /* of one socket: what a busy one gets in a paced turn, several times over */
#define PORT_TRIES     16
#define HOUSEKEEPING   USEC_S
#define LOAD_WINDOW    (100 * USEC_MS)
#define FRONT_LOCAL    UINT16_MAX /* `local` of the paths of front's streams */

const struct turn_quota relay_user_quota = {
    .allocations = 64, .permissions = 512, .channels = 512, .bytes_per_s = 12500000};
const struct turn_quota relay_total_quota = {.allocations = 8192, .permissions = 65536, .channels = 65536};

struct relay_socket {
    struct relay *relay;
    uint32_t watch;
    uint16_t index;
    bool listener;
};
struct stream { /* front's; path.conn = its place and how often it was used */
    uint64_t number;
    bool open;
    uint16_t generation;
    uint16_t in_n;
    uint8_t *in; /* TURN_FRAME_MAX */
    usec since;
};
struct relay {
    struct relay_conf conf;
    struct turn turn;
    struct udp udp;
    struct ice_tcp *tcp;
    struct out to_peer, to_client; /* what clients caused, what peers caused */
    struct relay_socket *socket;   /* by index of udp */
    uint16_t listeners, tcp_listeners;
    struct path bind[2], announce[2]; /* IPv4, IPv6; family 0: no relays of this family */
    struct map by_stream;
    struct stream stream[RELAY_STREAMS_MAX];
    usec now, housekeeping, load_since;
    uint64_t load_from, opened, open_failed;
    uint32_t pps;
};

static void relay_flush(struct relay *r);

static void from_client(void *ctx, const struct path *from, struct mspan pkt)
{
    struct relay *r = ctx;
    (void)!turn_receive(&r->turn, r->now, from, span_m(pkt), &r->to_peer); /* counted there */
    if (out_tight(&r->to_peer, 8)) relay_flush(r);
}

static void from_peer(void *ctx, const struct path *from, struct mspan pkt)
{
    struct relay *r = ctx;
    (void)!turn_relay_receive(&r->turn, r->now, from, span_m(pkt), &r->to_client);
    if (out_tight(&r->to_client, 8)) relay_flush(r);
}

static void from_connection(void *ctx, const struct path *from, struct mspan pkt)
{
    struct relay *r = ctx;
    r->now = clock_now();
    from_client(ctx, from, pkt);
}

static void connection_gone(void *ctx, const struct path *path)
{
    struct relay *r = ctx;
    turn_closed(&r->turn, path);
}

static void socket_ready(void *ctx, unsigned events, usec now)
{
    const struct relay_socket *s = ctx;
    struct relay *r = s->relay;
    uint16_t index = s->index;
    udp_pkt *take = s->listener ? from_client : from_peer;
    (void)events;
    r->now = now;
    for (unsigned n = 0; n < BATCHES_A_TURN; n++)
        if (udp_receive(&r->udp, index, take, r) < UDP_BATCH) break;
}

/* Takes the descriptor into the table and watches it. On failure it stays the caller's. */
static enum err socket_add(struct relay *r, int fd, bool listener, uint16_t *index)
{
    enum err e = udp_add(&r->udp, fd, index);
    if (e) return e;
    struct relay_socket *s = &r->socket[*index];
    *s = (struct relay_socket){.relay = r, .index = *index, .listener = listener};
    e = loop_add(r->conf.loop, fd, LOOP_READ, socket_ready, s, &s->watch);
    if (e) udp_drop(&r->udp, *index);
    return e;
}

static void socket_close(struct relay *r, uint16_t index)
{
    int fd = r->udp.fd[index];
    loop_drop(r->conf.loop, r->socket[index].watch);
    udp_drop(&r->udp, index);
    tcp_close(fd);
}

/* A socket of the family on a free port of the range, or any; an even one if wanted. */
static enum err relay_socket_open(struct relay *r, uint8_t family, bool even, int *fd)
{
    struct path at = r->bind[family == 6];
    if (at.family == 0) return ERR_UNSUPPORTED;
    uint32_t ports = r->conf.port_to - r->conf.port_from + 1u;
    for (int tries = 0; tries < PORT_TRIES; tries++) {
        struct path bound;
        uint32_t luck;
        enum err e = rng_fill(&r->conf.rng, (uint8_t *)&luck, sizeof luck);
        if (e) return e;
        at.port = (uint16_t)(r->conf.port_from ? r->conf.port_from + luck % ports : 0);
        e = udp_bind(&at, fd);
        if (e == ERR_EXISTS) continue;
        if (e || !even) return e;
        e = udp_bound(*fd, &bound);
        if (!e && bound.port % 2 == 0) return OK;
        tcp_close(*fd);
        if (e) return e;
    }
    return ERR_FULL;
}

static void open_relay(struct relay *r, struct turn_event *want)
{
    int fd;
    struct path bound;
    enum err e = relay_socket_open(r, want->family, want->even, &fd);
    if (!e) {
        e = udp_bound(fd, &bound);
        if (!e) e = socket_add(r, fd, false, &want->local);
        if (e) tcp_close(fd);
    }
    if (e) {
        r->open_failed++;
        turn_relay_failed(&r->turn, r->now, want, &r->to_peer);
        return;
    }
    const struct path *told = &r->announce[want->family == 6];
    struct turn_addr at = {.family = want->family, .port = bound.port};
    memcpy(at.addr, told->addr, sizeof at.addr);
    if (turn_relay_opened(&r->turn, r->now, want, &at, &r->to_peer))
        socket_close(r, want->local);
    else
        r->opened++;
}

static void serve_events(struct relay *r)
{
    struct turn_event e;
    while (turn_next_event(&r->turn, &e)) {
        if (e.kind == TURN_CLOSE_RELAY)
            socket_close(r, e.local);
        else
            open_relay(r, &e);
        if (out_tight(&r->to_peer, 8)) return; /* the rest after the flush */
    }
}

static struct stream *stream_of(struct relay *r, uint32_t conn)
{
    uint32_t i = conn & 0xffff;
    if (i >= RELAY_STREAMS_MAX) return NULL;
    struct stream *s = &r->stream[i];
    return s->open && s->generation == conn >> 16 ? s : NULL;
}

static struct path stream_path(const struct relay *r, const struct stream *s)
{
    return (struct path){.kind = PATH_TCP,
                         .family = 4,
                         .local = FRONT_LOCAL,
                         .conn = (uint32_t)s->generation << 16 | (uint32_t)(s - r->stream)};
}

static void stream_close(struct relay *r, struct stream *s, bool tell)
{
    struct path path = stream_path(r, s);
    s->open = false;
    mem_free(s->in);
    s->in = NULL;
    map_drop(&r->by_stream, &s->number);
    turn_closed(&r->turn, &path);
    if (tell) (void)!r->conf.to_front(r->conf.ctx, s->number, SPAN_NONE);
}

static struct stream *stream_open(struct relay *r, uint64_t number, usec now)
{
    uint32_t i = 0;
    while (i < RELAY_STREAMS_MAX && r->stream[i].open)
        i++;
    if (i == RELAY_STREAMS_MAX || map_set(&r->by_stream, &number, i)) return NULL;
    struct stream *s = &r->stream[i];
    uint8_t *in = mem_new(TURN_FRAME_MAX, 1);
    if (!in) {
        map_drop(&r->by_stream, &number);
        return NULL;
    }
    uint16_t generation = (uint16_t)(s->generation + 1);
    *s = (struct stream){.number = number, .open = true, .generation = generation, .in = in, .since = now};
    return s;
}

/* Hands whole frames on; false when the stream is of no use. */
static bool stream_take(struct relay *r, struct stream *s, struct span bytes)
{
    struct path path = stream_path(r, s);
    while (bytes.n > 0) {
        size_t n = TURN_FRAME_MAX - s->in_n, whole, at = 0;
        if (n > bytes.n) n = bytes.n;
        memcpy(s->in + s->in_n, bytes.p, n);
        s->in_n = (uint16_t)(s->in_n + n);
        bytes = span_part(bytes, n, bytes.n);
        enum err e;
        while (!(e = turn_frame(SPAN(s->in + at, s->in_n - at), &whole))) {
            from_client(r, &path, MSPAN(s->in + at, whole));
            at += whole;
        }
        if (e != ERR_SHORT || (at == 0 && s->in_n == TURN_FRAME_MAX)) return false;
        s->in_n = (uint16_t)(s->in_n - at);
        memmove(s->in, s->in + at, s->in_n);
    }
    return true;
}

void relay_stream(struct relay *r, uint64_t number, struct span bytes, usec now)
{
    uint32_t i;
    struct stream *s = map_get(&r->by_stream, &number, &i) ? &r->stream[i] : NULL;
    r->now = now;
    if (bytes.n == 0) {
        if (s) stream_close(r, s, false);
        return;
    }
    if (!s) s = stream_open(r, number, now);
    if (!s)
        (void)!r->conf.to_front(r->conf.ctx, number, SPAN_NONE);
    else if (!stream_take(r, s, bytes))
        stream_close(r, s, true);
}

void relay_front_lost(struct relay *r)
{
    for (uint32_t i = 0; i < RELAY_STREAMS_MAX; i++)
        if (r->stream[i].open) stream_close(r, &r->stream[i], false);
}

static void flush_streams(struct relay *r, const struct out *o)
{
    for (uint16_t g = 0; g < o->group_n; g++) {
        const struct out_group *group = &o->group[g];
        if (group->to.kind != PATH_TCP || group->to.local != FRONT_LOCAL) continue;
        struct stream *s = stream_of(r, group->to.conn);
        for (uint16_t i = group->head; s && i != OUT_NONE; i = o->pkt[i].next)
            if (!r->conf.to_front(r->conf.ctx, s->number, SPAN(o->arena + o->pkt[i].at, o->pkt[i].n))) break;
    }
}

static void tray_flush(struct relay *r, struct out *o)
{
    if (o->pkt_n == 0) return;
    udp_flush(&r->udp, o);
    if (r->tcp_listeners) ice_tcp_flush(r->tcp, o, r->now);
    if (r->conf.to_front) flush_streams(r, o);
    out_clear(o);
}

static void relay_flush(struct relay *r)
{
    tray_flush(r, &r->to_peer);
    tray_flush(r, &r->to_client);
}

/* Connections without an allocation have ten seconds to get one. */
static void keep_connections(struct relay *r, usec now)
{
    const struct turn_table *t = &r->turn.table;
    for (uint32_t i = 0; i < t->alloc.made; i++) {
        const struct turn_alloc *a = turn_alloc_at(t, i);
        if (a->state != TURN_UP || a->client.kind != PATH_TCP) continue;
        struct stream *s = a->client.local == FRONT_LOCAL ? stream_of(r, a->client.conn) : NULL;
        if (s)
            s->since = now;
        else if (a->client.local != FRONT_LOCAL)
            ice_tcp_keep(r->tcp, &a->client);
    }
    for (uint32_t i = 0; i < RELAY_STREAMS_MAX; i++)
        if (r->stream[i].open && usec_since(now, r->stream[i].since) > 10 * USEC_S)
            stream_close(r, &r->stream[i], true);
}

static void pace(struct relay *r, usec now)
{
    if (usec_since(now, r->load_since) < LOAD_WINDOW) return;
    uint64_t packets = r->udp.counts.received;
    r->pps = (uint32_t)((packets - r->load_from) * USEC_S / usec_since(now, r->load_since));
    r->load_from = packets;
    r->load_since = now;
    loop_pace(r->conf.loop, r->pps > RELAY_BUSY_PPS ? RELAY_PACE_US : 0);
}

usec relay_turn(struct relay *r, usec now)
{
    r->now = now;
    if (now >= r->housekeeping) {
        turn_wall(&r->turn, now, clock_wall());
        turn_tick(&r->turn, now);
        keep_connections(r, now);
        ice_tcp_tick(r->tcp, now);
        r->housekeeping = now + HOUSEKEEPING;
    }
    serve_events(r);
    relay_flush(r);
    pace(r, now);
    bool events = r->turn.table.open_head != SLAB_NONE || r->turn.table.closing_head != TURN_LOCAL_NONE;
    usec wake =
        r->pps > RELAY_BUSY_PPS ? usec_min(r->housekeeping, r->load_since + LOAD_WINDOW) : r->housekeeping;
    return events ? now : wake;
}

enum err relay_new(const struct relay_conf *conf, struct relay **relay)
{
    struct relay *r = mem_new(1, sizeof *r);
    if (!r) return ERR_NOMEM;
    r->conf = *conf;
    struct turn_conf core = {.crypto = conf->crypto,
                             .rng = conf->rng,
                             .user = conf->user,
                             .total = conf->total,
                             .locals = SOCKETS_MAX};
    usec now = clock_now();
    enum err e = turn_init(&r->turn, &core, now);
    if (e) {
        mem_free(r);
        return e;
    }
    turn_wall(&r->turn, now, clock_wall());
    e = udp_init_for(&r->udp, SOCKETS_MAX);
    if (!e) e = out_init(&r->to_peer, TRAY_PACKETS);
    if (!e) e = out_init(&r->to_client, TRAY_PACKETS);
    if (!e) e = map_init(&r->by_stream, sizeof(uint64_t), RELAY_STREAMS_MAX, &conf->rng);
    if (!e) r->socket = mem_new(SOCKETS_MAX, sizeof *r->socket);
    if (!e) r->tcp = ice_tcp_new(conf->loop, TCP_TURN, from_connection, connection_gone, r);
    if (!e && (!r->socket || !r->tcp)) e = ERR_NOMEM;
    if (e) {
        relay_free(r);
        return e;
    }
    *relay = r;
    return OK;
}

void relay_free(struct relay *r)
{
    if (!r) return;
    ice_tcp_free(r->tcp);
    for (uint32_t i = 0; i < RELAY_STREAMS_MAX; i++)
        mem_free(r->stream[i].in);
    for (uint16_t i = 0; r->socket && i < r->udp.count; i++)
        if (r->udp.fd[i] >= 0) socket_close(r, i);
    udp_fini(&r->udp);
    out_fini(&r->to_peer);
    out_fini(&r->to_client);
    map_fini(&r->by_stream);
    turn_fini(&r->turn);
    mem_free(r->socket);
    mem_free(r);
}

void relay_bind(struct relay *r, const struct path *at, const struct path *announce)
{
    static const uint8_t any[16];
    bool six = at->family == 6, certain = memcmp(at->addr, any, sizeof any) != 0;
    if (r->bind[six].family || (!certain && !announce)) return;
    r->bind[six] = *at;
    r->bind[six].port = 0;
    r->announce[six] = announce && announce->family == at->family ? *announce : *at;
    *(six ? &r->turn.conf.relay6 : &r->turn.conf.relay4) = true;
}

enum err relay_udp(struct relay *r, int fd, const struct path *announce)
{
    struct path bound;
    uint16_t index;
    if (r->listeners == RELAY_LISTENERS_MAX) return ERR_FULL;
    enum err e = udp_bound(fd, &bound);
    if (!e) e = socket_add(r, fd, true, &index);
    if (e) return e;
    r->listeners++;
    relay_bind(r, &bound, announce);
    return OK;
}

enum err relay_tcp(struct relay *r, int fd)
{
    enum err e = ice_tcp_listen(r->tcp, fd, r->tcp_listeners);
    if (!e) r->tcp_listeners++;
    return e;
}

struct turn *relay_turn_core(struct relay *r)
{
    return &r->turn;
}

static void line(struct writer *w, const char *name, const char *label, uint64_t value)
{
    write_str(w, "incamera_relay_");
    write_str(w, name);
    write_str(w, label);
    write_u8(w, ' ');
    write_dec(w, value);
    write_u8(w, '\n');
}

void relay_stats(const struct relay *r, struct writer *w)
{
    const struct turn_counts *c = &r->turn.counts;
    line(w, "allocations", "", r->turn.table.alloc.used);
    line(w, "users", "", r->turn.table.user.used);
    line(w, "permissions", "", r->turn.table.perm.used);
    line(w, "channels", "", r->turn.table.chan.used);
    line(w, "allocated_total", "", c->allocated);
    line(w, "packets_total", "{to=\"peer\"}", c->to_peer);
    line(w, "packets_total", "{to=\"client\"}", c->to_client);
    line(w, "bytes_total", "{to=\"peer\"}", c->to_peer_bytes);
    line(w, "bytes_total", "{to=\"client\"}", c->to_client_bytes);
    line(w, "refused_total", "{why=\"quota\"}", c->refused_quota);
    line(w, "refused_total", "{why=\"peer\"}", c->refused_peer);
    line(w, "refused_total", "{why=\"capacity\"}", c->refused_capacity);
    line(w, "refused_total", "{why=\"credential\"}", c->denied_credential);
    line(w, "refused_total", "{why=\"revoked\"}", c->revoked);
    line(w, "refused_total", "{why=\"stranger_budget\"}", r->turn.guard.refused);
    line(w, "refused_total", "{why=\"socket\"}", r->open_failed);
    line(w, "challenges_total", "", c->challenged);
    line(w, "dropped_total", "{why=\"malformed\"}", c->malformed);
    line(w, "dropped_total", "{why=\"no_permission\"}", c->no_permission);
    line(w, "dropped_total", "{why=\"no_channel\"}", c->no_channel);
    line(w, "dropped_total", "{why=\"too_big\"}", c->too_big);
    line(w, "dropped_total", "{why=\"rate\"}", c->over_rate);
    line(w, "dropped_total", "{why=\"tray\"}", c->tray_full);
}
