/* SPDX-License-Identifier: Apache-2.0 */
#include "core/estimate.h"

#include "wire/arrivals.h"

#define BURST_US        (5 * USEC_MS)
#define BURST_MOST_US   (100 * USEC_MS)
#define RESTART_US      (3 * USEC_S) /* a pause after which the delays begin anew */
#define SMOOTH          0.9
#define GAIN            4.0
#define DELTAS_MOST     60
#define THRESHOLD       12.5 /* ms, in the beginning; then it follows, between these: */
#define THRESHOLD_LEAST 6.0
#define THRESHOLD_MOST  600.0
#define THRESHOLD_FAR   15.0
#define THRESHOLD_UP    0.01
#define THRESHOLD_DOWN  0.003          /* quicker than the draft, whose filter knows no gain */
#define OVER_US         (10 * USEC_MS) /* that long too much before it counts */
#define BETA            0.85
#define ETA             1.08 /* a second, far from the limit */
#define AHEAD           1.5  /* an estimate goes this far ahead of what arrives */
#define LOSS_LOW        0.02
#define LOSS_HIGH       0.10
#define LOSS_FELL       0.7 /* less than this share of before is sent: whether loss fell too can be seen */
#define COUNTED_LOST    0x8000
#define BYTES_MASK      0x3fff
#define PROBE_PACKETS   5
#define PROBE_WAIT_US   (2 * USEC_S)

void estimate_init(struct estimate *e, usec now)
{
    *e = (struct estimate){.threshold = THRESHOLD,
                           .delay_bps = ESTIMATE_MOST,
                           .loss_bps = ESTIMATE_MOST,
                           .move = MOVE_UP,
                           .moved_at = now,
                           .feedback_at = now,
                           .loss_at = now};
}

static double within(double v, double least, double most)
{
    return v < least ? least : v > most ? most : v;
}

static double smaller(double a, double b)
{
    return a < b ? a : b;
}

/* ---- what arrives ---- */

static void count_bytes(struct estimate *e, uint64_t got, uint32_t bytes)
{
    uint64_t bin = got / ESTIMATE_BIN_US;
    if (!e->first_bin || bin > e->bin + ESTIMATE_BINS || bin + ESTIMATE_BINS < e->bin) { /* or it jumped */
        for (unsigned i = 0; i < ESTIMATE_BINS; i++)
            e->bin_bytes[i] = 0;
        e->first_bin = e->bin = bin;
    }
    while (e->bin < bin)
        e->bin_bytes[++e->bin % ESTIMATE_BINS] = 0;
    if (bin + ESTIMATE_BINS > e->bin) e->bin_bytes[bin % ESTIMATE_BINS] += bytes;
}

/* Over the last `most` whole bins; 0 before there are four. */
static double arrived_over(const struct estimate *e, uint64_t most)
{
    uint64_t n = e->bin - e->first_bin, bytes = 0;
    if (!e->first_bin || n < 4) return 0;
    if (n > most) n = most;
    for (uint64_t i = 1; i <= n; i++)
        bytes += e->bin_bytes[(e->bin - i) % ESTIMATE_BINS];
    return (double)(bytes * 8) * USEC_S / (double)(n * ESTIMATE_BIN_US);
}

static double arrived(const struct estimate *e)
{
    return arrived_over(e, 10);
}

/* What a path that is full bears: the rate of this moment when more was just begun to be sent. */
static double arrived_full(const struct estimate *e)
{
    double mean = arrived(e), moment = arrived_over(e, 3);
    return moment > mean ? moment : mean;
}

uint32_t estimate_arrived_bps(const struct estimate *e)
{
    return (uint32_t)within(arrived(e), 0, ESTIMATE_MOST);
}

/* ---- delay: is the path used too much? ---- */

/* The slope of the line through the last delays, by least squares. */
static double slope(const struct estimate *e)
{
    double x = 0, y = 0, xy = 0, xx = 0;
    for (unsigned i = 0; i < ESTIMATE_TREND; i++) {
        x += e->at_ms[i] / ESTIMATE_TREND;
        y += e->delay_ms[i] / ESTIMATE_TREND;
    }
    for (unsigned i = 0; i < ESTIMATE_TREND; i++) {
        xy += (e->at_ms[i] - x) * (e->delay_ms[i] - y);
        xx += (e->at_ms[i] - x) * (e->at_ms[i] - x);
    }
    return xx > 0 ? xy / xx : 0;
}

