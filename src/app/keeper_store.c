/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keeper_inner.h"

#include "base/mem.h"

#include <stdio.h>

static const char schema[] =
    "CREATE TABLE IF NOT EXISTS rooms(name TEXT PRIMARY KEY NOT NULL, class INTEGER NOT NULL, rule INTEGER "
    "NOT NULL,"
    " open INTEGER NOT NULL, members_max INTEGER NOT NULL, next_member INTEGER NOT NULL, locked INTEGER NOT "
    "NULL,"
    " created_ms INTEGER NOT NULL, not_after_ms INTEGER NOT NULL, policy BLOB NOT NULL, recording INTEGER "
    "NOT NULL DEFAULT 1) STRICT;"
    "CREATE TABLE IF NOT EXISTS barred(room TEXT NOT NULL, subject TEXT NOT NULL, name TEXT NOT NULL,"
    " at_ms INTEGER NOT NULL, PRIMARY KEY(room, subject)) STRICT;"
    "CREATE TABLE IF NOT EXISTS subjects(room TEXT NOT NULL, subject TEXT NOT NULL, id TEXT NOT NULL, kind "
    "INTEGER NOT"
    " NULL, can INTEGER NOT NULL, issued_ms INTEGER NOT NULL, expires_ms INTEGER NOT NULL, PRIMARY KEY(room, "
    "subject,"
    " id)) STRICT;"
    "CREATE TABLE IF NOT EXISTS audit(seq INTEGER PRIMARY KEY AUTOINCREMENT, at_ms INTEGER NOT NULL, who "
    "TEXT NOT NULL,"
    " verb TEXT NOT NULL, room TEXT NOT NULL, object TEXT NOT NULL, source TEXT NOT NULL, allowed INTEGER "
    "NOT NULL,"
    " rule INTEGER NOT NULL, leaf BLOB) STRICT;"
    "CREATE TABLE IF NOT EXISTS audit_node(level INTEGER NOT NULL, at INTEGER NOT NULL, hash BLOB NOT NULL, "
    "PRIMARY KEY(level, at)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE IF NOT EXISTS audit_head(size INTEGER PRIMARY KEY NOT NULL, before INTEGER NOT NULL, at_ms "
    "INTEGER NOT NULL, root "
    "BLOB NOT NULL, signature BLOB NOT NULL) STRICT;"
    "CREATE TABLE IF NOT EXISTS recordings(number INTEGER PRIMARY KEY AUTOINCREMENT, id BLOB NOT NULL "
    "UNIQUE, "
    "room TEXT NOT NULL, begin_ms INTEGER NOT NULL, sealed BLOB, end_ms INTEGER, bytes INTEGER NOT NULL "
    "DEFAULT "
    "0, digest BLOB, shredded INTEGER NOT NULL DEFAULT 0, fault TEXT NOT NULL DEFAULT '', entry INTEGER NOT "
    "NULL DEFAULT 0) STRICT;"
    "CREATE TABLE IF NOT EXISTS consents(seq INTEGER PRIMARY KEY AUTOINCREMENT, recording INTEGER NOT NULL, "
    "receipt TEXT NOT NULL) STRICT;"
    "CREATE INDEX IF NOT EXISTS consents_of ON consents(recording, seq);";
static const char schema_from_1[] = "ALTER TABLE audit ADD COLUMN leaf BLOB;";
static const char schema_from_2[] = "ALTER TABLE rooms ADD COLUMN recording INTEGER NOT NULL DEFAULT 1;";
static const char schema_version[] = "PRAGMA user_version=3;";

