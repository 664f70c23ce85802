/* SPDX-License-Identifier: Apache-2.0
 * Inside the front role: its connections and sessions, and what its files ask of each other.
 * A connection (front_conn.c) is a socket with TLS; it speaks HTTP (front_http.c, front_page.c, front_api.c,
 * front_whip.c), or WebSocket after an upgrade (front_socket.c). A session (front_session.c) is somebody in a
 * room, or on the way in: a WebSocket has at most one; one of WHIP or WHEP lives on when its connection goes.
 * Connections that are closed stay in memory until the turn ends, so that callers up the stack may look at
 * them. Every limit of this role stands here (R4). */
#ifndef APP_FRONT_INNER_H
#define APP_FRONT_INNER_H

#include "app/ipc_messages.h"
#include "app/seat.h"
#include "base/buf.h"
#include "base/map.h"
#include "base/read.h"
#include "base/secret.h"
#include "core/websocket.h"
#include "guest/openssl_tls.h"
#include "io/tcp.h"
#include "wire/http.h"
#include "wire/room_json.h"

#define CONNS_MAX         4096 /* at the cap the oldest stranger goes */
#define CONNS_ADDRESS_MAX 2048 /* of one address (IPv6: /64); above, its own oldest stranger goes */
#define AGAIN_MAX         (4 * CONNS_MAX)
#define ACCEPT_BATCH      64
#define READ_BYTES        16384 /* of one connection in one turn */
#define IN_MAX            65536 /* plain bytes kept; reading stops at READ_BYTES */
#define REQUESTS_A_TURN   8     /* pipelined, then others get their turn */
#define OUT_HTTP_MAX      (2u * 1024 * 1024)
#define OUT_SOCKET_MAX    (1024u * 1024) /* a socket that reads slower than this is closed */
#define OUT_TOTAL_MAX     (128u * 1024 * 1024)
#define OUT_PIECE         32768 /* of a static file at a time */
#define LINGER_BYTES      (256u * 1024)

#define TLS_US       (10 * USEC_S) /* handshake */
#define HEAD_US      (10 * USEC_S) /* from its first byte, or from the start of a connection */
#define IDLE_US      (30 * USEC_S) /* between requests */
#define BODY_US      (30 * USEC_S)
#define BODY_SLOW_US (8 * USEC_S)   /* after that BODY_RATE must hold */
#define BODY_RATE    512            /* bytes a second */
#define WAIT_US      (20 * USEC_S)  /* for keeper or engine: 503 */
#define STALL_US     (20 * USEC_S)  /* nothing of what waits was read */
#define ANSWER_US    (300 * USEC_S) /* a whole answer, however slowly it is read */
#define LINGER_US    (2 * USEC_S)
#define JOIN_US      (10 * USEC_S) /* a socket's first message */
#define SWEEP_US     (250 * USEC_MS)

#define SESSIONS_MAX     8192
#define SESSION_BITS     13
#define OFFERS_MAX       (64u * 1024 * 1024) /* bytes of all offers kept for restarts */
#define RELAY_QUEUE_MAX  (256u * 1024)
#define RELAY_IDLE_US    (900 * USEC_S)
#define WS_BEFORE_MAX    16384 /* a message before `joined` */
#define WS_TEXT_MAX      (2 * ROOM_SDP_MAX)
#define WS_BINARY_MAX    (1024u * 1024)
#define EARLY_MAX        (512u * 1024)
#define MESSAGES_S       50
#define MESSAGES_BURST   200
#define STRIKES_MAX      5
#define REQUEST_JSON_MAX 65536
#define RATE_ADDRESSES   4096
#define GUESTS_BURST     60 /* of one address, then one a second */
#define ORIGINS_MAX      16
#define STATS_ROLES_MAX  (SEAT_ENGINES_MAX + 8)
#define WHIP_KEY         16 /* random bytes of a resource's name */
#define WHIP_KEY_TEXT    22

struct front;

enum conn_state {
    CONN_FREE,
    CONN_TLS,  /* in the handshake */
    CONN_HEAD, /* reading a request's head, or idle */
    CONN_BODY,
    CONN_WAIT,   /* keeper or engine will answer */
    CONN_ANSWER, /* an answer is being written */
    CONN_SOCKET, /* WebSocket */
    CONN_TURN,   /* a TURN stream on its way to an engine */
    CONN_END,    /* flush, then close */
    CONN_LINGER, /* all said; reading away what still comes */
    CONN_DEAD    /* freed when the turn ends */
};

struct conn_name { /* a connection that may be gone when it is looked for */
    uint16_t index;
    uint32_t generation;
};

