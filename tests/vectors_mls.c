/* SPDX-License-Identifier: Apache-2.0
 * The MLS working group's formats and the passive-client histories. */
#include "vectors.h"

const struct format vectors_mls[] = {{0}};
