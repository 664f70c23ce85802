/* SPDX-License-Identifier: Apache-2.0
 * rights/token and wire/room_policy on whatever strangers send: no crash, and nothing opens without a
 * signature. */
#include "guest/openssl_crypto.h"
#include "rights/token.h"
#include "wire/base64url.h"
#include "wire/room_policy.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A signature check that says yes to everything, so that the claims are reached. */
static enum err yes(void *ctx, enum crypto_sign s, struct span pub, struct span message, struct span sig)
{
    (void)ctx, (void)s, (void)pub, (void)message, (void)sig;
    return OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct crypto crypto;
    struct token_keys keys = {.count = 1};
    struct token t;
    struct room_policy p;
    static uint8_t text[TOKEN_BYTES_MAX + 64];
    crypto = *openssl_crypto();
    struct wall now = {1700000000000};
    if (size && token_open(&crypto, &keys, SPAN(data, size), now, &t) == OK) abort();
    crypto.verify = yes;
    (void)!token_open(&crypto, &keys, SPAN(data, size), now, &t);
    /* the same bytes as claims of a token of good form */
    struct writer w = writer_of(MSPAN(text, sizeof text));
    static const uint8_t signature[64];
    base64url_write(&w, SPAN_LIT("{\"alg\":\"EdDSA\"}"));
    write_str(&w, ".");
    base64url_write(&w, SPAN(data, size));
    token_finish(&w, SPAN_OF(signature));
    if (!w.bad && token_open(&crypto, &keys, writer_span(&w), now, &t) == OK &&
        (t.expires <= now.ms / 1000 || t.subject[0] == 0 || memchr(t.name, 0, sizeof t.name) == NULL))
        abort();
    if (room_policy_read(SPAN(data, size), &p) == OK && p.room_id.n != 32) abort();
    return 0;
}
