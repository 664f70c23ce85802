/* SPDX-License-Identifier: Apache-2.0
 * Descriptions: browsers' offers are taken, torture offers (tests/vectors/sdp-bad, acceptance row 28) are refused, each with a
 * sentence, and answers hold what both sides need. */
#include "test.h"

#include <dirent.h>
#include <stdlib.h>
#include <time.h>

#include "wire/sdp.h"

static uint8_t tables[SDP_ARENA_BYTES];

static struct span load(const char *folder, const char *name)
{
    static uint8_t bytes[SDP_BYTES_MAX * 2];
    char path[4096];
    snprintf(path, sizeof path, TEST_DATA "/%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return SPAN(bytes, n);
}

static enum err parse(struct span text, struct sdp *sdp, const char **why)
{
    struct arena a = arena_of(MSPAN(tables, sizeof tables));
    *why = NULL;
    return sdp_parse(text, &a, sdp, why);
}

/* Calls `each` for every file of the folder; how many there were. */
static unsigned every(const char *folder, void (*each)(const char *name, struct span text))
{
    char path[4096];
    unsigned n = 0;
    snprintf(path, sizeof path, TEST_DATA "/%s", folder);
    DIR *d = opendir(path);
    assert_non_null(d);
    for (struct dirent *f; (f = readdir(d));) {
        size_t len = strlen(f->d_name);
        if (len < 4 || strcmp(f->d_name + len - 4, ".sdp") != 0) continue;
        each(f->d_name, load(folder, f->d_name));
        n++;
    }
    closedir(d);
    return n;
}

static void taken(const char *name, struct span text)
{
    struct sdp sdp;
    const char *why;
    enum err e = parse(text, &sdp, &why);
    if (e) fail_msg("%s refused: %s", name, why);
    assert_int_equal(sdp.count, 2);
    assert_true(sdp.bundle && sdp.transport.fingerprint.hash == SDP_SHA256 && sdp.transport.ufrag.n >= 4);
    for (uint16_t i = 0; i < sdp.count; i++) {
        const struct sdp_media *m = &sdp.media[i];
        assert_true(m->bundled && m->rtcp_mux && m->mid.n && m->direction == SDP_SEND && m->ext[EXT_MID]);
        assert_true(m->ext[EXT_TRANSPORT_CC] && m->codecs > 0);
        bool known = false;
        for (uint8_t k = 0; k < m->codecs; k++)
            known |= m->codec[k].mapped && m->codec[k].codec != CODEC_OTHER;
        assert_true(known);
    }
}

static void browsers_offers_are_taken(void **state)
{
    (void)state;
    unsigned n = every("sdp", taken);
    print_message("%u offers taken\n", n);
    assert_true(n >= 15);
}

/* aiortc numbers the extensions of each section by itself: the later one's are dropped, the offer is not. */
static void extensions_of_disagreeing_sections_are_dropped(void **state)
{
    struct sdp sdp;
    const char *why;
    unsigned used[256] = {0};
    (void)state;
    assert_ok(parse(load("sdp-liberal", "extmap-sections-disagree.sdp"), &sdp, &why));
    for (uint16_t i = 0; i < sdp.count; i++)
        for (unsigned e = 0; e < EXT_COUNT; e++) {
            unsigned id = sdp.media[i].ext[e];
            assert_true(!id || !used[id] || used[id] == e + 1);
            if (id) used[id] = e + 1;
        }
}

static void refused(const char *name, struct span text)
{
    struct sdp sdp = {.count = 777};
    const char *why;
    struct timespec a, b;
    clock_gettime(CLOCK_MONOTONIC, &a);
    enum err e = parse(text, &sdp, &why);
    clock_gettime(CLOCK_MONOTONIC, &b);
    if (!e) fail_msg("%s was taken", name);
    if (!why || strlen(why) < 20) fail_msg("%s: no sentence", name);
    assert_int_equal(sdp.count, 777); /* outputs untouched */
    double ms = (double)(b.tv_sec - a.tv_sec) * 1e3 + (double)(b.tv_nsec - a.tv_nsec) / 1e6;
    if (ms > 50) fail_msg("%s took %.1f ms", name, ms);
}

static void torture_offers_are_refused(void **state)
{
    (void)state;
    unsigned n = every("sdp-bad", refused);
    print_message("%u malformed offers refused of %u\n", n, n);
    assert_true(n >= 100);
}

static const char head[] = "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
#define TRANSPORT                                                                                            \
    "a=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:SHA-256 "                         \
    "00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13:14:15:16:17:18:19:1A:1B:1C:1D:1E:1F\r\n"

static void liberal_where_browsers_are_odd(void **state)
{
    (void)state;
    char text[4096];
    struct sdp sdp;
    const char *why;
    snprintf(
        text, sizeof text,
        "%s" TRANSPORT "a=setup:actpass\r\na=group:BUNDLE 0\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\nc=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtcp-mux\r\na=sendonly\r\n"
        "a=candidate:0 1 UDP 2122187007 192.0.2.2 37553 typ host ufrag abcd network-id 3\r\n"
        "a=candidate:\r\na=candidate:2 1 TCP 2105458943 abc.local 9 typ host tcptype active\r\n"
        "a=rtcp-fb:120 nack\r\na=fmtp:121 x=y\r\na=rtcp-fb:* nack pli\r\na=whatever\r\n"
        "a=rtpmap:96 vp8/90000\r\na=rtpmap:97 RTX/90000\r\na=fmtp:97 apt=96\r\n",
        head);
    assert_ok(parse(span_str(text), &sdp, &why));
    const struct sdp_media *m = &sdp.media[0];
    assert_int_equal(m->codec[0].codec, CODEC_VP8);
    assert_int_equal(m->codec[0].feedback, SDP_NACK_PLI);
    assert_ptr_equal(sdp_rtx_of(m, 96), &m->codec[1]);
    assert_int_equal(sdp.transport.fingerprint.b[31], 0x1f);
    /* line feeds alone, and one section without a bundle */
    char lf[4096], *to = lf;
    for (char *at = text; *at; at++)
        if (*at != '\r') *to++ = *at;
    *to = 0;
    char *group = strstr(lf, "a=group:BUNDLE 0\n");
    memmove(group, group + 17, strlen(group + 17) + 1);
    assert_ok(parse(span_str(lf), &sdp, &why));
    assert_false(sdp.bundle);
}

static void limits_hold(void **state)
{
    (void)state;
    static char text[SDP_BYTES_MAX + 100];
    struct sdp sdp;
    const char *why;
    for (unsigned sections = SDP_SECTIONS_MAX - 1; sections <= SDP_SECTIONS_MAX + 1; sections++) {
        size_t n =
            (size_t)snprintf(text, sizeof text, "%s" TRANSPORT "a=setup:active\r\na=group:BUNDLE", head);
        for (unsigned i = 0; i < sections; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, " %u", i);
        n += (size_t)snprintf(text + n, sizeof text - n, "\r\n");
        for (unsigned i = 0; i < sections; i++)
            n += (size_t)snprintf(
                text + n, sizeof text - n,
                "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:%u\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n",
                i);
        assert_int_equal(parse(SPAN(text, n), &sdp, &why), sections > SDP_SECTIONS_MAX ? ERR_LIMIT : OK);
    }
    memset(text, 'x', sizeof text);
    assert_int_equal(parse(SPAN(text, SDP_BYTES_MAX + 1), &sdp, &why), ERR_LIMIT);
}

static bool holds(struct span answer, const char *text)
{
    size_t n = strlen(text);
    for (size_t i = 0; i + n <= answer.n; i++)
        if (memcmp(answer.p + i, text, n) == 0) return true;
    return false;
}

static void an_answer_says_what_is_needed(void **state)
{
    (void)state;
    struct sdp sdp;
    const char *why;
    static struct sdp_reply reply[SDP_SECTIONS_MAX];
    static uint8_t bytes[32768];
    struct sdp_candidate candidate[] = {{"127.0.0.1", 4000, false}, {"::1", 4000, true}};
    struct sdp_local local = {.ufrag = SPAN_LIT("srvr"),
                              .pwd = SPAN_LIT("serverpasswordserverpass"),
                              .fingerprint = SPAN_LIT("sha-256 AB"),
                              .setup = SDP_PASSIVE,
                              .candidate = candidate,
                              .candidates = 2,
                              .session_id = 5,
                              .version = 1};
    assert_ok(parse(load("sdp", "rtp-clear-vp8-l1t3-dd.offer.sdp"), &sdp, &why));
    for (uint16_t i = 0; i < sdp.count; i++)
        reply[i] = (struct sdp_reply){.offer = &sdp.media[i],
                                      .accepted = i == 0,
                                      .direction = SDP_RECV,
                                      .exts = 1,
                                      .codecs = 1,
                                      .codec = {&sdp.media[i].codec[0]}};
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    sdp_write_answer(&w, &sdp, reply, &local);
    struct span a = writer_span(&w);
    assert_true(holds(a, "a=group:BUNDLE 0\r\n") && holds(a, "a=ice-lite\r\n") &&
                holds(a, "a=setup:passive\r\n"));
    assert_true(holds(a, "a=candidate:1 1 udp ") && holds(a, "127.0.0.1 4000 typ host\r\n"));
    assert_true(holds(a, "::1 4000 typ host tcptype passive\r\n"));
    assert_true(holds(a, "a=rtcp-mux\r\n") && holds(a, "a=rtcp-rsize\r\n") && holds(a, "a=recvonly\r\n"));
    assert_true(holds(a, "m=audio 0 UDP/TLS/RTP/SAVPF") && holds(a, "a=inactive\r\n"));
    /* the parser that is strict reads what we write */
    struct sdp back;
    uint8_t *copy = bytes + 16384;
    size_t n = 0;
    for (size_t i = 0; i < a.n; i++) { /* an answer is ICE-lite, an offer may not be */
        if (i + 12 <= a.n && memcmp(a.p + i, "a=ice-lite\r\n", 12) == 0) i += 12;
        copy[n++] = a.p[i];
    }
    memcpy(strstr((char *)copy, "sha-256 AB"), "sha-512 AB", 10);
    assert_int_equal(parse(SPAN(copy, n), &back, &why), ERR_FORMAT); /* the fingerprint above is too short */
    /* too small a buffer is noticed */
    w = writer_of(MSPAN(bytes, 100));
    sdp_write_answer(&w, &sdp, reply, &local);
    assert_true(w.bad);
}

static void fragments(void **state)
{
    (void)state;
    struct span u = SPAN_NONE, p = SPAN_NONE;
    assert_ok(sdp_parse_fragment(SPAN_LIT("a=ice-ufrag:EsAw\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"
                                          "m=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\n"),
                                 &u, &p));
    assert_true(span_equal(u, SPAN_LIT("EsAw")));
    assert_err(ERR_FORMAT, sdp_parse_fragment(SPAN_LIT("a=ice-ufrag:EsAw\r\n"), &u, &p));
    assert_err(ERR_FORMAT, sdp_parse_fragment(
                               SPAN_LIT("a=ice-ufrag:E\r\na=ice-pwd:P2uYro0UCOQ4zxjKXaWCBui1\r\n"), &u, &p));
    assert_err(ERR_FORMAT, sdp_parse_fragment(SPAN_NONE, &u, &p));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(browsers_offers_are_taken),
        cmocka_unit_test(extensions_of_disagreeing_sections_are_dropped),
        cmocka_unit_test(torture_offers_are_refused),
        cmocka_unit_test(liberal_where_browsers_are_odd),
        cmocka_unit_test(limits_hold),
        cmocka_unit_test(an_answer_says_what_is_needed),
        cmocka_unit_test(fragments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
