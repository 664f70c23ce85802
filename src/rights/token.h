/* SPDX-License-Identifier: Apache-2.0
 * Access tokens: JWT (RFC 7519, 7515) in one form only, alg EdDSA with Ed25519 (RFC 8037), pinned. The header
 * is
 * {"alg":"EdDSA","typ":"JWT"[,"kid":…]} and nothing else: alg is never chosen by the token, no jwk, jku, x5u,
 * crit. The claims are those of struct token; members that repeat or have another type, base64url that is not
 * canonical, and anything over the caps is refused. Pure: keys and time are handed in. A token says what was
 * granted at most; what holds now is decided by rights/policy. */
#ifndef RIGHTS_TOKEN_H
#define RIGHTS_TOKEN_H

#include "base/time.h"
#include "base/write.h"
#include "core/crypto.h"
#include "rights/verdict.h"

#define TOKEN_BYTES_MAX  4096
#define TOKEN_HEADER_MAX 256  /* decoded */
#define TOKEN_CLAIMS_MAX 2048 /* decoded */
#define TOKEN_KEYS_MAX   4
#define TOKEN_SKEW_S     60 /* clocks of machines that make tokens may be this wrong: nbf, iat only */
#define TOKEN_TTL_MAX_S  (366 * 86400)
#define TOKEN_ISSUER     "incamera"
#define TOKEN_AUDIENCE   "incamera"
#define TOKEN_ROOM_ANY   "*" /* a token of the house, not of a room; only the operator makes these */

enum token_kind { TOKEN_PERSON, TOKEN_GUEST, TOKEN_MACHINE };

struct token {
    char room[65];                       /* or TOKEN_ROOM_ANY */
    char name[129];                      /* display name, may be empty */
    char subject[65];                    /* not empty */
    char id[33];                         /* jti */
    uint32_t can;                        /* bits of enum can */
    uint8_t kind;                        /* enum token_kind */
    int64_t issued, not_before, expires; /* seconds since 1970 */
};
struct token_keys { /* public keys that may have signed; the token's kid only names one of them */
    uint8_t key[TOKEN_KEYS_MAX][32];
    char kid[TOKEN_KEYS_MAX][17];
    unsigned count;
};

/* Reads and checks everything: form, signature, issuer, audience, times. ERR_FORMAT, ERR_LIMIT, ERR_AUTH,
 * ERR_UNSUPPORTED (alg, typ, crit), ERR_UNKNOWN (kid), ERR_EXPIRED, ERR_RANGE (not yet valid, absurd times).
 */
enum err token_open(const struct crypto *crypto, const struct token_keys *keys, struct span text,
                    struct wall now, struct token *token) MUST_CHECK;
/* Writes header.claims, what is signed; the whole token is this, a dot, and token_finish. Sets w->bad when
 * the token has no subject, room or a name that is not UTF-8. */
void token_write(struct writer *w, const struct token *token, const char *kid);
/* Adds the dot and the signature. */
void token_finish(struct writer *w, struct span signature);
/* The kid of a public key: the first 8 bytes of its SHA-256, hex. */
enum err token_kid(const struct crypto *crypto, struct span public_key, char kid[17]) MUST_CHECK;
/* NAME of a governed room: [a-z0-9-]{1,64}. */
bool room_name_valid(struct span name);
/* room_id of the others: 32 bytes as base64url. */
bool room_id_valid(struct span name);
/* A display name: 1 to 128 bytes of UTF-8, no control, bidi-override or line-separator characters. */
bool person_name_valid(struct span name);

#endif
