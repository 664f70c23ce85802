/* SPDX-License-Identifier: Apache-2.0 */
#include "room/counter.h"

#include "room/slots.h"

#define FORMATS_MAX 15 /* of pictures, each with its RTX: 96 to 125; 126 is left for sound, which is Opus */
#define OPUS_PT     126

static unsigned pt_of(bool video, unsigned i)
{
    return video ? 96 + 2 * i : OPUS_PT;
}

static void number(struct writer *w, const char *before, unsigned v, const char *after)
{
    write_str(w, before);
    write_dec(w, v);
    write_str(w, after);
}

static bool same_format(const struct sdp_codec *a, const struct sdp_codec *b)
{
    return a->codec == b->codec && a->profile == b->profile && a->constraints == b->constraints &&
           a->mode == b->mode;
}

/* The formats of live tracks of this kind, each once. */
static unsigned formats(const struct member *m, enum sdp_kind kind, const struct sdp_codec *list[FORMATS_MAX])
{
    unsigned n = 0;
    for (const struct track *t = m->room->track_first; t && n < FORMATS_MAX; t = t->next) {
        if (t->kind != kind || !slots_may_have(m, t)) continue;
        bool known = false;
        for (unsigned i = 0; i < n; i++)
            known |= same_format(list[i], &t->codec);
        if (!known) list[n++] = &t->codec;
    }
    return n;
}

static void parameters(struct writer *w, const struct sdp_codec *c, unsigned pt)
{
    if (c->codec != CODEC_VP9 && c->codec != CODEC_AV1 && c->codec != CODEC_H264) return;
    number(w, "a=fmtp:", pt, " ");
    if (c->codec == CODEC_H264) {
        number(w, "level-asymmetry-allowed=1;packetization-mode=", c->mode, ";profile-level-id=");
        write_hex(w, SPAN(&c->profile, 1));
        write_hex(w, SPAN(&c->constraints, 1));
        write_str(w, "1f\r\n");
    } else {
        number(w, c->codec == CODEC_VP9 ? "profile-id=" : "profile=", c->profile, "\r\n");
    }
}

static void format(struct writer *w, const struct sdp_codec *c, bool video, unsigned pt)
{
    number(w, "a=rtpmap:", pt, " ");
    write_str(w, codec_name((enum codec)c->codec));
    number(w, "/", c->clock_hz, video ? "\r\n" : "/2\r\n");
    number(w, "a=rtcp-fb:", pt, " transport-cc\r\n");
    parameters(w, c, pt);
    if (!video) return;
    number(w, "a=rtcp-fb:", pt, " nack\r\n");
    number(w, "a=rtcp-fb:", pt, " nack pli\r\n");
    number(w, "a=rtcp-fb:", pt, " ccm fir\r\n");
    number(w, "a=rtpmap:", pt + 1, " rtx/");
    number(w, "", c->clock_hz, "\r\n");
    number(w, "a=fmtp:", pt + 1, " apt=");
    number(w, "", pt, "\r\n");
}

/* What the transport of the real player will be, its answer says: here stands nobody's. */
static void section(struct writer *w, unsigned mid, bool video, const struct sdp_codec *const *list,
                    unsigned n)
{
    static const enum ext with[] = {EXT_MID,         EXT_SEND_TIME,  EXT_TRANSPORT_CC, EXT_AUDIO_LEVEL,
                                    EXT_ORIENTATION, EXT_DESCRIPTOR, EXT_CAPTURE_TIME};
    write_str(w, video ? "m=video 9 UDP/TLS/RTP/SAVPF" : "m=audio 9 UDP/TLS/RTP/SAVPF");
    for (unsigned i = 0; i < n; i++) {
        number(w, " ", pt_of(video, i), "");
        if (video) number(w, " ", pt_of(video, i) + 1, "");
    }
    number(w, "\r\nc=IN IP4 0.0.0.0\r\na=mid:", mid, "\r\na=recvonly\r\na=rtcp-mux\r\na=rtcp-rsize\r\n");
    write_str(w,
              "a=ice-ufrag:none\r\na=ice-pwd:nobodynobodynobodynobody\r\na=setup:actpass\r\n"
              "a=fingerprint:sha-256 00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:00:"
              "00:00:00:00:00:00:00:00\r\n");
    for (size_t i = 0; i < COUNT_OF(with); i++) {
        if (with[i] == (video ? EXT_AUDIO_LEVEL : EXT_ORIENTATION) || (!video && with[i] == EXT_DESCRIPTOR))
            continue;
        number(w, "a=extmap:", (unsigned)i + 1, " ");
        write_str(w, ext_uri(with[i]));
        write_str(w, "\r\n");
    }
    for (unsigned i = 0; i < n; i++)
        format(w, list[i], video, pt_of(video, i));
}

bool counter_text(const struct member *m, struct writer *w)
{
    const struct sdp_codec *audio[FORMATS_MAX], *video[FORMATS_MAX];
    unsigned sounds = formats(m, SDP_AUDIO, audio), pictures = formats(m, SDP_VIDEO, video);
    if (sounds + pictures == 0) return false;
    write_str(w, "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n");
    write_str(w, sounds && pictures ? "a=group:BUNDLE 0 1\r\n" : "a=group:BUNDLE 0\r\n");
    if (sounds) section(w, 0, false, audio, sounds);
    if (pictures) section(w, sounds != 0, true, video, pictures);
    return true;
}
