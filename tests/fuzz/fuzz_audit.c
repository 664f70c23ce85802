/* SPDX-License-Identifier: Apache-2.0
 * Exports and heads from strangers: no line crashes the checker, and a head that is read writes the same bytes. */
#include <stdlib.h>

#include "archive/audit.h"
#include "guest/openssl_crypto.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct audit_check k;
    struct audit_head h;
    uint8_t b[AUDIT_HEAD];
    audit_check_begin(&k, openssl_crypto(), SPAN_NONE, NULL);
    for (size_t at = 0; at < size;) {
        const uint8_t *end = memchr(data + at, '\n', size - at);
        size_t n = end ? (size_t)(end - data) - at : size - at;
        if (audit_check_line(&k, SPAN(data + at, n)) != OK && !k.why[0]) abort();
        at += n + 1;
    }
    if (audit_check_end(&k) == OK && k.edge.size && !k.heads) abort();
    if (audit_head_read(SPAN(data, size), &h) == OK) {
        struct writer w = writer_of(MSPAN(b, sizeof b));
        audit_head_write(&w, &h);
        if (!span_equal(writer_span(&w), SPAN(data, size))) abort();
    }
    return 0;
}
