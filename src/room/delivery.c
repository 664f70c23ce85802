/* SPDX-License-Identifier: Apache-2.0 */
#include "room/delivery.h"

#include "base/mem.h"
#include "base/read.h"
#include "base/secret.h"

#define RESUME_SIZE   16
#define HASH_SIZE     32
#define ROOM_MAX      64
#define EPOCHS_BEHIND 4 /* application messages in flight while an epoch changes */

struct pace { /* at most `most` in each window */
    usec start;
    uint16_t count;
};
struct handle {
    uint32_t number;  /* 0 free */
    uint64_t session; /* 0 while its socket is lost */
    usec lost_at;
    bool member, ready;
    uint8_t resume[RESUME_SIZE];
    struct pace knocks, commits, doors, apps;
    struct span knock; /* owned; what it waits with */
    uint8_t knock_kind;
};
struct winner {
    uint64_t epoch;
    struct span body; /* owned: the server's form of the bundle */
};
struct delivery {
    uint8_t room[ROOM_MAX];
    size_t room_n;
    const struct crypto *crypto;
    struct rng rng;
    bool has_door, exists;
    uint8_t door[HASH_SIZE];
    uint64_t epoch;
    uint32_t next_number, asked; /* asked: handle that was asked to commit last */
    usec asked_at, committed_at;
    struct pace commits;
    struct winner winner[DELIVERY_WINNERS_MAX]; /* oldest first */
    unsigned winners;
    size_t winner_bytes;
    unsigned handles, members, waiting;
    struct handle handle[DELIVERY_HANDLES_MAX];
};

struct delivery *delivery_new(struct span room, const struct crypto *crypto, const struct rng *rng, usec now)
{
    struct delivery *d = room.n <= ROOM_MAX ? mem_new(1, sizeof *d) : NULL;
    if (!d) return NULL;
    memcpy(d->room, room.p, room.n);
    d->room_n = room.n;
    d->crypto = crypto;
    d->rng = *rng;
    d->next_number = 1;
    d->committed_at = now;
    return d;
}

static void drop_bytes(struct span *s)
{
    mem_free((void *)(uintptr_t)s->p);
    *s = SPAN_NONE;
}

static enum err keep_bytes(struct span from, struct span *to)
{
    uint8_t *p = mem_new(from.n, 1);
    if (!p) return ERR_NOMEM;
    memcpy(p, from.p, from.n);
    *to = SPAN(p, from.n);
    return OK;
}

void delivery_free(struct delivery *d)
{
    if (!d) return;
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX; i++)
        drop_bytes(&d->handle[i].knock);
    for (unsigned i = 0; i < d->winners; i++)
        drop_bytes(&d->winner[i].body);
    secret_wipe(d, sizeof *d);
    mem_free(d);
}

static bool within(struct pace *p, usec now, usec window, uint16_t most)
{
    if (now - p->start >= window) *p = (struct pace){now, 0};
    if (p->count >= most) return false;
    p->count++;
    return true;
}

/* ---- saying ---- */

static struct writer say(struct delivery *d, struct news *news, size_t body_n, enum envelope_kind kind,
                         uint64_t epoch)
{
    struct writer w = news_body_open(news, body_n + ROOM_MAX + 24);
    write_u8(&w, 1);
    write_vecv(&w, SPAN(d->room, d->room_n));
    write_u64(&w, epoch);
    write_u8(&w, (uint8_t)kind);
    write_varint(&w, body_n);
    return w;
}

static void say_one(struct delivery *d, struct news *news, uint64_t session, enum envelope_kind kind,
                    uint64_t epoch, struct span body)
{
    news_envelope(news);
    if (session) news_to(news, session);
    struct writer w = say(d, news, body.n, kind, epoch);
    write_bytes(&w, body);
    news_done(news, &w);
}

