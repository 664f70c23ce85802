/* SPDX-License-Identifier: Apache-2.0 */
#include "guest/openssl_dtls.h"

#include <sys/time.h>

/* libcrypto has a type of the name of one of our errors */
#define ERR_STATE OPENSSL_ERR_STATE
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#undef ERR_STATE

#include "base/mem.h"
#include "base/read.h"

#define HANDSHAKE_US (10 * USEC_S)
#define FIRST_TIMER_US                                                                                       \
    200000u /* browsers begin at 50 ms; RFC 6347's 1 s makes every loss a second's silence */
#define TIMER_MAX_US   1000000u
#define STALE_HELLO_US (300 * USEC_MS)
#define DATAGRAM       1200 /* of a handshake */
#define DATA_MAX       1280 /* bytes of one SCTP packet */
#define FRAGMENT_MAX   1400 /* plain bytes of a record of ours: the size of OpenSSL's buffer */
#define HANDSHAKE_MAX  8192 /* bytes of all messages of a handshake together; a browser's are 3 KiB */
#define MESSAGES_MAX   16   /* of a handshake */
#define FRAGMENTS_MAX  64   /* arrivals of one message, repeats counted */
#define REOPEN_MAX     8    /* fresh starts after nonsense from nobody proven */
#define RSA_BITS_MIN   2048
#define RSA_BITS_MAX   8192

#define CIPHERS                                                                                              \
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:"             \
    "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-CHACHA20-POLY1305"
#define SIGNATURES                                                                                           \
    "ECDSA+SHA256:ECDSA+SHA384:ECDSA+SHA512:rsa_pss_rsae_sha256:rsa_pss_rsae_sha384:RSA+SHA256:RSA+SHA384:"  \
    "RSA+SHA512"
#define PROFILES "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80"

enum { CCS = 20, ALERT = 21, HANDSHAKE = 22, DATA = 23 };

struct dtls_identity {
    SSL_CTX *ctx;
    BIO_METHOD *datagrams;
    EVP_PKEY *key;
    X509 *cert;
    uint8_t hash[32];
    uint8_t data[SSL3_RT_MAX_PLAIN_LENGTH]; /* what dtls_receive gave out last */
};

struct turn { /* where this call's datagrams go */
    const struct path *to;
    struct out_dest *dest;
    struct out *out;
};

struct dtls {
    SSL *ssl;
    struct dtls_identity *id;
    struct dtls_fingerprint remote;
    enum dtls_role role;
    enum dtls_state state;
    bool refused;  /* by policy: final */
    bool answered; /* the other side went on after our first flight */
    uint8_t reopened;
    usec deadline; /* 10 s after the first record of the handshake */
    usec timer, hello_at;
    struct turn turn;
    struct span in;    /* the record OpenSSL may read now */
    uint8_t hello[32]; /* random of the ClientHello we follow */
    bool has_hello;
    uint16_t claimed[MESSAGES_MAX]; /* length of each message by its number */
    uint8_t fragments[MESSAGES_MAX];
    uint32_t claimed_all;
};

static enum err fail(enum err e)
{
    ERR_clear_error();
    return e;
}

/* ---- datagrams ---- */

static int bio_write(BIO *b, const char *p, int n)
{
    struct dtls *d = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (n <= 0 || !d->turn.out) return n;
    /* An alert in clear tells the other side nothing it may believe, unless we refuse it for good. */
    if (p[0] == ALERT && p[3] == 0 && p[4] == 0 && !d->refused) return n;
    enum err e = out_add(d->turn.out, d->turn.to, d->turn.dest, SPAN(p, (size_t)n));
    (void)e; /* a full tray is a lost datagram: the timer brings it again */
    return n;
}

static int bio_read(BIO *b, char *p, int n)
{
    struct dtls *d = BIO_get_data(b);
    BIO_clear_retry_flags(b);
    if (!d->in.n) {
        BIO_set_retry_read(b);
        return -1;
    }
    if ((size_t)n > d->in.n) n = (int)d->in.n;
    memcpy(p, d->in.p, (size_t)n);
    d->in = SPAN_NONE;
    return n;
}

