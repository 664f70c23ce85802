/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keeper_inner.h"

#include "app/log.h"
#include "base/read.h"

#include <stdio.h>
#include <assert.h>

#define JSON_TYPE "application/json"

void api_answer(struct keeper *k, struct origin origin, uint16_t status, const char *type,
                const char *location, struct span body)
{
    static uint8_t message[ANSWER_MAX + 1024];
    struct ipc_told t = {status, body.n ? span_str(type) : SPAN_NONE, span_str(location), body};
    if (origin.control) {
        k->conf.told(k->conf.ctx, origin.id, &t);
        return;
    }
    struct writer w = writer_of(MSPAN(message, sizeof message));
    put_ipc_told(&w, &t);
    if (!w.bad) (void)k->conf.send(k->conf.ctx, ROLE_FRONT, 0, IPC_TOLD, origin.id, writer_span(&w));
}

void api_problem(struct question *q, uint16_t status, const char *code, const char *title, const char *field)
{
    uint8_t body[1024];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    write_str(&w, "{\"type\":\"urn:incamera:");
    write_str(&w, code);
    write_str(&w, "\",\"title\":");
    json_write_str(&w, title);
    write_str(&w, ",\"status\":");
    write_dec(&w, status);
    if (field && field[0]) {
        write_str(&w, ",\"field\":");
        json_write_str(&w, field);
    }
    write_str(&w, "}\n");
    api_answer(q->k, q->origin, status, "application/problem+json", "", writer_span(&w));
}

void api_refused(struct question *q)
{
    api_problem(q, q->a.rule->status, q->a.rule->code, q->a.rule->reason, "");
}

void api_unavailable(struct question *q)
{
    store_rollback(&q->k->store);
    api_problem(q, 503, "unavailable", "A part of the server is down. Try again in a moment.", "");
}

bool api_done(struct question *q, enum err e)
{
    if (e)
        store_rollback(&q->k->store);
    else
        e = store_commit(&q->k->store);
    if (e) api_unavailable(q);
    return e == OK;
}

bool api_allowed(struct question *q, const char *object)
{
    if (ask_decide(q->k, &q->a, object)) return true;
    api_refused(q);
    return false;
}

static const char *rule_name(unsigned rule)
{
    return rule == RULE_LINK ? "link" : rule == RULE_LOBBY ? "lobby" : "token";
}

static void put_room(struct keeper *k, struct writer *w, const char *name, unsigned of_class, unsigned rule,
                     bool locked, int64_t created_ms)
{
    const struct place *at = place_of(k, span_str(name), false);
    write_str(w, "{\"name\":");
    json_write_str(w, name);
    write_str(w, ",\"class\":");
    json_write_str(w, room_class_name(of_class));
    write_str(w, ",\"join\":");
    json_write_str(w, rule_name(rule));
    write_str(w, locked ? ",\"locked\":true,\"members\":" : ",\"locked\":false,\"members\":");
    write_dec(w, at ? at->members : 0);
    write_str(w, ",\"waiting\":");
    write_dec(w, at ? at->waiting : 0);
    write_str(w, ",\"created\":");
    write_dec(w, (uint64_t)created_ms);
    write_str(w, "}");
}

void api_tell(struct question *q, struct writer *w)
{
    write_str(w, "\n");
    if (w->bad)
        api_problem(q, 500, "too_large", "The answer is too large.", "");
    else
        api_answer(q->k, q->origin, 200, JSON_TYPE, "", writer_span(w));
}

bool api_query_number(struct span query, const char *name, uint64_t otherwise, uint64_t *v)
{
    size_t n = strlen(name);
    *v = otherwise;
    for (size_t at = 0; at < query.n;) {
        size_t end = at;
        while (end < query.n && query.p[end] != '&')
            end++;
        struct span part = span_part(query, at, end - at);
        at = end + 1;
        if (part.n <= n || part.p[n] != '=' || memcmp(part.p, name, n) != 0) continue;
        struct json_token t = {JSON_NUMBER, span_part(part, n + 1, part.n)};
        return json_uint(&t, (uint64_t)INT64_MAX, v) == OK;
    }
    return true;
}

