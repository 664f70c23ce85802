/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/call.h"

#include "guest/openssl_crypto.h"
#include "guest/openssl_dtls.h"
#include "guest/openssl_srtp.h"
#include "io/clock.h"
#include "io/tcp.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/sockaddr.h"

#define BINDING_US (500 * USEC_MS)

static struct dtls_identity *identity;
static struct srtp_library library;

usec call_now(void)
{
    return clock_now();
}

static enum err sha1(void *ctx, struct span key, const struct span *parts, size_t count, uint8_t *out)
{
    const struct crypto *c = ctx;
    return c->hmac(c->ctx, CRYPTO_SHA1, key, parts, count, out);
}

static struct stun_hmac hmac(void)
{
    return (struct stun_hmac){sha1, (void *)(uintptr_t)openssl_crypto()};
}

int http_request(const char *http, const char *method, const char *path, const char *headers,
                 struct span body, char *out, size_t n, char *location)
{
    static char text[300000];
    struct path to;
    struct sockaddr_storage a;
    if (address_parse(http, &to)) return -1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    struct timeval limit = {.tv_sec = 10};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sockaddr_of(&to, &a)) < 0) {
        close(fd);
        return -1;
    }
    int head = snprintf(text, sizeof text,
                        "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nContent-Length: %zu\r\n%s\r\n",
                        method, path, http, body.n, headers);
    if (body.n) memcpy(text + head, body.p, body.n);
    for (size_t at = 0, all = (size_t)head + body.n; at < all;) {
        ssize_t w = send(fd, text + at, all - at, MSG_NOSIGNAL);
        if (w <= 0) break;
        at += (size_t)w;
    }
    size_t got = 0;
    for (ssize_t r; got < sizeof text - 1 && (r = recv(fd, text + got, sizeof text - 1 - got, 0)) > 0;)
        got += (size_t)r;
    close(fd);
    text[got] = 0;
    int status = -1;
    const char *end = strstr(text, "\r\n\r\n"), *l = strcasestr(text, "\r\nLocation: ");
    if (sscanf(text, "HTTP/1.1 %d", &status) != 1 || !end) return -1;
    if (location && l && l < end) sscanf(l + 12, "%255[^\r]", location);
    if (out) snprintf(out, n, "%s", end + 4);
    return status;
}

static void random_text(char *to, size_t n)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    struct rng rng = clock_rng();
    uint8_t b[32];
    if (rng_fill(&rng, b, n)) abort();
    for (size_t i = 0; i < n; i++)
        to[i] = letters[b[i] & 63];
    to[n] = 0;
}

static size_t write_offer(const struct call *c, const struct call_conf *conf, char *sdp, size_t n)
{
    uint8_t hash[32];
    char print[100];
    size_t at = 0;
    openssl_dtls()->fingerprint(identity, hash);
    for (unsigned i = 0; i < 32; i++)
        snprintf(print + 3 * i, 4, "%02X:", hash[i]);
    print[95] = 0;
    at += (size_t)snprintf(sdp, n, "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE");
    for (unsigned i = 0; i < conf->audio + conf->video; i++)
        at += (size_t)snprintf(sdp + at, n - at, " %u", i);
    at += (size_t)snprintf(sdp + at, n - at, "\r\n");
    for (unsigned i = 0; i < conf->audio + conf->video; i++) {
        bool audio = i < conf->audio;
        at +=
            (size_t)snprintf(sdp + at, n - at,
                             "m=%s 9 UDP/TLS/RTP/SAVPF %u%s\r\nc=IN IP4 "
                             "0.0.0.0\r\na=ice-ufrag:%s\r\na=ice-pwd:%s\r\na=fingerprint:sha-256 %s\r\n"
                             "a=setup:active\r\na=mid:%u\r\na=%s\r\na=rtcp-mux\r\na=rtcp-rsize\r\na=extmap:4 "
                             "urn:ietf:params:rtp-hdrext:sdes:mid\r\n%s",
                             audio ? "audio" : "video", audio ? 111u : 96u, audio ? "" : " 97",
                             c->local_ufrag, c->local_pwd, print, i, conf->publish ? "sendonly" : "recvonly",
                             audio ? "a=rtpmap:111 opus/48000/2\r\n"
                                   : "a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 nack\r\na=rtcp-fb:96 nack "
                                     "pli\r\na=rtcp-fb:96 ccm fir\r\n"
                                     "a=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n");
        if (conf->publish)
            at +=
                (size_t)snprintf(sdp + at, n - at, "a=msid:s t%u\r\na=ssrc:%u cname:rig\r\n", i, c->ssrc[i]);
    }
    return at;
}

static bool line_value(const char *sdp, const char *name, char *to, size_t n)
{
    const char *l = strstr(sdp, name);
    if (!l) return false;
    l += strlen(name);
    size_t length = strcspn(l, "\r\n");
    if (length >= n) return false;
    memcpy(to, l, length);
    to[length] = 0;
    return true;
}

