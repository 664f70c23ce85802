/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keeper_inner.h"

#include "app/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "wire/base64url.h"

#include <stdio.h>
#include <assert.h>

#define MEMBERS_DEFAULT 500
#define OPEN_TO_ALL     (CAN_PUBLISH | CAN_SUBSCRIBE | CAN_CHAT | CAN_SHARE)
#define DEV_STAY_MS     (INT64_C(365) * 86400 * 1000)
#define MINUTE_S        60

bool ask_rate(struct keeper *k, struct span from, uint32_t per_minute, uint32_t burst)
{
    uint64_t key = map_hash(k->rate_seed, from);
    struct rate_slot *s = &k->rate[key % RATE_SLOTS];
    uint64_t full = (uint64_t)burst * 1000;
    if (s->key != key && usec_since(k->now, s->at) > MINUTE_S * USEC_S)
        *s = (struct rate_slot){key, k->now, (uint32_t)full};
    uint64_t got = usec_since(k->now, s->at) * per_minute * 1000 / (MINUTE_S * USEC_S);
    uint64_t have = s->tokens + got > full ? full : s->tokens + got;
    if (got) s->at = k->now; /* else the fraction would be lost each time */
    s->tokens = (uint32_t)have;
    if (have < 1000) return false;
    s->tokens -= 1000;
    return true;
}

enum err random_handle(struct keeper *k, char text[23])
{
    uint8_t b[16];
    enum err e = rng_fill(&k->conf.rng, b, sizeof b);
    struct writer w = writer_of(MSPAN(text, 22));
    base64url_write(&w, SPAN_OF(b));
    text[22] = 0;
    return e;
}

void room_defaults(const struct keeper *k, struct span name, struct room_row_db *r)
{
    *r = (struct room_row_db){.of_class = CLASS_GOVERNED,
                              .rule = k->conf.config->dev ? RULE_LINK : RULE_TOKEN,
                              .open = OPEN_TO_ALL,
                              .recording = RECORDING_ALLOWED,
                              .members_max = MEMBERS_DEFAULT,
                              .next_member = 1,
                              .created_ms = k->conf.wall().ms};
    memcpy(r->name, name.p, name.n < sizeof r->name ? name.n : sizeof r->name - 1);
}

static void token_facts(struct keeper *k, struct asking *a, struct span text)
{
    enum err e = text.n ? ERR_STATE : OK;
    if (text.n && k->keys.count) e = token_open(k->conf.crypto, &k->keys, text, k->conf.wall(), &a->token);
    a->facts.who.token = text.n && e == OK;
    a->facts.who.expired = e == ERR_EXPIRED;
    a->facts.who.bad = e != OK && e != ERR_EXPIRED;
    if (!a->facts.who.token) return;
    snprintf(a->who, sizeof a->who, "%s", a->token.subject);
    a->facts.who.can = a->token.can;
    a->facts.who.guest = a->token.kind == TOKEN_GUEST;
    a->facts.who.all_rooms = strcmp(a->token.room, TOKEN_ROOM_ANY) == 0;
    a->facts.who.this_room = a->room[0] && strcmp(a->token.room, a->room) == 0;
}

static void room_facts(struct keeper *k, struct asking *a, struct span room)
{
    enum err e = store_room(&k->store, room, &k->room);
    struct facts *f = &a->facts;
    f->room.named = room.n > 0;
    f->room.there = e == OK;
    if (e && e != ERR_UNKNOWN) f->audit = false; /* a store that can't be read can't be trusted to write */
    if (e) return;
    int64_t now = k->conf.wall().ms;
    f->room.locked = k->room.locked;
    f->room.over = k->room.not_after_ms && now >= k->room.not_after_ms;
    f->room.of_class = k->room.of_class;
    f->room.rule = k->room.rule;
    f->room.open = k->room.open;
    f->room.members_max = k->room.members_max;
    f->room.recording = (enum recording_rule)k->room.recording;
    const struct place *at = place_of(k, room, false);
    f->room.members = at ? at->members : 0;
    if (!f->who.token) return;
    /* whole seconds in the token: one made in the room's first second is good */
    f->who.too_old = !f->who.all_rooms && a->token.issued < k->room.created_ms / 1000;
    enum err barred = OK;
    f->who.barred = store_barred(&k->store, room, span_str(a->token.subject), &barred);
    if (barred) f->audit = false;
}

