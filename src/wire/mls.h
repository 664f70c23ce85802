/* SPDX-License-Identifier: Apache-2.0
 * The messages and structures of MLS, RFC 9420: read and written, nothing judged beyond their form (sections
 * 2, 5.3, 6, 7.1, 7.2, 7.6, 8, 10, 11.1, 12.1, 12.4, 13). Owns nothing: what is read points into the input.
 * Vectors are kept as the bytes between their length and their end, and every element of them has been
 * checked when reading is OK, so that the `next` functions only fail at the end. Encodings are unique
 * (shortest varints, no bytes left over), hence `raw` is what writing gives again. Unknown proposal and
 * credential types are ERR_UNSUPPORTED. */
#ifndef WIRE_MLS_H
#define WIRE_MLS_H

#include "base/err.h"
#include "base/read.h"
#include "base/span.h"
#include "base/write.h"

#define MLS_VERSION        1
#define MLS_MESSAGE_MAX    (1u << 20) /* bytes of one message */
#define MLS_EXTENSIONS_MAX 64         /* extensions in one list */
#define MLS_PROPOSALS_MAX  1024       /* proposals in one commit */

enum mls_wire { MLS_PUBLIC = 1, MLS_PRIVATE, MLS_WELCOME, MLS_GROUP_INFO, MLS_KEY_PACKAGE };
enum mls_type { MLS_APPLICATION = 1, MLS_PROPOSAL, MLS_COMMIT };
enum mls_from { MLS_MEMBER = 1, MLS_EXTERNAL, MLS_NEW_PROPOSAL, MLS_NEW_COMMIT };
enum mls_propose {
    MLS_ADD = 1,
    MLS_UPDATE,
    MLS_REMOVE,
    MLS_PSK,
    MLS_REINIT,
    MLS_EXTERNAL_INIT,
    MLS_CONTEXT_EXTENSIONS
};
enum mls_source { MLS_SOURCE_KEY_PACKAGE = 1, MLS_SOURCE_UPDATE, MLS_SOURCE_COMMIT };
enum mls_extension_type {
    MLS_EXT_APPLICATION_ID = 1,
    MLS_EXT_RATCHET_TREE,
    MLS_EXT_REQUIRED_CAPABILITIES,
    MLS_EXT_EXTERNAL_PUB,
    MLS_EXT_EXTERNAL_SENDERS
};
enum mls_psk_type { MLS_PSK_EXTERNAL = 1, MLS_PSK_RESUMPTION };
enum mls_usage { MLS_USAGE_APPLICATION = 1, MLS_USAGE_REINIT, MLS_USAGE_BRANCH };
#define MLS_CREDENTIAL_BASIC 1
#define MLS_CREDENTIAL_X509  2

struct mls_extension {
    uint16_t type;
    struct span data;
};
struct mls_capabilities { /* vectors of uint16 */
    struct span versions, suites, extensions, proposals, credentials;
};
struct mls_leaf { /* LeafNode */
    struct span encryption_key, signature_key;
    uint16_t credential_type;
    struct span credential; /* identity of a basic credential, certificates of X.509 */
    struct mls_capabilities capabilities;
    uint8_t source;                 /* enum mls_source */
    uint64_t not_before, not_after; /* seconds since 1970, of a key package's leaf */
    struct span parent_hash;        /* of a commit's leaf */
    struct span extensions, signature;
    struct span raw, tbs; /* all of it, and all before the signature */
};
struct mls_parent { /* ParentNode */
    struct span encryption_key, parent_hash, unmerged /* uint32 each */;
};
struct mls_key_package {
    uint16_t version, suite;
    struct span init_key;
    struct mls_leaf leaf;
    struct span extensions, signature, raw, tbs;
};
struct mls_psk_id { /* PreSharedKeyID */
    uint8_t type;   /* enum mls_psk_type */
    struct span id; /* external */
    uint8_t usage;  /* resumption: enum mls_usage */
    struct span group_id;
    uint64_t epoch;
    struct span nonce, raw;
};
struct mls_proposal {
    uint16_t type; /* enum mls_propose */
    struct mls_key_package add;
    struct mls_leaf update;
    uint32_t remove;
    struct mls_psk_id psk;
    struct { /* ReInit */
        struct span group_id;
        uint16_t version, suite;
        struct span extensions;
    } reinit;
    struct span kem_output; /* ExternalInit */
    struct span extensions; /* GroupContextExtensions */
    struct span raw;
};
struct mls_given { /* ProposalOrRef */
    bool by_ref;
    struct span ref;
    struct mls_proposal proposal;
};
struct mls_path { /* UpdatePath */
    struct mls_leaf leaf;
    struct span nodes;
};
struct mls_path_node {
    struct span encryption_key, ciphertexts;
};
struct mls_ciphertext { /* HPKECiphertext */
    struct span kem_output, ciphertext;
};
struct mls_commit {
    struct span proposals;
    size_t count; /* of proposals */
    bool has_path;
    struct mls_path path;
};
struct mls_content { /* FramedContent */
    struct span group_id;
    uint64_t epoch;
    uint8_t from;    /* enum mls_from */
    uint32_t sender; /* leaf of a member, index of an external sender */
    struct span authenticated_data;
    uint8_t type;     /* enum mls_type */
    struct span body; /* application data, or an encoded Proposal or Commit */
};
struct mls_signed { /* AuthenticatedContent */
    uint16_t wire;  /* enum mls_wire */
    struct mls_content content;
    struct span signature, confirmation_tag /* commits only */;
};
struct mls_public {
    struct mls_signed is;
    struct span membership_tag; /* members only */
};
struct mls_private {
    struct span group_id;
    uint64_t epoch;
    uint8_t type;
    struct span authenticated_data, sender_data, ciphertext;
};
struct mls_welcome {
    uint16_t suite;
    struct span secrets, group_info;
};
struct mls_welcome_secret { /* EncryptedGroupSecrets */
    struct span ref;
    struct mls_ciphertext box;
};
struct mls_context { /* GroupContext */
    uint16_t version, suite;
    struct span group_id;
    uint64_t epoch;
    struct span tree_hash, confirmed_hash, extensions, raw;
};
struct mls_group_info {
    struct mls_context context;
    struct span extensions, confirmation_tag;
    uint32_t signer;
    struct span signature, raw, tbs;
};
struct mls_group_secrets {
    struct span joiner_secret;
    bool has_path_secret;
    struct span path_secret, psks;
};
struct mls_message {
    uint16_t wire; /* which of: */
    union {
        struct mls_public pub;
        struct mls_private priv;
        struct mls_welcome welcome;
        struct mls_group_info group_info;
        struct mls_key_package key_package;
    };
};

