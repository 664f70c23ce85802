/* SPDX-License-Identifier: Apache-2.0
 * UTF-8, strictly (RFC 3629): no overlong forms, no surrogates, nothing above U+10FFFF; in pieces, so that a
 * wrong byte is found the moment it comes. */
#ifndef BASE_UTF8_H
#define BASE_UTF8_H

#include "base/span.h"

struct utf8 {          /* zeroed: between characters */
    uint8_t need;      /* bytes of the character still to come */
    uint8_t low, high; /* what the next byte may be */
};
/* Takes the next piece; false when a byte can't be. */
bool utf8_take(struct utf8 *u, struct span s) MUST_CHECK;
/* True when no character is half read. */
static inline bool utf8_done(const struct utf8 *u)
{
    return u->need == 0;
}
/* True when s is UTF-8 from end to end. */
static inline bool utf8_ok(struct span s)
{
    struct utf8 u = {0};
    return utf8_take(&u, s) && utf8_done(&u);
}

#endif
