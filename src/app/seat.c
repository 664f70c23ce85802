/* SPDX-License-Identifier: Apache-2.0 */
#include "app/seat.h"

#include "app/log.h"
#include "base/mem.h"
#include "base/read.h"
#include "io/clock.h"
#include "io/ipc.h"
#include "io/process.h"
#include "io/sandbox.h"

struct neighbour {
    struct seat_inside *inside;
    enum role role;
    uint16_t index;
    struct ipc_link *link; /* NULL when it is not there */
};
struct seat_inside {
    struct seat *seat;
    const struct role_work *work;
    void *state;
    struct ipc_link *parent;
    struct neighbour near[ROLE_COUNT + SEAT_ENGINES_MAX]; /* engines from ROLE_COUNT on */
    uint8_t *config;
    bool started, draining, said_drained, said_ready;
    usec next_stats;
    int exit_code;
};

static struct neighbour *near_of(struct seat_inside *in, unsigned role, unsigned index)
{
    if (role == ROLE_ENGINE) return index < SEAT_ENGINES_MAX ? &in->near[ROLE_COUNT + index] : NULL;
    return role < ROLE_COUNT && index == 0 ? &in->near[role] : NULL;
}

enum err seat_send(struct seat *s, enum role to, uint16_t index, uint16_t message, uint64_t session,
                   struct span body)
{
    struct neighbour *n = near_of(s->inside, to, index);
    if (to == ROLE_PARENT) return ipc_send(s->inside->parent, message, session, body);
    if (!n || !n->link) return ERR_UNKNOWN;
    return ipc_send(n->link, message, session, body);
}

bool seat_knows(const struct seat *s, enum role who, uint16_t index)
{
    const struct neighbour *n = near_of(s->inside, who, index);
    return n && n->link;
}

static void stop(struct seat_inside *in, int code)
{
    in->exit_code = code;
    loop_stop(in->seat->loop);
}

static void neighbour_got(void *ctx, struct ipc_link *l, const struct ipc_got *g)
{
    struct neighbour *n = ctx;
    (void)l;
    if (g->fd >= 0) process_close(g->fd); /* only the parent hands over descriptors */
    if (!n->inside->started) return;
    n->inside->work->message(n->inside->state,
                             &(struct seat_got){n->role, n->index, g->message, g->session, g->body});
}

static void neighbour_lost(void *ctx, struct ipc_link *l, enum err why)
{
    struct neighbour *n = ctx;
    ipc_free(l);
    n->link = NULL;
    if (why != ERR_CLOSED)
        log_event(LOG_WARN, "neighbour.refused", "role=%s index=%u why=\"%s\"", role_name(n->role), n->index,
                  err_text(why));
    if (n->inside->started && n->inside->work->lost)
        n->inside->work->lost(n->inside->state, n->role, n->index);
}

static void new_channel(struct seat_inside *in, struct span body, int fd)
{
    struct reader r = reader_of(body);
    uint8_t role = read_u8(&r);
    uint16_t index = read_u16(&r);
    struct neighbour *n = read_end(&r) ? NULL : near_of(in, role, index);
    if (!n || role == ROLE_PARENT || fd < 0) {
        if (fd >= 0) process_close(fd);
        return;
    }
    if (n->link) neighbour_lost(n, n->link, ERR_CLOSED);
    n->role = role;
    n->index = index;
    n->inside = in;
    struct ipc_conf conf = {in->seat->loop, (uint8_t)in->seat->role, role, ipc_allow,
                            neighbour_got,  neighbour_lost,          n};
    if (ipc_new(&conf, fd, &n->link)) {
        log_event(LOG_ERROR, "neighbour.failed", "role=%s", role_name(role));
        return;
    }
    if (in->started && in->work->met) in->work->met(in->state, role, index);
}

static void new_socket(struct seat *s, struct span body, int fd)
{
    struct reader r = reader_of(body);
    uint8_t use = read_u8(&r);
    struct span text = read_vec8(&r);
    struct seat_socket *k = &s->socket[s->sockets];
    if (fd < 0) return;
    if (read_end(&r) || use == 0 || use >= SOCKET_USES || s->sockets == SEAT_SOCKETS_MAX ||
        text.n >= sizeof k->text) {
        process_close(fd);
        return;
    }
    *k = (struct seat_socket){.use = use, .fd = fd};
    if (text.n) memcpy(k->text, text.p, text.n);
    s->sockets++;
}

static void new_config(struct seat_inside *in, struct span body)
{
    if (in->started) return;
    uint8_t *copy = mem_new(body.n, 1);
    if (!copy) return;
    if (body.n) memcpy(copy, body.p, body.n);
    mem_free(in->config);
    in->config = copy;
    in->seat->config = SPAN(copy, body.n);
}

