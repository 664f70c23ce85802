/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/sdp.h"

#include "base/read.h"

static const char *const codec_names[CODEC_COUNT] = {"", "opus", "red", "VP8", "VP9", "AV1", "H264", "rtx"};
static const char *const ext_uris[EXT_COUNT] = {
    "urn:ietf:params:rtp-hdrext:sdes:mid",
    "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
    "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time",
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01",
    "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
    "urn:3gpp:video-orientation",
    "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension",
    "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time",
};

const char *codec_name(enum codec c)
{
    return c < CODEC_COUNT ? codec_names[c] : "";
}

const char *ext_uri(enum ext e)
{
    return e < EXT_COUNT ? ext_uris[e] : "";
}

const struct sdp_codec *sdp_codec_of(const struct sdp_media *m, uint8_t pt)
{
    for (uint8_t i = 0; i < m->codecs; i++)
        if (m->codec[i].pt == pt) return &m->codec[i];
    return NULL;
}

const struct sdp_codec *sdp_rtx_of(const struct sdp_media *m, uint8_t pt)
{
    for (uint8_t i = 0; i < m->codecs; i++)
        if (m->codec[i].codec == CODEC_RTX && m->codec[i].mapped && m->codec[i].apt == pt)
            return &m->codec[i];
    return NULL;
}

/* ---- words ---- */

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static bool same_word(struct span a, const char *b)
{
    size_t n = strlen(b);
    if (a.n != n) return false;
    for (size_t i = 0; i < n; i++)
        if (lower(a.p[i]) != lower((uint8_t)b[i])) return false;
    return true;
}

/* Cuts the text up to the first `stop` off the front of rest; the whole rest when there is none. */
static struct span cut(struct span *rest, uint8_t stop)
{
    const uint8_t *at = rest->n ? memchr(rest->p, stop, rest->n) : NULL;
    struct span word = SPAN(rest->p, at ? (size_t)(at - rest->p) : rest->n);
    *rest = at ? SPAN(at + 1, rest->n - word.n - 1) : SPAN_NONE;
    return word;
}

static bool starts(struct span s, const char *with, struct span *rest)
{
    size_t n = strlen(with);
    if (s.n < n || memcmp(s.p, with, n) != 0) return false;
    *rest = SPAN(s.p + n, s.n - n);
    return true;
}

/* Decimal digits only, no sign, no blank, at most max. */
static bool number(struct span s, uint64_t max, uint64_t *v)
{
    uint64_t sum = 0;
    if (s.n == 0 || s.n > 20) return false;
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] < '0' || s.p[i] > '9') return false;
        uint64_t digit = (uint64_t)(s.p[i] - '0');
        if (sum > (max - digit) / 10 && sum * 10 + digit > max) return false;
        sum = sum * 10 + digit;
        if (sum > max) return false;
    }
    *v = sum;
    return true;
}

static bool is_alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (lower(c) >= 'a' && lower(c) <= 'z');
}

/* RFC 8866 token characters. */
static bool is_token(struct span s, size_t max)
{
    if (s.n == 0 || s.n > max) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && !strchr("!#$%&'*+-.^_`{|}~", s.p[i])) return false;
    return true;
}

static bool is_ice_text(struct span s, size_t min, size_t max)
{
    if (s.n < min || s.n > max) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '+' && s.p[i] != '/' && s.p[i] != '-' && s.p[i] != '_')
            return false;
    return true;
}

static bool is_rid(struct span s)
{
    if (s.n == 0 || s.n > 16) return false;
    for (size_t i = 0; i < s.n; i++)
        if (!is_alnum(s.p[i]) && s.p[i] != '-' && s.p[i] != '_') return false;
    return true;
}

