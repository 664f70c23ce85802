/* SPDX-License-Identifier: Apache-2.0
 * Two peers over a bad network in simulated time: connecting under loss and reordering, who may move an
 * address, what strangers get (nothing), consent, restarts, good-bye, and every allocation failing (rows 1 to
 * 3, 6, 8 to 10). */
#include "test.h"

#include <stdlib.h>
#include <sys/time.h>

#include "base/rng.h"
#include "base/write.h"
#include "core/peer.h"
#include "guest/openssl_crypto.h"
#include "guest/openssl_dtls.h"
#include "guest/openssl_srtp.h"

#define WIRE_MAX 512

static usec now;

/* OpenSSL's DTLS timer reads this clock: simulated time. */
int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
    (void)zone;
    *tv = (struct timeval){.tv_sec = (time_t)(1700000000 + now / USEC_S),
                           .tv_usec = (suseconds_t)(now % USEC_S)};
    return 0;
}

static struct srtp_library srtp;
static struct rng_seeded seeded;
static struct rng rng;

struct side {
    struct peer peer;
    struct peer_conf conf;
    struct dtls_identity *identity;
    struct out out;
    struct path from; /* how the other side sees us */
    unsigned connected, rtp, rtcp, data, closed;
    enum peer_end end;
    uint8_t got[1500];
    size_t got_n;
};
struct flying {
    usec at;
    struct side *to, *by;
    size_t n;
    uint8_t b[1500];
};
static struct flying wire[WIRE_MAX];
static size_t wire_n;
static struct side a, b; /* a is the DTLS server, b the client */
static unsigned loss_percent;

static uint64_t below(uint64_t n)
{
    uint64_t v;
    assert_ok(rng_fill(&rng, (uint8_t *)&v, sizeof v));
    return v % n;
}

static enum err side_init(struct side *s, uint16_t port)
{
    memset(s, 0, sizeof *s);
    enum err e = openssl_dtls_identity(&s->identity);
    if (!e) e = out_init(&s->out, 64);
    if (e) return e;
    s->from = (struct path){.family = 4, .port = port, .addr = {10, 0, 0, 1}};
    s->conf = (struct peer_conf){.rng = rng,
                                 .dtls = openssl_dtls(),
                                 .identity = s->identity,
                                 .srtp = &srtp,
                                 .hmac = ice_hmac(openssl_crypto())};
    return OK;
}

static void side_fini(struct side *s)
{
    peer_fini(&s->peer);
    openssl_dtls_identity_free(s->identity);
    out_fini(&s->out);
    s->identity = NULL;
}

static struct peer_remote remote_of(const struct side *of, enum dtls_role ours)
{
    struct peer_remote r = {.ufrag = SPAN_LIT("remo"),
                            .pwd = SPAN_LIT("0123456789012345678901"),
                            .fingerprint = {.hash_n = 32},
                            .our_role = ours};
    of->conf.dtls->fingerprint(of->identity, r.fingerprint.hash);
    return r;
}

static enum err both_init(void)
{
    memset(&a, 0, sizeof a);
    memset(&b, 0, sizeof b);
    wire_n = 0;
    loss_percent = 0;
    enum err e = side_init(&a, 1000);
    if (!e) e = side_init(&b, 2000);
    struct peer_remote ra, rb;
    if (!e) ra = remote_of(&b, DTLS_SERVER), rb = remote_of(&a, DTLS_CLIENT);
    if (!e) e = peer_init(&a.peer, &a.conf, &ra, now);
    if (!e) e = peer_init(&b.peer, &b.conf, &rb, now);
    return e;
}

static void both_fini(void)
{
    side_fini(&a);
    side_fini(&b);
}

