/* SPDX-License-Identifier: Apache-2.0
 * RTP headers (RFC 3550 section 5.1) and header extensions in one- and two-byte form (RFC 8285). Parsed once,
 * read by id; written anew for each feed. Also the demultiplexing of RFC 7983 and RFC 5761. Allocates
 * nothing. */
#ifndef WIRE_RTP_H
#define WIRE_RTP_H

#include "base/err.h"
#include "base/span.h"

#define RTP_HEADER   12
#define RTP_EXTS_MAX 16 /* extensions of one packet that are kept; more are ignored */

enum pkt_kind { PKT_JUNK, PKT_STUN, PKT_DTLS, PKT_TURN_CHANNEL, PKT_RTP, PKT_RTCP };
/* What a datagram is by its first bytes (RFC 7983 section 7; RTCP by RFC 5761 section 4). */
enum pkt_kind pkt_kind(struct span pkt);

struct rtp_ext {
    uint8_t id, n;
    uint16_t at; /* offset in the packet */
};
struct rtp { /* a parsed header; offsets are into the packet it was parsed from */
    bool marker;
    uint8_t pt;
    uint16_t seq;
    uint32_t ts, ssrc;
    uint16_t header_n; /* bytes of the whole header: fixed part, CSRCs, extensions */
    uint8_t padding;   /* bytes at the end, 0 when none; only right after decryption (rtp_padding) */
    bool has_padding;  /* the P bit */
    uint8_t ext_count;
    struct rtp_ext ext[RTP_EXTS_MAX];
};

/* Parses the header of a packet (encrypted or not). ERR_SHORT, ERR_FORMAT. */
enum err rtp_parse(struct span pkt, struct rtp *h) MUST_CHECK;
/* After decryption: reads the padding count at the end of the payload and sets h->padding. ERR_FORMAT when it
 * is 0 or longer than the payload. */
enum err rtp_padding(struct span pkt, struct rtp *h) MUST_CHECK;
/* The value of extension id (borrowed from pkt), or an empty span. */
struct span rtp_ext_value(const struct rtp *h, struct span pkt, uint8_t id);

struct rtp_ext_out {
    uint8_t id;        /* 1 to 14 for the one-byte form; 0: skipped */
    struct span value; /* 1 to 16 bytes for the one-byte form */
};
struct rtp_out {
    bool marker;
    uint8_t pt;
    uint16_t seq;
    uint32_t ts, ssrc;
    const struct rtp_ext_out *ext;
    uint8_t ext_count;
};
/* Writes a header with these extensions (one-byte form, two-byte when an id or length needs it); returns its
 * length, 0 when it does not fit in room. */
size_t rtp_write(const struct rtp_out *h, struct mspan room);

#endif
