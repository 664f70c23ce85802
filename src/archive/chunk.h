/* SPDX-License-Identifier: Apache-2.0
 * The sealed form of files at rest: AES-256-GCM in chunks that bind file, place and end, so that a chunk that is
 * changed, moved, repeated, left out or taken from another file is noticed, and so is a file that ends too early. A
 * file is only ever added to: what was flushed stays readable when the writer dies. Each file has a key of its own,
 * derived from its artefact's data key by its name. On disk: { u32 length, top bit: the last; ciphertext; tag }.
 * Owns no keys. */
#ifndef ARCHIVE_CHUNK_H
#define ARCHIVE_CHUNK_H

#include "base/secret.h"
#include "base/write.h"
#include "core/crypto.h"

#define CHUNK_PLAIN_MAX 65536 /* bytes before sealing */
#define CHUNK_HEAD      4
#define CHUNK_OVER      (CHUNK_HEAD + CRYPTO_TAG_SIZE)
#define CHUNK_LAST      0x80000000u
#define ARTEFACT_ID     16
#define DATA_KEY        32

/* The key of a file of an artefact. */
enum err chunk_file_key(const struct crypto *c, const struct secret *data_key,
                        const uint8_t artefact[ARTEFACT_ID], struct span file, struct secret *key) MUST_CHECK;
/* Appends chunk `index` of a file to w. ERR_LIMIT over CHUNK_PLAIN_MAX, ERR_FULL. */
enum err chunk_seal(const struct crypto *c, const struct secret *file_key, uint64_t index, bool last,
                    struct span plain, struct writer *w) MUST_CHECK;
/* The head of a chunk: its plain length. ERR_FORMAT. */
enum err chunk_head(struct span head, size_t *plain_n, bool *last) MUST_CHECK;
/* A whole chunk with its head; plain has room for its length. ERR_AUTH, ERR_FORMAT. */
enum err chunk_open(const struct crypto *c, const struct secret *file_key, uint64_t index, struct span chunk,
                    uint8_t *plain) MUST_CHECK;

#endif