static long bio_ctrl(BIO *b, int what, long number, void *pointer)
{
    (void)b;
    (void)number;
    (void)pointer;
    switch (what) {
    case BIO_CTRL_FLUSH:
        return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return DATAGRAM;
    default:
        return 0; /* no overhead, nothing pending */
    }
}

static int bio_create(BIO *b)
{
    BIO_set_init(b, 1);
    return 1;
}

/* ---- policy ---- */

/* ECDSA on the named curve P-256, or RSA of a sound size. */
static bool key_allowed(X509 *x)
{
    X509_ALGOR *a;
    const ASN1_OBJECT *kind, *curve;
    const void *parameter;
    int type;
    EVP_PKEY *k = X509_get0_pubkey(x);
    if (!k || X509_PUBKEY_get0_param(NULL, NULL, NULL, &a, X509_get_X509_PUBKEY(x)) != 1) return false;
    X509_ALGOR_get0(&kind, &type, &parameter, a);
    switch (OBJ_obj2nid(kind)) {
    case NID_X9_62_id_ecPublicKey:
        curve = parameter;
        return type == V_ASN1_OBJECT && OBJ_obj2nid(curve) == NID_X9_62_prime256v1;
    case NID_rsaEncryption:
        return EVP_PKEY_get_bits(k) >= RSA_BITS_MIN && EVP_PKEY_get_bits(k) <= RSA_BITS_MAX;
    default:
        return false;
    }
}

static bool fingerprint_right(X509 *x, const struct dtls_fingerprint *f)
{
    const EVP_MD *md = f->hash_n == 32   ? EVP_sha256()
                       : f->hash_n == 48 ? EVP_sha384()
                       : f->hash_n == 64 ? EVP_sha512()
                                         : NULL;
    uint8_t hash[EVP_MAX_MD_SIZE];
    unsigned n;
    return md && X509_digest(x, md, hash, &n) == 1 && secret_equal(SPAN(hash, n), SPAN(f->hash, f->hash_n));
}

/* Replaces OpenSSL's chain building: only the leaf and its fingerprint count (RFC 8122, RFC 8827
 * section 6.5). */
static int verify(X509_STORE_CTX *c, void *arg)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(c, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct dtls *d = SSL_get_app_data(ssl);
    X509 *x = X509_STORE_CTX_get0_cert(c);
    (void)arg;
    if (x && key_allowed(x) && fingerprint_right(x, &d->remote)) {
        X509_STORE_CTX_set_error(c, X509_V_OK);
        return 1;
    }
    d->refused = true;
    X509_STORE_CTX_set_error(c, X509_V_ERR_CERT_REJECTED);
    return 0;
}

/* No association without use_srtp (RFC 5764 section 4.1). */
static int first_look(SSL *ssl, int *alert, void *arg)
{
    const unsigned char *p;
    size_t n;
    (void)arg;
    if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_use_srtp, &p, &n) == 1) return SSL_CLIENT_HELLO_SUCCESS;
    struct dtls *d = SSL_get_app_data(ssl);
    d->refused = true;
    *alert = SSL_AD_HANDSHAKE_FAILURE;
    return SSL_CLIENT_HELLO_ERROR;
}

static unsigned int timer_length(SSL *ssl, unsigned int before_us)
{
    (void)ssl;
    if (!before_us) return FIRST_TIMER_US;
    return before_us * 2 > TIMER_MAX_US ? TIMER_MAX_US : before_us * 2;
}

/* ---- identity ---- */

