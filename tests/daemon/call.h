/* SPDX-License-Identifier: Apache-2.0
 * A scripted caller for tests: publishes or subscribes over WHIP and WHEP on the plain development listener,
 * with the project's own DTLS and SRTP in client role and a minimal controlling ICE agent. Blocking HTTP,
 * real sockets and the real clock: for tests of running servers only. Each call has one UDP socket bound to
 * an address of 127.0.0.0/8. */
#ifndef DAEMON_CALL_H
#define DAEMON_CALL_H

#include "core/peer.h"
#include "io/udp.h"

#define CALL_SSRCS 32

struct call_track { /* what a subscriber has seen of one SSRC */
    uint32_t ssrc;
    uint64_t packets, lost, duplicates, foreign; /* foreign: payload does not carry our mark */
    uint16_t next;
    usec last, longest_gap;
    uint8_t pt;
    uint32_t marks; /* bit n: a packet marked n was seen */
};
struct call {
    int fd;
    struct path server; /* where the answer says */
    struct path own;
    char local_ufrag[9], local_pwd[25], remote_ufrag[64], remote_pwd[128];
    struct dtls *dtls;
    struct srtp srtp;
    bool up, stopped_binding, ended;
    usec binding_at, last_packet, up_at;
    uint64_t index[4]; /* 48-bit index of each sent stream */
    uint32_t ssrc[4];
    struct call_track track[CALL_SSRCS];
    unsigned tracks;
    uint64_t rtcp, plis, nacks;
    struct out out;
    char location[256];
    uint8_t mark; /* first payload byte after the descriptor of what this call sends */
};

struct call_conf {
    const char *http; /* 127.0.0.1:PORT of the plain listener */
    const char *room;
    const char *bind; /* 127.x.y.z to send from */
    bool publish;
    unsigned video, audio; /* sections */
    uint32_t ssrc;         /* of the first stream, 0: by the call's mark */
    uint8_t mark;
    const char *profile; /* not used: OpenSSL negotiates */
};

/* Joins: 0, or the HTTP status of a refusal, or -1 with a word on stderr. The DTLS handshake goes on in
 * call_turn. */
int call_open(struct call *c, const struct call_conf *conf);
/* DELETEs the session and frees. */
void call_close(struct call *c, const char *http);
/* Reads what came, sends Bindings and retransmissions. */
void call_turn(struct call *c, usec now);
/* Sends one RTP packet of stream s (0 audio when there is audio): VP8 or Opus payload of n bytes with the
 * mark. */
void call_send(struct call *c, unsigned s, uint32_t ts, size_t n, bool marker, bool key);
/* Sends these bytes as they are from the call's socket: with the caller's own 5-tuple. */
void call_raw(struct call *c, struct span pkt);
/* Seals a packet with any header and sends it. */
void call_sealed(struct call *c, uint64_t index, struct span header, struct span payload);
void call_rtcp(struct call *c, struct span rtcp);
/* A blocking HTTP request; the body of the answer in out (at most n - 1 bytes and a zero). The status, or -1.
 */
int http_request(const char *http, const char *method, const char *path, const char *headers,
                 struct span body, char *out, size_t n, char *location);
usec call_now(void);

#endif
