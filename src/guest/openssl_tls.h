/* SPDX-License-Identifier: Apache-2.0
 * TLS servers over OpenSSL 3.0, sans-IO: bytes of the network in and out through memory, plain bytes beside
 * them. TLS 1.2 and 1.3 (RFC 8446, 9325): forward-secret AEAD suites only, no renegotiation, no compression,
 * no 0-RTT, ALPN http/1.1 and stun.turn. A tls_server is one certificate with its key; connections keep the
 * one they began with, so that a new certificate disturbs nobody. OpenSSL reads the clock itself for the life
 * of its session tickets. Never logs. */
#ifndef GUEST_OPENSSL_TLS_H
#define GUEST_OPENSSL_TLS_H

#include "base/err.h"
#include "base/span.h"

struct tls_server;
struct tls;

/* Makes the library read what it wants from the file system, before the role loses it. ERR_CRYPTO. */
enum err tls_load(void) MUST_CHECK;
/* Takes a certificate chain and its private key, both PEM, in any order in one text. ERR_FORMAT when one is
 * missing or unreadable, ERR_AUTH when they do not belong together, ERR_NOMEM, ERR_CRYPTO. */
enum err tls_server_new(struct span pem, struct tls_server **server) MUST_CHECK;
/* Connections made from it go on. */
void tls_server_free(struct tls_server *server);

/* A connection that waits for its ClientHello; NULL when out of memory. */
struct tls *tls_new(struct tls_server *server);
void tls_free(struct tls *t);
/* Keeps bytes from the network. ERR_NOMEM. */
enum err tls_feed(struct tls *t, struct span in) MUST_CHECK;
/* Goes on with the handshake: OK when it is done, ERR_AGAIN, ERR_AUTH when it failed. */
enum err tls_handshake(struct tls *t) MUST_CHECK;
/* Plain bytes, at most into.n. ERR_AGAIN, ERR_CLOSED when the client closed in good order, ERR_AUTH when a
 * record was bad. */
enum err tls_read(struct tls *t, struct mspan into, size_t *n) MUST_CHECK;
/* Seals all of `from` for the network. ERR_NOMEM, ERR_STATE before the handshake is done. */
enum err tls_write(struct tls *t, struct span from) MUST_CHECK;
/* Says close_notify. */
void tls_close(struct tls *t);
/* What waits for the network, borrowed until the next call; tls_sent takes n bytes off it. */
struct span tls_to_send(const struct tls *t);
void tls_sent(struct tls *t, size_t n);

#endif
