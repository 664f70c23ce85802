/* SPDX-License-Identifier: Apache-2.0
 * The table of cryptographic primitives: what src/seal, src/rights and src/archive may ask of a library, and
 * no more. Natively guest/openssl_crypto.c fulfils it, in WebAssembly the page's import; same bytes, same
 * errors. Every function is pure (no state between calls), borrows its inputs, writes outputs only on OK, and
 * may be handed hostile public values: a point off the curve or a signature of wrong form is ERR_AUTH or
 * ERR_FORMAT, never a crash. Suites: RFC 9420 section 17.1 (1: X25519/AES-128/SHA-256/Ed25519, 2:
 * P-256/AES-128/SHA-256/P-256, 3: X25519/ChaCha20-Poly1305/SHA-256/Ed25519). HPKE: RFC 9180. SFrame: RFC 9605
 * section 4.5. */
#ifndef CORE_CRYPTO_H
#define CORE_CRYPTO_H

#include "base/err.h"
#include "base/span.h"

enum crypto_hash {
    CRYPTO_SHA256,
    CRYPTO_SHA384,
    CRYPTO_SHA512,
    CRYPTO_SHA1, /* SRTP and STUN only */
    CRYPTO_MD5,  /* the long-term key of TURN only; a library without it answers ERR_CRYPTO */
};
enum crypto_aead { CRYPTO_AES_128_GCM, CRYPTO_AES_256_GCM, CRYPTO_CHACHA20_POLY1305 };
enum crypto_dh { CRYPTO_X25519, CRYPTO_P256 };
enum crypto_sign { CRYPTO_ED25519, CRYPTO_ECDSA_P256_SHA256 };

#define CRYPTO_HASH_MAX   64
#define CRYPTO_KEY_MAX    32
#define CRYPTO_NONCE_SIZE 12
#define CRYPTO_TAG_SIZE   16
#define CRYPTO_PUBLIC_MAX 65 /* P-256 uncompressed, SEC 1 section 2.3.3; X25519 and Ed25519 are 32 */
#define CRYPTO_DH_MAX     32 /* shared secret: X25519 output or P-256 x coordinate */
#define CRYPTO_SIGN_MAX   72 /* ECDSA as strict DER (RFC 9420 section 5.1.2); Ed25519 is 64 */

struct crypto {
    void *ctx;
    /* digest of the parts one after another; out holds crypto_hash_size(h) bytes */
    enum err (*hash)(void *ctx, enum crypto_hash h, const struct span *parts, size_t count, uint8_t *out);
    enum err (*hmac)(void *ctx, enum crypto_hash h, struct span key, const struct span *parts, size_t count,
                     uint8_t *out);
    /* ct receives pt.n + CRYPTO_TAG_SIZE bytes; ct may equal pt */
    enum err (*aead_seal)(void *ctx, enum crypto_aead a, struct span key, struct span nonce, struct span aad,
                          struct span pt, uint8_t *ct);
    /* pt receives ct.n - CRYPTO_TAG_SIZE bytes; ERR_AUTH when the tag is wrong (then pt is zeroed) */
    enum err (*aead_open)(void *ctx, enum crypto_aead a, struct span key, struct span nonce, struct span aad,
                          struct span ct, uint8_t *pt);
    /* AES in counter mode (SFrame suites 1 to 3, RFC 9605 section 4.5.1); iv is the whole 16-byte counter
     * block */
    enum err (*aes_ctr)(void *ctx, struct span key, struct span iv, struct span in, uint8_t *out);
    /* public key of a 32-byte private key; *pub_n is set */
    enum err (*dh_public)(void *ctx, enum crypto_dh d, struct span priv, uint8_t *pub, size_t *pub_n);
    /* 32-byte shared secret; ERR_AUTH for a point off the curve or an all-zero result */
    enum err (*dh)(void *ctx, enum crypto_dh d, struct span priv, struct span pub, uint8_t *shared);
    enum err (*sign_public)(void *ctx, enum crypto_sign s, struct span priv, uint8_t *pub, size_t *pub_n);
    enum err (*sign)(void *ctx, enum crypto_sign s, struct span priv, struct span message, uint8_t *sig,
                     size_t *sig_n);
    /* OK or ERR_AUTH; only strict DER is accepted for ECDSA, low s is not required; a P-256 key may also be
     * compressed (33 bytes), as owner and archive keys in room policies are */
    enum err (*verify)(void *ctx, enum crypto_sign s, struct span pub, struct span message, struct span sig);
    enum err (*random)(void *ctx, uint8_t *dst, size_t n);
};

static inline size_t crypto_hash_size(enum crypto_hash h)
{
    return h == CRYPTO_SHA256   ? 32
           : h == CRYPTO_SHA384 ? 48
           : h == CRYPTO_SHA512 ? 64
           : h == CRYPTO_MD5    ? 16
                                : 20;
}
static inline size_t crypto_key_size(enum crypto_aead a)
{
    return a == CRYPTO_AES_128_GCM ? 16 : 32;
}

#endif
