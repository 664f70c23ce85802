/* SPDX-License-Identifier: Apache-2.0 */
#include "io/ipc.h"

#include "base/buf.h"
#include "base/mem.h"
#include "base/read.h"
#include "base/write.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define READ_BATCH 65536
#define READ_TURN                                                                                            \
    (512u * 1024)      /* bytes of one link in one turn of the loop, so that others come to their right */
#define FDS_GOT_MAX 16 /* received, their frame not yet complete */

struct waiting_fd {
    uint64_t at; /* bytes sent since the link began, before the frame it goes with */
    int fd;
};
struct ipc_link {
    struct ipc_conf conf;
    int fd; /* -1 when dead */
    uint32_t watch;
    bool wants_write, inside, freed;
    struct buf in, out;
    size_t in_at, out_at; /* consumed, sent */
    uint64_t sent;
    struct waiting_fd fds[IPC_FDS_MAX];
    uint16_t fds_n;
    int got[FDS_GOT_MAX];
    uint8_t got_n;
};

static uint64_t refused;

uint64_t ipc_refused(void)
{
    return refused;
}

static void destroy(struct ipc_link *l)
{
    buf_fini(&l->in);
    buf_fini(&l->out);
    mem_free(l);
}

static void hang_up(struct ipc_link *l)
{
    if (l->fd < 0) return;
    loop_drop(l->conf.loop, l->watch);
    close(l->fd);
    l->fd = -1;
    for (unsigned i = 0; i < l->fds_n; i++)
        close(l->fds[i].fd);
    for (unsigned i = 0; i < l->got_n; i++)
        close(l->got[i]);
    l->fds_n = l->got_n = 0;
}

static void lose(struct ipc_link *l, enum err why)
{
    if (l->fd < 0) return;
    if (why != ERR_CLOSED) refused++;
    hang_up(l);
    bool was_inside = l->inside;
    l->inside = true;
    if (!l->freed) l->conf.lost(l->conf.ctx, l, why);
    l->inside = was_inside;
}

void ipc_free(struct ipc_link *l)
{
    if (!l) return;
    hang_up(l);
    l->freed = true;
    if (!l->inside) destroy(l);
}

/* One sendmsg, with the descriptor that is due, up to where the next descriptor is due. */
static ssize_t send_some(struct ipc_link *l, struct span s)
{
    union {
        struct cmsghdr align;
        char b[CMSG_SPACE(sizeof(int))];
    } control = {0};
    bool with_fd = l->fds_n > 0 && l->fds[0].at == l->sent;
    unsigned next = with_fd ? 1 : 0;
    if (next < l->fds_n && l->fds[next].at - l->sent < s.n) s.n = (size_t)(l->fds[next].at - l->sent);
    struct iovec io = {(void *)(uintptr_t)s.p, s.n};
    struct msghdr m = {.msg_iov = &io, .msg_iovlen = 1};
    if (with_fd) {
        m.msg_control = control.b;
        m.msg_controllen = sizeof control.b;
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        *c = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(c), &l->fds[0].fd, sizeof(int));
    }
    ssize_t n = sendmsg(l->fd, &m, MSG_NOSIGNAL);
    if (n <= 0) return n;
    l->sent += (uint64_t)n;
    if (with_fd) {
        close(l->fds[0].fd);
        l->fds_n--;
        memmove(l->fds, l->fds + 1, l->fds_n * sizeof l->fds[0]);
    }
    return n;
}

/* Sends what waits; false when the neighbour is gone. */
static bool flush(struct ipc_link *l)
{
    while (l->out_at < l->out.n) {
        ssize_t n = send_some(l, SPAN(l->out.p + l->out_at, l->out.n - l->out_at));
        if (n < 0 && errno == EINTR) continue;
        if (n < 0 && (errno == EAGAIN || errno == ETOOMANYREFS)) break;
        if (n <= 0) return false;
        l->out_at += (size_t)n;
    }
    if (l->out_at == l->out.n) {
        l->out.n = l->out_at = 0;
    } else if (l->out_at > l->out.n / 2) {
        buf_drop(&l->out, l->out_at);
        l->out_at = 0;
    }
    bool want = l->out.n > 0;
    if (want != l->wants_write) {
        loop_want(l->conf.loop, l->watch, LOOP_READ | (want ? (unsigned)LOOP_WRITE : 0u));
        l->wants_write = want;
    }
    return true;
}

