/* SPDX-License-Identifier: Apache-2.0
 * Hybrid public key encryption, RFC 9180: DHKEM(X25519) and DHKEM(P-256) with HKDF-SHA256 inside,
 * HKDF-SHA256, -384 or -512 outside, AES-GCM, ChaCha20-Poly1305 or export only; modes base, psk, auth and
 * auth_psk; export; derived key pairs; and an ephemeral from given keying material, so that every member of
 * an epoch makes the very same archive seal (ROOMS.md section 9, R2). Owns the context's secrets until
 * hpke_fini. Keeps no private key. */
#ifndef SEAL_HPKE_H
#define SEAL_HPKE_H

#include "base/secret.h"
#include "core/crypto.h"

#define HPKE_KEM_P256          0x0010
#define HPKE_KEM_X25519        0x0020
#define HPKE_KDF_SHA256        0x0001
#define HPKE_KDF_SHA384        0x0002
#define HPKE_KDF_SHA512        0x0003
#define HPKE_AES_128_GCM       0x0001
#define HPKE_AES_256_GCM       0x0002
#define HPKE_CHACHA20_POLY1305 0x0003
#define HPKE_EXPORT_ONLY       0xffff
#define HPKE_ENC_MAX           65
#define HPKE_PSK_MIN           32 /* RFC 9180 section 9.5: less is refused */

struct hpke_with { /* what both sides agree on; spans borrowed for the call, empty = not used */
    const struct crypto *crypto;
    uint16_t kem, kdf, aead;
    struct span info;
    struct span psk, psk_id;   /* both or none */
    struct span sender_priv;   /* sender, auth modes: own 32-byte private key */
    struct span sender_pub;    /* receiver, auth modes: the sender's public key */
    struct span ephemeral_ikm; /* sender: the ephemeral is DeriveKeyPair of this instead of fresh random */
};

struct hpke {                    /* one direction's context */
    const struct crypto *crypto; /* borrowed */
    uint16_t kem, kdf, aead;
    bool sender;
    uint64_t seq; /* of the next message */
    struct secret key, exporter;
    uint8_t base_nonce[CRYPTO_NONCE_SIZE];
};

/* True when kem, kdf and aead are ones this code has. */
bool hpke_supported(uint16_t kem, uint16_t kdf, uint16_t aead);
/* KEM.DeriveKeyPair: a 32-byte private key and its public key (32 or 65 bytes, at most HPKE_ENC_MAX). */
enum err hpke_derive_key_pair(const struct crypto *c, uint16_t kem, struct span ikm, struct secret *priv,
                              uint8_t *pub, size_t *pub_n) MUST_CHECK;
/* Sender's setup to the public key pub: fills h and writes the encapsulation to enc (HPKE_ENC_MAX bytes fit).
 * ERR_UNSUPPORTED, ERR_AUTH for a bad public key, ERR_RANGE for half a psk; on failure outputs are untouched.
 */
enum err hpke_send(struct hpke *h, const struct hpke_with *with, struct span pub, uint8_t *enc,
                   size_t *enc_n) MUST_CHECK;
/* Receiver's setup with the private key priv; errors as above. */
enum err hpke_receive(struct hpke *h, const struct hpke_with *with, struct span priv,
                      struct span enc) MUST_CHECK;
/* Seals pt as the next message: pt.n + CRYPTO_TAG_SIZE bytes to ct, which may be pt. ERR_LIMIT when the
 * sequence numbers are used up; ERR_STATE on a receiver or an export-only context. */
enum err hpke_seal(struct hpke *h, struct span aad, struct span pt, uint8_t *ct) MUST_CHECK;
/* Opens the next message; ERR_AUTH leaves the sequence number where it was. */
enum err hpke_open(struct hpke *h, struct span aad, struct span ct, uint8_t *pt) MUST_CHECK;
/* Exports out.n bytes for a context. */
enum err hpke_export(const struct hpke *h, struct span context, struct mspan out) MUST_CHECK;
/* Wipes everything. */
void hpke_fini(struct hpke *h);

#endif
