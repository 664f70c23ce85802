/* SPDX-License-Identifier: Apache-2.0
 * Row 31 for room messages: every row there and back, and what must be refused with which error. */
#include "test.h"

#include "base/write.h"
#include "wire/room_json.h"

static uint8_t bytes[700000];

static enum err read_it(const char *text, struct room_read *got, struct span *body)
{
    struct writer w = writer_of(MSPAN(bytes, sizeof bytes));
    enum err e = room_json_read(span_str(text), got, &w);
    *body = writer_span(&w);
    if (e) assert_int_equal(w.n, 0);
    return e;
}

static const char *const good[] = {
    "{\"type\":\"join\",\"id\":1,\"token\":\"t\",\"room\":\"r\"}",
    "{\"room\":\"r\",\"token\":\"t\",\"id\":4294967295,\"type\":\"join\"}",
    (" { \"type\" : \"offer\" , \"id\" : 2 , \"sdp\" : \"v=0\\r\\n\" , \"send\" : [ { \"source\" : "
     "\"camera\" "
     ", "
     "\"mid\" : \"0\" } ] } "),
    "{\"type\":\"offer\",\"id\":2,\"sdp\":\"\",\"send\":[]}",
    "{\"type\":\"track\",\"id\":3,\"source\":\"camera\",\"on\":true,\"muted\":false}",
    ("{\"type\":\"view\",\"id\":4,\"show\":[{\"track\":1,\"width\":2,\"height\":3},"
     "{\"height\":3,\"track\":9,\"width\":2}]}"),
    "{\"type\":\"chat\",\"id\":5,\"text\":\"\\u00e4\\ud83d\\ude00 </script>\"}",
    "{\"type\":\"hand\",\"id\":6,\"up\":false}",
    "{\"type\":\"react\",\"id\":6,\"emoji\":\"x\"}",
    "{\"type\":\"leave\",\"id\":0}",
    "{\"type\":\"ping\",\"id\":7}",
    "{\"type\":\"kick\",\"id\":8,\"member\":3}",
    "{\"type\":\"mute_member\",\"id\":8,\"member\":3,\"source\":\"camera\"}",
    "{\"type\":\"lock\",\"id\":8,\"locked\":true}",
    "{\"type\":\"admit\",\"id\":8,\"knock\":3,\"admit\":true}",
    "{\"\\u0074ype\":\"e\\u006ed\",\"id\":8}",
};

static void test_there_and_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(good); i++) {
        struct room_read got;
        struct span body;
        static uint8_t copy[4096], text[8192], again[4096];
        enum err e = read_it(good[i], &got, &body);
        if (e) fail_msg("%s: %s (%s)", good[i], err_text(e), got.field);
        assert_ok(shape_check(&room_row(got.message)->shape, body));
        memcpy(copy, body.p, body.n);
        struct writer w = writer_of(MSPAN(text, sizeof text)), b = writer_of(MSPAN(again, sizeof again));
        assert_ok(room_json_write(got.message, SPAN(copy, body.n), &w));
        assert_ok(room_json_read(writer_span(&w), &got, &b));
        assert_true(span_equal(writer_span(&b), SPAN(copy, body.n)));
        assert_true(got.has_id);
    }
}

struct bad {
    const char *text;
    enum err e;
    const char *field;
    bool has_id;
};
static const struct bad bad[] = {
    {"", ERR_SHORT, NULL, false},
    {"[]", ERR_FORMAT, NULL, false},
    {"{}", ERR_SHORT, "type", false},
    {"{\"id\":1}", ERR_SHORT, "type", true},
    {"{\"type\":1,\"id\":1}", ERR_FORMAT, NULL, false},
    {"{\"type\":\"joined\",\"id\":1}", ERR_UNKNOWN, NULL, true},
    {"{\"type\":\"nothing\",\"id\":1}", ERR_UNKNOWN, NULL, true},
    {"{\"type\":\"Ping\",\"id\":1}", ERR_UNKNOWN, NULL, true},
    {"{\"type\":\"ping\",\"id\":1,\"x\":2}", ERR_UNKNOWN, NULL, true},
    {"{\"type\":\"ping\",\"id\":1,\"__proto__\":{}}", ERR_UNKNOWN, NULL, true},
    {"{\"type\":\"ping\",\"id\":1,\"id\":2}", ERR_EXISTS, NULL, false},
    {"{\"type\":\"ping\",\"id\":1,\"\\u0069d\":2}", ERR_EXISTS, NULL, false},
    {"{\"type\":\"ping\",\"type\":\"ping\",\"id\":1}", ERR_EXISTS, NULL, false},
    {"{\"type\":\"ping\"}", ERR_SHORT, "id", false},
    {"{\"type\":\"ping\",\"id\":-1}", ERR_FORMAT, "id", false},
    {"{\"type\":\"ping\",\"id\":1.0}", ERR_FORMAT, "id", false},
    {"{\"type\":\"ping\",\"id\":1e3}", ERR_FORMAT, "id", false},
    {"{\"type\":\"ping\",\"id\":4294967296}", ERR_RANGE, "id", false},
    {"{\"type\":\"ping\",\"id\":\"1\"}", ERR_FORMAT, "id", false},
    {"{\"type\":\"ping\",\"id\":null}", ERR_FORMAT, "id", false},
    {"{\"type\":\"ping\",\"id\":1}x", ERR_FORMAT, NULL, false},
    {"{\"type\":\"ping\",\"id\":1}{}", ERR_FORMAT, NULL, false},
    {"{\"type\":\"hand\",\"id\":1,\"up\":1}", ERR_FORMAT, "up", true},
    {"{\"type\":\"hand\",\"id\":1,\"up\":\"true\"}", ERR_FORMAT, "up", true},
    {"{\"type\":\"chat\",\"id\":1,\"text\":[]}", ERR_FORMAT, "text", true},
    {"{\"type\":\"chat\",\"id\":1,\"text\":{\"a\":1}}", ERR_FORMAT, "text", true},
    {"{\"type\":\"react\",\"id\":1,\"emoji\":\"123456789012345678901234567890123\"}", ERR_RANGE, "emoji",
     true},
    {"{\"type\":\"view\",\"id\":1,\"show\":{}}", ERR_FORMAT, "show", true},
    {"{\"type\":\"view\",\"id\":1,\"show\":[1]}", ERR_FORMAT, "show", true},
    {"{\"type\":\"view\",\"id\":1,\"show\":[{\"track\":1,\"width\":2}]}", ERR_SHORT, "height", true},
    {"{\"type\":\"view\",\"id\":1,\"show\":[{\"track\":1,\"width\":2,\"height\":16385}]}", ERR_RANGE,
     "height", true},
    {"{\"type\":\"view\",\"id\":1,\"show\":[{\"track\":1,\"width\":2,\"height\":1,\"member\":7}]}",
     ERR_UNKNOWN, "show", true},
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct room_read got;
        struct span body;
        enum err e = read_it(bad[i].text, &got, &body);
        bool same =
            got.field == bad[i].field || (got.field && bad[i].field && !strcmp(got.field, bad[i].field));
        if (e != bad[i].e || !same || got.has_id != bad[i].has_id)
            fail_msg("%s: %s, field %s, id %d", bad[i].text, err_text(e), got.field, got.has_id);
    }
    print_message("room messages refused: %zu of %zu\n", COUNT_OF(bad), COUNT_OF(bad));
}

