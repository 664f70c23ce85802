/* SPDX-License-Identifier: Apache-2.0
 * A peer: one transport of one member. ICE-lite (RFC 8445 section 2.5, consent RFC 7675), DTLS-SRTP (RFC
 * 5764) and the SRTP of both directions over one 5-tuple at a time. Owns its association and keys. An address
 * becomes known only by an authenticated Binding, media flows only when DTLS has connected with the right
 * fingerprint and the consent is less than 30 s old. What does not authenticate is dropped, counted, never
 * answered. */
#ifndef CORE_PEER_H
#define CORE_PEER_H

#include "base/rng.h"
#include "core/dtls.h"
#include "core/ice.h"
#include "core/srtp.h"
#include "wire/rtp.h"
#include "wire/stun.h"

struct peer_conf { /* what all peers of an engine share; borrowed for their lives */
    struct rng rng;
    const struct dtls_provider *dtls;
    struct dtls_identity *identity;
    const struct srtp_library *srtp;
    struct stun_hmac hmac;
};

struct peer_remote {        /* out of the other side's description */
    struct span ufrag, pwd; /* copied */
    struct dtls_fingerprint fingerprint;
    enum dtls_role our_role;
};

enum peer_in_kind {
    PEER_IN_NOTHING,   /* handled, or dropped and counted */
    PEER_IN_CONNECTED, /* DTLS is up: media may flow */
    PEER_IN_RTP,       /* rtp, pkt */
    PEER_IN_RTCP,      /* pkt: a compound packet in clear */
    PEER_IN_DATA,      /* data: bytes for SCTP */
    PEER_IN_CLOSED,    /* reason */
};
enum peer_end {
    PEER_OPEN,
    PEER_END_REMOTE,
    PEER_END_HANDSHAKE,
    PEER_END_CONSENT,
    PEER_END_NEVER,
    PEER_END_LOCAL
};

struct peer_in { /* what was in a datagram; borrows it */
    enum peer_in_kind kind;
    bool path_validated; /* an authenticated Binding came from this path: it leads to this peer from now on */
    struct rtp rtp;
    struct mspan pkt; /* RTP: header and payload in clear, tag cut off; RTCP: the compound packet */
    struct span data;
    enum peer_end end;
};

struct peer_counters {
    uint64_t bad_binding, bad_tag, replayed, unknown_path, not_ready, junk, dtls_ignored;
};

struct peer {
    const struct peer_conf *conf;
    struct ice ice;
    struct dtls *dtls;
    struct srtp srtp;
    bool srtp_ready, connected;
    enum peer_end end;
    usec born;
    struct dtls_fingerprint fingerprint;
    enum dtls_role role;
    struct out_dest dest; /* of the path we send on */
    struct peer_counters counters;
};

/* A peer with fresh local credentials. ERR_NOMEM, ERR_CRYPTO, ERR_RANGE for remote credentials of bad length.
 */
enum err peer_init(struct peer *p, const struct peer_conf *conf, const struct peer_remote *remote,
                   usec now) MUST_CHECK;
/* An ICE restart (RFC 8445 section 9): new local credentials; the old ones stay good until the new are used.
 * The fingerprint and role must be the same (ERR_STATE). */
enum err peer_restart(struct peer *p, const struct peer_remote *remote, usec now) MUST_CHECK;
/* Forgets everything and wipes the keys; sends nothing. */
void peer_fini(struct peer *p);
/* Our credentials, borrowed. */
struct span peer_local_ufrag(const struct peer *p);
struct span peer_local_pwd(const struct peer *p);
struct span peer_remote_ufrag(const struct peer *p);

/* One datagram; changes it in place. OK also when it was dropped (in->kind says NOTHING). */
enum err peer_receive(struct peer *p, usec now, const struct path *from, struct mspan pkt, struct peer_in *in,
                      struct out *out);
/* True when media may be sent now. */
bool peer_ready(const struct peer *p, usec now);
/* Seals into the tray. The hot path: ERR_STATE when not connected, ERR_FULL, ERR_CRYPTO. The caller has asked
 * peer_ready once this turn. */
enum err peer_seal_rtp(struct peer *p, struct out *out, struct span header, struct span payload,
                       uint64_t index);
enum err peer_seal_rtcp(struct peer *p, struct out *out, struct span rtcp);
enum err peer_send_data(struct peer *p, struct out *out, struct span data) MUST_CHECK;
/* Retransmissions and the end of consent; *ended is not PEER_OPEN once the peer is over. */
void peer_tick(struct peer *p, usec now, struct out *out, enum peer_end *ended);
usec peer_wake(const struct peer *p);
/* Says good-bye (close_notify) and stops. */
void peer_close(struct peer *p, struct out *out);
/* The path we send on, or NULL. */
const struct path *peer_path(const struct peer *p);

#endif
