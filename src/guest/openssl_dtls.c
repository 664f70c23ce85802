/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/openssl_dtls.h"

/* OpenSSL has a type of this name */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#undef ERR_STATE

#include "base/mem.h"
#include "base/read.h"

#include <sys/time.h>

#define LINK_MTU         1228 /* datagrams of at most 1,200 bytes over UDP and IPv4 */
#define HANDSHAKE_US     (10 * USEC_S)
#define FIRST_RESEND_US  100000u
#define LAST_RESEND_US   2000000u
#define MESSAGE_MAX      (16 * 1024) /* one handshake message */
#define MESSAGES_MAX     (32 * 1024) /* all handshake messages of one association */
#define SEQUENCES_MAX    16          /* handshake messages of one association */
#define FRAGMENTS_MAX    96
#define RSA_BITS_MIN     2048
#define RSA_BITS_MAX     8192
#define RECORD_MAX       2048
#define CERTIFICATE_DAYS 30

static const char ciphers[] =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305";
static const char profiles[] = "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80";

struct dtls_identity {
    SSL_CTX *ctx;
    uint8_t hash[32];
};

struct dtls {
    SSL *ssl;
    enum dtls_role role;
    enum dtls_state state;
    struct dtls_fingerprint remote;
    usec started, resend_at;
    /* of the handshake, before OpenSSL sees it */
    uint32_t sizes; /* sum of the announced lengths of the messages seen */
    uint16_t sequences, fragments;
    /* only during a call */
    struct span in;
    const struct path *to;
    struct out_dest *dest;
    struct out *out;
    uint8_t data[RECORD_MAX];
};

static int dtls_index = -1; /* where an SSL keeps its struct dtls */

/* ---- the datagram BIO ---- */

static int bio_write(BIO *b, const char *bytes, int n)
{
    struct dtls *d = BIO_get_data(b);
    if (n > 0 && d->out && d->to) /* a full tray loses it, as the wire would; the timer sends it again */
        if (out_add(d->out, d->to, d->dest, SPAN(bytes, (size_t)n))) d->out->dropped++;
    return n;
}

static int bio_read(BIO *b, char *bytes, int n)
{
    struct dtls *d = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (!d->in.n) {
        BIO_set_retry_read(b);
        return -1;
    }
    size_t got = d->in.n < (size_t)n ? d->in.n : (size_t)n;
    memcpy(bytes, d->in.p, got);
    d->in = SPAN_NONE; /* the rest of a datagram is lost, as with a socket */
    return (int)got;
}

static long bio_ctrl(BIO *b, int what, long n, void *p)
{
    (void)b;
    (void)n;
    (void)p;
    return what == BIO_CTRL_FLUSH ? 1 : what == BIO_CTRL_DGRAM_GET_MTU_OVERHEAD ? 28 : 0;
}

static BIO_METHOD *bio_method(void)
{
    static BIO_METHOD *m;
    if (m) return m;
    m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagram tray");
    if (!m) return NULL;
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_ctrl(m, bio_ctrl);
    return m;
}

/* ---- certificates ---- */

static bool key_allowed(X509 *cert)
{
    EVP_PKEY *key = X509_get0_pubkey(cert);
    int explicit_parameters = 0;
    char group[32] = "";
    if (!key) return false;
    if (EVP_PKEY_base_id(key) == EVP_PKEY_RSA) {
        int bits = EVP_PKEY_get_bits(key);
        return bits >= RSA_BITS_MIN && bits <= RSA_BITS_MAX;
    }
    if (EVP_PKEY_base_id(key) != EVP_PKEY_EC) return false;
    EVP_PKEY_get_int_param(key, OSSL_PKEY_PARAM_EC_DECODED_FROM_EXPLICIT_PARAMS, &explicit_parameters);
    return !explicit_parameters && EVP_PKEY_get_group_name(key, group, sizeof group, NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

static bool fingerprint_matches(X509 *cert, const struct dtls_fingerprint *f)
{
    const EVP_MD *md = f->hash_n == 32   ? EVP_sha256()
                       : f->hash_n == 48 ? EVP_sha384()
                       : f->hash_n == 64 ? EVP_sha512()
                                         : NULL;
    uint8_t hash[64];
    unsigned n = 0;
    return md && X509_digest(cert, md, hash, &n) == 1 &&
           secret_equal(SPAN(hash, n), SPAN(f->hash, f->hash_n));
}

static int verify(X509_STORE_CTX *store, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    const struct dtls *d = ssl ? SSL_get_ex_data(ssl, dtls_index) : NULL;
    X509 *cert = X509_STORE_CTX_get0_cert(store);
    (void)arg;
    if (d && cert && key_allowed(cert) && fingerprint_matches(cert, &d->remote)) return 1;
    X509_STORE_CTX_set_error(store, X509_V_ERR_CERT_REJECTED);
    return 0;
}

static X509 *certificate(EVP_PKEY *key)
{
    X509 *x = X509_new();
    uint64_t serial = 0;
    X509_NAME *name = x ? X509_get_subject_name(x) : NULL;
    if (name && RAND_bytes((unsigned char *)&serial, sizeof serial) == 1 && X509_set_version(x, 2) == 1 &&
        ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1 | 1) == 1 &&
        X509_gmtime_adj(X509_getm_notBefore(x), -86400) &&
        X509_gmtime_adj(X509_getm_notAfter(x), CERTIFICATE_DAYS * 86400) &&
        X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"incamera", -1, -1, 0) ==
            1 &&
        X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, key) == 1 &&
        X509_sign(x, key, EVP_sha256()) > 0)
        return x;
    X509_free(x);
    return NULL;
}

