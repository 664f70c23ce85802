/* SPDX-License-Identifier: Apache-2.0 */
#include "app/front_inner.h"

#include "app/log.h"
#include "base/mem.h"
#include "io/clock.h"

static void accept_some(void *ctx, unsigned events, usec now)
{
    struct listener *l = ctx;
    struct front *f = l->front;
    (void)events;
    f->now = now;
    for (unsigned i = 0; i < ACCEPT_BATCH; i++) {
        struct path from;
        int fd;
        if (tcp_accept(l->fd, &fd, &from)) return;
        if (conn_open(f, fd, &from, l->plain)) f->counts.refused++;
    }
}

/* A listener is watched from the moment that it can be answered: the TLS one once there is a certificate. */
static void watch_listeners(struct front *f)
{
    for (uint8_t i = 0; i < f->listeners; i++) {
        struct listener *l = &f->listener[i];
        if (l->watch || (!l->plain && !f->tls)) continue;
        if (loop_add(f->seat->loop, l->fd, LOOP_READ, accept_some, l, &l->watch))
            log_event(LOG_ERROR, "listener.failed", "plain=%d", l->plain);
    }
}

static void new_certificate(struct front *f, struct span pem)
{
    struct tls_server *fresh;
    enum err e = tls_server_new(pem, &fresh);
    if (e) {
        log_event(LOG_ERROR, "certificate.refused", "why=\"%s\" kept=%d", err_text(e), f->tls != NULL);
        return;
    }
    log_event(LOG_INFO, f->tls ? "certificate.replaced" : "certificate.loaded", "connections=%u", f->conns);
    tls_server_free(f->tls);
    f->tls = fresh;
    watch_listeners(f);
}

static void front_message(void *state, const struct seat_got *got)
{
    struct front *f = state;
    f->now = clock_now();
    switch (got->message) {
    case IPC_TLS:
        new_certificate(f, got->body);
        break;
    case IPC_HEALTH: /* one byte a role: 1 = up */
        f->healthy = got->body.n > 0 && !memchr(got->body.p, 0, got->body.n);
        break;
    case IPC_STATS:
        front_keep_stats(f, got->from, got->index, got->body);
        break;
    case IPC_TURN_BACK:
        relay_back(f, got->index, got->session, got->body);
        break;
    case IPC_TOLD:
        api_told(f, got->session, got->body);
        break;
    default:
        session_message(f, got);
    }
}

static void front_lost(void *state, enum role who, uint16_t index)
{
    struct front *f = state;
    f->now = clock_now();
    session_lost(f, who, index);
    if (who == ROLE_ENGINE) relay_lost(f, index);
    if (who != ROLE_KEEPER) return;
    for (uint16_t i = 0; i < CONNS_MAX; i++) {
        struct conn *c = f->conn[i];
        if (c && c->state == CONN_WAIT && c->waits_for >> 63) http_timeout(c);
    }
}

static void sweep(struct front *f)
{
    f->swept = f->now;
    for (uint16_t i = 0; i < CONNS_MAX; i++)
        if (f->conn[i]) conn_sweep(f->conn[i]);
    session_sweep(f);
}

static usec front_turn(void *state, usec now)
{
    struct front *f = state;
    f->now = now;
    if (usec_since(now, f->swept) >= SWEEP_US) sweep(f);
    uint32_t n = f->again_n;
    for (uint32_t i = 0; i < n; i++) {
        struct conn *c = conn_find(f, f->again[i].index, f->again[i].generation);
        if (!c) continue;
        c->queued = false;
        conn_work(c);
    }
    f->again_n -= n;
    memmove(f->again, f->again + n, f->again_n * sizeof f->again[0]);
    conn_reap(f);
    return f->again_n ? now : f->swept + SWEEP_US;
}

static void front_work_stats(void *state, struct writer *w)
{
    front_stats(state, w);
}

static void front_drain(void *state)
{
    struct front *f = state;
    f->draining = true; /* we still listen: to say that we are draining */
    log_event(LOG_INFO, "front.draining", "connections=%u sessions=%u", f->conns, f->sessions);
}

static bool front_drained(const void *state)
{
    const struct front *f = state;
    return f->sessions == 0 && f->out_total == 0;
}