/* To every member but `except` (0: to all). */
static void say_members(struct delivery *d, struct news *news, uint32_t except, enum envelope_kind kind,
                        uint64_t epoch, struct span head, struct span tail)
{
    news_envelope(news);
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX; i++) {
        const struct handle *h = &d->handle[i];
        if (h->number && h->member && h->session && h->number != except) news_to(news, h->session);
    }
    struct writer w = say(d, news, head.n + tail.n, kind, epoch);
    write_bytes(&w, head);
    write_bytes(&w, tail);
    news_done(news, &w);
}

static void refuse(struct delivery *d, struct news *news, uint64_t session, enum delivery_refusal why,
                   unsigned kind)
{
    uint8_t body[2] = {(uint8_t)why, (uint8_t)kind};
    say_one(d, news, session, ENVELOPE_REFUSED, d->epoch, SPAN_OF(body));
}

static void say_state(struct delivery *d, struct news *news, const struct handle *h)
{
    uint8_t body[8 + RESUME_SIZE + 8 + 4 * DELIVERY_MEMBERS_MAX];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    write_u32(&w, h->number);
    write_vecv(&w, SPAN(h->resume, RESUME_SIZE));
    write_u8(&w, d->exists);
    write_varint(&w, 4 * (uint64_t)d->members);
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX; i++)
        if (d->handle[i].number && d->handle[i].member) write_u32(&w, d->handle[i].number);
    say_one(d, news, h->session, ENVELOPE_STATE, d->epoch, writer_span(&w));
}

/* {uint32 from; opaque bytes<V>} split so that the bytes are not copied twice. */
static struct span head_of(uint8_t room[16], uint32_t from, size_t n, bool vector)
{
    struct writer w = writer_of(MSPAN(room, 16));
    write_u32(&w, from);
    if (vector) write_varint(&w, n);
    return writer_span(&w);
}

/* The next member in turn is asked to commit, so that nobody has to wait for the ranks. */
static void please(struct delivery *d, usec now, struct news *news)
{
    const struct handle *first = NULL, *next = NULL;
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX; i++) {
        const struct handle *h = &d->handle[i];
        if (!h->number || !h->member || !h->session) continue;
        if (!first || h->number < first->number) first = h;
        if (h->number > d->asked && (!next || h->number < next->number)) next = h;
    }
    if (!next) next = first;
    d->asked_at = now;
    if (!next) return;
    d->asked = next->number;
    say_one(d, news, next->session, ENVELOPE_PLEASE_COMMIT, d->epoch, SPAN_NONE);
}

/* ---- handles ---- */

static struct handle *by_session(struct delivery *d, uint64_t session)
{
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX; i++)
        if (d->handle[i].number && d->handle[i].session == session) return &d->handle[i];
    return NULL;
}

static struct handle *by_number(struct delivery *d, uint32_t number)
{
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX && number; i++)
        if (d->handle[i].number == number) return &d->handle[i];
    return NULL;
}

static void set_member(struct delivery *d, struct handle *h, bool member)
{
    if (h->member == member) return;
    h->member = member;
    d->members = member ? d->members + 1 : d->members - 1;
}

static void drop_knock(struct delivery *d, struct handle *h)
{
    if (!h->knock.p) return;
    drop_bytes(&h->knock);
    d->waiting--;
}

/* No member is left: the group is no more, the next to come makes a new one. */
static void end_group(struct delivery *d)
{
    for (unsigned i = 0; i < d->winners; i++)
        drop_bytes(&d->winner[i].body);
    d->winners = 0;
    d->winner_bytes = 0;
    d->exists = d->has_door = false;
    d->epoch = 0;
}

static void drop_handle(struct delivery *d, struct handle *h)
{
    drop_knock(d, h);
    set_member(d, h, false);
    secret_wipe(h, sizeof *h);
    d->handles--;
    if (!d->members) end_group(d);
}

/* Those who knocked at a group that is no more are told so, and make one. */
static void tell_waiting(struct delivery *d, struct news *news)
{
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX && !d->exists; i++) {
        struct handle *h = &d->handle[i];
        drop_knock(d, h);
        if (h->number && h->session) say_state(d, news, h);
    }
}