struct request {
    uint8_t what; /* enum route, front_http.c */
    uint16_t row; /* of the api table */
    size_t body_max, body_at;
    struct http_chunked chunk;
    struct buf body;
    struct http_head head; /* borrows from bytes */
    uint8_t bytes[];
};

struct conn {
    struct front *front;
    uint16_t index;
    uint32_t generation;
    uint8_t state; /* enum conn_state */
    bool plain;    /* came by --listen-plain */
    bool proven;   /* has made a whole request */
    bool eof;      /* the client will send no more */
    bool queued;   /* stands in front->again */
    bool close_after;
    bool is_socket; /* was upgraded */
    struct conn *next_dead;
    int fd;
    uint32_t watch;
    unsigned wants;
    struct path from;
    struct tls *tls;
    struct buf in, out;
    size_t seen;         /* of `in`, for the head's end */
    struct span rest;    /* of a static file, borrowed for ever */
    size_t queued_bytes; /* counted in front->out_total */
    usec since;          /* of this state */
    usec moved;          /* last byte the client took */
    size_t discarded;
    struct request *request;
    uint16_t engine;    /* CONN_TURN: whose stream */
    uint64_t waits_for; /* question or session it waits for, 0 none */
    /* WebSocket */
    struct ws ws;
    uint64_t session; /* 0 none */
    usec refilled;
    uint32_t budget; /* messages */
    uint8_t strikes;
};

enum session_state {
    SESSION_NONE,
    SESSION_ASKED,    /* the keeper is asked */
    SESSION_WAITING,  /* in the lobby */
    SESSION_ADMITTED, /* the engine will say `joined` */
    SESSION_IN,       /* in the room */
    SESSION_OFFERED   /* WHIP, WHEP: an offer is on its way */
};

struct session {
    uint64_t id;
    uint8_t state; /* enum session_state */
    uint8_t entry; /* enum entry */
    uint16_t engine;
    uint16_t conn; /* WebSocket: its connection */
    uint32_t conn_generation;
    uint32_t join_id;
    struct buf early; /* what the engine said before the keeper's answer came */
    usec since;
    /* WHIP, WHEP */
    bool frames;    /* it said that its frames are sealed */
    bool keyed;     /* stands in by_key */
    bool restart;   /* the offer under way is an ICE restart */
    bool live;      /* 201 was said, or 406 with an offer */
    bool countered; /* WHEP: an answer is awaited */
    uint32_t track; /* WHEP: the one wanted, 0 all */
    uint32_t offers;
    uint8_t key[WHIP_KEY];
    uint8_t token[32]; /* SHA-256 of the token it came with */
    char room[65];
    struct buf offer, links;
};

struct rate { /* one address's budget of guest tokens */
    uint8_t addr[16];
    usec refilled;
    uint32_t budget;
};

struct stats {
    bool used;
    uint8_t role;
    uint16_t index;
    struct buf text;
};

struct front_counts {
    uint64_t connections, evicted, tls_failed, requests, refused, sockets, slow, timeouts, messages, limited,
        bad_messages, origins, sessions, dropped, streams;
};

struct listener {
    struct front *front;
    int fd;
    uint32_t watch;
    bool plain;
};

struct front {
    struct seat *seat;
    struct rng rng;
    usec now, swept;
    bool dev, draining, healthy;
    struct tls_server *tls;
    struct listener listener[8];
    uint8_t listeners;
    struct conn *conn[CONNS_MAX];
    uint16_t conns;
    uint32_t generation;
    struct map by_address;             /* 16 bytes: how many connections */
    uint16_t relay_at;                 /* the engine that gets the next stream */
    uint16_t conn_at;                  /* where to look for a free place next */
    struct conn_name again[AGAIN_MAX]; /* connections with more to do */
    uint32_t again_n;
    struct conn *dead; /* closed this turn */
    uint32_t sockets_open;
    size_t out_total, offers_total;
    struct session *session; /* SESSIONS_MAX */
    uint64_t serial;
    uint16_t sessions, session_at;
    struct map by_key;
    uint64_t question;
    struct rate rate[RATE_ADDRESSES];
    uint64_t rate_seed[2];
    char origin[ORIGINS_MAX][256];
    uint8_t origins;
    struct stats stats[STATS_ROLES_MAX];
    uint8_t *json, *wire; /* scratch: JSON to clients, binary forms */
    struct front_counts counts;
};

#define JSON_ROOM (3u * 1024 * 1024)
#define WIRE_ROOM (1280u * 1024)