static void adapt(struct estimate *e, uint64_t got)
{
    double size = e->trend < 0 ? -e->trend : e->trend, ms = (double)(got - e->threshold_at) / USEC_MS;
    if (!e->threshold_at || got < e->threshold_at) ms = 0;
    e->threshold_at = got;
    if (size > e->threshold + THRESHOLD_FAR) return; /* a sudden leap is not the path's manner */
    double k = size < e->threshold ? THRESHOLD_DOWN : THRESHOLD_UP;
    e->threshold += k * (size - e->threshold) * (ms < 100 ? ms : 100);
    e->threshold = within(e->threshold, THRESHOLD_LEAST, THRESHOLD_MOST);
}

static void detect(struct estimate *e, uint64_t got)
{
    if (e->trend > e->threshold) {
        if (!e->over_count) e->over_since = e->before.last_got;
        if (e->over_count < 255) e->over_count++;
        if (e->over_count > 1 && got - e->over_since > OVER_US && e->trend >= e->last_trend) {
            e->over_count = 0;
            e->use = USE_OVER;
        }
    } else {
        e->over_count = 0;
        e->use = e->trend < -e->threshold ? USE_UNDER : USE_NORMAL;
    }
    adapt(e, got);
    e->last_trend = e->trend;
}

static void forget_delays(struct estimate *e)
{
    e->group.any = e->before.any = false;
    e->deltas = 0;
    e->sum_ms = e->smooth_ms = e->trend = e->last_trend = 0;
    e->first_group = e->threshold_at = 0;
    e->over_count = 0;
    e->use = USE_NORMAL;
}

/* One group more: how much longer it took than the one before. */
static void add_delay(struct estimate *e)
{
    const struct estimate_group *g = &e->group, *b = &e->before;
    int64_t apart = (int64_t)(g->last_got - b->last_got), left = (int64_t)(g->last_sent - b->last_sent);
    unsigned at = e->deltas % ESTIMATE_TREND;
    if (!e->deltas) e->first_group = g->last_got;
    e->sum_ms += (double)(apart - left) / (double)USEC_MS;
    e->smooth_ms = SMOOTH * e->smooth_ms + (1 - SMOOTH) * e->sum_ms;
    e->at_ms[at] = (double)(int64_t)(g->last_got - e->first_group) / (double)USEC_MS;
    e->delay_ms[at] = e->smooth_ms;
    e->deltas++;
    if (e->deltas < ESTIMATE_TREND) return;
    e->trend = slope(e) * GAIN * (e->deltas < DELTAS_MOST ? e->deltas : DELTAS_MOST);
    detect(e, g->last_got);
}

static bool belongs(const struct estimate_group *g, uint64_t sent, uint64_t got)
{
    if (sent - g->first_sent <= BURST_US) return true;
    int64_t apart = (int64_t)(got - g->last_got), left = (int64_t)(sent - g->last_sent);
    return apart <= (int64_t)BURST_US && apart - left < 0 && got - g->first_got < BURST_MOST_US;
}

static void take_arrival(struct estimate *e, uint64_t sent, uint64_t got)
{
    struct estimate_group *g = &e->group;
    if (g->any && sent < g->first_sent) return;
    if (g->any && (got > g->last_got + RESTART_US || got + RESTART_US < g->last_got)) forget_delays(e);
    if (g->any && belongs(g, sent, got)) {
        if (sent > g->last_sent) g->last_sent = sent;
        if (got > g->last_got) g->last_got = got;
        return;
    }
    if (g->any) {
        if (e->before.any) add_delay(e);
        e->before = *g;
    }
    *g = (struct estimate_group){sent, sent, got, got, true};
}

/* ---- delay: what follows from it ---- */

static void remember_peak(struct estimate *e, double bps)
{
    double kilo = bps / 1000;
    if (e->peak_bps == 0) {
        e->peak_bps = kilo;
        e->peak_var = 0.4;
        return;
    }
    double off = kilo - e->peak_bps;
    e->peak_bps += 0.05 * off;
    e->peak_var =
        within(0.95 * e->peak_var + 0.05 * off * off / (e->peak_bps > 1 ? e->peak_bps : 1), 0.4, 2.5);
}

