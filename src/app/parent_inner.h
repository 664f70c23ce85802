/* SPDX-License-Identifier: Apache-2.0
 * The parent's parts among themselves: the sockets it binds, the certificate, its table of children. */
#ifndef APP_PARENT_INNER_H
#define APP_PARENT_INNER_H

#include "app/config.h"
#include "app/seat.h"
#include "base/buf.h"
#include "io/ipc.h"

#define PARENT_SOCKETS_MAX (SEAT_SOCKETS_MAX * 8)
#define PARENT_TLS_MAX     65536

struct bound { /* a socket of ours and the role that gets a copy */
    struct seat_socket socket;
    enum role role;
    uint16_t index;
};
struct bound_set {
    struct bound *bound; /* PARENT_SOCKETS_MAX */
    unsigned count;
    char https[64], plain[64]; /* host:port to be shown */
};

/* Binds everything the configuration wants for `engines` engines. On failure the fault says which and why,
 * and what was bound is closed. */
enum err bound_open(struct bound_set *set, const struct config *c, unsigned engines,
                    struct config_fault *fault) MUST_CHECK;
void bound_close(struct bound_set *set);

/* The PEM of certificate and key: the configured files, or DIR/dev-certificate.pem, which is made when it is
 * not there or near its end. */
enum err parent_tls(const struct config *c, struct buf *pem, struct config_fault *fault) MUST_CHECK;

#endif
