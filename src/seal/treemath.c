/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/treemath.h"

uint32_t node_parent(uint32_t x)
{
    uint32_t k = node_level(x), b = x >> (k + 1) & 1;
    return (x | 1u << k) ^ b << (k + 1);
}

uint32_t node_sibling(uint32_t x)
{
    uint32_t p = node_parent(x);
    return x < p ? node_right(p) : node_left(p);
}

uint32_t node_first_leaf(uint32_t x)
{
    return (x + 1 - (1u << node_level(x))) / 2;
}

uint32_t node_last_leaf(uint32_t x)
{
    return (x - 1 + (1u << node_level(x))) / 2;
}

bool node_within(uint32_t x, uint32_t top)
{
    uint32_t half = (1u << node_level(top)) - 1;
    return x >= top - half && x <= top + half;
}

uint32_t node_common(uint32_t a, uint32_t b)
{
    while (!node_within(b, a))
        a = node_parent(a);
    return a;
}

uint32_t node_full(uint32_t leaves)
{
    uint32_t n = 1;
    while (n < leaves)
        n *= 2;
    return n;
}
