/* SPDX-License-Identifier: Apache-2.0 */
#include "app/front_inner.h"

#include "app/log.h"

#define EARLY_ENVELOPE ROOM_CLIENT_LAST /* no message has this number */
#define SLOT_MASK      ((1u << SESSION_BITS) - 1)

_Static_assert(SESSIONS_MAX == 1 << SESSION_BITS, "a session's number holds its slot");

struct session *session_find(struct front *f, uint64_t id)
{
    struct session *s = &f->session[id & SLOT_MASK];
    return id && s->state != SESSION_NONE && s->id == id ? s : NULL;
}

struct session *session_new(struct front *f, enum entry entry)
{
    for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
        uint32_t slot = (f->session_at + i) % SESSIONS_MAX;
        struct session *s = &f->session[slot];
        if (slot == 0 || s->state != SESSION_NONE) continue;
        f->session_at = (uint16_t)(slot + 1);
        f->serial = (f->serial + 1) & 0x1ffffffffff; /* bit 63 is a question's */
        *s = (struct session){.id = f->serial << SESSION_BITS | slot,
                              .state = SESSION_ASKED,
                              .entry = (uint8_t)entry,
                              .since = f->now};
        buf_init(&s->offer, ROOM_SDP_MAX);
        buf_init(&s->early, EARLY_MAX);
        f->sessions++;
        f->counts.sessions++;
        return s;
    }
    return NULL;
}

void session_free(struct front *f, struct session *s)
{
    if (s->entry != ENTRY_SOCKET) whip_gone(f, s);
    buf_fini(&s->early);
    f->sessions--;
    *s = (struct session){0};
}

static void tell_gone(struct front *f, const struct session *s)
{
    bool knows_engine = s->state == SESSION_ADMITTED || s->state == SESSION_IN || s->state == SESSION_OFFERED;
    if (knows_engine && seat_send(f->seat, ROLE_ENGINE, s->engine, IPC_GONE, s->id, SPAN_NONE))
        f->counts.dropped++;
    if (seat_send(f->seat, ROLE_KEEPER, 0, IPC_LEFT, s->id, SPAN_NONE)) f->counts.dropped++;
}

void session_leave(struct front *f, struct session *s)
{
    tell_gone(f, s);
    session_free(f, s);
}

enum err session_join(struct front *f, struct session *s, const struct conn *c, struct span token,
                      struct span room)
{
    uint8_t bytes[8192];
    char from[ADDRESS_TEXT];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    address_text(&c->from, from);
    struct ipc_join m = {.entry = s->entry,
                         .plain_dev = c->plain && s->entry != ENTRY_SOCKET,
                         .token = token,
                         .room = room,
                         .from = span_str(from)};
    put_ipc_join(&w, &m);
    if (write_ok(&w)) return ERR_LIMIT;
    return seat_send(f->seat, ROLE_KEEPER, 0, IPC_JOIN, s->id, writer_span(&w));
}

enum err session_to_room(struct front *f, struct session *s, unsigned message, struct span body)
{
    uint8_t *room = f->json;
    struct writer w = writer_of(MSPAN(room, JSON_ROOM));
    struct ipc_to_room m = {.message = (uint8_t)message, .body = body};
    put_ipc_to_room(&w, &m);
    if (write_ok(&w)) return ERR_LIMIT;
    return seat_send(f->seat, ROLE_ENGINE, s->engine, IPC_TO_ROOM, s->id, writer_span(&w));
}

static struct conn *socket_of(struct front *f, const struct session *s)
{
    struct conn *c = s->entry == ENTRY_SOCKET ? conn_find(f, s->conn, s->conn_generation) : NULL;
    return c && c->session == s->id ? c : NULL;
}

/* The socket is in no room now; it may join again. */
static void detach(struct conn *c)
{
    c->session = 0;
    c->since = c->front->now;
    c->ws.text_max = WS_BEFORE_MAX;
    c->ws.binary_max = 0;
}

static void say_only_id(struct conn *c, unsigned message, uint32_t id)
{
    uint8_t bytes[8];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    write_u64(&w, id);
    socket_say(c, message, writer_span(&w));
}

