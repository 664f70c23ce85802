/* SPDX-License-Identifier: Apache-2.0
 * WHIP (RFC 9725) and WHEP (the current draft): one POST is a join and an offer, the resource it names is the
 * session. */
#include "app/front_inner.h"

#include "base/utf8.h"
#include "guest/openssl_crypto.h"
#include "wire/sdpfrag.h"

#define CORS                                                                                                 \
    "Access-Control-Allow-Origin: *\r\n"                                                                     \
    "Access-Control-Expose-Headers: Location, ETag, Link, Accept-Patch, Retry-After\r\n"
#define PREFLIGHT                                                                                            \
    "Access-Control-Allow-Methods: POST, PATCH, DELETE, OPTIONS\r\n"                                         \
    "Access-Control-Allow-Headers: Authorization, Content-Type, If-Match, Incamera-Frames\r\n"               \
    "Access-Control-Max-Age: 600\r\nAccept-Post: application/sdp\r\n"
#define LINKS_MAX 4096
#define EXTRA_MAX 6144

static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void key_text(const uint8_t key[WHIP_KEY], char text[WHIP_KEY_TEXT])
{
    uint32_t bits = 0;
    unsigned have = 0, o = 0;
    for (unsigned i = 0; i < WHIP_KEY; i++) {
        bits = bits << 8 | key[i];
        for (have += 8; have >= 6; have -= 6)
            text[o++] = base64url[bits >> (have - 6) & 63];
    }
    text[o] = base64url[bits << (6 - have) & 63];
}

static bool key_read(struct span text, uint8_t key[WHIP_KEY])
{
    uint32_t bits = 0;
    unsigned have = 0, o = 0;
    char again[WHIP_KEY_TEXT];
    if (text.n != WHIP_KEY_TEXT) return false;
    for (size_t i = 0; i < text.n; i++) {
        const char *at = text.p[i] ? strchr(base64url, text.p[i]) : NULL;
        if (!at) return false;
        bits = bits << 6 | (uint32_t)(at - base64url);
        have += 6;
        if (have >= 8) {
            have -= 8;
            if (o < WHIP_KEY) key[o++] = (uint8_t)(bits >> have);
        }
    }
    key_text(key, again);
    return span_equal(text, SPAN_OF(again)); /* one form only */
}

static bool track_read(struct span text, uint32_t *track)
{
    uint64_t v = 0;
    if (text.n == 0 || text.n > 10) return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9') return false;
        v = v * 10 + (uint64_t)(text.p[i] - '0');
    }
    *track = (uint32_t)v;
    return v > 0 && v <= UINT32_MAX;
}

static bool is_whep(const struct http_head *h)
{
    return span_equal(http_part(&h->path, 0), SPAN_LIT("whep"));
}

bool whip_route(const struct http_head *h, bool *resource)
{
    uint32_t track;
    if (!is_whep(h) && !span_equal(http_part(&h->path, 0), SPAN_LIT("whip"))) return false;
    if (h->path.parts != 2 && h->path.parts != 3) return false;
    *resource = h->path.parts == 3 && !(is_whep(h) && track_read(http_part(&h->path, 2), &track));
    return http_part(&h->path, 1).n <= 64;
}

static void problem(struct conn *c, uint16_t status, const char *code, struct span title)
{
    struct span extra = status == 401   ? SPAN_LIT(CORS "WWW-Authenticate: Bearer\r\n")
                        : status == 503 ? SPAN_LIT(CORS "Retry-After: 2\r\n")
                        : status == 409 ? SPAN_LIT(CORS "Retry-After: 3\r\n")
                                        : SPAN_LIT(CORS);
    http_problem(c, status, code, title, extra);
}

static bool accepts_sdp(struct span accept)
{
    if (accept.n == 0) return true;
    while (accept.n) {
        size_t n = 0;
        while (n < accept.n && accept.p[n] != ',')
            n++;
        struct span one = SPAN(accept.p, n);
        while (one.n && one.p[0] == ' ')
            one = SPAN(one.p + 1, one.n - 1);
        if (http_type_is(one, "application/sdp") || http_type_is(one, "application/*") ||
            http_type_is(one, "*/*"))
            return true;
        n += n < accept.n;
        accept = SPAN(accept.p + n, accept.n - n);
    }
    return false;
}

