/* SPDX-License-Identifier: Apache-2.0 */
#include "core/srtp.h"

#include "base/mem.h"
#include "base/secret.h"

#define TAG_GCM   16
#define TAG_SHA1  10
#define RTCP_HEAD 8 /* the part of SRTCP that is never encrypted */
#define RTCP_WORD 4 /* E bit and index */
#define WINDOW    128
#define FIRST_MAX 1500 /* bytes of a packet that is tried twice */
#define E_BIT     0x80000000u

enum { LABEL_RTP = 0, LABEL_RTCP = 3 }; /* RFC 3711 section 4.3.1: cipher, then authentication, then salt */

struct sizes {
    uint8_t key, salt, auth;
};
static bool sizes_of(enum srtp_profile p, struct sizes *s)
{
    switch (p) {
    case SRTP_AES128_CM_SHA1_80:
        *s = (struct sizes){16, 14, 20};
        return true;
    case SRTP_AEAD_AES_128_GCM:
        *s = (struct sizes){16, 12, 0};
        return true;
    case SRTP_AEAD_AES_256_GCM:
        *s = (struct sizes){32, 12, 0};
        return true;
    default:
        return false;
    }
}
static bool is_aead(const struct srtp *s)
{
    return s->profile != SRTP_AES128_CM_SHA1_80;
}

/* n bytes of the key derivation of RFC 3711 section 4.3 (RFC 7714 section 11 for the 12-byte salt). */
static enum err derive(const struct srtp_library *l, const struct sizes *z, const struct secret *master,
                       uint8_t label, struct mspan out)
{
    uint8_t iv[16] = {0}, zero[32] = {0};
    memcpy(iv, master->b + z->key, z->salt);
    iv[7] ^= label;
    return l->crypto->aes_ctr(l->crypto->ctx, SPAN(master->b, z->key), SPAN_OF(iv), SPAN(zero, out.n), out.p);
}

static enum err open_cipher(struct srtp *s, const struct secret *master, uint8_t label,
                            struct srtp_cipher **cipher, uint8_t salt[14])
{
    struct sizes z;
    uint8_t key[32], auth[20];
    if (!sizes_of(s->profile, &z)) return ERR_UNSUPPORTED;
    if (master->n != z.key + z.salt) return ERR_RANGE;
    enum err e = derive(s->library, &z, master, label, MSPAN(key, z.key));
    if (!e && z.auth) e = derive(s->library, &z, master, (uint8_t)(label + 1), MSPAN(auth, z.auth));
    if (!e) e = derive(s->library, &z, master, (uint8_t)(label + 2), MSPAN(salt, z.salt));
    if (!e) {
        *cipher = s->library->open(s->profile, SPAN(key, z.key), SPAN(auth, z.auth));
        if (!*cipher) e = ERR_CRYPTO;
    }
    secret_wipe(key, sizeof key);
    secret_wipe(auth, sizeof auth);
    return e;
}

enum err srtp_init(struct srtp *s, const struct srtp_library *library, const struct srtp_keys *keys)
{
    memset(s, 0, sizeof *s);
    s->library = library;
    s->profile = keys->profile;
    enum err e = open_cipher(s, &keys->local, LABEL_RTP, &s->send_rtp, s->salt_send_rtp);
    if (!e) e = open_cipher(s, &keys->local, LABEL_RTCP, &s->send_rtcp, s->salt_send_rtcp);
    if (!e) e = open_cipher(s, &keys->remote, LABEL_RTP, &s->open_rtp, s->salt_open_rtp);
    if (!e) e = open_cipher(s, &keys->remote, LABEL_RTCP, &s->open_rtcp, s->salt_open_rtcp);
    if (e) srtp_fini(s);
    return e;
}

void srtp_fini(struct srtp *s)
{
    if (s->library) {
        struct srtp_cipher *all[] = {s->send_rtp, s->send_rtcp, s->open_rtp, s->open_rtcp};
        for (size_t i = 0; i < COUNT_OF(all); i++)
            if (all[i]) s->library->close(all[i]);
    }
    mem_free(s->stream);
    secret_wipe(s, sizeof *s);
}

/* ---- initialisation vectors ---- */

static void put_be(uint8_t *p, uint64_t v, size_t n)
{
    for (size_t i = n; i-- > 0; v >>= 8)
        p[i] ^= (uint8_t)v;
}

/* RFC 7714 sections 8.1 and 9.1: for RTCP the index stands in the last four bytes. */
static void iv_gcm(uint8_t iv[12], const uint8_t salt[14], uint32_t ssrc, uint64_t index)
{
    memcpy(iv, salt, 12);
    put_be(iv + 2, ssrc, 4);
    put_be(iv + 6, index, 6);
}
/* RFC 3711 section 4.1.1. */
static void iv_cm(uint8_t iv[16], const uint8_t salt[14], uint32_t ssrc, uint64_t index)
{
    memcpy(iv, salt, 14);
    iv[14] = iv[15] = 0;
    put_be(iv + 4, ssrc, 4);
    put_be(iv + 8, index, 6);
}