static enum err deliver(struct ipc_link *l, struct ipc_got *g)
{
    uint32_t max = l->conf.allow(g->message, l->conf.peer, l->conf.self);
    if (max == IPC_REFUSED) return ERR_DENIED;
    if (g->body.n > max) return ERR_LIMIT;
    l->conf.got(l->conf.ctx, l, g);
    return OK;
}

/* Hands out every whole frame that was read. */
static enum err frames(struct ipc_link *l)
{
    while (l->fd >= 0 && !l->freed && l->in.n - l->in_at >= IPC_HEADER) {
        struct reader r = reader_of(SPAN(l->in.p + l->in_at, l->in.n - l->in_at));
        uint32_t n = read_u32(&r);
        struct ipc_got g = {.message = read_u16(&r), .fd = -1};
        uint16_t fds = read_u16(&r);
        g.session = read_u64(&r);
        uint32_t max = l->conf.allow(g.message, l->conf.peer, l->conf.self);
        if (max == IPC_REFUSED) return ERR_DENIED;
        if (n > max || n > IPC_BODY_MAX) return ERR_LIMIT;
        if (fds > 1) return ERR_FORMAT;
        if (read_left(&r) < n) break;
        g.body = read_bytes(&r, n);
        if (fds) {
            if (l->got_n == 0) return ERR_FORMAT;
            g.fd = l->got[0];
            l->got_n--;
            memmove(l->got, l->got + 1, l->got_n * sizeof l->got[0]);
        }
        l->in_at += IPC_HEADER + n;
        enum err e = deliver(l, &g);
        if (e) return e;
    }
    if (l->in_at == l->in.n) {
        l->in.n = l->in_at = 0;
    } else if (l->in_at) {
        buf_drop(&l->in, l->in_at);
        l->in_at = 0;
    }
    return OK;
}

static enum err take_fds(struct ipc_link *l, struct msghdr *m)
{
    enum err e = m->msg_flags & MSG_CTRUNC ? ERR_LIMIT : OK;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS) continue;
        size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
        for (size_t i = 0; i < count; i++) {
            int fd;
            memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
            if (l->got_n < FDS_GOT_MAX && e == OK) {
                l->got[l->got_n++] = fd;
            } else {
                close(fd);
                e = ERR_LIMIT;
            }
        }
    }
    return e;
}

/* Reads once. ERR_AGAIN when there is nothing. */
static enum err read_some(struct ipc_link *l, size_t *got)
{
    union {
        struct cmsghdr align;
        char b[CMSG_SPACE(4 * sizeof(int))];
    } control;
    struct mspan room;
    enum err e = buf_reserve(&l->in, READ_BATCH, &room);
    if (e) return e;
    struct iovec io = {room.p, room.n};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control.b, .msg_controllen = sizeof control.b};
    ssize_t n = recvmsg(l->fd, &m, MSG_CMSG_CLOEXEC);
    if (n < 0) return errno == EAGAIN || errno == EINTR ? ERR_AGAIN : ERR_CLOSED;
    e = take_fds(l, &m);
    if (e) return e;
    if (n == 0) return ERR_CLOSED;
    l->in.n += (size_t)n;
    *got = (size_t)n;
    return OK;
}

static void ready(void *ctx, unsigned events, usec now)
{
    struct ipc_link *l = ctx;
    enum err e = OK;
    (void)now;
    l->inside = true;
    if ((events & LOOP_WRITE) && !flush(l)) e = ERR_CLOSED;
    for (size_t total = 0, n = 0; !e && l->fd >= 0 && (events & LOOP_READ) && total < READ_TURN; total += n) {
        e = read_some(l, &n);
        if (!e) e = frames(l);
    }
    if (e && e != ERR_AGAIN) lose(l, e);
    l->inside = false;
    if (l->freed) destroy(l);
}

enum err ipc_new(const struct ipc_conf *conf, int fd, struct ipc_link **link)
{
    struct ipc_link *l = mem_new(1, sizeof *l);
    if (!l) {
        close(fd);
        return ERR_NOMEM;
    }
    l->conf = *conf;
    l->fd = fd;
    buf_init(&l->in, IPC_BODY_MAX + IPC_HEADER + READ_BATCH);
    buf_init(&l->out, IPC_QUEUE_MAX + IPC_BODY_MAX + IPC_HEADER);
    enum err e = loop_add(conf->loop, fd, LOOP_READ, ready, l, &l->watch);
    if (e) {
        close(fd);
        mem_free(l);
        return e;
    }
    *link = l;
    return OK;
}

