/* SPDX-License-Identifier: Apache-2.0
 * A hash map from keys of one fixed size to numbers, with a cap. Keys may be chosen by attackers: SipHash-1-3
 * under a random seed (Aumasson, Bernstein 2012). Open addressing, deletion without tombstones. Owns its
 * memory; grows by doubling up to the cap and never shrinks. */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include "base/err.h"
#include "base/rng.h"
#include "base/span.h"

#define MAP_KEY_MAX 64

struct map {
    uint8_t *slot; /* size * (1 used + key_size + 4 value), rounded to 4 */
    uint32_t count, size, cap;
    uint16_t key_size, stride;
    uint64_t seed[2];
};

/* key_size ≤ MAP_KEY_MAX; at most cap entries. Takes the seed from rng; ERR_IO when it fails. */
enum err map_init(struct map *m, uint16_t key_size, uint32_t cap, const struct rng *rng) MUST_CHECK;
void map_fini(struct map *m);
/* Sets key to value, replacing what was there. ERR_FULL at the cap, ERR_NOMEM. */
enum err map_set(struct map *m, const void *key, uint32_t value) MUST_CHECK;
/* True and the value when the key is there. */
bool map_get(const struct map *m, const void *key, uint32_t *value);
/* Forgets the key; true when it was there. */
bool map_drop(struct map *m, const void *key);
/* SipHash-1-3 of a span under a seed. */
uint64_t map_hash(const uint64_t seed[2], struct span s);

#endif
