/* SPDX-License-Identifier: Apache-2.0
 * What an earlier recorder of the same recording left when it died: read once more, a little each turn, so that the
 * manifest answers for the whole. */
#include "app/archive_inner.h"

#include "app/log.h"
#include "archive/evidence.h"
#include "base/mem.h"
#include "io/file.h"
#include "io/process.h"

#include <stdio.h>

#define A_TURN (1u * 1024 * 1024) /* bytes read in one */

struct earlier {
    struct secret key;
    char name[RECORDING_FILES_MAX][RECORDING_NAME_MAX];
    unsigned names, at;
    struct read_cursor cursor;
    struct evidence_digest digest;
};

static void take_name(void *ctx, const char *name)
{
    struct earlier *e = ctx;
    const char *dot = strchr(name, '.');
    if (!dot || e->names == RECORDING_FILES_MAX || strlen(dot + 1) >= RECORDING_NAME_MAX) return;
    snprintf(e->name[e->names++], RECORDING_NAME_MAX, "%s", dot + 1);
}

enum err earlier_begin(struct archive *a, struct running *r, const struct secret *data_key)
{
    uint8_t prefix[2 * ARTEFACT_ID + 2] = "";
    struct writer p = writer_of(MSPAN(prefix, sizeof prefix - 1));
    struct earlier *e = mem_new(1, sizeof *e);
    if (!e) return ERR_NOMEM;
    e->key = *data_key;
    e->cursor.fd = -1;
    r->earlier = e;
    write_hex(&p, SPAN_OF(r->id));
    write_str(&p, ".");
    return file_names(a->conf.folder, (const char *)prefix, take_name, e);
}

void earlier_end(struct running *r)
{
    struct earlier *e = r->earlier;
    if (!e) return;
    if (e->cursor.fd >= 0) process_close(e->cursor.fd);
    secret_drop(&e->cursor.key);
    secret_drop(&e->key);
    secret_wipe(e->digest.block, sizeof e->digest.block);
    mem_free(e);
    r->earlier = NULL;
}

static enum err open_next(struct archive *a, struct running *r, struct earlier *e)
{
    char path[ARCHIVE_PATH];
    if (!archive_path(a, r->id, e->name[e->at], path)) return ERR_LIMIT;
    e->cursor = (struct read_cursor){.fd = -1};
    evidence_digest_begin(&e->digest, a->conf.crypto);
    enum err err = chunk_file_key(a->conf.crypto, &e->key, r->id, span_str(e->name[e->at]), &e->cursor.key);
    return err ? err : file_open_read(path, &e->cursor.fd);
}

static void close_file(struct running *r, struct earlier *e, enum err err)
{
    if (e->cursor.fd >= 0) process_close(e->cursor.fd);
    secret_drop(&e->cursor.key);
    e->cursor.fd = -1;
    if (err == ERR_AUTH)
        log_event(LOG_ERROR, "recording.damaged", "what=\"a part that was recorded earlier\"");
    if (!err || err == ERR_CLOSED || err == ERR_AUTH) err = evidence_digest_end(&e->digest);
    if (!err) err = recording_earlier(r->recording, e->name[e->at], e->cursor.plain_at, e->digest.digest);
    if (err) log_event(LOG_ERROR, "recording.earlier_lost", "why=\"%s\"", err_text(err));
    e->at++;
}

bool earlier_turn(struct archive *a, struct running *r)
{
    struct earlier *e = r->earlier;
    size_t done = 0, n;
    if (!e) return true;
    while (e->at < e->names && done < A_TURN) {
        bool last = false;
        enum err err = e->cursor.fd < 0 ? open_next(a, r, e) : OK;
        if (!err) err = read_next_chunk(&e->cursor, &n, &last);
        if (!err) err = read_open_chunk(a, &e->cursor, n);
        if (!err) err = evidence_digest_add(&e->digest, SPAN(a->plain, n));
        if (!err) {
            secret_wipe(a->plain, n);
            read_step(&e->cursor, n);
            done += n;
        }
        if (err || last) close_file(r, e, err);
    }
    if (e->at < e->names) return false;
    earlier_end(r);
    return true;
}
