/* SPDX-License-Identifier: Apache-2.0
 * No branch and no address of our code depends on a secret. Under valgrind (check --long) the secrets are
 * marked undefined, and memcheck names every jump or index that depends on them; without it this only runs
 * the code. */
#include "test.h"

#include "base/write.h"
#include "guest/openssl_crypto.h"
#include "seal/invite.h"
#include "seal/kdf.h"
#include "seal/sframe_room.h"
#include "seal/suite.h"

#if defined(__has_include)
#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#endif
#endif
#ifndef VALGRIND_MAKE_MEM_UNDEFINED
#define VALGRIND_MAKE_MEM_UNDEFINED(p, n) ((void)(p), (void)(n))
#define VALGRIND_MAKE_MEM_DEFINED(p, n)   ((void)(p), (void)(n))
#endif

static void poison(void *p, size_t n)
{
    (void)VALGRIND_MAKE_MEM_UNDEFINED(p, n);
}
static void reveal(const void *p, size_t n)
{
    (void)VALGRIND_MAKE_MEM_DEFINED(p, n);
}

static void derivation(void **state)
{
    (void)state;
    struct suite s;
    struct secret key = {.n = 32, .b = {1, 2, 3}}, next;
    uint8_t out[100];
    struct span info = SPAN_LIT("info"), ikm = secret_span(&key);
    assert_ok(suite_init(&s, SUITE_P256_AES128, openssl_crypto()));
    poison(key.b, key.n);
    assert_ok(kdf_extract(s.crypto, CRYPTO_SHA256, SPAN_NONE, &ikm, 1, &next));
    assert_ok(kdf_expand(s.crypto, CRYPTO_SHA256, secret_span(&next), (struct kdf_info){&info, 1},
                         MSPAN(out, sizeof out)));
    assert_ok(suite_derive(&s, secret_span(&next), SPAN_LIT("init"), &next));
    assert_ok(suite_derive_tree(&s, secret_span(&next), SPAN_LIT("key"), 7, MSPAN(out, 16)));
    reveal(out, sizeof out);
    uint8_t tail[4] = {0};
    assert_memory_not_equal(out + 90, tail, 4);
}

static void comparison(void **state)
{
    (void)state;
    uint8_t a[32] = {1}, b[32] = {1};
    poison(a, sizeof a);
    bool same = secret_equal(SPAN_OF(a), SPAN_OF(b));
    reveal(&same, sizeof same);
    assert_true(same);
}

static void frames(void **state)
{
    (void)state;
    for (uint16_t suite = 1; suite <= 8; suite++) {
        uint8_t base[16] = {9}, text[300] = {0}, wire[400];
        struct sframe_key k;
        size_t n = 0;
        poison(base, sizeof base);
        poison(text, sizeof text);
        assert_ok(sframe_key_derive(&k, openssl_crypto(), suite, SPAN_OF(base), 77));
        assert_ok(sframe_seal(&k, 5, SPAN_LIT("m"), SPAN_OF(text), MSPAN(wire, sizeof wire), &n));
        reveal(wire, sizeof wire);
        assert_int_equal(wire[0] >> 7, 1);
        sframe_key_drop(&k);
    }
}

static void join_secret(void **state)
{
    (void)state;
    struct invite i = {.origin = SPAN_LIT("https://x"), .join_secret = {.n = 32}};
    uint8_t out[256], door[32];
    size_t n;
    for (int k = 0; k < 32; k++)
        i.join_secret.b[k] = (uint8_t)(k * 9);
    poison(i.join_secret.b, 32);
    assert_ok(invite_write(&i, MSPAN(out, sizeof out), &n));
    assert_ok(invite_door(openssl_crypto(), &i, door));
    reveal(out, sizeof out);
    reveal(i.join_secret.b, 32);
    struct invite back;
    assert_ok(invite_parse(SPAN(out, n), &back));
    assert_memory_equal(back.join_secret.b, i.join_secret.b, 32);
    invite_fini(&back);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(derivation),
        cmocka_unit_test(comparison),
        cmocka_unit_test(frames),
        cmocka_unit_test(join_secret),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
