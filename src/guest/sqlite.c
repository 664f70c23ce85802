/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/sqlite.h"

#include "base/mem.h"

#include <limits.h>
#include <sqlite3.h>
#include <string.h>

struct db {
    sqlite3 *s;
};
struct db_query {
    sqlite3_stmt *s;
    bool bad;
};

static enum err why(int code)
{
    switch (code & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE:
        return OK;
    case SQLITE_CONSTRAINT:
        return ERR_EXISTS;
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_NOMEM:
        return ERR_NOMEM;
    case SQLITE_NOTADB:
    case SQLITE_CORRUPT:
        return ERR_FORMAT;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_AGAIN;
    default:
        return ERR_IO;
    }
}

static const char durable[] = "PRAGMA locking_mode=EXCLUSIVE;" /* no shared memory file; one process anyway */
                              "PRAGMA journal_mode=WAL;"
                              "PRAGMA synchronous=FULL;"
                              "PRAGMA foreign_keys=ON;"
                              "PRAGMA cell_size_check=ON;"
                              "PRAGMA temp_store=MEMORY;";
static const char passing[] = "PRAGMA locking_mode=EXCLUSIVE;"
                              "PRAGMA auto_vacuum=FULL;"
                              "PRAGMA journal_mode=TRUNCATE;"
                              "PRAGMA synchronous=OFF;"
                              "PRAGMA cell_size_check=ON;"
                              "PRAGMA temp_store=MEMORY;";

static enum err open_as(const char *path, const char *how, struct db **db)
{
    struct db *d = mem_new(1, sizeof *d);
    if (!d) return ERR_NOMEM;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE;
    enum err e = why(sqlite3_open_v2(path, &d->s, flags, NULL));
    if (!e) {
        (void)sqlite3_extended_result_codes(d->s, 1);
        (void)sqlite3_busy_timeout(d->s, 2000);
        sqlite3_db_config(d->s, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
        sqlite3_db_config(d->s, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
        e = db_run(d, how);
    }
    if (e) {
        db_close(d);
        return e;
    }
    *db = d;
    return OK;
}

enum err db_open(const char *path, struct db **db)
{
    return open_as(path, durable, db);
}

enum err db_open_passing(const char *path, struct db **db)
{
    return open_as(path, passing, db);
}

void db_close(struct db *db)
{
    if (!db) return;
    sqlite3_close_v2(db->s);
    mem_free(db);
}

enum err db_run(struct db *db, const char *sql)
{
    return why(sqlite3_exec(db->s, sql, NULL, NULL, NULL));
}

enum err db_prepare(struct db *db, const char *sql, struct db_query **query)
{
    struct db_query *q = mem_new(1, sizeof *q);
    if (!q) return ERR_NOMEM;
    enum err e = why(sqlite3_prepare_v3(db->s, sql, -1, SQLITE_PREPARE_PERSISTENT, &q->s, NULL));
    if (e) {
        mem_free(q);
        return e;
    }
    *query = q;
    return OK;
}

void db_forget(struct db_query *q)
{
    if (!q) return;
    sqlite3_finalize(q->s);
    mem_free(q);
}

void db_text(struct db_query *q, int at, struct span s)
{
    const char *p = s.p ? (const char *)s.p : "";
    q->bad = s.n > INT_MAX || sqlite3_bind_text(q->s, at, p, (int)s.n, SQLITE_STATIC) != SQLITE_OK || q->bad;
}

void db_blob(struct db_query *q, int at, struct span s)
{
    const void *p = s.p ? (const void *)s.p : "";
    q->bad = s.n > INT_MAX || sqlite3_bind_blob(q->s, at, p, (int)s.n, SQLITE_STATIC) != SQLITE_OK || q->bad;
}

void db_int(struct db_query *q, int at, int64_t v)
{
    q->bad = sqlite3_bind_int64(q->s, at, v) != SQLITE_OK || q->bad;
}

void db_null(struct db_query *q, int at)
{
    q->bad = sqlite3_bind_null(q->s, at) != SQLITE_OK || q->bad;
}

enum err db_step(struct db_query *q, bool *row)
{
    if (q->bad) return ERR_RANGE;
    int code = sqlite3_step(q->s);
    enum err e = why(code);
    if (!e) *row = code == SQLITE_ROW;
    return e;
}

int64_t db_get_int(struct db_query *q, int at)
{
    return sqlite3_column_int64(q->s, at);
}

struct span db_get_text(struct db_query *q, int at)
{
    const unsigned char *p = sqlite3_column_text(q->s, at);
    return p ? SPAN(p, (size_t)sqlite3_column_bytes(q->s, at)) : SPAN_NONE;
}

struct span db_get_blob(struct db_query *q, int at)
{
    const void *p = sqlite3_column_blob(q->s, at);
    return p ? SPAN(p, (size_t)sqlite3_column_bytes(q->s, at)) : SPAN_NONE;
}

bool db_is_null(struct db_query *q, int at)
{
    return sqlite3_column_type(q->s, at) == SQLITE_NULL;
}

void db_done(struct db_query *q)
{
    (void)sqlite3_reset(q->s);
    (void)sqlite3_clear_bindings(q->s);
    q->bad = false;
}

enum err db_change(struct db_query *q)
{
    bool row;
    enum err e = db_step(q, &row);
    db_done(q);
    return e;
}

int64_t db_changed(struct db *db)
{
    return sqlite3_changes64(db->s);
}

int64_t db_last_row(struct db *db)
{
    return sqlite3_last_insert_rowid(db->s);
}

enum err db_check(struct db *db)
{
    struct db_query *q;
    bool row = false;
    enum err e = db_prepare(db, "PRAGMA quick_check(1)", &q);
    if (e) return e;
    e = db_step(q, &row);
    if (!e && (!row || !span_equal(db_get_text(q, 0), SPAN_LIT("ok")))) e = ERR_FORMAT;
    db_forget(q);
    return e;
}

const char *db_library(void)
{
    return sqlite3_libversion();
}
