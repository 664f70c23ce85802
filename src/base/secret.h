/* SPDX-License-Identifier: Apache-2.0
 * Secrets: plain keys have their own type so that one grep finds them all. A secret is wiped before its memory
 * goes, compared in constant time, never logged, never sent unless its message's row says so. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "base/span.h"

#define SECRET_MAX 64

struct secret {
    uint8_t n; /* bytes in use */
    uint8_t b[SECRET_MAX];
};

/* Zeroes n bytes; never optimised away. */
void secret_wipe(void *p, size_t n);
static inline void secret_drop(struct secret *s)
{
    secret_wipe(s, sizeof *s);
}
static inline struct span secret_span(const struct secret *s)
{
    return SPAN(s->b, s->n);
}
/* Constant time in the contents; lengths are public. */
bool secret_equal(struct span a, struct span b);

#endif