static void join_refused(struct front *f, struct session *s, const struct ipc_join_answer *a)
{
    struct conn *c = socket_of(f, s);
    if (s->entry != ENTRY_SOCKET) {
        whip_refused(f, s, a->status, a->code, a->title);
        return;
    }
    uint32_t id = s->join_id;
    char code[33];
    struct span text = span_part(a->code, 0, sizeof code - 1);
    memcpy(code, text.n ? text.p : (const uint8_t *)"denied", text.n ? text.n : 6);
    code[text.n ? text.n : 6] = 0;
    session_free(f, s);
    if (!c) return;
    detach(c);
    socket_error(c, true, id, code, a->title);
}

static void replay(struct front *f, struct session *s);
static void finish(struct front *f, uint16_t engine, uint64_t id);
/* The room starts anew: the socket stays and may join again. */
static void restart(struct front *f, struct session *s, struct span why);

static void join_answer(struct front *f, uint64_t id, struct span body)
{
    struct ipc_join_answer a;
    struct session *s = session_find(f, id);
    if (get_ipc_join_answer(body, &a)) {
        f->counts.dropped++;
        return;
    }
    if (!s) { /* its client left while the keeper thought */
        if (a.result != JOIN_REFUSED && seat_send(f->seat, ROLE_KEEPER, 0, IPC_LEFT, id, SPAN_NONE))
            f->counts.dropped++;
        if (a.result == JOIN_ADMITTED && seat_send(f->seat, ROLE_ENGINE, a.engine, IPC_GONE, id, SPAN_NONE))
            f->counts.dropped++;
        return;
    }
    if (s->state == SESSION_ADMITTED &&
        a.result == JOIN_REFUSED) { /* its engine died before it said anything */
        restart(f, s, SPAN_LIT("engine"));
        return;
    }
    if (s->state != SESSION_ASKED && s->state != SESSION_WAITING) return;
    if (a.result == JOIN_ADMITTED && !seat_knows(f->seat, ROLE_ENGINE, a.engine)) {
        /* the keeper does not yet know what we know: that engine is gone */
        if (seat_send(f->seat, ROLE_KEEPER, 0, IPC_LEFT, s->id, SPAN_NONE)) f->counts.dropped++;
        a = (struct ipc_join_answer){JOIN_REFUSED, 0, 503, SPAN_LIT("unavailable"),
                                     SPAN_LIT("A part of the server is down. Try again in a moment.")};
    }
    if (a.result == JOIN_ADMITTED) {
        s->engine = a.engine;
        s->state = SESSION_ADMITTED;
        s->since = f->now;
        replay(f, s);
    } else if (a.result == JOIN_WAITING && s->entry == ENTRY_SOCKET) {
        struct conn *c = socket_of(f, s);
        s->state = SESSION_WAITING;
        if (c) say_only_id(c, ROOM_WAITING, s->join_id);
    } else if (a.result == JOIN_WAITING) {
        if (seat_send(f->seat, ROLE_KEEPER, 0, IPC_LEFT, s->id, SPAN_NONE)) f->counts.dropped++;
        whip_refused(f, s, 403, SPAN_LIT("denied"), SPAN_LIT("This room has a lobby; come in by the page."));
    } else {
        join_refused(f, s, &a);
    }
}

static void act_answer(struct front *f, uint64_t id, struct span body)
{
    struct ipc_act_answer a;
    struct session *s = session_find(f, id);
    struct conn *c = s ? socket_of(f, s) : NULL;
    char code[33];
    if (!c || get_ipc_act_answer(body, &a)) return;
    if (a.code.n == 0) {
        say_only_id(c, ROOM_OK, a.id);
        return;
    }
    struct span text = span_part(a.code, 0, sizeof code - 1);
    memcpy(code, text.p, text.n);
    code[text.n] = 0;
    socket_error(c, true, a.id, code, a.title);
}

