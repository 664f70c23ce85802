/* SPDX-License-Identifier: Apache-2.0
 * The keeper: rooms, who was kicked, the audit trail; who is where. It gathers the facts, asks rights/policy,
 * writes the audit row in the same transaction as the change, and only then lets anything happen: an act
 * whose row can't be stored is refused. Gives each room an engine. Owns the database; never sees a packet or
 * a plain key. A joined member is known to it until the engine says it left. Speaks through two functions, so
 * that a command can run keeper and vault inside its own process. */
#ifndef APP_KEEPER_H
#define APP_KEEPER_H

#include "app/config.h"
#include "app/ipc_messages.h"
#include "app/ipc_table.h"
#include "base/rng.h"
#include "base/time.h"
#include "core/crypto.h"

#define KEEPER_ROOMS_MAX   16384 /* with somebody in them */
#define KEEPER_MEMBERS_MAX 65536
#define KEEPER_PENDING_MAX 256 /* questions that wait for the vault */
#define KEEPER_POLICY_MAX  16384

struct keeper;
struct keeper_conf {
    const struct crypto *crypto;
    const struct config *config; /* data, dev, announce, engines, turn; borrowed */
    struct rng rng;
    struct wall (*wall)(void);
    /* to a neighbour; false when it can't be taken */
    bool (*send)(void *ctx, enum role to, uint16_t index, uint16_t message, uint64_t session,
                 struct span body);
    /* the answer to keeper_ask; origin as given there */
    void (*told)(void *ctx, uint64_t origin, const struct ipc_told *told);
    void *ctx;
    int heads; /* an open file that signed heads of the audit trail are added to (file_add), or -1 */
};

/* Opens DIR/keeper.db. ERR_FORMAT when it is damaged, ERR_IO … */
enum err keeper_new(const struct keeper_conf *conf, struct keeper **keeper) MUST_CHECK;
void keeper_free(struct keeper *k);
void keeper_message(struct keeper *k, enum role from, uint16_t index, uint16_t message, uint64_t session,
                    struct span body);
/* A question over control.sock (or of the same process): answered by `told`, perhaps later. */
void keeper_ask(struct keeper *k, uint64_t origin, const struct ipc_ask *ask);
void keeper_met(struct keeper *k, enum role who, uint16_t index);
void keeper_lost(struct keeper *k, enum role who, uint16_t index);
/* Ends sessions whose time is over; when it wants to be called again. */
usec keeper_turn(struct keeper *k, usec now);
/* Takes nobody new; tells everybody inside. */
void keeper_drain(struct keeper *k);
/* It knows the vault's keys and who was here before it: rooms can be made and entered. */
bool keeper_ready(const struct keeper *k);
bool keeper_empty(const struct keeper *k);
void keeper_stats(const struct keeper *k, struct writer *w);
/* The vault's keys are here, so that tokens can be checked and made. */
bool keeper_has_keys(const struct keeper *k);

#endif
