/* SPDX-License-Identifier: Apache-2.0
 * A sealed room's policy and invitation, made where the command runs: a fresh owner key that signs the policy
 * once and is wiped, a fresh join secret that only the link carries. The server gets the policy alone
 * (ROOMS.md section 6). The one file of src/app, with command_link.c, that needs src/seal: no role links it.
 */
#ifndef APP_COMMAND_LINK_H
#define APP_COMMAND_LINK_H

#include "base/err.h"
#include "base/span.h"

struct made_link {
    char room[48];        /* room_id, base64url */
    char fragment[128];   /* "#1.policy_hash.join_secret" */
    uint8_t policy[1024]; /* SignedRoomPolicy as base64url */
    size_t policy_n;
};
/* ERR_CRYPTO, ERR_IO, ERR_FULL. */
enum err link_make(struct made_link *made) MUST_CHECK;
void link_wipe(struct made_link *made);

#endif
