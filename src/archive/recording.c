/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/recording.h"

#include "base/mem.h"
#include "wire/json.h"

#define MANIFEST_MAX (1024u * 1024)

struct file {
    char name[RECORDING_NAME_MAX];
    struct secret key;
    uint8_t *plain;     /* the block of RECORDING_BLOCK bytes that grows, while it is open */
    uint32_t n, sealed; /* bytes in it; of these, sealed already */
    uint64_t index, bytes;
    struct buf pending;
    uint8_t digest[32]; /* SHA-256 over the one before and each block */
    usec since;         /* when the oldest plain byte came; 0: none */
    bool open;
};
struct track {
    uint32_t number, member;
    uint32_t place; /* from 1: begins its file's name */
    enum codec codec;
    uint8_t channels;
    bool begun, ended, need_key;
    uint16_t file;
    uint64_t cluster_ms, first_ms, last_ms;
    uint32_t frames, gaps;
    bool in_cluster;
    char source[24], name[132];
};
struct recording {
    struct recording_conf conf;
    struct secret data_key; /* the one open data key of a running recorder */
    char room[68];
    struct file *file[RECORDING_FILES_MAX]; /* [0] is the timeline */
    unsigned files;
    struct track *track[RECORDING_TRACKS_MAX];
    unsigned tracks;
    uint64_t gaps;
    bool ended;
};

/* --- files --- */

static enum err open_file(struct recording *r, const char *name, uint16_t *index)
{
    if (r->files == RECORDING_FILES_MAX) return ERR_FULL;
    struct file *f = mem_new(1, sizeof *f);
    if (!f) return ERR_NOMEM;
    f->plain = mem_new(1, RECORDING_BLOCK);
    struct writer w = writer_of(MSPAN(f->name, sizeof f->name - 1));
    if (r->conf.part > 1) {
        write_str(&w, "p");
        write_dec(&w, r->conf.part);
        write_str(&w, "-");
    }
    write_str(&w, name);
    buf_init(&f->pending, RECORDING_PENDING_MAX);
    f->open = true;
    enum err e = f->plain
                     ? chunk_file_key(r->conf.crypto, &r->data_key, r->conf.id, span_str(f->name), &f->key)
                     : ERR_NOMEM;
    if (e) {
        mem_free(f->plain);
        mem_free(f);
        return e;
    }
    *index = (uint16_t)r->files;
    r->file[r->files++] = f;
    return OK;
}

/* A block that is whole, or the last: its digest goes into the file's. */
static enum err end_block(struct recording *r, struct file *f)
{
    const struct crypto *c = r->conf.crypto;
    struct span parts[2] = {SPAN_OF(f->digest), SPAN(f->plain, f->n)};
    enum err e = f->n ? c->hash(c->ctx, CRYPTO_SHA256, parts, 2, f->digest) : OK;
    f->n = f->sealed = 0;
    return e;
}

static enum err seal(struct recording *r, struct file *f, bool last)
{
    struct mspan room;
    struct span plain = SPAN(f->plain + f->sealed, f->n - f->sealed);
    enum err e = buf_reserve(&f->pending, plain.n + CHUNK_OVER, &room);
    if (e) return e;
    struct writer w = writer_of(room);
    e = chunk_seal(r->conf.crypto, &f->key, f->index, last, plain, &w);
    if (e) return e;
    f->pending.n += w.n;
    f->index++;
    f->bytes += plain.n;
    f->sealed = f->n;
    f->since = 0;
    if (f->n == RECORDING_BLOCK || last) e = end_block(r, f);
    if (!last) return e;
    f->open = false;
    secret_wipe(f->plain, RECORDING_BLOCK);
    mem_free(f->plain);
    f->plain = NULL;
    secret_drop(&f->key);
    return e;
}

/* All of it or, when the disk has not taken what is pending for too long, nothing. */
static enum err add(struct recording *r, struct file *f, usec now, struct span s)
{
    if (f->pending.n + f->n + s.n + CHUNK_OVER * (s.n / RECORDING_BLOCK + 2) > RECORDING_PENDING_MAX)
        return ERR_LIMIT;
    while (s.n) {
        size_t n = RECORDING_BLOCK - f->n;
        if (n > s.n) n = s.n;
        if (f->n == f->sealed) f->since = now;
        memcpy(f->plain + f->n, s.p, n);
        f->n += (uint32_t)n;
        s = span_part(s, n, s.n);
        enum err e = f->n == RECORDING_BLOCK ? seal(r, f, false) : OK;
        if (e) return e;
    }
    return OK;
}

/* --- the whole --- */