static const char *const queries[Q_COUNT] = {
    [Q_BEGIN] = "BEGIN IMMEDIATE",
    [Q_COMMIT] = "COMMIT",
    [Q_ROLLBACK] = "ROLLBACK",
    [Q_ROOM_GET] = "SELECT class, rule, open, members_max, next_member, locked, created_ms, not_after_ms, "
                   "policy, recording FROM rooms"
                   " WHERE name=?1",
    [Q_ROOM_ADD] = "INSERT INTO rooms(name, class, rule, open, members_max, next_member, locked, created_ms, "
                   "not_after_ms,"
                   " policy, recording) VALUES(?1, ?2, ?3, ?4, ?5, 1, 0, ?6, ?7, ?8, ?9)",
    [Q_ROOM_DROP] = "DELETE FROM rooms WHERE name=?1",
    [Q_ROOM_LIST] =
        "SELECT name, class, rule, locked, created_ms FROM rooms WHERE name>?1 ORDER BY name LIMIT ?2",
    [Q_ROOM_LOCK] = "UPDATE rooms SET locked=?2 WHERE name=?1",
    [Q_ROOM_NEXT] = "UPDATE rooms SET next_member=next_member+1 WHERE name=?1",
    [Q_BARRED_GET] = "SELECT 1 FROM barred WHERE room=?1 AND subject=?2",
    [Q_BARRED_ADD] =
        "INSERT INTO barred(room, subject, name, at_ms) VALUES(?1, ?2, ?3, ?4) ON CONFLICT DO NOTHING",
    [Q_BARRED_DROP] = "DELETE FROM barred WHERE room=?1 AND subject=?2",
    [Q_BARRED_LIST] = "SELECT subject, name, at_ms FROM barred WHERE room=?1 ORDER BY at_ms LIMIT 1000",
    [Q_BARRED_CLEAR] = "DELETE FROM barred WHERE room=?1",
    [Q_SUBJECT_ADD] =
        "INSERT INTO subjects(room, subject, id, kind, can, issued_ms, expires_ms) VALUES(?1, ?2, ?3, ?4, ?5,"
        " ?6, ?7)",
    [Q_SUBJECT_CLEAR] = "DELETE FROM subjects WHERE room=?1",
    [Q_SUBJECT_OLD] = "DELETE FROM subjects WHERE expires_ms<?1",
    [Q_SUBJECT_CAN] = "SELECT can FROM subjects WHERE room IN (?1, '*') AND subject=?2",
    [Q_AUDIT_ADD] = "INSERT INTO audit(seq, at_ms, who, verb, room, object, source, allowed, rule, leaf) "
                    "VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
    [Q_AUDIT_LIST] = "SELECT seq, at_ms, who, verb, room, object, source, allowed, rule, leaf FROM audit "
                     "WHERE seq>?1 ORDER BY seq LIMIT ?2",
    [Q_AUDIT_LEAF] = "SELECT leaf FROM audit WHERE seq=?1",
    [Q_AUDIT_NODE] = "SELECT hash FROM audit_node WHERE level=?1 AND at=?2",
    [Q_AUDIT_NODE_ADD] = "INSERT INTO audit_node(level, at, hash) VALUES(?1, ?2, ?3)",
    [Q_AUDIT_SIZE] = "SELECT coalesce(max(seq), 0), count(*) FROM audit",
    [Q_AUDIT_HEAD] =
        "SELECT size, before, at_ms, root, signature FROM audit_head WHERE size>?1 ORDER BY size LIMIT 1",
    [Q_AUDIT_HEAD_LAST] =
        "SELECT size, before, at_ms, root, signature FROM audit_head ORDER BY size DESC LIMIT 1",
    [Q_AUDIT_HEAD_ADD] =
        "INSERT INTO audit_head(size, before, at_ms, root, signature) VALUES(?1, ?2, ?3, ?4, ?5)",
    [Q_AUDIT_LEAFLESS] = "SELECT seq, at_ms, who, verb, room, object, source, allowed, rule FROM audit WHERE "
                         "leaf IS NULL ORDER BY seq LIMIT 1",
    [Q_RECORDING_ADD] = "INSERT INTO recordings(id, room, begin_ms) VALUES(?1, ?2, ?3)",
    [Q_RECORDING_KEY] = "UPDATE recordings SET sealed=?2 WHERE number=?1",
    [Q_RECORDING_END] =
        "UPDATE recordings SET end_ms=?2, bytes=?3, digest=?4, fault=?5, entry=?6 WHERE number=?1",
    [Q_RECORDING_GET] =
        "SELECT number, id, room, begin_ms, sealed, end_ms, bytes, digest, shredded, fault, entry FROM "
        "recordings WHERE id=?1",
    [Q_RECORDING_LIST] =
        "SELECT number, id, room, begin_ms, sealed, end_ms, bytes, digest, shredded, fault, entry FROM "
        "recordings WHERE number<?1 ORDER BY number DESC LIMIT 1000",
    [Q_RECORDING_OPEN] =
        "SELECT number, id, room, begin_ms, 1 FROM recordings WHERE end_ms IS NULL ORDER BY number",
    [Q_RECORDING_SHRED] = "UPDATE recordings SET sealed=NULL, shredded=1 WHERE id=?1",
    [Q_CONSENT_ADD] = "INSERT INTO consents(recording, receipt) VALUES(?1, ?2)",
    [Q_CONSENT_LIST] =
        "SELECT seq, receipt FROM consents WHERE recording=?1 AND seq>?2 ORDER BY seq LIMIT 1000",
    [Q_AUDIT_LEAF_SET] = "UPDATE audit SET leaf=?2 WHERE seq=?1",
};

