/* SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"

#include "app/config.h"
#include "base/secret.h"
#include "io/file.h"
#include "io/process.h"
#include "wire/json.h"

#include <stdio.h>
#include <time.h>

#define ARCHIVE_USAGE                                                                                        \
    "incamera archive list | record ROOM | stop ROOM | export RECORDING --out DIR | shred RECORDING "        \
    "[--data DIR] [--json]"

#define FILES_MAX 600
#define NAME_MAX_ 64

/* --- list --- */

struct line { /* what a person wants to see of a recording */
    char id[40], room[80], begin[24], end[24], bytes[24], fault[160];
    bool destroyed;
};

static void print_line(const struct line *l)
{
    char time[40] = "";
    struct json_token number = {JSON_NUMBER, span_str(l->begin)};
    uint64_t ms = 0, bytes = 0;
    if (!json_uint(&number, INT64_MAX, &ms)) {
        time_t at = (time_t)(ms / 1000);
        struct tm utc;
        if (gmtime_r(&at, &utc)) strftime(time, sizeof time, "%Y-%m-%d %H:%M:%S", &utc);
    }
    number.raw = span_str(l->bytes);
    (void)!json_uint(&number, INT64_MAX, &bytes);
    say("%s  %s  %8.1f MB  %-24s %s\n", l->id, time, (double)bytes / 1e6, l->room,
        l->destroyed                  ? "destroyed"
        : l->fault[0]                 ? l->fault
        : strcmp(l->end, "null") == 0 ? "running"
                                      : "");
}

static bool take_field(struct json *j, const struct json_token *key, struct line *l)
{
    static const char *const names[] = {"id", "room", "begin", "end", "bytes", "fault"};
    char *into[] = {l->id, l->room, l->begin, l->end, l->bytes, l->fault};
    const size_t size[] = {sizeof l->id,  sizeof l->room,  sizeof l->begin,
                           sizeof l->end, sizeof l->bytes, sizeof l->fault};
    struct json_token t;
    unsigned i = 0;
    while (i < COUNT_OF(names) && !json_is(key, names[i]))
        i++;
    bool destroyed = json_is(key, "destroyed");
    if (json_next(j, &t)) return false;
    if (destroyed) l->destroyed = t.kind == JSON_TRUE;
    if (i == COUNT_OF(names)) return json_skip(j, &t) == OK;
    struct span out = t.kind == JSON_NULL ? span_str("null") : t.raw;
    if (t.kind == JSON_STRING && json_text(&t, MSPAN(into[i], size[i] - 1), &out)) return false;
    if (t.kind != JSON_STRING) memcpy(into[i], out.p, out.n < size[i] ? out.n : size[i] - 1);
    into[i][out.n < size[i] ? out.n : size[i] - 1] = 0;
    return true;
}

static int list(const struct words *w)
{
    static struct json j;
    struct json_token t;
    struct reply reply;
    struct line l = {0};
    unsigned depth = 0;
    int code = command_ask(w, API_RECORDING_LIST, "", "", "", SPAN_NONE, &reply);
    if (!code && reply.status != 200) code = reply_refused(&reply);
    if (!code && w->json) say("%.*s\n", (int)reply.body.n, (const char *)reply.body.p);
    json_init(&j, buf_span(&reply.body));
    while (!code && !w->json && json_next(&j, &t) == OK && t.kind != JSON_END) {
        if (t.kind == JSON_OBJECT) depth++, l = (struct line){0};
        if (t.kind == JSON_OBJECT_END && depth-- == 2) print_line(&l);
        if (t.kind == JSON_KEY && depth == 2 && !take_field(&j, &t, &l))
            code = complain(1, "the answer is not understood");
    }
    buf_fini(&reply.body);
    return code;
}

/* --- export --- */

struct files {
    char name[FILES_MAX][NAME_MAX_];
    unsigned n;
};

/* Names that are ours to write: no way out of the folder. */
static bool plain_name(const char *s)
{
    if (!s[0] || s[0] == '.') return false;
    return strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == strlen(s);
}