enum err recording_new(const struct recording_conf *conf, const struct secret *data_key,
                       struct recording **out)
{
    uint16_t timeline;
    struct recording *r = mem_new(1, sizeof *r);
    if (!r) return ERR_NOMEM;
    r->conf = *conf;
    r->data_key = *data_key;
    if (conf->room.n >= sizeof r->room) {
        recording_free(r);
        return ERR_RANGE;
    }
    memcpy(r->room, conf->room.p, conf->room.n);
    r->conf.room = span_str(r->room);
    enum err e = open_file(r, "timeline.jsonl", &timeline);
    if (e)
        recording_free(r);
    else
        *out = r;
    return e;
}

void recording_free(struct recording *r)
{
    if (!r) return;
    for (unsigned i = 0; i < r->files; i++) {
        struct file *f = r->file[i];
        secret_drop(&f->key);
        if (f->plain) secret_wipe(f->plain, RECORDING_BLOCK);
        mem_free(f->plain);
        buf_fini(&f->pending);
        mem_free(f);
    }
    for (unsigned i = 0; i < r->tracks; i++)
        mem_free(r->track[i]);
    secret_drop(&r->data_key);
    mem_free(r);
}

const uint8_t *recording_id(const struct recording *r)
{
    return r->conf.id;
}

uint64_t recording_bytes(const struct recording *r)
{
    uint64_t n = 0;
    for (unsigned i = 0; i < r->files; i++)
        n += r->file[i]->bytes + r->file[i]->n - r->file[i]->sealed;
    return n;
}

bool recording_pending(struct recording *r, unsigned *at, struct recording_file *f)
{
    for (; *at < r->files; ++*at) {
        if (!r->file[*at]->pending.n) continue;
        *f = (struct recording_file){r->file[*at]->name, &r->file[*at]->pending};
        ++*at;
        return true;
    }
    return false;
}

enum err recording_flush(struct recording *r, usec now, bool all)
{
    enum err e = OK;
    for (unsigned i = 0; i < r->files && !e; i++) {
        struct file *f = r->file[i];
        if (f->open && f->n > f->sealed && (all || usec_since(now, f->since) >= RECORDING_FLUSH_US))
            e = seal(r, f, false);
    }
    return e;
}

usec recording_wake(const struct recording *r)
{
    usec wake = USEC_NEVER;
    for (unsigned i = 0; i < r->files; i++)
        if (r->file[i]->open && r->file[i]->n > r->file[i]->sealed)
            wake = usec_min(wake, r->file[i]->since + RECORDING_FLUSH_US);
    return wake;
}

/* --- the timeline --- */

enum err recording_event(struct recording *r, usec now, uint64_t at_ms, const char *what, struct span members)
{
    uint8_t line[RECORDING_EVENT_MAX];
    struct writer w = writer_of(MSPAN(line, sizeof line));
    if (r->ended) return ERR_STATE;
    write_str(&w, "{\"at\":");
    write_dec(&w, at_ms);
    write_str(&w, ",\"what\":");
    json_write_str(&w, what);
    write_bytes(&w, members);
    write_str(&w, "}\n");
    return w.bad ? ERR_LIMIT : add(r, r->file[0], now, writer_span(&w));
}

static void track_event(struct recording *r, usec now, uint64_t at_ms, const char *what,
                        const struct track *t)
{
    uint8_t text[512];
    struct writer w = writer_of(MSPAN(text, sizeof text));
    write_str(&w, ",\"track\":");
    write_dec(&w, t->number);
    write_str(&w, ",\"member\":");
    write_dec(&w, t->member);
    write_str(&w, ",\"source\":");
    json_write_str(&w, t->source);
    write_str(&w, ",\"name\":");
    json_write_str(&w, t->name);
    if (t->begun) {
        write_str(&w, ",\"file\":");
        json_write_str(&w, r->file[t->file]->name);
    }
    (void)!recording_event(r, now, at_ms, what, writer_span(&w));
}

/* --- tracks --- */

static struct track *find(struct recording *r, uint32_t number)
{
    for (unsigned i = r->tracks; i > 0; i--)
        if (r->track[i - 1]->number == number && !r->track[i - 1]->ended) return r->track[i - 1];
    return NULL;
}

