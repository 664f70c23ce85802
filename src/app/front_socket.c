/* SPDX-License-Identifier: Apache-2.0 */
#include "app/front_inner.h"

#include "guest/openssl_crypto.h"
#include "wire/json.h"

#define SUBPROTOCOL "incamera.v1"

static const char base64_chars[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int base64_of(uint8_t c)
{
    const char *at = c ? strchr(base64_chars, c) : NULL;
    return at ? (int)(at - base64_chars) : -1;
}

/* RFC 6455 section 4.2.1: base64 of 16 bytes, so 24 characters that end in "==". */
static bool key_ok(struct span key)
{
    if (key.n != 24 || key.p[22] != '=' || key.p[23] != '=') return false;
    for (size_t i = 0; i < 22; i++)
        if (base64_of(key.p[i]) < 0) return false;
    return (base64_of(key.p[21]) & 0x0f) == 0;
}

static enum err accept_of(struct span key, char out[29])
{
    const struct crypto *x = openssl_crypto();
    struct span parts[] = {key, SPAN_LIT("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")};
    uint8_t d[21] = {0};
    enum err e = x ? x->hash(x->ctx, CRYPTO_SHA1, parts, COUNT_OF(parts), d) : ERR_CRYPTO;
    if (e) return e;
    for (size_t i = 0; i < 7; i++) {
        uint32_t v = (uint32_t)d[3 * i] << 16 | (uint32_t)d[3 * i + 1] << 8 | d[3 * i + 2];
        for (size_t k = 0; k < 4; k++)
            out[4 * i + k] = base64_chars[v >> (18 - 6 * k) & 63];
    }
    out[27] = '=';
    out[28] = 0;
    return OK;
}

/* Why this request can't become a socket; 0 when it can. */
static uint16_t check(const struct conn *c, const struct http_head *h, const char **why)
{
    bool none;
    *why = "This address speaks WebSocket, subprotocol incamera.v1.";
    if (!h->upgrade || !http_list_has(http_header_of(h, "upgrade"), "websocket")) return 426;
    if (!span_equal(http_header_of(h, "sec-websocket-version"), SPAN_LIT("13"))) return 426;
    if (h->http10 || h->has_length || h->chunked || !key_ok(http_header_of(h, "sec-websocket-key")))
        return 400;
    if (!http_list_has(http_header_of(h, "sec-websocket-protocol"), SUBPROTOCOL)) return 400;
    *why = "Another site may not open a socket here.";
    return http_origin_ok(c, h, &none) ? 0 : 403;
}

void socket_upgrade(struct conn *c)
{
    const struct http_head *h = &c->request->head;
    const char *why;
    char key[29];
    uint8_t bytes[256];
    uint16_t refused = check(c, h, &why);
    if (refused == 403) c->front->counts.origins++;
    if (!refused && (c->front->draining || accept_of(http_header_of(h, "sec-websocket-key"), key))) {
        refused = 503;
        why = "The server is about to stop.";
    }
    if (refused) {
        http_problem(c, refused,
                     refused == 403   ? "origin"
                     : refused == 503 ? "draining"
                                      : "websocket",
                     span_str(why),
                     refused == 426 ? SPAN_LIT("Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n")
                                    : SPAN_NONE);
        return;
    }
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    http_write_status(&w, 101);
    http_write_header(&w, "Upgrade", SPAN_LIT("websocket"));
    http_write_header(&w, "Connection", SPAN_LIT("Upgrade"));
    http_write_header(&w, "Sec-WebSocket-Accept", span_str(key));
    http_write_header(&w, "Sec-WebSocket-Protocol", SPAN_LIT(SUBPROTOCOL));
    http_write_end(&w);
    conn_set(c, CONN_HEAD); /* lets the request go */
    conn_set(c, CONN_SOCKET);
    c->is_socket = true;
    c->front->sockets_open++;
    c->front->counts.sockets++;
    c->budget = MESSAGES_BURST;
    c->refilled = c->front->now;
    ws_init(&c->ws, WS_BEFORE_MAX, 0, c->front->now);
    conn_send(c, writer_span(&w));
    if (c->state != CONN_SOCKET || c->in.n == 0) return;
    struct buf early = c->in; /* what came right behind the request */
    buf_init(&c->in, IN_MAX);
    socket_input(c, buf_span(&early));
    buf_fini(&early);
}

static void send_frame(struct conn *c, enum ws_opcode op, struct span body)
{
    uint8_t head[WS_HEAD_MAX];
    struct writer w = writer_of(MSPAN(head, sizeof head));
    ws_write_head(&w, op, body.n);
    conn_send(c, writer_span(&w));
    conn_send(c, body);
}

void socket_close(struct conn *c, uint16_t code, struct span reason)
{
    uint8_t bytes[WS_HEAD_MAX + WS_CONTROL_MAX];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    if (c->state != CONN_SOCKET) return;
    ws_write_close(&w, code, reason);
    conn_send(c, writer_span(&w));
    conn_end(c);
}

void socket_text(struct conn *c, struct span json)
{
    if (c->state == CONN_SOCKET) send_frame(c, WS_OP_TEXT, json);
}

void socket_binary(struct conn *c, struct span bytes)
{
    if (c->state == CONN_SOCKET) send_frame(c, WS_OP_BINARY, bytes);
}

void socket_say(struct conn *c, unsigned message, struct span body)
{
    uint8_t bytes[4096];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    if (room_json_write(message, body, &w))
        c->front->counts.dropped++;
    else
        socket_text(c, writer_span(&w));
}

void socket_error(struct conn *c, bool has_id, uint32_t id, const char *code, struct span title)
{
    uint8_t bytes[512];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    write_u8(&w, has_id);
    if (has_id) write_u64(&w, id);
    write_vec32(&w, span_part(span_str(code), 0, 32));
    write_vec32(&w, span_part(title, 0, 256));
    socket_say(c, ROOM_ERROR, writer_span(&w));
}

void socket_closed(struct conn *c, const char *reason, const char *title)
{
    uint8_t bytes[512];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    write_vec32(&w, span_str(reason));
    write_vec32(&w, span_str(title));
    write_u8(&w, 0);
    socket_say(c, ROOM_CLOSED, writer_span(&w));
}

/* One more thing a client must not do; the fifth closes. */
static void strike(struct conn *c)
{
    c->front->counts.bad_messages++;
    if (++c->strikes < STRIKES_MAX || c->state != CONN_SOCKET) return;
    socket_closed(c, "protocol", "Too many messages were wrong.");
    socket_close(c, WS_POLICY, SPAN_LIT("too many wrong messages"));
}

static void say_bad(struct conn *c, enum err e, const struct room_read *got)
{
    uint8_t bytes[160];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    if (e == ERR_LIMIT) {
        socket_error(c, got->has_id, got->id, "too_large",
                     SPAN_LIT("The message is longer than its kind allows."));
    } else {
        write_str(&w, got->field ? "The member " : "The message is not one of the protocol's: ");
        if (got->field) {
            write_str(&w, got->field);
            write_str(&w, " is wrong: ");
        }
        write_str(&w, e == ERR_UNKNOWN  ? "an unknown name."
                      : e == ERR_SHORT  ? "something is missing."
                      : e == ERR_EXISTS ? "a name is there twice."
                      : e == ERR_RANGE  ? "too large or too long."
                                        : "not of the form it must have.");
        socket_error(c, got->has_id, got->id, "bad_message", writer_span(&w));
    }
    strike(c);
}

static bool budget_spend(struct conn *c)
{
    usec grown = usec_since(c->front->now, c->refilled) / (USEC_S / MESSAGES_S);
    if (grown > 0) {
        c->refilled = c->front->now;
        c->budget = grown > MESSAGES_BURST - c->budget ? MESSAGES_BURST : c->budget + (uint32_t)grown;
    }
    if (c->budget == 0) return false;
    c->budget--;
    return true;
}

static void join(struct conn *c, struct session *old, uint32_t id, struct span body)
{
    struct front *f = c->front;
    struct reader r = reader_of(body);
    read_u64(&r);
    struct span token = read_vec32(&r), room = read_vec32(&r);
    if (old) {
        socket_error(c, true, id, "already_joined", SPAN_LIT("This socket is in a room or on its way."));
        strike(c);
        return;
    }
    struct session *s = f->draining ? NULL : session_new(f, ENTRY_SOCKET);
    if (!s) {
        socket_error(c, true, id, "busy", SPAN_LIT("The server is full or about to stop. Try again."));
        return;
    }
    s->conn = c->index;
    s->conn_generation = c->generation;
    s->join_id = id;
    c->session = s->id;
    if (session_join(f, s, c, token, room) == OK) return;
    c->session = 0;
    session_free(f, s);
    socket_error(c, true, id, "unavailable", SPAN_LIT("A part of the server is down. Try again."));
}

/* What a member says to being recorded, for the keeper to judge. */
static enum err consent(struct front *f, struct session *s, struct span body)
{
    uint8_t bytes[4096];
    struct reader r = reader_of(body);
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    struct ipc_consent m = {.id = (uint32_t)read_u64(&r)};
    m.recording = read_vec32(&r);
    m.agreed = read_u8(&r);
    m.at_ms = read_u64(&r);
    m.policy = read_vec32(&r);
    m.text = read_vec32(&r);
    m.key = read_vec32(&r);
    m.signature = read_vec32(&r);
    put_ipc_consent(&w, &m);
    if (read_end(&r) || write_ok(&w)) return ERR_FORMAT;
    return seat_send(f->seat, ROLE_KEEPER, 0, IPC_CONSENT, s->id, writer_span(&w));
}

/* A moderator's act, in the keeper's words. */
static enum err act(struct front *f, struct session *s, unsigned message, struct span body)
{
    uint8_t bytes[512];
    struct reader r = reader_of(body);
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    struct ipc_act a = {.message = (uint8_t)message, .id = (uint32_t)read_u64(&r)};
    if (message == ROOM_KICK || message == ROOM_MUTE_MEMBER || message == ROOM_ADMIT)
        a.member = (uint32_t)read_u64(&r);
    if (message == ROOM_MUTE_MEMBER) a.source = read_vec32(&r);
    if (message == ROOM_LOCK || message == ROOM_ADMIT) a.flag = read_u8(&r);
    put_ipc_act(&w, &a);
    if (read_end(&r) || write_ok(&w)) return ERR_FORMAT;
    return seat_send(f->seat, ROLE_KEEPER, 0, IPC_ACT, s->id, writer_span(&w));
}

static void pass_on(struct conn *c, struct session *s, const struct room_read *got, struct span body)
{
    struct front *f = c->front;
    enum room_actor actor = room_row(got->message)->actor;
    if (!s || s->state != SESSION_IN) {
        socket_error(c, true, got->id, "not_joined", SPAN_LIT("Join a room first."));
        strike(c);
        return;
    }
    enum err e = got->message == ROOM_CONSENT ? consent(f, s, body)
                 : actor == ACTOR_KEEPER      ? act(f, s, got->message, body)
                                              : session_to_room(f, s, got->message, body);
    if (e)
        socket_error(c, true, got->id, "unavailable", SPAN_LIT("A part of the server is down. Try again."));
}

static void take_text(struct conn *c, struct span text)
{
    struct front *f = c->front;
    struct room_read got;
    struct session *s = session_find(f, c->session);
    f->counts.messages++;
    if (!budget_spend(c)) {
        f->counts.limited++;
        socket_error(c, false, 0, "too_many", SPAN_LIT("More than 50 messages a second. Slow down."));
        return;
    }
    struct writer w = writer_of(MSPAN(f->wire, WIRE_ROOM));
    enum err e = room_json_read(text, &got, &w);
    struct span body = writer_span(&w);
    if (e) {
        say_bad(c, e, &got);
    } else if (got.message == ROOM_JOIN) {
        join(c, s, got.id, body);
    } else if (got.message == ROOM_PING) {
        socket_say(c, ROOM_PONG, body);
    } else if (got.message == ROOM_LEAVE && (!s || s->state != SESSION_IN)) {
        socket_closed(c, "left", "You left.");
        socket_close(c, WS_NORMAL, SPAN_NONE);
    } else {
        pass_on(c, s, &got, body);
    }
}

static void take_binary(struct conn *c, struct span bytes)
{
    struct session *s = session_find(c->front, c->session);
    if (!s || s->state != SESSION_IN) {
        socket_error(c, false, 0, "not_joined", SPAN_LIT("Join a room first."));
        strike(c);
    } else if (!budget_spend(c)) {
        c->front->counts.limited++;
        socket_error(c, false, 0, "too_many", SPAN_LIT("More than 50 messages a second. Slow down."));
    } else if (seat_send(c->front->seat, ROLE_ENGINE, s->engine, IPC_ENVELOPE, s->id, bytes)) {
        socket_error(c, false, 0, "unavailable", SPAN_LIT("A part of the server is down. Try again."));
    }
}

static void take_event(struct conn *c, const struct ws_event *ev)
{
    switch (ev->kind) {
    case WS_TEXT:
        take_text(c, ev->body);
        break;
    case WS_BINARY:
        take_binary(c, ev->body);
        break;
    case WS_PINGED:
        send_frame(c, WS_OP_PONG, ev->body);
        break;
    case WS_CLOSED:
        socket_close(c, ev->code, SPAN_NONE);
        break;
    case WS_FAIL:
        c->front->counts.bad_messages++;
        socket_close(c, ev->code, SPAN_NONE);
        break;
    default:
        break;
    }
}

void socket_input(struct conn *c, struct span plain)
{
    while (c->state == CONN_SOCKET) {
        struct ws_event ev;
        size_t used;
        ws_receive(&c->ws, c->front->now, plain, &used, &ev);
        plain = SPAN(plain.p + used, plain.n - used);
        if (ev.kind == WS_MORE) return;
        take_event(c, &ev);
    }
}

void socket_sweep(struct conn *c)
{
    struct front *f = c->front;
    struct session *s = session_find(f, c->session);
    if (ws_dead(&c->ws, f->now)) {
        f->counts.timeouts++;
        conn_close(c);
    } else if (!s && usec_since(f->now, c->since) >= JOIN_US) {
        f->counts.timeouts++;
        socket_error(c, false, 0, "not_joined", SPAN_LIT("Nobody joined within ten seconds."));
        socket_close(c, WS_POLICY, SPAN_LIT("no join"));
    } else if (ws_ping_due(&c->ws, f->now)) {
        send_frame(c, WS_OP_PING, SPAN_NONE);
    }
}
