/* SPDX-License-Identifier: Apache-2.0
 * A room after authentication: the input is a list of steps (who, what, how many bytes) of messages, RTP and
 * RTCP as members could send them, with time passing between. Nothing crashes, every note is of its shape. */
#include <stdlib.h>

#include "base/mem.h"
#include "base/read.h"
#include "core/peer.h"
#include "room/roster.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct dtls {
    int nothing;
};
static enum err fake_open(struct dtls_identity *id, enum dtls_role role,
                          const struct dtls_fingerprint *remote, usec now, struct dtls **d)
{
    (void)id, (void)role, (void)remote, (void)now;
    *d = mem_new(1, sizeof **d);
    return *d ? OK : ERR_NOMEM;
}
static void fake_close(struct dtls *d)
{
    mem_free(d);
}
static void fake_tick(struct dtls *d, usec now, const struct path *to, struct out_dest *dest, struct out *out)
{
    (void)d, (void)now, (void)to, (void)dest, (void)out;
}
static usec fake_wake(const struct dtls *d)
{
    (void)d;
    return USEC_NEVER;
}
static enum dtls_state fake_state(const struct dtls *d)
{
    (void)d;
    return DTLS_NEW;
}
static void fake_fingerprint(const struct dtls_identity *id, uint8_t hash[32])
{
    (void)id;
    memset(hash, 1, 32);
}
static const struct dtls_provider fake_dtls = {.open = fake_open,
                                               .close = fake_close,
                                               .tick = fake_tick,
                                               .wake = fake_wake,
                                               .state = fake_state,
                                               .fingerprint = fake_fingerprint};

#define MEMBERS 4
static struct rng_seeded seeded;
static struct peer_conf peer_conf;
static struct room_conf conf;
static struct out out;
static struct news news;

static void drain(struct room *r, struct member *member[MEMBERS])
{
    for (uint32_t i = 0; i < news.count; i++) {
        const struct news_item *item = &news.item[i];
        for (int k = 0; k < MEMBERS && item->kind == NEWS_GONE; k++)
            if (member[k] == item->member) member[k] = NULL;
        if (item->kind == NEWS_NOTE && shape_check(&room_row(item->message)->shape, news_body(&news, item)))
            abort();
    }
    if (news.lost) abort();
    news_clear(&news);
    room_reap(r);
    out_clear(&out);
}

static void admit(struct room *r, struct member *member[MEMBERS], unsigned who, uint32_t number, usec now)
{
    struct verdict v = {.allowed = true, .room_class = CLASS_GOVERNED, .can = 0x1f, .room = "fuzz"};
    struct room_entrant e = {.session = number,
                             .number = number,
                             .kind = (uint8_t)(who == 3   ? MEMBER_WHIP
                                               : who == 2 ? MEMBER_WHEP
                                                          : MEMBER_BROWSER)};
    if (room_admit(r, &v, &e, now, &news, &member[who])) abort();
}

static void packet(struct room *r, struct member *m, usec now, struct span bytes, bool rtcp)
{
    uint8_t copy[1500];
    struct peer_in in = {.kind = rtcp ? PEER_IN_RTCP : PEER_IN_RTP,
                         .pkt = MSPAN(copy, bytes.n < 1500 ? bytes.n : 1500)};
    if (bytes.n) memcpy(copy, bytes.p, in.pkt.n);
    if (!rtcp && (rtp_parse(span_m(in.pkt), &in.rtp) || rtp_padding(span_m(in.pkt), &in.rtp))) return;
    m->up = true;
    room_input(r, m, now, &in, &out, &news);
}

static void steps(struct room *r, struct reader *in)
{
    struct member *member[MEMBERS] = {0};
    uint32_t number = 0;
    usec now = USEC_S;
    while (read_left(in)) {
        uint8_t what = read_u8(in);
        unsigned who = what >> 6, kind = what & 15;
        now += (usec)(what & 0x30) << 12;
        if (!member[who]) admit(r, member, who, ++number, now);
        struct span bytes = read_vec16(in);
        struct member *m = member[who];
        if (kind <= 6) {
            room_message(r, m, now, (unsigned)ROOM_OFFER + kind, bytes, &out, &news);
        } else if (kind <= 9 && m->peer) {
            packet(r, m, now, bytes, false);
        } else if (kind <= 12 && m->peer) {
            packet(r, m, now, bytes, true);
        } else if (kind == 13) {
            struct room_setting s = {.what = ROOM_MUTE_MEMBER, .member = number, .source = bytes};
            (void)!room_set(r, now, &s, &out, &news);
        } else {
            room_tick(r, now, &out, &news);
        }
        drain(r, member);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static bool ready;
    struct room *r;
    seeded.state = 1;
    if (!ready) {
        peer_conf = (struct peer_conf){.rng = rng_from_seed(&seeded), .dtls = &fake_dtls};
        conf = (struct room_conf){.rng = rng_from_seed(&seeded),
                                  .peer = &peer_conf,
                                  .scratch = room_scratch_new(),
                                  .address_count = 1,
                                  .address = {{"127.0.0.1", 1, true, true}}};
        if (!conf.scratch || out_init(&out, 512)) abort();
        news_init(&news);
        ready = true;
    }
    if (room_new(&conf, SPAN_LIT("fuzz"), CLASS_GOVERNED, USEC_S, &r)) abort();
    struct reader in = reader_of(SPAN(data, size));
    steps(r, &in);
    room_free(r);
    news_clear(&news);
    return 0;
}
