/* SPDX-License-Identifier: Apache-2.0 */
#include "compose/media.h"

#include "base/mem.h"

#include <libavcodec/avcodec.h>
#include <libavfilter/avfilter.h>
#include <libavfilter/buffersink.h>
#include <libavformat/avformat.h>
#include <libavutil/audio_fifo.h>
#include <libavutil/opt.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
#include <string.h>

#define PIXELS_MAX (4096 * 4096)
#define NAMES_MAX  128

struct media_in {
    AVFormatContext *file;
    AVCodecContext *decoder;
    int stream;
    bool ended, changed;
    AVFrame *now, *next; /* the picture shown · the first picture or sound that is not due */
    bool has_now, has_next;
    struct SwsContext *scale;
    struct SwrContext *sound;
    float *held; /* samples from held_from on */
    uint64_t held_from;
    unsigned held_n, held_size;
};

struct name {
    char text[200];
    unsigned size;
    AVFrame *picture; /* grey: 255 is ink */
};
struct media_canvas {
    AVFrame *frame;
    struct name name[NAMES_MAX];
    unsigned names;
};

struct track_out {
    AVCodecContext *encoder;
    AVStream *stream;
};
struct media_out {
    AVFormatContext *file;
    struct track_out picture, sound;
    AVAudioFifo *fifo;
    int64_t samples;
    AVPacket *packet;
    AVFrame *chunk;
};

void media_quiet(void)
{
    av_log_set_level(AV_LOG_FATAL);
}

/* ---- reading ---- */

enum err media_open(const char *path, struct media_in **in)
{
    struct media_in *m = mem_new(1, sizeof *m);
    const AVCodec *codec = NULL;
    enum err e = m ? OK : ERR_NOMEM;
    if (!e && avformat_open_input(&m->file, path, NULL, NULL) < 0) e = ERR_IO;
    if (!e && avformat_find_stream_info(m->file, NULL) < 0) e = ERR_IO;
    if (!e && m->file->nb_streams < 1) e = ERR_IO;
    if (!e) codec = avcodec_find_decoder(m->file->streams[0]->codecpar->codec_id);
    if (!e && !codec) e = ERR_UNSUPPORTED;
    if (!e && !(m->decoder = avcodec_alloc_context3(codec))) e = ERR_NOMEM;
    if (!e && avcodec_parameters_to_context(m->decoder, m->file->streams[0]->codecpar) < 0) e = ERR_IO;
    if (!e) {
        m->decoder->pkt_timebase = m->file->streams[0]->time_base;
        m->decoder->max_pixels = PIXELS_MAX;
        m->decoder->thread_count = 1;
        m->now = av_frame_alloc();
        m->next = av_frame_alloc();
        if (!m->now || !m->next) e = ERR_NOMEM;
    }
    if (!e && avcodec_open2(m->decoder, codec, NULL) < 0) e = ERR_UNSUPPORTED;
    if (e) {
        media_close(m);
        return e;
    }
    *in = m;
    return OK;
}

void media_close(struct media_in *m)
{
    if (!m) return;
    avcodec_free_context(&m->decoder);
    avformat_close_input(&m->file);
    av_frame_free(&m->now);
    av_frame_free(&m->next);
    sws_freeContext(m->scale);
    swr_free(&m->sound);
    mem_free(m->held);
    mem_free(m);
}

/* The next decoded frame; false at the end. What does not decode is passed over, as a player does. */
static bool decode(struct media_in *m, AVFrame *frame)
{
    AVPacket *packet = av_packet_alloc();
    bool got = false;
    while (packet && !got && !m->ended) {
        int e = avcodec_receive_frame(m->decoder, frame);
        if (e == 0) {
            got = true;
        } else if (e == AVERROR_EOF) {
            m->ended = true;
        } else if (av_read_frame(m->file, packet) < 0) {
            (void)avcodec_send_packet(m->decoder, NULL);
        } else {
            (void)avcodec_send_packet(m->decoder, packet);
            av_packet_unref(packet);
        }
    }
    av_packet_free(&packet);
    return got;
}

