/* SPDX-License-Identifier: Apache-2.0
 * Row 40 of the acceptance matrix: RFC 6455 case by case, each fed at once and byte by byte. Row 41: floods.
 */
#include "test.h"

#include "core/websocket.h"

#define TEXT_MAX_BYTES 100000

/* Case: frames as first byte, body; what must come of it. */
struct frame {
    uint8_t first;
    const char *body;
    uint32_t n; /* 0: strlen */
};
enum { END = 0xff }; /* as a first byte: no more frames */

struct a_case {
    const char *name;
    struct frame frame[8];
    const char *expect; /* T text, B binary, P ping, O pong, C close; then an F or a code where it ends */
    uint16_t code;
};

#define TEXT(s)                                                                                              \
    {                                                                                                        \
        0x81, s, 0                                                                                           \
    }
#define TEXT1(s)                                                                                             \
    {                                                                                                        \
        0x01, s, 0                                                                                           \
    }
#define CONT(s)                                                                                              \
    {                                                                                                        \
        0x00, s, 0                                                                                           \
    }
#define LAST(s)                                                                                              \
    {                                                                                                        \
        0x80, s, 0                                                                                           \
    }
#define PING(s)                                                                                              \
    {                                                                                                        \
        0x89, s, 0                                                                                           \
    }
#define PONG(s)                                                                                              \
    {                                                                                                        \
        0x8a, s, 0                                                                                           \
    }
#define CLOSE(s)                                                                                             \
    {                                                                                                        \
        0x88, s, sizeof(s) - 1                                                                               \
    }
#define STOP                                                                                                 \
    {                                                                                                        \
        END, "", 0                                                                                           \
    }
#define BYTES(f, s)                                                                                          \
    {                                                                                                        \
        f, s, sizeof(s) - 1                                                                                  \
    }

