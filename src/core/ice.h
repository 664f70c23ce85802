/* SPDX-License-Identifier: Apache-2.0
 * An ICE-lite agent for one component (RFC 8445 sections 2.5, 6.1.1, 7.3; STUN RFC 8489; consent RFC 7675):
 * it answers authenticated Binding requests and never asks. The full agent on the other side is controlling;
 * its USE-CANDIDATE chooses the path. Keeps at most ICE_PATHS validated paths. Silent towards everything
 * unauthenticated. */
#ifndef CORE_ICE_H
#define CORE_ICE_H

#include "base/rng.h"
#include "base/time.h"
#include "core/crypto.h"
#include "core/out.h"
#include "wire/stun.h"

#define ICE_PATHS      8
#define ICE_UFRAG      8  /* characters of ours */
#define ICE_PWD        24 /* of ours: 144 bits */
#define ICE_TEXT_MAX   256
#define ICE_CONSENT_US (30 * USEC_S)

struct ice_credentials {
    char ufrag[ICE_UFRAG + 1], pwd[ICE_PWD + 1];
};
struct ice_path {
    struct path path;
    usec last; /* last authenticated Binding; 0 free */
    bool nominated;
};
struct ice {
    struct ice_credentials local, before; /* before: until the restart is used */
    bool restarting;                      /* `before` is still good */
    char remote_ufrag[ICE_TEXT_MAX + 1];
    uint16_t remote_ufrag_n;
    struct ice_path path[ICE_PATHS];
    int8_t chosen; /* index of the path we send on, -1 none */
    usec last;     /* last authenticated Binding on the chosen path */
};

/* The HMAC that STUN asks for, out of the table of primitives (borrowed). */
struct stun_hmac ice_hmac(const struct crypto *c);
/* Fresh credentials. ERR_RANGE for a remote ufrag outside 4 to 256 characters, ERR_IO. */
enum err ice_init(struct ice *a, struct span remote_ufrag, const struct rng *rng) MUST_CHECK;
/* Random ones of ours. ERR_IO. */
enum err ice_credentials_new(struct ice_credentials *c, const struct rng *rng) MUST_CHECK;
/* New credentials for a restart; on failure nothing changed. */
enum err ice_restart(struct ice *a, struct span remote_ufrag, const struct rng *rng) MUST_CHECK;
void ice_fini(struct ice *a);
/* A Binding request from `from`. On an authenticated one the answer goes to the tray, *changed says whether
 * the path we send on is another now, and OK is returned; ERR_AUTH and others: silence. A role conflict is
 * answered 487. */
enum err ice_receive(struct ice *a, usec now, const struct path *from, struct span pkt,
                     const struct stun_hmac *h, struct out *out, bool *changed) MUST_CHECK;
/* True when a Binding validated this path in the last 30 s: only then is anything else from it looked at. */
bool ice_knows(const struct ice *a, usec now, const struct path *p);
/* Time when consent ends; USEC_NEVER when no path was ever validated. */
static inline usec ice_expiry(const struct ice *a)
{
    return a->chosen < 0 ? USEC_NEVER : a->last + ICE_CONSENT_US;
}
/* The path we send on, NULL when there is none. */
const struct path *ice_path(const struct ice *a);

#endif
