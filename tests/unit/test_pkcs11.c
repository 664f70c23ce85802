/* SPDX-License-Identifier: Apache-2.0
 * guest/pkcs11 over a scripted module: each answer that a token may give at each call becomes the right error, a lost
 * session is made again within the call, a refused PIN is tried once (row 69). */
#include "test.h"

#include "guest/pkcs11.h"

#include <dlfcn.h>

enum { SLOTS = 1, TOKEN, SESSION, LOGIN, FIND, ATTRIBUTE, INIT, CRYPT, START };
static int *call, *times, *keys, *logins, *starts;
static unsigned long *rv, *length;

static enum err counting(void *ctx, uint8_t *p, size_t n)
{
    (void)ctx;
    memset(p, 5, n);
    return OK;
}

static struct secret pin = {4, "1234"};

static struct pkcs11 *begin(struct kms *k)
{
    struct pkcs11 *p = NULL;
    struct pkcs11_conf conf = {SCRIPTED_MODULE, "scripted", "key", &pin, counting, NULL};
    *call = *times = *logins = *starts = 0;
    *keys = 1;
    *length = 32;
    assert_ok(pkcs11_new(&conf, &p));
    pkcs11_kms(p, k);
    return p;
}

static enum err wrap(struct kms *k)
{
    uint8_t out[256];
    struct secret s = {32, {1, 2, 3}};
    struct writer w = writer_of(MSPAN(out, sizeof out));
    return k->wrap(k->ctx, &s, SPAN_LIT("bound"), &w);
}

static void script(int at, unsigned long answer, int how_often)
{
    *call = at;
    *rv = answer;
    *times = how_often;
}

static void opens_what_it_wrapped(void **state)
{
    (void)state;
    uint8_t out[256];
    struct kms k;
    struct pkcs11 *p = begin(&k);
    struct secret s = {32, {1, 2, 3}}, again = {0};
    struct writer w = writer_of(MSPAN(out, sizeof out));
    assert_ok(k.wrap(k.ctx, &s, SPAN_LIT("bound"), &w));
    assert_int_equal(w.n, 12 + 32 + 16);
    assert_ok(k.unwrap(k.ctx, writer_span(&w), SPAN_LIT("bound"), &again));
    assert_true(secret_equal(secret_span(&s), secret_span(&again)));
    assert_true(*starts == 1 && *logins == 1);
    for (size_t n = 0; n <= 28; n++) /* cut short */
        assert_err(ERR_FORMAT, k.unwrap(k.ctx, SPAN(out, n), SPAN_LIT("bound"), &again));
    assert_err(ERR_FORMAT, k.unwrap(k.ctx, SPAN(out, 200), SPAN_LIT("bound"), &again));
    pkcs11_free(p);
}

/* CKR codes by number, as a token gives them. */
static const struct {
    int at;
    unsigned long rv;
    enum err e;
} rows[] = {
    {SLOTS, 0x30, ERR_CLOSED},       {SLOTS, 0x150, ERR_CLOSED}, {TOKEN, 0xe0, ERR_CLOSED},
    {SESSION, 0xb1, ERR_CLOSED},     {LOGIN, 0xa0, ERR_STATE},   {LOGIN, 0xa4, ERR_STATE},
    {LOGIN, 0xa3, ERR_STATE},        {LOGIN, 0x32, ERR_CLOSED},  {FIND, 0x30, ERR_CLOSED},
    {ATTRIBUTE, 0x82, ERR_UNKNOWN},  {INIT, 0x68, ERR_DENIED},   {INIT, 0x60, ERR_UNKNOWN},
    {INIT, 0x70, ERR_DENIED},        {CRYPT, 0x31, ERR_CLOSED},  {CRYPT, 0x5, ERR_CLOSED},
    {CRYPT, 0x80000000, ERR_CLOSED}, {START, 0x5, ERR_CLOSED},
};

static void each_answer_has_its_error(void **state)
{
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        struct kms k;
        struct pkcs11 *p = begin(&k);
        script(rows[i].at, rows[i].rv, 1000);
        assert_err(rows[i].e, wrap(&k));
        assert_true(pkcs11_why(p)[0]);
        script(0, 0, 0); /* well again: by itself, except for the PIN */
        assert_int_equal(wrap(&k), rows[i].e == ERR_STATE ? ERR_STATE : OK);
        if (rows[i].e == ERR_STATE) assert_int_equal(*logins, 1);
        pkcs11_free(p);
    }
}

static void lost_sessions(void **state)
{
    static const unsigned long lost[] = {0xb3, 0xb0, 0x32, 0x30, 0x101, 0x190, 0xe0};
    static const int at[] = {FIND, ATTRIBUTE, INIT, CRYPT};
    (void)state;
    for (unsigned i = 0; i < COUNT_OF(lost); i++)
        for (unsigned j = 0; j < COUNT_OF(at); j++) {
            struct kms k;
            struct pkcs11 *p = begin(&k);
            assert_ok(wrap(&k));
            script(at[j], lost[i], 1);
            assert_ok(wrap(&k)); /* nobody notices */
            assert_true(*starts == 2 && *logins == 2);
            pkcs11_free(p);
        }
}

static void keys_that_are_not_right(void **state)
{
    (void)state;
    struct kms k;
    struct pkcs11 *p = begin(&k);
    assert_ok(pkcs11_check(p));
    *keys = 0;
    assert_err(ERR_UNKNOWN, wrap(&k));
    assert_err(ERR_UNKNOWN, pkcs11_check(p));
    *keys = 2;
    assert_err(ERR_DENIED, wrap(&k));
    *keys = 1;
    *length = 16;
    assert_err(ERR_DENIED, wrap(&k));
    *length = 32;
    assert_ok(wrap(&k));
    assert_string_equal(pkcs11_why(p), "");
    struct secret s;
    uint8_t sealed[60] = {0};
    for (unsigned i = 0; i < 3; i++) { /* a wrong tag, in three tokens' words */
        static const unsigned long said[] = {0x40, 0x5, 0x6};
        script(CRYPT, said[i], 1000);
        assert_err(ERR_AUTH, k.unwrap(k.ctx, SPAN_OF(sealed), SPAN_LIT("bound"), &s));
    }
    pkcs11_free(p);
    struct pkcs11_conf conf = {SCRIPTED_MODULE, "another", "key", &pin, counting, NULL};
    assert_ok(pkcs11_new(&conf, &p));
    assert_err(ERR_CLOSED, pkcs11_check(p));
    pkcs11_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(opens_what_it_wrapped), cmocka_unit_test(each_answer_has_its_error),
        cmocka_unit_test(lost_sessions), cmocka_unit_test(keys_that_are_not_right)};
    void *module =
        dlopen(SCRIPTED_MODULE, RTLD_NOW); /* held, so that the script stays while the guest unloads it */
    if (!module) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    call = dlsym(module, "script_call");
    times = dlsym(module, "script_times");
    keys = dlsym(module, "script_keys");
    logins = dlsym(module, "script_logins");
    starts = dlsym(module, "script_starts");
    rv = dlsym(module, "script_rv");
    length = dlsym(module, "script_length");
    return cmocka_run_group_tests(tests, NULL, NULL);
}
