/* SPDX-License-Identifier: Apache-2.0
 * The table of core/crypto.h fulfilled by OpenSSL 3.0's libcrypto. Owns the fetched algorithms for the life
 * of the process; keeps no key and no state between calls, so any thread may call it. Never logs. Ed25519
 * (RFC 8032) is verified without the cofactor and refuses public keys that are not canonical or have x = 0;
 * ECDSA (FIPS 186-4) takes strict DER only: the same decisions as the WebAssembly table makes. */
#ifndef GUEST_OPENSSL_CRYPTO_H
#define GUEST_OPENSSL_CRYPTO_H

#include "core/crypto.h"

/* The one table, borrowed for ever; NULL when libcrypto lacks an algorithm of it. */
const struct crypto *openssl_crypto(void);

#endif
