/* SPDX-License-Identifier: Apache-2.0
 * usage: bench_forward [SUBSCRIBERS [PACKETS]]   what one forwarded packet costs in the room, from the
 * decrypted packet of the publisher to the sealed datagram in the tray, by AES-128-GCM of OpenSSL; no
 * sockets. Prints microseconds. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "guest/openssl_crypto.h"
#include "guest/openssl_srtp.h"
#include "room/roster.h"
#include "sim/room_world.h"

static struct world w;

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Real keys in the place of the simulation's. */
static void real_keys(struct member *m, const struct srtp_library *real)
{
    struct srtp_keys keys = {.profile = SRTP_AEAD_AES_128_GCM, .local = {.n = 28}, .remote = {.n = 28}};
    srtp_fini(&m->peer->srtp);
    if (srtp_init(&m->peer->srtp, real, &keys)) abort();
}

static double run(struct client *p, unsigned packets, unsigned burst)
{
    uint8_t b[1300];
    static uint16_t seq = 1000; /* goes on from run to run */
    uint32_t ssrc = p->sent[0].ssrc;
    memset(b, 0x5a, sizeof b);
    double before = seconds();
    for (unsigned i = 0; i < packets; i++) {
        struct rtp_out h = {.pt = 96, .seq = seq++, .ts = i / 8 * 3000, .ssrc = ssrc};
        struct peer_in in = {.kind = PEER_IN_RTP};
        size_t n = rtp_write(&h, MSPAN(b, 100));
        memcpy(b + n, i % 2000 ? "\x90\x80\x81\x01\x01" : "\x90\x80\x81\x01\x00", 5);
        in.pkt = MSPAN(b, n + 1180);
        if (rtp_parse(span_m(in.pkt), &in.rtp)) abort();
        room_input(w.room, p->member, w.now, &in, &w.out, &w.news);
        if (i % burst == burst - 1) out_clear(&w.out);
    }
    return seconds() - before;
}

int main(int argc, char **argv)
{
    unsigned subscribers = argc > 1 ? (unsigned)atoi(argv[1]) : 50,
             packets = argc > 2 ? (unsigned)atoi(argv[2]) : 20000;
    struct srtp_library real = openssl_srtp(openssl_crypto());
    if (subscribers == 0 || subscribers >= WORLD_CLIENTS_MAX || world_init(&w, 1, CLASS_GOVERNED, NULL))
        return 2;
    struct client *p = world_join(&w, MEMBER_WHIP, CAN_PUBLISH, "");
    if (!client_offer(p, 0, 1, 0, 0)) return 1;
    for (unsigned i = 0; i < subscribers; i++)
        if (!client_offer(world_join(&w, MEMBER_WHEP, CAN_SUBSCRIBE, ""), 0, 0, 0, 1)) return 1;
    world_run(&w, 2 * USEC_S);
    for (uint32_t i = 0; i < w.clients; i++)
        real_keys(w.client[i].member, &real);
    (void)run(p, 2000, 1);
    for (unsigned burst = 1; burst <= 8; burst *= 8) {
        uint64_t before = room_counters(w.room)->packets_out;
        double t = run(p, packets, burst);
        uint64_t sent = room_counters(w.room)->packets_out - before;
        printf("1 -> %u, %u packets a turn: %.3f us a forwarded packet (%llu packets)\n", subscribers, burst,
               t * 1e6 / (double)sent, (unsigned long long)sent);
    }
    world_fini(&w);
    return 0;
}