static bool endpoint_accepts(struct conn *c, const struct http_head *h)
{
    struct span token;
    bool none;
    if (h->method != HTTP_POST) {
        http_problem(c, 405, "method_not_allowed", SPAN_LIT("POST an offer here."),
                     SPAN_LIT(CORS "Allow: POST, OPTIONS\r\n"));
    } else if (http_bearer(h, &token) || (token.n == 0 && !c->plain)) {
        problem(c, 401, "token_invalid", SPAN_LIT("Send Authorization: Bearer TOKEN."));
    } else if (c->plain && !http_origin_ok(c, h, &none)) {
        c->front->counts.origins++;
        problem(c, 403, "origin", SPAN_LIT("Another site may not enter rooms without a token."));
    } else if (!http_type_is(http_header_of(h, "content-type"), "application/sdp")) {
        problem(c, 415, "media_type", SPAN_LIT("Send application/sdp."));
    } else if (!accepts_sdp(http_header_of(h, "accept"))) {
        problem(c, 406, "not_acceptable", SPAN_LIT("The answer is application/sdp."));
    } else if (c->front->draining) {
        problem(c, 503, "draining", SPAN_LIT("The server is about to stop."));
    } else {
        return true;
    }
    return false;
}

static void wants_fragment(struct conn *c)
{
    http_problem(c, 415, "media_type", SPAN_LIT("Send application/trickle-ice-sdpfrag."),
                 SPAN_LIT(CORS "Accept-Patch: application/trickle-ice-sdpfrag\r\n"));
}

/* The answer to a counter-offer. */
static bool answers(const struct http_head *h)
{
    return is_whep(h) && http_type_is(http_header_of(h, "content-type"), "application/sdp");
}

static bool resource_accepts(struct conn *c, const struct http_head *h)
{
    bool none;
    if (h->method != HTTP_DELETE && h->method != HTTP_PATCH) {
        http_problem(c, 405, "method_not_allowed", SPAN_LIT("PATCH or DELETE this session."),
                     SPAN_LIT(CORS "Allow: PATCH, DELETE, OPTIONS\r\n"));
    } else if (c->plain && !http_origin_ok(c, h, &none)) {
        c->front->counts.origins++;
        problem(c, 403, "origin", SPAN_LIT("Another site may not change this session."));
    } else if (h->method == HTTP_PATCH && !answers(h) &&
               !http_type_is(http_header_of(h, "content-type"), "application/trickle-ice-sdpfrag")) {
        wants_fragment(c);
    } else {
        return true;
    }
    return false;
}

bool whip_accepts(struct conn *c, bool resource, size_t *body_max)
{
    const struct http_head *h = &c->request->head;
    if (h->method == HTTP_OPTIONS) {
        *body_max = 0;
        http_answer(c,
                    &(struct answer){204, NULL, SPAN_NONE, false,
                                     resource ? SPAN_LIT(CORS PREFLIGHT "Allow: PATCH, DELETE, OPTIONS\r\n")
                                              : SPAN_LIT(CORS PREFLIGHT "Allow: POST, OPTIONS\r\n")});
        return false;
    }
    *body_max = !resource || answers(h) ? ROOM_SDP_MAX : h->method == HTTP_PATCH ? SDPFRAG_MAX : 0;
    return resource ? resource_accepts(c, h) : endpoint_accepts(c, h);
}

static enum err token_hash(struct span token, uint8_t hash[32])
{
    const struct crypto *x = openssl_crypto();
    return x ? x->hash(x->ctx, CRYPTO_SHA256, &token, 1, hash) : ERR_CRYPTO;
}

