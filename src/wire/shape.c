/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/shape.h"

static enum err check_fields(const struct shape *s, struct reader *r, unsigned depth);

static enum err check_text(struct reader *r, uint32_t max)
{
    struct span text = read_vec32(r);
    if (r->bad) return ERR_SHORT;
    return text.n > max ? ERR_LIMIT : OK;
}

static enum err check_list(const struct field *f, struct reader *r, unsigned depth)
{
    uint16_t count = read_u16(r);
    if (r->bad) return ERR_SHORT;
    if (count > f->max) return ERR_LIMIT;
    for (uint16_t i = 0; i < count; i++) {
        enum err e =
            f->kind == FIELD_LIST ? check_fields(f->shape, r, depth + 1) : check_text(r, f->item_max);
        if (e) return e;
    }
    return OK;
}

static enum err check_field(const struct field *f, struct reader *r, unsigned depth)
{
    uint64_t v;
    switch (f->kind) {
    case FIELD_UINT:
        v = read_u64(r);
        return r->bad ? ERR_SHORT : v > (f->max ? f->max : SHAPE_UINT_MAX) ? ERR_RANGE : OK;
    case FIELD_BOOL:
        v = read_u8(r);
        return r->bad ? ERR_SHORT : v > 1 ? ERR_FORMAT : OK;
    case FIELD_TEXT:
        return check_text(r, f->max);
    case FIELD_LIST:
    case FIELD_LIST_TEXT:
        return check_list(f, r, depth);
    case FIELD_OBJECT:
        return check_fields(f->shape, r, depth + 1);
    }
    return ERR_FORMAT;
}

static enum err check_fields(const struct shape *s, struct reader *r, unsigned depth)
{
    if (depth > SHAPE_DEPTH_MAX) return ERR_LIMIT;
    for (uint8_t i = 0; i < s->count; i++) {
        const struct field *f = &s->fields[i];
        if (f->optional) {
            uint8_t there = read_u8(r);
            if (r->bad) return ERR_SHORT;
            if (there > 1) return ERR_FORMAT;
            if (!there) continue;
        }
        enum err e = check_field(f, r, depth);
        if (e) return e;
    }
    return OK;
}

enum err shape_check(const struct shape *s, struct span body)
{
    struct reader r = reader_of(body);
    enum err e = check_fields(s, &r, 0);
    return e ? e : read_end(&r);
}