/* Makes the tables, or brings those of an older version up to date. */
static enum err make_tables(struct store *s)
{
    struct db_query *q = NULL;
    bool row = false;
    int64_t version = 0;
    enum err e = db_prepare(s->db, "PRAGMA user_version", &q);
    if (!e) e = db_step(q, &row);
    if (!e && row) version = db_get_int(q, 0);
    db_forget(q);
    if (!e && version > 3) e = ERR_UNSUPPORTED; /* written by a later incamera */
    if (!e) e = db_run(s->db, "BEGIN IMMEDIATE");
    if (!e && version == 1) e = db_run(s->db, schema_from_1);
    if (!e && (version == 1 || version == 2)) e = db_run(s->db, schema_from_2);
    if (!e) e = db_run(s->db, schema);
    if (!e) e = db_run(s->db, schema_version);
    return e ? e : db_run(s->db, "COMMIT");
}

enum err store_open(struct store *s, const char *data, const struct crypto *crypto)
{
    char path[CONFIG_PATH + 16];
    snprintf(path, sizeof path, "%s/keeper.db", data);
    s->crypto = crypto;
    enum err e = db_open(path, &s->db);
    if (!e) e = db_check(s->db);
    if (!e) e = make_tables(s);
    for (unsigned i = 0; i < Q_COUNT && !e; i++)
        e = db_prepare(s->db, queries[i], &s->q[i]);
    if (!e) e = trail_open(s);
    if (e) store_close(s);
    return e;
}

void store_close(struct store *s)
{
    for (unsigned i = 0; i < Q_COUNT; i++)
        db_forget(s->q[i]);
    db_close(s->db);
    *s = (struct store){0};
}

enum err store_begin(struct store *s)
{
    if (s->open_transaction) return ERR_STATE;
    enum err e = db_change(s->q[Q_BEGIN]);
    s->open_transaction = e == OK;
    s->trail_next = s->trail;
    return e;
}

enum err store_commit(struct store *s)
{
    if (!s->open_transaction) return ERR_STATE;
    enum err e = db_change(s->q[Q_COMMIT]);
    if (e)
        store_rollback(s);
    else
        s->trail = s->trail_next;
    s->open_transaction = false;
    return e;
}

void store_rollback(struct store *s)
{
    if (s->open_transaction) (void)!db_change(s->q[Q_ROLLBACK]);
    s->open_transaction = false;
}

