/* SPDX-License-Identifier: Apache-2.0 */
#include "app/archive.h"

#include "app/archive_inner.h"
#include "app/log.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/process.h"

#include <stdio.h>

#define WRITE_EVERY (250 * USEC_MS)
#define SYNC_EVERY  (2 * USEC_S)
#define STATE_EVERY (1 * USEC_S)
#define KEY_WITHIN  (10 * USEC_S)

bool archive_path(const struct archive *a, const uint8_t id[ARTEFACT_ID], const char *name,
                  char path[ARCHIVE_PATH])
{
    uint8_t hex[2 * ARTEFACT_ID];
    struct writer w = writer_of(MSPAN(hex, sizeof hex));
    write_hex(&w, SPAN(id, ARTEFACT_ID));
    int n = snprintf(path, ARCHIVE_PATH, "%s/%.*s.%s", a->conf.folder, (int)w.n, (const char *)hex, name);
    return n > 0 && n < ARCHIVE_PATH;
}

bool archive_ask_key(struct archive *a, uint64_t session, const uint8_t id[ARTEFACT_ID], struct span sealed)
{
    uint8_t body[1024];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    struct ipc_key_wanted m = {.space = SPAN_LIT("default"), .sealed = sealed};
    memcpy(m.id, id, ARTEFACT_ID);
    put_ipc_key_wanted(&w, &m);
    return !w.bad && a->conf.send(a->conf.ctx, ROLE_VAULT, IPC_KEY_WANTED, session, writer_span(&w));
}

/* --- running recordings --- */

static struct running *find(struct archive *a, uint64_t number)
{
    for (unsigned i = 0; i < ARCHIVE_RUNNING_MAX; i++)
        if (a->running[i].used && a->running[i].number == number) return &a->running[i];
    return NULL;
}

static void tell(struct archive *a, struct running *r, const struct ipc_record_state *m)
{
    uint8_t body[1024];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_record_state(&w, m);
    if (!w.bad) (void)a->conf.send(a->conf.ctx, ROLE_KEEPER, IPC_RECORD_STATE, r->number, writer_span(&w));
    r->next_state = a->now + STATE_EVERY;
}

static void drop(struct running *r)
{
    for (unsigned i = 0; i < r->files; i++)
        if (r->file[i].fd >= 0) process_close(r->file[i].fd);
    mem_free(r->file);
    earlier_end(r);
    buf_fini(&r->frame);
    recording_free(r->recording);
    *r = (struct running){0};
}

static void fail(struct archive *a, struct running *r, struct span why)
{
    a->counts.failed++;
    log_event(LOG_ERROR, "recording.failed", "why=\"%.*s\"", (int)why.n, (const char *)why.p);
    tell(a, r, &(struct ipc_record_state){.state = RECORD_FAILED, .why = why});
    drop(r);
}

static void begin(struct archive *a, uint64_t number, struct span body)
{
    struct ipc_record_begin m;
    struct running *r = NULL;
    if (get_ipc_record_begin(body, &m) || m.room.n >= sizeof r->room) return;
    r = find(a, number);
    if (r) { /* the keeper has begun anew: it goes on */
        tell(a, r, &(struct ipc_record_state){.state = r->alarm ? RECORD_ALARM : RECORD_WELL});
        return;
    }
    for (unsigned i = 0; i < ARCHIVE_RUNNING_MAX && !r; i++)
        if (!a->running[i].used) r = &a->running[i];
    struct running full = {.number = number};
    if (!r) {
        tell(a, &full,
             &(struct ipc_record_state){.state = RECORD_FAILED,
                                        .why = SPAN_LIT("Too many recordings run at once on this server.")});
        return;
    }
    *r = (struct running){
        .used = true, .number = number, .part = m.part, .begin_ms = m.begin_ms, .asked_key = a->now};
    memcpy(r->id, m.id, sizeof r->id);
    if (m.room.n) memcpy(r->room, m.room.p, m.room.n);
    buf_init(&r->frame, FRAMES_BYTES_MAX);
    r->file = mem_new(RECORDING_FILES_MAX, sizeof *r->file);
    if (!r->file)
        fail(a, r, SPAN_LIT("The archive is out of memory."));
    else if (!archive_ask_key(a, number, r->id, m.sealed))
        fail(a, r, SPAN_LIT("The vault can't be reached, so no recording can be sealed."));
}