static void front_end(void *state)
{
    struct front *f = state;
    f->draining = true;
    for (uint16_t i = 0; i < CONNS_MAX; i++) {
        struct conn *c = f->conn[i];
        if (!c) continue;
        if (c->state == CONN_SOCKET) {
            socket_closed(c, "draining", "The server is about to stop.");
            socket_close(c, WS_GOING_AWAY, SPAN_NONE);
        }
        if (c->state != CONN_DEAD) conn_flush(c);
        conn_close(c);
    }
    conn_reap(f);
    for (uint32_t i = 1; f->session && i < SESSIONS_MAX; i++)
        if (f->session[i].state != SESSION_NONE) session_free(f, &f->session[i]);
    for (uint8_t i = 0; i < f->listeners; i++) {
        loop_drop(f->seat->loop, f->listener[i].watch);
        tcp_close(f->listener[i].fd);
    }
    for (size_t i = 0; i < STATS_ROLES_MAX; i++)
        buf_fini(&f->stats[i].text);
    tls_server_free(f->tls);
    map_fini(&f->by_address);
    map_fini(&f->by_key);
    mem_free(f->session);
    mem_free(f->json);
    mem_free(f->wire);
    mem_free(f);
}

static void take_sockets(struct front *f)
{
    const struct seat *s = f->seat;
    for (uint16_t i = 0; i < s->sockets; i++) {
        const struct seat_socket *k = &s->socket[i];
        if ((k->use != SOCKET_HTTPS && k->use != SOCKET_PLAIN) || f->listeners == COUNT_OF(f->listener))
            continue;
        f->listener[f->listeners++] =
            (struct listener){.front = f, .fd = k->fd, .plain = k->use == SOCKET_PLAIN};
    }
    watch_listeners(f);
}

static struct span trimmed(struct span s)
{
    while (s.n && s.p[0] == ' ')
        s = SPAN(s.p + 1, s.n - 1);
    while (s.n && s.p[s.n - 1] == ' ')
        s.n--;
    return s;
}

/* One line of our part of the configuration: `key = value`. */
static void setting(struct front *f, struct span key, struct span value)
{
    if (span_equal(key, SPAN_LIT("dev"))) f->dev = span_equal(value, SPAN_LIT("yes"));
    if (!span_equal(key, SPAN_LIT("origin")) || f->origins == ORIGINS_MAX || value.n >= sizeof f->origin[0])
        return;
    memcpy(f->origin[f->origins], value.p, value.n);
    f->origin[f->origins++][value.n] = 0;
}

static void read_config(struct front *f)
{
    struct span left = f->seat->config;
    while (left.n) {
        const uint8_t *lf = memchr(left.p, '\n', left.n);
        size_t n = lf ? (size_t)(lf - left.p) : left.n;
        const uint8_t *is = n ? memchr(left.p, '=', n) : NULL;
        size_t k = is ? (size_t)(is - left.p) : 0;
        if (is) setting(f, trimmed(SPAN(left.p, k)), trimmed(SPAN(left.p + k + 1, n - k - 1)));
        left = span_part(left, n + 1, left.n);
    }
}

static enum err prepare(struct front *f)
{
    uint64_t serial = 0;
    f->rng = clock_rng();
    f->session = mem_new(SESSIONS_MAX, sizeof *f->session);
    f->json = mem_new(JSON_ROOM, 1);
    f->wire = mem_new(WIRE_ROOM, 1);
    if (!f->session || !f->json || !f->wire) return ERR_NOMEM;
    enum err e = map_init(&f->by_address, 16, CONNS_MAX, &f->rng);
    if (!e) e = map_init(&f->by_key, WHIP_KEY, SESSIONS_MAX, &f->rng);
    if (!e) e = rng_fill(&f->rng, (uint8_t *)f->rate_seed, sizeof f->rate_seed);
    if (!e) e = rng_fill(&f->rng, (uint8_t *)&serial, sizeof serial);
    f->serial = serial >> 24; /* another front's numbers may still be in an engine's mind */
    return e ? e : tls_load();
}

static enum err front_start(struct seat *s, void **state)
{
    struct front *f = mem_new(1, sizeof *f);
    if (!f) return ERR_NOMEM;
    f->seat = s;
    f->healthy = true;
    f->now = f->swept = clock_now();
    enum err e = prepare(f);
    if (e) {
        front_end(f);
        return e;
    }
    read_config(f);
    take_sockets(f);
    *state = f;
    return OK;
}

const struct role_work front_work = {
    .start = front_start,
    .message = front_message,
    .lost = front_lost,
    .turn = front_turn,
    .stats = front_work_stats,
    .drain = front_drain,
    .drained = front_drained,
    .end = front_end,
};
