/* SPDX-License-Identifier: Apache-2.0
 * The flat face of src/seal for WebAssembly: numbers in, numbers out, bytes through one input and one output
 * area, so that the page's worker needs no knowledge of C structs. One instance serves one worker: this is
 * the one file of src/seal with a static, the table of primitives and the two areas. A result >= 0 is a
 * length, or 0 for done; a result < 0 is -enum err. Inputs stand one after another from face_in(), outputs
 * from face_out(). The caller wipes both with face_wipe when secrets went through. Also built natively, so
 * that tests and the fuzzer reach it. */
#ifndef SEAL_FACE_H
#define SEAL_FACE_H

#include "core/crypto.h"
#include "seal/sframe_room.h"

#ifdef __wasm__
#define FACE __attribute__((visibility("default")))
#else
#define FACE
#endif

#define FACE_VERSION   2
#define FACE_IN_BYTES  (1 << 20) /* the largest frame or message, or several small inputs */
#define FACE_OUT_BYTES (3 * (FACE_IN_BYTES / 2) + 4096) /* an escaped, wrapped frame fits */

/* Native and WebAssembly start: borrows the table for the life of the instance. */
void face_start(const struct crypto *c);
/* The table given to face_start, for the other face files of src/seal. */
const struct crypto *face_crypto(void);

FACE int32_t face_version(void);
FACE uint8_t *face_in(void);
FACE uint8_t *face_out(void);
/* Wipes the first n bytes of both areas. */
FACE void face_wipe(uint32_t n);
/* n random bytes to out. */
FACE int32_t face_random(uint32_t n);
FACE int32_t face_sha256(uint32_t n);

/* HPKE, one message. In: public key, info, aad, ephemeral keying material (may be empty), plaintext.
 * Out: encapsulation and ciphertext. kem 0x0010 or 0x0020, HKDF-SHA256, AES-128-GCM. */
FACE int32_t face_hpke_seal(uint32_t kem, uint32_t info_n, uint32_t aad_n, uint32_t ikm_n, uint32_t pt_n);
/* In: private key (32), info, aad, encapsulation and ciphertext. Out: plaintext. */
FACE int32_t face_hpke_open(uint32_t kem, uint32_t info_n, uint32_t aad_n, uint32_t sealed_n);
/* In: keying material. Out: private key (32) and public key. */
FACE int32_t face_hpke_key_pair(uint32_t kem, uint32_t ikm_n);

/* SFrame in a room; the suite and layout of our rooms. NULL (0) without memory. */
FACE struct sframe_room *face_sframe_new(uint32_t kids);
FACE void face_sframe_free(struct sframe_room *r);
/* In: one base key of 16 bytes, or with per_kind four of them. */
FACE int32_t face_sframe_enter(struct sframe_room *r, uint64_t now, uint64_t epoch, uint32_t leaf,
                               uint32_t removed, uint32_t per_kind);
FACE void face_sframe_switch(struct sframe_room *r);
FACE void face_sframe_tick(struct sframe_room *r, uint64_t now);
FACE uint64_t face_sframe_wake(const struct sframe_room *r);
FACE void face_sframe_leave(struct sframe_room *r);
/* In: a clear frame. Out: what goes to the packetiser, wrapped for the codec (enum wrap_codec). */
FACE int32_t face_frame_seal(struct sframe_room *r, uint64_t now, uint32_t context, uint32_t codec,
                             uint32_t n);
/* In: a frame from the wire. Out: the clear frame. face_from then says whose it is. */
FACE int32_t face_frame_open(struct sframe_room *r, uint64_t now, uint32_t codec, uint32_t n);

struct face_from { /* little-endian numbers at these offsets: 0, 8, 16, 24, 28 */
    uint64_t epoch, kid, ctr;
    uint32_t context, leaf;
};
FACE const struct face_from *face_from(void);

/* In: a SignedRoomPolicy and, behind it, the 32 bytes of hash the link names. Verified against both. Out:
 * struct face_policy, whose texts are offsets into the input. -ERR_AUTH for another hash or a bad signature.
 * Whether the room may be entered is face_policy.allowed. */
FACE int32_t face_policy_open(uint32_t policy_n, uint64_t now_ms);
struct face_text {
    uint32_t at, n;
};
struct face_policy {
    uint32_t mode, join_rule, flags, allowed, expired; /* allowed: enum err of policy_check */
    uint32_t not_after_low, not_after_high, chat_retention_days;
    struct face_text room_id, owner_key;
    uint32_t has_archive, archive_scope, archive_retention_days, archive_scheme;
    struct face_text archive_name, archive_key, archive_jurisdiction, archive_notice;
    uint32_t suite; /* the first MLS suite that the policy names */
};
/* In: a link. Out: room_id, policy_hash, join_secret (32 bytes each), generation (big-endian uint32). */
FACE int32_t face_invite_open(uint32_t n);
/* In: the three and the generation as above, then the origin. Out: the link. */
FACE int32_t face_invite_write(uint32_t origin_n);
/* In: a join secret. Out: its door. */
FACE int32_t face_invite_door(void);

#endif
