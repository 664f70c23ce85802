/* SPDX-License-Identifier: Apache-2.0
 * wire/json: what RFC 8259 allows is read, what it forbids is refused, limits at limit-1, limit, limit+1 (row
 * 31). */
#include "wire/json.h"
#include "test.h"

#include <time.h>

static const struct {
    const char *text;
    enum err e;
} whole[] = {
    {"{}", OK},
    {"[]", OK},
    {" \t\r\n1 ", OK},
    {"\"\"", OK},
    {"null", OK},
    {"true", OK},
    {"false", OK},
    {"-0", OK},
    {"0", OK},
    {"-1.5e+10", OK},
    {"1E-2", OK},
    {"[1,2,[3]]", OK},
    {"{\"a\":{\"a\":{\"a\":1}}}", OK},
    {"[{\"a\":1},{\"a\":2}]", OK},
    {"\"\\u00e9\\ud83d\\ude00\\/\\\\\\\"\\b\\f\\n\\r\\t\"", OK},
    {"\"\xc3\xa9\"", OK},
    {"\"\x7f\"", OK},
    {"\"\xf0\x9f\x98\x80\"", OK},
    {"{\"a\":1,\"A\":2}", OK},
    {"{\"\":1}", OK},
    /* structure */
    {"", ERR_SHORT},
    {" ", ERR_SHORT},
    {"{", ERR_SHORT},
    {"[", ERR_SHORT},
    {"[1", ERR_SHORT},
    {"[1,", ERR_SHORT},
    {"{\"a\"", ERR_SHORT},
    {"{\"a\":", ERR_SHORT},
    {"{\"a\":1", ERR_SHORT},
    {"\"abc", ERR_SHORT},
    {"[1,]", ERR_FORMAT},
    {"[,1]", ERR_FORMAT},
    {"[1 2]", ERR_FORMAT},
    {"[1,,2]", ERR_FORMAT},
    {"{,}", ERR_FORMAT},
    {"{\"a\":1,}", ERR_FORMAT},
    {"{\"a\" 1}", ERR_FORMAT},
    {"{\"a\":}", ERR_FORMAT},
    {"{a:1}", ERR_FORMAT},
    {"{'a':1}", ERR_FORMAT},
    {"{1:1}", ERR_FORMAT},
    {"{\"a\"}", ERR_FORMAT},
    {"{]", ERR_FORMAT},
    {"[}", ERR_FORMAT},
    {"[1}", ERR_FORMAT},
    {"{\"a\":1]", ERR_FORMAT},
    {"1 1", ERR_FORMAT},
    {"{}{}", ERR_FORMAT},
    {"]", ERR_FORMAT},
    {"{} x", ERR_FORMAT},
    {"/**/1", ERR_FORMAT},
    {"1//", ERR_FORMAT},
    {"[1]]", ERR_FORMAT},
    {"{}}", ERR_FORMAT},
    {"\xef\xbb\xbf{}", ERR_FORMAT},
    {"\f1", ERR_FORMAT},
    {"\v1", ERR_FORMAT},
    {"\xc2\xa0"
     "1",
     ERR_FORMAT},
    /* words and numbers */
    {"tru", ERR_FORMAT},
    {"True", ERR_FORMAT},
    {"nul", ERR_FORMAT},
    {"truex", ERR_FORMAT},
    {"NaN", ERR_FORMAT},
    {"Infinity", ERR_FORMAT},
    {"undefined", ERR_FORMAT},
    {"+1", ERR_FORMAT},
    {"01", ERR_FORMAT},
    {"-01", ERR_FORMAT},
    {"1.", ERR_FORMAT},
    {".5", ERR_FORMAT},
    {"1e", ERR_FORMAT},
    {"1e+", ERR_FORMAT},
    {"-", ERR_FORMAT},
    {"0x10", ERR_FORMAT},
    {"1_0", ERR_FORMAT},
    {"--1", ERR_FORMAT},
    {"1.e1", ERR_FORMAT},
    /* strings */
    {"\"\\x41\"", ERR_FORMAT},
    {"\"\\u12\"", ERR_FORMAT},
    {"\"\\u12g4\"", ERR_FORMAT},
    {"\"\\ud800\"", ERR_FORMAT},
    {"\"\\udc00\"", ERR_FORMAT},
    {"\"\\ud800\\u0041\"", ERR_FORMAT},
    {"\"\\ud800\\ud800\"", ERR_FORMAT},
    {"\"\\u0000\"", ERR_FORMAT},
    {"\"\n\"", ERR_FORMAT},
    {"\"\t\"", ERR_FORMAT},
    {"\"\x01\"", ERR_FORMAT},
    {"\"\xff\"", ERR_FORMAT},
    {"\"\xc0\xaf\"", ERR_FORMAT},
    {"\"\xed\xa0\x80\"", ERR_FORMAT},
    {"\"\xe0\x80\xaf\"", ERR_FORMAT},
    {"\"\xf4\x90\x80\x80\"", ERR_FORMAT},
    {"\"\xf5\x80\x80\x80\"", ERR_FORMAT},
    {"\"\x80\"", ERR_FORMAT},
    {"\"\xc3\"", ERR_FORMAT},
    {"\"\\\"", ERR_SHORT},
    {"\"\\", ERR_FORMAT},
    /* members that repeat */
    {"{\"a\":1,\"a\":2}", ERR_EXISTS},
    {"{\"a\":1,\"\\u0061\":2}", ERR_EXISTS},
    {"{\"\":1,\"\":2}", ERR_EXISTS},
    {"{\"\\ud83d\\ude00\":1,\"\xf0\x9f\x98\x80\":2}", ERR_EXISTS},
    {"[{\"b\":{\"x\":1,\"y\":2,\"x\":3}}]", ERR_EXISTS},
    {"{\"a\":{\"b\":1},\"b\":2,\"b\":3}", ERR_EXISTS},
    {"{\"__proto__\":1,\"__proto__\":1}", ERR_EXISTS},
};

