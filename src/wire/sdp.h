/* SPDX-License-Identifier: Apache-2.0
 * Session descriptions: what a WebRTC offer says, and the writing of our answer to it.
 * The parser takes one canonical form (RFC 8866, 8829, 8839, 8842, 8843, 8851, 8853, 8285) and refuses the
 * rest with a sentence for a person; it is liberal only where browsers are known to misbehave: rtcp-fb and
 * fmtp lines of payload types that are not in the m line, transports in capitals, empty end-of-candidates
 * candidates, attributes it does not know. Spans borrow the text; tables come from the caller's arena. Never
 * allocates. */
#ifndef WIRE_SDP_H
#define WIRE_SDP_H

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"
#include "base/write.h"

#define SDP_BYTES_MAX    (256u * 1024)
#define SDP_LINE_MAX     8192 /* bytes of one line */
#define SDP_SECTIONS_MAX 200
#define SDP_CODECS_MAX   64 /* a section */
#define SDP_RIDS_MAX     8
#define SDP_SSRCS_MAX    16
#define SDP_MID_MAX      16
#define SDP_ARENA_BYTES  (640u * 1024) /* enough for the largest offer these limits let through */

enum sdp_kind { SDP_AUDIO, SDP_VIDEO, SDP_APPLICATION, SDP_OTHER_KIND };
enum sdp_direction { SDP_INACTIVE = 0, SDP_SEND = 1, SDP_RECV = 2, SDP_BOTH = 3 };
enum sdp_setup { SDP_SETUP_NONE, SDP_ACTPASS, SDP_ACTIVE, SDP_PASSIVE };
enum codec {
    CODEC_OTHER,
    CODEC_OPUS,
    CODEC_RED, /* of Opus */
    CODEC_VP8,
    CODEC_VP9,
    CODEC_AV1,
    CODEC_H264,
    CODEC_RTX,
    CODEC_COUNT
};
/* "opus", "VP8", … as in SDP; "" for CODEC_OTHER. */
const char *codec_name(enum codec c);

/* The header extensions we know; the order is that of the ids a transport keeps. */
enum ext {
    EXT_MID,
    EXT_RID,
    EXT_REPAIRED_RID,
    EXT_SEND_TIME,
    EXT_TRANSPORT_CC,
    EXT_AUDIO_LEVEL,
    EXT_ORIENTATION,
    EXT_DESCRIPTOR, /* the dependency descriptor */
    EXT_CAPTURE_TIME,
    EXT_COUNT
};
const char *ext_uri(enum ext e);

enum sdp_feedback {
    SDP_NACK = 1,
    SDP_NACK_PLI = 2,
    SDP_CCM_FIR = 4,
    SDP_REMB = 8,
    SDP_TRANSPORT_CC = 16,
};

struct sdp_codec {
    uint8_t pt, codec;   /* enum codec */
    uint8_t apt;         /* RTX: the payload type it repairs */
    uint8_t feedback;    /* enum sdp_feedback */
    bool mapped;         /* there was an rtpmap */
    uint8_t profile;     /* VP9, AV1: profile · H264: profile_idc */
    uint8_t constraints; /* H264: the profile-iop byte */
    uint8_t mode;        /* H264: packetization mode */
    uint8_t channels;
    uint32_t clock_hz;
    struct span fmtp; /* as written, or empty */
};

enum sdp_hash { SDP_SHA256 = 1, SDP_SHA384, SDP_SHA512 };
struct sdp_fingerprint {
    uint8_t hash; /* enum sdp_hash; 0: none that we accept */
    uint8_t n;
    uint8_t b[64];
};

struct sdp_transport { /* what section or session say about ICE and DTLS; empty where silent */
    struct span ufrag, pwd;
    struct sdp_fingerprint fingerprint;
    bool weak_fingerprint; /* there was one, with a hash we refuse */
    uint8_t setup;         /* enum sdp_setup */
};

struct sdp_media {
    uint8_t kind;      /* enum sdp_kind */
    uint8_t direction; /* enum sdp_direction, of the offerer */
    bool rejected;     /* port 0 without bundle-only */
    bool bundled, rtcp_mux, rtcp_rsize, allow_mixed, crypto;
    uint8_t codecs, rids, ssrcs, simulcast;     /* how many; simulcast: of rid[], those sent, in order */
    uint16_t order;                             /* of the section */
    uint8_t ext[EXT_COUNT];                     /* id, 0: not offered */
    uint8_t ext_way[EXT_COUNT];                 /* enum sdp_direction in which the offerer would use it */
    struct span mid, kind_text, proto, formats; /* the words of the m line; formats: its rest */
    struct sdp_transport transport;
    struct sdp_codec *codec;
    struct span rid[SDP_RIDS_MAX]; /* first the `simulcast` ones */
    uint32_t ssrc[SDP_SSRCS_MAX];
    uint32_t fid[2]; /* a=ssrc-group:FID, or 0 0 */
};

struct sdp {
    struct sdp_media *media;
    uint16_t count;
    bool bundle, allow_mixed, ice_lite;
    struct span bundle_mids;
    struct sdp_transport
        transport; /* session level, then completed from the section that is the bundle's first */
};

/* Reads an offer. The tables come from a and live as long as it; spans borrow text. On failure *why is a
 * sentence for a person (static), and sdp is untouched. ERR_FORMAT, ERR_LIMIT, ERR_RANGE. */
enum err sdp_parse(struct span text, struct arena *a, struct sdp *sdp, const char **why) MUST_CHECK;
/* Reads the fragment of a WHIP PATCH (RFC 8840): only the ICE user name and password matter. ERR_FORMAT. */
enum err sdp_parse_fragment(struct span text, struct span *ufrag, struct span *pwd) MUST_CHECK;
/* The codec with this payload type, or NULL. */
const struct sdp_codec *sdp_codec_of(const struct sdp_media *m, uint8_t pt);
/* The first RTX that repairs pt, or NULL. */
const struct sdp_codec *sdp_rtx_of(const struct sdp_media *m, uint8_t pt);

/* Our side of the transport. */
struct sdp_candidate {
    const char *ip; /* as text */
    uint16_t port;
    bool tcp; /* passive */
};
struct sdp_local {
    struct span ufrag, pwd, fingerprint; /* fingerprint: "sha-256 AB:CD…" */
    uint8_t setup;                       /* enum sdp_setup: active or passive; actpass makes an offer of it */
    const struct sdp_candidate *candidate;
    uint8_t candidates;
    uint64_t session_id;
    uint32_t version;
};
/* Our answer to one section. */
struct sdp_reply {
    const struct sdp_media *offer;
    bool accepted;
    uint8_t direction; /* enum sdp_direction, ours */
    uint8_t codecs, rids;
    uint16_t exts;                                 /* bit 1 << enum ext */
    const struct sdp_codec *codec[SDP_CODECS_MAX]; /* in the order of preference */
    uint32_t ssrc, rtx_ssrc;                       /* when we send; rtx 0: none */
    struct span stream;                            /* msid */
    bool constant_audio;                           /* ask for cbr=1, usedtx=0 */
};
/* Writes the answer; w turns bad when it does not fit. */
void sdp_write_answer(struct writer *w, const struct sdp *offer, const struct sdp_reply *reply,
                      const struct sdp_local *local);

#endif
