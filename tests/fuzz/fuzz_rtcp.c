/* SPDX-License-Identifier: Apache-2.0
 * Compound RTCP: the reader ends, its lists stay inside the packet, every item makes progress. */
#include <stdlib.h>

#include "wire/rtcp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void inside(const uint8_t *data, size_t size, struct span s)
{
    if (s.n && (s.p < data || s.p + s.n > data + size)) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = SPAN(data, size);
    struct rtcp_item item;
    while (rtcp_next(&rest, &item) == OK) {
        struct rtcp_report r;
        uint16_t seq, mask;
        uint32_t ssrc;
        uint8_t n;
        inside(data, size, item.body);
        struct span a = item.body, b = item.body, c = item.body, d = item.body;
        while (rtcp_report_next(&a, &r))
            inside(data, size, a);
        while (rtcp_nack_next(&b, &seq, &mask))
            inside(data, size, b);
        while (rtcp_fir_next(&c, &ssrc, &n))
            inside(data, size, c);
        while (rtcp_source_next(&d, &ssrc))
            inside(data, size, d);
    }
    return 0;
}
