/* SPDX-License-Identifier: Apache-2.0
 * The counter-offer to a WHEP player whose offer has no format of what is live: the description that a player
 * with exactly those formats would have offered. One section a kind, as WHEP has them. */
#ifndef ROOM_COUNTER_H
#define ROOM_COUNTER_H

#include "room/roster.h"

#define COUNTER_TEXT_MAX 8192

/* Writes that description; false when nothing that m may have is live. w turns bad when it does not fit. */
bool counter_text(const struct member *m, struct writer *w);

#endif