/* How far the rate may be from the mean of the peaks and still count as near: three deviations. */
static bool near_peak(const struct estimate *e, double bps, int *side)
{
    double kilo = bps / 1000, off = kilo - e->peak_bps, var = e->peak_var * e->peak_bps;
    *side = off > 0 ? 1 : -1;
    return off * off <= 9 * var;
}

static void go_down(struct estimate *e, usec now, double bps)
{
    int side;
    usec pause = e->rtt_us < 10 * USEC_MS ? 10 * USEC_MS : usec_min(e->rtt_us, 200 * USEC_MS);
    e->move = MOVE_HOLD;
    e->moved_at = now;
    if (e->lowered_at && now - e->lowered_at < pause && bps > 0.5 * e->delay_bps) return;
    double to = bps > 0 ? BETA * bps : BETA * smaller(e->delay_bps, ESTIMATE_MOST);
    if (bps <= 0 && e->delay_bps >= ESTIMATE_MOST) return; /* nothing is known to go by */
    if (bps > 0 && e->peak_bps > 0 && !near_peak(e, bps, &side) && side < 0) e->peak_bps = 0;
    if (bps > 0) remember_peak(e, bps);
    if (to < e->delay_bps) e->delay_bps = within(to, smaller(ESTIMATE_DELAY, e->delay_bps), ESTIMATE_MOST);
    e->lowered_at = now;
}

static void go_up(struct estimate *e, usec now, double bps)
{
    int side;
    double s = (double)usec_since(now, e->moved_at) / (double)USEC_S, from = e->delay_bps, to;
    e->moved_at = now;
    if (s > 1) s = 1;
    if (e->peak_bps > 0 && bps > 0 && !near_peak(e, bps, &side) && side > 0) e->peak_bps = 0;
    if (e->peak_bps > 0) { /* near: a packet more in a response time */
        double frame = from / 30, packets = frame / 9600 > 1 ? frame / 9600 : 1;
        double response = 0.1 + (double)e->rtt_us / (double)USEC_S;
        double more = 0.5 * frame / packets * s / response;
        to = from + (more > 1000 * s ? more : 1000 * s);
    } else {
        to = from * (1 + (ETA - 1) * s);
    }
    double most = AHEAD * bps + 10000;
    if (to > most) to = from > most ? from : most;
    e->delay_bps = within(to, ESTIMATE_LEAST, ESTIMATE_MOST);
}

static void control(struct estimate *e, usec now)
{
    double bps = arrived(e);
    if (e->delay_bps >= ESTIMATE_MOST && e->use != USE_OVER) { /* no limit has shown itself */
        e->moved_at = now;
        return;
    }
    if (e->use == USE_OVER && e->probing) { /* the probe filled the queue; what arrives of it will say more */
        e->use = USE_NORMAL;
        e->probe_over = true;
        e->moved_at = now;
        return;
    }
    if (e->use == USE_OVER) {
        go_down(e, now, arrived_full(e));
        e->use = USE_NORMAL;
        return;
    }
    if (e->use == USE_UNDER) { /* queues empty themselves: wait */
        e->move = MOVE_HOLD;
        e->moved_at = now;
        return;
    }
    if (e->move == MOVE_HOLD) e->moved_at = now;
    e->move = MOVE_UP;
    go_up(e, now, bps);
}

/* ---- loss ---- */

/* Whether less sent meant less lost. If the path were full, loss would have fallen to what the rates say; if
 * it is nearer to what it was, it is the path's own and sending less does not help. */
static void judge_series(struct estimate *e, double share, double bps)
{
    double fell = bps / e->series_bps;
    if (fell > LOSS_FELL) return;
    if (e->series_low <= 0) { /* the first window still knows what was sent before */
        e->series_low = share > 0 ? share : 0.001;
        return;
    }
    share = smaller(share, e->series_low);
    double full = 1 - (1 - e->series_share) / fell;
    if (full < 0) full = 0;
    if (share > (e->series_share + full) / 2) e->loss_base = share;
    e->series_share = e->series_low = 0;
}

