/* SPDX-License-Identifier: Apache-2.0 */
#include "io/loop.h"

#include "base/mem.h"
#include "io/clock.h"

#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#define WATCH_MAX 65536
#define BATCH     256

struct watch {
    int fd; /* -1 when free */
    uint32_t generation, next_free;
    loop_ready *ready;
    void *ctx;
};

struct loop {
    int epoll;
    bool stopped;
    usec pace, looked;
    struct watch *watch; /* [0] is never used: watch 0 is none */
    uint32_t count, size, free;
};

struct loop *loop_new(void)
{
    struct loop *l = mem_new(1, sizeof *l);
    if (!l) return NULL;
    l->epoll = epoll_create1(EPOLL_CLOEXEC);
    l->count = 1;
    if (l->epoll < 0) {
        mem_free(l);
        return NULL;
    }
    return l;
}

void loop_free(struct loop *l)
{
    if (!l) return;
    close(l->epoll);
    mem_free(l->watch);
    mem_free(l);
}

static uint32_t epoll_events(unsigned events)
{
    return (events & LOOP_READ ? (uint32_t)EPOLLIN | (uint32_t)EPOLLRDHUP : 0) |
           (events & LOOP_WRITE ? (uint32_t)EPOLLOUT : 0);
}

static struct epoll_event event_of(const struct loop *l, uint32_t i, unsigned events)
{
    struct epoll_event e = {.events = epoll_events(events)};
    e.data.u64 = (uint64_t)l->watch[i].generation << 32 | i;
    return e;
}

static enum err take_watch(struct loop *l, uint32_t *i)
{
    if (l->free) {
        *i = l->free;
        l->free = l->watch[*i].next_free;
        return OK;
    }
    if (l->count >= WATCH_MAX) return ERR_FULL;
    if (l->count >= l->size) {
        uint32_t size = l->size ? l->size * 2 : 64;
        struct watch *w = mem_resize(l->watch, size, sizeof *w);
        if (!w) return ERR_NOMEM;
        l->watch = w;
        l->size = size;
    }
    *i = l->count++;
    l->watch[*i] = (struct watch){.fd = -1};
    return OK;
}

enum err loop_add(struct loop *l, int fd, unsigned events, loop_ready *ready, void *ctx, uint32_t *watch)
{
    uint32_t i;
    enum err e = take_watch(l, &i);
    if (e) return e;
    struct watch *w = &l->watch[i];
    *w = (struct watch){.fd = fd, .generation = w->generation + 1, .ready = ready, .ctx = ctx};
    struct epoll_event ev = event_of(l, i, events);
    if (epoll_ctl(l->epoll, EPOLL_CTL_ADD, fd, &ev) < 0) {
        w->fd = -1;
        w->next_free = l->free;
        l->free = i;
        return ERR_IO;
    }
    *watch = i;
    return OK;
}

void loop_want(struct loop *l, uint32_t watch, unsigned events)
{
    if (watch == 0 || watch >= l->count || l->watch[watch].fd < 0) return;
    struct epoll_event ev = event_of(l, watch, events);
    epoll_ctl(l->epoll, EPOLL_CTL_MOD, l->watch[watch].fd, &ev);
}

void loop_drop(struct loop *l, uint32_t watch)
{
    if (watch == 0 || watch >= l->count || l->watch[watch].fd < 0) return;
    epoll_ctl(l->epoll, EPOLL_CTL_DEL, l->watch[watch].fd, NULL);
    l->watch[watch].fd = -1;
    l->watch[watch].next_free = l->free;
    l->free = watch;
}

static void dispatch(struct loop *l, const struct epoll_event *ev, usec now)
{
    uint32_t i = (uint32_t)ev->data.u64, generation = (uint32_t)(ev->data.u64 >> 32);
    const struct watch *w = &l->watch[i];
    if (w->fd < 0 || w->generation != generation) return;
    unsigned events =
        (ev->events & ((uint32_t)EPOLLIN | (uint32_t)EPOLLRDHUP | (uint32_t)EPOLLHUP | (uint32_t)EPOLLERR)
             ? (unsigned)LOOP_READ
             : 0u) |
        (ev->events & (uint32_t)EPOLLOUT ? (unsigned)LOOP_WRITE : 0u);
    w->ready(w->ctx, events, now);
}

static int wait_ms(usec until, usec now)
{
    if (until == USEC_NEVER) return -1;
    usec left = usec_since(until, now);
    return left > 60 * USEC_S ? 60000 : (int)((left + 999) / 1000);
}

static void hold_back(struct loop *l)
{
    usec wait = usec_since(l->looked + l->pace, clock_now());
    struct timespec t = {0, (long)(usec_min(wait, USEC_S / 2) * 1000)};
    if (wait) clock_nanosleep(CLOCK_MONOTONIC, 0, &t, NULL);
}

void loop_pace(struct loop *l, usec least)
{
    l->pace = least;
}

void loop_once(struct loop *l, usec until)
{
    struct epoll_event ev[BATCH];
    if (l->pace) hold_back(l);
    int n = epoll_wait(l->epoll, ev, BATCH, wait_ms(until, clock_now()));
    usec now = l->looked = clock_now();
    for (int i = 0; i < n; i++)
        dispatch(l, &ev[i], now);
}

void loop_run(struct loop *l, loop_turn *turn, void *ctx)
{
    usec until = turn ? turn(ctx, clock_now()) : USEC_NEVER;
    while (!l->stopped) {
        loop_once(l, until);
        if (turn) until = turn(ctx, clock_now());
    }
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
}
