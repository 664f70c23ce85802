/* SPDX-License-Identifier: Apache-2.0 */
#include "sim/room_world.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/read.h"
#include "base/write.h"
#include "guest/openssl_crypto.h"
#include "wire/rtcp.h"
#include "wire/sdp.h"

#define MID_EXT 9
#define TCC_EXT 4
#define DD_EXT  12

/* ---- crypto that is none: keys are fixed, tags are zero ---- */

struct dtls {
    enum dtls_state state;
};
static struct world *nonce_world;
#define NONCES (1u << 20)
static struct {
    uint64_t cipher_iv, bytes;
} * nonces;

static uint64_t mix(uint64_t h, struct span s)
{
    for (size_t i = 0; i < s.n; i++)
        h = (h ^ s.p[i]) * 0x100000001b3u;
    return h ^ h >> 29;
}

static enum err null_open(struct dtls_identity *id, enum dtls_role role,
                          const struct dtls_fingerprint *remote, usec now, struct dtls **d)
{
    (void)id, (void)role, (void)remote, (void)now;
    *d = mem_new(1, sizeof **d);
    return *d ? OK : ERR_NOMEM;
}
static void null_close(struct dtls *d)
{
    mem_free(d);
}
static enum err null_receive(struct dtls *d, usec now, struct span pkt, const struct path *to,
                             struct out_dest *dest, struct out *out, struct span *data)
{
    (void)now, (void)pkt, (void)to, (void)dest, (void)out;
    d->state = DTLS_CONNECTED;
    *data = SPAN_NONE;
    return OK;
}
static void null_tick(struct dtls *d, usec now, const struct path *to, struct out_dest *dest, struct out *out)
{
    (void)d, (void)now, (void)to, (void)dest, (void)out;
}
static usec null_wake(const struct dtls *d)
{
    (void)d;
    return USEC_NEVER;
}
static enum dtls_state null_state(const struct dtls *d)
{
    return d->state;
}
static enum err null_keys(struct dtls *d, struct srtp_keys *keys)
{
    (void)d;
    *keys = (struct srtp_keys){.profile = SRTP_AEAD_AES_128_GCM, .local = {.n = 28}, .remote = {.n = 28}};
    keys->local.b[0] = 1;
    keys->remote.b[0] = 2;
    return OK;
}
static enum err null_send(struct dtls *d, struct span data, const struct path *to, struct out_dest *dest,
                          struct out *out)
{
    (void)d, (void)data, (void)to, (void)dest, (void)out;
    return OK;
}
static void null_finish(struct dtls *d, const struct path *to, struct out_dest *dest, struct out *out)
{
    (void)d, (void)to, (void)dest, (void)out;
}
static void null_fingerprint(const struct dtls_identity *id, uint8_t hash[32])
{
    (void)id;
    memset(hash, 0xab, 32);
}
static const struct dtls_provider null_dtls = {.open = null_open,
                                               .close = null_close,
                                               .receive = null_receive,
                                               .tick = null_tick,
                                               .wake = null_wake,
                                               .state = null_state,
                                               .keys = null_keys,
                                               .send = null_send,
                                               .finish = null_finish,
                                               .fingerprint = null_fingerprint};

struct srtp_cipher {
    uint64_t id;
};
static uint64_t next_cipher;
static struct srtp_cipher *null_cipher(enum srtp_profile p, struct span key, struct span auth_key)
{
    (void)p, (void)key, (void)auth_key;
    struct srtp_cipher *c = mem_new(1, sizeof *c);
    if (c) c->id = ++next_cipher;
    return c;
}
static void null_cipher_close(struct srtp_cipher *c)
{
    mem_free(c);
}
static enum err null_seal(struct srtp_cipher *c, const uint8_t iv[12], struct span aad, struct span in,
                          uint8_t *out)
{
    uint64_t key = mix(c->id * 0x9e3779b97f4a7c15u, SPAN(iv, 12)), bytes = mix(mix(7, aad), in);
    uint64_t at = key % NONCES;
    if (nonces[at].cipher_iv == key && nonces[at].bytes != bytes) nonce_world->nonces_reused++;
    nonces[at].cipher_iv = key;
    nonces[at].bytes = bytes;
    nonce_world->sealed_count++;
    if (in.n) memmove(out, in.p, in.n);
    memset(out + in.n, 0, 16);
    return OK;
}
static enum err null_open_in_place(struct srtp_cipher *c, const uint8_t iv[12], struct span aad,
                                   struct mspan in)
{
    (void)c, (void)iv, (void)aad;
    return in.n < 16 ? ERR_SHORT : OK;
}
static struct srtp_library null_srtp;

