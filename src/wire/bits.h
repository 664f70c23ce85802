/* SPDX-License-Identifier: Apache-2.0
 * Bits of a span, most significant first; the bounded reader's smaller sister. A read past the end sets `bad` and
 * gives 0, for ever. Golomb codes: ITU-T H.264 section 9.1; uvlc: AV1 specification section 4.10.3. */
#ifndef WIRE_BITS_H
#define WIRE_BITS_H

#include "base/span.h"

struct bits {
    struct span s;
    size_t at; /* in bits */
    bool bad;
};

static inline uint32_t bits_take(struct bits *b, unsigned count)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < count; i++) {
        if (b->at >= b->s.n * 8) {
            b->bad = true;
            return 0;
        }
        v = v << 1 | (b->s.p[b->at / 8] >> (7 - b->at % 8) & 1u);
        b->at++;
    }
    return v;
}
/* Unsigned Exp-Golomb, which uvlc shares for values below 2^32 - 1. */
static inline uint32_t bits_golomb(struct bits *b)
{
    unsigned zeros = 0;
    while (!b->bad && !bits_take(b, 1))
        if (++zeros == 32) b->bad = true;
    return b->bad ? 0 : (uint32_t)((UINT64_C(1) << zeros) - 1 + bits_take(b, zeros));
}
/* Signed Exp-Golomb, as far as reading past it goes. */
static inline void bits_skip_signed(struct bits *b)
{
    (void)bits_golomb(b);
}

#endif
