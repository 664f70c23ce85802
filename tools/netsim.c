/* SPDX-License-Identifier: Apache-2.0
 * netsim: a bad network between two network namespaces. Joins them over two TUN devices and passes every IP
 * packet through the link model of tests/sim/link.h, one model a direction. See docs/netsim.md. Settings
 * change while it runs, by lines on standard input (--stdin) or datagrams to --control; counters are printed
 * as one JSON line at the end. It always ends by itself after --time seconds. */
#define _GNU_SOURCE
#include "sim/link.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define PKT_MAX      2048u
#define PKT_CAP      16384u /* under way, a direction */
#define READ_BATCH   64
#define TIME_DEFAULT 600
#define TIME_MAX     86400
#define LINE_MAX_N   512

enum { FD_A, FD_B, FD_SIGNAL, FD_CONTROL, FD_STDIN, FD_COUNT };

struct netsim {
    struct link link[2]; /* 0 = from a to b, 1 = from b to a */
    struct pollfd fd[FD_COUNT];
    usec end;
    bool stop;
    uint64_t write_failed;
    char line[LINE_MAX_N]; /* of standard input, not yet whole */
    size_t line_n;
};

static _Noreturn void die(const char *what, const char *name)
{
    fprintf(stderr, "netsim: %s %s%s%s\n", what, name, errno ? ": " : "", errno ? strerror(errno) : "");
    exit(errno ? 1 : 2);
}

static usec now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (usec)t.tv_sec * USEC_S + (usec)t.tv_nsec / 1000;
}

/* Opens the TUN device of "NAMESPACE:DEVICE" (or "DEVICE" in the present namespace), makes it if need be, and
 * sets it up. Its addresses and routes are the caller's affair (tools/netns). */
static int tun_open(const char *where)
{
    char path[256], space[128] = "";
    const char *colon = strchr(where, ':'), *device = colon ? colon + 1 : where;
    struct ifreq r = {0};
    errno = 0;
    if (strlen(device) == 0 || strlen(device) >= IFNAMSIZ) die("no good device name:", where);
    int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    if (colon) {
        if ((size_t)(colon - where) >= sizeof space) die("no good namespace name:", where);
        memcpy(space, where, (size_t)(colon - where));
        snprintf(path, sizeof path, "/run/netns/%s", space);
        int there = open(path, O_RDONLY | O_CLOEXEC);
        if (there < 0 || setns(there, CLONE_NEWNET)) die("can't enter namespace", space);
        close(there);
    }
    int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    int ctl = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    memcpy(r.ifr_name, device, strlen(device));
    r.ifr_flags = IFF_TUN | IFF_NO_PI;
    if (fd < 0 || ctl < 0 || ioctl(fd, TUNSETIFF, &r)) die("can't open TUN device", where);
    if (ioctl(ctl, SIOCGIFFLAGS, &r)) die("can't read the flags of", where);
    r.ifr_flags |= IFF_UP;
    if (ioctl(ctl, SIOCSIFFLAGS, &r)) die("can't set up", where);
    close(ctl);
    if (home < 0 || setns(home, CLONE_NEWNET)) die("can't come back from", where);
    close(home);
    return fd;
}

static struct sockaddr_un control_addr(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    errno = 0;
    if (strlen(path) >= sizeof a.sun_path) die("path too long:", path);
    memcpy(a.sun_path, path, strlen(path));
    return a;
}

static int control_open(const char *path)
{
    struct sockaddr_un a = control_addr(path);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    unlink(path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a)) die("can't listen on", path);
    return fd;
}

static size_t counts_json(const struct netsim *s, char *out, size_t cap)
{
    size_t n = 0;
    for (int d = 0; d < 2; d++) {
        const struct link_counts *c = &s->link[d].counts;
        n += (size_t)snprintf(
            out + n, cap - n,
            "%s\"%s\":{\"in\":%" PRIu64 ",\"in_bytes\":%" PRIu64 ",\"out\":%" PRIu64 ",\"out_bytes\":%" PRIu64
            ",\"lost\":%" PRIu64 ",\"queue_full\":%" PRIu64 ",\"table_full\":%" PRIu64 ",\"too_big\":%" PRIu64
            ",\"duplicated\":%" PRIu64 ",\"reordered\":%" PRIu64 ",\"under_way\":%" PRIu32 "}",
            d ? "," : "{", d ? "ba" : "ab", c->in, c->in_bytes, c->out, c->out_bytes, c->lost, c->queue_full,
            c->table_full, c->too_big, c->duplicated, c->reordered, s->link[d].used);
    }
    return n + (size_t)snprintf(out + n, cap - n, ",\"write_failed\":%" PRIu64 "}", s->write_failed);
}

