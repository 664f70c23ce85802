/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/payload.h"

#include "base/read.h"
#include "wire/bits.h"

static enum err read_vp8(struct span payload, struct payload_facts *f)
{
    struct reader r = reader_of(payload);
    uint8_t first = read_u8(&r), flags = 0;
    if (first & 0x80) flags = read_u8(&r);
    if (flags & 0x80) {
        f->has_picture = true;
        f->picture_at = 2;
        uint8_t high = read_u8(&r);
        f->picture_bytes = high & 0x80 ? 2 : 1;
        f->picture = (uint16_t)(high & 0x80 ? (high & 0x7f) << 8 | read_u8(&r) : high);
    }
    if (flags & 0x40) {
        f->has_tl0 = true;
        f->tl0_at = (uint8_t)(2 + f->picture_bytes);
        f->tl0 = read_u8(&r);
    }
    if (flags & 0x30) {
        uint8_t layer = read_u8(&r);
        f->temporal = flags & 0x20;
        f->tid = flags & 0x20 ? layer >> 6 : 0;
        f->up = layer & 0x20;
    }
    if (r.bad) return ERR_SHORT;
    f->start = (first & 0x10) && (first & 0x07) == 0;
    if (read_left(&r) == 0) return OK; /* a descriptor alone: odd, but nothing to read */
    f->key = f->start && !(read_u8(&r) & 0x01);
    return OK;
}

static enum err read_vp9(struct span payload, struct payload_facts *f)
{
    struct reader r = reader_of(payload);
    uint8_t first = read_u8(&r);
    bool inter = first & 0x40, begin = first & 0x08;
    if (first & 0x80) {
        uint8_t high = read_u8(&r);
        f->has_picture = true;
        f->picture_at = 1;
        f->picture_bytes = high & 0x80 ? 2 : 1;
        f->picture = (uint16_t)(high & 0x80 ? (high & 0x7f) << 8 | read_u8(&r) : high);
    }
    if (first & 0x20) {
        uint8_t layer = read_u8(&r);
        f->layered = f->temporal = true;
        f->tid = layer >> 5;
        f->up = layer & 0x10;
        f->sid = layer >> 1 & 7;
        if (!(first & 0x10)) f->tl0 = read_u8(&r); /* not rewritten: picture ids of VP9 stay as they are */
    }
    if (r.bad) return ERR_SHORT;
    f->start = begin;
    f->end = first & 0x04;
    f->key = begin && !inter && f->sid == 0;
    return OK;
}

static bool key_nal(unsigned type)
{
    return type == 5 || type == 7;
}

static enum err read_h264(struct span payload, struct payload_facts *f)
{
    struct reader r = reader_of(payload);
    unsigned type = read_u8(&r) & 0x1fu;
    if (r.bad) return ERR_SHORT;
    f->start = true;
    if (type == 24) { /* STAP-A */
        while (read_left(&r) && !f->key) {
            struct span nal = read_vec16(&r);
            if (r.bad || nal.n == 0) return ERR_FORMAT;
            f->key = key_nal(nal.p[0] & 0x1fu);
        }
    } else if (type == 28 || type == 29) { /* FU */
        uint8_t header = read_u8(&r);
        if (r.bad) return ERR_SHORT;
        f->start = header & 0x80;
        f->end = header & 0x40;
        f->key = f->start && key_nal(header & 0x1fu);
    } else {
        f->key = key_nal(type);
    }
    return OK;
}

static enum err read_av1(struct span payload, struct payload_facts *f)
{
    if (payload.n < 1) return ERR_SHORT;
    uint8_t header = payload.p[0];
    if ((header & 0x80) && (header & 0x08))
        return ERR_FORMAT; /* a sequence can't begin with a continued unit */
    f->start = !(header & 0x80);
    f->key = header & 0x08;
    return OK;
}

