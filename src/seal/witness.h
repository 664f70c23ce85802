/* SPDX-License-Identifier: Apache-2.0
 * What members of a witnessed room hand to its archive, and what it hands back (ROOMS.md section A, R1 to
 * R5): the delegation of a seal key, the per-epoch content W and its deterministic HPKE seal, the signed
 * record chain, and receipts. Encode, decode, sign, verify; every rule here is a function of bytes (dates: R1
 * only, the caller's clock). Borrows all bytes. Never opens a socket, a store or a policy. TLS presentation
 * language, vectors as in RFC 9420 section 2.1; what is signed with a label is {opaque label<V>; opaque
 * content<V>}. */
#ifndef SEAL_WITNESS_H
#define SEAL_WITNESS_H

#include "seal/hpke.h"
#include "seal/policy.h"
#include "seal/suite.h"

#define WITNESS_EXTENSION    0xf1cb /* GroupContext extension type of the delegation */
#define WITNESS_SPAN_MAX_S   (7 * 24 * 3600)
#define WITNESS_HASH         32
#define WITNESS_KINDS        4 /* as SFRAME_KINDS: 0 microphone, 1 camera, 2 screen, 3 screen audio */
#define WITNESS_KEY          16
#define WITNESS_GROUP_ID_MAX 64
#define WITNESS_SIZE_MAX     1024 /* encoded delegation, W, or seal */
#define WITNESS_RECEIPT_MAX  65536
#define WITNESS_KIDS_MAX     1024 /* rows of a receipt */
#define WITNESS_LEAVES_MAX   1024
#define WITNESS_BODY_MAX     16384 /* body of a record */

/* ---- R1: the delegation ---- */

struct witness_delegation {
    struct span room_id, policy_hash;
    uint16_t kem; /* HPKE_KEM_P256 or HPKE_KEM_X25519 */
    struct span seal_key, receipt_key;
    uint64_t not_before, not_after; /* seconds since 1970 */
    struct span signature;
    struct span content; /* what is signed */
};
/* Decodes all of encoded. ERR_SHORT, ERR_FORMAT (another label), ERR_RANGE (sizes, an unknown kem, a span
 * over WITNESS_SPAN_MAX_S or dates the wrong way round), ERR_LIMIT. Does not verify. */
enum err witness_delegation_decode(struct span encoded, struct witness_delegation *d) MUST_CHECK;
/* Writes the signed content (without the signature) to out. */
enum err witness_delegation_encode(const struct witness_delegation *d, struct mspan out,
                                   size_t *n) MUST_CHECK;
/* Signed by the archive the policy names, for this very room and policy; ERR_AUTH. now: at creation and join
 * only (ERR_EXPIRED outside the dates); NULL leaves the dates unasked. */
enum err witness_delegation_verify(const struct crypto *c, const struct witness_delegation *d,
                                   const struct policy_signed *policy, const struct wall *now) MUST_CHECK;

/* ---- R2: W and its seal ---- */

struct witness_epoch {
    struct span group_id, policy_hash;
    uint64_t epoch;
    bool in_scope[WITNESS_KINDS];
    struct span key[WITNESS_KINDS]; /* base key of a kind in scope, WITNESS_KEY bytes; secret */
    struct span chat_key;           /* WITNESS_KEY bytes, or empty when chat is out of scope; secret */
    struct span roster_hash, transcript_hash;
};
/* W; ERR_RANGE for wrong sizes, ERR_FULL. The caller wipes out after use. */
enum err witness_epoch_encode(const struct witness_epoch *e, struct mspan out, size_t *n) MUST_CHECK;
enum err witness_epoch_decode(struct span encoded, struct witness_epoch *e) MUST_CHECK;
/* Kinds in scope of an archive's policy: audio is kinds 0 and 3, camera 1, screen 2 and 3. */
void witness_scope(uint16_t scope, bool kinds[static WITNESS_KINDS]);
/* The context of MLS-Exporter("incamera 1.0 archive ephemeral", context, 32) that makes the ephemeral:
 * kem_id || seal_key || aad || W. It holds W: the caller wipes it. */
enum err witness_ephemeral_context(const struct witness_delegation *d, const struct witness_epoch *e,
                                   struct mspan out, size_t *n) MUST_CHECK;
/* The seal, the same bytes from every member: ikm is that exporter's 32 bytes. Encapsulation and ciphertext
 * to out. */
