/* SPDX-License-Identifier: Apache-2.0
 * The addresses of this machine's interfaces, of both families, loopback and link-local ones too. */
#ifndef IO_INTERFACES_H
#define IO_INTERFACES_H

#include "core/out.h"

#define INTERFACES_MAX 64

/* Fills at most INTERFACES_MAX paths (family and addr, the rest 0), loopback last; returns how many. */
unsigned interfaces_list(struct path list[static INTERFACES_MAX]);

#endif
