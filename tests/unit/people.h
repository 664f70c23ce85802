/* SPDX-License-Identifier: Apache-2.0
 * People for tests of groups: identities with keys, a delivery that everybody hears, randomness from a seed.
 */
#ifndef PEOPLE_H
#define PEOPLE_H

#include <stdio.h>

#include "base/mem.h"
#include "base/rng.h"
#include "guest/openssl_crypto.h"
#include "seal/group.h"
#include "seal/suite.h"

#define PEOPLE_TEXT 16

static struct rng_seeded people_seed;
static struct crypto people_crypto;

static enum err people_random(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    return rng_seeded_fill(&people_seed, dst, n);
}

static inline uint32_t dice(uint32_t sides)
{
    uint8_t b[4];
    (void)!rng_seeded_fill(&people_seed, b, sizeof b);
    return ((uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16) % sides;
}

static inline void people_start(uint64_t seed)
{
    people_seed.state = seed;
    people_crypto = *openssl_crypto();
    people_crypto.random = people_random;
}

struct person {
    struct secret sign;
    uint8_t sign_pub[CRYPTO_PUBLIC_MAX];
    char name[PEOPLE_TEXT];
    uint8_t identity[64]; /* in place of the name, when it has a length */
    size_t identity_n;
    struct invitee key;
    struct group *g;
};

static inline enum err person_keys(struct person *p, uint16_t suite)
{
    static const uint16_t types[] = {0xf1ca, 0xf1cb};
    struct suite s;
    struct draft *d;
    enum err e = suite_init(&s, suite, &people_crypto);
    if (e == OK && p->sign.n == 0) e = suite_sign_new(&s, &p->sign, p->sign_pub);
    struct leaf_params l = {.identity = p->identity_n ? SPAN(p->identity, p->identity_n) : span_str(p->name),
                            .signature_key = SPAN(p->sign_pub, s.nspk),
                            .extension_types = types,
                            .extension_count = 2,
                            .not_after = UINT64_MAX};
    if (e == OK) e = draft_key_package(&people_crypto, suite, &l, &d);
    if (e) return e;
    e = draft_sign(d, secret_span(&p->sign));
    if (e == OK) e = draft_invitee(d, &p->key);
    draft_free(d);
    return e;
}

static inline void person_leave(struct person *p)
{
    invitee_drop(&p->key);
    group_free(p->g);
    *p = (struct person){.g = NULL};
}

/* Opens and applies. */
static inline enum err person_take(struct person *p, struct span message)
{
    struct incoming in;
    enum err e = group_open(p->g, message, &in);
    if (e) return e;
    e = group_apply(p->g, &in);
    incoming_drop(&in);
    return e;
}

static inline enum err person_commit(struct person *p, const struct commit_how *how, struct draft **d)
{
    enum err e = draft_commit(p->g, how, d);
    if (e) return e;
    e = draft_sign(*d, secret_span(&p->sign));
    if (e) draft_free(*d);
    return e;
}

static inline enum err person_propose(struct person *p, const struct propose *what, bool in_public,
                                      struct draft **d)
{
    struct framing f = {.in_public = in_public};
    enum err e = draft_proposal(p->g, what, &f, d);
    if (e) return e;
    e = draft_sign(*d, secret_span(&p->sign));
    if (e) draft_free(*d);
    return e;
}

#endif