static void room_list(struct question *q)
{
    struct keeper *k = q->k;
    struct db_query *l = k->store.q[Q_ROOM_LIST];
    if (!api_allowed(q, "")) return;
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    bool row = false;
    unsigned n = 0;
    write_str(&w, "{\"rooms\":[");
    db_text(l, 1, SPAN_NONE);
    db_int(l, 2, ROOM_LIST_MAX);
    enum err e;
    while (!(e = db_step(l, &row)) && row) {
        char name[65] = "";
        struct span s = db_get_text(l, 0);
        memcpy(name, s.p, s.n < sizeof name ? s.n : sizeof name - 1);
        if (n++) write_str(&w, ",");
        put_room(k, &w, name, (unsigned)db_get_int(l, 1), (unsigned)db_get_int(l, 2), db_get_int(l, 3) != 0,
                 db_get_int(l, 4));
    }
    db_done(l);
    write_str(&w, "]}");
    if (api_done(q, e)) api_tell(q, &w);
}

static void room_show(struct question *q)
{
    struct keeper *k = q->k;
    if (!api_allowed(q, "") || !api_done(q, OK)) return;
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    put_room(k, &w, k->room.name, k->room.of_class, k->room.rule, k->room.locked, k->room.created_ms);
    api_tell(q, &w);
}

static void room_close(struct question *q)
{
    struct keeper *k = q->k;
    if (!api_allowed(q, "")) return;
    if (!api_done(q, store_room_drop(&k->store, span_str(q->a.room)))) return;
    room_end(k, span_str(q->a.room), "ended", "The room was closed.", 0);
    people_relay(k, span_str(q->a.room), SPAN_NONE, true);
    files_room_closed(k, span_str(q->a.room));
    log_event(LOG_INFO, "room.closed", "room=%s", log_name(span_str(q->a.room)).text);
    api_answer(k, q->origin, 204, "", "", SPAN_NONE);
}

static const char *entry_name(uint8_t entry)
{
    static const char *const names[] = {"browser", "whip", "whep", "native"};
    return entry < COUNT_OF(names) ? names[entry] : "native";
}

static void member_list(struct question *q)
{
    struct keeper *k = q->k;
    if (!api_allowed(q, "") || !api_done(q, OK)) return;
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    const struct place *at = place_of(k, span_str(q->a.room), false);
    unsigned n = 0;
    write_str(&w, "{\"members\":[");
    for (const struct person *p = NULL; at && (p = people_next(k, at, p));) {
        if (p->state != PERSON_IN) continue;
        write_str(&w, n++ ? ",{\"member\":" : "{\"member\":");
        write_dec(&w, p->number);
        write_str(&w, ",\"name\":");
        json_write_str(&w, p->name);
        write_str(&w, ",\"kind\":");
        json_write_str(&w, entry_name(p->entry));
        write_str(&w, p->moderator ? ",\"moderator\":true,\"since\":" : ",\"moderator\":false,\"since\":");
        write_dec(&w, (uint64_t)p->since_ms);
        write_str(&w, "}");
    }
    write_str(&w, "]}");
    api_tell(q, &w);
}

static void member_kick(struct question *q)
{
    struct keeper *k = q->k;
    struct json_token t = {JSON_NUMBER, q->ask->item};
    uint64_t number = 0;
    struct place *at = place_of(k, span_str(q->a.room), false);
    struct person *p =
        json_uint(&t, UINT32_MAX, &number) ? NULL : people_member(k, at, (uint32_t)number, PERSON_IN);
    q->a.facts.object.there = p != NULL;
    if (!api_allowed(q, p ? p->subject : "")) return;
    assert(p); /* policy says no to what is not there */
    enum err e =
        store_bar(&k->store, span_str(q->a.room), span_str(p->subject), span_str(p->name), k->conf.wall());
    if (!api_done(q, e)) return;
    k->counts.kicked++;
    people_expel(k, p, "kicked", "A moderator removed you.", 0);
    api_answer(k, q->origin, 204, "", "", SPAN_NONE);
}