static int64_t ms_of(const struct media_in *m, const AVFrame *f)
{
    return av_rescale_q(f->best_effort_timestamp, m->file->streams[0]->time_base, (AVRational){1, 1000});
}

static void advance(struct media_in *m, uint64_t ms)
{
    for (;;) {
        if (!m->has_next) m->has_next = decode(m, m->next);
        if (!m->has_next || ms_of(m, m->next) > (int64_t)ms) return;
        AVFrame *was = m->now;
        m->now = m->next;
        m->next = was;
        av_frame_unref(m->next);
        m->has_next = false;
        m->has_now = m->changed = true;
    }
}

/* ---- the canvas ---- */

enum err media_canvas_new(unsigned width, unsigned height, struct media_canvas **canvas)
{
    struct media_canvas *c = mem_new(1, sizeof *c);
    if (!c) return ERR_NOMEM;
    c->frame = av_frame_alloc();
    if (c->frame) {
        c->frame->format = AV_PIX_FMT_YUV420P;
        c->frame->width = (int)width;
        c->frame->height = (int)height;
    }
    if (!c->frame || av_frame_get_buffer(c->frame, 0) < 0) {
        media_canvas_free(c);
        return ERR_NOMEM;
    }
    *canvas = c;
    return OK;
}

void media_canvas_free(struct media_canvas *c)
{
    if (!c) return;
    for (unsigned i = 0; i < c->names; i++)
        av_frame_free(&c->name[i].picture);
    av_frame_free(&c->frame);
    mem_free(c);
}

static void fill(struct media_canvas *c, struct media_place at, uint8_t y, uint8_t u, uint8_t v)
{
    const uint8_t value[3] = {y, u, v};
    if (av_frame_make_writable(c->frame) < 0) return;
    for (unsigned p = 0; p < 3; p++) {
        unsigned half = p ? 1 : 0;
        for (unsigned row = at.y >> half; row < (at.y + at.h) >> half; row++)
            memset(c->frame->data[p] + (size_t)row * (size_t)c->frame->linesize[p] + (at.x >> half), value[p],
                   at.w >> half);
    }
}

void media_clear(struct media_canvas *c)
{
    fill(c, (struct media_place){0, 0, (unsigned)c->frame->width, (unsigned)c->frame->height}, 22, 128, 128);
}

void media_card(struct media_canvas *c, struct media_place at)
{
    fill(c, at, 48, 132, 122);
}

bool media_draw(struct media_in *m, uint64_t ms, struct media_canvas *c, struct media_place at, bool again)
{
    advance(m, ms);
    if (!m->has_now) {
        if (again) media_card(c, at);
        return again;
    }
    if ((!m->changed && !again) || av_frame_make_writable(c->frame) < 0) return false;
    m->changed = false;
    unsigned w = at.w, h = (unsigned)((uint64_t)at.w * (unsigned)m->now->height / (unsigned)m->now->width);
    if (h > at.h) {
        h = at.h;
        w = (unsigned)((uint64_t)at.h * (unsigned)m->now->width / (unsigned)m->now->height);
    }
    w = w < 2 ? 2 : w & ~1u;
    h = h < 2 ? 2 : h & ~1u;
    unsigned x = at.x + ((at.w - w) / 2 & ~1u), y = at.y + ((at.h - h) / 2 & ~1u);
    m->scale = sws_getCachedContext(m->scale, m->now->width, m->now->height, m->now->format, (int)w, (int)h,
                                    AV_PIX_FMT_YUV420P, SWS_BILINEAR, NULL, NULL, NULL);
    if (!m->scale) return false;
    if (again || w != at.w || h != at.h) fill(c, at, 16, 128, 128);
    uint8_t *into[4] = {0};
    for (unsigned p = 0; p < 3; p++)
        into[p] =
            c->frame->data[p] + (size_t)(p ? y / 2 : y) * (size_t)c->frame->linesize[p] + (p ? x / 2 : x);
    (void)sws_scale(m->scale, (const uint8_t *const *)m->now->data, m->now->linesize, 0, m->now->height, into,
                    c->frame->linesize);
    return true;
}

