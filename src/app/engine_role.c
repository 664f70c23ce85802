/* SPDX-License-Identifier: Apache-2.0
 * The engine's seat: hands it the sockets and messages of its process. */
#include "app/engine.h"
#include "app/engine_relay.h"
#include "app/seat.h"
#include "base/mem.h"
#include "io/clock.h"

struct engine_role {
    struct engine *engine;
    struct relay *relay;
    struct seat *seat;
};

static bool send_from_engine(void *ctx, enum role to, uint16_t message, uint64_t session, struct span body)
{
    struct engine_role *r = ctx;
    return seat_send(r->seat, to, 0, message, session, body) == OK;
}

/* The media sockets come in pairs: a datagram socket, then the listener of the same address, if there is one.
 */
static enum err take_sockets(struct engine_role *r)
{
    const struct seat *s = r->seat;
    for (uint16_t i = 0; i < s->sockets; i++) {
        if (s->socket[i].use != SOCKET_MEDIA_UDP) continue;
        bool pair = i + 1 < s->sockets && s->socket[i + 1].use == SOCKET_MEDIA_TCP;
        enum err e = engine_socket(r->engine, s->socket[i].fd, pair ? s->socket[i + 1].fd : -1,
                                   span_str(s->socket[i].text));
        if (e) return e;
    }
    return OK;
}

static void engine_end(void *state)
{
    struct engine_role *r = state;
    relay_free(r->relay);
    engine_free(r->engine);
    mem_free(r);
}

static enum err engine_start(struct seat *s, void **state)
{
    struct engine_role *r = mem_new(1, sizeof *r);
    if (!r) return ERR_NOMEM;
    r->seat = s;
    struct engine_conf conf = {
        .loop = s->loop, .rng = clock_rng(), .index = s->index, .send = send_from_engine, .ctx = r};
    enum err e = engine_new(&conf, &r->engine);
    if (!e) e = engine_relay_new(s, &r->relay); /* asks the media sockets for their addresses */
    if (!e) e = take_sockets(r);
    if (e) {
        engine_end(r);
        return e;
    }
    *state = r;
    return OK;
}

static void engine_got(void *state, const struct seat_got *got)
{
    struct engine_role *r = state;
    if (engine_relay_message(r->relay, got, clock_now())) return;
    engine_message(r->engine, got->from, got->message, got->session, got->body);
}

static void engine_met(void *state, enum role who, uint16_t index)
{
    const struct engine_role *r = state;
    (void)index;
    if (who == ROLE_KEEPER) engine_tell_members(r->engine);
}

static void engine_lost(void *state, enum role who, uint16_t index)
{
    struct engine_role *r = state;
    (void)index;
    if (who != ROLE_FRONT) return;
    engine_front_lost(r->engine);
    relay_front_lost(r->relay);
}

static usec engine_role_turn(void *state, usec now)
{
    struct engine_role *r = state;
    usec relay = relay_turn(r->relay, now);
    return usec_min(relay, engine_turn(r->engine, now));
}

static void engine_role_stats(void *state, struct writer *w)
{
    const struct engine_role *r = state;
    engine_stats(r->engine, w);
    relay_stats(r->relay, w);
}

static bool engine_drained(const void *state)
{
    const struct engine_role *r = state;
    return engine_empty(r->engine);
}

const struct role_work engine_work = {.start = engine_start,
                                      .message = engine_got,
                                      .met = engine_met,
                                      .lost = engine_lost,
                                      .turn = engine_role_turn,
                                      .stats = engine_role_stats,
                                      .drained = engine_drained,
                                      .end = engine_end};
