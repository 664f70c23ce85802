/* SPDX-License-Identifier: Apache-2.0
 * The contract of a DTLS 1.2 association (RFC 6347) with DTLS-SRTP (RFC 5764), fulfilled by
 * guest/openssl_dtls.c. Datagrams in, datagrams out through the tray; the peer's certificate must match the
 * fingerprint from the SDP (RFC 8122; sha-256, sha-384, sha-512 only) and be ECDSA P-256 or RSA ≥ 2048, else
 * the handshake fails. Handshakes are given up after 10 s. Never answers what is not part of its association.
 */
#ifndef CORE_DTLS_H
#define CORE_DTLS_H

#include "base/secret.h"
#include "base/time.h"
#include "core/out.h"

enum dtls_role { DTLS_SERVER, DTLS_CLIENT };
enum dtls_state { DTLS_NEW, DTLS_HANDSHAKE, DTLS_CONNECTED, DTLS_CLOSED, DTLS_FAILED };
enum srtp_profile { /* RFC 5764 section 4.1.2, RFC 7714 section 14.2 */
                    SRTP_NONE = 0,
                    SRTP_AES128_CM_SHA1_80 = 0x0001,
                    SRTP_AEAD_AES_128_GCM = 0x0007,
                    SRTP_AEAD_AES_256_GCM = 0x0008,
};

struct dtls_identity; /* our certificate and key; one an engine */
struct dtls;

struct dtls_fingerprint {
    uint8_t hash_n; /* 32, 48 or 64 */
    uint8_t hash[64];
};
struct srtp_keys { /* for one association: what we send with and what we open with */
    enum srtp_profile profile;
    struct secret local, remote; /* master key, then master salt */
};

struct dtls_provider {
    /* An association in this role, or ERR_NOMEM, ERR_CRYPTO. */
    enum err (*open)(struct dtls_identity *id, enum dtls_role role, const struct dtls_fingerprint *remote,
                     usec now, struct dtls **d);
    void (*close)(struct dtls *d); /* frees; NULL is fine */
    /* One datagram in (borrowed); what is to be answered goes to the tray. `data` gets application data (at
     * most one record, borrowed until the next call of any association of the identity), or an empty span.
     * ERR_IGNORED when nothing in it was admitted (records in clear after the handshake, malformed ones),
     * ERR_CLOSED when it is over. */
    enum err (*receive)(struct dtls *d, usec now, struct span pkt, const struct path *to,
                        struct out_dest *dest, struct out *out, struct span *data);
    /* A client's first flight, retransmissions, the 10 s limit. */
    void (*tick)(struct dtls *d, usec now, const struct path *to, struct out_dest *dest, struct out *out);
    usec (*wake)(const struct dtls *d);
    enum dtls_state (*state)(const struct dtls *d);
    /* Only when connected; wipes them inside the library as far as it can. */
    enum err (*keys)(struct dtls *d, struct srtp_keys *keys);
    enum err (*send)(struct dtls *d, struct span data, const struct path *to, struct out_dest *dest,
                     struct out *out);
    /* close_notify to the tray. */
    void (*finish)(struct dtls *d, const struct path *to, struct out_dest *dest, struct out *out);
    /* SHA-256 of our certificate. */
    void (*fingerprint)(const struct dtls_identity *id, uint8_t hash[32]);
};

#endif
