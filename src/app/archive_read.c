/* SPDX-License-Identifier: Apache-2.0 */
#include "app/archive_inner.h"

#include "app/log.h"
#include "io/file.h"
#include "io/process.h"
#include "wire/json.h"

#include <stdio.h>

#define READ_WITHIN (10 * USEC_S)

static void answer(struct archive *a, uint64_t session, uint16_t status, bool last, struct span bytes)
{
    static uint8_t body[ARCHIVE_READ_BYTES + 256];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_record_bytes(&w, &(struct ipc_record_bytes){status, last, bytes});
    (void)a->conf.send(a->conf.ctx, ROLE_KEEPER, IPC_RECORD_BYTES, session, writer_span(&w));
    secret_wipe(body, w.n); /* content in the clear is not left behind */
}

/* A name as we give files: nothing that leads out of the folder. */
static bool name_good(struct span s)
{
    if (s.n == 0 || s.n >= RECORDING_NAME_MAX || s.p[0] == '.') return false;
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'))
            return false;
    }
    return true;
}

/* --- the list --- */

struct listing {
    struct writer w;
    unsigned n;
};

static void list_one(void *ctx, const char *name)
{
    struct listing *l = ctx;
    const char *dot = strchr(name, '.');
    if (!dot || write_left(&l->w) < 512) return;
    write_str(&l->w, l->n++ ? "," : "");
    json_write_str(&l->w, dot + 1);
}

static void list(struct archive *a, uint64_t session, const uint8_t id[ARTEFACT_ID])
{
    uint8_t prefix[2 * ARTEFACT_ID + 2] = "";
    struct writer p = writer_of(MSPAN(prefix, sizeof prefix - 1));
    struct listing l = {writer_of(MSPAN(a->bytes, sizeof a->bytes)), 0};
    write_hex(&p, SPAN(id, ARTEFACT_ID));
    write_str(&p, ".");
    write_str(&l.w, "[");
    enum err e = file_names(a->conf.folder, (const char *)prefix, list_one, &l);
    write_str(&l.w, "]");
    if (e)
        answer(a, session, 503, true, SPAN_LIT("The folder of the recordings can't be read."));
    else
        answer(a, session, 200, true, writer_span(&l.w));
}

/* --- a part of a file --- */

enum err read_next_chunk(const struct read_cursor *c, size_t *plain_n, bool *last)
{
    uint8_t head[CHUNK_HEAD];
    size_t n;
    enum err e = file_read_at(c->fd, c->file_at, MSPAN(head, sizeof head), &n);
    if (e) return e;
    if (n < sizeof head) return ERR_CLOSED;
    return chunk_head(SPAN_OF(head), plain_n, last) ? ERR_AUTH : OK;
}

enum err read_open_chunk(struct archive *a, const struct read_cursor *c, size_t plain_n)
{
    size_t n;
    enum err e = file_read_at(c->fd, c->file_at, MSPAN(a->chunk, plain_n + CHUNK_OVER), &n);
    if (e) return e;
    if (n < plain_n + CHUNK_OVER) return ERR_CLOSED; /* the writer died here */
    return chunk_open(a->conf.crypto, &c->key, c->index, SPAN(a->chunk, n), a->plain);
}

void read_step(struct read_cursor *c, size_t plain_n)
{
    c->index++;
    c->plain_at += plain_n;
    c->file_at += plain_n + CHUNK_OVER;
}

/* Bytes from `from` on, as many as an answer holds. A file whose recorder died ends without its last mark: what is
 * there is given, and `last` says only that nothing follows. */
static enum err read_some(struct archive *a, struct read_cursor *c, uint64_t from, struct writer *w,
                          bool *last)
{
    enum err e = OK;
    *last = false;
    while (!e && !*last) {
        size_t n;
        bool end = false;
        e = read_next_chunk(c, &n, &end);
        if (e == ERR_CLOSED) *last = true;
        if (e) break;
        bool wanted = c->plain_at + n > from;
        if (wanted) {
            size_t skip = from > c->plain_at ? (size_t)(from - c->plain_at) : 0;
            if (write_left(w) < n - skip) return OK;
            e = read_open_chunk(a, c, n);
            if (e == ERR_CLOSED) *last = true;
            if (!e) write_bytes(w, SPAN(a->plain + skip, n - skip));
            secret_wipe(a->plain, n);
        }
        if (e) break;
        read_step(c, n);
        *last = end;
    }
    return e == ERR_CLOSED ? OK : e;
}

