/* SPDX-License-Identifier: Apache-2.0
 * STUN messages (RFC 8489 sections 5, 14) as ICE (RFC 8445 section 7) and TURN (RFC 8656) use them: parse,
 * iterate over attributes, check and add MESSAGE-INTEGRITY and FINGERPRINT. Allocates nothing, keeps nothing.
 * A message whose lengths do not add up to the last byte is refused whole. HMAC comes in through
 * core/crypto.h's function type, given by the caller, so that this layer links to no library. */
#ifndef WIRE_STUN_H
#define WIRE_STUN_H

#include "base/err.h"
#include "base/read.h"
#include "base/span.h"
#include "base/write.h"

#define STUN_COOKIE    0x2112A442u
#define STUN_HEADER    20
#define STUN_ID        12
#define STUN_ATTRS_MAX 32 /* of one message */
#define STUN_MAX       1500

enum stun_class { STUN_REQUEST, STUN_INDICATION, STUN_SUCCESS, STUN_ERROR };
enum { STUN_BINDING = 1 };

enum stun_attr {
    STUN_MAPPED_ADDRESS = 0x0001,
    STUN_USERNAME = 0x0006,
    STUN_MESSAGE_INTEGRITY = 0x0008,
    STUN_ERROR_CODE = 0x0009,
    STUN_UNKNOWN_ATTRIBUTES = 0x000A,
    STUN_REALM = 0x0014,
    STUN_NONCE = 0x0015,
    STUN_XOR_MAPPED_ADDRESS = 0x0020,
    STUN_PRIORITY = 0x0024,
    STUN_USE_CANDIDATE = 0x0025,
    STUN_SOFTWARE = 0x8022,
    STUN_FINGERPRINT = 0x8028,
    STUN_ICE_CONTROLLED = 0x8029,
    STUN_ICE_CONTROLLING = 0x802A,
};

struct stun { /* a parsed message; borrows the datagram */
    uint16_t method;
    uint8_t of_class;  /* enum stun_class */
    const uint8_t *id; /* STUN_ID bytes */
    struct span whole;
    struct span username; /* empty when absent */
    bool has_priority, use_candidate, controlling, controlled, fingerprint_ok;
    uint32_t priority;
    uint64_t tie_breaker;
    size_t integrity_at; /* offset of MESSAGE-INTEGRITY, 0 when absent */
    uint16_t unknown[8]; /* comprehension-required attributes not known here */
    uint8_t unknown_count;
};

struct stun_cursor { /* walks the attributes of a message */
    struct reader r;
};
struct stun_attribute {
    uint16_t type;
    struct span value;
};

/* HMAC-SHA1 of parts: 20 bytes to out. The signature of struct crypto's hmac with the hash fixed. */
struct stun_hmac {
    enum err (*sha1)(void *ctx, struct span key, const struct span *parts, size_t count, uint8_t *out);
    void *ctx;
};

/* True when the bytes look like STUN (RFC 7983, cookie, length): cheap, says nothing about validity. */
bool stun_looks(struct span pkt);
/* Parses a message. Attributes after MESSAGE-INTEGRITY other than FINGERPRINT are ignored (RFC 8489
 * section 14.5). A FINGERPRINT that is there and wrong is ERR_AUTH. ERR_SHORT, ERR_FORMAT, ERR_LIMIT. */
enum err stun_parse(struct span pkt, struct stun *m) MUST_CHECK;
struct stun_cursor stun_attributes(const struct stun *m);
bool stun_next(struct stun_cursor *c, struct stun_attribute *a);
/* OK when MESSAGE-INTEGRITY is there and right under key (constant time); ERR_AUTH. */
enum err stun_check(const struct stun *m, struct span key, const struct stun_hmac *h) MUST_CHECK;
/* The part of a Binding request's USERNAME before the colon, without any check of integrity: whom a stranger
 * asks for. False when this is no well-formed Binding request with a USERNAME. */
bool stun_peek_username(struct span pkt, struct span *local_ufrag);

/* Starts a message; id is STUN_ID bytes. */
void stun_begin(struct writer *w, uint16_t method, enum stun_class c, const uint8_t *id);
void stun_put(struct writer *w, uint16_t type, struct span value);
void stun_put_u32(struct writer *w, uint16_t type, uint32_t v);
void stun_put_u64(struct writer *w, uint16_t type, uint64_t v);
/* XOR-MAPPED-ADDRESS and its kin: family 4 or 6, addr 4 or 16 bytes, port in host order (RFC 8489
 * section 14.2). */
void stun_put_xor_address(struct writer *w, uint16_t type, uint8_t family, const uint8_t *addr,
                          uint16_t port);
/* The mirror: false when malformed. addr gets 16 bytes, the rest zero. */
bool stun_get_xor_address(const struct stun *m, struct span value, uint8_t *family, uint8_t addr[16],
                          uint16_t *port);
/* ERROR-CODE with a phrase (RFC 8489 section 14.8). */
void stun_put_error(struct writer *w, unsigned code, const char *phrase);
/* Adds MESSAGE-INTEGRITY when key is not empty, then FINGERPRINT when asked, and sets the length. ERR_FULL,
 * ERR_CRYPTO. */
enum err stun_end(struct writer *w, struct span key, const struct stun_hmac *h, bool fingerprint) MUST_CHECK;

#endif
