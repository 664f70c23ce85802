/* SPDX-License-Identifier: Apache-2.0
 * HPKE from strangers: any encapsulation and ciphertext (nothing opens), and authentic ones bent at one
 * place. */
#include <stdlib.h>

#include "guest/openssl_crypto.h"
#include "seal/hpke.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t ct[1 << 12], pt[1 << 12];
    if (size < 4 || size > sizeof ct - CRYPTO_TAG_SIZE) return 0;
    struct hpke_with with = {.crypto = openssl_crypto(),
                             .kem = data[0] & 1 ? HPKE_KEM_P256 : HPKE_KEM_X25519,
                             .kdf = HPKE_KDF_SHA256,
                             .aead = data[0] & 2 ? HPKE_AES_128_GCM : HPKE_CHACHA20_POLY1305,
                             .ephemeral_ikm = SPAN_LIT("seed")};
    size_t pub_n, enc_n, want = data[0] & 1 ? 65 : 32;
    struct secret priv;
    uint8_t pub[HPKE_ENC_MAX], enc[HPKE_ENC_MAX];
    struct hpke to, from;
    struct span in = SPAN(data + 4, size - 4);
    must(hpke_derive_key_pair(with.crypto, with.kem, SPAN_LIT("receiver"), &priv, pub, &pub_n) == OK);
    if (in.n >= want && hpke_receive(&from, &with, secret_span(&priv), SPAN(in.p, want)) == OK) {
        must(hpke_open(&from, SPAN_NONE, SPAN(in.p + want, in.n - want), pt) != OK);
        hpke_fini(&from);
    }
    must(hpke_send(&to, &with, SPAN(pub, pub_n), enc, &enc_n) == OK);
    must(hpke_seal(&to, SPAN_NONE, in, ct) == OK);
    size_t at = ((size_t)data[1] << 8 | data[2]) % (enc_n + in.n + CRYPTO_TAG_SIZE);
    (at < enc_n ? enc : ct)[at < enc_n ? at : at - enc_n] ^= data[3];
    /* X25519 ignores the top bit of a public key, but the KEM context does not */
    if (hpke_receive(&from, &with, secret_span(&priv), SPAN(enc, enc_n)) == OK) {
        enum err e = hpke_open(&from, SPAN_NONE, SPAN(ct, in.n + CRYPTO_TAG_SIZE), pt);
        must((e == OK) == (data[3] == 0));
        hpke_fini(&from);
    }
    hpke_fini(&to);
    secret_drop(&priv);
    return 0;
}
