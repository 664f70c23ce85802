/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keeper_inner.h"

#include "base/secret.h"
#include "core/turn_auth.h"

#include <stdio.h>

#define TTL_DEFAULT_S 3600

/* --- signing by the vault --- */

static struct pending *pending_free(struct keeper *k)
{
    for (unsigned i = 0; i < KEEPER_PENDING_MAX; i++)
        if (!k->pending[i].used) return &k->pending[i];
    return NULL;
}

static void keep_part(uint8_t *dst, uint32_t *n, size_t max, struct span s)
{
    *n = (uint32_t)(s.n < max ? s.n : max);
    if (*n) memcpy(dst, s.p, *n);
}

void token_issue(struct question *q, const struct token *t, struct span before, struct span after,
                 const char *location)
{
    struct keeper *k = q->k;
    struct pending *p = pending_free(k);
    static uint8_t body[TOKEN_BYTES_MAX + 1];
    if (!p || before.n > sizeof p->before || after.n > sizeof p->after) {
        api_unavailable(q);
        return;
    }
    struct writer w = writer_of(MSPAN(body, sizeof body));
    write_u8(&w, 1); /* SIGN_TOKEN */
    token_write(&w, t, k->keys.kid[0]);
    if (w.bad || !k->vault) {
        api_unavailable(q);
        return;
    }
    *p = (struct pending){.used = true, .id = k->next_pending++, .origin = q->origin, .status = 201};
    keep_part(p->before, &p->before_n, sizeof p->before, before);
    keep_part(p->text, &p->unsigned_n, sizeof p->text, SPAN(body + 1, w.n - 1));
    keep_part(p->after, &p->after_n, sizeof p->after, after);
    snprintf(p->location, sizeof p->location, "%s", location);
    uint64_t id = p->id; /* the answer may come inside the call */
    if (!k->conf.send(k->conf.ctx, ROLE_VAULT, 0, IPC_SIGN, id, writer_span(&w))) {
        p->used = false;
        api_unavailable(q);
    }
}

void token_signed(struct keeper *k, uint64_t id, struct span signature)
{
    for (unsigned i = 0; i < KEEPER_PENDING_MAX; i++) {
        struct pending *p = &k->pending[i];
        if (!p->used || p->id != id) continue;
        struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
        write_bytes(&w, SPAN(p->before, p->before_n));
        write_bytes(&w, SPAN(p->text, p->unsigned_n));
        token_finish(&w, signature);
        write_bytes(&w, SPAN(p->after, p->after_n));
        if (signature.n == 64 && !w.bad) {
            api_answer(k, p->origin, p->status, "application/json", p->location, writer_span(&w));
        } else {
            struct question q = {.k = k, .origin = p->origin};
            api_unavailable(&q);
        }
        secret_wipe(p, sizeof *p);
        return;
    }
}

/* --- what to sign --- */

struct wanted { /* a request for a token, as its body says it */
    char name[129], subject[65], kind[9];
    uint32_t can;
    uint64_t ttl_s;
    bool has_can;
    const char *fault; /* the field that is wrong */
};

/* "90s", "15m", "1h", "2d" or seconds. */
static bool read_ttl(struct span s, uint64_t *out)
{
    uint64_t v = 0, unit = 1;
    if (s.n > 1) {
        uint8_t last = s.p[s.n - 1];
        unit = last == 's' ? 1 : last == 'm' ? 60 : last == 'h' ? 3600 : last == 'd' ? 86400 : 0;
        if (unit) s.n--;
        if (!unit) unit = 1;
    }
    if (s.n == 0 || s.n > 9) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        v = v * 10 + (uint64_t)(s.p[i] - '0');
    }
    *out = v * unit;
    return true;
}

static enum err take_rights(struct json *j, uint32_t *can)
{
    struct json_token t;
    char word[16];
    struct span out;
    enum err e = json_expect(j, JSON_ARRAY, &t);
    while (!e) {
        e = json_next(j, &t);
        if (e || t.kind == JSON_ARRAY_END) break;
        e = json_text(&t, MSPAN(word, sizeof word), &out);
        uint32_t bit = e ? 0 : can_by_name(out);
        if (!bit) return ERR_RANGE;
        *can |= bit;
    }
    return e;
}

static enum err take_ttl(struct json *j, uint64_t *ttl)
{
    struct json_token t;
    char word[16];
    struct span out;
    enum err e = json_next(j, &t);
    if (e) return e;
    if (t.kind == JSON_NUMBER) return json_uint(&t, TOKEN_TTL_MAX_S, ttl);
    e = json_text(&t, MSPAN(word, sizeof word), &out);
    return e ? e : read_ttl(out, ttl) ? OK : ERR_FORMAT;
}

