/* SPDX-License-Identifier: Apache-2.0 */
#include "base/map.h"

#include "base/mem.h"

#include <assert.h>

#define FIRST_SIZE 64

static uint64_t rotate(uint64_t v, unsigned by)
{
    return v << by | v >> (64 - by);
}

static void sip_round(uint64_t v[4])
{
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
}

uint64_t map_hash(const uint64_t seed[2], struct span s)
{
    uint64_t v[4] = {seed[0] ^ 0x736f6d6570736575u, seed[1] ^ 0x646f72616e646f6du,
                     seed[0] ^ 0x6c7967656e657261u, seed[1] ^ 0x7465646279746573u};
    size_t whole = s.n & ~(size_t)7;
    uint64_t last = (uint64_t)s.n << 56, word;
    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, s.p + i, 8);
        v[3] ^= word;
        sip_round(v);
        v[0] ^= word;
    }
    for (size_t i = whole; i < s.n; i++)
        last |= (uint64_t)s.p[i] << 8 * (i - whole);
    v[3] ^= last;
    sip_round(v);
    v[0] ^= last;
    v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(v);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

enum err map_init(struct map *m, uint16_t key_size, uint32_t cap, const struct rng *rng)
{
    uint64_t seed[2];
    assert(key_size <= MAP_KEY_MAX);
    enum err e = rng_fill(rng, (uint8_t *)seed, sizeof seed);
    if (e) return e;
    *m = (struct map){.cap = cap, .key_size = key_size, .stride = (uint16_t)((1 + key_size + 4 + 3) & ~3)};
    memcpy(m->seed, seed, sizeof seed);
    return OK;
}

void map_fini(struct map *m)
{
    mem_free(m->slot);
    m->slot = NULL;
    m->count = m->size = 0;
}

static uint8_t *slot_at(const struct map *m, uint32_t i)
{
    return m->slot + (size_t)i * m->stride;
}

static uint32_t home_of(const struct map *m, const void *key)
{
    return (uint32_t)map_hash(m->seed, SPAN(key, m->key_size)) & (m->size - 1);
}

/* The slot of the key, or the free slot where it belongs; size > count always holds. */
static uint32_t find(const struct map *m, const void *key)
{
    uint32_t i = home_of(m, key);
    while (slot_at(m, i)[0] && memcmp(slot_at(m, i) + 1, key, m->key_size) != 0)
        i = (i + 1) & (m->size - 1);
    return i;
}

static void put(struct map *m, uint32_t i, const void *key, uint32_t value)
{
    uint8_t *s = slot_at(m, i);
    s[0] = 1;
    memcpy(s + 1, key, m->key_size);
    memcpy(s + 1 + m->key_size, &value, sizeof value);
}

static enum err grow(struct map *m)
{
    struct map bigger = *m;
    bigger.size = m->size ? m->size * 2 : FIRST_SIZE;
    bigger.slot = mem_new(bigger.size, m->stride);
    if (!bigger.slot) return ERR_NOMEM;
    for (uint32_t i = 0; i < m->size; i++) {
        const uint8_t *s = slot_at(m, i);
        uint32_t value;
        if (!s[0]) continue;
        memcpy(&value, s + 1 + m->key_size, sizeof value);
        put(&bigger, find(&bigger, s + 1), s + 1, value);
    }
    mem_free(m->slot);
    *m = bigger;
    return OK;
}

enum err map_set(struct map *m, const void *key, uint32_t value)
{
    if (m->size) {
        uint32_t at = find(m, key);
        if (slot_at(m, at)[0]) {
            put(m, at, key, value);
            return OK;
        }
    }
    if (m->count >= m->cap) return ERR_FULL;
    if (m->count * 4 >= m->size * 3) {
        enum err e = grow(m);
        if (e) return e;
    }
    put(m, find(m, key), key, value);
    m->count++;
    return OK;
}

bool map_get(const struct map *m, const void *key, uint32_t *value)
{
    if (!m->count) return false;
    const uint8_t *s = slot_at(m, find(m, key));
    if (!s[0]) return false;
    memcpy(value, s + 1 + m->key_size, sizeof *value);
    return true;
}

bool map_drop(struct map *m, const void *key)
{
    if (!m->count) return false;
    uint32_t hole = find(m, key), mask = m->size - 1;
    if (!slot_at(m, hole)[0]) return false;
    /* pull back every follower whose home lies at or before the hole, so that no search ends early */
    for (uint32_t i = (hole + 1) & mask; slot_at(m, i)[0]; i = (i + 1) & mask) {
        uint32_t home = home_of(m, slot_at(m, i) + 1);
        if (((i - home) & mask) < ((i - hole) & mask)) continue;
        memcpy(slot_at(m, hole), slot_at(m, i), m->stride);
        hole = i;
    }
    memset(slot_at(m, hole), 0, m->stride);
    m->count--;
    return true;
}
