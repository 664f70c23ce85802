/* SPDX-License-Identifier: Apache-2.0
 * The invitation link, https://host/r/<room_id>#1.<policy_hash>.<join_secret>[.<generation>] (ROOMS.md
 * section 6; the generation after a kick: section A). Owns the join secret in struct invite until
 * invite_fini; keeps nothing else. base64url without padding (RFC 4648 section 5), one spelling only. What is
 * derived from the join secret is here too. */
#ifndef SEAL_INVITE_H
#define SEAL_INVITE_H

#include "base/secret.h"
#include "core/crypto.h"

#define INVITE_MAX        2048 /* bytes of a whole link */
#define INVITE_PART       43   /* base64url characters of 32 bytes */
#define INVITE_PSK_ID_MAX 64

struct invite {
    struct span origin; /* "https://host:port", borrowed; empty when only a path or fragment was given */
    uint8_t room_id[32], policy_hash[32];
    struct secret join_secret;
    uint32_t generation; /* 0 until somebody was kicked */
};

/* Parses a whole link; borrows the origin. ERR_FORMAT for anything that is not exactly such a link,
 * ERR_UNSUPPORTED for another version than 1. */
enum err invite_parse(struct span text, struct invite *l) MUST_CHECK;
/* Writes the link, without a terminator; ERR_FULL. */
enum err invite_write(const struct invite *l, struct mspan out, size_t *n) MUST_CHECK;
/* Wipes. */
void invite_fini(struct invite *l);

/* door = HKDF-Expand(join_secret, "incamera 1.0 door", 32): shown when connecting; the server holds its
 * SHA-256. */
enum err invite_door(const struct crypto *c, const struct invite *l, uint8_t out[static 32]) MUST_CHECK;
/* The external PSK's id, "incamera join " || room_id [|| generation as uint32 when not 0], in room; its
 * length in *n. */
enum err invite_psk_id(const struct invite *l, struct mspan room, size_t *n) MUST_CHECK;
/* A direct room's id: SHA-256("incamera 1.0 locator" || join_secret). */
enum err invite_locator(const struct crypto *c, const struct invite *l, uint8_t out[static 32]) MUST_CHECK;

#endif
