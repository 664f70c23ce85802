/* SPDX-License-Identifier: Apache-2.0
 * The writing half of wire/sdp.h: our answer, in the form that Chromium, Firefox and the others take (RFC
 * 8829 section 5.3): transport attributes in every accepted section, candidates in the first. */
#include "wire/sdp.h"

static void line(struct writer *w, const char *text)
{
    write_str(w, text);
    write_str(w, "\r\n");
}

static void line_span(struct writer *w, const char *name, struct span v)
{
    write_str(w, name);
    write_bytes(w, v);
    write_str(w, "\r\n");
}

static void session(struct writer *w, const struct sdp *offer, const struct sdp_reply *reply,
                    const struct sdp_local *local)
{
    line(w, "v=0");
    write_str(w, "o=- ");
    write_dec(w, local->session_id);
    write_str(w, " ");
    write_dec(w, local->version);
    line(w, " IN IP4 0.0.0.0");
    line(w, "s=-");
    line(w, "t=0 0");
    if (offer->bundle) {
        write_str(w, "a=group:BUNDLE");
        for (uint16_t i = 0; i < offer->count; i++) {
            if (!reply[i].accepted) continue;
            write_str(w, " ");
            write_bytes(w, offer->media[i].mid);
        }
        write_str(w, "\r\n");
    }
    line(w, "a=ice-lite");
    if (offer->allow_mixed) line(w, "a=extmap-allow-mixed");
    line(w, "a=msid-semantic: WMS *");
}

static void media_line(struct writer *w, const struct sdp_media *m, const struct sdp_reply *r)
{
    write_str(w, "m=");
    write_bytes(w, m->kind_text);
    write_str(w, r->accepted ? " 9 " : " 0 ");
    write_bytes(w, m->proto);
    if (r->accepted) {
        for (uint8_t i = 0; i < r->codecs; i++) {
            write_str(w, " ");
            write_dec(w, r->codec[i]->pt);
        }
    } else {
        write_str(w, " ");
        write_bytes(w, m->formats);
    }
    write_str(w, "\r\nc=IN IP4 0.0.0.0\r\n");
    if (m->mid.n) line_span(w, "a=mid:", m->mid);
}

static void candidates(struct writer *w, const struct sdp_local *local)
{
    for (uint8_t i = 0; i < local->candidates; i++) {
        const struct sdp_candidate *c = &local->candidate[i];
        uint32_t preference =
            65535u - i; /* RFC 8445 section 5.1.2: type host, then our order, UDP before TCP */
        write_str(w, "a=candidate:");
        write_dec(w, i + 1u);
        write_str(w, c->tcp ? " 1 tcp " : " 1 udp ");
        write_dec(w, (c->tcp ? 90u << 24 : 126u << 24) | preference << 8 | 255u);
        write_str(w, " ");
        write_str(w, c->ip);
        write_str(w, " ");
        write_dec(w, c->port);
        line(w, c->tcp ? " typ host tcptype passive" : " typ host");
    }
    line(w, "a=end-of-candidates");
}

static void transport(struct writer *w, const struct sdp_local *local)
{
    line_span(w, "a=ice-ufrag:", local->ufrag);
    line_span(w, "a=ice-pwd:", local->pwd);
    line_span(w, "a=fingerprint:", local->fingerprint);
    static const char *const setup[] = {"", "a=setup:actpass", "a=setup:active", "a=setup:passive"};
    line(w, setup[local->setup]);
}

static void parameters(struct writer *w, const struct sdp_codec *c, bool constant)
{
    if (c->codec == CODEC_OPUS) {
        write_str(w, "a=fmtp:");
        write_dec(w, c->pt);
        write_str(w, constant ? " minptime=10;useinbandfec=1;cbr=1;usedtx=0" : " minptime=10;useinbandfec=1");
        bool stereo = false; /* music and screen audio: what the offer wants, we take */
        for (size_t i = 0; i + 8 <= c->fmtp.n; i++)
            stereo |= memcmp(c->fmtp.p + i, "stereo=1", 8) == 0 && (i == 0 || c->fmtp.p[i - 1] != '-');
        line(w, stereo ? ";stereo=1" : "");
    } else if (c->fmtp.n) {
        write_str(w, "a=fmtp:");
        write_dec(w, c->pt);
        line_span(w, " ", c->fmtp);
    }
}