enum err witness_seal(const struct crypto *c, const struct witness_delegation *d,
                      const struct witness_epoch *e, struct span ikm, struct mspan out, size_t *n) MUST_CHECK;

struct witness_opening { /* the archive's side */
    struct span priv, group_id, policy_hash;
    uint64_t epoch;
};
/* Opens a seal of the delegation's key: W to room, decoded to e, which borrows room. ERR_AUTH. */
enum err witness_open(const struct crypto *c, const struct witness_delegation *d,
                      const struct witness_opening *o, struct span seal, struct mspan room,
                      struct witness_epoch *e) MUST_CHECK;

/* ---- R3: records ---- */

enum witness_type {
    WITNESS_FIRST = 1, /* body: SHA-256(seal), roster_hash, own LeafNode */
    WITNESS_CHAT,
    WITNESS_FILE_KEY,
    WITNESS_TIMELINE,
    WITNESS_CONSENT,
    WITNESS_ATTEST
};
struct witness_record {
    struct span group_id;
    uint64_t epoch, seq;
    uint32_t leaf;
    struct span prev; /* SHA-256 of the sender's previous record, zeros for its first */
    uint8_t type;     /* enum witness_type */
    struct span body;
    struct span signature;
    struct span content; /* what is signed */
};
enum err witness_record_encode(const struct witness_record *r, struct mspan out, size_t *n) MUST_CHECK;
enum err witness_record_decode(struct span encoded, struct witness_record *r) MUST_CHECK;
/* Signs the content in out[0..*n) with a leaf's key and appends the signature. */
enum err witness_record_sign(const struct suite *s, struct span priv, struct mspan out, size_t *n) MUST_CHECK;
enum err witness_record_verify(const struct suite *s, struct span leaf_key,
                               const struct witness_record *r) MUST_CHECK;

struct witness_chain { /* a sender's records as a reader sees them; zero it first */
    uint64_t next;
    uint8_t last[WITNESS_HASH];
    bool broken; /* a gap, a wrong prev or two records with one seq: named in the manifest, never repaired */
};
/* Takes a verified record into the chain: OK; ERR_REPLAY for the same or an older seq; ERR_STATE (and broken)
 * for a gap or another prev, after which the chain goes on from this record. encoded is the whole record. */
enum err witness_chain_add(const struct crypto *c, struct witness_chain *chain,
                           const struct witness_record *r, struct span encoded) MUST_CHECK;

/* ---- R5: receipts ---- */

struct witness_row {                     /* one KID since the last receipt */
    uint64_t kid, highest, count, drawn; /* drawn: CTR of the frame that was drawn at random */
    const uint8_t *drawn_hash;           /* SHA-256 of that frame, WITNESS_HASH bytes */
};
struct witness_receipt {
    struct span group_id, policy_hash;
    uint64_t epoch;
    struct span seal_hash;
    uint64_t counter;
    bool disk_ok, opened;
    struct span rows, leaves; /* encoded; walked with the functions below */
    struct span signature, content;
};
enum err witness_receipt_decode(struct span encoded, struct witness_receipt *r) MUST_CHECK;
/* Rows and leaves one after another: `at` starts at 0; false at the end. Both were checked by decode. */
bool witness_receipt_row(const struct witness_receipt *r, size_t *at, struct witness_row *row);
bool witness_receipt_leaf(const struct witness_receipt *r, size_t *at, uint32_t *leaf, uint64_t *seq);
/* Writes the signed content from rows and leaves (encoded as above). */
enum err witness_receipt_encode(const struct witness_receipt *r, struct mspan out, size_t *n) MUST_CHECK;
/* The encodings of one row and one leaf, for the archive that collects them. */
#define WITNESS_ROW_SIZE  64
#define WITNESS_LEAF_SIZE 12
void witness_row_write(uint8_t out[static WITNESS_ROW_SIZE], const struct witness_row *row);
void witness_leaf_write(uint8_t out[static WITNESS_LEAF_SIZE], uint32_t leaf, uint64_t seq);
/* Signed by the delegation's receipt key under the archive's scheme; ERR_AUTH. */
enum err witness_receipt_verify(const struct crypto *c, const struct witness_delegation *d, uint16_t scheme,
                                const struct witness_receipt *r) MUST_CHECK;

#endif
