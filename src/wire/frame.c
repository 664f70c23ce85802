/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/frame.h"

#include "base/read.h"
#include "base/write.h"
#include "wire/bits.h"
#include "wire/payload.h"

#define NAL_LENGTH 4

enum { NAL_IDR = 5, NAL_SPS = 7, NAL_PPS = 8, NAL_STAP_A = 24, NAL_FU_A = 28 };
enum { OBU_SEQUENCE = 1, OBU_DELIMITER = 2, OBU_TILE_LIST = 8, OBU_PADDING = 15 };

void frame_begin(struct frame_joiner *j, enum codec codec, struct mspan into)
{
    *j = (struct frame_joiner){.codec = codec, .into = into};
}

static enum err append(struct frame_joiner *j, struct span s)
{
    if (s.n > j->into.n - j->n) return ERR_FULL;
    if (s.n) memcpy(j->into.p + j->n, s.p, s.n);
    j->n += s.n;
    return OK;
}

/* --- VP8, VP9 --- */

static enum err add_vp8(struct frame_joiner *j, struct span payload)
{
    struct reader r = reader_of(payload);
    uint8_t first = read_u8(&r), flags = first & 0x80 ? read_u8(&r) : 0;
    if (flags & 0x80 && read_u8(&r) & 0x80) read_skip(&r, 1);
    if (flags & 0x40) read_skip(&r, 1);
    if (flags & 0x30) read_skip(&r, 1);
    if (r.bad) return ERR_SHORT;
    struct span rest = read_bytes(&r, read_left(&r));
    if (j->n == 0 && !(first & 0x10)) return ERR_FORMAT; /* the frame's first packet is not here */
    if (j->n == 0 && rest.n) j->key = !(rest.p[0] & 1);
    return append(j, rest);
}

/* The scalability structure, RFC 9628 section 4.2.1. */
static void skip_structure(struct reader *r)
{
    uint8_t v = read_u8(r);
    if (v & 0x10) read_skip(r, ((size_t)(v >> 5) + 1) * 4);
    unsigned pictures = v & 0x08 ? read_u8(r) : 0;
    for (unsigned i = 0; i < pictures && !r->bad; i++)
        read_skip(r, read_u8(r) >> 2 & 3u);
}

static enum err add_vp9(struct frame_joiner *j, struct span payload)
{
    struct reader r = reader_of(payload);
    uint8_t first = read_u8(&r);
    if (first & 0x80 && read_u8(&r) & 0x80) read_skip(&r, 1);
    if (first & 0x20) read_skip(&r, first & 0x10 ? 1 : 2);
    if ((first & 0x50) == 0x50) /* flexible and predicted: reference indices */
        for (unsigned i = 0; i < 3 && read_u8(&r) & 1; i++) {
        }
    if (first & 0x02) skip_structure(&r);
    if (r.bad) return ERR_SHORT;
    if (first & 0x08) { /* begins a layer frame */
        if (j->layers == FRAME_LAYERS_MAX) return ERR_FULL;
        if (j->layers == 0) j->key = !(first & 0x40);
        j->layer_at[j->layers++] = j->n;
    }
    if (j->layers == 0) return ERR_FORMAT;
    return append(j, read_bytes(&r, read_left(&r)));
}

/* Annex B: sizes of the layer frames, between two equal markers. */
static enum err superframe(struct frame_joiner *j)
{
    uint8_t index[2 + FRAME_LAYERS_MAX * 4];
    struct writer w = writer_of(MSPAN(index, sizeof index));
    uint8_t marker = (uint8_t)(0xc0 | 3 << 3 | (j->layers - 1));
    write_u8(&w, marker);
    for (unsigned i = 0; i < j->layers; i++) {
        size_t size = (i + 1u < j->layers ? j->layer_at[i + 1] : j->n) - j->layer_at[i];
        for (unsigned b = 0; b < 4; b++)
            write_u8(&w, (uint8_t)(size >> 8 * b));
    }
    write_u8(&w, marker);
    return append(j, writer_span(&w));
}

/* --- H.264 --- */

