/* SPDX-License-Identifier: Apache-2.0
 * One running recording: a file per track (WebM, Matroska for H.264) with the frames as they came, a timeline of
 * what happened, and at the end a manifest with the digest of each file. Everything is sealed (archive/chunk.h)
 * before it leaves; the caller writes what is pending, in order, and says what it could not write. What was handed
 * over as pending is readable even if nothing follows. Owns its file keys and buffers. Never decides who may record.
 * Layout and manifest: docs/recording.md. */
#ifndef ARCHIVE_RECORDING_H
#define ARCHIVE_RECORDING_H

#include "archive/chunk.h"
#include "base/buf.h"
#include "base/time.h"
#include "wire/matroska.h"

#define RECORDING_BLOCK       CHUNK_PLAIN_MAX /* bytes of a file that are digested together */
#define RECORDING_TRACKS_MAX  512             /* over its whole time */
#define RECORDING_FILES_MAX   (RECORDING_TRACKS_MAX + 2)
#define RECORDING_NAME_MAX    48
#define RECORDING_FLUSH_US    (1 * USEC_S)       /* what is older leaves the buffers */
#define RECORDING_PENDING_MAX (4u * 1024 * 1024) /* of one file, while the disk does not take it */
#define RECORDING_CLUSTER_MS  5000
#define RECORDING_EVENT_MAX   8192 /* bytes of one line of the timeline */

struct recording;
struct recording_conf {
    const struct crypto *crypto;
    uint8_t id[ARTEFACT_ID];
    uint16_t
        part; /* 1; more when a recorder went on with what another had begun: its files are called pN-… */
    struct span room;
    struct wall begin;
};
struct recording_track_in {
    uint32_t number, member;
    enum codec codec;
    uint8_t channels;
    struct span source, name; /* "camera"; who sends, as shown */
};
struct recording_file { /* as the caller sees it; borrowed */
    const char *name;
    struct buf *pending; /* bytes to be added to the file: the caller drops what it wrote */
};

/* Takes the data key's bytes into file keys; the key itself is not kept. ERR_NOMEM, ERR_CRYPTO. */
enum err recording_new(const struct recording_conf *conf, const struct secret *data_key,
                       struct recording **r) MUST_CHECK;
/* Wipes and frees; what is pending is lost. NULL is fine. */
void recording_free(struct recording *r);
const uint8_t *recording_id(const struct recording *r);

/* A track begins; its file begins with its first frame. ERR_EXISTS, ERR_FULL, ERR_UNSUPPORTED (codec), ERR_NOMEM. */
enum err recording_track(struct recording *r, usec now, const struct recording_track_in *t) MUST_CHECK;
/* A whole frame, at_ms after the recording's beginning. Video begins with a key frame, again after a gap.
 * ERR_UNKNOWN for a track that is not there, ERR_LIMIT when its pending bytes are too many: then there is a gap. */
enum err recording_frame(struct recording *r, usec now, uint32_t track, uint64_t at_ms, bool key, bool gap,
                         struct span frame) MUST_CHECK;
void recording_track_end(struct recording *r, usec now, uint32_t track, uint64_t at_ms);
/* A line of the timeline: `members` are JSON members without braces, as ,"member":7. ERR_LIMIT. */
enum err recording_event(struct recording *r, usec now, uint64_t at_ms, const char *what,
                         struct span members) MUST_CHECK;
/* The disk did not take something: from here to the next key frame each track has a gap, and the manifest says so. */
void recording_gap(struct recording *r, usec now, uint64_t at_ms, const char *why);

/* Seals what has waited for RECORDING_FLUSH_US, or everything. ERR_CRYPTO. */
enum err recording_flush(struct recording *r, usec now, bool all) MUST_CHECK;
usec recording_wake(const struct recording *r);
/* A file's digest in the manifest: 32 zero bytes, then for each block of RECORDING_BLOCK bytes of its plain content
 * (the last may be shorter) SHA-256 of the digest so far and the block. Ends every file and adds the manifest; digest is that of the sealed manifest's plain text (SHA-256). Nothing may be
 * added after. ERR_NOMEM, ERR_LIMIT, ERR_CRYPTO. */
enum err recording_end(struct recording *r, usec now, uint64_t at_ms, uint8_t digest[32]) MUST_CHECK;

/* A file of an earlier part of it, which ended without a manifest: this part's manifest answers for it too. ERR_FULL,
 * ERR_NOMEM, ERR_RANGE. */
enum err recording_earlier(struct recording *r, const char *name, uint64_t bytes,
                           const uint8_t digest[32]) MUST_CHECK;
/* Files with something pending, from `*at` on; false when there is none any more. */
bool recording_pending(struct recording *r, unsigned *at, struct recording_file *f);
/* Bytes of plain content so far. */
uint64_t recording_bytes(const struct recording *r);

#endif
