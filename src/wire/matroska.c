/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/matroska.h"

/* Element ids, RFC 9559 section 5.1, with their length marker. */
enum {
    ID_EBML = 0x1a45dfa3,
    ID_EBML_VERSION = 0x4286,
    ID_EBML_READ_VERSION = 0x42f7,
    ID_EBML_MAX_ID = 0x42f2,
    ID_EBML_MAX_SIZE = 0x42f3,
    ID_DOC_TYPE = 0x4282,
    ID_DOC_VERSION = 0x4287,
    ID_DOC_READ_VERSION = 0x4285,
    ID_SEGMENT = 0x18538067,
    ID_INFO = 0x1549a966,
    ID_TIMESTAMP_SCALE = 0x2ad7b1,
    ID_DATE = 0x4461,
    ID_MUXING_APP = 0x4d80,
    ID_WRITING_APP = 0x5741,
    ID_TRACKS = 0x1654ae6b,
    ID_TRACK_ENTRY = 0xae,
    ID_TRACK_NUMBER = 0xd7,
    ID_TRACK_UID = 0x73c5,
    ID_TRACK_TYPE = 0x83,
    ID_LACING = 0x9c,
    ID_NAME = 0x536e,
    ID_CODEC = 0x86,
    ID_CODEC_PRIVATE = 0x63a2,
    ID_CODEC_DELAY = 0x56aa,
    ID_SEEK_PREROLL = 0x56bb,
    ID_AUDIO = 0xe1,
    ID_SAMPLING = 0xb5,
    ID_CHANNELS = 0x9f,
    ID_VIDEO = 0xe0,
    ID_WIDTH = 0xb0,
    ID_HEIGHT = 0xba,
    ID_CLUSTER = 0x1f43b675,
    ID_TIMESTAMP = 0xe7,
    ID_SIMPLE_BLOCK = 0xa3
};

#define OPUS_PREROLL_NS 80000000 /* RFC 7845 section 4.6, Matroska's Opus mapping */

/* 2001-01-01 in milliseconds of 1970: EBML dates count from there in nanoseconds (RFC 8794 section 7.6). */
#define EBML_EPOCH_MS INT64_C(978307200000)

static void put_id(struct writer *w, uint32_t id)
{
    for (int shift = 24; shift >= 0; shift -= 8)
        if (id >> shift) write_u8(w, (uint8_t)(id >> shift));
}

/* A size in 8 bytes, all ones where it is unknown. */
static void put_size(struct writer *w, uint64_t n)
{
    write_u64(w, UINT64_C(0x0100000000000000) | n);
}

static void put_unknown(struct writer *w, uint32_t id)
{
    put_id(w, id);
    write_u64(w, UINT64_C(0x01ffffffffffffff));
}

static void put_uint(struct writer *w, uint32_t id, uint64_t v)
{
    put_id(w, id);
    write_u8(w, 0x88);
    write_u64(w, v);
}

static void put_bytes(struct writer *w, uint32_t id, struct span s)
{
    put_id(w, id);
    put_size(w, s.n);
    write_bytes(w, s);
}

/* An element whose size is known at its end: returns where that stands. */
static size_t open_element(struct writer *w, uint32_t id)
{
    put_id(w, id);
    put_size(w, 0);
    return w->n;
}

static void close_element(struct writer *w, size_t begin)
{
    if (!w->bad && begin >= 4) write_u32_at(w, begin - 4, (uint32_t)(w->n - begin));
}

static const char *codec_id(enum codec c)
{
    switch (c) {
    case CODEC_OPUS:
        return "A_OPUS";
    case CODEC_VP8:
        return "V_VP8";
    case CODEC_VP9:
        return "V_VP9";
    case CODEC_AV1:
        return "V_AV1";
    case CODEC_H264:
        return "V_MPEG4/ISO/AVC";
    default:
        return NULL;
    }
}

const char *matroska_ending(enum codec c)
{
    return c == CODEC_H264 ? "mkv" : "webm";
}