static uint32_t read_be32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}
static void store_be32(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 24);
    p[1] = (uint8_t)(v >> 16);
    p[2] = (uint8_t)(v >> 8);
    p[3] = (uint8_t)v;
}

/* ---- streams ---- */

static struct srtp_stream *stream_of(struct srtp *s, uint32_t ssrc)
{
    for (uint8_t i = 0; i < s->stream_count; i++)
        if (s->stream[i].ssrc == ssrc) return &s->stream[i];
    return NULL;
}

/* A new stream for an SSRC whose packet has just authenticated. */
static struct srtp_stream *stream_add(struct srtp *s, uint32_t ssrc)
{
    if (s->stream_count == s->stream_size) {
        uint8_t size = s->stream_size ? (uint8_t)(s->stream_size * 2) : 4;
        if (size > SRTP_SSRCS_MAX) return NULL;
        struct srtp_stream *p = mem_resize(s->stream, size, sizeof *p);
        if (!p) return NULL;
        s->stream = p;
        s->stream_size = size;
    }
    s->stream[s->stream_count] = (struct srtp_stream){.ssrc = ssrc};
    return &s->stream[s->stream_count++];
}

uint64_t srtp_index(const struct srtp_stream *st, uint16_t seq)
{
    uint64_t roc = st->roc;
    if (st->highest < 0x8000) {
        if (seq > st->highest && (unsigned)(seq - st->highest) > 0x8000 && roc > 0) roc--;
    } else if (seq < st->highest - 0x8000) {
        roc++;
    }
    return (roc & 0xffffffffu) << 16 | seq;
}

static uint64_t newest(const struct srtp_stream *st)
{
    return (uint64_t)st->roc << 16 | st->highest;
}

/* RFC 3711 section 3.3.2. */
static bool replayed(const struct srtp_stream *st, uint64_t index)
{
    uint64_t top = newest(st);
    if (index > top) return false;
    uint64_t behind = top - index;
    if (behind >= WINDOW) return true;
    return st->seen[behind / 64] >> behind % 64 & 1;
}

static void mark(struct srtp_stream *st, uint64_t index)
{
    uint64_t top = newest(st);
    if (!st->rtp) {
        st->rtp = true;
        st->seen[0] = 1;
        st->seen[1] = 0;
    } else if (index > top) {
        uint64_t by = index - top;
        if (by >= WINDOW) {
            st->seen[0] = st->seen[1] = 0;
        } else if (by >= 64) {
            st->seen[1] = by == 64 ? st->seen[0] : st->seen[0] << (by - 64);
            st->seen[0] = 0;
        } else {
            st->seen[1] = st->seen[1] << by | st->seen[0] >> (64 - by);
            st->seen[0] <<= by;
        }
        st->seen[0] |= 1;
    } else {
        st->seen[(top - index) / 64] |= UINT64_C(1) << (top - index) % 64;
        return;
    }
    st->roc = (uint32_t)(index >> 16);
    st->highest = (uint16_t)index;
}

/* ---- RTP ---- */

static enum err open_gcm(struct srtp *s, struct mspan pkt, size_t header_n, uint32_t ssrc, uint64_t index,
                         size_t *n)
{
    uint8_t iv[12];
    if (pkt.n < header_n + TAG_GCM) return ERR_SHORT;
    iv_gcm(iv, s->salt_open_rtp, ssrc, index);
    *n = pkt.n - TAG_GCM;
    return s->library->open_in_place(s->open_rtp, iv, SPAN(pkt.p, header_n),
                                     MSPAN(pkt.p + header_n, pkt.n - header_n));
}

static enum err open_cm(struct srtp *s, struct mspan pkt, size_t header_n, uint32_t ssrc, uint64_t index,
                        size_t *n)
{
    uint8_t tag[20], roc[4], iv[16];
    if (pkt.n < header_n + TAG_SHA1) return ERR_SHORT;
    size_t end = pkt.n - TAG_SHA1;
    store_be32(roc, (uint32_t)(index >> 16));
    enum err e = s->library->mac(s->open_rtp, SPAN(pkt.p, end), SPAN_OF(roc), tag);
    if (e) return e;
    if (!secret_equal(SPAN(tag, TAG_SHA1), SPAN(pkt.p + end, TAG_SHA1))) return ERR_AUTH;
    iv_cm(iv, s->salt_open_rtp, ssrc, index);
    *n = end;
    return s->library->count(s->open_rtp, iv, SPAN(pkt.p + header_n, end - header_n), pkt.p + header_n);
}

