/* SPDX-License-Identifier: Apache-2.0 */
#include "core/frames.h"

#include "base/mem.h"

#define BUFFER_AUDIO 4096u
#define BUFFER_VIDEO 65536u

static bool is_audio(enum codec c)
{
    return c == CODEC_OPUS || c == CODEC_RED;
}

enum err frames_init(struct frames *f, enum codec codec)
{
    *f = (struct frames){.codec = codec, .need_key = !is_audio(codec)};
    f->size = is_audio(codec) ? BUFFER_AUDIO : BUFFER_VIDEO;
    f->most = is_audio(codec) ? BUFFER_AUDIO : FRAMES_BYTES_MAX;
    f->buffer = mem_new(1, f->size);
    return f->buffer ? OK : ERR_NOMEM;
}

void frames_fini(struct frames *f)
{
    mem_free(f->buffer);
    *f = (struct frames){0};
}

static void give_up(struct frames *f)
{
    if (f->started) f->broken++;
    f->started = false;
    f->gap = f->has_line;
    f->need_key = !is_audio(f->codec);
}

void frames_restart(struct frames *f)
{
    f->next = 0;
    f->missing_since = 0;
    give_up(f);
    f->has_line = false;
}

void frames_refused(struct frames *f)
{
    give_up(f);
}

/* The next larger buffer, with what is in the present one. */
static bool grow(struct frames *f)
{
    uint32_t size = f->size * 2;
    if (size > f->most) return false;
    uint8_t *b = mem_new(1, size);
    if (!b) return false;
    memcpy(b, f->buffer, f->joiner.n);
    mem_free(f->buffer);
    f->buffer = b;
    f->size = size;
    f->joiner.into = MSPAN(b, size);
    return true;
}

/* Timestamps without wrap: the difference to the last one is signed. */
static uint64_t line_of(struct frames *f, uint32_t ts)
{
    f->line = f->has_line ? f->line + (uint64_t)(int64_t)(int32_t)(ts - f->line_ts) : UINT64_C(1) << 32;
    f->has_line = true;
    f->line_ts = ts;
    return f->line;
}

static void add(struct frames *f, const struct cache *c, const struct cache_pkt *p)
{
    if (f->started && p->ts != f->ts) give_up(f); /* the end of the one before never came */
    if (!f->started) {
        if (!p->start || (f->need_key && !p->key)) return;
        frame_begin(&f->joiner, (enum codec)p->codec, MSPAN(f->buffer, f->size));
        f->started = true;
        f->ts = p->ts;
        f->at = p->at;
    }
    struct span payload = cache_payload(c, p);
    while (f->size - f->joiner.n < payload.n + 64u) /* a frame's own heads are shorter */
        if (!grow(f)) break;
    if (frame_add(&f->joiner, payload)) give_up(f);
}

/* A packet is missing: true when it has been waited for long enough and the next one there is taken instead. */
static bool skip_missing(struct frames *f, const struct cache *c, usec now)
{
    if (!f->missing_since) f->missing_since = now;
    bool gone = c->highest - f->next >= c->packets;
    if (!gone && usec_since(now, f->missing_since) < FRAMES_WAIT_US) return false;
    uint32_t from = gone ? c->highest - c->packets + 1 : f->next;
    f->lost += from - f->next;
    while (from <= c->highest && !cache_get(c, from)) {
        from++;
        f->lost++;
    }
    f->next = from;
    f->missing_since = 0;
    give_up(f);
    return true;
}

enum err frames_next(struct frames *f, const struct cache *c, usec now, struct frames_out *o)
{
    if (!c->highest) return ERR_AGAIN;
    if (!f->next) f->next = c->highest;
    while (f->next <= c->highest) {
        const struct cache_pkt *p = cache_get(c, f->next);
        if (!p) {
            if (!skip_missing(f, c, now)) return ERR_AGAIN;
            continue;
        }
        f->missing_since = 0;
        f->next++;
        if (p->n == 0) continue; /* padding */
        add(f, c, p);
        if (!f->started || (!p->marker && !is_audio(f->codec))) continue;
        f->started = false;
        struct frames_out out = {.at = f->at, .gap = f->gap};
        if (frame_end(&f->joiner, &out.bytes, &out.key) || (f->need_key && !out.key)) {
            f->started = true;
            give_up(f);
            continue;
        }
        f->need_key = f->gap = false;
        out.line = line_of(f, f->ts);
        *o = out;
        return OK;
    }
    return ERR_AGAIN;
}
