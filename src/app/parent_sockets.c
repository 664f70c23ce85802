/* SPDX-License-Identifier: Apache-2.0 */
#include "app/parent_inner.h"

#include "base/mem.h"
#include "io/addresses.h"
#include "io/process.h"
#include "io/tcp.h"
#include "io/udp.h"

#include <stdio.h>

#define MEDIA_ADDRESSES_MAX 8 /* an engine's */
#define PORT_TRIES          16
#define PLAIN_DEFAULT       "127.0.0.1:8080"

static const char *reason(enum err e)
{
    switch (e) {
    case ERR_EXISTS:
        return "the port is in use";
    case ERR_DENIED:
        return "not allowed (ports below 1024 need root or CAP_NET_BIND_SERVICE)";
    default:
        return "this machine has no such address, or the system refused";
    }
}

static enum err refuse(struct config_fault *f, const char *key, const struct path *at, enum err e)
{
    char text[ADDRESS_TEXT];
    address_port_text(at, text);
    snprintf(f->text, sizeof f->text, "%s %s: %s", key, text, reason(e));
    return e;
}

static enum err keep(struct bound_set *set, enum socket_use use, const char *text, enum role role,
                     uint16_t index, int fd)
{
    if (set->count == PARENT_SOCKETS_MAX) {
        process_close(fd);
        return ERR_FULL;
    }
    struct bound *b = &set->bound[set->count++];
    *b = (struct bound){.socket = {.use = use, .fd = fd}, .role = role, .index = index};
    snprintf(b->socket.text, sizeof b->socket.text, "%s", text);
    return OK;
}

static bool unspecified(const struct path *p)
{
    static const uint8_t zero[16];
    return memcmp(p->addr, zero, p->family == 4 ? 4 : 16) == 0;
}

/* What a person types to reach a listener: a real address of this machine where it listens on all. */
static void shown(const struct config *c, int fd, struct path at, bool local, char text[64])
{
    char host[ADDRESS_TEXT];
    struct addresses a;
    if (udp_bound(fd, &at)) return;
    address_text(&at, host);
    if (unspecified(&at) && c->announce.count) {
        snprintf(host, sizeof host, "%s", c->announce.text[0]);
    } else if (unspecified(&at)) {
        addresses_list(at.family, &a);
        snprintf(host, sizeof host, "%s", c->dev && a.outward ? a.text[0] : "localhost");
    }
    if (local) snprintf(host, sizeof host, "localhost");
    snprintf(text, 64, strchr(host, ':') ? "[%.46s]:%u" : "%.46s:%u", host, at.port);
}

static enum err open_listener(struct bound_set *set, const struct config *c, const char *key,
                              const char *where, enum socket_use use, struct config_fault *f)
{
    struct path at;
    int fd;
    enum err e = address_parse(where, &at);
    if (!e) e = tcp_listen(&at, &fd);
    if (e) return refuse(f, key, &at, e);
    bool plain = use == SOCKET_PLAIN;
    bool loopback =
        at.family == 4 ? at.addr[0] == 127 : unspecified(&at) == false && at.addr[15] == 1 && at.addr[0] == 0;
    shown(c, fd, at, plain && loopback, plain ? set->plain : set->https);
    return keep(set, use, "", ROLE_FRONT, 0, fd);
}

/* A UDP socket and the TCP listener of the same number. */
static enum err open_media(struct bound_set *set, const struct path *at, const char *announce,
                           uint16_t engine, struct config_fault *f)
{
    enum err e = OK;
    for (unsigned i = 0; i < PORT_TRIES; i++) {
        struct path both = *at;
        int udp, tcp;
        e = udp_bind(&both, &udp);
        if (e) return refuse(f, "media", at, e);
        e = udp_bound(udp, &both);
        if (!e) e = tcp_listen(&both, &tcp);
        if (e) {
            process_close(udp);
            if (at->port == 0 && e == ERR_EXISTS) continue; /* another number, then */
            break;
        }
        e = keep(set, SOCKET_MEDIA_UDP, announce, ROLE_ENGINE, engine, udp);
        if (e)
            process_close(tcp);
        else
            e = keep(set, SOCKET_MEDIA_TCP, announce, ROLE_ENGINE, engine, tcp);
        return e;
    }
    return refuse(f, "media (TCP)", at, e);
}