static bool take_answer(struct call *c, const char *sdp)
{
    char candidate[200], print[200], ip[64], address[100];
    unsigned port;
    struct dtls_fingerprint f = {.hash_n = 32};
    if (!line_value(sdp, "a=ice-ufrag:", c->remote_ufrag, sizeof c->remote_ufrag) ||
        !line_value(sdp, "a=ice-pwd:", c->remote_pwd, sizeof c->remote_pwd) ||
        !line_value(sdp, "a=fingerprint:sha-256 ", print, sizeof print))
        return false;
    for (const char *at = strstr(sdp, "a=candidate:"); at; at = strstr(at + 1, "a=candidate:"))
        if (line_value(at, "a=candidate:", candidate, sizeof candidate) &&
            sscanf(candidate, "%*s 1 %*[uU]%*[dD]%*[pP] %*u %63s %u typ host", ip, &port) == 2 &&
            strchr(ip, '.')) {
            snprintf(address, sizeof address, "%s:%u", ip, port);
            break;
        }
    if (address_parse(address, &c->server)) return false;
    for (unsigned i = 0; i < 32; i++)
        f.hash[i] = (uint8_t)strtoul(print + 3 * i, NULL, 16);
    return openssl_dtls()->open(identity, DTLS_CLIENT, &f, call_now(), &c->dtls) == OK;
}

int call_open(struct call *c, const struct call_conf *conf)
{
    static char offer[60000], answer[200000];
    char path[200];
    struct path at = {.family = 4};
    char bind_at[64];
    memset(c, 0, sizeof *c);
    if (!identity) {
        if (openssl_dtls_identity(&identity)) return -1;
        library = openssl_srtp(openssl_crypto());
    }
    snprintf(bind_at, sizeof bind_at, "%s:0", conf->bind ? conf->bind : "127.0.0.1");
    if (address_parse(bind_at, &at) || udp_bind(&at, &c->fd) || udp_bound(c->fd, &c->own) ||
        out_init(&c->out, 64))
        return -1;
    random_text(c->local_ufrag, 8);
    random_text(c->local_pwd, 24);
    c->mark = conf->mark;
    for (unsigned i = 0; i < 4; i++) {
        c->ssrc[i] =
            (conf->ssrc ? conf->ssrc : 0x10000000u * (1 + conf->mark % 14u) + (uint32_t)c->own.port) + i;
        c->index[i] = 1000;
    }
    size_t n = write_offer(c, conf, offer, sizeof offer);
    snprintf(path, sizeof path, "/%s/%s", conf->publish ? "whip" : "whep", conf->room);
    int status = http_request(conf->http, "POST", path, "Content-Type: application/sdp\r\n", SPAN(offer, n),
                              answer, sizeof answer, c->location);
    if (status != 201) return status;
    return take_answer(c, answer) ? 0 : -1;
}

void call_close(struct call *c, const char *http)
{
    if (c->location[0]) {
        const char *path = strstr(c->location, "//");
        path = path ? strchr(path + 2, '/') : c->location;
        if (path) (void)http_request(http, "DELETE", path, "", SPAN_NONE, NULL, 0, NULL);
    }
    openssl_dtls()->close(c->dtls);
    if (c->up) srtp_fini(&c->srtp);
    out_fini(&c->out);
    close(c->fd);
    c->fd = -1;
}

void call_raw(struct call *c, struct span pkt)
{
    struct sockaddr_storage a;
    socklen_t n = sockaddr_of(&c->server, &a);
    (void)sendto(c->fd, pkt.p, pkt.n, MSG_DONTWAIT, (struct sockaddr *)&a, n);
}

static void flush(struct call *c)
{
    for (uint16_t i = 0; i < c->out.pkt_n; i++)
        call_raw(c, SPAN(c->out.arena + c->out.pkt[i].at, c->out.pkt[i].n));
    out_clear(&c->out);
}

static void send_binding(struct call *c)
{
    uint8_t bytes[300], id[12];
    char name[100];
    struct rng rng = clock_rng();
    struct stun_hmac h = hmac();
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    if (rng_fill(&rng, id, sizeof id)) return;
    snprintf(name, sizeof name, "%s:%s", c->remote_ufrag, c->local_ufrag);
    stun_begin(&w, STUN_BINDING, STUN_REQUEST, id);
    stun_put(&w, STUN_USERNAME, span_str(name));
    stun_put_u32(&w, STUN_PRIORITY, 1845501695);
    stun_put_u64(&w, STUN_ICE_CONTROLLING, 1);
    stun_put(&w, STUN_USE_CANDIDATE, SPAN_NONE);
    if (!stun_end(&w, span_str(c->remote_pwd), &h, true)) call_raw(c, writer_span(&w));
}

static struct call_track *track_of(struct call *c, uint32_t ssrc)
{
    for (unsigned i = 0; i < c->tracks; i++)
        if (c->track[i].ssrc == ssrc) return &c->track[i];
    if (c->tracks == CALL_SSRCS) return NULL;
    c->track[c->tracks] = (struct call_track){.ssrc = ssrc};
    return &c->track[c->tracks++];
}