static enum err add_nal(struct frame_joiner *j, struct span nal)
{
    uint8_t length[NAL_LENGTH];
    struct writer w = writer_of(MSPAN(length, sizeof length));
    if (nal.n == 0) return ERR_FORMAT;
    if ((nal.p[0] & 0x1f) == NAL_IDR) j->key = true;
    write_u32(&w, (uint32_t)nal.n);
    enum err e = append(j, writer_span(&w));
    return e ? e : append(j, nal);
}

static void end_unit(struct frame_joiner *j)
{
    struct writer w = writer_of(MSPAN(j->into.p + j->unit_at, NAL_LENGTH));
    write_u32(&w, (uint32_t)(j->n - j->unit_at - NAL_LENGTH));
    j->unit_open = false;
}

static enum err add_fu(struct frame_joiner *j, struct span payload)
{
    static const uint8_t room[NAL_LENGTH];
    struct reader r = reader_of(payload);
    uint8_t indicator = read_u8(&r), header = read_u8(&r);
    if (r.bad) return ERR_SHORT;
    bool start = header & 0x80, end = header & 0x40;
    if (start == j->unit_open) return ERR_FORMAT;
    enum err e = OK;
    if (start) {
        uint8_t nal = (uint8_t)((indicator & 0xe0) | (header & 0x1f));
        j->unit_at = j->n;
        j->unit_open = true;
        if ((nal & 0x1f) == NAL_IDR) j->key = true;
        e = append(j, SPAN_OF(room));
        if (!e) e = append(j, SPAN(&nal, 1));
    }
    if (!e) e = append(j, read_bytes(&r, read_left(&r)));
    if (!e && end) end_unit(j);
    return e;
}

static enum err add_h264(struct frame_joiner *j, struct span payload)
{
    if (payload.n == 0) return ERR_SHORT;
    unsigned type = payload.p[0] & 0x1f;
    if (type == NAL_FU_A) return add_fu(j, payload);
    if (j->unit_open || type == 0 || type > NAL_STAP_A) return ERR_FORMAT;
    if (type != NAL_STAP_A) return add_nal(j, payload);
    struct reader r = reader_of(span_part(payload, 1, payload.n));
    enum err e = OK;
    while (!e && read_left(&r)) {
        struct span nal = read_vec16(&r);
        e = r.bad ? ERR_SHORT : add_nal(j, nal);
    }
    return e;
}

/* --- AV1 --- */

/* leb128, AV1 specification section 4.10.5; at most 32 bits here. */
static size_t read_leb128(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < 5; i++) {
        uint8_t b = read_u8(r);
        v |= (uint64_t)(b & 0x7f) << 7 * i;
        if (!(b & 0x80)) return (size_t)v;
    }
    r->bad = true;
    return 0;
}

static void write_leb128(struct writer *w, size_t v)
{
    do
        write_u8(w, (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0)));
    while (v >>= 7);
}

/* The OBU that was collected as it came, from unit_at to n, gets its size; delimiters, tile lists and padding
 * (AV1 RTP specification section 5) do not go into files. */
static enum err end_obu(struct frame_joiner *j)
{
    uint8_t head[8];
    struct reader r = reader_of(SPAN(j->into.p + j->unit_at, j->n - j->unit_at));
    struct writer w = writer_of(MSPAN(head, sizeof head));
    j->unit_open = false;
    uint8_t first = read_u8(&r);
    unsigned type = first >> 3 & 15u;
    bool sized = first & 0x02;
    write_u8(&w, first | 0x02);
    if (first & 0x04) write_u8(&w, read_u8(&r));
    size_t body = sized ? read_leb128(&r) : read_left(&r);
    if (r.bad || first & 0x80 || body > read_left(&r)) return ERR_FORMAT;
    if (type == OBU_DELIMITER || type == OBU_TILE_LIST || type == OBU_PADDING) {
        j->n = j->unit_at;
        return OK;
    }
    write_leb128(&w, body);
    struct span rest = read_bytes(&r, body);
    if (body > j->into.n - j->unit_at - w.n) return ERR_FULL;
    memmove(j->into.p + j->unit_at + w.n, rest.p, body);
    memcpy(j->into.p + j->unit_at, head, w.n);
    j->n = j->unit_at + w.n + body;
    return OK;
}

