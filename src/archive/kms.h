/* SPDX-License-Identifier: Apache-2.0
 * What a key management system does for us, whichever it is: wraps data keys and opens them again, with associated
 * data that must be the same both times. A call may be slow and may fail at any time; nothing is kept between calls.
 * Providers: app/kms_file (one machine, inside the vault), guest/pkcs11 (HSMs, inside the role kms). */
#ifndef ARCHIVE_KMS_H
#define ARCHIVE_KMS_H

#include "base/err.h"
#include "base/secret.h"
#include "base/write.h"

#define KMS_SEALED_MAX 512 /* bytes of a wrapped key */

/* Both fail with ERR_CLOSED when it can't be reached, ERR_UNKNOWN when the organisation's key is not there (destroyed,
 * or of another name), ERR_DENIED when the key may not be used (disabled), ERR_STATE when we are not let in (PIN). */
struct kms {
    const char *
        name; /* "file", "pkcs11": also what a wrapped key begins with, so that a wrong provider is noticed */
    void *ctx;
    /* Appends to sealed. Also ERR_FULL. */
    enum err (*wrap)(void *ctx, const struct secret *plain, struct span aad, struct writer *sealed);
    /* Also ERR_AUTH for another key or associated data, ERR_FORMAT. */
    enum err (*unwrap)(void *ctx, struct span sealed, struct span aad, struct secret *plain);
};

#endif
