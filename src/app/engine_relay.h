/* SPDX-License-Identifier: Apache-2.0
 * The engine's relay at its seat: takes the TURN sockets and the operator's peers from what the parent handed
 * over, the secret and revocations from the keeper, streams from front. An engine without TURN sockets still
 * relays front's streams when it has a media address to open relays on. */
#ifndef APP_ENGINE_RELAY_H
#define APP_ENGINE_RELAY_H

#include "app/relay.h"
#include "app/seat.h"

/* Takes the sockets of use SOCKET_TURN_…; reads interfaces, so before the sandbox. ERR_NOMEM, ERR_IO,
 * ERR_FORMAT. */
enum err engine_relay_new(struct seat *s, struct relay **relay) MUST_CHECK;
/* True when the message was the relay's: IPC_RELAY_SECRET, IPC_RELAY_REVOKE, IPC_TURN_STREAM. */
bool engine_relay_message(struct relay *r, const struct seat_got *got, usec now);

#endif
