/* SPDX-License-Identifier: Apache-2.0
 * Senders who are no members, RFC 9420 sections 6, 12.1.8, 12.1.8.1 and 12.4.3.2: what each may send, and the key
 * its signature is held to: the external_senders of the GroupContext, the key package of one's own Add, the
 * path's leaf of an external commit. Owns nothing. Whether a group takes any of it is its conf's to say. */
#ifndef SEAL_OUTSIDE_H
#define SEAL_OUTSIDE_H

#include "wire/mls.h"

#define OUTSIDE_SENDERS_MAX 64

/* Whether a group with these bits of enum group_outside takes messages of such a sender. */
bool outside_taken(uint8_t bits, uint8_t from);
/* Whether such a sender may propose this type. */
bool outside_may(uint8_t from, uint16_t type);
/* The public key that signed a message of no member; ERR_UNKNOWN: no such sender, ERR_DENIED: content of another kind
 * than it may send. */
enum err outside_key(const struct mls_signed *m, struct span context_extensions, struct span *key) MUST_CHECK;
/* Those extensions of a GroupContext whose form the core must know: required_capabilities and external_senders. */
enum err outside_context_check(struct span extensions) MUST_CHECK;

struct outside_sender { /* ExternalSender */
    struct span signature_key;
    uint16_t credential_type;
    struct span credential;
};
/* Reads the one at `index` of a checked list of extensions; false when it is not there. */
bool outside_sender(struct span context_extensions, uint32_t index, struct outside_sender *s);

#endif