static unsigned next_resend(SSL *s, unsigned last_us)
{
    (void)s;
    unsigned next = last_us ? last_us * 2 : FIRST_RESEND_US;
    return next > LAST_RESEND_US ? LAST_RESEND_US : next;
}

static bool configure(SSL_CTX *ctx)
{
    SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_QUERY_MTU |
                                 SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_AUTO_RETRY);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, verify, NULL);
    SSL_CTX_set_max_cert_list(ctx, MESSAGE_MAX);
    SSL_CTX_set_read_ahead(ctx, 1); /* whole datagrams */
    return SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) == 1 &&
           SSL_CTX_set_cipher_list(ctx, ciphers) == 1 && SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1 &&
           SSL_CTX_set_tlsext_use_srtp(ctx, profiles) == 0;
}

enum err openssl_dtls_identity(struct dtls_identity **out)
{
    struct dtls_identity *id = mem_new(1, sizeof *id);
    if (!id) return ERR_NOMEM;
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *cert = key ? certificate(key) : NULL;
    unsigned n = 0;
    id->ctx = SSL_CTX_new(DTLS_method());
    if (dtls_index < 0) dtls_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, NULL);
    bool good = cert && id->ctx && dtls_index >= 0 && configure(id->ctx) &&
                SSL_CTX_use_certificate(id->ctx, cert) == 1 && SSL_CTX_use_PrivateKey(id->ctx, key) == 1 &&
                X509_digest(cert, EVP_sha256(), id->hash, &n) == 1;
    X509_free(cert);
    EVP_PKEY_free(key);
    if (!good) {
        openssl_dtls_identity_free(id);
        return ERR_CRYPTO;
    }
    *out = id;
    return OK;
}

void openssl_dtls_identity_free(struct dtls_identity *id)
{
    if (!id) return;
    SSL_CTX_free(id->ctx);
    mem_free(id);
}

/* ---- what OpenSSL may see ---- */

/* A handshake fragment in the clear (RFC 6347 section 4.2.2). False: drop the record. */
static bool handshake_allowed(struct dtls *d, struct span body)
{
    struct reader r = reader_of(body);
    while (read_left(&r)) {
        read_skip(&r, 1);
        uint32_t length = read_u24(&r);
        uint16_t sequence = read_u16(&r);
        uint32_t at = read_u24(&r), n = read_u24(&r);
        read_skip(&r, n);
        if (r.bad || length > MESSAGE_MAX || at > length || n > length - at || (n == 0 && length != 0))
            return false;
        if (sequence >= SEQUENCES_MAX || ++d->fragments > FRAGMENTS_MAX) return false;
        if (!(d->sequences >> sequence & 1)) {
            if (d->sizes + length > MESSAGES_MAX) return false;
            d->sequences |= (uint16_t)(1u << sequence);
            d->sizes += length;
        }
    }
    return true;
}

