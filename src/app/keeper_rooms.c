/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keeper_inner.h"

#include "app/log.h"
#include "wire/base64url.h"
#include "wire/room_policy.h"

#include <stdio.h>

#define MODERATOR_TTL_S (12 * 3600)
#define NAME_PARTS      3

struct wanted { /* a request for a room, as its body says it */
    char name[65], class_name[16];
    struct room_row_db *room;
    bool has_policy, policy_is_text;
    uint8_t rule;      /* of a governed policy, RULE_NONE: the default */
    uint8_t recording; /* enum recording_rule */
    uint32_t closed;   /* what is for moderators only */
    uint64_t members_max;
    const char *fault, *title;
};

static enum err take_policy_member(struct json *j, const struct json_token *key, struct wanted *x)
{
    static const struct {
        const char *name;
        uint32_t can;
    } who[] = {{"publish", CAN_PUBLISH}, {"share", CAN_SHARE}, {"chat", CAN_CHAT}};
    struct json_token t;
    char word[16];
    if (json_is(key, "join")) {
        enum err e = json_take_text(j, word, sizeof word);
        x->rule = strcmp(word, "link") == 0    ? RULE_LINK
                  : strcmp(word, "lobby") == 0 ? RULE_LOBBY
                                               : RULE_TOKEN;
        return e ? e : x->rule == RULE_TOKEN && strcmp(word, "token") != 0 ? ERR_RANGE : OK;
    }
    if (json_is(key, "max_members")) {
        enum err e = json_expect(j, JSON_NUMBER, &t);
        if (!e) e = json_uint(&t, ROOM_MEMBERS_MAX, &x->members_max);
        return e ? e : x->members_max ? OK : ERR_RANGE;
    }
    if (json_is(key, "recording")) {
        enum err e = json_take_text(j, word, sizeof word);
        return e ? e : recording_rule_by_name(span_str(word), &x->recording) ? ERR_RANGE : OK;
    }
    for (unsigned i = 0; i < COUNT_OF(who); i++) {
        if (!json_is(key, who[i].name)) continue;
        enum err e = json_take_text(j, word, sizeof word);
        if (!e && strcmp(word, "moderators") == 0) x->closed |= who[i].can;
        return e ? e : strcmp(word, "moderators") == 0 || strcmp(word, "everyone") == 0 ? OK : ERR_RANGE;
    }
    return ERR_UNKNOWN;
}

/* A policy is text (base64url) for sealed rooms, an object for governed ones. */
static enum err take_policy(struct json *j, struct wanted *x)
{
    static uint8_t text[KEEPER_POLICY_MAX * 4 / 3 + 8];
    struct json_token t;
    struct span out, bytes;
    x->has_policy = true;
    enum err e = json_next(j, &t);
    if (e) return e;
    if (t.kind == JSON_STRING) {
        x->policy_is_text = true;
        e = json_text(&t, MSPAN(text, sizeof text), &out);
        if (!e) e = base64url_read(out, MSPAN(x->room->policy, sizeof x->room->policy), &bytes);
        if (!e) x->room->policy_n = (uint32_t)bytes.n;
        return e;
    }
    if (t.kind != JSON_OBJECT) return ERR_FORMAT;
    while (!(e = json_next(j, &t)) && t.kind != JSON_OBJECT_END) {
        e = take_policy_member(j, &t, x);
        if (e) break;
    }
    return e;
}

static enum err read_wanted(struct span body, struct wanted *x)
{
    static struct json j;
    struct json_token t;
    bool named = false;
    snprintf(x->class_name, sizeof x->class_name, "governed");
    json_init(&j, body);
    enum err e = body.n ? json_expect(&j, JSON_OBJECT, &t) : ERR_SHORT;
    while (!e) {
        e = json_next(&j, &t);
        if (e || t.kind == JSON_OBJECT_END) break;
        bool name = json_is(&t, "name"), id = json_is(&t, "room_id");
        if (name || id) {
            if (named) return ERR_EXISTS;
            named = true;
            e = json_take_text(&j, x->name, sizeof x->name);
            if (e || !x->name[0]) x->fault = name ? "name" : "room_id";
        } else if (json_is(&t, "class")) {
            e = json_take_text(&j, x->class_name, sizeof x->class_name);
            if (e) x->fault = "class";
        } else if (json_is(&t, "policy")) {
            e = take_policy(&j, x);
            if (e) x->fault = "policy";
        } else {
            x->title = "The request holds a member that is not known here.";
            x->fault = "?";
        }
        if (x->fault) return ERR_RANGE;
    }
    return e ? e : json_expect(&j, JSON_END, &t);
}

static enum err wrong(struct wanted *x, const char *field, const char *title)
{
    x->fault = field;
    x->title = title;
    return ERR_RANGE;
}

static enum err check_governed(struct keeper *k, struct wanted *x)
{
    static const char letters[] = "abcdefghjkmnpqrstuvwxyz23456789";
    struct room_row_db *r = x->room;
    if (!x->name[0]) { /* three parts of four, easy to say aloud */
        uint8_t b[NAME_PARTS * 4];
        size_t n = 0;
        if (rng_fill(&k->conf.rng, b, sizeof b)) return ERR_IO;
        for (unsigned i = 0; i < sizeof b; i++) {
            if (i && i % 4 == 0) x->name[n++] = '-';
            x->name[n++] = letters[b[i] % (sizeof letters - 1)];
        }
        x->name[n] = 0;
    }
    if (!room_name_valid(span_str(x->name)))
        return wrong(x, "name", "A room's name is 1 to 64 of a-z, 0-9 and -.");
    if (x->policy_is_text) return wrong(x, "policy", "The policy of a governed room is a JSON object.");
    room_defaults(k, span_str(x->name), r);
    if (x->rule) r->rule = x->rule;
    if (x->members_max) r->members_max = (uint32_t)x->members_max;
    r->open &= ~x->closed;
    r->recording = x->recording;
    return OK;
}

