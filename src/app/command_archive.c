/* SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"

#include "app/config.h"
#include "archive/evidence.h"
#include "base/secret.h"
#include "guest/openssl_crypto.h"
#include "io/file.h"
#include "io/process.h"
#include "wire/json.h"

#include <stdio.h>
#include <time.h>

#define ARCHIVE_USAGE                                                                                        \
    "incamera archive list | record ROOM | stop ROOM | export RECORDING --out DIR [--compose "               \
    "FILE.webm|FILE.mp4 "                                                                                    \
    "[--layout grid|speaker]] | verify DIR [--key HEX] | shred RECORDING [--data DIR] [--json]"

#define FILES_MAX 600
#define PARTS_MAX 999
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

/* A file of its own for what an answer says; `close` adds to it. */
static int new_file(const char *out, const char *name, int *fd)
{
    char path[CONFIG_PATH + NAME_MAX_ + 2];
    int n = snprintf(path, sizeof path, "%s/%s", out, name);
    if (n < 0 || n >= (int)sizeof path) return complain(2, "the name of the folder is too long");
    enum err e = file_open_new(path, fd);
    if (e == ERR_EXISTS) return complain(1, "%.200s is there already; name an empty folder", path);
    return e ? complain(1, "can't write %.200s: %s", path, err_text(e)) : 0;
}

/* The objects of {"consents":[…]}, one a line; *last is the number of the last. */
static enum err split_receipts(struct span text, int fd, uint64_t *last, unsigned *count)
{
    static const char begins[] = "{\"seq\":"; /* quotes inside strings are escaped: nowhere else */
    const size_t n = sizeof begins - 1;
    enum err e = OK;
    while (text.n && text.p[text.n - 1] != ']')
        text.n--;
    size_t limit = text.n ? text.n - 1 : 0;
    for (size_t at = 0; !e && at + n < limit; at++) {
        if (memcmp(text.p + at, begins, n) != 0) continue;
        size_t end = at + n;
        for (*last = 0; end < limit && text.p[end] >= '0' && text.p[end] <= '9'; end++)
            *last = *last * 10 + (uint64_t)(text.p[end] - '0');
        while (end < limit && (limit - end < n || memcmp(text.p + end, begins, n) != 0))
            end++;
        if (end < limit) end--; /* the comma between two */
        e = file_add_soon(fd, SPAN(text.p + at, end - at));
        if (!e) e = file_add_soon(fd, SPAN_LIT("\n"));
        ++*count;
        at = end;
    }
    return e;
}

static int receipts(const struct words *w, const char *id, const char *out)
{
    struct reply reply;
    char query[48];
    uint64_t last = 0;
    unsigned count = 0, before = 1;
    int fd = -1, code = new_file(out, "consents.jsonl", &fd);
    while (!code && count != before) {
        before = count;
        snprintf(query, sizeof query, "after=%llu", (unsigned long long)last);
        code = command_ask(w, API_RECORDING_CONSENTS, "", id, query, SPAN_NONE, &reply);
        if (!code && reply.status != 200) code = reply_refused(&reply);
        if (!code && split_receipts(buf_span(&reply.body), fd, &last, &count))
            code = complain(1, "can't write the receipts");
        buf_fini(&reply.body);
    }
    if (!code && file_sync(fd)) code = complain(1, "can't write the receipts");
    if (fd >= 0) process_close(fd);
    return code;
}

/* The entry of the audit trail that says how it ended, with its proof under a head signed just now. */
static int proof(const struct words *w, const char *id, const char *out)
{
    struct reply reply;
    char entry[32] = "", query[48];
    int fd = -1, code = command_ask(w, API_RECORDING_SHOW, "", id, "", SPAN_NONE, &reply);
    if (!code && reply.status != 200) code = reply_refused(&reply);
    if (!code) reply_text(&reply, "entry", entry, sizeof entry);
    buf_fini(&reply.body);
    if (code || !entry[0] || strcmp(entry, "0") == 0)
        return code; /* it has not ended: nothing is proved yet */
    code = command_ask(w, API_AUDIT_HEAD, "", "", "", SPAN_NONE, &reply);
    if (!code && reply.status != 200) code = reply_refused(&reply);
    buf_fini(&reply.body);
    snprintf(query, sizeof query, "seq=%s", entry);
    if (!code) code = command_ask(w, API_AUDIT_PROOF, "", "", query, SPAN_NONE, &reply);
    if (code) return code;
    if (reply.status != 200) code = reply_refused(&reply);
    if (!code) code = new_file(out, "proof.json", &fd);
    if (!code && file_add(fd, buf_span(&reply.body))) code = complain(1, "can't write the proof");
    if (fd >= 0) process_close(fd);
    buf_fini(&reply.body);
    return code;
}

