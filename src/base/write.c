/* SPDX-License-Identifier: Apache-2.0 */
#include "base/write.h"

/* Room for n bytes, or NULL when there is none or the writer only counts. */
static uint8_t *room_for(struct writer *w, size_t n)
{
    if (w->bad || w->cap - w->n < n) {
        w->bad = true;
        return NULL;
    }
    uint8_t *p = w->p ? w->p + w->n : NULL;
    w->n += n;
    return p;
}

static void big_endian(struct writer *w, uint64_t v, size_t n)
{
    uint8_t *p = room_for(w, n);
    if (!p) return;
    for (size_t i = n; i-- > 0; v >>= 8)
        p[i] = (uint8_t)v;
}

void write_u8(struct writer *w, uint8_t v)
{
    big_endian(w, v, 1);
}
void write_u16(struct writer *w, uint16_t v)
{
    big_endian(w, v, 2);
}
void write_u24(struct writer *w, uint32_t v)
{
    big_endian(w, v, 3);
}
void write_u32(struct writer *w, uint32_t v)
{
    big_endian(w, v, 4);
}
void write_u64(struct writer *w, uint64_t v)
{
    big_endian(w, v, 8);
}

void write_bytes(struct writer *w, struct span s)
{
    uint8_t *p = room_for(w, s.n);
    if (p && s.n) memcpy(p, s.p, s.n);
}
void write_zero(struct writer *w, size_t n)
{
    uint8_t *p = room_for(w, n);
    if (p && n) memset(p, 0, n);
}
void write_str(struct writer *w, const char *s)
{
    write_bytes(w, span_str(s));
}

void write_dec(struct writer *w, uint64_t v)
{
    char digits[20];
    size_t n = sizeof digits;
    do {
        digits[--n] = (char)('0' + v % 10);
        v /= 10;
    } while (v);
    write_bytes(w, SPAN(digits + n, sizeof digits - n));
}

void write_hex(struct writer *w, struct span s)
{
    static const char digit[] = "0123456789abcdef";
    for (size_t i = 0; i < s.n; i++) {
        write_u8(w, (uint8_t)digit[s.p[i] >> 4]);
        write_u8(w, (uint8_t)digit[s.p[i] & 15]);
    }
}

static void vector(struct writer *w, struct span s, size_t length_bytes)
{
    if (length_bytes < 8 && (uint64_t)s.n >> (8 * length_bytes)) {
        w->bad = true;
        return;
    }
    big_endian(w, s.n, length_bytes);
    write_bytes(w, s);
}
void write_vec8(struct writer *w, struct span s)
{
    vector(w, s, 1);
}
void write_vec16(struct writer *w, struct span s)
{
    vector(w, s, 2);
}
void write_vec32(struct writer *w, struct span s)
{
    vector(w, s, 4);
}

void write_varint(struct writer *w, uint64_t v)
{
    if (v < 1u << 6)
        write_u8(w, (uint8_t)v);
    else if (v < 1u << 14)
        write_u16(w, (uint16_t)(v | 0x4000));
    else if (v < 1u << 30)
        write_u32(w, (uint32_t)v | 0x80000000u);
    else
        w->bad = true;
}
void write_vecv(struct writer *w, struct span s)
{
    write_varint(w, s.n);
    write_bytes(w, s);
}

static void put_at(struct writer *w, size_t at, uint32_t v, size_t n)
{
    if (w->bad || at > w->n || w->n - at < n) {
        w->bad = true;
        return;
    }
    if (!w->p) return;
    for (size_t i = n; i-- > 0; v >>= 8)
        w->p[at + i] = (uint8_t)v;
}
void write_u16_at(struct writer *w, size_t at, uint16_t v)
{
    put_at(w, at, v, 2);
}
void write_u32_at(struct writer *w, size_t at, uint32_t v)
{
    put_at(w, at, v, 4);
}