static void put_policy(struct writer *w, const struct room_row_db *r)
{
    static const struct {
        const char *name;
        uint32_t can;
    } who[] = {{"publish", CAN_PUBLISH}, {"share", CAN_SHARE}, {"chat", CAN_CHAT}};
    write_str(w, "{\"class\":\"governed\",\"join\":");
    json_write_str(w, rule_name(r->rule));
    for (unsigned i = 0; i < COUNT_OF(who); i++) {
        write_str(w, ",\"");
        write_str(w, who[i].name);
        write_str(w, r->open & who[i].can ? "\":\"everyone\"" : "\":\"moderators\"");
    }
    write_str(w, ",\"max_members\":");
    write_dec(w, r->members_max);
    write_str(w, ",\"recording\":");
    json_write_str(w, recording_rule_name(r->recording));
    write_str(w, "}");
}

enum err policy_digest(struct keeper *k, const struct room_row_db *r, uint8_t digest[32])
{
    uint8_t text[1024];
    struct writer w = writer_of(MSPAN(text, sizeof text));
    put_policy(&w, r);
    write_str(&w, "\n");
    struct span s = writer_span(&w);
    if (w.bad) return ERR_LIMIT;
    return k->conf.crypto->hash(k->conf.crypto->ctx, CRYPTO_SHA256, &s, 1, digest);
}

static void policy_show(struct question *q)
{
    struct keeper *k = q->k;
    q->a.facts.who.rate = !q->ask->trusted && !ask_rate(k, q->ask->from, 600, 600);
    if (!api_allowed(q, "") || !api_done(q, OK)) return;
    if (k->room.of_class != CLASS_GOVERNED) {
        api_answer(k, q->origin, 200, "application/octet-stream", "", SPAN(k->room.policy, k->room.policy_n));
        return;
    }
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    put_policy(&w, &k->room);
    api_tell(q, &w);
}

static void barred_list(struct question *q)
{
    struct keeper *k = q->k;
    struct db_query *l = k->store.q[Q_BARRED_LIST];
    if (!api_allowed(q, "")) return;
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    bool row = false;
    unsigned n = 0;
    enum err e;
    write_str(&w, "{\"barred\":[");
    db_text(l, 1, span_str(q->a.room));
    while (!(e = db_step(l, &row)) && row) {
        write_str(&w, n++ ? ",{\"subject\":" : "{\"subject\":");
        json_write_text(&w, db_get_text(l, 0));
        write_str(&w, ",\"name\":");
        json_write_text(&w, db_get_text(l, 1));
        write_str(&w, ",\"at\":");
        write_dec(&w, (uint64_t)db_get_int(l, 2));
        write_str(&w, "}");
    }
    db_done(l);
    write_str(&w, "]}");
    if (api_done(q, e)) api_tell(q, &w);
}

static void barred_drop(struct question *q)
{
    struct keeper *k = q->k;
    char subject[65] = "";
    enum err e = OK;
    memcpy(subject, q->ask->item.p, q->ask->item.n < sizeof subject ? q->ask->item.n : sizeof subject - 1);
    q->a.facts.object.there = store_barred(&k->store, span_str(q->a.room), q->ask->item, &e);
    if (e) q->a.facts.audit = false;
    if (!api_allowed(q, subject)) return;
    if (api_done(q, store_change(&k->store, Q_BARRED_DROP, span_str(q->a.room), q->ask->item)))
        api_answer(k, q->origin, 204, "", "", SPAN_NONE);
}

