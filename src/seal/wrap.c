/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/wrap.h"

#include "base/read.h"
#include "base/write.h"

static const uint8_t VP8_KEY[] = {0x00, 0x00, 0x00, 0x9d, 0x01, 0x2a, 0x00, 0x00, 0x00, 0x00};
static const uint8_t VP8_DELTA[] = {0x01};
static const uint8_t H264_START[] = {0, 0, 0, 1};
static const uint8_t H264_KEY[] = {0x65, 0x88, 0x84};
static const uint8_t H264_DELTA[] = {0x41, 0x9a, 0x84};

enum { OBU_SEQUENCE = 1, OBU_DELIMITER = 2, OBU_FRAME = 6, OBU_PADDING = 15 };
enum { NAL_SLICE = 1, NAL_IDR = 5, NAL_SEI = 6, NAL_SPS = 7, NAL_PPS = 8, NAL_DELIMITER = 9 };

#define OBU_FRAME_HEAD 0x32 /* OBU_FRAME with has_size */
#define OBU_HAS_SIZE   0x02
#define OBU_EXTENSION  0x04
#define LEB_MAX        5 /* bytes of a size below 2^32 */

/* ---- AV1 (AV1 bitstream specification, section 5.3) ---- */

static size_t leb_read(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < LEB_MAX; i++) {
        uint8_t b = read_u8(r);
        v |= (uint64_t)(b & 0x7f) << (7 * i);
        if (!(b & 0x80)) {
            if (v > UINT32_MAX) break;
            return (size_t)v;
        }
    }
    r->bad = true;
    return 0;
}

static void leb_write(struct writer *w, size_t n)
{
    for (; n >= 0x80; n >>= 7)
        write_u8(w, (uint8_t)(0x80 | (n & 0x7f)));
    write_u8(w, (uint8_t)n);
}

struct obu {
    uint8_t type, head[2], head_n;
    struct span payload;
};

/* The next OBU; one without a size reaches to the end. False when it is malformed. */
static bool obu_next(struct reader *r, struct obu *o)
{
    o->head[0] = read_u8(r);
    o->head_n = 1;
    if (o->head[0] & OBU_EXTENSION) o->head[o->head_n++] = read_u8(r);
    o->type = o->head[0] >> 3 & 15;
    size_t n = o->head[0] & OBU_HAS_SIZE ? leb_read(r) : read_left(r);
    o->payload = read_bytes(r, n);
    return !r->bad && !(o->head[0] & 0x81); /* the forbidden and the reserved bit */
}

/* Writes the sequence headers of a temporal unit, each with its size. */
static void av1_clear(struct span frame, struct writer *w)
{
    struct reader r = reader_of(frame);
    struct obu o;
    while (read_left(&r) > 0 && obu_next(&r, &o)) {
        if (o.type != OBU_SEQUENCE) continue;
        write_u8(w, o.head[0] | OBU_HAS_SIZE);
        if (o.head_n == 2) write_u8(w, o.head[1]);
        leb_write(w, o.payload.n);
        write_bytes(w, o.payload);
    }
}

static enum err av1_find(struct span wire, struct wrap_found *found)
{
    struct reader r = reader_of(wire);
    struct obu o;
    while (read_left(&r) > 0 && obu_next(&r, &o)) {
        if (o.type == OBU_SEQUENCE || o.type == OBU_DELIMITER) continue;
        if (o.type != OBU_FRAME || o.payload.n == 0) return ERR_FORMAT;
        found->sframe = o.payload;
        return OK;
    }
    return ERR_FORMAT;
}

/* ---- H.264 (Annex B) ---- */

/* The bytes up to the next start code 00 00 01, without the zeros before it; *at moves behind the start code.
 */
static struct span nal_until(struct span s, size_t *at)
{
    size_t from = *at, i = from, end;
    while (i + 2 < s.n && !(s.p[i] == 0 && s.p[i + 1] == 0 && s.p[i + 2] == 1))
        i++;
    end = i + 2 < s.n ? i : s.n;
    *at = i + 2 < s.n ? i + 3 : s.n;
    while (end > from && s.p[end - 1] == 0)
        end--;
    return SPAN(s.p + from, end - from);
}

/* The next NAL unit, empty at the end. The bytes before the first start code are none. */
static struct span nal_next(struct span s, size_t *at)
{
    if (*at == 0 && nal_until(s, at).n > 0) *at = s.n;
    while (*at < s.n) {
        struct span nal = nal_until(s, at);
        if (nal.n > 0) return nal;
    }
    return SPAN_NONE;
}

static void h264_clear(struct span frame, struct writer *w)
{
    size_t at = 0;
    for (struct span nal = nal_next(frame, &at); nal.n; nal = nal_next(frame, &at)) {
        unsigned type = nal.p[0] & 31;
        if (type != NAL_SPS && type != NAL_PPS) continue;
        write_bytes(w, SPAN_OF(H264_START));
        write_bytes(w, nal);
    }
}

static bool h264_key(struct span frame)
{
    size_t at = 0;
    for (struct span nal = nal_next(frame, &at); nal.n; nal = nal_next(frame, &at))
        if ((nal.p[0] & 31) == NAL_IDR) return true;
    return false;
}

