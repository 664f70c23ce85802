/* SPDX-License-Identifier: Apache-2.0
 * The two clocks and the random source: read here and nowhere else. */
#ifndef IO_CLOCK_H
#define IO_CLOCK_H

#include "base/rng.h"
#include "base/time.h"

usec clock_now(void);         /* CLOCK_MONOTONIC */
struct wall clock_wall(void); /* CLOCK_REALTIME */
/* The kernel's generator (getrandom). ERR_IO. */
struct rng clock_rng(void);

#endif
