/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ice_tcp.h"

#include "base/buf.h"
#include "base/mem.h"
#include "io/tcp.h"
#include "wire/turn.h"

#define PROVE_US   (10 * USEC_S) /* until the first authenticated Binding */
#define STALL_US   (20 * USEC_S) /* until a reader that takes nothing is given up */
#define PACKET_MAX 2048          /* RFC 4571 allows 65,535; ours are datagrams */
#define IN_SIZE    (PACKET_MAX + 2)

struct conn {
    struct ice_tcp *owner;
    int fd; /* -1 when free */
    uint32_t watch;
    struct path path;
    usec since, stalled; /* stalled: 0 while everything queued goes out */
    bool proven, writing;
    uint16_t generation, in_n;
    uint8_t *in; /* IN_SIZE */
    struct buf out;
};
struct listener {
    struct ice_tcp *owner;
    int fd;
    uint16_t local;
    uint32_t watch;
};
struct ice_tcp {
    struct loop *loop;
    enum tcp_framing framing;
    udp_pkt *take;
    ice_tcp_gone *gone;
    void *ctx;
    uint32_t count;
    struct listener listener[ICE_TCP_LISTEN_MAX];
    uint16_t listeners;
    struct conn conn[ICE_TCP_MAX];
};

struct ice_tcp *ice_tcp_new(struct loop *l, enum tcp_framing framing, udp_pkt *take, ice_tcp_gone *gone,
                            void *ctx)
{
    struct ice_tcp *t = mem_new(1, sizeof *t);
    if (!t) return NULL;
    t->loop = l;
    t->framing = framing;
    t->take = take;
    t->gone = gone;
    t->ctx = ctx;
    for (unsigned i = 0; i < ICE_TCP_MAX; i++)
        t->conn[i].fd = -1;
    return t;
}

static void conn_close(struct conn *c)
{
    struct ice_tcp *t = c->owner;
    struct path path = c->path;
    loop_drop(t->loop, c->watch);
    tcp_close(c->fd);
    mem_free(c->in);
    buf_fini(&c->out);
    c->fd = -1;
    c->in = NULL;
    t->count--;
    t->gone(t->ctx, &path);
}

void ice_tcp_free(struct ice_tcp *t)
{
    if (!t) return;
    for (unsigned i = 0; i < ICE_TCP_MAX; i++)
        if (t->conn[i].fd >= 0) conn_close(&t->conn[i]);
    for (unsigned i = 0; i < t->listeners; i++) {
        loop_drop(t->loop, t->listener[i].watch);
        tcp_close(t->listener[i].fd);
    }
    mem_free(t);
}

/* The open connection with this number, or NULL. */
static struct conn *conn_of(struct ice_tcp *t, uint32_t number)
{
    uint32_t i = number & 0xffff;
    if (i >= ICE_TCP_MAX) return NULL;
    struct conn *c = &t->conn[i];
    return c->fd >= 0 && c->generation == number >> 16 ? c : NULL;
}

_Static_assert(TURN_FRAME_MAX <= IN_SIZE, "a frame fits");

/* Where the packet at the front of `in` is and how many bytes it takes with its frame. */
static enum err unframe(enum tcp_framing framing, struct span in, size_t *head, size_t *whole)
{
    if (framing == TCP_TURN) {
        *head = 0;
        return turn_frame(in, whole);
    }
    if (in.n < 2) return ERR_SHORT;
    size_t n = (size_t)in.p[0] << 8 | in.p[1];
    if (n > PACKET_MAX) return ERR_FORMAT;
    *head = 2;
    *whole = n + 2;
    return in.n < n + 2 ? ERR_SHORT : OK;
}

/* Hands over every whole packet at the front of c->in. False when the connection was closed meanwhile. */
static bool deliver(struct conn *c)
{
    uint16_t at = 0, generation = c->generation;
    size_t head, whole;
    enum err e;
    while (!(e = unframe(c->owner->framing, SPAN(c->in + at, (size_t)(c->in_n - at)), &head, &whole))) {
        c->owner->take(c->owner->ctx, &c->path, MSPAN(c->in + at + head, whole - head));
        if (c->fd < 0 || c->generation != generation) return false;
        at = (uint16_t)(at + whole);
    }
    if (e != ERR_SHORT) {
        conn_close(c);
        return false;
    }
    c->in_n = (uint16_t)(c->in_n - at);
    if (at) memmove(c->in, c->in + at, c->in_n);
    return true;
}

static void write_queued(struct conn *c, usec now)
{
    size_t n = 0;
    enum err e = OK;
    while (c->out.n && !(e = tcp_write(c->fd, buf_span(&c->out), &n)))
        buf_drop(&c->out, n);
    if (e == ERR_CLOSED) {
        conn_close(c);
        return;
    }
    bool more = c->out.n > 0;
    if (!more)
        c->stalled = 0;
    else if (!c->stalled || n)
        c->stalled = now;
    if (more == c->writing) return;
    c->writing = more;
    loop_want(c->owner->loop, c->watch, more ? LOOP_READ | LOOP_WRITE : LOOP_READ);
}

