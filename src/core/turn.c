/* SPDX-License-Identifier: Apache-2.0 */
#include "core/turn.h"

#include "core/turn_relay.h"

struct request {
    usec now;
    const struct path *from;
    struct span pkt;
    struct out *out;
    struct turn_msg m;
    struct turn_alloc *alloc; /* of the client, or NULL */
    uint32_t index;
    uint64_t expiry_s;
    struct span id; /* of the credential */
    uint8_t key[TURN_KEY_BYTES];
};

struct answer {
    struct writer w;
    const uint8_t *key;
};

enum err turn_init(struct turn *t, const struct turn_conf *conf, usec now)
{
    memset(t, 0, sizeof *t);
    t->conf = *conf;
    t->sweep_at = now;
    enum err e = turn_auth_init(&t->auth, conf->crypto, &conf->rng);
    if (!e) e = turn_guard_init(&t->guard, &conf->rng);
    if (!e) {
        e = turn_table_init(&t->table, &conf->user, &conf->total, conf->locals, &conf->rng);
        if (e) turn_guard_fini(&t->guard);
    }
    if (e) turn_auth_fini(&t->auth);
    return e;
}

void turn_fini(struct turn *t)
{
    turn_table_fini(&t->table);
    turn_guard_fini(&t->guard);
    turn_auth_fini(&t->auth);
    memset(t, 0, sizeof *t);
}

void turn_wall(struct turn *t, usec now, struct wall wall)
{
    t->wall_known = true;
    t->wall_ms = wall.ms;
    t->wall_at = now;
}

static struct turn_addr mapped_of(const struct path *p)
{
    struct turn_addr a = {.family = p->family, .port = p->port};
    memcpy(a.addr, p->addr, sizeof a.addr);
    return a;
}

/* Answers to strangers: small, without integrity, within the guard's budget (a TCP peer has shown that it is
 * there). */
static enum err answer_stranger(struct turn *t, struct request *q, uint16_t code)
{
    uint8_t bytes[128], nonce[TURN_NONCE_BYTES];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    turn_begin(&w, code ? TURN_ERROR : TURN_SUCCESS, q->m.method, q->m.id);
    if (code) {
        turn_put_error(&w, code);
    } else {
        struct turn_addr mapped = mapped_of(q->from);
        turn_put_addr(&w, TURN_A_XOR_MAPPED, &mapped, q->m.id);
    }
    if (code == 420) turn_put_unknown(&w, &q->m);
    if (code == 401 || code == 438) {
        enum err e = turn_auth_nonce(&t->auth, q->now, q->from, nonce);
        if (e) return e;
        turn_put(&w, TURN_A_REALM, SPAN_LIT(TURN_REALM));
        turn_put(&w, TURN_A_NONCE, SPAN_OF(nonce));
    }
    turn_finish(&w, 0);
    enum err e = write_ok(&w);
    if (e) return e;
    bool may =
        q->alloc || q->from->kind == PATH_TCP || turn_guard_answer(&t->guard, q->now, q->from, q->pkt.n, w.n);
    if (!may) return ERR_LIMIT;
    t->counts.challenged += code == 401;
    t->counts.stale_nonce += code == 438;
    return out_add(q->out, q->from, NULL, writer_span(&w));
}

static bool answer_begin(struct turn *t, struct answer *a, struct out *out, const struct path *to,
                         struct out_dest *dest)
{
    uint8_t *p = out_reserve(out, to, dest);
    if (!p) t->counts.tray_full++;
    if (p) a->w = writer_of(MSPAN(p, OUT_PKT_MAX));
    return p != NULL;
}

/* Adds the integrity and puts the answer in the tray. */
static enum err answer_end(struct turn *t, struct answer *a, struct out *out)
{
    uint8_t mac[TURN_MAC];
    turn_finish(&a->w, 4 + TURN_MAC);
    struct span said = writer_span(&a->w);
    enum err e = write_ok(&a->w);
    if (!e)
        e = t->auth.crypto->hmac(t->auth.crypto->ctx, CRYPTO_SHA1, SPAN(a->key, TURN_KEY_BYTES), &said, 1,
                                 mac);
    if (!e) {
        turn_put(&a->w, TURN_A_INTEGRITY, SPAN_OF(mac));
        e = write_ok(&a->w);
    }
    out_commit(out, e ? 0 : a->w.n);
    return e;
}