/* What a side has said flies, or falls. */
static void launch(struct side *by)
{
    for (uint16_t i = 0; i < by->out.pkt_n; i++) {
        const struct out_pkt *p = &by->out.pkt[i];
        if (below(100) < loss_percent || wire_n == WIRE_MAX) continue;
        struct flying *f = &wire[wire_n++];
        *f = (struct flying){.at = now + 10 * USEC_MS + below(loss_percent ? 40 : 1) * USEC_MS,
                             .to = by == &a ? &b : &a,
                             .by = by,
                             .n = p->n};
        memcpy(f->b, by->out.arena + p->at, p->n);
    }
    out_clear(&by->out);
}

static void take(struct side *s, const struct peer_in *in)
{
    s->connected += in->kind == PEER_IN_CONNECTED;
    s->rtp += in->kind == PEER_IN_RTP;
    s->rtcp += in->kind == PEER_IN_RTCP;
    s->data += in->kind == PEER_IN_DATA;
    s->closed += in->kind == PEER_IN_CLOSED;
    if (in->kind == PEER_IN_CLOSED) s->end = in->end;
    struct span got = in->kind == PEER_IN_DATA                              ? in->data
                      : in->kind == PEER_IN_RTP || in->kind == PEER_IN_RTCP ? span_m(in->pkt)
                                                                            : SPAN_NONE;
    if (got.n) memcpy(s->got, got.p, got.n);
    if (got.n) s->got_n = got.n;
}

static struct peer_in deliver(struct side *s, const struct path *from, struct span pkt)
{
    struct peer_in in;
    uint8_t *copy = malloc(pkt.n ? pkt.n : 1); /* exact size, so that a sanitizer sees a read past the end */
    if (pkt.n) memcpy(copy, pkt.p, pkt.n);
    assert_ok(peer_receive(&s->peer, now, from, MSPAN(copy, pkt.n), &in, &s->out));
    take(s, &in);
    free(copy);
    return in;
}

/* The other agent's Binding. s is lite and never asks itself. */
static struct span binding(const struct side *s, uint8_t bytes[200], bool use, const char *pwd)
{
    uint8_t id[STUN_ID], name[64];
    struct writer w = writer_of(MSPAN(bytes, 200)), u = writer_of(MSPAN(name, sizeof name));
    assert_ok(rng_fill(&rng, id, sizeof id));
    write_bytes(&u, peer_local_ufrag(&s->peer));
    write_str(&u, ":");
    write_bytes(&u, peer_remote_ufrag(&s->peer));
    stun_begin(&w, STUN_BINDING, STUN_REQUEST, id);
    stun_put(&w, STUN_USERNAME, writer_span(&u));
    stun_put_u32(&w, STUN_PRIORITY, 1);
    stun_put_u64(&w, STUN_ICE_CONTROLLING, 1);
    if (use) stun_put(&w, STUN_USE_CANDIDATE, SPAN_NONE);
    assert_ok(stun_end(&w, pwd ? span_str(pwd) : peer_local_pwd(&s->peer), &s->conf.hmac, true));
    return writer_span(&w);
}

static struct peer_in bind(struct side *s, const struct path *from, bool use)
{
    uint8_t bytes[200];
    struct peer_in in = deliver(s, from, binding(s, bytes, use, NULL));
    /* its answer, and perhaps the first flight behind it */
    return in;
}

/* Runs the network until `until`; both are bound every 2.5 s, as browsers do, unless silent. */
static void run(usec until, bool silent)
{
    static usec next_bind;
    next_bind = now;
    while (now < until) {
        if (!silent && now >= next_bind) {
            bind(&a, &b.from, true);
            bind(&b, &a.from, true);
            next_bind = now + 2500 * USEC_MS;
        }
        struct side *sides[] = {&a, &b};
        usec at = silent ? until : usec_min(until, next_bind);
        for (unsigned i = 0; i < 2; i++) {
            launch(sides[i]);
            at = usec_min(at, peer_wake(&sides[i]->peer));
        }
        for (size_t i = 0; i < wire_n; i++)
            at = usec_min(at, wire[i].at);
        if (at > now) now = at;
        for (size_t i = 0; i < wire_n;) {
            if (wire[i].at > now) {
                i++;
                continue;
            }
            struct flying f = wire[i];
            wire[i] = wire[--wire_n];
            if (f.b[0] < 4) continue; /* STUN answers: nobody here asked by itself */
            deliver(f.to, &f.by->from, SPAN(f.b, f.n));
        }
        for (unsigned i = 0; i < 2; i++) {
            enum peer_end end;
            if (peer_wake(&sides[i]->peer) <= now) peer_tick(&sides[i]->peer, now, &sides[i]->out, &end);
        }
    }
}

