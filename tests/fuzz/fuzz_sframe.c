/* SPDX-License-Identifier: Apache-2.0
 * SFrame from the wire: headers, opening under a known key, and a room that is entered, sent to and replayed
 * to in an order the input chooses. Half of the frames are authentic and then bent, so that the fuzzer gets
 * past the tag. */
#include <stdlib.h>

#include "base/read.h"
#include "guest/openssl_crypto.h"
#include "seal/sframe_room.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool ok)
{
    if (!ok) abort();
}

static void header(struct span in)
{
    struct sframe_header h, again;
    uint8_t b[SFRAME_HEADER_MAX];
    size_t n, m;
    if (sframe_header_read(in, &h, &n) != OK) return;
    m = sframe_header_write(h, b);
    must(n <= SFRAME_HEADER_MAX && m <= n);
    must(sframe_header_read(SPAN(b, m), &again, &n) == OK && again.kid == h.kid && again.ctr == h.ctr &&
         n == m);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t wire[2048], text[2048];
    static const uint8_t base[16] = {1};
    struct reader r = reader_of(SPAN(data, size));
    struct sframe_room_conf conf = {openssl_crypto(), SFRAME_SUITE_ROOM, SFRAME_LAYOUT_ROOM, 8};
    struct sframe_room *a = sframe_room_new(&conf), *b = sframe_room_new(&conf);
    uint64_t epoch = 0, last = 0;
    usec now = 0;
    bool any = false;
    header(SPAN(data, size));
    must(a && b);
    while (read_left(&r) > 1) {
        uint8_t what = read_u8(&r), with = read_u8(&r);
        struct sframe_plain p = {.out = MSPAN(text, sizeof text)};
        size_t n = 0;
        now += (usec)(with & 15) * 100 * USEC_MS;
        if (what % 4 == 0) {
            struct sframe_epoch e = {.epoch = epoch += 1 + (what >> 6),
                                     .leaf = with,
                                     .removed = what & 32,
                                     .base = {SPAN_OF(base)}};
            must(sframe_room_enter(a, now, &e) == OK);
            if (with & 1) must(sframe_room_enter(b, now, &e) == OK);
        } else if (what % 4 == 1) {
            sframe_room_tick(b, now);
            sframe_room_switch(a);
        } else if (what % 4 == 2) {
            if (sframe_room_seal(a, now, what >> 2, SPAN_NONE, SPAN(data, size < 64 ? size : 64),
                                 MSPAN(wire, sizeof wire), &n) != OK)
                continue;
            bool bent = with & 128;
            if (bent) wire[with % n] ^= (uint8_t)(1 + what);
            enum err e = sframe_room_open(b, now, SPAN(wire, n), SPAN_NONE, &p);
            must(!bent || e != OK);
            if (e == OK) must(sframe_room_open(b, now, SPAN(wire, n), SPAN_NONE, &p) == ERR_REPLAY);
            if (e == OK && any && p.from.epoch == epoch) last = p.from.ctr;
            any = true;
        } else {
            struct span frame = read_bytes(&r, with < read_left(&r) ? with : read_left(&r));
            must(sframe_room_open(b, now, frame, SPAN_NONE, &p) != OK);
        }
    }
    (void)last;
    sframe_room_free(a);
    sframe_room_free(b);
    return 0;
}
