/* SPDX-License-Identifier: Apache-2.0
 * What vectors_mls.c and vectors_passive.c share. */
#ifndef VECTORS_MLS_H
#define VECTORS_MLS_H

#include "base/secret.h"
#include "seal/suite.h"
#include "vectors.h"

bool hex_is(struct sheet *s, const json_t *o, const char *key, struct span got);
struct secret secret_in(struct sheet *s, const json_t *o, const char *key);

/* Runs a case: NULL when it held, else what did not. */
typedef const char *(*case_fn)(struct sheet *sh, const json_t *c, const struct suite *s);
/* Tallies every entry under its cipher_suite; suites that are not ours are named. */
void each_suite(struct sheet *sh, const json_t *root, case_fn run);

bool passive_is(const json_t *root);
void passive_run(struct sheet *sh, const json_t *root);

#endif