static void judge_loss(struct estimate *e, usec now)
{
    usec window = usec_since(now, e->loss_at);
    if (window < ESTIMATE_LOSS_US || e->loss_all < ESTIMATE_LOSS_N) return;
    double share = (double)e->loss_lost / e->loss_all, s = (double)window / (double)USEC_S;
    double bps = (double)e->loss_bytes * 8 / s, over = share;
    if (share < e->loss_base) e->loss_base += (share - e->loss_base) * 0.2;
    if (e->loss_base > 0)
        over = share > e->loss_base ? (share - e->loss_base) / (1 - e->loss_base + 0.01) : 0;
    if (e->series_share > 0) judge_series(e, share, bps);
    bool lowered =
        e->lowered_at && now - e->lowered_at < ESTIMATE_LOSS_US + e->rtt_us; /* for this very loss */
    if (over > LOSS_HIGH && !lowered) {
        if (e->series_share <= 0) {
            e->series_share = share;
            e->series_bps = bps > 1 ? bps : 1;
        }
        double from = smaller(e->loss_bps, e->delay_bps);
        if (from >= ESTIMATE_MOST) from = smaller(bps, ESTIMATE_MOST);
        e->loss_bps = within(from * (1 - 0.5 * over), ESTIMATE_LOST, ESTIMATE_MOST);
    } else if (over < LOSS_LOW && e->loss_bps < ESTIMATE_MOST) {
        double to = e->loss_bps * (1 + (ETA - 1) * (s < 1 ? s : 1)), most = AHEAD * arrived(e) + 10000;
        if (to <= most) e->loss_bps = within(to, ESTIMATE_LEAST, ESTIMATE_MOST);
        e->series_share = e->series_low = 0;
    }
    e->loss_share = share;
    e->loss_at = now;
    e->loss_all = e->loss_lost = e->loss_bytes = 0;
}

/* ---- probes ---- */

bool estimate_probe(struct estimate *e, usec now, uint32_t bps)
{
    if (e->probing || e->move != MOVE_UP || e->use != USE_NORMAL) return false;
    e->probing = true;
    e->probe_over = false;
    e->probe_bps = bps > ESTIMATE_PROBE ? bps : ESTIMATE_PROBE;
    e->probe_first = e->next;
    e->probe_until = now + ESTIMATE_GAUGE;
    e->probe_n = e->probe_bytes = 0;
    return true;
}

uint32_t estimate_padding(const struct estimate *e, usec now)
{
    if (!e->probing || now >= e->probe_until) return 0;
    usec gone = ESTIMATE_GAUGE - (e->probe_until - now) + 10 * USEC_MS;
    uint64_t due = (uint64_t)e->probe_bps * gone / USEC_S / 8, went = 0;
    for (uint16_t s = e->probe_first; s != e->next && went < due; s++)
        went += e->sent[s % ESTIMATE_PACKETS].bytes & BYTES_MASK;
    return went < due ? (uint32_t)(due - went) : 0;
}

static void take_probe(struct estimate *e, uint32_t bytes, uint64_t sent, uint64_t got)
{
    if (!e->probing || sent + ESTIMATE_GAUGE < e->probe_until || sent >= e->probe_until) return;
    if (e->probe_n++ == 0) {
        e->probe_first_bytes = bytes;
        e->probe_sent[0] = sent;
        e->probe_got[0] = got;
    }
    if (got >= e->probe_got[1] || e->probe_n == 1) {
        e->probe_sent[1] = sent;
        e->probe_got[1] = got;
        e->probe_last_bytes = bytes;
    }
    e->probe_bytes += bytes;
}

/* What arrived of the probe, as fast as it came, is what the path bears. */
static void end_probe(struct estimate *e)
{
    int64_t took = (int64_t)(e->probe_got[1] - e->probe_got[0]);
    int64_t over = (int64_t)(e->probe_sent[1] - e->probe_sent[0]);
    e->probing = false;
    if (e->probe_n < PROBE_PACKETS || took <= 0 || over <= 0) return;
    double in = (double)(e->probe_bytes - e->probe_first_bytes) * 8 * USEC_S / (double)took;
    double out = (double)(e->probe_bytes - e->probe_last_bytes) * 8 * USEC_S / (double)over;
    double bps = smaller(smaller(in, out), e->probe_bps);
    bool full = in < 0.9 * out; /* it was the path that set the pace: leave it some air */
    if (full) bps *= 0.95;
    if (e->loss_share > e->loss_base + LOSS_HIGH) return;
    if (full && bps < arrived(e)) bps = arrived(e);
    if (bps < ESTIMATE_DELAY) bps = ESTIMATE_DELAY;
    if (bps > e->delay_bps || (full && e->probe_over)) {
        e->delay_bps = within(bps, ESTIMATE_LEAST, ESTIMATE_MOST);
        e->peak_bps = 0;
        if (full) remember_peak(e, in);
    }
    if (bps > e->loss_bps) e->loss_bps = within(bps, ESTIMATE_LEAST, ESTIMATE_MOST);
}