static void whole_texts(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT_OF(whole); i++) {
        enum err e = json_check(span_str(whole[i].text));
        if (e != whole[i].e) print_error("%s: %s\n", whole[i].text, err_text(e));
        assert_int_equal(e, whole[i].e);
    }
    assert_err(ERR_FORMAT, json_check(SPAN("\"\0\"", 3)));
    assert_err(ERR_FORMAT, json_check(SPAN("1\0", 2)));
}

static enum err nested(unsigned depth)
{
    char text[100];
    memset(text, '[', depth);
    memset(text + depth, ']', depth);
    return json_check(SPAN(text, 2 * depth));
}

static enum err with_keys(unsigned count)
{
    char text[4096];
    size_t n = 0;
    text[n++] = '{';
    for (unsigned i = 0; i < count; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s\"k%u\":%u", i ? "," : "", i, i);
    text[n++] = '}';
    return json_check(SPAN(text, n));
}

static enum err with_key_bytes(size_t bytes)
{
    char text[400];
    size_t n = 0;
    memcpy(text, "{\"", 2);
    memset(text + 2, 'k', bytes);
    n = 2 + bytes;
    memcpy(text + n, "\":1}", 4);
    return json_check(SPAN(text, n + 4));
}

static enum err with_digits(size_t bytes)
{
    char text[100];
    memset(text, '1', bytes);
    return json_check(SPAN(text, bytes));
}

static void limits(void **state)
{
    (void)state;
    assert_ok(nested(JSON_DEPTH_MAX - 1));
    assert_ok(nested(JSON_DEPTH_MAX));
    assert_err(ERR_LIMIT, nested(JSON_DEPTH_MAX + 1));
    assert_ok(with_keys(JSON_KEYS_MAX - 1));
    assert_ok(with_keys(JSON_KEYS_MAX));
    assert_err(ERR_LIMIT, with_keys(JSON_KEYS_MAX + 1));
    assert_ok(with_key_bytes(JSON_KEY_BYTES_MAX - 1));
    assert_ok(with_key_bytes(JSON_KEY_BYTES_MAX));
    assert_err(ERR_LIMIT, with_key_bytes(JSON_KEY_BYTES_MAX + 1));
    assert_ok(with_digits(JSON_NUMBER_BYTES_MAX));
    assert_err(ERR_LIMIT, with_digits(JSON_NUMBER_BYTES_MAX + 1));
    static char deep[200000];
    memset(deep, '[', sizeof deep);
    assert_err(ERR_LIMIT, json_check(SPAN(deep, sizeof deep)));
}

/* Row 32 of the acceptance matrix: what is made to break parsers is refused, and quickly. */
static uint8_t huge[4 << 20];
static size_t repeated(const char *head, const char *unit, size_t times, const char *tail)
{
    struct writer w = writer_of(MSPAN(huge, sizeof huge));
    write_str(&w, head);
    for (size_t i = 0; i < times; i++)
        for (const char *c = unit; *c; c++) {
            if (*c == '#') /* a number of its own */
                write_dec(&w, i);
            else
                write_u8(&w, (uint8_t)*c);
        }
    write_str(&w, tail);
    assert_ok(write_ok(&w));
    return w.n;
}

