/* SPDX-License-Identifier: Apache-2.0 */
#include "app/engine_message.h"
#include "app/engine_record.h"

#include "guest/openssl_crypto.h"
#include "guest/openssl_dtls.h"
#include "guest/openssl_srtp.h"
#include "io/clock.h"

#include <assert.h>
#include "base/mem.h"
#include "base/write.h"

#define TO_CLIENTS_HEAD 32 /* bytes of the message beside its lists */

static enum err hmac_sha1(void *ctx, struct span key, const struct span *parts, size_t count, uint8_t *out)
{
    const struct crypto *c = ctx;
    return c->hmac(c->ctx, CRYPTO_SHA1, key, parts, count, out);
}

enum err engine_identity(struct engine *e)
{
    const struct crypto *crypto = openssl_crypto();
    enum err err = openssl_dtls_identity(&e->identity);
    if (err) return err;
    e->srtp = openssl_srtp(crypto);
    e->peer_conf = (struct peer_conf){.rng = e->conf.rng,
                                      .dtls = openssl_dtls(),
                                      .identity = e->identity,
                                      .srtp = &e->srtp,
                                      .hmac = {hmac_sha1, (void *)(uintptr_t)crypto}};
    e->room_conf.peer = &e->peer_conf;
    return OK;
}

void engine_identity_free(struct engine *e)
{
    openssl_dtls_identity_free(e->identity);
}

static void send_to(struct engine *e, enum role to, uint16_t message, uint64_t session, struct span body)
{
    if (!e->conf.send(e->conf.ctx, to, message, session, body)) e->counts.unsent++;
}

static void send_note(struct engine *e, const struct news_item *i)
{
    struct ipc_to_clients m = {.message = i->message,
                               .count = (uint16_t)(i->sessions_n / sizeof(uint64_t)),
                               .sessions = news_sessions(&e->news, i),
                               .body = news_body(&e->news, i)};
    size_t size = m.sessions.n + m.body.n + TO_CLIENTS_HEAD;
    uint8_t *room = mem_new(size, 1);
    struct writer w = writer_of(MSPAN(room, room ? size : 0));
    put_ipc_to_clients(&w, &m);
    if (write_ok(&w))
        e->counts.unsent++;
    else
        send_to(e, ROLE_FRONT, i->kind == NEWS_ENVELOPE ? IPC_ENVELOPES : IPC_TO_CLIENTS, 0, writer_span(&w));
    mem_free(room);
}

static void tell_member(struct engine *e, uint64_t session, const struct ipc_member *m)
{
    uint8_t bytes[512];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    put_ipc_member(&w, m);
    if (!write_ok(&w)) send_to(e, ROLE_KEEPER, IPC_MEMBER, session, writer_span(&w));
}

void engine_tell_members(struct engine *e)
{
    uint8_t bytes[1024];
    for (uint32_t i = 1; i < e->seat_count; i++) {
        const struct seat *s = &e->seat[i];
        if (!s->member) continue;
        struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
        put_ipc_member_is(&w, &(struct ipc_member_is){s->admitted, s->since_ms});
        if (!write_ok(&w)) send_to(e, ROLE_KEEPER, IPC_MEMBER_IS, member_session(s->member), writer_span(&w));
    }
    send_to(e, ROLE_KEEPER, IPC_MEMBERS_TOLD, 0, SPAN_NONE);
}

/* More was said than the news could hold: everybody of the room starts anew instead of knowing half. */
static void restart_all(struct engine *e, struct engine_room *room)
{
    static const char why[] = "overloaded";
    uint8_t body[64], bytes[128], session_bytes[8];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    write_vec32(&w, span_str(why));
    for (struct member *m = room_member_first(room->room); m; m = room_member_next(m)) {
        struct writer s = writer_of(MSPAN(session_bytes, sizeof session_bytes)),
                      all = writer_of(MSPAN(bytes, sizeof bytes));
        write_u64(&s, member_session(m));
        struct ipc_to_clients note = {
            .message = ROOM_RESTART, .count = 1, .sessions = writer_span(&s), .body = writer_span(&w)};
        put_ipc_to_clients(&all, &note);
        if (!write_ok(&all)) send_to(e, ROLE_FRONT, IPC_TO_CLIENTS, 0, writer_span(&all));
    }
}

