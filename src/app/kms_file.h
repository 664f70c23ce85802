/* SPDX-License-Identifier: Apache-2.0
 * The key management of one machine: a key in DIR/vault/kms.key, AES-256-GCM. Whoever can read that file can open what
 * it wraps, so `doctor` marks it: for development, and where the disk itself is the trust. */
#ifndef APP_KMS_FILE_H
#define APP_KMS_FILE_H

#include "archive/kms.h"
#include "core/crypto.h"

struct kms_file {
    const struct crypto *crypto;
    const struct secret *key; /* borrowed from the vault */
};
void kms_file_init(struct kms *k, struct kms_file *f);

#endif