static void torture(void **state)
{
    (void)state;
    static const struct {
        const char *head, *unit, *tail;
        size_t times;
    } all[] = {
        {"", "[", "", 100000},
        {"", "{\"a\":", "", 100000},
        {"", "[{\"a\":", "1", 100000},
        {"{", "\"k#\":1,", "\"z\":1}", 100000},
        {"{\"a\":1", ",\"a\":#", "}", 100000},
        {"{\"a\":1", ",\"\\u0061\":#", "}", 100000},
        {"{", "\"__proto__\":{\"constructor\":{\"prototype\":#}},", "\"x\":1}", 20000},
        {"[", "\"\\u0000\",", "1]", 100000},
        {"[", "\"\\ud800\",", "1]", 100000},
        {"[", "\"\\udfff\\ud800\",", "1]", 100000},
        {"\"", "\\u00", "\"", 100000},
        {"\"", "\xc3", "\"", 100000},
        {"", "1", "e", 100000},
        {"-", "0", "", 100000},
        {"{\"", "k", "\":1}", 100000},
        {"[", "1,", "", 1000000},
        {"", " ", "[", 1000000},
    };
    double worst = 0;
    size_t most = 0;
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        size_t n = repeated(all[i].head, all[i].unit, all[i].times, all[i].tail);
        most = n > most ? n : most;
        clock_t begun = clock();
        assert_true(json_check(SPAN(huge, n)) != OK);
        double ms = 1000.0 * (double)(clock() - begun) / CLOCKS_PER_SEC;
        worst = ms > worst ? ms : worst;
        if (!SANITIZED) assert_true(ms < 50);
    }
    printf("row 32: %zu texts of up to %zu bytes refused, at most %.2f ms each\n", COUNT_OF(all), most,
           worst);
}

static struct json_token one(struct json *j, const char *text)
{
    struct json_token t = {JSON_END, SPAN_NONE};
    json_init(j, span_str(text));
    assert_ok(json_next(j, &t));
    return t;
}

static void values(void **state)
{
    (void)state;
    static struct json j;
    uint8_t room[8];
    struct span out;
    uint64_t v = 7;
    struct json_token t = one(&j, "\"a\\u00e9\\n\"");
    assert_ok(json_text(&t, MSPAN(room, 4), &out));
    assert_true(span_equal(out, SPAN_LIT("a\xc3\xa9\n")));
    assert_err(ERR_LIMIT, json_text(&t, MSPAN(room, 3), &out));
    assert_true(json_is(&t, "a\xc3\xa9\n"));
    assert_false(json_is(&t, "a\xc3\xa9"));
    assert_false(json_is(&t, "a\xc3\xa9\nb"));
    t = one(&j, "12");
    assert_ok(json_uint(&t, 12, &v));
    assert_int_equal(v, 12);
    assert_err(ERR_RANGE, json_uint(&t, 11, &v));
    t = one(&j, "-1");
    assert_err(ERR_FORMAT, json_uint(&t, 100, &v));
    t = one(&j, "1.0");
    assert_err(ERR_FORMAT, json_uint(&t, 100, &v));
    t = one(&j, "1e2");
    assert_err(ERR_FORMAT, json_uint(&t, 100, &v));
    t = one(&j, "99999999999999999999");
    assert_err(ERR_RANGE, json_uint(&t, UINT64_MAX, &v));
    assert_int_equal(v, 12);
}

static void skipping(void **state)
{
    (void)state;
    static struct json j;
    struct json_token t;
    t = one(&j, "{\"a\":[1,{\"b\":[]}],\"c\":2}");
    assert_int_equal(t.kind, JSON_OBJECT);
    assert_ok(json_expect(&j, JSON_KEY, &t));
    assert_ok(json_skip(&j, &t));
    assert_ok(json_expect(&j, JSON_KEY, &t));
    assert_true(json_is(&t, "c"));
    assert_ok(json_expect(&j, JSON_NUMBER, &t));
    assert_ok(json_expect(&j, JSON_OBJECT_END, &t));
    assert_ok(json_expect(&j, JSON_END, &t));
    assert_ok(json_expect(&j, JSON_END, &t));
}

static void writing(void **state)
{
    (void)state;
    uint8_t room[200];
    struct writer w = writer_of(MSPAN(room, sizeof room));
    json_write_text(&w, SPAN_LIT("</script>&\"\\\n\x7f\xe2\x80\xa8"));
    assert_true(span_equal(writer_span(&w),
                           SPAN_LIT("\"\\u003c/script\\u003e\\u0026\\\"\\\\\\u000a\\u007f\\u2028\"")));
    json_write_text(&w, SPAN_LIT("\xff"));
    assert_true(w.bad);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_texts), cmocka_unit_test(limits),   cmocka_unit_test(torture),
        cmocka_unit_test(values),      cmocka_unit_test(skipping), cmocka_unit_test(writing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
