/* SPDX-License-Identifier: Apache-2.0
 * TURN on the wire: messages, ChannelData, frames of a stream; slabs. */
#include "base/slab.h"
#include "guest/openssl_crypto.h"
#include "test.h"
#include "wire/turn.h"

static const uint8_t id[TURN_ID] = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};

/* RFC 5769 section 2.4: a request with long-term authentication. */
static void the_sample_request_is_read_and_its_integrity_is_right(void **state)
{
    (void)state;
    static const uint8_t sample[] =
        "\x00\x01\x00\x60\x21\x12\xa4\x42\x78\xad\x34\x33\xc6\xad\x72\xc0\x29\xda\x41\x2e\x00\x06\x00\x12"
        "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9\x00\x00\x00\x15\x00\x1c"
        "f//499k954d6OL34oL9FSTvy64sA\x00\x14\x00\x0b"
        "example.org\x00\x00\x08\x00\x14"
        "\xf6\x70\x24\x65\x6d\xd6\x4a\x3e\x02\xb8\xe0\x71\x2e\x85\xc9\xa2\x8c\xa8\x96\x66";
    struct turn_msg m;
    uint8_t key[16], mac[TURN_MAC];
    assert_ok(turn_parse(SPAN(sample, sizeof sample - 1), &m));
    assert_int_equal(m.class, TURN_REQUEST);
    assert_int_equal(m.method, TURN_BINDING);
    assert_true(span_equal(m.realm, SPAN_LIT("example.org")));
    assert_true(span_equal(m.nonce, SPAN_LIT("f//499k954d6OL34oL9FSTvy64sA")));
    assert_int_equal(m.username.n, 18);
    assert_int_equal(m.integrity_at, sizeof sample - 1 - 24);
    const struct crypto *c = openssl_crypto();
    struct span parts[] = {m.username, SPAN_LIT(":"), m.realm, SPAN_LIT(":TheMatrIX")};
    assert_ok(c->hash(c->ctx, CRYPTO_MD5, parts, 4, key));
    struct span covered =
        SPAN(sample, m.integrity_at); /* it is the last attribute: the length is as it should be */
    assert_ok(c->hmac(c->ctx, CRYPTO_SHA1, SPAN_OF(key), &covered, 1, mac));
    assert_memory_equal(mac, m.integrity.p, TURN_MAC);
}

static void classes_and_methods_keep_their_bits(void **state)
{
    (void)state;
    for (enum turn_class class = TURN_REQUEST; class <= TURN_ERROR; class ++)
        for (uint16_t method = 0; method < 0x1000; method++) {
            uint8_t b[20];
            struct writer w = writer_of(MSPAN(b, sizeof b));
            struct turn_msg m;
            turn_begin(&w, class, method, id);
            turn_finish(&w, 0);
            assert_ok(turn_parse(writer_span(&w), &m));
            assert_int_equal(m.class, class);
            assert_int_equal(m.method, method);
            assert_memory_equal(m.id, id, TURN_ID);
        }
}

static void addresses_of_both_families_round_trip(void **state)
{
    (void)state;
    uint8_t b[200];
    struct turn_addr four = {.family = 4, .port = 32853, .addr = {192, 0, 2, 1}};
    struct turn_addr six = {
        .family = 6, .port = 1, .addr = {0x20, 1, 0xd, 0xb8, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}};
    struct writer w = writer_of(MSPAN(b, sizeof b));
    struct turn_msg m;
    turn_begin(&w, TURN_REQUEST, TURN_CREATE_PERMISSION, id);
    turn_put_addr(&w, TURN_A_XOR_PEER, &four, id);
    turn_put_addr(&w, TURN_A_XOR_PEER, &six, id);
    turn_finish(&w, 0);
    assert_memory_equal(b + 24, "\x00\x01\xa1\x47\xe1\x12\xa6\x43",
                        8); /* the address of RFC 5769 section 2.2 */
    assert_ok(turn_parse(writer_span(&w), &m));
    assert_int_equal(m.peer_count, 2);
    assert_memory_equal(&m.peer[0], &four, sizeof four);
    assert_memory_equal(&m.peer[1], &six, sizeof six);
    b[25] = 3; /* a family that is none */
    assert_ok(turn_parse(writer_span(&w), &m));
    assert_true(m.malformed);
}

