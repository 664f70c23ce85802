/* SPDX-License-Identifier: Apache-2.0 */
#include "io/tcp.h"

#include "base/write.h"
#include "io/sockaddr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <unistd.h>

static enum err port_parse(const char *s, uint16_t *port)
{
    uint32_t v = 0;
    if (!*s) return ERR_FORMAT;
    for (; *s; s++) {
        if (*s < '0' || *s > '9') return ERR_FORMAT;
        v = v * 10 + (uint32_t)(*s - '0');
        if (v > UINT16_MAX) return ERR_FORMAT;
    }
    *port = (uint16_t)v;
    return OK;
}

enum err address_parse(const char *text, struct path *p)
{
    struct path got = {0};
    const char *colon = strrchr(text, ':');
    char host[ADDRESS_TEXT];
    if (!colon || port_parse(colon + 1, &got.port)) return ERR_FORMAT;
    size_t n = (size_t)(colon - text);
    bool six = n >= 2 && text[0] == '[' && text[n - 1] == ']';
    if (six) {
        text++;
        n -= 2;
    }
    if (n >= sizeof host) return ERR_FORMAT;
    memcpy(host, text, n);
    host[n] = 0;
    got.family = six ? 6 : 4;
    if (inet_pton(six ? AF_INET6 : AF_INET, host, got.addr) != 1) return ERR_FORMAT;
    *p = got;
    return OK;
}

void address_text(const struct path *p, char text[ADDRESS_TEXT])
{
    if (!inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->addr, text, ADDRESS_TEXT)) text[0] = 0;
}

void address_port_text(const struct path *p, char text[ADDRESS_TEXT])
{
    char host[ADDRESS_TEXT];
    address_text(p, host);
    struct writer w = writer_of(MSPAN(text, ADDRESS_TEXT - 1));
    if (p->family == 6) write_u8(&w, '[');
    write_str(&w, host);
    if (p->family == 6) write_u8(&w, ']');
    write_u8(&w, ':');
    write_dec(&w, p->port);
    text[w.n] = 0;
}

enum err tcp_listen(const struct path *at, int *out)
{
    struct sockaddr_storage a;
    socklen_t n = sockaddr_of(at, &a);
    int one = 1, fd = socket(a.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return ERR_IO;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (at->family == 6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof one);
    if (bind(fd, (struct sockaddr *)&a, n) < 0 || listen(fd, 1024) < 0) {
        int why = errno;
        close(fd);
        return why == EADDRINUSE ? ERR_EXISTS : why == EACCES ? ERR_DENIED : ERR_IO;
    }
    *out = fd;
    return OK;
}

enum err tcp_accept(int listener, int *fd, struct path *from)
{
    struct sockaddr_storage a = {0};
    socklen_t n = sizeof a;
    int one = 1, got = accept4(listener, (struct sockaddr *)&a, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (got < 0) {
        if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ECONNABORTED || errno == EINTR)
            return ERR_AGAIN;
        return errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM ? ERR_FULL : ERR_IO;
    }
    setsockopt(got, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    *from = (struct path){.kind = PATH_TCP};
    sockaddr_path(&a, from);
    *fd = got;
    return OK;
}

enum err tcp_read(int fd, struct mspan into, size_t *n)
{
    ssize_t r = recv(fd, into.p, into.n, 0);
    if (r > 0) {
        *n = (size_t)r;
        return OK;
    }
    return r < 0 && (errno == EAGAIN || errno == EINTR) ? ERR_AGAIN : ERR_CLOSED;
}

enum err tcp_write(int fd, struct span from, size_t *n)
{
    ssize_t r = send(fd, from.p, from.n, MSG_NOSIGNAL);
    if (r >= 0) {
        *n = (size_t)r;
        return OK;
    }
    return errno == EAGAIN || errno == EINTR || errno == ENOBUFS ? ERR_AGAIN : ERR_CLOSED;
}

void tcp_end(int fd)
{
    shutdown(fd, SHUT_WR);
}

void tcp_close(int fd)
{
    if (fd >= 0) close(fd);
}