/* ---- names ---- */

/* White text on black, by drawtext: it knows fonts and scripts. */
static AVFrame *render(const char *text, unsigned size)
{
    AVFilterGraph *g = avfilter_graph_alloc();
    AVFilterContext *source = NULL, *draw = NULL, *grey = NULL, *sink = NULL;
    AVFrame *picture = av_frame_alloc();
    char area[64];
    bool good = false;
    snprintf(area, sizeof area, "c=black:s=%ux%u:r=1:d=1", size * 24, size * 2);
    if (g && picture &&
        avfilter_graph_create_filter(&source, avfilter_get_by_name("color"), "s", area, NULL, g) >= 0 &&
        avfilter_graph_create_filter(&grey, avfilter_get_by_name("format"), "f", "pix_fmts=gray", NULL, g) >=
            0 &&
        avfilter_graph_create_filter(&sink, avfilter_get_by_name("buffersink"), "k", NULL, NULL, g) >= 0 &&
        (draw = avfilter_graph_alloc_filter(g, avfilter_get_by_name("drawtext"), "d"))) {
        AVDictionary *options = NULL;
        char points[16];
        snprintf(points, sizeof points, "%u", size);
        av_dict_set(&options, "text", text, 0);
        av_dict_set(&options, "expansion", "none", 0);
        av_dict_set(&options, "font", "Sans", 0);
        av_dict_set(&options, "fontsize", points, 0);
        av_dict_set(&options, "fontcolor", "white", 0);
        av_dict_set(&options, "x", "4", 0);
        av_dict_set(&options, "y", "(h-lh)/2", 0);
        good = avfilter_init_dict(draw, &options) >= 0 && avfilter_link(source, 0, draw, 0) >= 0 &&
               avfilter_link(draw, 0, grey, 0) >= 0 && avfilter_link(grey, 0, sink, 0) >= 0 &&
               avfilter_graph_config(g, NULL) >= 0 && av_buffersink_get_frame(sink, picture) >= 0;
        av_dict_free(&options);
    }
    avfilter_graph_free(&g);
    if (!good) av_frame_free(&picture);
    return picture;
}

static const AVFrame *name_of(struct media_canvas *c, const char *text, unsigned size)
{
    for (unsigned i = 0; i < c->names; i++)
        if (c->name[i].size == size && strncmp(c->name[i].text, text, sizeof c->name[i].text - 1) == 0)
            return c->name[i].picture;
    if (c->names == NAMES_MAX) av_frame_free(&c->name[--c->names].picture);
    struct name *n = &c->name[c->names++];
    *n = (struct name){.size = size, .picture = render(text, size)};
    strncpy(n->text, text, sizeof n->text - 1);
    return n->picture;
}

/* Columns up to the last with ink, and a margin. */
static unsigned width_of(const AVFrame *f)
{
    for (int x = f->width - 1; x >= 0; x--)
        for (int y = 0; y < f->height; y++)
            if (f->data[0][(ptrdiff_t)y * f->linesize[0] + x] > 64)
                return x + 6 < f->width ? (unsigned)x + 6 : (unsigned)f->width;
    return 0;
}

