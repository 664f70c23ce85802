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
struct link_wish {        /* what --policy may choose of a sealed room */
    bool strict_metadata; /* no sound levels for the server; all sound is passed on */
    uint16_t suite;       /* 2 (P-256) or 1 (X25519) */
    uint16_t days;        /* that the link opens the room */
};
#define LINK_DAYS_MAX 90 /* as long as browsers keep an identity */
/* The wish of {"strict_metadata":true,"mls_suite":1,"days":7}, all of them optional; ERR_UNKNOWN or ERR_RANGE with the
 * member's name in fault. An empty span is the default. */
enum err link_wish_read(struct span json, struct link_wish *wish, char fault[static 24]) MUST_CHECK;
/* ERR_CRYPTO, ERR_IO, ERR_FULL. */
enum err link_make(const struct link_wish *wish, struct made_link *made) MUST_CHECK;
void link_wipe(struct made_link *made);

#endif