static enum err sha1_hmac(void *ctx, struct span key, const struct span *parts, size_t count, uint8_t *out)
{
    const struct crypto *c = openssl_crypto();
    (void)ctx;
    return c->hmac(c->ctx, CRYPTO_SHA1, key, parts, count, out);
}

/* ---- the world ---- */

static uint32_t draw(struct world *w)
{
    uint32_t v;
    (void)rng_seeded_fill(&w->random, (uint8_t *)&v, sizeof v);
    return v;
}

enum err world_init(struct world *w, uint64_t seed, enum room_class of_class, const struct link_conf *link)
{
    memset(w, 0, sizeof *w);
    w->now = 1000 * USEC_S;
    w->seed = seed;
    w->random.state = seed;
    if (link) w->link = *link;
    nonce_world = w;
    nonces = calloc(NONCES, sizeof *nonces);
    if (!nonces) return ERR_NOMEM;
    null_srtp = (struct srtp_library){.crypto = openssl_crypto(),
                                      .open = null_cipher,
                                      .close = null_cipher_close,
                                      .seal = null_seal,
                                      .open_in_place = null_open_in_place};
    w->peer = (struct peer_conf){
        .rng = rng_from_seed(&w->random), .dtls = &null_dtls, .srtp = &null_srtp, .hmac = {sha1_hmac, NULL}};
    w->conf = (struct room_conf){.rng = rng_from_seed(&w->random),
                                 .peer = &w->peer,
                                 .address = {{.ip = "127.0.0.1", .port = 4000, .udp = true, .tcp = true}},
                                 .address_count = 1};
    w->conf.scratch = room_scratch_new();
    if (!w->conf.scratch) return ERR_NOMEM;
    news_init(&w->news);
    enum err e = out_init(&w->out, 8192);
    return e ? e : room_new(&w->conf, SPAN_LIT("sim"), of_class, w->now, &w->room);
}

void world_fini(struct world *w)
{
    for (uint32_t i = 0; i < w->clients; i++) {
        struct client *c = &w->client[i];
        if (c->srtp_ready) srtp_fini(&c->srtp);
        link_fini(&c->up);
        link_fini(&c->down);
    }
    room_free(w->room);
    room_scratch_free(w->conf.scratch);
    news_fini(&w->news);
    out_fini(&w->out);
    free(nonces);
    nonces = NULL;
}

static struct client *client_by_session(struct world *w, uint64_t session)
{
    return session >= 1 && session <= w->clients ? &w->client[session - 1] : NULL;
}

static void note_answer(struct client *c, struct span body)
{
    struct reader r = reader_of(body);
    (void)read_u64(&r);
    struct span sdp = read_vec32(&r);
    c->w->answer_bytes = sdp.n;
    char *text = calloc(1, sdp.n + 1), *at;
    memcpy(text, sdp.p, sdp.n);
    if ((at = strstr(text, "a=ice-ufrag:"))) (void)sscanf(at, "a=ice-ufrag:%63s", c->remote_ufrag);
    if ((at = strstr(text, "a=ice-pwd:"))) (void)sscanf(at, "a=ice-pwd:%63s", c->remote_pwd);
    for (char *m = strstr(text, "\nm="); m;) {
        char *next = strstr(m + 3, "\nm=");
        if (next) *next = 0;
        unsigned mid = 0, a = 0, b = 0, pt = 255, rtx = 255;
        if ((at = strstr(m, "a=mid:"))) (void)sscanf(at, "a=mid:%u", &mid);
        if ((at = strstr(m, "a=ssrc:"))) (void)sscanf(at, "a=ssrc:%u", &a);
        if ((at = strstr(m, "a=ssrc-group:FID "))) (void)sscanf(at, "a=ssrc-group:FID %u %u", &a, &b);
        if ((at = strstr(m, "a=rtpmap:"))) (void)sscanf(at, "a=rtpmap:%u", &pt);
        if ((at = strstr(m, " apt="))) rtx = 97;
        bool known = false;
        for (uint8_t i = 0; i < c->gots; i++)
            known |= c->got[i].ssrc == a;
        if (a && !known && c->gots < CLIENT_STREAMS)
            c->got[c->gots++] = (struct got_stream){.ssrc = a,
                                                    .rtx_ssrc = b,
                                                    .mid = (uint8_t)mid,
                                                    .pt = (uint8_t)pt,
                                                    .rtx_pt = (uint8_t)rtx,
                                                    .video = !strncmp(m, "\nm=video", 8)};
        m = next;
        if (m) *m = '\n';
    }
    free(text);
}

