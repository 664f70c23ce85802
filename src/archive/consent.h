/* SPDX-License-Identifier: Apache-2.0
 * What a member answered when asked whether it may be recorded, as something that can be checked years later: a
 * receipt signed by a key of the member's session (ECDSA P-256, SHA-256) over the recording, the room, the member, the
 * digest of the room's policy, the answer, the time and the very sentence that was shown. Layout and how to check one
 * without us: docs/recording.md. Owns nothing. */
#ifndef ARCHIVE_CONSENT_H
#define ARCHIVE_CONSENT_H

#include "base/write.h"
#include "core/crypto.h"

#define CONSENT_LABEL     "incamera 1.0 consent"
#define CONSENT_TEXT_MAX  800
#define CONSENT_SIGNATURE 64 /* r and s, as browsers write them (IEEE P1363) */
#define CONSENT_KEY       65 /* uncompressed point */

struct consent {
    uint8_t recording[16];
    struct span room;
    uint32_t member;
    uint8_t policy[32]; /* SHA-256 of the policy's text as the API gives it */
    bool agreed;
    uint64_t at_ms; /* the member's clock */
    struct span text;
};
/* The bytes that are signed. */
void consent_signed(struct writer *w, const struct consent *c);
/* OK, ERR_AUTH (another key, other bytes), ERR_FORMAT (lengths), ERR_LIMIT. */
enum err consent_check(const struct crypto *crypto, const struct consent *c, struct span key,
                       struct span signature) MUST_CHECK;

#endif
