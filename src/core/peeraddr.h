/* SPDX-License-Identifier: Apache-2.0
 * Which peer addresses the relay may reach: public unicast ones, our own media and relay ports, and what the
 * operator named. Every special-purpose address of both families is refused, in every spelling that hides one
 * (IPv4-mapped, IPv4-compatible, NAT64, 6to4, Teredo, ISATAP): only addresses inside 2000::/3 that are none
 * of these pass. Sources: the IANA IPv4 and IPv6 special-purpose address registries, RFC 6890, RFC 8656
 * section 21.1.5. Unspecified, multicast and broadcast addresses are refused even when named. Owns nothing.
 */
#ifndef CORE_PEERADDR_H
#define CORE_PEERADDR_H

#include "base/err.h"
#include "base/span.h"

#define PEERADDR_ALLOW_MAX 64
#define PEERADDR_OWN_MAX   128

struct peeraddr_net {
    uint8_t family, bits;
    uint8_t addr[16]; /* IPv4 in the first four bytes, as in struct path */
};
struct peeraddr_own { /* an address of this machine, with the ports of it that peers may be */
    uint8_t family;
    uint16_t from, to; /* 0, 0: none */
    uint8_t addr[16];
};
struct peeraddr { /* zeroed at birth */
    struct peeraddr_net allow[PEERADDR_ALLOW_MAX];
    struct peeraddr_own own[PEERADDR_OWN_MAX];
    uint16_t allow_count, own_count;
};

enum peeraddr_verdict {
    PEERADDR_NO,
    PEERADDR_OWN_PORTS, /* an address of this machine: only ports that are ours */
    PEERADDR_YES,
};

/* The operator's --turn-allow-peer. ERR_FULL, ERR_RANGE when bits are too many for the family. */
enum err peeraddr_allow(struct peeraddr *p, uint8_t family, const uint8_t addr[static 16],
                        uint8_t bits) MUST_CHECK;
/* An address of this machine, and the ports on it, from ≤ to, where our media or relays are; 0, 0 for none.
 * Give every interface address. Loopback and link-local ones stay refused unless named. ERR_FULL. */
enum err peeraddr_own(struct peeraddr *p, const struct peeraddr_own *own) MUST_CHECK;
/* What may be relayed to the address, whatever the port. */
enum peeraddr_verdict peeraddr_judge(const struct peeraddr *p, uint8_t family, const uint8_t addr[static 16]);
/* True when the port of one of our own addresses is in a range given. */
bool peeraddr_own_port(const struct peeraddr *p, uint8_t family, const uint8_t addr[static 16],
                       uint16_t port);

#endif
