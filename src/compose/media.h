/* SPDX-License-Identifier: Apache-2.0
 * FFmpeg's libraries, all of them that we use: reading a track's file, drawing pictures and names onto a canvas,
 * writing the result. Times are ms of the recording; sound is 48 kHz, two channels, interleaved floats. */
#ifndef COMPOSE_MEDIA_H
#define COMPOSE_MEDIA_H

#include "base/err.h"
#include "base/span.h"

#define MEDIA_RATE 48000 /* samples a second */

/* Nothing but errors is told. */
void media_quiet(void);

struct media_in;
struct media_canvas;
struct media_out;

struct media_place {
    unsigned x, y, w, h; /* even */
};

/* Opens a recorded track. ERR_IO when it can't be read, ERR_UNSUPPORTED without a decoder, ERR_NOMEM. */
enum err media_open(const char *path, struct media_in **in) MUST_CHECK;
void media_close(struct media_in *in);
/* Moves on to the newest picture at or before ms and draws it, with its proportions, when it changed or `again`;
 * true when it drew. */
bool media_draw(struct media_in *in, uint64_t ms, struct media_canvas *canvas, struct media_place at,
                bool again);
/* Adds the sound from sample `from` of the recording on to mix; gaps are silence. */
void media_mix(struct media_in *in, uint64_t from, unsigned samples, float *mix);

/* ERR_NOMEM. */
enum err media_canvas_new(unsigned width, unsigned height, struct media_canvas **canvas) MUST_CHECK;
void media_canvas_free(struct media_canvas *c);
void media_clear(struct media_canvas *c);
/* An empty card. */
void media_card(struct media_canvas *c, struct media_place at);
/* A name in a box: in the corner of the place, or large in its middle. Without a font: nothing. */
void media_label(struct media_canvas *c, struct media_place at, const char *text, bool middle);

/* WebM (VP9, Opus) or, when the path ends in .mp4, MP4 (H.264, AAC). ERR_IO, ERR_UNSUPPORTED. */
enum err media_create(const char *path, const struct media_canvas *c, unsigned pictures_a_second,
                      struct media_out **out) MUST_CHECK;
enum err media_put_picture(struct media_out *o, const struct media_canvas *c, uint64_t number) MUST_CHECK;
/* Any number of samples, gaplessly. */
enum err media_put_sound(struct media_out *o, const float *mix, unsigned samples) MUST_CHECK;
/* Writes what is left. */
enum err media_finish(struct media_out *o) MUST_CHECK;
void media_out_free(struct media_out *o);

#endif
