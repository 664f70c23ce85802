/* SPDX-License-Identifier: Apache-2.0
 * RTCP: what we write we read back; what is bent is refused; nothing runs on for long. */
#include "test.h"

#include "wire/rtcp.h"

static uint8_t bytes[2048];

static struct writer fresh(void)
{
    return writer_of(MSPAN(bytes, sizeof bytes));
}

static void written_and_read(void **state)
{
    (void)state;
    struct writer w = fresh();
    struct rtcp_sender sr = {.ntp = 0x0102030405060708, .ts = 9, .packets = 10, .octets = 11};
    struct rtcp_report block[2] = {{.ssrc = 5,
                                    .fraction_lost = 12,
                                    .lost = -3,
                                    .highest = 7,
                                    .jitter = 8,
                                    .last_sr = 9,
                                    .since_last_sr = 10},
                                   {.ssrc = 6, .lost = 9000000}};
    uint16_t seq[] = {65534, 65535, 0, 14, 15, 40};
    rtcp_write_sender(&w, 77, &sr);
    rtcp_write_cname(&w, 77, SPAN_LIT("incamera"));
    rtcp_write_receiver(&w, 78, block, 2);
    rtcp_write_nack(&w, 1, 2, seq, COUNT_OF(seq));
    rtcp_write_pli(&w, 3, 4);
    rtcp_write_remb(&w, 5, 7654321, (uint32_t[]){1, 2}, 2);
    rtcp_write_bye(&w, 79);
    assert_false(w.bad);
    struct span rest = writer_span(&w);
    struct rtcp_item item;
    struct rtcp_report r;
    assert_ok(rtcp_next(&rest, &item));
    assert_int_equal(item.kind, RTCP_SENDER_REPORT);
    assert_true(item.sender == 77 && item.sr.ntp == sr.ntp && item.sr.octets == 11 && item.count == 0);
    assert_ok(rtcp_next(&rest, &item));
    assert_int_equal(item.kind, RTCP_SDES);
    assert_ok(rtcp_next(&rest, &item));
    assert_true(rtcp_report_next(&item.body, &r));
    assert_true(r.ssrc == 5 && r.lost == -3 && r.since_last_sr == 10);
    assert_true(rtcp_report_next(&item.body, &r));
    assert_int_equal(r.lost, 0x7fffff);
    assert_false(rtcp_report_next(&item.body, &r));
    assert_ok(rtcp_next(&rest, &item));
    assert_int_equal(item.kind, RTCP_NACK);
    uint16_t first, following, n = 0;
    while (rtcp_nack_next(&item.body, &first, &following)) {
        assert_int_equal(first, seq[n++]);
        for (unsigned i = 0; i < 16; i++)
            if (following & 1u << i) assert_int_equal((uint16_t)(first + 1 + i), seq[n++]);
    }
    assert_int_equal(n, COUNT_OF(seq));
    assert_ok(rtcp_next(&rest, &item));
    assert_true(item.kind == RTCP_PLI && item.media == 4);
    assert_ok(rtcp_next(&rest, &item));
    assert_true(item.kind == RTCP_REMB && item.remb_bps <= 7654321 && item.remb_bps > 7654000);
    assert_ok(rtcp_next(&rest, &item));
    uint32_t ssrc;
    assert_true(item.kind == RTCP_BYE && rtcp_source_next(&item.body, &ssrc) && ssrc == 79);
    assert_err(ERR_CLOSED, rtcp_next(&rest, &item));
}

static enum err read_all(struct span rest)
{
    struct rtcp_item item;
    enum err e;
    while ((e = rtcp_next(&rest, &item)) == OK)
        ;
    return e;
}
#define BYTES(...) SPAN(((const uint8_t[]){__VA_ARGS__}), sizeof((const uint8_t[]){__VA_ARGS__}))

static void torture_is_refused(void **state)
{
    (void)state;
    assert_err(ERR_SHORT, read_all(BYTES(0x80, 201, 0)));
    assert_err(ERR_SHORT, read_all(BYTES(0x80, 201, 0xff, 0xff, 0, 0, 0, 1)));
    assert_err(ERR_FORMAT, read_all(BYTES(0x40, 201, 0, 1, 0, 0, 0, 1)));
    assert_err(ERR_SHORT, read_all(BYTES(0x81, 201, 0, 1, 0, 0, 0, 1))); /* a report that is not there */
    assert_err(ERR_SHORT, read_all(BYTES(0x9f, 203, 0, 1, 0, 0, 0, 1))); /* 31 sources that are not there */
    assert_err(ERR_SHORT, read_all(BYTES(0x80, 200, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0)));
    assert_err(ERR_FORMAT, read_all(BYTES(0x81, 205, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2))); /* NACK of nothing */
    assert_err(ERR_FORMAT, read_all(BYTES(0x84, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 0)));
    assert_err(ERR_FORMAT, read_all(BYTES(0xa0, 201, 0, 1, 0, 0, 0, 0))); /* padding of 0 */
    assert_err(ERR_FORMAT, read_all(BYTES(0xa0, 201, 0, 1, 0, 0, 0, 255)));
    assert_err(ERR_FORMAT, read_all(BYTES(0xa0, 201, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2)));
    /* transport-wide feedback ends with any number of them, as Chromium sends it */
    struct span feedback =
        BYTES(0xaf, 205, 0, 6, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0, 2, 0, 0, 1, 7, 0x20, 2, 8, 4, 0, 0, 0, 3);
    struct rtcp_item item;
    assert_ok(rtcp_next(&feedback, &item));
    assert_int_equal(item.kind, RTCP_TRANSPORT_CC);
    assert_int_equal(item.body.n, 13);
    assert_err(ERR_FORMAT,
               read_all(BYTES(0xa0, 201, 0, 1, 0, 0, 0, 4, 0x80, 201, 0, 1, 0, 0, 0, 1))); /* not last */
    assert_err(ERR_SHORT,
               read_all(BYTES(0x8f, 206, 0, 4, 0, 0, 0, 1, 0, 0, 0, 0, 'R', 'E', 'M', 'B', 255, 0, 0, 0)));
    assert_err(ERR_CLOSED, read_all(BYTES(0x8f, 206, 0, 3, 0, 0, 0, 1, 0, 0, 0, 0, 'X', 'Y', 'Z', 'W')));
    assert_err(ERR_CLOSED, read_all(BYTES(0x80, 207, 0, 1, 0, 0, 0, 1))); /* XR: not of interest */
    assert_err(ERR_CLOSED, read_all(SPAN_NONE));
}

static void a_writer_that_is_full_says_so(void **state)
{
    (void)state;
    for (size_t n = 0; n < 28; n++) {
        struct writer w = writer_of(MSPAN(bytes, n));
        rtcp_write_sender(&w, 1, &(struct rtcp_sender){0});
        assert_true(w.bad);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(written_and_read),
                                       cmocka_unit_test(torture_is_refused),
                                       cmocka_unit_test(a_writer_that_is_full_says_so)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
