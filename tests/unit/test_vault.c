/* SPDX-License-Identifier: Apache-2.0
 * The vault's data keys with a scripted KMS (row 69): right, slow, silent, dead, refusing, lying; each question is answered
 * once, in time, with a sentence, and never with a key that is not the one. */
#include "test.h"

#include "app/ipc_messages.h"
#include "app/vault.h"
#include "base/read.h"
#include "guest/openssl_crypto.h"

#include <stdlib.h>

struct sent {
    unsigned asks, answers;
    uint64_t number, session; /* of the last question and answer */
    bool wrap, refuse;
    uint8_t bytes[512], aad[512], plain[64], sealed[512];
    size_t bytes_n, aad_n, plain_n, sealed_n;
    char why[256];
};
static struct sent sent;

static size_t keep(uint8_t *to, struct span s)
{
    if (s.n) memcpy(to, s.p, s.n);
    return s.n;
}

static bool send_on(void *ctx, uint16_t message, uint64_t session, struct span body)
{
    (void)ctx;
    if (message == IPC_KMS_ASK) {
        struct ipc_kms_ask m;
        if (sent.refuse) return false;
        assert_ok(get_ipc_kms_ask(body, &m));
        sent.asks++;
        sent.number = session;
        sent.wrap = m.wrap;
        sent.bytes_n = keep(sent.bytes, m.bytes);
        sent.aad_n = keep(sent.aad, m.aad);
    } else if (message == IPC_KEY) {
        struct ipc_key k;
        assert_ok(get_ipc_key(body, &k));
        sent.answers++;
        sent.session = session;
        sent.plain_n = keep(sent.plain, k.plain);
        sent.sealed_n = keep(sent.sealed, k.sealed);
        memset(sent.why, 0, sizeof sent.why);
        keep((uint8_t *)sent.why, k.why);
        assert_true((k.plain.n != 0) != (k.why.n != 0)); /* a key or a sentence */
    }
    return true;
}

static char folder[] = "/tmp/incamera-test-XXXXXX";

static struct vault *begin(const char *kms)
{
    struct vault *v = NULL;
    sent = (struct sent){0};
    assert_ok(vault_new(&(struct vault_conf){openssl_crypto(), folder, send_on, NULL, kms}, &v));
    return v;
}

static void ask(struct vault *v, usec now, uint64_t session, struct span sealed)
{
    uint8_t body[1024];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_key_wanted(&w,
                       &(struct ipc_key_wanted){.id = {7}, .space = SPAN_LIT("default"), .sealed = sealed});
    vault_key_message(v, now, session, writer_span(&w));
}

static void tell(struct vault *v, uint64_t number, enum err fault, struct span bytes)
{
    uint8_t body[1024];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_kms_told(&w, &(struct ipc_kms_told){(uint8_t)fault, bytes});
    vault_kms_message(v, number, writer_span(&w));
}

static void wraps_and_opens(void **state)
{
    (void)state;
    uint8_t plain[32], aad[512];
    struct vault *v = begin("pkcs11");
    ask(v, 0, 5, SPAN_NONE);
    assert_true(sent.asks == 1 && sent.answers == 0 && sent.wrap && sent.bytes_n == 32);
    memcpy(plain, sent.bytes, sizeof plain);
    memcpy(aad, sent.aad, sent.aad_n);
    tell(v, sent.number, OK, SPAN_LIT("wrapped by the token"));
    assert_true(sent.answers == 1 && sent.session == 5 && sent.plain_n == 32);
    assert_memory_equal(sent.plain, plain, 32);
    assert_memory_equal(sent.sealed, "\6pkcs11wrapped by the token", 27);
    uint8_t sealed[64];
    memcpy(sealed, sent.sealed, sent.sealed_n);
    size_t n = sent.sealed_n, aad_n = sent.aad_n;
    ask(v, 0, 6, SPAN(sealed, n));
    assert_true(sent.asks == 2 && !sent.wrap && sent.aad_n == aad_n);
    assert_memory_equal(sent.aad, aad, aad_n); /* bound to the same artefact */
    assert_memory_equal(sent.bytes, "wrapped by the token", 20);
    tell(v, sent.number, OK, SPAN_OF(plain));
    assert_true(sent.answers == 2 && sent.session == 6 && sent.plain_n == 32);
    vault_free(v);
}

static void says_what_is_wrong(void **state)
{
    static const struct {
        enum err e;
        const char *why;
    } rows[] = {{ERR_CLOSED, "reached"},  {ERR_UNKNOWN, "destroyed"},      {ERR_DENIED, "disabled"},
                {ERR_STATE, "server in"}, {ERR_AUTH, "not know this key"}, {ERR_NOMEM, "could not be"}};
    (void)state;
    struct vault *v = begin("pkcs11");
    for (unsigned i = 0; i < COUNT_OF(rows); i++) {
        ask(v, 0, i, SPAN_NONE);
        tell(v, sent.number, rows[i].e, SPAN_NONE);
        assert_true(sent.answers == i + 1 && sent.plain_n == 0 && sent.sealed_n == 0);
        assert_non_null(strstr(sent.why, rows[i].why));
    }
    unsigned before = sent.answers;
    sent.refuse = true; /* the role is not there */
    ask(v, 0, 9, SPAN_NONE);
    assert_true(sent.answers == before + 1);
    assert_non_null(strstr(sent.why, "reached"));
    ask(v, 0, 10, SPAN_LIT("\5cloud123"));
    assert_non_null(strstr(sent.why, "another key management system"));
    ask(v, 0, 11, SPAN_LIT("\377x"));
    assert_true(sent.answers == before + 3 && sent.plain_n == 0);
    vault_free(v);
}