static enum err open_at(struct srtp *s, struct mspan pkt, size_t header_n, uint32_t ssrc, uint64_t index,
                        size_t *n)
{
    return is_aead(s) ? open_gcm(s, pkt, header_n, ssrc, index, n)
                      : open_cm(s, pkt, header_n, ssrc, index, n);
}

/* A source's first packet. Its roll-over counter is 0, or 1 when those before its first wrap were lost: some
 * senders begin at any number, and without the second guess nothing of them would ever open. */
static enum err open_first(struct srtp *s, struct mspan pkt, size_t header_n, uint32_t ssrc, uint64_t *index,
                           size_t *n)
{
    uint8_t copy[FIRST_MAX];
    bool again = *index < 0x8000 && pkt.n <= sizeof copy;
    if (s->stream_count == SRTP_SSRCS_MAX && !stream_of(s, ssrc))
        return ERR_FULL; /* before any work for it */
    if (again) memcpy(copy, pkt.p, pkt.n);
    enum err e = open_at(s, pkt, header_n, ssrc, *index, n);
    if (e != ERR_AUTH || !again) return e;
    memcpy(pkt.p, copy, pkt.n);
    *index |= 1u << 16;
    return open_at(s, pkt, header_n, ssrc, *index, n);
}

enum err srtp_open(struct srtp *s, struct mspan pkt, size_t header_n, size_t *n)
{
    size_t length = 0;
    if (pkt.n < 12 || header_n < 12 || header_n > pkt.n) return ERR_SHORT;
    uint32_t ssrc = read_be32(pkt.p + 8);
    uint16_t seq = (uint16_t)(pkt.p[2] << 8 | pkt.p[3]);
    struct srtp_stream *st = stream_of(s, ssrc);
    bool known = st && st->rtp;
    uint64_t index = known ? srtp_index(st, seq) : seq;
    if (known && replayed(st, index)) return ERR_REPLAY;
    enum err e = known ? open_at(s, pkt, header_n, ssrc, index, &length)
                       : open_first(s, pkt, header_n, ssrc, &index, &length);
    if (e) return e;
    if (!st) st = stream_add(s, ssrc);
    if (!st) return ERR_NOMEM;
    mark(st, index);
    *n = length;
    return OK;
}

enum err srtp_seal(struct srtp *s, uint64_t index, struct span header, struct span payload, struct mspan room,
                   size_t *n)
{
    uint8_t iv[16];
    size_t tag_n = is_aead(s) ? TAG_GCM : TAG_SHA1, all = header.n + payload.n;
    if (header.n < 12) return ERR_SHORT;
    if (room.n < all + tag_n) return ERR_FULL;
    uint32_t ssrc = read_be32(header.p + 8);
    enum err e;
    memcpy(room.p, header.p, header.n);
    if (is_aead(s)) {
        iv_gcm(iv, s->salt_send_rtp, ssrc, index);
        e = s->library->seal(s->send_rtp, iv, SPAN(room.p, header.n), payload, room.p + header.n);
    } else {
        uint8_t tag[20], roc[4];
        iv_cm(iv, s->salt_send_rtp, ssrc, index);
        store_be32(roc, (uint32_t)(index >> 16));
        e = s->library->count(s->send_rtp, iv, payload, room.p + header.n);
        if (!e) e = s->library->mac(s->send_rtp, SPAN(room.p, all), SPAN_OF(roc), tag);
        if (!e) memcpy(room.p + all, tag, TAG_SHA1);
    }
    if (!e) *n = all + tag_n;
    return e;
}

/* ---- RTCP ---- */

static bool rtcp_replayed(const struct srtp_stream *st, uint32_t index)
{
    if (!st || !st->rtcp || index > st->rtcp_highest) return false;
    uint64_t behind = st->rtcp_highest - index;
    return behind >= 64 || (st->rtcp_seen >> behind & 1);
}

static void rtcp_mark(struct srtp_stream *st, uint32_t index)
{
    if (!st->rtcp) {
        st->rtcp_seen = 1;
    } else if (index > st->rtcp_highest) {
        uint64_t by = index - st->rtcp_highest;
        st->rtcp_seen = by >= 64 ? 1 : st->rtcp_seen << by | 1;
    } else {
        st->rtcp_seen |= UINT64_C(1) << (st->rtcp_highest - index);
        return;
    }
    st->rtcp = true;
    st->rtcp_highest = index;
}

