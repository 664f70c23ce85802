/* SPDX-License-Identifier: Apache-2.0
 * The bounded reader: the only way bytes from outside become numbers.
 * A read past the end sets `bad`, returns 0 or an empty span, and every later read does the same; so a parser may
 * read a whole header and check once. Big-endian unless the name says le. MLS varints: RFC 9420 section 2.1.2. */
#ifndef BASE_READ_H
#define BASE_READ_H

#include "base/err.h"
#include "base/span.h"

struct reader {
    const uint8_t *p, *end;
    bool bad; /* a read went past the end or a varint was malformed */
};

static inline struct reader reader_of(struct span s)
{
    return (struct reader){s.p, s.p ? s.p + s.n : s.p, false};
}
static inline size_t read_left(const struct reader *r)
{
    return r->bad ? 0 : (size_t)(r->end - r->p);
}
uint8_t read_u8(struct reader *r);
uint16_t read_u16(struct reader *r);
uint32_t read_u24(struct reader *r);
uint32_t read_u32(struct reader *r);
uint64_t read_u64(struct reader *r);
/* n bytes, borrowed from the input. */
struct span read_bytes(struct reader *r, size_t n);
/* Copies n bytes to dst; on failure dst is zeroed. */
void read_copy(struct reader *r, uint8_t *dst, size_t n);
void read_skip(struct reader *r, size_t n);
/* Vector with a length of 1, 2 or 4 bytes before it. */
struct span read_vec8(struct reader *r);
struct span read_vec16(struct reader *r);
struct span read_vec32(struct reader *r);
/* RFC 9420 section 2.1.2 / RFC 9000 section 16 varint, minimal encodings only, at most 30 bits. */
uint32_t read_varint(struct reader *r);
struct span read_vecv(struct reader *r);
/* OK when nothing failed and nothing is left; ERR_SHORT or ERR_FORMAT otherwise. */
enum err read_end(const struct reader *r) MUST_CHECK;
/* Lower-case hex of exactly n bytes, as write_hex writes it; ERR_FORMAT for anything else. */
enum err read_hex(struct span text, uint8_t *dst, size_t n) MUST_CHECK;
/* OK when nothing failed so far. */
static inline enum err read_ok(const struct reader *r)
{
    return r->bad ? ERR_SHORT : OK;
}

#endif
