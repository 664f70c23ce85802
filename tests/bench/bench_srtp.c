/* SPDX-License-Identifier: Apache-2.0
 * What SRTP costs on this machine per packet of 1,200 bytes, keys of 64 receivers in turn: one line a
 * profile. Run by hand or by a bench script; takes about a second. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "guest/openssl_crypto.h"
#include "guest/openssl_srtp.h"

#define PEERS   64
#define PACKETS 200000
#define PAYLOAD 1180

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void must(enum err e)
{
    if (e == OK) return;
    fprintf(stderr, "bench_srtp: %s\n", err_text(e));
    exit(1);
}

static void bench(const struct srtp_library *library, const char *name, enum srtp_profile profile,
                  uint8_t keys_n)
{
    static struct srtp to[PEERS], from;
    static uint8_t payload[PAYLOAD], room[PEERS][1500], ring[256][1500];
    uint8_t header[20] = {0x90, 96, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xbe, 0xde, 0, 1};
    size_t n = 0;
    struct srtp_keys k = {.profile = profile, .local = {keys_n, {1}}, .remote = {keys_n, {1}}};
    for (unsigned i = 0; i < PEERS; i++) {
        k.local.b[2] = (uint8_t)i;
        must(srtp_init(&to[i], library, &k));
    }
    double start = now_ns();
    for (uint64_t i = 0; i < PACKETS; i++) {
        header[2] = (uint8_t)(i / PEERS >> 8);
        header[3] = (uint8_t)(i / PEERS);
        must(srtp_seal(&to[i % PEERS], i / PEERS, SPAN_OF(header), SPAN_OF(payload),
                       MSPAN(room[i % PEERS], sizeof room[0]), &n));
    }
    double seal_ns = (now_ns() - start) / PACKETS, open_ns = 0;
    k.local.b[2] = 0;
    must(srtp_init(&from, library, &k));
    for (uint64_t i = 0; i < PACKETS; i += COUNT_OF(ring)) {
        for (uint64_t j = 0; j < COUNT_OF(ring); j++) {
            header[2] = (uint8_t)((i + j) >> 8);
            header[3] = (uint8_t)(i + j);
            must(srtp_seal(&to[0], i + j, SPAN_OF(header), SPAN_OF(payload), MSPAN(ring[j], sizeof ring[j]),
                           &n));
        }
        start = now_ns();
        for (uint64_t j = 0; j < COUNT_OF(ring); j++) {
            size_t plain;
            must(srtp_open(&from, MSPAN(ring[j], n), sizeof header, &plain));
        }
        open_ns += now_ns() - start;
    }
    printf("%s: seal %.0f ns, open %.0f ns\n", name, seal_ns, open_ns / PACKETS);
    for (unsigned i = 0; i < PEERS; i++)
        srtp_fini(&to[i]);
    srtp_fini(&from);
}

int main(void)
{
    struct srtp_library library = openssl_srtp(openssl_crypto());
    bench(&library, "AEAD_AES_128_GCM", SRTP_AEAD_AES_128_GCM, 28);
    bench(&library, "AEAD_AES_256_GCM", SRTP_AEAD_AES_256_GCM, 44);
    bench(&library, "AES128_CM_SHA1_80", SRTP_AES128_CM_SHA1_80, 30);
    return 0;
}
