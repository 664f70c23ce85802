/* SPDX-License-Identifier: Apache-2.0
 * The addresses of this machine, as text. */
#ifndef IO_ADDRESSES_H
#define IO_ADDRESSES_H

#include "base/err.h"
#include "io/tcp.h"

struct addresses {
    char text[32][ADDRESS_TEXT]; /* without port; the loopback ones last */
    unsigned count, outward;     /* `outward` of them are not loopback */
};
/* family 4 or 6; link-local ones are left out. */
void addresses_list(int family, struct addresses *a);

#endif
