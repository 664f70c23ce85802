/* SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"

#include "app/command_link.h"
#include "base/write.h"
#include "io/file.h"
#include "rights/token.h"
#include "wire/json.h"

#define USAGE                                                                                                \
    "incamera room create [NAME] --class direct|sealed|witnessed|governed [--policy FILE] | list | show "    \
    "NAME | close NAME "                                                                                     \
    "[--data DIR] [--json]"

static int create(const struct words *w)
{
    static uint8_t body[API_BODY_MAX];
    static struct made_link made;
    struct writer q = writer_of(MSPAN(body, sizeof body));
    struct buf policy;
    struct reply reply;
    char name[80], path[80], token[TOKEN_BYTES_MAX + 1];
    const char *of_class = words_option(w, "--class"), *file = words_option(w, "--policy");
    if (!of_class) return complain(2, "expected: " USAGE);
    if (room_class_by_name(span_str(of_class)) < CLASS_DIRECT)
        return complain(2, "--class is direct, sealed, witnessed or governed, not %.40s", of_class);
    bool sealed = strcmp(of_class, "sealed") == 0;
    buf_init(&policy, API_BODY_MAX / 2);
    struct link_wish wish;
    char fault[24] = "";
    if (file && file_read(file, &policy)) return complain(1, "can't read the policy %.200s", file);
    if (file && json_check(buf_span(&policy))) return complain(1, "the policy %.200s is not JSON", file);
    write_str(&q, "{\"class\":");
    json_write_str(&q, of_class);
    if (sealed) {
        if (link_wish_read(buf_span(&policy), &wish, fault))
            return complain(
                2,
                "expected of a sealed room's policy: strict_metadata (true or false), mls_suite (1 or "
                "2), days (1 to 90); see %.24s",
                fault);
        if (link_make(&wish, &made)) return complain(1, "the policy could not be made");
        write_str(&q, ",\"room_id\":");
        json_write_str(&q, made.room);
        write_str(&q, ",\"policy\":");
        json_write_text(&q, SPAN(made.policy, made.policy_n));
    } else if (w->count > 1) {
        write_str(&q, ",\"name\":");
        json_write_str(&q, w->word[1]);
    }
    if (file && !sealed) {
        write_str(&q, ",\"policy\":");
        write_bytes(&q, buf_span(&policy));
    }
    write_str(&q, "}");
    buf_fini(&policy);
    if (q.bad) return complain(2, "the name or the policy is too long, or not UTF-8");
    int code = command_ask(w, API_ROOM_CREATE, "", "", "", writer_span(&q), &reply);
    if (!code && reply.status != 201) code = reply_refused(&reply);
    if (!code) {
        reply_text(&reply, "name", name, sizeof name);
        reply_text(&reply, "path", path, sizeof path);
        reply_text(&reply, "token", token, sizeof token);
        if (w->json)
            say("{\"name\":\"%s\",\"class\":\"%s\",\"link\":\"%s%s\",\"token\":\"%s\"}\n", name, of_class,
                path, sealed ? made.fragment : "", token);
        else
            say("%s%s\n", sealed ? path : name, sealed ? made.fragment : "");
    }
    link_wipe(&made);
    buf_fini(&reply.body);
    return code;
}

/* Lines of "name class join members" out of the JSON list. */
static void print_list(const struct reply *r)
{
    static struct json j;
    struct json_token t;
    unsigned depth = 0;
    char field[4][80] = {"", "", "", ""};
    static const char *const names[4] = {"name", "class", "join", "members"};
    json_init(&j, buf_span(&r->body));
    while (json_next(&j, &t) == OK && t.kind != JSON_END) {
        if (t.kind == JSON_OBJECT) depth++;
        if (t.kind == JSON_OBJECT_END && depth-- == 2)
            say("%-44s %-9s %-6s %s\n", field[0], field[1], field[2], field[3]);
        if (t.kind != JSON_KEY || depth != 2) continue;
        for (unsigned i = 0; i < 4; i++) {
            struct span out;
            if (!json_is(&t, names[i])) continue;
            if (json_next(&j, &t)) return;
            out = t.raw;
            if (t.kind == JSON_STRING && json_text(&t, MSPAN(field[i], sizeof field[i] - 1), &out)) return;
            if (t.kind == JSON_NUMBER) memcpy(field[i], out.p, out.n);
            field[i][out.n] = 0;
            break;
        }
    }
}

static int simple(const struct words *w, enum api_number row, const char *room)
{
    struct reply reply;
    int code = command_ask(w, row, room, "", "", SPAN_NONE, &reply);
    if (!code && reply.status >= 300) code = reply_refused(&reply);
    if (!code && row == API_ROOM_LIST && !w->json)
        print_list(&reply);
    else if (!code && reply.body.n)
        say("%.*s", (int)reply.body.n, (const char *)reply.body.p);
    buf_fini(&reply.body);
    return code;
}

int command_room(int argc, char **argv)
{
    static const char *const names[] = {"--class", "--policy", NULL};
    struct words w;
    int code = words_read(&w, argc, argv, names, USAGE);
    if (code >= 0) return code;
    if (w.count >= 1 && w.count <= 2 && strcmp(w.word[0], "create") == 0) return create(&w);
    if (w.count == 1 && strcmp(w.word[0], "list") == 0) return simple(&w, API_ROOM_LIST, "");
    if (w.count == 2 && strcmp(w.word[0], "show") == 0) return simple(&w, API_ROOM_SHOW, w.word[1]);
    if (w.count == 2 && strcmp(w.word[0], "close") == 0) return simple(&w, API_ROOM_CLOSE, w.word[1]);
    return complain(2, "expected: " USAGE);
}