static struct handle *open_handle(struct delivery *d, uint64_t session)
{
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX; i++) {
        struct handle *h = &d->handle[i];
        uint8_t resume[RESUME_SIZE];
        if (h->number) continue;
        if (rng_fill(&d->rng, resume, sizeof resume)) return NULL;
        *h = (struct handle){.number = d->next_number++, .session = session};
        memcpy(h->resume, resume, sizeof resume);
        d->handles++;
        return h;
    }
    return NULL;
}

/* ---- what clients send ---- */

struct got {
    uint64_t session, epoch;
    unsigned kind;
    struct span body;
};

static bool door_opens(struct delivery *d, struct span door)
{
    uint8_t hash[HASH_SIZE];
    if (door.n != HASH_SIZE || d->crypto->hash(d->crypto->ctx, CRYPTO_SHA256, &door, 1, hash)) return false;
    if (!d->has_door) {
        memcpy(d->door, hash, sizeof hash);
        d->has_door = true;
    }
    return secret_equal(SPAN_OF(hash), SPAN_OF(d->door));
}

static struct handle *resumed(struct delivery *d, struct span resume)
{
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX && resume.n == RESUME_SIZE; i++) {
        struct handle *h = &d->handle[i];
        if (h->number && secret_equal(resume, SPAN(h->resume, RESUME_SIZE))) return h;
    }
    return NULL;
}

static void replay(struct delivery *d, struct news *news, const struct handle *h, uint64_t from)
{
    for (unsigned i = 0; i < d->winners; i++)
        if (d->winner[i].epoch >= from)
            say_one(d, news, h->session, ENVELOPE_BUNDLE, d->winner[i].epoch, d->winner[i].body);
}

/* True when the member it was before can read on. */
static bool hello(struct delivery *d, const struct got *g, struct news *news)
{
    struct reader r = reader_of(g->body);
    struct span door = read_vecv(&r), resume = read_vecv(&r);
    struct handle *h = by_session(d, g->session);
    if (read_end(&r) || h) {
        refuse(d, news, g->session, REFUSED_FORM, g->kind);
        return false;
    }
    if (!door_opens(d, door)) {
        refuse(d, news, g->session, REFUSED_DOOR, g->kind);
        return false;
    }
    h = resumed(d, resume);
    if (h) {
        h->session = g->session; /* a newer socket of the same client wins */
        h->lost_at = 0;
    } else {
        h = open_handle(d, g->session);
    }
    if (!h) {
        refuse(d, news, g->session, REFUSED_FULL, g->kind);
        return false;
    }
    say_state(d, news, h);
    if (h->member) replay(d, news, h, g->epoch);
    return h->member && h->ready;
}

static bool create(struct delivery *d, struct handle *h, struct news *news)
{
    bool first = !d->exists;
    if (first) {
        d->exists = true;
        d->epoch = 0;
        set_member(d, h, true);
        h->ready = true;
    }
    say_state(d, news, h);
    return first;
}

static void say_knock(struct delivery *d, struct news *news, const struct handle *h, uint64_t only)
{
    uint8_t room[16];
    struct span head = head_of(room, h->number, h->knock.n, true);
    if (!only) {
        say_members(d, news, h->number, h->knock_kind, d->epoch, head, h->knock);
        return;
    }
    news_envelope(news);
    news_to(news, only);
    struct writer w = say(d, news, head.n + h->knock.n, h->knock_kind, d->epoch);
    write_bytes(&w, head);
    write_bytes(&w, h->knock);
    news_done(news, &w);
}

static void knock(struct delivery *d, usec now, struct handle *h, const struct got *g, struct news *news)
{
    struct span copy;
    enum delivery_refusal why = 0;
    if (g->body.n == 0 || g->body.n > DELIVERY_KNOCK_MAX)
        why = REFUSED_SIZE;
    else if (!within(&h->knocks, now, 5 * USEC_S, 1))
        why = REFUSED_RATE;
    else if (d->waiting >= DELIVERY_KNOCKS_MAX || keep_bytes(g->body, &copy))
        why = REFUSED_FULL;
    if (why) {
        refuse(d, news, g->session, why, g->kind);
        return;
    }
    drop_knock(d, h);
    h->knock = copy;
    h->knock_kind = (uint8_t)g->kind;
    d->waiting++;
    say_knock(d, news, h, 0);
    please(d, now, news);
}