static enum err make_certificate(struct dtls_identity *id)
{
    unsigned n;
    uint64_t serial;
    id->key = EVP_EC_gen("P-256");
    X509 *x = id->cert = X509_new();
    if (!id->key || !x || RAND_bytes((unsigned char *)&serial, sizeof serial) != 1) return fail(ERR_CRYPTO);
    X509_NAME *name = X509_get_subject_name(x);
    bool ok = X509_set_version(x, X509_VERSION_3) == 1 &&
              ASN1_INTEGER_set_uint64(X509_get_serialNumber(x), serial >> 1) == 1 &&
              X509_gmtime_adj(X509_getm_notBefore(x), -24 * 3600L) &&
              X509_gmtime_adj(X509_getm_notAfter(x), 365 * 24 * 3600L) &&
              X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"WebRTC", -1, -1,
                                         0) == 1 &&
              X509_set_issuer_name(x, name) == 1 && X509_set_pubkey(x, id->key) == 1 &&
              X509_sign(x, id->key, EVP_sha256()) > 0 && X509_digest(x, EVP_sha256(), id->hash, &n) == 1;
    return ok ? OK : fail(ERR_CRYPTO);
}

static enum err settle(struct dtls_identity *id)
{
    SSL_CTX *c = id->ctx;
    SSL_CTX_set_options(c, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                               SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
    SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
    SSL_CTX_set_security_level(c, 2);
    SSL_CTX_set_max_cert_list(c, HANDSHAKE_MAX);
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
    SSL_CTX_set_cert_verify_callback(c, verify, NULL);
    SSL_CTX_set_client_hello_cb(c, first_look, NULL);
    if (SSL_CTX_set_min_proto_version(c, DTLS1_2_VERSION) != 1 ||
        SSL_CTX_set_max_proto_version(c, DTLS1_2_VERSION) != 1 || SSL_CTX_set_cipher_list(c, CIPHERS) != 1 ||
        SSL_CTX_set1_groups_list(c, "X25519:P-256") != 1 || SSL_CTX_set1_sigalgs_list(c, SIGNATURES) != 1 ||
        SSL_CTX_set_max_send_fragment(c, FRAGMENT_MAX) != 1 ||
        SSL_CTX_set_tlsext_use_srtp(c, PROFILES) != 0 || /* this one answers 0 when it did it */
        SSL_CTX_use_certificate(c, id->cert) != 1 || SSL_CTX_use_PrivateKey(c, id->key) != 1)
        return fail(ERR_CRYPTO);
    BIO_METHOD *m = id->datagrams;
    BIO_meth_set_write(m, bio_write);
    BIO_meth_set_read(m, bio_read);
    BIO_meth_set_ctrl(m, bio_ctrl);
    BIO_meth_set_create(m, bio_create);
    return OK;
}

enum err openssl_dtls_identity(struct dtls_identity **identity)
{
    struct dtls_identity *id = mem_new(1, sizeof *id);
    if (!id) return ERR_NOMEM;
    id->ctx = SSL_CTX_new(DTLS_method());
    id->datagrams = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "datagrams");
    enum err e = id->ctx && id->datagrams ? make_certificate(id) : fail(ERR_NOMEM);
    if (!e) e = settle(id);
    if (e)
        openssl_dtls_identity_free(id);
    else
        *identity = id;
    return e;
}

void openssl_dtls_identity_free(struct dtls_identity *id)
{
    if (!id) return;
    SSL_CTX_free(id->ctx);
    BIO_meth_free(id->datagrams);
    EVP_PKEY_free(id->key);
    X509_free(id->cert);
    mem_free(id);
}

/* ---- an association ---- */

static enum err begin(struct dtls *d)
{
    SSL *ssl = SSL_new(d->id->ctx);
    BIO *b = ssl ? BIO_new(d->id->datagrams) : NULL;
    if (!b) {
        SSL_free(ssl);
        return fail(ERR_NOMEM);
    }
    BIO_set_data(b, d);
    SSL_set_bio(ssl, b, b);
    SSL_set_app_data(ssl, d);
    DTLS_set_timer_cb(ssl, timer_length);
    SSL_set_mtu(ssl, DATAGRAM);
    if (d->role == DTLS_SERVER)
        SSL_set_accept_state(ssl);
    else
        SSL_set_connect_state(ssl);
    SSL_free(d->ssl);
    d->ssl = ssl;
    d->timer = USEC_NEVER;
    d->answered = d->has_hello = false;
    d->claimed_all = 0;
    memset(d->claimed, 0, sizeof d->claimed);
    memset(d->fragments, 0, sizeof d->fragments);
    return OK;
}

