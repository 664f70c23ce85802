/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/turn_client.h"

#include "base/read.h"
#include "guest/openssl_crypto.h"

const struct turn_quota turn_world_user = {.allocations = 4, .permissions = 20, .channels = 10};
const struct turn_quota turn_world_total = {.allocations = 16, .permissions = 80, .channels = 40};

enum err turn_world_init(struct turn_world *w, const struct turn_quota *user, const struct turn_quota *total)
{
    memset(w, 0, sizeof *w);
    w->seed.state = 1;
    w->now = 5 * USEC_S;
    struct turn_conf conf = {.crypto = openssl_crypto(),
                             .rng = rng_from_seed(&w->seed),
                             .user = *user,
                             .total = *total,
                             .locals = TURN_WORLD_LOCALS,
                             .relay4 = true,
                             .relay6 = true};
    enum err e = turn_init(&w->turn, &conf, w->now);
    if (e) return e;
    e = out_init(&w->out, 256);
    if (!e) e = turn_auth_secret(&w->turn.auth, SPAN_LIT("a secret of sixteen bytes or more"));
    turn_wall(&w->turn, w->now, (struct wall){(int64_t)TURN_WORLD_WALL_S * 1000});
    if (e) turn_world_fini(w);
    return e;
}

void turn_world_fini(struct turn_world *w)
{
    turn_fini(&w->turn);
    out_fini(&w->out);
}

static struct turn_addr relay_addr(uint8_t family, uint16_t local)
{
    static const uint8_t v6[16] = {0x24, 0x00, 0xcb, 0x00, [15] = 0x44};
    struct turn_addr a = turn_addr4(8, 8, 4, 4, (uint16_t)(TURN_WORLD_PORT + local));
    a.family = family;
    if (family == 6) memcpy(a.addr, v6, sizeof v6);
    return a;
}

void turn_world_serve(struct turn_world *w)
{
    struct turn_event e;
    while (!w->hold && turn_next_event(&w->turn, &e)) {
        if (e.kind == TURN_CLOSE_RELAY) {
            w->taken[e.local] = false;
            w->closed++;
            continue;
        }
        e.local = 0;
        while (e.local < TURN_WORLD_LOCALS && (w->taken[e.local] || (e.even && e.local % 2)))
            e.local++;
        if (w->fail_opens > 0 || e.local == TURN_WORLD_LOCALS) {
            w->fail_opens--;
            turn_relay_failed(&w->turn, w->now, &e, &w->out);
            continue;
        }
        struct turn_addr at = relay_addr(e.family, e.local);
        if (turn_relay_opened(&w->turn, w->now, &e, &at, &w->out) == OK) {
            w->taken[e.local] = true;
            w->opened++;
        }
    }
}

void turn_world_pass(struct turn_world *w, usec time)
{
    for (usec end = w->now + time; w->now < end;) {
        w->now = usec_min(end, w->now + USEC_S / 2);
        turn_tick(&w->turn, w->now);
        turn_world_serve(w);
    }
}

struct turn_addr turn_addr4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
    return (struct turn_addr){.family = 4, .port = port, .addr = {a, b, c, d}};
}

struct turn_client turn_client_make(struct turn_world *w, uint16_t n, const char *room, const char *handle)
{
    struct turn_client c = {.path = {.kind = PATH_UDP, .family = 4, .port = (uint16_t)(20000 + n)}};
    uint8_t addr[4] = {9, 0, (uint8_t)(n / 256), (uint8_t)(n % 256)};
    memcpy(c.path.addr, addr, 4);
    uint64_t expiry = TURN_WORLD_WALL_S + w->now / USEC_S + 3600;
    if (turn_auth_issue(&w->turn.auth, span_str(room), span_str(handle), expiry, &c.credential)) return c;
    (void)!turn_auth_key(&w->turn.auth, 0, span_str(c.credential.username), c.key);
    memset(c.nonce, 'A', sizeof c.nonce);
    return c;
}

void turn_request_begin(struct turn_request *r, struct turn_client *c, enum turn_class class, uint16_t method)
{
    uint8_t id[TURN_ID] = {'t', 'e', 's', 't', (uint8_t)(c->path.port >> 8), (uint8_t)c->path.port};
    id[10] = (uint8_t)(++c->count >> 8);
    id[11] = (uint8_t)c->count;
    r->w = writer_of(MSPAN(r->bytes, sizeof r->bytes));
    turn_begin(&r->w, class, method, id);
}

static void mac_of(const struct turn_world *w, const uint8_t *key, struct span said,
                   uint8_t mac[static TURN_MAC])
{
    const struct crypto *c = w->turn.auth.crypto;
    if (c->hmac(c->ctx, CRYPTO_SHA1, SPAN(key, TURN_KEY_BYTES), &said, 1, mac)) memset(mac, 0, TURN_MAC);
}