/* `joined` is the engine's; the number of the question it answers only front knows. */
static void say_joined(struct front *f, struct session *s, struct conn *c, struct span body)
{
    struct writer id = writer_of(MSPAN(f->wire, WIRE_ROOM)), w = writer_of(MSPAN(f->json, JSON_ROOM));
    s->state = SESSION_IN;
    c->ws.text_max = WS_TEXT_MAX;
    c->ws.binary_max = WS_BINARY_MAX;
    write_u64(&id, s->join_id);
    write_bytes(&id, span_part(body, 8, body.n));
    if (id.bad || room_json_write(ROOM_JOINED, writer_span(&id), &w)) {
        f->counts.dropped++;
        socket_closed(c, "protocol", "The server made a mistake; it is in its log.");
        socket_close(c, WS_INTERNAL, SPAN_NONE);
        return;
    }
    socket_text(c, writer_span(&w));
}

static void restart(struct front *f, struct session *s, struct span why)
{
    struct conn *c = socket_of(f, s);
    uint8_t bytes[64];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    if (s->entry != ENTRY_SOCKET) {
        whip_message(f, s, ROOM_RESTART, SPAN_NONE);
        return;
    }
    session_leave(f, s);
    if (!c) return;
    detach(c);
    write_vec32(&w, span_part(why, 0, 32));
    socket_say(c, ROOM_RESTART, writer_span(&w));
}

/* One message for one session. *json is its text, made once for all of them. */
static void deliver(struct front *f, struct session *s, const struct ipc_to_clients *m, struct span *json)
{
    struct conn *c = socket_of(f, s);
    if (s->entry != ENTRY_SOCKET) {
        if (m->message == ROOM_JOINED && s->state == SESSION_ADMITTED)
            whip_joined(f, s, m->body);
        else
            whip_message(f, s, m->message, m->body);
        return;
    }
    if (!c) return;
    if (m->message == ROOM_JOINED) {
        if (s->state == SESSION_ADMITTED) say_joined(f, s, c, m->body);
        *json = SPAN_NONE; /* its room was used */
        return;
    }
    if (m->message == ROOM_RESTART) {
        restart(f, s, SPAN_LIT("engine"));
        return;
    }
    if (!json->p) {
        struct writer w = writer_of(MSPAN(f->json, JSON_ROOM));
        if (room_json_write(m->message, m->body, &w)) {
            f->counts.dropped++;
            return;
        }
        *json = writer_span(&w);
    }
    socket_text(c, *json);
}

#define ANY_ENGINE UINT16_MAX /* the keeper speaks: which session is whose is its own knowledge */

/* The keeper tells the engine before it tells us, and the engine may be quicker: what it says for a session
 * that we do not know as let in waits for the keeper's word. */
static void keep_early(struct front *f, struct session *s, uint16_t engine, unsigned message,
                       struct span body)
{
    uint8_t head[7];
    struct writer w = writer_of(MSPAN(head, sizeof head));
    write_u16(&w, engine);
    write_u8(&w, (uint8_t)message);
    write_u32(&w, (uint32_t)body.n);
    if (sizeof head + body.n > EARLY_MAX - s->early.n || buf_add(&s->early, writer_span(&w)) ||
        buf_add(&s->early, body)) {
        f->counts.dropped++;
        s->early.n = 0;
    }
}

static void replay(struct front *f, struct session *s)
{
    struct buf early = s->early;
    uint64_t id = s->id;
    buf_init(&s->early, EARLY_MAX);
    struct reader r = reader_of(buf_span(&early));
    while (read_left(&r) && (s = session_find(f, id)) != NULL) {
        uint16_t engine = read_u16(&r);
        struct ipc_to_clients m = {.message = read_u8(&r), .count = 1};
        struct span json = SPAN_NONE;
        m.body = read_vec32(&r);
        if (r.bad || engine != s->engine) continue;
        struct conn *c = socket_of(f, s);
        if (m.message == 0)
            finish(f, engine, id);
        else if (m.message == EARLY_ENVELOPE && c)
            socket_binary(c, m.body);
        else
            deliver(f, s, &m, &json);
    }
    buf_fini(&early);
}

static void not_here(struct front *f, uint16_t engine, uint64_t id)
{
    if (seat_send(f->seat, ROLE_ENGINE, engine, IPC_GONE, id, SPAN_NONE)) f->counts.dropped++;
}