static void key(struct archive *a, uint64_t session, struct span body)
{
    struct ipc_key k;
    if (get_ipc_key(body, &k)) return;
    if (session & KEY_FOR_READ) {
        read_key(a, session, &k);
        return;
    }
    struct running *r = find(a, session);
    if (!r || r->recording) return;
    if (k.plain.n != DATA_KEY) {
        fail(a, r, k.why.n ? k.why : SPAN_LIT("The key could not be made."));
        return;
    }
    struct secret data_key = {.n = DATA_KEY};
    memcpy(data_key.b, k.plain.p, DATA_KEY);
    struct recording_conf conf = {a->conf.crypto, {0}, r->part, span_str(r->room), {r->begin_ms}};
    memcpy(conf.id, r->id, sizeof conf.id);
    enum err e = recording_new(&conf, &data_key, &r->recording);
    if (!e && r->part > 1) e = earlier_begin(a, r, &data_key);
    secret_drop(&data_key);
    if (e) {
        fail(a, r, SPAN_LIT("The archive is out of memory."));
        return;
    }
    a->counts.begun++;
    log_event(LOG_INFO, "recording.begun", "part=%u", r->part);
    tell(a, r, &(struct ipc_record_state){.state = RECORD_BEGUN, .sealed = k.sealed});
}

/* --- what comes in --- */

static void track(struct archive *a, struct running *r, struct span body)
{
    struct ipc_record_track m;
    if (get_ipc_record_track(body, &m)) return;
    r->last_ms = m.at_ms;
    if (m.ends) {
        recording_track_end(r->recording, a->now, m.track, m.at_ms);
        return;
    }
    struct recording_track_in in = {m.track, m.member, (enum codec)m.codec, m.channels, m.source, m.name};
    enum err e = recording_track(r->recording, a->now, &in);
    if (e && e != ERR_EXISTS) log_event(LOG_WARN, "recording.track_refused", "why=\"%s\"", err_text(e));
}

static void frame(struct archive *a, struct running *r, struct span body)
{
    struct ipc_record_frame m;
    if (get_ipc_record_frame(body, &m)) return;
    if (m.flags & RECORD_FIRST) {
        r->frame.n = 0;
        r->frame_track = m.track;
    }
    if (r->frame_track != m.track || buf_add(&r->frame, m.bytes)) {
        r->frame_track = 0; /* its beginning was lost, or it is too long: the whole frame goes */
        return;
    }
    if (!(m.flags & RECORD_LAST)) return;
    r->frame_track = 0;
    r->last_ms = m.at_ms;
    a->counts.frames++;
    enum err e = recording_frame(r->recording, a->now, m.track, m.at_ms, m.flags & RECORD_KEY,
                                 m.flags & RECORD_GAP, buf_span(&r->frame));
    if (e == ERR_LIMIT || e == ERR_NOMEM) {
        r->refused++;
        a->counts.refused++;
    }
}

static void event(struct archive *a, struct running *r, struct span body)
{
    struct ipc_record_event m;
    char what[32] = "";
    if (get_ipc_record_event(body, &m) || m.what.n >= sizeof what) return;
    memcpy(what, m.what.p, m.what.n);
    if (m.at_ms > r->last_ms) r->last_ms = m.at_ms;
    (void)!recording_event(r->recording, a->now, m.at_ms, what, m.members);
}

