/* SPDX-License-Identifier: Apache-2.0
 * wire/json: no input may crash it; what it reads it must be able to write and read again, with the same
 * result. */
#include "wire/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct json j;
    static uint8_t text[1 << 16], again[6 << 16];
    struct json_token t;
    if (size > sizeof text) return 0;
    json_init(&j, SPAN(data, size));
    enum err e;
    while (!(e = json_next(&j, &t)) && t.kind != JSON_END) {
        struct span out, back;
        uint64_t v;
        if (t.kind == JSON_NUMBER && json_uint(&t, UINT64_MAX, &v) == OK && v > 9999999999999999999u) abort();
        if (t.kind != JSON_STRING && t.kind != JSON_KEY) continue;
        if (json_text(&t, MSPAN(text, sizeof text), &out)) abort(); /* never longer than its source */
        if (!utf8_valid(out)) abort();
        struct writer w = writer_of(MSPAN(again, sizeof again));
        json_write_text(&w, out);
        if (w.bad || json_check(writer_span(&w))) abort();
        struct json_token copy = {JSON_STRING, SPAN(again + 1, w.n - 2)};
        static uint8_t second[1 << 16];
        if (json_text(&copy, MSPAN(second, sizeof second), &back) || !span_equal(out, back)) abort();
    }
    if ((e == OK) != (json_check(SPAN(data, size)) == OK)) abort();
    return 0;
}
