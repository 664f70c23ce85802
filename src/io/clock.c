/* SPDX-License-Identifier: Apache-2.0 */
#include "io/clock.h"

#include <errno.h>
#include <sys/random.h>
#include <time.h>

usec clock_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (usec)t.tv_sec * USEC_S + (usec)t.tv_nsec / 1000;
}

struct wall clock_wall(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (struct wall){(int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000};
}

static enum err from_kernel(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    for (size_t got = 0; got < n;) {
        ssize_t r = getrandom(dst + got, n - got, 0);
        if (r < 0 && errno != EINTR) return ERR_IO;
        if (r > 0) got += (size_t)r;
    }
    return OK;
}

struct rng clock_rng(void)
{
    return (struct rng){from_kernel, NULL};
}
