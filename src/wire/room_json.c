/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/room_json.h"

#include "wire/json.h"

#define FIELDS_MAX 16

struct found { /* an object's members, each as the text of its value */
    struct span value[FIELDS_MAX];
    struct span type; /* of the outermost object: the raw string */
    bool has_type;
};

static enum err read_object(const struct shape *s, struct span text, unsigned depth, const char **field,
                            struct writer *out);

/* The text of the value whose first token is t; the tokenizer stands behind that token. Reads past the value.
 */
static enum err value_text(struct json *j, const struct json_token *t, struct span *text)
{
    const uint8_t *start, *end;
    switch (t->kind) {
    case JSON_OBJECT:
    case JSON_ARRAY:
        start = j->text.p + j->at - 1;
        break;
    case JSON_STRING:
        start = t->raw.p - 1;
        break;
    case JSON_NUMBER:
        start = t->raw.p;
        break;
    case JSON_TRUE:
    case JSON_NULL:
        start = j->text.p + j->at - 4;
        break;
    case JSON_FALSE:
        start = j->text.p + j->at - 5;
        break;
    default:
        return ERR_FORMAT;
    }
    enum err e = json_skip(j, t);
    if (e) return e;
    end = t->kind == JSON_NUMBER ? t->raw.p + t->raw.n : j->text.p + j->at;
    *text = SPAN(start, (size_t)(end - start));
    return OK;
}

/* Finds the members of an object that is the whole of `text`. With outermost, `type` is one more member. */
static enum err find_members(const struct shape *s, struct span text, bool outermost, struct found *f)
{
    struct json j;
    struct json_token t;
    json_init(&j, text);
    enum err e = json_expect(&j, JSON_OBJECT, &t);
    bool unknown = false;
    while (!e && (e = json_next(&j, &t)) == OK && t.kind == JSON_KEY) {
        struct json_token v;
        struct span value;
        unsigned i = 0;
        while (s && i < s->count && !json_is(&t, s->fields[i].name))
            i++;
        bool is_type = outermost && json_is(&t, "type");
        e = json_next(&j, &v);
        if (!e) e = value_text(&j, &v, &value);
        if (e) break;
        if (is_type) {
            if (v.kind != JSON_STRING) return ERR_FORMAT;
            f->type = v.raw;
            f->has_type = true;
        } else if (s && i < s->count) {
            f->value[i] = value;
        } else {
            unknown = true;
        }
    }
    if (!e) e = json_expect(&j, JSON_END, &t);
    if (e) return e;
    return unknown && s ? ERR_UNKNOWN : OK;
}

static enum err first_token(struct span text, enum json_kind kind, struct json_token *t)
{
    struct json j;
    json_init(&j, text);
    return json_expect(&j, kind, t);
}

static enum err read_text(struct span text, uint32_t max, struct writer *out)
{
    struct json_token t;
    struct span done;
    enum err e = first_token(text, JSON_STRING, &t);
    if (e) return e;
    size_t at = out->n;
    write_u32(out, 0);
    size_t room = write_left(out);
    e = json_text(&t, MSPAN(out->p + out->n, room < max ? room : max), &done);
    if (e) return e == ERR_LIMIT && room < max ? ERR_FULL : e == ERR_LIMIT ? ERR_RANGE : e;
    out->n += done.n;
    write_u32_at(out, at, (uint32_t)done.n);
    return write_ok(out);
}

static enum err read_list(const struct field *f, struct span text, unsigned depth, const char **field,
                          struct writer *out)
{
    struct json j;
    struct json_token t;
    struct span item;
    uint16_t count = 0;
    size_t at = out->n;
    write_u16(out, 0);
    json_init(&j, text);
    enum err e = json_expect(&j, JSON_ARRAY, &t);
    while (!e && (e = json_next(&j, &t)) == OK && t.kind != JSON_ARRAY_END) {
        if (count == f->max) return ERR_RANGE;
        count++;
        e = value_text(&j, &t, &item);
        if (e) break;
        e = f->kind == FIELD_LIST_TEXT ? read_text(item, f->item_max, out)
                                       : read_object(f->shape, item, depth + 1, field, out);
    }
    if (e) return e;
    write_u16_at(out, at, count);
    return write_ok(out);
}

static enum err read_value(const struct field *f, struct span text, unsigned depth, const char **field,
                           struct writer *out)
{
    struct json j;
    struct json_token t;
    uint64_t v;
    enum err e;
    switch (f->kind) {
    case FIELD_UINT:
        e = first_token(text, JSON_NUMBER, &t);
        if (!e) e = json_uint(&t, f->max ? f->max : SHAPE_UINT_MAX, &v);
        if (!e) write_u64(out, v);
        return e ? e : write_ok(out);
    case FIELD_BOOL:
        json_init(&j, text);
        e = json_next(&j, &t);
        if (!e && t.kind != JSON_TRUE && t.kind != JSON_FALSE) e = ERR_FORMAT;
        if (!e) write_u8(out, t.kind == JSON_TRUE);
        return e ? e : write_ok(out);
    case FIELD_TEXT:
        return read_text(text, f->max, out);
    case FIELD_LIST:
    case FIELD_LIST_TEXT:
        return read_list(f, text, depth, field, out);
    case FIELD_OBJECT:
        return read_object(f->shape, text, depth + 1, field, out);
    }
    return ERR_FORMAT;
}