static int hex(uint8_t c)
{
    c = lower(c);
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* ---- lines ---- */

struct parse {
    struct sdp sdp;
    struct arena *arena;
    struct sdp_media *m; /* the section we are in; NULL: session level */
    const char *why;
    enum err e;
    uint8_t session_direction;
    struct span rid_send[SDP_RIDS_MAX]; /* declared with a=rid … send, of this section */
    uint8_t rid_sends;
    struct span simulcast; /* its list of sent ones */
    bool simulcast_seen;
};

static void fail(struct parse *p, enum err e, const char *why)
{
    if (p->e) return;
    p->e = e;
    p->why = why;
}

/* The next line without its end; refuses control characters. */
static bool next_line(struct parse *p, struct span *rest, struct span *line)
{
    if (rest->n == 0 || p->e) return false;
    *line = cut(rest, '\n');
    if (line->n && line->p[line->n - 1] == '\r') line->n--;
    if (line->n > SDP_LINE_MAX) fail(p, ERR_LIMIT, "A line of the offer is too long.");
    for (size_t i = 0; i < line->n && !p->e; i++)
        if ((line->p[i] < 0x20 && line->p[i] != '\t') || line->p[i] == 0x7f)
            fail(p, ERR_FORMAT, "The offer holds control characters.");
    if (!p->e && (line->n < 2 || line->p[1] != '=' || line->p[0] < 'a' || line->p[0] > 'z'))
        fail(p, ERR_FORMAT, "A line of the offer is not of the form x=….");
    return !p->e;
}

static struct sdp_transport *transport_of(struct parse *p)
{
    return p->m ? &p->m->transport : &p->sdp.transport;
}

static void on_fingerprint(struct parse *p, struct span v)
{
    struct sdp_transport *t = transport_of(p);
    struct span hash = cut(&v, ' ');
    struct sdp_fingerprint f = {.hash = same_word(hash, "sha-256")   ? SDP_SHA256
                                        : same_word(hash, "sha-384") ? SDP_SHA384
                                        : same_word(hash, "sha-512") ? SDP_SHA512
                                                                     : 0};
    f.n = f.hash == SDP_SHA256 ? 32 : f.hash == SDP_SHA384 ? 48 : 64;
    if (!f.hash) {
        t->weak_fingerprint = true;
        return;
    }
    bool ok = v.n == (size_t)f.n * 3 - 1;
    for (size_t i = 0; i < f.n && ok; i++) {
        int high = hex(v.p[i * 3]), low = hex(v.p[i * 3 + 1]);
        ok = high >= 0 && low >= 0 && (i + 1 == f.n || v.p[i * 3 + 2] == ':');
        f.b[i] = (uint8_t)(((unsigned)high << 4 | (unsigned)low) & 0xff);
    }
    if (!ok)
        fail(p, ERR_FORMAT, "The certificate fingerprint in the offer is malformed.");
    else if (!t->fingerprint.hash)
        t->fingerprint = f;
}

static void on_setup(struct parse *p, struct span v)
{
    struct sdp_transport *t = transport_of(p);
    t->setup = same_word(v, "actpass")   ? SDP_ACTPASS
               : same_word(v, "active")  ? SDP_ACTIVE
               : same_word(v, "passive") ? SDP_PASSIVE
                                         : SDP_SETUP_NONE;
    if (!t->setup) fail(p, ERR_FORMAT, "The offer's setup attribute is none of actpass, active, passive.");
}

/* Attributes that stand at session or section level. True when it was one. */
static bool transport_attribute(struct parse *p, struct span name, struct span v)
{
    struct sdp_transport *t = transport_of(p);
    if (same_word(name, "ice-ufrag")) {
        if (!is_ice_text(v, 4, 256)) fail(p, ERR_FORMAT, "The ICE user name in the offer is malformed.");
        t->ufrag = v;
    } else if (same_word(name, "ice-pwd")) {
        if (!is_ice_text(v, 22, 256)) fail(p, ERR_FORMAT, "The ICE password in the offer is malformed.");
        t->pwd = v;
    } else if (same_word(name, "fingerprint")) {
        on_fingerprint(p, v);
    } else if (same_word(name, "setup")) {
        on_setup(p, v);
    } else {
        return false;
    }
    return true;
}

static bool direction_of(struct span name, uint8_t *way)
{
    static const struct {
        const char *name;
        uint8_t value;
    } rows[] = {
        {"sendrecv", SDP_BOTH}, {"sendonly", SDP_SEND}, {"recvonly", SDP_RECV}, {"inactive", SDP_INACTIVE}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (same_word(name, rows[i].name)) {
            *way = rows[i].value;
            return true;
        }
    return false;
}

static bool direction_attribute(struct parse *p, struct span name)
{
    return direction_of(name, p->m ? &p->m->direction : &p->session_direction);
}

static struct sdp_codec *codec_of(struct parse *p, struct span pt)
{
    uint64_t v;
    if (!number(pt, 127, &v)) {
        fail(p, ERR_RANGE, "A payload type in the offer is not a number from 0 to 127.");
        return NULL;
    }
    for (uint8_t i = 0; i < p->m->codecs; i++)
        if (p->m->codec[i].pt == v) return &p->m->codec[i];
    return NULL; /* a stray line: Firefox leaves them after setCodecPreferences */
}

static uint8_t codec_by_name(const struct sdp_media *m, struct span name, uint64_t hz, uint64_t channels)
{
    if (m->kind == SDP_AUDIO) {
        if (hz != 48000) return CODEC_OTHER;
        if (same_word(name, "opus")) return channels == 2 ? CODEC_OPUS : CODEC_OTHER;
        return same_word(name, "red") ? CODEC_RED : CODEC_OTHER;
    }
    if (m->kind != SDP_VIDEO || hz != 90000) return CODEC_OTHER;
    static const uint8_t video[] = {CODEC_VP8, CODEC_VP9, CODEC_AV1, CODEC_H264, CODEC_RTX};
    for (size_t i = 0; i < sizeof video; i++)
        if (same_word(name, codec_names[video[i]])) return video[i];
    return CODEC_OTHER;
}

static void on_rtpmap(struct parse *p, struct span v)
{
    struct span pt = cut(&v, ' '), name = cut(&v, '/'), hz = cut(&v, '/');
    struct sdp_codec *c = codec_of(p, pt);
    uint64_t clock, channels = 1;
    if (!is_token(name, 64) || !number(hz, 1000000, &clock) || clock == 0 ||
        (v.n && !number(v, 255, &channels))) {
        fail(p, ERR_FORMAT, "An rtpmap line of the offer is malformed.");
        return;
    }
    if (!c) return;
    if (c->mapped) {
        fail(p, ERR_FORMAT, "The offer maps a payload type twice.");
        return;
    }
    c->mapped = true;
    c->clock_hz = (uint32_t)clock;
    c->channels = (uint8_t)channels;
    c->codec = codec_by_name(p->m, name, clock, channels);
    if (c->pt >= 64 && c->pt < 96) c->codec = CODEC_OTHER; /* would look like RTCP, RFC 5761 section 4 */
}

/* Looks at one `name=value` of a format's parameters. */
static void on_parameter(struct sdp_codec *c, struct span name, struct span v)
{
    uint64_t n;
    if (same_word(name, "apt") && number(v, 127, &n)) c->apt = (uint8_t)n;
    if ((same_word(name, "profile-id") || same_word(name, "profile")) && number(v, 15, &n))
        c->profile = (uint8_t)n;
    if (same_word(name, "packetization-mode") && number(v, 2, &n)) c->mode = (uint8_t)n;
    if (same_word(name, "profile-level-id") && v.n == 6) {
        int digit[4];
        for (size_t i = 0; i < 4; i++)
            digit[i] = hex(v.p[i]);
        if (digit[0] < 0 || digit[1] < 0 || digit[2] < 0 || digit[3] < 0) return;
        c->profile = (uint8_t)(digit[0] << 4 | digit[1]);
        c->constraints = (uint8_t)(digit[2] << 4 | digit[3]);
    }
}

static void on_fmtp(struct parse *p, struct span v)
{
    struct span pt = cut(&v, ' ');
    struct sdp_codec *c = codec_of(p, pt);
    if (!c || v.n == 0) return;
    if (c->fmtp.n || v.n > 1024) {
        fail(p, ERR_FORMAT, "The offer describes a format twice or at too great length.");
        return;
    }
    c->fmtp = v;
    while (v.n) {
        struct span value = cut(&v, ';');
        while (value.n && value.p[0] == ' ')
            value = span_part(value, 1, value.n);
        struct span name = cut(&value, '=');
        on_parameter(c, name, value);
    }
}

static void on_feedback(struct parse *p, struct span v)
{
    static const struct {
        const char *text;
        uint8_t bit;
    } rows[] = {{"nack", SDP_NACK},
                {"nack pli", SDP_NACK_PLI},
                {"ccm fir", SDP_CCM_FIR},
                {"goog-remb", SDP_REMB},
                {"transport-cc", SDP_TRANSPORT_CC}};
    struct span pt = cut(&v, ' ');
    bool all = pt.n == 1 && pt.p[0] == '*';
    struct sdp_codec *c = all ? NULL : codec_of(p, pt);
    uint8_t bit = 0;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (same_word(v, rows[i].text)) bit = rows[i].bit;
    if (c) c->feedback |= bit;
    for (uint8_t i = 0; all && i < p->m->codecs; i++)
        p->m->codec[i].feedback |= bit;
}

static void on_extmap(struct parse *p, struct span v)
{
    struct span id_text = cut(&v, ' '), uri = cut(&v, ' ');
    struct span id_word = cut(&id_text, '/');
    uint64_t id;
    if (!number(id_word, 255, &id) || id == 0 || id == 15 || uri.n == 0) {
        fail(p, ERR_RANGE, "A header extension of the offer has no possible number.");
        return;
    }
    uint8_t way = SDP_BOTH;
    if (id_text.n && !direction_of(id_text, &way))
        fail(p, ERR_FORMAT, "A header extension of the offer has no direction we know.");
    for (int e = 0; e < EXT_COUNT; e++) {
        if (p->m->ext[e] == id && !span_equal(uri, span_str(ext_uris[e])))
            fail(p, ERR_FORMAT, "The offer uses the number of a header extension twice.");
        if (p->m->ext[e] == 0 && span_equal(uri, span_str(ext_uris[e]))) {
            p->m->ext[e] = (uint8_t)id;
            p->m->ext_way[e] = way;
        }
    }
}

static void on_rid(struct parse *p, struct span v)
{
    struct span id = cut(&v, ' '), way = cut(&v, ' ');
    if (!is_rid(id) || (!same_word(way, "send") && !same_word(way, "recv"))) {
        fail(p, ERR_FORMAT, "A rid line of the offer is malformed.");
        return;
    }
    if (!same_word(way, "send")) return;
    for (uint8_t i = 0; i < p->rid_sends; i++)
        if (span_equal(p->rid_send[i], id)) fail(p, ERR_FORMAT, "The offer declares a rid twice.");
    if (p->rid_sends == SDP_RIDS_MAX)
        fail(p, ERR_LIMIT, "The offer has too many simulcast layers.");
    else
        p->rid_send[p->rid_sends++] = id;
}

static void on_simulcast(struct parse *p, struct span v)
{
    if (p->simulcast_seen) fail(p, ERR_FORMAT, "The offer describes simulcast twice in one section.");
    p->simulcast_seen = true;
    while (v.n) {
        struct span way = cut(&v, ' ');
        if (way.n == 0) continue;
        struct span list = cut(&v, ' ');
        if (list.n == 0 || (!same_word(way, "send") && !same_word(way, "recv")))
            fail(p, ERR_FORMAT, "The simulcast line of the offer is malformed.");
        else if (same_word(way, "send"))
            p->simulcast = list;
    }
}

static void on_ssrc(struct parse *p, struct span v)
{
    struct span id = cut(&v, ' ');
    struct sdp_media *m = p->m;
    uint64_t ssrc;
    if (!number(id, UINT32_MAX, &ssrc)) {
        fail(p, ERR_RANGE, "An ssrc line of the offer is malformed.");
        return;
    }
    for (uint8_t i = 0; i < m->ssrcs; i++)
        if (m->ssrc[i] == ssrc) return;
    if (m->ssrcs == SDP_SSRCS_MAX)
        fail(p, ERR_LIMIT, "A section of the offer has too many ssrc lines.");
    else
        m->ssrc[m->ssrcs++] = (uint32_t)ssrc;
}

static void on_ssrc_group(struct parse *p, struct span v)
{
    struct span semantics = cut(&v, ' '), first = cut(&v, ' '), second = cut(&v, ' ');
    uint64_t a, b;
    if (!same_word(semantics, "FID") || p->m->fid[0]) return;
    if (!number(first, UINT32_MAX, &a) || !number(second, UINT32_MAX, &b) || a == b) {
        fail(p, ERR_FORMAT, "An ssrc-group line of the offer is malformed.");
        return;
    }
    p->m->fid[0] = (uint32_t)a;
    p->m->fid[1] = (uint32_t)b;
}

static void on_mid(struct parse *p, struct span v)
{
    if (!is_token(v, SDP_MID_MAX) || p->m->mid.n) {
        fail(p, ERR_FORMAT, "A mid of the offer is malformed, longer than 16 characters or doubled.");
        return;
    }
    for (uint16_t i = 0; i + 1 < p->sdp.count; i++)
        if (span_equal(p->sdp.media[i].mid, v))
            fail(p, ERR_FORMAT, "Two sections of the offer have the same mid.");
    p->m->mid = v;
}

static void section_attribute(struct parse *p, struct span name, struct span v)
{
    static const struct {
        const char *name;
        void (*act)(struct parse *p, struct span v);
    } rows[] = {{"rtpmap", on_rtpmap},    {"fmtp", on_fmtp},
                {"rtcp-fb", on_feedback}, {"extmap", on_extmap},
                {"rid", on_rid},          {"simulcast", on_simulcast},
                {"ssrc", on_ssrc},        {"ssrc-group", on_ssrc_group},
                {"mid", on_mid}};
    struct sdp_media *m = p->m;
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (same_word(name, rows[i].name)) {
            bool media = m->kind == SDP_AUDIO || m->kind == SDP_VIDEO;
            if (media || rows[i].act == on_mid) rows[i].act(p, v);
            return;
        }
    if (same_word(name, "rtcp-mux")) m->rtcp_mux = true;
    if (same_word(name, "rtcp-rsize")) m->rtcp_rsize = true;
    if (same_word(name, "extmap-allow-mixed")) m->allow_mixed = true;
    if (same_word(name, "crypto")) m->crypto = true;
    if (same_word(name, "bundle-only")) m->rejected = false;
}

static void on_group(struct parse *p, struct span v)
{
    struct span semantics = cut(&v, ' ');
    if (!same_word(semantics, "BUNDLE")) return;
    if (p->sdp.bundle)
        fail(p, ERR_FORMAT, "The offer has more than one bundle; incamera wants one connection.");
    p->sdp.bundle = true;
    p->sdp.bundle_mids = v;
}

static void on_attribute(struct parse *p, struct span v)
{
    struct span name = cut(&v, ':');
    if (transport_attribute(p, name, v) || direction_attribute(p, name)) return;
    if (p->m) {
        section_attribute(p, name, v);
    } else {
        if (same_word(name, "group")) on_group(p, v);
        if (same_word(name, "ice-lite")) p->sdp.ice_lite = true;
        if (same_word(name, "extmap-allow-mixed")) p->sdp.allow_mixed = true;
    }
}

/* ---- sections ---- */

/* Brings the simulcast layers of the section that ends here into their order. */
static void end_section(struct parse *p)
{
    struct sdp_media *m = p->m;
    struct span list = p->simulcast;
    while (m && list.n && !p->e) {
        struct span alternatives = cut(&list, ';'), rid = cut(&alternatives, ',');
        if (rid.n && rid.p[0] == '~') rid = span_part(rid, 1, rid.n);
        bool declared = false, doubled = false;
        for (uint8_t i = 0; i < p->rid_sends; i++)
            declared |= span_equal(rid, p->rid_send[i]);
        for (uint8_t i = 0; i < m->rids; i++)
            doubled |= span_equal(rid, m->rid[i]);
        if (!declared || doubled || m->rids == SDP_RIDS_MAX)
            fail(p, ERR_FORMAT, "The simulcast line names a rid that is not declared, or one twice.");
        else
            m->rid[m->rids++] = rid;
    }
    if (m) m->simulcast = m->rids;
    p->rid_sends = 0;
    p->simulcast = SPAN_NONE;
    p->simulcast_seen = false;
}

static void read_formats(struct parse *p, struct span formats)
{
    struct sdp_media *m = p->m;
    m->codec = arena_take(p->arena, SDP_CODECS_MAX, sizeof *m->codec);
    if (!m->codec) {
        fail(p, ERR_LIMIT, "The offer is too large.");
        return;
    }
    while (formats.n && !p->e) {
        struct span word = cut(&formats, ' ');
        uint64_t pt;
        if (!number(word, 127, &pt) || sdp_codec_of(m, (uint8_t)pt)) {
            fail(p, ERR_RANGE,
                 "A payload type in the offer is not a number from 0 to 127, or stands there twice.");
        } else if (m->codecs == SDP_CODECS_MAX) {
            fail(p, ERR_LIMIT, "A section of the offer lists too many formats.");
        } else {
            m->codec[m->codecs++] = (struct sdp_codec){.pt = (uint8_t)pt, .apt = 255};
        }
    }
    /* the unused rest goes back: most sections list few formats */
    p->arena->n -= (size_t)(SDP_CODECS_MAX - m->codecs) * sizeof *m->codec;
}

static void on_media(struct parse *p, struct span v)
{
    end_section(p);
    if (p->sdp.count == SDP_SECTIONS_MAX) {
        fail(p, ERR_LIMIT, "The offer has too many sections.");
        return;
    }
    struct sdp_media *m = &p->sdp.media[p->sdp.count];
    struct span kind = cut(&v, ' '), port_text = cut(&v, ' '), proto = cut(&v, ' ');
    uint64_t port;
    *m = (struct sdp_media){
        .order = p->sdp.count++, .direction = p->session_direction, .proto = proto, .formats = v};
    p->m = m;
    m->kind_text = kind;
    m->kind = same_word(kind, "audio")         ? SDP_AUDIO
              : same_word(kind, "video")       ? SDP_VIDEO
              : same_word(kind, "application") ? SDP_APPLICATION
                                               : SDP_OTHER_KIND;
    if (!is_token(kind, 16) || !number(port_text, 65535, &port) || proto.n == 0 || proto.n > 64 || v.n == 0) {
        fail(p, ERR_FORMAT, "An m line of the offer is malformed.");
        return;
    }
    m->rejected = port == 0;
    if (m->kind == SDP_AUDIO || m->kind == SDP_VIDEO) read_formats(p, v);
}

/* ---- the whole ---- */

static bool secure(struct span proto)
{
    return same_word(proto, "UDP/TLS/RTP/SAVPF") || same_word(proto, "TCP/TLS/RTP/SAVPF") ||
           same_word(proto, "TCP/DTLS/RTP/SAVPF") || same_word(proto, "UDP/TLS/RTP/SAVP") ||
           same_word(proto, "RTP/SAVPF");
}

/* Marks the bundled sections; every mid of the group must be a section's, once. */
static void mark_bundle(struct parse *p)
{
    struct span mids = p->sdp.bundle_mids;
    while (mids.n && !p->e) {
        struct span mid = cut(&mids, ' ');
        struct sdp_media *found = NULL;
        for (uint16_t i = 0; i < p->sdp.count; i++)
            if (mid.n && span_equal(p->sdp.media[i].mid, mid)) found = &p->sdp.media[i];
        if (!found || found->bundled)
            fail(p, ERR_FORMAT, "The bundle names a section that is not there, or one twice.");
        else
            found->bundled = true;
    }
}

static void check_section(struct parse *p, const struct sdp_media *m, uint16_t live)
{
    if (m->rejected || p->e) return;
    if (m->mid.n == 0 && (p->sdp.bundle || live > 1))
        fail(p, ERR_FORMAT, "A section of the offer has no mid.");
    if (!m->bundled && (p->sdp.bundle || live > 1))
        fail(p, ERR_FORMAT, "The offer does not bundle all its sections; incamera uses one connection.");
    if (m->kind != SDP_AUDIO && m->kind != SDP_VIDEO) return;
    if (!secure(m->proto)) fail(p, ERR_FORMAT, "The offer has a section without encryption.");
    if (m->crypto)
        fail(p, ERR_FORMAT, "The offer sends keys in the description (SDES); incamera takes DTLS-SRTP only.");
    if (!m->rtcp_mux) fail(p, ERR_FORMAT, "The offer has a section without rtcp-mux.");
}

static bool transport_complete(struct parse *p, const struct sdp_transport *t)
{
    if (!t->ufrag.n || !t->pwd.n)
        fail(p, ERR_FORMAT, "The offer has no ICE user name and password.");
    else if (!t->fingerprint.hash)
        fail(p, ERR_FORMAT,
             t->weak_fingerprint
                 ? "The offer's certificate fingerprint is too weak; incamera takes sha-256 and better."
                 : "The offer has no certificate fingerprint.");
    else if (!t->setup)
        fail(p, ERR_FORMAT, "The offer does not say who starts DTLS (setup).");
    return !p->e;
}

/* The transport of the bundle's first living section, completed by the session's. */
static void choose_transport(struct parse *p)
{
    const struct sdp_media *first = NULL;
    struct span mids = p->sdp.bundle_mids;
    while (mids.n && !first) {
        struct span mid = cut(&mids, ' ');
        for (uint16_t i = 0; i < p->sdp.count; i++)
            if (span_equal(p->sdp.media[i].mid, mid) && !p->sdp.media[i].rejected) first = &p->sdp.media[i];
    }
    for (uint16_t i = 0; i < p->sdp.count && !first; i++)
        if (!p->sdp.media[i].rejected) first = &p->sdp.media[i];
    if (!first) {
        fail(p, ERR_FORMAT, "The offer has no section to talk about.");
        return;
    }
    struct sdp_transport *t = &p->sdp.transport;
    if (first->transport.ufrag.n) t->ufrag = first->transport.ufrag;
    if (first->transport.pwd.n) t->pwd = first->transport.pwd;
    if (first->transport.fingerprint.hash) t->fingerprint = first->transport.fingerprint;
    if (first->transport.setup) t->setup = first->transport.setup;
    t->weak_fingerprint |= first->transport.weak_fingerprint;
    (void)transport_complete(p, t);
}

/* In one bundle a number means the same extension (RFC 8843 section 9.1). Some (aiortc) number each section by itself:
 * the extension of the later section then counts as not offered. */
static void keep_one_meaning(struct parse *p)
{
    uint8_t ext[EXT_COUNT] = {0}, used[256] = {0};
    for (uint16_t i = 0; i < p->sdp.count; i++) {
        struct sdp_media *m = &p->sdp.media[i];
        for (uint8_t e = 0; e < EXT_COUNT && !m->rejected; e++) {
            if (!m->ext[e]) continue;
            if ((ext[e] && ext[e] != m->ext[e]) || (used[m->ext[e]] && used[m->ext[e]] != e + 1)) {
                m->ext[e] = 0;
                continue;
            }
            ext[e] = m->ext[e];
            used[m->ext[e]] = (uint8_t)(e + 1);
        }
    }
}

static void read_lines(struct parse *p, struct span text)
{
    struct span line;
    static const uint8_t order[] = {
        'v', 'o', 's'}; /* the first three lines; t= and the others stand anywhere before m= */
    size_t at = 0;
    bool timed = false;
    while (next_line(p, &text, &line)) {
        struct span v = SPAN(line.p + 2, line.n - 2);
        uint8_t type = line.p[0];
        if (at < 3 && type != order[at])
            fail(p, ERR_FORMAT, "This is not a session description: it must begin with v=, o= and s=.");
        if (at == 0 && !same_word(v, "0")) fail(p, ERR_FORMAT, "The offer is of another version of SDP.");
        if ((type == 'v' || type == 'o' || type == 's') && at >= 3 && (type != 's' || !p->m))
            fail(p, ERR_FORMAT, "The offer repeats a line that may stand there once.");
        if (at < 3) at++;
        if (type == 't') timed = true;
        if (type == 'm') on_media(p, v);
        if (type == 'a') on_attribute(p, v);
    }
    end_section(p);
    if (at < 3 || !timed)
        fail(p, ERR_FORMAT, "This is not a session description: v=, o=, s= or t= is missing.");
}

enum err sdp_parse(struct span text, struct arena *a, struct sdp *sdp, const char **why)
{
    struct parse p = {.arena = a, .session_direction = SDP_BOTH};
    if (text.n > SDP_BYTES_MAX) {
        *why = "The offer is too large.";
        return ERR_LIMIT;
    }
    p.sdp.media = arena_take(a, SDP_SECTIONS_MAX, sizeof *p.sdp.media);
    if (!p.sdp.media) {
        *why = "The offer is too large.";
        return ERR_LIMIT;
    }
    read_lines(&p, text);
    if (!p.e) mark_bundle(&p);
    uint16_t live = 0;
    for (uint16_t i = 0; i < p.sdp.count; i++)
        live = (uint16_t)(live + !p.sdp.media[i].rejected);
    for (uint16_t i = 0; i < p.sdp.count && !p.e; i++)
        check_section(&p, &p.sdp.media[i], live);
    if (!p.e && p.sdp.ice_lite)
        fail(&p, ERR_FORMAT, "The offer is ICE-lite as incamera is; one side must be a full ICE agent.");
    if (!p.e) keep_one_meaning(&p);
    if (!p.e) choose_transport(&p);
    if (p.e) {
        *why = p.why;
        return p.e;
    }
    *sdp = p.sdp;
    return OK;
}

enum err sdp_parse_fragment(struct span text, struct span *ufrag, struct span *pwd)
{
    struct parse p = {0};
    struct span line, v, found_ufrag = SPAN_NONE, found_pwd = SPAN_NONE;
    if (text.n > SDP_LINE_MAX * 4) return ERR_FORMAT;
    while (next_line(&p, &text, &line)) {
        if (starts(line, "a=ice-ufrag:", &v)) {
            if (!is_ice_text(v, 4, 256) || (found_ufrag.n && !span_equal(found_ufrag, v))) return ERR_FORMAT;
            found_ufrag = v;
        } else if (starts(line, "a=ice-pwd:", &v)) {
            if (!is_ice_text(v, 22, 256) || (found_pwd.n && !span_equal(found_pwd, v))) return ERR_FORMAT;
            found_pwd = v;
        }
    }
    if (p.e || !found_ufrag.n || !found_pwd.n) return ERR_FORMAT;
    *ufrag = found_ufrag;
    *pwd = found_pwd;
    return OK;
}
