/* SPDX-License-Identifier: Apache-2.0
 * A transport and whatever may reach it. Each step is a kind, a length and bytes: junk from the right path or
 * a stranger's, a Binding that proves itself, the next real datagram of a handshake with a second peer
 * (whole, cut or with a flipped byte), authenticated media of any content, time. Nothing of a stranger's is
 * answered or believed. */
#include <assert.h>
#include <string.h>
#include <sys/time.h>

#include "base/read.h"
#include "core/peer.h"
#include "guest/openssl_crypto.h"
#include "guest/openssl_dtls.h"
#include "guest/openssl_srtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static usec now;

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    (void)zone;
    *tv = (struct timeval){.tv_sec = (time_t)(1700000000 + now / USEC_S),
                           .tv_usec = (suseconds_t)(now % USEC_S)};
    return 0;
}

static const struct path path_a = {.family = 4, .port = 1, .addr = {10, 0, 0, 1}};
static const struct path path_b = {.family = 4, .port = 2, .addr = {10, 0, 0, 2}};
static const struct path path_c = {.family = 6, .port = 3, .addr = {0xfd}};
static struct peer_conf conf;
static struct srtp_library srtp;
static struct out out_a, out_b;
static struct rng_seeded seeded;

static void settle(void)
{
    if (conf.dtls) return;
    srtp = openssl_srtp(openssl_crypto());
    conf = (struct peer_conf){.rng = rng_from_seed(&seeded), .dtls = openssl_dtls(), .srtp = &srtp};
    conf.hmac = ice_hmac(openssl_crypto());
    if (openssl_dtls_identity(&conf.identity) || out_init(&out_a, 256) || out_init(&out_b, 256))
        __builtin_trap();
}

static struct peer_in give(struct peer *p, const struct path *from, struct span pkt, struct out *out)
{
    struct peer_in in;
    uint8_t bytes[1500];
    if (pkt.n > sizeof bytes) pkt.n = sizeof bytes;
    memcpy(bytes, pkt.p, pkt.n);
    if (out_tight(out, 64)) out_clear(out);
    if (peer_receive(p, now, from, MSPAN(bytes, pkt.n), &in, out)) in.kind = PEER_IN_NOTHING;
    if (in.kind == PEER_IN_RTP) assert(in.pkt.n <= pkt.n && in.rtp.header_n + in.rtp.padding <= in.pkt.n);
    return in;
}

static void bind(struct peer *p, const struct path *from, bool use, struct out *out)
{
    static const uint8_t id[STUN_ID] = {1};
    uint8_t bytes[200], name[64];
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes)), u = writer_of(MSPAN(name, sizeof name));
    write_bytes(&u, peer_local_ufrag(p));
    write_str(&u, ":remo");
    stun_begin(&w, STUN_BINDING, STUN_REQUEST, id);
    stun_put(&w, STUN_USERNAME, writer_span(&u));
    if (use) stun_put(&w, STUN_USE_CANDIDATE, SPAN_NONE);
    if (stun_end(&w, peer_local_pwd(p), &conf.hmac, true)) __builtin_trap();
    struct peer_in in = give(p, from, writer_span(&w), out);
    assert(in.path_validated || p->end);
}

/* All that b has said goes to a, changed at one place when flip is not 0. */
static void carry(struct peer *a, struct peer *b, uint8_t flip, size_t at)
{
    static uint8_t copy[1500];
    uint16_t count = out_b.pkt_n;
    for (uint16_t i = 0; i < count; i++) {
        size_t n = out_b.pkt[i].n;
        memcpy(copy, out_b.arena + out_b.pkt[i].at, n);
        if (n && i == at % count) copy[at % n] ^= flip;
        (void)give(a, &path_b, SPAN(copy, n), &out_a);
    }
    out_clear(&out_b);
    for (uint16_t i = 0; i < out_a.pkt_n; i++)
        (void)give(b, &path_a, SPAN(out_a.arena + out_a.pkt[i].at, out_a.pkt[i].n), &out_b);
    out_clear(&out_a);
}

static void step(struct peer *a, struct peer *b, uint8_t kind, struct span in)
{
    enum peer_end end;
    uint16_t before = out_a.pkt_n;
    struct peer_in got;
    switch (kind % 10) {
    case 0: /* a stranger */
        got = give(a, &path_c, in, &out_a);
        if (!ice_knows(&a->ice, now, &path_c)) {
            assert(got.kind == PEER_IN_NOTHING && !got.path_validated);
            assert(out_a.pkt_n <= before);
        }
        break;
    case 1:
        (void)give(a, &path_b, in, &out_a);
        break;
    case 2:
        bind(a, kind & 16 ? &path_b : &path_c, kind & 32, &out_a);
        break;
    case 3:
        bind(b, &path_a, true, &out_b);
        break;
    case 4:
        carry(a, b, 0, 0);
        break;
    case 5:
        carry(a, b, in.n ? in.p[0] : 1, in.n > 1 ? in.p[1] * 7u : 0);
        break;
    case 6:
        if (peer_ready(b, now) && in.n >= 8) (void)peer_seal_rtcp(b, &out_b, in);
        break;
    case 7: {
        struct rtp h;
        if (peer_ready(b, now) && !rtp_parse(in, &h) && !out_tight(&out_b, 4))
            (void)peer_seal_rtp(b, &out_b, span_part(in, 0, h.header_n), span_part(in, h.header_n, in.n),
                                h.seq);
        break;
    }
    case 8:
        if (in.n) (void)!peer_send_data(b, &out_b, in);
        break;
    default:
        now += (usec)kind * 20 * USEC_MS;
        if (peer_wake(a) <= now) peer_tick(a, now, &out_a, &end);
        if (peer_wake(b) <= now) peer_tick(b, now, &out_b, &end);
        assert(peer_wake(a) > now && peer_wake(b) > now);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer a, b;
    struct peer_remote r = {
        .ufrag = SPAN_LIT("remo"), .pwd = SPAN_LIT("0123456789012345678901"), .fingerprint = {.hash_n = 32}};
    settle();
    seeded.state = 1;
    now = USEC_S;
    out_clear(&out_a);
    out_clear(&out_b);
    conf.dtls->fingerprint(conf.identity, r.fingerprint.hash);
    r.our_role = DTLS_SERVER;
    if (peer_init(&a, &conf, &r, now)) return 0;
    r.our_role = DTLS_CLIENT;
    if (!peer_init(&b, &conf, &r, now)) {
        struct reader in = reader_of(SPAN(data, size));
        for (unsigned steps = 0; read_left(&in) && steps < 64; steps++) {
            uint8_t kind = read_u8(&in);
            struct span bytes = read_vec8(&in);
            if (!in.bad) step(&a, &b, kind, bytes);
        }
        peer_fini(&b);
    }
    peer_fini(&a);
    return 0;
}