/* Emulation prevention, section 7.4.1.1: no 00 00 followed by 00 to 03 inside a NAL unit. */
static void h264_escape(struct writer *w, struct span s)
{
    unsigned zeros = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (zeros == 2 && s.p[i] <= 3) {
            write_u8(w, 3);
            zeros = 0;
        }
        write_u8(w, s.p[i]);
        zeros = s.p[i] == 0 ? zeros + 1 : 0;
    }
}

static void h264_unescape(struct writer *w, struct span s)
{
    unsigned zeros = 0;
    for (size_t i = 0; i < s.n; i++) {
        if (zeros >= 2 && s.p[i] == 3) {
            zeros = 0;
            continue;
        }
        write_u8(w, s.p[i]);
        zeros = s.p[i] == 0 ? zeros + 1 : 0;
    }
}

static enum err h264_find(struct span wire, struct mspan room, struct wrap_found *found)
{
    size_t at = 0;
    for (struct span nal = nal_next(wire, &at); nal.n; nal = nal_next(wire, &at)) {
        unsigned type = nal.p[0] & 31;
        if (type == NAL_SPS || type == NAL_PPS || type == NAL_DELIMITER || type == NAL_SEI) continue;
        const uint8_t *head = type == NAL_IDR ? H264_KEY : H264_DELTA;
        if (type != NAL_IDR && type != NAL_SLICE) return ERR_FORMAT;
        if (nal.n < sizeof H264_KEY + 2 || memcmp(nal.p + 1, head + 1, 2) != 0 || nal.p[nal.n - 1] != 0x80)
            return ERR_FORMAT;
        struct writer w = writer_of(room);
        h264_unescape(&w, SPAN(nal.p + sizeof H264_KEY, nal.n - sizeof H264_KEY - 1));
        if (write_ok(&w) != OK) return ERR_FULL;
        found->sframe = writer_span(&w);
        return OK;
    }
    return ERR_FORMAT;
}

/* ---- all of them ---- */

static void clear_write(const struct wrap *w, struct writer *out)
{
    if (w->codec == WRAP_AV1) av1_clear(w->frame, out);
    if (w->codec == WRAP_H264) h264_clear(w->frame, out);
}

enum err wrap_plan(struct wrap *w, enum wrap_codec codec, struct span frame)
{
    if (frame.n == 0) return ERR_IGNORED;
    struct wrap next = {.codec = codec, .frame = frame};
    if (codec == WRAP_VP8) {
        next.key = !(frame.p[0] & 1); /* RFC 6386 section 9.1 */
        next.metadata = next.key ? SPAN_OF(VP8_KEY) : SPAN_OF(VP8_DELTA);
    }
    if (codec == WRAP_H264) next.key = h264_key(frame);
    struct writer count = writer_counting(WRAP_CLEAR_MAX);
    clear_write(&next, &count);
    if (write_ok(&count) != OK) return ERR_LIMIT;
    next.clear_n = count.n;
    *w = next;
    return OK;
}

size_t wrap_size(const struct wrap *w, size_t sframe_n)
{
    size_t n = w->clear_n + w->metadata.n + sframe_n;
    if (w->codec == WRAP_AV1) n += 1 + LEB_MAX;
    if (w->codec == WRAP_H264) n += sizeof H264_START + sizeof H264_KEY + sframe_n / 2 + 1;
    return n;
}

enum err wrap_write(const struct wrap *w, struct span sframe, struct mspan out, size_t *n)
{
    struct writer o = writer_of(out);
    clear_write(w, &o);
    write_bytes(&o, w->metadata);
    if (w->codec == WRAP_AV1) {
        if (sframe.n > UINT32_MAX) return ERR_LIMIT;
        write_u8(&o, OBU_FRAME_HEAD);
        leb_write(&o, sframe.n);
    }
    if (w->codec == WRAP_H264) {
        write_bytes(&o, SPAN_OF(H264_START));
        write_bytes(&o, w->key ? SPAN_OF(H264_KEY) : SPAN_OF(H264_DELTA));
        h264_escape(&o, sframe);
        write_u8(&o, 0x80);
    } else {
        write_bytes(&o, sframe);
    }
    if (write_ok(&o) != OK) return ERR_FULL;
    *n = o.n;
    return OK;
}

static bool starts_with(struct span s, struct span prefix)
{
    return s.n >= prefix.n && memcmp(s.p, prefix.p, prefix.n) == 0;
}

enum err wrap_find(enum wrap_codec codec, struct span wire, struct mspan room, struct wrap_found *found)
{
    if (wire.n == 0) return ERR_IGNORED;
    struct wrap_found got = {SPAN_NONE, wire};
    enum err e = OK;
    if (codec == WRAP_VP8) {
        got.metadata = wire.p[0] & 1 ? SPAN_OF(VP8_DELTA) : SPAN_OF(VP8_KEY);
        if (!starts_with(wire, got.metadata)) return ERR_FORMAT;
        got.sframe = SPAN(wire.p + got.metadata.n, wire.n - got.metadata.n);
    }
    if (codec == WRAP_AV1) e = av1_find(wire, &got);
    if (codec == WRAP_H264) e = h264_find(wire, room, &got);
    if (e == OK && got.sframe.n == 0) e = ERR_SHORT;
    if (e == OK) *found = got;
    return e;
}
