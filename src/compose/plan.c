/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/plan.h"

#include "wire/json.h"

#define DAYS_MS (30ull * 86400 * 1000) /* no recording is longer */

struct line {
    uint64_t at, track, member;
    char what[16], source[16], name[PLAN_NAME_MAX], file[PLAN_FILE_MAX];
};

static enum err take_uint(struct json *j, uint64_t max, uint64_t *v)
{
    struct json_token t;
    enum err e = json_expect(j, JSON_NUMBER, &t);
    return e ? e : json_uint(&t, max, v);
}

static enum err read_line(struct span text, struct line *l)
{
    struct json j;
    struct json_token t;
    json_init(&j, text);
    enum err e = json_expect(&j, JSON_OBJECT, &t);
    while (!e) {
        e = json_next(&j, &t);
        if (e || t.kind == JSON_OBJECT_END) break;
        if (json_is(&t, "at")) {
            e = take_uint(&j, DAYS_MS, &l->at);
        } else if (json_is(&t, "track")) {
            e = take_uint(&j, UINT32_MAX, &l->track);
        } else if (json_is(&t, "member")) {
            e = take_uint(&j, UINT32_MAX, &l->member);
        } else if (json_is(&t, "what")) {
            e = json_take_text(&j, l->what, sizeof l->what);
        } else if (json_is(&t, "source")) {
            e = json_take_text(&j, l->source, sizeof l->source);
        } else if (json_is(&t, "name")) {
            e = json_take_text(&j, l->name, sizeof l->name);
        } else if (json_is(&t, "file")) {
            e = json_take_text(&j, l->file, sizeof l->file);
        } else {
            e = json_next(&j, &t);
            if (!e) e = json_skip(&j, &t);
        }
    }
    return e ? e : json_expect(&j, JSON_END, &t);
}