static int read_names(const struct words *w, const char *id, struct files *f)
{
    static struct json j;
    struct json_token t;
    struct reply reply;
    int code = command_ask(w, API_RECORDING_READ, "", id, "", SPAN_NONE, &reply);
    if (!code && reply.status != 200) code = reply_refused(&reply);
    json_init(&j, buf_span(&reply.body));
    while (!code && json_next(&j, &t) == OK && t.kind != JSON_END) {
        struct span out;
        if (t.kind != JSON_STRING || f->n == FILES_MAX) continue;
        char *name = f->name[f->n];
        if (json_text(&t, MSPAN(name, NAME_MAX_ - 1), &out)) continue;
        name[out.n] = 0;
        if (plain_name(name)) f->n++;
    }
    buf_fini(&reply.body);
    if (!code && !f->n) code = complain(1, "this recording has no files");
    return code;
}

static int read_one(const struct words *w, const char *id, const char *name, int fd, uint64_t *size)
{
    char query[NAME_MAX_ + 48];
    struct reply reply;
    int code = 0;
    *size = 0;
    for (bool more = true; more && !code;) {
        snprintf(query, sizeof query, "file=%s&from=%llu", name, (unsigned long long)*size);
        code = command_ask(w, API_RECORDING_READ, "", id, query, SPAN_NONE, &reply);
        if (!code && reply.status != 200) code = reply_refused(&reply);
        more = reply.body.n > 0;
        if (!code && more && file_add_soon(fd, buf_span(&reply.body)))
            code = complain(1, "can't write %s", name);
        *size += reply.body.n;
        if (reply.body.n) secret_wipe(reply.body.p, reply.body.n);
        buf_fini(&reply.body);
    }
    return code;
}

static int export(const struct words *w)
{
    static struct files files;
    char path[CONFIG_PATH + NAME_MAX_ + 2];
    const char *out = words_option(w, "--out"), *id = w->word[1];
    if (!out) return complain(2, "--out DIR is missing; expected: " ARCHIVE_USAGE);
    int code = read_names(w, id, &files);
    if (!code && file_folder(out)) code = complain(1, "can't make the folder %.200s", out);
    for (unsigned i = 0; i < files.n && !code; i++) {
        int fd = -1;
        uint64_t size;
        int n = snprintf(path, sizeof path, "%s/%s", out, files.name[i]);
        if (n < 0 || n >= (int)sizeof path) return complain(2, "the name of the folder is too long");
        enum err e = file_open_new(path, &fd);
        if (e == ERR_EXISTS) return complain(1, "%.200s is there already; name an empty folder", path);
        if (e) return complain(1, "can't write %.200s: %s", path, err_text(e));
        code = read_one(w, id, files.name[i], fd, &size);
        if (!code && file_sync(fd)) code = complain(1, "can't write %.200s", path);
        process_close(fd);
        if (!code && !w->json)
            say("%3u of %u  %10llu bytes  %s\n", i + 1, files.n, (unsigned long long)size, files.name[i]);
    }
    if (!code && w->json) say("{\"files\":%u}\n", files.n);
    return code;
}

static int simple(const struct words *w, enum api_number row, const char *room, const char *item)
{
    struct reply reply;
    int code = command_ask(w, row, room, item, "", SPAN_NONE, &reply);
    if (!code && reply.status >= 300) code = reply_refused(&reply);
    if (!code && reply.body.n) say("%.*s", (int)reply.body.n, (const char *)reply.body.p);
    buf_fini(&reply.body);
    return code;
}

int command_archive(int argc, char **argv)
{
    static const char *const names[] = {"--out", NULL};
    struct words w;
    int code = words_read(&w, argc, argv, names, ARCHIVE_USAGE);
    if (code >= 0) return code;
    if (w.count == 1 && strcmp(w.word[0], "list") == 0) return list(&w);
    if (w.count == 2 && strcmp(w.word[0], "record") == 0) return simple(&w, API_RECORD, w.word[1], "");
    if (w.count == 2 && strcmp(w.word[0], "stop") == 0) return simple(&w, API_UNRECORD, w.word[1], "");
    if (w.count == 2 && strcmp(w.word[0], "export") == 0) return export(&w);
    if (w.count == 2 && strcmp(w.word[0], "shred") == 0) return simple(&w, API_RECORDING_DROP, "", w.word[1]);
    return complain(2, "expected: " ARCHIVE_USAGE);
}