static void header_of(uint8_t h[12], uint32_t ssrc, uint16_t seq)
{
    uint8_t bytes[12] = {0x80,
                         96,
                         (uint8_t)(seq >> 8),
                         (uint8_t)seq,
                         0,
                         0,
                         0,
                         9,
                         (uint8_t)(ssrc >> 24),
                         (uint8_t)(ssrc >> 16),
                         (uint8_t)(ssrc >> 8),
                         (uint8_t)ssrc};
    memcpy(h, bytes, 12);
}

static enum err say(struct side *s, uint64_t index)
{
    uint8_t h[12];
    header_of(h, s == &a ? 1 : 2, (uint16_t)index);
    return peer_ready(&s->peer, now)
               ? peer_seal_rtp(&s->peer, &s->out, SPAN_OF(h), SPAN_LIT("picture"), index)
               : ERR_STATE;
}

static void up(void)
{
    assert_ok(both_init());
    run(now + 2 * USEC_S, false);
    assert_int_equal(a.connected, 1);
    assert_int_equal(b.connected, 1);
}

static void connects_and_talks(void **state)
{
    (void)state;
    unsigned took[3] = {0};
    static const unsigned losses[] = {0, 10, 20};
    for (unsigned l = 0; l < COUNT_OF(losses); l++) {
        for (unsigned i = 0; i < 40; i++) {
            seeded.state = 77 + i;
            assert_ok(both_init());
            usec start = now;
            loss_percent = losses[l];
            while (!(a.connected && b.connected) && now - start < 9 * USEC_S)
                run(now + 100 * USEC_MS, false);
            if (!a.connected || !b.connected)
                fail_msg("loss %u, seed %u: not up after 9 s", loss_percent, 77 + i);
            took[l] += (unsigned)((now - start) / USEC_MS);
            loss_percent = 0;
            for (uint16_t s = 0; s < 20; s++) {
                assert_ok(say(&a, s));
                assert_ok(say(&b, s));
            }
            run(now + USEC_S, false);
            static const uint8_t report[] = {0x80, 201, 0, 1, 0, 0, 0, 7};
            assert_ok(peer_seal_rtcp(&a.peer, &a.out, SPAN_OF(report)));
            assert_ok(peer_seal_rtcp(&b.peer, &b.out, SPAN_OF(report)));
            run(now + USEC_S, false);
            assert_true(a.rtp == 20 && b.rtp == 20 && a.rtcp == 1 && b.rtcp == 1);
            assert_true(a.got_n == sizeof report && memcmp(a.got, report, sizeof report) == 0);
            assert_ok(peer_send_data(&a.peer, &a.out, SPAN_LIT("to the client")));
            assert_ok(peer_send_data(&b.peer, &b.out, SPAN_LIT("to the server")));
            run(now + USEC_S, false);
            assert_true(a.data == 1 && b.data == 1);
            assert_true(span_equal(SPAN(a.got, a.got_n), span_str("to the server")));
            peer_close(&b.peer, &b.out);
            assert_err(ERR_STATE, say(&b, 99));
            run(now + USEC_S, true);
            assert_int_equal(a.end, PEER_END_REMOTE);
            assert_err(ERR_STATE, say(&a, 99));
            both_fini();
        }
    }
    printf("up after %u, %u, %u ms on average at 0, 10, 20 %% loss\n", took[0] / 40, took[1] / 40,
           took[2] / 40);
}