static bool answer_open(struct turn *t, struct request *q, struct answer *a, enum turn_class class)
{
    a->key = q->key;
    if (!answer_begin(t, a, q->out, q->from, q->alloc ? &q->alloc->dest : NULL)) return false;
    turn_begin(&a->w, class, q->m.method, q->m.id);
    return true;
}

static enum err answer_error(struct turn *t, struct request *q, uint16_t code)
{
    struct answer a;
    if (!answer_open(t, q, &a, TURN_ERROR)) return ERR_FULL;
    turn_put_error(&a.w, code);
    if (code == 420) turn_put_unknown(&a.w, &q->m);
    return answer_end(t, &a, q->out);
}

static enum err answer_success(struct turn *t, struct request *q)
{
    struct answer a;
    if (!answer_open(t, q, &a, TURN_SUCCESS)) return ERR_FULL;
    if (q->m.method == TURN_REFRESH) turn_put_u32(&a.w, TURN_A_LIFETIME, q->m.lifetime_s);
    return answer_end(t, &a, q->out);
}

/* The integrity covers everything before it, with the length as if it were the last attribute. */
static bool integrity_right(const struct turn *t, const struct request *q, const uint8_t *key)
{
    uint8_t head[4], mac[TURN_MAC];
    memcpy(head, q->pkt.p, 2);
    struct writer w = writer_of(MSPAN(head, sizeof head));
    w.n = 2;
    write_u16(&w, (uint16_t)(q->m.integrity_at - TURN_HEADER + 4 + TURN_MAC));
    struct span parts[] = {SPAN_OF(head), SPAN(q->pkt.p + 4, q->m.integrity_at - 4)};
    if (t->auth.crypto->hmac(t->auth.crypto->ctx, CRYPTO_SHA1, SPAN(key, TURN_KEY_BYTES), parts, 2, mac))
        return false;
    return secret_equal(SPAN_OF(mac), q->m.integrity);
}

/* The allocation belongs to the credential that the request names. */
static bool same_credential(const struct turn *t, const struct request *q)
{
    return q->alloc && q->alloc->expiry_s == q->expiry_s &&
           memcmp(turn_user_of(&t->table, q->alloc)->id, q->id.p, TURN_ID_BYTES) == 0;
}

/* An allocation once granted may be kept alive past the credential's end, up to TURN_AGE_S. */
static bool credential_in_time(const struct turn *t, const struct request *q)
{
    if (!t->wall_known) return false;
    int64_t wall_ms = t->wall_ms + (int64_t)(usec_since(q->now, t->wall_at) / USEC_MS);
    if (wall_ms < 0) return false;
    uint64_t wall_s = (uint64_t)wall_ms / 1000;
    if (q->expiry_s > wall_s + TURN_CREDENTIAL_S) return false;
    return q->expiry_s > wall_s || same_credential(t, q);
}

static bool key_right(const struct turn *t, struct request *q)
{
    if (same_credential(t, q)) {
        memcpy(q->key, q->alloc->key, sizeof q->key);
        return integrity_right(t, q, q->key);
    }
    for (int which = 0; which < 2; which++)
        if (turn_auth_key(&t->auth, which, q->m.username, q->key) == OK && integrity_right(t, q, q->key))
            return true;
    return false;
}

/* OK when the request is a holder's of a good credential; otherwise it has had its answer, if any. RFC 8489
 * section 9.2.4. Takes no memory. */
