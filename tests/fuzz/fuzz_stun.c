/* SPDX-License-Identifier: Apache-2.0
 * Any bytes as a STUN message: what is handed out lies inside, walks end, and whom it names is read the same
 * twice. */
#include <assert.h>

#include "core/ice.h"
#include "guest/openssl_crypto.h"
#include "wire/stun.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool inside(struct span part, struct span whole)
{
    return part.n == 0 || (part.p >= whole.p && part.p + part.n <= whole.p + whole.n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span pkt = SPAN(data, size), ufrag;
    struct stun m;
    struct stun_hmac h = ice_hmac(openssl_crypto());
    bool named = stun_peek_username(pkt, &ufrag);
    enum err e = stun_parse(pkt, &m);
    assert(!named || !e);
    if (e) return 0;
    assert(stun_looks(pkt) && inside(m.username, pkt) && m.unknown_count <= COUNT_OF(m.unknown));
    if (named) assert(inside(ufrag, m.username) && ufrag.n > 0);
    struct stun_attribute a;
    unsigned count = 0;
    for (struct stun_cursor c = stun_attributes(&m); stun_next(&c, &a); count++) {
        uint8_t family, addr[16];
        uint16_t port;
        assert(inside(a.value, pkt));
        (void)stun_get_xor_address(&m, a.value, &family, addr, &port);
    }
    assert(count <= STUN_ATTRS_MAX);
    (void)!stun_check(&m, SPAN_LIT("password"), &h);
    return 0;
}