enum err recording_track(struct recording *r, usec now, const struct recording_track_in *in)
{
    (void)now;
    bool known = in->codec == CODEC_OPUS || in->codec == CODEC_VP8 || in->codec == CODEC_VP9 ||
                 in->codec == CODEC_AV1 || in->codec == CODEC_H264;
    if (r->ended) return ERR_STATE;
    if (!known) return ERR_UNSUPPORTED;
    if (find(r, in->number)) return ERR_EXISTS;
    if (r->tracks == RECORDING_TRACKS_MAX) return ERR_FULL;
    struct track *t = mem_new(1, sizeof *t);
    if (!t) return ERR_NOMEM;
    t->number = in->number;
    t->member = in->member;
    t->codec = in->codec;
    t->channels = in->channels;
    t->need_key = in->codec != CODEC_OPUS;
    if (in->source.n < sizeof t->source) memcpy(t->source, in->source.p, in->source.n);
    memcpy(t->name, in->name.p, in->name.n < sizeof t->name ? in->name.n : sizeof t->name - 1);
    r->track[r->tracks++] = t;
    t->place = r->tracks;
    return OK;
}

static enum err begin_track(struct recording *r, usec now, struct track *t, uint64_t at_ms, struct span frame)
{
    uint8_t head[MATROSKA_HEAD_MAX];
    char name[RECORDING_NAME_MAX];
    struct frame_picture picture;
    struct writer w = writer_of(MSPAN(head, sizeof head)), n = writer_of(MSPAN(name, sizeof name - 1));
    enum err e = frame_describe(t->codec, frame, &picture);
    if (e) return e;
    struct matroska_track m = {t->codec, t->channels, &picture, span_str(t->name), r->conf.begin};
    e = matroska_head(&w, &m);
    write_dec(&n, t->place);
    write_str(&n, "-");
    write_dec(&n, t->member);
    write_str(&n, "-");
    write_str(&n, t->source);
    write_str(&n, ".");
    write_str(&n, matroska_ending(t->codec));
    if (e || n.bad) return ERR_LIMIT;
    name[n.n] = 0;
    e = open_file(r, name, &t->file);
    if (e) return e;
    t->begun = true;
    t->first_ms = at_ms;
    track_event(r, now, at_ms, "track", t);
    return add(r, r->file[t->file], now, writer_span(&w));
}

enum err recording_frame(struct recording *r, usec now, uint32_t number, uint64_t at_ms, bool key, bool gap,
                         struct span frame)
{
    uint8_t head[64];
    struct writer w = writer_of(MSPAN(head, sizeof head));
    struct track *t = r->ended ? NULL : find(r, number);
    if (!t) return ERR_UNKNOWN;
    if (gap && t->begun) t->gaps++;
    if (gap && t->codec != CODEC_OPUS) t->need_key = true;
    if (t->need_key && !key) return OK;
    enum err e = t->begun ? OK : begin_track(r, now, t, at_ms, frame);
    if (e) return e;
    if (at_ms < t->last_ms) at_ms = t->last_ms; /* a file's time never goes back */
    bool video = t->codec != CODEC_OPUS;
    uint64_t since = at_ms - t->cluster_ms;
    if (!t->in_cluster || since >= MATROSKA_SPAN_MS || (since >= RECORDING_CLUSTER_MS && (key || !video))) {
        matroska_cluster(&w, at_ms);
        t->cluster_ms = at_ms;
        since = 0;
    }
    matroska_block(&w, (unsigned)since, key, frame.n);
    struct file *f = r->file[t->file];
    if (f->pending.n + f->n + frame.n + sizeof head + 3 * CHUNK_OVER + frame.n / 1024 >
        RECORDING_PENDING_MAX) {
        t->need_key = video; /* the disk is too slow for this one */
        t->gaps++;
        return ERR_LIMIT;
    }
    e = add(r, f, now, writer_span(&w));
    if (!e) e = add(r, f, now, frame);
    if (e) return e;
    t->in_cluster = true;
    t->need_key = false;
    t->last_ms = at_ms;
    t->frames++;
    return OK;
}

void recording_track_end(struct recording *r, usec now, uint32_t number, uint64_t at_ms)
{
    struct track *t = r->ended ? NULL : find(r, number);
    if (!t) return;
    if (t->begun) {
        track_event(r, now, at_ms, "track_end", t);
        (void)!seal(r, r->file[t->file], true);
    }
    t->ended = true;
}

void recording_gap(struct recording *r, usec now, uint64_t at_ms, const char *why)
{
    uint8_t text[256];
    struct writer w = writer_of(MSPAN(text, sizeof text));
    r->gaps++;
    for (unsigned i = 0; i < r->tracks; i++) {
        struct track *t = r->track[i];
        if (t->ended || !t->begun) continue;
        t->gaps++;
        t->need_key = t->codec != CODEC_OPUS;
    }
    write_str(&w, ",\"why\":");
    json_write_str(&w, why);
    (void)!recording_event(r, now, at_ms, "gap", writer_span(&w));
}

