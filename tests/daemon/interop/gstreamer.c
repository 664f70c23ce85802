/* SPDX-License-Identifier: Apache-2.0
 * WHIP and WHEP with GStreamer's webrtcbin: what one pipeline publishes another decodes, in colour and in
 * sound. usage: gstreamer HTTP-ADDRESS:PORT ROOM   of a running development server; prints figures, exits 0
 * when all is well, 77 when a plug-in is missing. Uses the real clock; ends itself after 50 s. */
#include "base/span.h"
#include "daemon/call.h"

#include <gst/gst.h>
#include <gst/sdp/sdp.h>
#define GST_USE_UNSTABLE_API
#include <gst/webrtc/webrtc.h>
#include <stdio.h>
#include <unistd.h>

#define RED   40
#define GREEN 200
#define BLUE  90
#define PUBLISHER                                                                                            \
    "videotestsrc is-live=true pattern=solid-color foreground-color=0xff28c85a "                             \
    "! video/x-raw,width=320,height=180,framerate=20/1 ! videoconvert ! vp8enc deadline=1 "                  \
    "keyframe-max-dist=40 ! rtpvp8pay pt=96 ! application/x-rtp,media=video,encoding-name=VP8,payload=96 "   \
    "! rtc.sink_0 audiotestsrc is-live=true freq=440 volume=0.5 ! audioconvert ! audioresample ! opusenc "   \
    "! rtpopuspay pt=111 ! application/x-rtp,media=audio,encoding-name=OPUS,payload=111 ! rtc.sink_1 "       \
    "webrtcbin name=rtc bundle-policy=max-bundle"
#define VIEWER "pipeline. ( webrtcbin name=rtc bundle-policy=max-bundle )"

struct side {
    GstElement *pipe, *rtc;
    char location[256];
    volatile int wanted; /* webrtcbin says that it can make an offer */
};

/* What the viewer has decoded. Written in GStreamer's threads, read at the end of the wait. */
static volatile int frames, loudest, colour[3];
static const char *http;

static void on_negotiation(GstElement *rtc, struct side *s)
{
    (void)rtc;
    g_atomic_int_set(&s->wanted, 1);
}

static void on_picture(GstElement *sink, GstBuffer *b, GstPad *pad, gpointer none)
{
    GstMapInfo m;
    (void)sink, (void)pad, (void)none;
    if (!gst_buffer_map(b, &m, GST_MAP_READ)) return;
    if (m.size >= 3) {
        size_t mid = m.size / 6 * 3;
        for (size_t i = 0; i < 3; i++)
            g_atomic_int_set(&colour[i], m.data[mid + i]);
        g_atomic_int_inc(&frames);
    }
    gst_buffer_unmap(b, &m);
}

static void on_sound(GstElement *sink, GstBuffer *b, GstPad *pad, gpointer none)
{
    GstMapInfo m;
    (void)sink, (void)pad, (void)none;
    if (!gst_buffer_map(b, &m, GST_MAP_READ)) return;
    for (size_t i = 0; i + 1 < m.size; i += 2) {
        int v = abs((int16_t)(m.data[i] | m.data[i + 1] << 8));
        if (v > g_atomic_int_get(&loudest)) g_atomic_int_set(&loudest, v);
    }
    gst_buffer_unmap(b, &m);
}