static void lengths_must_fit(void **state)
{
    (void)state;
    uint8_t b[64];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    struct turn_msg m;
    turn_begin(&w, TURN_REQUEST, TURN_ALLOCATE, id);
    turn_put(&w, TURN_A_USERNAME, SPAN_LIT("abc"));
    turn_put_u32(&w, TURN_A_LIFETIME, 5);
    turn_finish(&w, 0);
    assert_ok(turn_parse(writer_span(&w), &m));
    assert_true(span_equal(m.username, SPAN_LIT("abc")));
    for (size_t n = 0; n < w.n; n++)
        assert_true(turn_parse(SPAN(b, n), &m) != OK);
    b[23] = 5; /* the user name's padding now is the next attribute's type */
    (void)!turn_parse(writer_span(&w), &m);
    b[23] = 60;
    assert_err(ERR_SHORT, turn_parse(writer_span(&w), &m));
    b[23] = 3;
    b[4] ^= 1;
    assert_err(ERR_FORMAT, turn_parse(writer_span(&w), &m));
    b[4] ^= 1;
    b[0] |= 0x40;
    assert_err(ERR_FORMAT, turn_parse(writer_span(&w), &m));
}

static void the_first_of_a_kind_counts_and_what_follows_integrity_does_not(void **state)
{
    (void)state;
    uint8_t b[200], mac[TURN_MAC] = {7};
    struct writer w = writer_of(MSPAN(b, sizeof b));
    struct turn_msg m;
    turn_begin(&w, TURN_REQUEST, TURN_CHANNEL_BIND, id);
    turn_put_u32(&w, TURN_A_CHANNEL_NUMBER, 0x4001u << 16);
    turn_put_u32(&w, TURN_A_CHANNEL_NUMBER, 0x4002u << 16);
    turn_put(&w, TURN_A_REALM, SPAN_LIT("a"));
    turn_put(&w, TURN_A_REALM, SPAN_LIT("b"));
    turn_put(&w, 0x7fff, SPAN_NONE);
    turn_put(&w, 0x8fff, SPAN_NONE);
    size_t at = w.n;
    turn_put(&w, TURN_A_INTEGRITY, SPAN_OF(mac));
    turn_put(&w, TURN_A_NONCE, SPAN_LIT("late"));
    turn_put_u32(&w, 0x8028, 0);
    turn_finish(&w, 0);
    assert_ok(turn_parse(writer_span(&w), &m));
    assert_int_equal(m.channel, 0x4001);
    assert_true(span_equal(m.realm, SPAN_LIT("a")));
    assert_int_equal(m.unknown_count, 1);
    assert_int_equal(m.unknown[0], 0x7fff);
    assert_false(m.has_nonce);
    assert_int_equal(m.integrity_at, at);
    b[at + 3] = 16;
    assert_err(ERR_FORMAT, turn_parse(writer_span(&w), &m));
}

static void limits_of_lists(void **state)
{
    (void)state;
    uint8_t b[1200];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    struct turn_addr four = {.family = 4, .port = 1, .addr = {1, 2, 3, 4}};
    struct turn_msg m;
    for (int extra = 0; extra < 2; extra++) {
        w.n = 0;
        turn_begin(&w, TURN_REQUEST, TURN_CREATE_PERMISSION, id);
        for (int i = 0; i < TURN_PEERS_MAX + extra; i++)
            turn_put_addr(&w, TURN_A_XOR_PEER, &four, id);
        for (uint16_t i = 0; i < TURN_UNKNOWN_MAX + extra; i++)
            turn_put(&w, (uint16_t)(0x7f00 + i), SPAN_NONE);
        turn_finish(&w, 0);
        assert_ok(turn_parse(writer_span(&w), &m));
        assert_int_equal(m.peer_count, TURN_PEERS_MAX);
        assert_int_equal(m.peers_over, extra);
        assert_int_equal(m.unknown_count, TURN_UNKNOWN_MAX);
    }
}

