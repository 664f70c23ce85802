/* SPDX-License-Identifier: Apache-2.0
 * The bounded writer, the reader's mirror: a write past the end sets `bad` and writes nothing more. Borrows its
 * buffer. With p == NULL and a size it only counts, so that a length can be known before memory is taken. */
#ifndef BASE_WRITE_H
#define BASE_WRITE_H

#include "base/err.h"
#include "base/span.h"

struct writer {
    uint8_t *p;    /* start of the buffer; NULL counts only */
    size_t n, cap; /* bytes written, bytes there are */
    bool bad;      /* something did not fit */
};

static inline struct writer writer_of(struct mspan m)
{
    return (struct writer){m.p, 0, m.n, false};
}
static inline struct writer writer_counting(size_t cap)
{
    return (struct writer){NULL, 0, cap, false};
}
static inline size_t write_left(const struct writer *w)
{
    return w->bad ? 0 : w->cap - w->n;
}
static inline struct span writer_span(const struct writer *w)
{
    return SPAN(w->p, w->bad ? 0 : w->n);
}
void write_u8(struct writer *w, uint8_t v);
void write_u16(struct writer *w, uint16_t v);
void write_u24(struct writer *w, uint32_t v);
void write_u32(struct writer *w, uint32_t v);
void write_u64(struct writer *w, uint64_t v);
void write_bytes(struct writer *w, struct span s);
void write_zero(struct writer *w, size_t n);
/* The bytes of a C string without its terminator. */
void write_str(struct writer *w, const char *s);
/* n decimal digits of v, no padding. */
void write_dec(struct writer *w, uint64_t v);
/* Lower-case hex. */
void write_hex(struct writer *w, struct span s);
void write_vec8(struct writer *w, struct span s);
void write_vec16(struct writer *w, struct span s);
void write_vec32(struct writer *w, struct span s);
/* RFC 9420 section 2.1.2, shortest form; v < 2^30, larger sets bad. */
void write_varint(struct writer *w, uint64_t v);
void write_vecv(struct writer *w, struct span s);
/* Puts a 16- or 32-bit number at an offset written before. */
void write_u16_at(struct writer *w, size_t at, uint16_t v);
void write_u32_at(struct writer *w, size_t at, uint32_t v);
/* OK, or ERR_FULL when something did not fit. */
static inline enum err write_ok(const struct writer *w)
{
    return w->bad ? ERR_FULL : OK;
}

#endif
