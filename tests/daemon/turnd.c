/* SPDX-License-Identifier: Apache-2.0
 * The engine's relay by itself, for tests with foreign clients and for benches: the same app/relay and
 * core/turn, a secret given on the command line, its own credentials printed at the start as "URI USERNAME
 * PASSWORD". */
#include "app/relay.h"
#include "guest/openssl_crypto.h"
#include "io/clock.h"
#include "io/sandbox.h"
#include "io/tcp.h"
#include "io/udp.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

static struct loop *loop;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "turnd: %s\n", what);
    exit(1);
}

static void on_signal(int number)
{
    (void)number;
    loop_stop(loop);
}

static usec turn(void *ctx, usec now)
{
    return relay_turn(ctx, now);
}

/* ADDR/BITS */
static void allow(struct relay *r, char *text)
{
    struct path p;
    char *slash = strchr(text, '/'), with_port[ADDRESS_TEXT];
    if (!slash) die("a network is ADDRESS/BITS");
    *slash = 0;
    snprintf(with_port, sizeof with_port, strchr(text, ':') ? "[%s]:1" : "%s:1", text);
    if (address_parse(with_port, &p) ||
        peeraddr_allow(&relay_turn_core(r)->peers, p.family, p.addr, (uint8_t)atoi(slash + 1)))
        die("not a network");
}

static void listen_at(struct relay *r, const char *text)
{
    struct path at;
    int fd;
    if (address_parse(text, &at)) die("not an address");
    at.kind = PATH_UDP;
    if (udp_bind(&at, &fd) || relay_udp(r, fd, NULL)) die("can't listen by UDP");
    if (tcp_listen(&at, &fd) || relay_tcp(r, fd)) die("can't listen by TCP");
}

int main(int argc, char **argv)
{
    struct relay *r;
    struct turn_credential c;
    struct turn_quota user = {.allocations = 2000, .permissions = 8000, .channels = 8000};
    static char stats[8192];
    bool closed = false;
    loop = loop_new();
    struct relay_conf conf = {.loop = loop,
                              .rng = clock_rng(),
                              .crypto = openssl_crypto(),
                              .user = user,
                              .total = relay_total_quota};
    prctl(PR_SET_TIMERSLACK, 1000);
    if (!loop || relay_new(&conf, &r)) die("out of memory");
    if (turn_auth_secret(&relay_turn_core(r)->auth, SPAN_LIT("a secret for tests and nothing else")))
        die("secret");
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--sandbox") == 0)
            closed = true;
        else if (strcmp(argv[i], "--allow") == 0 && i + 1 < argc)
            allow(r, argv[++i]);
        else
            listen_at(r, argv[i]);
    }
    if (argc < 2) die("usage: turnd ADDR:PORT... [--allow ADDR/BITS]...");
    uint64_t expiry = (uint64_t)clock_wall().ms / 1000 + 3600;
    if (turn_auth_issue(&relay_turn_core(r)->auth, SPAN_LIT("room"), SPAN_LIT("handle"), expiry, &c))
        die("credential");
    printf("turn:%s %s %s\n", argv[1], c.username, c.password);
    fflush(stdout);
    signal(SIGTERM, on_signal);
    signal(SIGINT, on_signal);
    if (closed && sandbox_enter("engine")) die("sandbox");
    loop_run(loop, turn, r);
    struct writer w = writer_of(MSPAN(stats, sizeof stats - 1));
    relay_stats(r, &w);
    fputs(stats, stderr);
    relay_free(r);
    loop_free(loop);
    return 0;
}
