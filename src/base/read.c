/* SPDX-License-Identifier: Apache-2.0 */
#include "base/read.h"

static const uint8_t *take(struct reader *r, size_t n)
{
    if (r->bad || (size_t)(r->end - r->p) < n) {
        r->bad = true;
        return NULL;
    }
    const uint8_t *p = r->p;
    r->p = n ? p + n : p;
    return p;
}

static uint64_t big_endian(struct reader *r, size_t n)
{
    const uint8_t *p = take(r, n);
    uint64_t v = 0;
    if (!p) return 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return v;
}

uint8_t read_u8(struct reader *r)
{
    return (uint8_t)big_endian(r, 1);
}
uint16_t read_u16(struct reader *r)
{
    return (uint16_t)big_endian(r, 2);
}
uint32_t read_u24(struct reader *r)
{
    return (uint32_t)big_endian(r, 3);
}
uint32_t read_u32(struct reader *r)
{
    return (uint32_t)big_endian(r, 4);
}
uint64_t read_u64(struct reader *r)
{
    return big_endian(r, 8);
}

struct span read_bytes(struct reader *r, size_t n)
{
    const uint8_t *p = take(r, n);
    return r->bad ? SPAN_NONE : SPAN(p, n);
}

void read_copy(struct reader *r, uint8_t *dst, size_t n)
{
    const uint8_t *p = take(r, n);
    if (n == 0) return;
    if (p)
        memcpy(dst, p, n);
    else
        memset(dst, 0, n);
}

void read_skip(struct reader *r, size_t n)
{
    (void)take(r, n);
}

struct span read_vec8(struct reader *r)
{
    return read_bytes(r, read_u8(r));
}
struct span read_vec16(struct reader *r)
{
    return read_bytes(r, read_u16(r));
}
struct span read_vec32(struct reader *r)
{
    return read_bytes(r, read_u32(r));
}

uint32_t read_varint(struct reader *r)
{
    uint8_t first = read_u8(r);
    unsigned prefix = first >> 6;
    if (r->bad || prefix == 3) {
        r->bad = true;
        return 0;
    }
    uint32_t v = first & 0x3fu;
    for (unsigned i = 1; i < 1u << prefix; i++)
        v = v << 8 | read_u8(r);
    static const uint32_t least[] = {0, 1u << 6, 1u << 14};
    if (v < least[prefix]) r->bad = true;
    return r->bad ? 0 : v;
}
struct span read_vecv(struct reader *r)
{
    return read_bytes(r, read_varint(r));
}

enum err read_end(const struct reader *r)
{
    if (r->bad) return ERR_SHORT;
    return r->p == r->end ? OK : ERR_FORMAT;
}

enum err read_hex(struct span text, uint8_t *dst, size_t n)
{
    if (text.n != 2 * n) return ERR_FORMAT;
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        uint8_t v = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : 255;
        if (v == 255) return ERR_FORMAT;
        dst[i / 2] = (uint8_t)(i & 1 ? dst[i / 2] | v : v << 4);
    }
    return OK;
}
