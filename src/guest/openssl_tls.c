/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/openssl_tls.h"

#include <limits.h>

/* libcrypto has a type of the name of one of our errors */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#undef ERR_STATE

#include "base/mem.h"

#define CHAIN_MAX   8     /* certificates */
#define CLIENT_MAX  16384 /* bytes of one handshake message of a client */
#define SSL_CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"

struct tls_server {
    SSL_CTX *ctx;
};
struct tls {
    SSL *ssl;
    BIO *in, *out; /* owned by ssl */
};

/* What the library has to say goes nowhere: our error codes carry it, and its queue must not grow. */
static enum err fail(enum err e)
{
    ERR_clear_error();
    return e;
}

/* RFC 7301, 7443: we speak http/1.1 and take TURN streams; a client that offers only others gets a fatal
 * alert. */
static int choose_protocol(SSL *ssl, const unsigned char **out, unsigned char *n, const unsigned char *in,
                           unsigned int in_n, void *arg)
{
    static const unsigned char ours[] = "\x08http/1.1\x09stun.turn";
    unsigned char *chosen;
    (void)ssl;
    (void)arg;
    if (SSL_select_next_proto(&chosen, n, ours, sizeof ours - 1, in, in_n) != OPENSSL_NPN_NEGOTIATED)
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    *out = chosen;
    return SSL_TLSEXT_ERR_OK;
}

static enum err settle(SSL_CTX *c)
{
    static const unsigned char id[] = "incamera";
    SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                               SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_max_cert_list(c, CLIENT_MAX);
    SSL_CTX_set_max_early_data(c, 0);
    SSL_CTX_set_verify(c, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_alpn_select_cb(c, choose_protocol, NULL);
    if (SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) != 1 ||
        SSL_CTX_set_cipher_list(c, SSL_CIPHERS) != 1 ||
        SSL_CTX_set1_groups_list(c, "X25519:P-256:P-384") != 1 ||
        SSL_CTX_set_session_id_context(c, id, sizeof id - 1) != 1)
        return fail(ERR_CRYPTO);
    return OK;
}

static enum err load_chain(SSL_CTX *c, struct span pem)
{
    BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
    unsigned n = 0;
    bool ok = b != NULL;
    for (X509 *x; ok && (x = PEM_read_bio_X509(b, NULL, NULL, NULL)) != NULL; n++) {
        ok = n < CHAIN_MAX && (n == 0 ? SSL_CTX_use_certificate(c, x) : SSL_CTX_add1_chain_cert(c, x)) == 1;
        X509_free(x);
    }
    BIO_free(b);
    return ok && n > 0 ? fail(OK) : fail(b ? ERR_FORMAT : ERR_NOMEM);
}

/* A key with a passphrase is not asked for: there is nobody to ask. */
static int no_passphrase(char *buf, int size, int rw, void *arg)
{
    (void)buf;
    (void)size;
    (void)rw;
    (void)arg;
    return -1;
}

static enum err load_key(SSL_CTX *c, struct span pem)
{
    BIO *b = BIO_new_mem_buf(pem.p, (int)pem.n);
    EVP_PKEY *k = b ? PEM_read_bio_PrivateKey(b, NULL, no_passphrase, NULL) : NULL;
    enum err e = !b ? ERR_NOMEM : !k ? ERR_FORMAT : SSL_CTX_use_PrivateKey(c, k) == 1 ? OK : ERR_AUTH;
    if (!e && SSL_CTX_check_private_key(c) != 1) e = ERR_AUTH;
    EVP_PKEY_free(k);
    BIO_free(b);
    return fail(e);
}

enum err tls_load(void)
{
    if (OPENSSL_init_ssl(OPENSSL_INIT_LOAD_CONFIG, NULL) != 1) return fail(ERR_CRYPTO);
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    enum err e = c ? settle(c) : ERR_CRYPTO;
    SSL_CTX_free(c);
    return fail(e);
}

enum err tls_server_new(struct span pem, struct tls_server **server)
{
    if (pem.n > INT_MAX) return ERR_LIMIT;
    struct tls_server *s = mem_new(1, sizeof *s);
    if (!s) return ERR_NOMEM;
    s->ctx = SSL_CTX_new(TLS_server_method());
    enum err e = s->ctx ? settle(s->ctx) : fail(ERR_NOMEM);
    if (!e) e = load_chain(s->ctx, pem);
    if (!e) e = load_key(s->ctx, pem);
    if (e) {
        tls_server_free(s);
        return e;
    }
    *server = s;
    return OK;
}

void tls_server_free(struct tls_server *s)
{
    if (!s) return;
    SSL_CTX_free(s->ctx);
    mem_free(s);
}

struct tls *tls_new(struct tls_server *s)
{
    struct tls *t = mem_new(1, sizeof *t);
    if (!t) return NULL;
    t->ssl = SSL_new(s->ctx);
    t->in = BIO_new(BIO_s_mem());
    t->out = BIO_new(BIO_s_mem());
    if (!t->ssl || !t->in || !t->out) {
        SSL_free(t->ssl);
        BIO_free(t->in);
        BIO_free(t->out);
        mem_free(t);
        fail(ERR_NOMEM);
        return NULL;
    }
    BIO_set_mem_eof_return(t->in, -1);
    SSL_set_bio(t->ssl, t->in, t->out);
    SSL_set_accept_state(t->ssl);
    return t;
}

void tls_free(struct tls *t)
{
    if (!t) return;
    SSL_free(t->ssl);
    mem_free(t);
}

enum err tls_feed(struct tls *t, struct span in)
{
    if (in.n == 0) return OK;
    if (in.n > INT_MAX || BIO_write(t->in, in.p, (int)in.n) != (int)in.n) return fail(ERR_NOMEM);
    return OK;
}

enum err tls_handshake(struct tls *t)
{
    if (SSL_is_init_finished(t->ssl)) return OK;
    ERR_clear_error();
    int r = SSL_do_handshake(t->ssl);
    if (r == 1) return OK;
    int why = SSL_get_error(t->ssl, r);
    return fail(why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? ERR_AGAIN : ERR_AUTH);
}

enum err tls_read(struct tls *t, struct mspan into, size_t *n)
{
    ERR_clear_error();
    int r = SSL_read(t->ssl, into.p, into.n > INT_MAX ? INT_MAX : (int)into.n);
    if (r > 0) {
        *n = (size_t)r;
        return OK;
    }
    int why = SSL_get_error(t->ssl, r);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE) return fail(ERR_AGAIN);
    return fail(why == SSL_ERROR_ZERO_RETURN ? ERR_CLOSED : ERR_AUTH);
}

enum err tls_write(struct tls *t, struct span from)
{
    size_t n;
    if (!SSL_is_init_finished(t->ssl)) return ERR_STATE;
    if (from.n == 0) return OK;
    ERR_clear_error();
    return SSL_write_ex(t->ssl, from.p, from.n, &n) == 1 ? OK : fail(ERR_NOMEM);
}

void tls_close(struct tls *t)
{
    if (SSL_is_init_finished(t->ssl)) SSL_shutdown(t->ssl);
    ERR_clear_error();
}

struct span tls_to_send(const struct tls *t)
{
    char *p = NULL;
    long n = BIO_get_mem_data(t->out, &p);
    return n > 0 ? SPAN(p, (size_t)n) : SPAN_NONE;
}

void tls_sent(struct tls *t, size_t n)
{
    char scratch[4096];
    while (n) {
        int r = BIO_read(t->out, scratch, n < sizeof scratch ? (int)n : (int)sizeof scratch);
        if (r <= 0) return;
        n -= (size_t)r;
    }
}
