/* SPDX-License-Identifier: Apache-2.0
 * A recording's timeline, line by line, and the layout that follows from it. */
#include "compose/plan.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct plan p;
    struct plan_cell cell[PLAN_CELLS_MAX];
    p.tracks = p.speakers = 0;
    p.length = 0;
    while (size) {
        const uint8_t *end = memchr(data, '\n', size);
        size_t n = end ? (size_t)(end - data) : size, skip = end ? n + 1 : n;
        if (plan_line(&p, SPAN(data, n)) == OK && p.tracks > PLAN_TRACKS_MAX) abort();
        data += skip;
        size -= skip;
    }
    plan_end(&p);
    for (uint64_t ms = 0; ms <= p.length; ms += p.length / 8 + 1)
        for (int layout = PLAN_GRID; layout <= PLAN_SPEAKER; layout++) {
            unsigned cells = plan_at(&p, (enum plan_layout)layout, ms, 640, 360, cell);
            for (unsigned i = 0; i < cells; i++)
                if (cell[i].x + cell[i].w > 640 || cell[i].y + cell[i].h > 360 ||
                    cell[i].track >= (int)p.tracks)
                    abort();
        }
    return 0;
}