static const struct a_case cases[] = {
    {"1.1 empty text", {TEXT(""), STOP}, "T", 0},
    {"1.1 text", {TEXT("hello"), STOP}, "T", 0},
    {"1.2 binary", {{0x82, "\xfe\xff", 0}, STOP}, "B", 0},
    {"1.2 empty binary", {{0x82, "", 0}, STOP}, "B", 0},
    {"2.1 ping", {PING(""), STOP}, "P", 0},
    {"2.2 ping with body", {PING("abc"), STOP}, "P", 0},
    {"2.3 ping with binary body", {BYTES(0x89, "\0\xff\xfe"), STOP}, "P", 0},
    {"2.7 pong unasked", {PONG("x"), PING("y"), STOP}, "OP", 0},
    {"2.10 ten pings", {PING("1"), PING("2"), PING("3"), PING("4"), PING("5"), PING("6"), STOP}, "PPPPPP", 0},
    {"3.1 RSV3", {{0x91, "a", 0}, STOP}, "", 1002},
    {"3.2 RSV2", {TEXT("a"), {0xa1, "a", 0}, STOP}, "T", 1002},
    {"3.3 RSV2 and 3", {{0xb1, "a", 0}, STOP}, "", 1002},
    {"3.4 RSV1: compressed", {{0xc1, "a", 0}, STOP}, "", 1002},
    {"3.5 RSV on binary", {{0xd2, "a", 0}, STOP}, "", 1002},
    {"3.6 RSV on ping", {{0xe9, "", 0}, STOP}, "", 1002},
    {"3.7 RSV on close", {{0xf8, "", 0}, STOP}, "", 1002},
    {"4.1.1 opcode 3", {{0x83, "", 0}, STOP}, "", 1002},
    {"4.1.2 opcode 4", {{0x84, "a", 0}, STOP}, "", 1002},
    {"4.1.3 opcode 5", {TEXT("a"), {0x85, "", 0}, STOP}, "T", 1002},
    {"4.1.4 opcode 6", {{0x86, "a", 0}, STOP}, "", 1002},
    {"4.1.5 opcode 7", {{0x87, "", 0}, STOP}, "", 1002},
    {"4.2.1 opcode 11", {{0x8b, "", 0}, STOP}, "", 1002},
    {"4.2.2 opcode 12", {{0x8c, "a", 0}, STOP}, "", 1002},
    {"4.2.3 opcode 13", {{0x8d, "", 0}, STOP}, "", 1002},
    {"4.2.4 opcode 14", {{0x8e, "a", 0}, STOP}, "", 1002},
    {"4.2.5 opcode 15", {{0x8f, "", 0}, STOP}, "", 1002},
    {"5.1 ping in fragments", {{0x09, "a", 0}, STOP}, "", 1002},
    {"5.2 pong in fragments", {{0x0a, "a", 0}, STOP}, "", 1002},
    {"5.3 two fragments", {TEXT1("a"), LAST("b"), STOP}, "T", 0},
    {"5.6 ping between fragments", {TEXT1("a"), PING("p"), LAST("b"), STOP}, "PT", 0},
    {"5.9 continuation of nothing", {LAST("a"), STOP}, "", 1002},
    {"5.11 open continuation of nothing", {CONT("a"), STOP}, "", 1002},
    {"5.12 continuation after the end", {TEXT("a"), LAST("b"), STOP}, "T", 1002},
    {"5.15 continuation after fragments", {TEXT1("a"), LAST("b"), CONT("c"), STOP}, "T", 1002},
    {"5.18 text inside a message", {TEXT1("a"), TEXT("b"), STOP}, "", 1002},
    {"5.19 pings between five fragments",
     {TEXT1("1"), CONT("2"), PING("p"), CONT("3"), CONT("4"), PING("q"), LAST("5"), STOP},
     "PPT",
     0},
    {"5.20 binary inside a message", {TEXT1("a"), {0x82, "b", 0}, STOP}, "", 1002},
    {"6.1 empty fragments", {TEXT1(""), CONT(""), LAST(""), STOP}, "T", 0},
    {"6.2 UTF-8 split in a character", {TEXT1("\xce"), LAST("\xba"), STOP}, "T", 0},
    {"6.3 wrong byte in the middle", {TEXT("a\xed\xa0\x80z"), STOP}, "", 1007},
    {"6.4 wrong byte in a first fragment", {TEXT1("\xf4\x90\x80\x80"), STOP}, "", 1007},
    {"6.5 character cut at the end", {TEXT("\xce"), STOP}, "", 1007},
    {"6.5 cut in the last fragment", {TEXT1("a"), LAST("\xe2\x82"), STOP}, "", 1007},
    {"6.6 greek", {TEXT("\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"), STOP}, "T", 0},
    {"6.7 NUL", {BYTES(0x81, "\0"), STOP}, "T", 0},
    {"6.8 overlong slash, 2 bytes", {TEXT("\xc0\xaf"), STOP}, "", 1007},
    {"6.9 overlong slash, 3 bytes", {TEXT("\xe0\x80\xaf"), STOP}, "", 1007},
    {"6.10 overlong slash, 4 bytes", {TEXT("\xf0\x80\x80\xaf"), STOP}, "", 1007},
    {"6.11 five bytes", {TEXT("\xf8\x88\x80\x80\x80"), STOP}, "", 1007},
    {"6.12 lone continuation", {TEXT("\x80"), STOP}, "", 1007},
    {"6.14 fe", {TEXT("\xfe"), STOP}, "", 1007},
    {"6.14 ff", {TEXT("\xff"), STOP}, "", 1007},
    {"6.16 surrogate low", {TEXT("\xed\xbf\xbf"), STOP}, "", 1007},
    {"6.17 first of two bytes", {TEXT("\xc2\x80"), STOP}, "T", 0},
    {"6.18 last of three bytes", {TEXT("\xef\xbf\xbf"), STOP}, "T", 0},
    {"6.19 first of four bytes", {TEXT("\xf0\x90\x80\x80"), STOP}, "T", 0},
    {"6.20 U+10FFFF", {TEXT("\xf4\x8f\xbf\xbf"), STOP}, "T", 0},
    {"6.21 U+D7FF", {TEXT("\xed\x9f\xbf"), STOP}, "T", 0},
    {"6.22 U+110000", {TEXT("\xf4\x90\x80\x80"), STOP}, "", 1007},
    {"7.1.1 close after text", {TEXT("a"), CLOSE("\x03\xe8"), STOP}, "TC", 1000},
    {"7.1.3 ping after close", {CLOSE(""), PING("a"), STOP}, "C", 1005},
    {"7.1.4 text after close", {CLOSE(""), TEXT("a"), STOP}, "C", 1005},
    {"7.1.5 close inside a message", {TEXT1("a"), CLOSE(""), LAST("b"), STOP}, "C", 1005},
    {"7.3.1 close without a code", {CLOSE(""), STOP}, "C", 1005},
    {"7.3.2 close of one byte", {CLOSE("\x03"), STOP}, "", 1002},
    {"7.3.4 close with reason", {CLOSE("\x03\xe8why"), STOP}, "C", 1000},
    {"7.5.1 reason not UTF-8", {CLOSE("\x03\xe8\xce\xba\xed\xa0\x80"), STOP}, "", 1007},
    {"7.7 1001", {CLOSE("\x03\xe9"), STOP}, "C", 1001},
    {"7.7 1003", {CLOSE("\x03\xeb"), STOP}, "C", 1003},
    {"7.7 1007", {CLOSE("\x03\xef"), STOP}, "C", 1007},
    {"7.7 1011", {CLOSE("\x03\xf3"), STOP}, "C", 1011},
    {"7.7 3000", {CLOSE("\x0b\xb8"), STOP}, "C", 3000},
    {"7.7 4999", {CLOSE("\x13\x87"), STOP}, "C", 4999},
    {"7.9 0", {CLOSE("\0\0"), STOP}, "", 1002},
    {"7.9 999", {CLOSE("\x03\xe7"), STOP}, "", 1002},
    {"7.9 1004", {CLOSE("\x03\xec"), STOP}, "", 1002},
    {"7.9 1005", {CLOSE("\x03\xed"), STOP}, "", 1002},
    {"7.9 1006", {CLOSE("\x03\xee"), STOP}, "", 1002},
    {"7.9 1015", {CLOSE("\x03\xf7"), STOP}, "", 1002},
    {"7.9 1100", {CLOSE("\x04\x4c"), STOP}, "", 1002},
    {"7.9 2999", {CLOSE("\x0b\xb7"), STOP}, "", 1002},
    {"7.13 5000", {CLOSE("\x13\x88"), STOP}, "", 1002},
    {"7.13 65535", {CLOSE("\xff\xff"), STOP}, "", 1002},
};

