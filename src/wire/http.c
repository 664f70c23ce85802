/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/http.h"

#include "base/read.h"

/* RFC 9110 section 5.6.2 */
static bool is_token_char(uint8_t c)
{
    if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z')) return true;
    return c != 0 && strchr("!#$%&'*+-.^_`|~", c) != NULL;
}

static bool is_digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(uint8_t c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static int hex_of(uint8_t c)
{
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

bool http_same(struct span a, struct span b)
{
    if (a.n != b.n) return false;
    for (size_t i = 0; i < a.n; i++)
        if (lower(a.p[i]) != lower(b.p[i])) return false;
    return true;
}

static struct span trim(struct span s)
{
    while (s.n && (s.p[0] == ' ' || s.p[0] == '\t'))
        s = SPAN(s.p + 1, s.n - 1);
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

uint16_t http_head_end(struct span in, size_t *seen, size_t *n)
{
    size_t i = *seen, at = 0;
    if (in.n == 0) return 100;
    bool line_done = memchr(in.p, '\n', in.n < i ? in.n : i) != NULL;
    for (; i < in.n && i < HTTP_HEAD_MAX; i++) {
        uint8_t c = in.p[i];
        if (c == '\n') {
            if (i == 0 || in.p[i - 1] != '\r') return 400;
            line_done = true;
            if (i >= 3 && in.p[i - 2] == '\n') {
                *seen = i + 1;
                *n = i + 1;
                return 0;
            }
            if (i == 1) return 400; /* an empty line where the request should be */
        } else if (i > 0 && in.p[i - 1] == '\r') {
            return 400;
        } else if ((c < ' ' && c != '\r' && c != '\t') || c == 0x7f) {
            return 400;
        }
        at = i;
    }
    *seen = i;
    if (!line_done && at >= HTTP_LINE_MAX) return 414;
    return i >= HTTP_HEAD_MAX ? 431 : 100;
}

/* The next line of the head without its CRLF; false when there is none. */
static bool next_line(struct reader *r, struct span *line)
{
    const uint8_t *end = read_left(r) ? memchr(r->p, '\n', read_left(r)) : NULL;
    if (!end || end == r->p || end[-1] != '\r') return false;
    struct span with = read_bytes(r, (size_t)(end - r->p) + 1);
    *line = SPAN(with.p, with.n - 2);
    return true;
}

static uint8_t method_of(struct span s)
{
    static const char *const names[] = {"", "GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    for (size_t i = HTTP_GET; i < COUNT_OF(names); i++)
        if (span_equal(s, span_str(names[i]))) return (uint8_t)i;
    return HTTP_OTHER;
}

/* pchar, '/' and '?' of RFC 3986; '%' must be followed by two hex digits. */
static bool target_chars_ok(struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c == '%') {
            if (s.n - i < 3 || hex_of(s.p[i + 1]) < 0 || hex_of(s.p[i + 2]) < 0) return false;
            i += 2;
        } else if (!is_alnum(c) && (c == 0 || !strchr("-._~!$&'()*+,;=:@/?", c))) {
            return false;
        }
    }
    return true;
}

static bool part_is_dots(const char *p, uint8_t n)
{
    return (n == 1 && p[0] == '.') || (n == 2 && p[0] == '.' && p[1] == '.');
}

enum err http_path_read(struct span raw, struct http_path *p)
{
    struct http_path got = {0};
    if (raw.n == 0 || raw.p[0] != '/' || !target_chars_ok(raw)) return ERR_FORMAT;
    if (raw.n == 1) {
        *p = got;
        return OK;
    }
    for (size_t i = 0; i < raw.n;) {
        if (got.parts == HTTP_PARTS_MAX) return ERR_LIMIT;
        uint8_t n = 0;
        char *part = got.part[got.parts];
        for (i++; i < raw.n && raw.p[i] != '/'; i++) {
            uint8_t c = raw.p[i];
            if (c == '%') {
                c = (uint8_t)((unsigned)hex_of(raw.p[i + 1]) << 4 | (unsigned)hex_of(raw.p[i + 2]));
                i += 2;
                if (c <= ' ' || c >= 0x7f || c == '/' || c == '\\' || c == '%') return ERR_FORMAT;
            }
            if (n == HTTP_PART_MAX - 1) return ERR_LIMIT;
            part[n++] = (char)c;
        }
        if (n == 0 || part_is_dots(part, n)) return ERR_FORMAT;
        got.length[got.parts++] = n;
    }
    *p = got;
    return OK;
}

struct span http_part(const struct http_path *p, unsigned i)
{
    return i < p->parts ? SPAN(p->part[i], p->length[i]) : SPAN_NONE;
}

static bool port_ok(struct span s)
{
    uint32_t v = 0;
    if (s.n == 0 || s.n > 5) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (!is_digit(s.p[i])) return false;
        v = v * 10 + (uint32_t)(s.p[i] - '0');
    }
    return v > 0 && v <= UINT16_MAX;
}

/* Splits host[:port]; the port is empty when there is none. */
static bool host_split(struct span s, struct span *name, struct span *port)
{
    size_t n = 0;
    bool six = s.n && s.p[0] == '[';
    if (six) {
        const uint8_t *end = memchr(s.p, ']', s.n);
        if (!end) return false;
        n = (size_t)(end - s.p) + 1;
    } else {
        while (n < s.n && s.p[n] != ':')
            n++;
    }
    *name = SPAN(s.p, n);
    *port = SPAN_NONE;
    if (n < s.n) {
        if (s.p[n] != ':') return false;
        *port = SPAN(s.p + n + 1, s.n - n - 1);
        if (!port_ok(*port)) return false;
    }
    return true;
}

static bool host_ok(struct span s)
{
    struct span name, port;
    if (s.n == 0 || s.n > HTTP_HOST_MAX || !host_split(s, &name, &port) || name.n == 0) return false;
    bool six = name.p[0] == '[';
    if (six) name = SPAN(name.p + 1, name.n - 2);
    if (name.n == 0) return false;
    for (size_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        if (six ? hex_of(c) < 0 && c != ':' && c != '.' : !is_alnum(c) && c != '.' && c != '-' && c != '_')
            return false;
    }
    return true;
}

bool http_host_is_local(struct span host)
{
    struct span name, port;
    if (!host_split(host, &name, &port) || name.n == 0) return false;
    if (name.p[0] == '[') return true;
    bool dotted = true;
    for (size_t i = 0; i < name.n; i++)
        dotted = dotted && (is_digit(name.p[i]) || name.p[i] == '.');
    if (dotted) return true;
    struct span end = SPAN_LIT(".localhost");
    return http_same(name, SPAN_LIT("localhost")) ||
           (name.n > end.n && http_same(SPAN(name.p + name.n - end.n, end.n), end));
}

/* scheme://authority of an absolute-form target; the rest stays in *target. */
static bool absolute_split(struct span *target, struct span *authority)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t k = 0; k < COUNT_OF(schemes); k++) {
        size_t n = strlen(schemes[k]);
        if (target->n < n || !http_same(SPAN(target->p, n), span_str(schemes[k]))) continue;
        size_t end = n;
        while (end < target->n && target->p[end] != '/' && target->p[end] != '?')
            end++;
        *authority = SPAN(target->p + n, end - n);
        *target = SPAN(target->p + end, target->n - end);
        return true;
    }
    return false;
}

