/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/consent.h"

void consent_signed(struct writer *w, const struct consent *c)
{
    write_vec8(w, SPAN_LIT(CONSENT_LABEL));
    write_bytes(w, SPAN_OF(c->recording));
    write_vec8(w, c->room);
    write_u32(w, c->member);
    write_bytes(w, SPAN_OF(c->policy));
    write_u8(w, c->agreed);
    write_u64(w, c->at_ms);
    write_vec16(w, c->text);
}

/* An INTEGER of strict DER: no leading zeros but the one that keeps it positive. */
static void write_integer(struct writer *w, const uint8_t v[32])
{
    size_t skip = 0;
    while (skip < 31 && v[skip] == 0)
        skip++;
    bool pad = v[skip] & 0x80;
    write_u8(w, 2);
    write_u8(w, (uint8_t)(32 - skip + pad));
    if (pad) write_u8(w, 0);
    write_bytes(w, SPAN(v + skip, 32 - skip));
}

enum err consent_check(const struct crypto *crypto, const struct consent *c, struct span key,
                       struct span signature)
{
    uint8_t bytes[CONSENT_TEXT_MAX + 256], der[80];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes)), d = writer_of(MSPAN(der, sizeof der));
    if (key.n != CONSENT_KEY || signature.n != CONSENT_SIGNATURE) return ERR_FORMAT;
    if (c->text.n > CONSENT_TEXT_MAX) return ERR_LIMIT;
    consent_signed(&w, c);
    write_u8(&d, 0x30);
    write_u8(&d, 0);
    write_integer(&d, signature.p);
    write_integer(&d, signature.p + 32);
    if (w.bad || d.bad) return ERR_LIMIT;
    der[1] = (uint8_t)(d.n - 2);
    return crypto->verify(crypto->ctx, CRYPTO_ECDSA_P256_SHA256, key, writer_span(&w), writer_span(&d));
}
