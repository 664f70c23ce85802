/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/base64url.h"

static int value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z') return c - 'A';
    if (c >= 'a' && c <= 'z') return c - 'a' + 26;
    if (c >= '0' && c <= '9') return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

enum err base64url_read(struct span text, struct mspan into, struct span *out)
{
    size_t n = 0;
    uint32_t bits = 0;
    unsigned have = 0;
    if (text.n % 4 == 1) return ERR_FORMAT;
    if (text.n / 4 * 3 + (text.n % 4 ? text.n % 4 - 1 : 0) > into.n) return ERR_LIMIT;
    for (size_t i = 0; i < text.n; i++) {
        int v = value(text.p[i]);
        if (v < 0) return ERR_FORMAT;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            into.p[n++] = (uint8_t)(bits >> have);
            bits &= (1u << have) - 1;
        }
    }
    if (bits) return ERR_FORMAT;
    *out = SPAN(into.p, n);
    return OK;
}

void base64url_write(struct writer *w, struct span s)
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    uint32_t bits = 0;
    unsigned have = 0;
    for (size_t i = 0; i < s.n; i++) {
        bits = bits << 8 | s.p[i];
        for (have += 8; have >= 6;) {
            have -= 6;
            write_u8(w, (uint8_t)alphabet[bits >> have & 63]);
        }
        bits &= (1u << have) - 1;
    }
    if (have) write_u8(w, (uint8_t)alphabet[bits << (6 - have) & 63]);
}