void archive_message(struct archive *a, usec now, enum role from, uint16_t index, uint16_t message,
                     uint64_t session, struct span body)
{
    const struct ipc_row *row = ipc_row(message);
    (void)index;
    a->now = now;
    if (!row || row->to != ROLE_ARCHIVE || row->from != from) return;
    switch (message) {
    case IPC_RECORD_BEGIN:
        begin(a, session, body);
        return;
    case IPC_KEY:
        key(a, session, body);
        return;
    case IPC_RECORD_READ:
        read_message(a, session, body);
        return;
    case IPC_RECORD_DROP:
        read_drop(a, body);
        return;
    default:
        break;
    }
    struct running *r = find(a, session);
    if (!r || r->ended) return;
    if (message == IPC_RECORD_END) {
        r->ending = true;
        r->next_write = 0;
    }
    if (!r->recording) return;
    if (message == IPC_RECORD_TRACK) track(a, r, body);
    if (message == IPC_RECORD_FRAME) frame(a, r, body);
    if (message == IPC_RECORD_EVENT || message == IPC_RECORD_NOTED) event(a, r, body);
}

void archive_lost(struct archive *a, enum role who, uint16_t index)
{
    (void)index;
    if (who != ROLE_ENGINE) return;
    for (unsigned i = 0; i < ARCHIVE_RUNNING_MAX; i++)
        a->running[i].frame_track = 0;
}

/* --- to the disk --- */

static struct kept_file *kept(struct archive *a, struct running *r, const char *name, enum err *e)
{
    char path[ARCHIVE_PATH];
    for (unsigned i = 0; i < r->files; i++)
        if (strcmp(r->file[i].name, name) == 0) return &r->file[i];
    if (r->files == RECORDING_FILES_MAX || !archive_path(a, r->id, name, path)) {
        *e = ERR_LIMIT;
        return NULL;
    }
    struct kept_file *f = &r->file[r->files];
    *f = (struct kept_file){.fd = -1};
    snprintf(f->name, sizeof f->name, "%s", name);
    *e = file_open_new(path, &f->fd);
    if (*e) return NULL;
    r->files++;
    return f;
}

static enum err write_file(struct archive *a, struct running *r, const struct recording_file *f)
{
    enum err e = OK;
    struct kept_file *k = kept(a, r, f->name, &e);
    if (!k) return e;
    struct span s = buf_span(f->pending);
    e = file_add_soon(k->fd, s);
    if (e) { /* what is half written goes: a file is whole chunks */
        (void)!file_cut(k->fd, k->size);
        return e;
    }
    k->size += s.n;
    k->dirty = true;
    a->counts.written_bytes += s.n;
    buf_drop(f->pending, s.n);
    return OK;
}

static const char *disk_fault(enum err e)
{
    return e == ERR_FULL     ? "The disk of the recordings is full."
           : e == ERR_DENIED ? "The folder of the recordings can't be written."
           : e == ERR_EXISTS ? "A file of this recording is there already."
                             : "The disk of the recordings fails.";
}

static void write_all(struct archive *a, struct running *r)
{
    unsigned at = 0;
    struct recording_file f;
    enum err e = recording_flush(r->recording, a->now, r->ending);
    r->next_write = a->now + WRITE_EVERY;
    while (!e && recording_pending(r->recording, &at, &f))
        e = write_file(a, r, &f);
    if (!e && a->now >= r->next_sync) {
        for (unsigned i = 0; i < r->files && !e; i++) {
            if (r->file[i].dirty) e = file_sync(r->file[i].fd);
            r->file[i].dirty = e != OK;
        }
        r->next_sync = a->now + SYNC_EVERY;
    }
    if (e) {
        a->counts.write_failed++;
        r->next_write = a->now + USEC_S;
        r->why = disk_fault(e);
        if (!r->alarm) log_event(LOG_ERROR, "recording.alarm", "why=\"%s\"", r->why);
        r->alarm = true;
        r->next_state = 0;
    } else if (r->alarm) {
        r->alarm = false;
        r->next_state = 0;
        log_event(LOG_INFO, "recording.well", "refused=%llu", (unsigned long long)r->refused);
        if (r->refused) recording_gap(r->recording, a->now, r->last_ms, r->why);
        r->refused = 0;
    }
}

