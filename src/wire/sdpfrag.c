/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/sdpfrag.h"

#define UFRAG "a=ice-ufrag:"
#define PWD   "a=ice-pwd:"

static bool begins(struct span line, const char *with)
{
    size_t n = strlen(with);
    return line.n >= n && memcmp(line.p, with, n) == 0;
}

static struct span after(struct span line, const char *prefix)
{
    size_t n = strlen(prefix);
    return SPAN(line.p + n, line.n - n); /* may be empty, but is there */
}

/* Takes one line off the front, without its end (CRLF or LF). False at the end of the text. */
static bool next_line(struct span *text, struct span *line)
{
    if (text->n == 0) return false;
    const uint8_t *lf = memchr(text->p, '\n', text->n);
    size_t n = lf ? (size_t)(lf - text->p) : text->n, skip = lf ? n + 1 : n;
    *line = SPAN(text->p, n && text->p[n - 1] == '\r' ? n - 1 : n);
    *text = SPAN(text->p + skip, text->n - skip);
    return true;
}

static bool line_ok(struct span line)
{
    if (line.n < 2 || line.p[0] < 'a' || line.p[0] > 'z' || line.p[1] != '=') return false;
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] < ' ' || line.p[i] == 0x7f) return false;
    return true;
}

/* ice-char of RFC 8839 section 5.4 */
static enum err credential_ok(struct span s, size_t min)
{
    if (s.n < min || s.n > 256) return ERR_RANGE;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i], low = c | 0x20;
        if (!((c >= '0' && c <= '9') || (low >= 'a' && low <= 'z') || c == '+' || c == '/'))
            return ERR_FORMAT;
    }
    return OK;
}

static enum err take_credential(struct span got, size_t min, struct span *kept)
{
    enum err e = credential_ok(got, min);
    if (e) return e;
    if (kept->p && !span_equal(*kept, got)) return ERR_EXISTS;
    *kept = got;
    return OK;
}

enum err sdpfrag_read(struct span text, struct sdpfrag *out)
{
    struct sdpfrag f = {0};
    struct span line;
    unsigned lines = 0;
    if (text.n > SDPFRAG_MAX) return ERR_LIMIT;
    while (next_line(&text, &line)) {
        enum err e = OK;
        if (++lines > SDPFRAG_LINES_MAX || line.n > SDPFRAG_LINE_MAX) return ERR_LIMIT;
        if (!line_ok(line)) return ERR_FORMAT;
        if (begins(line, UFRAG))
            e = take_credential(after(line, UFRAG), 4, &f.ufrag);
        else if (begins(line, PWD))
            e = take_credential(after(line, PWD), 22, &f.pwd);
        else if (begins(line, "a=candidate:"))
            f.candidates++;
        else if (begins(line, "a=end-of-candidates"))
            f.end = true;
        if (e) return e;
    }
    if (lines == 0 || (f.ufrag.p == NULL) != (f.pwd.p == NULL)) return ERR_FORMAT;
    *out = f;
    return OK;
}

enum err sdp_credentials(struct span sdp, struct span *ufrag, struct span *pwd)
{
    struct span line, u = SPAN_NONE, p = SPAN_NONE;
    while (next_line(&sdp, &line) && !(u.p && p.p)) {
        if (!u.p && begins(line, UFRAG)) u = after(line, UFRAG);
        if (!p.p && begins(line, PWD)) p = after(line, PWD);
    }
    if (!u.p || !p.p) return ERR_UNKNOWN;
    *ufrag = u;
    *pwd = p;
    return OK;
}

static void put_line(struct writer *out, const char *prefix, struct span rest)
{
    write_str(out, prefix);
    write_bytes(out, rest);
    write_str(out, "\r\n");
}

enum err sdp_with_credentials(struct span sdp, struct span ufrag, struct span pwd, struct writer *out)
{
    struct span line;
    while (next_line(&sdp, &line)) {
        if (begins(line, UFRAG))
            put_line(out, UFRAG, ufrag);
        else if (begins(line, PWD))
            put_line(out, PWD, pwd);
        else if (!begins(line, "a=candidate:")) /* of the session that ends */
            put_line(out, "", line);
    }
    return write_ok(out);
}

enum err sdpfrag_of_answer(struct span sdp, struct writer *out)
{
    static const char *const first[] = {"a=mid:", "a=candidate:", "a=end-of-candidates"};
    struct span ufrag, pwd, line;
    unsigned sections = 0;
    enum err e = sdp_credentials(sdp, &ufrag, &pwd);
    if (e) return e;
    put_line(out, "a=ice-lite", SPAN_NONE);
    put_line(out, UFRAG, ufrag);
    put_line(out, PWD, pwd);
    while (next_line(&sdp, &line)) {
        bool copy = begins(line, "m=") && ++sections == 1;
        for (size_t i = 0; sections == 1 && i < COUNT_OF(first); i++)
            copy = copy || begins(line, first[i]);
        if (copy) put_line(out, "", line);
    }
    return write_ok(out);
}