static enum err session_dress(struct conn *c, struct session *s, struct span token)
{
    struct front *f = c->front;
    const struct request *q = c->request;
    struct span room = http_part(&q->head.path, 1);
    if (f->offers_total + q->body.n > OFFERS_MAX) return ERR_FULL;
    enum err e = token_hash(token, s->token);
    if (!e) e = rng_fill(&f->rng, s->key, sizeof s->key);
    if (!e) e = buf_add(&s->offer, buf_span(&q->body));
    if (!e) e = map_set(&f->by_key, s->key, (uint32_t)(s->id & (SESSIONS_MAX - 1)));
    if (e) return e;
    s->keyed = true;
    f->offers_total += s->offer.n;
    memcpy(s->room, room.p, room.n);
    s->frames = http_same(http_header_of(&q->head, "incamera-frames"), SPAN_LIT("sframe"));
    if (is_whep(&q->head) && q->head.path.parts == 3)
        (void)!track_read(http_part(&q->head.path, 2), &s->track);
    return OK;
}

void whip_gone(struct front *f, struct session *s)
{
    if (s->keyed) map_drop(&f->by_key, s->key);
    if (s->keyed) f->offers_total -= s->offer.n;
    buf_fini(&s->offer);
    buf_fini(&s->links);
}

static void wait_for(struct conn *c, struct session *s)
{
    s->conn = c->index;
    s->conn_generation = c->generation;
    c->waits_for = s->id;
    conn_set(c, CONN_WAIT);
}

static void post(struct conn *c)
{
    struct front *f = c->front;
    struct request *q = c->request;
    struct span token = SPAN_NONE;
    if (q->body.n == 0 || !utf8_ok(buf_span(&q->body)) || http_bearer(&q->head, &token)) {
        problem(c, 400, "bad_sdp", SPAN_LIT("The body must be an SDP offer."));
        return;
    }
    struct session *s = session_new(f, is_whep(&q->head) ? ENTRY_WHEP : ENTRY_WHIP);
    enum err e = s ? session_dress(c, s, token) : ERR_FULL;
    if (!e) e = session_join(f, s, c, token, span_str(s->room));
    if (e) {
        if (s) session_free(f, s);
        problem(c, 503, "unavailable", SPAN_LIT("The server is full, or a part of it is down. Try again."));
        return;
    }
    wait_for(c, s);
}

/* The request that waits for this session, or NULL when it went away. */
static struct conn *waiting_for(struct front *f, const struct session *s)
{
    struct conn *c = conn_find(f, s->conn, s->conn_generation);
    return c && c->state == CONN_WAIT && c->waits_for == s->id ? c : NULL;
}

void whip_refused(struct front *f, struct session *s, uint16_t status, struct span code, struct span title)
{
    struct conn *c = waiting_for(f, s);
    char text[33] = "denied";
    if (code.n && code.n < sizeof text) {
        memcpy(text, code.p, code.n);
        text[code.n] = 0;
    }
    session_free(f, s);
    if (!c) return;
    problem(c, status >= 400 && status < 600 ? status : 403, text, title);
    conn_work(c);
}

static void skip_fields(const struct shape *s, struct reader *r);

static void skip_field(const struct field *f, struct reader *r)
{
    uint16_t count;
    switch (f->kind) {
    case FIELD_UINT:
        read_u64(r);
        break;
    case FIELD_BOOL:
        read_u8(r);
        break;
    case FIELD_TEXT:
        read_vec32(r);
        break;
    case FIELD_OBJECT:
        skip_fields(f->shape, r);
        break;
    default:
        count = read_u16(r);
        for (uint16_t i = 0; i < count && !r->bad; i++) {
            if (f->kind == FIELD_LIST)
                skip_fields(f->shape, r);
            else
                read_vec32(r);
        }
    }
}

static void skip_fields(const struct shape *s, struct reader *r)
{
    for (uint8_t i = 0; i < s->count; i++)
        if (!s->fields[i].optional || read_u8(r)) skip_field(&s->fields[i], r);
}

