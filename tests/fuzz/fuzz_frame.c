/* SPDX-License-Identifier: Apache-2.0
 * Frames out of payloads of strangers: {codec; {u16 length; payload} …}; what is whole is described too. */
#include "base/read.h"
#include "wire/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum codec codecs[] = {CODEC_OPUS, CODEC_RED, CODEC_VP8, CODEC_VP9, CODEC_AV1, CODEC_H264};
    static uint8_t into[8192];
    struct reader r = reader_of(SPAN(data, size));
    struct frame_joiner j;
    struct frame_picture p;
    struct span frame;
    bool key;
    enum codec codec = codecs[read_u8(&r) % COUNT_OF(codecs)];
    frame_begin(&j, codec, MSPAN(into, sizeof into));
    while (read_left(&r)) {
        struct span payload = read_vec16(&r);
        if (r.bad || frame_add(&j, payload)) break;
    }
    if (frame_end(&j, &frame, &key) == OK) (void)!frame_describe(codec, frame, &p);
    (void)!frame_describe(codec, SPAN(data, size), &p);
    return 0;
}
