/* SPDX-License-Identifier: Apache-2.0 */
#include "core/seqmap.h"

void seqmap_init(struct seqmap *m, uint16_t first)
{
    *m = (struct seqmap){.next = first};
}

void seqmap_stop(struct seqmap *m)
{
    m->running = false;
    m->count = 0;
}

static void push(struct seqmap *m, uint8_t layer, uint32_t in, uint16_t out)
{
    struct seqmap_run *last = m->count ? &m->run[m->count - 1] : NULL;
    struct seqmap_run run = {.in = in, .out = out, .layer = layer};
    if (last && last->out == out) { /* nothing was sent in it: it never mattered */
        *last = run;
        return;
    }
    if (m->count == SEQMAP_RUNS) {
        memmove(&m->run[0], &m->run[1], (SEQMAP_RUNS - 1) * sizeof m->run[0]);
        m->count--;
    }
    m->run[m->count++] = run;
}

void seqmap_start(struct seqmap *m, uint8_t layer, uint32_t in)
{
    push(m, layer, in, m->next);
    m->layer = layer;
    m->highest = in - 1;
    m->running = true;
}

bool seqmap_send(struct seqmap *m, uint8_t layer, uint32_t in, uint16_t *out)
{
    if (!m->running) return false;
    for (uint8_t i = m->count; i-- > 0;) {
        const struct seqmap_run *run = &m->run[i];
        int32_t ahead = (int32_t)(in - run->in);
        if (run->layer != layer || ahead < 0) continue;
        if (ahead > 0x7fff) return false;
        uint16_t number = (uint16_t)(run->out + ahead);
        if (i + 1 < m->count && (int16_t)(uint16_t)(number - m->run[i + 1].out) >= 0) return false;
        if (layer == m->layer && (int32_t)(in - m->highest) > 0) {
            m->highest = in;
            m->next = (uint16_t)(number + 1);
        }
        if (ahead > 0x4000 &&
            i + 1 == m->count) { /* keep the run's start near; what was before is too old now */
            m->run[0] =
                (struct seqmap_run){.in = in - 0x2000, .out = (uint16_t)(number - 0x2000), .layer = layer};
            m->count = 1;
        }
        *out = number;
        return true;
    }
    return false;
}

void seqmap_skip(struct seqmap *m, uint32_t in)
{
    if (!m->running || (int32_t)(in - m->highest) <= 0) return; /* a late one leaves its gap */
    const struct seqmap_run *last = &m->run[m->count - 1];
    uint16_t out = (uint16_t)(last->out + (in - last->in));
    m->highest = in;
    m->next = out;
    push(m, m->layer, in + 1, out);
}

bool seqmap_back(const struct seqmap *m, uint16_t out, uint8_t *layer, uint32_t *in)
{
    if ((int16_t)(uint16_t)(out - m->next) >= 0) return false;
    for (uint8_t i = m->count; i-- > 0;) {
        const struct seqmap_run *run = &m->run[i];
        int16_t ahead = (int16_t)(uint16_t)(out - run->out);
        if (ahead < 0) continue;
        *layer = run->layer;
        *in = run->in + (uint32_t)ahead;
        return true;
    }
    return false;
}
