/* SPDX-License-Identifier: Apache-2.0 */
#include "room/news.h"

#include "base/mem.h"

void news_init(struct news *n)
{
    *n = (struct news){0};
    buf_init(&n->bytes, NEWS_BYTES_MAX);
}

void news_fini(struct news *n)
{
    mem_free(n->item);
    buf_fini(&n->bytes);
    *n = (struct news){0};
}

void news_clear(struct news *n)
{
    n->count = 0;
    n->bytes.n = 0;
    n->lost = 0;
}

static bool keep(struct news *n, const struct news_item *item)
{
    if (n->count == n->size) {
        uint32_t size = n->size ? n->size * 2 : 16;
        struct news_item *more = n->size < NEWS_ITEMS_MAX ? mem_resize(n->item, size, sizeof *more) : NULL;
        if (!more) {
            n->lost++;
            return false;
        }
        n->item = more;
        n->size = size;
    }
    n->item[n->count++] = *item;
    return true;
}

void news_note(struct news *n, unsigned message)
{
    n->open = (struct news_item){
        .kind = NEWS_NOTE, .message = (uint8_t)message, .sessions_at = (uint32_t)n->bytes.n};
    n->failed = false;
}

void news_envelope(struct news *n)
{
    news_note(n, 0);
    n->open.kind = NEWS_ENVELOPE;
}

void news_to(struct news *n, uint64_t session)
{
    uint8_t b[8];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    write_u64(&w, session);
    if (buf_add(&n->bytes, writer_span(&w)))
        n->failed = true;
    else
        n->open.sessions_n += 8;
}

struct writer news_body_open(struct news *n, size_t most)
{
    struct mspan room = MSPAN(NULL, 0);
    if (!n->failed && n->open.sessions_n && buf_reserve(&n->bytes, most, &room)) n->failed = true;
    struct writer w = writer_of(room);
    w.bad = n->failed;
    w.cap = n->failed || n->open.sessions_n ? room.n : most; /* to nobody: counts only */
    if (w.cap > most) w.cap = most;
    n->open.body_at = (uint32_t)n->bytes.n;
    return w;
}

void news_done(struct news *n, const struct writer *body)
{
    if (!n->failed && n->open.sessions_n == 0) return;
    if (n->failed || body->bad) {
        n->bytes.n = n->open.sessions_at;
        n->lost++;
        return;
    }
    n->open.body_n = (uint32_t)body->n;
    n->bytes.n += body->n;
    if (!keep(n, &n->open)) n->bytes.n = n->open.sessions_at;
}

void news_event(struct news *n, const struct news_item *event)
{
    (void)keep(n, event);
}