void media_label(struct media_canvas *c, struct media_place at, const char *text, bool middle)
{
    unsigned size = middle ? at.h / 8 : at.h / 16;
    size = size < 10 ? 10 : size > 48 ? 48 : size;
    const AVFrame *f = text[0] ? name_of(c, text, size) : NULL;
    if (!f || av_frame_make_writable(c->frame) < 0) return;
    unsigned w = width_of(f), h = (unsigned)f->height;
    w = (w > at.w ? at.w : w) & ~1u;
    h = (h > at.h ? at.h : h) & ~1u;
    unsigned x = middle ? at.x + (at.w - w) / 2 : at.x + 4,
             y = middle ? at.y + (at.h - h) / 2 : at.y + at.h - h;
    if (x + w > at.x + at.w) x = at.x;
    for (unsigned p = 1; p < 3 && !middle; p++) /* no colour in the box */
        for (unsigned row = y / 2; row < (y + h) / 2; row++)
            memset(c->frame->data[p] + (size_t)row * (size_t)c->frame->linesize[p] + x / 2, 128, w / 2);
    for (unsigned row = 0; row < h; row++) {
        uint8_t *to = c->frame->data[0] + (size_t)(y + row) * (size_t)c->frame->linesize[0] + x;
        const uint8_t *from = f->data[0] + (ptrdiff_t)row * f->linesize[0];
        for (unsigned i = 0; i < w; i++) { /* the box darkens what lies under it */
            unsigned under = middle ? to[i] : to[i] / 3;
            to[i] = (uint8_t)(under + (235 - under) * from[i] / 255);
        }
    }
}

/* ---- sound ---- */

static bool ready(struct media_in *m, AVFrame *f)
{
    if (m->sound) return true;
    AVChannelLayout two = AV_CHANNEL_LAYOUT_STEREO;
    return swr_alloc_set_opts2(&m->sound, &two, AV_SAMPLE_FMT_FLT, MEDIA_RATE, &f->ch_layout, f->format,
                               f->sample_rate, 0, NULL) >= 0 &&
           swr_init(m->sound) >= 0;
}

static uint64_t sample_of(const struct media_in *m, const AVFrame *f)
{
    int64_t ms = ms_of(m, f);
    return ms > 0 ? (uint64_t)ms * (MEDIA_RATE / 1000) : 0;
}

/* A decoded frame goes behind what is held: at its time when that is ahead, else right behind. */
static void hold(struct media_in *m, AVFrame *f)
{
    if (!ready(m, f)) return;
    uint64_t at = sample_of(m, f), end = m->held_from + m->held_n;
    if (m->held_n == 0 && at > m->held_from) m->held_from = end = at;
    unsigned gap = at > end + MEDIA_RATE / 25 ? (unsigned)(at - end) : 0; /* less than 40 ms is jitter */
    unsigned most = (unsigned)swr_get_out_samples(m->sound, f->nb_samples);
    if (m->held_n + gap + most > m->held_size) {
        float *more = mem_resize(m->held, (size_t)(m->held_n + gap + most) * 2, sizeof *more);
        if (!more) return;
        m->held = more;
        m->held_size = m->held_n + gap + most;
    }
    memset(m->held + (size_t)m->held_n * 2, 0, (size_t)gap * 2 * sizeof *m->held);
    m->held_n += gap;
    uint8_t *into = (uint8_t *)(m->held + (size_t)m->held_n * 2);
    const uint8_t *parts[2] = {f->extended_data[0], f->extended_data[f->ch_layout.nb_channels > 1]};
    int n = swr_convert(m->sound, &into, (int)most, parts, f->nb_samples);
    if (n > 0) m->held_n += (unsigned)n;
}

void media_mix(struct media_in *m, uint64_t from, unsigned samples, float *mix)
{
    while (m->held_from + m->held_n < from + samples) {
        if (!m->has_next) m->has_next = decode(m, m->next);
        if (!m->has_next || sample_of(m, m->next) >= from + samples)
            break; /* not due yet: it stays in hand */
        hold(m, m->next);
        av_frame_unref(m->next);
        m->has_next = false;
    }
    uint64_t begin = m->held_from > from ? m->held_from : from;
    uint64_t end = m->held_from + m->held_n < from + samples ? m->held_from + m->held_n : from + samples;
    for (uint64_t s = begin; s < end; s++)
        for (unsigned k = 0; k < 2; k++)
            mix[(s - from) * 2 + k] += m->held[(s - m->held_from) * 2 + k];
    uint64_t done = from + samples > m->held_from ? from + samples - m->held_from : 0;
    if (done > m->held_n) done = m->held_n;
    if (!done) return;
    memmove(m->held, m->held + done * 2, (size_t)(m->held_n - done) * 2 * sizeof *m->held);
    m->held_n -= (unsigned)done;
    m->held_from += done;
}

