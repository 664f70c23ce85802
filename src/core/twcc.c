/* SPDX-License-Identifier: Apache-2.0 */
#include "core/twcc.h"

#include "wire/rtcp.h"

#define DELTA_US     250
#define REFERENCE_US 64000

enum status { NOT_RECEIVED, SMALL_DELTA, LARGE_DELTA };

void twcc_init(struct twcc *t)
{
    *t = (struct twcc){.due = USEC_NEVER};
}

void twcc_got(struct twcc *t, usec now, uint16_t seq)
{
    uint32_t ext = t->next ? t->highest + (uint32_t)(int16_t)(uint16_t)(seq - t->highest) : 0x10000u + seq;
    if (!t->next) t->next = t->highest = ext;
    if ((int32_t)(ext - t->highest) > 0) t->highest = ext;
    if (t->highest - t->next >= TWCC_PACKETS) t->next = t->highest - TWCC_PACKETS + 1;
    if ((int32_t)(ext - t->next) < 0) return; /* reported as lost already */
    t->got[ext % TWCC_PACKETS].seq = ext;
    t->got[ext % TWCC_PACKETS].at = (uint32_t)now;
    t->last = now;
    if (t->due == USEC_NEVER) t->due = now + TWCC_FEEDBACK_US;
}

/* Statuses and deltas of the packets from t->next on, as many as fit one feedback. */
struct plan {
    uint16_t count;
    usec reference; /* multiple of 64 ms */
    uint8_t status[TWCC_STATUS_MAX];
    int16_t delta[TWCC_STATUS_MAX];
};

static void plan_make(const struct twcc *t, struct plan *p)
{
    usec before = 0;
    bool first = true;
    p->count = 0;
    p->reference = t->last / REFERENCE_US * REFERENCE_US;
    for (uint32_t s = t->next; (int32_t)(t->highest - s) >= 0 && p->count < TWCC_STATUS_MAX; s++) {
        uint16_t i = p->count;
        p->status[i] = NOT_RECEIVED;
        p->delta[i] = 0;
        if (t->got[s % TWCC_PACKETS].seq == s) {
            usec at = t->last - (usec)(uint32_t)((uint32_t)t->last - t->got[s % TWCC_PACKETS].at);
            if (first) {
                p->reference = at / REFERENCE_US * REFERENCE_US;
                before = p->reference;
                first = false;
            }
            int64_t ticks = ((int64_t)at - (int64_t)before) / DELTA_US;
            if (ticks > INT16_MAX || ticks < INT16_MIN) return; /* the next feedback starts anew here */
            p->status[i] = ticks >= 0 && ticks <= 255 ? SMALL_DELTA : LARGE_DELTA;
            p->delta[i] = (int16_t)ticks;
            before = (usec)((int64_t)before + ticks * DELTA_US);
        }
        p->count++;
    }
}

static void write_chunks(struct writer *w, const struct plan *p)
{
    for (uint16_t i = 0; i < p->count;) {
        uint16_t run = 1;
        while (i + run < p->count && p->status[i + run] == p->status[i])
            run++;
        if (run > 7 || i + run == p->count) {
            write_u16(w, (uint16_t)(p->status[i] << 13 | run));
            i = (uint16_t)(i + run);
            continue;
        }
        unsigned vector = 0xc000; /* two bits a packet, seven packets */
        for (unsigned k = 0; k < 7; k++)
            if (i + k < p->count) vector |= (unsigned)p->status[i + k] << (12 - 2 * k);
        write_u16(w, (uint16_t)vector);
        i = (uint16_t)(i + 7 > p->count ? p->count : i + 7);
    }
}

bool twcc_write(struct twcc *t, usec now, struct writer *w, uint32_t sender, uint32_t media)
{
    struct plan p;
    t->due = USEC_NEVER;
    if (!t->next) return false;
    while ((int32_t)(t->highest - t->next) >= 0 && t->got[t->next % TWCC_PACKETS].seq != t->next &&
           t->highest - t->next > 2 * TWCC_STATUS_MAX)
        t->next++; /* a black-out: its beginning is not worth a feedback of nothing */
    plan_make(t, &p);
    if (p.count == 0) return false;
    size_t at = rtcp_begin(w, 15, RTCP_TYPE_RTPFB);
    write_u32(w, sender);
    write_u32(w, media);
    write_u16(w, (uint16_t)t->next);
    write_u16(w, p.count);
    write_u24(w, (uint32_t)(p.reference / REFERENCE_US) & 0xffffff);
    write_u8(w, t->count++);
    write_chunks(w, &p);
    for (uint16_t i = 0; i < p.count; i++) {
        if (p.status[i] == SMALL_DELTA) write_u8(w, (uint8_t)p.delta[i]);
        if (p.status[i] == LARGE_DELTA) write_u16(w, (uint16_t)p.delta[i]);
    }
    rtcp_end(w, at);
    t->next += p.count;
    if ((int32_t)(t->highest - t->next) >= 0) t->due = now; /* the rest at once */
    return true;
}
