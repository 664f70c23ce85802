/* SPDX-License-Identifier: Apache-2.0
 * A verdict: policy's answer, and the only key to an engine. rights/policy makes them (the only function that
 * may say yes); the engine's admit takes one as a typed argument, so that it can't be called without. */
#ifndef RIGHTS_VERDICT_H
#define RIGHTS_VERDICT_H

#include "base/span.h"
#include "base/time.h"

enum room_class { CLASS_NONE, CLASS_DIRECT, CLASS_SEALED, CLASS_WITNESSED, CLASS_GOVERNED };

/* What somebody may do in a room; bits of verdict.can. Names as in tokens: app/… `--can
 * publish,subscribe,chat`. */
enum can {
    CAN_JOIN = 1 << 0,
    CAN_PUBLISH = 1 << 1,
    CAN_SUBSCRIBE = 1 << 2,
    CAN_CHAT = 1 << 3,
    CAN_SHARE = 1 << 4,    /* screen */
    CAN_MODERATE = 1 << 5, /* kick, lock, mute others, admit, end */
    CAN_CREATE = 1 << 6,   /* rooms */
    CAN_ADMIN = 1 << 7,    /* list, close, read the audit */
};

struct verdict {
    bool allowed;
    uint8_t room_class; /* enum room_class */
    uint32_t can;
    uint16_t rule;       /* which rule decided (rights/policy.h) */
    struct wall expires; /* when the session ends at the latest */
    char room[65];       /* canonical name */
    char name[129];      /* display name, UTF-8; empty in sealed, witnessed and direct rooms */
    char subject[65];    /* token subject: two sessions of one person share it */
    char reason[96];     /* a sentence for a person, when refused */
};

#endif
