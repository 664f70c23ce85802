/* SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"

#include "base/write.h"
#include "rights/token.h"
#include "wire/json.h"

#define TOKEN_USAGE                                                                                          \
    "incamera token --room ROOM --name NAME [--can publish,subscribe,chat,share,moderate,create,admin] "     \
    "[--ttl 1h] "                                                                                            \
    "[--subject ID] [--data DIR] [--json]"
#define TURN_USAGE "incamera turn --room ROOM [--data DIR] [--json]"
#define POLICY_USAGE                                                                                         \
    "incamera policy explain WHO VERB OBJECT [--data DIR] [--json]   (WHO: a token, operator, anonymous)"

static bool write_rights(struct writer *q, const char *list)
{
    write_str(q, ",\"can\":[");
    for (const char *p = list, *end; *p; p = *end ? end + 1 : end) {
        end = strchr(p, ',');
        if (!end) end = p + strlen(p);
        if (!can_by_name(SPAN(p, (size_t)(end - p)))) return false;
        if (p != list) write_str(q, ",");
        json_write_text(q, SPAN(p, (size_t)(end - p)));
    }
    write_str(q, "]");
    return true;
}

static void write_option(struct writer *q, const struct words *w, const char *option, const char *member)
{
    const char *value = words_option(w, option);
    if (!value) return;
    write_str(q, ",\"");
    write_str(q, member);
    write_str(q, "\":");
    json_write_str(q, value);
}

int command_token(int argc, char **argv)
{
    static const char *const names[] = {"--room", "--name", "--can", "--ttl", "--subject", NULL};
    static uint8_t body[8192];
    struct writer q = writer_of(MSPAN(body, sizeof body));
    struct words w;
    struct reply reply;
    char token[TOKEN_BYTES_MAX + 1];
    int code = words_read(&w, argc, argv, names, TOKEN_USAGE);
    if (code >= 0) return code;
    const char *room = words_option(&w, "--room"), *can = words_option(&w, "--can");
    if (!room || w.count) return complain(2, "expected: " TOKEN_USAGE);
    write_str(&q, "{\"kind\":\"person\"");
    write_option(&q, &w, "--name", "name");
    write_option(&q, &w, "--subject", "subject");
    write_option(&q, &w, "--ttl", "ttl");
    if (can && !write_rights(&q, can))
        return complain(2,
                        "--can is a list of join, publish, subscribe, chat, share, moderate, create, admin");
    write_str(&q, "}");
    if (q.bad) return complain(2, "that is too long, or not UTF-8");
    code = command_ask(&w, API_TOKEN_MAKE, room, "", "", writer_span(&q), &reply);
    if (!code && reply.status != 201) code = reply_refused(&reply);
    if (!code && w.json) say("%.*s", (int)reply.body.n, (const char *)reply.body.p);
    if (!code && !w.json) {
        reply_text(&reply, "token", token, sizeof token);
        say("%s\n", token);
    }
    buf_fini(&reply.body);
    return code;
}

/* The first of the reply's list of addresses. */
static void first_uri(const struct reply *r, char *into, size_t size)
{
    static struct json j;
    struct json_token t;
    struct span out = SPAN_NONE;
    into[0] = 0;
    json_init(&j, buf_span(&r->body));
    while (json_next(&j, &t) == OK && t.kind != JSON_END)
        if (t.kind == JSON_STRING) {
            if (json_text(&t, MSPAN(into, size - 1), &out) == OK) into[out.n] = 0;
            return;
        }
}

int command_turn(int argc, char **argv)
{
    static const char *const names[] = {"--room", NULL};
    struct words w;
    struct reply reply;
    char uri[200], user[200], password[200];
    int code = words_read(&w, argc, argv, names, TURN_USAGE);
    if (code >= 0) return code;
    const char *room = words_option(&w, "--room");
    if (!room || w.count) return complain(2, "expected: " TURN_USAGE);
    code = command_ask(&w, API_RELAY, room, "", "", SPAN_NONE, &reply);
    if (!code && reply.status != 201) code = reply_refused(&reply);
    if (!code && w.json) say("%.*s", (int)reply.body.n, (const char *)reply.body.p);
    if (!code && !w.json) {
        first_uri(&reply, uri, sizeof uri);
        reply_text(&reply, "username", user, sizeof user);
        reply_text(&reply, "credential", password, sizeof password);
        say("%s %s %s\n", uri, user, password);
    }
    buf_fini(&reply.body);
    return code;
}

int command_policy(int argc, char **argv)
{
    static uint8_t body[8192];
    struct writer q = writer_of(MSPAN(body, sizeof body));
    struct words w;
    struct reply reply;
    char allowed[8], rule[8], reason[256];
    int code = words_read(&w, argc, argv, NULL, POLICY_USAGE);
    if (code >= 0) return code;
    if (w.count != 4 || strcmp(w.word[0], "explain") != 0) return complain(2, "expected: " POLICY_USAGE);
    write_str(&q, "{\"who\":");
    json_write_str(&q, w.word[1]);
    write_str(&q, ",\"verb\":");
    json_write_str(&q, w.word[2]);
    write_str(&q, ",\"object\":");
    json_write_str(&q, w.word[3]);
    write_str(&q, "}");
    if (q.bad) return complain(2, "that is too long, or not UTF-8");
    code = command_ask(&w, API_EXPLAIN, "", "", "", writer_span(&q), &reply);
    if (!code && reply.status != 200) code = reply_refused(&reply);
    if (!code && w.json) say("%.*s", (int)reply.body.n, (const char *)reply.body.p);
    if (!code && !w.json) {
        reply_text(&reply, "code", allowed, sizeof allowed);
        reply_text(&reply, "rule", rule, sizeof rule);
        reply_text(&reply, "reason", reason, sizeof reason);
        say("%s by rule %s: %s\n", reply.body.n > 12 && reply.body.p[11] == 't' ? "allowed" : "refused", rule,
            reason);
    }
    buf_fini(&reply.body);
    return code;
}
