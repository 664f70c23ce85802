/* SPDX-License-Identifier: Apache-2.0
 * TURN beside HTTPS: a TLS connection whose first inner bytes are STUN is a stream for an engine's relay.
 * Front neither reads nor keeps it: bytes go through in both directions, an empty message says that the
 * stream has ended. */
#include "app/front_inner.h"

static uint64_t stream_of(const struct conn *c)
{
    return (uint64_t)c->generation << 16 | c->index;
}

bool relay_begins(const struct conn *c)
{
    static const uint8_t cookie[] = {0x21, 0x12, 0xa4, 0x42}; /* RFC 8489 section 5 */
    const struct buf *in = &c->in;
    return c->tls && !c->proven && in->n >= 8 && in->p[0] < 2 &&
           memcmp(in->p + 4, cookie, sizeof cookie) == 0;
}

bool relay_may_begin(const struct conn *c)
{
    return c->tls && !c->proven && c->in.n < 8 && c->in.n > 0 && c->in.p[0] < 2;
}

void relay_open(struct conn *c)
{
    struct front *f = c->front;
    for (uint16_t i = 0; i < SEAT_ENGINES_MAX; i++) {
        c->engine = (uint16_t)((f->relay_at + i) % SEAT_ENGINES_MAX);
        if (!seat_knows(f->seat, ROLE_ENGINE, c->engine)) continue;
        f->relay_at = (uint16_t)(c->engine + 1);
        conn_set(c, CONN_TURN);
        f->counts.streams++;
        struct buf first = c->in;
        buf_init(&c->in, IN_MAX);
        relay_input(c, buf_span(&first));
        buf_fini(&first);
        return;
    }
    conn_close(c);
}

void relay_input(struct conn *c, struct span bytes)
{
    c->since = c->front->now;
    if (seat_send(c->front->seat, ROLE_ENGINE, c->engine, IPC_TURN_STREAM, stream_of(c), bytes))
        conn_close(c);
}

void relay_closed(struct conn *c)
{
    enum err e = seat_send(c->front->seat, ROLE_ENGINE, c->engine, IPC_TURN_STREAM, stream_of(c), SPAN_NONE);
    if (e) c->front->counts.dropped++;
}

void relay_back(struct front *f, uint16_t engine, uint64_t stream, struct span bytes)
{
    struct conn *c = conn_find(f, (uint16_t)(stream & 0xffff), (uint32_t)(stream >> 16));
    if (!c || c->state != CONN_TURN || c->engine != engine) return;
    c->proven = true;
    if (bytes.n == 0)
        conn_end(c);
    else if (conn_queued(c) >
             RELAY_QUEUE_MAX) /* one message is one frame of the stream: late media is worth nothing */
        f->counts.dropped++;
    else
        conn_send(c, bytes);
}

void relay_lost(struct front *f, uint16_t engine)
{
    for (uint16_t i = 0; i < CONNS_MAX; i++) {
        struct conn *c = f->conn[i];
        if (c && c->state == CONN_TURN && c->engine == engine) conn_end(c);
    }
}