static void put_frame(struct writer *w, uint8_t first, struct span body)
{
    static const uint8_t mask[4] = {0x37, 0xfa, 0x21, 0x3d};
    write_u8(w, first);
    if (body.n < 126) {
        write_u8(w, (uint8_t)(0x80 | body.n));
    } else if (body.n <= UINT16_MAX) {
        write_u8(w, 0x80 | 126);
        write_u16(w, (uint16_t)body.n);
    } else {
        write_u8(w, 0x80 | 127);
        write_u64(w, body.n);
    }
    write_bytes(w, SPAN_OF(mask));
    for (size_t i = 0; i < body.n; i++)
        write_u8(w, body.p[i] ^ mask[i & 3]);
}

/* Feeds everything in pieces; events as letters; returns the code it ended with, 0 if it did not. */
static uint16_t feed(struct ws *w, struct span in, size_t piece, char *events)
{
    uint16_t code = 0;
    for (size_t at = 0; at < in.n; at += piece) {
        struct span part = span_part(in, at, piece);
        for (;;) {
            struct ws_event ev;
            size_t used;
            ws_receive(w, 0, part, &used, &ev);
            part = SPAN(part.p + used, part.n - used);
            if (ev.kind == WS_MORE) break;
            if (ev.kind != WS_FAIL) *events++ = "?TBPOC"[ev.kind];
            if (ev.kind == WS_FAIL || ev.kind == WS_CLOSED) {
                assert_int_equal(code, 0);
                code = ev.code;
            }
        }
        assert_int_equal(part.n, 0);
    }
    *events = 0;
    return code;
}

