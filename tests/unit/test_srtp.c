/* SPDX-License-Identifier: Apache-2.0
 * SRTP: both directions in each profile, what must be refused, replay, and the roll-over counter against a
 * model (acceptance rows 9, 11, 13, 19). The RFCs' vectors run in build/tests/vectors. */
#include "test.h"

#include "base/rng.h"
#include "core/srtp.h"
#include "guest/openssl_crypto.h"
#include "guest/openssl_srtp.h"

#define SSRC 0xcafebabeu

static const enum srtp_profile profiles[] = {SRTP_AEAD_AES_128_GCM, SRTP_AEAD_AES_256_GCM,
                                             SRTP_AES128_CM_SHA1_80};
static struct srtp_library library;
static uint8_t wire[2048];

static struct srtp_keys keys_of(enum srtp_profile p, bool swapped)
{
    uint8_t n = p == SRTP_AEAD_AES_256_GCM ? 44 : p == SRTP_AEAD_AES_128_GCM ? 28 : 30;
    struct srtp_keys k = {.profile = p, .local = {.n = n}, .remote = {.n = n}};
    for (uint8_t i = 0; i < n; i++) {
        k.local.b[i] = (uint8_t)(i + (swapped ? 100 : 0));
        k.remote.b[i] = (uint8_t)(i + (swapped ? 0 : 100));
    }
    return k;
}

static void pair(enum srtp_profile p, struct srtp *a, struct srtp *b)
{
    struct srtp_keys ka = keys_of(p, false), kb = keys_of(p, true);
    assert_ok(srtp_init(a, &library, &ka));
    assert_ok(srtp_init(b, &library, &kb));
}

static void header_of(uint8_t h[12], uint32_t ssrc, uint16_t seq)
{
    uint8_t bytes[12] = {0x80,
                         96,
                         (uint8_t)(seq >> 8),
                         (uint8_t)seq,
                         1,
                         2,
                         3,
                         4,
                         (uint8_t)(ssrc >> 24),
                         (uint8_t)(ssrc >> 16),
                         (uint8_t)(ssrc >> 8),
                         (uint8_t)ssrc};
    memcpy(h, bytes, 12);
}

static size_t seal(struct srtp *s, uint32_t ssrc, uint64_t index, struct span payload)
{
    uint8_t h[12];
    size_t n;
    header_of(h, ssrc, (uint16_t)index);
    assert_ok(srtp_seal(s, index, SPAN_OF(h), payload, MSPAN(wire, sizeof wire), &n));
    return n;
}

static enum err open_copy(struct srtp *s, size_t n, size_t *plain_n)
{
    static uint8_t copy[2048];
    memcpy(copy, wire, n);
    return srtp_open(s, MSPAN(copy, n), 12, plain_n);
}

static void there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(profiles); i++) {
        struct srtp a, b;
        size_t n, plain;
        pair(profiles[i], &a, &b);
        for (size_t bytes = 0; bytes < 1200; bytes = bytes * 2 + 1) {
            uint8_t payload[1200];
            memset(payload, (int)bytes, sizeof payload);
            n = seal(&a, SSRC, bytes, SPAN(payload, bytes));
            for (size_t short_n = 0; short_n < n && n < 60; short_n++)
                assert_int_not_equal(open_copy(&b, short_n, &plain), OK);
            assert_ok(srtp_open(&b, MSPAN(wire, n), 12, &plain));
            assert_int_equal(plain, 12 + bytes);
            assert_memory_equal(wire + 12, payload, bytes);
        }
        n = seal(&a, SSRC, 5000, SPAN_LIT("hello there"));
        for (size_t bit = 0; bit < 8 * n; bit++) { /* every bit counts */
            wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(open_copy(&b, n, &plain), OK);
            wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
        }
        assert_int_equal(b.stream_count, 1);
        assert_ok(open_copy(&b, n, &plain));
        assert_err(ERR_REPLAY, open_copy(&b, n, &plain));
        n = seal(&a, SSRC, 5000 - 128, SPAN_LIT("old"));
        assert_err(ERR_REPLAY, open_copy(&b, n, &plain));
        n = seal(&a, SSRC, 5000 - 127, SPAN_LIT("old"));
        assert_ok(open_copy(&b, n, &plain));
        assert_err(ERR_REPLAY, open_copy(&b, n, &plain));
        uint8_t h[12], room[30];
        header_of(h, SSRC, 1);
        assert_err(ERR_FULL, srtp_seal(&a, 1, SPAN_OF(h), SPAN_LIT("hello there"), MSPAN(room, 30), &n));
        srtp_fini(&a);
        srtp_fini(&b);
    }
}

