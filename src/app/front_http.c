/* SPDX-License-Identifier: Apache-2.0 */
#include "app/front_inner.h"

#include "app/api_table.h"
#include "base/mem.h"
#include "io/clock.h"
#include "wire/json.h"

enum route {
    ROUTE_NONE,
    ROUTE_ASTERISK,
    ROUTE_PAGE,
    ROUTE_HEALTH,
    ROUTE_METRICS,
    ROUTE_SOCKET,
    ROUTE_API,
    ROUTE_WHIP,
    ROUTE_WHIP_RESOURCE
};

#define ANSWER_HEAD_MAX 8192
#define CSP_PAGE                                                                                             \
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data: "      \
    "blob:; "                                                                                                \
    "media-src 'self' blob:; connect-src 'self'; worker-src 'self'; font-src 'self'; manifest-src 'self'; "  \
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#define CSP_DATA "default-src 'none'; frame-ancestors 'none'"

/* IMF-fixdate, RFC 9110 section 5.6.7; days to a civil date after H. Hinnant. */
static void write_date(struct writer *w, struct wall at)
{
    static const char *const day[] = {"Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"};
    static const char *const month[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                        "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    uint64_t s = at.ms > 0 ? (uint64_t)at.ms / 1000 : 0, days = s / 86400, z = days + 719468;
    uint64_t era = z / 146097, doe = z - era * 146097;
    uint64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    uint64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    uint64_t d = doy - (153 * mp + 2) / 5 + 1, m = mp < 10 ? mp + 2 : mp - 10;
    uint64_t parts[] = {s / 3600 % 24, s / 60 % 60, s % 60};
    write_str(w, "Date: ");
    write_str(w, day[days % 7]);
    write_str(w, d < 10 ? ", 0" : ", ");
    write_dec(w, d);
    write_u8(w, ' ');
    write_str(w, month[m]);
    write_u8(w, ' ');
    write_dec(w, yoe + era * 400 + (m < 2));
    for (unsigned i = 0; i < COUNT_OF(parts); i++) {
        write_u8(w, i ? ':' : ' ');
        if (parts[i] < 10) write_u8(w, '0');
        write_dec(w, parts[i]);
    }
    write_str(w, " GMT\r\n");
}

/* `part`: one of the page's files, which other sites may load (the element for their pages). */
static void write_safety(struct writer *w, const struct conn *c, bool page, bool part)
{
    write_str(w, "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\n");
    write_str(w, part ? "Cross-Origin-Resource-Policy: cross-origin\r\nAccess-Control-Allow-Origin: *\r\n"
                      : "Cross-Origin-Resource-Policy: same-origin\r\n");
    /* a worker lives under its own script's policy: scripts have the page's */
    http_write_header(w, "Content-Security-Policy", span_str(page || part ? CSP_PAGE : CSP_DATA));
    if (page)
        write_str(w, "Cross-Origin-Opener-Policy: same-origin\r\n"
                     "Permissions-Policy: camera=(self), microphone=(self), display-capture=(self), "
                     "geolocation=(), payment=(), usb=()\r\n");
    if (!c->plain && !c->front->dev) write_str(w, "Strict-Transport-Security: max-age=31536000\r\n");
}

/* Sites of the configuration's `origin` list may use the API from their pages. */
static void write_friend(struct writer *w, const struct conn *c, const struct http_head *h)
{
    struct span o = http_header_of(h, "origin");
    for (uint8_t i = 0; i < c->front->origins; i++) {
        if (!http_same(o, span_str(c->front->origin[i]))) continue;
        http_write_header(w, "Access-Control-Allow-Origin", span_str(c->front->origin[i]));
        write_str(w, "Access-Control-Allow-Headers: Authorization, Content-Type\r\n"
                     "Access-Control-Allow-Methods: GET, POST, DELETE\r\nAccess-Control-Max-Age: 600\r\n"
                     "Vary: Origin\r\n");
        return;
    }
}

static bool has_content(uint16_t status)
{
    return status >= 200 && status != 204 && status != 304;
}

void http_answer(struct conn *c, const struct answer *a)
{
    uint8_t bytes[ANSWER_HEAD_MAX];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    struct request *q = c->request;
    bool unread = q && c->state == CONN_BODY && (q->head.chunked || q->body_at < q->head.length);
    bool head_only = q && q->head.method == HTTP_HEAD;
    c->close_after = !q || unread || !q->head.keep_alive || c->front->draining || c->close_after;
    if (c->state == CONN_DEAD || c->state == CONN_END || c->state == CONN_LINGER) return;
    http_write_status(&w, a->status);
    write_date(&w, clock_wall());
    if (a->type) http_write_header(&w, "Content-Type", span_str(a->type));
    if (has_content(a->status)) http_write_number(&w, "Content-Length", a->body.n);
    if (c->close_after) write_str(&w, "Connection: close\r\n");
    bool html = a->type && http_type_is(span_str(a->type), "text/html");
    write_safety(&w, c, html, !html && a->fixed && q && q->what == ROUTE_PAGE);
    if (q && q->what == ROUTE_API) write_friend(&w, c, &q->head);
    write_bytes(&w, a->extra);
    http_write_end(&w);
    c->waits_for = 0;
    if (write_ok(
            &w)) { /* more header than there is room for: ours is the fault, the client gets no half answer */
        conn_close(c);
        return;
    }
    bool body = !head_only && has_content(a->status) && a->body.n;
    conn_set(c, CONN_ANSWER);
    conn_send(c, writer_span(&w));
    if (body && c->state != CONN_DEAD) {
        if (a->fixed)
            c->rest = a->body;
        else
            conn_send(c, a->body);
    }
    if (c->state != CONN_DEAD) conn_again(c);
}

void http_problem(struct conn *c, uint16_t status, const char *code, struct span title, struct span extra)
{
    uint8_t bytes[2048];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    write_str(&w, "{\"type\":\"urn:incamera:");
    write_str(&w, code);
    write_str(&w, "\",\"title\":");
    json_write_text(&w, span_part(title, 0, 512));
    write_str(&w, ",\"status\":");
    write_dec(&w, status);
    write_str(&w, "}\n");
    if (status >= 400) c->front->counts.refused++;
    http_answer(c, &(struct answer){status, "application/problem+json", writer_span(&w), false, extra});
}

static const char *refusal_title(uint16_t status)
{
    switch (status) {
    case 413:
        return "The body is larger than this address takes.";
    case 414:
        return "The address is longer than 8 KiB.";
    case 417:
        return "Only Expect: 100-continue is understood.";
    case 431:
        return "More than 64 headers, or more than 16 KiB of them.";
    case 501:
        return "The only transfer coding taken is chunked.";
    case 505:
        return "Speak HTTP/1.1.";
    case 404:
        return "There is nothing at this address.";
    default:
        return "The request is not well-formed HTTP/1.1.";
    }
}

/* The request can't be understood: say so once, and close. */
static void refuse(struct conn *c, uint16_t status)
{
    const struct request *q = c->request;
    bool whip = q && (q->what == ROUTE_WHIP || q->what == ROUTE_WHIP_RESOURCE);
    c->close_after = true;
    http_problem(c, status, status == 404 ? "not_found" : "bad_request", span_str(refusal_title(status)),
                 whip ? SPAN_LIT("Access-Control-Allow-Origin: *\r\n") : SPAN_NONE);
}

void http_timeout(struct conn *c)
{
    c->close_after = true;
    if (c->state == CONN_WAIT) {
        struct session *s = session_find(c->front, c->waits_for);
        if (s && !s->live) session_leave(c->front, s);
        http_problem(c, 503, "unavailable",
                     SPAN_LIT("A part of the server did not answer in time. Try again."),
                     SPAN_LIT("Retry-After: 2\r\n"));
    } else {
        http_problem(c, 408, "timeout", SPAN_LIT("The request did not arrive in time."), SPAN_NONE);
    }
    conn_work(c);
}

static struct span default_port(const struct conn *c)
{
    return c->plain ? SPAN_LIT(":80") : SPAN_LIT(":443");
}

static struct span without_port(struct span s, struct span port)
{
    bool has = s.n > port.n && span_equal(SPAN(s.p + s.n - port.n, port.n), port);
    return has ? SPAN(s.p, s.n - port.n) : s;
}

bool http_origin_ok(const struct conn *c, const struct http_head *h, bool *none)
{
    struct span o = http_header_of(h, "origin");
    *none = http_header_count(h, "origin") == 0;
    if (*none) return true;
    for (uint8_t i = 0; i < c->front->origins; i++)
        if (http_same(o, span_str(c->front->origin[i]))) return true;
    struct span scheme = c->plain ? SPAN_LIT("http://") : SPAN_LIT("https://"), port = default_port(c);
    if (o.n <= scheme.n || !http_same(SPAN(o.p, scheme.n), scheme)) return false;
    struct span host = SPAN(o.p + scheme.n, o.n - scheme.n);
    return http_same(without_port(host, port), without_port(h->host, port));
}

static uint8_t route_of(const struct http_head *h)
{
    const struct http_path *p = &h->path;
    struct span first = http_part(p, 0);
    bool resource;
    if (h->asterisk) return ROUTE_ASTERISK;
    if (p->parts == 1 && span_equal(first, SPAN_LIT("healthz"))) return ROUTE_HEALTH;
    if (p->parts == 1 && span_equal(first, SPAN_LIT("metrics"))) return ROUTE_METRICS;
    if (p->parts == 1 && span_equal(first, SPAN_LIT("ws"))) return ROUTE_SOCKET;
    if (span_equal(first, SPAN_LIT("api"))) return ROUTE_API;
    if (whip_route(h, &resource)) return resource ? ROUTE_WHIP_RESOURCE : ROUTE_WHIP;
    return ROUTE_PAGE;
}

static bool is_get(const struct http_head *h)
{
    return h->method == HTTP_GET || h->method == HTTP_HEAD;
}

static void wrong_method(struct conn *c, const char *allow)
{
    uint8_t bytes[128];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    http_write_header(&w, "Allow", span_str(allow));
    if (c->request->head.method == HTTP_OPTIONS)
        http_answer(c, &(struct answer){204, NULL, SPAN_NONE, false, writer_span(&w)});
    else
        http_problem(c, 405, "method_not_allowed", SPAN_LIT("This address does not take that method."),
                     writer_span(&w));
}

/* What may be decided before the body: false when the request was answered. */
static bool api_accepts(struct conn *c)
{
    struct request *q = c->request;
    const char *allow = NULL;
    bool none, changes = !is_get(&q->head);
    uint16_t refused = api_route(&q->head, &q->row, &allow);
    if (refused == 405) {
        wrong_method(c, allow);
        return false;
    }
    if (refused) {
        http_problem(c, 404, "not_found", SPAN_LIT("There is nothing at this address."), SPAN_NONE);
        return false;
    }
    if (changes && !http_origin_ok(c, &q->head, &none)) {
        c->front->counts.origins++;
        http_problem(c, 403, "origin", SPAN_LIT("Another site may not change anything here."), SPAN_NONE);
        return false;
    }
    bool body = q->head.chunked || q->head.length, bytes = api_row(q->row)->body == API_BYTES;
    if (body && !http_type_is(http_header_of(&q->head, "content-type"),
                              bytes ? "application/octet-stream" : "application/json")) {
        http_problem(c, 415, "media_type",
                     bytes ? SPAN_LIT("Send application/octet-stream.") : SPAN_LIT("Send application/json."),
                     SPAN_NONE);
        return false;
    }
    q->body_max = !changes ? 0 : bytes ? API_BYTES_MAX : REQUEST_JSON_MAX;
    return true;
}

/* Checks that need no body. False when the request was answered. */
static bool accepts(struct conn *c)
{
    struct request *q = c->request;
    const struct http_head *h = &q->head;
    switch (q->what) {
    case ROUTE_API:
        return api_accepts(c);
    case ROUTE_WHIP:
    case ROUTE_WHIP_RESOURCE:
        return whip_accepts(c, q->what == ROUTE_WHIP_RESOURCE, &q->body_max);
    case ROUTE_ASTERISK:
        return true;
    case ROUTE_SOCKET:
        if (h->method == HTTP_GET) return true;
        wrong_method(c, "GET");
        return false;
    default:
        if (is_get(h)) return true;
        wrong_method(c, "GET, HEAD");
        return false;
    }
}

static void dispatch(struct conn *c)
{
    struct request *q = c->request;
    c->proven = true;
    c->front->counts.requests++;
    switch (q->what) {
    case ROUTE_HEALTH:
        health_answer(c);
        break;
    case ROUTE_METRICS:
        metrics_answer(c);
        break;
    case ROUTE_SOCKET:
        socket_upgrade(c);
        break;
    case ROUTE_API:
        api_ask(c);
        break;
    case ROUTE_WHIP:
    case ROUTE_WHIP_RESOURCE:
        whip_request(c, q->what == ROUTE_WHIP_RESOURCE);
        break;
    case ROUTE_ASTERISK:
        http_answer(c,
                    &(struct answer){204, NULL, SPAN_NONE, false, SPAN_LIT("Allow: GET, HEAD, OPTIONS\r\n")});
        break;
    default:
        page_answer(c);
    }
}

/* The head is whole: what does it want, and may it. */
static void begin(struct conn *c)
{
    struct request *q = c->request;
    const struct http_head *h = &q->head;
    conn_set(c, CONN_BODY);
    if (c->plain && !http_host_is_local(h->host)) {
        c->close_after = true;
        http_problem(c, 421, "misdirected",
                     SPAN_LIT("This listener answers to localhost and addresses only."), SPAN_NONE);
        return;
    }
    q->what = route_of(h);
    if (!accepts(c)) return;
    if (h->length > q->body_max) {
        refuse(c, 413);
        return;
    }
    buf_init(&q->body, q->body_max);
    if (!h->chunked && h->length == 0) {
        c->state = CONN_WAIT;
        dispatch(c);
    } else if (h->expect_continue && c->in.n == 0) {
        conn_send(c, SPAN_LIT("HTTP/1.1 100 Continue\r\n\r\n"));
    }
}

static bool read_head(struct conn *c)
{
    size_t n = 0;
    if (relay_may_begin(c)) return false;
    if (relay_begins(c)) {
        relay_open(c);
        return false;
    }
    uint16_t refused = http_head_end(buf_span(&c->in), &c->seen, &n);
    if (refused == 100) return false;
    if (!refused) {
        c->request = mem_new(1, sizeof *c->request + n);
        if (!c->request) {
            conn_close(c);
            return false;
        }
        memcpy(c->request->bytes, c->in.p, n);
        buf_drop(&c->in, n);
        c->seen = 0;
        refused = http_head_read(SPAN(c->request->bytes, n), &c->request->head);
        if (refused) c->request->head = (struct http_head){0};
    }
    if (refused)
        refuse(c, refused);
    else
        begin(c);
    return true;
}

/* Takes what has come of the body. OK when it is whole. */
static enum err take_body(struct conn *c, struct request *q)
{
    struct mspan room = MSPAN(c->front->wire, WIRE_ROOM);
    size_t used = 0, n = 0;
    enum err e = OK;
    if (q->head.chunked) {
        e = http_chunked_take(&q->chunk, buf_span(&c->in), &used, room, &n);
        if (e && e != ERR_AGAIN) return e;
        if (q->chunk.left > q->body_max - q->body_at)
            n = q->body_max + 1 - q->body_at; /* announced too much */
    } else {
        uint64_t left = q->head.length - q->body_at;
        used = n = c->in.n < left ? c->in.n : (size_t)left;
        if (n) memcpy(room.p, c->in.p, n);
        e = n == left ? OK : ERR_AGAIN;
    }
    q->body_at += n;
    buf_drop(&c->in, used);
    if (q->body_at > q->body_max) return ERR_FULL;
    enum err kept = buf_add(&q->body, SPAN(room.p, n));
    return kept ? kept : e;
}

static bool read_body(struct conn *c)
{
    struct request *q = c->request;
    size_t before = c->in.n;
    enum err e = take_body(c, q);
    if (e == OK) {
        c->state = CONN_WAIT;
        dispatch(c);
        return true;
    }
    if (e == ERR_AGAIN) return c->in.n != before && c->in.n > 0;
    refuse(c, e == ERR_FULL ? 413 : 400);
    return true;
}

bool http_work(struct conn *c)
{
    if (c->state == CONN_BODY) return read_body(c);
    return c->in.n > 0 && read_head(c);
}