static void codec(struct writer *w, const struct sdp_codec *c, bool constant)
{
    static const struct {
        uint8_t bit;
        const char *text;
    } feedback[] = {{SDP_NACK, " nack"},
                    {SDP_NACK_PLI, " nack pli"},
                    {SDP_CCM_FIR, " ccm fir"},
                    {SDP_REMB, " goog-remb"},
                    {SDP_TRANSPORT_CC, " transport-cc"}};
    write_str(w, "a=rtpmap:");
    write_dec(w, c->pt);
    write_str(w, " ");
    write_str(w, codec_name(c->codec));
    write_str(w, "/");
    write_dec(w, c->clock_hz);
    if (c->channels > 1) {
        write_str(w, "/");
        write_dec(w, c->channels);
    }
    write_str(w, "\r\n");
    for (size_t i = 0; i < COUNT_OF(feedback); i++) {
        if (!(c->feedback & feedback[i].bit) || c->codec == CODEC_RTX) continue;
        write_str(w, "a=rtcp-fb:");
        write_dec(w, c->pt);
        line(w, feedback[i].text);
    }
    parameters(w, c, constant);
}

static void simulcast(struct writer *w, const struct sdp_reply *r)
{
    if (!r->rids) return;
    for (uint8_t i = 0; i < r->rids; i++) {
        write_str(w, "a=rid:");
        write_bytes(w, r->offer->rid[i]);
        line(w, " recv");
    }
    write_str(w, "a=simulcast:recv ");
    for (uint8_t i = 0; i < r->rids; i++) {
        if (i) write_str(w, ";");
        write_bytes(w, r->offer->rid[i]);
    }
    write_str(w, "\r\n");
}

static void stream(struct writer *w, const struct sdp_reply *r)
{
    uint32_t ssrc[2] = {r->ssrc, r->rtx_ssrc};
    write_str(w, "a=msid:");
    write_bytes(w, r->stream);
    write_str(w, " track-");
    line_span(w, "", r->offer->mid);
    if (r->rtx_ssrc) {
        write_str(w, "a=ssrc-group:FID ");
        write_dec(w, r->ssrc);
        write_str(w, " ");
        write_dec(w, r->rtx_ssrc);
        write_str(w, "\r\n");
    }
    for (size_t i = 0; i < 2 && ssrc[i]; i++) {
        write_str(w, "a=ssrc:");
        write_dec(w, ssrc[i]);
        line(w, " cname:incamera");
        write_str(w, "a=ssrc:");
        write_dec(w, ssrc[i]);
        write_str(w, " msid:");
        write_bytes(w, r->stream);
        write_str(w, " track-");
        line_span(w, "", r->offer->mid);
    }
}

static void section(struct writer *w, const struct sdp_reply *r, const struct sdp_local *local, bool first)
{
    static const char *const direction[] = {"a=inactive", "a=sendonly", "a=recvonly", "a=sendrecv"};
    const struct sdp_media *m = r->offer;
    media_line(w, m, r);
    if (!r->accepted) {
        line(w, "a=inactive");
        return;
    }
    if (first) candidates(w, local);
    transport(w, local);
    line(w, direction[r->direction & 3]);
    line(w, "a=rtcp-mux");
    if (m->rtcp_rsize) line(w, "a=rtcp-rsize");
    if (m->allow_mixed) line(w, "a=extmap-allow-mixed");
    for (unsigned e = 0; e < EXT_COUNT; e++) {
        if (!(r->exts & 1u << e)) continue;
        write_str(w, "a=extmap:");
        write_dec(w, m->ext[e]);
        if (m->ext_way[e] != SDP_BOTH) write_str(w, m->ext_way[e] == SDP_SEND ? "/recvonly" : "/sendonly");
        write_str(w, " ");
        line(w, ext_uri((enum ext)e));
    }
    for (uint8_t i = 0; i < r->codecs; i++)
        codec(w, r->codec[i], r->constant_audio);
    simulcast(w, r);
    if (r->direction & SDP_SEND) stream(w, r);
}

void sdp_write_answer(struct writer *w, const struct sdp *offer, const struct sdp_reply *reply,
                      const struct sdp_local *local)
{
    bool first = true;
    session(w, offer, reply, local);
    for (uint16_t i = 0; i < offer->count; i++) {
        section(w, &reply[i], local, first && reply[i].accepted);
        if (reply[i].accepted) first = false;
    }
}