/* RFC 2198: where the newest block begins. */
static enum err read_red(struct span payload, struct payload_facts *f)
{
    struct reader r = reader_of(payload);
    size_t before = 0, heads = 1;
    uint8_t first = read_u8(&r);
    while (!r.bad && (first & 0x80)) {
        before += read_u24(&r) & 0x3ff;
        heads += 4;
        first = read_u8(&r);
    }
    if (r.bad || before > read_left(&r)) return ERR_SHORT;
    f->start = f->end = f->key = true;
    f->primary = (uint16_t)(heads + before);
    return OK;
}

enum err payload_read(enum codec codec, struct span payload, struct payload_facts *facts)
{
    struct payload_facts f = {0};
    enum err e = OK;
    switch (codec) {
    case CODEC_VP8:
        e = read_vp8(payload, &f);
        break;
    case CODEC_VP9:
        e = read_vp9(payload, &f);
        break;
    case CODEC_H264:
        e = read_h264(payload, &f);
        break;
    case CODEC_AV1:
        e = read_av1(payload, &f);
        break;
    case CODEC_RED:
        e = read_red(payload, &f);
        break;
    default: /* audio: each packet stands alone */
        f.start = f.end = f.key = true;
        break;
    }
    if (!e) *facts = f;
    return e;
}

void payload_renumber_vp8(uint8_t *p, size_t n, const struct payload_facts *f, uint16_t picture, uint8_t tl0)
{
    if (f->has_picture && f->picture_bytes == 2 && (size_t)f->picture_at + 2 <= n) {
        p[f->picture_at] = (uint8_t)(0x80 | (picture >> 8 & 0x7f));
        p[f->picture_at + 1] = (uint8_t)picture;
    } else if (f->has_picture && f->picture_bytes == 1 && f->picture_at < n) {
        p[f->picture_at] = (uint8_t)(picture & 0x7f);
    }
    if (f->has_tl0 && f->tl0_at < n) p[f->tl0_at] = tl0;
}

/* ---- the dependency descriptor: bits, most significant first ---- */

/* template_dependency_structure() as far as the layers of the templates. */
static enum err read_structure(struct bits *b, struct descriptor_templates *t)
{
    struct descriptor_templates found = {.offset = (uint8_t)bits_take(b, 6)};
    unsigned sid = 0, tid = 0, next;
    (void)bits_take(b, 5); /* decode targets */
    do {
        if (found.count == DESCRIPTOR_TEMPLATES_MAX) return ERR_FORMAT;
        found.layer[found.count++] = (uint8_t)(sid << 4 | tid);
        next = bits_take(b, 2);
        if (next == 1 && ++tid > 7) return ERR_FORMAT;
        if (next == 2) {
            tid = 0;
            if (++sid > 3) return ERR_FORMAT;
        }
    } while (next != 3 && !b->bad);
    if (b->bad) return ERR_SHORT;
    *t = found;
    return OK;
}

enum err descriptor_read(struct span ext, struct descriptor_templates *t, struct descriptor *d)
{
    struct bits b = {ext, 0, false};
    struct descriptor found = {.start = bits_take(&b, 1), .end = bits_take(&b, 1)};
    unsigned template = bits_take(&b, 6);
    found.frame = (uint16_t)bits_take(&b, 16);
    if (b.bad) return ERR_SHORT;
    if (ext.n > 3) {
        found.structure = bits_take(&b, 1);
        (void)bits_take(&b, 4); /* active decode targets, custom dtis, fdiffs, chains */
        enum err e = found.structure ? read_structure(&b, t) : OK;
        if (e) return e;
    }
    unsigned index = (template + 64 - t->offset) % 64;
    if (index >= t->count) return ERR_UNKNOWN;
    found.sid = t->layer[index] >> 4;
    found.tid = t->layer[index] & 15;
    *d = found;
    return OK;
}

uint16_t descriptor_frame(struct span ext)
{
    return ext.n >= 3 ? (uint16_t)(ext.p[1] << 8 | ext.p[2]) : 0;
}

void descriptor_renumber(uint8_t *p, size_t n, uint16_t by)
{
    uint16_t frame = (uint16_t)(descriptor_frame(SPAN(p, n)) + by);
    if (n < 3) return;
    p[1] = (uint8_t)(frame >> 8);
    p[2] = (uint8_t)frame;
}