static enum err write_members(const struct shape *s, const struct found *found, unsigned depth,
                              const char **field, struct writer *out)
{
    for (uint8_t i = 0; i < s->count; i++) {
        const struct field *f = &s->fields[i];
        bool there = found->value[i].p != NULL;
        if (!there && !f->optional) {
            *field = f->name;
            return ERR_SHORT;
        }
        if (f->optional) write_u8(out, there);
        if (!there) continue;
        enum err e = read_value(f, found->value[i], depth, field, out);
        if (e) {
            if (!*field) *field = f->name;
            return e;
        }
    }
    return write_ok(out);
}

static enum err read_object(const struct shape *s, struct span text, unsigned depth, const char **field,
                            struct writer *out)
{
    struct found found = {0};
    if (depth > SHAPE_DEPTH_MAX || s->count > FIELDS_MAX) return ERR_LIMIT;
    enum err e = find_members(s, text, false, &found);
    return e ? e : write_members(s, &found, depth, field, out);
}

/* The id of a message, if it is one: so that a refusal can be matched to it. */
static void find_id(struct span text, struct room_read *got)
{
    static const struct field id = {.name = "id", .kind = FIELD_UINT, .max = UINT32_MAX};
    static const struct shape only_id = {&id, 1};
    struct found found = {0};
    struct json_token t;
    uint64_t v;
    enum err e = find_members(&only_id, text, true, &found);
    if ((e && e != ERR_UNKNOWN) || !found.value[0].p || first_token(found.value[0], JSON_NUMBER, &t)) return;
    if (json_uint(&t, UINT32_MAX, &v)) return;
    got->has_id = true;
    got->id = (uint32_t)v;
}

static unsigned message_of(struct span raw)
{
    struct json_token t = {JSON_STRING, raw};
    uint8_t name[32];
    struct span type;
    if (json_text(&t, MSPAN(name, sizeof name), &type)) return 0;
    return room_message_by_type(type);
}

enum err room_json_read(struct span text, struct room_read *got, struct writer *out)
{
    struct found found = {0};
    size_t before = out->n;
    *got = (struct room_read){0};
    enum err e = find_members(NULL, text, true, &found);
    if (e) return e;
    find_id(text, got);
    if (!found.has_type) {
        got->field = "type";
        return ERR_SHORT;
    }
    got->message = message_of(found.type);
    const struct room_row *row = room_row(got->message);
    if (!row) return ERR_UNKNOWN;
    if (text.n > row->max_bytes) return ERR_LIMIT;
    found = (struct found){0};
    e = find_members(&row->shape, text, true, &found);
    if (!e) e = write_members(&row->shape, &found, 0, &got->field, out);
    if (e) {
        out->n = before;
        out->bad = false;
    }
    return e;
}

static enum err put_fields(const struct shape *s, struct reader *r, unsigned depth, bool first,
                           struct writer *out);

static enum err put_list(const struct field *f, struct reader *r, unsigned depth, struct writer *out)
{
    uint16_t count = read_u16(r);
    if (count > f->max) return ERR_FORMAT;
    write_u8(out, '[');
    for (uint16_t i = 0; i < count && !r->bad; i++) {
        if (i) write_u8(out, ',');
        if (f->kind == FIELD_LIST_TEXT) {
            json_write_text(out, read_vec32(r));
            continue;
        }
        write_u8(out, '{');
        enum err e = put_fields(f->shape, r, depth + 1, true, out);
        if (e) return e;
        write_u8(out, '}');
    }
    write_u8(out, ']');
    return read_ok(r);
}

static enum err put_value(const struct field *f, struct reader *r, unsigned depth, struct writer *out)
{
    enum err e;
    switch (f->kind) {
    case FIELD_UINT:
        write_dec(out, read_u64(r));
        return read_ok(r);
    case FIELD_BOOL:
        write_str(out, read_u8(r) ? "true" : "false");
        return read_ok(r);
    case FIELD_TEXT:
        json_write_text(out, read_vec32(r));
        return read_ok(r);
    case FIELD_LIST:
    case FIELD_LIST_TEXT:
        return put_list(f, r, depth, out);
    case FIELD_OBJECT:
        write_u8(out, '{');
        e = put_fields(f->shape, r, depth + 1, true, out);
        write_u8(out, '}');
        return e;
    }
    return ERR_FORMAT;
}

static enum err put_fields(const struct shape *s, struct reader *r, unsigned depth, bool first,
                           struct writer *out)
{
    if (depth > SHAPE_DEPTH_MAX) return ERR_FORMAT;
    for (uint8_t i = 0; i < s->count; i++) {
        const struct field *f = &s->fields[i];
        if (f->optional && !read_u8(r)) continue;
        if (!first) write_u8(out, ',');
        first = false;
        json_write_str(out, f->name);
        write_u8(out, ':');
        enum err e = put_value(f, r, depth, out);
        if (e) return e;
    }
    return read_ok(r);
}

enum err room_json_write(unsigned m, struct span body, struct writer *out)
{
    const struct room_row *row = room_row(m);
    if (!row) return ERR_UNKNOWN;
    if (shape_check(&row->shape, body)) return ERR_FORMAT;
    struct reader r = reader_of(body);
    size_t before = out->n;
    write_str(out, "{\"type\":");
    json_write_str(out, row->type);
    enum err e = put_fields(&row->shape, &r, 0, false, out);
    write_u8(out, '}');
    if (!e) e = out->bad ? ERR_FULL : OK;
    if (e) {
        out->n = before;
        out->bad = false;
    }
    return e;
}