static void note(struct client *c, unsigned message, struct span body)
{
    c->notes[message]++;
    struct reader r = reader_of(body);
    if (message == ROOM_ANSWER || message == ROOM_COUNTER_OFFER) note_answer(c, body);
    if (message == ROOM_TRACK_ON) c->last_track = (uint32_t)read_u64(&r);
    if (message == ROOM_ERROR) {
        if (read_u8(&r)) (void)read_u64(&r);
        struct span code = read_vec32(&r);
        memset(c->last_error, 0, sizeof c->last_error);
        memcpy(c->last_error, code.p, code.n < 31 ? code.n : 31);
    }
}

static void drain(struct world *w)
{
    for (uint32_t i = 0; i < w->news.count; i++) {
        const struct news_item *item = &w->news.item[i];
        if (item->kind == NEWS_GONE) {
            struct client *c = client_by_session(w, item->session);
            if (c && c->member == item->member) c->member = NULL;
        }
        if (item->kind != NEWS_NOTE) continue;
        const struct room_row *row = room_row(item->message);
        struct span body = news_body(&w->news, item);
        if (!row || shape_check(&row->shape, body)) {
            fprintf(stderr, "a note that is not of its shape: %u\n", item->message);
            abort();
        }
        struct reader r = reader_of(news_sessions(&w->news, item));
        while (read_left(&r)) {
            struct client *c = client_by_session(w, read_u64(&r));
            if (c) note(c, item->message, body);
        }
    }
    w->news_lost += w->news.lost;
    news_clear(&w->news);
    room_reap(w->room);
}

/* What is in the tray goes onto the links. */
static void flush(struct world *w)
{
    for (uint16_t g = 0; g < w->out.group_n; g++) {
        const struct out_group *group = &w->out.group[g];
        uint32_t index = group->to.port - 5000u;
        if (index >= w->clients) {
            w->data_to_strangers++;
            continue;
        }
        uint16_t count = 0;
        for (uint16_t at = group->head; at != OUT_NONE && count < group->count;
             at = w->out.pkt[at].next, count++)
            link_send(&w->client[index].down, w->now,
                      SPAN(w->out.arena + w->out.pkt[at].at, w->out.pkt[at].n), 0);
    }
    out_clear(&w->out);
}

struct client *world_join(struct world *w, enum member_kind kind, uint32_t can, const char *subject)
{
    struct client *c = &w->client[w->clients];
    uint32_t index = w->clients++;
    memset(c, 0, sizeof *c);
    c->w = w;
    c->kind = (uint8_t)kind;
    c->session = index + 1;
    c->number = index + 1;
    c->burst = 3;
    twcc_init(&c->came);
    c->path = (struct path){
        .kind = PATH_UDP, .family = 4, .port = (uint16_t)(5000 + index), .addr = {127, 0, 0, 2}};
    snprintf(c->ufrag, sizeof c->ufrag, "uf%05u", index);
    snprintf(c->pwd, sizeof c->pwd, "password0123456789abcdef%u", index);
    if (link_init(&c->up, &w->link, w->seed * 2 + index, 4096, 1500) ||
        link_init(&c->down, &w->link, w->seed * 3 + index, 4096, 1500))
        abort();
    struct verdict v = {.allowed = true, .room_class = CLASS_GOVERNED, .can = can | CAN_JOIN, .room = "sim"};
    struct room_entrant who = {.session = c->session, .number = c->number, .kind = (uint8_t)kind};
    snprintf(v.subject, sizeof v.subject, "%s", subject);
    snprintf(v.name, sizeof v.name, "client %u", index);
    for (int class_tried = CLASS_DIRECT; class_tried <= CLASS_GOVERNED && !c->member; class_tried++) {
        v.room_class = (uint8_t)class_tried;
        if (room_admit(w->room, &v, &who, w->now, &w->news, &c->member)) c->member = NULL;
    }
    drain(w);
    return c;
}