struct bundle {
    struct span commit, door_hash, added, removed;
};

static enum err parse_bundle(struct span body, struct bundle *b)
{
    struct reader r = reader_of(body);
    struct bundle got = {read_vecv(&r), read_vecv(&r), read_vecv(&r), read_vecv(&r)};
    if (read_end(&r) || got.commit.n == 0) return ERR_FORMAT;
    if (got.door_hash.n != 0 && got.door_hash.n != HASH_SIZE) return ERR_FORMAT;
    if (got.removed.n % 4) return ERR_FORMAT;
    struct reader a = reader_of(got.added);
    while (read_left(&a)) {
        read_skip(&a, 4);
        (void)read_vecv(&a);
    }
    if (read_end(&a)) return ERR_FORMAT;
    *b = got;
    return OK;
}

static unsigned count_added(const struct delivery *d, const struct bundle *b)
{
    struct reader a = reader_of(b->added);
    unsigned n = 0;
    while (read_left(&a)) {
        uint32_t number = read_u32(&a);
        (void)read_vecv(&a);
        for (unsigned i = 0; i < DELIVERY_HANDLES_MAX; i++)
            n += d->handle[i].number == number && number && !d->handle[i].member;
    }
    return n;
}

/* What members get of a winning bundle; the Welcomes go to their joiners only. */
static enum err winner_body(const struct bundle *b, uint32_t from, struct span *body)
{
    struct buf all;
    struct mspan room;
    buf_init(&all, DELIVERY_BUNDLE_MAX + 64);
    enum err e = buf_reserve(&all, b->commit.n + b->removed.n + b->added.n + 48, &room);
    if (e) return e;
    struct writer w = writer_of(room);
    struct reader a = reader_of(b->added), count = a;
    size_t added = 0;
    for (; read_left(&count); added++) {
        read_skip(&count, 4);
        (void)read_vecv(&count);
    }
    write_u32(&w, from);
    write_vecv(&w, b->commit);
    write_varint(&w, 4 * added);
    while (read_left(&a)) {
        write_u32(&w, read_u32(&a));
        (void)read_vecv(&a);
    }
    write_vecv(&w, b->removed);
    e = write_ok(&w);
    if (!e) e = keep_bytes(writer_span(&w), body);
    buf_fini(&all);
    return e;
}

static void remember(struct delivery *d, uint64_t epoch, struct span body)
{
    while (d->winners &&
           (d->winners == DELIVERY_WINNERS_MAX || d->winner_bytes + body.n > DELIVERY_WINNERS_BYTES)) {
        d->winner_bytes -= d->winner[0].body.n;
        drop_bytes(&d->winner[0].body);
        memmove(d->winner, d->winner + 1, --d->winners * sizeof d->winner[0]);
    }
    d->winner[d->winners++] = (struct winner){epoch, body};
    d->winner_bytes += body.n;
}

static void welcome_all(struct delivery *d, const struct bundle *b, uint32_t from, struct news *news)
{
    struct reader a = reader_of(b->added), first = a;
    while (read_left(&first)) { /* they wait no more: no joiner is told of another's knock */
        struct handle *h = by_number(d, read_u32(&first));
        (void)read_vecv(&first);
        if (h && (h->member || d->members < DELIVERY_MEMBERS_MAX)) drop_knock(d, h);
    }
    while (read_left(&a)) {
        uint8_t room[16];
        struct handle *h = by_number(d, read_u32(&a));
        struct span welcome = read_vecv(&a), head = head_of(room, from, welcome.n, true);
        if (!h || (!h->member && d->members >= DELIVERY_MEMBERS_MAX)) continue;
        drop_knock(d, h);
        set_member(d, h, true);
        h->ready = false;
        news_envelope(news);
        if (h->session) news_to(news, h->session);
        struct writer w = say(d, news, head.n + welcome.n, ENVELOPE_WELCOME, d->epoch);
        write_bytes(&w, head);
        write_bytes(&w, welcome);
        news_done(news, &w);
        for (unsigned i = 0; i < DELIVERY_HANDLES_MAX && h->session; i++) /* it may have to answer them */
            if (d->handle[i].knock.p) say_knock(d, news, &d->handle[i], h->session);
    }
}

