/* SPDX-License-Identifier: Apache-2.0
 * The database: SQLite 3 with prepared statements only. Statements are literals of ours with ?1 ?2 … for
 * values; a check refuses SQL that is put together at run time. Durable as R8 wants it: WAL with
 * synchronous=FULL, so that a commit that answered OK is on disk. One thread. */
#ifndef GUEST_SQLITE_H
#define GUEST_SQLITE_H

#include "base/err.h"
#include "base/span.h"

struct db;
struct db_query;

/* Opens or makes the file, mode 0600. ERR_IO, ERR_FORMAT when it is no database or damaged, ERR_NOMEM. */
enum err db_open(const char *path, struct db **db) MUST_CHECK;
/* The same for what need not outlive a crash: no fsync; room is given back. */
enum err db_open_passing(const char *path, struct db **db) MUST_CHECK;
void db_close(struct db *db);
/* Runs a literal without values: schema, BEGIN, COMMIT. ERR_IO, ERR_FULL for a full disk. */
enum err db_run(struct db *db, const char *sql) MUST_CHECK;
/* Prepares a literal for the life of the database. */
enum err db_prepare(struct db *db, const char *sql, struct db_query **query) MUST_CHECK;
void db_forget(struct db_query *q);
/* Values by position from 1, borrowed until db_done; text must be UTF-8. A failure shows at db_step. */
void db_text(struct db_query *q, int at, struct span s);
void db_blob(struct db_query *q, int at, struct span s);
void db_int(struct db_query *q, int at, int64_t v);
void db_null(struct db_query *q, int at);
/* The next row: *row false when there is none. ERR_EXISTS for a row that must be unique, ERR_FULL, ERR_IO. */
enum err db_step(struct db_query *q, bool *row) MUST_CHECK;
/* Columns of the row, from 0; spans are borrowed until the next step. */
int64_t db_get_int(struct db_query *q, int at);
struct span db_get_text(struct db_query *q, int at);
struct span db_get_blob(struct db_query *q, int at);
bool db_is_null(struct db_query *q, int at);
/* Ready for the next use; to be called after the last step. */
void db_done(struct db_query *q);
/* A statement that changes something: step and done. ERR_EXISTS, ERR_FULL, ERR_IO. */
enum err db_change(struct db_query *q) MUST_CHECK;
/* Rows changed by the last change. */
int64_t db_changed(struct db *db);
int64_t db_last_row(struct db *db);
/* OK when the file's own check finds nothing. */
enum err db_check(struct db *db) MUST_CHECK;
const char *db_library(void);

#endif
