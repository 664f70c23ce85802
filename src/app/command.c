/* SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"

#include "app/keeper.h"
#include "app/vault.h"
#include "base/mem.h"
#include "guest/openssl_crypto.h"
#include "io/clock.h"
#include "io/file.h"
#include "io/ipc.h"
#include "io/process.h"
#include "wire/json.h"

#include <stdarg.h>
#include <stdio.h>

#define ANSWER_WITHIN (5 * USEC_S)
#define REPLY_MAX     (1024u * 1024)

void say(const char *format, ...)
{
    static char text[65536];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text, sizeof text, format, list);
    va_end(list);
    if (n > 0) process_write_output(SPAN(text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1));
}

int complain(int code, const char *format, ...)
{
    char text[1024] = "incamera: ";
    va_list list;
    va_start(list, format);
    int n = vsnprintf(text + 10, sizeof text - 12, format, list);
    va_end(list);
    if (n < 0) return code;
    size_t len = 10 + ((size_t)n < sizeof text - 12 ? (size_t)n : sizeof text - 13);
    text[len++] = '\n';
    process_write_error(SPAN(text, len));
    return code;
}

static struct option *option_of(struct words *w, const char *arg, size_t n)
{
    for (unsigned i = 0; i < w->options; i++)
        if (strlen(w->option[i].name) == n && strncmp(w->option[i].name, arg, n) == 0) return &w->option[i];
    return NULL;
}

static int take_option(struct words *w, int argc, char **argv, int *i, const char *usage)
{
    const char *a = argv[*i], *equals = strchr(a, '=');
    struct option *o = option_of(w, a, equals ? (size_t)(equals - a) : strlen(a));
    if (!o) return complain(2, "no such option %.60s; expected: %s", a, usage);
    if (o->flag) {
        if (equals) return complain(2, "%s takes no value; expected: %s", o->name, usage);
        o->value = "";
        return -1;
    }
    if (!equals && *i + 1 >= argc) return complain(2, "%s wants a value; expected: %s", o->name, usage);
    o->value = equals ? equals + 1 : argv[++*i];
    return -1;
}

int words_read(struct words *w, int argc, char **argv, const char *const *names, const char *usage)
{
    static const char *const common[] = {"--data", "!--json", NULL};
    *w = (struct words){0};
    for (const char *const *list = common; list; list = list == common ? names : NULL)
        for (const char *const *n = list; *n; n++)
            w->option[w->options++] = (struct option){**n == '!' ? *n + 1 : *n, **n == '!', NULL};
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0) {
            say("usage: %s\n", usage);
            return 0;
        }
        if (strncmp(argv[i], "--", 2) == 0) {
            int code = take_option(w, argc, argv, &i, usage);
            if (code >= 0) return code;
        } else if (w->count == COMMAND_WORDS_MAX) {
            return complain(2, "too many words; expected: %s", usage);
        } else {
            w->word[w->count++] = argv[i];
        }
    }
    const char *data = words_option(w, "--data");
    if (!data) data = process_env("INCAMERA_DATA");
    snprintf(w->data, sizeof w->data, "%s", data ? data : "data");
    w->json = words_option(w, "--json") != NULL;
    return -1;
}

const char *words_option(const struct words *w, const char *name)
{
    for (unsigned i = 0; i < w->options; i++)
        if (strcmp(w->option[i].name, name) == 0) return w->option[i].value;
    return NULL;
}

/* --- over control.sock --- */

struct waiting {
    struct reply *reply;
    bool done, lost;
};

static enum err keep(struct reply *r, struct span body)
{
    struct ipc_told t;
    enum err e = get_ipc_told(body, &t);
    if (e) return e;
    r->status = t.status;
    r->body.n = 0;
    return buf_add(&r->body, t.body);
}

static void got(void *ctx, struct ipc_link *l, const struct ipc_got *g)
{
    struct waiting *w = ctx;
    (void)l;
    if (g->fd >= 0) process_close(g->fd);
    if (g->message == IPC_TOLD && keep(w->reply, g->body) == OK) w->done = true;
}

static void lost(void *ctx, struct ipc_link *l, enum err why)
{
    (void)l;
    (void)why;
    ((struct waiting *)ctx)->lost = true;
}

static int ask_server(int fd, struct span question, struct reply *reply)
{
    struct loop *loop = loop_new();
    struct waiting wait = {.reply = reply};
    struct ipc_link *link = NULL;
    struct ipc_conf conf = {loop, ROLE_FRONT, ROLE_KEEPER, ipc_allow, got, lost, &wait};
    if (!loop || ipc_new(&conf, fd, &link) || ipc_send(link, IPC_ASK, 0, question)) {
        loop_free(loop);
        return 3;
    }
    usec until = clock_now() + ANSWER_WITHIN;
    while (!wait.done && !wait.lost && clock_now() < until)
        loop_once(loop, until);
    ipc_free(link);
    loop_free(loop);
    return wait.done ? 0 : 3;
}