static uint16_t read_target(struct span target, struct http_head *h, struct span *authority)
{
    *authority = SPAN_NONE;
    if (span_equal(target, SPAN_LIT("*"))) {
        h->asterisk = true;
        return h->method == HTTP_OPTIONS ? 0 : 400;
    }
    if (target.n && target.p[0] != '/') {
        if (!absolute_split(&target, authority) || !host_ok(*authority)) return 400;
        if (target.n == 0) target = SPAN_LIT("/");
    }
    if (!target_chars_ok(target)) return 400;
    const uint8_t *q = target.n ? memchr(target.p, '?', target.n) : NULL;
    if (q) {
        h->query = SPAN(q + 1, (size_t)(target.p + target.n - q) - 1);
        target.n = (size_t)(q - target.p);
    }
    enum err e = http_path_read(target, &h->path);
    return e == OK ? 0 : e == ERR_LIMIT ? 404 : 400;
}

static uint16_t read_request_line(struct span line, struct http_head *h, struct span *authority)
{
    if (line.n > HTTP_LINE_MAX) return 414;
    size_t m = 0, t;
    while (m < line.n && is_token_char(line.p[m]))
        m++;
    if (m == 0 || m == line.n || line.p[m] != ' ') return 400;
    for (t = m + 1; t < line.n && line.p[t] > ' ' && line.p[t] < 0x7f;)
        t++;
    if (t == m + 1 || t == line.n || line.p[t] != ' ') return 400;
    struct span version = SPAN(line.p + t + 1, line.n - t - 1);
    if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || !is_digit(version.p[5]) ||
        version.p[6] != '.' || !is_digit(version.p[7]))
        return 400;
    if (version.p[5] != '1' || version.p[7] > '1') return 505;
    h->http10 = version.p[7] == '0';
    h->method = method_of(SPAN(line.p, m));
    return read_target(SPAN(line.p + m + 1, t - m - 1), h, authority);
}

