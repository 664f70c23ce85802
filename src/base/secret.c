/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret.h"

void secret_wipe(void *p, size_t n)
{
    if (n == 0) return;
    memset(p, 0, n);
    __asm__ __volatile__("" : : "r"(p) : "memory");
}

bool secret_equal(struct span a, struct span b)
{
    if (a.n != b.n) return false;
    uint8_t differ = 0;
    for (size_t i = 0; i < a.n; i++)
        differ |= a.p[i] ^ b.p[i];
    return differ == 0;
}