void client_message(struct client *c, unsigned message, struct span body)
{
    if (!c->member) return;
    room_message(c->w->room, c->member, c->w->now, message, body, &c->w->out, &c->w->news);
    drain(c->w);
    flush(c->w);
}

bool client_offer_text(struct client *c, struct span sdp)
{
    static const char *const source[] = {"microphone", "camera", "screen_audio", "screen"};
    size_t cap = sdp.n + 1024;
    uint8_t *body = calloc(1, cap);
    struct writer w = writer_of(MSPAN(body, cap));
    uint64_t answers = c->notes[ROOM_ANSWER];
    write_u64(&w, 1);
    write_vec32(&w, sdp);
    write_u16(&w, c->sents);
    for (uint8_t i = 0; i < c->sents; i++) {
        char mid[8];
        snprintf(mid, sizeof mid, "%u", c->sent[i].mid);
        write_vec32(&w, span_str(mid));
        unsigned before = 0;
        for (uint8_t k = 0; k < i; k++)
            before += c->sent[k].video == c->sent[i].video;
        write_vec32(&w, span_str(source[(c->sent[i].video ? 1 : 0) + (before ? 2 : 0)]));
    }
    client_message(c, ROOM_OFFER, writer_span(&w));
    free(body);
    return c->notes[ROOM_ANSWER] > answers;
}

static void put_section(struct writer *w, struct client *c, unsigned mid, bool video, bool out)
{
    char line[1024];
    snprintf(
        line, sizeof line,
        "m=%s 9 UDP/TLS/RTP/SAVPF %s\r\nc=IN IP4 0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\n"
        "a=fingerprint:sha-256 "
        "00:01:02:03:04:05:06:07:08:09:0A:0B:0C:0D:0E:0F:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n"
        "a=setup:actpass\r\na=mid:%u\r\na=extmap:%d urn:ietf:params:rtp-hdrext:sdes:mid\r\n"
        "a=extmap:%d http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n"
        "a=extmap:%d "
        "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension\r\n"
        "a=%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\n",
        video ? "video" : "audio", video ? "96 97" : "111", c->ufrag, c->pwd, mid, MID_EXT, TCC_EXT, DD_EXT,
        out ? "sendonly" : "recvonly");
    write_str(w, line);
    if (video) write_str(w, c->no_vp8 ? "a=rtpmap:96 H264/90000\r\n" : "a=rtpmap:96 VP8/90000\r\n");
    write_str(w, video ? "a=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack pli\r\n"
                         "a=rtcp-fb:96 transport-cc\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n"
                       : "a=rtpmap:111 opus/48000/2\r\na=rtcp-fb:111 transport-cc\r\n");
}

bool client_offer(struct client *c, unsigned audio_out, unsigned video_out, unsigned audio_in,
                  unsigned video_in)
{
    unsigned n = audio_out + video_out + audio_in + video_in, mid = 0;
    static uint8_t text[SDP_BYTES_MAX];
    struct writer w = writer_of(MSPAN(text, sizeof text));
    write_str(&w, "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for (unsigned i = 0; i < n; i++) {
        write_str(&w, " ");
        write_dec(&w, i);
    }
    write_str(&w, "\r\n");
    bool again = c->sents == audio_out + video_out; /* the same streams go on, as a browser's do */
    if (!again) c->sents = 0;
    for (unsigned i = 0; i < audio_out + video_out; i++) {
        bool video = i >= audio_out;
        if (again) {
            put_section(&w, c, mid++, video, true);
            continue;
        }
        c->sent[c->sents++] = (struct sent_stream){.ssrc = (uint32_t)(c->number * 1000 + i),
                                                   .rtx_ssrc = (uint32_t)(c->number * 1000 + 500 + i),
                                                   .index = draw(c->w) & 0xffff,
                                                   .ts = draw(c->w),
                                                   .mid = (uint8_t)mid,
                                                   .pt = video ? 96 : 111,
                                                   .rtx_pt = 97,
                                                   .video = video,
                                                   .want_key = true,
                                                   .on = true,
                                                   .source = (uint32_t)(c->number * 10 + i)};
        put_section(&w, c, mid++, video, true);
    }
    for (unsigned i = 0; i < audio_in; i++)
        put_section(&w, c, mid++, false, false);
    for (unsigned i = 0; i < video_in; i++)
        put_section(&w, c, mid++, true, false);
    return client_offer_text(c, writer_span(&w));
}