static enum err add_av1(struct frame_joiner *j, struct span payload)
{
    struct reader r = reader_of(payload);
    uint8_t header = read_u8(&r);
    bool goes_on = header & 0x80, to_be_continued = header & 0x40;
    unsigned count = header >> 4 & 3u;
    if (r.bad) return ERR_SHORT;
    if (goes_on != j->unit_open) return ERR_FORMAT;
    if (header & 0x08) j->key = true;
    for (unsigned i = 1; read_left(&r); i++) {
        size_t n = count && i == count ? read_left(&r) : read_leb128(&r);
        struct span part = read_bytes(&r, n);
        if (r.bad) return ERR_SHORT;
        if (!j->unit_open) j->unit_at = j->n;
        j->unit_open = true;
        enum err e = append(j, part);
        if (!e && (read_left(&r) || !to_be_continued)) e = end_obu(j);
        if (e) return e;
    }
    return OK;
}

/* --- all --- */

enum err frame_add(struct frame_joiner *j, struct span payload)
{
    struct payload_facts red;
    enum err e = j->broken ? ERR_STATE : OK;
    if (e) return e;
    switch (j->codec) {
    case CODEC_VP8:
        e = add_vp8(j, payload);
        break;
    case CODEC_VP9:
        e = add_vp9(j, payload);
        break;
    case CODEC_H264:
        e = add_h264(j, payload);
        break;
    case CODEC_AV1:
        e = add_av1(j, payload);
        break;
    case CODEC_RED:
        e = payload_read(CODEC_RED, payload, &red);
        if (!e) e = append(j, span_part(payload, red.primary, payload.n));
        j->key = true;
        break;
    default:
        e = append(j, payload);
        j->key = true;
        break;
    }
    if (e) j->broken = true;
    return e;
}

enum err frame_end(struct frame_joiner *j, struct span *frame, bool *key)
{
    if (j->broken || j->unit_open || j->n == 0) return ERR_FORMAT;
    if (j->layers > 1 && superframe(j)) return ERR_FORMAT;
    *frame = SPAN(j->into.p, j->n);
    *key = j->key;
    return OK;
}

/* --- what a key frame says --- */

static enum err describe_vp8(struct span frame, struct frame_picture *p)
{
    struct reader r = reader_of(frame);
    read_skip(&r, 3);
    uint32_t start = read_u24(&r), size = read_u32(&r);
    if (r.bad) return ERR_SHORT;
    if (start != 0x9d012a) return ERR_FORMAT; /* RFC 6386 section 9.1; sizes are little-endian, 14 bits */
    p->width = (uint16_t)((size >> 24 | (size >> 8 & 0xff00)) & 0x3fff);
    p->height = (uint16_t)((size >> 8 & 0xff) | (size << 8 & 0x3f00));
    return OK;
}

/* VP9 bitstream section 6.2. Of a superframe this is the lowest layer; players take the size from the stream. */
static enum err describe_vp9(struct span frame, struct frame_picture *p)
{
    struct bits b = {frame, 0, false};
    if (bits_take(&b, 2) != 2) return ERR_FORMAT;
    unsigned profile = bits_take(&b, 1) | bits_take(&b, 1) << 1;
    if (profile == 3) (void)bits_take(&b, 1);
    bool existing = bits_take(&b, 1), inter = bits_take(&b, 1);
    (void)bits_take(&b, 2);
    if (existing || inter || bits_take(&b, 24) != 0x498342) return ERR_FORMAT;
    if (profile >= 2) (void)bits_take(&b, 1);
    if (bits_take(&b, 3) != 7) {
        (void)bits_take(&b, 1);
        if (profile & 1) (void)bits_take(&b, 3);
    } else if (profile & 1) {
        (void)bits_take(&b, 1);
    }
    p->width = (uint16_t)(bits_take(&b, 16) + 1);
    p->height = (uint16_t)(bits_take(&b, 16) + 1);
    return b.bad ? ERR_SHORT : OK;
}

/* A NAL unit's bytes without the emulation prevention (H.264 section 7.4.1.1), as many as fit. */
static struct span unescape(struct span nal, struct mspan into)
{
    size_t n = 0;
    unsigned zeros = 0;
    for (size_t i = 0; i < nal.n && n < into.n; i++) {
        if (zeros >= 2 && nal.p[i] == 3) {
            zeros = 0;
            continue;
        }
        zeros = nal.p[i] ? 0 : zeros + 1;
        into.p[n++] = nal.p[i];
    }
    return SPAN(into.p, n);
}

