/* SPDX-License-Identifier: Apache-2.0
 * Transport-wide feedback: the reader ends after as many packets as it said, and a sequence of feedbacks
 * (each with its length before it) leaves the estimate within its limits. */
#include <stdlib.h>

#include "base/read.h"
#include "core/estimate.h"
#include "wire/arrivals.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct estimate e;
    usec now = 10 * USEC_S;
    struct reader r = reader_of(SPAN(data, size));
    estimate_init(&e, now);
    while (read_left(&r)) {
        struct arrivals a;
        struct arrival one;
        struct span body = read_vec8(&r);
        unsigned n = 0;
        for (unsigned i = 0; i < 20; i++, now += 7 * USEC_MS)
            estimate_sent(&e, now, 40 + i * 60);
        if (arrivals_open(body, &a) == OK) {
            unsigned left = a.left;
            while (arrivals_next(&a, &one))
                n++;
            if (n != left || n > ARRIVALS_MAX || a.chunks.bad || a.deltas.bad) abort();
        }
        if (estimate_feedback(&e, now, body) == OK && n == 0) abort();
        estimate_tick(&e, now);
        if (body.n % 5 == 0) (void)estimate_probe(&e, now, 1000000);
        if (estimate_padding(&e, now) > 1000000) abort();
        if (estimate_bps(&e) < ESTIMATE_LEAST || estimate_bps(&e) > ESTIMATE_MOST) abort();
    }
    return 0;
}
