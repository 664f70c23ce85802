/* SPDX-License-Identifier: Apache-2.0
 * The engine's inside, shared by its two files: engine.c (datagrams, turns) and engine_message.c
 * (neighbours). */
#ifndef APP_ENGINE_INNER_H
#define APP_ENGINE_INNER_H

#include "app/engine.h"
#include "app/ice_tcp.h"
#include "app/ipc_messages.h"
#include "base/map.h"
#include "core/dtls.h"
#include "core/peer.h"
#include "io/udp.h"
#include "room/delivery.h"

#define SEAT_PATHS  8
#define SEAT_UFRAGS 2
#define UFRAG_KEY   32
#define ROOM_KEY    64

struct engine_room {
    struct room *room;         /* NULL: free */
    struct recorder *recorder; /* NULL: not recorded */
    struct delivery *delivery; /* sealed and witnessed rooms: the order of their epochs */
    usec wake;
    bool touched, reap;
};
struct seat { /* a member and everything that leads to it */
    struct engine_room *room;
    struct member *member;
    struct path path[SEAT_PATHS];
    uint8_t ufrag[SEAT_UFRAGS][UFRAG_KEY];
    uint32_t path_next, ufrag_next, next_free;
    struct ipc_admit admitted; /* as the keeper let it in: repeated to a keeper that begins anew */
    int64_t since_ms;
};
struct engine_socket {
    struct engine *engine;
    uint16_t index;
    uint32_t watch;
};
struct engine_counts {
    uint64_t strangers;     /* datagrams that belong to nobody here */
    uint64_t paths_refused; /* the table of paths is full */
    uint64_t tray_full;     /* datagrams that found no place in the tray */
    uint64_t refused;       /* malformed messages of neighbours */
    uint64_t unsent;        /* messages a neighbour did not take */
    uint64_t joins;
};
struct engine {
    struct engine_conf conf;
    usec now, wake, housekeeping;
    struct udp udp;
    struct ice_tcp *tcp;
    struct out out;
    struct news news;
    struct room_conf room_conf;
    struct peer_conf peer_conf;
    struct srtp_library srtp;
    struct dtls_identity *identity;
    struct map by_path, by_ufrag, by_session, by_name;
    struct seat *seat;
    uint32_t seat_count, seat_size, free_seat, members;
    struct engine_room *room; /* ENGINE_ROOMS_MAX */
    uint32_t room_count;
    struct engine_socket socket[UDP_SOCKETS_MAX];
    struct engine_counts counts;
};

/* engine.c */
enum err engine_seat(struct engine *e, struct engine_room *room, struct member *m) MUST_CHECK;
struct seat *engine_seat_of(struct engine *e, uint64_t session);
void engine_seat_opened(struct engine *e, uint64_t session);
void engine_seat_gone(struct engine *e, uint64_t session);
void engine_room_touched(struct engine *e, struct engine_room *room);
void engine_flush(struct engine *e);

#endif