enum err store_room(struct store *s, struct span name, struct room_row_db *room)
{
    struct db_query *q = s->q[Q_ROOM_GET];
    bool row = false;
    if (name.n == 0 || name.n >= sizeof room->name) return ERR_UNKNOWN;
    db_text(q, 1, name);
    enum err e = db_step(q, &row);
    if (!e && !row) e = ERR_UNKNOWN;
    struct span policy = e ? SPAN_NONE : db_get_blob(q, 8);
    if (!e && policy.n > sizeof room->policy) e = ERR_FORMAT;
    if (!e) {
        memset(room->name, 0, sizeof room->name);
        memcpy(room->name, name.p, name.n);
        room->of_class = (uint8_t)db_get_int(q, 0);
        room->rule = (uint8_t)db_get_int(q, 1);
        room->open = (uint32_t)db_get_int(q, 2);
        room->members_max = (uint32_t)db_get_int(q, 3);
        room->next_member = (uint32_t)db_get_int(q, 4);
        room->locked = db_get_int(q, 5) != 0;
        room->created_ms = db_get_int(q, 6);
        room->not_after_ms = db_get_int(q, 7);
        room->recording = (uint8_t)db_get_int(q, 9);
        room->policy_n = (uint32_t)policy.n;
        if (policy.n) memcpy(room->policy, policy.p, policy.n);
    }
    db_done(q);
    return e;
}

enum err store_room_add(struct store *s, const struct room_row_db *r)
{
    struct db_query *q = s->q[Q_ROOM_ADD];
    db_text(q, 1, span_str(r->name));
    db_int(q, 2, r->of_class);
    db_int(q, 3, r->rule);
    db_int(q, 4, r->open);
    db_int(q, 5, r->members_max);
    db_int(q, 6, r->created_ms);
    db_int(q, 7, r->not_after_ms);
    db_blob(q, 8, SPAN(r->policy, r->policy_n));
    db_int(q, 9, r->recording);
    return db_change(q);
}

bool store_barred(struct store *s, struct span room, struct span subject, enum err *e)
{
    struct db_query *q = s->q[Q_BARRED_GET];
    bool row = true;
    db_text(q, 1, room);
    db_text(q, 2, subject);
    *e = db_step(q, &row);
    db_done(q);
    return row;
}

enum err store_bar(struct store *s, struct span room, struct span subject, struct span name, struct wall now)
{
    struct db_query *q = s->q[Q_BARRED_ADD];
    db_text(q, 1, room);
    db_text(q, 2, subject);
    db_text(q, 3, name);
    db_int(q, 4, now.ms);
    return db_change(q);
}

enum err store_subject(struct store *s, const struct token *t)
{
    struct db_query *q = s->q[Q_SUBJECT_ADD];
    db_text(q, 1, span_str(t->room));
    db_text(q, 2, span_str(t->subject));
    db_text(q, 3, span_str(t->id));
    db_int(q, 4, t->kind);
    db_int(q, 5, t->can);
    db_int(q, 6, t->issued * 1000);
    db_int(q, 7, t->expires * 1000);
    return db_change(q);
}

enum err store_granted(struct store *s, struct span room, struct span subject, uint32_t *can)
{
    struct db_query *q = s->q[Q_SUBJECT_CAN];
    uint32_t all = 0;
    bool row = true;
    enum err e = OK;
    db_text(q, 1, room);
    db_text(q, 2, subject);
    while (!e && row) {
        e = db_step(q, &row);
        if (!e && row) all |= (uint32_t)db_get_int(q, 0);
    }
    db_done(q);
    if (!e) *can = all;
    return e;
}

enum err store_lock(struct store *s, struct span room, bool locked)
{
    struct db_query *q = s->q[Q_ROOM_LOCK];
    db_text(q, 1, room);
    db_int(q, 2, locked);
    return db_change(q);
}

enum err store_change(struct store *s, enum query query, struct span a, struct span b)
{
    struct db_query *q = s->q[query];
    db_text(q, 1, a);
    if (b.p) db_text(q, 2, b);
    return db_change(q);
}

enum err store_forget_old(struct store *s, struct wall now)
{
    struct db_query *q = s->q[Q_SUBJECT_OLD];
    db_int(q, 1, now.ms);
    return db_change(q);
}

/* A room is gone: so is all that hung on it. */
enum err store_room_drop(struct store *s, struct span room)
{
    enum err e = store_change(s, Q_ROOM_DROP, room, SPAN_NONE);
    if (!e) e = store_change(s, Q_BARRED_CLEAR, room, SPAN_NONE);
    if (!e) e = store_change(s, Q_SUBJECT_CLEAR, room, SPAN_NONE);
    return e;
}
