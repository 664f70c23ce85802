/* SPDX-License-Identifier: Apache-2.0 */
#include "app/parent.h"

#include "app/log.h"
#include "app/parent_inner.h"
#include "base/mem.h"
#include "base/secret.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/process.h"

#include <stdio.h>

#define CHILDREN_MAX (CONFIG_ENGINES_MAX + 5)
#define BACK_OFF_MIN (100 * USEC_MS)
#define BACK_OFF_MAX (5 * USEC_S)
#define LIVED_WELL   (10 * USEC_S) /* a role that ran so long starts anew without delay */
#define START_WITHIN (20 * USEC_S)
#define DRAIN_WITHIN (8 * USEC_S)

struct parent;
struct child {
    struct parent *parent;
    enum role role;
    uint16_t index;
    int pid; /* 0: not running */
    struct ipc_link *link;
    bool ready, drained;
    usec started, again, back_off; /* again: when to start it, while pid is 0 */
};
struct parent {
    const struct config *config;
    struct loop *loop;
    struct bound_set bound;
    struct buf tls;
    struct child child[CHILDREN_MAX];
    unsigned count;
    int lock, signals;
    bool announced, stopping, all_up;
    usec stop_by, start_by;
    int code;
};

static const char *label(const struct child *c, char text[24])
{
    snprintf(text, 24, c->role == ROLE_ENGINE ? "%s-%u" : "%s", role_name(c->role), c->index);
    return text;
}

static bool neighbours(const struct child *a, const struct child *b)
{
    static const uint8_t pairs[][2] = {
        {ROLE_FRONT, ROLE_KEEPER},  {ROLE_FRONT, ROLE_ENGINE},   {ROLE_KEEPER, ROLE_ENGINE},
        {ROLE_KEEPER, ROLE_VAULT},  {ROLE_KEEPER, ROLE_ARCHIVE}, {ROLE_ENGINE, ROLE_ARCHIVE},
        {ROLE_ARCHIVE, ROLE_VAULT}, {ROLE_FRONT, ROLE_ARCHIVE},  {ROLE_VAULT, ROLE_KMS},
    };
    for (unsigned i = 0; i < COUNT_OF(pairs); i++)
        if ((pairs[i][0] == a->role && pairs[i][1] == b->role) ||
            (pairs[i][1] == a->role && pairs[i][0] == b->role))
            return true;
    return false;
}

static void tell(struct child *c, uint16_t message, struct span body)
{
    char name[24];
    if (c->link && ipc_send(c->link, message, 0, body))
        log_event(LOG_WARN, "role.unreachable", "role=%s", label(c, name));
}

static void hand(struct child *c, uint16_t message, struct span body, int fd)
{
    char name[24];
    if (c->link && ipc_send_fd(c->link, message, 0, body, fd))
        log_event(LOG_WARN, "role.unreachable", "role=%s", label(c, name));
}

static void connect_two(struct child *a, struct child *b)
{
    int fd[2];
    if (ipc_pair(fd)) return;
    struct child *two[2] = {a, b};
    for (int i = 0; i < 2; i++) {
        uint8_t body[3];
        struct writer w = writer_of(MSPAN(body, sizeof body));
        write_u8(&w, (uint8_t)two[1 - i]->role);
        write_u16(&w, two[1 - i]->index);
        hand(two[i], IPC_CHANNEL, writer_span(&w), fd[i]);
        process_close(fd[i]);
    }
}