static enum err read_wanted(struct span body, struct wanted *x)
{
    static struct json j;
    struct json_token t;
    *x = (struct wanted){.ttl_s = TTL_DEFAULT_S, .kind = "person"};
    if (body.n == 0) return OK;
    json_init(&j, body);
    enum err e = json_expect(&j, JSON_OBJECT, &t);
    while (!e) {
        e = json_next(&j, &t);
        if (e || t.kind == JSON_OBJECT_END) break;
        if (json_is(&t, "name")) {
            e = json_take_text(&j, x->name, sizeof x->name);
            if (e || (x->name[0] && !person_name_valid(span_str(x->name)))) x->fault = "name";
        } else if (json_is(&t, "subject")) {
            e = json_take_text(&j, x->subject, sizeof x->subject);
            if (e || !x->subject[0]) x->fault = "subject";
        } else if (json_is(&t, "kind")) {
            e = json_take_text(&j, x->kind, sizeof x->kind);
            if (e || (strcmp(x->kind, "person") != 0 && strcmp(x->kind, "machine") != 0)) x->fault = "kind";
        } else if (json_is(&t, "can")) {
            x->has_can = true;
            e = take_rights(&j, &x->can);
            if (e) x->fault = "can";
        } else if (json_is(&t, "ttl")) {
            e = take_ttl(&j, &x->ttl_s);
            if (e || x->ttl_s == 0 || x->ttl_s > TOKEN_TTL_MAX_S) x->fault = "ttl";
        } else {
            x->fault = "?";
        }
        if (x->fault) return ERR_RANGE;
    }
    return e ? e : json_expect(&j, JSON_END, &t);
}

static enum err fill_token(struct keeper *k, const char *room, const struct wanted *x, struct token *t)
{
    char handle[23];
    *t =
        (struct token){.kind = strcmp(x->kind, "machine") == 0 ? TOKEN_MACHINE : TOKEN_PERSON, .can = x->can};
    enum err e = random_handle(k, handle);
    if (e) return e;
    snprintf(t->id, sizeof t->id, "%s", handle);
    if (x->subject[0])
        snprintf(t->subject, sizeof t->subject, "%s", x->subject);
    else if ((e = random_handle(k, handle)) == OK)
        snprintf(t->subject, sizeof t->subject, "%s", handle);
    snprintf(t->room, sizeof t->room, "%s", room);
    snprintf(t->name, sizeof t->name, "%s", x->name);
    t->issued = k->conf.wall().ms / 1000;
    t->expires = t->issued + (int64_t)x->ttl_s;
    return e;
}

/* Stores who got a token, ends the transaction, has it signed. */
static void give(struct question *q, const struct token *t)
{
    uint8_t after[512];
    struct keeper *k = q->k;
    struct writer w = writer_of(MSPAN(after, sizeof after));
    enum err e = store_subject(&k->store, t);
    if (e)
        store_rollback(&k->store);
    else
        e = store_commit(&k->store);
    if (e) {
        api_unavailable(q);
        return;
    }
    write_str(&w, "\",\"subject\":");
    json_write_str(&w, t->subject);
    write_str(&w, ",\"expires\":");
    write_dec(&w, (uint64_t)t->expires);
    write_str(&w, "}\n");
    token_issue(q, t, SPAN_LIT("{\"token\":\""), writer_span(&w), "");
}

static void form_fault(struct question *q, const char *field)
{
    ask_refuse(q->k, &q->a, "");
    if (strcmp(field, "?") == 0)
        api_problem(q, 422, "bad_message", "The request holds a member that is not known here.", "");
    else
        api_problem(q, 422, "bad_message", "This field is missing or has a value that is not allowed.",
                    field);
}

void api_token_make(struct question *q)
{
    struct wanted x;
    struct token t;
    struct keeper *k = q->k;
    enum err e = read_wanted(q->ask->body, &x);
    if (!x.has_can) x.can = CAN_JOIN | CAN_PUBLISH | CAN_SUBSCRIBE | CAN_CHAT | CAN_SHARE;
    x.can |= CAN_JOIN;
    bool any = q->a.facts.who.operator_ && span_equal(q->ask->room, SPAN_LIT(TOKEN_ROOM_ANY));
    if (any) q->a.facts.room.named = false;
    q->a.facts.object.exceeds = (x.can & ~(q->a.facts.who.can | CAN_JOIN)) != 0;
    /* who may not ask at all does not learn what was wrong with the form */
    struct verdict v;
    const struct rule_text *r = rights_decide(&q->a.facts, &v);
    if (r->allows && e) {
        if (x.fault)
            form_fault(q, x.fault);
        else
            form_fault(q, "?");
        return;
    }
    if (r->allows && !any && k->room.of_class != CLASS_GOVERNED && x.name[0]) {
        ask_refuse(k, &q->a, "");
        api_problem(q, 422, "bad_message",
                    "In this class of room names never reach the server. Leave it out.", "name");
        return;
    }
    if (!ask_decide(k, &q->a, x.subject)) {
        api_refused(q);
        return;
    }
    if (fill_token(k, any ? TOKEN_ROOM_ANY : q->a.room, &x, &t))
        api_unavailable(q);
    else
        give(q, &t);
}