/* "ab SETTINGS", "ba SETTINGS", "both SETTINGS", "stop", "counters". False when it is none of these. */
static bool command(struct netsim *s, const char *line)
{
    if (strcmp(line, "counters") == 0) return true;
    if (strcmp(line, "stop") == 0) return s->stop = true;
    const char *space = strchr(line, ' ');
    if (!space) return false;
    struct span which = SPAN(line, (size_t)(space - line));
    bool both = span_equal(which, SPAN_LIT("both"));
    struct link_conf c[2] = {s->link[0].conf, s->link[1].conf};
    bool ab = both || span_equal(which, SPAN_LIT("ab")), ba = both || span_equal(which, SPAN_LIT("ba"));
    if (!ab && !ba) return false;
    if (ab && link_parse(&c[0], span_str(space + 1))) return false;
    if (ba && link_parse(&c[1], span_str(space + 1))) return false;
    link_set(&s->link[0], &c[0]);
    link_set(&s->link[1], &c[1]);
    return true;
}

static void on_control(struct netsim *s)
{
    char line[LINE_MAX_N], answer[2048];
    struct sockaddr_un from;
    socklen_t from_n = sizeof from;
    ssize_t n = recvfrom(s->fd[FD_CONTROL].fd, line, sizeof line - 1, 0, (struct sockaddr *)&from, &from_n);
    if (n < 0) return;
    while (n > 0 && (line[n - 1] == '\n' || line[n - 1] == ' '))
        n--;
    line[n] = 0;
    size_t m = command(s, line) ? counts_json(s, answer, sizeof answer)
                                : (size_t)snprintf(answer, sizeof answer, "not understood: %s", line);
    if (from_n > sizeof(sa_family_t))
        (void)!sendto(s->fd[FD_CONTROL].fd, answer, m, MSG_DONTWAIT, (struct sockaddr *)&from, from_n);
}

static void on_stdin(struct netsim *s)
{
    ssize_t n = read(STDIN_FILENO, s->line + s->line_n, sizeof s->line - 1 - s->line_n);
    if (n <= 0) {
        s->fd[FD_STDIN].fd = -1;
        return;
    }
    s->line_n += (size_t)n;
    for (char *end; (end = memchr(s->line, '\n', s->line_n));) {
        size_t used = (size_t)(end + 1 - s->line);
        *end = 0;
        if (!command(s, s->line)) fprintf(stderr, "netsim: not understood: %s\n", s->line);
        memmove(s->line, s->line + used, s->line_n - used);
        s->line_n -= used;
    }
    if (s->line_n == sizeof s->line - 1) s->line_n = 0;
}

static void on_packets(struct netsim *s, int from, usec now)
{
    static uint8_t pkt[65536];
    for (int i = 0; i < READ_BATCH; i++) {
        ssize_t n = read(s->fd[from].fd, pkt, sizeof pkt);
        if (n <= 0) return;
        link_send(&s->link[from], now, SPAN(pkt, (size_t)n), 0);
    }
}

static void deliver(struct netsim *s, usec now)
{
    struct span pkt;
    uint64_t tag;
    for (int d = 0; d < 2; d++)
        while (link_receive(&s->link[d], now, &pkt, &tag))
            if (write(s->fd[d == 0 ? FD_B : FD_A].fd, pkt.p, pkt.n) < 0) s->write_failed++;
}

static void run(struct netsim *s)
{
    while (!s->stop) {
        usec now = now_us();
        deliver(s, now);
        if (now >= s->end) return;
        usec wait =
            usec_since(usec_min(s->end, usec_min(link_wake(&s->link[0]), link_wake(&s->link[1]))), now);
        struct timespec t = {(time_t)(wait / USEC_S), (long)(wait % USEC_S) * 1000};
        if (ppoll(s->fd, FD_COUNT, &t, NULL) <= 0) continue;
        now = now_us();
        if (s->fd[FD_A].revents) on_packets(s, FD_A, now);
        if (s->fd[FD_B].revents) on_packets(s, FD_B, now);
        if (s->fd[FD_CONTROL].revents) on_control(s);
        if (s->fd[FD_STDIN].revents) on_stdin(s);
        if (s->fd[FD_SIGNAL].revents) return;
    }
}