static void wrong_fingerprint(void **state)
{
    (void)state;
    for (unsigned liar = 0; liar < 2; liar++) {
        assert_ok(both_init());
        (liar ? &a : &b)->peer.fingerprint.hash[0] ^= 1;
        struct side *s = liar ? &a : &b;
        struct peer_remote r = remote_of(liar ? &b : &a, liar ? DTLS_SERVER : DTLS_CLIENT);
        peer_fini(&s->peer);
        r.fingerprint.hash[31] ^= 1;
        assert_ok(peer_init(&s->peer, &s->conf, &r, now));
        run(now + 15 * USEC_S, false);
        assert_true(!s->connected && s->peer.end == PEER_END_HANDSHAKE);
        assert_err(ERR_STATE, say(s, 1));
        uint8_t h[12];
        header_of(h, 1, 1);
        assert_err(ERR_STATE, peer_seal_rtp(&s->peer, &s->out, SPAN_OF(h), SPAN_LIT("x"), 1));
        both_fini();
    }
}

static void strangers_get_nothing(void **state)
{
    (void)state;
    uint8_t bytes[200], pkt[300];
    struct path third = {.family = 4, .port = 666, .addr = {10, 6, 6, 6}};
    up();
    say(&b, 1);
    assert_int_equal(b.out.pkt_n, 1);
    memcpy(pkt, b.out.arena + b.out.pkt[0].at, b.out.pkt[0].n);
    struct span recorded = SPAN(pkt, b.out.pkt[0].n);
    out_clear(&a.out);
    out_clear(&b.out);
    struct peer_in in = deliver(&a, &third, recorded); /* a sound packet from a third address */
    assert_true(in.kind == PEER_IN_NOTHING && a.peer.counters.unknown_path == 1);
    in = deliver(&a, &third, binding(&a, bytes, true, "a wrong password of ice"));
    assert_true(!in.path_validated && a.peer.counters.bad_binding == 1);
    uint8_t hello[40] = {22, 0xfe, 0xfd};
    deliver(&a, &third, SPAN_OF(hello));
    for (unsigned i = 0; i < 20000;
         i++) { /* junk of every first byte, from strangers and from the path itself */
        uint8_t junk[64];
        assert_ok(rng_fill(&rng, junk, sizeof junk));
        junk[0] = (uint8_t)i;
        in = deliver(&a, i & 256 ? &third : &b.from, SPAN(junk, 1 + i % sizeof junk));
        assert_true(in.kind == PEER_IN_NOTHING && !in.path_validated);
    }
    assert_int_equal(a.out.pkt_n, 0); /* nobody was answered */
    assert_true(path_equal(peer_path(&a.peer), &b.from));
    in = deliver(&a, &b.from, recorded);
    assert_int_equal(in.kind, PEER_IN_RTP);
    in = deliver(&a, &b.from, recorded);
    assert_true(in.kind == PEER_IN_NOTHING && a.peer.counters.replayed >= 1);
    pkt[20] ^= 1;
    pkt[3]++;
    in = deliver(&a, &b.from, recorded);
    assert_true(in.kind == PEER_IN_NOTHING && a.peer.counters.bad_tag >= 1);
    both_fini();
}

