/* SPDX-License-Identifier: Apache-2.0
 * The archive's parts among themselves: running recordings (archive.c) and reading (archive_read.c). */
#ifndef APP_ARCHIVE_INNER_H
#define APP_ARCHIVE_INNER_H

#include "app/archive.h"
#include "app/config.h"
#include "app/ipc_messages.h"
#include "archive/recording.h"
#include "base/buf.h"
#include "core/frames.h"

#define ARCHIVE_PATH (CONFIG_PATH + 128)
#define KEY_FOR_READ (UINT64_C(1) << 63) /* in the session of IPC_KEY_WANTED: a read, not a recording */
#define OPEN_KEY_FOR (10 * USEC_S)       /* a key opened for reading is kept so long for the next part */

struct kept_file { /* a file of a running recording */
    char name[RECORDING_NAME_MAX];
    int fd;
    uint64_t size;
    bool dirty;
};
struct running {
    bool used, ending, ended, alarm;
    uint64_t number;
    uint8_t id[ARTEFACT_ID];
    uint16_t part;
    int64_t begin_ms;
    char room[68];
    struct recording *recording; /* NULL until the key is there */
    usec asked_key;
    struct kept_file *file; /* RECORDING_FILES_MAX, taken at the beginning */
    unsigned files;
    struct buf frame; /* the one that is arriving in parts */
    uint32_t frame_track;
    uint64_t last_ms, refused; /* frames that found no place */
    usec next_write, next_state, next_sync;
    uint8_t digest[32];
    const char *why;
    struct earlier *earlier; /* while what an earlier recorder left is read, else NULL */
};
struct read_asked {
    bool used;
    uint64_t session;
    uint8_t id[ARTEFACT_ID];
    char file[RECORDING_NAME_MAX];
    uint64_t from;
    usec asked;
};
struct open_key { /* of the recording that was read last */
    bool used;
    uint8_t id[ARTEFACT_ID];
    struct secret key;
    usec until;
    /* where the last read of it stopped, so that the next begins there */
    char file[RECORDING_NAME_MAX];
    uint64_t index, plain_at, file_at;
};
struct archive {
    struct archive_conf conf;
    usec now;
    struct running running[ARCHIVE_RUNNING_MAX];
    struct read_asked asked[ARCHIVE_READS_MAX];
    struct open_key open;
    uint8_t bytes[ARCHIVE_READ_BYTES + 64];
    uint8_t chunk[CHUNK_PLAIN_MAX + CHUNK_OVER];
    uint8_t plain[CHUNK_PLAIN_MAX];
    struct {
        uint64_t begun, ended, failed, frames, refused, written_bytes, write_failed, reads;
    } counts;
};

/* DIR/archive/ID.NAME. False when it does not fit. */
bool archive_path(const struct archive *a, const uint8_t id[ARTEFACT_ID], const char *name,
                  char path[ARCHIVE_PATH]);
bool archive_ask_key(struct archive *a, uint64_t session, const uint8_t id[ARTEFACT_ID], struct span sealed);

/* --- archive_earlier --- */
/* Takes the list of what is there; on failure earlier_end cleans up. */
enum err earlier_begin(struct archive *a, struct running *r, const struct secret *data_key) MUST_CHECK;
/* Reads a little; true when there is nothing more. */
bool earlier_turn(struct archive *a, struct running *r);
void earlier_end(struct running *r);

/* --- archive_read --- */
struct read_cursor { /* over the chunks of a file */
    int fd;
    struct secret key;
    uint64_t index, plain_at, file_at;
};
/* The next chunk's length; ERR_CLOSED at the end of what is there, ERR_AUTH for a damaged one. */
enum err read_next_chunk(const struct read_cursor *c, size_t *plain_n, bool *last) MUST_CHECK;
/* Opens it into a->plain; the caller wipes that. Errors as above. */
enum err read_open_chunk(struct archive *a, const struct read_cursor *c, size_t plain_n) MUST_CHECK;
void read_step(struct read_cursor *c, size_t plain_n);
void read_message(struct archive *a, uint64_t session, struct span body);
void read_key(struct archive *a, uint64_t session, const struct ipc_key *k);
void read_drop(struct archive *a, struct span body);
void read_turn(struct archive *a);

#endif
