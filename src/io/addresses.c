/* SPDX-License-Identifier: Apache-2.0 */
#include "io/addresses.h"

#include "io/sockaddr.h"

#include <ifaddrs.h>
#include <net/if.h>

static bool wanted(const struct ifaddrs *i, int family, bool loopback)
{
    if (!i->ifa_addr || !(i->ifa_flags & IFF_UP) || !(i->ifa_flags & IFF_LOOPBACK) == loopback) return false;
    if (i->ifa_addr->sa_family != (family == 4 ? AF_INET : AF_INET6)) return false;
    if (family == 4) return true;
    const struct sockaddr_in6 *s = (const struct sockaddr_in6 *)(const void *)i->ifa_addr;
    return !IN6_IS_ADDR_LINKLOCAL(&s->sin6_addr);
}

void addresses_list(int family, struct addresses *a)
{
    struct ifaddrs *all;
    *a = (struct addresses){0};
    if (getifaddrs(&all) < 0) return;
    for (int loopback = 0; loopback < 2; loopback++) {
        for (const struct ifaddrs *i = all; i && a->count < COUNT_OF(a->text); i = i->ifa_next) {
            struct sockaddr_storage s = {0};
            struct path p = {0};
            if (!wanted(i, family, loopback)) continue;
            memcpy(&s, i->ifa_addr, family == 4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
            sockaddr_path(&s, &p);
            address_text(&p, a->text[a->count++]);
        }
        if (!loopback) a->outward = a->count;
    }
    freeifaddrs(all);
}
