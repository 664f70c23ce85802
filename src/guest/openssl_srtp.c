/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/openssl_srtp.h"

/* OpenSSL has a type of this name */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#undef ERR_STATE

#include "base/mem.h"

#define TAG 16

struct srtp_cipher {
    EVP_CIPHER_CTX *cipher;
    EVP_MAC_CTX *mac;
};

static void cipher_close(struct srtp_cipher *c)
{
    EVP_CIPHER_CTX_free(c->cipher);
    EVP_MAC_CTX_free(c->mac);
    mem_free(c);
}

static const EVP_CIPHER *cipher_of(enum srtp_profile p)
{
    switch (p) {
    case SRTP_AEAD_AES_128_GCM:
        return EVP_aes_128_gcm();
    case SRTP_AEAD_AES_256_GCM:
        return EVP_aes_256_gcm();
    default:
        return EVP_aes_128_ctr();
    }
}

static bool set_mac(struct srtp_cipher *c, struct span key)
{
    char name[] = "SHA1";
    OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, name, 0),
                           OSSL_PARAM_construct_end()};
    EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    c->mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
    EVP_MAC_free(hmac);
    return c->mac && EVP_MAC_init(c->mac, key.p, key.n, params) == 1;
}

static struct srtp_cipher *cipher_open(enum srtp_profile p, struct span key, struct span auth_key)
{
    struct srtp_cipher *c = mem_new(1, sizeof *c);
    if (!c) return NULL;
    c->cipher = EVP_CIPHER_CTX_new();
    /* direction is set with each iv: GCM opens and seals with the same key schedule */
    if (!c->cipher || EVP_CipherInit_ex(c->cipher, cipher_of(p), NULL, key.p, NULL, 1) != 1 ||
        (auth_key.n && !set_mac(c, auth_key))) {
        cipher_close(c);
        return NULL;
    }
    return c;
}

static enum err seal(struct srtp_cipher *c, const uint8_t iv[12], struct span aad, struct span in,
                     uint8_t *out)
{
    int n;
    if (EVP_CipherInit_ex(c->cipher, NULL, NULL, NULL, iv, 1) != 1 ||
        EVP_CipherUpdate(c->cipher, NULL, &n, aad.p, (int)aad.n) != 1 ||
        (in.n && EVP_CipherUpdate(c->cipher, out, &n, in.p, (int)in.n) != 1) ||
        EVP_CipherFinal_ex(c->cipher, out + in.n, &n) != 1 ||
        EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_AEAD_GET_TAG, TAG, out + in.n) != 1)
        return ERR_CRYPTO;
    return OK;
}

static enum err open_in_place(struct srtp_cipher *c, const uint8_t iv[12], struct span aad, struct mspan in)
{
    int n;
    size_t body = in.n - TAG;
    if (in.n < TAG) return ERR_SHORT;
    if (EVP_CipherInit_ex(c->cipher, NULL, NULL, NULL, iv, 0) != 1 ||
        EVP_CipherUpdate(c->cipher, NULL, &n, aad.p, (int)aad.n) != 1 ||
        (body && EVP_CipherUpdate(c->cipher, in.p, &n, in.p, (int)body) != 1) ||
        EVP_CIPHER_CTX_ctrl(c->cipher, EVP_CTRL_AEAD_SET_TAG, TAG, in.p + body) != 1)
        return ERR_CRYPTO;
    return EVP_CipherFinal_ex(c->cipher, in.p + body, &n) == 1 ? OK : ERR_AUTH;
}

static enum err count(struct srtp_cipher *c, const uint8_t iv[16], struct span in, uint8_t *out)
{
    int n;
    if (in.n == 0) return OK;
    return EVP_CipherInit_ex(c->cipher, NULL, NULL, NULL, iv, 1) == 1 &&
                   EVP_CipherUpdate(c->cipher, out, &n, in.p, (int)in.n) == 1
               ? OK
               : ERR_CRYPTO;
}

static enum err mac(struct srtp_cipher *c, struct span a, struct span b, uint8_t tag[20])
{
    size_t n = 20;
    return EVP_MAC_init(c->mac, NULL, 0, NULL) == 1 && EVP_MAC_update(c->mac, a.p, a.n) == 1 &&
                   (b.n == 0 || EVP_MAC_update(c->mac, b.p, b.n) == 1) &&
                   EVP_MAC_final(c->mac, tag, &n, n) == 1
               ? OK
               : ERR_CRYPTO;
}

struct srtp_library openssl_srtp(const struct crypto *crypto)
{
    return (struct srtp_library){.crypto = crypto,
                                 .open = cipher_open,
                                 .close = cipher_close,
                                 .seal = seal,
                                 .open_in_place = open_in_place,
                                 .count = count,
                                 .mac = mac};
}
