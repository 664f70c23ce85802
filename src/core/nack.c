/* SPDX-License-Identifier: Apache-2.0 */
#include "core/nack.h"

void nack_reset(struct nack *n)
{
    *n = (struct nack){.budget = n->budget, .second = n->second};
}

static void forget(struct nack *n, uint16_t at, uint16_t count)
{
    memmove(&n->gap[at], &n->gap[at + count], (size_t)(n->count - at - count) * sizeof n->gap[0]);
    n->count = (uint16_t)(n->count - count);
}

void nack_got(struct nack *n, usec now, uint32_t seq)
{
    int32_t ahead = (int32_t)(seq - n->highest);
    if (!n->highest || ahead == 1) {
        n->highest = seq;
        return;
    }
    if (ahead <= 0) {
        for (uint16_t i = 0; i < n->count; i++)
            if (n->gap[i].seq == seq) {
                forget(n, i, 1);
                return;
            }
        return;
    }
    if (ahead > NACK_GAPS_MAX) { /* a black-out: nothing older is worth asking for */
        n->count = 0;
        n->gave_up = true;
        n->highest = seq;
        return;
    }
    uint16_t missing = (uint16_t)(ahead - 1);
    if (n->count + missing > NACK_GAPS_MAX) {
        forget(n, 0, (uint16_t)(n->count + missing - NACK_GAPS_MAX));
        n->gave_up = true;
    }
    for (uint32_t s = n->highest + 1; s != seq; s++)
        n->gap[n->count++] = (struct nack_gap){.seq = s, .since = now, .next = now + NACK_WAIT_US};
    n->highest = seq;
}

static void give_up_old(struct nack *n, usec now)
{
    uint16_t kept = 0;
    for (uint16_t i = 0; i < n->count; i++) {
        struct nack_gap g = n->gap[i];
        if (usec_since(now, g.since) > NACK_AGE_US || (g.tries >= NACK_TRIES_MAX && g.next <= now))
            n->gave_up = true;
        else
            n->gap[kept++] = g;
    }
    n->count = kept;
}

uint16_t nack_due(struct nack *n, usec now, usec rtt, uint16_t *seq, uint16_t max)
{
    uint16_t count = 0;
    if (n->count == 0) return 0;
    if (usec_since(now, n->second) >= USEC_S || n->second == 0) {
        n->second = now;
        n->budget = NACK_BUDGET;
    }
    give_up_old(n, now);
    if (rtt < 20 * USEC_MS) rtt = 20 * USEC_MS;
    for (uint16_t i = 0; i < n->count && count < max; i++) {
        struct nack_gap *g = &n->gap[i];
        if (g->next > now || n->budget == 0) continue;
        n->budget--;
        g->tries++;
        g->next = now + rtt + rtt / 4;
        seq[count++] = (uint16_t)g->seq;
    }
    return count;
}

usec nack_wake(const struct nack *n)
{
    usec wake = USEC_NEVER;
    for (uint16_t i = 0; i < n->count; i++)
        wake = usec_min(wake, n->gap[i].next);
    if (wake != USEC_NEVER && n->budget == 0 && n->second + USEC_S > wake) wake = n->second + USEC_S;
    return wake;
}
