/* SPDX-License-Identifier: Apache-2.0
 * Policies, identities and links from strangers: what decodes encodes to the very same bytes. */
#include <stdlib.h>

#include "guest/openssl_crypto.h"
#include "seal/invite.h"
#include "seal/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t b[POLICY_SIZE_MAX + 64];
    struct policy_signed p;
    struct identity i;
    struct invite l;
    size_t n;
    struct span in = SPAN(data, size);
    if (policy_decode(in, &p) == OK) {
        must(policy_encode(&p.policy, p.signature_scheme, p.owner_key, MSPAN(b, sizeof b), &n) == OK);
        must(span_equal(SPAN(b, n), p.content));
        must(policy_append(MSPAN(b, sizeof b), &n, p.signature) == OK && span_equal(SPAN(b, n), in));
        (void)!policy_check(&p.policy);
        (void)!policy_verify(openssl_crypto(), &p);
    }
    if (identity_decode(in, &i) == OK)
        must(identity_encode(&i, MSPAN(b, sizeof b), &n) == OK && span_equal(SPAN(b, n), in));
    if (invite_parse(in, &l) == OK) {
        must(invite_write(&l, MSPAN(b, sizeof b), &n) == OK && span_equal(SPAN(b, n), in));
        invite_fini(&l);
    }
    return 0;
}