static void never_waits_long(void **state)
{
    (void)state;
    struct vault *v = begin("pkcs11");
    for (unsigned i = 0; i < VAULT_ASKED_MAX; i++)
        ask(v, i, i, SPAN_NONE);
    assert_true(sent.asks == VAULT_ASKED_MAX && sent.answers == 0);
    ask(v, 100, 1000, SPAN_NONE); /* full: told at once */
    assert_true(sent.answers == 1 && sent.session == 1000);
    assert_int_equal(vault_turn(v, 200), VAULT_KMS_WITHIN);
    uint64_t late = sent.number;
    assert_int_equal(vault_turn(v, VAULT_KMS_WITHIN + 1000), USEC_NEVER);
    assert_int_equal(sent.answers, 1 + VAULT_ASKED_MAX);
    assert_non_null(strstr(sent.why, "does not answer"));
    tell(v, late, OK, SPAN_LIT("thirty seconds later"));
    assert_int_equal(sent.answers, 1 + VAULT_ASKED_MAX); /* once only */
    ask(v, VAULT_KMS_WITHIN * 2, 7, SPAN_NONE);          /* and there is room again */
    tell(v, sent.number, OK, SPAN_LIT("wrapped"));
    assert_true(sent.session == 7 && sent.plain_n == 32);
    ask(v, VAULT_KMS_WITHIN * 2, 8, SPAN_NONE);
    vault_lost_kms(v); /* it died with the question */
    assert_true(sent.session == 8 && sent.plain_n == 0);
    assert_int_equal(vault_turn(v, VAULT_KMS_WITHIN * 9), USEC_NEVER);
    vault_free(v);
}

static void believes_nothing(void **state)
{
    (void)state;
    uint8_t big[900] = {0};
    struct vault *v = begin("pkcs11");
    ask(v, 0, 1, SPAN_LIT("\6pkcs11anything"));
    tell(v, sent.number, OK, SPAN_LIT("too short a key")); /* opened, but no data key */
    assert_true(sent.answers == 1 && sent.plain_n == 0);
    ask(v, 0, 2, SPAN_NONE);
    tell(v, sent.number, OK, SPAN_OF(big)); /* more than there is room for */
    assert_true(sent.answers == 2 && sent.plain_n == 0);
    ask(v, 0, 3, SPAN_NONE);
    tell(v, sent.number + 1, OK, SPAN_LIT("nobody asked"));
    assert_int_equal(sent.answers, 2);
    vault_kms_message(v, sent.number, SPAN_LIT("\0\0")); /* malformed */
    assert_true(sent.answers == 3 && sent.plain_n == 0);
    vault_free(v);
}

/* Keys from before the KMS came open by the vault's file; without a KMS nobody is asked. */
static void keys_from_before(void **state)
{
    (void)state;
    uint8_t sealed[512], plain[32];
    struct vault *v = begin(NULL);
    ask(v, 0, 1, SPAN_NONE);
    assert_true(sent.asks == 0 && sent.plain_n == 32);
    size_t n = keep(sealed, SPAN(sent.sealed, sent.sealed_n));
    memcpy(plain, sent.plain, 32);
    ask(v, 0, 2, SPAN_LIT("\6pkcs11anything"));
    assert_non_null(strstr(sent.why, "another key management system"));
    vault_free(v);
    v = begin("pkcs11");
    ask(v, 0, 3, SPAN(sealed, n));
    assert_true(sent.asks == 0 && sent.plain_n == 32);
    assert_memory_equal(sent.plain, plain, 32);
    sealed[n - 1] ^= 1;
    ask(v, 0, 4, SPAN(sealed, n));
    assert_int_equal(sent.plain_n, 0);
    vault_free(v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(wraps_and_opens),
                                       cmocka_unit_test(says_what_is_wrong),
                                       cmocka_unit_test(never_waits_long), cmocka_unit_test(believes_nothing),
                                       cmocka_unit_test(keys_from_before)};
    if (!mkdtemp(folder)) return 1;
    int code = cmocka_run_group_tests(tests, NULL, NULL);
    static const char *const names[] = {"token.key", "audit.key", "relay.secret", "kms.key"};
    char path[128];
    for (unsigned i = 0; i < COUNT_OF(names); i++) {
        snprintf(path, sizeof path, "%s/vault/%s", folder, names[i]);
        remove(path);
    }
    snprintf(path, sizeof path, "%s/vault", folder);
    remove(path);
    remove(folder);
    return code;
}