/* ---- feedback ---- */

/* The receiver's clock as a line that goes on where the 24-bit reference wraps. */
static uint64_t reference_us(struct estimate *e, uint32_t reference)
{
    if (!e->has_reference) {
        e->line_us = (uint64_t)1 << 50;
        e->has_reference = true;
    } else {
        int32_t ahead = (int32_t)((reference - e->reference) << 8) >> 8;
        e->line_us = (uint64_t)((int64_t)e->line_us + (int64_t)ahead * ARRIVALS_REFERENCE_US);
        if (e->line_us < (uint64_t)1 << 48 || e->line_us > (uint64_t)1 << 60) e->line_us = (uint64_t)1 << 50;
    }
    e->reference = reference;
    return e->line_us;
}

static void take(struct estimate *e, usec now, const struct arrival *a, uint64_t reference, usec *newest)
{
    struct estimate_sent *s = &e->sent[a->seq % ESTIMATE_PACKETS];
    uint32_t bytes = s->bytes & BYTES_MASK;
    if (!s->bytes || s->seq != a->seq) return;
    bool lost_before = s->bytes & COUNTED_LOST;
    if (!a->received) {
        if (lost_before) return;
        e->loss_lost++;
        e->loss_all++;
        e->loss_bytes += bytes;
        s->bytes |= COUNTED_LOST;
        return;
    }
    uint64_t sent = now - (uint32_t)((uint32_t)now - s->at);
    uint64_t got = (uint64_t)((int64_t)reference + a->ticks * ARRIVALS_TICK_US);
    s->bytes = 0;
    if (!lost_before) {
        e->loss_all++;
        e->loss_bytes += bytes;
    } else if (e->loss_lost) {
        e->loss_lost--;
    }
    *newest = sent > *newest ? sent : *newest;
    count_bytes(e, got, bytes);
    take_probe(e, bytes, sent, got);
    take_arrival(e, sent, got);
}

enum err estimate_feedback(struct estimate *e, usec now, struct span body)
{
    struct arrivals a;
    struct arrival one;
    usec newest = 0;
    enum err err = arrivals_open(body, &a);
    if (err) return err;
    uint64_t reference = reference_us(e, a.reference);
    uint16_t next = e->next;
    while (arrivals_next(&a, &one))
        take(e, now, &one, reference, &newest);
    if (newest) {
        usec trip = now - newest;
        e->rtt_us = e->rtt_us ? (e->rtt_us * 7 + trip) / 8 : trip;
        e->feedback_at = now;
        e->asked_at = (uint16_t)(one.seq + 1) == next ? 0 : newest;
        control(e, now);
    }
    judge_loss(e, now);
    estimate_tick(e, now);
    return OK;
}

void estimate_tick(struct estimate *e, usec now)
{
    if (e->probing && now > e->probe_until + usec_min(e->rtt_us * 2 + 200 * USEC_MS, PROBE_WAIT_US))
        end_probe(e);
    usec patience = ESTIMATE_SILENT + e->rtt_us * 2;
    if (!e->has_reference || !e->asked_at || usec_since(now, e->asked_at) < patience) return;
    if (usec_since(now, e->feedback_at) < patience || usec_since(now, e->silence_at) < ESTIMATE_SILENT)
        return;
    double known = arrived(e), from = e->delay_bps;
    if (from >= ESTIMATE_MOST && known > 0) from = known;
    if (from < ESTIMATE_MOST) e->delay_bps = within(from / 2, ESTIMATE_LEAST, ESTIMATE_MOST);
    e->silence_at = now;
}

uint32_t estimate_bps(const struct estimate *e)
{
    return (uint32_t)smaller(e->delay_bps, e->loss_bps);
}