static enum err check_sealed(struct keeper *k, struct wanted *x)
{
    struct room_row_db *r = x->room;
    struct room_policy p;
    uint8_t id[32];
    struct span out;
    uint32_t n = r->policy_n;
    if (!room_id_valid(span_str(x->name))) return wrong(x, "room_id", "room_id is 32 bytes as base64url.");
    if (!x->policy_is_text || room_policy_read(SPAN(r->policy, n), &p))
        return wrong(x, "policy", "policy is a SignedRoomPolicy as base64url.");
    if (base64url_read(span_str(x->name), MSPAN(id, sizeof id), &out) || !span_equal(out, p.room_id))
        return wrong(x, "room_id", "The policy is for another room.");
    if (p.mode != CLASS_SEALED) return wrong(x, "class", "The policy is of another class.");
    static uint8_t keep[KEEPER_POLICY_MAX];
    memcpy(keep, r->policy, n);
    room_defaults(k, span_str(x->name), r);
    memcpy(r->policy, keep, n);
    r->policy_n = n;
    r->of_class = CLASS_SEALED;
    /* who may come in is proved inside the room; the server's lobby would see nothing of that */
    r->rule = RULE_LINK;
    r->not_after_ms = p.not_after > INT64_MAX / 1000 ? 0 : (int64_t)p.not_after * 1000;
    return OK;
}

static enum err check(struct keeper *k, struct wanted *x)
{
    switch (room_class_by_name(span_str(x->class_name))) {
    case CLASS_GOVERNED:
        return check_governed(k, x);
    case CLASS_SEALED:
        return check_sealed(k, x);
    case CLASS_DIRECT:
    case CLASS_WITNESSED:
        return wrong(x, "class",
                     "This server does not offer rooms of this class yet. Choose sealed or governed.");
    default:
        return wrong(x, "class", "class is direct, sealed, witnessed or governed.");
    }
}

/* The room is stored: its maker gets it back with a token that moderates it. */
static void tell_made(struct question *q, const struct room_row_db *r)
{
    struct keeper *k = q->k;
    struct token t = {.kind = TOKEN_PERSON,
                      .can = CAN_JOIN | CAN_PUBLISH | CAN_SUBSCRIBE | CAN_CHAT | CAN_SHARE | CAN_MODERATE};
    uint8_t before[512];
    char location[160], handle[23];
    struct writer w = writer_of(MSPAN(before, sizeof before));
    snprintf(location, sizeof location, "/api/v1/rooms/%s", r->name);
    write_str(&w, "{\"name\":");
    json_write_str(&w, r->name);
    write_str(&w, ",\"class\":");
    json_write_str(&w, room_class_name(r->of_class));
    write_str(&w, ",\"path\":\"/r/");
    write_str(&w, r->name);
    write_str(&w, "\",\"token\":\"");
    t.issued = k->conf.wall().ms / 1000;
    t.expires = t.issued + MODERATOR_TTL_S;
    memcpy(t.room, r->name, sizeof t.room);
    bool good = random_handle(k, handle) == OK;
    snprintf(t.subject, sizeof t.subject, "%s", handle);
    good = good && random_handle(k, handle) == OK;
    snprintf(t.id, sizeof t.id, "%s", handle);
    if (good)
        token_issue(q, &t, writer_span(&w), SPAN_LIT("\"}\n"), location);
    else
        api_unavailable(q);
}

void api_room_create(struct question *q)
{
    struct keeper *k = q->k;
    static struct room_row_db r;
    struct wanted x = {.room = &r, .recording = RECORDING_ALLOWED};
    r.policy_n = 0;
    enum err e = read_wanted(q->ask->body, &x);
    if (!e) e = check(k, &x);
    snprintf(q->a.room, sizeof q->a.room, "%s", x.name);
    q->a.facts.object.of_class = room_class_by_name(span_str(x.class_name));
    q->a.facts.who.rate = !q->ask->trusted && !k->conf.config->dev && !ask_rate(k, q->ask->from, 30, 30);
    /* what is wrong with a form is told to those who may make any room at all */
    struct facts f = q->a.facts;
    struct verdict v;
    if (e) f.object.of_class = CLASS_GOVERNED;
    const struct rule_text *rule = rights_decide(&f, &v);
    if (rule->allows && e) {
        ask_refuse(k, &q->a, x.fault ? x.fault : "");
        const char *field = x.fault && strcmp(x.fault, "?") != 0 ? x.fault : "";
        api_problem(q, 422, "bad_message",
                    x.title    ? x.title
                    : field[0] ? "This field has a value that is not allowed."
                               : "The body is not a JSON object with name, class and policy.",
                    field);
        return;
    }
    if (rule->allows && store_room(&k->store, span_str(x.name), &k->room) == OK) {
        ask_refuse(k, &q->a, x.class_name);
        api_problem(q, 409, "exists", "There is a room of this name already. Choose another.", "name");
        return;
    }
    if (!ask_decide(k, &q->a, x.class_name)) {
        api_refused(q);
        return;
    }
    e = k->vault ? store_room_add(&k->store, &r) : ERR_STATE;
    if (!e) e = store_commit(&k->store);
    if (e) {
        api_unavailable(q);
        return;
    }
    log_event(LOG_INFO, "room.made", "room=%s class=%s", log_name(span_str(r.name)).text, x.class_name);
    tell_made(q, &r);
}