static void skip_scaling(struct bits *b, unsigned lists)
{
    for (unsigned i = 0; i < lists && !b->bad; i++) {
        if (!bits_take(b, 1)) continue;
        int last = 8, next = 8;
        for (unsigned k = 0; k < (i < 6 ? 16u : 64u) && !b->bad; k++) {
            if (next) {
                uint32_t code = bits_golomb(b);
                int delta = code & 1 ? (int)((code & 0xffff) / 2 + 1) : -(int)((code & 0xffff) / 2);
                next = (last + delta + 256) & 255;
            }
            last = next ? next : last;
        }
    }
}

static bool high_profile(unsigned profile)
{
    static const uint8_t high[] = {100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135};
    for (unsigned i = 0; i < sizeof high; i++)
        if (high[i] == profile) return true;
    return false;
}

/* H.264 section 7.3.2.1.1, as far as the size. */
static enum err read_sps(struct span nal, struct frame_picture *p)
{
    uint8_t plain[256];
    struct bits b = {unescape(nal, MSPAN(plain, sizeof plain)), 8, false};
    unsigned profile = bits_take(&b, 8), chroma = 1;
    (void)bits_take(&b, 16);
    (void)bits_golomb(&b);
    if (high_profile(profile)) {
        chroma = bits_golomb(&b);
        if (chroma == 3) (void)bits_take(&b, 1);
        (void)bits_golomb(&b);
        (void)bits_golomb(&b);
        (void)bits_take(&b, 1);
        if (bits_take(&b, 1)) skip_scaling(&b, chroma == 3 ? 12 : 8);
    }
    (void)bits_golomb(&b);
    unsigned order = bits_golomb(&b);
    if (order == 0) (void)bits_golomb(&b);
    if (order == 1) {
        (void)bits_take(&b, 1);
        bits_skip_signed(&b);
        bits_skip_signed(&b);
        for (uint32_t n = bits_golomb(&b); n && !b.bad; n--)
            bits_skip_signed(&b);
    }
    (void)bits_golomb(&b);
    (void)bits_take(&b, 1);
    uint32_t width = (bits_golomb(&b) + 1) * 16, rows = bits_golomb(&b) + 1;
    bool frames_only = bits_take(&b, 1);
    if (!frames_only) (void)bits_take(&b, 1);
    (void)bits_take(&b, 1);
    uint32_t height = rows * 16 * (frames_only ? 1 : 2), crop[4] = {0};
    for (unsigned i = 0, any = bits_take(&b, 1); any && i < 4; i++)
        crop[i] = bits_golomb(&b);
    uint32_t x = (crop[0] + crop[1]) * (chroma == 1 || chroma == 2 ? 2 : 1);
    uint32_t y = (crop[2] + crop[3]) * (chroma == 1 ? 2 : 1) * (frames_only ? 1 : 2);
    if (b.bad) return ERR_SHORT;
    if (x >= width || y >= height || width > UINT16_MAX || height > UINT16_MAX) return ERR_FORMAT;
    p->width = (uint16_t)(width - x);
    p->height = (uint16_t)(height - y);
    return OK;
}

/* ISO 14496-15 section 5.3.3.1.2 with one parameter set of each kind. */
static enum err write_avcc(struct span sps, struct span pps, struct frame_picture *p)
{
    struct writer w = writer_of(MSPAN(p->private_data, sizeof p->private_data));
    write_u8(&w, 1);
    write_bytes(&w, span_part(sps, 1, 3));
    write_u8(&w, 0xff); /* 4-byte lengths */
    write_u8(&w, 0xe1);
    write_vec16(&w, sps);
    write_u8(&w, 1);
    write_vec16(&w, pps);
    if (w.bad) return ERR_LIMIT;
    p->private_n = (uint16_t)w.n;
    return OK;
}

