/* SPDX-License-Identifier: Apache-2.0 */
#include "io/udp.h"

#include "base/mem.h"
#include "io/sockaddr.h"

#include <errno.h>
#include <netinet/udp.h>
#include <unistd.h>

#define SEGMENTS_MAX 64    /* UDP_MAX_SEGMENTS of older kernels */
#define GSO_BYTES    65000 /* one segmented send stays under 64 KiB with its headers */
#define SEND_BATCH   64    /* messages of one sendmmsg */
#define SEND_IOVECS  1024
#define BUFFER_BYTES (4 << 20)

enum err udp_bind(const struct path *at, int *out)
{
    struct sockaddr_storage a;
    socklen_t n = sockaddr_of(at, &a);
    int size = BUFFER_BYTES, one = 1;
    int fd = socket(a.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return ERR_IO;
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof size) < 0)
        setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    if (at->family == 6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, n) < 0) {
        int why = errno;
        close(fd);
        return why == EADDRINUSE ? ERR_EXISTS : why == EACCES ? ERR_DENIED : ERR_IO;
    }
    *out = fd;
    return OK;
}

enum err udp_bound(int fd, struct path *at)
{
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof a;
    if (getsockname(fd, (struct sockaddr *)&a, &n) < 0) return ERR_IO;
    *at = (struct path){0};
    sockaddr_path(&a, at);
    return OK;
}

enum err udp_init_for(struct udp *u, uint16_t sockets)
{
    memset(u, 0, sizeof *u);
    u->room = mem_new(UDP_BATCH, UDP_MSG_MAX);
    u->fd = mem_new(sockets, sizeof *u->fd);
    u->unused = mem_new(sockets, sizeof *u->unused);
    u->cap = sockets;
    if (u->room && u->fd && u->unused) return OK;
    udp_fini(u);
    return ERR_NOMEM;
}

enum err udp_init(struct udp *u)
{
    return udp_init_for(u, UDP_SOCKETS_MAX);
}

void udp_fini(struct udp *u)
{
    mem_free(u->room);
    mem_free(u->fd);
    mem_free(u->unused);
    memset(u, 0, sizeof *u);
}

enum err udp_add(struct udp *u, int fd, uint16_t *index)
{
    int one = 1, zero = 0;
    if (u->count == u->cap && !u->unused_count) return ERR_FULL;
    bool gro = setsockopt(fd, IPPROTO_UDP, UDP_GRO, &one, sizeof one) == 0;
    bool gso = setsockopt(fd, IPPROTO_UDP, UDP_SEGMENT, &zero, sizeof zero) == 0;
    u->gro = u->count ? u->gro && gro : gro;
    u->gso = u->count ? u->gso && gso : gso;
    *index = u->unused_count ? u->unused[--u->unused_count] : u->count++;
    u->fd[*index] = fd;
    return OK;
}

void udp_drop(struct udp *u, uint16_t index)
{
    u->fd[index] = -1;
    u->unused[u->unused_count++] = index;
}

/* The segment size the kernel put beside a coalesced message; the whole length when there is none. */
static size_t segment_of(struct msghdr *h, size_t length)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
        int size;
        if (c->cmsg_level != IPPROTO_UDP || c->cmsg_type != UDP_GRO) continue;
        memcpy(&size, CMSG_DATA(c), sizeof size);
        if (size > 0) return (size_t)size;
    }
    return length;
}

struct batch {
    struct mmsghdr m[UDP_BATCH];
    struct iovec v[UDP_BATCH];
    struct sockaddr_storage a[UDP_BATCH];
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control[UDP_BATCH];
};

static void prepare(struct udp *u, struct batch *b)
{
    for (unsigned i = 0; i < UDP_BATCH; i++) {
        b->v[i] = (struct iovec){u->room + (size_t)i * UDP_MSG_MAX, UDP_MSG_MAX};
        b->m[i].msg_hdr = (struct msghdr){.msg_name = &b->a[i],
                                          .msg_namelen = sizeof b->a[i],
                                          .msg_iov = &b->v[i],
                                          .msg_iovlen = 1,
                                          .msg_control = &b->control[i],
                                          .msg_controllen = sizeof b->control[i]};
    }
}

unsigned udp_receive(struct udp *u, uint16_t index, udp_pkt *take, void *ctx)
{
    struct batch b;
    prepare(u, &b);
    int n = recvmmsg(u->fd[index], b.m, UDP_BATCH, MSG_DONTWAIT, NULL);
    for (int i = 0; i < n; i++) {
        struct path from = {.kind = PATH_UDP, .local = index};
        uint8_t *p = b.v[i].iov_base;
        size_t left = b.m[i].msg_len, segment = segment_of(&b.m[i].msg_hdr, left);
        sockaddr_path(&b.a[i], &from);
        while (left) {
            size_t size = left < segment ? left : segment;
            u->counts.received++;
            u->counts.received_bytes += size;
            take(ctx, &from, MSPAN(p, size));
            p += size;
            left -= size;
        }
    }
    return n < 0 ? 0 : (unsigned)n;
}