/* --- in this process --- */

struct local {
    struct keeper *keeper;
    struct vault *vault;
    struct reply *reply;
    bool done;
};

static bool from_keeper(void *ctx, enum role to, uint16_t index, uint16_t message, uint64_t session,
                        struct span body)
{
    struct local *l = ctx;
    (void)index;
    if (to != ROLE_VAULT) return false;
    vault_message(l->vault, message, session, body);
    return true;
}

static bool from_vault(void *ctx, uint16_t message, uint64_t session, struct span body)
{
    struct local *l = ctx;
    if (l->keeper) keeper_message(l->keeper, ROLE_VAULT, 0, message, session, body);
    return l->keeper != NULL;
}

static void answered(void *ctx, uint64_t origin, const struct ipc_told *t)
{
    struct local *l = ctx;
    (void)origin;
    l->reply->status = t->status;
    l->reply->body.n = 0;
    l->done = buf_add(&l->reply->body, t->body) == OK;
}

static int ask_here(const struct words *w, const struct ipc_ask *ask, struct reply *reply)
{
    static struct config config;
    struct local l = {.reply = reply};
    config_init(&config);
    snprintf(config.data, sizeof config.data, "%s", w->data);
    const struct crypto *crypto = openssl_crypto();
    if (!crypto) return complain(1, "the cryptographic library lacks what is needed");
    struct vault_conf vc = {crypto, w->data, from_vault, &l};
    struct keeper_conf kc = {crypto, &config, clock_rng(), clock_wall, from_keeper, answered, &l, -1};
    enum err e = vault_new(&vc, &l.vault);
    if (!e) e = keeper_new(&kc, &l.keeper);
    if (!e) {
        vault_met_keeper(l.vault);
        keeper_ask(l.keeper, 0, ask);
    }
    keeper_free(l.keeper);
    vault_free(l.vault);
    if (e) return complain(1, "can't use the data folder %.200s: %s", w->data, err_text(e));
    return l.done ? 0 : complain(1, "no answer");
}

int command_ask(const struct words *w, enum api_number row, const char *room, const char *item,
                const char *query, struct span body, struct reply *reply)
{
    static uint8_t question[IPC_BODY_MAX];
    struct ipc_ask ask = {.row = (uint16_t)row,
                          .from = SPAN_LIT("control"),
                          .room = span_str(room),
                          .item = span_str(item),
                          .query = span_str(query),
                          .body = body,
                          .trusted = true};
    struct writer q = writer_of(MSPAN(question, sizeof question));
    int fd, lock, code;
    buf_init(&reply->body, REPLY_MAX);
    reply->status = 0;
    put_ipc_ask(&q, &ask);
    if (q.bad) return complain(2, "that is too long");
    if (ipc_connect(w->data, "control.sock", &fd) == OK) {
        code = ask_server(fd, writer_span(&q), reply);
        return code ? complain(3, "the server that uses %.200s does not answer", w->data) : 0;
    }
    enum err e = file_folder(w->data);
    if (!e) e = file_lock(w->data, "lock", &lock);
    if (e == ERR_EXISTS)
        return complain(3, "the data folder %.200s is in use, but its server does not answer", w->data);
    if (e) return complain(1, "can't use the data folder %.200s: %s", w->data, err_text(e));
    code = ask_here(w, &ask, reply);
    process_close(lock);
    return code;
}

void reply_text(const struct reply *r, const char *member, char *into, size_t size)
{
    static struct json j;
    struct json_token t;
    into[0] = 0;
    json_init(&j, buf_span(&r->body));
    if (json_expect(&j, JSON_OBJECT, &t)) return;
    while (json_next(&j, &t) == OK && t.kind == JSON_KEY) {
        bool wanted = json_is(&t, member);
        if (json_next(&j, &t)) return;
        if (wanted) {
            struct span out = t.raw;
            if (t.kind == JSON_STRING && json_text(&t, MSPAN(into, size - 1), &out)) return;
            if (t.kind == JSON_NUMBER) memcpy(into, out.p, out.n < size ? out.n : size - 1);
            into[out.n < size ? out.n : size - 1] = 0;
            return;
        }
        if (json_skip(&j, &t)) return;
    }
}

int reply_refused(const struct reply *r)
{
    char title[512], field[64];
    reply_text(r, "title", title, sizeof title);
    reply_text(r, "field", field, sizeof field);
    return complain(1, field[0] ? "%s (%s)" : "%s%s", title[0] ? title : "refused", field);
}