void ask_begin(struct keeper *k, struct asking *a, enum verb verb, struct span token, struct span room,
               struct span from)
{
    *a = (struct asking){.facts = {.verb = verb, .dev = k->conf.config->dev, .audit = true}};
    snprintf(a->who, sizeof a->who, "-");
    if (room.n && room.n < sizeof a->room) memcpy(a->room, room.p, room.n);
    if (from.n) memcpy(a->from, from.p, from.n < sizeof a->from ? from.n : sizeof a->from - 1);
    token_facts(k, a, token);
    room_facts(k, a, room);
}

static enum err write_row(struct keeper *k, struct asking *a, const char *object, bool allowed, uint16_t rule)
{
    struct audit_row row = {a->who, verb_name(a->facts.verb), a->room, object, a->from, allowed, rule};
    enum err e = store_begin(&k->store);
    if (!e) e = store_audit(&k->store, k->conf.wall(), &row);
    if (e) {
        store_rollback(&k->store);
        k->counts.audit_failed++;
        log_event(LOG_ERROR, "audit.failed", "why=\"%s\"", err_text(e));
    }
    return e;
}

bool ask_decide(struct keeper *k, struct asking *a, const char *object)
{
    a->rule = rights_decide(&a->facts, &a->verdict);
    if (a->rule->status == 429 || a->rule->number == 1) return false; /* a flood is counted, not written */
    if (write_row(k, a, object, a->verdict.allowed, a->rule->number)) {
        a->facts.audit = false;
        a->rule = rights_decide(&a->facts, &a->verdict);
        return false;
    }
    if (a->verdict.allowed) return true;
    k->counts.refused++;
    if (store_commit(&k->store)) k->counts.audit_failed++;
    return false;
}

#define RULE_FORM 100 /* in the trail: the request itself was not good */
void ask_refuse(struct keeper *k, struct asking *a, const char *object)
{
    k->counts.refused++;
    if (write_row(k, a, object, false, RULE_FORM) == OK && store_commit(&k->store)) k->counts.audit_failed++;
}

/* --- entering --- */

static void answer_join(struct keeper *k, uint64_t session, enum join_result result, uint16_t engine,
                        uint16_t status, const char *code, const char *title)
{
    uint8_t body[512];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_join_answer(
        &w, &(struct ipc_join_answer){(uint8_t)result, engine, status, span_str(code), span_str(title)});
    (void)k->conf.send(k->conf.ctx, ROLE_FRONT, 0, IPC_JOIN_ANSWER, session, writer_span(&w));
}

static void refuse_join(struct keeper *k, uint64_t session, const struct rule_text *r)
{
    answer_join(k, session, JOIN_REFUSED, 0, r->status, r->code, r->reason);
}

static void unavailable(struct keeper *k, uint64_t session)
{
    answer_join(k, session, JOIN_REFUSED, 0, 503, "unavailable",
                "A part of the server is down. Try again in a moment.");
}

/* The engine hears of it before front does, so that a message of the session finds it there. */
static bool admit(struct keeper *k, struct person *p, const struct verdict *v)
{
    uint8_t body[2048], relays[1024];
    struct writer w = writer_of(MSPAN(body, sizeof body)), ice = writer_of(MSPAN(relays, sizeof relays));
    tokens_relays(k, v, &ice);
    struct ipc_admit m = {.verdict = *v, .member = p->number, .entry = p->entry, .ice = writer_span(&ice)};
    put_ipc_admit(&w, &m);
    secret_wipe(relays, sizeof relays);
    people_relay(k, span_str(v->room), SPAN_NONE, false);
    if (v->subject[0]) people_relay(k, span_str(v->room), span_str(v->subject), false);
    if (w.bad || !k->conf.send(k->conf.ctx, ROLE_ENGINE, p->engine, IPC_ADMIT, p->session, writer_span(&w)))
        return false;
    answer_join(k, p->session, JOIN_ADMITTED, p->engine, 200, "", "");
    return true;
}

/* Takes a number in the room and lets the person in; the transaction is open and is ended here. */
static enum err let_in(struct keeper *k, struct person *p, struct place *at, const struct verdict *v,
                       uint32_t number)
{
    enum err e = place_engine(k, at);
    if (!e) e = store_change(&k->store, Q_ROOM_NEXT, span_str(at->name), SPAN_NONE);
    if (e)
        store_rollback(&k->store);
    else
        e = store_commit(&k->store);
    if (e) return e;
    p->state = PERSON_IN;
    p->number = number;
    p->engine = at->engine;
    at->members++;
    k->inside++;
    k->engine_load[at->engine]++;
    k->counts.joins++;
    if (!admit(k, p, v)) return ERR_UNKNOWN;
    record_let_in(k, at, p);
    return OK;
}

