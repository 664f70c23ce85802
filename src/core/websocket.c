/* SPDX-License-Identifier: Apache-2.0 */
#include "core/websocket.h"

#include "base/read.h"

void ws_init(struct ws *w, uint32_t text_max, uint32_t binary_max, usec now)
{
    *w = (struct ws){.text_max = text_max,
                     .binary_max = binary_max,
                     .heard = now,
                     .pinged = now,
                     .refilled = now,
                     .budget = WS_FRAMES_BURST};
    buf_init(&w->message, text_max > binary_max ? text_max : binary_max);
}

void ws_fini(struct ws *w)
{
    buf_fini(&w->message);
}

static void fail(struct ws *w, struct ws_event *ev, uint16_t code)
{
    w->ended = true;
    buf_fini(&w->message);
    *ev = (struct ws_event){.kind = WS_FAIL, .code = code};
}

static bool spend(struct ws *w, usec now)
{
    usec grown = usec_since(now, w->refilled) / (USEC_S / WS_FRAMES_S);
    if (grown > 0) {
        w->refilled = now;
        w->budget = grown > WS_FRAMES_BURST - w->budget ? WS_FRAMES_BURST : w->budget + (uint32_t)grown;
    }
    if (w->budget == 0) return false;
    w->budget--;
    return true;
}

/* How long the head is as far as its bytes tell; 2 at least. */
static uint8_t head_size(const struct ws *w)
{
    if (w->head_n < 2) return 2;
    uint8_t n = w->head[1] & 0x7f;
    return (uint8_t)(2 + (n == 126 ? 2 : n == 127 ? 8 : 0) + 4);
}

/* What the first two bytes already say; 0 or the code to fail with. */
static uint16_t check_start(const struct ws *w)
{
    uint8_t op = w->head[0] & 0x0f, n = w->head[1] & 0x7f;
    bool fin = w->head[0] & 0x80;
    if (w->head[0] & 0x70) return WS_PROTOCOL;    /* no extension was agreed */
    if (!(w->head[1] & 0x80)) return WS_PROTOCOL; /* section 5.1: a client masks */
    if ((op > 2 && op < 8) || op > 10) return WS_PROTOCOL;
    if (op >= 8) return fin && n <= WS_CONTROL_MAX ? 0 : WS_PROTOCOL;
    if (op == WS_OP_CONTINUE) return w->opcode ? 0 : WS_PROTOCOL;
    return w->opcode ? WS_PROTOCOL : 0;
}

static uint32_t cap_of(const struct ws *w, uint8_t opcode)
{
    return opcode == WS_OP_TEXT ? w->text_max : w->binary_max;
}

/* The head is whole: opens the frame. 0 or the code to fail with. */
static uint16_t open_frame(struct ws *w, usec now)
{
    struct reader r = reader_of(SPAN(w->head, w->head_n));
    uint8_t first = read_u8(&r), n = read_u8(&r) & 0x7f;
    uint64_t length = n == 126 ? read_u16(&r) : n == 127 ? read_u64(&r) : n;
    if ((n == 126 && length < 126) || (n == 127 && length <= UINT16_MAX) || length >> 63) return WS_PROTOCOL;
    read_copy(&r, w->mask, 4);
    w->fin = first & 0x80;
    w->frame_op = first & 0x0f;
    w->left = length;
    w->at = 0;
    w->control_n = 0;
    if (!spend(w, now)) return WS_POLICY;
    if (w->frame_op >= 8) return 0;
    if (w->frame_op != WS_OP_CONTINUE) {
        w->opcode = w->frame_op;
        w->fragments = 0;
        w->utf8 = (struct utf8){0};
        w->message.n = 0;
    }
    if (++w->fragments > WS_FRAGMENTS_MAX) return WS_POLICY;
    uint32_t cap = cap_of(w, w->opcode);
    if (length > cap || w->message.n > cap - length) return WS_TOO_BIG;
    w->message.cap = cap;
    return 0;
}

static void unmask(struct ws *w, struct span in, uint8_t *out)
{
    for (size_t i = 0; i < in.n; i++)
        out[i] = in.p[i] ^ w->mask[(w->at + i) & 3];
    w->at += in.n;
    w->left -= in.n;
}

/* Takes a piece of the frame's body; 0 or the code to fail with. */
static uint16_t take_body(struct ws *w, struct span in)
{
    if (in.n == 0) return 0;
    if (w->frame_op >= 8) {
        unmask(w, in, w->control + w->control_n);
        w->control_n = (uint8_t)(w->control_n + in.n);
        return 0;
    }
    struct mspan room;
    if (buf_reserve(&w->message, in.n, &room)) return WS_INTERNAL;
    unmask(w, in, room.p);
    w->message.n += in.n;
    if (w->opcode == WS_OP_TEXT && !utf8_take(&w->utf8, SPAN(room.p, in.n))) return WS_NOT_UTF8;
    return 0;
}

