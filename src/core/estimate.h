/* SPDX-License-Identifier: Apache-2.0
 * How much a path bears: send-side bandwidth estimation from transport-wide feedback, one for each receiving
 * peer. Owns the ring of what was sent lately; allocates nothing. Two answers, the smaller counts: one from
 * the growth of delay (groups of packets, trend line, adaptive threshold, AIMD), one from loss. Until the
 * path has shown a limit nothing is limited. What the receiver says can hurt itself only: the rate stays
 * between ESTIMATE_LEAST and ESTIMATE_MOST. draft-ietf-rmcat-gcc-02;
 * draft-holmer-rmcat-transport-wide-cc-extensions-01. docs/decisions/0044-bandwidth-estimation.md */
#ifndef CORE_ESTIMATE_H
#define CORE_ESTIMATE_H

#include "base/err.h"
#include "base/span.h"
#include "base/time.h"

#define ESTIMATE_LEAST   50000u  /* bit/s: below this nothing is gained by sending less */
#define ESTIMATE_DELAY   150000u /* bit/s: nor does delay alone go below this: so little fills no path */
#define ESTIMATE_LOST    500000u /* bit/s: nor loss alone below this: on such a path sending less seldom helps */
#define ESTIMATE_PROBE   500000u    /* bit/s of a probe at least: of fewer packets nothing can be told */
#define ESTIMATE_MOST    100000000u /* bit/s; also: no limit is known */
#define ESTIMATE_PACKETS 2048       /* that are remembered until feedback; power of two */
#define ESTIMATE_TREND   20         /* groups the trend line goes through */
#define ESTIMATE_BINS    16         /* of ESTIMATE_BIN_US of acknowledged bytes */
#define ESTIMATE_BIN_US  (50 * USEC_MS)
#define ESTIMATE_SILENT  USEC_S          /* packets that nobody speaks of: the rate is halved */
#define ESTIMATE_GAUGE   (60 * USEC_MS)  /* how long a probe lasts */
#define ESTIMATE_LOSS_US (500 * USEC_MS) /* loss is judged over this long, */
#define ESTIMATE_LOSS_N  20u             /* and at least this many packets */

enum estimate_use { USE_NORMAL, USE_OVER, USE_UNDER };
enum estimate_move { MOVE_HOLD, MOVE_UP, MOVE_DOWN };

struct estimate_sent {
    uint32_t at;         /* microseconds, low 32 bits; differences only */
    uint16_t seq, bytes; /* 0 bytes: nothing is known */
};

struct estimate_group { /* packets that left together */
    uint64_t first_sent, last_sent, first_got, last_got;
    bool any;
};

struct estimate {
    uint16_t next; /* transport-wide number of the next packet */
    usec asked_at; /* the first packet since the last feedback left; 0: none */
    usec feedback_at, silence_at;
    usec rtt_us; /* with what the receiver waits before it speaks; 0: not known */
    /* times as 64-bit lines: ours by the packets' send time, the receiver's by its reference */
    uint64_t line_us;
    uint32_t reference;
    bool has_reference;
    /* delay */
    struct estimate_group group, before;
    double trend, last_trend, threshold, sum_ms, smooth_ms;
    double at_ms[ESTIMATE_TREND], delay_ms[ESTIMATE_TREND];
    uint32_t deltas;
    uint64_t first_group, threshold_at, over_since;
    uint8_t over_count;
    uint8_t use, move; /* enum estimate_use, estimate_move */
    double delay_bps;
    double peak_bps, peak_var; /* of the rate when it last was too much; 0: not known */
    usec moved_at, lowered_at;
    /* what arrives */
    uint64_t bin; /* number of the newest */
    uint32_t bin_bytes[ESTIMATE_BINS];
    uint64_t first_bin;
    /* loss */
    double loss_bps;
    usec loss_at;
    uint32_t loss_lost, loss_all, loss_bytes;
    double loss_share;                           /* of the last window */
    double loss_base;                            /* what is lost whatever is sent */
    double series_share, series_bps, series_low; /* when lowering for loss began; 0: it did not */
    /* probe */
    bool probing, probe_over; /* over: delay grew meanwhile */
    uint16_t probe_first;
    uint32_t probe_bps, probe_n, probe_bytes, probe_first_bytes, probe_last_bytes;
    usec probe_until;
    uint64_t probe_sent[2], probe_got[2];
    struct estimate_sent sent[ESTIMATE_PACKETS];
};

void estimate_init(struct estimate *e, usec now);
/* The packet with the number e->next left, with so many bytes. The hot path: one store. */
static inline void estimate_sent(struct estimate *e, usec now, size_t bytes)
{
    struct estimate_sent *s = &e->sent[e->next % ESTIMATE_PACKETS];
    s->at = (uint32_t)now;
    s->seq = e->next++;
    s->bytes = (uint16_t)(bytes & 0x3fff);
    if (!e->asked_at) e->asked_at = now;
    __builtin_prefetch(&e->sent[(e->next + 8u) % ESTIMATE_PACKETS],
                       1); /* the next cache line of many rings */
}
/* A feedback about this transport, behind its two SSRCs. ERR_SHORT, ERR_FORMAT, ERR_LIMIT as arrivals_open;
 * on failure nothing changed. What it says of packets that were not sent, or that it has spoken of before, is
 * ignored. */
enum err estimate_feedback(struct estimate *e, usec now, struct span body) MUST_CHECK;
/* Silence of the receiver and the end of probes; cheap, may come at any time. */
void estimate_tick(struct estimate *e, usec now);
/* Bits in a second; ESTIMATE_MOST while no limit is known. */
uint32_t estimate_bps(const struct estimate *e);
/* What arrived over the last half second. */
uint32_t estimate_arrived_bps(const struct estimate *e);
/* A probe: for ESTIMATE_GAUGE so much more is sent that the whole is `bps` (at least ESTIMATE_PROBE); what
 * arrives of it may change the estimate at once. False when one is under way or the path is not calm. */
bool estimate_probe(struct estimate *e, usec now, uint32_t bps);
/* How many bytes the probe still wants sent by now; 0 when there is none. */
uint32_t estimate_padding(const struct estimate *e, usec now);

#endif