static void write_quoted(struct writer *w, const char *name, struct span value)
{
    write_str(w, name);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] == '"' || value.p[i] == '\\') write_u8(w, '\\');
        write_u8(w, value.p[i]);
    }
    write_u8(w, '"');
}

static void write_link(struct writer *w, struct span url, struct span user, struct span credential)
{
    uint8_t bytes[1024];
    struct writer v = writer_of(MSPAN(bytes, sizeof bytes));
    write_u8(&v, '<');
    write_bytes(&v, url);
    write_str(&v, ">; rel=\"ice-server\"");
    if (user.n) {
        write_quoted(&v, "; username=\"", user);
        write_quoted(&v, "; credential=\"", credential);
        write_str(&v, "; credential-type=\"password\"");
    }
    if (v.bad)
        w->bad = true;
    else
        http_write_header(w, "Link", writer_span(&v));
}

/* The relays of `joined` as Link headers, RFC 9725 section 4.6. What is wrong or too much is left out. */
static void keep_links(struct session *s, struct reader *r)
{
    uint8_t bytes[LINKS_MAX];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    uint16_t servers = read_u16(r);
    for (uint16_t i = 0; i < servers && !r->bad; i++) {
        struct reader urls = *r;
        uint16_t count = read_u16(&urls);
        read_u16(r);
        for (uint16_t k = 0; k < count; k++)
            read_vec32(r);
        struct span user = read_vec32(r), credential = read_vec32(r);
        for (uint16_t k = 0; k < count; k++)
            write_link(&w, read_vec32(&urls), user, credential);
    }
    if (r->bad || w.bad) return;
    buf_init(&s->links, LINKS_MAX);
    (void)!buf_add(&s->links, writer_span(&w));
}

/* Takes from `joined` what WHIP needs: the room's class, borrowed, and the relays. */
static enum err read_joined(struct session *s, struct span joined, struct span *class)
{
    const struct shape *shape = &room_row(ROOM_JOINED)->shape;
    struct reader r = reader_of(joined);
    enum err e = shape_check(shape, joined);
    for (uint8_t i = 0; !e && i < shape->count; i++) {
        struct reader room = r;
        if (strcmp(shape->fields[i].name, "ice") == 0) {
            keep_links(s, &r);
            continue;
        }
        skip_field(&shape->fields[i], &r);
        if (strcmp(shape->fields[i].name, "room") != 0) continue;
        read_vec32(&room); /* its name */
        *class = read_vec32(&room);
    }
    return e;
}

/* Why a room of this class takes no such session; NULL when it does. The keeper's policy comes first, this is
 * the wall behind it: plain frames never enter a room whose members believe them sealed. */
static const char *class_refuses(const struct session *s, struct span class)
{
    if (span_equal(class, SPAN_LIT("governed"))) return NULL;
    if (span_equal(class, SPAN_LIT("direct")))
        return "A direct room has no server in it, so nothing can come in or go out by one.";
    if (s->entry == ENTRY_WHEP)
        return "Frames of a sealed room can't be opened outside its members' devices.";
    return s->frames ? NULL
                     : "A sealed room takes sealed frames only: send the header Incamera-Frames: sframe.";
}

static enum err send_offer(struct front *f, struct session *s, struct span sdp)
{
    struct writer w = writer_of(MSPAN(f->wire, WIRE_ROOM));
    write_u64(&w, ++s->offers);
    write_vec32(&w, sdp);
    write_u16(&w, 0); /* each section's direction says what it carries */
    return write_ok(&w) ? ERR_LIMIT : session_to_room(f, s, ROOM_OFFER, writer_span(&w));
}

/* WHEP of one track: say first which one the slots are for. */
static enum err send_view(struct front *f, struct session *s)
{
    uint8_t bytes[64];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    write_u64(&w, 0);
    write_u16(&w, 1);
    write_u64(&w, s->track);
    write_u64(&w, 16384);
    write_u64(&w, 16384);
    return session_to_room(f, s, ROOM_VIEW, writer_span(&w));
}

