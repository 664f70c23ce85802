/* SPDX-License-Identifier: Apache-2.0
 * TCP and its addresses: accept, read, write, all without blocking, errors in our words. Addresses are text
 * of the form 192.0.2.1:443 or [2001:db8::1]:443. */
#ifndef IO_TCP_H
#define IO_TCP_H

#include "base/err.h"
#include "base/span.h"
#include "core/out.h"

#define ADDRESS_TEXT 64

/* Reads an address; the path's kind, local and conn are 0. ERR_FORMAT. */
enum err address_parse(const char *text, struct path *p) MUST_CHECK;
/* Writes the remote address of p without the port. */
void address_text(const struct path *p, char text[ADDRESS_TEXT]);
/* Writes the remote address of p with the port, brackets round IPv6. */
void address_port_text(const struct path *p, char text[ADDRESS_TEXT]);

/* Binds and listens, non-blocking, close-on-exec. ERR_EXISTS when the port is in use, ERR_DENIED, ERR_IO. */
enum err tcp_listen(const struct path *at, int *fd) MUST_CHECK;
/* The next connection, non-blocking, no delay; *from gets the remote address. ERR_AGAIN when there is none,
 * ERR_FULL when descriptors ran out, ERR_IO. */
enum err tcp_accept(int listener, int *fd, struct path *from) MUST_CHECK;
/* Reads what is there. ERR_AGAIN nothing now, ERR_CLOSED end of stream or reset. */
enum err tcp_read(int fd, struct mspan into, size_t *n) MUST_CHECK;
/* Writes what fits. ERR_AGAIN nothing fits now, ERR_CLOSED. */
enum err tcp_write(int fd, struct span from, size_t *n) MUST_CHECK;
/* Says that we send no more; the other side may go on. */
void tcp_end(int fd);
void tcp_close(int fd);

#endif
