/* SPDX-License-Identifier: Apache-2.0
 * The keeper in its own process: its seat, and control.sock, over which the commands ask. Whoever can open
 * that socket (mode 0600) is the operator. */
#include "app/keeper.h"
#include "app/log.h"
#include "app/seat.h"
#include "base/mem.h"
#include "guest/openssl_crypto.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/ipc.h"
#include "io/sandbox.h"
#include "io/tcp.h"

#define CONTROL_MAX 32

struct control { /* a command that is connected */
    struct keeper_role *role;
    struct ipc_link *link;
};
struct keeper_role {
    struct seat *seat;
    struct keeper *keeper;
    struct config config;
    struct control control[CONTROL_MAX];
    uint32_t watch;
    int listener;
};

static bool send_on(void *ctx, enum role to, uint16_t index, uint16_t message, uint64_t session,
                    struct span body)
{
    struct keeper_role *r = ctx;
    return seat_send(r->seat, to, index, message, session, body) == OK;
}

static void told(void *ctx, uint64_t origin, const struct ipc_told *t)
{
    static uint8_t body[1048576];
    struct keeper_role *r = ctx;
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_told(&w, t);
    if (origin >= CONTROL_MAX || !r->control[origin].link || w.bad) return;
    if (ipc_send(r->control[origin].link, IPC_TOLD, 0, writer_span(&w)))
        log_event(LOG_WARN, "control.lost", "why=\"the command does not read\"");
}

static void control_got(void *ctx, struct ipc_link *l, const struct ipc_got *g)
{
    struct control *c = ctx;
    struct ipc_ask ask;
    (void)l;
    if (g->fd >= 0) tcp_close(g->fd);
    if (g->message != IPC_ASK || get_ipc_ask(g->body, &ask)) return;
    ask.trusted = true;
    ask.plain_dev = false;
    ask.from = SPAN_LIT("control");
    keeper_ask(c->role->keeper, (uint64_t)(c - c->role->control), &ask);
}

static void control_lost(void *ctx, struct ipc_link *l, enum err why)
{
    struct control *c = ctx;
    (void)why;
    ipc_free(l);
    c->link = NULL;
}

static void control_ready(void *ctx, unsigned events, usec now)
{
    struct keeper_role *r = ctx;
    int fd;
    (void)events;
    (void)now;
    while (ipc_accept(r->listener, &fd) == OK) {
        struct control *c = NULL;
        for (unsigned i = 0; i < CONTROL_MAX && !c; i++)
            if (!r->control[i].link) c = &r->control[i];
        if (!c) {
            tcp_close(fd);
            continue;
        }
        c->role = r;
        struct ipc_conf conf = {r->seat->loop, ROLE_KEEPER,  ROLE_FRONT, ipc_allow,
                                control_got,   control_lost, c};
        if (ipc_new(&conf, fd, &c->link)) c->link = NULL;
    }
}

static enum err start(struct seat *s, void **state)
{
    struct config_fault fault;
    enum log_level level;
    struct keeper_role *r = mem_new(1, sizeof *r);
    if (!r) return ERR_NOMEM;
    r->seat = s;
    r->listener = -1;
    config_init(&r->config);
    enum err e = config_lines(&r->config, CONFIG_FROM_FILE, s->config, &fault);
    if (!e && log_level_of(span_str(r->config.log), &level)) log_set_level(level);
    if (!e && !openssl_crypto()) e = ERR_CRYPTO;
    struct keeper_conf conf = {openssl_crypto(), &r->config, clock_rng(), clock_wall, send_on, told, r, -1};
    if (!e && r->config.audit_heads[0]) {
        e = file_open_add(r->config.audit_heads, &conf.heads);
        if (e) log_event(LOG_ERROR, "config.audit_heads", "why=\"%s\"", err_text(e));
    }
    if (!e) e = keeper_new(&conf, &r->keeper);
    for (uint16_t i = 0; i < s->sockets && !e; i++)
        if (s->socket[i].use == SOCKET_CONTROL) r->listener = s->socket[i].fd;
    if (!e && r->listener >= 0) e = loop_add(s->loop, r->listener, LOOP_READ, control_ready, r, &r->watch);
    if (e) {
        keeper_free(r->keeper);
        mem_free(r);
        return e;
    }
    sandbox_keep_folder(r->config.data);
    *state = r;
    return OK;
}

static void message(void *state, const struct seat_got *g)
{
    struct keeper_role *r = state;
    keeper_message(r->keeper, g->from, g->index, g->message, g->session, g->body);
}
static void met(void *state, enum role who, uint16_t index)
{
    keeper_met(((struct keeper_role *)state)->keeper, who, index);
}
static void lost(void *state, enum role who, uint16_t index)
{
    keeper_lost(((struct keeper_role *)state)->keeper, who, index);
}
static usec turn(void *state, usec now)
{
    return keeper_turn(((struct keeper_role *)state)->keeper, now);
}
static void stats(void *state, struct writer *w)
{
    keeper_stats(((struct keeper_role *)state)->keeper, w);
}
static void drain(void *state)
{
    keeper_drain(((struct keeper_role *)state)->keeper);
}
static bool ready(const void *state)
{
    return keeper_ready(((const struct keeper_role *)state)->keeper);
}
static bool drained(const void *state)
{
    return keeper_empty(((const struct keeper_role *)state)->keeper);
}

static void end(void *state)
{
    struct keeper_role *r = state;
    for (unsigned i = 0; i < CONTROL_MAX; i++)
        ipc_free(r->control[i].link);
    loop_drop(r->seat->loop, r->watch);
    keeper_free(r->keeper);
    mem_free(r);
}

const struct role_work keeper_work = {.start = start,
                                      .message = message,
                                      .ready = ready,
                                      .met = met,
                                      .lost = lost,
                                      .turn = turn,
                                      .stats = stats,
                                      .drain = drain,
                                      .drained = drained,
                                      .end = end};
