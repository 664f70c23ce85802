/* SPDX-License-Identifier: Apache-2.0
 * TLS over memory: what a certificate must be, and a handshake against OpenSSL's own client in pieces of
 * every size (acceptance row 44). Versions, suites and reload over sockets: tests/daemon/test_front.py. */
#include "test.h"

#include "guest/openssl_tls.h"

#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#undef ERR_STATE

static char pem[2][2][4096]; /* two pairs of certificate and key */

static void make_pem(char crt[4096], char key[4096])
{
    EVP_PKEY *k = EVP_EC_gen("P-256");
    X509 *x = X509_new();
    BIO *b = BIO_new(BIO_s_mem());
    assert_true(k && x && b);
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, k);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)"a", -1,
                               -1, 0);
    X509_set_issuer_name(x, X509_get_subject_name(x));
    assert_true(X509_sign(x, k, EVP_sha256()) > 0);
    assert_int_equal(PEM_write_bio_X509(b, x), 1);
    crt[BIO_read(b, crt, 4095)] = 0;
    assert_int_equal(PEM_write_bio_PrivateKey(b, k, NULL, NULL, 0, NULL, NULL), 1);
    key[BIO_read(b, key, 4095)] = 0;
    BIO_free(b);
    X509_free(x);
    EVP_PKEY_free(k);
}

static enum err server_of(const char *a, const char *b, struct tls_server **s)
{
    char text[8192];
    int n = snprintf(text, sizeof text, "%s%s", a, b);
    return tls_server_new(SPAN(text, (size_t)n), s);
}

static void test_certificates(void **state)
{
    (void)state;
    struct tls_server *s = NULL;
    assert_ok(tls_load());
    assert_ok(server_of(pem[0][0], pem[0][1], &s));
    tls_server_free(s);
    assert_ok(server_of(pem[0][1], pem[0][0], &s)); /* in any order */
    tls_server_free(s);
    s = NULL;
    assert_err(ERR_AUTH, server_of(pem[0][0], pem[1][1], &s));
    assert_err(ERR_FORMAT, server_of(pem[0][0], "", &s));
    assert_err(ERR_FORMAT, server_of("", pem[0][1], &s));
    assert_err(ERR_FORMAT, server_of("nonsense", "", &s));
    assert_null(s);
    assert_int_equal(mem_live(), 0);
}

struct pair {
    struct tls *t;
    SSL *client;
    BIO *to_client, *from_client;
};

/* Moves what waits in both directions, in pieces. */
static void move(struct pair *p, size_t piece)
{
    uint8_t bytes[4096];
    for (;;) {
        int n = BIO_read(p->from_client, bytes, (int)(piece < sizeof bytes ? piece : sizeof bytes));
        if (n > 0) assert_ok(tls_feed(p->t, SPAN(bytes, (size_t)n)));
        struct span out = span_part(tls_to_send(p->t), 0, piece);
        if (out.n) BIO_write(p->to_client, out.p, (int)out.n);
        tls_sent(p->t, out.n);
        if (n <= 0 && out.n == 0) return;
    }
}

static void test_handshake(void **state)
{
    (void)state;
    static const size_t pieces[] = {1, 17, 4096};
    static uint8_t big[100000], got[sizeof big];
    struct tls_server *s = NULL;
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    assert_ok(server_of(pem[0][0], pem[0][1], &s));
    for (size_t i = 0; i < COUNT_OF(pieces); i++) {
        struct pair p = {tls_new(s), SSL_new(ctx), BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem())};
        size_t n = 0, all = 0;
        SSL_set_bio(p.client, p.to_client, p.from_client);
        SSL_set_connect_state(p.client);
        enum err e = ERR_AGAIN;
        assert_err(ERR_STATE, tls_write(p.t, SPAN_LIT("early")));
        for (int k = 0; k < 8; k++) {
            SSL_do_handshake(p.client);
            move(&p, pieces[i]);
            e = tls_handshake(p.t);
            move(&p, pieces[i]);
        }
        assert_ok(e);
        assert_err(ERR_AGAIN, tls_read(p.t, MSPAN(got, sizeof got), &n));
        assert_ok(tls_write(p.t, SPAN_OF(big)));
        move(&p, pieces[i]);
        for (int r; all < sizeof big && (r = SSL_read(p.client, got, sizeof got)) > 0;)
            all += (size_t)r;
        assert_int_equal(all, sizeof big);
        assert_int_equal(SSL_write(p.client, "hello", 5), 5);
        move(&p, pieces[i]);
        assert_ok(tls_read(p.t, MSPAN(got, sizeof got), &n));
        assert_int_equal(n, 5);
        SSL_shutdown(p.client);
        move(&p, pieces[i]);
        assert_err(ERR_CLOSED, tls_read(p.t, MSPAN(got, sizeof got), &n));
        SSL_free(p.client);
        tls_free(p.t);
    }
    SSL_CTX_free(ctx);
    tls_server_free(s);
    assert_int_equal(mem_live(), 0);
}

static void test_nonsense(void **state)
{
    (void)state;
    struct tls_server *s = NULL;
    assert_ok(server_of(pem[0][0], pem[0][1], &s));
    struct tls *t = tls_new(s);
    assert_ok(tls_feed(t, SPAN_LIT("GET / HTTP/1.1\r\nHost: a\r\n\r\n")));
    assert_err(ERR_AUTH, tls_handshake(t));
    tls_free(t);
    tls_server_free(s);
}

int main(void)
{
    make_pem(pem[0][0], pem[0][1]);
    make_pem(pem[1][0], pem[1][1]);
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_certificates), cmocka_unit_test(test_handshake),
                                       cmocka_unit_test(test_nonsense)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
