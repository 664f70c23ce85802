/* SPDX-License-Identifier: Apache-2.0
 * Shapes: messages described as tables of fields, so that one codec serves every message, and the documentation and
 * the code can be held against the same rows. A message's binary form is its fields in the table's order:
 * UINT u64 (at most 2^53-1, what JSON carries) · BOOL u8 · TEXT u32 length + UTF-8 · LIST u16 count + items ·
 * OBJECT its fields. An optional field is preceded by a u8, 1 when it is there. Big-endian.
 * Front turns JSON into this form and back (guest/jansson_shape); roles read and write it with base/read, base/write.
 * shape_check walks hostile bytes and says whether they are exactly one well-formed message. Allocates nothing. */
#ifndef WIRE_SHAPE_H
#define WIRE_SHAPE_H

#include "base/err.h"
#include "base/read.h"
#include "base/span.h"

enum field_kind { FIELD_UINT, FIELD_BOOL, FIELD_TEXT, FIELD_LIST_TEXT, FIELD_LIST, FIELD_OBJECT };

struct shape;
struct field {
    const char *name;
    enum field_kind kind;
    bool optional;
    uint32_t max;              /* UINT: largest value (0: 2^53-1) · TEXT: bytes · LIST: items */
    uint32_t item_max;         /* LIST_TEXT: bytes of each item */
    const struct shape *shape; /* LIST, OBJECT */
};
struct shape {
    const struct field *fields;
    uint8_t count;
};

#define SHAPE_UINT_MAX  ((UINT64_C(1) << 53) - 1)
#define SHAPE_DEPTH_MAX 4

/* OK when body is one message of this shape, to the last byte; ERR_SHORT, ERR_FORMAT, ERR_RANGE, ERR_LIMIT. */
enum err shape_check(const struct shape *s, struct span body) MUST_CHECK;

#endif
