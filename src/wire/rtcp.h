/* SPDX-License-Identifier: Apache-2.0
 * RTCP: reading compound packets (full and reduced size) item by item, and writing ours. RFC 3550 section 6,
 * 4585, 5104 (FIR), 5506, draft-alvestrand-rmcat-remb. The reader refuses wrong versions, lengths that do not
 * add up and padding anywhere but at the end; lists inside an item are handed out as bounded spans and read
 * by the cursors below. Work is linear in the datagram's size. Allocates nothing. */
#ifndef WIRE_RTCP_H
#define WIRE_RTCP_H

#include "base/err.h"
#include "base/span.h"
#include "base/write.h"

enum rtcp_kind {
    RTCP_OTHER, /* well-formed, not of interest */
    RTCP_SENDER_REPORT,
    RTCP_RECEIVER_REPORT,
    RTCP_SDES,
    RTCP_BYE,
    RTCP_NACK,
    RTCP_TRANSPORT_CC,
    RTCP_PLI,
    RTCP_FIR,
    RTCP_REMB,
};

struct rtcp_sender { /* the sender's part of a sender report */
    uint64_t ntp;
    uint32_t ts, packets, octets;
};
struct rtcp_report { /* one report block */
    uint32_t ssrc;
    uint8_t fraction_lost;
    int32_t lost;
    uint32_t highest, jitter, last_sr, since_last_sr;
};
struct rtcp_item {
    uint8_t kind;  /* enum rtcp_kind */
    uint8_t count; /* report blocks, BYE sources */
    uint32_t sender, media;
    struct rtcp_sender sr;
    struct span body;  /* report blocks, FCI, BYE sources */
    uint64_t remb_bps; /* REMB */
};

/* Takes the next item off the front of rest. ERR_CLOSED at the end (rest is empty), ERR_FORMAT, ERR_SHORT. */
enum err rtcp_next(struct span *rest, struct rtcp_item *item) MUST_CHECK;
/* Cursors over item.body; false at the end. */
bool rtcp_report_next(struct span *body, struct rtcp_report *r);
bool rtcp_nack_next(struct span *body, uint16_t *seq, uint16_t *following);
bool rtcp_fir_next(struct span *body, uint32_t *ssrc, uint8_t *number);
bool rtcp_source_next(struct span *body, uint32_t *ssrc); /* of BYE */

void rtcp_write_sender(struct writer *w, uint32_t ssrc, const struct rtcp_sender *s);
/* At most 31 blocks. */
void rtcp_write_receiver(struct writer *w, uint32_t ssrc, const struct rtcp_report *r, uint8_t count);
void rtcp_write_cname(struct writer *w, uint32_t ssrc, struct span cname);
void rtcp_write_bye(struct writer *w, uint32_t ssrc);
void rtcp_write_pli(struct writer *w, uint32_t sender, uint32_t media);
/* seq: ascending (modulo 2^16), at least one. */
void rtcp_write_nack(struct writer *w, uint32_t sender, uint32_t media, const uint16_t *seq, uint16_t count);
/* At most 31 sources. */
void rtcp_write_remb(struct writer *w, uint32_t sender, uint64_t bps, const uint32_t *ssrc, uint8_t count);
/* Opens a packet of this type, to be ended by rtcp_end with what rtcp_begin gave; pads to 32 bits. */
size_t rtcp_begin(struct writer *w, uint8_t count, uint8_t type);
void rtcp_end(struct writer *w, size_t begin);

#define RTCP_TYPE_SR    200
#define RTCP_TYPE_RR    201
#define RTCP_TYPE_SDES  202
#define RTCP_TYPE_BYE   203
#define RTCP_TYPE_RTPFB 205
#define RTCP_TYPE_PSFB  206

#endif
