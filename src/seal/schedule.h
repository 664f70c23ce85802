/* SPDX-License-Identifier: Apache-2.0
 * The key schedule of an epoch, RFC 9420 section 8: joiner and epoch secrets, PSK secret (8.4), exporter
 * (8.5), external key pair (8.3), transcript hashes (8.2) and the two tags (6.2, 8.1). Owns nothing: struct
 * schedule is a value of secrets that schedule_drop wipes. Pure but for the primitives of the suite. */
#ifndef SEAL_SCHEDULE_H
#define SEAL_SCHEDULE_H

#include "seal/suite.h"
#include "wire/mls.h"

struct schedule {
    struct secret sender_data, encryption, exporter, external, confirmation, membership, resumption,
        authenticator, init;
};
struct digest { /* a hash, or the empty string before the first epoch */
    uint8_t n;
    uint8_t b[SUITE_NH];
};
static inline struct span digest_span(const struct digest *d)
{
    return SPAN(d->b, d->n);
}

void schedule_drop(struct schedule *k);
/* A secret of SUITE_NH zeros. */
struct secret schedule_zero(void);
/* joiner_secret out of the last epoch's init_secret, the commit_secret and the new encoded GroupContext. */
enum err schedule_joiner(const struct suite *s, const struct secret *init, const struct secret *commit,
                         struct span context, struct secret *joiner) MUST_CHECK;
/* All of an epoch's secrets. */
enum err schedule_epoch(const struct suite *s, const struct secret *joiner, const struct secret *psk,
                        struct span context, struct schedule *k) MUST_CHECK;
/* welcome_secret, and the key and nonce of the encrypted GroupInfo out of it. */
enum err schedule_welcome(const struct suite *s, const struct secret *joiner, const struct secret *psk,
                          struct secret *welcome) MUST_CHECK;
enum err schedule_welcome_key(const struct suite *s, const struct secret *welcome,
                              uint8_t key[static SUITE_NK_MAX], uint8_t nonce[static SUITE_NN]) MUST_CHECK;

struct schedule_psk { /* one PSK of the list, borrowed */
    struct span id;   /* encoded PreSharedKeyID */
    struct span psk;
    uint16_t index, count;
};
/* Folds one PSK into psk_secret, which starts as schedule_zero and takes them in order. */
enum err schedule_psk_fold(const struct suite *s, const struct schedule_psk *one,
                           struct secret *psk_secret) MUST_CHECK;

/* MLS-Exporter(label, context, out.n). */
enum err schedule_export(const struct suite *s, const struct secret *exporter, struct span label,
                         struct span context, struct mspan out) MUST_CHECK;
/* The external_pub of the epoch: s->npk bytes. */
enum err schedule_external_pub(const struct suite *s, const struct schedule *k, uint8_t *pub) MUST_CHECK;
/* The init_secret of an external commit (section 8.3): made to that public key, with the encapsulation (s->npk bytes),
 * and got out of it again by the epoch's members. ERR_AUTH for a bad public value. */
enum err schedule_external_make(const struct suite *s, struct span external_pub, uint8_t *kem_output,
                                struct secret *init) MUST_CHECK;
enum err schedule_external_open(const struct suite *s, const struct schedule *k, struct span kem_output,
                                struct secret *init) MUST_CHECK;
/* The hash over interim hash and the signed commit; then over that and the confirmation tag. */
enum err schedule_confirmed(const struct suite *s, const struct digest *interim,
                            const struct mls_signed *commit, struct digest *confirmed) MUST_CHECK;
enum err schedule_interim(const struct suite *s, const struct digest *confirmed, struct span tag,
                          struct digest *interim) MUST_CHECK;
/* The confirmation tag, SUITE_NH bytes. */
enum err schedule_confirm(const struct suite *s, const struct schedule *k, const struct digest *confirmed,
                          uint8_t tag[static SUITE_NH]) MUST_CHECK;

#endif
