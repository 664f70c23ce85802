/* SPDX-License-Identifier: Apache-2.0
 * What was left is gone: after leaving a room, ending an HPKE context and dropping keys, no writable memory
 * of the process (heap, stacks, the library's contexts) holds a byte string of any secret. The needles are
 * kept inverted, so that the scan does not find the test's own copy. */
#include "test.h"

#include <stdlib.h>

#include "guest/openssl_crypto.h"
#include "seal/hpke.h"
#include "seal/invite.h"
#include "seal/sframe_room.h"
#include "seal/suite.h"

#if defined(__has_include)
#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#endif
#endif
#ifndef RUNNING_ON_VALGRIND
#define RUNNING_ON_VALGRIND 0
#endif

#define NEEDLE  16
#define NEEDLES 32

static uint8_t inverted[NEEDLES][NEEDLE];
static size_t needles;

static void remember(struct span secret)
{
    assert_true(needles < NEEDLES && secret.n >= NEEDLE);
    for (size_t i = 0; i < NEEDLE; i++)
        inverted[needles][i] = (uint8_t)~secret.p[i];
    needles++;
}

/* The scan reads what a checker of memory forbids, on purpose. */
#if defined(__clang__)
#define UNCHECKED __attribute__((no_sanitize("address", "memory")))
#else
#define UNCHECKED __attribute__((no_sanitize("address")))
#endif

/* True when needle k lies in the memory; the comparison never puts it together. */
UNCHECKED static bool lies_in(const volatile uint8_t *p, size_t n, size_t k)
{
    uint8_t first = (uint8_t)~inverted[k][0];
    for (size_t i = 0; i + NEEDLE <= n; i++) {
        if (p[i] != first) continue;
        size_t same = 1;
        while (same < NEEDLE && (p[i + same] ^ inverted[k][same]) == 0xff)
            same++;
        if (same == NEEDLE) return true;
    }
    return false;
}

static unsigned scan(void)
{
    unsigned found = 0;
    char line[512];
    FILE *maps = fopen("/proc/self/maps", "r");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps)) {
        unsigned long from, to;
        char rights[8];
        if (sscanf(line, "%lx-%lx %7s", &from, &to, rights) != 3 || rights[0] != 'r' || rights[1] != 'w')
            continue;
        if (strstr(line, "[v")) continue;
        if (to - from > (64ul << 20)) continue; /* a sanitiser's shadow */
        for (size_t k = 0; k < needles; k++)
            if (lies_in((const volatile uint8_t *)from, to - from, k)) {
                found |= 1u << k;
            }
    }
    fclose(maps);
    return found;
}

static struct sframe_room *left; /* a room that was left and not yet freed */

__attribute__((noinline)) static void frames(const struct crypto *c)
{
    struct sframe_room_conf conf = {c, SFRAME_SUITE_ROOM, SFRAME_LAYOUT_ROOM, 16};
    struct sframe_room *a = sframe_room_new(&conf), *b = sframe_room_new(&conf);
    uint8_t base[16], wire[200], text[200];
    struct sframe_key k;
    struct sframe_plain p = {.out = MSPAN(text, sizeof text)};
    size_t n;
    assert_ok(c->random(c->ctx, base, sizeof base));
    struct sframe_epoch e = {.epoch = 1, .leaf = 2, .base = {SPAN_OF(base)}};
    remember(SPAN_OF(base));
    assert_ok(sframe_room_enter(a, 0, &e));
    assert_ok(sframe_room_enter(b, 0, &e));
    assert_ok(sframe_room_seal(a, 0, 1, SPAN_NONE, SPAN_LIT("words"), MSPAN(wire, sizeof wire), &n));
    assert_ok(sframe_room_open(b, 0, SPAN(wire, n), SPAN_NONE, &p));
    assert_ok(sframe_key_derive(&k, c, SFRAME_SUITE_ROOM, SPAN_OF(base), p.from.kid));
    remember(SPAN(k.key, 16));
    sframe_key_drop(&k);
    secret_wipe(base, sizeof base);
    sframe_room_leave(a); /* memory still taken */
    sframe_room_free(b);  /* given back */
    e.epoch = 2, e.base[0] = SPAN_LIT("another base key");
    assert_ok(sframe_room_enter(a, 0, &e));
    sframe_room_leave(a);
    left = a;
}

__attribute__((noinline)) static void boxes(const struct crypto *c)
{
    struct suite s;
    struct secret priv, path = {.n = 32};
    uint8_t pub[65], enc[65], ct[48], pt[32];
    struct hpke h = {0};
    size_t n;
    assert_ok(suite_init(&s, SUITE_P256_AES128, c));
    assert_ok(suite_dh_new(&s, &priv, pub));
    assert_ok(c->random(c->ctx, path.b, 32));
    remember(secret_span(&priv));
    remember(secret_span(&path));
    struct suite_box to = {SPAN(pub, s.npk), SPAN_LIT("UpdatePathNode"), SPAN_LIT("group")},
                     from = {secret_span(&priv), to.label, to.context};
    assert_ok(suite_encrypt(&s, &to, secret_span(&path), enc, ct));
    assert_ok(suite_decrypt(&s, &from, SPAN(enc, s.npk), SPAN_OF(ct), pt));
    struct hpke_with with = {.crypto = c, .kem = s.kem_id, .kdf = s.kdf_id, .aead = s.aead_id};
    assert_ok(hpke_send(&h, &with, SPAN(pub, s.npk), enc, &n));
    remember(secret_span(&h.key));
    remember(secret_span(&h.exporter));
    hpke_fini(&h);
    assert_ok(suite_derive(&s, secret_span(&path), SPAN_LIT("node"), &path));
    remember(secret_span(&path));
    secret_wipe(pt, sizeof pt);
    secret_drop(&path);
    secret_drop(&priv);
}

static void nothing_is_left(void **state)
{
    (void)state;
    if (RUNNING_ON_VALGRIND) skip();
    const struct crypto *c = openssl_crypto();
    frames(c);
    boxes(c);
    assert_int_equal(needles, 7);
    assert_int_equal(scan(), 0);
    /* and the scan does find what is there */
    uint8_t *there = malloc(NEEDLE);
    assert_non_null(there);
    for (size_t i = 0; i < NEEDLE; i++)
        ((volatile uint8_t *)there)[i] = (uint8_t)~inverted[0][i];
    assert_int_equal(scan(), 1);
    free(there);
    sframe_room_free(left);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nothing_is_left)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
