/* SPDX-License-Identifier: Apache-2.0
 * What passes between a witnessed room and its archive, from strangers: what decodes encodes to the very same
 * bytes. */
#include <stdlib.h>

#include "seal/witness.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t b[2 * WITNESS_RECEIPT_MAX];
    struct span in = SPAN(data, size);
    struct mspan out = MSPAN(b, sizeof b);
    struct witness_delegation d;
    struct witness_epoch e;
    struct witness_record r;
    struct witness_receipt p;
    struct witness_row row;
    uint32_t leaf;
    uint64_t seq;
    size_t n, at = 0, count = 0;
    if (witness_delegation_decode(in, &d) == OK)
        must(witness_delegation_encode(&d, out, &n) == OK && span_equal(SPAN(b, n), d.content));
    if (witness_epoch_decode(in, &e) == OK)
        must(witness_epoch_encode(&e, out, &n) == OK && span_equal(SPAN(b, n), in));
    if (witness_record_decode(in, &r) == OK)
        must(witness_record_encode(&r, out, &n) == OK && span_equal(SPAN(b, n), r.content));
    if (witness_receipt_decode(in, &p) == OK) {
        must(witness_receipt_encode(&p, out, &n) == OK && span_equal(SPAN(b, n), p.content));
        while (witness_receipt_row(&p, &at, &row))
            count += row.drawn_hash[0] | 1u;
        must(at == p.rows.n);
        at = 0;
        while (witness_receipt_leaf(&p, &at, &leaf, &seq))
            count++;
        must(at == p.leaves.n && count <= 256 * (WITNESS_KIDS_MAX + WITNESS_LEAVES_MAX));
    }
    return 0;
}