/* One film of it all: a program of its own, as decoders read what strangers sent. */
static int film(const struct words *w, const char *folder)
{
    const char *layout = words_option(w, "--layout");
    const char *const args[PROCESS_ARGS_MAX] = {
        "incamera-compose",           folder,     "--out",
        words_option(w, "--compose"), "--layout", layout ? layout : "grid"};
    enum err e = process_become(args);
    return e == ERR_UNKNOWN ? complain(1, "incamera-compose is not installed beside this program; the export "
                                          "is complete without a film")
                            : complain(1, "incamera-compose can't be started: %s", err_text(e));
}

static int export(const struct words *w)
{
    static struct files files;
    const char *out = words_option(w, "--out"), *id = w->word[1];
    if (!out) return complain(2, "--out DIR is missing; expected: " ARCHIVE_USAGE);
    int code = read_names(w, id, &files);
    if (!code && file_folder(out)) code = complain(1, "can't make the folder %.200s", out);
    for (unsigned i = 0; i < files.n && !code; i++) {
        int fd = -1;
        uint64_t size;
        code = new_file(out, files.name[i], &fd);
        if (code) return code;
        code = read_one(w, id, files.name[i], fd, &size);
        if (!code && file_sync(fd)) code = complain(1, "can't write %.200s", files.name[i]);
        process_close(fd);
        if (!code && !w->json)
            say("%3u of %u  %10llu bytes  %s\n", i + 1, files.n, (unsigned long long)size, files.name[i]);
    }
    if (!code) code = receipts(w, id, out);
    if (!code) code = proof(w, id, out);
    if (!code && w->json) say("{\"files\":%u}\n", files.n);
    return code || !words_option(w, "--compose") ? code : film(w, out);
}

/* --- verify --- */

static bool in_folder(const char *folder, const char *name, char path[static CONFIG_PATH + NAME_MAX_ + 2])
{
    int n = snprintf(path, CONFIG_PATH + NAME_MAX_ + 2, "%s/%s", folder, name);
    return n > 0 && n < CONFIG_PATH + NAME_MAX_ + 2;
}

static int digest_of(const struct crypto *c, const char *path, struct evidence_digest *d, uint64_t *size)
{
    static uint8_t part[RECORDING_BLOCK];
    int fd = -1;
    size_t n = 1;
    enum err e = file_open_read(path, &fd);
    *size = 0;
    evidence_digest_begin(d, c);
    while (!e && n) {
        e = file_read_at(fd, *size, MSPAN(part, sizeof part), &n);
        if (!e) e = evidence_digest_add(d, SPAN(part, n));
        *size += e ? 0 : n;
    }
    if (fd >= 0) process_close(fd);
    if (!e) e = evidence_digest_end(d);
    return e ? complain(1, "can't read %.200s: %s", path, err_text(e)) : 0;
}

struct receipts_check {
    const struct crypto *crypto;
    const uint8_t *id;
    unsigned good, bad;
};
static bool check_receipt(void *ctx, struct span line)
{
    struct receipts_check *k = ctx;
    if (evidence_consent(k->crypto, line, k->id))
        k->bad++;
    else
        k->good++;
    return true;
}

static int verify_files(const struct crypto *c, const char *folder, const struct evidence_file *files,
                        unsigned n)
{
    static struct evidence_digest d;
    char path[CONFIG_PATH + NAME_MAX_ + 2];
    int code = 0;
    for (unsigned i = 0; i < n; i++) {
        uint64_t size = 0;
        if (!plain_name(files[i].name) || !in_folder(folder, files[i].name, path))
            return complain(1, "the manifest names a file that can't be");
        int e = digest_of(c, path, &d, &size);
        if (!e && (size != files[i].bytes || memcmp(d.digest, files[i].digest, sizeof d.digest) != 0))
            e = complain(1, "%.60s is not what was recorded: it was changed", files[i].name);
        if (e) code = e;
    }
    return code;
}

