/* SPDX-License-Identifier: Apache-2.0
 * Codec wrapping: any bytes as a frame from the wire (found parts lie inside the input or the room), and any
 * bytes as a clear frame and as an SFrame, which must come back whole. The first byte chooses the codec, the
 * second the cut. */
#include <stdlib.h>

#include "seal/wrap.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t wire[1 << 17], room[1 << 17];
    if (size < 2 || size > 1 << 15) return 0;
    enum wrap_codec codec = (enum wrap_codec)(data[0] % WRAP_CODECS);
    struct span in = SPAN(data + 2, size - 2);
    struct wrap_found found;
    if (wrap_find(codec, in, MSPAN(room, in.n), &found) == OK) {
        const uint8_t *p = found.sframe.p;
        bool inside = p >= in.p && p + found.sframe.n <= in.p + in.n;
        must(found.sframe.n > 0 && (inside || (p == room && found.sframe.n <= in.n)));
    }
    size_t at = in.n * data[1] / 256, n;
    struct span frame = SPAN(in.p, at), sframe = SPAN(in.p + at, in.n - at);
    struct wrap w;
    if (sframe.n == 0 || wrap_plan(&w, codec, frame) != OK) return 0;
    must(wrap_write(&w, sframe, MSPAN(wire, wrap_size(&w, sframe.n)), &n) == OK);
    must(wrap_find(codec, SPAN(wire, n), MSPAN(room, n), &found) == OK);
    must(span_equal(found.sframe, sframe) && span_equal(found.metadata, w.metadata));
    return 0;
}