static void remove_all(struct delivery *d, const struct bundle *b)
{
    struct reader r = reader_of(b->removed);
    while (read_left(&r)) {
        struct handle *h = by_number(d, read_u32(&r));
        if (!h) continue;
        set_member(d, h, false);
        if (!h->session) drop_handle(d, h);
    }
}

/* Whoever came by the old door and is not in yet stays out. */
static void new_door(struct delivery *d, struct span hash, struct news *news)
{
    memcpy(d->door, hash.p, HASH_SIZE);
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX; i++) {
        struct handle *h = &d->handle[i];
        if (!h->number || h->member) continue;
        if (h->session) refuse(d, news, h->session, REFUSED_DOOR, ENVELOPE_HELLO);
        drop_handle(d, h);
    }
}

static void bundle(struct delivery *d, usec now, struct handle *h, const struct got *g, struct news *news)
{
    struct bundle b;
    struct span body = SPAN_NONE;
    enum delivery_refusal why = 0;
    if (g->body.n > DELIVERY_BUNDLE_MAX)
        why = REFUSED_SIZE;
    else if (parse_bundle(g->body, &b))
        why = REFUSED_FORM;
    else if (!h->member)
        why = REFUSED_OUTSIDE;
    else if (g->epoch > d->epoch)
        why = REFUSED_EPOCH;
    else if (!within(b.door_hash.n ? &h->doors : &h->commits, now, 10 * USEC_S, 4) ||
             !within(&d->commits, now, USEC_S, 4))
        why = REFUSED_RATE;
    if (!why && g->epoch < d->epoch) { /* somebody was first; the winner is on its way or there */
        say_one(d, news, g->session, ENVELOPE_CONFLICT, d->epoch, SPAN_NONE);
        return;
    }
    if (!why && d->members + count_added(d, &b) > DELIVERY_MEMBERS_MAX) why = REFUSED_FULL;
    if (!why && winner_body(&b, h->number, &body)) why = REFUSED_FULL;
    if (why) {
        refuse(d, news, g->session, why, g->kind);
        return;
    }
    uint32_t from = h->number;
    say_members(d, news, 0, ENVELOPE_BUNDLE, d->epoch, body, SPAN_NONE);
    remember(d, d->epoch, body);
    d->epoch++;
    d->committed_at = now;
    welcome_all(d, &b, from, news);
    remove_all(d, &b);
    if (b.door_hash.n) new_door(d, b.door_hash, news);
}

static void app(struct delivery *d, usec now, struct handle *h, const struct got *g, struct news *news)
{
    uint8_t room[16];
    enum delivery_refusal why = 0;
    if (!h->member)
        why = REFUSED_OUTSIDE;
    else if (g->body.n == 0 || g->body.n > DELIVERY_APP_MAX)
        why = REFUSED_SIZE;
    else if (g->epoch > d->epoch || d->epoch - g->epoch > EPOCHS_BEHIND)
        why = REFUSED_EPOCH;
    else if (!within(&h->apps, now, USEC_S, 20))
        why = REFUSED_RATE;
    if (why)
        refuse(d, news, g->session, why, g->kind);
    else
        say_members(d, news, h->number, ENVELOPE_APP, g->epoch, head_of(room, h->number, g->body.n, true),
                    g->body);
}

