/* SPDX-License-Identifier: Apache-2.0
 * What seal.wasm takes of mbedTLS: AES-GCM and SHA-256. Nothing else is compiled in. */
#ifndef SEAL_MBEDTLS_CONFIG_H
#define SEAL_MBEDTLS_CONFIG_H

#define MBEDTLS_AES_C
#define MBEDTLS_CIPHER_C
#define MBEDTLS_GCM_C
#define MBEDTLS_SHA256_C

#endif