static uint16_t read_header_line(struct span line, struct http_head *h)
{
    size_t n = 0;
    while (n < line.n && is_token_char(line.p[n]))
        n++;
    if (n == 0 || n == line.n || line.p[n] != ':') return 400; /* also a folded line */
    if (h->headers == HTTP_HEADERS_MAX) return 431;
    struct span value = trim(SPAN(line.p + n + 1, line.n - n - 1));
    for (size_t i = 0; i < value.n; i++)
        if ((value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f) return 400;
    h->header[h->headers++] = (struct http_header){SPAN(line.p, n), value};
    return 0;
}

unsigned http_header_count(const struct http_head *h, const char *name)
{
    unsigned n = 0;
    for (uint8_t i = 0; i < h->headers; i++)
        n += http_same(h->header[i].name, span_str(name));
    return n;
}

struct span http_header_of(const struct http_head *h, const char *name)
{
    for (uint8_t i = 0; i < h->headers; i++)
        if (http_same(h->header[i].name, span_str(name))) return h->header[i].value;
    return SPAN_NONE;
}

/* Takes one element off the front of a comma list. */
static struct span list_next(struct span *list)
{
    size_t n = 0;
    while (n < list->n && list->p[n] != ',')
        n++;
    struct span one = trim(SPAN(list->p, n));
    size_t skip = n < list->n ? n + 1 : n;
    *list = SPAN(list->p + skip, list->n - skip);
    return one;
}

bool http_list_has(struct span value, const char *token)
{
    while (value.n)
        if (http_same(list_next(&value), span_str(token))) return true;
    return false;
}

bool http_type_is(struct span value, const char *type)
{
    size_t n = 0;
    while (n < value.n && value.p[n] != ';')
        n++;
    return http_same(trim(SPAN(value.p, n)), span_str(type));
}

static uint16_t read_length(struct span v, struct http_head *h)
{
    if (v.n == 0) return 400;
    for (size_t i = 0; i < v.n; i++) {
        if (!is_digit(v.p[i])) return 400;
        if (i < HTTP_LENGTH_DIGITS) h->length = h->length * 10 + (uint64_t)(v.p[i] - '0');
    }
    if (v.n > 1 && v.p[0] == '0') return 400;
    h->has_length = true;
    return v.n > HTTP_LENGTH_DIGITS ? 413 : 0;
}

/* Headers of which a second one makes two readers disagree. */
static bool doubled(const struct http_head *h)
{
    static const char *const once[] = {
        "host",
        "content-length",
        "transfer-encoding",
        "content-type",
        "authorization",
        "origin",
        "expect",
        "upgrade",
        "sec-websocket-key",
        "sec-websocket-version",
        "sec-websocket-protocol",
        "if-match",
    };
    for (size_t i = 0; i < COUNT_OF(once); i++)
        if (http_header_count(h, once[i]) > 1) return true;
    return false;
}

static uint16_t read_framing(struct http_head *h)
{
    bool te = http_header_count(h, "transfer-encoding") > 0, cl = http_header_count(h, "content-length") > 0;
    if (te && (cl || h->http10)) return 400;
    if (te) {
        if (!http_same(http_header_of(h, "transfer-encoding"), SPAN_LIT("chunked"))) return 501;
        h->chunked = true;
    }
    return cl ? read_length(http_header_of(h, "content-length"), h) : 0;
}

static uint16_t read_meaning(struct http_head *h, struct span authority)
{
    if (doubled(h)) return 400;
    h->host = http_header_of(h, "host");
    if (!host_ok(h->host) || (authority.p && !http_same(authority, h->host))) return 400;
    h->keep_alive = !h->http10;
    for (uint8_t i = 0; i < h->headers; i++) {
        if (!http_same(h->header[i].name, SPAN_LIT("connection"))) continue;
        if (http_list_has(h->header[i].value, "close")) h->keep_alive = false;
        if (http_list_has(h->header[i].value, "upgrade")) h->upgrade = true;
    }
    uint16_t refused = read_framing(h);
    if (refused) return refused;
    if (http_header_count(h, "expect")) {
        if (!http_same(http_header_of(h, "expect"), SPAN_LIT("100-continue"))) return 417;
        h->expect_continue = !h->http10;
    }
    return 0;
}

uint16_t http_head_read(struct span head, struct http_head *h)
{
    struct reader r = reader_of(head);
    struct span line, authority;
    if (head.n > HTTP_HEAD_MAX) return 431;
    memset(h, 0, sizeof *h);
    if (!next_line(&r, &line)) return 400;
    uint16_t refused = read_request_line(line, h, &authority);
    bool unknown = refused == 404; /* too deep a path: the rest of the head must still be right */
    if (refused && !unknown) return refused;
    for (;;) {
        if (!next_line(&r, &line)) return 400;
        if (line.n == 0) break;
        refused = read_header_line(line, h);
        if (refused) return refused;
    }
    if (read_left(&r)) return 400;
    refused = read_meaning(h, authority);
    return refused ? refused : unknown ? 404 : 0;
}

enum err http_bearer(const struct http_head *h, struct span *token)
{
    struct span v = http_header_of(h, "authorization"), scheme = SPAN_LIT("bearer ");
    if (http_header_count(h, "authorization") == 0) {
        *token = SPAN_NONE;
        return OK;
    }
    if (v.n <= scheme.n || !http_same(SPAN(v.p, scheme.n), scheme)) return ERR_FORMAT;
    v = SPAN(v.p + scheme.n, v.n - scheme.n);
    for (size_t i = 0; i < v.n; i++)
        if (!is_alnum(v.p[i]) && !strchr("-._~+/=", v.p[i])) return ERR_FORMAT;
    *token = v;
    return OK;
}

enum chunk_state {
    CHUNK_SIZE,
    CHUNK_EXT,
    CHUNK_SIZE_LF,
    CHUNK_DATA,
    CHUNK_CR,
    CHUNK_LF,
    CHUNK_LAST_CR,
    CHUNK_LAST_LF,
    CHUNK_DONE
};

static enum err chunk_size(struct http_chunked *c, uint8_t b)
{
    int v = hex_of(b);
    if (v >= 0) {
        if (c->digits == 8) return ERR_LIMIT;
        c->left = c->left << 4 | (uint64_t)v;
        c->digits++;
        return OK;
    }
    if (c->digits == 0) return ERR_FORMAT;
    if (b == ';') {
        c->state = CHUNK_EXT;
        c->ext = 0;
    } else if (b == '\r') {
        c->state = CHUNK_SIZE_LF;
    } else {
        return ERR_FORMAT;
    }
    return OK;
}

static enum err chunk_ext(struct http_chunked *c, uint8_t b)
{
    if (b == '\r') {
        c->state = CHUNK_SIZE_LF;
        return OK;
    }
    if (b < ' ' || b >= 0x7f) return ERR_FORMAT;
    return ++c->ext > HTTP_CHUNK_EXT_MAX || ++c->exts > HTTP_EXTS_MAX ? ERR_LIMIT : OK;
}

/* One byte outside the data. */
static enum err chunk_byte(struct http_chunked *c, uint8_t b)
{
    switch (c->state) {
    case CHUNK_SIZE:
        return chunk_size(c, b);
    case CHUNK_EXT:
        return chunk_ext(c, b);
    case CHUNK_SIZE_LF:
        if (b != '\n') return ERR_FORMAT;
        c->state = c->left ? CHUNK_DATA : CHUNK_LAST_CR;
        return OK;
    case CHUNK_CR:
        c->state = CHUNK_LF;
        return b == '\r' ? OK : ERR_FORMAT;
    case CHUNK_LF:
        c->state = CHUNK_SIZE;
        c->digits = 0;
        return b == '\n' ? OK : ERR_FORMAT;
    case CHUNK_LAST_CR: /* trailers are refused: nothing of ours reads them */
        c->state = CHUNK_LAST_LF;
        return b == '\r' ? OK : ERR_FORMAT;
    case CHUNK_LAST_LF:
        c->state = CHUNK_DONE;
        return b == '\n' ? OK : ERR_FORMAT;
    default:
        return ERR_STATE;
    }
}

enum err http_chunked_take(struct http_chunked *c, struct span in, size_t *used, struct mspan out, size_t *n)
{
    size_t i = 0, o = 0;
    while (c->state != CHUNK_DONE && i < in.n) {
        if (c->state == CHUNK_DATA) {
            size_t k = in.n - i;
            if (k > c->left) k = (size_t)c->left;
            if (k > out.n - o) k = out.n - o;
            if (k == 0) break;
            memcpy(out.p + o, in.p + i, k);
            i += k;
            o += k;
            c->left -= k;
            if (c->left == 0) c->state = CHUNK_CR;
            continue;
        }
        enum err e = chunk_byte(c, in.p[i]);
        if (e) return e;
        i++;
    }
    *used = i;
    *n = o;
    return c->state == CHUNK_DONE ? OK : ERR_AGAIN;
}

const char *http_reason(uint16_t status)
{
    static const struct {
        uint16_t status;
        const char *reason;
    } list[] = {
        {100, "Continue"},
        {101, "Switching Protocols"},
        {200, "OK"},
        {201, "Created"},
        {202, "Accepted"},
        {204, "No Content"},
        {304, "Not Modified"},
        {307, "Temporary Redirect"},
        {308, "Permanent Redirect"},
        {400, "Bad Request"},
        {401, "Unauthorized"},
        {403, "Forbidden"},
        {404, "Not Found"},
        {405, "Method Not Allowed"},
        {406, "Not Acceptable"},
        {408, "Request Timeout"},
        {409, "Conflict"},
        {410, "Gone"},
        {412, "Precondition Failed"},
        {413, "Content Too Large"},
        {414, "URI Too Long"},
        {415, "Unsupported Media Type"},
        {417, "Expectation Failed"},
        {421, "Misdirected Request"},
        {422, "Unprocessable Content"},
        {423, "Locked"},
        {426, "Upgrade Required"},
        {428, "Precondition Required"},
        {429, "Too Many Requests"},
        {431, "Request Header Fields Too Large"},
        {500, "Internal Server Error"},
        {501, "Not Implemented"},
        {503, "Service Unavailable"},
        {504, "Gateway Timeout"},
        {505, "HTTP Version Not Supported"},
        {507, "Insufficient Storage"},
    };
    for (size_t i = 0; i < COUNT_OF(list); i++)
        if (list[i].status == status) return list[i].reason;
    return "Error";
}

void http_write_status(struct writer *w, uint16_t status)
{
    write_str(w, "HTTP/1.1 ");
    write_dec(w, status);
    write_u8(w, ' ');
    write_str(w, http_reason(status));
    write_str(w, "\r\n");
}

void http_write_header(struct writer *w, const char *name, struct span value)
{
    for (size_t i = 0; i < value.n; i++)
        if ((value.p[i] < ' ' && value.p[i] != '\t') || value.p[i] == 0x7f) w->bad = true;
    write_str(w, name);
    write_str(w, ": ");
    write_bytes(w, value);
    write_str(w, "\r\n");
}

void http_write_number(struct writer *w, const char *name, uint64_t value)
{
    write_str(w, name);
    write_str(w, ": ");
    write_dec(w, value);
    write_str(w, "\r\n");
}

void http_write_end(struct writer *w)
{
    write_str(w, "\r\n");
}
