/* SPDX-License-Identifier: Apache-2.0
 * incamera-compose: one film of an exported recording. Needs no server and no network; a program of its own, as
 * decoders read what strangers sent. */
#include "base/mem.h"
#include "compose/media.h"
#include "compose/plan.h"
#include "io/file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define USAGE                                                                                                \
    "usage: incamera-compose DIR --out FILE.webm|FILE.mp4 [--layout grid|speaker] [--size WIDTHxHEIGHT] "    \
    "[--rate PICTURES-A-SECOND]\n"
#define PATH_MAX_ 4096
#define PARTS_MAX 999

struct film {
    const char *folder, *out;
    enum plan_layout layout;
    unsigned width, height, rate;
};

static struct plan plan;
static struct media_in *in[PLAN_TRACKS_MAX];

static int complain(int code, const char *what, const char *name)
{
    fprintf(stderr, "incamera-compose: %s%s%s\n", what, name ? ": " : "", name ? name : "");
    return code;
}

/* ---- what was asked for ---- */

/* The decimal number at *text, which moves behind it; 0 when there is none or it is not from 1 to 9,999. */
static unsigned number(const char **text)
{
    unsigned v = 0, digits = 0;
    for (; **text >= '0' && **text <= '9' && digits < 4; digits++, ++*text)
        v = v * 10 + (unsigned)(**text - '0');
    return v;
}

static bool take_size(struct film *f, const char *text)
{
    f->width = number(&text);
    if (*text++ != 'x') return false;
    f->height = number(&text);
    return *text == 0 && f->width >= 160 && f->height >= 90 && f->width <= 3840 && f->height <= 2160 &&
           f->width % 2 == 0 && f->height % 2 == 0;
}

static bool take_option(struct film *f, const char *name, const char *value)
{
    if (strcmp(name, "--out") == 0) {
        f->out = value;
        return true;
    }
    if (strcmp(name, "--layout") == 0) {
        f->layout = strcmp(value, "speaker") == 0 ? PLAN_SPEAKER : PLAN_GRID;
        return f->layout == PLAN_SPEAKER || strcmp(value, "grid") == 0;
    }
    if (strcmp(name, "--size") == 0) return take_size(f, value);
    if (strcmp(name, "--rate") == 0) {
        f->rate = number(&value);
        return *value == 0 && f->rate >= 1 && f->rate <= 60;
    }
    return false;
}

static bool read_words(int argc, char **argv, struct film *f)
{
    *f = (struct film){.layout = PLAN_GRID, .width = 1280, .height = 720, .rate = 25};
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' && !f->folder) {
            f->folder = argv[i];
        } else if (i + 1 == argc || !take_option(f, argv[i], argv[i + 1])) {
            return false;
        } else {
            i++;
        }
    }
    return f->folder && f->out;
}

/* ---- the timeline ---- */

static bool path_of(const struct film *f, const char *name, char path[static PATH_MAX_])
{
    int n = snprintf(path, PATH_MAX_, "%s/%s", f->folder, name);
    return n > 0 && n < PATH_MAX_;
}

static enum err damaged;
static bool take_line(void *ctx, struct span line)
{
    if (line.n == 0) return true;
    damaged = plan_line(ctx, line);
    return !damaged;
}

static int read_timeline(const struct film *f)
{
    char path[PATH_MAX_], name[32] = "timeline.jsonl";
    unsigned parts = 0;
    for (unsigned part = 1; part <= PARTS_MAX; part++) {
        if (part > 1) snprintf(name, sizeof name, "p%u-timeline.jsonl", part);
        if (!path_of(f, name, path) || !file_there(path)) break;
        enum err e = file_lines(path, take_line, &plan);
        if (damaged || e) return complain(1, "the timeline is damaged", path);
        parts++;
    }
    if (!parts)
        return complain(1, "no timeline.jsonl there; export a recording into the folder first", f->folder);
    plan_end(&plan);
    return plan.tracks ? 0 : complain(1, "nothing was recorded: there is no track", NULL);
}

/* ---- the film ---- */

/* Opened when its time comes, closed when it is over: a long meeting has many tracks, few at once. */
static struct media_in *track_in(const struct film *f, unsigned i)
{
    char path[PATH_MAX_];
    static bool failed[PLAN_TRACKS_MAX];
    if (in[i] || failed[i]) return in[i];
    enum err e = path_of(f, plan.track[i].file, path) ? media_open(path, &in[i]) : ERR_RANGE;
    if (e) {
        in[i] = NULL;
        failed[i] = true;
        (void)complain(0, err_text(e), plan.track[i].file);
    }
    return in[i];
}

static void close_over(uint64_t ms)
{
    for (unsigned i = 0; i < plan.tracks; i++)
        if (in[i] && plan.track[i].to + 1000 < ms) {
            media_close(in[i]);
            in[i] = NULL;
        }
}

