/* SPDX-License-Identifier: Apache-2.0 */
#include "io/interfaces.h"

#include "io/sockaddr.h"

#include <ifaddrs.h>
#include <net/if.h>

unsigned interfaces_list(struct path list[static INTERFACES_MAX])
{
    struct ifaddrs *all;
    unsigned n = 0;
    if (getifaddrs(&all) < 0) return 0;
    for (int loopback = 0; loopback < 2; loopback++) {
        for (const struct ifaddrs *i = all; i && n < INTERFACES_MAX; i = i->ifa_next) {
            struct sockaddr_storage s = {0};
            bool here = (i->ifa_flags & IFF_LOOPBACK) != 0;
            if (!i->ifa_addr || here != (loopback == 1)) continue;
            bool four = i->ifa_addr->sa_family == AF_INET;
            if (!four && i->ifa_addr->sa_family != AF_INET6) continue;
            memcpy(&s, i->ifa_addr, four ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
            list[n] = (struct path){0};
            sockaddr_path(&s, &list[n]);
            list[n++].port = 0;
        }
    }
    freeifaddrs(all);
    return n;
}
