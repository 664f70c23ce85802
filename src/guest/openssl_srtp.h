/* SPDX-License-Identifier: Apache-2.0
 * Fulfils struct srtp_library (core/srtp.h) with OpenSSL's EVP: one kept context a direction, no key schedule per
 * packet. Not thread-safe per context; each engine is one thread. */
#ifndef GUEST_OPENSSL_SRTP_H
#define GUEST_OPENSSL_SRTP_H

#include "core/srtp.h"

/* `crypto` does the key derivation; borrowed for ever. */
struct srtp_library openssl_srtp(const struct crypto *crypto);

#endif
