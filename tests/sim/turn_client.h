/* SPDX-License-Identifier: Apache-2.0
 * A relay with a caller in memory, and TURN clients of it, for tests and fuzzing: simulated time, no sockets.
 * A client writes real requests and checks the integrity of every answer. Peers are addresses; what the relay
 * sends to them is seen in the tray. */
#ifndef SIM_TURN_CLIENT_H
#define SIM_TURN_CLIENT_H

#include "core/turn.h"

#define TURN_WORLD_LOCALS 4096
#define TURN_WORLD_WALL_S UINT64_C(1790000000)
#define TURN_WORLD_PORT                                                                                      \
    50000 /* relay with socket number n is at 8.8.4.4 or 2400:cb00::44, port 50000 + n \
                                 */

struct turn_world {
    struct turn turn;
    struct out out;
    struct rng_seeded seed;
    usec now;
    bool taken[TURN_WORLD_LOCALS];
    uint16_t opened, closed, fail_opens; /* fail_opens: this many next ones fail */
    bool hold;                           /* events are not served */
};

struct turn_client {
    struct path path;
    struct turn_credential credential;
    uint8_t nonce[TURN_NONCE_BYTES];
    uint8_t key[TURN_KEY_BYTES];
    uint32_t count; /* makes transactions differ */
};

struct turn_answer {
    bool came;
    enum turn_class class;
    uint16_t method, code; /* code 0 for a success */
    uint8_t id[TURN_ID];
    bool integrity_right;
    uint32_t lifetime_s;
    struct turn_addr mapped, relayed[2];
    uint16_t relayed_count, address_error;
    uint16_t unknown; /* first of UNKNOWN-ATTRIBUTES */
    size_t n;
};

/* Small quotas that tests can reach; total is four times the user's. */
extern const struct turn_quota turn_world_user, turn_world_total;
enum err turn_world_init(struct turn_world *w, const struct turn_quota *user,
                         const struct turn_quota *total) MUST_CHECK;
void turn_world_fini(struct turn_world *w);
/* Serves the relay's events: opens and closes sockets. */
void turn_world_serve(struct turn_world *w);
/* Lets time pass with ticks. */
void turn_world_pass(struct turn_world *w, usec time);

/* Client number n (UDP from 9.0.(n / 256).(n % 256)), with a credential for room and handle for an hour. */
struct turn_client turn_client_make(struct turn_world *w, uint16_t n, const char *room, const char *handle);
/* A request with the attributes written by then; call turn_request_begin, put attributes, then turn_exchange.
 */
struct turn_request {
    uint8_t bytes[1500];
    struct writer w;
};
void turn_request_begin(struct turn_request *r, struct turn_client *c, enum turn_class class,
                        uint16_t method);
/* Adds user name, realm, nonce and integrity. */
void turn_request_sign(struct turn_world *w, struct turn_client *c, struct turn_request *r);
/* Finishes the request without integrity. */
void turn_request_plain(struct turn_request *r);
/* Sends it as it is, serves events, gives the answer that went to this client. Clears the tray before. */
struct turn_answer turn_request_send(struct turn_world *w, struct turn_client *c, struct turn_request *r);
/* Signs, sends; on 401 or 438 takes the nonce and tries once more. */
struct turn_answer turn_exchange(struct turn_world *w, struct turn_client *c, struct turn_request *r);
/* Allocates with a relay of a family (0: no attribute). */
struct turn_answer turn_client_allocate(struct turn_world *w, struct turn_client *c, uint8_t family);
struct turn_answer turn_client_refresh(struct turn_world *w, struct turn_client *c, uint32_t lifetime_s);
struct turn_answer turn_client_permit(struct turn_world *w, struct turn_client *c,
                                      const struct turn_addr *peer, size_t count);
struct turn_answer turn_client_bind(struct turn_world *w, struct turn_client *c, uint16_t channel,
                                    const struct turn_addr *peer);
/* Data by channel, or by indication; true when one datagram with it reached the peer. */
bool turn_client_data(struct turn_world *w, struct turn_client *c, uint16_t channel, struct span data,
                      const struct turn_addr *peer);
bool turn_client_send(struct turn_world *w, struct turn_client *c, struct span data,
                      const struct turn_addr *peer);
/* A datagram from a peer to relay socket `local`; gives what the client got, empty when nothing. */
struct span turn_peer_data(struct turn_world *w, uint16_t local, const struct turn_addr *peer,
                           struct span data, const struct turn_client *c);

struct turn_addr turn_addr4(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port);

#endif
