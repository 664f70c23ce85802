/* SPDX-License-Identifier: Apache-2.0
 * Whether an exported recording is what was recorded: the manifest's digest stands in an entry of the audit trail that
 * a signed head covers, each file's digest stands in the manifest, each receipt is signed by its member's key. The
 * caller reads the files and hands them over part by part; nothing is allocated. Owns nothing. docs/recording.md. */
#ifndef ARCHIVE_EVIDENCE_H
#define ARCHIVE_EVIDENCE_H

#include "archive/audit.h"
#include "archive/recording.h"

/* The digest of a file as manifests have it, over blocks of RECORDING_BLOCK. */
struct evidence_digest {
    const struct crypto *crypto;
    uint8_t digest[32], block[RECORDING_BLOCK];
    uint32_t n;
};
void evidence_digest_begin(struct evidence_digest *d, const struct crypto *c);
enum err evidence_digest_add(struct evidence_digest *d, struct span s) MUST_CHECK;
enum err evidence_digest_end(struct evidence_digest *d) MUST_CHECK;

struct evidence_file { /* a line of a manifest's files */
    char name[RECORDING_NAME_MAX];
    uint64_t bytes;
    uint8_t digest[32];
};
/* The files of a manifest, at most `max`, and its recording's id. ERR_FORMAT, ERR_LIMIT. */
enum err evidence_manifest(struct span text, uint8_t id[ARTEFACT_ID], struct evidence_file *files,
                           unsigned max, unsigned *count) MUST_CHECK;
/* The proof's entry says that the recording of this id ended with this manifest. ERR_AUTH, ERR_FORMAT. */
enum err evidence_proof(const struct crypto *c, struct span proof, struct span key,
                        const uint8_t id[ARTEFACT_ID], struct span manifest,
                        uint8_t signed_by[AUDIT_KEY]) MUST_CHECK;
/* A receipt as an export has it, one JSON object: signed, and about this recording. */
enum err evidence_consent(const struct crypto *c, struct span line, const uint8_t id[ARTEFACT_ID]) MUST_CHECK;

#endif
