/* SPDX-License-Identifier: Apache-2.0
 * A client's text becomes binary, its JSON again, and the same binary; a role's bytes become JSON or nothing.
 */
#include "base/write.h"
#include "wire/room_json.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t body[1 << 19], text[1 << 22], again[1 << 19];
    struct room_read got;
    struct writer b = writer_of(MSPAN(body, sizeof body)), t = writer_of(MSPAN(text, sizeof text)),
                  c = writer_of(MSPAN(again, sizeof again));
    if (size == 0) return 0;
    if (room_json_read(SPAN(data, size), &got, &b) == OK) {
        enum err e = shape_check(&room_row(got.message)->shape, writer_span(&b));
        assert(e == OK);
        e = room_json_write(got.message, writer_span(&b), &t);
        assert(e == OK);
        unsigned m = got.message;
        if (t.n <= room_row(m)->max_bytes) {
            e = room_json_read(writer_span(&t), &got, &c);
            assert(e == OK && got.message == m && span_equal(writer_span(&b), writer_span(&c)));
        }
    }
    t = writer_of(MSPAN(text, sizeof text));
    if (room_json_write(data[0], SPAN(data + 1, size - 1), &t)) assert(t.n == 0);
    return 0;
}