void turn_request_sign(struct turn_world *w, struct turn_client *c, struct turn_request *r)
{
    uint8_t mac[TURN_MAC];
    turn_put(&r->w, TURN_A_USERNAME, span_str(c->credential.username));
    turn_put(&r->w, TURN_A_REALM, SPAN_LIT(TURN_REALM));
    turn_put(&r->w, TURN_A_NONCE, SPAN_OF(c->nonce));
    turn_finish(&r->w, 4 + TURN_MAC);
    mac_of(w, c->key, writer_span(&r->w), mac);
    turn_put(&r->w, TURN_A_INTEGRITY, SPAN_OF(mac));
}

void turn_request_plain(struct turn_request *r)
{
    turn_finish(&r->w, 0);
}

static void read_addr(struct span value, const uint8_t *id, struct turn_addr *a)
{
    static const uint8_t cookie[4] = {0x21, 0x12, 0xA4, 0x42};
    struct reader r = reader_of(value);
    read_skip(&r, 1);
    *a = (struct turn_addr){.family = read_u8(&r) == 1 ? 4 : 6};
    a->port = read_u16(&r) ^ 0x2112;
    size_t n = a->family == 4 ? 4 : 16;
    read_copy(&r, a->addr, n);
    for (size_t i = 0; i < n; i++)
        a->addr[i] ^= i < 4 ? cookie[i] : id[i - 4];
}

static void read_attribute(const struct turn_world *w, struct turn_client *c, struct turn_answer *a,
                           uint16_t type, struct span value, struct span before)
{
    struct reader v = reader_of(value);
    uint8_t mac[TURN_MAC];
    switch (type) {
    case TURN_A_ERROR_CODE:
    case TURN_A_ADDRESS_ERROR:
        read_skip(&v, 2);
        *(type == TURN_A_ERROR_CODE ? &a->code : &a->address_error) =
            (uint16_t)(read_u8(&v) * 100u + read_u8(&v));
        break;
    case TURN_A_NONCE:
        if (value.n == TURN_NONCE_BYTES) memcpy(c->nonce, value.p, value.n);
        break;
    case TURN_A_LIFETIME:
        a->lifetime_s = read_u32(&v);
        break;
    case TURN_A_UNKNOWN:
        a->unknown = read_u16(&v);
        break;
    case TURN_A_XOR_MAPPED:
        read_addr(value, a->id, &a->mapped);
        break;
    case TURN_A_XOR_RELAYED:
        if (a->relayed_count < 2) read_addr(value, a->id, &a->relayed[a->relayed_count++]);
        break;
    case TURN_A_INTEGRITY:
        mac_of(w, c->key, before, mac);
        a->integrity_right = value.n == TURN_MAC && memcmp(mac, value.p, TURN_MAC) == 0;
        break;
    default:
        break;
    }
}

static struct turn_answer read_answer(const struct turn_world *w, struct turn_client *c, struct span pkt)
{
    struct turn_answer a = {.came = true, .n = pkt.n};
    struct reader r = reader_of(pkt);
    uint16_t type = read_u16(&r);
    a.class = (enum turn_class)((type >> 4 & 1) | (type >> 7 & 2));
    a.method = type & 0xF;
    read_skip(&r, 6);
    read_copy(&r, a.id, TURN_ID);
    while (read_left(&r) >= 4) {
        size_t at = pkt.n - read_left(&r);
        uint16_t attribute = read_u16(&r);
        struct span value = read_vec16(&r);
        read_skip(&r, (4 - value.n % 4) % 4);
        if (!r.bad) read_attribute(w, c, &a, attribute, value, SPAN(pkt.p, at));
    }
    return a;
}

/* The datagrams of the tray to one path, one after another. */
static bool next_to(const struct out *o, const struct path *to, uint16_t *at, struct span *pkt)
{
    for (uint16_t g = 0; g < o->group_n; g++) {
        if (!path_equal(&o->group[g].to, to)) continue;
        uint16_t i = o->group[g].head;
        for (uint16_t k = 0; k < *at && i != OUT_NONE; k++)
            i = o->pkt[i].next;
        if (i == OUT_NONE) return false;
        *pkt = SPAN(o->arena + o->pkt[i].at, o->pkt[i].n);
        ++*at;
        return true;
    }
    return false;
}

struct turn_answer turn_request_send(struct turn_world *w, struct turn_client *c, struct turn_request *r)
{
    struct span pkt;
    uint16_t at = 0;
    out_clear(&w->out);
    (void)!turn_receive(&w->turn, w->now, &c->path, writer_span(&r->w), &w->out);
    turn_world_serve(w);
    if (!next_to(&w->out, &c->path, &at, &pkt)) return (struct turn_answer){0};
    return read_answer(w, c, pkt);
}

