/* SPDX-License-Identifier: Apache-2.0
 * The parent: `incamera serve`. Binds the sockets, starts each role as a process of its own, hands it its
 * part of the configuration, its sockets and the links to its neighbours, starts it again with back-off when
 * it dies, and ends everything in order. Holds no connection and no packet; of secrets only the TLS key, on
 * its way to front. */
#ifndef APP_PARENT_H
#define APP_PARENT_H

#include "app/config.h"

/* Runs until it is told to stop; the exit code of the program: 0 after a drain, 1 for a start that failed
 * (said in one line on standard error), 3 when another server holds the data folder. */
int parent_serve(const struct config *config);

#endif
