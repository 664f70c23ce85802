/* SPDX-License-Identifier: Apache-2.0
 * What the engine says to its neighbours and does for them. */
#ifndef APP_ENGINE_MESSAGE_H
#define APP_ENGINE_MESSAGE_H

#include "app/engine_inner.h"

/* Sends the news of a room on and acts on its events; clears them. */
void engine_drain(struct engine *e, struct engine_room *room);
/* An empty room goes. */
void engine_room_drop(struct engine *e, struct engine_room *room);
/* Our certificate and what all transports share. ERR_CRYPTO, ERR_NOMEM. */
enum err engine_identity(struct engine *e) MUST_CHECK;
void engine_identity_free(struct engine *e);

#endif
