/* SPDX-License-Identifier: Apache-2.0
 * Links between processes: framed messages over a stream socket pair, with descriptors (SCM_RIGHTS), never
 * blocking. A link owns its socket and two bounded buffers. What may pass is asked of the `allow` function
 * (the table of messages stands above src/io): a message that is not in it, goes the wrong way or is too long
 * is refused when sent (a bug) and ends the link when received (the neighbour is broken or hostile). A
 * neighbour that does not read is reported by ERR_FULL, never waited for. Frame: {u32 body length; u16
 * message; u16 descriptors, 0 or 1; u64 session} and the body. Also the Unix sockets of control.sock; paths
 * longer than the kernel allows are reached through /proc. */
#ifndef IO_IPC_H
#define IO_IPC_H

#include "base/err.h"
#include "base/span.h"
#include "io/loop.h"

#define IPC_REFUSED   UINT32_MAX
#define IPC_QUEUE_MAX (16u * 1024 * 1024) /* bytes waiting for a neighbour */
#define IPC_FDS_MAX   160                 /* descriptors waiting */
#define IPC_BODY_MAX  (2u * 1024 * 1024)  /* above every row */
#define IPC_HEADER    16

struct ipc_link;
struct ipc_got {
    uint16_t message;
    uint64_t session;
    struct span body; /* borrowed for the call */
    int fd;           /* -1, or a descriptor that the receiver takes */
};
struct ipc_conf {
    struct loop *loop;
    uint8_t self, peer; /* roles, as `allow` understands them */
    /* the largest body of this message from one to the other, IPC_REFUSED when there is no such row */
    uint32_t (*allow)(unsigned message, unsigned from, unsigned to);
    void (*got)(void *ctx, struct ipc_link *l, const struct ipc_got *got);
    /* the link is dead: ERR_CLOSED, or ERR_DENIED, ERR_LIMIT, ERR_FORMAT when the neighbour broke the rules.
     * Called once; the owner frees the link, here or later. Not called by ipc_free. */
    void (*lost)(void *ctx, struct ipc_link *l, enum err why);
    void *ctx;
};

/* Takes fd, also on failure. ERR_NOMEM, ERR_IO, ERR_FULL. */
enum err ipc_new(const struct ipc_conf *conf, int fd, struct ipc_link **link) MUST_CHECK;
/* Closes and forgets; also from inside its own callbacks. NULL is fine. */
void ipc_free(struct ipc_link *l);
/* Sends or queues. ERR_FULL when the neighbour does not read, ERR_CLOSED, ERR_DENIED when the table forbids
 * it. */
enum err ipc_send(struct ipc_link *l, uint16_t message, uint64_t session, struct span body) MUST_CHECK;
/* The same with a descriptor, which is borrowed: the link keeps its own copy until it is sent. ERR_IO. */
enum err ipc_send_fd(struct ipc_link *l, uint16_t message, uint64_t session, struct span body,
                     int fd) MUST_CHECK;
/* Nothing waits to be sent. */
bool ipc_idle(const struct ipc_link *l);
/* Messages of the neighbour that ended a link because the rules forbid them, since the process began. */
uint64_t ipc_refused(void);

/* A pair of connected stream sockets, non-blocking, close-on-exec. ERR_IO. */
enum err ipc_pair(int fd[2]) MUST_CHECK;
/* Listens at folder/name with mode 0600, replacing a dead socket. ERR_IO. */
enum err ipc_listen(const char *folder, const char *name, int *fd) MUST_CHECK;
/* ERR_AGAIN nobody waits, ERR_IO. */
enum err ipc_accept(int listener, int *fd) MUST_CHECK;
/* ERR_UNKNOWN when nobody listens there, ERR_IO. */
enum err ipc_connect(const char *folder, const char *name, int *fd) MUST_CHECK;

#endif
