/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/arrivals.h"

#define PADDING_MOST 3

enum chunk { RUN, ONE_BIT, TWO_BITS };
enum status { NOT_RECEIVED, SMALL_DELTA, LARGE_DELTA, RESERVED };

static void next_chunk(struct arrivals *a)
{
    uint16_t c = read_u16(&a->chunks);
    if (!(c & 0x8000)) {
        a->kind = RUN;
        a->status = (uint8_t)(c >> 13);
        a->run = c & 0x1fff;
        return;
    }
    a->kind = c & 0x4000 ? TWO_BITS : ONE_BIT;
    a->run = c & 0x4000 ? 7 : 14;
    a->symbols = (uint16_t)(c << 2);
}

static enum status next_status(struct arrivals *a)
{
    if (a->run == 0) next_chunk(a);
    if (a->run == 0) return RESERVED; /* an empty run, or no chunk at all */
    a->run--;
    if (a->kind == RUN) return (enum status)a->status;
    unsigned bits = a->kind == TWO_BITS ? 2 : 1;
    enum status s = (enum status)(a->symbols >> (16 - bits));
    a->symbols = (uint16_t)(a->symbols << bits);
    return s;
}

/* How many bytes of deltas the statuses need; leaves the cursor behind the chunks. */
static enum err count(struct arrivals *a, size_t *bytes)
{
    *bytes = 0;
    for (uint16_t i = 0; i < a->left; i++) {
        enum status s = next_status(a);
        if (a->chunks.bad) return ERR_SHORT;
        if (s == RESERVED) return ERR_FORMAT;
        *bytes += s == SMALL_DELTA ? 1 : s == LARGE_DELTA ? 2 : 0;
    }
    return OK;
}

enum err arrivals_open(struct span body, struct arrivals *a)
{
    struct reader r = reader_of(body);
    struct arrivals got = {.seq = read_u16(&r), .left = read_u16(&r)};
    got.reference = read_u24(&r);
    got.number = read_u8(&r);
    if (r.bad) return ERR_SHORT;
    if (got.left == 0) return ERR_FORMAT;
    if (got.left > ARRIVALS_MAX) return ERR_LIMIT;
    got.chunks = r;
    struct arrivals walk = got;
    size_t bytes;
    enum err e = count(&walk, &bytes);
    if (e) return e;
    if (read_left(&walk.chunks) < bytes) return ERR_SHORT;
    if (read_left(&walk.chunks) > bytes + PADDING_MOST) return ERR_FORMAT;
    got.deltas = walk.chunks;
    *a = got;
    return OK;
}

bool arrivals_next(struct arrivals *a, struct arrival *one)
{
    if (a->left == 0) return false;
    a->left--;
    enum status s = next_status(a);
    if (s == SMALL_DELTA) a->ticks += read_u8(&a->deltas);
    if (s == LARGE_DELTA) a->ticks += (int16_t)read_u16(&a->deltas);
    *one = (struct arrival){.seq = a->seq++, .received = s != NOT_RECEIVED, .ticks = a->ticks};
    return true;
}