static void addresses_move_by_proof_only(void **state)
{
    (void)state;
    uint8_t bytes[200];
    struct path other = {.family = 6, .port = 777, .addr = {0xfd, 1}},
                third = {.family = 4, .port = 3, .addr = {9}};
    up();
    struct peer_in in = bind(&a, &other, false); /* proven, not chosen */
    assert_true(in.path_validated && path_equal(peer_path(&a.peer), &b.from));
    in = bind(&a, &other, true);
    assert_true(in.path_validated && path_equal(peer_path(&a.peer), &other));
    struct stun m;
    struct stun_cursor c;
    struct stun_attribute attr;
    out_clear(&a.out);
    bind(&a, &other, true);
    assert_int_equal(a.out.pkt_n, 1);
    assert_ok(stun_parse(SPAN(a.out.arena + a.out.pkt[0].at, a.out.pkt[0].n), &m));
    assert_true(m.of_class == STUN_SUCCESS && m.fingerprint_ok);
    assert_ok(stun_check(&m, peer_local_pwd(&a.peer), &a.conf.hmac));
    uint8_t family, addr[16];
    uint16_t port;
    c = stun_attributes(&m);
    assert_true(stun_next(&c, &attr) && attr.type == STUN_XOR_MAPPED_ADDRESS);
    assert_true(stun_get_xor_address(&m, attr.value, &family, addr, &port));
    assert_true(family == 6 && port == 777 && memcmp(addr, other.addr, 16) == 0);
    for (uint16_t i = 0; i < 100; i++) { /* more paths than are kept: the chosen one stays */
        struct path p = {.family = 4, .port = (uint16_t)(10000 + i), .addr = {1, 2, 3, 4}};
        assert_true(bind(&a, &p, false).path_validated);
        out_clear(&a.out);
    }
    assert_true(path_equal(peer_path(&a.peer), &other));
    deliver(&a, &third, SPAN(bytes, 20));
    assert_true(path_equal(peer_path(&a.peer), &other));
    /* both controlled: 487; an attribute we must understand and do not: 420 */
    for (unsigned kind = 0; kind < 2; kind++) {
        struct writer w = writer_of(MSPAN(bytes, sizeof bytes)), u;
        uint8_t name[32];
        u = writer_of(MSPAN(name, sizeof name));
        write_bytes(&u, peer_local_ufrag(&a.peer));
        write_str(&u, ":remo");
        stun_begin(&w, STUN_BINDING, STUN_REQUEST, bytes + 100);
        stun_put(&w, STUN_USERNAME, writer_span(&u));
        if (kind == 0) stun_put_u64(&w, STUN_ICE_CONTROLLED, 5);
        if (kind == 1) stun_put_u32(&w, 0x7001, 5);
        assert_ok(stun_end(&w, peer_local_pwd(&a.peer), &a.conf.hmac, true));
        out_clear(&a.out);
        in = deliver(&a, &third, writer_span(&w));
        assert_true(!in.path_validated && a.out.pkt_n == 1);
        assert_ok(stun_parse(SPAN(a.out.arena + a.out.pkt[0].at, a.out.pkt[0].n), &m));
        assert_int_equal(m.of_class, STUN_ERROR);
        c = stun_attributes(&m);
        assert_true(stun_next(&c, &attr) && attr.type == STUN_ERROR_CODE);
        assert_true(attr.value.p[2] == 4 && attr.value.p[3] == (kind ? 20 : 87));
    }
    both_fini();
}

static void consent_ends_exactly(void **state)
{
    (void)state;
    up();
    enum peer_end end;
    bind(&a, &b.from, true);
    usec last = now;
    now = last + 30 * USEC_S - 1;
    assert_int_equal(peer_wake(&a.peer), last + 30 * USEC_S);
    peer_tick(&a.peer, now, &a.out, &end);
    assert_int_equal(end, PEER_OPEN);
    assert_ok(say(&a, 1));
    now++;
    assert_false(peer_ready(&a.peer, now));
    peer_tick(&a.peer, now, &a.out, &end);
    assert_int_equal(end, PEER_END_CONSENT);
    out_clear(&a.out);
    uint8_t h[12];
    header_of(h, 1, 2);
    assert_err(ERR_STATE, peer_seal_rtp(&a.peer, &a.out, SPAN_OF(h), SPAN_LIT("x"), 2));
    assert_err(ERR_STATE, peer_send_data(&a.peer, &a.out, SPAN_LIT("x")));
    assert_int_equal(a.out.pkt_n, 0);
    assert_true(peer_wake(&a.peer) == USEC_NEVER);
    both_fini();
}