static void rtcp(void **state)
{
    (void)state;
    static const uint8_t report[] = {0x81, 200, 0, 6, 0xca, 0xfe, 0xba, 0xbe, 1, 2, 3, 4, 5, 6,
                                     7,    8,   1, 2, 3,    4,    5,    6,    7, 8, 9, 9, 9, 9};
    for (size_t i = 0; i < COUNT_OF(profiles); i++) {
        struct srtp a, b;
        size_t n, plain;
        uint8_t copy[100], old[100];
        bool aead = profiles[i] != SRTP_AES128_CM_SHA1_80;
        pair(profiles[i], &a, &b);
        assert_ok(srtp_seal_rtcp(&a, SPAN_OF(report), MSPAN(wire, sizeof wire), &n));
        assert_int_equal(n, sizeof report + (aead ? 20 : 14));
        memcpy(old, wire, n);
        for (size_t bit = 0; bit < 8 * n; bit++) {
            memcpy(copy, wire, n);
            copy[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_not_equal(srtp_open_rtcp(&b, MSPAN(copy, n), &plain), OK);
        }
        for (size_t s = 0; s < n; s++) {
            memcpy(copy, wire, n);
            assert_int_not_equal(srtp_open_rtcp(&b, MSPAN(copy, s), &plain), OK);
        }
        memcpy(copy, wire, n);
        copy[aead ? n - 4 : sizeof report] &= 0x7f; /* E bit clear */
        assert_err(ERR_FORMAT, srtp_open_rtcp(&b, MSPAN(copy, n), &plain));
        assert_ok(srtp_open_rtcp(&b, MSPAN(wire, n), &plain));
        assert_true(plain == sizeof report && memcmp(wire, report, plain) == 0);
        assert_err(ERR_REPLAY, srtp_open_rtcp(&b, MSPAN(old, n), &plain));
        a.send_rtcp_index = 0x7ffffffe; /* the last index there is */
        assert_ok(srtp_seal_rtcp(&a, SPAN_OF(report), MSPAN(wire, sizeof wire), &n));
        assert_err(ERR_STATE, srtp_seal_rtcp(&a, SPAN_OF(report), MSPAN(old, sizeof old), &plain));
        assert_ok(srtp_open_rtcp(&b, MSPAN(wire, n), &plain));
        a.send_rtcp_index = 0; /* were it to start again, it would be a replay */
        assert_ok(srtp_seal_rtcp(&a, SPAN_OF(report), MSPAN(wire, sizeof wire), &n));
        assert_err(ERR_REPLAY, srtp_open_rtcp(&b, MSPAN(wire, n), &plain));
        srtp_fini(&a);
        srtp_fini(&b);
    }
}

static void many_sources(void **state)
{
    (void)state;
    struct srtp a, b;
    size_t n, plain, refused = 0;
    pair(SRTP_AEAD_AES_128_GCM, &a, &b);
    for (uint32_t i = 0; i < 10000; i++) {
        n = seal(&a, i * 7919, 1, SPAN_LIT("x"));
        wire[n - 1] ^= 1; /* a wrong tag takes no place */
        assert_int_not_equal(open_copy(&b, n, &plain), OK);
        wire[n - 1] ^= 1;
        enum err e = open_copy(&b, n, &plain);
        assert_int_equal(e, i < SRTP_SSRCS_MAX ? OK : ERR_FULL);
        if (e) refused++;
    }
    assert_int_equal(b.stream_count, SRTP_SSRCS_MAX);
    assert_int_equal(refused, 10000 - SRTP_SSRCS_MAX);
    n = seal(&a, 7919, 2, SPAN_LIT("x")); /* the known ones go on */
    assert_ok(open_copy(&b, n, &plain));
    srtp_fini(&a);
    srtp_fini(&b);
}

/* Row 13: random loss, reordering and duplicates around wraps; what a model with the true indices accepts is
 * accepted, and nothing else. */
#define SCHEDULES (SANITIZED ? 100000 : 1000000)
#define STEPS     24

struct model {
    bool any;
    uint64_t top;
    uint64_t had[STEPS];
    size_t count;
};

static bool model_takes(struct model *m, uint64_t index)
{
    if (m->any && index + 128 <= m->top) return false;
    for (size_t i = 0; i < m->count; i++)
        if (m->had[i] == index) return false;
    m->had[m->count++] = index;
    if (!m->any || index > m->top) m->top = index;
    m->any = true;
    return true;
}

static bool highest_is(const struct srtp_stream *st, uint64_t top)
{
    return ((uint64_t)st->roc << 16 | st->highest) == top;
}

static uint64_t below(const struct rng *r, uint64_t n)
{
    uint64_t v;
    assert_ok(rng_fill(r, (uint8_t *)&v, sizeof v));
    return v % n;
}

static void roll_over_against_a_model(void **state)
{
    (void)state;
    struct rng_seeded seeded = {20261123};
    struct rng r = rng_from_seed(&seeded);
    struct srtp a, b;
    unsigned right = 0;
    pair(SRTP_AEAD_AES_128_GCM, &a, &b);
    for (unsigned run = 0; run < SCHEDULES; run++) {
        struct model m = {0};
        b.stream_count = 0;
        uint64_t index =
            below(&r, 2) ? below(&r, 0x8000) : 0; /* RFC 3711 section 3.3.1: the first ROC is 0 */
        bool ok = true;
        for (unsigned step = 0; step < STEPS; step++) {
            static const uint64_t leap[] = {1, 1, 3, 100, 200, 3000, 20000, 32000};
            uint64_t at = index;
            if (step && below(&r, 3) == 0)
                at -= at < 1 ? 0 : below(&r, at < 160 ? at : 160); /* late or again */
            size_t plain, n = seal(&a, SSRC, at, SPAN_LIT("."));
            bool took = open_copy(&b, n, &plain) == OK;
            ok &= took == model_takes(&m, at);
            ok &= highest_is(&b.stream[0], m.top);
            index += 1 + below(&r, leap[below(&r, COUNT_OF(leap))]);
        }
        right += ok;
    }
    printf("roll-over counter right in %u of %u schedules\n", right, SCHEDULES);
    assert_int_equal(right, SCHEDULES);
    srtp_fini(&a);
    srtp_fini(&b);
}

static void first_packets_lost_before_a_wrap(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(profiles); i++) {
        struct srtp a, b;
        size_t n, plain;
        pair(profiles[i], &a, &b);
        n = seal(&a, SSRC, 0x10003, SPAN_LIT("began at 65530"));
        wire[n - 1] ^= 1;
        assert_err(ERR_AUTH, open_copy(&b, n, &plain));
        wire[n - 1] ^= 1;
        assert_ok(srtp_open(&b, MSPAN(wire, n), 12, &plain));
        assert_memory_equal(wire + 12, "began at 65530", 14);
        assert_true(highest_is(&b.stream[0], 0x10003));
        n = seal(&a, SSRC, 0xfffe, SPAN_LIT("late"));
        assert_ok(open_copy(&b, n, &plain));
        n = seal(&a, SSRC, 0x10004, SPAN_LIT("next"));
        assert_ok(open_copy(&b, n, &plain));
        srtp_fini(&a);
        srtp_fini(&b);
    }
}