/* A whole MLSMessage: ERR_LIMIT above MLS_MESSAGE_MAX, ERR_SHORT, ERR_FORMAT, ERR_UNSUPPORTED. */
enum err mls_message_read(struct span in, struct mls_message *m) MUST_CHECK;
void mls_message_write(struct writer *w, const struct mls_message *m);
/* Whole encodings of one structure, nothing behind it. */
enum err mls_leaf_read(struct span in, struct mls_leaf *l) MUST_CHECK;
enum err mls_key_package_read(struct span in, struct mls_key_package *k) MUST_CHECK;
enum err mls_proposal_read(struct span in, struct mls_proposal *p) MUST_CHECK;
enum err mls_commit_read(struct span in, struct mls_commit *c) MUST_CHECK;
enum err mls_path_read(struct span in, struct mls_path *p) MUST_CHECK;
enum err mls_context_read(struct span in, struct mls_context *c) MUST_CHECK;
enum err mls_group_info_read(struct span in, struct mls_group_info *g) MUST_CHECK;
enum err mls_group_secrets_read(struct span in, struct mls_group_secrets *s) MUST_CHECK;
enum err mls_signed_read(struct span in, struct mls_signed *s) MUST_CHECK;
/* An encrypted message's content (PrivateMessageContent) with padding of zeros; fills body, signature and
 * tag. */
enum err mls_inner_read(struct span in, uint8_t type, struct mls_signed *s) MUST_CHECK;
/* The body of a proposal whose type stands elsewhere. */
enum err mls_proposal_body_read(struct span in, uint16_t type, struct mls_proposal *p) MUST_CHECK;
/* Content of a ratchet_tree extension (Node<V>), `extension` being the whole extension data: the vector in
 * *nodes. */
enum err mls_tree_read(struct span extension, struct span *nodes) MUST_CHECK;
/* Extensions between length and end; a type twice is ERR_FORMAT. */
enum err mls_extensions_check(struct span extensions) MUST_CHECK;

void mls_leaf_write(struct writer *w, const struct mls_leaf *l);
/* The part of a leaf before its signature. */
void mls_leaf_write_tbs(struct writer *w, const struct mls_leaf *l);
void mls_parent_write(struct writer *w, const struct mls_parent *p);
void mls_key_package_write_tbs(struct writer *w, const struct mls_key_package *k);
void mls_key_package_write(struct writer *w, const struct mls_key_package *k);
void mls_psk_id_write(struct writer *w, const struct mls_psk_id *p);
void mls_proposal_write(struct writer *w, const struct mls_proposal *p);
void mls_proposal_body_write(struct writer *w, const struct mls_proposal *p);
void mls_given_write(struct writer *w, const struct mls_given *g);
void mls_ciphertext_write(struct writer *w, const struct mls_ciphertext *c);
void mls_path_write(struct writer *w, const struct mls_path *p);
void mls_commit_write(struct writer *w, const struct mls_commit *c);
void mls_content_write(struct writer *w, const struct mls_content *c);
/* Signature and, in a commit, confirmation tag. */
void mls_auth_write(struct writer *w, const struct mls_signed *s);
void mls_signed_write(struct writer *w, const struct mls_signed *s);
/* Body, signature and tag as they are encrypted, without padding. */
void mls_inner_write(struct writer *w, const struct mls_signed *s);
void mls_context_write(struct writer *w, const struct mls_context *c);
void mls_group_info_write_tbs(struct writer *w, const struct mls_group_info *g);
void mls_group_info_write(struct writer *w, const struct mls_group_info *g);
void mls_group_secrets_write(struct writer *w, const struct mls_group_secrets *s);
void mls_extension_write(struct writer *w, const struct mls_extension *e);

/* Walking a vector that was read: false at its end. */
bool mls_extension_next(struct reader *r, struct mls_extension *e);
bool mls_given_next(struct reader *r, struct mls_given *g);
bool mls_path_node_next(struct reader *r, struct mls_path_node *n);
bool mls_ciphertext_next(struct reader *r, struct mls_ciphertext *c);
bool mls_welcome_secret_next(struct reader *r, struct mls_welcome_secret *s);
bool mls_proposal_next(struct reader *r, struct mls_proposal *p);
bool mls_psk_next(struct reader *r, struct mls_psk_id *p);
struct mls_node { /* optional<Node> */
    bool present, is_leaf;
    struct mls_leaf leaf;
    struct mls_parent parent;
};
/* This one may meet hostile bytes: *e is what is wrong when it returns false before the end. */
bool mls_node_next(struct reader *r, struct mls_node *n, enum err *e);
/* The extension of this type, or false. */
bool mls_extension_find(struct span extensions, uint16_t type, struct span *data);
/* Whether a vector of uint16 holds v. */
bool mls_u16_has(struct span list, uint16_t v);

#endif