static void conn_ready(void *ctx, unsigned events, usec now)
{
    struct conn *c = ctx;
    if (events & LOOP_WRITE) write_queued(c, now);
    if (c->fd < 0 || !(events & LOOP_READ)) return;
    for (int turns = 0; turns < 32; turns++) { /* level-triggered: the rest comes with the next turn */
        size_t n;
        enum err e = tcp_read(c->fd, MSPAN(c->in + c->in_n, (size_t)(IN_SIZE - c->in_n)), &n);
        if (e == ERR_AGAIN) return;
        if (e) {
            conn_close(c);
            return;
        }
        c->in_n = (uint16_t)(c->in_n + n);
        if (!deliver(c)) return;
    }
}

static unsigned count_from(const struct ice_tcp *t, const struct path *p)
{
    unsigned n = 0;
    for (unsigned i = 0; i < ICE_TCP_MAX; i++)
        if (t->conn[i].fd >= 0 && t->conn[i].path.family == p->family &&
            !memcmp(t->conn[i].path.addr, p->addr, 16))
            n++;
    return n;
}

/* Takes the descriptor, or leaves it to the caller with an error. */
static enum err conn_open(struct ice_tcp *t, int fd, struct path *from, uint16_t local, usec now)
{
    unsigned i = 0;
    if (count_from(t, from) >= ICE_TCP_PER_ADDRESS) return ERR_LIMIT;
    while (i < ICE_TCP_MAX && t->conn[i].fd >= 0)
        i++;
    if (i == ICE_TCP_MAX) return ERR_FULL;
    struct conn *c = &t->conn[i];
    uint8_t *in = mem_new(IN_SIZE, 1);
    if (!in) return ERR_NOMEM;
    uint16_t generation = (uint16_t)(c->generation + 1);
    from->local = local;
    from->conn = (uint32_t)generation << 16 | i;
    *c = (struct conn){.owner = t, .fd = fd, .path = *from, .since = now, .generation = generation, .in = in};
    buf_init(&c->out, ICE_TCP_QUEUE_MAX);
    enum err e = loop_add(t->loop, fd, LOOP_READ, conn_ready, c, &c->watch);
    if (e) {
        mem_free(in);
        c->fd = -1;
        return e;
    }
    t->count++;
    return OK;
}

static void listener_ready(void *ctx, unsigned events, usec now)
{
    struct listener *l = ctx;
    (void)events;
    for (int turns = 0; turns < 64; turns++) {
        int fd;
        struct path from;
        if (tcp_accept(l->fd, &fd, &from)) return;
        if (conn_open(l->owner, fd, &from, l->local, now)) tcp_close(fd);
    }
}

enum err ice_tcp_listen(struct ice_tcp *t, int fd, uint16_t local)
{
    if (t->listeners == ICE_TCP_LISTEN_MAX) return ERR_FULL;
    struct listener *l = &t->listener[t->listeners];
    *l = (struct listener){.owner = t, .fd = fd, .local = local};
    enum err e = loop_add(t->loop, fd, LOOP_READ, listener_ready, l, &l->watch);
    if (!e) t->listeners++;
    return e;
}

void ice_tcp_keep(struct ice_tcp *t, const struct path *path)
{
    struct conn *c = conn_of(t, path->conn);
    if (c) c->proven = true;
}

void ice_tcp_flush(struct ice_tcp *t, const struct out *o, usec now)
{
    for (uint16_t g = 0; g < o->group_n; g++) {
        const struct out_group *group = &o->group[g];
        struct conn *c = group->to.kind == PATH_TCP ? conn_of(t, group->to.conn) : NULL;
        if (!c) continue;
        for (uint16_t i = group->head; i != OUT_NONE; i = o->pkt[i].next) {
            const struct out_pkt *p = &o->pkt[i];
            uint8_t length[2] = {(uint8_t)(p->n >> 8), (uint8_t)p->n};
            struct span head = SPAN(length, t->framing == TCP_RFC4571 ? 2 : 0);
            if (ICE_TCP_QUEUE_MAX - c->out.n < (size_t)p->n + 2)
                break; /* the rest is dropped, as on the wire */
            if (buf_add(&c->out, head) || buf_add(&c->out, SPAN(o->arena + p->at, p->n))) {
                conn_close(c); /* half a frame must never stay */
                break;
            }
        }
        if (c->fd >= 0) write_queued(c, now);
    }
}

void ice_tcp_tick(struct ice_tcp *t, usec now)
{
    for (unsigned i = 0; i < ICE_TCP_MAX; i++) {
        struct conn *c = &t->conn[i];
        if (c->fd < 0) continue;
        if (c->proven && t->framing == TCP_TURN) { /* an allocation must keep it anew */
            c->proven = false;
            c->since = now;
        }
        bool unproven = !c->proven && usec_since(now, c->since) > PROVE_US;
        bool stuck = c->stalled && usec_since(now, c->stalled) > STALL_US;
        if (unproven || stuck) conn_close(c);
    }
}

uint32_t ice_tcp_count(const struct ice_tcp *t)
{
    return t->count;
}
