/* SPDX-License-Identifier: Apache-2.0 */
#include "app/front_inner.h"

#include "app/page_files.h"
#include "base/mem.h"

#define METRICS_MAX (1024u * 1024)

static const struct page_file *file_named(struct span name)
{
    for (unsigned i = 0; i < page_file_count; i++)
        if (span_equal(name, span_str(page_files[i].path))) return &page_files[i];
    return NULL;
}

static bool is_room_name(struct span s)
{
    if (s.n == 0 || s.n > 64) return false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        bool ok = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' ||
                  c == '_';
        if (!ok) return false;
    }
    return true;
}

static const struct page_file *file_of(const struct http_path *p)
{
    uint8_t name[HTTP_PARTS_MAX * HTTP_PART_MAX];
    struct writer w = writer_of(MSPAN(name, sizeof name));
    if (p->parts == 0 ||
        (p->parts == 2 && span_equal(http_part(p, 0), SPAN_LIT("r")) && is_room_name(http_part(p, 1))))
        return file_named(SPAN_LIT("index.html"));
    for (uint8_t i = 0; i < p->parts; i++) {
        if (i) write_u8(&w, '/');
        write_bytes(&w, http_part(p, i));
    }
    return file_named(writer_span(&w));
}

/* The tag of one of the two forms of a file: they differ, as strong validators must. */
static struct span tag_of(const struct page_file *file, bool gzip, char room[64])
{
    struct writer w = writer_of(MSPAN(room, 64));
    struct span tag = span_str(file->etag);
    write_bytes(&w, SPAN(tag.p, tag.n - 1));
    write_str(&w, gzip ? "-gz\"" : "\"");
    return writer_span(&w);
}

void page_answer(struct conn *c)
{
    const struct http_head *h = &c->request->head;
    const struct page_file *file = file_of(&h->path);
    uint8_t bytes[512];
    char room[64];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    if (!file) {
        http_problem(c, 404, "not_found", SPAN_LIT("There is nothing at this address."), SPAN_NONE);
        return;
    }
    bool gzip = file->gzip.n && http_list_has(http_header_of(h, "accept-encoding"), "gzip");
    struct span tag = tag_of(file, gzip, room), known = http_header_of(h, "if-none-match");
    http_write_header(&w, "ETag", tag);
    http_write_header(&w, "Vary", SPAN_LIT("Accept-Encoding"));
    http_write_header(&w, "Cache-Control",
                      file->immutable ? SPAN_LIT("public, max-age=31536000, immutable")
                                      : SPAN_LIT("no-cache"));
    if (gzip) http_write_header(&w, "Content-Encoding", SPAN_LIT("gzip"));
    char wanted[64];
    memcpy(wanted, tag.p, tag.n);
    wanted[tag.n] = 0;
    bool same = http_list_has(known, wanted) || span_equal(known, SPAN_LIT("*"));
    http_answer(c, &(struct answer){same ? 304 : 200, file->type, gzip ? file->gzip : file->body, true,
                                    writer_span(&w)});
}

void health_answer(struct conn *c)
{
    bool well = c->front->healthy && !c->front->draining;
    struct span body = well                 ? SPAN_LIT("ok\n")
                       : c->front->draining ? SPAN_LIT("draining\n")
                                            : SPAN_LIT("degraded\n");
    http_answer(c, &(struct answer){well ? 200 : 503, "text/plain; charset=utf-8", body, true,
                                    SPAN_LIT("Cache-Control: no-store\r\n")});
}

void front_stats(struct front *f, struct writer *w)
{
    const struct {
        const char *name;
        uint64_t value;
    } rows[] = {
        {"incamera_front_connections", f->conns},
        {"incamera_front_sockets", f->sockets_open},
        {"incamera_front_sessions", f->sessions},
        {"incamera_front_queued_bytes", f->out_total},
        {"incamera_front_connections_total", f->counts.connections},
        {"incamera_front_evicted_total", f->counts.evicted},
        {"incamera_front_tls_failed_total", f->counts.tls_failed},
        {"incamera_front_requests_total", f->counts.requests},
        {"incamera_front_requests_refused_total", f->counts.refused},
        {"incamera_front_sockets_total", f->counts.sockets},
        {"incamera_front_slow_closed_total", f->counts.slow},
        {"incamera_front_timeouts_total", f->counts.timeouts},
        {"incamera_front_messages_total", f->counts.messages},
        {"incamera_front_messages_limited_total", f->counts.limited},
        {"incamera_front_messages_bad_total", f->counts.bad_messages},
        {"incamera_front_origins_refused_total", f->counts.origins},
        {"incamera_front_sessions_total", f->counts.sessions},
        {"incamera_front_relay_streams_total", f->counts.streams},
        {"incamera_front_dropped_total", f->counts.dropped},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        write_str(w, rows[i].name);
        write_u8(w, ' ');
        write_dec(w, rows[i].value);
        write_u8(w, '\n');
    }
}

void front_keep_stats(struct front *f, enum role role, uint16_t index, struct span text)
{
    struct stats *place = NULL;
    for (size_t i = 0; i < STATS_ROLES_MAX; i++) {
        struct stats *s = &f->stats[i];
        if (s->used && s->role == role && s->index == index) {
            place = s;
            break;
        }
        if (!s->used && !place) place = s;
    }
    if (!place) return;
    if (!place->used) buf_init(&place->text, SEAT_STATS_MAX);
    place->used = true;
    place->role = (uint8_t)role;
    place->index = index;
    place->text.n = 0;
    if (buf_add(&place->text, text)) place->text.n = 0;
}

void metrics_answer(struct conn *c)
{
    struct front *f = c->front;
    struct writer w = writer_of(MSPAN(f->json, METRICS_MAX));
    front_stats(f, &w);
    for (size_t i = 0; i < STATS_ROLES_MAX; i++) {
        if (!f->stats[i].used || write_left(&w) <= f->stats[i].text.n) continue;
        write_bytes(&w, buf_span(&f->stats[i].text));
        if (w.n && w.p[w.n - 1] != '\n') write_u8(&w, '\n');
    }
    http_answer(c, &(struct answer){200, "text/plain; version=0.0.4; charset=utf-8", writer_span(&w), false,
                                    SPAN_LIT("Cache-Control: no-store\r\n")});
}
