/* SPDX-License-Identifier: Apache-2.0
 * SDP fragments of WHIP and WHEP. */
#define _GNU_SOURCE /* memmem */
#include "test.h"

#include "wire/sdpfrag.h"

#define CRED "a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n"

static enum err read_it(const char *text, struct sdpfrag *f)
{
    *f = (struct sdpfrag){0};
    return sdpfrag_read(span_str(text), f);
}

static void test_taken(void **state)
{
    (void)state;
    struct sdpfrag f;
    assert_ok(read_it(CRED
                      "m=audio 9 RTP/AVP 0\r\na=mid:0\r\na=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n"
                      "a=candidate:2 1 tcp 1 10.0.0.1 9 typ host tcptype active\r\na=end-of-candidates\r\n",
                      &f));
    assert_true(span_equal(f.ufrag, SPAN_LIT("abcd")));
    assert_true(span_equal(f.pwd, SPAN_LIT("abcdefghijklmnopqrstuv")));
    assert_int_equal(f.candidates, 2);
    assert_true(f.end);
    assert_ok(read_it(CRED "m=audio 9 RTP/AVP 0\r\n" CRED, &f)); /* the same in a section */
    assert_ok(read_it("a=candidate:1 1 udp 1 10.0.0.1 9 typ host\n", &f));
    assert_null(f.ufrag.p);
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum err e;
    } bad[] = {
        {"", ERR_FORMAT},
        {"hello", ERR_FORMAT},
        {"\r\n", ERR_FORMAT},
        {"A=b\r\n", ERR_FORMAT},
        {"a=ice-ufrag:abcd\r\n", ERR_FORMAT},
        {"a=ice-ufrag:abc\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n", ERR_RANGE},
        {"a=ice-ufrag:abcd\r\na=ice-pwd:abcdefghijklmnopqrstu\r\n", ERR_RANGE},
        {"a=ice-ufrag:ab d\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n", ERR_FORMAT},
        {"a=ice-ufrag:ab\rcd\r\na=ice-pwd:abcdefghijklmnopqrstuv\r\n", ERR_FORMAT},
        {CRED "a=ice-ufrag:other\r\n", ERR_EXISTS},
        {"a=x\x01\r\n", ERR_FORMAT},
    };
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct sdpfrag f;
        enum err e = read_it(bad[i].text, &f);
        if (e != bad[i].e) fail_msg("%zu: %s", i, err_text(e));
    }
}

static enum err lines_of(unsigned lines, unsigned bytes)
{
    static char text[2 * SDPFRAG_MAX];
    struct sdpfrag f;
    struct writer w = writer_of(MSPAN(text, sizeof text));
    for (unsigned i = 0; i < lines; i++) {
        write_str(&w, "a=");
        for (unsigned k = 2; k < bytes; k++)
            write_u8(&w, 'x');
        write_u8(&w, '\n');
    }
    return sdpfrag_read(writer_span(&w), &f);
}

static void test_limits(void **state)
{
    (void)state;
    assert_ok(lines_of(SDPFRAG_LINES_MAX - 1, 8));
    assert_ok(lines_of(SDPFRAG_LINES_MAX, 8));
    assert_err(ERR_LIMIT, lines_of(SDPFRAG_LINES_MAX + 1, 8));
    assert_ok(lines_of(1, SDPFRAG_LINE_MAX));
    assert_err(ERR_LIMIT, lines_of(1, SDPFRAG_LINE_MAX + 1));
    assert_ok(lines_of(SDPFRAG_MAX / 1024, 1023));
    assert_err(ERR_LIMIT, lines_of(SDPFRAG_MAX / 1024 + 1, 1023));
}

static void test_restart(void **state)
{
    (void)state;
    static const char sdp[] =
        "v=0\r\n" CRED "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n" CRED
        "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\nm=video 9 x 96\r\na=mid:1\r\n" CRED;
    uint8_t bytes[1024];
    struct span ufrag, pwd;
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    assert_ok(sdp_with_credentials(SPAN_LIT(sdp), SPAN_LIT("wxyz"), SPAN_LIT("0123456789012345678901"), &w));
    assert_null(memmem(bytes, w.n, "abcd", 4));
    assert_null(memmem(bytes, w.n, "a=candidate", 11));
    assert_ok(sdp_credentials(writer_span(&w), &ufrag, &pwd));
    assert_true(span_equal(ufrag, SPAN_LIT("wxyz")));
    assert_err(ERR_UNKNOWN, sdp_credentials(SPAN_LIT("v=0\r\na=ice-ufrag:abcd\r\n"), &ufrag, &pwd));
    w = writer_of(MSPAN(bytes, sizeof bytes));
    assert_ok(sdpfrag_of_answer(SPAN_LIT(sdp), &w));
    assert_true(span_equal(writer_span(&w),
                           SPAN_LIT("a=ice-lite\r\n" CRED "m=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:0\r\n"
                                    "a=candidate:1 1 udp 1 10.0.0.1 9 typ host\r\n")));
    w = writer_of(MSPAN(bytes, 20));
    assert_err(ERR_FULL, sdpfrag_of_answer(SPAN_LIT(sdp), &w));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_taken), cmocka_unit_test(test_refused),
                                       cmocka_unit_test(test_limits), cmocka_unit_test(test_restart)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