/* A path that proved nothing for 30 s is a stranger's again, though the peer lives on another. */
static void old_paths_expire(void **state)
{
    (void)state;
    struct path other = {.family = 4, .port = 777, .addr = {10, 9}};
    up();
    assert_true(bind(&a, &other, false).path_validated);
    assert_ok(say(&b, 1));
    uint8_t pkt[300];
    size_t n = b.out.pkt[b.out.pkt_n - 1].n;
    memcpy(pkt, b.out.arena + b.out.pkt[b.out.pkt_n - 1].at, n);
    out_clear(&b.out);
    run(now + 31 * USEC_S, false);
    uint64_t before = a.peer.counters.unknown_path;
    assert_int_equal(deliver(&a, &other, SPAN(pkt, n)).kind, PEER_IN_NOTHING);
    assert_int_equal(a.peer.counters.unknown_path, before + 1);
    assert_int_equal(deliver(&a, &b.from, SPAN(pkt, n)).kind, PEER_IN_RTP);
    both_fini();
}

static void never_connected(void **state)
{
    (void)state;
    assert_ok(both_init());
    usec start = now;
    enum peer_end end = PEER_OPEN;
    while (end == PEER_OPEN) {
        assert_true(peer_wake(&a.peer) > now && peer_wake(&a.peer) != USEC_NEVER);
        now = peer_wake(&a.peer);
        peer_tick(&a.peer, now, &a.out, &end);
    }
    assert_int_equal(end, PEER_END_NEVER);
    assert_true(now - start == 30 * USEC_S);
    both_fini();
}

static void restarts(void **state)
{
    (void)state;
    uint8_t old[200], bytes[200];
    up();
    struct path other = {.family = 4, .port = 777, .addr = {10, 9}};
    struct span before = binding(&a, old, true, NULL);
    struct peer_remote r = remote_of(&b, DTLS_SERVER);
    r.ufrag = SPAN_LIT("newr");
    assert_ok(peer_restart(&a.peer, &r, now));
    assert_true(deliver(&a, &other, before).path_validated); /* the old credentials are good until … */
    assert_ok(say(&a, 1));
    assert_true(bind(&a, &other, true).path_validated);
    assert_false(deliver(&a, &other, before).path_validated); /* … the new ones are used */
    assert_ok(say(&a, 2));
    struct span ufrag;
    assert_true(stun_peek_username(binding(&a, bytes, true, NULL), &ufrag));
    assert_true(span_equal(ufrag, peer_local_ufrag(&a.peer)));
    r.fingerprint.hash[3] ^= 1;
    assert_err(ERR_STATE, peer_restart(&a.peer, &r, now));
    r = remote_of(&b, DTLS_CLIENT);
    assert_err(ERR_STATE, peer_restart(&a.peer, &r, now));
    r = remote_of(&b, DTLS_SERVER);
    r.ufrag = SPAN_LIT("abc");
    assert_err(ERR_RANGE, peer_restart(&a.peer, &r, now));
    both_fini();
}

static enum err call(void *arg)
{
    (void)arg;
    enum err e = both_init();
    if (!e) run(now + 3 * USEC_S, false);
    if (!e && !(a.connected && b.connected)) e = ERR_NOMEM;
    if (!e) e = say(&a, 1);
    if (!e) run(now + USEC_S, false);
    if (!e && !b.rtp) e = ERR_NOMEM;
    both_fini();
    return e;
}

static void out_of_memory(void **state)
{
    (void)state;
    assert_true(oom_run(call, NULL) >= 5);
}

int main(void)
{
    srtp = openssl_srtp(openssl_crypto());
    seeded.state = 4711;
    rng = rng_from_seed(&seeded);
    now = 1000;
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(connects_and_talks),    cmocka_unit_test(wrong_fingerprint),
        cmocka_unit_test(strangers_get_nothing), cmocka_unit_test(addresses_move_by_proof_only),
        cmocka_unit_test(consent_ends_exactly),  cmocka_unit_test(old_paths_expire),
        cmocka_unit_test(never_connected),       cmocka_unit_test(restarts),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
