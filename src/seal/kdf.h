/* SPDX-License-Identifier: Apache-2.0
 * HKDF over the table of core/crypto.h (RFC 5869), for the MLS suites, HPKE and SFrame. Owns nothing; every
 * intermediate value is wiped. */
#ifndef SEAL_KDF_H
#define SEAL_KDF_H

#include "base/secret.h"
#include "core/crypto.h"

#define KDF_PARTS_MAX 14 /* parts of one info or keying material */

/* HKDF-Extract. The keying material is the parts one after another; an empty salt stands for zeros. On
 * failure prk is untouched. prk may also be a part or the salt. */
enum err kdf_extract(const struct crypto *c, enum crypto_hash h, struct span salt, const struct span *ikm,
                     size_t count, struct secret *prk) MUST_CHECK;

struct kdf_info { /* borrowed parts of the info string */
    const struct span *parts;
    size_t count; /* at most KDF_PARTS_MAX */
};

/* HKDF-Expand to out.n bytes, at most 255 blocks (ERR_RANGE). out may overlap the secret prk. On failure out
 * is untouched when one block was asked for, else wiped. */
enum err kdf_expand(const struct crypto *c, enum crypto_hash h, struct span prk, struct kdf_info info,
                    struct mspan out) MUST_CHECK;

#endif