static void equip(struct parent *p, struct child *c)
{
    static uint8_t lines[65536];
    struct writer w = writer_of(MSPAN(lines, sizeof lines));
    config_part(&w, p->config, c->role);
    tell(c, IPC_CONFIG, writer_span(&w));
    for (unsigned i = 0; i < p->bound.count; i++) {
        const struct bound *b = &p->bound.bound[i];
        if (b->role != c->role || b->index != c->index) continue;
        uint8_t body[80];
        w = writer_of(MSPAN(body, sizeof body));
        write_u8(&w, (uint8_t)b->socket.use);
        write_vec8(&w, span_str(b->socket.text));
        hand(c, IPC_SOCKET, writer_span(&w), b->socket.fd);
    }
    for (unsigned i = 0; i < p->count; i++)
        if (&p->child[i] != c && p->child[i].link && neighbours(c, &p->child[i]))
            connect_two(c, &p->child[i]);
    tell(c, IPC_START, SPAN_NONE);
    if (c->role == ROLE_FRONT) tell(c, IPC_TLS, buf_span(&p->tls));
    if (p->stopping) tell(c, IPC_STOP, SPAN_LIT("\1"));
}

static void child_down(struct child *c);
static void health(struct parent *p);

static void announce(struct parent *p)
{
    char line[256];
    int n = 0;
    p->announced = true;
    log_event(LOG_INFO, "server.ready", "engines=%u", p->config->engines);
    if (p->config->dev && p->bound.plain[0]) {
        n = snprintf(line, sizeof line, "http://%s/  (on this machine)\n", p->bound.plain);
        /* whoever names the plain address knows it: then standard output has the one line `ready` only */
        if (p->config->listen_plain[0])
            process_write_error(SPAN(line, (size_t)n));
        else
            process_write_output(SPAN(line, (size_t)n));
    }
    n = snprintf(line, sizeof line, "ready https://%s\n", p->bound.https);
    process_write_output(SPAN(line, (size_t)n));
}

static void health(struct parent *p)
{
    bool up = !p->stopping;
    for (unsigned i = 0; i < p->count; i++)
        up = up && (p->child[i].ready || p->child[i].role == ROLE_KMS); /* calls go on without it */
    p->all_up = up;
    for (unsigned i = 0; i < p->count; i++)
        if (p->child[i].role == ROLE_FRONT && p->child[i].ready)
            tell(&p->child[i], IPC_HEALTH, SPAN(up ? "\1" : "\0", 1));
    if (up && !p->announced) announce(p);
}

static void got(void *ctx, struct ipc_link *l, const struct ipc_got *g)
{
    struct child *c = ctx;
    char name[24];
    (void)l;
    if (g->fd >= 0) process_close(g->fd);
    if (g->message == IPC_READY && !c->ready) {
        c->ready = true;
        log_event(LOG_INFO, "role.up", "role=%s pid=%d", label(c, name), c->pid);
        health(c->parent);
    } else if (g->message == IPC_DRAINED) {
        c->drained = true;
    }
}

static void lost(void *ctx, struct ipc_link *l, enum err why)
{
    struct child *c = ctx;
    char name[24];
    ipc_free(l);
    c->link = NULL;
    if (why != ERR_CLOSED)
        log_event(LOG_ERROR, "role.refused", "role=%s why=\"%s\"", label(c, name), err_text(why));
    process_kill(c->pid, false); /* its end is heard of by SIGCHLD */
}

static enum err spawn(struct child *c)
{
    char index[8];
    int fd[2];
    struct parent *p = c->parent;
    snprintf(index, sizeof index, "%u", c->index);
    const char *args[PROCESS_ARGS_MAX] = {"incamera", "role", role_name(c->role), index, NULL};
    enum err e = ipc_pair(fd);
    if (e) return e;
    e = process_spawn(args, fd[1], &c->pid);
    process_close(fd[1]);
    if (e) {
        process_close(fd[0]);
        c->pid = 0;
        return e;
    }
    struct ipc_conf conf = {p->loop, ROLE_PARENT, (uint8_t)c->role, ipc_allow, got, lost, c};
    e = ipc_new(&conf, fd[0], &c->link);
    if (e) {
        c->link = NULL;
        process_kill(c->pid, false);
        return e;
    }
    c->started = clock_now();
    c->ready = c->drained = false;
    equip(p, c);
    return OK;
}

