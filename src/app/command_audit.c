/* SPDX-License-Identifier: Apache-2.0 */
#include "app/command.h"

#include "archive/audit.h"
#include "guest/openssl_crypto.h"
#include "io/file.h"
#include "io/process.h"
#include "wire/json.h"

#include <stdio.h>

#define AUDIT_USAGE                                                                                          \
    "incamera audit verify [--data DIR | --file EXPORT] [--head HEX] [--key HEX] [--json] | export [--out "  \
    "FILE] [--data DIR]"

struct pulling { /* a trail that goes by, line by line */
    struct audit_check check;
    bool failed; /* the check did */
    int out;     /* where the lines are written too, or -1; standard output when to_output */
    bool to_output;
    uint64_t seq; /* of the last entry that went by */
    enum err written;
};

static bool take_line(void *ctx, struct span line)
{
    static const char begins[] = "{\"seq\":";
    struct pulling *p = ctx;
    size_t n = sizeof begins - 1;
    if (!p->failed && audit_check_line(&p->check, line)) p->failed = true;
    if (line.n > n && memcmp(line.p, begins, n) == 0) {
        uint64_t seq = 0;
        for (size_t i = n; i < line.n && line.p[i] >= '0' && line.p[i] <= '9'; i++)
            seq = seq * 10 + (uint64_t)(line.p[i] - '0');
        p->seq = seq;
    }
    return true;
}

static void take_lines(struct pulling *p, struct span text)
{
    for (size_t at = 0; at < text.n;) {
        const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
        size_t n = end ? (size_t)(end - text.p) - at : text.n - at;
        take_line(p, SPAN(text.p + at, n));
        at += n + 1;
    }
    if (p->to_output) process_write_output(text);
    if (p->out >= 0 && !p->written) p->written = file_add(p->out, text);
}

/* The trail as it is now, from the server or out of the data folder: a head over all of it, then part by part. */
static int pull(const struct words *w, struct pulling *p)
{
    struct reply reply;
    char query[64], size_text[32];
    int code = command_ask(w, API_AUDIT_HEAD, "", "", "", SPAN_NONE, &reply);
    if (!code && reply.status != 200) code = reply_refused(&reply);
    if (!code) reply_text(&reply, "size", size_text, sizeof size_text);
    buf_fini(&reply.body);
    uint64_t size = 0;
    struct json_token number = {JSON_NUMBER, span_str(code ? "" : size_text)};
    if (!code && json_uint(&number, INT64_MAX, &size)) code = complain(1, "the answer is not understood");
    for (bool more = true; !code && more;) {
        uint64_t before = p->seq;
        snprintf(query, sizeof query, "after=%llu&upto=%llu", (unsigned long long)p->seq,
                 (unsigned long long)size);
        code = command_ask(w, API_AUDIT_EXPORT, "", "", query, SPAN_NONE, &reply);
        if (!code && reply.status != 200) code = reply_refused(&reply);
        if (!code) take_lines(p, buf_span(&reply.body));
        buf_fini(&reply.body);
        more = p->seq > before && p->seq < size;
    }
    return code;
}

static int report(const struct words *w, struct pulling *p)
{
    uint8_t text[2 * AUDIT_KEY + 2], head_text[2 * AUDIT_HEAD + 2], bytes[AUDIT_HEAD];
    struct audit_check *c = &p->check;
    struct writer k = writer_of(MSPAN(text, sizeof text)), h = writer_of(MSPAN(head_text, sizeof head_text));
    struct writer b = writer_of(MSPAN(bytes, sizeof bytes));
    if (!p->failed && audit_check_end(c)) p->failed = true;
    write_hex(&k, SPAN_OF(c->key));
    audit_head_write(&b, &c->last);
    if (c->heads) write_hex(&h, writer_span(&b));
    unsigned long long entries = c->edge.size, heads = c->heads, bad = c->bad;
    if (w->json)
        say("{\"good\":%s,\"entries\":%llu,\"heads\":%llu,\"key\":\"%.*s\",\"head\":\"%.*s\",\"bad\":%llu,"
            "\"why\":\"%s\"}\n",
            p->failed ? "false" : "true", entries, heads, (int)k.n, (const char *)text, (int)h.n,
            (const char *)head_text, bad, c->why);
    else if (!p->failed)
        say("complete and unaltered: %llu entries under %llu signed heads\nkey  %.*s%s\nhead %.*s\n", entries,
            heads, (int)k.n, (const char *)text, c->pinned ? "" : "   (compare it with the one you keep)",
            (int)h.n, (const char *)head_text);
    else if (bad)
        say("entry %llu: %s\n", bad, c->why);
    else
        say("%s\n", c->why);
    return p->failed ? 1 : 0;
}

static int verify(const struct words *w)
{
    static struct pulling p = {.out = -1};
    struct audit_head keep;
    uint8_t key[AUDIT_KEY];
    const char *head = words_option(w, "--head"), *file = words_option(w, "--file");
    const char *pin = words_option(w, "--key");
    if (head && audit_head_read_hex(span_str(head), &keep))
        return complain(2, "--head is a head as `audit verify` and the log print it: %u hexadecimal digits",
                        2 * AUDIT_HEAD);
    if (pin && audit_key_read_hex(span_str(pin), key))
        return complain(2, "--key is a public key: %u hexadecimal digits", 2 * AUDIT_KEY);
    if (file && words_option(w, "--data")) return complain(2, "expected: " AUDIT_USAGE);
    const struct crypto *crypto = openssl_crypto();
    if (!crypto) return complain(1, "the cryptographic library lacks what is needed");
    audit_check_begin(&p.check, crypto, pin ? SPAN_OF(key) : SPAN_NONE, head ? &keep : NULL);
    if (!file) {
        int code = pull(w, &p);
        return code ? code : report(w, &p);
    }
    enum err e = file_lines(file, take_line, &p);
    if (e) return complain(1, "can't read %.200s: %s", file, err_text(e));
    return report(w, &p);
}

static int export(const struct words *w)
{
    static struct pulling p = {.out = -1};
    const char *out = words_option(w, "--out");
    const struct crypto *crypto = openssl_crypto();
    if (!crypto) return complain(1, "the cryptographic library lacks what is needed");
    if (out) {
        enum err e = file_open_new(out, &p.out);
        if (e == ERR_EXISTS) return complain(1, "%.200s is there already; name another file", out);
        if (e) return complain(1, "can't write %.200s: %s", out, err_text(e));
    }
    p.to_output = !out;
    audit_check_begin(&p.check, crypto, SPAN_NONE, NULL);
    int code = pull(w, &p);
    if (p.out >= 0) process_close(p.out);
    if (!code && p.written) code = complain(1, "can't write %.200s: %s", out, err_text(p.written));
    if (code) return code;
    if (!p.failed && audit_check_end(&p.check)) p.failed = true;
    if (p.failed)
        return complain(1, "exported, but the trail is not whole: entry %llu: %s",
                        (unsigned long long)p.check.bad, p.check.why);
    return 0;
}

int command_audit(int argc, char **argv)
{
    static const char *const names[] = {"--file", "--head", "--key", "--out", NULL};
    struct words w;
    int code = words_read(&w, argc, argv, names, AUDIT_USAGE);
    if (code >= 0) return code;
    bool checks = words_option(&w, "--file") || words_option(&w, "--head") || words_option(&w, "--key");
    if (w.count == 1 && strcmp(w.word[0], "verify") == 0 && !words_option(&w, "--out")) return verify(&w);
    if (w.count == 1 && strcmp(w.word[0], "export") == 0 && !checks) return export(&w);
    return complain(2, "expected: " AUDIT_USAGE);
}