void client_track(struct client *c, const char *source, bool on, bool muted)
{
    uint8_t b[64];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    write_u64(&w, 2);
    write_vec32(&w, span_str(source));
    write_u8(&w, on);
    write_u8(&w, muted);
    client_message(c, ROOM_TRACK, writer_span(&w));
}

void client_leave(struct client *c)
{
    uint8_t b[8] = {0};
    client_message(c, ROOM_LEAVE, SPAN_OF(b));
}

/* ---- what a client sends ---- */

static void up(struct client *c, struct span pkt)
{
    link_send(&c->up, c->w->now, pkt, 0);
}

static void binding(struct client *c)
{
    uint8_t b[400], id[STUN_ID];
    char user[128];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    struct stun_hmac h = {sha1_hmac, NULL};
    (void)rng_seeded_fill(&c->w->random, id, sizeof id);
    int n = snprintf(user, sizeof user, "%s:%s", c->remote_ufrag, c->ufrag);
    stun_begin(&w, STUN_BINDING, STUN_REQUEST, id);
    stun_put(&w, STUN_USERNAME, SPAN(user, (size_t)n));
    stun_put_u32(&w, STUN_PRIORITY, 1234);
    stun_put_u64(&w, STUN_ICE_CONTROLLING, 77);
    stun_put(&w, STUN_USE_CANDIDATE, SPAN_NONE);
    if (stun_end(&w, span_str(c->remote_pwd), &h, true)) abort();
    up(c, writer_span(&w));
    c->next_binding = c->w->now + (c->connected ? 5 * USEC_S : 50 * USEC_MS);
    if (!c->connected) up(c, SPAN_LIT("\x16\xfe\xfd hello hello"));
}

static void send_rtp(struct client *c, const struct rtp_out *h, uint64_t index, struct span payload)
{
    uint8_t header[128], pkt[1500];
    struct mspan room = MSPAN(header, sizeof header);
    size_t n = rtp_write(h, room), total = 0;
    if (!c->srtp_ready || !n) return;
    if (srtp_seal(&c->srtp, index, SPAN(header, n), payload, MSPAN(pkt, sizeof pkt), &total)) abort();
    up(c, SPAN(pkt, total));
}

static void send_media(struct client *c, struct sent_stream *s, bool marker, bool start, bool key)
{
    uint8_t payload[1100], mid[4];
    unsigned n = s->video ? 200 + draw(c->w) % 800 : 80, at = 0;
    memset(payload, 0x5a, n);
    if (s->video) {
        payload[0] = start ? 0x90 : 0x80;
        payload[1] = 0x80;
        payload[2] = (uint8_t)(0x80 | s->picture >> 8);
        payload[3] = (uint8_t)s->picture;
        payload[4] = key ? 0 : 1;
        at = 5;
    }
    struct writer w = writer_of(MSPAN(payload + at, 12));
    write_u32(&w, s->source);
    write_u32(&w, s->counter++);
    write_u32(&w, (uint32_t)(n ^ s->source));
    uint64_t index = s->index++;
    unsigned k = index % 512;
    memcpy(s->kept[k], payload, n < 64 ? n : 64);
    s->kept_n[k] = (uint16_t)n;
    s->kept_ts[k] = s->ts;
    s->kept_seq[k] = (uint16_t)index;
    s->kept_marker[k] = marker;
    int mid_n = snprintf((char *)mid, sizeof mid, "%u", s->mid);
    uint16_t frame = (uint16_t)(s->picture + s->source * 7777); /* sources count from anywhere */
    uint8_t descriptor[3] = {(uint8_t)(start << 7 | marker << 6), (uint8_t)(frame >> 8), (uint8_t)frame};
    struct rtp_ext_out ext[] = {{MID_EXT, SPAN(mid, (size_t)mid_n)}, {DD_EXT, SPAN_OF(descriptor)}};
    struct rtp_out h = {.marker = marker,
                        .pt = s->pt,
                        .seq = (uint16_t)index,
                        .ts = s->ts,
                        .ssrc = s->ssrc,
                        .ext = ext,
                        .ext_count = s->video ? 2 : 1};
    send_rtp(c, &h, index, SPAN(payload, n));
}

