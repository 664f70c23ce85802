/* SPDX-License-Identifier: Apache-2.0
 * A connection's bytes: a head, then its body if chunked. In pieces and at once the verdict is the same. */
#include "wire/http.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct http_head h;
    size_t seen = 0, n = 0, again = 0, m = 0;
    uint16_t whole = http_head_end(SPAN(data, size), &seen, &n), pieces = 100;
    for (size_t i = 0; i <= size && pieces == 100; i++)
        pieces = http_head_end(SPAN(data, i), &again, &m);
    assert(whole == pieces && (whole || n == m));
    if (whole || http_head_read(SPAN(data, n), &h)) return 0;
    assert(h.host.n > 0 && !(h.chunked && h.has_length) && h.path.parts <= HTTP_PARTS_MAX);
    struct span token;
    if (http_bearer(&h, &token) == OK) assert(token.n <= size);
    if (!h.chunked) return 0;
    struct http_chunked c = {0};
    size_t total = 0;
    for (size_t at = n, used = 1, got = 1; at < size && (used || got); at += used) {
        uint8_t out[64];
        used = got = 0;
        if (http_chunked_take(&c, SPAN(data + at, size - at), &used, MSPAN(out, sizeof out), &got) !=
            ERR_AGAIN)
            break;
        total += got;
        assert(total <= size);
    }
    return 0;
}
