/* SPDX-License-Identifier: Apache-2.0
 * Relay credentials and nonces. A credential is short-lived and bound to a room and a handle: the user name
 * is EXPIRY:ID, expiry in seconds since 1970, ID the two keyed hashes of room and handle, so that neither
 * name is on the wire; the password is base64(HMAC-SHA1(secret, user name)), the form of
 * draft-uberti-behave-turn-rest-00 that other relays understand too. The long-term key is
 * MD5(user:realm:password), RFC 8489 section 9.2.2. A nonce is time and a MAC over it and the client's
 * address (RFC 8489 section 9.2.4): no state, at most 1 h. Owns copies of the secrets; wipes them. Never
 * logs. */
#ifndef CORE_TURN_AUTH_H
#define CORE_TURN_AUTH_H

#include "base/rng.h"
#include "base/secret.h"
#include "base/time.h"
#include "core/crypto.h"
#include "core/out.h"

#define TURN_REALM       "incamera" /* this short so that a challenge is at most 2.2 times a request */
#define TURN_KEY_BYTES   16
#define TURN_NONCE_BYTES 16 /* characters */
#define TURN_NONCE_LIFE  (3600 * USEC_S)
#define TURN_ID_ROOM     16 /* hex digits of the room in an ID, */
#define TURN_ID_BYTES    41 /* of both with the dot between */
#define TURN_USER_MAX    64
#define TURN_PASSWORD    28 /* characters */

struct turn_credential { /* C strings */
    char username[TURN_USER_MAX];
    char password[TURN_PASSWORD + 1];
};

struct turn_auth {
    const struct crypto *crypto;
    struct secret secret, before; /* before: the secret until the last change, empty if none */
    uint8_t nonce_key[32];
};

/* Draws the nonce key. ERR_IO. */
enum err turn_auth_init(struct turn_auth *a, const struct crypto *crypto, const struct rng *rng) MUST_CHECK;
void turn_auth_fini(struct turn_auth *a);
/* Keeps a copy of a new secret, at least 16 bytes; credentials of the one before stay good. ERR_RANGE. */
enum err turn_auth_secret(struct turn_auth *a, struct span secret) MUST_CHECK;
/* Makes a credential for a member of a room until expiry. ERR_STATE without a secret, ERR_CRYPTO. */
enum err turn_auth_issue(const struct turn_auth *a, struct span room, struct span handle, uint64_t expiry_s,
                         struct turn_credential *c) MUST_CHECK;
/* The ID of a room and handle under the present (0) or the former (1) secret. ERR_STATE when there is none.
 */
enum err turn_auth_id(const struct turn_auth *a, int which, struct span room, struct span handle,
                      uint8_t id[static TURN_ID_BYTES]) MUST_CHECK;
/* Takes a user name apart; id is borrowed from it. ERR_FORMAT. */
enum err turn_auth_parse(struct span username, uint64_t *expiry_s, struct span *id) MUST_CHECK;
/* The long-term key of a user name under the present (0) or the former (1) secret. ERR_STATE, ERR_CRYPTO. */
enum err turn_auth_key(const struct turn_auth *a, int which, struct span username,
                       uint8_t key[static TURN_KEY_BYTES]) MUST_CHECK;
/* A nonce for the remote address of a path. ERR_CRYPTO. */
enum err turn_auth_nonce(const struct turn_auth *a, usec now, const struct path *from,
                         uint8_t nonce[static TURN_NONCE_BYTES]) MUST_CHECK;
/* OK when the nonce was made for this address at most TURN_NONCE_LIFE ago; ERR_EXPIRED otherwise. */
enum err turn_auth_check_nonce(const struct turn_auth *a, usec now, const struct path *from,
                               struct span nonce) MUST_CHECK;

#endif
