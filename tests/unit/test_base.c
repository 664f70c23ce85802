/* SPDX-License-Identifier: Apache-2.0
 * base: reader, writer, memory, buffers, secrets at their limits. */
#include "base/buf.h"
#include "base/read.h"
#include "base/secret.h"
#include "base/write.h"
#include "core/out.h"
#include "test.h"

static void reader_stops_at_the_end(void **state)
{
    (void)state;
    uint8_t bytes[] = {1, 2, 3, 4, 5};
    struct reader r = reader_of(SPAN_OF(bytes));
    assert_int_equal(read_u16(&r), 0x0102);
    assert_int_equal(read_u24(&r), 0x030405);
    assert_ok(read_end(&r));
    assert_int_equal(read_u8(&r), 0);
    assert_err(ERR_SHORT, read_end(&r));
    r = reader_of(SPAN_OF(bytes));
    (void)read_u32(&r);
    assert_err(ERR_FORMAT, read_end(&r));
    r = reader_of(SPAN_NONE);
    assert_ok(read_end(&r));
    assert_int_equal(read_vec8(&r).n, 0);
    assert_err(ERR_SHORT, read_end(&r));
}

static void varints_round_trip_and_are_minimal(void **state)
{
    (void)state;
    uint32_t values[] = {0, 63, 64, 16383, 16384, (1u << 30) - 1};
    size_t sizes[] = {1, 1, 2, 2, 4, 4};
    for (size_t i = 0; i < COUNT_OF(values); i++) {
        uint8_t b[4];
        struct writer w = writer_of(MSPAN(b, sizeof b));
        write_varint(&w, values[i]);
        assert_ok(write_ok(&w));
        assert_int_equal(w.n, sizes[i]);
        struct reader r = reader_of(writer_span(&w));
        assert_int_equal(read_varint(&r), values[i]);
        assert_ok(read_end(&r));
    }
    uint8_t long_forms[][4] = {{0x40, 63}, {0x80, 0, 0x3f, 0xff}, {0xc0, 0, 0, 0}};
    for (size_t i = 0; i < COUNT_OF(long_forms); i++) {
        struct reader r = reader_of(SPAN_OF(long_forms[i]));
        (void)read_varint(&r);
        assert_true(r.bad);
    }
    struct writer w = writer_counting(8);
    write_varint(&w, 1u << 30);
    assert_err(ERR_FULL, write_ok(&w));
}

static void hex_is_what_was_written_and_nothing_else(void **state)
{
    (void)state;
    uint8_t b[3], text[6], back[3];
    for (unsigned i = 0; i < 256; i++) {
        memset(b, (int)i, sizeof b);
        struct writer w = writer_of(MSPAN(text, sizeof text));
        write_hex(&w, SPAN_OF(b));
        assert_ok(write_ok(&w));
        assert_ok(read_hex(SPAN_OF(text), back, sizeof back));
        assert_memory_equal(b, back, sizeof b);
    }
    for (const char *const *bad =
             (const char *const[]){"0102", "01020304", "01020G", "0102/0", "01020A", "", NULL};
         *bad; bad++)
        assert_err(ERR_FORMAT, read_hex(span_str(*bad), back, sizeof back));
}

static void writer_refuses_what_does_not_fit(void **state)
{
    (void)state;
    uint8_t b[3];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    write_u16(&w, 7);
    write_u16(&w, 7);
    assert_err(ERR_FULL, write_ok(&w));
    assert_int_equal(writer_span(&w).n, 0);
    w = writer_counting(300);
    uint8_t big[256] = {0};
    write_vec8(&w, SPAN_OF(big));
    assert_err(ERR_FULL, write_ok(&w));
    w = writer_of(MSPAN(b, sizeof b));
    write_u8(&w, 1);
    write_u16_at(&w, 0, 2);
    assert_err(ERR_FULL, write_ok(&w));
}

static enum err grow(void *arg)
{
    struct buf b;
    enum err e = OK;
    buf_init(&b, 1000);
    for (int i = 0; i < 10 && !e; i++)
        e = buf_add(&b, span_str("0123456789012345678901234567890123456789012345678901234567890123456789"
                                 "012345678901234567890123456789"));
    if (!e) {
        assert_int_equal(buf_add(&b, span_str("x")), ERR_LIMIT);
        buf_drop(&b, 999);
        assert_int_equal(b.n, 1);
    }
    (void)arg;
    buf_fini(&b);
    return e;
}

static void buffers_keep_their_cap_and_survive_oom(void **state)
{
    (void)state;
    assert_true(oom_run(grow, NULL) >= 1);
}

static void secrets_compare(void **state)
{
    (void)state;
    assert_true(secret_equal(span_str("abc"), span_str("abc")));
    assert_false(secret_equal(span_str("abc"), span_str("abd")));
    assert_false(secret_equal(span_str("abc"), span_str("ab")));
}

static void tray_groups_by_destination(void **state)
{
    (void)state;
    struct out o;
    assert_ok(out_init(&o, 6));
    struct path a = {.family = 4, .port = 1}, b = {.family = 4, .port = 2};
    struct out_dest da = {0}, db = {0};
    for (int i = 0; i < 2; i++) {
        assert_ok(out_add(&o, &a, &da, span_str("aa")));
        assert_ok(out_add(&o, &b, &db, span_str("b")));
    }
    assert_int_equal(o.group_n, 2);
    assert_int_equal(o.group[0].count, 2);
    assert_int_equal(o.group[0].bytes, 4);
    assert_int_equal(o.pkt[o.group[1].head].next, 3);
    assert_ok(out_add(&o, &a, NULL, span_str("x")));
    assert_ok(out_add(&o, &a, NULL, span_str("x")));
    assert_err(ERR_FULL, out_add(&o, &a, NULL, span_str("x")));
    assert_int_equal(o.dropped, 1);
    out_clear(&o);
    assert_ok(out_add(&o, &b, &db, span_str("b")));
    assert_int_equal(o.group_n, 1);
    out_fini(&o);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reader_stops_at_the_end),
        cmocka_unit_test(varints_round_trip_and_are_minimal),
        cmocka_unit_test(hex_is_what_was_written_and_nothing_else),
        cmocka_unit_test(writer_refuses_what_does_not_fit),
        cmocka_unit_test(buffers_keep_their_cap_and_survive_oom),
        cmocka_unit_test(secrets_compare),
        cmocka_unit_test(tray_groups_by_destination),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