static enum err dtls_open(struct dtls_identity *id, enum dtls_role role,
                          const struct dtls_fingerprint *remote, usec now, struct dtls **out)
{
    struct dtls *d = mem_new(1, sizeof *d);
    if (!d) return ERR_NOMEM;
    *d = (struct dtls){.id = id, .role = role, .remote = *remote, .deadline = USEC_NEVER};
    (void)now;
    enum err e = begin(d);
    if (e) {
        mem_free(d);
        return e;
    }
    *out = d;
    return OK;
}

static void dtls_close(struct dtls *d)
{
    if (!d) return;
    SSL_free(d->ssl);
    mem_free(d);
}

/* OpenSSL may write before it reads, and then takes its buffers for granted. */
static enum err enter(struct dtls *d, const struct path *to, struct out_dest *dest, struct out *out)
{
    ERR_clear_error();
    if (SSL_alloc_buffers(d->ssl) != 1) return fail(ERR_NOMEM);
    d->turn = (struct turn){to, dest, out};
    return OK;
}

/* When OpenSSL wants its timer looked at. Its read buffer of 16 KiB is given back between datagrams. */
static void settle_down(struct dtls *d, usec now)
{
    struct timeval left;
    d->turn = (struct turn){0};
    d->in = SPAN_NONE;
    SSL_free_buffers(d->ssl);
    d->timer = USEC_NEVER;
    if (d->state == DTLS_HANDSHAKE && DTLSv1_get_timeout(d->ssl, &left) == 1) {
        usec us = (usec)left.tv_sec * USEC_S + (usec)left.tv_usec;
        d->timer = now + (us < USEC_MS ? USEC_MS : us);
    }
    ERR_clear_error();
}

/* Nonsense from nobody proven must not end what the real one is about to begin: start afresh, a few times. */
static void failed(struct dtls *d)
{
    if (!d->refused && d->role == DTLS_SERVER && d->reopened < REOPEN_MAX && begin(d) == OK) {
        d->reopened++;
        d->state = DTLS_NEW;
        return;
    }
    d->state = DTLS_FAILED;
}

static void handshake(struct dtls *d, usec now)
{
    ERR_clear_error();
    if (d->deadline == USEC_NEVER) d->deadline = now + HANDSHAKE_US;
    d->state = DTLS_HANDSHAKE;
    int r = SSL_do_handshake(d->ssl);
    if (r == 1) {
        d->refused = !SSL_get_selected_srtp_profile(d->ssl);
        if (d->refused) SSL_shutdown(d->ssl);
        d->state = d->refused ? DTLS_FAILED : DTLS_CONNECTED;
        return;
    }
    int why = SSL_get_error(d->ssl, r);
    if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) failed(d);
}

static void take_data(struct dtls *d, struct span *data)
{
    for (;;) {
        uint8_t rest[1];
        bool first = data->n == 0; /* a second record of data in one datagram has no place: SCTP repeats it */
        ERR_clear_error();
        int r =
            first ? SSL_read(d->ssl, d->id->data, sizeof d->id->data) : SSL_read(d->ssl, rest, sizeof rest);
        if (r > 0) {
            if (first) *data = SPAN(d->id->data, (size_t)r);
            continue;
        }
        int why = SSL_get_error(d->ssl, r);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) d->state = DTLS_CLOSED;
        return;
    }
}

/* ---- what OpenSSL gets to see ---- */

/* A ClientHello that is not the one we follow: a stranger's, or the one we follow was. The newer one wins
 * only when the other never came further and has had its time. */