/* {"who": TOKEN, "operator" or "anonymous", "verb": …, "object": ROOM} */
static void explain(struct question *q)
{
    struct keeper *k = q->k;
    static struct json j;
    struct json_token t = {0};
    static char text[3][TOKEN_BYTES_MAX];
    static const char *const names[3] = {"who", "verb", "object"};
    memset(text, 0, sizeof text);
    if (!api_allowed(q, "") || !api_done(q, OK)) return;
    json_init(&j, q->ask->body);
    enum err e = json_expect(&j, JSON_OBJECT, &t);
    while (!e) {
        unsigned i = 0;
        struct span out;
        e = json_next(&j, &t);
        if (e || t.kind == JSON_OBJECT_END) break;
        while (i < 3 && !json_is(&t, names[i]))
            i++;
        e = i == 3 ? ERR_UNKNOWN : json_expect(&j, JSON_STRING, &t);
        if (!e) e = json_text(&t, MSPAN(text[i], sizeof text[i] - 1), &out);
    }
    if (!e) e = json_expect(&j, JSON_END, &t);
    enum verb verb = verb_by_name(span_str(text[1]));
    if (e || verb == VERB_NONE) {
        api_problem(q, 422, "bad_message",
                    "Expected who, verb and object; verbs are those of the audit trail.",
                    verb == VERB_NONE ? "verb" : "who");
        return;
    }
    struct asking a;
    bool operator_ = strcmp(text[0], "operator") == 0;
    bool anonymous = operator_ || strcmp(text[0], "anonymous") == 0;
    ask_begin(k, &a, verb, anonymous ? SPAN_NONE : span_str(text[0]), span_str(text[2]), SPAN_NONE);
    a.facts.who.operator_ = operator_;
    a.facts.object.there = true;
    a.facts.archive = k->archive;
    a.facts.object.of_class = CLASS_GOVERNED;
    const struct rule_text *r = rights_decide(&a.facts, &a.verdict);
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    write_str(&w, r->allows ? "{\"allowed\":true,\"rule\":" : "{\"allowed\":false,\"rule\":");
    write_dec(&w, r->number);
    write_str(&w, ",\"status\":");
    write_dec(&w, r->status);
    write_str(&w, ",\"code\":");
    json_write_str(&w, r->code);
    write_str(&w, ",\"reason\":");
    json_write_str(&w, r->reason);
    write_str(&w, "}");
    api_tell(q, &w);
}

static void openapi(struct question *q)
{
    struct writer w = writer_of(MSPAN(q->k->answer, sizeof q->k->answer));
    api_openapi(&w);
    api_tell(q, &w);
}

void api_message(struct keeper *k, struct origin origin, const struct ipc_ask *ask)
{
    static void (*const handlers[API_COUNT])(struct question *) = {
        [API_ROOM_CREATE] = api_room_create,
        [API_ROOM_LIST] = room_list,
        [API_ROOM_SHOW] = room_show,
        [API_ROOM_CLOSE] = room_close,
        [API_MEMBER_LIST] = member_list,
        [API_MEMBER_KICK] = member_kick,
        [API_TOKEN_MAKE] = api_token_make,
        [API_POLICY_SHOW] = policy_show,
        [API_GUEST] = api_guest,
        [API_RELAY] = api_relay,
        [API_BARRED_LIST] = barred_list,
        [API_BARRED_DROP] = barred_drop,
        [API_AUDIT] = audit_list,
        [API_AUDIT_HEAD] = audit_head_now,
        [API_AUDIT_EXPORT] = audit_export,
        [API_AUDIT_PROOF] = audit_proof,
        [API_FILE_MAKE] = api_file_make,
        [API_FILE_PUT] = api_file_put,
        [API_FILE_GET] = api_file_get,
        [API_FILE_DROP] = api_file_drop,
        [API_RECORD] = api_record,
        [API_UNRECORD] = api_unrecord,
        [API_RECORDING_LIST] = api_recording_list,
        [API_RECORDING_SHOW] = api_recording_show,
        [API_RECORDING_READ] = api_recording_read,
        [API_RECORDING_DROP] = api_recording_drop,
        [API_RECORDING_CONSENTS] = api_recording_consents,
        [API_EXPLAIN] = explain,
        [API_OPENAPI] = openapi,
    };
    const struct api_row *row = api_row(ask->row);
    struct question q = {.k = k, .origin = origin, .ask = ask};
    if (!row || !handlers[ask->row]) {
        api_problem(&q, 404, "bad_message", "There is no such request.", "");
        return;
    }
    ask_begin(k, &q.a, row->verb, ask->token, ask->room, ask->from);
    q.a.facts.who.operator_ = ask->trusted;
    if (ask->trusted) snprintf(q.a.who, sizeof q.a.who, "operator");
    /* guessing tokens is slow */
    if (q.a.facts.who.bad && !ask_rate(k, ask->from, 60, 60)) q.a.facts.who.rate = true;
    handlers[ask->row](&q);
}