static void on_pad(GstElement *rtc, GstPad *pad, struct side *s)
{
    (void)rtc;
    if (GST_PAD_DIRECTION(pad) != GST_PAD_SRC) return;
    GstCaps *caps = gst_pad_get_current_caps(pad);
    const char *media = caps ? gst_structure_get_string(gst_caps_get_structure(caps, 0), "media") : NULL;
    bool video = media && strcmp(media, "video") == 0;
    GstElement *bin = gst_parse_bin_from_description(
        video ? "rtpvp8depay ! vp8dec ! videoconvert ! video/x-raw,format=RGB,width=320,height=180 "
                "! fakesink name=end signal-handoffs=true sync=false"
              : "rtpopusdepay ! opusdec ! audioconvert ! audio/x-raw,format=S16LE "
                "! fakesink name=end signal-handoffs=true sync=false",
        TRUE, NULL);
    if (caps) gst_caps_unref(caps);
    if (!bin) return;
    GstElement *end = gst_bin_get_by_name(GST_BIN(bin), "end");
    g_signal_connect(end, "handoff", video ? G_CALLBACK(on_picture) : G_CALLBACK(on_sound), NULL);
    gst_object_unref(end);
    gst_bin_add(GST_BIN(s->pipe), bin);
    GstPad *in = gst_element_get_static_pad(bin, "sink");
    if (gst_pad_link(pad, in) != GST_PAD_LINK_OK) fprintf(stderr, "a pad would not link\n");
    gst_object_unref(in);
    gst_element_sync_state_with_parent(bin);
}

static bool wait_for(volatile int *what, int least, int seconds)
{
    for (int i = 0; i < seconds * 100 && g_atomic_int_get(what) < least; i++)
        g_usleep(10000);
    return g_atomic_int_get(what) >= least;
}

static void add_receiver(struct side *s, const char *media)
{
    GstWebRTCRTPTransceiver *t = NULL;
    GstCaps *caps = gst_caps_from_string(media);
    g_signal_emit_by_name(s->rtc, "add-transceiver", GST_WEBRTC_RTP_TRANSCEIVER_DIRECTION_RECVONLY, caps, &t);
    gst_caps_unref(caps);
    if (t) gst_object_unref(t);
}

static bool side_open(struct side *s, bool publish)
{
    GError *error = NULL;
    memset(s, 0, sizeof *s);
    s->pipe = gst_parse_launch(publish ? PUBLISHER : VIEWER, &error);
    if (!s->pipe || error) {
        fprintf(stderr, "a plug-in is missing: %s\n", error ? error->message : "?");
        return false;
    }
    s->rtc = gst_bin_get_by_name(GST_BIN(s->pipe), "rtc");
    g_signal_connect(s->rtc, "on-negotiation-needed", G_CALLBACK(on_negotiation), s);
    g_signal_connect(s->rtc, "pad-added", G_CALLBACK(on_pad), s);
    if (publish) {
        GArray *all = NULL;
        g_signal_emit_by_name(s->rtc, "get-transceivers", &all);
        for (guint i = 0; all && i < all->len; i++)
            g_object_set(g_array_index(all, GstWebRTCRTPTransceiver *, i), "direction",
                         GST_WEBRTC_RTP_TRANSCEIVER_DIRECTION_SENDONLY, NULL);
        if (all) g_array_unref(all);
    } else {
        add_receiver(s, "application/x-rtp,media=video,encoding-name=VP8,payload=96,clock-rate=90000");
        add_receiver(s, "application/x-rtp,media=audio,encoding-name=OPUS,payload=111,clock-rate=48000,"
                        "encoding-params=(string)2");
    }
    gst_element_set_state(s->pipe, GST_STATE_PLAYING);
    return true;
}

/* The offer with all its candidates, to be freed; NULL after a word on stderr. */
static char *side_offer(struct side *s)
{
    GstWebRTCSessionDescription *offer = NULL, *local = NULL;
    int state = 0;
    if (!wait_for(&s->wanted, 1, 10)) {
        fprintf(stderr, "webrtcbin never wanted to negotiate\n");
        return NULL;
    }
    GstPromise *made = gst_promise_new();
    g_signal_emit_by_name(s->rtc, "create-offer", NULL, made);
    if (gst_promise_wait(made) == GST_PROMISE_RESULT_REPLIED)
        gst_structure_get(gst_promise_get_reply(made), "offer", GST_TYPE_WEBRTC_SESSION_DESCRIPTION, &offer,
                          NULL);
    gst_promise_unref(made);
    if (!offer) {
        fprintf(stderr, "no offer\n");
        return NULL;
    }
    GstPromise *set = gst_promise_new();
    g_signal_emit_by_name(s->rtc, "set-local-description", offer, set);
    gst_promise_wait(set);
    gst_promise_unref(set);
    gst_webrtc_session_description_free(offer);
    for (int i = 0; i < 500 && state != GST_WEBRTC_ICE_GATHERING_STATE_COMPLETE; i++) {
        g_usleep(10000);
        g_object_get(s->rtc, "ice-gathering-state", &state, NULL);
    }
    g_object_get(s->rtc, "local-description", &local, NULL);
    char *text = local ? gst_sdp_message_as_text(local->sdp) : NULL;
    if (local) gst_webrtc_session_description_free(local);
    return text;
}

