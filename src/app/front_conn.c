/* SPDX-License-Identifier: Apache-2.0 */
#include "app/front_inner.h"

#include "base/mem.h"

struct conn *conn_find(struct front *f, uint16_t index, uint32_t generation)
{
    struct conn *c = index < CONNS_MAX ? f->conn[index] : NULL;
    return c && c->generation == generation && c->state != CONN_DEAD ? c : NULL;
}

/* IPv6 customers own a /64 each: they count as one address. */
static void address_key(const struct path *from, uint8_t key[16])
{
    memset(key, 0, 16);
    memcpy(key, from->addr, from->family == 4 ? 4 : 8);
}

static uint32_t address_count(struct front *f, const struct path *from)
{
    uint8_t key[16];
    uint32_t n = 0;
    address_key(from, key);
    return map_get(&f->by_address, key, &n) ? n : 0;
}

static enum err address_add(struct front *f, const struct path *from, bool more)
{
    uint8_t key[16];
    uint32_t n = address_count(f, from);
    address_key(from, key);
    if (!more && n <= 1) {
        map_drop(&f->by_address, key);
        return OK;
    }
    return map_set(&f->by_address, key, more ? n + 1 : n - 1);
}

/* Closes the oldest connection that never made a request, of this address or of any; false when all have. */
static bool evict(struct front *f, const struct path *of)
{
    struct conn *oldest = NULL;
    uint8_t key[16], other[16];
    if (of) address_key(of, key);
    for (uint16_t i = 0; i < CONNS_MAX; i++) {
        struct conn *c = f->conn[i];
        if (!c || c->proven || c->state == CONN_DEAD || (oldest && c->generation > oldest->generation))
            continue;
        if (of) address_key(&c->from, other);
        if (of && memcmp(key, other, sizeof key) != 0) continue;
        oldest = c;
    }
    if (!oldest) return false;
    f->counts.evicted++;
    conn_close(oldest);
    return true;
}

static void conn_ready(void *ctx, unsigned events, usec now);

static struct conn *conn_new(struct front *f, int fd, const struct path *from, bool plain)
{
    struct conn *c = mem_new(1, sizeof *c);
    if (!c) return NULL;
    *c = (struct conn){.front = f, .fd = fd, .from = *from, .plain = plain, .since = f->now, .moved = f->now};
    c->generation = ++f->generation;
    c->state = plain ? CONN_HEAD : CONN_TLS;
    buf_init(&c->in, IN_MAX);
    buf_init(&c->out, OUT_HTTP_MAX);
    if (!plain && !(c->tls = tls_new(f->tls))) {
        mem_free(c);
        return NULL;
    }
    return c;
}

/* Lets in under the caps; a place may have to be made. */
static enum err make_place(struct front *f, const struct path *from, uint16_t *at)
{
    if (address_count(f, from) >= CONNS_ADDRESS_MAX && !evict(f, from)) return ERR_FULL;
    if (f->conns >= CONNS_MAX && !evict(f, NULL)) return ERR_FULL;
    for (uint16_t i = 0; i < CONNS_MAX; i++) {
        uint16_t k = (uint16_t)((f->conn_at + i) % CONNS_MAX);
        if (f->conn[k]) continue;
        f->conn_at = (uint16_t)(k + 1);
        *at = k;
        return OK;
    }
    return ERR_FULL;
}

enum err conn_open(struct front *f, int fd, const struct path *from, bool plain)
{
    uint16_t at;
    enum err e = make_place(f, from, &at);
    struct conn *c = e ? NULL : conn_new(f, fd, from, plain);
    if (!e) e = !c ? ERR_NOMEM : address_add(f, from, true);
    if (e) {
        if (c) tls_free(c->tls);
        mem_free(c);
        tcp_close(fd);
        return e;
    }
    c->index = at;
    c->wants = LOOP_READ;
    e = loop_add(f->seat->loop, fd, LOOP_READ, conn_ready, c, &c->watch);
    f->conn[at] = c;
    f->conns++;
    f->counts.connections++;
    if (e) conn_close(c);
    return e;
}

static void request_drop(struct conn *c)
{
    if (!c->request) return;
    buf_fini(&c->request->body);
    mem_free(c->request);
    c->request = NULL;
}

/* Whoever it spoke for learns that nobody listens any more. */
static void let_go(struct conn *c)
{
    struct session *s = session_find(c->front, c->session ? c->session : c->waits_for);
    c->session = c->waits_for = 0;
    if (s && (s->entry == ENTRY_SOCKET || !s->live)) session_leave(c->front, s);
}

void conn_close(struct conn *c)
{
    struct front *f = c->front;
    if (c->state == CONN_DEAD) return;
    if (c->is_socket) f->sockets_open--;
    if (c->state == CONN_TURN) relay_closed(c);
    c->state = CONN_DEAD;
    let_go(c);
    loop_drop(f->seat->loop, c->watch);
    tcp_close(c->fd);
    c->fd = -1;
    (void)!address_add(f, &c->from, false);
    f->out_total -= c->queued_bytes;
    c->queued_bytes = 0;
    f->conn[c->index] = NULL;
    f->conns--;
    c->next_dead = f->dead;
    f->dead = c;
}