/* A role has ended: start it again soon, later each time it fails at once. */
static void child_down(struct child *c)
{
    struct parent *p = c->parent;
    usec now = clock_now();
    ipc_free(c->link);
    c->link = NULL;
    c->pid = 0;
    bool was_ready = c->ready;
    c->ready = false;
    if (p->stopping) return;
    if (!p->announced && c->role != ROLE_KMS) { /* no half start */
        p->code = 1;
        loop_stop(p->loop);
        return;
    }
    bool well = was_ready && now - c->started > LIVED_WELL;
    c->back_off = well || c->back_off == 0 ? BACK_OFF_MIN : usec_min(c->back_off * 2, BACK_OFF_MAX);
    c->again = now + (well ? 0 : c->back_off);
    health(p);
}

static void reap(struct parent *p)
{
    int pid, code;
    char name[24];
    while (process_reap(&pid, &code) == OK)
        for (unsigned i = 0; i < p->count; i++) {
            struct child *c = &p->child[i];
            if (c->pid != pid) continue;
            log_event(p->stopping ? LOG_INFO : LOG_ERROR, "role.down", "role=%s pid=%d code=%d",
                      label(c, name), pid, code);
            child_down(c);
        }
}

static void stop(struct parent *p)
{
    if (p->stopping) { /* asked twice: at once */
        p->stop_by = 0;
        return;
    }
    p->stopping = true;
    p->stop_by = clock_now() + DRAIN_WITHIN;
    log_event(LOG_INFO, "server.draining", "within_s=%d", (int)(DRAIN_WITHIN / USEC_S));
    health(p);
    for (unsigned i = 0; i < p->count; i++)
        tell(&p->child[i], IPC_STOP, SPAN_LIT("\1"));
}

/* New certificate files; a fault keeps the old ones. */
static void reload(struct parent *p)
{
    struct buf fresh;
    struct config_fault fault = {""};
    buf_init(&fresh, PARENT_TLS_MAX);
    enum err e = parent_tls(p->config, &fresh, &fault);
    if (e) {
        log_event(LOG_ERROR, "reload.refused", "why=\"%.200s\"", fault.text);
        buf_fini(&fresh);
        return;
    }
    if (p->tls.p) secret_wipe(p->tls.p, p->tls.n);
    buf_fini(&p->tls);
    p->tls = fresh;
    for (unsigned i = 0; i < p->count; i++)
        if (p->child[i].role == ROLE_FRONT) tell(&p->child[i], IPC_TLS, buf_span(&p->tls));
    log_event(LOG_INFO, "reload.done", "what=certificate");
}

static void on_signal(void *ctx, unsigned events, usec now)
{
    struct parent *p = ctx;
    (void)events;
    (void)now;
    for (;;)
        switch (process_signal_next(p->signals)) {
        case SIGNAL_STOP:
            stop(p);
            break;
        case SIGNAL_RELOAD:
            reload(p);
            break;
        case SIGNAL_CHILD:
            reap(p);
            break;
        case SIGNAL_NONE:
            return;
        }
}

static bool finished(const struct parent *p, usec now)
{
    bool all = true;
    for (unsigned i = 0; i < p->count; i++)
        all = all && (p->child[i].drained || p->child[i].pid == 0);
    return all || now >= p->stop_by;
}

static usec turn(void *ctx, usec now)
{
    struct parent *p = ctx;
    usec until = USEC_NEVER;
    if (p->stopping) {
        if (finished(p, now)) loop_stop(p->loop);
        return now + 50 * USEC_MS;
    }
    if (!p->announced && now >= p->start_by) {
        log_event(LOG_ERROR, "server.failed", "why=\"a role did not start in time\"");
        p->code = 1;
        loop_stop(p->loop);
    }
    if (!p->announced) until = p->start_by;
    for (unsigned i = 0; i < p->count; i++) {
        struct child *c = &p->child[i];
        if (c->pid) continue;
        if (now >= c->again && spawn(c)) c->again = now + BACK_OFF_MAX;
        if (c->pid == 0) until = usec_min(until, c->again);
    }
    return until;
}