/* The delivery service hears of a session's end; what it says about it comes after the news at hand. */
static void went(struct engine *e, struct engine_room *room, const struct news_item *i)
{
    bool left = strcmp(i->reason, "lost") != 0;
    delivery_gone(room->delivery, e->now, i->session, left, &e->news);
}

void engine_drain(struct engine *e, struct engine_room *room)
{
    for (uint32_t n = 0; n < e->news.count; n++) {
        const struct news_item item = e->news.item[n], *i = &item; /* acting on one may add others */
        switch (i->kind) {
        case NEWS_NOTE:
        case NEWS_ENVELOPE:
            send_note(e, i);
            break;
        case NEWS_OPENED:
            engine_seat_opened(e, i->session);
            break;
        case NEWS_GONE:
            engine_seat_gone(e, i->session);
            if (room->delivery) went(e, room, i);
            tell_member(e, i->session,
                        &(struct ipc_member){false, room_name(room->room), i->number, span_str(i->reason)});
            send_to(e, ROLE_FRONT, IPC_FINISH, i->session, SPAN_NONE);
            room->reap = true;
            break;
        default:
            break;
        }
    }
    if (e->news.lost) {
        e->news.lost = 0;
        restart_all(e, room);
    }
    news_clear(&e->news);
}

static void room_key(struct span name, uint8_t key[ROOM_KEY])
{
    memset(key, 0, ROOM_KEY);
    if (name.n <= ROOM_KEY) memcpy(key, name.p, name.n);
}

void engine_room_drop(struct engine *e, struct engine_room *room)
{
    uint8_t key[ROOM_KEY];
    room_key(room_name(room->room), key);
    map_drop(&e->by_name, key);
    recorder_free(room->recorder);
    room_free(room->room);
    delivery_free(room->delivery);
    *room = (struct engine_room){0};
}

static struct engine_room *find_room(struct engine *e, struct span name)
{
    uint8_t key[ROOM_KEY];
    uint32_t i;
    room_key(name, key);
    return map_get(&e->by_name, key, &i) ? &e->room[i] : NULL;
}

static enum err open_room(struct engine *e, const struct verdict *v, struct engine_room **room)
{
    struct span name = span_str(v->room);
    uint8_t key[ROOM_KEY];
    uint32_t i = 0;
    assert(e->room);
    *room = find_room(e, name);
    if (*room) return OK;
    while (i < e->room_count && e->room[i].room)
        i++;
    if (i == ENGINE_ROOMS_MAX) return ERR_FULL;
    struct engine_room *r = &e->room[i];
    enum err err = room_new(&e->room_conf, name, v->room_class, e->now, &r->room);
    if (err) return err;
    if (v->room_class == CLASS_SEALED || v->room_class == CLASS_WITNESSED) {
        r->delivery = delivery_new(name, openssl_crypto(), &e->conf.rng, e->now);
        if (!r->delivery) err = ERR_NOMEM;
    }
    room_key(name, key);
    if (!err) err = map_set(&e->by_name, key, i);
    if (err) {
        room_free(r->room);
        delivery_free(r->delivery);
        *r = (struct engine_room){0};
        return err;
    }
    if (i == e->room_count) e->room_count++;
    r->wake = room_wake(r->room);
    *room = r;
    return OK;
}

/* Tells a client that it could not be let in after all. */
static void refuse(struct engine *e, uint64_t session, enum err why)
{
    uint8_t body[128], bytes[256], session_bytes[8];
    struct writer w = writer_of(MSPAN(body, sizeof body)),
                  s = writer_of(MSPAN(session_bytes, sizeof session_bytes)),
                  all = writer_of(MSPAN(bytes, sizeof bytes));
    write_vec32(&w, span_str(why == ERR_FULL ? "full" : "denied"));
    write_vec32(&w,
                span_str(why == ERR_FULL ? "This room is full." : "The media engine could not let you in."));
    write_u8(&w, 0);
    write_u64(&s, session);
    struct ipc_to_clients m = {
        .message = ROOM_CLOSED, .count = 1, .sessions = writer_span(&s), .body = writer_span(&w)};
    put_ipc_to_clients(&all, &m);
    if (!write_ok(&all)) send_to(e, ROLE_FRONT, IPC_TO_CLIENTS, 0, writer_span(&all));
    send_to(e, ROLE_FRONT, IPC_FINISH, session, SPAN_NONE);
}

