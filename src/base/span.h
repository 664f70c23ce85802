/* SPDX-License-Identifier: Apache-2.0
 * Spans: a pointer and a length that travel together. A span borrows; it never owns.
 * Purpose: no function of ours takes a bare pointer to bytes of unstated length. */
#ifndef BASE_SPAN_H
#define BASE_SPAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct span { /* bytes to read */
    const uint8_t *p;
    size_t n;
};
struct mspan { /* bytes to write or change in place */
    uint8_t *p;
    size_t n;
};

#define SPAN(ptr, len)  ((struct span){(const uint8_t *)(ptr), (len)})
#define SPAN_LIT(lit)   ((struct span){(const uint8_t *)(lit), sizeof(lit) - 1})
#define SPAN_OF(array)  ((struct span){(const uint8_t *)(array), sizeof(array)})
#define SPAN_NONE       ((struct span){NULL, 0})
#define MSPAN(ptr, len) ((struct mspan){(uint8_t *)(ptr), (len)})

#define MUST_CHECK      __attribute__((warn_unused_result))
#define COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))

static inline struct span span_str(const char *s)
{
    return SPAN(s, strlen(s));
}
static inline struct span span_m(struct mspan m)
{
    return SPAN(m.p, m.n);
}
/* Not constant time: never for secrets (base/secret.h has secret_equal). */
static inline bool span_equal(struct span a, struct span b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}
/* The part of s from offset `at`, at most n bytes; empty when `at` is past the end. */
static inline struct span span_part(struct span s, size_t at, size_t n)
{
    if (at >= s.n) return SPAN_NONE;
    if (n > s.n - at) n = s.n - at;
    return SPAN(s.p + at, n);
}

#endif
