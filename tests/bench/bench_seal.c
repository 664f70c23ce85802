/* SPDX-License-Identifier: Apache-2.0
 * What sealing costs on this machine: one line a measurement, "name milliseconds". Run by hand or by a bench
 * script; takes about a second. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "guest/openssl_crypto.h"
#include "seal/hpke.h"
#include "seal/sframe_room.h"
#include "seal/suite.h"
#include "seal/wrap.h"

#define FRAMES     1000
#define FRAME_SIZE 1200
#define PUBLIC_OPS 200

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void must(enum err e)
{
    if (e == OK) return;
    fprintf(stderr, "bench_seal: %s\n", err_text(e));
    exit(1);
}

static uint8_t wire[FRAMES][FRAME_SIZE + SFRAME_OVERHEAD_MAX], text[FRAME_SIZE + SFRAME_OVERHEAD_MAX];

static void frames(uint16_t suite)
{
    struct sframe_room_conf conf = {openssl_crypto(), suite, SFRAME_LAYOUT_ROOM, 64};
    struct sframe_room *a = sframe_room_new(&conf), *b = sframe_room_new(&conf);
    struct sframe_epoch e = {.epoch = 1, .leaf = 3, .base = {SPAN_LIT("0123456789abcdef")}};
    size_t n[FRAMES];
    if (!a || !b) must(ERR_NOMEM);
    must(sframe_room_enter(a, 0, &e));
    must(sframe_room_enter(b, 0, &e));
    double t0 = now_ms();
    for (int i = 0; i < FRAMES; i++)
        must(sframe_room_seal(a, 0, 1, SPAN_NONE, SPAN(text, FRAME_SIZE), MSPAN(wire[i], sizeof wire[i]),
                              &n[i]));
    double t1 = now_ms();
    for (int i = 0; i < FRAMES; i++) {
        struct sframe_plain p = {.out = MSPAN(text, sizeof text)};
        must(sframe_room_open(b, 0, SPAN(wire[i], n[i]), SPAN_NONE, &p));
    }
    double t2 = now_ms();
    printf("sframe suite %u seal %d x %d B: %.2f ms\n", suite, FRAMES, FRAME_SIZE, t1 - t0);
    printf("sframe suite %u open %d x %d B: %.2f ms\n", suite, FRAMES, FRAME_SIZE, t2 - t1);
    sframe_room_free(a);
    sframe_room_free(b);
}

static void public_key(uint16_t id)
{
    struct suite s;
    struct secret priv, sk;
    uint8_t pub[CRYPTO_PUBLIC_MAX], spub[CRYPTO_PUBLIC_MAX], enc[HPKE_ENC_MAX], ct[48], sig[CRYPTO_SIGN_MAX];
    size_t n = 0;
    must(suite_init(&s, id, openssl_crypto()));
    must(suite_dh_new(&s, &priv, pub));
    must(suite_sign_new(&s, &sk, spub));
    struct suite_box to = {SPAN(pub, s.npk), SPAN_LIT("l"), SPAN_LIT("c")},
                     from = {secret_span(&priv), to.label, to.context};
    double t[5];
    t[0] = now_ms();
    for (int i = 0; i < PUBLIC_OPS; i++)
        must(suite_encrypt(&s, &to, SPAN(text, 32), enc, ct));
    t[1] = now_ms();
    for (int i = 0; i < PUBLIC_OPS; i++)
        must(suite_decrypt(&s, &from, SPAN(enc, s.npk), SPAN_OF(ct), text));
    t[2] = now_ms();
    for (int i = 0; i < PUBLIC_OPS; i++)
        must(suite_sign(&s, secret_span(&sk), SPAN_LIT("l"), SPAN(text, 200), sig, &n));
    t[3] = now_ms();
    for (int i = 0; i < PUBLIC_OPS; i++)
        must(suite_verify(&s, SPAN(spub, s.nspk), SPAN_LIT("l"), SPAN(text, 200), SPAN(sig, n)));
    t[4] = now_ms();
    static const char *const names[] = {"hpke seal", "hpke open", "sign", "verify"};
    for (int i = 0; i < 4; i++)
        printf("suite %u %s: %.3f ms each\n", id, names[i], (t[i + 1] - t[i]) / PUBLIC_OPS);
    secret_drop(&priv);
    secret_drop(&sk);
}

int main(void)
{
    for (uint16_t suite = 1; suite <= 5; suite++)
        frames(suite);
    for (uint16_t id = 1; id <= 3; id++)
        public_key(id);
    return 0;
}