/* The end: everything sealed, then written, then told. */
static void finish(struct archive *a, struct running *r)
{
    unsigned at = 0;
    struct recording_file f;
    if (!r->ended) {
        if (recording_end(r->recording, a->now, r->last_ms, r->digest)) {
            fail(a, r, SPAN_LIT("The manifest of the recording could not be written."));
            return;
        }
        r->ended = true;
        r->next_sync = 0;
        write_all(a, r);
    }
    if (r->alarm || recording_pending(r->recording, &at, &f)) return; /* tried again */
    a->counts.ended++;
    log_event(LOG_INFO, "recording.ended", "bytes=%llu", (unsigned long long)recording_bytes(r->recording));
    tell(a, r,
         &(struct ipc_record_state){
             .state = RECORD_ENDED, .bytes = recording_bytes(r->recording), .digest = SPAN_OF(r->digest)});
    drop(r);
}

static void turn_one(struct archive *a, struct running *r)
{
    if (!r->recording) {
        if (usec_since(a->now, r->asked_key) > KEY_WITHIN)
            fail(a, r, SPAN_LIT("The key management system does not answer."));
        return;
    }
    if (a->now >= r->next_write) write_all(a, r);
    bool whole = earlier_turn(a, r);
    if (!whole) r->next_write = usec_min(r->next_write, a->now + 10 * USEC_MS);
    if (r->ending && whole) {
        finish(a, r);
        if (!r->used) return;
    }
    if (a->now < r->next_state) return;
    struct ipc_record_state m = {.state = r->alarm ? RECORD_ALARM : RECORD_WELL,
                                 .bytes = recording_bytes(r->recording),
                                 .why = r->alarm ? span_str(r->why) : SPAN_NONE};
    tell(a, r, &m);
}

usec archive_turn(struct archive *a, usec now)
{
    usec wake = USEC_NEVER;
    a->now = now;
    for (unsigned i = 0; i < ARCHIVE_RUNNING_MAX; i++) {
        struct running *r = &a->running[i];
        if (r->used) turn_one(a, r);
        if (r->used) wake = usec_min(wake, r->recording ? r->next_write : now + USEC_S);
    }
    read_turn(a);
    return a->open.used ? usec_min(wake, a->open.until) : wake;
}

bool archive_idle(const struct archive *a)
{
    for (unsigned i = 0; i < ARCHIVE_RUNNING_MAX; i++)
        if (a->running[i].used) return false;
    return true;
}

enum err archive_new(const struct archive_conf *conf, struct archive **archive)
{
    struct archive *a = mem_new(1, sizeof *a);
    if (!a) return ERR_NOMEM;
    a->conf = *conf;
    *archive = a;
    return OK;
}

void archive_free(struct archive *a)
{
    if (!a) return;
    for (unsigned i = 0; i < ARCHIVE_RUNNING_MAX; i++)
        if (a->running[i].used) drop(&a->running[i]);
    secret_drop(&a->open.key);
    mem_free(a);
}

static void metric(struct writer *w, const char *name, uint64_t v)
{
    write_str(w, "incamera_archive_");
    write_str(w, name);
    write_str(w, " ");
    write_dec(w, v);
    write_str(w, "\n");
}

void archive_stats(const struct archive *a, struct writer *w)
{
    uint64_t running = 0, alarms = 0;
    for (unsigned i = 0; i < ARCHIVE_RUNNING_MAX; i++) {
        running += a->running[i].used;
        alarms += a->running[i].used && a->running[i].alarm;
    }
    metric(w, "recordings", running);
    metric(w, "recordings_in_alarm", alarms);
    metric(w, "recordings_begun_total", a->counts.begun);
    metric(w, "recordings_ended_total", a->counts.ended);
    metric(w, "recordings_failed_total", a->counts.failed);
    metric(w, "frames_total", a->counts.frames);
    metric(w, "frames_refused_total", a->counts.refused);
    metric(w, "written_bytes_total", a->counts.written_bytes);
    metric(w, "writes_failed_total", a->counts.write_failed);
    metric(w, "reads_total", a->counts.reads);
}
