/* SPDX-License-Identifier: Apache-2.0 */
#include "app/engine_relay.h"

#include "app/log.h"
#include "base/read.h"
#include "guest/openssl_crypto.h"
#include "io/clock.h"
#include "io/interfaces.h"
#include "io/tcp.h"
#include "io/udp.h"

static bool to_front(void *ctx, uint64_t stream, struct span bytes)
{
    return seat_send(ctx, ROLE_FRONT, 0, IPC_TURN_BACK, stream, bytes) == OK;
}

/* An address without a port, and after a slash how many bits of it. */
static enum err read_net(struct span text, struct path *at, uint8_t *bits)
{
    char with_port[ADDRESS_TEXT + 8];
    size_t slash = 0;
    uint32_t v = 0;
    while (slash < text.n && text.p[slash] != '/')
        slash++;
    bool six = memchr(text.p, ':', slash) != NULL;
    if (slash == 0 || slash >= ADDRESS_TEXT) return ERR_FORMAT;
    struct writer w = writer_of(MSPAN(with_port, sizeof with_port - 1));
    write_str(&w, six ? "[" : "");
    write_bytes(&w, SPAN(text.p, slash));
    write_str(&w, six ? "]:1" : ":1");
    with_port[w.n] = 0;
    enum err e = address_parse(with_port, at);
    at->port = 0;
    *bits = six ? 128 : 32;
    if (e || slash == text.n) return e;
    for (size_t i = slash + 1; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9' || v > 128) return ERR_FORMAT;
        v = v * 10 + (uint32_t)(text.p[i] - '0');
    }
    if (slash + 1 == text.n || v > *bits) return ERR_FORMAT;
    *bits = (uint8_t)v;
    return OK;
}

