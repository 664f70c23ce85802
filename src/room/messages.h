/* SPDX-License-Identifier: Apache-2.0
 * What members say over the room protocol (docs/protocol.md), and what it changes. Who speaks is the member
 * the engine names, never what a body says; rights are those of its verdict; rates are limited for each
 * member. */
#ifndef ROOM_MESSAGES_H
#define ROOM_MESSAGES_H

#include "room/roster.h"

/* Makes the track known and forwards it, or changes only whether it is muted. */
void publish(struct track *t, bool muted, usec now, struct news *news);
/* Takes it from everybody. */
void unpublish(struct track *t, usec now, struct news *news);
/* Whether something is taken of the member's tracks may have changed: recording began, ended, was agreed to. */
void hold(struct member *m, usec now);
void set_muted(struct track *t, bool muted, usec now, struct news *news);
/* The member is out: nothing of it remains but its memory, until room_reap. by: 0 nobody. */
void member_leave(struct member *m, usec now, const char *reason, uint32_t by, struct out *out,
                  struct news *news);

#endif