static void fill_verdict(struct keeper *k, struct asking *a)
{
    struct verdict *v = &a->verdict;
    int64_t now = k->conf.wall().ms;
    snprintf(v->room, sizeof v->room, "%s", a->room);
    if (a->facts.who.token) {
        snprintf(v->subject, sizeof v->subject, "%s", a->token.subject);
        v->expires.ms = a->token.kind == TOKEN_GUEST ? now + GUEST_STAY_MS : a->token.expires * 1000;
        if (v->room_class == CLASS_GOVERNED) snprintf(v->name, sizeof v->name, "%s", a->token.name);
    } else {
        char handle[23] = "";
        if (random_handle(k, handle)) handle[0] = 0;
        snprintf(v->subject, sizeof v->subject, "%s", a->label[0] ? a->label : handle);
        snprintf(v->name, sizeof v->name, "%s", a->label[0] ? a->label : "guest");
        v->expires.ms = now + DEV_STAY_MS;
    }
    if (k->room.not_after_ms && v->expires.ms > k->room.not_after_ms) v->expires.ms = k->room.not_after_ms;
}

static void take_in(struct keeper *k, uint64_t session, struct asking *a, uint8_t entry)
{
    struct place *at = place_of(k, span_str(a->room), true);
    struct person *p = NULL;
    enum err e = at ? people_add(k, session, at, &p) : ERR_FULL;
    if (e) {
        store_rollback(&k->store);
        unavailable(k, session);
        return;
    }
    fill_verdict(k, a);
    p->entry = entry;
    p->verdict = a->verdict;
    p->can =
        a->rule->waits ? a->token.can : a->verdict.can; /* who waits is judged again, by the whole grant */
    p->moderator = (p->can & CAN_MODERATE) != 0;
    p->since_ms = k->conf.wall().ms;
    p->expires_ms = a->verdict.expires.ms;
    memcpy(p->name, a->verdict.name, sizeof p->name);
    memcpy(p->subject, a->verdict.subject, sizeof p->subject);
    if (a->rule->waits) {
        p->state = PERSON_WAITING;
        p->number = ++at->next_knock;
        at->waiting++;
        k->waiting++;
        answer_join(k, session, JOIN_WAITING, 0, 202, "waiting", a->rule->reason);
        people_knocks(k, at);
        return;
    }
    e = let_in(k, p, at, &a->verdict, k->room.next_member);
    if (e) {
        people_drop(k, p);
        unavailable(k, session);
    } else if (p->moderator && at->waiting) {
        people_knocks(k, at);
    }
}

/* With --dev --listen-plain, WHIP and WHEP make the room they name. */
static void make_on_demand(struct keeper *k, struct span room, struct span from)
{
    struct asking a;
    if (!room_name_valid(room)) return;
    ask_begin(k, &a, VERB_CREATE, SPAN_NONE, room, from);
    a.facts.object.of_class = CLASS_GOVERNED;
    if (a.facts.room.there || !ask_decide(k, &a, "governed")) return;
    static struct room_row_db r;
    room_defaults(k, room, &r);
    if (store_room_add(&k->store, &r))
        store_rollback(&k->store);
    else if (store_commit(&k->store) == OK)
        log_event(LOG_INFO, "room.made", "room=%s", log_name(room).text);
}

/* On the plain development listener a bearer that is no token (it has no dots) is just a name: who publishes and
 * watches under one name is one person, as in benches. */