static enum err authenticate(struct turn *t, struct request *q)
{
    const struct turn_msg *m = &q->m;
    if (m->integrity.n == 0) {
        (void)!answer_stranger(t, q, 401);
        return ERR_AUTH;
    }
    if (!m->has_username || !m->has_realm || !m->has_nonce || m->username.n > TURN_USER_MAX) {
        (void)!answer_stranger(t, q, 400);
        return ERR_FORMAT;
    }
    if (turn_auth_check_nonce(&t->auth, q->now, q->from, m->nonce)) {
        (void)!answer_stranger(t, q, 438);
        return ERR_EXPIRED;
    }
    bool good = turn_auth_parse(m->username, &q->expiry_s, &q->id) == OK &&
                span_equal(m->realm, SPAN_LIT(TURN_REALM)) && key_right(t, q) && credential_in_time(t, q);
    if (good && turn_revoked(&t->table, q->now, q->id.p)) {
        t->counts.revoked++;
        good = false;
    }
    if (!good) {
        t->counts.denied_credential++;
        (void)!answer_stranger(t, q, 401);
        return ERR_AUTH;
    }
    if (q->from->kind == PATH_UDP) turn_guard_proven(&t->guard, q->now, q->from, q->pkt.n);
    return OK;
}

static bool peer_allowed(const struct turn *t, const struct turn_addr *a, bool any_port)
{
    switch (peeraddr_judge(&t->peers, a->family, a->addr)) {
    case PEERADDR_YES:
        return any_port || a->port != 0;
    case PEERADDR_OWN_PORTS:
        if (any_port && a->port == 0) return true;
        return peeraddr_own_port(&t->peers, a->family, a->addr, a->port) || turn_relay_live(&t->table, a);
    case PEERADDR_NO:
        break;
    }
    return false;
}

bool turn_peer_allowed(const struct turn *t, const struct turn_addr *a)
{
    return peer_allowed(t, a, false);
}

static enum err allocate_answer(struct turn *t, usec now, struct turn_alloc *a, struct out *out)
{
    struct answer w = {.key = a->key};
    struct turn_addr mapped = mapped_of(&a->client);
    if (!answer_begin(t, &w, out, &a->client, &a->dest)) return ERR_FULL;
    turn_begin(&w.w, TURN_SUCCESS, TURN_ALLOCATE, a->id);
    for (size_t k = 0; k < COUNT_OF(a->relay); k++) {
        if (a->relay[k].state == TURN_RELAY_OPEN)
            turn_put_addr(&w.w, TURN_A_XOR_RELAYED, &a->relay[k].addr, a->id);
        else if (a->relay[k].state == TURN_RELAY_FAILED)
            turn_put_address_error(&w.w, a->relay[k].family, 508);
    }
    turn_put_u32(&w.w, TURN_A_LIFETIME, (uint32_t)(usec_since(a->expires, now) / USEC_S));
    turn_put_addr(&w.w, TURN_A_XOR_MAPPED, &mapped, a->id);
    return answer_end(t, &w, out);
}

static uint32_t lifetime_of(const struct turn_msg *m)
{
    if (!m->has_lifetime || m->lifetime_s < TURN_LIFETIME_S) return TURN_LIFETIME_S;
    return m->lifetime_s < TURN_LIFETIME_MAX_S ? m->lifetime_s : TURN_LIFETIME_MAX_S;
}

/* 0, or why an Allocate request cannot be granted whoever asks. RFC 8656 section 7.2. */
static uint16_t allocate_refusal(const struct turn *t, const struct turn_msg *m)
{
    if (!m->has_transport) return 400;
    if (m->transport != 17) return 442;
    if (m->unknown_count) return 420;
    if ((m->reservation && (m->even_port || m->has_family || m->has_additional)) ||
        (m->has_family && m->has_additional))
        return 400;
    if (m->has_additional && m->additional == 4) return 400;
    if (m->reservation || m->even_pair) return 508;
    if (m->has_family && m->family == 0) return 440;
    uint8_t first = m->has_family ? m->family : 4;
    return (first == 4 && t->conf.relay4) || (first == 6 && t->conf.relay6) ? 0 : 440;
}

