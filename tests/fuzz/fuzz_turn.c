/* SPDX-License-Identifier: Apache-2.0
 * The TURN parsers, and the relay with what strangers send it: never an allocation, never an answer too
 * large. */
#include <stdlib.h>

#include "base/mem.h"
#include "sim/turn_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct turn_world w;
    struct span pkt = SPAN(data, size), payload;
    struct turn_msg m;
    uint16_t channel;
    size_t n = 0;
    if (!w.out.arena && turn_world_init(&w, &turn_world_user, &turn_world_total)) abort();
    if (turn_parse(pkt, &m) == OK && (m.peer_count > TURN_PEERS_MAX || m.unknown_count > TURN_UNKNOWN_MAX))
        abort();
    if (turn_parse_channel(pkt, &channel, &payload) == OK && payload.n > size) abort();
    if (turn_frame(pkt, &n) == OK && n > size) abort();
    struct path from = {.kind = PATH_UDP, .family = 4, .port = 9, .addr = {7, 7, 7, 7}};
    uint64_t live = mem_live();
    w.now += USEC_S;
    out_clear(&w.out);
    (void)!turn_receive(&w.turn, w.now, &from, pkt, &w.out);
    if (w.out.pkt_n > 1 || (w.out.pkt_n == 1 && w.out.pkt[0].n * 10u > size * 22)) abort();
    out_clear(&w.out);
    (void)!turn_relay_receive(&w.turn, w.now, &from, pkt, &w.out);
    if (w.out.pkt_n || mem_live() != live || w.turn.table.alloc.used) abort();
    return 0;
}
