/* SPDX-License-Identifier: Apache-2.0
 * Sealed files (ROOMS.md section 10): chunks that members sealed, kept under a name nobody can guess while somebody is in
 * the room, and gone half a minute later. The server sees their number and sizes. Making and dropping one is an act with a
 * row in the trail; who reads which chunk is not written down. What is dropped can't be read at once; its bytes, which are
 * noise without the members' keys, are removed a little at a time, so that nobody waits for it. */
#include "app/keeper_inner.h"

#include "app/log.h"
#include "io/file.h"

#include <stdio.h>

#define FILE_BYTES_MAX       (UINT64_C(512) << 20)
#define FILES_ROOM_MAX       256
#define FILES_ROOM_BYTES_MAX (UINT64_C(1) << 30)
#define FILES_BYTES_MAX      (UINT64_C(8) << 30)
#define FILES_LOOK           (5 * USEC_S)
#define FILES_GRACE_MS       15000 /* a room may be empty so long: somebody reloads */
#define FILE_NAME            22
#define FILES_ROOMS_LOOK     256 /* rooms looked at in one turn */

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS files(id TEXT PRIMARY KEY NOT NULL, room TEXT NOT NULL, subject TEXT NOT "
    "NULL, chunks INTEGER NOT NULL, bytes INTEGER NOT NULL, empty_ms INTEGER NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS files_of ON files(room);"
    "CREATE TABLE IF NOT EXISTS chunks(file TEXT NOT NULL, at INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY "
    "KEY(file, at)) STRICT;"
    "CREATE TABLE IF NOT EXISTS dead(id TEXT PRIMARY KEY NOT NULL) STRICT;";
static const char *const queries[FQ_COUNT] = {
    [FQ_MAKE] = "INSERT INTO files(id, room, subject, chunks, bytes, empty_ms) VALUES(?1, ?2, ?3, ?4, ?5, 0)",
    [FQ_GET] = "SELECT subject, chunks, bytes FROM files WHERE id=?1 AND room=?2",
    [FQ_ROOM] = "SELECT count(*), coalesce(sum(bytes), 0) FROM files WHERE room=?1",
    [FQ_ALL] = "SELECT coalesce(sum(bytes), 0) FROM files",
    [FQ_PUT] = "INSERT INTO chunks(file, at, bytes) VALUES(?1, ?2, ?3) ON CONFLICT DO NOTHING",
    [FQ_READ] = "SELECT bytes FROM chunks WHERE file=?1 AND at=?2",
    [FQ_ROOMS] = "SELECT room, max(empty_ms) FROM files WHERE room>?1 GROUP BY room ORDER BY room LIMIT ?2",
    [FQ_EMPTY] = "UPDATE files SET empty_ms=?2 WHERE room=?1",
    [FQ_DEAD] = "INSERT INTO dead(id) SELECT id FROM files WHERE room=?1 AND (?2='' OR id=?2)",
    [FQ_DROP] = "DELETE FROM files WHERE room=?1 AND (?2='' OR id=?2)",
    [FQ_DEAD_NEXT] = "SELECT id FROM dead LIMIT 1",
    [FQ_DEAD_CHUNKS] = "DELETE FROM chunks WHERE rowid IN (SELECT rowid FROM chunks WHERE file=?1 LIMIT 128)",
    [FQ_DEAD_DONE] = "DELETE FROM dead WHERE id=?1",
};

enum err files_open(struct files *f, const char *data)
{
    char path[CONFIG_PATH + 16];
    snprintf(path, sizeof path, "%s/files.db", data);
    enum err e = db_open_passing(path, &f->db);
    if (!e) e = db_run(f->db, schema);
    if (e == ERR_FORMAT &&
        file_drop(path) == OK) { /* power was lost: what it held is lost with the meetings */
        db_close(f->db);
        f->db = NULL;
        e = db_open_passing(path, &f->db);
        if (!e) e = db_run(f->db, schema);
    }
    for (unsigned i = 0; i < FQ_COUNT && !e; i++)
        e = db_prepare(f->db, queries[i], &f->q[i]);
    if (e) files_close(f);
    return e;
}

void files_close(struct files *f)
{
    for (unsigned i = 0; i < FQ_COUNT; i++)
        db_forget(f->q[i]);
    db_close(f->db);
    *f = (struct files){0};
}

struct kept { /* a file as the store has it */
    bool there, mine;
    uint64_t chunks;
};

static enum err find(struct question *q, struct kept *k)
{
    struct db_query *get = q->k->files.q[FQ_GET];
    *k = (struct kept){0};
    db_text(get, 1, q->ask->item);
    db_text(get, 2, span_str(q->a.room));
    enum err e = db_step(get, &k->there);
    if (!e && k->there) {
        k->mine = span_equal(db_get_text(get, 0), span_str(q->a.token.subject));
        k->chunks = (uint64_t)db_get_int(get, 1);
    }
    db_done(get);
    return e;
}

/* One file of a room, or with an empty id all of them. */
static enum err drop(struct files *f, struct span room, struct span id)
{
    static const enum file_query both[] = {FQ_DEAD, FQ_DROP};
    enum err e = OK;
    for (unsigned i = 0; i < COUNT_OF(both) && !e; i++) {
        db_text(f->q[both[i]], 1, room);
        db_text(f->q[both[i]], 2, id);
        e = db_change(f->q[both[i]]);
    }
    return e;
}

static void no_such_file(struct question *q)
{
    api_problem(q, 404, "no_such_file", "This file is gone: files go when the meeting is over.", "");
}

static void broken(struct question *q, enum err e)
{
    log_event(LOG_ERROR, "files.failed", "why=\"%s\"", err_text(e));
    if (e == ERR_FULL)
        api_problem(q, 507, "full", "The server has no room for files. Send it another way.", "");
    else
        api_problem(q, 503, "unavailable", "The server can't keep files now. Try again in a moment.", "");
}

/* Without a row: bytes of a file whose making has one. */
static bool may(struct question *q)
{
    q->a.facts.audit = true;
    q->a.rule = rights_decide(&q->a.facts, &q->a.verdict);
    if (!q->a.verdict.allowed) api_refused(q);
    return q->a.verdict.allowed;
}

static enum err read_wanted(struct span body, uint64_t *chunks, uint64_t *bytes)
{
    static struct json j;
    struct json_token t;
    json_init(&j, body);
    enum err e = json_expect(&j, JSON_OBJECT, &t);
    while (!e && !(e = json_next(&j, &t)) && t.kind != JSON_OBJECT_END) {
        uint64_t *v = json_is(&t, "chunks") ? chunks : json_is(&t, "bytes") ? bytes : NULL;
        e = v ? json_expect(&j, JSON_NUMBER, &t) : ERR_UNKNOWN;
        if (!e) e = json_uint(&t, FILE_BYTES_MAX * 2, v);
    }
    if (!e) e = json_expect(&j, JSON_END, &t);
    return e ? e : *chunks && *bytes && *bytes <= *chunks * API_BYTES_MAX ? OK : ERR_RANGE;
}

/* Whether the room and the server take so much more. */
static enum err fits(struct keeper *k, struct span room, uint64_t bytes)
{
    struct db_query *of = k->files.q[FQ_ROOM], *all = k->files.q[FQ_ALL];
    bool row = false;
    db_text(of, 1, room);
    enum err e = db_step(of, &row);
    if (!e && row &&
        (db_get_int(of, 0) >= FILES_ROOM_MAX || (uint64_t)db_get_int(of, 1) + bytes > FILES_ROOM_BYTES_MAX))
        e = ERR_FULL;
    db_done(of);
    if (!e) e = db_step(all, &row);
    if (!e && row && (uint64_t)db_get_int(all, 0) + bytes > FILES_BYTES_MAX) e = ERR_FULL;
    db_done(all);
    return e;
}

void api_file_make(struct question *q)
{
    struct keeper *k = q->k;
    struct db_query *make = k->files.q[FQ_MAKE];
    uint64_t chunks = 0, bytes = 0;
    char id[FILE_NAME + 1], where[160];
    if (!api_allowed(q, "")) return;
    enum err e = read_wanted(q->ask->body, &chunks, &bytes);
    bool large = e == OK && bytes > FILE_BYTES_MAX;
    if (!e && !large) e = fits(k, span_str(q->a.room), bytes);
    if (e || large) {
        k->files.refused++;
        store_rollback(&k->store);
        if (large)
            api_problem(q, 413, "too_large", "A file may have 512 MiB.", "bytes");
        else if (e == ERR_FULL)
            api_problem(q, 507, "full", "There are too many files in this meeting. Remove one first.",
                        "bytes");
        else
            api_problem(q, 422, "bad_message", "Expected chunks and bytes of the file.", "chunks");
        return;
    }
    e = random_handle(k, id);
    if (!e) {
        db_text(make, 1, span_str(id));
        db_text(make, 2, span_str(q->a.room));
        db_text(make, 3, span_str(q->a.token.subject));
        db_int(make, 4, (int64_t)chunks);
        db_int(make, 5, (int64_t)bytes);
        e = db_change(make);
    }
    if (e) {
        store_rollback(&k->store);
        broken(q, e);
        return;
    }
    if (!api_done(q, OK)) return;
    k->files.made++;
    snprintf(where, sizeof where, "/api/v1/rooms/%s/files/%s", q->a.room, id);
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    write_str(&w, "{\"file\":");
    json_write_str(&w, id);
    write_str(&w, "}\n");
    api_answer(k, q->origin, 201, "application/json", where, writer_span(&w));
}

void api_file_put(struct question *q)
{
    struct db_query *put = q->k->files.q[FQ_PUT];
    struct kept f;
    uint64_t chunk;
    if (!may(q)) return;
    enum err e = find(q, &f);
    if (e) {
        broken(q, e);
    } else if (!f.there) {
        no_such_file(q);
    } else if (!f.mine) {
        api_problem(q, 403, "denied", "Somebody else sends this file.", "");
    } else if (!api_query_number(q->ask->query, "chunk", UINT64_MAX, &chunk) || chunk >= f.chunks ||
               !q->ask->body.n) {
        q->k->files.refused++;
        api_problem(q, 422, "bad_message", "Expected ?chunk=K below the number announced, and its bytes.",
                    "chunk");
    } else {
        db_text(put, 1, q->ask->item);
        db_int(put, 2, (int64_t)chunk);
        db_blob(put, 3, q->ask->body);
        e = db_change(put);
        if (e) {
            broken(q, e);
            return;
        }
        q->k->files.chunks++;
        api_answer(q->k, q->origin, 204, "", "", SPAN_NONE);
    }
}

void api_file_get(struct question *q)
{
    struct db_query *read = q->k->files.q[FQ_READ];
    struct kept f;
    uint64_t chunk;
    bool row = false;
    if (!may(q)) return;
    enum err e = find(q, &f);
    if (!e && !f.there) {
        no_such_file(q);
        return;
    }
    if (!e && (!api_query_number(q->ask->query, "chunk", UINT64_MAX, &chunk) || chunk >= f.chunks)) {
        api_problem(q, 422, "bad_message", "Expected ?chunk=K below the number announced.", "chunk");
        return;
    }
    if (!e) {
        db_text(read, 1, q->ask->item);
        db_int(read, 2, (int64_t)chunk);
        e = db_step(read, &row);
    }
    if (e)
        broken(q, e);
    else if (!row)
        api_problem(q, 409, "not_yet", "This part of the file has not been sent yet.", "chunk");
    else
        api_answer(q->k, q->origin, 200, "application/octet-stream", "", db_get_blob(read, 0));
    db_done(read);
}

void api_file_drop(struct question *q)
{
    struct kept f;
    enum err e = find(q, &f);
    if (e) {
        broken(q, e);
        return;
    }
    if (!api_allowed(q, f.there ? "file" : "")) return;
    bool may_drop = f.mine || q->a.facts.who.operator_ || q->a.facts.who.can & CAN_MODERATE;
    if (f.there && may_drop) e = drop(&q->k->files, span_str(q->a.room), q->ask->item);
    if (!api_done(q, e)) return;
    if (!f.there)
        no_such_file(q);
    else if (!may_drop)
        api_problem(q, 403, "denied", "Only who sent a file or a moderator can remove it.", "");
    else
        api_answer(q->k, q->origin, 204, "", "", SPAN_NONE);
}

void files_room_closed(struct keeper *k, struct span room)
{
    enum err e = drop(&k->files, room, SPAN_NONE);
    if (e) log_event(LOG_ERROR, "files.failed", "why=\"%s\"", err_text(e));
}

/* A little of what was dropped is removed; false when nothing is left. */
static bool bury(struct files *f)
{
    char id[FILE_NAME + 1] = "";
    bool row = false;
    enum err e = db_step(f->q[FQ_DEAD_NEXT], &row);
    struct span s = !e && row ? db_get_text(f->q[FQ_DEAD_NEXT], 0) : SPAN_NONE;
    if (s.n == FILE_NAME) memcpy(id, s.p, s.n);
    db_done(f->q[FQ_DEAD_NEXT]);
    if (e || !row) return false;
    db_text(f->q[FQ_DEAD_CHUNKS], 1, span_str(id));
    e = db_change(f->q[FQ_DEAD_CHUNKS]);
    if (e || db_changed(f->db) > 0) return e == OK;
    db_text(f->q[FQ_DEAD_DONE], 1, span_str(id));
    return db_change(f->q[FQ_DEAD_DONE]) == OK;
}

/* A room with files: nobody in it for the first time, for long enough, or somebody again. */
static void look(struct keeper *k, struct span room, int64_t empty_ms)
{
    int64_t now = k->conf.wall().ms;
    bool somebody = place_of(k, room, false) != NULL;
    if (!somebody && empty_ms && now - empty_ms >= FILES_GRACE_MS) {
        if (drop(&k->files, room, SPAN_NONE) == OK)
            log_event(LOG_INFO, "files.dropped", "room=%s", log_name(room).text);
    } else if (somebody ? empty_ms != 0 : empty_ms == 0) {
        db_text(k->files.q[FQ_EMPTY], 1, room);
        db_int(k->files.q[FQ_EMPTY], 2, somebody ? 0 : now);
        (void)!db_change(k->files.q[FQ_EMPTY]);
    }
}

void files_turn(struct keeper *k)
{
    struct files *f = &k->files;
    struct db_query *of = f->q[FQ_ROOMS];
    static struct {
        char room[65];
        int64_t empty_ms;
    } seen[FILES_ROOMS_LOOK];
    unsigned n = 0;
    bool row = false;
    if (!k->settled) return;
    for (unsigned i = 0; i < 4 && bury(f); i++) {
    }
    if (k->now < f->next_look) return;
    f->next_look = k->now + FILES_LOOK;
    db_text(of, 1, span_str(f->looked));
    db_int(of, 2, FILES_ROOMS_LOOK);
    while (n < FILES_ROOMS_LOOK && db_step(of, &row) == OK && row) {
        struct span room = db_get_text(of, 0);
        memset(seen[n].room, 0, sizeof seen[n].room);
        memcpy(seen[n].room, room.p, room.n < 64 ? room.n : 64);
        seen[n++].empty_ms = db_get_int(of, 1);
    }
    db_done(of);
    memcpy(f->looked, n == FILES_ROOMS_LOOK ? seen[n - 1].room : "", n == FILES_ROOMS_LOOK ? 65 : 1);
    for (unsigned i = 0; i < n; i++)
        look(k, span_str(seen[i].room), seen[i].empty_ms);
}
