/* SPDX-License-Identifier: Apache-2.0
 * The flat face of the group, natively: two members from key package to removal, and lengths that lie. */
#include "test.h"

#include "base/write.h"
#include "guest/openssl_crypto.h"
#include "seal/face_group.h"

static uint8_t key[2][32], message[1 << 16], welcome[1 << 16], package[4096];
static size_t message_n, welcome_n, package_n;

static struct writer in(void)
{
    return writer_of(MSPAN(face_in(), FACE_IN_BYTES));
}

static struct invitee *invitee_of(uint32_t suite, int who)
{
    assert_true(face_signature_new(suite) > 32);
    memcpy(key[who], face_out(), 32);
    struct writer w = in();
    write_bytes(&w, SPAN(key[who], 32));
    write_vecv(&w, who ? SPAN_LIT("bob") : SPAN_LIT("ana"));
    write_vecv(&w, SPAN_NONE);
    write_u64(&w, 0);
    write_u64(&w, UINT64_MAX);
    int32_t n = face_key_package(suite, (uint32_t)w.n);
    assert_true(n > 0);
    package_n = (size_t)n;
    memcpy(package, face_out(), package_n);
    assert_int_equal(face_key_package(suite, (uint32_t)w.n - 1), -ERR_SHORT);
    return face_made();
}

/* A commit of one proposal; the outputs go to message and welcome. */
static void commit(struct group *g, int who, uint8_t type, uint32_t leaf)
{
    struct writer w = in();
    write_bytes(&w, SPAN(key[who], 32));
    write_vecv(&w, SPAN_LIT("data"));
    write_u8(&w, type);
    if (type == MLS_ADD) write_vecv(&w, SPAN(package, package_n));
    if (type == MLS_REMOVE) write_u32(&w, leaf);
    int32_t n = face_group_commit(g, (uint32_t)w.n);
    assert_true(n > 0);
    struct reader r = reader_of(SPAN(face_out(), (size_t)n));
    struct span m = read_vecv(&r), s = read_vecv(&r);
    assert_ok(read_end(&r));
    memcpy(message, m.p, message_n = m.n);
    if (s.n) memcpy(welcome, s.p, s.n);
    welcome_n = s.n;
    assert_int_equal(face_group_staged(g), 1);
}

static int32_t open_message(struct group *g)
{
    memcpy(face_in(), message, message_n);
    return face_group_open(g, (uint32_t)message_n);
}

static void exported(struct group *g, uint8_t out[16])
{
    struct writer w = in();
    write_vecv(&w, SPAN_LIT("SFrame 1.0 Base Key"));
    write_vecv(&w, SPAN_NONE);
    assert_int_equal(face_group_export(g, (uint32_t)w.n, 16), 16);
    memcpy(out, face_out(), 16);
}

static void life(uint32_t suite)
{
    struct invitee *ana = invitee_of(suite, 0);
    struct writer w = in();
    write_vecv(&w, SPAN_LIT("the group"));
    write_vecv(&w, SPAN_NONE);
    assert_int_equal(face_group_create(ana, (uint32_t)w.n), 0);
    struct group *a = face_made();
    struct invitee *bob = invitee_of(suite, 1);
    commit(a, 0, MLS_ADD, 0);
    int32_t n = open_message(a);
    assert_true(n > 0);
    assert_int_equal(face_out()[0], INCOMING_COMMIT);
    assert_int_equal(face_out()[1], 1); /* own */
    assert_int_equal(face_group_apply(a), 0);
    assert_int_equal(face_group_apply(a), -ERR_STATE);
    w = in();
    write_vecv(&w, SPAN(welcome, welcome_n));
    assert_int_equal(face_group_join(bob, (uint32_t)w.n), 0);
    struct group *b = face_made();
    uint8_t x[16], y[16];
    exported(a, x), exported(b, y);
    assert_memory_equal(x, y, 16);
    assert_true(face_group_leaf(a, 1) > 0);
    assert_memory_equal(face_out(), "\3bob", 4);
    assert_int_equal(face_group_leaf(a, 7), -ERR_UNKNOWN);
    /* a message, once */
    w = in();
    write_bytes(&w, SPAN(key[1], 32));
    write_vecv(&w, SPAN_NONE);
    write_bytes(&w, SPAN_LIT("hello"));
    n = face_group_say(b, (uint32_t)w.n);
    assert_true(n > 0);
    memcpy(message, face_out(), message_n = (size_t)n);
    n = open_message(a);
    assert_true(n > 0);
    assert_int_equal(face_out()[0], INCOMING_APPLICATION);
    assert_memory_equal(face_out() + 17, "\5hello", 6);
    assert_int_equal(open_message(a), -ERR_REPLAY);
    message[message_n - 3] ^= 1;
    assert_true(open_message(a) < 0);
    /* bob is removed and knows it */
    commit(a, 0, MLS_REMOVE, 1);
    assert_true(open_message(b) > 0);
    assert_int_equal(face_out()[2], 1);
    assert_int_equal(face_group_apply(b), 0);
    assert_true(open_message(a) > 0);
    assert_int_equal(face_group_apply(a), 0);
    assert_true(face_group_info(a) > 0);
    assert_true(face_group_info(b) > 0);
    face_group_free(a);
    face_group_free(b);
    face_invitee_free(ana);
    face_invitee_free(bob);
}

static void every_suite(void **state)
{
    (void)state;
    for (uint32_t suite = 1; suite <= 3; suite++)
        life(suite);
    assert_int_equal(mem_live(), 0);
}

static void lengths_that_lie(void **state)
{
    (void)state;
    struct invitee *own = invitee_of(1, 0);
    memset(face_in(), 0xff, 4096);
    assert_true(face_group_create(own, 100) < 0);
    assert_true(face_group_create(own, UINT32_MAX) < 0);
    assert_true(face_group_join(own, 3000) < 0);
    assert_true(face_key_package(1, UINT32_MAX) < 0);
    assert_int_equal(face_signature_new(65537), -ERR_UNSUPPORTED);
    face_invitee_free(own);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_suite), cmocka_unit_test(lengths_that_lie)};
    face_start(openssl_crypto());
    return cmocka_run_group_tests(tests, NULL, NULL);
}