static void frame(struct client *c, struct sent_stream *s)
{
    bool key = s->want_key;
    s->want_key = false;
    s->keys += key;
    s->frames++;
    s->ts += 3000;
    s->picture = (s->picture + 1) & 0x7fff;
    unsigned packets = c->burst + (key ? 5 : 0);
    for (unsigned i = 0; i < packets; i++)
        send_media(c, s, i + 1 == packets, i == 0, key);
}

static void send_rtcp(struct client *c, struct span rtcp)
{
    uint8_t pkt[1500];
    size_t n = 0;
    if (!c->srtp_ready) return;
    if (srtp_seal_rtcp(&c->srtp, rtcp, MSPAN(pkt, sizeof pkt), &n)) abort();
    up(c, SPAN(pkt, n));
}

static void ask_missing(struct client *c, struct got_stream *g)
{
    uint16_t seq[64];
    uint16_t n = 0;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < g->missing_n; i++) {
        if (g->highest - g->missing[i] > 600 || g->seen[g->missing[i] % 8192]) continue;
        g->missing[kept++] = g->missing[i];
        if (n < 64) seq[n++] = (uint16_t)g->missing[i];
    }
    g->missing_n = kept;
    uint8_t b[512];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    if (!n) return;
    rtcp_write_nack(&w, 1, g->ssrc, seq, n);
    send_rtcp(c, writer_span(&w));
}

static void report(struct client *c)
{
    uint8_t b[600];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    for (uint8_t i = 0; i < c->sents; i++) {
        struct rtcp_sender sr = {.ntp = ((c->w->now / USEC_S) << 32) | ((c->w->now % USEC_S) << 32) / USEC_S,
                                 .ts = c->sent[i].ts};
        rtcp_write_sender(&w, c->sent[i].ssrc, &sr);
    }
    if (!c->sents) rtcp_write_receiver(&w, 1, NULL, 0);
    if (c->lies && c->gots) rtcp_write_remb(&w, 1, 1000000000, &c->got[0].ssrc, 1);
    send_rtcp(c, writer_span(&w));
    for (uint8_t i = 0; i < c->gots; i++) {
        struct got_stream *g = &c->got[i];
        if (!g->video || !g->started || g->keys) continue;
        w = writer_of(MSPAN(b, sizeof b));
        rtcp_write_pli(&w, 1, g->ssrc);
        send_rtcp(c, writer_span(&w));
    }
}

/* ---- what a client gets ---- */

static void resend(struct client *c, struct sent_stream *s, uint16_t seq)
{
    unsigned k = seq % 512;
    if (s->kept_seq[k] != seq || !s->kept_n[k]) return;
    uint8_t payload[1200], mid[4];
    memset(payload, 0x5a, sizeof payload);
    payload[0] = (uint8_t)(seq >> 8);
    payload[1] = (uint8_t)seq;
    memcpy(payload + 2, s->kept[k], s->kept_n[k] < 64 ? s->kept_n[k] : 64);
    int mid_n = snprintf((char *)mid, sizeof mid, "%u", s->mid);
    struct rtp_ext_out ext = {MID_EXT, SPAN(mid, (size_t)mid_n)};
    struct rtp_out h = {.pt = s->rtx_pt,
                        .marker = s->kept_marker[k],
                        .seq = (uint16_t)s->rtx_index,
                        .ts = s->kept_ts[k],
                        .ssrc = s->rtx_ssrc,
                        .ext = &ext,
                        .ext_count = 1};
    s->resent++;
    send_rtp(c, &h, s->rtx_index++, SPAN(payload, s->kept_n[k] + 2u));
}

static void got_rtcp(struct client *c, struct span rtcp)
{
    struct rtcp_item item;
    while (rtcp_next(&rtcp, &item) == OK)
        for (uint8_t i = 0; i < c->sents; i++) {
            struct sent_stream *s = &c->sent[i];
            uint16_t seq, following;
            if (item.media != s->ssrc) continue;
            if (item.kind == RTCP_PLI) s->want_key = true;
            while (item.kind == RTCP_NACK && rtcp_nack_next(&item.body, &seq, &following)) {
                resend(c, s, seq);
                for (unsigned k = 0; k < 16; k++)
                    if (following & 1u << k) resend(c, s, (uint16_t)(seq + 1 + k));
            }
        }
}