/* Once: the parent tells the world that the server serves when every role has said so. */
static void say_ready(struct seat_inside *in)
{
    if (in->said_ready || (in->work->ready && !in->work->ready(in->state))) return;
    in->said_ready = true;
    if (ipc_send(in->parent, IPC_READY, 0, SPAN_NONE)) stop(in, 1);
}

static void start(struct seat_inside *in)
{
    if (in->started) return;
    enum err e = in->work->start(in->seat, &in->state);
    if (!e) e = sandbox_enter(role_name(in->seat->role));
    if (e) {
        log_event(LOG_ERROR, "role.failed", "role=%s why=\"%s\"", role_name(in->seat->role), err_text(e));
        stop(in, 1);
        return;
    }
    in->started = true;
    for (size_t i = 0; i < COUNT_OF(in->near); i++) {
        struct neighbour *n = &in->near[i];
        if (n->link && in->work->met) in->work->met(in->state, n->role, n->index);
    }
    say_ready(in);
}

static void parent_got(void *ctx, struct ipc_link *l, const struct ipc_got *g)
{
    struct seat_inside *in = ctx;
    int fd = g->fd;
    (void)l;
    switch (g->message) {
    case IPC_CONFIG:
        new_config(in, g->body);
        break;
    case IPC_CHANNEL:
        new_channel(in, g->body, fd);
        fd = -1;
        break;
    case IPC_SOCKET:
        new_socket(in->seat, g->body, fd);
        fd = -1;
        break;
    case IPC_START:
        start(in);
        break;
    case IPC_STOP:
        in->draining = true;
        if (in->started && in->work->drain) in->work->drain(in->state);
        break;
    default:
        if (in->started)
            in->work->message(in->state, &(struct seat_got){ROLE_PARENT, 0, g->message, g->session, g->body});
    }
    if (fd >= 0) process_close(fd);
}

static void parent_lost(void *ctx, struct ipc_link *l, enum err why)
{
    struct seat_inside *in = ctx;
    (void)l;
    stop(in, why == ERR_CLOSED && in->draining ? 0 : 1);
}

static void send_stats(struct seat_inside *in, usec now)
{
    static uint8_t text[SEAT_STATS_MAX];
    in->next_stats = now + USEC_S;
    if (!in->work->stats || in->seat->role == ROLE_FRONT || !seat_knows(in->seat, ROLE_FRONT, 0)) return;
    struct writer w = writer_of(MSPAN(text, sizeof text));
    in->work->stats(in->state, &w);
    if (!w.bad) (void)!seat_send(in->seat, ROLE_FRONT, 0, IPC_STATS, in->seat->index, writer_span(&w));
}

static usec turn(void *ctx, usec now)
{
    struct seat_inside *in = ctx;
    if (!in->started) return USEC_NEVER;
    usec until = in->work->turn ? in->work->turn(in->state, now) : USEC_NEVER;
    say_ready(in);
    if (now >= in->next_stats) send_stats(in, now);
    if (in->draining && !in->said_drained && (!in->work->drained || in->work->drained(in->state))) {
        in->said_drained = true;
        (void)!ipc_send(in->parent, IPC_DRAINED, 0, SPAN_NONE);
    }
    until = usec_min(until, in->next_stats);
    return in->draining && !in->said_drained ? usec_min(until, now + 50 * USEC_MS) : until;
}

int seat_run(enum role role, uint16_t index, const struct role_work *work)
{
    static struct seat seat;
    static struct seat_inside in;
    in = (struct seat_inside){.seat = &seat, .work = work, .exit_code = 1};
    seat = (struct seat){.role = role, .index = index, .inside = &in, .loop = loop_new()};
    if (!seat.loop) return 1;
    log_as(role_name(role), role == ROLE_ENGINE ? (int)index : -1);
    process_name(role_name(role));
    (void)process_resident(); /* opens what it reads from, while that can be */
    struct ipc_conf conf = {seat.loop, (uint8_t)role, ROLE_PARENT, ipc_allow, parent_got, parent_lost, &in};
    if (process_take_link(ROLE_FD) || ipc_new(&conf, ROLE_FD, &in.parent)) return 1;
    loop_run(seat.loop, turn, &in);
    for (size_t i = 0; i < COUNT_OF(in.near); i++)
        ipc_free(in.near[i].link);
    if (in.started && work->end) work->end(in.state);
    ipc_free(in.parent);
    mem_free(in.config);
    loop_free(seat.loop);
    return in.exit_code;
}
