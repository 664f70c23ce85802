/* SPDX-License-Identifier: Apache-2.0
 * Sequences of envelopes from three sessions: u8 session, u16 length, bytes. */
#include "base/read.h"
#include "guest/openssl_crypto.h"
#include "room/delivery.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(SPAN(data, size));
    struct rng_seeded seeded = {1};
    struct rng rng = rng_from_seed(&seeded);
    struct news news;
    usec now = 1;
    news_init(&news);
    struct delivery *d = delivery_new(SPAN_LIT("r"), openssl_crypto(), &rng, now);
    if (!d) return 0;
    while (read_left(&r)) {
        bool ready;
        uint8_t who = read_u8(&r);
        struct span bytes = read_vec16(&r);
        now += 300 * USEC_MS;
        if (who & 0x80)
            delivery_gone(d, now, who & 3, who & 0x40, &news);
        else
            delivery_receive(d, now, 1 + (who & 3), bytes, &news, &ready);
        delivery_tick(d, now, &news);
        if (delivery_members(d) > DELIVERY_MEMBERS_MAX) abort();
        news_clear(&news);
    }
    delivery_free(d);
    news_fini(&news);
    return 0;
}
