/* SPDX-License-Identifier: Apache-2.0
 * An MLS cipher suite bound to a table of primitives, and the labelled functions of RFC 9420 over it:
 * sections 5.1.2 (SignWithLabel), 5.1.3 (EncryptWithLabel), 5.2 (RefHash), 8 (ExpandWithLabel, DeriveSecret),
 * 9 (DeriveTreeSecret), 17.1 (suites 1, 2, 3). Owns nothing: struct suite is a value that borrows its table
 * of primitives. Labels are given without the "MLS 1.0 " that every labelled function except the reference
 * hash puts before them. Never keeps a key; secrets in between are wiped. */
#ifndef SEAL_SUITE_H
#define SEAL_SUITE_H

#include "base/secret.h"
#include "core/crypto.h"

#define SUITE_X25519_AES128 0x0001 /* Ed25519 */
#define SUITE_P256_AES128   0x0002 /* ECDSA P-256 */
#define SUITE_X25519_CHACHA 0x0003 /* Ed25519 */
#define SUITE_NH            32     /* KDF.Nh of every suite here */
#define SUITE_NK_MAX        32     /* AEAD.Nk at most */
#define SUITE_NN            12     /* AEAD.Nn of every suite here */
#define SUITE_LABEL_MAX     200    /* bytes of a label at most */

struct suite {
    const struct crypto *crypto;      /* borrowed */
    uint16_t id;                      /* RFC 9420 section 17.1 */
    uint16_t kem_id, kdf_id, aead_id; /* HPKE, RFC 9180 section 7 */
    uint16_t scheme;                  /* TLS signature scheme */
    enum crypto_hash hash;
    enum crypto_aead aead;
    enum crypto_dh dh;
    enum crypto_sign sign;
    uint8_t nk;   /* AEAD key bytes */
    uint8_t npk;  /* KEM public key and kem_output bytes */
    uint8_t nspk; /* signature public key bytes */
};

/* Fills s for suite id, borrowing c; ERR_UNSUPPORTED for a suite that is not one of the three. */
enum err suite_init(struct suite *s, uint16_t id, const struct crypto *c) MUST_CHECK;
bool suite_known(uint16_t id);

/* Digest of the parts into out, SUITE_NH bytes. */
enum err suite_hash(const struct suite *s, const struct span *parts, size_t count,
                    uint8_t out[static SUITE_NH]) MUST_CHECK;
/* MAC of the parts under key into out, SUITE_NH bytes. */
enum err suite_mac(const struct suite *s, struct span key, const struct span *parts, size_t count,
                   uint8_t out[static SUITE_NH]) MUST_CHECK;
/* KDF.Extract(salt, ikm). out may be the memory of an input. */
enum err suite_extract(const struct suite *s, struct span salt, struct span ikm,
                       struct secret *out) MUST_CHECK;
/* ExpandWithLabel(key, label, context, out.n). */
enum err suite_expand(const struct suite *s, struct span key, struct span label, struct span context,
                      struct mspan out) MUST_CHECK;
/* DeriveSecret(key, label). out may be the memory of key. */
enum err suite_derive(const struct suite *s, struct span key, struct span label,
                      struct secret *out) MUST_CHECK;
/* DeriveTreeSecret(key, label, generation, out.n). */
enum err suite_derive_tree(const struct suite *s, struct span key, struct span label, uint32_t generation,
                           struct mspan out) MUST_CHECK;
/* RefHash(label, value); the label is whole, e.g. "MLS 1.0 KeyPackage Reference". */
enum err suite_ref_hash(const struct suite *s, struct span label, struct span value,
                        uint8_t out[static SUITE_NH]) MUST_CHECK;
/* KeyPackageRef of an encoded KeyPackage; ProposalRef of an encoded AuthenticatedContent. */
enum err suite_key_package_ref(const struct suite *s, struct span encoded,
                               uint8_t out[static SUITE_NH]) MUST_CHECK;
enum err suite_proposal_ref(const struct suite *s, struct span encoded,
                            uint8_t out[static SUITE_NH]) MUST_CHECK;

/* SignWithLabel: writes at most CRYPTO_SIGN_MAX bytes to sig. ERR_NOMEM for large content without memory. */
enum err suite_sign(const struct suite *s, struct span priv, struct span label, struct span content,
                    uint8_t *sig, size_t *sig_n) MUST_CHECK;
/* VerifyWithLabel: OK, or ERR_AUTH when key or signature do not hold. */
enum err suite_verify(const struct suite *s, struct span pub, struct span label, struct span content,
                      struct span sig) MUST_CHECK;
/* The bytes SignWithLabel signs (SignContent), for a signer elsewhere: content.n + label.n + 18 bytes fit
 * them. */
enum err suite_sign_content(struct span label, struct span content, struct mspan room,
                            struct span *tbs) MUST_CHECK;

struct suite_box {   /* whom and what a labelled encryption is for; all borrowed */
    struct span key; /* public key to encrypt, private key to decrypt */
    struct span label, context;
};
/* EncryptWithLabel: writes s->npk bytes to kem_output and pt.n + CRYPTO_TAG_SIZE to ct. ERR_AUTH for a bad
 * key. */
enum err suite_encrypt(const struct suite *s, const struct suite_box *box, struct span pt,
                       uint8_t *kem_output, uint8_t *ct) MUST_CHECK;
/* DecryptWithLabel: writes ct.n - CRYPTO_TAG_SIZE bytes to pt; ERR_AUTH (pt zeroed or untouched) when
 * refused. */
enum err suite_decrypt(const struct suite *s, const struct suite_box *box, struct span kem_output,
                       struct span ct, uint8_t *pt) MUST_CHECK;
/* Whether a signature public key has a form that members use: s->nspk bytes, or a P-256 point compressed to
 * 33, as ts-mls writes it (RFC 9420 section 5.1.1 wants the former). */
bool suite_sign_key_fits(const struct suite *s, struct span pub);
/* A fresh key pair from random keying material: 32-byte private key, s->npk bytes of public key. */
enum err suite_dh_new(const struct suite *s, struct secret *priv, uint8_t *pub) MUST_CHECK;
/* KEM.DeriveKeyPair(ikm) (RFC 9180 section 7.1.3), as path secrets and init secrets need it. */
enum err suite_dh_derive(const struct suite *s, struct span ikm, struct secret *priv,
                         uint8_t *pub) MUST_CHECK;
/* A fresh signature key pair: 32-byte private key, s->nspk bytes of public key. */
enum err suite_sign_new(const struct suite *s, struct secret *priv, uint8_t *pub) MUST_CHECK;

#endif