struct send { /* one sendmmsg in the making */
    struct mmsghdr m[SEND_BATCH];
    struct iovec v[SEND_IOVECS];
    struct sockaddr_storage a[SEND_BATCH];
    union {
        char bytes[CMSG_SPACE(sizeof(uint16_t))];
        struct cmsghdr align;
    } control[SEND_BATCH];
    uint32_t packets[SEND_BATCH];
    unsigned count, iovecs;
    int fd;
};

/* The kernel or the device would not segment this message: each datagram by itself. */
static void send_singly(struct udp *u, struct send *s, unsigned at)
{
    struct msghdr *h = &s->m[at].msg_hdr;
    for (size_t i = 0; i < h->msg_iovlen; i++) {
        struct msghdr one = {.msg_name = h->msg_name,
                             .msg_namelen = h->msg_namelen,
                             .msg_iov = &h->msg_iov[i],
                             .msg_iovlen = 1};
        u->counts.send_calls++;
        if (sendmsg(s->fd, &one, MSG_DONTWAIT) < 0)
            u->counts.send_failed++;
        else
            u->counts.sent++;
    }
}

static void send_failed(struct udp *u, struct send *s, unsigned at, int why)
{
    bool refused_offload = why == EIO || why == EINVAL || why == EMSGSIZE || why == EOPNOTSUPP;
    if (s->packets[at] > 1 && refused_offload) {
        if (why == EIO) u->gso = false; /* the device has no checksum offload: it will never work */
        send_singly(u, s, at);
        return;
    }
    u->counts.send_failed += s->packets[at]; /* lost, as on the wire */
}

static void send_now(struct udp *u, struct send *s)
{
    for (unsigned at = 0; at < s->count;) {
        int n = sendmmsg(s->fd, s->m + at, s->count - at, MSG_DONTWAIT);
        u->counts.send_calls++;
        if (n <= 0) {
            if (n < 0 && errno == EINTR) continue;
            send_failed(u, s, at++, errno);
            continue;
        }
        for (int i = 0; i < n; i++)
            u->counts.sent += s->packets[at + (unsigned)i];
        at += (unsigned)n;
    }
    s->count = s->iovecs = 0;
}

/* Appends the run of packets that starts at *next: equal sizes, of which only the last may be smaller. */
static void add_run(struct udp *u, struct send *s, const struct out *o, const struct out_group *g,
                    uint16_t *next)
{
    const struct out_pkt *first = &o->pkt[*next];
    unsigned most = u->gso ? SEGMENTS_MAX : 1, start = s->iovecs, n = 0;
    size_t bytes = 0;
    uint16_t i = *next;
    while (i != OUT_NONE && n < most && s->iovecs < SEND_IOVECS) {
        const struct out_pkt *p = &o->pkt[i];
        if (p->n > first->n || bytes + p->n > GSO_BYTES) break;
        s->v[s->iovecs++] = (struct iovec){o->arena + p->at, p->n};
        bytes += p->n;
        n++;
        i = p->next;
        if (p->n < first->n) break;
    }
    *next = i;
    unsigned c = s->count++;
    struct msghdr h = {.msg_name = &s->a[c], .msg_iov = &s->v[start], .msg_iovlen = n};
    h.msg_namelen = sockaddr_of(&g->to, &s->a[c]);
    if (n > 1) {
        h.msg_control = &s->control[c];
        h.msg_controllen = sizeof s->control[c].bytes;
        struct cmsghdr *m = CMSG_FIRSTHDR(&h);
        *m = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(uint16_t)), .cmsg_level = IPPROTO_UDP, .cmsg_type = UDP_SEGMENT};
        memcpy(CMSG_DATA(m), &first->n, sizeof first->n);
    }
    s->m[c].msg_hdr = h;
    s->packets[c] = n;
    u->counts.sent_bytes += bytes;
}

void udp_flush(struct udp *u, const struct out *o)
{
    struct send s;
    s.count = s.iovecs = 0;
    s.fd = -1;
    for (uint16_t g = 0; g < o->group_n; g++) {
        const struct out_group *group = &o->group[g];
        if (group->to.kind != PATH_UDP) continue;
        if (group->to.local >= u->count || u->fd[group->to.local] < 0) {
            u->counts.unsendable += group->count;
            continue;
        }
        int fd = u->fd[group->to.local];
        for (uint16_t i = group->head; i != OUT_NONE;) {
            if (s.count && (s.fd != fd || s.count == SEND_BATCH || SEND_IOVECS - s.iovecs < SEGMENTS_MAX))
                send_now(u, &s);
            s.fd = fd;
            add_run(u, &s, o, group, &i);
        }
    }
    if (s.count) send_now(u, &s);
}