static void a_day_of_wraps(void **state)
{
    (void)state;
    struct srtp a, b;
    size_t plain;
    pair(SRTP_AEAD_AES_128_GCM, &a, &b);
    uint64_t packets = (uint64_t)24 * 3600 * 1000, step = 997; /* 1000 packets a second, one in 997 arrives */
    for (uint64_t i = 1; i < packets; i += step) {
        size_t n = seal(&a, SSRC, i, SPAN_LIT("."));
        assert_ok(open_copy(&b, n, &plain));
    }
    assert_int_equal(b.stream[0].roc, packets >> 16);
    srtp_fini(&a);
    srtp_fini(&b);
}

static enum err set_up(void *arg)
{
    struct srtp a;
    struct srtp_keys k = keys_of(SRTP_AES128_CM_SHA1_80, false);
    (void)arg;
    enum err e = srtp_init(&a, &library, &k);
    if (!e) srtp_fini(&a);
    return e;
}

static void out_of_memory(void **state)
{
    (void)state;
    assert_true(oom_run(set_up, NULL) >= 4);
    struct srtp a;
    struct srtp_keys k = keys_of(SRTP_AEAD_AES_128_GCM, false);
    k.profile = SRTP_AES128_CM_SHA1_80;
    assert_err(ERR_RANGE, srtp_init(&a, &library, &k));
    k.profile = SRTP_NONE;
    assert_err(ERR_UNSUPPORTED, srtp_init(&a, &library, &k));
}

int main(void)
{
    library = openssl_srtp(openssl_crypto());
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_and_back),
        cmocka_unit_test(rtcp),
        cmocka_unit_test(many_sources),
        cmocka_unit_test(roll_over_against_a_model),
        cmocka_unit_test(first_packets_lost_before_a_wrap),
        cmocka_unit_test(a_day_of_wraps),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
