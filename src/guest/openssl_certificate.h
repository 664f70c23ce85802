/* SPDX-License-Identifier: Apache-2.0
 * A development certificate: self-signed, ECDSA P-256 (RFC 5280, 5480), for the names and addresses given, by
 * OpenSSL. For `--dev` only: browsers warn about it, and nobody should get used to clicking that away. Keeps
 * nothing. */
#ifndef GUEST_OPENSSL_CERTIFICATE_H
#define GUEST_OPENSSL_CERTIFICATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* Adds key and certificate as PEM to `pem`; names are DNS names or IP addresses. ERR_CRYPTO, ERR_NOMEM,
 * ERR_LIMIT. */
enum err certificate_make(const char *const *names, unsigned count, unsigned days,
                          struct buf *pem) MUST_CHECK;
/* Days left until the first certificate in the PEM text expires; negative when it has. ERR_FORMAT. */
enum err certificate_days(struct span pem, int *days) MUST_CHECK;
/* The version line of the library. Borrowed for ever. */
const char *certificate_library(void);

#endif
