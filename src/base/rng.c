/* SPDX-License-Identifier: Apache-2.0 */
#include "base/rng.h"

enum err rng_seeded_fill(void *seeded, uint8_t *dst, size_t n)
{
    struct rng_seeded *s = seeded;
    for (size_t i = 0; i < n;) {
        uint64_t z = s->state += 0x9e3779b97f4a7c15u;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
        z = (z ^ z >> 27) * 0x94d049bb133111ebu;
        z ^= z >> 31;
        for (unsigned b = 0; b < 8 && i < n; b++, z >>= 8)
            dst[i++] = (uint8_t)z;
    }
    return OK;
}
