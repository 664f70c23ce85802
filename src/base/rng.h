/* SPDX-License-Identifier: Apache-2.0
 * Randomness is handed in, as time is: a core that needs random bytes gets one of these in its conf. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include "base/err.h"
#include "base/span.h"

struct rng {
    enum err (*fill)(void *ctx, uint8_t *dst, size_t n);
    void *ctx;
};
static inline enum err rng_fill(const struct rng *r, uint8_t *dst, size_t n)
{
    return r->fill(r->ctx, dst, n);
}

/* A deterministic generator (splitmix64) for tests and simulations; never for keys that matter. */
struct rng_seeded {
    uint64_t state;
};
enum err rng_seeded_fill(void *seeded, uint8_t *dst, size_t n);
static inline struct rng rng_from_seed(struct rng_seeded *s)
{
    return (struct rng){rng_seeded_fill, s};
}

#endif