void api_guest(struct question *q)
{
    struct wanted x;
    struct token t;
    struct keeper *k = q->k;
    q->a.facts.who.rate = !q->ask->trusted && !ask_rate(k, q->ask->from, 120, 120);
    enum err e = read_wanted(q->ask->body, &x);
    bool governed = q->a.facts.room.there && k->room.of_class == CLASS_GOVERNED;
    if (!governed) x.name[0] = 0;
    if (!ask_decide(k, &q->a, "")) {
        api_refused(q);
        return;
    }
    if (e || x.has_can || x.subject[0] || x.ttl_s != TTL_DEFAULT_S) {
        store_rollback(&k->store);
        form_fault(q, x.fault ? x.fault : e ? "?" : x.has_can ? "can" : x.subject[0] ? "subject" : "ttl");
        return;
    }
    x.ttl_s = GUEST_TTL_S;
    x.can = CAN_JOIN | (k->room.open & (CAN_PUBLISH | CAN_SUBSCRIBE | CAN_CHAT | CAN_SHARE));
    if (fill_token(k, q->a.room, &x, &t)) {
        api_unavailable(q);
        return;
    }
    t.kind = TOKEN_GUEST;
    give(q, &t);
}

/* --- relay credentials --- */

static const char *const transports[] = {"udp", "tcp"};

static struct span relay_uri(const struct keeper *k, unsigned i, char text[static 160])
{
    snprintf(text, 160, "turn:%s?transport=%s", k->conf.config->turn, transports[i]);
    return span_str(text);
}

/* ERR_STATE when this server runs no relay. */
static enum err relay_issue(struct keeper *k, const char *room, const char *who, uint32_t ttl_s,
                            struct turn_credential *c)
{
    struct turn_auth auth = {.crypto = k->conf.crypto, .secret = k->relay};
    uint64_t expires = (uint64_t)(k->conf.wall().ms / 1000) + ttl_s;
    enum err e = k->conf.config->turn[0] && k->relay.n
                     ? turn_auth_issue(&auth, span_str(room), span_str(who), expires, c)
                     : ERR_STATE;
    secret_drop(&auth.secret);
    return e;
}

void tokens_relays(struct keeper *k, const struct verdict *v, struct writer *w)
{
    struct turn_credential c;
    char uri[160];
    if (relay_issue(k, v->room, v->subject, RELAY_STAY_S, &c)) return; /* without a relay the call goes on */
    write_u16(w, 1);
    write_u16(w, COUNT_OF(transports));
    for (unsigned i = 0; i < COUNT_OF(transports); i++)
        write_vec32(w, relay_uri(k, i, uri));
    write_vec32(w, span_str(c.username));
    write_vec32(w, span_str(c.password));
    secret_wipe(&c, sizeof c);
}

void api_relay(struct question *q)
{
    struct keeper *k = q->k;
    struct turn_credential c;
    char handle[23] = "", uri[160];
    if (!ask_decide(k, &q->a, "")) {
        api_refused(q);
        return;
    }
    enum err e = q->a.facts.who.token ? OK : random_handle(k, handle);
    const char *who = q->a.facts.who.token ? q->a.token.subject : handle;
    if (!e) e = relay_issue(k, q->a.room, who, RELAY_TTL_S, &c);
    if (e == ERR_STATE) {
        store_rollback(&k->store);
        ask_refuse(k, &q->a, "");
        api_problem(q, 404, "unsupported", "This server runs no relay. Start it with --turn ADDRESS:PORT.",
                    "");
        return;
    }
    if (!e) e = store_commit(&k->store);
    if (e) {
        api_unavailable(q);
        return;
    }
    people_relay(k, span_str(q->a.room), SPAN_NONE, false); /* whatever was ended before: this one is good */
    people_relay(k, span_str(q->a.room), span_str(who), false);
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    write_str(&w, "{\"uris\":[");
    for (unsigned i = 0; i < COUNT_OF(transports); i++) {
        if (i) write_str(&w, ",");
        (void)relay_uri(k, i, uri);
        json_write_str(&w, uri);
    }
    write_str(&w, "],\"username\":");
    json_write_str(&w, c.username);
    write_str(&w, ",\"credential\":");
    json_write_str(&w, c.password);
    write_str(&w, ",\"ttl\":");
    write_dec(&w, RELAY_TTL_S);
    write_str(&w, "}\n");
    api_answer(k, q->origin, 201, "application/json", "", writer_span(&w));
}