/* --- the end --- */

static void put_track(struct writer *w, const struct recording *r, const struct track *t)
{
    const struct file *f = r->file[t->file];
    write_str(w, "{\"file\":");
    json_write_str(w, f->name);
    write_str(w, ",\"member\":");
    write_dec(w, t->member);
    write_str(w, ",\"name\":");
    json_write_str(w, t->name);
    write_str(w, ",\"source\":");
    json_write_str(w, t->source);
    write_str(w, ",\"codec\":");
    json_write_str(w, codec_name(t->codec));
    write_str(w, ",\"from\":");
    write_dec(w, t->first_ms);
    write_str(w, ",\"to\":");
    write_dec(w, t->last_ms);
    write_str(w, ",\"frames\":");
    write_dec(w, t->frames);
    write_str(w, ",\"gaps\":");
    write_dec(w, t->gaps);
    write_str(w, "}");
}

static void put_file(struct writer *w, const struct file *f)
{
    write_str(w, "{\"file\":");
    json_write_str(w, f->name);
    write_str(w, ",\"bytes\":");
    write_dec(w, f->bytes);
    write_str(w, ",\"digest\":\"");
    write_hex(w, SPAN_OF(f->digest));
    write_str(w, "\"}");
}

static void put_manifest(struct writer *w, const struct recording *r, uint64_t at_ms)
{
    unsigned n = 0;
    write_str(w, "{\"incamera_recording\":1,\"id\":\"");
    write_hex(w, SPAN_OF(r->conf.id));
    write_str(w, "\",\"room\":");
    json_write_str(w, r->room);
    write_str(w, ",\"begin\":");
    write_dec(w, (uint64_t)r->conf.begin.ms);
    write_str(w, ",\"length\":");
    write_dec(w, at_ms);
    write_str(w, ",\"gaps\":");
    write_dec(w, r->gaps);
    write_str(w, ",\"tracks\":[");
    for (unsigned i = 0; i < r->tracks; i++) {
        if (!r->track[i]->begun) continue;
        if (n++) write_str(w, ",");
        put_track(w, r, r->track[i]);
    }
    write_str(w, "],\"files\":[");
    for (unsigned i = 0; i < r->files; i++) {
        if (i) write_str(w, ",");
        put_file(w, r->file[i]);
    }
    write_str(w, "]}\n");
}

enum err recording_earlier(struct recording *r, const char *name, uint64_t bytes, const uint8_t digest[32])
{
    size_t n = strlen(name);
    if (n >= RECORDING_NAME_MAX) return ERR_RANGE;
    if (r->files >= RECORDING_FILES_MAX - 1) return ERR_FULL; /* one is left for the manifest */
    struct file *f = mem_new(1, sizeof *f);
    if (!f) return ERR_NOMEM;
    memcpy(f->name, name, n);
    f->bytes = bytes;
    memcpy(f->digest, digest, sizeof f->digest);
    buf_init(&f->pending, RECORDING_PENDING_MAX);
    r->file[r->files++] = f;
    return OK;
}

static enum err add_manifest(struct recording *r, usec now, uint64_t at_ms, uint8_t digest[32])
{
    uint16_t manifest;
    uint8_t *text = mem_new(1, MANIFEST_MAX);
    if (!text) return ERR_NOMEM;
    struct writer w = writer_of(MSPAN(text, MANIFEST_MAX));
    put_manifest(&w, r, at_ms);
    struct span plain = writer_span(&w);
    const struct crypto *c = r->conf.crypto;
    enum err e = w.bad ? ERR_LIMIT : c->hash(c->ctx, CRYPTO_SHA256, &plain, 1, digest);
    if (!e) e = open_file(r, "manifest.json", &manifest);
    if (!e) e = add(r, r->file[manifest], now, plain);
    if (!e) e = seal(r, r->file[manifest], true);
    mem_free(text);
    return e;
}

enum err recording_end(struct recording *r, usec now, uint64_t at_ms, uint8_t digest[32])
{
    enum err e = OK;
    if (r->ended) return ERR_STATE;
    for (unsigned i = 0; i < r->tracks; i++)
        if (!r->track[i]->ended) recording_track_end(r, now, r->track[i]->number, at_ms);
    (void)!recording_event(r, now, at_ms, "end", SPAN_NONE);
    for (unsigned i = 0; i < r->files && !e; i++)
        if (r->file[i]->open) e = seal(r, r->file[i], true);
    if (!e) e = add_manifest(r, now, at_ms, digest);
    r->ended = true;
    secret_drop(&r->data_key);
    return e;
}