static void test_cases(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 2, 3, 7, 4096};
    unsigned passed = 0;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        uint8_t bytes[1024];
        struct writer out = writer_of(MSPAN(bytes, sizeof bytes));
        for (const struct frame *f = cases[i].frame; f->first != END; f++)
            put_frame(&out, f->first, SPAN(f->body, f->n ? f->n : strlen(f->body)));
        for (size_t k = 0; k < COUNT_OF(pieces); k++) {
            struct ws w;
            char events[64];
            ws_init(&w, TEXT_MAX_BYTES, TEXT_MAX_BYTES, 0);
            uint16_t code = feed(&w, writer_span(&out), pieces[k], events);
            ws_fini(&w);
            if (code != cases[i].code || strcmp(events, cases[i].expect) != 0)
                fail_msg("%s: got %s %u", cases[i].name, events, code);
        }
        passed++;
    }
    print_message("websocket cases: %u of %zu\n", passed, COUNT_OF(cases));
}

static uint16_t raw(struct span in)
{
    struct ws w;
    char events[4096];
    ws_init(&w, TEXT_MAX_BYTES, TEXT_MAX_BYTES, 0);
    uint16_t code = feed(&w, in, 4096, events);
    ws_fini(&w);
    return code;
}

static void test_heads(void **state)
{
    (void)state;
    assert_int_equal(raw(SPAN_LIT("\x81\x05hello")), 1002);                        /* not masked */
    assert_int_equal(raw(SPAN_LIT("\x81\xfe\x00\x05\0\0\0\0hello")), 1002);        /* 5 in 16 bits */
    assert_int_equal(raw(SPAN_LIT("\x81\xff\0\0\0\0\0\0\xff\xff\0\0\0\0")), 1002); /* 65535 in 64 */
    assert_int_equal(raw(SPAN_LIT("\x81\xff\x80\0\0\0\0\1\0\0\0\0\0\0")), 1002);   /* top bit */
    assert_int_equal(raw(SPAN_LIT("\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0")), 1009); /* 2^63-1 */
    assert_int_equal(raw(SPAN_LIT("\x89\xfe\x00\x7e\0\0\0\0")), 1002); /* ping of 126 */
    assert_int_equal(raw(SPAN_LIT("\x88\xfe\x00\x7e\0\0\0\0")), 1002); /* close of 126 */
}

static void test_ping_of_125(void **state)
{
    (void)state;
    uint8_t body[125] = {0}, bytes[256];
    struct writer out = writer_of(MSPAN(bytes, sizeof bytes));
    put_frame(&out, 0x89, SPAN_OF(body));
    assert_int_equal(raw(writer_span(&out)), 0);
}

static void test_message_limit(void **state)
{
    (void)state;
    uint8_t *body = mem_new(TEXT_MAX_BYTES + 1, 1), *bytes = mem_new(TEXT_MAX_BYTES + 64, 1);
    assert_non_null(body);
    assert_non_null(bytes);
    for (size_t n = TEXT_MAX_BYTES - 1; n <= TEXT_MAX_BYTES + 1; n++) {
        struct writer out = writer_of(MSPAN(bytes, TEXT_MAX_BYTES + 64));
        put_frame(&out, 0x81, SPAN(body, n));
        assert_int_equal(raw(writer_span(&out)), n > TEXT_MAX_BYTES ? 1009 : 0);
        out = writer_of(MSPAN(bytes, TEXT_MAX_BYTES + 64)); /* the same in two fragments */
        put_frame(&out, 0x01, SPAN(body, n - 10));
        put_frame(&out, 0x80, SPAN(body, 10));
        assert_int_equal(raw(writer_span(&out)), n > TEXT_MAX_BYTES ? 1009 : 0);
    }
    mem_free(body);
    mem_free(bytes);
}