static enum err describe_h264(struct span frame, struct frame_picture *p)
{
    struct reader r = reader_of(frame);
    struct span sps = SPAN_NONE, pps = SPAN_NONE;
    while (read_left(&r)) {
        struct span nal = read_vec32(&r);
        if (r.bad || nal.n == 0) return ERR_FORMAT;
        unsigned type = nal.p[0] & 0x1f;
        if (type == NAL_SPS) sps = nal;
        if (type == NAL_PPS) pps = nal;
    }
    if (sps.n < 4 || pps.n == 0) return ERR_FORMAT;
    enum err e = read_sps(sps, p);
    return e ? e : write_avcc(sps, pps, p);
}

static void skip_operating_points(struct bits *b)
{
    unsigned delay_bits = 0;
    bool model = false, timing = bits_take(b, 1);
    if (timing) {
        (void)bits_take(b, 32);
        (void)bits_take(b, 32);
        if (bits_take(b, 1)) (void)bits_golomb(b);
        model = bits_take(b, 1);
        if (model) {
            delay_bits = bits_take(b, 5) + 1;
            (void)bits_take(b, 32);
            (void)bits_take(b, 10);
        }
    }
    bool initial = bits_take(b, 1);
    for (unsigned n = bits_take(b, 5) + 1; n && !b->bad; n--) {
        (void)bits_take(b, 12);
        if (bits_take(b, 5) > 7) (void)bits_take(b, 1);
        if (model && bits_take(b, 1)) {
            (void)bits_take(b, delay_bits);
            (void)bits_take(b, delay_bits);
            (void)bits_take(b, 1);
        }
        if (initial && bits_take(b, 1)) (void)bits_take(b, 4);
    }
}

/* AV1 specification section 5.5.1; av1C of the AV1 in Matroska mapping. */
static enum err read_sequence(struct span obu, struct span body, struct frame_picture *p)
{
    struct bits b = {body, 0, false};
    uint8_t profile = (uint8_t)bits_take(&b, 3), level = 0;
    (void)bits_take(&b, 1);
    bool reduced = bits_take(&b, 1);
    if (reduced)
        level = (uint8_t)bits_take(&b, 5);
    else {
        struct bits first = b; /* the level of the first operating point, without timing: the usual case */
        skip_operating_points(&b);
        if (!bits_take(&first, 1)) {
            (void)bits_take(&first, 1 + 5 + 12);
            level = (uint8_t)bits_take(&first, 5);
        }
    }
    unsigned width_bits = bits_take(&b, 4) + 1, height_bits = bits_take(&b, 4) + 1;
    p->width = (uint16_t)(bits_take(&b, width_bits) + 1);
    p->height = (uint16_t)(bits_take(&b, height_bits) + 1);
    if (b.bad) return ERR_SHORT;
    struct writer w = writer_of(MSPAN(p->private_data, sizeof p->private_data));
    write_u8(&w, 0x81);
    write_u8(&w, (uint8_t)(profile << 5 | level));
    write_u8(&w, profile == 0 ? 0x0c : 0x00); /* 8 bits, 4:2:0: what browsers send */
    write_u8(&w, 0);
    write_bytes(&w, obu);
    if (w.bad) return ERR_LIMIT;
    p->private_n = (uint16_t)w.n;
    return OK;
}

static enum err describe_av1(struct span frame, struct frame_picture *p)
{
    struct reader r = reader_of(frame);
    while (read_left(&r)) {
        const uint8_t *begin = r.p;
        uint8_t first = read_u8(&r);
        if (first & 0x04) read_skip(&r, 1);
        if (!(first & 0x02)) return ERR_FORMAT;
        struct span body = read_bytes(&r, read_leb128(&r));
        if (r.bad) return ERR_SHORT;
        if ((first >> 3 & 15u) == OBU_SEQUENCE)
            return read_sequence(SPAN(begin, (size_t)(r.p - begin)), body, p);
    }
    return ERR_FORMAT;
}

enum err frame_describe(enum codec codec, struct span frame, struct frame_picture *picture)
{
    struct frame_picture p = {0};
    enum err e = codec == CODEC_VP8    ? describe_vp8(frame, &p)
                 : codec == CODEC_VP9  ? describe_vp9(frame, &p)
                 : codec == CODEC_H264 ? describe_h264(frame, &p)
                 : codec == CODEC_AV1  ? describe_av1(frame, &p)
                                       : OK;
    if (!e) *picture = p;
    return e;
}