/* Copies the records that may pass to `kept`; returns their length. */
static size_t filter(struct dtls *d, struct span pkt, uint8_t kept[RECORD_MAX])
{
    struct reader r = reader_of(pkt);
    size_t n = 0;
    while (read_left(&r)) {
        const uint8_t *start = r.p;
        uint8_t type = read_u8(&r);
        uint16_t version = read_u16(&r), epoch = read_u16(&r);
        read_skip(&r, 6);
        struct span body = read_vec16(&r);
        if (r.bad) break;
        size_t size = (size_t)(r.p - start);
        bool pass = type >= 20 && type <= 23 && version >> 8 == 0xfe && size <= RECORD_MAX - n;
        if (d->state == DTLS_CONNECTED && epoch == 0) pass = false;
        if (pass && epoch == 0 && type == 22) pass = handshake_allowed(d, body);
        if (pass && epoch == 0 && (type == 21 || type == 23))
            pass = false; /* a plaintext alert proves nothing */
        if (!pass) continue;
        memcpy(kept + n, start, size);
        n += size;
    }
    return n;
}

/* ---- the association ---- */

static enum err dtls_open(struct dtls_identity *id, enum dtls_role role,
                          const struct dtls_fingerprint *remote, usec now, struct dtls **out)
{
    struct dtls *d = mem_new(1, sizeof *d);
    if (!d) return ERR_NOMEM;
    BIO_METHOD *method = bio_method();
    BIO *bio = method ? BIO_new(method) : NULL;
    d->ssl = SSL_new(id->ctx);
    if (!bio || !d->ssl || SSL_set_ex_data(d->ssl, dtls_index, d) != 1) {
        BIO_free(bio);
        SSL_free(d->ssl);
        mem_free(d);
        return ERR_CRYPTO;
    }
    BIO_set_data(bio, d);
    BIO_set_init(bio, 1);
    SSL_set_bio(d->ssl, bio, bio);
    DTLS_set_link_mtu(d->ssl, LINK_MTU);
    DTLS_set_timer_cb(d->ssl, next_resend);
    if (role == DTLS_SERVER)
        SSL_set_accept_state(d->ssl);
    else
        SSL_set_connect_state(d->ssl);
    d->role = role;
    d->remote = *remote;
    d->started = now;
    d->resend_at = USEC_NEVER;
    *out = d;
    return OK;
}

static void dtls_close(struct dtls *d)
{
    if (!d) return;
    SSL_free(d->ssl);
    secret_wipe(d, sizeof *d);
    mem_free(d);
}

static void enter(struct dtls *d, const struct path *to, struct out_dest *dest, struct out *out)
{
    d->to = to;
    d->dest = dest;
    d->out = out;
    ERR_clear_error();
}

static void leave(struct dtls *d, usec now)
{
    struct timeval left;
    d->in = SPAN_NONE;
    d->to = NULL;
    d->dest = NULL;
    d->out = NULL;
    d->resend_at = d->state == DTLS_HANDSHAKE && DTLSv1_get_timeout(d->ssl, &left) == 1
                       ? now + (usec)left.tv_sec * USEC_S + (usec)left.tv_usec
                       : USEC_NEVER;
}

static bool would_wait(const struct dtls *d, int result)
{
    int e = SSL_get_error(d->ssl, result);
    return e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE;
}

static void handshake(struct dtls *d)
{
    int r = SSL_do_handshake(d->ssl);
    if (d->state == DTLS_NEW) d->state = DTLS_HANDSHAKE;
    if (r == 1)
        d->state = SSL_get_selected_srtp_profile(d->ssl) ? DTLS_CONNECTED : DTLS_FAILED;
    else if (!would_wait(d, r))
        d->state = DTLS_FAILED;
}

static enum err dtls_receive(struct dtls *d, usec now, struct span pkt, const struct path *to,
                             struct out_dest *dest, struct out *out, struct span *data)
{
    uint8_t kept[RECORD_MAX];
    *data = SPAN_NONE;
    if (d->state >= DTLS_CLOSED) return ERR_STATE;
    size_t n = filter(d, pkt, kept);
    if (!n) return ERR_IGNORED;
    if (d->state == DTLS_NEW) d->started = now;
    enter(d, to, dest, out);
    d->in = SPAN(kept, n);
    if (d->state != DTLS_CONNECTED) handshake(d);
    if (d->state == DTLS_CONNECTED) { /* reads alerts, retransmitted flights, data */
        int got = SSL_read(d->ssl, d->data, sizeof d->data);
        if (got > 0)
            *data = SPAN(d->data, (size_t)got);
        else if (!would_wait(d, got))
            d->state = DTLS_CLOSED;
    }
    leave(d, now);
    return OK;
}