static void test_fragment_limit(void **state)
{
    (void)state;
    for (unsigned n = WS_FRAGMENTS_MAX - 1; n <= WS_FRAGMENTS_MAX + 1; n++) {
        uint8_t bytes[1024];
        struct writer out = writer_of(MSPAN(bytes, sizeof bytes));
        for (unsigned i = 0; i < n; i++)
            put_frame(&out, i == 0 ? 0x01 : i + 1 == n ? 0x80 : 0x00, SPAN_NONE);
        assert_int_equal(raw(writer_span(&out)), n > WS_FRAGMENTS_MAX ? 1008 : 0);
    }
}

static void test_frame_rate(void **state)
{
    (void)state;
    struct ws w;
    uint8_t bytes[16];
    char events[8];
    struct writer out = writer_of(MSPAN(bytes, sizeof bytes));
    put_frame(&out, 0x8a, SPAN_NONE);
    ws_init(&w, 10, 10, 0);
    for (unsigned i = 0; i < WS_FRAMES_BURST; i++)
        assert_int_equal(feed(&w, writer_span(&out), 16, events), 0);
    assert_int_equal(feed(&w, writer_span(&out), 16, events), 1008);
    ws_fini(&w);
}

static void test_keep_alive(void **state)
{
    (void)state;
    struct ws w;
    ws_init(&w, 10, 10, USEC_S);
    assert_false(ws_ping_due(&w, USEC_S + WS_PING_US - 1));
    assert_true(ws_ping_due(&w, USEC_S + WS_PING_US));
    assert_false(ws_ping_due(&w, USEC_S + WS_PING_US + 1));
    assert_false(ws_dead(&w, USEC_S + WS_DEAD_US - 1));
    assert_true(ws_dead(&w, USEC_S + WS_DEAD_US));
    ws_fini(&w);
}

static void test_close_written(void **state)
{
    (void)state;
    uint8_t bytes[256];
    char reason[200];
    struct writer out = writer_of(MSPAN(bytes, sizeof bytes));
    ws_write_close(&out, WS_NORMAL, SPAN_LIT("bye"));
    assert_true(span_equal(writer_span(&out), SPAN_LIT("\x88\x05\x03\xe8"
                                                       "bye")));
    memset(reason, 'x', sizeof reason);
    memcpy(reason + 122, "\xe2\x82\xac", 3);
    out = writer_of(MSPAN(bytes, sizeof bytes));
    ws_write_close(&out, WS_NORMAL, SPAN(reason, sizeof reason));
    assert_int_equal(out.n, 2 + 2 + 122); /* not a cut character */
    out = writer_of(MSPAN(bytes, sizeof bytes));
    ws_write_close(&out, WS_NO_CODE, SPAN_NONE);
    assert_int_equal(out.n, 2);
}

static enum err one_message(void *arg)
{
    struct ws w;
    struct ws_event ev;
    uint8_t bytes[64];
    size_t used;
    struct writer out = writer_of(MSPAN(bytes, sizeof bytes));
    (void)arg;
    put_frame(&out, 0x81, SPAN_LIT("hello"));
    ws_init(&w, 100, 100, 0);
    ws_receive(&w, 0, writer_span(&out), &used, &ev);
    ws_fini(&w);
    return ev.kind == WS_TEXT ? OK : ev.code == WS_INTERNAL ? ERR_NOMEM : ERR_FORMAT;
}

static void test_oom(void **state)
{
    (void)state;
    assert_true(oom_run(one_message, NULL) > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cases),          cmocka_unit_test(test_heads),
        cmocka_unit_test(test_ping_of_125),    cmocka_unit_test(test_message_limit),
        cmocka_unit_test(test_frame_rate),     cmocka_unit_test(test_keep_alive),
        cmocka_unit_test(test_fragment_limit), cmocka_unit_test(test_oom),
        cmocka_unit_test(test_close_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
