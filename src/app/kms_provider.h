/* SPDX-License-Identifier: Apache-2.0
 * The key management system that the configuration names, for the role kms and for `doctor`: reads its PIN file,
 * gives the module its environment, fills struct kms. Nothing is loaded or reached before the first call. */
#ifndef APP_KMS_PROVIDER_H
#define APP_KMS_PROVIDER_H

#include "app/config.h"
#include "archive/kms.h"
#include "core/crypto.h"

struct pkcs11;
struct kms_provider {
    struct kms kms;
    struct pkcs11 *pkcs11;
    struct secret pin;
    const char *why; /* of opening; NULL: the provider says it */
};

/* Borrows c while it is open. ERR_IO, ERR_LIMIT … when the PIN file can't be read, ERR_UNSUPPORTED; it may be closed
 * then too. */
enum err kms_provider_open(struct kms_provider *p, const struct config *c,
                           const struct crypto *crypto) MUST_CHECK;
void kms_provider_close(struct kms_provider *p);
/* Reaches the organisation's key. The errors of struct kms. */
enum err kms_provider_check(struct kms_provider *p) MUST_CHECK;
/* What went wrong last, as a plain sentence. */
const char *kms_provider_why(const struct kms_provider *p);

#endif