static enum err enqueue(struct ipc_link *l, uint16_t message, uint64_t session, struct span body, int fd)
{
    uint8_t header[IPC_HEADER];
    if (l->fd < 0) return ERR_CLOSED;
    uint32_t max = l->conf.allow(message, l->conf.self, l->conf.peer);
    if (max == IPC_REFUSED || body.n > max) return ERR_DENIED;
    if (l->out.n - l->out_at > IPC_QUEUE_MAX) return ERR_FULL;
    if (fd >= 0 && l->fds_n == IPC_FDS_MAX) return ERR_FULL;
    size_t before = l->out.n;
    struct writer w = writer_of(MSPAN(header, sizeof header));
    write_u32(&w, (uint32_t)body.n);
    write_u16(&w, message);
    write_u16(&w, fd >= 0);
    write_u64(&w, session);
    enum err e = buf_add(&l->out, writer_span(&w));
    if (!e) e = buf_add(&l->out, body);
    int copy = -1;
    if (!e && fd >= 0 && (copy = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0) e = ERR_IO;
    if (e) {
        l->out.n = before;
        return e == ERR_LIMIT ? ERR_FULL : e;
    }
    if (fd >= 0) l->fds[l->fds_n++] = (struct waiting_fd){l->sent + (before - l->out_at), copy};
    /* a neighbour that is gone is noticed by the read side, so that the owner hears of it outside this call
     */
    if (!l->wants_write) (void)flush(l);
    return OK;
}

enum err ipc_send(struct ipc_link *l, uint16_t message, uint64_t session, struct span body)
{
    return enqueue(l, message, session, body, -1);
}

enum err ipc_send_fd(struct ipc_link *l, uint16_t message, uint64_t session, struct span body, int fd)
{
    assert(fd >= 0);
    return enqueue(l, message, session, body, fd);
}

bool ipc_idle(const struct ipc_link *l)
{
    return l->fd < 0 || l->out_at == l->out.n;
}

enum err ipc_pair(int fd[2])
{
    int two[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, two) < 0) return ERR_IO;
    for (int i = 0; i < 2;
         i++) { /* so that a burst of signalling seldom needs the queue; a refusal does no harm */
        int bytes = 1024 * 1024;
        (void)setsockopt(two[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    }
    memcpy(fd, two, sizeof two);
    return OK;
}

/* The address of folder/name through an open descriptor of the folder, which the caller closes. */
static enum err address_of(const char *folder, const char *name, struct sockaddr_un *a, int *dir)
{
    *a = (struct sockaddr_un){.sun_family = AF_UNIX};
    int fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return errno == ENOENT ? ERR_UNKNOWN : ERR_IO;
    int n = snprintf(a->sun_path, sizeof a->sun_path, "/proc/self/fd/%d/%s", fd, name);
    if (n < 0 || (size_t)n >= sizeof a->sun_path) {
        close(fd);
        return ERR_LIMIT;
    }
    *dir = fd;
    return OK;
}

enum err ipc_listen(const char *folder, const char *name, int *fd)
{
    struct sockaddr_un a;
    int dir, s;
    enum err e = address_of(folder, name, &a, &dir);
    if (e) return e;
    s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    (void)unlinkat(dir, name, 0);
    mode_t mask = umask(0177);
    bool good = s >= 0 && bind(s, (struct sockaddr *)&a, sizeof a) == 0 && listen(s, 16) == 0;
    umask(mask);
    close(dir);
    if (!good) {
        if (s >= 0) close(s);
        return ERR_IO;
    }
    *fd = s;
    return OK;
}

enum err ipc_accept(int listener, int *fd)
{
    int s = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (s < 0) return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? ERR_AGAIN : ERR_IO;
    *fd = s;
    return OK;
}

enum err ipc_connect(const char *folder, const char *name, int *fd)
{
    struct sockaddr_un a;
    int dir, s;
    enum err e = address_of(folder, name, &a, &dir);
    if (e) return e;
    s = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (s >= 0 && connect(s, (struct sockaddr *)&a, sizeof a) < 0) {
        e = errno == ENOENT || errno == ECONNREFUSED ? ERR_UNKNOWN : ERR_IO;
        close(s);
    } else if (s < 0) {
        e = ERR_IO;
    }
    close(dir);
    if (!e) *fd = s;
    return e;
}