static bool same_cells(const struct plan_cell *a, unsigned n, const struct plan_cell *b, unsigned m)
{
    if (n != m) return false;
    for (unsigned i = 0; i < n; i++)
        if (a[i].track != b[i].track || a[i].name != b[i].name || a[i].x != b[i].x || a[i].y != b[i].y ||
            a[i].w != b[i].w)
            return false;
    return true;
}

static void draw(const struct film *f, uint64_t ms, struct media_canvas *canvas)
{
    static struct plan_cell before[PLAN_CELLS_MAX];
    static unsigned before_n = PLAN_CELLS_MAX + 1;
    struct plan_cell cell[PLAN_CELLS_MAX];
    unsigned n = plan_at(&plan, f->layout, ms, f->width, f->height, cell);
    bool again = !same_cells(cell, n, before, before_n);
    if (again) media_clear(canvas);
    for (unsigned i = 0; i < n; i++) {
        struct media_place at = {cell[i].x, cell[i].y, cell[i].w, cell[i].h};
        struct media_in *picture = cell[i].track >= 0 ? track_in(f, (unsigned)cell[i].track) : NULL;
        if (picture) {
            if (media_draw(picture, ms, canvas, at, again)) media_label(canvas, at, cell[i].name, false);
        } else if (again) {
            media_card(canvas, at);
            media_label(canvas, at, cell[i].name, true);
        }
    }
    memcpy(before, cell, sizeof before);
    before_n = n;
}

/* Louder than full is made softer, and comes back slowly. */
static void limit(float *mix, unsigned samples)
{
    static float gain = 1;
    float peak = 0;
    for (unsigned i = 0; i < samples * 2; i++) {
        float loud = mix[i] < 0 ? -mix[i] : mix[i];
        if (loud > peak) peak = loud;
    }
    float to = peak * gain > 0.98f ? 0.98f / peak : gain + (1 - gain) * 0.05f, from = to < gain ? to : gain;
    for (unsigned i = 0; i < samples * 2; i++)
        mix[i] *= from + (to - from) * (float)i / (float)(samples * 2);
    gain = to;
}

static enum err sound(const struct film *f, uint64_t ms, uint64_t from, unsigned samples,
                      struct media_out *out)
{
    float *mix = mem_new((size_t)samples * 2, sizeof *mix);
    if (!mix) return ERR_NOMEM;
    for (unsigned i = 0; i < plan.tracks; i++) {
        const struct plan_track *t = &plan.track[i];
        bool heard = t->source == PLAN_MICROPHONE || t->source == PLAN_SCREEN_AUDIO;
        if (!heard || ms + 1000 < t->from || ms > t->to) continue;
        struct media_in *m = track_in(f, i);
        if (m) media_mix(m, from, samples, mix);
    }
    limit(mix, samples);
    enum err e = media_put_sound(out, mix, samples);
    mem_free(mix);
    return e;
}

static void progress(uint64_t done, uint64_t all)
{
    static unsigned told = 101;
    unsigned percent = all ? (unsigned)(done * 100 / all) : 100;
    if (percent == told) return;
    told = percent;
    fprintf(stderr, "\r%3u %%", percent);
    if (done >= all) fprintf(stderr, "\n");
    fflush(stderr);
}

static enum err run(const struct film *f, struct media_canvas *canvas, struct media_out *out)
{
    uint64_t pictures = plan.length * f->rate / 1000 + 1, heard = 0;
    enum err e = OK;
    for (uint64_t k = 0; k < pictures && !e; k++) {
        uint64_t ms = k * 1000 / f->rate, until = (k + 1) * MEDIA_RATE / f->rate;
        draw(f, ms, canvas);
        e = media_put_picture(out, canvas, k);
        if (!e) e = sound(f, ms, heard, (unsigned)(until - heard), out);
        heard = until;
        close_over(ms);
        progress(k + 1, pictures);
    }
    return e ? e : media_finish(out);
}

int main(int argc, char **argv)
{
    struct film f;
    struct media_canvas *canvas = NULL;
    struct media_out *out = NULL;
    if (!read_words(argc, argv, &f)) {
        fputs(USAGE, stderr);
        return 2;
    }
    if (file_there(f.out)) return complain(1, "the file is there already; name another", f.out);
    media_quiet();
    umask(077); /* who may read a meeting is for its owner to say */
    int code = read_timeline(&f);
    if (code) return code;
    enum err e = media_canvas_new(f.width, f.height, &canvas);
    if (!e) e = media_create(f.out, canvas, f.rate, &out);
    if (!e) e = run(&f, canvas, out);
    for (unsigned i = 0; i < plan.tracks; i++)
        media_close(in[i]);
    media_out_free(out);
    media_canvas_free(canvas);
    if (!e) return 0;
    (void)remove(f.out); /* half a film is none */
    return complain(1, err_text(e), f.out);
}
