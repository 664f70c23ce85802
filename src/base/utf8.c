/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

/* The first byte of a longer character: RFC 3629 section 4. */
static bool first_byte(struct utf8 *u, uint8_t c)
{
    *u = (struct utf8){0, 0x80, 0xbf};
    if (c >= 0xc2 && c <= 0xdf) {
        u->need = 1;
    } else if (c >= 0xe0 && c <= 0xef) {
        u->need = 2;
        if (c == 0xe0) u->low = 0xa0;
        if (c == 0xed) u->high = 0x9f;
    } else if (c >= 0xf0 && c <= 0xf4) {
        u->need = 3;
        if (c == 0xf0) u->low = 0x90;
        if (c == 0xf4) u->high = 0x8f;
    } else {
        return false;
    }
    return true;
}

bool utf8_take(struct utf8 *u, struct span s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (u->need) {
            if (c < u->low || c > u->high) return false;
            u->low = 0x80;
            u->high = 0xbf;
            u->need--;
        } else if (c >= 0x80 && !first_byte(u, c)) {
            return false;
        }
    }
    return true;
}
