/* SPDX-License-Identifier: Apache-2.0
 * The archive: takes what rooms send to be kept and gives it back to those who may. Owns the recordings' files under
 * DIR/archive and, while one runs, its data key, which the vault made or opened. Decides nothing: the keeper begins and
 * ends recordings and asks for what may be read. Stands beside the server, but knows nothing of rooms, sessions or
 * sockets: it could stand elsewhere behind the same messages. A disk that is full, slow or broken never disturbs a call:
 * what can't be written waits, then becomes a gap that is told (IPC_RECORD_STATE) and stands in the manifest. */
#ifndef APP_ARCHIVE_H
#define APP_ARCHIVE_H

#include "app/ipc_table.h"
#include "base/err.h"
#include "base/span.h"
#include "base/time.h"
#include "base/write.h"
#include "core/crypto.h"

#define ARCHIVE_RUNNING_MAX  256
#define ARCHIVE_READS_MAX    64
#define ARCHIVE_READ_BYTES   (512u * 1024)
#define ARCHIVE_ALARM_MAX_US (5 * USEC_S) /* a disk that fails is told within this */

struct archive;
struct archive_conf {
    const struct crypto *crypto;
    const char *folder; /* DIR/archive, which is there; borrowed */
    bool (*send)(void *ctx, enum role to, uint16_t message, uint64_t session, struct span body);
    void *ctx;
};
/* ERR_NOMEM. */
enum err archive_new(const struct archive_conf *conf, struct archive **a) MUST_CHECK;
/* Ends nothing: what was flushed stays readable, and a recording can be gone on with. */
void archive_free(struct archive *a);
void archive_message(struct archive *a, usec now, enum role from, uint16_t index, uint16_t message,
                     uint64_t session, struct span body);
/* An engine is gone: what it was in the middle of sending is dropped. */
void archive_lost(struct archive *a, enum role who, uint16_t index);
usec archive_turn(struct archive *a, usec now);
void archive_stats(const struct archive *a, struct writer *w);
/* Everything that was asked to end has ended. */
bool archive_idle(const struct archive *a);

#endif