static bool admit_hello(struct dtls *d, usec now, struct span body)
{
    struct span random = span_part(body, 2, sizeof d->hello);
    if (random.n < sizeof d->hello) return true; /* a short first fragment: OpenSSL will say */
    if (d->has_hello && memcmp(d->hello, random.p, random.n) == 0) return true;
    if (d->has_hello) {
        if (d->answered || usec_since(now, d->hello_at) < STALE_HELLO_US || begin(d)) return false;
    }
    memcpy(d->hello, random.p, random.n);
    d->has_hello = true;
    d->hello_at = now;
    return true;
}

static bool admit_fragments(struct dtls *d, usec now, struct span body)
{
    struct reader r = reader_of(body);
    if (body.n == 0) return false;
    while (read_left(&r)) {
        uint8_t type = read_u8(&r);
        uint32_t length = read_u24(&r);
        uint16_t number = read_u16(&r);
        uint32_t at = read_u24(&r), n = read_u24(&r);
        struct span part = read_bytes(&r, n);
        if (r.bad || length > HANDSHAKE_MAX || at > length || n > length - at || (n == 0 && length > 0))
            return false;
        if (number >= MESSAGES_MAX) return false;
        /* nobody answers a flight that was not sent */
        if (number > 0 && d->role == DTLS_SERVER && SSL_get_state(d->ssl) == TLS_ST_BEFORE) return false;
        if (type == SSL3_MT_CLIENT_HELLO && number == 0 && at == 0 && !admit_hello(d, now, part))
            return false;
        if (d->fragments[number] == FRAGMENTS_MAX) return false;
        d->fragments[number]++;
        if (number > 0) d->answered = true;
        if (length > d->claimed[number]) {
            uint32_t more = length - d->claimed[number];
            if (d->claimed_all + more > HANDSHAKE_MAX) return false;
            d->claimed_all += more;
            d->claimed[number] = (uint16_t)length;
        }
    }
    return true;
}

/* During the handshake only the Finished may be under keys, and only when ChangeCipherSpec has been taken:
 * earlier ones OpenSSL would keep, each with 16 KiB; they come again. Afterwards nothing in clear is
 * believed. */
static bool admit(struct dtls *d, usec now, uint8_t type, uint16_t epoch, struct span body)
{
    if (d->state == DTLS_CONNECTED) return epoch == 1 && type >= ALERT && type <= DATA;
    if (epoch == 1) {
        OSSL_HANDSHAKE_STATE s = SSL_get_state(d->ssl);
        return type == HANDSHAKE && (s == TLS_ST_SR_CHANGE || s == TLS_ST_CR_CHANGE);
    }
    if (epoch != 0) return false;
    if (type == CCS) return body.n == 1;
    return type == HANDSHAKE && admit_fragments(d, now, body);
}

static enum err dtls_receive(struct dtls *d, usec now, struct span pkt, const struct path *to,
                             struct out_dest *dest, struct out *out, struct span *data)
{
    enum err e = ERR_IGNORED; /* until something was admitted */
    if (d->state == DTLS_CLOSED || d->state == DTLS_FAILED) return ERR_CLOSED;
    *data = SPAN_NONE;
    struct reader r = reader_of(pkt);
    while (read_left(&r)) {
        const uint8_t *start = r.p;
        uint8_t type = read_u8(&r);
        uint8_t major = read_u8(&r);
        read_skip(&r, 1);
        uint16_t epoch = read_u16(&r);
        read_skip(&r, 6);
        struct span body = read_vec16(&r);
        if (r.bad || major != 0xfe) break;
        if (d->state == DTLS_CLOSED || d->state == DTLS_FAILED) break;
        if (!admit(d, now, type, epoch, body)) continue;
        e = enter(d, to, dest, out);
        if (e) break;
        d->in = SPAN(start, (size_t)(r.p - start));
        if (d->state != DTLS_CONNECTED)
            handshake(d, now);
        else
            take_data(d, data);
    }
    settle_down(d, now);
    return e;
}