static void to_clients(struct front *f, uint16_t engine, struct span body, bool envelope)
{
    struct ipc_to_clients m;
    struct span json = SPAN_NONE;
    if (get_ipc_to_clients(body, &m)) {
        f->counts.dropped++;
        return;
    }
    struct reader r = reader_of(m.sessions);
    for (uint16_t i = 0; i < m.count; i++) {
        uint64_t id = read_u64(&r);
        struct session *s = session_find(f, id);
        if (!s) {
            /* let in, but the keeper died before it told us, and the client was refused */
            if (m.message == ROOM_JOINED && !envelope && engine != ANY_ENGINE) not_here(f, engine, id);
            continue;
        }
        struct conn *c = socket_of(f, s);
        if (s->state < SESSION_ADMITTED && engine != ANY_ENGINE)
            keep_early(f, s, engine, envelope ? EARLY_ENVELOPE : m.message, m.body);
        else if (engine != ANY_ENGINE && s->engine != engine)
            f->counts.dropped++;
        else if (!envelope)
            deliver(f, s, &m, &json);
        else if (c)
            socket_binary(c, m.body);
    }
}

/* The engine has said all it had to say to this session. */
static void finish(struct front *f, uint16_t engine, uint64_t id)
{
    struct session *s = session_find(f, id);
    if (s && s->state < SESSION_ADMITTED) {
        keep_early(f, s, engine, 0, SPAN_NONE);
        return;
    }
    if (!s || s->engine != engine) return;
    struct conn *c = socket_of(f, s);
    if (seat_send(f->seat, ROLE_KEEPER, 0, IPC_LEFT, s->id, SPAN_NONE)) f->counts.dropped++;
    if (s->entry != ENTRY_SOCKET) whip_message(f, s, ROOM_CLOSED, SPAN_NONE);
    s = session_find(f, id);
    if (s) session_free(f, s);
    if (!c) return;
    c->session = 0;
    socket_close(c, WS_NORMAL, SPAN_NONE);
}

void session_message(struct front *f, const struct seat_got *got)
{
    switch (got->message) {
    case IPC_JOIN_ANSWER:
        join_answer(f, got->session, got->body);
        break;
    case IPC_ACT_ANSWER:
        act_answer(f, got->session, got->body);
        break;
    case IPC_TO_CLIENTS:
        to_clients(f, got->index, got->body, false);
        break;
    case IPC_KNOCKS:
        to_clients(f, ANY_ENGINE, got->body, false);
        break;
    case IPC_ENVELOPES:
        to_clients(f, got->index, got->body, true);
        break;
    case IPC_FINISH:
        finish(f, got->index, got->session);
        break;
    default:
        f->counts.dropped++;
    }
}

void session_lost(struct front *f, enum role who, uint16_t index)
{
    unsigned restarted = 0;
    for (uint32_t i = 1; i < SESSIONS_MAX; i++) {
        struct session *s = &f->session[i];
        bool asked = s->state == SESSION_ASKED || s->state == SESSION_WAITING;
        if (who == ROLE_ENGINE && s->state >= SESSION_ADMITTED && s->engine == index) {
            restart(f, s, SPAN_LIT("engine"));
            restarted++;
        } else if (who == ROLE_KEEPER && asked) {
            struct reader early = reader_of(buf_span(&s->early));
            if (read_left(&early)) not_here(f, read_u16(&early), s->id); /* an engine has let it in already */
            join_refused(f, s,
                         &(struct ipc_join_answer){JOIN_REFUSED, 0, 503, SPAN_LIT("unavailable"),
                                                   SPAN_LIT("A part of the server is down. Try again.")});
        }
    }
    if (restarted) log_event(LOG_WARN, "engine.lost", "engine=%u sessions=%u", index, restarted);
}

/* An admitted session whose engine says nothing is not left hanging, nor an offer that nobody answers. */
void session_sweep(struct front *f)
{
    for (uint32_t i = 1; i < SESSIONS_MAX; i++) {
        struct session *s = &f->session[i];
        bool unanswered = s->countered && s->state == SESSION_IN;
        if ((s->state != SESSION_ADMITTED && !unanswered) || usec_since(f->now, s->since) < WAIT_US) continue;
        if (unanswered)
            session_leave(f, s);
        else
            restart(f, s, SPAN_LIT("timeout"));
    }
}
