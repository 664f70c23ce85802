/* SPDX-License-Identifier: Apache-2.0 */
#include "core/peeraddr.h"

/* How a network is refused. */
enum { SPECIAL = 1, CLOSE /* as special, and own addresses in it too */, NEVER /* even when named */ };

static const struct {
    uint8_t how, bits, addr[4];
} special4[] = {
    {NEVER, 32, {0, 0, 0, 0}},
    {SPECIAL, 8, {0}},
    {SPECIAL, 8, {10}},
    {SPECIAL, 10, {100, 64}},
    {CLOSE, 8, {127}},
    {CLOSE, 16, {169, 254}},
    {SPECIAL, 12, {172, 16}},
    {SPECIAL, 24, {192, 0, 0}},
    {SPECIAL, 24, {192, 0, 2}},
    {SPECIAL, 24, {192, 31, 196}},
    {SPECIAL, 24, {192, 52, 193}},
    {SPECIAL, 24, {192, 88, 99}},
    {SPECIAL, 16, {192, 168}},
    {SPECIAL, 24, {192, 175, 48}},
    {SPECIAL, 15, {198, 18}},
    {SPECIAL, 24, {198, 51, 100}},
    {SPECIAL, 24, {203, 0, 113}},
    {NEVER, 4, {224}},
    {NEVER, 32, {255, 255, 255, 255}},
    {SPECIAL, 4, {240}},
};

/* Inside 2000::/3; everything outside is special anyway. */
static const struct {
    uint8_t bits, addr[6];
} special6[] = {
    {23, {0x20, 0x01}},             /* protocol assignments: Teredo, benchmarking, ORCHID, AMT, ... */
    {32, {0x20, 0x01, 0x0d, 0xb8}}, /* documentation */
    {16, {0x20, 0x02}},             /* 6to4 */
    {48, {0x26, 0x20, 0x00, 0x4f, 0x80, 0x00}}, /* AS112 */
    {20, {0x3f, 0xff, 0x00}},                   /* documentation */
    {16, {0x3f, 0xfe}},                         /* 6bone, returned */
};

static bool within(const uint8_t *addr, const uint8_t *net, unsigned bits)
{
    unsigned whole = bits / 8, rest = bits % 8;
    if (memcmp(addr, net, whole) != 0) return false;
    return rest == 0 || (uint8_t)((addr[whole] ^ net[whole]) >> (8 - rest)) == 0;
}

static uint8_t judge4(const uint8_t *addr)
{
    for (size_t i = 0; i < COUNT_OF(special4); i++)
        if (within(addr, special4[i].addr, special4[i].bits)) return special4[i].how;
    return 0;
}

static uint8_t judge6(const uint8_t addr[static 16])
{
    static const uint8_t none[16] = {0}, loop[16] = {[15] = 1}, link[2] = {0xfe, 0x80};
    if (memcmp(addr, none, 16) == 0 || addr[0] == 0xff) return NEVER;
    if (memcmp(addr, loop, 16) == 0 || within(addr, link, 10)) return CLOSE;
    /* A mapped multicast, broadcast or unspecified address is no better than the plain one. */
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    if (memcmp(addr, mapped, 12) == 0) return judge4(addr + 12) == NEVER ? NEVER : CLOSE;
    if ((addr[0] & 0xe0) != 0x20) return SPECIAL;
    for (size_t i = 0; i < COUNT_OF(special6); i++)
        if (within(addr, special6[i].addr, special6[i].bits)) return SPECIAL;
    /* ISATAP, RFC 5214 section 6.1: 0000:5efe or 0200:5efe and an IPv4 address as interface identifier. */
    static const uint8_t isatap[3] = {0x00, 0x5e, 0xfe};
    if ((addr[8] & 0xfd) == 0 && memcmp(addr + 9, isatap, 3) == 0) return SPECIAL;
    return 0;
}

static size_t addr_size(uint8_t family)
{
    return family == 4 ? 4 : 16;
}

enum err peeraddr_allow(struct peeraddr *p, uint8_t family, const uint8_t addr[static 16], uint8_t bits)
{
    if ((family != 4 && family != 6) || bits > addr_size(family) * 8) return ERR_RANGE;
    if (p->allow_count == PEERADDR_ALLOW_MAX) return ERR_FULL;
    struct peeraddr_net *n = &p->allow[p->allow_count++];
    *n = (struct peeraddr_net){.family = family, .bits = bits};
    memcpy(n->addr, addr, addr_size(family));
    return OK;
}

enum err peeraddr_own(struct peeraddr *p, const struct peeraddr_own *own)
{
    if (p->own_count == PEERADDR_OWN_MAX) return ERR_FULL;
    p->own[p->own_count++] = *own;
    return OK;
}

static bool is_own(const struct peeraddr_own *o, uint8_t family, const uint8_t *addr)
{
    return o->family == family && memcmp(o->addr, addr, addr_size(family)) == 0;
}

enum peeraddr_verdict peeraddr_judge(const struct peeraddr *p, uint8_t family, const uint8_t addr[static 16])
{
    if (family != 4 && family != 6) return PEERADDR_NO;
    uint8_t how = family == 4 ? judge4(addr) : judge6(addr);
    if (how == NEVER) return PEERADDR_NO;
    for (uint16_t i = 0; i < p->allow_count; i++)
        if (p->allow[i].family == family && within(addr, p->allow[i].addr, p->allow[i].bits))
            return PEERADDR_YES;
    if (how == CLOSE) return PEERADDR_NO;
    for (uint16_t i = 0; i < p->own_count; i++)
        if (is_own(&p->own[i], family, addr)) return PEERADDR_OWN_PORTS;
    return how ? PEERADDR_NO : PEERADDR_YES;
}

bool peeraddr_own_port(const struct peeraddr *p, uint8_t family, const uint8_t addr[static 16], uint16_t port)
{
    for (uint16_t i = 0; i < p->own_count; i++)
        if (port != 0 && port >= p->own[i].from && port <= p->own[i].to && is_own(&p->own[i], family, addr))
            return true;
    return false;
}
