/* SPDX-License-Identifier: Apache-2.0
 * The organisation's key in an HSM: struct kms (archive/kms.h) over PKCS#11 2.40, through p11-kit's loader. Owns the
 * vendor's module and one session; logs in with a PIN that it borrows. The key is an AES key of 256 bits, found by its
 * label for each call, so that a key that was disabled or destroyed is noticed at once; it never leaves the token.
 * CKM_AES_GCM with a random 12-byte nonce and a 16-byte tag. A session that is lost is made again, once within a call.
 * A PIN that was refused is not tried again, since tokens lock themselves after a few: the process must begin anew. */
#ifndef GUEST_PKCS11_H
#define GUEST_PKCS11_H

#include "archive/kms.h"

struct pkcs11;
struct pkcs11_conf { /* all borrowed */
    const char *module, *token, *key;
    const struct secret *pin;
    enum err (*random)(void *ctx, uint8_t *p, size_t n);
    void *random_ctx;
};

/* Loads nothing yet. ERR_NOMEM. */
enum err pkcs11_new(const struct pkcs11_conf *conf, struct pkcs11 **p) MUST_CHECK;
/* Logs out and unloads. NULL is fine. */
void pkcs11_free(struct pkcs11 *p);
/* Fills k; p is borrowed for as long as k is used. */
void pkcs11_kms(struct pkcs11 *p, struct kms *k);
/* Connects, logs in and finds the key. The errors of struct kms. */
enum err pkcs11_check(struct pkcs11 *p) MUST_CHECK;
/* What went wrong last, as a plain sentence; "" when nothing did. Borrowed for ever. */
const char *pkcs11_why(const struct pkcs11 *p);

#endif
