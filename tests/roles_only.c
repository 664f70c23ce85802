/* SPDX-License-Identifier: Apache-2.0
 * The proof that no role can seal or open anything of a room: every role of the server, linked without
 * src/seal. That this program links is the test; run, it names the roles it holds. */
#include "app/parent.h"
#include "app/seat.h"

#include <stdio.h>

int main(void)
{
    const struct role_work *works[] = {&front_work, &engine_work, &keeper_work, &vault_work};
    int (*parent)(const struct config *) = parent_serve;
    int (*seat)(enum role, uint16_t, const struct role_work *) = seat_run;
    unsigned n = 0;
    for (unsigned i = 0; i < COUNT_OF(works); i++)
        n += works[i]->start && works[i]->message;
    printf("%u roles and the parent link without src/seal\n", n);
    return n == 4 && parent && seat ? 0 : 1;
}