/* ---- writing ---- */

static enum err add_track(struct media_out *o, struct track_out *t, const char *encoder,
                          AVDictionary **options, void (*set)(AVCodecContext *, const void *),
                          const void *arg)
{
    const AVCodec *codec = avcodec_find_encoder_by_name(encoder);
    if (!codec) return ERR_UNSUPPORTED;
    t->encoder = avcodec_alloc_context3(codec);
    t->stream = avformat_new_stream(o->file, NULL);
    if (!t->encoder || !t->stream) return ERR_NOMEM;
    set(t->encoder, arg);
    if (o->file->oformat->flags & AVFMT_GLOBALHEADER) t->encoder->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (avcodec_open2(t->encoder, codec, options) < 0) return ERR_UNSUPPORTED;
    t->stream->time_base = t->encoder->time_base;
    return avcodec_parameters_from_context(t->stream->codecpar, t->encoder) < 0 ? ERR_NOMEM : OK;
}

struct picture_kind {
    const struct media_canvas *canvas;
    unsigned rate;
};
static void set_picture(AVCodecContext *c, const void *arg)
{
    const struct picture_kind *k = arg;
    c->width = k->canvas->frame->width;
    c->height = k->canvas->frame->height;
    c->pix_fmt = AV_PIX_FMT_YUV420P;
    c->time_base = (AVRational){1, (int)k->rate};
    c->framerate = (AVRational){(int)k->rate, 1};
    c->gop_size = (int)k->rate * 5;
    c->thread_count = 0;
}

static void set_sound(AVCodecContext *c, const void *arg)
{
    (void)arg;
    c->sample_rate = MEDIA_RATE;
    c->sample_fmt = c->codec->sample_fmts[0];
    for (const enum AVSampleFormat *f = c->codec->sample_fmts; *f != AV_SAMPLE_FMT_NONE; f++)
        if (*f == AV_SAMPLE_FMT_FLT || *f == AV_SAMPLE_FMT_FLTP) c->sample_fmt = *f;
    c->bit_rate = 96000;
    c->time_base = (AVRational){1, MEDIA_RATE};
    av_channel_layout_default(&c->ch_layout, 2);
}

enum err media_create(const char *path, const struct media_canvas *c, unsigned rate, struct media_out **out)
{
    struct media_out *o = mem_new(1, sizeof *o);
    size_t n = strlen(path);
    bool mp4 = n > 4 && strcmp(path + n - 4, ".mp4") == 0;
    struct picture_kind kind = {c, rate};
    AVDictionary *options = NULL;
    enum err e = o ? OK : ERR_NOMEM;
    if (!e && avformat_alloc_output_context2(&o->file, NULL, mp4 ? "mp4" : "webm", path) < 0)
        e = ERR_UNSUPPORTED;
    if (mp4) {
        av_dict_set(&options, "preset", "veryfast", 0);
        av_dict_set(&options, "crf", "24", 0);
    } else {
        av_dict_set(&options, "deadline", "realtime", 0);
        av_dict_set(&options, "cpu-used", "7", 0);
        av_dict_set(&options, "row-mt", "1", 0);
        av_dict_set(&options, "crf", "33", 0);
        av_dict_set(&options, "b", "0", 0);
    }
    if (!e) e = add_track(o, &o->picture, mp4 ? "libx264" : "libvpx-vp9", &options, set_picture, &kind);
    av_dict_free(&options);
    if (!e) e = add_track(o, &o->sound, mp4 ? "aac" : "libopus", NULL, set_sound, NULL);
    if (!e && avio_open(&o->file->pb, path, AVIO_FLAG_WRITE) < 0) e = ERR_IO;
    if (!e) {
        o->fifo = av_audio_fifo_alloc(o->sound.encoder->sample_fmt, 2, MEDIA_RATE);
        o->packet = av_packet_alloc();
        o->chunk = av_frame_alloc();
        if (!o->fifo || !o->packet || !o->chunk) e = ERR_NOMEM;
    }
    if (!e && avformat_write_header(o->file, NULL) < 0) e = ERR_IO;
    if (e)
        media_out_free(o);
    else
        *out = o;
    return e;
}