static void dtls_tick(struct dtls *d, usec now, const struct path *to, struct out_dest *dest, struct out *out)
{
    if (d->state != DTLS_NEW && d->state != DTLS_HANDSHAKE) return;
    if (now >= d->deadline) {
        d->state = DTLS_FAILED;
        return;
    }
    if (enter(d, to, dest, out)) { /* without memory now: later */
        d->timer = now + FIRST_TIMER_US;
        return;
    }
    if (d->state == DTLS_NEW && d->role == DTLS_CLIENT)
        handshake(d, now);
    else if (d->state == DTLS_HANDSHAKE && now >= d->timer && DTLSv1_handle_timeout(d->ssl) < 0)
        failed(d);
    settle_down(d, now);
}

static usec dtls_wake(const struct dtls *d)
{
    if (d->state != DTLS_NEW && d->state != DTLS_HANDSHAKE) return USEC_NEVER;
    return usec_min(d->timer, d->deadline);
}

static enum dtls_state dtls_state(const struct dtls *d)
{
    return d->state;
}

static enum err dtls_keys(struct dtls *d, struct srtp_keys *keys)
{
    static const char label[] = "EXTRACTOR-dtls_srtp"; /* RFC 5764 section 4.2 */
    if (d->state != DTLS_CONNECTED) return ERR_STATE;
    SRTP_PROTECTION_PROFILE *p = SSL_get_selected_srtp_profile(d->ssl);
    enum srtp_profile profile = p ? (enum srtp_profile)p->id : SRTP_NONE;
    uint8_t key = profile == SRTP_AEAD_AES_256_GCM ? 32 : 16,
            salt = profile == SRTP_AES128_CM_SHA1_80 ? 14 : 12;
    uint8_t all[2 * SECRET_MAX];
    if (SSL_export_keying_material(d->ssl, all, 2 * ((size_t)key + salt), label, sizeof label - 1, NULL, 0,
                                   0) != 1)
        return fail(ERR_CRYPTO);
    struct secret *client = d->role == DTLS_CLIENT ? &keys->local : &keys->remote;
    struct secret *server = d->role == DTLS_CLIENT ? &keys->remote : &keys->local;
    keys->profile = profile;
    client->n = server->n = (uint8_t)(key + salt);
    memcpy(client->b, all, key);
    memcpy(server->b, all + key, key);
    memcpy(client->b + key, all + 2 * key, salt);
    memcpy(server->b + key, all + 2 * key + salt, salt);
    secret_wipe(all, sizeof all);
    return OK;
}

static enum err dtls_send(struct dtls *d, struct span data, const struct path *to, struct out_dest *dest,
                          struct out *out)
{
    if (d->state != DTLS_CONNECTED) return ERR_STATE;
    if (data.n == 0 || data.n > DATA_MAX) return ERR_RANGE;
    if (out_tight(out, 1)) return ERR_FULL;
    enum err e = enter(d, to, dest, out);
    if (!e) e = SSL_write(d->ssl, data.p, (int)data.n) == (int)data.n ? OK : fail(ERR_CRYPTO);
    d->turn = (struct turn){0};
    SSL_free_buffers(d->ssl);
    return e;
}

static void dtls_finish(struct dtls *d, const struct path *to, struct out_dest *dest, struct out *out)
{
    if (d->state != DTLS_CONNECTED) return;
    if (!enter(d, to, dest, out)) SSL_shutdown(d->ssl);
    d->turn = (struct turn){0};
    d->state = DTLS_CLOSED;
    ERR_clear_error();
}

static void dtls_fingerprint(const struct dtls_identity *id, uint8_t hash[32])
{
    memcpy(hash, id->hash, 32);
}

const struct dtls_provider *openssl_dtls(void)
{
    static const struct dtls_provider provider = {dtls_open,   dtls_close,      dtls_receive, dtls_tick,
                                                  dtls_wake,   dtls_state,      dtls_keys,    dtls_send,
                                                  dtls_finish, dtls_fingerprint};
    return &provider;
}