static bool plain_label(struct span bearer)
{
    if (bearer.n == 0 || bearer.n > PLAIN_LABEL_MAX) return false;
    for (size_t i = 0; i < bearer.n; i++) {
        uint8_t c = bearer.p[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                      c == '-' || c == '_';
        if (!letter) return false;
    }
    return true;
}

void join_message(struct keeper *k, uint64_t session, struct span body)
{
    struct ipc_join m;
    struct asking a;
    if (get_ipc_join(body, &m)) return;
    /* front sends a second join of a session only when its engine died: it may know that sooner than we do */
    if (people_of(k, session)) people_drop(k, people_of(k, session));
    bool plain = m.plain_dev && k->conf.config->dev && (m.entry == ENTRY_WHIP || m.entry == ENTRY_WHEP) &&
                 (m.token.n == 0 || plain_label(m.token));
    if (plain) make_on_demand(k, m.room, m.from);
    ask_begin(k, &a, VERB_JOIN, plain ? SPAN_NONE : m.token, m.room, m.from);
    if (plain && m.token.n) memcpy(a.label, m.token.p, m.token.n);
    a.facts.who.plain_dev = plain;
    a.facts.room.named = true;
    if (k->draining || !k->vault || !k->settled) {
        unavailable(k, session);
        return;
    }
    bool yes = ask_decide(k, &a, "");
    if (!yes && !a.rule->waits) {
        refuse_join(k, session, a.rule);
        return;
    }
    take_in(k, session, &a, m.entry);
}

/* --- acting from inside --- */

void act_answer(struct keeper *k, uint64_t session, uint32_t id, const char *code, const char *title)
{
    uint8_t body[512];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_act_answer(&w, &(struct ipc_act_answer){id, span_str(code), span_str(title)});
    (void)k->conf.send(k->conf.ctx, ROLE_FRONT, 0, IPC_ACT_ANSWER, session, writer_span(&w));
}

static void tell_engine(struct keeper *k, const struct place *at, const struct ipc_room_set *m)
{
    uint8_t body[512];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_room_set(&w, m);
    if (at->running && !w.bad)
        (void)k->conf.send(k->conf.ctx, ROLE_ENGINE, at->engine, IPC_ROOM_SET, 0, writer_span(&w));
}

void room_end(struct keeper *k, struct span room, const char *reason, const char *title, uint32_t by)
{
    struct place *at = place_of(k, room, false);
    if (!at) return;
    uint32_t i = (uint32_t)(at - k->place);
    tell_engine(k, at, &(struct ipc_room_set){.what = ROOM_SET_END, .room = room, .by = by});
    while (k->place[i].used && k->place[i].first)
        people_expel(k, &k->person[k->place[i].first], reason, title, by);
}

static enum verb verb_of(uint8_t message)
{
    switch (message) {
    case ROOM_KICK:
        return VERB_KICK;
    case ROOM_MUTE_MEMBER:
        return VERB_MUTE;
    case ROOM_LOCK:
        return VERB_LOCK;
    case ROOM_ADMIT:
        return VERB_ADMIT;
    case ROOM_END:
        return VERB_END;
    default:
        return VERB_NONE;
    }
}

/* What the store has to change for an act. */
static enum err act_store(struct keeper *k, const struct ipc_act *m, const struct place *at,
                          const struct person *object)
{
    struct span room = span_str(at->name);
    if (m->message == ROOM_KICK)
        return store_bar(&k->store, room, span_str(object->subject), span_str(object->name), k->conf.wall());
    if (m->message == ROOM_LOCK) return store_lock(&k->store, room, m->flag);
    if (m->message == ROOM_END) return store_lock(&k->store, room, false);
    return OK;
}

static void act_admit(struct keeper *k, struct person *object, struct place *at, bool flag)
{
    struct facts f = {.verb = VERB_JOIN, .audit = true};
    struct room_row_db *r = &k->room;
    assert(object); /* policy says no to what is not there */
    if (!flag) {
        people_expel(k, object, "denied", "You were not let in.", 0);
    } else if (store_begin(&k->store)) {
        people_expel(k, object, "denied", "A part of the server is down. Try again in a moment.", 0);
    } else {
        /* who waited is judged again: by the room as it is now, and by what the token granted */
        f.who.token = f.who.this_room = f.who.admitted = true;
        f.who.can = object->can;
        f.room.named = f.room.there = true;
        f.room.of_class = r->of_class;
        f.room.rule = r->rule;
        f.room.open = r->open;
        f.room.members = at->members;
        f.room.members_max = r->members_max;
        struct verdict v;
        const struct rule_text *by = rights_decide(&f, &v);
        struct verdict keep = object->verdict;
        keep.allowed = v.allowed;
        keep.can = v.can;
        keep.rule = v.rule;
        struct audit_row row = {object->subject, "join", at->name, "", "", v.allowed, by->number};
        bool written = store_audit(&k->store, k->conf.wall(), &row) == OK;
        at->waiting--;
        k->waiting--;
        object->state = PERSON_FREE;
        if (!written) store_rollback(&k->store);
        if (!written || !v.allowed || let_in(k, object, at, &keep, r->next_member)) {
            if (v.allowed || !written)
                unavailable(k, object->session);
            else if (store_commit(&k->store) == OK)
                refuse_join(k, object->session, by);
            people_drop(k, object);
        }
    }
}

static void act_do(struct keeper *k, struct person *actor, const struct ipc_act *m, struct person *object)
{
    uint32_t room = actor->room, by = actor->number;
    struct place *at = &k->place[room];
    char name[65];
    memcpy(name, at->name, sizeof name);
    switch (m->message) {
    case ROOM_KICK:
        k->counts.kicked++;
        /* every session of the person goes, not only this one */
        for (struct person *p = people_next(k, at, NULL), *next; p; p = next) {
            char subject[65];
            next = people_next(k, at, p);
            memcpy(subject, object->subject, sizeof subject);
            if (p != object && strcmp(p->subject, subject) == 0 && p != actor)
                people_expel(k, p, "kicked", "A moderator removed you.", by);
        }
        people_expel(k, object, "kicked", "A moderator removed you.", by);
        break;
    case ROOM_MUTE_MEMBER:
        tell_engine(k, at,
                    &(struct ipc_room_set){.what = ROOM_SET_MUTE,
                                           .room = span_str(name),
                                           .by = by,
                                           .member = m->member,
                                           .flag = true,
                                           .source = m->source});
        break;
    case ROOM_LOCK:
        tell_engine(
            k, at,
            &(struct ipc_room_set){.what = ROOM_SET_LOCK, .room = span_str(name), .by = by, .flag = m->flag});
        break;
    case ROOM_ADMIT:
        act_admit(k, object, at, m->flag);
        break;
    case ROOM_END:
        room_end(k, span_str(name), "ended", "The meeting was ended for everyone.", by);
        break;
    default:
        break;
    }
    at = place_of(k, span_str(name), false);
    if (m->message == ROOM_ADMIT && at) people_knocks(k, at);
}

void act_facts(struct keeper *k, struct asking *a, const struct person *actor, const struct place *at)
{
    ask_begin(k, a, VERB_NONE, SPAN_NONE, span_str(at->name), SPAN_NONE);
    /* who is inside was let in by a token that was checked then; the engine's verdict ends with it */
    a->facts.who.token = a->facts.who.this_room = true;
    a->facts.who.can = actor->can;
    snprintf(a->who, sizeof a->who, "%s", actor->subject);
    enum err e = OK;
    a->facts.who.barred = store_barred(&k->store, span_str(at->name), span_str(actor->subject), &e);
    a->facts.who.expired = actor->expires_ms <= k->conf.wall().ms;
    if (e) a->facts.audit = false;
}

void act_message(struct keeper *k, uint64_t session, struct span body)
{
    struct ipc_act m;
    struct asking a;
    char object_name[80] = "";
    struct person *actor = people_of(k, session), *object = NULL;
    if (get_ipc_act(body, &m)) return;
    k->counts.acts++;
    if (!actor || actor->state != PERSON_IN) {
        act_answer(k, session, m.id, "not_joined", "Join the room first.");
        return;
    }
    struct place *at = &k->place[actor->room];
    act_facts(k, &a, actor, at);
    a.facts.verb = verb_of(m.message);
    bool about_somebody = m.message == ROOM_KICK || m.message == ROOM_MUTE_MEMBER || m.message == ROOM_ADMIT;
    if (about_somebody) {
        object = people_member(k, at, m.member, m.message == ROOM_ADMIT ? PERSON_WAITING : PERSON_IN);
        a.facts.object.there = object != NULL;
        a.facts.object.self = object && (object == actor || strcmp(object->subject, actor->subject) == 0);
        if (object) snprintf(object_name, sizeof object_name, "%s", object->subject);
    }
    if (!ask_decide(k, &a, object_name)) {
        act_answer(k, session, m.id, a.rule->code, a.rule->reason);
        return;
    }
    assert(object || !about_somebody); /* policy says no to what is not there */
    enum err e = act_store(k, &m, at, object);
    if (e)
        store_rollback(&k->store);
    else
        e = store_commit(&k->store);
    if (e) {
        act_answer(k, session, m.id, "unavailable",
                   "This could not be written down, so it was not done. Try again.");
        return;
    }
    act_answer(k, session, m.id, "", "");
    act_do(k, actor, &m, object);
}