static void admit(struct engine *e, uint64_t session, struct span body)
{
    struct ipc_admit a;
    struct engine_room *room = NULL;
    struct member *m;
    enum err err = get_ipc_admit(body, &a);
    if (err) {
        e->counts.refused++;
        return;
    }
    struct room_entrant who = {.session = session, .number = a.member, .kind = a.entry, .ice = a.ice};
    err = open_room(e, &a.verdict, &room);
    if (!err) err = room_admit(room->room, &a.verdict, &who, e->now, &e->news, &m);
    if (!err) {
        err = engine_seat(e, room, m);
        if (err) {
            struct room_expulsion why = {span_str("full"), span_str("The media engine is full."), 0};
            room_expel(room->room, m, e->now, &why, &e->out, &e->news);
        }
    }
    if (err) {
        refuse(e, session, err);
    } else {
        struct seat *s = engine_seat_of(e, session);
        assert(s);
        s->admitted = a;
        s->admitted.ice = SPAN_NONE; /* of the message, which ends */
        s->since_ms = clock_wall().ms;
        e->counts.joins++;
        tell_member(e, session, &(struct ipc_member){true, room_name(room->room), a.member, SPAN_NONE});
    }
    if (room) engine_room_touched(e, room);
}

static void to_room(struct engine *e, uint64_t session, struct span body)
{
    struct ipc_to_room m;
    struct seat *s = engine_seat_of(e, session);
    if (get_ipc_to_room(body, &m)) {
        e->counts.refused++;
        return;
    }
    if (!s) return; /* left meanwhile */
    struct engine_room *room = s->room;
    room_message(room->room, s->member, e->now, m.message, m.body, &e->out, &e->news);
    engine_room_touched(e, room);
}

static void envelope(struct engine *e, uint64_t session, struct span bytes)
{
    struct seat *s = engine_seat_of(e, session);
    bool ready = false;
    if (!s || !s->room->delivery) {
        e->counts.refused++;
        return;
    }
    struct engine_room *room = s->room;
    delivery_receive(room->delivery, e->now, session, bytes, &e->news, &ready);
    if (ready) room_sees(s->member, e->now);
    engine_room_touched(e, room);
}

static void gone(struct engine *e, uint64_t session)
{
    struct seat *s = engine_seat_of(e, session);
    if (!s) return;
    struct engine_room *room = s->room;
    room_gone(room->room, s->member, e->now, "lost", &e->out, &e->news);
    engine_room_touched(e, room);
}

static void expel(struct engine *e, uint64_t session, struct span body)
{
    struct ipc_expel x;
    struct seat *s = engine_seat_of(e, session);
    if (get_ipc_expel(body, &x)) {
        e->counts.refused++;
        return;
    }
    if (!s) return;
    struct engine_room *room = s->room;
    struct room_expulsion why = {x.reason, x.title, x.by};
    room_expel(room->room, s->member, e->now, &why, &e->out, &e->news);
    engine_room_touched(e, room);
}

static void set(struct engine *e, struct span body)
{
    static const uint8_t what[] = {[ROOM_SET_LOCK] = ROOM_LOCK,
                                   [ROOM_SET_END] = ROOM_END,
                                   [ROOM_SET_MUTE] = ROOM_MUTE_MEMBER,
                                   [ROOM_SET_RECORDING] = ROOM_RECORDING,
                                   [ROOM_SET_CONSENT] = ROOM_CONSENT};
    struct ipc_room_set m;
    if (get_ipc_room_set(body, &m) || m.what == 0 || m.what >= COUNT_OF(what)) {
        e->counts.refused++;
        return;
    }
    struct engine_room *room = find_room(e, m.room);
    if (!room) return;
    struct room_setting s = {.what = what[m.what],
                             .flag = m.flag,
                             .by = m.by,
                             .member = m.member,
                             .source = m.source,
                             .state = m.state,
                             .recording = m.recording,
                             .why = m.why};
    if (room_set(room->room, e->now, &s, &e->out, &e->news)) e->counts.refused++; /* gone meanwhile */
    engine_room_touched(e, room);
}

static void record(struct engine *e, uint64_t number, struct span body)
{
    struct ipc_record_room m;
    if (get_ipc_record_room(body, &m)) {
        e->counts.refused++;
        return;
    }
    struct engine_room *room = find_room(e, m.room);
    if (!room) return; /* ended meanwhile */
    engine_record_message(e, number, body, room);
    engine_room_touched(e, room);
}

