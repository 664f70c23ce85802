/* SPDX-License-Identifier: Apache-2.0
 * Rows 31, 37 of the acceptance matrix: framing, limits at -1, 0 and +1, chunked bodies, responses. */
#include "test.h"

#include "base/buf.h"
#include "wire/http.h"

#define H "Host: a.example\r\n"

/* What the server does with these bytes: 0, 100 (waits for more), or a status. */
static uint16_t read_all(struct span in, struct http_head *h)
{
    size_t seen = 0, n = 0;
    uint16_t s = http_head_end(in, &seen, &n);
    return s ? s : http_head_read(SPAN(in.p, n), h);
}

static uint16_t ask(const char *text)
{
    static struct http_head h;
    return read_all(span_str(text), &h);
}

struct line {
    const char *what, *text;
    uint16_t status;
};

static const struct line refused[] = {
    {"bare LF in the request line", "GET / HTTP/1.1\n" H "\r\n", 400},
    {"bare LF after a header", "GET / HTTP/1.1\r\nHost: a\n\r\n", 400},
    {"bare LF as the end", "GET / HTTP/1.1\r\n" H "\n", 400},
    {"bare CR in a value", "GET / HTTP/1.1\r\n" H "A: b\rc\r\n\r\n", 400},
    {"CR CR LF", "GET / HTTP/1.1\r\r\n" H "\r\n", 400},
    {"control character", "GET / HTTP/1.1\r\n" H "A: b\x01\r\n\r\n", 400},
    {"DEL", "GET / HTTP/1.1\r\n" H "A: b\x7f\r\n\r\n", 400},
    {"escape in the target", "GET /\x1b[0m HTTP/1.1\r\n" H "\r\n", 400},
    {"folded line", "GET / HTTP/1.1\r\n" H "A: b\r\n c\r\n\r\n", 400},
    {"folded by a tab", "GET / HTTP/1.1\r\n" H "A: b\r\n\tc\r\n\r\n", 400},
    {"first header folded", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
    {"space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400},
    {"tab before the colon", "GET / HTTP/1.1\r\n" H "Content-Length\t: 3\r\n\r\n", 400},
    {"no name", "GET / HTTP/1.1\r\n" H ": x\r\n\r\n", 400},
    {"no colon", "GET / HTTP/1.1\r\n" H "Foo\r\n\r\n", 400},
    {"name not a token", "GET / HTTP/1.1\r\n" H "F(o: x\r\n\r\n", 400},
    {"name not ASCII", "GET / HTTP/1.1\r\n" H "F\xc3\xb6: x\r\n\r\n", 400},
    {"no Host", "GET / HTTP/1.1\r\nA: b\r\n\r\n", 400},
    {"two Hosts", "GET / HTTP/1.1\r\n" H H "\r\n", 400},
    {"two Hosts in other cases", "GET / HTTP/1.1\r\n" H "hOST: b\r\n\r\n", 400},
    {"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n", 400},
    {"Host with a space", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
    {"Host with user", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400},
    {"Host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400},
    {"Host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400},
    {"Host port empty", "GET / HTTP/1.1\r\nHost: a:\r\n\r\n", 400},
    {"Host port 0", "GET / HTTP/1.1\r\nHost: a:0\r\n\r\n", 400},
    {"Host port 65536", "GET / HTTP/1.1\r\nHost: a:65536\r\n\r\n", 400},
    {"Host port word", "GET / HTTP/1.1\r\nHost: a:http\r\n\r\n", 400},
    {"Host open bracket", "GET / HTTP/1.1\r\nHost: [::1\r\n\r\n", 400},
    {"Host bracket tail", "GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n", 400},
    {"length and chunked", "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"chunked and length", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n",
     400},
    {"two lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\n", 400},
    {"two equal lengths", "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\n", 400},
    {"length list", "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\n", 400},
    {"length with plus", "POST / HTTP/1.1\r\n" H "Content-Length: +3\r\n\r\n", 400},
    {"length with minus", "POST / HTTP/1.1\r\n" H "Content-Length: -3\r\n\r\n", 400},
    {"length with space inside", "POST / HTTP/1.1\r\n" H "Content-Length: 3 0\r\n\r\n", 400},
    {"length hex", "POST / HTTP/1.1\r\n" H "Content-Length: 0x3\r\n\r\n", 400},
    {"length decimal point", "POST / HTTP/1.1\r\n" H "Content-Length: 3.0\r\n\r\n", 400},
    {"length empty", "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\n", 400},
    {"length with leading zero", "POST / HTTP/1.1\r\n" H "Content-Length: 010\r\n\r\n", 400},
    {"length past 2^64", "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\n", 413},
    {"identity coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n", 501},
    {"gzip, chunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n", 501},
    {"chunked twice", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, chunked\r\n\r\n", 501},
    {"two codings", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: x\r\nTransfer-Encoding: chunked\r\n\r\n",
     400},
    {"xchunked", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n", 501},
    {"chunked with a vertical tab", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n\r\n", 400},
    {"chunked quoted", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n", 501},
    {"chunked;q=1", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n", 501},
    {"chunked in HTTP/1.0", "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n", 400},
    {"empty coding", "POST / HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n", 501},
    {"two spaces", "GET  / HTTP/1.1\r\n" H "\r\n", 400},
    {"two spaces before the version", "GET /  HTTP/1.1\r\n" H "\r\n", 400},
    {"tab for space", "GET\t/ HTTP/1.1\r\n" H "\r\n", 400},
    {"leading space", " GET / HTTP/1.1\r\n" H "\r\n", 400},
    {"leading empty line", "\r\nGET / HTTP/1.1\r\n" H "\r\n", 400},
    {"trailing space", "GET / HTTP/1.1 \r\n" H "\r\n", 400},
    {"no version", "GET /\r\n" H "\r\n", 400},
    {"no target", "GET HTTP/1.1\r\n" H "\r\n", 400},
    {"HTTP/0.9", "GET / HTTP/0.9\r\n" H "\r\n", 505},
    {"HTTP/2.0", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
    {"HTTP/1.2", "GET / HTTP/1.2\r\n" H "\r\n", 505},
    {"http/1.1", "GET / http/1.1\r\n" H "\r\n", 400},
    {"HTTP/01.1", "GET / HTTP/01.1\r\n" H "\r\n", 400},
    {"HTTP/1.1x", "GET / HTTP/1.1x\r\n" H "\r\n", 400},
    {"method not a token", "G@T / HTTP/1.1\r\n" H "\r\n", 400},
    {"other Host in absolute form", "GET http://b.example/ HTTP/1.1\r\n" H "\r\n", 400},
    {"user in absolute form", "GET http://u@a.example/ HTTP/1.1\r\n" H "\r\n", 400},
    {"other scheme", "GET ftp://a.example/ HTTP/1.1\r\n" H "\r\n", 400},
    {"authority form", "CONNECT a.example:443 HTTP/1.1\r\n" H "\r\n", 400},
    {"asterisk with GET", "GET * HTTP/1.1\r\n" H "\r\n", 400},
    {"relative target", "GET r/room HTTP/1.1\r\n" H "\r\n", 400},
    {"fragment", "GET /#x HTTP/1.1\r\n" H "\r\n", 400},
    {"target not ASCII", "GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n", 400},
    {"backslash", "GET /a\\b HTTP/1.1\r\n" H "\r\n", 400},
    {"percent at the end", "GET /a% HTTP/1.1\r\n" H "\r\n", 400},
    {"half a percent", "GET /a%2 HTTP/1.1\r\n" H "\r\n", 400},
    {"percent of no hex", "GET /a%zz HTTP/1.1\r\n" H "\r\n", 400},
    {"percent of no hex in the query", "GET /a?%zz HTTP/1.1\r\n" H "\r\n", 400},
    {"encoded NUL", "GET /a%00 HTTP/1.1\r\n" H "\r\n", 400},
    {"encoded CR LF", "GET /a%0d%0aX:1 HTTP/1.1\r\n" H "\r\n", 400},
    {"encoded slash", "GET /a%2fb HTTP/1.1\r\n" H "\r\n", 400},
    {"encoded backslash", "GET /a%5cb HTTP/1.1\r\n" H "\r\n", 400},
    {"encoded percent", "GET /a%252e HTTP/1.1\r\n" H "\r\n", 400},
    {"overlong slash", "GET /a%c0%af HTTP/1.1\r\n" H "\r\n", 400},
    {"dot segment", "GET /a/../b HTTP/1.1\r\n" H "\r\n", 400},
    {"single dot", "GET /./b HTTP/1.1\r\n" H "\r\n", 400},
    {"encoded dots", "GET /%2e%2E/b HTTP/1.1\r\n" H "\r\n", 400},
    {"half-encoded dots", "GET /.%2e HTTP/1.1\r\n" H "\r\n", 400},
    {"empty segment", "GET //b HTTP/1.1\r\n" H "\r\n", 400},
    {"slash at the end", "GET /b/ HTTP/1.1\r\n" H "\r\n", 400},
    {"other expectation", "POST / HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n", 417},
    {"two Origins", "GET / HTTP/1.1\r\n" H "Origin: https://a\r\nOrigin: https://b\r\n\r\n", 400},
    {"two Authorizations",
     "GET / HTTP/1.1\r\n" H "Authorization: Bearer a\r\nAuthorization: Bearer b\r\n\r\n", 400},
    {"two content types", "POST / HTTP/1.1\r\n" H "Content-Type: a/b\r\nContent-Type: a/c\r\n\r\n", 400},
};

static const struct line taken[] = {
    {"plain", "GET / HTTP/1.1\r\n" H "\r\n", 0},
    {"no space after the colon", "GET / HTTP/1.1\r\nHost:a.example\r\n\r\n", 0},
    {"spaces and tabs round a value", "GET / HTTP/1.1\r\nHost: \t a.example \t\r\n\r\n", 0},
    {"port", "GET / HTTP/1.1\r\nHost: a.example:65535\r\n\r\n", 0},
    {"IPv6", "GET / HTTP/1.1\r\nHost: [2001:db8::1]:8443\r\n\r\n", 0},
    {"absolute form", "GET http://A.example/r/x HTTP/1.1\r\n" H "\r\n", 0},
    {"absolute form of the root", "GET https://a.example HTTP/1.1\r\n" H "\r\n", 0},
    {"asterisk", "OPTIONS * HTTP/1.1\r\n" H "\r\n", 0},
    {"other method", "BREW / HTTP/1.1\r\n" H "\r\n", 0},
    {"query", "GET /a?b=c/../d&e=%20? HTTP/1.1\r\n" H "\r\n", 0},
    {"encoded letters", "GET /%61%2D HTTP/1.1\r\n" H "\r\n", 0},
    {"chunked in capitals", "POST / HTTP/1.1\r\n" H "Transfer-Encoding: CHUNKED\r\n\r\n", 0},
    {"HTTP/1.0", "GET / HTTP/1.0\r\n" H "\r\n", 0},
    {"not yet whole", "GET / HTTP/1.1\r\n" H, 100},
    {"expects 100", "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nExpect: 100-continue\r\n\r\n", 0},
    {"bytes above 127 in a value", "GET / HTTP/1.1\r\n" H "A: \xc3\xa4\r\n\r\n", 0},
};

static void test_framing(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(refused); i++)
        if (ask(refused[i].text) != refused[i].status)
            fail_msg("%s: %u, not %u", refused[i].what, ask(refused[i].text), refused[i].status);
    for (size_t i = 0; i < COUNT_OF(taken); i++)
        if (ask(taken[i].text) != taken[i].status) fail_msg("%s: %u", taken[i].what, ask(taken[i].text));
    print_message("http framing: refused %zu of %zu, taken %zu of %zu\n", COUNT_OF(refused),
                  COUNT_OF(refused), COUNT_OF(taken), COUNT_OF(taken));
}

static void test_nul(void **state)
{
    (void)state;
    static const char in_value[] = "GET / HTTP/1.1\r\n" H "A: b\0c\r\n\r\n",
                      in_line[] = "GET /\0 HTTP/1.1\r\n" H "\r\n";
    struct http_head h;
    assert_int_equal(read_all(SPAN_LIT(in_value), &h), 400);
    assert_int_equal(read_all(SPAN_LIT(in_line), &h), 400);
}

/* Byte by byte and all at once must agree. */
static void test_in_pieces(void **state)
{
    (void)state;
    const char *text = "POST /a/b?c HTTP/1.1\r\n" H "Content-Length: 12\r\n\r\nbody";
    struct span s = span_str(text);
    size_t seen = 0, n = 0, end = s.n - 4;
    for (size_t i = 0; i < end; i++)
        assert_int_equal(http_head_end(SPAN(s.p, i), &seen, &n), 100);
    assert_int_equal(http_head_end(SPAN(s.p, end), &seen, &n), 0);
    assert_int_equal(n, end);
    struct http_head h;
    assert_int_equal(http_head_read(SPAN(s.p, n), &h), 0);
    assert_int_equal(h.method, HTTP_POST);
    assert_int_equal(h.length, 12);
    assert_int_equal(h.path.parts, 2);
    assert_true(span_equal(http_part(&h.path, 1), SPAN_LIT("b")));
    assert_true(span_equal(h.query, SPAN_LIT("c")));
    assert_true(h.keep_alive);
}

static uint16_t with_line(size_t line_bytes, bool whole)
{
    static struct http_head h;
    char text[HTTP_HEAD_MAX + 64];
    struct writer w = writer_of(MSPAN(text, sizeof text));
    write_str(&w, "GET /?");
    while (w.n < line_bytes - 9)
        write_u8(&w, 'a');
    write_str(&w, " HTTP/1.1");
    if (whole) write_str(&w, "\r\n" H "\r\n");
    return read_all(writer_span(&w), &h);
}

static uint16_t with_headers(unsigned count, size_t total)
{
    static struct http_head h;
    static char text[HTTP_HEAD_MAX * 2];
    struct writer w = writer_of(MSPAN(text, sizeof text));
    write_str(&w, "GET / HTTP/1.1\r\n" H);
    for (unsigned i = 1; i < count; i++)
        write_str(&w, "A: b\r\n");
    if (total) {
        write_str(&w, "C: ");
        while (w.n < total - 4)
            write_u8(&w, 'c');
        write_str(&w, "\r\n");
    }
    write_str(&w, "\r\n");
    return read_all(writer_span(&w), &h);
}

static void test_limits(void **state)
{
    (void)state;
    assert_int_equal(with_line(HTTP_LINE_MAX - 1, true), 0);
    assert_int_equal(with_line(HTTP_LINE_MAX, true), 0);
    assert_int_equal(with_line(HTTP_LINE_MAX + 1, true), 414);
    assert_int_equal(with_line(HTTP_LINE_MAX + 2, false), 414);
    assert_int_equal(with_headers(HTTP_HEADERS_MAX - 1, 0), 0);
    assert_int_equal(with_headers(HTTP_HEADERS_MAX, 0), 0);
    assert_int_equal(with_headers(HTTP_HEADERS_MAX + 1, 0), 431);
    assert_int_equal(with_headers(1, HTTP_HEAD_MAX - 1), 0);
    assert_int_equal(with_headers(1, HTTP_HEAD_MAX), 0);
    assert_int_equal(with_headers(1, HTTP_HEAD_MAX + 1), 431);
}

static void test_path_limits(void **state)
{
    (void)state;
    struct http_path p;
    char text[HTTP_PART_MAX + 2];
    assert_ok(http_path_read(SPAN_LIT("/1/2/3/4/5/6"), &p));
    assert_err(ERR_LIMIT, http_path_read(SPAN_LIT("/1/2/3/4/5/6/7"), &p));
    memset(text, 'a', sizeof text);
    text[0] = '/';
    assert_ok(http_path_read(SPAN(text, HTTP_PART_MAX), &p));
    assert_err(ERR_LIMIT, http_path_read(SPAN(text, HTTP_PART_MAX + 1), &p));
    assert_int_equal(ask("GET /1/2/3/4/5/6/7 HTTP/1.1\r\n" H "\r\n"), 404);
}

struct body {
    const char *what, *text, *body;
    enum err e;
};
static const struct body bodies[] = {
    {"one chunk", "5\r\nhello\r\n0\r\n\r\n", "hello", OK},
    {"two chunks", "3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n", "hello", OK},
    {"none", "0\r\n\r\n", "", OK},
    {"hex in both cases", "A\r\n0123456789\r\na\r\n0123456789\r\n0\r\n\r\n", "01234567890123456789", OK},
    {"zeros before", "00000005\r\nhello\r\n0\r\n\r\n", "hello", OK},
    {"extension", "5;a=b\r\nhello\r\n0;x\r\n\r\n", "hello", OK},
    {"not ended", "5\r\nhello\r\n0\r\n", "hello", ERR_AGAIN},
    {"nine digits", "000000005\r\nhello\r\n0\r\n\r\n", "", ERR_LIMIT},
    {"no digits", "\r\n", "", ERR_FORMAT},
    {"sign", "+5\r\nhello\r\n0\r\n\r\n", "", ERR_FORMAT},
    {"0x", "0x5\r\nhello\r\n0\r\n\r\n", "", ERR_FORMAT},
    {"space before", " 5\r\nhello\r\n0\r\n\r\n", "", ERR_FORMAT},
    {"space after", "5 \r\nhello\r\n0\r\n\r\n", "", ERR_FORMAT},
    {"LF after the size", "5\nhello\r\n0\r\n\r\n", "", ERR_FORMAT},
    {"CR without LF", "5\rhello\r\n0\r\n\r\n", "", ERR_FORMAT},
    {"LF in an extension", "5;a\nhello\r\n0\r\n\r\n", "", ERR_FORMAT},
    {"too long", "5\r\nhello!\r\n0\r\n\r\n", "hello", ERR_FORMAT},
    {"LF after the data", "5\r\nhello\n0\r\n\r\n", "hello", ERR_FORMAT},
    {"trailer", "0\r\nA: b\r\n\r\n", "", ERR_FORMAT},
    {"negative", "-1\r\n", "", ERR_FORMAT},
};

static enum err chunked(struct span in, size_t piece, struct buf *body)
{
    struct http_chunked c = {0};
    enum err e = ERR_AGAIN;
    for (size_t at = 0; at < in.n && e == ERR_AGAIN;) {
        uint8_t out[7];
        size_t used = 0, n = 0;
        e = http_chunked_take(&c, span_part(in, at, piece), &used, MSPAN(out, sizeof out), &n);
        if (e == OK || e == ERR_AGAIN) assert_ok(buf_add(body, SPAN(out, n)));
        at += used;
    }
    return e;
}

static void test_chunked(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bodies); i++) {
        for (size_t piece = 1; piece < 40; piece += 6) {
            struct buf body;
            buf_init(&body, 4096);
            enum err e = chunked(span_str(bodies[i].text), piece, &body);
            if (e != bodies[i].e) fail_msg("%s: %d", bodies[i].what, e);
            if (e == OK || e == ERR_AGAIN) assert_true(span_equal(buf_span(&body), span_str(bodies[i].body)));
            buf_fini(&body);
        }
    }
}

static void test_chunk_extensions_are_bounded(void **state)
{
    (void)state;
    for (unsigned n = HTTP_CHUNK_EXT_MAX - 1; n <= HTTP_CHUNK_EXT_MAX + 1; n++) {
        char text[256];
        struct writer w = writer_of(MSPAN(text, sizeof text));
        write_str(&w, "1;");
        for (unsigned i = 0; i < n; i++)
            write_u8(&w, 'x');
        write_str(&w, "\r\na\r\n0\r\n\r\n");
        struct buf body;
        buf_init(&body, 16);
        assert_err(n > HTTP_CHUNK_EXT_MAX ? ERR_LIMIT : OK, chunked(writer_span(&w), 99, &body));
        buf_fini(&body);
    }
}

static void test_values(void **state)
{
    (void)state;
    struct http_head h;
    struct span token;
    assert_true(http_list_has(SPAN_LIT("keep-alive, Upgrade"), "upgrade"));
    assert_false(http_list_has(SPAN_LIT("keep-alive, Upgrader"), "upgrade"));
    assert_true(http_type_is(SPAN_LIT("Application/SDP ; charset=utf-8"), "application/sdp"));
    assert_false(http_type_is(SPAN_LIT("application/sdpx"), "application/sdp"));
    assert_int_equal(read_all(SPAN_LIT("GET / HTTP/1.1\r\n" H "Authorization: bearer a.b-c_d=\r\n\r\n"), &h),
                     0);
    assert_ok(http_bearer(&h, &token));
    assert_true(span_equal(token, SPAN_LIT("a.b-c_d=")));
    assert_int_equal(read_all(SPAN_LIT("GET / HTTP/1.1\r\n" H "Authorization: Basic abc\r\n\r\n"), &h), 0);
    assert_err(ERR_FORMAT, http_bearer(&h, &token));
    assert_int_equal(read_all(SPAN_LIT("GET / HTTP/1.1\r\n" H "Authorization: Bearer a b\r\n\r\n"), &h), 0);
    assert_err(ERR_FORMAT, http_bearer(&h, &token));
    assert_true(http_host_is_local(SPAN_LIT("localhost:8080")));
    assert_true(http_host_is_local(SPAN_LIT("a.localhost")));
    assert_true(http_host_is_local(SPAN_LIT("127.0.0.1")));
    assert_true(http_host_is_local(SPAN_LIT("[::1]:80")));
    assert_false(http_host_is_local(SPAN_LIT("localhost.example:80")));
    assert_false(http_host_is_local(SPAN_LIT("xlocalhost")));
}

static void test_response_is_not_split(void **state)
{
    (void)state;
    char text[256];
    struct writer w = writer_of(MSPAN(text, sizeof text));
    http_write_status(&w, 200);
    http_write_header(&w, "Location", SPAN_LIT("/a\r\nSet-Cookie: x"));
    assert_err(ERR_FULL, write_ok(&w));
    w = writer_of(MSPAN(text, sizeof text));
    http_write_status(&w, 404);
    http_write_number(&w, "Content-Length", 0);
    http_write_end(&w);
    assert_true(span_equal(writer_span(&w), SPAN_LIT("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_framing),
        cmocka_unit_test(test_nul),
        cmocka_unit_test(test_in_pieces),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_path_limits),
        cmocka_unit_test(test_chunked),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_chunk_extensions_are_bounded),
        cmocka_unit_test(test_response_is_not_split),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