/* RFC 6455 section 7.4 and the IANA registry. */
static bool code_ok(uint16_t code)
{
    return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014) || (code >= 3000 && code <= 4999);
}

static void end_close(struct ws *w, struct ws_event *ev)
{
    struct reader r = reader_of(SPAN(w->control, w->control_n));
    uint16_t code = WS_NO_CODE;
    if (w->control_n) {
        code = read_u16(&r);
        if (r.bad || !code_ok(code)) {
            fail(w, ev, WS_PROTOCOL);
            return;
        }
        if (!utf8_ok(read_bytes(&r, read_left(&r)))) {
            fail(w, ev, WS_NOT_UTF8);
            return;
        }
    }
    w->ended = true;
    buf_fini(&w->message);
    *ev = (struct ws_event){.kind = WS_CLOSED, .code = code};
}

/* The frame is whole. Leaves ev at WS_MORE when there is nothing to tell yet. */
static void end_frame(struct ws *w, struct ws_event *ev)
{
    w->in_frame = false;
    w->head_n = 0;
    if (w->frame_op == WS_OP_CLOSE) {
        end_close(w, ev);
    } else if (w->frame_op >= 8) {
        ev->kind = w->frame_op == WS_OP_PING ? WS_PINGED : WS_PONGED;
        ev->body = SPAN(w->control, w->control_n);
    } else if (w->fin) {
        if (w->opcode == WS_OP_TEXT && !utf8_done(&w->utf8)) {
            fail(w, ev, WS_NOT_UTF8);
            return;
        }
        ev->kind = w->opcode == WS_OP_TEXT ? WS_TEXT : WS_BINARY;
        ev->body = buf_span(&w->message);
        w->opcode = 0;
        w->give = true;
    }
}

static void take_head(struct ws *w, usec now, struct span in, size_t *i, struct ws_event *ev)
{
    uint16_t code = 0;
    while (!code && *i < in.n && w->head_n < head_size(w)) {
        w->head[w->head_n++] = in.p[(*i)++];
        if (w->head_n == 2) code = check_start(w);
    }
    if (!code && w->head_n >= 2 && w->head_n == head_size(w)) {
        code = open_frame(w, now);
        w->in_frame = true;
    }
    if (code) fail(w, ev, code);
}

void ws_receive(struct ws *w, usec now, struct span in, size_t *used, struct ws_event *ev)
{
    size_t i = 0;
    *ev = (struct ws_event){.kind = WS_MORE};
    if (w->give) { /* big messages are rare: do not keep their memory */
        if (w->message.size > 16384) buf_fini(&w->message);
        w->message.n = 0;
        w->give = false;
    }
    if (in.n) w->heard = now;
    while (!w->ended && ev->kind == WS_MORE && i < in.n) {
        if (!w->in_frame) take_head(w, now, in, &i, ev);
        if (!w->in_frame || ev->kind != WS_MORE) continue;
        size_t n = in.n - i;
        if (n > w->left) n = (size_t)w->left;
        uint16_t code = take_body(w, SPAN(in.p + i, n));
        i += n;
        if (code) {
            fail(w, ev, code);
        } else if (w->left == 0) {
            end_frame(w, ev);
        }
    }
    *used = w->ended && ev->kind == WS_MORE ? in.n : i;
}

bool ws_ping_due(struct ws *w, usec now)
{
    if (w->ended || usec_since(now, w->pinged) < WS_PING_US) return false;
    w->pinged = now;
    return true;
}

void ws_write_head(struct writer *out, enum ws_opcode op, uint64_t n)
{
    write_u8(out, (uint8_t)(0x80 | op));
    if (n < 126) {
        write_u8(out, (uint8_t)n);
    } else if (n <= UINT16_MAX) {
        write_u8(out, 126);
        write_u16(out, (uint16_t)n);
    } else {
        write_u8(out, 127);
        write_u64(out, n);
    }
}

void ws_write_close(struct writer *out, uint16_t code, struct span reason)
{
    if (code == WS_NO_CODE) {
        ws_write_head(out, WS_OP_CLOSE, 0);
        return;
    }
    if (reason.n > WS_CONTROL_MAX - 2) reason.n = WS_CONTROL_MAX - 2;
    while (reason.n && !utf8_ok(reason))
        reason.n--;
    ws_write_head(out, WS_OP_CLOSE, 2 + reason.n);
    write_u16(out, code);
    write_bytes(out, reason);
}
