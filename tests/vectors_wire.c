/* SPDX-License-Identifier: Apache-2.0
 * STUN (RFC 5769) and SRTP (RFC 3711, 7714) vectors. */
#include "vectors.h"

const struct format vectors_wire[] = {{0}};
