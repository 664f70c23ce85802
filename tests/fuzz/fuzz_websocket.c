/* SPDX-License-Identifier: Apache-2.0
 * A client's bytes after the handshake: at once and byte by byte the same events come. First byte: the caps.
 */
#include "core/websocket.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t run(struct span in, size_t piece, uint32_t cap)
{
    struct ws w;
    uint64_t sum = 0;
    ws_init(&w, cap, cap / 2 + 1, 0);
    for (size_t at = 0; at < in.n; at += piece) {
        struct span part = span_part(in, at, piece);
        for (;;) {
            struct ws_event ev;
            size_t used;
            ws_receive(&w, 0, part, &used, &ev);
            assert(used <= part.n);
            part = SPAN(part.p + used, part.n - used);
            if (ev.kind == WS_MORE) break;
            assert(ev.body.n <= cap + WS_CONTROL_MAX);
            sum = sum * 31 + (uint64_t)ev.kind + ev.code;
            for (size_t i = 0; i < ev.body.n; i++)
                sum = sum * 31 + ev.body.p[i];
        }
        assert(part.n == 0);
    }
    ws_fini(&w);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    uint32_t cap = (uint32_t)data[0] * 16 + 1;
    struct span in = SPAN(data + 1, size - 1);
    uint64_t whole = run(in, size, cap), bytes = run(in, 1, cap);
    assert(whole == bytes);
    return 0;
}