void conn_reap(struct front *f)
{
    while (f->dead) {
        struct conn *c = f->dead;
        f->dead = c->next_dead;
        request_drop(c);
        tls_free(c->tls);
        buf_fini(&c->in);
        buf_fini(&c->out);
        ws_fini(&c->ws);
        mem_free(c);
    }
}

void conn_set(struct conn *c, enum conn_state state)
{
    c->state = (uint8_t)state;
    c->since = c->front->now;
    if (state == CONN_HEAD || state == CONN_END) request_drop(c);
}

void conn_again(struct conn *c)
{
    struct front *f = c->front;
    if (c->queued || c->state == CONN_DEAD) return;
    if (f->again_n == AGAIN_MAX) { /* more came and went in one turn than there is room for */
        conn_close(c);
        return;
    }
    c->queued = true;
    f->again[f->again_n++] = (struct conn_name){c->index, c->generation};
}

static struct span waiting(const struct conn *c)
{
    return c->tls ? tls_to_send(c->tls) : buf_span(&c->out);
}

size_t conn_queued(const struct conn *c)
{
    return waiting(c).n;
}

static void count_queue(struct conn *c)
{
    size_t n = waiting(c).n;
    c->front->out_total = c->front->out_total - c->queued_bytes + n;
    c->queued_bytes = n;
}

void conn_watch(struct conn *c)
{
    if (c->state == CONN_DEAD) return;
    bool full = c->in.n >= READ_BYTES || (c->state != CONN_SOCKET && c->state != CONN_TURN &&
                                          waiting(c).n + c->rest.n > OUT_PIECE * 2);
    bool deaf = c->eof || (full && c->state != CONN_LINGER);
    unsigned wants =
        (deaf ? 0u : (unsigned)LOOP_READ) | (waiting(c).n || c->rest.n ? (unsigned)LOOP_WRITE : 0u);
    if (wants == c->wants) return;
    c->wants = wants;
    loop_want(c->front->seat->loop, c->watch, wants);
}

/* Queues plain bytes for the network. */
static enum err queue(struct conn *c, struct span plain)
{
    size_t max = c->state == CONN_SOCKET ? OUT_SOCKET_MAX + WS_BINARY_MAX : OUT_HTTP_MAX;
    if (waiting(c).n == 0) c->moved = c->front->now;
    if (waiting(c).n + plain.n > max) return ERR_FULL;
    if (c->front->out_total > OUT_TOTAL_MAX && waiting(c).n + plain.n > OUT_PIECE * 2) return ERR_FULL;
    enum err e = c->tls ? tls_write(c->tls, plain) : buf_add(&c->out, plain);
    count_queue(c);
    return e;
}

void conn_send(struct conn *c, struct span plain)
{
    if (c->state == CONN_DEAD || plain.n == 0) return;
    bool behind = c->state == CONN_SOCKET && waiting(c).n > OUT_SOCKET_MAX;
    if (behind || queue(c, plain)) {
        c->front->counts.slow++;
        conn_close(c);
        return;
    }
    conn_again(c);
}

static void sent(struct conn *c, size_t n)
{
    if (c->tls)
        tls_sent(c->tls, n);
    else
        buf_drop(&c->out, n);
    count_queue(c);
    c->moved = c->front->now;
}

/* Hands the kernel what it takes; false when it takes no more or the connection is gone. */
static bool push(struct conn *c)
{
    struct span s = waiting(c);
    size_t n;
    if (s.n == 0) return true;
    enum err e = tcp_write(c->fd, s, &n);
    if (e == ERR_AGAIN) return false;
    if (e) {
        conn_close(c);
        return false;
    }
    sent(c, n);
    return n == s.n;
}

void conn_flush(struct conn *c)
{
    for (unsigned i = 0; i < 8 && c->state != CONN_DEAD; i++) {
        if (!push(c) || c->rest.n == 0) break;
        struct span piece = span_part(c->rest, 0, OUT_PIECE);
        c->rest = SPAN(c->rest.p + piece.n, c->rest.n - piece.n);
        if (queue(c, piece)) conn_close(c);
    }
    if (c->state == CONN_ANSWER && waiting(c).n + c->rest.n == 0) {
        conn_set(c, c->close_after ? CONN_END : CONN_HEAD);
        conn_again(c);
    }
    if (c->state == CONN_END && waiting(c).n + c->rest.n == 0) {
        if (c->tls) tls_close(c->tls);
        push(c);
        if (c->state == CONN_DEAD) return;
        tcp_end(c->fd);
        conn_set(c, CONN_LINGER);
        if (c->eof) conn_close(c);
    }
}

void conn_end(struct conn *c)
{
    if (c->state == CONN_DEAD || c->state == CONN_END || c->state == CONN_LINGER) return;
    let_go(c);
    conn_set(c, CONN_END);
    conn_again(c);
}