/* The other end of --control: sends one line, prints the answer, waits at most two seconds. */
static int tell(const char *path, const char *line)
{
    struct sockaddr_un to = control_addr(path), own = {.sun_family = AF_UNIX};
    char answer[2048];
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {2, 0};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (fd < 0 || bind(fd, (struct sockaddr *)&own, sizeof(sa_family_t)))
        die("can't make a socket for", path);
    if (sendto(fd, line, strlen(line), 0, (struct sockaddr *)&to, sizeof to) < 0) die("can't reach", path);
    ssize_t n = recv(fd, answer, sizeof answer, 0);
    if (n < 0) die("no answer from", path);
    printf("%.*s\n", (int)n, answer);
    return n > 0 && answer[0] == '{' ? 0 : 1;
}

static int signals_open(void)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    return signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
}

static const char usage[] =
    "usage: netsim --a [NAMESPACE:]DEVICE --b [NAMESPACE:]DEVICE [--ab SETTINGS] [--ba SETTINGS] [--both "
    "SETTINGS]\n"
    "              [--seed N] [--time SECONDS] [--control PATH] [--stdin]\n"
    "       netsim --tell PATH 'ab SETTINGS' | 'ba SETTINGS' | 'both SETTINGS' | counters | stop\n"
    "settings: loss=1% burst=3 delay=40ms jitter=5ms rate=2mbit queue=64kB reorder=1% reorder-by=5ms "
    "dup=0.1% clear\n";

struct options {
    const char *side[2], *control, *tell;
    struct link_conf conf[2];
    uint64_t seed, seconds;
    bool from_stdin, wrong;
};

static void read_options(struct options *o, int argc, char **argv)
{
    static const struct option list[] = {
        {"a", 1, 0, 'a'},    {"b", 1, 0, 'b'},     {"ab", 1, 0, '1'},      {"ba", 1, 0, '2'},
        {"both", 1, 0, '3'}, {"seed", 1, 0, 's'},  {"control", 1, 0, 'c'}, {"tell", 1, 0, 'l'},
        {"time", 1, 0, 't'}, {"stdin", 0, 0, 'i'}, {"help", 0, 0, 'h'},    {0, 0, 0, 0},
    };
    for (int c; (c = getopt_long(argc, argv, "", list, NULL)) != -1;) {
        switch (c) {
        case 'a':
            o->side[0] = optarg;
            break;
        case 'b':
            o->side[1] = optarg;
            break;
        case 'c':
            o->control = optarg;
            break;
        case 'l':
            o->tell = optarg;
            break;
        case 's':
            o->seed = strtoull(optarg, NULL, 10);
            break;
        case 't':
            o->seconds = strtoull(optarg, NULL, 10);
            break;
        case 'i':
            o->from_stdin = true;
            break;
        case '1':
        case '2':
        case '3':
            for (int d = 0; d < 2; d++)
                if ((c == '3' || c == '1' + d) && link_parse(&o->conf[d], span_str(optarg))) o->wrong = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(0);
        default:
            o->wrong = true;
        }
    }
    if (o->seconds == 0 || o->seconds > TIME_MAX) o->wrong = true;
    if (o->tell ? argc - optind != 1 : !o->side[0] || !o->side[1] || argc != optind) o->wrong = true;
}

int main(int argc, char **argv)
{
    static struct netsim s;
    struct options o = {.seed = 1, .seconds = TIME_DEFAULT};
    char json[2048];
    read_options(&o, argc, argv);
    if (o.wrong) {
        fputs(usage, stderr);
        return 2;
    }
    if (o.tell) return tell(o.tell, argv[optind]);
    prctl(PR_SET_TIMERSLACK, 1);
    for (int d = 0; d < 2; d++)
        if (link_init(&s.link[d], &o.conf[d], o.seed + (uint64_t)d * 0x9e3779b9u, PKT_CAP, PKT_MAX))
            die("out of memory", "");
    s.fd[FD_SIGNAL].fd = signals_open();
    s.fd[FD_A].fd = tun_open(o.side[0]);
    s.fd[FD_B].fd = tun_open(o.side[1]);
    s.fd[FD_CONTROL].fd = o.control ? control_open(o.control) : -1;
    s.fd[FD_STDIN].fd = o.from_stdin ? STDIN_FILENO : -1;
    for (int i = 0; i < FD_COUNT; i++)
        s.fd[i].events = POLLIN;
    s.end = now_us() + o.seconds * USEC_S;
    fprintf(stderr, "netsim: seed %" PRIu64 "\n", o.seed);
    run(&s);
    if (o.control) unlink(o.control);
    counts_json(&s, json, sizeof json);
    puts(json);
    link_fini(&s.link[0]);
    link_fini(&s.link[1]);
    return 0;
}
