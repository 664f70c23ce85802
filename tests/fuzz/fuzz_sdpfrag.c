/* SPDX-License-Identifier: Apache-2.0
 * A fragment from a client, and the same bytes as a whole description whose credentials are replaced. */
#include "wire/sdpfrag.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t out[1 << 20];
    struct sdpfrag f, again;
    struct span ufrag, pwd, u2, p2;
    struct span in = SPAN(data, size);
    if (size > 1 << 15) return 0;
    struct writer w = writer_of(MSPAN(out, sizeof out));
    if (sdpfrag_read(in, &f) == OK) {
        assert((f.ufrag.p == NULL) == (f.pwd.p == NULL) && f.ufrag.n <= 256 && f.pwd.n <= 256);
        if (f.ufrag.p && sdpfrag_of_answer(in, &w) == OK) {
            enum err e = sdpfrag_read(writer_span(&w), &again);
            assert(e == ERR_LIMIT || (e == OK && span_equal(f.ufrag, again.ufrag)));
        }
    }
    w = writer_of(MSPAN(out, sizeof out));
    bool had = sdp_credentials(in, &ufrag, &pwd) == OK;
    if (sdp_with_credentials(in, SPAN_LIT("wxyz"), SPAN_LIT("0123456789012345678901"), &w)) return 0;
    bool has = sdp_credentials(writer_span(&w), &u2, &p2) == OK;
    assert(has == had && (!has || span_equal(u2, SPAN_LIT("wxyz"))));
    return 0;
}
