/* SPDX-License-Identifier: Apache-2.0
 * Framing, RFC 9420 sections 6.1 to 6.3: what is signed, the membership tag of a PublicMessage, and
 * encryption of a PrivateMessage with its sender data and reuse guard. Owns nothing. Opening a private
 * message changes nothing: its key goes when the caller accepts the step. Signatures are checked
 * by protect_verify, by the caller, who knows the sender's key. */
#ifndef SEAL_PROTECT_H
#define SEAL_PROTECT_H

#include "seal/blob.h"
#include "seal/schedule.h"
#include "seal/secrettree.h"

struct protect { /* an epoch's keys, borrowed */
    const struct suite *suite;
    const struct schedule *schedule;
    struct secrettree *secrets;
    struct span context; /* encoded GroupContext */
};
struct protect_opened {
    struct mls_signed is;     /* points into the message and into `plain` */
    struct blob plain;        /* to be dropped */
    struct ratchet_step step; /* to be accepted once the message is believed, or dropped */
};

/* FramedContentTBS. */
enum err protect_tbs(const struct mls_signed *s, struct span context, struct blob *tbs) MUST_CHECK;
/* The signature holds under this key; ERR_AUTH. */
enum err protect_verify(const struct suite *s, const struct mls_signed *m, struct span context,
                        struct span key) MUST_CHECK;
/* A whole MLSMessage of a signed content: public with a member's membership tag (else p may be NULL), or private with padding to a
 * multiple of `step` bytes (0 or 1: none). */
enum err protect_public(const struct protect *p, const struct mls_signed *s, struct blob *message) MUST_CHECK;
enum err protect_private(const struct protect *p, const struct mls_signed *s, uint32_t step,
                         struct blob *message) MUST_CHECK;
/* The membership tag of a member's message holds; ERR_AUTH. */
enum err protect_check_public(const struct protect *p, const struct mls_public *m) MUST_CHECK;
/* Opens; the sender's leaf is o->is.content.sender. ERR_AUTH, ERR_REPLAY, ERR_LIMIT (too far ahead),
 * ERR_FORMAT. */
enum err protect_open_private(const struct protect *p, const struct mls_private *m,
                              struct protect_opened *o) MUST_CHECK;
/* Key and nonce of the sender data, by a sample of the ciphertext. */
enum err protect_sender_key(const struct suite *s, const struct secret *sender_data, struct span ciphertext,
                            struct ratchet_key *key) MUST_CHECK;

#endif
