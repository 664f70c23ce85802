/* SPDX-License-Identifier: Apache-2.0
 * WebSocket (RFC 6455), the server's half after the handshake, sans-IO: bytes in, one event at a time out.
 * Strict: frames masked, no extensions, lengths in their shortest form, control frames whole and short, text
 * UTF-8 (a wrong byte is refused when it comes, not at the message's end), close codes from the registry.
 * Every violation is an event WS_FAIL with the code to send; after it nothing more is read. Limits below
 * (R4): a message's bytes, its fragments, frames a second. Owns the message being put together, nothing else.
 */
#ifndef CORE_WEBSOCKET_H
#define CORE_WEBSOCKET_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"
#include "base/time.h"
#include "base/utf8.h"
#include "base/write.h"

#define WS_FRAGMENTS_MAX 64 /* frames of one message */
#define WS_CONTROL_MAX   125
#define WS_HEAD_MAX      10   /* bytes of a frame head we write */
#define WS_FRAMES_S      1000 /* frames a second for long */
#define WS_FRAMES_BURST  2000
#define WS_PING_US       (20 * USEC_S)
#define WS_DEAD_US       (45 * USEC_S)

enum ws_opcode { WS_OP_CONTINUE, WS_OP_TEXT, WS_OP_BINARY, WS_OP_CLOSE = 8, WS_OP_PING, WS_OP_PONG };

enum ws_close {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL = 1002,
    WS_NO_CODE = 1005, /* never on the wire */
    WS_NOT_UTF8 = 1007,
    WS_POLICY = 1008,
    WS_TOO_BIG = 1009,
    WS_INTERNAL = 1011,
    WS_TRY_AGAIN = 1013
};

enum ws_event_kind {
    WS_MORE,   /* everything was read */
    WS_TEXT,   /* body is one message */
    WS_BINARY, /* body is one message */
    WS_PINGED, /* answer with a pong of body */
    WS_PONGED,
    WS_CLOSED, /* the client closes with code (WS_NO_CODE when it gave none): answer with the same and close
                */
    WS_FAIL    /* send a close of code, then close */
};
struct ws_event {
    enum ws_event_kind kind;
    uint16_t code;
    struct span body; /* borrowed until the next call */
};

struct ws {
    uint32_t text_max, binary_max; /* bytes of a message; may change at any time */
    struct buf message;            /* of a data message in fragments or in pieces */
    bool give;                     /* the message was given away and goes with the next call */
    bool ended;                    /* closed or failed */
    uint8_t opcode;                /* of the message under way, 0 none */
    uint16_t fragments;
    struct utf8 utf8;
    uint8_t head[14], head_n; /* of the frame under way */
    bool in_frame, fin;
    uint8_t frame_op, mask[4];
    uint64_t left, at; /* bytes of the frame to come; seen */
    uint8_t control[WS_CONTROL_MAX], control_n;
    usec heard, pinged; /* last byte from the client; last ping to it */
    usec refilled;      /* of the frame budget */
    uint32_t budget;
};

/* Takes no memory yet. */
void ws_init(struct ws *w, uint32_t text_max, uint32_t binary_max, usec now);
void ws_fini(struct ws *w);
/* Reads bytes until an event or the end of `in`; *used says how many. Call again with the rest until WS_MORE.
 */
void ws_receive(struct ws *w, usec now, struct span in, size_t *used, struct ws_event *ev);
/* True when a ping is due now; it counts as sent. */
bool ws_ping_due(struct ws *w, usec now);
/* True when the client was silent for too long. */
static inline bool ws_dead(const struct ws *w, usec now)
{
    return usec_since(now, w->heard) >= WS_DEAD_US;
}
/* Writes the head of a whole, unmasked frame whose body is n bytes. */
void ws_write_head(struct writer *out, enum ws_opcode op, uint64_t n);
/* Writes a whole close frame; WS_NO_CODE writes none. The reason is cut to what fits. */
void ws_write_close(struct writer *out, uint16_t code, struct span reason);

#endif
