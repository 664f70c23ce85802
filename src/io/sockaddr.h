/* SPDX-License-Identifier: Apache-2.0
 * Between struct path and the kernel's socket addresses; for the files of src/io only. */
#ifndef IO_SOCKADDR_H
#define IO_SOCKADDR_H

#include "core/out.h"

#include <netinet/in.h>
#include <sys/socket.h>

static inline socklen_t sockaddr_of(const struct path *p, struct sockaddr_storage *s)
{
    if (p->family == 4) {
        struct sockaddr_in *a = (struct sockaddr_in *)s;
        *a = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(p->port)};
        memcpy(&a->sin_addr, p->addr, 4);
        return sizeof *a;
    }
    struct sockaddr_in6 *a = (struct sockaddr_in6 *)s;
    *a = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(p->port)};
    memcpy(&a->sin6_addr, p->addr, 16);
    return sizeof *a;
}

/* Sets family, port and addr; an IPv4-mapped address becomes IPv4. */
static inline void sockaddr_path(const struct sockaddr_storage *s, struct path *p)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    memset(p->addr, 0, sizeof p->addr);
    if (s->ss_family == AF_INET) {
        const struct sockaddr_in *a = (const struct sockaddr_in *)s;
        p->family = 4;
        p->port = ntohs(a->sin_port);
        memcpy(p->addr, &a->sin_addr, 4);
        return;
    }
    if (s->ss_family != AF_INET6) return; /* nothing else is bound by us */
    const struct sockaddr_in6 *a = (const struct sockaddr_in6 *)s;
    const uint8_t *b = (const uint8_t *)&a->sin6_addr;
    bool v4 = memcmp(b, mapped, sizeof mapped) == 0;
    p->family = v4 ? 4 : 6;
    p->port = ntohs(a->sin6_port);
    memcpy(p->addr, v4 ? b + 12 : b, v4 ? 4 : 16);
}

#endif