static void channel_data_within_its_numbers(void **state)
{
    (void)state;
    uint16_t channel;
    struct span data;
    uint8_t b[] = {0x40, 0x00, 0, 2, 'h', 'i', 0, 0};
    assert_ok(turn_parse_channel(SPAN_OF(b), &channel, &data));
    assert_int_equal(data.n, 2);
    b[0] = 0x7f, b[1] = 0xff;
    assert_ok(turn_parse_channel(SPAN_OF(b), &channel, &data));
    b[0] = 0x80, b[1] = 0;
    assert_err(ERR_FORMAT, turn_parse_channel(SPAN_OF(b), &channel, &data));
    b[0] = 0x3f, b[1] = 0xff;
    assert_err(ERR_FORMAT, turn_parse_channel(SPAN_OF(b), &channel, &data));
    b[0] = 0x40, b[3] = 5;
    assert_err(ERR_SHORT, turn_parse_channel(SPAN_OF(b), &channel, &data));
}

static void frames_of_a_stream(void **state)
{
    (void)state;
    uint8_t b[64] = {0x40, 0x01, 0, 5, 1, 2, 3, 4, 5, 0, 0, 0, 0x00, 0x01, 0, 8, 0x21, 0x12, 0xa4, 0x42};
    size_t n = 99;
    for (size_t have = 0; have < 12; have++)
        assert_err(ERR_SHORT, turn_frame(SPAN(b, have), &n));
    assert_int_equal(n, 99);
    assert_ok(turn_frame(SPAN_OF(b), &n));
    assert_int_equal(n, 12);
    for (size_t have = 1; have < 28; have++)
        assert_err(ERR_SHORT, turn_frame(SPAN(b + 12, have), &n));
    assert_ok(turn_frame(SPAN(b + 12, 28), &n));
    assert_int_equal(n, 28);
    b[15] = 9;
    assert_err(ERR_FORMAT, turn_frame(SPAN(b + 12, 28), &n));
    b[15] = 8, b[16] = 0;
    assert_err(ERR_FORMAT, turn_frame(SPAN(b + 12, 28), &n));
    static const uint8_t wrong[][4] = {
        {0x80, 0, 0, 0}, {'G', 'E', 'T', ' '}, {0x40, 0, 0x08, 0}, {0, 1, 8, 0}};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        assert_err(ERR_FORMAT, turn_frame(SPAN_OF(wrong[i]), &n));
    assert_err(ERR_FORMAT, turn_frame(SPAN_LIT("\x80"), &n));
}

static enum err slab_life(void *arg)
{
    (void)arg;
    struct slab s;
    uint32_t i[5];
    enum err e = slab_init(&s, 12, 2, 3);
    if (e) return e;
    assert_int_equal(s.cap, 4);
    for (size_t k = 0; k < 4 && !e; k++) {
        uint8_t *item = slab_take(&s, &i[k]);
        if (!item) {
            e = ERR_NOMEM;
            break;
        }
        for (size_t b = 0; b < 12; b++)
            assert_int_equal(item[b], 0);
        memset(item, 0xff, 12);
    }
    if (!e) {
        assert_null(slab_take(&s, &i[4]));
        uint8_t *at = slab_at(&s, i[2]);
        slab_give(&s, i[2]);
        assert_ptr_equal(slab_take(&s, &i[4]), at);
        assert_int_equal(i[4], i[2]);
        assert_int_equal(s.used, 4);
    }
    slab_fini(&s);
    return e;
}

static void slabs_reuse_and_end(void **state)
{
    (void)state;
    assert_int_equal(oom_run(slab_life, NULL), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_sample_request_is_read_and_its_integrity_is_right),
        cmocka_unit_test(classes_and_methods_keep_their_bits),
        cmocka_unit_test(addresses_of_both_families_round_trip),
        cmocka_unit_test(lengths_must_fit),
        cmocka_unit_test(the_first_of_a_kind_counts_and_what_follows_integrity_does_not),
        cmocka_unit_test(limits_of_lists),
        cmocka_unit_test(channel_data_within_its_numbers),
        cmocka_unit_test(frames_of_a_stream),
        cmocka_unit_test(slabs_reuse_and_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
