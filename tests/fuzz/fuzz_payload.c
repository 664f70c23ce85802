/* SPDX-License-Identifier: Apache-2.0
 * Payload descriptors and the dependency descriptor: first byte chooses the codec, the rest is the payload.
 */
#include <stdlib.h>

#include "wire/payload.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct descriptor_templates templates; /* kept from input to input, as in a stream */
    struct payload_facts f;
    struct descriptor d;
    uint8_t copy[2048];
    if (size < 1) return 0;
    struct span payload = SPAN(data + 1, size - 1);
    if (payload_read((enum codec)(data[0] % CODEC_COUNT), payload, &f) == OK && payload.n <= sizeof copy) {
        if (f.primary > payload.n || f.sid > 7 || f.tid > 7) abort();
        if (payload.n) memcpy(copy, payload.p, payload.n);
        if (data[0] % CODEC_COUNT == CODEC_VP8) {
            struct payload_facts again;
            payload_renumber_vp8(copy, payload.n, &f, 0x1234, 0x56);
            if (payload_read(CODEC_VP8, SPAN(copy, payload.n), &again)) abort();
            if (f.picture_bytes == 2 && again.picture != 0x1234) abort();
            if (f.has_tl0 && again.tl0 != 0x56) abort();
            if (again.key != f.key || again.start != f.start) abort();
        }
    }
    if (descriptor_read(payload, &templates, &d) == OK && (d.sid > 3 || d.tid > 7)) abort();
    return 0;
}