static void add_child(struct parent *p, enum role role, unsigned index)
{
    p->child[p->count++] = (struct child){.parent = p, .role = role, .index = (uint16_t)index};
}

static int say(const struct config_fault *f, int code)
{
    char line[CONFIG_FAULT + 16];
    int n = snprintf(line, sizeof line, "incamera: %s\n", f->text);
    process_write_error(SPAN(line, (size_t)n));
    return code;
}

/* The data folder, its lock, the certificate, the sockets: all that can be wrong before a role is started. */
static int prepare(struct parent *p, unsigned engines)
{
    struct config_fault f = {""};
    enum err e = file_folder(p->config->data);
    if (e) {
        snprintf(f.text, sizeof f.text, "data: can't use the folder %.150s: %s", p->config->data,
                 err_text(e));
        return say(&f, 1);
    }
    e = file_lock(p->config->data, "lock", &p->lock);
    if (e) {
        snprintf(f.text, sizeof f.text, "data: %.150s %s", p->config->data,
                 e == ERR_EXISTS ? "is used by another incamera" : "can't be locked");
        return say(&f, e == ERR_EXISTS ? 3 : 1);
    }
    buf_init(&p->tls, PARENT_TLS_MAX);
    e = parent_tls(p->config, &p->tls, &f);
    if (!e) e = bound_open(&p->bound, p->config, engines, &f);
    return e ? say(&f, 1) : 0;
}

static void end_children(struct parent *p)
{
    for (unsigned i = 0; i < p->count; i++) {
        ipc_free(p->child[i].link); /* a role whose parent is gone ends */
        p->child[i].link = NULL;
    }
    usec until = clock_now() + USEC_S;
    for (bool left = true; left;) {
        left = false;
        loop_once(p->loop, clock_now() + 20 * USEC_MS);
        for (unsigned i = 0; i < p->count; i++) {
            if (p->child[i].pid && clock_now() > until) process_kill(p->child[i].pid, false);
            left = left || p->child[i].pid;
        }
        if (left && clock_now() > until + USEC_S) break;
    }
}

int parent_serve(const struct config *config)
{
    static struct parent parent;
    struct parent *p = &parent;
    uint32_t watch;
    static struct config own;
    own = *config;
    if (own.engines == 0)
        own.engines = process_cores() < CONFIG_ENGINES_MAX ? process_cores() : CONFIG_ENGINES_MAX;
    *p = (struct parent){.config = &own, .lock = -1, .loop = loop_new()};
    process_raise_descriptors();
    log_as("parent", -1);
    if (!p->loop || process_signals(&p->signals)) return 1;
    int code = prepare(p, own.engines);
    if (code) return code;
    if (loop_add(p->loop, p->signals, LOOP_READ, on_signal, p, &watch)) return 1;
    add_child(p, ROLE_VAULT, 0);
    add_child(p, ROLE_KEEPER, 0);
    add_child(p, ROLE_ARCHIVE, 0);
    if (config_kms_remote(&own)) add_child(p, ROLE_KMS, 0);
    for (unsigned i = 0; i < own.engines; i++)
        add_child(p, ROLE_ENGINE, i);
    add_child(p, ROLE_FRONT, 0);
    p->start_by = clock_now() + START_WITHIN;
    for (unsigned i = 0; i < p->count && !p->code; i++)
        if (spawn(&p->child[i])) p->code = 1;
    if (!p->code) loop_run(p->loop, turn, p);
    bool ended_well = p->stopping && p->announced;
    p->stopping = true;
    end_children(p);
    bound_close(&p->bound);
    if (p->tls.p) secret_wipe(p->tls.p, p->tls.n);
    buf_fini(&p->tls);
    loop_free(p->loop);
    if (!ended_well) log_event(LOG_ERROR, "server.failed", "code=%d", p->code);
    return p->code;
}
