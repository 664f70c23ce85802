/* SPDX-License-Identifier: Apache-2.0
 * core/dtls.h fulfilled by OpenSSL 3.0's libssl through a BIO of our own that keeps the bounds of datagrams.
 * Records are looked at before OpenSSL sees them: what an established association must not believe (anything
 * in clear), and what would make it keep memory for strangers (huge or scattered messages, records of an
 * epoch not begun), is dropped. OpenSSL's retransmission timer reads gettimeofday itself. Never logs. */
#ifndef GUEST_OPENSSL_DTLS_H
#define GUEST_OPENSSL_DTLS_H

#include "core/dtls.h"

/* The provider, borrowed for ever. */
const struct dtls_provider *openssl_dtls(void);
/* A fresh P-256 key with a self-signed certificate. ERR_NOMEM, ERR_CRYPTO. */
enum err openssl_dtls_identity(struct dtls_identity **id) MUST_CHECK;
/* Every association of it must be closed before. NULL is fine. */
void openssl_dtls_identity_free(struct dtls_identity *id);

#endif
