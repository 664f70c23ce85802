/* SPDX-License-Identifier: Apache-2.0
 * The event loop of a role: epoll, one thread. The clock is read once per turn and handed to everybody.
 * Descriptors are watched with a function that is called when they are ready; after all of a batch the turn
 * function runs and says when it wants to be woken. A watch may be dropped at any time, also from inside a
 * call: events already fetched for it are thrown away. Never owns the descriptors. */
#ifndef IO_LOOP_H
#define IO_LOOP_H

#include "base/err.h"
#include "base/span.h"
#include "base/time.h"

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

struct loop;
typedef void loop_ready(void *ctx, unsigned events, usec now); /* LOOP_READ also on hang-up and error */
typedef usec loop_turn(void *ctx, usec now);                   /* when to be called next; USEC_NEVER */

/* NULL when out of memory or descriptors. */
struct loop *loop_new(void);
void loop_free(struct loop *l);
/* Watches fd; *watch names it for the calls below. ERR_FULL over 65,536 watches, ERR_NOMEM, ERR_IO. */
enum err loop_add(struct loop *l, int fd, unsigned events, loop_ready *ready, void *ctx,
                  uint32_t *watch) MUST_CHECK;
/* Changes the events wanted. */
void loop_want(struct loop *l, uint32_t watch, unsigned events);
/* Stops watching; call before the descriptor is closed. 0 is no watch and is ignored. */
void loop_drop(struct loop *l, uint32_t watch);
/* Runs until loop_stop. `turn` may be NULL. */
void loop_run(struct loop *l, loop_turn *turn, void *ctx);
/* One turn that waits at most until `until`. For several roles in one process. */
void loop_once(struct loop *l, usec until);
void loop_stop(struct loop *l);
/* From now on at least this long between two looks at the descriptors, so that under load one turn does the
 * work of many: 0 (as at birth) looks whenever something comes. */
void loop_pace(struct loop *l, usec least);

#endif