static bool plain_name(const char *s)
{
    size_t n = strlen(s);
    if (n == 0 || s[0] == '.') return false;
    for (size_t i = 0; i < n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyz0123456789-_.", s[i])) return false;
    return true;
}

static int source_of(const char *name)
{
    static const char *const names[] = {"microphone", "camera", "screen", "screen_audio"};
    for (unsigned i = 0; i < COUNT_OF(names); i++)
        if (strcmp(name, names[i]) == 0) return (int)i;
    return -1;
}

static enum err add_track(struct plan *p, const struct line *l)
{
    int source = source_of(l->source);
    if (!plain_name(l->file)) return ERR_FORMAT;
    if (source < 0) return OK;
    if (p->tracks == PLAN_TRACKS_MAX) return ERR_FULL;
    struct plan_track *t = &p->track[p->tracks++];
    *t = (struct plan_track){.member = (uint32_t)l->member,
                             .number = (uint32_t)l->track,
                             .source = (uint8_t)source,
                             .from = l->at,
                             .to = UINT64_MAX};
    memcpy(t->file, l->file, sizeof t->file);
    memcpy(t->name, l->name, sizeof t->name);
    return OK;
}

enum err plan_line(struct plan *p, struct span text)
{
    struct line l = {0};
    enum err e = read_line(text, &l);
    if (e) return ERR_FORMAT;
    if (l.at > p->length) p->length = l.at;
    if (strcmp(l.what, "track") == 0) return add_track(p, &l);
    for (unsigned i = 0; strcmp(l.what, "track_end") == 0 && i < p->tracks; i++)
        if (strcmp(p->track[i].file, l.file) == 0 && p->track[i].to == UINT64_MAX) p->track[i].to = l.at;
    if (strcmp(l.what, "speaker") == 0 && p->speakers < PLAN_SPEAKERS_MAX) {
        p->speaker[p->speakers].at = l.at;
        p->speaker[p->speakers++].member = (uint32_t)l.member;
    }
    return OK;
}

void plan_end(struct plan *p)
{
    for (unsigned i = 0; i < p->tracks; i++)
        if (p->track[i].to == UINT64_MAX) p->track[i].to = p->length;
}

/* ---- who is there ---- */

static bool active(const struct plan_track *t, uint64_t ms)
{
    return t->from <= ms && ms < t->to;
}

static bool has_cell(const struct plan_cell *cell, unsigned n, const struct plan *p, uint32_t member)
{
    for (unsigned i = 0; i < n; i++)
        if (!cell[i].screen && p->track[cell[i].track].member == member) return true;
    return false;
}

/* Screens first, then people in the order in which they first published; a card's track is a microphone. */
static unsigned present(const struct plan *p, uint64_t ms, struct plan_cell cell[PLAN_CELLS_MAX])
{
    unsigned n = 0;
    for (unsigned i = 0; i < p->tracks && n < PLAN_CELLS_MAX; i++)
        if (p->track[i].source == PLAN_SCREEN && active(&p->track[i], ms))
            cell[n++] = (struct plan_cell){.track = (int)i, .name = p->track[i].name, .screen = true};
    for (unsigned i = 0; i < p->tracks && n < PLAN_CELLS_MAX; i++) {
        const struct plan_track *t = &p->track[i];
        if (t->source > PLAN_CAMERA || !active(t, ms) || has_cell(cell, n, p, t->member)) continue;
        int best = (int)i;
        for (unsigned k = i; k < p->tracks; k++)
            if (p->track[k].member == t->member && p->track[k].source == PLAN_CAMERA &&
                active(&p->track[k], ms))
                best = (int)k;
        cell[n++] = (struct plan_cell){.track = best, .name = t->name};
    }
    return n;
}

/* ---- where ---- */

static unsigned even(unsigned v)
{
    return v & ~1u;
}

static void put(struct plan_cell *c, unsigned x, unsigned y, unsigned w, unsigned h)
{
    enum { GAP = 4 };
    c->x = even(x) + GAP;
    c->y = even(y) + GAP;
    c->w = w > 2 * GAP + 2 ? even(w - 2 * GAP) : 2;
    c->h = h > 2 * GAP + 2 ? even(h - 2 * GAP) : 2;
}

static void grid(struct plan_cell *cell, unsigned n, unsigned width, unsigned height)
{
    unsigned columns = 1;
    while (columns * columns < n)
        columns++;
    unsigned rows = (n + columns - 1) / columns, w = width / columns, h = height / rows;
    for (unsigned i = 0; i < n; i++) {
        unsigned row = i / columns, in_row = row + 1 == rows ? n - row * columns : columns;
        put(&cell[i], (width - in_row * w) / 2 + i % columns * w, row * h, w, h);
    }
}

/* The first large, the others in a strip below it. */
static void stage(struct plan_cell *cell, unsigned n, unsigned width, unsigned height)
{
    unsigned strip = n > 1 ? height / 5 : 0, w = n > 1 ? width / (n - 1) : 0;
    if (w > strip * 16 / 9) w = strip * 16 / 9;
    put(&cell[0], 0, 0, width, height - strip);
    for (unsigned i = 1; i < n; i++)
        put(&cell[i], (width - (n - 1) * w) / 2 + (i - 1) * w, height - strip, w, strip);
}

static void to_front(struct plan_cell *cell, unsigned i)
{
    struct plan_cell c = cell[i];
    memmove(cell + 1, cell, i * sizeof *cell);
    cell[0] = c;
}

/* The last who spoke until now and is there comes first. */
static void speaker_first(const struct plan *p, uint64_t ms, struct plan_cell *cell, unsigned n)
{
    unsigned before = 0, after = p->speakers; /* those until ms: [0, before) */
    while (before < after) {
        unsigned middle = (before + after) / 2;
        if (p->speaker[middle].at <= ms)
            before = middle + 1;
        else
            after = middle;
    }
    for (unsigned s = before; s > 0 && before - s < 64; s--)
        for (unsigned i = 0; i < n; i++)
            if (p->track[cell[i].track].member == p->speaker[s - 1].member) {
                to_front(cell, i);
                return;
            }
}

unsigned plan_at(const struct plan *p, enum plan_layout layout, uint64_t ms, unsigned width, unsigned height,
                 struct plan_cell cell[PLAN_CELLS_MAX])
{
    unsigned n = present(p, ms, cell);
    if (n == 0) return 0;
    bool screen = cell[0].screen;
    if (layout == PLAN_SPEAKER && !screen) speaker_first(p, ms, cell, n);
    if (screen || layout == PLAN_SPEAKER)
        stage(cell, n, width, height);
    else
        grid(cell, n, width, height);
    for (unsigned i = 0; i < n; i++)
        if (p->track[cell[i].track].source != PLAN_CAMERA && !cell[i].screen) cell[i].track = -1;
    return n;
}