/* It was let in and can't go on: out again, with the reason to the client. */
static void give_up(struct front *f, struct session *s, uint16_t status, const char *why)
{
    struct conn *c = waiting_for(f, s);
    session_leave(f, s);
    if (!c) return;
    problem(c, status, status == 403 ? "denied" : "unavailable", span_str(why));
    conn_work(c);
}

void whip_joined(struct front *f, struct session *s, struct span body)
{
    struct span class = SPAN_NONE;
    if (read_joined(s, body, &class)) {
        give_up(f, s, 503, "The server made a mistake; it is in its log.");
        return;
    }
    const char *refused = class_refuses(s, class);
    if (refused) {
        give_up(f, s, 403, refused);
        return;
    }
    enum err e = s->track ? send_view(f, s) : OK;
    if (!e) e = send_offer(f, s, buf_span(&s->offer));
    if (e)
        give_up(f, s, 503, "A part of the server is down. Try again.");
    else
        s->state = SESSION_OFFERED;
}

static void write_etag(struct writer *w, const struct session *s)
{
    write_str(w, "ETag: \"");
    write_dec(w, s->offers);
    write_str(w, "\"\r\n");
}

/* 201 with the answer, or 406 with a counter-offer: either names the session. */
static void created(struct conn *c, struct session *s, struct span sdp, uint16_t status)
{
    uint8_t bytes[EXTRA_MAX];
    char key[WHIP_KEY_TEXT];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    key_text(s->key, key);
    write_str(&w, s->entry == ENTRY_WHEP ? CORS "Location: /whep/" : CORS "Location: /whip/");
    write_str(&w, s->room);
    write_u8(&w, '/');
    write_bytes(&w, SPAN_OF(key));
    write_str(&w, "\r\n");
    write_etag(&w, s);
    write_str(&w, "Accept-Patch: application/trickle-ice-sdpfrag\r\nCache-Control: no-store\r\n");
    write_bytes(&w, buf_span(&s->links));
    s->live = true;
    http_answer(c, &(struct answer){status, "application/sdp", sdp, false, writer_span(&w)});
    conn_work(c);
}

static void accepted(struct conn *c, struct session *s)
{
    uint8_t bytes[512];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    write_str(&w, CORS);
    write_etag(&w, s);
    s->countered = false;
    http_answer(c, &(struct answer){204, NULL, SPAN_NONE, false, writer_span(&w)});
    conn_work(c);
}

static void restarted(struct conn *c, struct session *s, struct span sdp)
{
    uint8_t bytes[512], fragment[8192];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes)), o = writer_of(MSPAN(fragment, sizeof fragment));
    write_str(&w, CORS);
    write_etag(&w, s);
    if (sdpfrag_of_answer(sdp, &o))
        problem(c, 500, "internal", SPAN_LIT("The server made a mistake; it is in its log."));
    else
        http_answer(c, &(struct answer){200, "application/trickle-ice-sdpfrag", writer_span(&o), false,
                                        writer_span(&w)});
    conn_work(c);
}

static void answered(struct front *f, struct session *s, struct span body, bool counter)
{
    struct reader r = reader_of(body);
    uint64_t id = read_u64(&r);
    struct span sdp = read_vec32(&r);
    struct conn *c = waiting_for(f, s);
    if (read_end(&r) || s->state != SESSION_OFFERED || id != s->offers) return;
    bool restart = s->restart;
    s->state = SESSION_IN;
    s->restart = false;
    if (!c) {
        if (!s->live) session_leave(f, s);
        return;
    }
    if (restart) {
        restarted(c, s, sdp);
    } else if (s->countered) {
        accepted(c, s);
    } else {
        s->countered = counter;
        s->since = f->now;
        created(c, s, sdp, counter ? 406 : 201);
    }
}

