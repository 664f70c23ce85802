/* SPDX-License-Identifier: Apache-2.0
 * The budget for answers to strangers, so that the relay is no amplifier: one answer is at most 2.2 times its
 * request, and each source address (the port stripped, IPv6 by /64) gets no more bytes than it has paid for:
 * a first credit of a few challenges, half of what it sends unproven, all of what it sends with valid
 * integrity. A second budget over all sources bounds the sum when sources are forged at random. A fixed table
 * taken at birth (RELIABILITY R2); the least recently heard of four places makes room. */
#ifndef CORE_TURN_GUARD_H
#define CORE_TURN_GUARD_H

#include "base/rng.h"
#include "base/time.h"
#include "core/out.h"

#define TURN_GUARD_PLACES 4096 /* sources remembered: 64 KB */
#define TURN_GUARD_FIRST  1200 /* bytes of credit of a source not heard of: twenty challenges */
#define TURN_GUARD_MOST   16384
#define TURN_GUARD_REFILL 8 /* bytes a second, up to the first credit */
#define TURN_GUARD_ALL    65536

struct turn_guard {
    struct turn_guard_place *place;
    uint64_t seed[2];
    int64_t all; /* credit of everybody together */
    usec all_filled;
    uint64_t refused;
};

/* ERR_NOMEM, ERR_IO. */
enum err turn_guard_init(struct turn_guard *g, const struct rng *rng) MUST_CHECK;
void turn_guard_fini(struct turn_guard *g);
/* A request of request_n bytes came unproven from `from`; true when an answer of answer_n bytes may go back
 * (and is paid for), false when there must be silence. */
bool turn_guard_answer(struct turn_guard *g, usec now, const struct path *from, size_t request_n,
                       size_t answer_n);
/* A request of n bytes with valid integrity came from `from`. */
void turn_guard_proven(struct turn_guard *g, usec now, const struct path *from, size_t n);

#endif
