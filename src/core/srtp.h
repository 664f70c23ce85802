/* SPDX-License-Identifier: Apache-2.0
 * The SRTP packet layer: RFC 3711 with AES128_CM_HMAC_SHA1_80, RFC 7714 with AEAD_AES_128_GCM and
 * AEAD_AES_256_GCM. Key schedules are kept in contexts of the library (struct srtp_cipher); no key is
 * expanded per packet. Receiving keeps, per SSRC, the roll-over counter (section 3.3.1) and a 128-wide replay
 * window, created only after the first tag verified, at most SRTP_SSRCS_MAX. Sending RTP keeps nothing: the
 * caller gives the 48-bit index. SRTCP: E bit required. */
#ifndef CORE_SRTP_H
#define CORE_SRTP_H

#include "core/crypto.h"
#include "core/dtls.h"

#define SRTP_SSRCS_MAX    64
#define SRTP_OVERHEAD_MAX 20 /* tag, and for SRTCP the index */

/* What a library gives: one context a direction and a purpose, keys inside. */
struct srtp_cipher;
struct srtp_library {
    const struct crypto *crypto; /* for the key derivation */
    /* AEAD (auth_key empty) or AES-CM with HMAC-SHA1 (auth_key 20 bytes). NULL on failure. */
    struct srtp_cipher *(*open)(enum srtp_profile p, struct span key, struct span auth_key);
    void (*close)(struct srtp_cipher *c);
    /* AEAD: seals in -> out (may be the same), tag of 16 bytes after it. */
    enum err (*seal)(struct srtp_cipher *c, const uint8_t iv[12], struct span aad, struct span in,
                     uint8_t *out);
    /* AEAD: opens in place, in includes the tag. ERR_AUTH. */
    enum err (*open_in_place)(struct srtp_cipher *c, const uint8_t iv[12], struct span aad, struct mspan in);
    /* AES-CM keystream over in -> out (may be the same). */
    enum err (*count)(struct srtp_cipher *c, const uint8_t iv[16], struct span in, uint8_t *out);
    /* HMAC-SHA1 of two parts, 20 bytes. */
    enum err (*mac)(struct srtp_cipher *c, struct span a, struct span b, uint8_t tag[20]);
};

struct srtp_stream { /* receiving state of one SSRC */
    uint32_t ssrc;
    uint32_t roc;
    uint16_t highest; /* highest sequence seen */
    uint64_t seen[2]; /* bit n: index highest-n was received */
    uint64_t rtcp_highest, rtcp_seen;
    bool rtp, rtcp;
};
struct srtp {
    const struct srtp_library *library;
    enum srtp_profile profile;
    struct srtp_cipher *send_rtp, *send_rtcp, *open_rtp, *open_rtcp;
    uint8_t salt_send_rtp[14], salt_send_rtcp[14], salt_open_rtp[14], salt_open_rtcp[14];
    uint32_t send_rtcp_index;
    struct srtp_stream *stream; /* SRTP_SSRCS_MAX at most, grown by doubling */
    uint8_t stream_count, stream_size;
};

/* Derives the session keys (RFC 3711 section 4.3). Wipes nothing of keys. ERR_UNSUPPORTED, ERR_CRYPTO,
 * ERR_NOMEM. */
enum err srtp_init(struct srtp *s, const struct srtp_library *library,
                   const struct srtp_keys *keys) MUST_CHECK;
void srtp_fini(struct srtp *s);
/* Opens an RTP packet in place, a source's first one with a roll-over counter of 0, else 1; header_n is the
 * length of its header. *n gets the length without the tag. ERR_AUTH, ERR_REPLAY, ERR_SHORT, ERR_FULL (too
 * many SSRCs). */
enum err srtp_open(struct srtp *s, struct mspan pkt, size_t header_n, size_t *n) MUST_CHECK;
/* Opens an SRTCP packet in place. */
enum err srtp_open_rtcp(struct srtp *s, struct mspan pkt, size_t *n) MUST_CHECK;
/* Seals header and payload into room: header as it is, payload encrypted, tag. index = ROC << 16 | sequence.
 * *n gets the length. ERR_FULL when room is too small. */
enum err srtp_seal(struct srtp *s, uint64_t index, struct span header, struct span payload, struct mspan room,
                   size_t *n) MUST_CHECK;
/* Seals a compound RTCP packet into room. ERR_STATE when the 2^31 packets of the key are used up. */
enum err srtp_seal_rtcp(struct srtp *s, struct span rtcp, struct mspan room, size_t *n) MUST_CHECK;
/* The estimated 48-bit index of sequence seq of a stream (RFC 3711 section 3.3.1); for tests against a model.
 */
uint64_t srtp_index(const struct srtp_stream *st, uint16_t seq);

#endif