static uint16_t status_of(struct span code)
{
    static const struct {
        const char *code;
        uint16_t status;
    } list[] = {
        {"bad_sdp", 400},        {"codec", 406},        {"unsupported", 422}, {"no_such_track", 409},
        {"no_such_member", 409}, {"denied", 403},       {"room_locked", 403}, {"not_joined", 503},
        {"room_full", 503},      {"busy", 503},         {"unavailable", 503}, {"too_many", 429},
        {"too_large", 413},      {"no_such_room", 404}, {"room_closed", 404}, {"token_invalid", 401},
        {"token_expired", 401},  {"bad_message", 400},
    };
    for (size_t i = 0; i < COUNT_OF(list); i++)
        if (span_equal(code, span_str(list[i].code))) return list[i].status;
    return 400;
}

/* An offer was refused: a new session ends, one that runs keeps what it had. */
static void offer_refused(struct front *f, struct session *s, struct span code, struct span title)
{
    struct conn *c = waiting_for(f, s);
    char text[33] = "denied";
    uint8_t kept[256]; /* the title is borrowed from what goes with the session's link: keep it */
    title = span_part(title, 0, sizeof kept);
    if (title.n) memcpy(kept, title.p, title.n);
    uint16_t status = status_of(code);
    if (code.n && code.n < sizeof text) {
        memcpy(text, code.p, code.n);
        text[code.n] = 0;
    }
    if (s->live) {
        s->state = SESSION_IN;
        s->restart = false;
    } else {
        session_leave(f, s);
    }
    if (!c) return;
    problem(c, status, text, SPAN(kept, title.n));
    conn_work(c);
}

static void ended(struct front *f, struct session *s, unsigned message, struct span body)
{
    struct reader r = reader_of(body);
    struct span reason = read_vec32(&r), title = read_vec32(&r);
    struct conn *c = waiting_for(f, s);
    bool denied = message == ROOM_CLOSED && !r.bad && !span_equal(reason, SPAN_LIT("draining"));
    if (c) {
        problem(c, denied ? 403 : 503, denied ? "denied" : "unavailable",
                denied ? title : SPAN_LIT("The media engine was restarted. Try again."));
        conn_work(c);
    }
    session_leave(f, s);
}

void whip_message(struct front *f, struct session *s, unsigned message, struct span body)
{
    if (message == ROOM_ANSWER || message == ROOM_COUNTER_OFFER) {
        answered(f, s, body, message == ROOM_COUNTER_OFFER);
    } else if (message == ROOM_ERROR && s->state == SESSION_OFFERED) {
        struct reader r = reader_of(body);
        if (read_u8(&r)) read_u64(&r);
        struct span code = read_vec32(&r), title = read_vec32(&r);
        if (!r.bad) offer_refused(f, s, code, title);
    } else if (message == ROOM_CLOSED || message == ROOM_RESTART) {
        ended(f, s, message, body);
    }
}

/* The session this address names, if the request may touch it; otherwise the request is answered. */
static struct session *resource_of(struct conn *c)
{
    struct front *f = c->front;
    const struct http_head *h = &c->request->head;
    uint8_t key[WHIP_KEY], hash[32];
    struct span token;
    uint32_t slot;
    struct session *s = NULL;
    if (key_read(http_part(&h->path, 2), key) && map_get(&f->by_key, key, &slot)) s = &f->session[slot];
    bool here = s && s->live && (s->entry == ENTRY_WHEP) == is_whep(h) &&
                span_equal(http_part(&h->path, 1), span_str(s->room));
    if (!here) {
        problem(c, 404, "not_found", SPAN_LIT("There is no such session, or it has ended."));
        return NULL;
    }
    bool bad = http_bearer(h, &token) || token_hash(token, hash);
    if (!bad && secret_equal(SPAN_OF(hash), SPAN_OF(s->token))) return s;
    if (bad || token.n == 0)
        problem(c, 401, "token_invalid", SPAN_LIT("Send the token that this session began with."));
    else
        problem(c, 403, "denied", SPAN_LIT("This session began with another token."));
    return NULL;
}

/* What the player describes now takes the place of what it described before; false when the request was answered
 * because that can't be. */