static void put_ebml(struct writer *w, enum codec c)
{
    size_t at = open_element(w, ID_EBML);
    put_uint(w, ID_EBML_VERSION, 1);
    put_uint(w, ID_EBML_READ_VERSION, 1);
    put_uint(w, ID_EBML_MAX_ID, 4);
    put_uint(w, ID_EBML_MAX_SIZE, 8);
    put_bytes(w, ID_DOC_TYPE, c == CODEC_H264 ? SPAN_LIT("matroska") : SPAN_LIT("webm"));
    put_uint(w, ID_DOC_VERSION, 4);
    put_uint(w, ID_DOC_READ_VERSION, 2);
    close_element(w, at);
}

static void put_audio(struct writer *w, const struct matroska_track *t)
{
    /* OpusHead, RFC 7845 section 5.1: no pre-skip, for the stream has no beginning of its own */
    uint8_t head[19];
    struct writer h = writer_of(MSPAN(head, sizeof head));
    uint8_t channels = t->channels == 1 ? 1 : 2;
    write_str(&h, "OpusHead");
    write_u8(&h, 1);
    write_u8(&h, channels);
    write_zero(&h, 2);
    write_bytes(&h, SPAN_LIT("\x80\xbb\0\0")); /* 48,000 Hz, little-endian */
    write_zero(&h, 3);
    put_bytes(w, ID_CODEC_PRIVATE, writer_span(&h));
    put_uint(w, ID_CODEC_DELAY, 0);
    put_uint(w, ID_SEEK_PREROLL, OPUS_PREROLL_NS);
    size_t at = open_element(w, ID_AUDIO);
    put_bytes(w, ID_SAMPLING, SPAN_LIT("\x47\x3b\x80\x00")); /* 48,000.0 as a float */
    put_uint(w, ID_CHANNELS, channels);
    close_element(w, at);
}

static void put_video(struct writer *w, const struct frame_picture *p)
{
    if (p->private_n) put_bytes(w, ID_CODEC_PRIVATE, SPAN(p->private_data, p->private_n));
    size_t at = open_element(w, ID_VIDEO);
    put_uint(w, ID_WIDTH, p->width);
    put_uint(w, ID_HEIGHT, p->height);
    close_element(w, at);
}

enum err matroska_head(struct writer *w, const struct matroska_track *t)
{
    const char *codec = codec_id(t->codec);
    bool audio = t->codec == CODEC_OPUS;
    if (!codec || (!audio && !t->picture)) return ERR_UNSUPPORTED;
    put_ebml(w, t->codec);
    put_unknown(w, ID_SEGMENT);
    size_t at = open_element(w, ID_INFO);
    put_uint(w, ID_TIMESTAMP_SCALE, 1000000);
    put_uint(w, ID_DATE, (uint64_t)((t->begin.ms - EBML_EPOCH_MS) * 1000000));
    put_bytes(w, ID_MUXING_APP, SPAN_LIT("incamera"));
    put_bytes(w, ID_WRITING_APP, SPAN_LIT("incamera"));
    close_element(w, at);
    size_t tracks = open_element(w, ID_TRACKS), entry = open_element(w, ID_TRACK_ENTRY);
    put_uint(w, ID_TRACK_NUMBER, 1);
    put_uint(w, ID_TRACK_UID, 1);
    put_uint(w, ID_TRACK_TYPE, audio ? 2 : 1);
    put_uint(w, ID_LACING, 0);
    if (t->name.n) put_bytes(w, ID_NAME, t->name);
    put_bytes(w, ID_CODEC, span_str(codec));
    if (audio)
        put_audio(w, t);
    else
        put_video(w, t->picture);
    close_element(w, entry);
    close_element(w, tracks);
    return write_ok(w);
}

void matroska_cluster(struct writer *w, uint64_t at_ms)
{
    put_unknown(w, ID_CLUSTER);
    put_uint(w, ID_TIMESTAMP, at_ms);
}

void matroska_block(struct writer *w, unsigned after_ms, bool key, size_t n)
{
    put_id(w, ID_SIMPLE_BLOCK);
    put_size(w, n + 4);
    write_u8(w, 0x81); /* track 1 */
    write_u16(w, (uint16_t)after_ms);
    write_u8(w, key ? 0x80 : 0);
}