/* That of the last part; one before it has none, or one that was overtaken. */
static bool manifest_path(const char *folder, char path[static CONFIG_PATH + NAME_MAX_ + 2])
{
    char name[NAME_MAX_];
    for (unsigned part = PARTS_MAX; part > 1; part--) {
        snprintf(name, sizeof name, "p%u-manifest.json", part);
        if (in_folder(folder, name, path) && file_there(path)) return true;
    }
    return in_folder(folder, "manifest.json", path);
}

static int verify(const struct words *w)
{
    static struct evidence_file files[FILES_MAX];
    char path[CONFIG_PATH + NAME_MAX_ + 2];
    uint8_t id[ARTEFACT_ID], key[AUDIT_KEY], signer[AUDIT_KEY], hex[2 * AUDIT_KEY];
    const char *folder = w->word[1], *pin = words_option(w, "--key");
    const struct crypto *c = openssl_crypto();
    struct buf manifest, proof_text;
    unsigned n = 0;
    if (!c) return complain(1, "the cryptographic library lacks what is needed");
    if (pin && audit_key_read_hex(span_str(pin), key))
        return complain(2, "--key is a public key: %u hexadecimal digits", 2 * AUDIT_KEY);
    buf_init(&manifest, 2u * 1024 * 1024);
    buf_init(&proof_text, 65536);
    int code = 0;
    if (!manifest_path(folder, path) || file_read(path, &manifest))
        code = complain(1, "there is no manifest.json in %.200s", folder);
    else if (evidence_manifest(buf_span(&manifest), id, files, FILES_MAX, &n))
        code = complain(1, "manifest.json is damaged");
    else if (!in_folder(folder, "proof.json", path) || file_read(path, &proof_text))
        code = complain(1, "there is no proof.json in %.200s: export it again once the recording has ended",
                        folder);
    else if (evidence_proof(c, buf_span(&proof_text), pin ? SPAN_OF(key) : SPAN_NONE, id, buf_span(&manifest),
                            signer))
        code = complain(
            1, "proof.json does not prove this manifest: one of them was changed, or another key signed");
    if (!code) code = verify_files(c, folder, files, n);
    struct receipts_check r = {.crypto = c, .id = id};
    if (!code && (!in_folder(folder, "consents.jsonl", path) || file_lines(path, check_receipt, &r)))
        code = complain(1, "there is no consents.jsonl in %.200s", folder);
    if (!code && r.bad)
        code = complain(1, "%u of %u receipts of consent are not signed by their members", r.bad,
                        r.bad + r.good);
    struct writer h = writer_of(MSPAN(hex, sizeof hex));
    if (!code) write_hex(&h, SPAN_OF(signer));
    if (!code && w->json)
        say("{\"good\":true,\"files\":%u,\"consents\":%u,\"key\":\"%.*s\"}\n", n, r.good, (int)h.n,
            (const char *)hex);
    else if (!code)
        say("unaltered: %u files as recorded, %u receipts of consent signed by their members\nkey  %.*s%s\n",
            n, r.good, (int)h.n, (const char *)hex, pin ? "" : "   (compare it with the one you keep)");
    buf_fini(&manifest);
    buf_fini(&proof_text);
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
    static const char *const names[] = {"--out", "--key", "--compose", "--layout", NULL};
    struct words w;
    int code = words_read(&w, argc, argv, names, ARCHIVE_USAGE);
    if (code >= 0) return code;
    if (w.count == 1 && strcmp(w.word[0], "list") == 0) return list(&w);
    if (w.count == 2 && strcmp(w.word[0], "record") == 0) return simple(&w, API_RECORD, w.word[1], "");
    if (w.count == 2 && strcmp(w.word[0], "stop") == 0) return simple(&w, API_UNRECORD, w.word[1], "");
    if (w.count == 2 && strcmp(w.word[0], "export") == 0) return export(&w);
    if (w.count == 2 && strcmp(w.word[0], "verify") == 0) return verify(&w);
    if (w.count == 2 && strcmp(w.word[0], "shred") == 0) return simple(&w, API_RECORDING_DROP, "", w.word[1]);
    return complain(2, "expected: " ARCHIVE_USAGE);
}