static bool offer_again(struct conn *c, struct session *s, struct span sdp)
{
    struct front *f = c->front;
    struct buf next;
    buf_init(&next, ROOM_SDP_MAX);
    enum err e = f->offers_total + sdp.n > OFFERS_MAX ? ERR_FULL : buf_add(&next, sdp);
    if (!e) e = send_offer(f, s, sdp);
    if (e) {
        buf_fini(&next);
        problem(c, 503, "unavailable", SPAN_LIT("A part of the server is down. Try again."));
        return false;
    }
    f->offers_total = f->offers_total - s->offer.n + next.n;
    buf_fini(&s->offer);
    s->offer = next;
    s->state = SESSION_OFFERED;
    wait_for(c, s);
    return true;
}

static void restart(struct conn *c, struct session *s, const struct sdpfrag *frag)
{
    struct writer w = writer_of(MSPAN(c->front->json, JSON_ROOM));
    if (sdp_with_credentials(buf_span(&s->offer), frag->ufrag, frag->pwd, &w))
        problem(c, 503, "unavailable", SPAN_LIT("A part of the server is down. Try again."));
    else
        s->restart = offer_again(c, s, writer_span(&w));
}

static void answer_counter(struct conn *c, struct session *s)
{
    const struct buf *body = &c->request->body;
    if (!s->countered)
        wants_fragment(c);
    else if (s->state != SESSION_IN)
        problem(c, 409, "busy", SPAN_LIT("The answer is being read. Try again."));
    else if (body->n == 0 || !utf8_ok(buf_span(body)))
        problem(c, 400, "bad_sdp", SPAN_LIT("The body must be an SDP answer."));
    else
        (void)offer_again(c, s, buf_span(body)); /* it has said what is wrong */
}

static bool tag_is(struct span match, const struct session *s)
{
    uint8_t bytes[16];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    write_u8(&w, '"');
    write_dec(&w, s->offers);
    write_u8(&w, '"');
    return span_equal(match, writer_span(&w));
}

static void patch(struct conn *c, struct session *s)
{
    struct request *q = c->request;
    struct span match = http_header_of(&q->head, "if-match"), ufrag, pwd;
    struct sdpfrag frag;
    bool any = span_equal(match, SPAN_LIT("*"));
    if (answers(&q->head)) {
        answer_counter(c, s);
    } else if (match.n == 0) {
        problem(c, 428, "precondition",
                SPAN_LIT("Send If-Match with the session's ETag, or * for an ICE restart."));
    } else if (sdpfrag_read(buf_span(&q->body), &frag)) {
        problem(c, 400, "bad_sdp", SPAN_LIT("The body must be an SDP fragment (RFC 8840)."));
    } else if (!any && !tag_is(match, s)) {
        problem(c, 412, "precondition", SPAN_LIT("The ETag is not that of this ICE session."));
    } else if (s->countered) {
        problem(c, 409, "busy", SPAN_LIT("Answer the offer first."));
    } else if (s->state != SESSION_IN) {
        problem(c, 409, "busy", SPAN_LIT("An ICE restart is under way. Try again."));
    } else {
        bool known = sdp_credentials(buf_span(&s->offer), &ufrag, &pwd) == OK;
        bool other = frag.ufrag.p && (!known || !span_equal(frag.ufrag, ufrag) || !span_equal(frag.pwd, pwd));
        if (other && any)
            restart(c, s, &frag);
        else if (other)
            problem(c, 412, "precondition", SPAN_LIT("An ICE restart wants If-Match: *."));
        else /* candidates: we are ICE-lite and learn them from the client's checks */
            http_answer(c, &(struct answer){204, NULL, SPAN_NONE, false, SPAN_LIT(CORS)});
    }
}

void whip_request(struct conn *c, bool resource)
{
    if (!resource) {
        post(c);
        return;
    }
    struct session *s = resource_of(c);
    if (!s) return;
    if (c->request->head.method == HTTP_PATCH) {
        patch(c, s);
        return;
    }
    session_leave(c->front, s);
    http_answer(c, &(struct answer){200, NULL, SPAN_NONE, false, SPAN_LIT(CORS)});
}