static void dtls_tick(struct dtls *d, usec now, const struct path *to, struct out_dest *dest, struct out *out)
{
    if (d->state == DTLS_NEW && d->role == DTLS_CLIENT) {
        d->started = now;
        enter(d, to, dest, out);
        handshake(d);
        leave(d, now);
        return;
    }
    if (d->state != DTLS_HANDSHAKE) return;
    if (usec_since(now, d->started) > HANDSHAKE_US) {
        d->state = DTLS_FAILED;
        return;
    }
    if (now < d->resend_at) return;
    enter(d, to, dest, out);
    if (DTLSv1_handle_timeout(d->ssl) < 0) d->state = DTLS_FAILED;
    leave(d, now);
}

static usec dtls_wake(const struct dtls *d)
{
    return d->state == DTLS_HANDSHAKE ? usec_min(d->resend_at, d->started + HANDSHAKE_US + 1) : USEC_NEVER;
}

static enum dtls_state dtls_state_of(const struct dtls *d)
{
    return d->state;
}

static bool profile_of(unsigned long id, enum srtp_profile *p, size_t *key, size_t *salt)
{
    *p = (enum srtp_profile)id;
    *key = id == SRTP_AEAD_AES_256_GCM ? 32 : 16;
    *salt = id == SRTP_AES128_CM_SHA1_80 ? 14 : 12;
    return id == SRTP_AES128_CM_SHA1_80 || id == SRTP_AEAD_AES_128_GCM || id == SRTP_AEAD_AES_256_GCM;
}

static enum err dtls_keys(struct dtls *d, struct srtp_keys *keys)
{
    static const char label[] = "EXTRACTOR-dtls_srtp"; /* RFC 5764 section 4.2 */
    const SRTP_PROTECTION_PROFILE *chosen =
        d->state == DTLS_CONNECTED ? SSL_get_selected_srtp_profile(d->ssl) : NULL;
    enum srtp_profile p;
    size_t key, salt;
    uint8_t m[2 * (32 + 14)];
    if (!chosen || !profile_of(chosen->id, &p, &key, &salt)) return ERR_STATE;
    if (SSL_export_keying_material(d->ssl, m, 2 * (key + salt), label, sizeof label - 1, NULL, 0, 0) != 1)
        return ERR_CRYPTO;
    /* client key, server key, client salt, server salt */
    struct secret client = {.n = (uint8_t)(key + salt)}, server = client;
    memcpy(client.b, m, key);
    memcpy(server.b, m + key, key);
    memcpy(client.b + key, m + 2 * key, salt);
    memcpy(server.b + key, m + 2 * key + salt, salt);
    keys->profile = p;
    keys->local = d->role == DTLS_CLIENT ? client : server;
    keys->remote = d->role == DTLS_CLIENT ? server : client;
    secret_wipe(m, sizeof m);
    secret_drop(&client);
    secret_drop(&server);
    return OK;
}

static enum err dtls_send(struct dtls *d, struct span data, const struct path *to, struct out_dest *dest,
                          struct out *out)
{
    if (d->state != DTLS_CONNECTED) return ERR_STATE;
    if (data.n == 0 || data.n > 1200) return ERR_RANGE;
    enter(d, to, dest, out);
    int n = SSL_write(d->ssl, data.p, (int)data.n);
    leave(d, 0);
    return n > 0 ? OK : ERR_CRYPTO;
}

static void dtls_finish(struct dtls *d, const struct path *to, struct out_dest *dest, struct out *out)
{
    if (d->state == DTLS_CONNECTED) {
        enter(d, to, dest, out);
        (void)SSL_shutdown(d->ssl);
        leave(d, 0);
    }
    d->state = DTLS_CLOSED;
}

static void dtls_fingerprint(const struct dtls_identity *id, uint8_t hash[32])
{
    memcpy(hash, id->hash, sizeof id->hash);
}

static size_t dtls_memory(const struct dtls *d)
{
    return sizeof *d + d->sizes;
}

const struct dtls_provider *openssl_dtls(void)
{
    static const struct dtls_provider provider = {.open = dtls_open,
                                                  .close = dtls_close,
                                                  .receive = dtls_receive,
                                                  .tick = dtls_tick,
                                                  .wake = dtls_wake,
                                                  .state = dtls_state_of,
                                                  .keys = dtls_keys,
                                                  .send = dtls_send,
                                                  .finish = dtls_finish,
                                                  .fingerprint = dtls_fingerprint,
                                                  .memory = dtls_memory};
    return &provider;
}
