/* SPDX-License-Identifier: Apache-2.0
 * SFrame, RFC 9605: header codec (section 4.3), key derivation (4.4.2), sealing and opening of one frame
 * (4.4.3, 4.4.4) with the cipher suites of section 8.1 (1 to 5) and the AES-256 counter-mode ones of the
 * working group's vectors (6 to 8); and the KID layout of ROOMS.md section 7. Stateless: counters, replay
 * windows and epochs are seal/sframe_room. Owns nothing but the keys in the caller's struct sframe_key.
 * Allocates nothing. */
#ifndef SEAL_SFRAME_H
#define SEAL_SFRAME_H

#include "base/secret.h"
#include "core/crypto.h"

#define SFRAME_SUITE_ROOM   4  /* AES_128_GCM_SHA256_128: the one our rooms use */
#define SFRAME_HEADER_MAX   17 /* config byte, 8 of KID, 8 of CTR */
#define SFRAME_TAG_MAX      16
#define SFRAME_KEY_MAX      96   /* AES-256 key and 64 bytes for HMAC-SHA-512 */
#define SFRAME_METADATA_MAX 1024 /* bytes of metadata (our wrap codes use at most 10) */
#define SFRAME_OVERHEAD_MAX (SFRAME_HEADER_MAX + SFRAME_TAG_MAX)

struct sframe_header {
    uint64_t kid, ctr;
};
/* Writes the shortest header to out and returns its length. */
size_t sframe_header_write(struct sframe_header h, uint8_t out[static SFRAME_HEADER_MAX]);
/* Reads the header at the front of frame and its length; ERR_SHORT when the frame ends in it. */
enum err sframe_header_read(struct span frame, struct sframe_header *h, size_t *n) MUST_CHECK;

struct sframe_key {              /* of one KID */
    const struct crypto *crypto; /* borrowed */
    uint16_t suite;
    uint64_t kid;
    uint8_t key[SFRAME_KEY_MAX];
    uint8_t salt[CRYPTO_NONCE_SIZE];
};

bool sframe_suite_known(uint16_t suite);
/* Bytes of key (encryption and authentication together), hash and tag of a known suite. */
size_t sframe_key_size(uint16_t suite);
size_t sframe_hash_size(uint16_t suite);
size_t sframe_tag_size(uint16_t suite);
/* Key and salt for a KID from the base key; ERR_UNSUPPORTED for an unknown suite. */
enum err sframe_key_derive(struct sframe_key *k, const struct crypto *c, uint16_t suite, struct span base_key,
                           uint64_t kid) MUST_CHECK;
void sframe_key_drop(struct sframe_key *k);

/* Seals pt under counter ctr, which must never come twice for a key: header, ciphertext and tag go to out, *n
 * bytes (ERR_FULL when out is smaller). out may not overlap pt. ERR_LIMIT for metadata over its cap. */
enum err sframe_seal(const struct sframe_key *k, uint64_t ctr, struct span metadata, struct span pt,
                     struct mspan out, size_t *n) MUST_CHECK;
/* Opens a frame whose KID is this key's; *n bytes of plaintext go to out, which may not overlap. ERR_UNKNOWN
 * for another KID; ERR_AUTH when it does not hold (out is then zeroed or untouched). */
enum err sframe_open(const struct sframe_key *k, struct span frame, struct span metadata, struct mspan out,
                     size_t *n) MUST_CHECK;

/* The suite's AEAD by itself (section 4.5), with a nonce of 12 bytes and any additional data: pt.n plus the
 * tag's bytes to ct, and back. ERR_SHORT, ERR_AUTH as above. The counter-mode suites are composed here. */
enum err sframe_aead_seal(const struct sframe_key *k, struct span nonce, struct span aad, struct span pt,
                          uint8_t *ct) MUST_CHECK;
enum err sframe_aead_open(const struct sframe_key *k, struct span nonce, struct span aad, struct span ct,
                          uint8_t *pt) MUST_CHECK;

/* KID = context << (index_bits + epoch_bits) | leaf << epoch_bits | epoch mod 2^epoch_bits (RFC 9605
 * section 5.2). */
struct sframe_layout {
    uint8_t epoch_bits, index_bits;
};
#define SFRAME_LAYOUT_ROOM ((struct sframe_layout){6, 10})
struct sframe_kid {
    uint64_t context;
    uint32_t leaf;
    uint64_t epoch; /* its low bits when split from a KID */
};
/* ERR_RANGE for a leaf or context that does not fit, or a layout of more than 32 index or 16 epoch bits. */
enum err sframe_kid_join(struct sframe_layout l, struct sframe_kid k, uint64_t *kid) MUST_CHECK;
struct sframe_kid sframe_kid_split(struct sframe_layout l, uint64_t kid);

#endif