static struct span trim(struct span s)
{
    while (s.n && s.p[0] == ' ')
        s = SPAN(s.p + 1, s.n - 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\r'))
        s.n--;
    return s;
}

/* The next value of a key among lines of `key = value`; *at moves behind it. Empty when there is none. */
static struct span next_value(struct span lines, const char *key, size_t *at)
{
    while (*at < lines.n) {
        struct span rest = span_part(lines, *at, lines.n);
        const uint8_t *end = memchr(rest.p, '\n', rest.n), *equals;
        struct span line = SPAN(rest.p, end ? (size_t)(end - rest.p) : rest.n);
        *at += line.n + 1;
        if (!line.n || !(equals = memchr(line.p, '=', line.n))) continue;
        size_t k = (size_t)(equals - line.p);
        if (span_equal(trim(SPAN(line.p, k)), span_str(key))) return trim(span_part(line, k + 1, line.n));
    }
    return SPAN_NONE;
}

static enum err allow_peers(struct relay *r, struct span config)
{
    size_t at = 0;
    for (struct span net; (net = next_value(config, "turn-allow-peer", &at)).n;) {
        struct path p;
        uint8_t bits;
        enum err e = read_net(net, &p, &bits);
        if (!e) e = peeraddr_allow(&relay_turn_core(r)->peers, p.family, p.addr, bits);
        if (e) return e;
    }
    return OK;
}

static enum err own(struct relay *r, const struct path *p, uint16_t from, uint16_t to)
{
    struct peeraddr_own o = {.family = p->family, .from = from, .to = to};
    memcpy(o.addr, p->addr, sizeof o.addr);
    return peeraddr_own(&relay_turn_core(r)->peers, &o);
}

/* Every address of the machine is our own; of those with media, the ports of all engines may be peers. */
static enum err own_addresses(struct relay *r, const struct seat *s)
{
    static struct path list[INTERFACES_MAX];
    unsigned n = interfaces_list(list);
    enum err e = OK;
    for (unsigned i = 0; i < n && !e; i++)
        e = own(r, &list[i], 0, 0);
    for (uint16_t i = 0; i < s->sockets && !e; i++) {
        const struct seat_socket *k = &s->socket[i];
        struct path bound, told;
        uint8_t bits;
        if (k->use != SOCKET_MEDIA_UDP || udp_bound(k->fd, &bound)) continue;
        uint16_t first = (uint16_t)(bound.port - s->index);
        e = own(r, &bound, first, bound.port);
        if (!e && k->text[0] && read_net(span_str(k->text), &told, &bits) == OK)
            e = own(r, &told, first, bound.port);
    }
    return e;
}

/* What clients are told instead of a bound address of this family: the one announced for media, or for an
 * unspecified one the first of the machine. False when the bound address is told. */
static bool announced(const struct seat *s, const struct path *bound, struct path *told)
{
    static const uint8_t any[16];
    static struct path list[INTERFACES_MAX];
    uint8_t bits;
    for (uint16_t i = 0; i < s->sockets; i++)
        if (s->socket[i].use == SOCKET_MEDIA_UDP && s->socket[i].text[0] &&
            read_net(span_str(s->socket[i].text), told, &bits) == OK && told->family == bound->family)
            return true;
    if (memcmp(bound->addr, any, sizeof any) != 0) return false;
    unsigned n = interfaces_list(list);
    for (unsigned i = 0; i < n; i++)
        if (list[i].family == bound->family) {
            *told = list[i];
            return true;
        }
    return false;
}

static enum err take_sockets(struct relay *r, const struct seat *s)
{
    enum err e = OK;
    for (uint16_t i = 0; i < s->sockets && !e; i++) {
        struct path bound, told;
        if (s->socket[i].use == SOCKET_TURN_TCP) e = relay_tcp(r, s->socket[i].fd);
        if (s->socket[i].use != SOCKET_TURN_UDP) continue;
        e = udp_bound(s->socket[i].fd, &bound);
        if (!e) e = relay_udp(r, s->socket[i].fd, announced(s, &bound, &told) ? &told : NULL);
    }
    return e;
}

/* Relays for front's streams alone: on the media addresses. */
static void relay_on_media(struct relay *r, const struct seat *s)
{
    for (uint16_t i = 0; i < s->sockets; i++) {
        struct path bound, told;
        if (s->socket[i].use != SOCKET_MEDIA_UDP || udp_bound(s->socket[i].fd, &bound)) continue;
        relay_bind(r, &bound, announced(s, &bound, &told) ? &told : NULL);
    }
}

enum err engine_relay_new(struct seat *s, struct relay **relay)
{
    struct relay *r;
    struct relay_conf conf = {.loop = s->loop,
                              .rng = clock_rng(),
                              .crypto = openssl_crypto(),
                              .user = relay_user_quota,
                              .total = relay_total_quota,
                              .to_front = to_front,
                              .ctx = s};
    size_t at = 0;
    if (span_equal(next_value(s->config, "dev", &at), SPAN_LIT("yes"))) {
        conf.user = (struct turn_quota){.allocations = 1024, .permissions = 8192, .channels = 8192};
        conf.total.bytes_per_s = 0;
    }
    enum err e = relay_new(&conf, &r);
    if (e) return e;
    e = allow_peers(r, s->config);
    if (!e) e = own_addresses(r, s);
    if (!e) e = take_sockets(r, s);
    if (e) {
        relay_free(r);
        return e;
    }
    relay_on_media(r, s);
    *relay = r;
    return OK;
}

/* {u8 revoke or restore; room<u8>; handle<u8>}, an empty handle is the whole room. */
static void revoke(struct turn *t, struct span body, usec now)
{
    struct reader r = reader_of(body);
    bool on = read_u8(&r) != 0;
    struct span room = read_vec8(&r), handle = read_vec8(&r);
    if (read_end(&r)) return;
    if (!on) {
        turn_restore(t, room, handle);
        return;
    }
    enum err e = turn_revoke(t, now, room, handle);
    if (e) log_event(LOG_ERROR, "relay.revocation_lost", "why=\"%s\"", err_text(e));
}

bool engine_relay_message(struct relay *r, const struct seat_got *got, usec now)
{
    struct turn *t = relay_turn_core(r);
    switch (got->message) {
    case IPC_RELAY_SECRET:
        if (turn_auth_secret(&t->auth, got->body))
            log_event(LOG_ERROR, "relay.no_secret", "bytes=%zu", got->body.n);
        return true;
    case IPC_RELAY_REVOKE:
        revoke(t, got->body, now);
        return true;
    case IPC_TURN_STREAM:
        relay_stream(r, got->session, got->body, now);
        return true;
    default:
        return false;
    }
}
