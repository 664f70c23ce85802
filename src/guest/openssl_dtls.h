/* SPDX-License-Identifier: Apache-2.0
 * Fulfils struct dtls_provider (core/dtls.h) with OpenSSL: DTLS 1.2 over memory, ECDHE with AEAD only, no
 * tickets, no resumption, no renegotiation. Datagrams from inside the handshake are looked at before OpenSSL
 * sees them: lengths, fragment sizes, and after the handshake nothing of epoch 0 (plaintext alerts and hellos
 * of strangers) passes. OpenSSL reads gettimeofday for its retransmission timer; a test that defines its own
 * puts it under simulated time. */
#ifndef GUEST_OPENSSL_DTLS_H
#define GUEST_OPENSSL_DTLS_H

#include "core/dtls.h"

/* A fresh ECDSA P-256 key and self-signed certificate. ERR_CRYPTO, ERR_NOMEM. */
enum err openssl_dtls_identity(struct dtls_identity **id) MUST_CHECK;
void openssl_dtls_identity_free(struct dtls_identity *id);
const struct dtls_provider *openssl_dtls(void);

#endif