static enum err open_rtcp_gcm(struct srtp *s, struct mspan pkt, uint32_t ssrc, uint32_t word, size_t *n)
{
    uint8_t iv[12], aad[RTCP_HEAD + RTCP_WORD];
    size_t end = pkt.n - RTCP_WORD;
    iv_gcm(iv, s->salt_open_rtcp, ssrc, word & ~E_BIT);
    memcpy(aad, pkt.p, RTCP_HEAD);
    store_be32(aad + RTCP_HEAD, word);
    *n = end - TAG_GCM;
    return s->library->open_in_place(s->open_rtcp, iv, SPAN_OF(aad),
                                     MSPAN(pkt.p + RTCP_HEAD, end - RTCP_HEAD));
}

static enum err open_rtcp_cm(struct srtp *s, struct mspan pkt, uint32_t ssrc, uint32_t word, size_t *n)
{
    uint8_t tag[20], iv[16];
    size_t end = pkt.n - TAG_SHA1, body = end - RTCP_WORD;
    enum err e = s->library->mac(s->open_rtcp, SPAN(pkt.p, end), SPAN_NONE, tag);
    if (e) return e;
    if (!secret_equal(SPAN(tag, TAG_SHA1), SPAN(pkt.p + end, TAG_SHA1))) return ERR_AUTH;
    iv_cm(iv, s->salt_open_rtcp, ssrc, word & ~E_BIT);
    *n = body;
    return s->library->count(s->open_rtcp, iv, SPAN(pkt.p + RTCP_HEAD, body - RTCP_HEAD), pkt.p + RTCP_HEAD);
}

enum err srtp_open_rtcp(struct srtp *s, struct mspan pkt, size_t *n)
{
    size_t tag_n = is_aead(s) ? TAG_GCM : TAG_SHA1, length = 0;
    if (pkt.n < RTCP_HEAD + RTCP_WORD + tag_n) return ERR_SHORT;
    uint32_t ssrc = read_be32(pkt.p + 4);
    uint32_t word = read_be32(pkt.p + pkt.n - RTCP_WORD - (is_aead(s) ? 0 : TAG_SHA1));
    if (!(word & E_BIT)) return ERR_FORMAT;
    struct srtp_stream *st = stream_of(s, ssrc);
    if (rtcp_replayed(st, word & ~E_BIT)) return ERR_REPLAY;
    if (!st && s->stream_count == SRTP_SSRCS_MAX) return ERR_FULL;
    enum err e =
        is_aead(s) ? open_rtcp_gcm(s, pkt, ssrc, word, &length) : open_rtcp_cm(s, pkt, ssrc, word, &length);
    if (e) return e;
    if (!st) st = stream_add(s, ssrc);
    if (!st) return ERR_NOMEM;
    rtcp_mark(st, word & ~E_BIT);
    st->rtcp = true;
    *n = length;
    return OK;
}

enum err srtp_seal_rtcp(struct srtp *s, struct span rtcp, struct mspan room, size_t *n)
{
    size_t tag_n = is_aead(s) ? TAG_GCM : TAG_SHA1;
    uint8_t iv[16], word[4];
    if (rtcp.n < RTCP_HEAD) return ERR_SHORT;
    if (room.n < rtcp.n + tag_n + RTCP_WORD) return ERR_FULL;
    if (s->send_rtcp_index >= E_BIT - 1) return ERR_STATE;
    uint32_t index = ++s->send_rtcp_index, ssrc = read_be32(rtcp.p + 4);
    struct span body = SPAN(rtcp.p + RTCP_HEAD, rtcp.n - RTCP_HEAD);
    enum err e;
    store_be32(word, index | E_BIT);
    memcpy(room.p, rtcp.p, RTCP_HEAD);
    if (is_aead(s)) {
        uint8_t aad[RTCP_HEAD + RTCP_WORD];
        memcpy(aad, rtcp.p, RTCP_HEAD);
        memcpy(aad + RTCP_HEAD, word, RTCP_WORD);
        iv_gcm(iv, s->salt_send_rtcp, ssrc, index);
        e = s->library->seal(s->send_rtcp, iv, SPAN_OF(aad), body, room.p + RTCP_HEAD);
        if (!e) memcpy(room.p + rtcp.n + TAG_GCM, word, RTCP_WORD);
    } else {
        uint8_t tag[20];
        iv_cm(iv, s->salt_send_rtcp, ssrc, index);
        e = s->library->count(s->send_rtcp, iv, body, room.p + RTCP_HEAD);
        memcpy(room.p + rtcp.n, word, RTCP_WORD);
        if (!e) e = s->library->mac(s->send_rtcp, SPAN(room.p, rtcp.n + RTCP_WORD), SPAN_NONE, tag);
        if (!e) memcpy(room.p + rtcp.n + RTCP_WORD, tag, TAG_SHA1);
    }
    if (!e) *n = rtcp.n + tag_n + RTCP_WORD;
    return e;
}
