/* SPDX-License-Identifier: Apache-2.0
 * The room's policy (ROOMS.md section 6), the identity in a credential (section 3) and the rules on them that
 * need no group: encode, decode, sign, verify, hash. Decoding checks form and caps; policy_check holds the
 * rules of section A and 6, so that a governed or direct policy and the old vectors still decode. Borrows all
 * bytes: a decoded policy points into its input. Allocates nothing but what suite signing does. TLS
 * presentation language, RFC 9420 section 2.1 vectors. Never decides by a clock: the caller passes the time.
 */
#ifndef SEAL_POLICY_H
#define SEAL_POLICY_H

#include "base/time.h"
#include "core/crypto.h"

#define POLICY_EXTENSION       0xf1ca /* GroupContext extension type of the SignedRoomPolicy */
#define POLICY_SIZE_MAX        16384  /* encoded and signed */
#define POLICY_HASH_SIZE       32
#define POLICY_ROOM_ID_SIZE    32
#define POLICY_CREDENTIALS_MAX 16
#define POLICY_MODERATORS_MAX  64
#define POLICY_SUITES_MAX      8
#define POLICY_TEXT_MAX        512 /* issuer, archive name, jurisdiction, notice address: bytes each */
#define POLICY_SCHEME_P256     0x0403
#define POLICY_SCHEME_ED25519  0x0807

enum policy_mode { POLICY_DIRECT = 1, POLICY_SEALED, POLICY_WITNESSED, POLICY_GOVERNED };
enum policy_join { POLICY_LINK = 1, POLICY_LOBBY, POLICY_ORG, POLICY_LIST };
enum policy_flag {
    POLICY_PSK_REQUIRED = 1,
    POLICY_ATTESTATION = 2,
    POLICY_RECORDED_OR_SILENT = 4,
    POLICY_MODERATORS_ONLY = 8,
    POLICY_STRICT_METADATA = 16,
    POLICY_BACKUP_ALLOWED = 32
};
enum policy_scope {
    POLICY_SCOPE_AUDIO = 1,
    POLICY_SCOPE_CAMERA = 2,
    POLICY_SCOPE_SCREEN = 4,
    POLICY_SCOPE_CHAT = 8,
    POLICY_SCOPE_FILES = 16,
    POLICY_SCOPE_TRANSCRIPT = 32,
    POLICY_SCOPE_INDEX = 64
};

struct policy_credential {
    uint8_t kind; /* enum identity_kind */
    struct span issuer, issuer_key_hash;
};
struct policy_archive {
    struct span name;
    uint16_t signature_scheme;
    struct span signature_key;
    uint16_t scope; /* enum policy_scope */
    uint32_t retention_days;
    struct span jurisdiction, notice_url;
};
struct policy { /* RoomPolicy */
    uint16_t version;
    struct span room_id;
    uint64_t serial, not_after; /* seconds since 1970 */
    enum policy_mode mode;
    enum policy_join join_rule;
    struct policy_credential credentials[POLICY_CREDENTIALS_MAX];
    size_t credentials_n;
    struct span moderators[POLICY_MODERATORS_MAX]; /* identity_hash of each, 32 bytes */
    size_t moderators_n;
    bool has_archive;
    struct policy_archive archive;
    uint32_t chat_retention_days;
    uint16_t mls_suites[POLICY_SUITES_MAX];
    size_t mls_suites_n;
    uint16_t sframe_suite;
    uint8_t sframe_epoch_bits, sframe_index_bits, flags;
};
struct policy_signed { /* SignedRoomPolicy */
    struct policy policy;
    uint16_t signature_scheme;
    struct span owner_key, signature;
    struct span content; /* policy || signature_scheme || owner_key: what is hashed and signed */
};

/* Decodes a SignedRoomPolicy, all of it and nothing behind; borrows. ERR_LIMIT over a cap, ERR_SHORT,
 * ERR_FORMAT, ERR_RANGE for an unknown mode, rule or version. Does not verify. */