static enum err on_allocate(struct turn *t, struct request *q)
{
    const struct turn_msg *m = &q->m;
    if (q->alloc) {
        if (memcmp(q->alloc->id, m->id, TURN_ID) != 0 || !same_credential(t, q))
            return answer_error(t, q, 437);
        return q->alloc->state == TURN_UP ? allocate_answer(t, q->now, q->alloc, q->out) : OK;
    }
    uint16_t code = allocate_refusal(t, m);
    if (code) return answer_error(t, q, code);
    enum err e = turn_alloc_add(&t->table, q->now, q->from, q->id.p, &q->index);
    if (e) {
        t->counts.refused_quota++;
        return answer_error(t, q, e == ERR_LIMIT ? 486 : 508);
    }
    struct turn_alloc *a = turn_alloc_at(&t->table, q->index);
    a->expiry_s = q->expiry_s;
    a->lifetime_s = lifetime_of(m);
    a->expires = q->now + TURN_OPENING_S * USEC_S;
    memcpy(a->key, q->key, sizeof a->key);
    memcpy(a->id, m->id, sizeof a->id);
    a->even_port = m->even_port;
    a->relay[0] = (struct turn_relay){.state = TURN_RELAY_WANTED, .family = m->has_family ? m->family : 4};
    if (m->has_additional && m->additional == 6)
        a->relay[1] =
            (struct turn_relay){.state = t->conf.relay6 ? TURN_RELAY_WANTED : TURN_RELAY_FAILED, .family = 6};
    turn_alloc_list(&t->table, q->index);
    return OK;
}

static enum err on_refresh(struct turn *t, struct request *q)
{
    struct turn_alloc *a = q->alloc;
    if (q->m.unknown_count) return answer_error(t, q, 420);
    struct turn_relay *r = q->m.has_family ? turn_relay_of(a, q->m.family) : NULL;
    if (q->m.has_family && !r) return answer_error(t, q, 443);
    bool end = q->m.has_lifetime && q->m.lifetime_s == 0;
    if (!end) {
        q->m.lifetime_s = lifetime_of(&q->m);
        a->expires = usec_min(q->now + q->m.lifetime_s * USEC_S, a->born + TURN_AGE_S * USEC_S);
        q->m.lifetime_s = (uint32_t)(usec_since(a->expires, q->now) / USEC_S);
        return answer_success(t, q);
    }
    if (r) turn_relay_unbind(&t->table, r);
    if (!r || (!turn_relay_of(a, 4) && !turn_relay_of(a, 6))) {
        q->alloc = NULL;
        turn_alloc_drop(&t->table, q->index);
    }
    return answer_success(t, q);
}

/* 0, or why these peers may not be. Nothing is granted of a list that holds one forbidden address. */
static uint16_t peers_refusal(struct turn *t, const struct request *q, bool any_port)
{
    const struct turn_msg *m = &q->m;
    if (m->peer_count == 0) return 400;
    if (m->peers_over) return 508;
    for (uint16_t i = 0; i < m->peer_count; i++)
        if (!peer_allowed(t, &m->peer[i], any_port)) {
            t->counts.refused_peer++;
            return 403;
        }
    for (uint16_t i = 0; i < m->peer_count; i++)
        if (!turn_relay_of(q->alloc, m->peer[i].family)) return 443;
    return 0;
}

static enum err on_permission(struct turn *t, struct request *q)
{
    if (q->m.unknown_count) return answer_error(t, q, 420);
    uint16_t code = peers_refusal(t, q, true);
    if (code) return answer_error(t, q, code);
    enum err e = turn_perm_room(&t->table, q->now, q->alloc, q->m.peer, q->m.peer_count);
    for (uint16_t i = 0; i < q->m.peer_count && !e; i++)
        e = turn_perm_set(&t->table, q->now, q->alloc, &q->m.peer[i], q->now + TURN_PERMISSION_S * USEC_S);
    if (!e) return answer_success(t, q);
    t->counts.refused_capacity++;
    return answer_error(t, q, 508);
}