static void read_file(struct archive *a, const struct read_asked *q)
{
    char path[ARCHIVE_PATH];
    struct open_key *o = &a->open;
    struct read_cursor c = {.fd = -1};
    bool last, go_on = strcmp(o->file, q->file) == 0 && o->plain_at <= q->from;
    struct writer w = writer_of(MSPAN(a->bytes, ARCHIVE_READ_BYTES));
    if (go_on) c.index = o->index, c.plain_at = o->plain_at, c.file_at = o->file_at;
    enum err e = archive_path(a, q->id, q->file, path) ? file_open_read(path, &c.fd) : ERR_LIMIT;
    if (e) {
        answer(a, q->session, 404, true, SPAN_LIT("This recording has no such file."));
        return;
    }
    e = chunk_file_key(a->conf.crypto, &o->key, q->id, span_str(q->file), &c.key);
    if (!e) e = read_some(a, &c, q->from, &w, &last);
    process_close(c.fd);
    secret_drop(&c.key);
    if (e) {
        log_event(LOG_ERROR, "recording.damaged", "why=\"%s\"", err_text(e));
        answer(a, q->session, 500, true,
               SPAN_LIT("This file was changed or is damaged: it does not open under its key."));
    } else {
        snprintf(o->file, sizeof o->file, "%s", q->file);
        o->index = c.index;
        o->plain_at = c.plain_at;
        o->file_at = c.file_at;
        answer(a, q->session, 200, last, writer_span(&w));
    }
    secret_wipe(a->bytes, w.n);
}

void read_message(struct archive *a, uint64_t session, struct span body)
{
    struct ipc_record_read m;
    struct read_asked *q = NULL;
    if (get_ipc_record_read(body, &m)) return;
    a->counts.reads++;
    if (!m.file.n) {
        list(a, session, m.id);
        return;
    }
    if (!name_good(m.file)) {
        answer(a, session, 404, true, SPAN_LIT("This recording has no such file."));
        return;
    }
    unsigned slot = 0;
    while (slot < ARCHIVE_READS_MAX && a->asked[slot].used)
        slot++;
    if (slot < ARCHIVE_READS_MAX) q = &a->asked[slot];
    if (!q) {
        answer(a, session, 503, true, SPAN_LIT("Too many read recordings at once. Try again in a moment."));
        return;
    }
    *q = (struct read_asked){.used = true, .session = session, .from = m.from, .asked = a->now};
    memcpy(q->id, m.id, sizeof q->id);
    memcpy(q->file, m.file.p, m.file.n);
    bool open = a->open.used && a->now < a->open.until && memcmp(a->open.id, m.id, ARTEFACT_ID) == 0;
    if (open) {
        read_file(a, q);
        q->used = false;
    } else if (!archive_ask_key(a, KEY_FOR_READ | slot, m.id, m.sealed)) {
        answer(a, session, 503, true, SPAN_LIT("The vault can't be reached. Try again in a moment."));
        q->used = false;
    }
}

void read_key(struct archive *a, uint64_t session, const struct ipc_key *k)
{
    uint64_t slot = session & ~KEY_FOR_READ;
    if (slot >= ARCHIVE_READS_MAX || !a->asked[slot].used) return;
    struct read_asked *q = &a->asked[slot];
    if (k->plain.n == DATA_KEY) {
        secret_drop(&a->open.key);
        a->open = (struct open_key){.used = true, .until = a->now + OPEN_KEY_FOR};
        memcpy(a->open.id, q->id, ARTEFACT_ID);
        memcpy(a->open.key.b, k->plain.p, DATA_KEY);
        a->open.key.n = DATA_KEY;
        read_file(a, q);
    } else {
        answer(a, q->session, 503, true,
               k->why.n ? k->why : SPAN_LIT("The key of this recording can't be opened."));
    }
    q->used = false;
}

void read_turn(struct archive *a)
{
    if (a->open.used && a->now >= a->open.until) secret_wipe(&a->open, sizeof a->open);
    for (unsigned i = 0; i < ARCHIVE_READS_MAX; i++) {
        struct read_asked *q = &a->asked[i];
        if (!q->used || usec_since(a->now, q->asked) < READ_WITHIN) continue;
        answer(a, q->session, 503, true, SPAN_LIT("The key management system does not answer."));
        q->used = false;
    }
}

/* --- destruction --- */

struct dropping {
    struct archive *a;
    unsigned failed;
};

static void drop_one(void *ctx, const char *name)
{
    struct dropping *d = ctx;
    char path[ARCHIVE_PATH];
    int n = snprintf(path, sizeof path, "%s/%s", d->a->conf.folder, name);
    if (n < 0 || n >= ARCHIVE_PATH || file_drop(path)) d->failed++;
}

/* The keeper has destroyed the key already: the files are noise, and go too. */
void read_drop(struct archive *a, struct span body)
{
    uint8_t prefix[2 * ARTEFACT_ID + 2] = "";
    struct writer p = writer_of(MSPAN(prefix, sizeof prefix - 1));
    struct dropping d = {a, 0};
    if (body.n != ARTEFACT_ID) return;
    if (a->open.used && memcmp(a->open.id, body.p, ARTEFACT_ID) == 0) secret_wipe(&a->open, sizeof a->open);
    write_hex(&p, body);
    write_str(&p, ".");
    enum err e = file_names(a->conf.folder, (const char *)prefix, drop_one, &d);
    log_event(e || d.failed ? LOG_ERROR : LOG_INFO, "recording.dropped", "left=%u", d.failed);
}