/* front_conn.c */
enum err conn_open(struct front *f, int fd, const struct path *from, bool plain);
/* Closes at once; frees when the turn ends. */
void conn_close(struct conn *c);
void conn_reap(struct front *f);
/* Flushes what is queued, then closes. */
void conn_end(struct conn *c);
/* Seals and queues plain bytes; closes the connection when it may hold no more. */
void conn_send(struct conn *c, struct span plain);
size_t conn_queued(const struct conn *c);
void conn_flush(struct conn *c);
/* The connection has more to do this turn or the next. */
void conn_again(struct conn *c);
void conn_set(struct conn *c, enum conn_state state);
void conn_work(struct conn *c);
void conn_sweep(struct conn *c);
/* Watches for what the state needs. */
void conn_watch(struct conn *c);
struct conn *conn_find(struct front *f, uint16_t index, uint32_t generation);

/* front_http.c */
struct answer {
    uint16_t status;
    const char *type;  /* content type, NULL none */
    struct span body;  /* copied, unless fixed */
    bool fixed;        /* body is borrowed for ever */
    struct span extra; /* more header lines, each with its CRLF */
};
/* Reads requests from c->in; true when it got somewhere and should be called again. */
bool http_work(struct conn *c);
void http_answer(struct conn *c, const struct answer *a);
/* An error as application/problem+json; extra as above. */
void http_problem(struct conn *c, uint16_t status, const char *code, struct span title, struct span extra);
void http_timeout(struct conn *c);
/* True when the request's Origin is absent (then *none), ours or configured. */
bool http_origin_ok(const struct conn *c, const struct http_head *h, bool *none);

/* front_page.c: the page, health, metrics */
void page_answer(struct conn *c);
void health_answer(struct conn *c);
void metrics_answer(struct conn *c);
void front_stats(struct front *f, struct writer *w);
void front_keep_stats(struct front *f, enum role role, uint16_t index, struct span text);

/* front_api.c */
/* The row for this request: 0 and *row; or 404, 405 with the methods there are in *allow. */
uint16_t api_route(const struct http_head *h, uint16_t *row, const char **allow);
void api_ask(struct conn *c);
void api_told(struct front *f, uint64_t question, struct span body);
bool rate_allows(struct front *f, const struct path *from);

/* front_socket.c */
void socket_upgrade(struct conn *c);
void socket_input(struct conn *c, struct span plain);
void socket_sweep(struct conn *c);
/* Sends a message that is JSON, or opaque bytes, already. */
void socket_text(struct conn *c, struct span json);
void socket_binary(struct conn *c, struct span bytes);
void socket_say(struct conn *c, unsigned message, struct span body);
void socket_closed(struct conn *c, const char *reason, const char *title);
void socket_error(struct conn *c, bool has_id, uint32_t id, const char *code, struct span title);
void socket_close(struct conn *c, uint16_t code, struct span reason);

/* front_session.c */
struct session *session_new(struct front *f, enum entry entry);
struct session *session_find(struct front *f, uint64_t id);
/* Its client is gone: tells engine and keeper, and frees it. */
void session_leave(struct front *f, struct session *s);
/* Only frees it. */
void session_free(struct front *f, struct session *s);
enum err session_join(struct front *f, struct session *s, const struct conn *c, struct span token,
                      struct span room);
enum err session_to_room(struct front *f, struct session *s, unsigned message, struct span body);
void session_message(struct front *f, const struct seat_got *got);
void session_lost(struct front *f, enum role who, uint16_t index);
void session_sweep(struct front *f);

/* front_relay.c */
/* The connection's first bytes are STUN, or may become it. */
bool relay_begins(const struct conn *c);
bool relay_may_begin(const struct conn *c);
void relay_open(struct conn *c);
void relay_input(struct conn *c, struct span bytes);
/* Tells the engine that the stream is gone. */
void relay_closed(struct conn *c);
void relay_back(struct front *f, uint16_t engine, uint64_t stream, struct span bytes);
void relay_lost(struct front *f, uint16_t engine);

/* front_whip.c */
bool whip_route(const struct http_head *h, bool *resource);
void whip_request(struct conn *c, bool resource);
/* Says if the request may send its body. False: already answered. */
bool whip_accepts(struct conn *c, bool resource, size_t *body_max);
void whip_refused(struct front *f, struct session *s, uint16_t status, struct span code, struct span title);
void whip_joined(struct front *f, struct session *s, struct span body);
void whip_message(struct front *f, struct session *s, unsigned message, struct span body);
void whip_gone(struct front *f, struct session *s);

#endif
