/* SPDX-License-Identifier: Apache-2.0
 * A room with simulated clients around it: the real room and peer code, links that lose and delay (sim/link),
 * and crypto that changes nothing but remembers every nonce it sealed, so that one used twice with other
 * bytes is found. A client makes offers as browsers do, sends VP8-like frames and sound, answers NACK and
 * PLI, asks for what it misses, and checks every payload it gets against what was sent. Time is simulated;
 * the seed decides everything. */
#ifndef SIM_ROOM_WORLD_H
#define SIM_ROOM_WORLD_H

#include "core/peer.h"
#include "core/twcc.h"
#include "room/room.h"
#include "sim/link.h"

#define WORLD_CLIENTS_MAX 64
#define CLIENT_STREAMS    32

struct sent_stream { /* one section a client sends on */
    uint32_t ssrc, rtx_ssrc, ts;
    uint64_t index, rtx_index; /* 48 bits: roll-over counter and sequence number of the next packet */
    uint16_t picture;
    uint8_t mid, pt, rtx_pt;
    bool video, on, want_key;
    uint32_t source; /* unique in the world: names the stream in its payloads */
    uint32_t counter;
    uint8_t kept[512][64]; /* heads of recent payloads, for NACK */
    uint16_t kept_n[512];
    uint32_t kept_ts[512];
    uint16_t kept_seq[512];
    bool kept_marker[512];
    uint64_t keys, frames, resent;
};
struct got_stream { /* one slot as the client sees it */
    uint32_t ssrc, rtx_ssrc;
    uint8_t mid, pt, rtx_pt;
    bool video, started;
    uint64_t highest; /* extended */
    uint8_t seen[8192];
    uint64_t packets, duplicates, recovered, keys, source_changes, went_back, rtx;
    uint32_t source, counter; /* of the newest packet */
    uint32_t last_ts;
    bool has_frame;
    uint16_t frame; /* number in the newest dependency descriptor */
    uint32_t missing[256];
    uint32_t missing_n;
    usec missing_next;
};
struct client {
    struct world *w;
    struct member *member; /* NULL: not (any more) in the room */
    uint32_t number;
    uint64_t session;
    uint8_t kind;
    bool connected, sealed_name;
    struct path path;
    char ufrag[16], pwd[40], remote_ufrag[64], remote_pwd[64];
    struct srtp srtp;
    bool srtp_ready;
    struct sent_stream sent[4];
    uint8_t sents;
    struct got_stream got[CLIENT_STREAMS];
    uint8_t gots;
    struct link up, down;
    uint8_t mid_ext;
    usec next_video, next_audio, next_binding, next_report;
    uint64_t bad_payloads, unknown_ssrc, notes[ROOM_MESSAGE_COUNT];
    char last_error[32];
    uint32_t last_track; /* number of the last track_on seen */
    bool silent;         /* sends nothing by itself */
    bool no_vp8;         /* its offers want H.264 alone, which nobody sends */
    uint8_t burst;       /* packets a frame */
    bool tells;          /* when which packet came (core/twcc) */
    bool lies;           /* with it: that all came, at once, and REMB of 1 Gbit/s */
    struct twcc came;
    uint64_t padding; /* packets of padding alone */
};
struct world {
    usec now;
    uint64_t seed;
    struct rng_seeded random;
    struct peer_conf peer;
    struct room_conf conf;
    struct room *room;
    struct out out;
    struct news news;
    struct client client[WORLD_CLIENTS_MAX];
    uint32_t clients;
    struct link_conf link;
    uint64_t nonces_reused, sealed_count, answer_bytes;
    uint64_t data_to_strangers, news_lost;
};

enum err world_init(struct world *w, uint64_t seed, enum room_class of_class,
                    const struct link_conf *link) MUST_CHECK;
void world_fini(struct world *w);
/* Lets one in; can as in verdicts; subject may be "". */
struct client *world_join(struct world *w, enum member_kind kind, uint32_t can, const char *subject);
/* Makes an offer with these sections and gives it to the room; false when it was refused. */
bool client_offer(struct client *c, unsigned audio_out, unsigned video_out, unsigned audio_in,
                  unsigned video_in);
bool client_offer_text(struct client *c, struct span sdp);
void client_message(struct client *c, unsigned message, struct span body);
void client_track(struct client *c, const char *source, bool on, bool muted);
void client_leave(struct client *c);
/* Lets time pass. */
void world_run(struct world *w, usec for_us);
/* Packets still missing at all receivers. */
uint64_t world_missing(const struct world *w);

#endif
