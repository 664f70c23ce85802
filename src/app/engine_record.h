/* SPDX-License-Identifier: Apache-2.0
 * The engine's side of a recording: listens at a room's hook (room/sfu.h), puts frames together out of the packet
 * caches and hands them to the archive. Owns a frame buffer per track. Adds nothing to the way of a packet but the
 * hook's call; what the archive does not take in time is left out and marked as a gap. Of simulcast the largest layer
 * that arrives is kept. */
#ifndef APP_ENGINE_RECORD_H
#define APP_ENGINE_RECORD_H

#include "app/engine_inner.h"

struct recorder;

/* IPC_RECORD_ROOM: begins, goes on, or stops. */
void engine_record_message(struct engine *e, uint64_t number, struct span body, struct engine_room *room);
/* Lets go of the room's hook; NULL is fine. */
void recorder_free(struct recorder *r);

#endif