static enum err channel_add(struct turn *t, struct request *q, const struct turn_addr *peer)
{
    struct path to = {.kind = PATH_UDP, .family = peer->family, .port = peer->port};
    to.local = turn_relay_of(q->alloc, peer->family)->local;
    memcpy(to.addr, peer->addr, sizeof to.addr);
    enum err e = turn_perm_room(&t->table, q->now, q->alloc, peer, 1);
    if (!e)
        e = turn_chan_add(&t->table, q->now, q->alloc, q->m.channel, &to, q->now + TURN_CHANNEL_S * USEC_S);
    return e;
}

static enum err on_channel_bind(struct turn *t, struct request *q)
{
    const struct turn_msg *m = &q->m;
    const struct turn_addr *peer = m->peer;
    if (m->unknown_count) return answer_error(t, q, 420);
    if (!m->has_channel || m->channel < TURN_CHANNEL_MIN || m->channel > TURN_CHANNEL_MAX ||
        m->peer_count != 1)
        return answer_error(t, q, 400);
    uint16_t code = peers_refusal(t, q, false);
    if (code) return answer_error(t, q, code);
    struct turn_chan *c = turn_chan_find(&t->table, q->now, q->alloc, m->channel);
    if (c != turn_chan_of_peer(&t->table, q->now, q->alloc, peer->family, peer->port, peer->addr))
        return answer_error(t, q, 400);
    enum err e = c ? OK : channel_add(t, q, peer);
    if (c) c->expires = q->now + TURN_CHANNEL_S * USEC_S;
    if (!e) e = turn_perm_set(&t->table, q->now, q->alloc, peer, q->now + TURN_PERMISSION_S * USEC_S);
    if (!e) return answer_success(t, q);
    t->counts.refused_capacity++;
    return answer_error(t, q, 508);
}

static enum err on_request(struct turn *t, struct request *q)
{
    if (q->m.method == TURN_BINDING) return answer_stranger(t, q, q->m.unknown_count ? 420 : 0);
    bool known = (q->m.method >= TURN_ALLOCATE && q->m.method <= TURN_REFRESH) ||
                 (q->m.method >= TURN_CREATE_PERMISSION && q->m.method <= TURN_CONNECTION_BIND);
    if (!known) return ERR_UNSUPPORTED;
    enum err e = authenticate(t, q);
    if (e) return e;
    if (q->m.malformed || q->m.method >= TURN_CONNECT) return answer_error(t, q, 400);
    if (q->m.method == TURN_ALLOCATE) return on_allocate(t, q);
    if (!q->alloc || q->alloc->state != TURN_UP) return answer_error(t, q, 437);
    if (!same_credential(t, q)) return answer_error(t, q, 441);
    switch (q->m.method) {
    case TURN_REFRESH:
        return on_refresh(t, q);
    case TURN_CREATE_PERMISSION:
        return on_permission(t, q);
    default:
        return on_channel_bind(t, q);
    }
}

enum err turn_receive(struct turn *t, usec now, const struct path *from, struct span pkt, struct out *out)
{
    if (pkt.n > 0 && (pkt.p[0] & 0xC0) == 0x40) return turn_from_channel(t, now, from, pkt, out);
    struct request q = {.now = now, .from = from, .pkt = pkt, .out = out};
    enum err e = turn_parse(pkt, &q.m);
    if (e) {
        t->counts.malformed++;
        return e;
    }
    q.alloc = turn_find(&t->table, now, from, &q.index);
    if (q.m.class == TURN_REQUEST)
        e = on_request(t, &q);
    else if (q.m.class == TURN_INDICATION && q.m.method == TURN_SEND)
        e = q.alloc ? turn_from_send(t, now, q.alloc, &q.m, out) : ERR_UNKNOWN;
    else
        e = ERR_IGNORED;
    secret_wipe(q.key, sizeof q.key);
    return e;
}

