/* SPDX-License-Identifier: Apache-2.0
 * The arithmetic of the ratchet tree in an array, RFC 9420 appendix C: leaves at even indices, the tree
 * always full (a power of two of leaves). Pure; a node index is below 2^31. */
#ifndef SEAL_TREEMATH_H
#define SEAL_TREEMATH_H

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

static inline uint32_t node_count(uint32_t leaves)
{
    return leaves ? 2 * leaves - 1 : 0;
}
static inline uint32_t node_root(uint32_t leaves)
{
    return leaves - 1;
}
/* Height above the leaves: the number of trailing ones. */
static inline uint32_t node_level(uint32_t x)
{
    uint32_t k = 0;
    while (x >> k & 1)
        k++;
    return k;
}
/* Children of a node that is no leaf. */
static inline uint32_t node_left(uint32_t x)
{
    assert(x & 1);
    return x ^ 1u << (node_level(x) - 1);
}
static inline uint32_t node_right(uint32_t x)
{
    assert(x & 1);
    return x ^ 3u << (node_level(x) - 1);
}
/* Parent and sibling of a node that is not the root. */
uint32_t node_parent(uint32_t x);
uint32_t node_sibling(uint32_t x);
/* Whether x is `top` or below it. */
bool node_within(uint32_t x, uint32_t top);
/* The lowest node that has both below it (or is one of them). */
uint32_t node_common(uint32_t a, uint32_t b);
/* The first and last leaf (as leaf numbers) below x. */
uint32_t node_first_leaf(uint32_t x);
uint32_t node_last_leaf(uint32_t x);
/* The smallest full tree with room for this many leaves. */
uint32_t node_full(uint32_t leaves);

#endif
