/* SPDX-License-Identifier: Apache-2.0
 * Attacks on a running server with a reference call beside them (docs: RELIABILITY rows 1, 3, 6, 8, 9, 10,
 * 14, 15, 18, 19). usage: rig PATH-OF-INCAMERA [ROW…]   starts a server of its own on loopback, prints a line
 * a row with its figures and `N passed, N failed`. Traffic stays on 127.0.0.0/8 and is bounded in count and
 * time. */
#include "base/mem.h"
#include "daemon/call.h"
#include "guest/openssl_dtls.h"
#include "io/sockaddr.h"
#include "io/tcp.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HTTP  "127.0.0.1:17080"
#define HTTPS "127.0.0.1:17443"
#define MEDIA "127.0.0.1:17100"

static pid_t server;
static char data_folder[] = "/tmp/incamera-rig-XXXXXX";
static unsigned passed, failed;
static struct rng_seeded dice = {20261123};

static uint32_t roll(void)
{
    uint32_t v;
    if (rng_seeded_fill(&dice, (uint8_t *)&v, sizeof v)) abort();
    return v;
}

static void verdict(bool good, const char *line)
{
    printf("%s %s\n", good ? "ok  " : "FAIL", line);
    fflush(stdout);
    if (good)
        passed++;
    else
        failed++;
}

/* ---- the server ---- */