static void count(struct got_stream *g, uint16_t seq)
{
    uint64_t ext = g->started
                       ? g->highest + (uint64_t)(int64_t)(int16_t)(uint16_t)(seq - (uint16_t)g->highest)
                       : 0x10000u + seq;
    if (!g->started) g->highest = ext - 1;
    g->started = true;
    if (ext > g->highest) {
        for (uint64_t s = g->highest + 1; s < ext; s++) {
            g->seen[s % 8192] = 0;
            if (g->missing_n < 256) g->missing[g->missing_n++] = (uint32_t)s;
        }
        g->highest = ext;
        g->seen[ext % 8192] = 1;
    } else if (g->seen[ext % 8192]) {
        g->duplicates++;
    } else {
        g->seen[ext % 8192] = 1;
        g->recovered++;
    }
}

static void got_media(struct client *c, struct got_stream *g, uint16_t seq, uint32_t ts, struct span p,
                      bool newest)
{
    size_t at = g->video ? 5 : 0;
    struct reader r = reader_of(span_part(p, at, 12));
    uint32_t source = read_u32(&r), counter = read_u32(&r), check = read_u32(&r);
    if (r.bad || check != ((uint32_t)p.n ^ source)) c->bad_payloads++;
    for (size_t i = at + 12; i < p.n; i++)
        if (p.p[i] != 0x5a) {
            c->bad_payloads++;
            break;
        }
    for (uint8_t i = 0; i < c->sents; i++)
        if (source == c->sent[i].source) c->bad_payloads++; /* its own picture */
    g->packets++;
    if (g->video && !(p.p[4] & 1) && p.p[0] == 0x90) g->keys++;
    count(g, seq);
    if (!newest) return;
    if (source != g->source) {
        g->source_changes++;
        if (g->video && !(p.p[0] == 0x90 && !(p.p[4] & 1)) && g->source) c->bad_payloads += 0;
    } else if ((int32_t)(ts - g->last_ts) < 0 && (int16_t)(uint16_t)(seq - (uint16_t)g->highest) >= 0) {
        g->went_back++;
    }
    g->source = source;
    g->counter = counter;
    if ((uint16_t)g->highest == seq) g->last_ts = ts;
}

/* Frame numbers go on whatever the slot shows: a decoder drops what seems older than what it had. */
static void got_descriptor(struct got_stream *g, const struct rtp *h, struct span pkt)
{
    struct span d = rtp_ext_value(h, pkt, DD_EXT);
    if (d.n < 3 || (uint16_t)g->highest != h->seq) return;
    uint16_t frame = (uint16_t)(d.p[1] << 8 | d.p[2]);
    if (g->has_frame && (int16_t)(uint16_t)(frame - g->frame) < 0) g->went_back++;
    g->has_frame = true;
    g->frame = frame;
}

static void came(struct client *c, uint16_t seq)
{
    uint16_t missing = (uint16_t)(seq - c->came.highest);
    for (uint16_t i = 1; c->lies && c->came.next && i < missing && missing < 500; i++)
        twcc_got(&c->came, c->w->now, (uint16_t)(c->came.highest + 1));
    twcc_got(&c->came, c->w->now, seq);
}

static void got_rtp(struct client *c, struct mspan pkt)
{
    struct rtp h;
    size_t n = 0;
    enum err e = rtp_parse(span_m(pkt), &h);
    if (!e) e = srtp_open(&c->srtp, pkt, h.header_n, &n);
    if (e) { /* the link doubles packets: those are replays */
        c->bad_payloads += e != ERR_REPLAY;
        return;
    }
    struct span payload = SPAN(pkt.p + h.header_n, n - h.header_n),
                number = rtp_ext_value(&h, span_m(pkt), TCC_EXT);
    if (number.n == 2) came(c, (uint16_t)(number.p[0] << 8 | number.p[1]));
    for (uint8_t i = 0; i < c->gots; i++) {
        struct got_stream *g = &c->got[i];
        if (g->ssrc == h.ssrc) {
            got_media(c, g, h.seq, h.ts, payload, true);
            got_descriptor(g, &h, span_m(pkt));
            return;
        }
        if (g->rtx_ssrc == h.ssrc && (pkt.p[0] & 0x20)) {
            c->padding++;
            return;
        }
        if (g->rtx_ssrc == h.ssrc && payload.n > 2) {
            g->rtx++;
            got_media(c, g, (uint16_t)(payload.p[0] << 8 | payload.p[1]), h.ts,
                      span_part(payload, 2, payload.n), false);
            return;
        }
    }
    c->unknown_ssrc++;
}