/* Plain bytes for whatever the connection is now. */
static void take(struct conn *c, struct span plain)
{
    switch (c->state) {
    case CONN_SOCKET:
        socket_input(c, plain);
        break;
    case CONN_TURN:
        relay_input(c, plain);
        break;
    case CONN_END:
        break;
    case CONN_LINGER:
        c->discarded += plain.n;
        if (c->discarded > LINGER_BYTES) conn_close(c);
        break;
    case CONN_DEAD:
        break;
    default:
        if (c->state == CONN_HEAD && c->in.n == 0) c->since = c->front->now;
        if (buf_add(&c->in, plain)) conn_close(c);
    }
}

static void handshake(struct conn *c)
{
    enum err e = tls_handshake(c->tls);
    count_queue(c);
    if (e == OK) {
        conn_set(c, CONN_HEAD);
    } else if (e != ERR_AGAIN) {
        c->front->counts.tls_failed++;
        push(c); /* the alert */
        conn_close(c);
    }
}

static void take_sealed(struct conn *c, struct span in)
{
    uint8_t plain[READ_BYTES];
    size_t n;
    enum err e = tls_feed(c->tls, in);
    if (e) {
        conn_close(c);
        return;
    }
    if (c->state == CONN_TLS) handshake(c);
    while (c->state != CONN_TLS && c->state != CONN_DEAD &&
           (e = tls_read(c->tls, MSPAN(plain, sizeof plain), &n)) == OK)
        take(c, SPAN(plain, n));
    if (c->state == CONN_DEAD || c->state == CONN_TLS) return;
    count_queue(c);
    if (e == ERR_CLOSED) c->eof = true;
    if (e == ERR_AUTH) conn_close(c);
}

static void read_some(struct conn *c)
{
    uint8_t bytes[READ_BYTES];
    size_t n;
    if (c->eof) { /* told although nothing was asked: reset */
        conn_close(c);
        return;
    }
    enum err e = tcp_read(c->fd, MSPAN(bytes, sizeof bytes), &n);
    if (e == ERR_AGAIN) return;
    if (e) {
        c->eof = true;
    } else if (c->tls && c->state != CONN_LINGER) {
        take_sealed(c, SPAN(bytes, n));
    } else {
        take(c, SPAN(bytes, n));
    }
    if (c->eof &&
        (c->state == CONN_SOCKET || c->state == CONN_TURN || c->state == CONN_TLS || c->state == CONN_LINGER))
        conn_close(c);
}

void conn_work(struct conn *c)
{
    unsigned done = 0;
    while ((c->state == CONN_HEAD || c->state == CONN_BODY) && done < REQUESTS_A_TURN && http_work(c))
        done++;
    if (done == REQUESTS_A_TURN) conn_again(c);
    if (c->eof && c->state != CONN_DEAD && done == 0 && (c->state == CONN_HEAD || c->state == CONN_BODY)) {
        if (waiting(c).n)
            conn_set(c, CONN_END);
        else
            conn_close(c);
    }
    conn_flush(c);
    conn_watch(c);
}

static void conn_ready(void *ctx, unsigned events, usec now)
{
    struct conn *c = ctx;
    c->front->now = now;
    if (events & LOOP_READ) read_some(c);
    if (c->state == CONN_DEAD) return;
    if (events & LOOP_WRITE) conn_flush(c);
    conn_work(c);
}

/* How long this state may last; USEC_NEVER where another rule ends it. */
static usec patience(const struct conn *c)
{
    switch (c->state) {
    case CONN_TLS:
        return TLS_US;
    case CONN_HEAD:
        return c->in.n || !c->proven ? HEAD_US : IDLE_US;
    case CONN_BODY:
        return BODY_US;
    case CONN_WAIT:
        return WAIT_US;
    case CONN_ANSWER:
        return ANSWER_US;
    case CONN_END:
        return STALL_US;
    case CONN_LINGER:
        return LINGER_US;
    case CONN_TURN:
        return RELAY_IDLE_US;
    default:
        return USEC_NEVER;
    }
}

static bool body_is_slow(const struct conn *c)
{
    usec age = usec_since(c->front->now, c->since);
    return c->state == CONN_BODY && c->request && age > BODY_SLOW_US &&
           c->request->body_at < age / USEC_S * BODY_RATE;
}

void conn_sweep(struct conn *c)
{
    struct front *f = c->front;
    usec age = usec_since(f->now, c->since);
    if (waiting(c).n && usec_since(f->now, c->moved) >= STALL_US) {
        f->counts.slow++;
        conn_close(c);
    } else if (c->state == CONN_SOCKET) {
        socket_sweep(c);
    } else if (age >= patience(c) || body_is_slow(c)) {
        f->counts.timeouts++;
        if (c->state == CONN_WAIT || c->state == CONN_BODY || (c->state == CONN_HEAD && c->in.n))
            http_timeout(c);
        else
            conn_close(c);
    }
}