static bool side_join(struct side *s, const char *path)
{
    static char answer[65536];
    char *offer = side_offer(s);
    if (!offer) return false;
    int status = http_request(http, "POST", path, "Content-Type: application/sdp\r\n", span_str(offer),
                              answer, sizeof answer, s->location);
    if (status != 201) {
        fprintf(stderr, "%s: %d %s\n%s", path, status, answer, offer);
        g_free(offer);
        return false;
    }
    g_free(offer);
    GstSDPMessage *sdp;
    if (gst_sdp_message_new_from_text(answer, &sdp) != GST_SDP_OK) return false;
    GstWebRTCSessionDescription *d = gst_webrtc_session_description_new(GST_WEBRTC_SDP_TYPE_ANSWER, sdp);
    GstPromise *set = gst_promise_new();
    g_signal_emit_by_name(s->rtc, "set-remote-description", d, set);
    gst_promise_wait(set);
    gst_promise_unref(set);
    gst_webrtc_session_description_free(d);
    for (int i = 0, state = 0; i < 1000; i++) {
        g_object_get(s->rtc, "connection-state", &state, NULL);
        if (state == GST_WEBRTC_PEER_CONNECTION_STATE_CONNECTED) return true;
        g_usleep(10000);
    }
    fprintf(stderr, "%s: not connected within 10 s\n%s", path, answer);
    return false;
}

static bool side_end(struct side *s)
{
    char out[2000], none[256] = "";
    int first = http_request(http, "DELETE", s->location, "", SPAN_NONE, out, sizeof out, none);
    int second = http_request(http, "DELETE", s->location, "", SPAN_NONE, out, sizeof out, none);
    gst_element_set_state(s->pipe, GST_STATE_NULL);
    gst_object_unref(s->rtc);
    gst_object_unref(s->pipe);
    if (first != 200 || second != 404) fprintf(stderr, "DELETE: %d, again %d\n", first, second);
    return first == 200 && second == 404;
}

static bool near(int a, int b)
{
    return abs(a - b) < 25;
}

int main(int argc, char **argv)
{
    struct side publisher, viewer;
    char whip[128], whep[128];
    gst_init(&argc, &argv);
    if (argc != 3) {
        fprintf(stderr, "usage: gstreamer HTTP-ADDRESS:PORT ROOM\n");
        return 2;
    }
    alarm(50);
    http = argv[1];
    snprintf(whip, sizeof whip, "/whip/%s", argv[2]);
    snprintf(whep, sizeof whep, "/whep/%s", argv[2]);
    if (!side_open(&publisher, true)) return 77;
    bool good = side_join(&publisher, whip) && side_open(&viewer, false) && side_join(&viewer, whep) &&
                wait_for(&frames, 60, 15) && wait_for(&loudest, 2000, 5);
    printf("%d pictures, colour %d %d %d, loudest sample %d\n", frames, colour[0], colour[1], colour[2],
           loudest);
    good = good && near(colour[0], RED) && near(colour[1], GREEN) && near(colour[2], BLUE);
    good = good && side_end(&viewer) && side_end(&publisher);
    printf("%d passed, %d failed\n", good, !good);
    return !good;
}
