/* SPDX-License-Identifier: Apache-2.0
 * Packets of the other side, sound and not. First byte: the profile. Then: kind, length, bytes. Bytes as they
 * are never open; the same bytes sealed do, once, and are what they were. */
#include <assert.h>

#include "base/read.h"
#include "guest/openssl_crypto.h"
#include "guest/openssl_srtp.h"
#include "wire/rtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void one(struct srtp *a, struct srtp *b, uint8_t kind, struct span in)
{
    uint8_t pkt[600], sealed[700];
    struct rtp h;
    size_t n = 0, back = 0;
    memcpy(pkt, in.p, in.n);
    bool rtcp = kind & 1;
    if (kind & 2) { /* as it is */
        enum err e = rtcp                ? srtp_open_rtcp(b, MSPAN(pkt, in.n), &n)
                     : rtp_parse(in, &h) ? ERR_FORMAT
                                         : srtp_open(b, MSPAN(pkt, in.n), h.header_n, &n);
        assert(e != OK);
        return;
    }
    if (rtcp) {
        if (srtp_seal_rtcp(a, in, MSPAN(sealed, sizeof sealed), &n)) return;
        enum err e = srtp_open_rtcp(b, MSPAN(sealed, n), &back);
        assert(e == OK || e == ERR_FULL);
        if (!e) assert(span_equal(SPAN(sealed, back), in));
        return;
    }
    if (rtp_parse(in, &h)) return;
    uint64_t index = (uint64_t)(kind >> 6) << 16 | h.seq;
    struct span payload = span_part(in, h.header_n, in.n);
    assert(!srtp_seal(a, index, span_part(in, 0, h.header_n), payload, MSPAN(sealed, sizeof sealed), &n));
    uint8_t again[700];
    memcpy(again, sealed, n);
    if (srtp_open(b, MSPAN(sealed, n), h.header_n, &back)) return; /* too old, another roll-over, too many */
    assert(span_equal(SPAN(sealed, back), in));
    assert(srtp_open(b, MSPAN(again, n), h.header_n, &back) == ERR_REPLAY);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum srtp_profile profiles[] = {SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM,
                                                 SRTP_AES128_CM_SHA1_80};
    static const uint8_t salts[] = {12, 12, 14};
    struct srtp_library library = openssl_srtp(openssl_crypto());
    struct srtp a, b;
    struct reader r = reader_of(SPAN(data, size));
    unsigned which = read_u8(&r) % 3;
    uint8_t n = (uint8_t)((which == 1 ? 32 : 16) + salts[which]);
    struct srtp_keys ka = {.profile = profiles[which], .local = {n, {1, 2, 3}}, .remote = {n, {4, 5, 6}}};
    struct srtp_keys kb = {.profile = profiles[which], .local = ka.remote, .remote = ka.local};
    if (srtp_init(&a, &library, &ka)) return 0;
    if (srtp_init(&b, &library, &kb)) {
        srtp_fini(&a);
        return 0;
    }
    while (read_left(&r)) {
        uint8_t kind = read_u8(&r);
        struct span in = read_bytes(&r, (size_t)read_u8(&r) * 2);
        if (!r.bad && in.n) one(&a, &b, kind, in);
    }
    srtp_fini(&a);
    srtp_fini(&b);
    return 0;
}