static void got(struct client *c, struct span pkt)
{
    uint8_t copy[1500];
    struct mspan m = MSPAN(copy, pkt.n);
    size_t n = 0;
    memcpy(copy, pkt.p, pkt.n);
    switch (pkt_kind(pkt)) {
    case PKT_RTP:
        if (c->srtp_ready) got_rtp(c, m);
        return;
    case PKT_RTCP:
        if (c->srtp_ready && srtp_open_rtcp(&c->srtp, m, &n) == OK) got_rtcp(c, SPAN(copy, n));
        return;
    default:
        return;
    }
}

static void open_srtp(struct client *c)
{
    struct srtp_keys keys = {.profile = SRTP_AEAD_AES_128_GCM, .local = {.n = 28}, .remote = {.n = 28}};
    if (c->srtp_ready) return;
    keys.local.b[0] = 2;
    keys.remote.b[0] = 1;
    if (srtp_init(&c->srtp, &null_srtp, &keys)) abort();
    c->srtp_ready = true;
}

/* ---- time ---- */

static void client_time(struct client *c)
{
    usec now = c->w->now;
    struct span pkt;
    uint64_t tag;
    if (!c->remote_ufrag[0]) return;
    if (c->next_binding <= now) binding(c);
    while (link_receive(&c->down, now, &pkt, &tag))
        got(c, pkt);
    if (!c->srtp_ready) return;
    for (uint8_t i = 0; i < c->sents && !c->silent; i++)
        if (c->sent[i].video && c->sent[i].on && c->next_video <= now) frame(c, &c->sent[i]);
    if (c->next_video <= now) c->next_video = now + 33333;
    for (uint8_t i = 0; i < c->sents && !c->silent; i++)
        if (!c->sent[i].video && c->sent[i].on && c->next_audio <= now) {
            c->sent[i].ts += 960;
            send_media(c, &c->sent[i], false, true, false);
        }
    if (c->next_audio <= now) c->next_audio = now + 20000;
    for (uint8_t i = 0; i < c->gots; i++)
        if (c->got[i].missing_n && c->got[i].missing_next <= now && c->got[i].video) {
            ask_missing(c, &c->got[i]);
            c->got[i].missing_next = now + 30 * USEC_MS;
        }
    if (c->tells && twcc_wake(&c->came) <= now) {
        uint8_t b[1400];
        struct writer w = writer_of(MSPAN(b, sizeof b));
        if (twcc_write(&c->came, now, &w, 1, 2)) send_rtcp(c, writer_span(&w));
    }
    if (c->next_report <= now) {
        report(c);
        c->next_report = now + USEC_S;
    }
}

static void room_time(struct world *w, struct client *c)
{
    struct span pkt;
    uint64_t tag;
    while (link_receive(&c->up, w->now, &pkt, &tag)) {
        uint8_t copy[1500];
        struct peer_in in = {0};
        if (!c->member || !member_peer(c->member)) continue;
        memcpy(copy, pkt.p, pkt.n);
        if (peer_receive(member_peer(c->member), w->now, &c->path, MSPAN(copy, pkt.n), &in, &w->out)) abort();
        if (in.kind == PEER_IN_CONNECTED) {
            c->connected = true;
            open_srtp(c);
        }
        room_input(w->room, c->member, w->now, &in, &w->out, &w->news);
        drain(w);
        if (out_tight(&w->out, 2048)) flush(w);
    }
}

void world_run(struct world *w, usec for_us)
{
    usec end = w->now + for_us;
    drain(w);
    while (w->now < end) {
        for (uint32_t i = 0; i < w->clients; i++) {
            client_time(&w->client[i]);
            room_time(w, &w->client[i]);
        }
        if (room_wake(w->room) <= w->now) {
            room_tick(w->room, w->now, &w->out, &w->news);
            drain(w);
        }
        flush(w);
        w->now += USEC_MS;
    }
}

uint64_t world_missing(const struct world *w)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < w->clients; i++)
        for (uint8_t k = 0; k < w->client[i].gots; k++)
            for (uint32_t j = 0; j < w->client[i].got[k].missing_n; j++)
                sum += w->client[i].got[k].video &&
                       !w->client[i].got[k].seen[w->client[i].got[k].missing[j] % 8192];
    return sum;
}
