/* SPDX-License-Identifier: Apache-2.0
 * What an export is checked by: manifest, proof, receipts. First byte: which. */
#include "archive/evidence.h"
#include "guest/openssl_crypto.h"
#include "wire/json.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct evidence_file files[8];
    const struct crypto *c = openssl_crypto();
    uint8_t id[ARTEFACT_ID] = {0}, signer[AUDIT_KEY];
    unsigned n = 0;
    if (size < 1) return 0;
    struct span s = SPAN(data + 1, size - 1);
    switch (data[0] % 3) {
    case 0:
        if (evidence_manifest(s, id, files, COUNT_OF(files), &n) == OK && n > COUNT_OF(files)) abort();
        break;
    case 1:
        if (evidence_proof(c, s, SPAN_NONE, id, SPAN_LIT("{}"), signer) == OK) abort(); /* a forgery */
        break;
    default:
        if (evidence_consent(c, s, id) == OK && json_check(s)) abort();
        break;
    }
    return 0;
}
