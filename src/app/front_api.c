/* SPDX-License-Identifier: Apache-2.0 */
#include "app/front_inner.h"

#include "app/api_table.h"

_Static_assert(REQUEST_JSON_MAX == API_BODY_MAX, "what front takes, the table takes");

#define QUESTION_BIT (UINT64_C(1) << 63) /* tells questions from sessions */

static struct span method_text(const struct http_head *h)
{
    static const char *const names[] = {"", "GET", "GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"};
    return span_str(h->method < COUNT_OF(names) ? names[h->method] : "");
}

static struct span path_text(const struct http_path *p, struct mspan room)
{
    struct writer w = writer_of(room);
    for (uint8_t i = 0; i < p->parts; i++) {
        write_u8(&w, '/');
        write_bytes(&w, http_part(p, i));
    }
    return writer_span(&w);
}

uint16_t api_route(const struct http_head *h, uint16_t *row, const char **allow)
{
    uint8_t room[HTTP_PARTS_MAX * (HTTP_PART_MAX + 1)];
    struct api_match m;
    api_find(method_text(h), path_text(&h->path, MSPAN(room, sizeof room)), &m);
    *allow = m.allow;
    if (m.number != API_NONE) {
        *row = (uint16_t)m.number;
        return 0;
    }
    return m.allow ? 405 : 404;
}

bool rate_allows(struct front *f, const struct path *from)
{
    uint8_t key[16] = {0};
    memcpy(key, from->addr, from->family == 4 ? 4 : 8);
    struct rate *r = &f->rate[map_hash(f->rate_seed, SPAN_OF(key)) % RATE_ADDRESSES];
    usec idle = usec_since(f->now, r->refilled);
    bool mine = memcmp(r->addr, key, sizeof key) == 0;
    if (!r->refilled || idle >= GUESTS_BURST * USEC_S || (mine && idle >= USEC_S)) {
        uint64_t grown = r->refilled && mine ? r->budget + idle / USEC_S : GUESTS_BURST;
        r->budget = grown > GUESTS_BURST ? GUESTS_BURST : (uint32_t)grown;
        r->refilled = f->now;
        memcpy(r->addr, key, sizeof key);
    }
    if (r->budget == 0) return false;
    r->budget--;
    return true;
}

void api_ask(struct conn *c)
{
    struct front *f = c->front;
    struct request *q = c->request;
    uint8_t room[HTTP_PARTS_MAX * (HTTP_PART_MAX + 1)];
    char from[ADDRESS_TEXT];
    struct api_match m;
    struct ipc_ask ask = {
        .row = q->row, .query = q->head.query, .body = buf_span(&q->body), .plain_dev = c->plain};
    struct writer w = writer_of(MSPAN(f->wire, WIRE_ROOM));
    api_find(method_text(&q->head), path_text(&q->head.path, MSPAN(room, sizeof room)), &m);
    address_text(&c->from, from);
    ask.room = m.room;
    ask.item = m.item;
    ask.from = span_str(from);
    if (http_bearer(&q->head, &ask.token)) {
        http_problem(c, 401, "token_invalid", SPAN_LIT("Authorization must be: Bearer TOKEN."),
                     SPAN_LIT("WWW-Authenticate: Bearer error=\"invalid_request\"\r\n"));
        return;
    }
    if (q->row == API_GUEST && !rate_allows(f, &c->from)) {
        f->counts.limited++;
        http_problem(c, 429, "too_many", SPAN_LIT("Too many guests from this address. Try again in a while."),
                     SPAN_LIT("Retry-After: 5\r\n"));
        return;
    }
    put_ipc_ask(&w, &ask);
    uint64_t question = QUESTION_BIT | (uint64_t)c->index << 40 | (uint64_t)c->generation;
    if (write_ok(&w) || seat_send(f->seat, ROLE_KEEPER, 0, IPC_ASK, question, writer_span(&w))) {
        http_problem(c, 503, "unavailable", SPAN_LIT("A part of the server is down. Try again."),
                     SPAN_LIT("Retry-After: 2\r\n"));
        return;
    }
    c->waits_for = question;
    conn_set(c, CONN_WAIT);
}

static void add_header(struct writer *w, const char *name, struct span value)
{
    if (value.n) http_write_header(w, name, value);
}

void api_told(struct front *f, uint64_t question, struct span body)
{
    struct ipc_told told;
    uint8_t extra[512];
    char type[96];
    struct writer w = writer_of(MSPAN(extra, sizeof extra)), t = writer_of(MSPAN(type, sizeof type - 1));
    struct conn *c = conn_find(f, (uint16_t)(question >> 40 & 0xffff), (uint32_t)question);
    if (!c || c->state != CONN_WAIT || c->waits_for != question)
        return; /* it went away, or was told to wait no more */
    enum err e = get_ipc_told(body, &told);
    if (!e) {
        write_bytes(&t, told.type);
        type[t.n] = 0;
        add_header(&w, "Location", told.location);
        if (told.status == 401) add_header(&w, "WWW-Authenticate", SPAN_LIT("Bearer"));
        if (told.status == 429 || told.status == 503) add_header(&w, "Retry-After", SPAN_LIT("2"));
        add_header(&w, "Cache-Control", SPAN_LIT("no-store"));
        e = t.bad || w.bad ? ERR_LIMIT : OK;
    }
    if (e || told.status < 200 || told.status > 599)
        http_problem(c, 500, "internal", SPAN_LIT("The server made a mistake; it is in its log."), SPAN_NONE);
    else
        http_answer(
            c, &(struct answer){told.status, told.type.n ? type : NULL, told.body, false, writer_span(&w)});
    conn_work(c);
}
