/* SPDX-License-Identifier: Apache-2.0
 * The few fields of a SignedRoomPolicy (ROOMS.md section 6) that the server reads: it stores the bytes as
 * they are and verifies nothing, since members do that and do not trust it. Walks the whole structure, so
 * that what is stored is at least well formed. TLS presentation language with RFC 9420 varints. Allocates
 * nothing. */
#ifndef WIRE_ROOM_POLICY_H
#define WIRE_ROOM_POLICY_H

#include "base/err.h"
#include "base/span.h"

#define ROOM_POLICY_MAX 16384 /* bytes */

struct room_policy {
    struct span room_id; /* 32 bytes, borrowed */
    uint64_t not_after;  /* seconds since 1970, 0: none */
    uint8_t mode;        /* 1 direct, 2 sealed, 3 witnessed, 4 governed */
    uint8_t join_rule;   /* 1 link, 2 lobby, 3 org, 4 list */
};
/* ERR_SHORT, ERR_FORMAT, ERR_LIMIT, ERR_RANGE (version, mode, join rule), ERR_UNSUPPORTED (another version).
 */
enum err room_policy_read(struct span bytes, struct room_policy *policy) MUST_CHECK;

#endif