enum err policy_decode(struct span encoded, struct policy_signed *p) MUST_CHECK;
/* Writes policy || signature_scheme || owner_key; ERR_FULL, or ERR_RANGE for what decode would not take. */
enum err policy_encode(const struct policy *p, uint16_t signature_scheme, struct span owner_key,
                       struct mspan out, size_t *n) MUST_CHECK;
/* Appends a signature to such content in out[0..*n): a SignedRoomPolicy then. */
enum err policy_append(struct mspan out, size_t *n, struct span signature) MUST_CHECK;
/* Signs content with the owner's private key: at most CRYPTO_SIGN_MAX bytes to sig. */
enum err policy_sign(const struct crypto *c, uint16_t signature_scheme, struct span priv, struct span content,
                     uint8_t *sig, size_t *sig_n) MUST_CHECK;
/* The owner's signature holds; ERR_AUTH, or ERR_UNSUPPORTED for another scheme. */
enum err policy_verify(const struct crypto *c, const struct policy_signed *p) MUST_CHECK;
/* policy_hash: SHA-256 of the content, not of the signature. */
enum err policy_hash(const struct crypto *c, const struct policy_signed *p,
                     uint8_t out[static POLICY_HASH_SIZE]) MUST_CHECK;
/* The rules of a policy under which an encrypted room may be entered: a mode of `sealed` or `witnessed`, flag
 * psk_required, an archive in mode 3 and only there (with attestation), known suites, the room's SFrame
 * layout, no archive among the credential kinds. ERR_DENIED names none of them: the page explains from the
 * fields. */
enum err policy_check(const struct policy *p) MUST_CHECK;
/* ERR_EXPIRED when the wall clock is past not_after: asked at join only. */
enum err policy_check_date(const struct policy *p, struct wall now) MUST_CHECK;
struct policy_signer { /* who signs, and as what; all borrowed */
    uint16_t scheme;
    struct span priv, label;
};
/* The same for anything of ours that is signed with a label, over {opaque label<V>; opaque content<V>}. */
enum err policy_sign_label(const struct crypto *c, const struct policy_signer *by, struct span content,
                           uint8_t *sig, size_t *sig_n) MUST_CHECK;
enum err policy_verify_label(const struct crypto *c, uint16_t scheme, struct span key, struct span label,
                             struct span content, struct span sig) MUST_CHECK;

enum identity_kind { IDENTITY_GUEST = 1, IDENTITY_OIDC = 2, IDENTITY_X509 = 3, IDENTITY_ARCHIVE = 4 };
#define IDENTITY_NAME_MAX     256
#define IDENTITY_ID_MAX       256
#define IDENTITY_EVIDENCE_MAX 8192
#define IDENTITY_GUEST_ID     16

struct identity { /* IncameraIdentity, in a basic credential; spans borrowed */
    uint8_t kind;
    struct span name, id, evidence;
};
/* Decodes all of encoded; ERR_RANGE for another version or kind, ERR_FORMAT for a name that is not UTF-8 or
 * holds control or bidirectional characters, a guest with evidence or an id of another size. */
enum err identity_decode(struct span encoded, struct identity *i) MUST_CHECK;
enum err identity_encode(const struct identity *i, struct mspan out, size_t *n) MUST_CHECK;
/* The id a guest with this signature key must have: the first 16 bytes of SHA-256("incamera 1.0 guest" ||
 * key). */
enum err identity_guest_id(const struct crypto *c, struct span signature_key,
                           uint8_t out[static IDENTITY_GUEST_ID]) MUST_CHECK;
/* How moderators are named in a policy: SHA-256 of {uint8 kind; issuer<V>; id<V>}. */
enum err identity_hash(const struct crypto *c, uint8_t kind, struct span issuer, struct span id,
                       uint8_t out[static POLICY_HASH_SIZE]) MUST_CHECK;

#endif