/* The addresses to bind: those named, an unspecified one replaced by all of the machine's. */
static unsigned media_addresses(const struct config *c, struct path *out)
{
    unsigned n = 0;
    for (unsigned i = 0; i < c->media.count; i++) {
        struct path at;
        struct addresses a;
        if (address_parse(c->media.text[i], &at)) continue;
        if (!unspecified(&at)) {
            if (n < MEDIA_ADDRESSES_MAX) out[n++] = at;
            continue;
        }
        addresses_list(at.family, &a);
        unsigned count = c->dev || a.outward == 0 ? a.count : a.outward;
        for (unsigned k = 0; k < count && n < MEDIA_ADDRESSES_MAX; k++) {
            char text[ADDRESS_TEXT + 16];
            snprintf(text, sizeof text, at.family == 6 ? "[%s]:%u" : "%s:%u", a.text[k], at.port);
            if (address_parse(text, &out[n]) == OK) n++;
        }
    }
    return n;
}

/* The nth --announce of this family. */
static const char *announced(const struct config *c, int family, unsigned nth)
{
    for (unsigned i = 0; i < c->announce.count; i++)
        if ((strchr(c->announce.text[i], ':') ? 6 : 4) == family && nth-- == 0) return c->announce.text[i];
    return "";
}

static enum err open_all_media(struct bound_set *set, const struct config *c, unsigned engines,
                               struct config_fault *f)
{
    struct path at[MEDIA_ADDRESSES_MAX];
    unsigned n = media_addresses(c, at), of_family[2] = {0, 0};
    if (n == 0) {
        snprintf(f->text, sizeof f->text, "media: this machine has no address to listen on");
        return ERR_IO;
    }
    for (unsigned i = 0; i < n; i++) {
        const char *announce = announced(c, at[i].family, of_family[at[i].family == 6]++);
        for (unsigned k = 0; k < engines; k++) {
            struct path mine = at[i];
            if (mine.port && mine.port > UINT16_MAX - k) return refuse(f, "media", &mine, ERR_RANGE);
            if (mine.port) mine.port = (uint16_t)(mine.port + k);
            enum err e = open_media(set, &mine, announce, (uint16_t)k, f);
            if (e) return e;
        }
    }
    return OK;
}

static enum err open_turn(struct bound_set *set, const struct config *c, struct config_fault *f)
{
    struct path at;
    int udp, tcp;
    enum err e = address_parse(c->turn, &at);
    if (!e) e = udp_bind(&at, &udp);
    if (e) return refuse(f, "turn", &at, e);
    e = keep(set, SOCKET_TURN_UDP, c->turn, ROLE_ENGINE, 0, udp);
    if (!e && (e = tcp_listen(&at, &tcp))) return refuse(f, "turn (TCP)", &at, e);
    return e ? e : keep(set, SOCKET_TURN_TCP, c->turn, ROLE_ENGINE, 0, tcp);
}

static enum err open_plain(struct bound_set *set, const struct config *c, struct config_fault *f)
{
    if (c->listen_plain[0]) return open_listener(set, c, "listen-plain", c->listen_plain, SOCKET_PLAIN, f);
    if (!c->dev) return OK;
    /* nobody asked for this number, so another will do */
    if (open_listener(set, c, "listen-plain", PLAIN_DEFAULT, SOCKET_PLAIN, f) == OK) return OK;
    return open_listener(set, c, "listen-plain", "127.0.0.1:0", SOCKET_PLAIN, f);
}

enum err bound_open(struct bound_set *set, const struct config *c, unsigned engines,
                    struct config_fault *fault)
{
    int control;
    *set = (struct bound_set){.bound = mem_new(PARENT_SOCKETS_MAX, sizeof(struct bound))};
    if (!set->bound) return ERR_NOMEM;
    enum err e = open_listener(set, c, "listen", c->listen, SOCKET_HTTPS, fault);
    if (!e) e = open_plain(set, c, fault);
    if (!e) e = open_all_media(set, c, engines, fault);
    if (!e && c->turn[0]) e = open_turn(set, c, fault);
    if (!e) {
        e = ipc_listen(c->data, "control.sock", &control);
        if (e)
            snprintf(fault->text, sizeof fault->text, "data: can't make %.150s/control.sock", c->data);
        else
            e = keep(set, SOCKET_CONTROL, "", ROLE_KEEPER, 0, control);
    }
    if (e) bound_close(set);
    return e;
}

void bound_close(struct bound_set *set)
{
    for (unsigned i = 0; set->bound && i < set->count; i++)
        process_close(set->bound[i].socket.fd);
    mem_free(set->bound);
    set->bound = NULL;
    set->count = 0;
}