static void take_rtp(struct call *c, usec now, struct mspan pkt)
{
    struct rtp h;
    size_t n;
    if (rtp_parse(span_m(pkt), &h) || srtp_open(&c->srtp, pkt, h.header_n, &n)) return;
    if (rtp_padding(SPAN(pkt.p, n), &h)) return;
    if (h.pt == 97) return; /* retransmissions stand on their own SSRC */
    struct call_track *t = track_of(c, h.ssrc);
    if (!t) return;
    if (t->packets) {
        int16_t ahead = (int16_t)(h.seq - t->next);
        if (ahead > 0) t->lost += (uint64_t)ahead;
        if (ahead < 0) t->duplicates++;
        if (now - t->last > t->longest_gap) t->longest_gap = now - t->last;
    }
    t->next = (uint16_t)(h.seq + 1);
    t->last = c->last_packet = now;
    t->packets++;
    t->pt = h.pt;
    size_t payload = n - h.header_n - h.padding;
    const uint8_t *p = pkt.p + h.header_n;
    if (payload > 16 && memcmp(p + payload - 4, "RIG!", 4) == 0)
        t->marks |= 1u << (p[payload - 5] & 31);
    else
        t->foreign++;
}

static void take_rtcp(struct call *c, struct mspan pkt)
{
    size_t n;
    if (srtp_open_rtcp(&c->srtp, pkt, &n)) return;
    c->rtcp++;
    for (size_t at = 0; at + 4 <= n;) {
        size_t length = 4 * (1 + (size_t)(pkt.p[at + 2] << 8 | pkt.p[at + 3]));
        c->plis += pkt.p[at + 1] == 206 && ((pkt.p[at] & 31) == 1 || (pkt.p[at] & 31) == 4);
        c->nacks += pkt.p[at + 1] == 205 && (pkt.p[at] & 31) == 1;
        at += length;
    }
}

static void take(struct call *c, usec now, struct mspan pkt)
{
    struct span data;
    switch (pkt_kind(span_m(pkt))) {
    case PKT_DTLS:
        if (openssl_dtls()->receive(c->dtls, now, span_m(pkt), &c->server, NULL, &c->out, &data)) break;
        if (openssl_dtls()->state(c->dtls) == DTLS_CONNECTED && !c->up) {
            struct srtp_keys k;
            c->up = !openssl_dtls()->keys(c->dtls, &k) && !srtp_init(&c->srtp, &library, &k);
            c->up_at = now;
        }
        if (openssl_dtls()->state(c->dtls) >= DTLS_CLOSED) c->ended = true;
        break;
    case PKT_RTP:
        if (c->up) take_rtp(c, now, pkt);
        break;
    case PKT_RTCP:
        if (c->up) take_rtcp(c, pkt);
        break;
    case PKT_STUN: /* an answer: the path works, DTLS may begin */
        if (openssl_dtls()->state(c->dtls) == DTLS_NEW)
            openssl_dtls()->tick(c->dtls, now, &c->server, NULL, &c->out);
        break;
    default:
        break;
    }
}

void call_turn(struct call *c, usec now)
{
    uint8_t bytes[2048];
    for (ssize_t n; (n = recv(c->fd, bytes, sizeof bytes, MSG_DONTWAIT)) > 0;)
        take(c, now, MSPAN(bytes, (size_t)n));
    if (!c->stopped_binding && now >= c->binding_at) {
        send_binding(c);
        c->binding_at = now + (c->up ? BINDING_US : 50 * USEC_MS);
    }
    if (openssl_dtls()->state(c->dtls) == DTLS_HANDSHAKE)
        openssl_dtls()->tick(c->dtls, now, &c->server, NULL, &c->out);
    flush(c);
}

void call_sealed(struct call *c, uint64_t index, struct span header, struct span payload)
{
    uint8_t room[OUT_PKT_MAX];
    size_t n;
    if (c->up && !srtp_seal(&c->srtp, index, header, payload, MSPAN(room, sizeof room), &n))
        call_raw(c, SPAN(room, n));
}

void call_rtcp(struct call *c, struct span rtcp)
{
    uint8_t room[OUT_PKT_MAX];
    size_t n;
    if (c->up && !srtp_seal_rtcp(&c->srtp, rtcp, MSPAN(room, sizeof room), &n)) call_raw(c, SPAN(room, n));
}

void call_send(struct call *c, unsigned s, uint32_t ts, size_t n, bool marker, bool key)
{
    uint8_t head[32], body[1300] = {0};
    struct rtp_out h = {.marker = marker,
                        .pt = s == 0 ? 111 : 96,
                        .seq = (uint16_t)c->index[s],
                        .ts = ts,
                        .ssrc = c->ssrc[s]};
    if (n < 24) n = 24;
    if (s) { /* VP8: descriptor with the start bit, then the frame tag (RFC 7741 section 4.3) */
        body[0] = 0x10;
        body[1] = key ? 0 : 1;
        if (key) memcpy(body + 4, "\x9d\x01\x2a\x40\x01\xf0\x00", 7);
    }
    body[n - 5] = c->mark;
    memcpy(body + n - 4, "RIG!", 4);
    size_t head_n = rtp_write(&h, MSPAN(head, sizeof head));
    call_sealed(c, c->index[s]++, SPAN(head, head_n), SPAN(body, n));
}