void engine_message(struct engine *e, enum role from, uint16_t message, uint64_t session, struct span body)
{
    const struct ipc_row *row = ipc_row(message);
    if (!row || row->to != ROLE_ENGINE || row->from != from) {
        e->counts.refused++;
        return;
    }
    e->now = clock_now(); /* not a packet: the turn's time may be a second old */
    switch (message) {
    case IPC_ADMIT:
        admit(e, session, body);
        break;
    case IPC_TO_ROOM:
        to_room(e, session, body);
        break;
    case IPC_ENVELOPE:
        envelope(e, session, body);
        break;
    case IPC_GONE:
        gone(e, session);
        break;
    case IPC_EXPEL:
        expel(e, session, body);
        break;
    case IPC_ROOM_SET:
        set(e, body);
        break;
    case IPC_RECORD_ROOM:
        record(e, session, body);
        break;
    case IPC_MEMBERS_ASK:
        engine_tell_members(e);
        break;
    default:
        e->counts.refused++;
    }
    if (out_tight(&e->out, 256)) engine_flush(e);
}

void engine_front_lost(struct engine *e)
{
    for (uint32_t i = 1; i < e->seat_count; i++) {
        if (!e->seat[i].member) continue;
        struct engine_room *room = e->seat[i].room;
        room_gone(room->room, e->seat[i].member, e->now, "lost", &e->out, &e->news);
        engine_room_touched(e, room);
    }
}

static void metric(struct writer *w, const char *name, const char *what, uint64_t value)
{
    write_str(w, "incamera_");
    write_str(w, name);
    write_str(w, what);
    write_u8(w, ' ');
    write_dec(w, value);
    write_u8(w, '\n');
}

void engine_stats(const struct engine *e, struct writer *w)
{
    char label[32];
    struct writer l = writer_of(MSPAN(label, sizeof label - 1));
    uint32_t rooms = 0;
    struct room_counters sum = {0};
    struct room_paths paths = {0};
    write_str(&l, "{engine=\"");
    write_dec(&l, e->conf.index);
    write_str(&l, "\"}");
    label[l.n] = 0;
    for (uint32_t i = 0; i < e->room_count; i++) {
        if (!e->room[i].room) continue;
        const struct room_counters *c = room_counters(e->room[i].room);
        rooms++;
        sum.packets_in += c->packets_in;
        sum.packets_out += c->packets_out;
        sum.nacks_in += c->nacks_in;
        sum.resent += c->resent;
        sum.plis_in += c->plis_in;
        sum.plis_out += c->plis_out;
        sum.padding_out += c->padding_out;
        room_add_paths(e->room[i].room, &paths);
    }
    const struct {
        const char *name;
        uint64_t value;
    } row[] = {
        {"rooms", rooms},
        {"members", e->members},
        {"joins_total", e->counts.joins},
        {"ice_tcp_connections", ice_tcp_count(e->tcp)},
        {"udp_received_packets_total", e->udp.counts.received},
        {"udp_received_bytes_total", e->udp.counts.received_bytes},
        {"udp_sent_packets_total", e->udp.counts.sent},
        {"udp_sent_bytes_total", e->udp.counts.sent_bytes},
        {"udp_send_calls_total", e->udp.counts.send_calls},
        {"udp_send_failed_total", e->udp.counts.send_failed},
        {"udp_strangers_total", e->counts.strangers},
        {"tray_full_total", e->counts.tray_full},
        {"ipc_refused_total", e->counts.refused},
        {"ipc_unsent_total", e->counts.unsent},
        {"live_rtp_packets_in", sum.packets_in},
        {"live_rtp_packets_out", sum.packets_out},
        {"live_nacks_in", sum.nacks_in},
        {"live_packets_resent", sum.resent},
        {"live_plis_in", sum.plis_in},
        {"live_plis_out", sum.plis_out},
        {"live_padding_packets", sum.padding_out},
        {"live_limited_paths", paths.limited},
        {"live_limited_paths_bps", paths.limited_bps},
        {"live_held_slots", paths.held_slots},
    };
    for (size_t i = 0; i < COUNT_OF(row); i++)
        metric(w, row[i].name, label, row[i].value);
}