static bool start_server(const char *binary)
{
    int out[2];
    char line[200] = "";
    if (!mkdtemp(data_folder) || pipe(out)) return false;
    server = fork();
    if (server == 0) {
        dup2(out[1], 1);
        close(out[0]);
        int log = open("/dev/null", O_WRONLY);
        const char *keep = getenv("RIG_LOG");
        if (keep) log = open(keep, O_WRONLY | O_CREAT | O_TRUNC, 0600);
        dup2(log, 2);
        execl(binary, binary, "serve", "--dev", "--data", data_folder, "--listen", HTTPS, "--listen-plain",
              HTTP, "--media", MEDIA, "--engines", "1", (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    FILE *f = fdopen(out[0], "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, "ready ", 6) == 0)
            return true; /* the pipe stays open: the server may print to it */
    return false;
}

/* Sums VmRSS of the server and its children, in KiB, and counts them. */
static long server_rss(unsigned *processes)
{
    char name[300], line[200];
    long sum = 0;
    DIR *d = opendir("/proc");
    *processes = 0;
    for (struct dirent *e; d && (e = readdir(d));) {
        int pid = atoi(e->d_name), parent = 0;
        long rss = 0, kb;
        if (pid <= 0) continue;
        snprintf(name, sizeof name, "/proc/%d/status", pid);
        FILE *f = fopen(name, "r");
        while (f && fgets(line, sizeof line, f)) {
            if (sscanf(line, "PPid: %d", &parent) == 1) continue;
            if (sscanf(line, "VmRSS: %ld", &kb) == 1) rss = kb;
        }
        if (f) fclose(f);
        if (pid != server && parent != server) continue;
        sum += rss;
        (*processes)++;
    }
    if (d) closedir(d);
    return sum;
}

/* ---- the reference call: one who speaks and shows, two who listen ---- */

struct reference {
    struct call pub, sub[2];
    char room[32];
    usec start, audio_at, video_at;
    uint32_t audio_ts, video_ts;
    unsigned frame;
    uint64_t base_lost[2][CALL_SSRCS];
    uint64_t base_packets[2][CALL_SSRCS];
};

static void reference_turn(struct reference *r, usec now)
{
    struct call *all[] = {&r->pub, &r->sub[0], &r->sub[1]};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i]->dtls) call_turn(all[i], now);
    if (!r->pub.up) return;
    if (now >= r->audio_at) { /* 50 packets/s */
        call_send(&r->pub, 0, r->audio_ts += 960, 80, false, false);
        r->audio_at = (r->audio_at && now - r->audio_at < USEC_S ? r->audio_at : now) + 20 * USEC_MS;
    }
    if (now >= r->video_at) { /* 25 frames/s of 4 packets: about 1 Mbit/s */
        r->video_ts += 3600;
        for (int i = 0; i < 4; i++)
            call_send(&r->pub, 1, r->video_ts, 1100, i == 3, i == 0 && r->frame % 50 == 0);
        r->frame++;
        r->video_at = (r->video_at && now - r->video_at < USEC_S ? r->video_at : now) + 40 * USEC_MS;
    }
}

typedef void each_turn(void *ctx, usec now);

static void drive(struct reference *r, usec how_long, each_turn *each, void *ctx)
{
    struct timespec pause = {.tv_nsec = 500000};
    for (usec now = call_now(), end = now + how_long; now < end; now = call_now()) {
        reference_turn(r, now);
        if (each) each(ctx, now);
        nanosleep(&pause, NULL); /* real sockets, real time: a turn every half millisecond */
    }
}

static bool reference_open(struct reference *r, const char *room)
{
    memset(r, 0, sizeof *r);
    snprintf(r->room, sizeof r->room, "%s", room);
    struct call_conf pub = {.http = HTTP, .room = room, .publish = true, .video = 1, .audio = 1, .mark = 1};
    struct call_conf sub = {.http = HTTP, .room = room, .video = 2, .audio = 2, .bind = "127.0.0.6"};
    int status = call_open(&r->pub, &pub);
    if (status) {
        fprintf(stderr, "publishing refused: %d\n", status);
        return false;
    }
    drive(r, 500 * USEC_MS, NULL, NULL);
    for (int i = 0; i < 2; i++) {
        status = call_open(&r->sub[i], &sub);
        if (status) {
            fprintf(stderr, "subscribing refused: %d\n", status);
            return false;
        }
    }
    drive(r, 3 * USEC_S, NULL, NULL);
    return r->sub[0].tracks >= 2 && r->sub[1].tracks >= 2;
}

static void reference_close(struct reference *r)
{
    for (int i = 0; i < 2; i++)
        if (r->sub[i].dtls) call_close(&r->sub[i], HTTP);
    if (r->pub.dtls) call_close(&r->pub, HTTP);
}

static void measure_from_here(struct reference *r)
{
    drive(r, 300 * USEC_MS, NULL, NULL); /* the call may have stood still while a row set something up */
    for (int i = 0; i < 2; i++)
        for (unsigned t = 0; t < r->sub[i].tracks; t++) {
            r->base_lost[i][t] = r->sub[i].track[t].lost;
            r->base_packets[i][t] = r->sub[i].track[t].packets;
            r->sub[i].track[t].longest_gap = 0;
        }
}

/* Loss of the worst stream in 1/1000 %, its longest gap in ms, packets that were not the publisher's. */
static bool undisturbed(const struct reference *r, char *text, size_t n)
{
    double worst = 0;
    usec gap = 0;
    uint64_t packets = 0, foreign = 0;
    for (int i = 0; i < 2; i++)
        for (unsigned t = 0; t < r->sub[i].tracks; t++) {
            const struct call_track *k = &r->sub[i].track[t];
            uint64_t lost = k->lost - r->base_lost[i][t], got = k->packets - r->base_packets[i][t];
            if (got + lost && 100.0 * (double)lost / (double)(got + lost) > worst)
                worst = 100.0 * (double)lost / (double)(got + lost);
            if (k->longest_gap > gap) gap = k->longest_gap;
            packets += got;
            foreign += k->foreign;
        }
    bool alive = kill(server, 0) == 0 && !r->pub.ended && !r->sub[0].ended && !r->sub[1].ended;
    snprintf(text, n, "call: %llu packets, %.3f %% lost, longest gap %llu ms, %llu foreign, %s",
             (unsigned long long)packets, worst, (unsigned long long)(gap / 1000),
             (unsigned long long)foreign, alive ? "up" : "DOWN");
    return alive && packets > 100 && worst <= 0.1 && gap <= 500 * USEC_MS && foreign == 0;
}

/* ---- strangers ---- */

struct stranger {
    int fd[4];
    struct sockaddr_storage to;
    socklen_t to_n;
    uint64_t sent, answers;
    usec next;
    double per_ms;
    usec last;
    uint8_t pkt[24][1500];
    size_t n[24];
    unsigned pkts;
    uint64_t limit;
};

static void stranger_open(struct stranger *s, const struct path *server_at, double per_ms)
{
    memset(s, 0, sizeof *s);
    for (int i = 0; i < 4; i++) {
        struct path at = {.family = 4, .addr = {127, 0, 0, (uint8_t)(20 + i)}};
        if (udp_bind(&at, &s->fd[i])) abort();
    }
    s->to_n = sockaddr_of(server_at, &s->to);
    s->per_ms = per_ms;
    s->limit = UINT64_MAX;
}

static void stranger_close(struct stranger *s)
{
    for (int i = 0; i < 4; i++)
        close(s->fd[i]);
}

/* How many are due since the last turn. */
static unsigned due(usec *last, usec now, double per_ms)
{
    if (!*last) *last = now;
    double n = (double)(now - *last) / 1000.0 * per_ms;
    if (n < 1) return 0;
    *last = now;
    return (unsigned)n;
}

static void mutate(uint8_t *p, size_t *n)
{
    for (unsigned k = roll() % 6; k > 0 && *n; k--)
        p[roll() % *n] = (uint8_t)roll();
    if (roll() % 8 == 0) *n = roll() % (*n + 1);
}

static void stranger_turn(void *ctx, usec now)
{
    struct stranger *s = ctx;
    uint8_t bytes[1500];
    for (unsigned k = due(&s->last, now, s->per_ms); k > 0 && s->sent < s->limit; k--) {
        unsigned which = roll() % s->pkts;
        size_t n = s->n[which];
        memcpy(bytes, s->pkt[which], n);
        if (roll() % 2) mutate(bytes, &n);
        (void)sendto(s->fd[roll() % 4], bytes, n, MSG_DONTWAIT, (struct sockaddr *)&s->to, s->to_n);
        s->sent++;
    }
    for (int i = 0; i < 4; i++)
        while (recv(s->fd[i], bytes, sizeof bytes, MSG_DONTWAIT) >= 0)
            s->answers++;
}

static void stranger_add(struct stranger *s, struct span pkt)
{
    if (s->pkts == COUNT_OF(s->pkt) || pkt.n > sizeof s->pkt[0]) return;
    memcpy(s->pkt[s->pkts], pkt.p, pkt.n);
    s->n[s->pkts++] = pkt.n;
}

/* The datagrams of a real ClientHello. */
static void add_hello(struct stranger *s)
{
    struct dtls_identity *id;
    struct dtls *d;
    struct dtls_fingerprint f = {.hash_n = 32};
    struct path to = {.family = 4};
    struct out o;
    if (openssl_dtls_identity(&id) || openssl_dtls()->open(id, DTLS_CLIENT, &f, 1, &d) || out_init(&o, 8))
        abort();
    openssl_dtls()->tick(d, call_now(), &to, NULL, &o);
    for (uint16_t i = 0; i < o.pkt_n; i++)
        stranger_add(s, SPAN(o.arena + o.pkt[i].at, o.pkt[i].n));
    out_fini(&o);
    openssl_dtls()->close(d);
    openssl_dtls_identity_free(id);
}

static void add_junk(struct stranger *s)
{
    uint8_t b[1200];
    static const uint8_t firsts[] = {0, 1, 3, 20, 21, 22, 23, 25, 63, 64, 79, 128, 144, 191, 200, 255};
    for (size_t i = 0; i < COUNT_OF(firsts); i++) {
        for (size_t k = 0; k < sizeof b; k++)
            b[k] = (uint8_t)roll();
        b[0] = firsts[i];
        if (firsts[i] < 4) memcpy(b + 4, "\x21\x12\xa4\x42", 4), b[2] = 4, b[3] = 156;
        stranger_add(s, SPAN(b, 20 + roll() % 1180));
    }
}

/* ---- rows ---- */

static void row_1(void)
{
    char text[400];
    struct stranger s;
    struct path at;
    unsigned up = 0;
    static struct call c[100];
    struct reference none = {0};
    if (address_parse(MEDIA, &at)) abort();
    stranger_open(&s, &at, 5);
    add_hello(&s);
    struct call_conf conf = {
        .http = HTTP, .room = "row1", .publish = true, .video = 1, .audio = 1, .mark = 3};
    for (unsigned i = 0; i < 100; i++) {
        if (call_open(&c[i], &conf)) continue;
        for (usec end = call_now() + 2 * USEC_S, now; (now = call_now()) < end && !c[i].up;) {
            struct pollfd p = {.fd = c[i].fd, .events = POLLIN};
            call_turn(&c[i], now);
            stranger_turn(&s, now);
            poll(&p, 1, 1);
        }
        up += c[i].up;
    }
    drive(&none, 200 * USEC_MS, stranger_turn, &s);
    for (unsigned i = 0; i < 100; i++)
        if (c[i].dtls) call_close(&c[i], HTTP);
    snprintf(text, sizeof text,
             "row 1: %u of 100 calls up under %llu ClientHellos of strangers, %llu answers", up,
             (unsigned long long)s.sent, (unsigned long long)s.answers);
    verdict(up == 100 && s.answers == 0 && s.sent > 500, text);
    stranger_close(&s);
}

struct own {
    struct call *c;
    double per_ms;
    usec last;
    uint64_t sent, limit;
    unsigned kind;
    uint8_t recorded[64][1400];
    size_t recorded_n[64];
    unsigned records;
};

/* Row 3: what tears other servers' calls down, from the caller's own address. */
static void own_dtls_turn(void *ctx, usec now)
{
    struct own *o = ctx;
    for (unsigned k = due(&o->last, now, o->per_ms); k > 0; k--) {
        uint8_t alert[] = {
            21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, (uint8_t)roll(), 0, 2, (uint8_t)(1 + roll() % 2), 0};
        uint8_t ccs[] = {20, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, (uint8_t)roll(), 0, 1, 1};
        uint8_t hello[60] = {22, 0xfe, 0xff, 0, 0, 0, 0, 0, 0, 0, 0,  0,    47,  1,
                             0,  0,    35,   0, 0, 0, 0, 0, 0, 0, 35, 0xfe, 0xfd};
        uint8_t junk[60] = {23, 0xfe, 0xfd, 0, 1, 0, 0, 0, 0, 0, (uint8_t)roll(), 0, 47};
        struct span all[] = {SPAN_OF(alert), SPAN_OF(ccs), SPAN_OF(hello), SPAN_OF(junk)};
        junk[0] = (uint8_t)(20 + roll() % 4);
        for (size_t i = 13; i < sizeof junk; i++)
            junk[i] = (uint8_t)roll();
        call_raw(o->c, all[roll() % 4]);
        o->sent++;
    }
}

static void row_3(struct reference *r)
{
    char call[200], text[400];
    static struct own o;
    o = (struct own){.c = &r->pub, .per_ms = 2};
    measure_from_here(r);
    drive(r, 10 * USEC_S, own_dtls_turn, &o);
    bool good = undisturbed(r, call, sizeof call);
    snprintf(text, sizeof text, "row 3: %llu alerts, CCS, hellos, junk with the caller's own address; %s",
             (unsigned long long)o.sent, call);
    verdict(good && o.sent > 5000, text);
}

static void row_6(struct reference *r)
{
    char call[200], text[400];
    static struct stranger s;
    measure_from_here(r);
    stranger_open(&s, &r->pub.server, 20);
    add_junk(&s);
    add_hello(&s);
    s.limit = 200000;
    drive(r, 12 * USEC_S, stranger_turn, &s);
    bool good = undisturbed(r, call, sizeof call);
    snprintf(text, sizeof text, "row 6: silence for %llu of %llu malformed packets; %s",
             (unsigned long long)(s.sent - s.answers), (unsigned long long)s.sent, call);
    verdict(good && s.answers == 0 && s.sent > 50000, text);
    stranger_close(&s);
}

/* Row 9: SRTP and SRTCP with wrong tags, replays and single flipped bits, from the caller's own address. */
static void own_srtp_turn(void *ctx, usec now)
{
    struct own *o = ctx;
    uint8_t head[12], room[OUT_PKT_MAX], body[200];
    for (unsigned k = due(&o->last, now, o->per_ms); k > 0 && o->sent < o->limit; k--) {
        struct rtp_out h = {
            .pt = 96, .seq = (uint16_t)(o->c->index[1] + roll() % 64), .ts = roll(), .ssrc = o->c->ssrc[1]};
        size_t n = sizeof body, head_n = rtp_write(&h, MSPAN(head, sizeof head));
        for (size_t i = 0; i < sizeof body; i++)
            body[i] = (uint8_t)roll();
        memcpy(room, head, head_n);
        memcpy(room + head_n, body, sizeof body);
        n = head_n + sizeof body;
        if (roll() % 3 == 0) room[1] = (uint8_t)(200 + roll() % 7); /* RTCP */
        if (roll() % 3 == 1 && o->records) { /* a recorded packet, whole or with one bit flipped */
            unsigned which = roll() % o->records;
            n = o->recorded_n[which];
            memcpy(room, o->recorded[which], n);
            if (roll() % 2) room[roll() % n] ^= (uint8_t)(1u << roll() % 8);
        }
        call_raw(o->c, SPAN(room, n));
        o->sent++;
    }
}

static void record(struct own *o)
{
    /* packets as the caller would send them, each sent once: later ones are replays */
    for (unsigned i = 0; i < COUNT_OF(o->recorded); i++) {
        uint8_t head[12], body[100] = {0x10, 1};
        size_t n;
        struct rtp_out h = {.pt = 96, .seq = (uint16_t)o->c->index[1], .ts = 1, .ssrc = o->c->ssrc[1]};
        memcpy(body + sizeof body - 4, "RIG!", 4);
        body[sizeof body - 5] = 1;
        size_t head_n = rtp_write(&h, MSPAN(head, sizeof head));
        if (srtp_seal(&o->c->srtp, o->c->index[1]++, SPAN(head, head_n), SPAN_OF(body),
                      MSPAN(o->recorded[i], sizeof o->recorded[i]), &n))
            continue;
        o->recorded_n[i] = n;
        call_raw(o->c, SPAN(o->recorded[i], n));
        o->records++;
    }
}

static uint64_t duplicates(const struct reference *r)
{
    uint64_t d = 0;
    for (int i = 0; i < 2; i++)
        for (unsigned t = 0; t < r->sub[i].tracks; t++)
            d += r->sub[i].track[t].duplicates;
    return d;
}

static void row_9_and_10(struct reference *r)
{
    char call[200], text[500];
    static struct own o;
    static struct stranger s;
    o = (struct own){.c = &r->pub, .per_ms = 2, .limit = 10000};
    record(&o);
    drive(r, 500 * USEC_MS, NULL, NULL);
    measure_from_here(r);
    uint64_t before = duplicates(r);
    drive(r, 6 * USEC_S, own_srtp_turn, &o);
    bool good = undisturbed(r, call, sizeof call);
    snprintf(text, sizeof text, "row 9: %llu bad tags, replays, flipped bits: %llu forwarded twice; %s",
             (unsigned long long)o.sent, (unsigned long long)(duplicates(r) - before), call);
    verdict(good && o.sent >= 9000 && duplicates(r) == before, text);

    measure_from_here(r);
    stranger_open(&s, &r->pub.server, 1);
    for (unsigned i = 0; i < 20; i++)
        stranger_add(&s, SPAN(o.recorded[i], o.recorded_n[i]));
    drive(r, 6 * USEC_S, stranger_turn, &s);
    good = undisturbed(r, call, sizeof call);
    snprintf(text, sizeof text,
             "row 10: %llu recorded packets from third addresses, %llu packets to them; %s",
             (unsigned long long)s.sent, (unsigned long long)s.answers, call);
    verdict(good && s.answers == 0, text);
    stranger_close(&s);
}

static void row_8(struct reference *r)
{
    char text[300];
    r->sub[1].stopped_binding = true;
    usec stopped = r->sub[1].binding_at - 500 * USEC_MS; /* when the last Binding went out */
    drive(r, 34 * USEC_S, NULL, NULL);
    double after = (double)(r->sub[1].last_packet - stopped) / 1e6;
    usec last = r->sub[1].last_packet;
    drive(r, 3 * USEC_S, NULL, NULL);
    snprintf(text, sizeof text, "row 8: last packet %.1f s after the last Binding, %s after it", after,
             r->sub[1].last_packet == last ? "nothing" : "MORE");
    verdict(after <= 32 && after > 25 && r->sub[1].last_packet == last, text);
}

static void row_14(void)
{
    char text[300];
    struct reference r;
    bool good = reference_open(&r, "row14");
    uint32_t ssrc = r.pub.ssrc[0];
    call_close(&r.pub, HTTP);
    struct call_conf again = {
        .http = HTTP, .room = "row14", .publish = true, .video = 1, .audio = 1, .mark = 1, .ssrc = ssrc};
    uint64_t before = 0, after = 0;
    for (unsigned t = 0; t < r.sub[0].tracks; t++)
        before += r.sub[0].track[t].packets;
    good = good && call_open(&r.pub, &again) == 0;
    r.pub.index[0] = r.pub.index[1] = 10; /* lower than before */
    r.frame = 0;
    usec begun = 0;
    for (usec end = call_now() + 4 * USEC_S; good && call_now() < end && after <= before;) {
        drive(&r, 5 * USEC_MS, NULL, NULL);
        if (r.pub.up && !begun) begun = call_now();
        after = 0;
        for (unsigned t = 0; t < r.sub[0].tracks; t++)
            after += r.sub[0].track[t].packets;
    }
    double took = begun ? (double)(call_now() - begun) / 1e6 : 99;
    snprintf(text, sizeof text,
             "row 14: media again %.2f s after a reconnect with the same SSRC and a lower sequence", took);
    verdict(good && after > before && took <= 1, text);
    reference_close(&r);
}

static void row_15(struct reference *r)
{
    char call[200], text[400];
    static struct call b;
    struct call_conf conf = {
        .http = HTTP, .room = r->room, .publish = true, .video = 1, .audio = 0, .mark = 5};
    bool good = call_open(&b, &conf) == 0;
    for (usec end = call_now() + 3 * USEC_S; good && call_now() < end && !b.up;) {
        call_turn(&b, call_now());
        drive(r, 2 * USEC_MS, NULL, NULL);
    }
    good = good && b.up;
    measure_from_here(r);
    for (unsigned i = 0; good && i < 5000; i++) {
        uint8_t head[1400], body[60] = {0x10, 1};
        uint16_t words = (uint16_t)(roll() % 40);
        struct writer w = writer_of(MSPAN(head, sizeof head));
        unsigned csrcs = roll() % 16;
        write_u8(&w, (uint8_t)(0x80 | (roll() % 2 ? 0x10 : 0) | (roll() % 2 ? 0x20 : 0) | csrcs));
        write_u8(&w, (uint8_t)(roll() % 2 ? 96 : roll() % 128));
        write_u16(&w, (uint16_t)b.index[0]);
        write_u32(&w, i * 3000);
        write_u32(&w, b.ssrc[0]);
        write_zero(&w, 4 * (size_t)csrcs);
        if (head[0] & 0x10) {
            write_u16(&w, roll() % 2 ? 0xbede : (uint16_t)(0x1000 + roll() % 16));
            write_u16(&w, roll() % 10 == 0 ? 0xffff : words); /* sometimes a length past the end */
            for (unsigned k = 0; k < 4u * words; k++)
                write_u8(&w, (uint8_t)roll());
        }
        body[sizeof body - 1] = (uint8_t)roll(); /* padding count, when the bit is set */
        call_sealed(&b, b.index[0]++, writer_span(&w), SPAN(body, sizeof body - roll() % 50));
        if (i % 20 == 0) {
            call_turn(&b, call_now());
            drive(r, USEC_MS, NULL, NULL);
        }
    }
    uint64_t foreign = 0;
    for (int i = 0; i < 2; i++)
        for (unsigned t = 0; t < r->sub[i].tracks; t++) {
            if (!(r->sub[i].track[t].marks & 2))
                continue; /* only the publisher's own streams are looked at */
            foreign += r->sub[i].track[t].foreign;
        }
    bool alive = kill(server, 0) == 0;
    (void)undisturbed(r, call, sizeof call);
    snprintf(
        text, sizeof text,
        "row 15: 5000 hostile headers of an authenticated member; %llu got into another's stream; server %s",
        (unsigned long long)foreign, alive ? "up" : "DOWN");
    verdict(good && alive && foreign == 0, text);
    if (b.dtls) call_close(&b, HTTP);
}

static void row_18_and_19(struct reference *r)
{
    char text[400], call[200];
    static struct call b;
    unsigned processes, processes_after;
    struct call_conf conf = {
        .http = HTTP, .room = r->room, .publish = true, .video = 1, .audio = 1, .mark = 2};
    bool good = call_open(&b, &conf) == 0;
    for (usec end = call_now() + 3 * USEC_S; good && call_now() < end && !b.up;) {
        call_turn(&b, call_now());
        drive(r, 2 * USEC_MS, NULL, NULL);
    }
    good = good && b.up;
    measure_from_here(r);
    uint32_t own = b.ssrc[1];
    b.ssrc[1] = r->pub.ssrc[1]; /* the publisher's video SSRC, on B's transport */
    for (unsigned i = 0; good && i < 500; i++) {
        call_send(&b, 1, i * 3000, 300, true, i == 0);
        if (i % 10 == 0) {
            call_turn(&b, call_now());
            drive(r, 2 * USEC_MS, NULL, NULL);
        }
    }
    b.ssrc[1] = own;
    drive(r, 2 * USEC_S, NULL, NULL);
    unsigned stolen = 0;
    for (int i = 0; i < 2; i++)
        for (unsigned t = 0; t < r->sub[i].tracks; t++)
            stolen += (r->sub[i].track[t].marks & 2) && (r->sub[i].track[t].marks & 4);
    bool calm = undisturbed(r, call, sizeof call);
    snprintf(text, sizeof text, "row 18: 500 packets of B under A's SSRC, %u streams mixed; %s", stolen,
             call);
    verdict(good && calm && stolen == 0, text);

    long before = server_rss(&processes);
    for (unsigned i = 0; good && i < 10000; i++) {
        uint8_t head[12], body[40] = {0};
        struct rtp_out h = {.pt = 96, .seq = (uint16_t)i, .ts = i, .ssrc = roll()};
        size_t n = rtp_write(&h, MSPAN(head, sizeof head));
        call_sealed(&b, i & 0xffff, SPAN(head, n), SPAN_OF(body));
        if (i % 50 == 0) {
            call_turn(&b, call_now());
            drive(r, USEC_MS, NULL, NULL);
        }
    }
    long after = server_rss(&processes_after);
    snprintf(text, sizeof text, "row 19: 10000 random SSRCs of one member: resident memory %+ld KiB",
             after - before);
    verdict(good && after - before <= 1024 && processes == processes_after, text);
    if (b.dtls) call_close(&b, HTTP);
}

static bool wanted(int argc, char **argv, const char *row)
{
    if (argc <= 2) return true;
    for (int i = 2; i < argc; i++)
        if (strcmp(argv[i], row) == 0) return true;
    return false;
}

int main(int argc, char **argv)
{
    static struct reference r;
    if (argc < 2) {
        fprintf(stderr, "usage: rig PATH-OF-INCAMERA [ROW...]\n");
        return 2;
    }
    alarm(300);
    if (!start_server(argv[1])) {
        printf("FAIL the server did not start\n0 passed, 1 failed\n");
        return 1;
    }
    char call[200];
    bool open = reference_open(&r, "reference");
    measure_from_here(&r);
    drive(&r, 2 * USEC_S, NULL, NULL);
    verdict(undisturbed(&r, call, sizeof call) && open, call);
    if (wanted(argc, argv, "1")) row_1();
    if (wanted(argc, argv, "3")) row_3(&r);
    if (wanted(argc, argv, "6")) row_6(&r);
    if (wanted(argc, argv, "9")) row_9_and_10(&r);
    if (wanted(argc, argv, "18")) row_18_and_19(&r);
    if (wanted(argc, argv, "15")) row_15(&r);
    if (wanted(argc, argv, "14")) row_14();
    if (wanted(argc, argv, "8")) row_8(&r);
    reference_close(&r);
    kill(server, SIGTERM);
    int status = 0;
    waitpid(server, &status, 0);
    verdict(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the server drains and exits 0");
    printf("%u passed, %u failed\n", passed, failed);
    return failed != 0;
}