static bool take_ready(struct delivery *d, struct handle *h, const struct got *g, struct news *news)
{
    uint8_t room[16];
    if (!h->member || g->epoch > d->epoch || g->body.n) {
        refuse(d, news, g->session, h->member ? REFUSED_EPOCH : REFUSED_OUTSIDE, g->kind);
        return false;
    }
    say_members(d, news, h->number, ENVELOPE_READY, g->epoch, head_of(room, h->number, 0, false), SPAN_NONE);
    bool first = !h->ready;
    h->ready = true;
    return first;
}

static enum err parse(const struct delivery *d, struct span envelope, struct got *g)
{
    struct reader r = reader_of(envelope);
    uint8_t v = read_u8(&r);
    struct span room = read_vecv(&r);
    g->epoch = read_u64(&r);
    g->kind = read_u8(&r);
    g->body = read_vecv(&r);
    if (read_end(&r) || v != 1 || !span_equal(room, SPAN(d->room, d->room_n))) return ERR_FORMAT;
    return OK;
}

void delivery_receive(struct delivery *d, usec now, uint64_t session, struct span envelope, struct news *news,
                      bool *ready)
{
    struct got g = {.session = session};
    *ready = false;
    if (parse(d, envelope, &g)) {
        refuse(d, news, session, REFUSED_FORM, 0);
        return;
    }
    struct handle *h = by_session(d, session);
    if (g.kind == ENVELOPE_HELLO) {
        *ready = hello(d, &g, news);
        return;
    }
    if (!h) {
        refuse(d, news, session, REFUSED_OUTSIDE, g.kind);
        return;
    }
    switch (g.kind) {
    case ENVELOPE_CREATE:
        *ready = create(d, h, news);
        break;
    case ENVELOPE_KNOCK:
    case ENVELOPE_RESYNC:
        knock(d, now, h, &g, news);
        break;
    case ENVELOPE_BUNDLE:
        bundle(d, now, h, &g, news);
        break;
    case ENVELOPE_APP:
        app(d, now, h, &g, news);
        break;
    case ENVELOPE_READY:
        *ready = take_ready(d, h, &g, news);
        break;
    default:
        refuse(d, news, session, REFUSED_FORM, g.kind);
    }
}

static void say_gone(struct delivery *d, usec now, struct handle *h, uint8_t why, struct news *news)
{
    uint8_t body[5];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    bool member = h->member;
    write_u32(&w, h->number);
    write_u8(&w, why);
    drop_handle(d, h);
    if (!member) return;
    tell_waiting(d, news);
    say_members(d, news, 0, ENVELOPE_GONE, d->epoch, writer_span(&w), SPAN_NONE);
    please(d, now, news);
}

void delivery_gone(struct delivery *d, usec now, uint64_t session, bool left, struct news *news)
{
    struct handle *h = by_session(d, session);
    if (!h) return;
    h->session = 0;
    h->lost_at = now;
    if (left || !h->member) say_gone(d, now, h, left ? 1 : 2, news);
}

void delivery_tick(struct delivery *d, usec now, struct news *news)
{
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX; i++) {
        struct handle *h = &d->handle[i];
        if (h->number && !h->session && now >= h->lost_at + DELIVERY_LOST_US) say_gone(d, now, h, 2, news);
    }
    if (d->waiting && now >= d->asked_at + DELIVERY_PLEASE_US) please(d, now, news);
    if (d->members && now >= d->committed_at + DELIVERY_REKEY_US) {
        d->committed_at = now;
        please(d, now, news);
    }
}

usec delivery_wake(const struct delivery *d)
{
    usec at = d->members ? d->committed_at + DELIVERY_REKEY_US : USEC_NEVER;
    if (d->waiting) at = usec_min(at, d->asked_at + DELIVERY_PLEASE_US);
    for (unsigned i = 0; i < DELIVERY_HANDLES_MAX; i++)
        if (d->handle[i].number && !d->handle[i].session)
            at = usec_min(at, d->handle[i].lost_at + DELIVERY_LOST_US);
    return at;
}

uint64_t delivery_epoch(const struct delivery *d)
{
    return d->epoch;
}
unsigned delivery_members(const struct delivery *d)
{
    return d->members;
}