static enum err react_of(size_t n)
{
    char text[256];
    struct room_read got;
    struct span body;
    struct writer w = writer_of(MSPAN(text, sizeof text - 1));
    write_str(&w, "{\"type\":\"react\",\"id\":1,\"emoji\":\"");
    for (size_t i = 0; i < n; i++)
        write_u8(&w, 'e');
    write_str(&w, "\"}");
    text[w.n] = 0;
    return read_it(text, &got, &body);
}

static enum err view_of(unsigned items)
{
    static char text[16384];
    struct room_read got;
    struct span body;
    struct writer w = writer_of(MSPAN(text, sizeof text - 1));
    write_str(&w, "{\"type\":\"view\",\"id\":1,\"show\":[");
    for (unsigned i = 0; i < items; i++)
        write_str(&w,
                  i ? ",{\"track\":1,\"width\":2,\"height\":3}" : "{\"track\":1,\"width\":2,\"height\":3}");
    write_str(&w, "]}");
    text[w.n] = 0;
    return read_it(text, &got, &body);
}

/* A ping as long as its row allows, and one byte longer. */
static enum err ping_of(size_t n)
{
    static char text[1024];
    struct room_read got;
    struct span body;
    struct writer w = writer_of(MSPAN(text, sizeof text - 1));
    write_str(&w, "{\"type\":\"ping\",\"id\":1");
    while (w.n < n - 1)
        write_u8(&w, ' ');
    write_u8(&w, '}');
    text[w.n] = 0;
    return read_it(text, &got, &body);
}

static void test_limits(void **state)
{
    (void)state;
    assert_ok(react_of(31));
    assert_ok(react_of(32));
    assert_err(ERR_RANGE, react_of(33));
    assert_ok(view_of(ROOM_SLOTS_MAX - 1));
    assert_ok(view_of(ROOM_SLOTS_MAX));
    assert_err(ERR_RANGE, view_of(ROOM_SLOTS_MAX + 1));
    uint32_t max = room_row(ROOM_PING)->max_bytes;
    assert_ok(ping_of(max - 1));
    assert_ok(ping_of(max));
    assert_err(ERR_LIMIT, ping_of(max + 1));
}

static void test_to_clients(void **state)
{
    (void)state;
    uint8_t body[256], text[512];
    struct writer b = writer_of(MSPAN(body, sizeof body)), w = writer_of(MSPAN(text, sizeof text));
    write_u8(&b, 0); /* no id */
    write_vec32(&b, SPAN_LIT("bad_message"));
    write_vec32(&b, SPAN_LIT("a \"b\" </script>\xe2\x80\xa8\x01"));
    assert_ok(room_json_write(ROOM_ERROR, writer_span(&b), &w));
    struct span s = writer_span(&w);
    static const char *const never[] = {"</", "\xe2\x80\xa8", "\x01"};
    for (size_t i = 0; i < COUNT_OF(never); i++)
        for (size_t k = 0; k + strlen(never[i]) <= s.n; k++)
            assert_int_not_equal(memcmp(s.p + k, never[i], strlen(never[i])), 0);
    w = writer_of(MSPAN(text, sizeof text));
    assert_err(ERR_FORMAT, room_json_write(ROOM_ERROR, SPAN(b.p, b.n - 1), &w));
    assert_err(ERR_UNKNOWN, room_json_write(ROOM_MESSAGE_COUNT, SPAN_NONE, &w));
    w = writer_of(MSPAN(text, 20));
    assert_err(ERR_FULL, room_json_write(ROOM_ERROR, writer_span(&b), &w));
    assert_int_equal(w.n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_to_clients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