struct turn_answer turn_exchange(struct turn_world *w, struct turn_client *c, struct turn_request *r)
{
    struct turn_request copy = *r;
    copy.w.p = copy.bytes;
    turn_request_sign(w, c, &copy);
    struct turn_answer a = turn_request_send(w, c, &copy);
    if (a.code != 401 && a.code != 438) return a;
    copy = *r;
    copy.w.p = copy.bytes;
    turn_request_sign(w, c, &copy);
    return turn_request_send(w, c, &copy);
}

struct turn_answer turn_client_allocate(struct turn_world *w, struct turn_client *c, uint8_t family)
{
    struct turn_request r;
    turn_request_begin(&r, c, TURN_REQUEST, TURN_ALLOCATE);
    turn_put_u32(&r.w, TURN_A_TRANSPORT, 17u << 24);
    if (family) turn_put_u32(&r.w, TURN_A_FAMILY, family == 4 ? 1u << 24 : 2u << 24);
    return turn_exchange(w, c, &r);
}

struct turn_answer turn_client_refresh(struct turn_world *w, struct turn_client *c, uint32_t lifetime_s)
{
    struct turn_request r;
    turn_request_begin(&r, c, TURN_REQUEST, TURN_REFRESH);
    turn_put_u32(&r.w, TURN_A_LIFETIME, lifetime_s);
    return turn_exchange(w, c, &r);
}

struct turn_answer turn_client_permit(struct turn_world *w, struct turn_client *c,
                                      const struct turn_addr *peer, size_t count)
{
    struct turn_request r;
    turn_request_begin(&r, c, TURN_REQUEST, TURN_CREATE_PERMISSION);
    for (size_t i = 0; i < count; i++)
        turn_put_addr(&r.w, TURN_A_XOR_PEER, &peer[i], r.bytes + 8);
    return turn_exchange(w, c, &r);
}

struct turn_answer turn_client_bind(struct turn_world *w, struct turn_client *c, uint16_t channel,
                                    const struct turn_addr *peer)
{
    struct turn_request r;
    turn_request_begin(&r, c, TURN_REQUEST, TURN_CHANNEL_BIND);
    turn_put_u32(&r.w, TURN_A_CHANNEL_NUMBER, (uint32_t)channel << 16);
    turn_put_addr(&r.w, TURN_A_XOR_PEER, peer, r.bytes + 8);
    return turn_exchange(w, c, &r);
}

/* True when the tray holds exactly one datagram, with this content, to this peer. */
static bool reached(const struct turn_world *w, struct span data, const struct turn_addr *peer)
{
    if (w->out.pkt_n != 1) return false;
    const struct out_group *g = &w->out.group[0];
    return g->to.kind == PATH_UDP && g->to.family == peer->family && g->to.port == peer->port &&
           memcmp(g->to.addr, peer->addr, 16) == 0 &&
           span_equal(SPAN(w->out.arena + w->out.pkt[0].at, w->out.pkt[0].n), data);
}

bool turn_client_data(struct turn_world *w, struct turn_client *c, uint16_t channel, struct span data,
                      const struct turn_addr *peer)
{
    struct turn_request r;
    r.w = writer_of(MSPAN(r.bytes, sizeof r.bytes));
    write_u16(&r.w, channel);
    write_vec16(&r.w, data);
    out_clear(&w->out);
    (void)!turn_receive(&w->turn, w->now, &c->path, writer_span(&r.w), &w->out);
    return reached(w, data, peer);
}

bool turn_client_send(struct turn_world *w, struct turn_client *c, struct span data,
                      const struct turn_addr *peer)
{
    struct turn_request r;
    turn_request_begin(&r, c, TURN_INDICATION, TURN_SEND);
    turn_put_addr(&r.w, TURN_A_XOR_PEER, peer, r.bytes + 8);
    turn_put(&r.w, TURN_A_DATA, data);
    turn_request_plain(&r);
    out_clear(&w->out);
    (void)!turn_receive(&w->turn, w->now, &c->path, writer_span(&r.w), &w->out);
    return reached(w, data, peer);
}

struct span turn_peer_data(struct turn_world *w, uint16_t local, const struct turn_addr *peer,
                           struct span data, const struct turn_client *c)
{
    struct path from = {.kind = PATH_UDP, .family = peer->family, .local = local, .port = peer->port};
    struct span pkt;
    uint16_t at = 0;
    memcpy(from.addr, peer->addr, sizeof from.addr);
    out_clear(&w->out);
    (void)!turn_relay_receive(&w->turn, w->now, &from, data, &w->out);
    return next_to(&w->out, &c->path, &at, &pkt) ? pkt : SPAN_NONE;
}
