/* SPDX-License-Identifier: Apache-2.0
 * What a composed recording shows when: read from the timelines of an exported recording (docs/recording.md).
 * Cells are people with something to show or say, and screens; where they stand follows from who is there. */
#ifndef COMPOSE_PLAN_H
#define COMPOSE_PLAN_H

#include "base/err.h"
#include "base/span.h"

#define PLAN_TRACKS_MAX   1024
#define PLAN_SPEAKERS_MAX 65536
#define PLAN_CELLS_MAX    25 /* more people than this are not shown, but heard */
#define PLAN_NAME_MAX     200
#define PLAN_FILE_MAX     64

enum plan_source { PLAN_MICROPHONE, PLAN_CAMERA, PLAN_SCREEN, PLAN_SCREEN_AUDIO };
enum plan_layout { PLAN_GRID, PLAN_SPEAKER };

struct plan_track {
    char file[PLAN_FILE_MAX], name[PLAN_NAME_MAX];
    uint32_t member, number;
    uint8_t source;    /* enum plan_source */
    uint64_t from, to; /* ms since the recording began; to: exclusive */
};
struct plan {
    struct plan_track track[PLAN_TRACKS_MAX];
    unsigned tracks;
    struct {
        uint64_t at;
        uint32_t member;
    } speaker[PLAN_SPEAKERS_MAX];
    unsigned speakers;
    uint64_t length; /* ms */
};
struct plan_cell {
    int track;        /* its picture; -1: a card with the name */
    const char *name; /* borrowed from the plan */
    bool screen;
    unsigned x, y, w, h; /* even numbers, inside the picture */
};

/* One line of a timeline, in the files' order. What is not understood is passed over. ERR_FORMAT for what is no
 * JSON object or names a file that can't be, ERR_FULL. */
enum err plan_line(struct plan *p, struct span line) MUST_CHECK;
/* After the last line: what did not end, ends with the recording. */
void plan_end(struct plan *p);
/* The cells at this moment in a picture of width × height; returns how many. */
unsigned plan_at(const struct plan *p, enum plan_layout layout, uint64_t ms, unsigned width, unsigned height,
                 struct plan_cell cell[PLAN_CELLS_MAX]);

#endif