/* All wanted sockets are there or have failed: the client gets its answer. */
static void opening_done(struct turn *t, usec now, uint32_t index, struct out *out)
{
    struct turn_alloc *a = turn_alloc_at(&t->table, index);
    for (size_t k = 0; k < COUNT_OF(a->relay); k++)
        if (a->relay[k].state == TURN_RELAY_WANTED || a->relay[k].state == TURN_RELAY_ASKED) return;
    if (a->relay[0].state == TURN_RELAY_OPEN) {
        a->state = TURN_UP;
        a->expires = now + a->lifetime_s * USEC_S;
        t->counts.allocated++;
        (void)!allocate_answer(t, now, a, out);
        for (size_t k = 0; k < COUNT_OF(a->relay); k++)
            if (a->relay[k].state == TURN_RELAY_FAILED) a->relay[k].state = TURN_RELAY_NONE;
        return;
    }
    struct answer w = {.key = a->key};
    t->counts.refused_capacity++;
    if (answer_begin(t, &w, out, &a->client, &a->dest)) {
        turn_begin(&w.w, TURN_ERROR, TURN_ALLOCATE, a->id);
        turn_put_error(&w.w, 508);
        (void)!answer_end(t, &w, out);
    }
    turn_alloc_drop(&t->table, index);
}

/* The relay that an event asked a socket for, or NULL when it is gone. */
static struct turn_relay *asked(struct turn *t, const struct turn_event *e, uint32_t *index)
{
    *index = (uint32_t)e->ticket;
    if (*index >= t->table.alloc.made) return NULL;
    struct turn_alloc *a = turn_alloc_at(&t->table, *index);
    if (a->state != TURN_OPENING || a->birth != (uint32_t)(e->ticket >> 32)) return NULL;
    for (size_t k = 0; k < COUNT_OF(a->relay); k++)
        if (a->relay[k].state == TURN_RELAY_ASKED && a->relay[k].family == e->family) return &a->relay[k];
    return NULL;
}

bool turn_next_event(struct turn *t, struct turn_event *e)
{
    struct turn_table *table = &t->table;
    if (table->closing_head != TURN_LOCAL_NONE) {
        uint16_t local = table->closing_head;
        table->closing_head = table->local[local].next_closing;
        if (table->closing_head == TURN_LOCAL_NONE) table->closing_tail = TURN_LOCAL_NONE;
        table->local[local].closing = false;
        *e = (struct turn_event){.kind = TURN_CLOSE_RELAY, .local = local};
        return true;
    }
    while (table->open_head != SLAB_NONE) {
        uint32_t index = table->open_head;
        struct turn_alloc *a = turn_alloc_at(table, index);
        for (size_t k = 0; k < COUNT_OF(a->relay); k++) {
            if (a->relay[k].state != TURN_RELAY_WANTED) continue;
            a->relay[k].state = TURN_RELAY_ASKED;
            *e = (struct turn_event){.kind = TURN_OPEN_RELAY,
                                     .ticket = (uint64_t)a->birth << 32 | index,
                                     .family = a->relay[k].family,
                                     .even = a->even_port};
            return true;
        }
        table->open_head = a->next_open;
        if (table->open_head == SLAB_NONE) table->open_tail = SLAB_NONE;
        a->listed = false;
    }
    return false;
}

enum err turn_relay_opened(struct turn *t, usec now, const struct turn_event *e,
                           const struct turn_addr *relayed, struct out *out)
{
    uint32_t index;
    struct turn_relay *r = asked(t, e, &index);
    if (!r) return ERR_UNKNOWN;
    enum err bound = turn_relay_bind(&t->table, index, r, e->local, relayed);
    if (bound) r->state = TURN_RELAY_FAILED;
    opening_done(t, now, index, out);
    return bound;
}

void turn_relay_failed(struct turn *t, usec now, const struct turn_event *e, struct out *out)
{
    uint32_t index;
    struct turn_relay *r = asked(t, e, &index);
    if (!r) return;
    r->state = TURN_RELAY_FAILED;
    opening_done(t, now, index, out);
}

void turn_closed(struct turn *t, const struct path *from)
{
    uint32_t index;
    if (map_get(&t->table.by_client, from, &index)) turn_alloc_drop(&t->table, index);
}

bool turn_knows(const struct turn *t, const struct path *from)
{
    uint32_t index;
    return map_get(&t->table.by_client, from, &index);
}
