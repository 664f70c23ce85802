/* SPDX-License-Identifier: Apache-2.0 */
#include "core/ice.h"

#include "base/secret.h"
#include "base/write.h"

static enum err hmac_sha1(void *ctx, struct span key, const struct span *parts, size_t count, uint8_t *out)
{
    const struct crypto *c = ctx;
    return c->hmac(c->ctx, CRYPTO_SHA1, key, parts, count, out);
}

struct stun_hmac ice_hmac(const struct crypto *c)
{
    return (struct stun_hmac){hmac_sha1, (void *)(uintptr_t)c};
}

static bool ice_text(struct span s, size_t least)
{
    return s.n >= least && s.n <= ICE_TEXT_MAX;
}

enum err ice_credentials_new(struct ice_credentials *c, const struct rng *rng)
{
    static const char letters[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"; /* ice-char */
    uint8_t bytes[ICE_UFRAG + ICE_PWD];
    enum err e = rng_fill(rng, bytes, sizeof bytes);
    if (e) return e;
    for (unsigned i = 0; i < ICE_UFRAG; i++)
        c->ufrag[i] = letters[bytes[i] & 63];
    for (unsigned i = 0; i < ICE_PWD; i++)
        c->pwd[i] = letters[bytes[ICE_UFRAG + i] & 63];
    c->ufrag[ICE_UFRAG] = c->pwd[ICE_PWD] = 0;
    secret_wipe(bytes, sizeof bytes);
    return OK;
}

static void set_remote(struct ice *a, struct span ufrag)
{
    memcpy(a->remote_ufrag, ufrag.p, ufrag.n);
    a->remote_ufrag[ufrag.n] = 0;
    a->remote_ufrag_n = (uint16_t)ufrag.n;
}

enum err ice_init(struct ice *a, struct span remote_ufrag, const struct rng *rng)
{
    struct ice_credentials c;
    if (!ice_text(remote_ufrag, 4)) return ERR_RANGE;
    enum err e = ice_credentials_new(&c, rng);
    if (e) return e;
    memset(a, 0, sizeof *a);
    a->local = c;
    a->chosen = -1;
    set_remote(a, remote_ufrag);
    secret_wipe(&c, sizeof c);
    return OK;
}

enum err ice_restart(struct ice *a, struct span remote_ufrag, const struct rng *rng)
{
    struct ice_credentials c;
    if (!ice_text(remote_ufrag, 4)) return ERR_RANGE;
    enum err e = ice_credentials_new(&c, rng);
    if (e) return e;
    a->before = a->local;
    a->local = c;
    a->restarting = true;
    set_remote(a, remote_ufrag);
    secret_wipe(&c, sizeof c);
    return OK;
}

void ice_fini(struct ice *a)
{
    secret_wipe(a, sizeof *a);
    a->chosen = -1;
}

/* The credentials a USERNAME names; NULL for none of ours. After a restart the old remote ufrag is not kept,
 * so the old pair is matched by our half alone. */
static const struct ice_credentials *named(const struct ice *a, struct span username)
{
    if (username.n <= ICE_UFRAG || username.p[ICE_UFRAG] != ':') return NULL;
    struct span ours = SPAN(username.p, ICE_UFRAG), theirs = span_part(username, ICE_UFRAG + 1, username.n);
    if (span_equal(ours, SPAN(a->local.ufrag, ICE_UFRAG)))
        return span_equal(theirs, SPAN(a->remote_ufrag, a->remote_ufrag_n)) ? &a->local : NULL;
    if (a->restarting && span_equal(ours, SPAN(a->before.ufrag, ICE_UFRAG))) return &a->before;
    return NULL;
}

/* The entry of a path that has just proved itself; the one unused longest makes room, never the chosen one.
 */
static int remember(struct ice *a, const struct path *from, usec now)
{
    int oldest = -1;
    if (now == 0) now = 1; /* 0 is a free entry */
    for (int i = 0; i < ICE_PATHS; i++) {
        if (a->path[i].last && path_equal(&a->path[i].path, from)) {
            a->path[i].last = now;
            return i;
        }
        if (i != a->chosen && (oldest < 0 || a->path[i].last < a->path[oldest].last)) oldest = i;
    }
    a->path[oldest] = (struct ice_path){.path = *from, .last = now};
    return oldest;
}

static bool choose(struct ice *a, int i, bool nominated, usec now)
{
    bool before = a->chosen >= 0 && a->path[a->chosen].nominated;
    if (nominated) a->path[i].nominated = true;
    bool take = a->chosen < 0 || (nominated && i != a->chosen) ||
                (!before && i != a->chosen && usec_since(now, a->last) > USEC_S);
    if (take && i != a->chosen) {
        a->chosen = (int8_t)i;
        a->last = now;
        return true;
    }
    if (i == a->chosen) a->last = now;
    return false;
}

static enum err answer(const struct stun *m, const struct path *from, const struct ice_credentials *c,
                       unsigned error, const struct stun_hmac *h, struct out *out)
{
    uint8_t *room = out_reserve(out, from, NULL);
    if (!room) return ERR_FULL;
    struct writer w = writer_of(MSPAN(room, OUT_PKT_MAX));
    stun_begin(&w, STUN_BINDING, error ? STUN_ERROR : STUN_SUCCESS, m->id);
    if (error == 487) stun_put_error(&w, error, "Role Conflict");
    if (error == 420) {
        uint8_t types[2 * COUNT_OF(m->unknown)];
        struct writer t = writer_of(MSPAN(types, sizeof types));
        for (uint8_t i = 0; i < m->unknown_count; i++)
            write_u16(&t, m->unknown[i]);
        stun_put_error(&w, error, "Unknown Attribute");
        stun_put(&w, STUN_UNKNOWN_ATTRIBUTES, writer_span(&t));
    }
    if (!error) stun_put_xor_address(&w, STUN_XOR_MAPPED_ADDRESS, from->family, from->addr, from->port);
    enum err e = stun_end(&w, SPAN(c->pwd, ICE_PWD), h, true);
    out_commit(out, e ? 0 : w.n);
    return e;
}

enum err ice_receive(struct ice *a, usec now, const struct path *from, struct span pkt,
                     const struct stun_hmac *h, struct out *out, bool *changed)
{
    struct stun m;
    enum err e = stun_parse(pkt, &m);
    if (e) return e;
    if (m.method != STUN_BINDING || m.of_class != STUN_REQUEST) return ERR_IGNORED;
    const struct ice_credentials *c = named(a, m.username);
    if (!c) return ERR_AUTH;
    e = stun_check(&m, SPAN(c->pwd, ICE_PWD), h);
    if (e) return e;
    if (m.unknown_count) { /* RFC 8489 section 6.3.1 */
        e = answer(&m, from, c, 420, h, out);
        return e ? e : ERR_UNSUPPORTED;
    }
    if (m.controlled) { /* RFC 8445 section 7.3.1.1: a lite agent is always controlled */
        e = answer(&m, from, c, 487, h, out);
        return e ? e : ERR_STATE;
    }
    e = answer(&m, from, c, 0, h, out);
    if (e) return e;
    if (c == &a->local &&
        a->restarting) { /* the restart is used: the old credentials and paths are no more */
        a->restarting = false;
        secret_wipe(&a->before, sizeof a->before);
        for (int i = 0; i < ICE_PATHS; i++)
            a->path[i].nominated = false;
    }
    *changed = choose(a, remember(a, from, now), m.use_candidate, now);
    return OK;
}

bool ice_knows(const struct ice *a, usec now, const struct path *p)
{
    for (int i = 0; i < ICE_PATHS; i++)
        if (a->path[i].last && path_equal(&a->path[i].path, p))
            return usec_since(now, a->path[i].last) <= ICE_CONSENT_US;
    return false;
}

const struct path *ice_path(const struct ice *a)
{
    return a->chosen < 0 ? NULL : &a->path[a->chosen].path;
}