static enum err put(struct media_out *o, struct track_out *t, const AVFrame *frame)
{
    if (avcodec_send_frame(t->encoder, frame) < 0) return ERR_IO;
    for (;;) {
        int e = avcodec_receive_packet(t->encoder, o->packet);
        if (e == AVERROR(EAGAIN) || e == AVERROR_EOF) return OK;
        if (e < 0) return ERR_IO;
        av_packet_rescale_ts(o->packet, t->encoder->time_base, t->stream->time_base);
        o->packet->stream_index = t->stream->index;
        if (av_interleaved_write_frame(o->file, o->packet) < 0) return ERR_IO;
    }
}

enum err media_put_picture(struct media_out *o, const struct media_canvas *c, uint64_t number)
{
    c->frame->pts = (int64_t)number;
    return put(o, &o->picture, c->frame);
}

static enum err flush_sound(struct media_out *o, bool all)
{
    AVCodecContext *a = o->sound.encoder;
    int want = a->frame_size ? a->frame_size : 960, there;
    while ((there = av_audio_fifo_size(o->fifo)) >= want || (all && there > 0)) {
        int n = there < want ? there : want;
        o->chunk->nb_samples = n;
        o->chunk->format = a->sample_fmt;
        o->chunk->sample_rate = MEDIA_RATE;
        av_channel_layout_default(&o->chunk->ch_layout, 2);
        if (av_frame_get_buffer(o->chunk, 0) < 0) return ERR_NOMEM;
        (void)av_audio_fifo_read(o->fifo, (void **)o->chunk->extended_data, n);
        o->chunk->pts = o->samples;
        o->samples += n;
        enum err e = put(o, &o->sound, o->chunk);
        av_frame_unref(o->chunk);
        if (e) return e;
    }
    return OK;
}

enum err media_put_sound(struct media_out *o, const float *mix, unsigned samples)
{
    enum { PART = 1024 };
    float side[2][PART];
    for (unsigned at = 0; at < samples;) {
        unsigned n = samples - at < PART ? samples - at : PART;
        for (unsigned i = 0; i < n; i++)
            for (unsigned k = 0; k < 2; k++)
                side[k][i] = mix[(at + i) * 2 + k];
        union {
            const float *f;
            void *v;
        } together = {mix + (size_t)at * 2};
        void *planar[2] = {side[0], side[1]}, *packed[1] = {together.v};
        bool apart = av_sample_fmt_is_planar(o->sound.encoder->sample_fmt);
        if (av_audio_fifo_write(o->fifo, apart ? planar : packed, (int)n) < 0) return ERR_NOMEM;
        at += n;
    }
    return flush_sound(o, false);
}

enum err media_finish(struct media_out *o)
{
    enum err e = flush_sound(o, true);
    if (!e) e = put(o, &o->picture, NULL);
    if (!e) e = put(o, &o->sound, NULL);
    if (!e && av_write_trailer(o->file) < 0) e = ERR_IO;
    if (!e && avio_closep(&o->file->pb) < 0) e = ERR_IO;
    return e;
}

void media_out_free(struct media_out *o)
{
    if (!o) return;
    avcodec_free_context(&o->picture.encoder);
    avcodec_free_context(&o->sound.encoder);
    if (o->fifo) av_audio_fifo_free(o->fifo);
    av_packet_free(&o->packet);
    av_frame_free(&o->chunk);
    if (o->file) avio_closep(&o->file->pb);
    avformat_free_context(o->file);
    mem_free(o);
}
