/* SPDX-License-Identifier: Apache-2.0
 * The frame of build/tests/vectors: a table of file formats, each recognised by the shape of its JSON, and a
 * sheet on which a format's cases are tallied per suite. A format's run function reports every case exactly
 * once. */
#ifndef VECTORS_H
#define VECTORS_H

#include <jansson.h>

#include "base/span.h"
#include "core/crypto.h"

#define SUITES_MAX 128 /* different suites in one file */
#define ANY_SUITE  "any"

struct tally {
    char suite[48];
    unsigned good, all;
    bool unsupported; /* the product does not have this suite: named, neither passed nor failed */
};

struct sheet { /* one file's results */
    const char *file;
    const struct crypto *crypto;
    struct tally tally[SUITES_MAX];
    size_t count;
    void *blocks; /* memory of vec_hex, freed after the file */
};

struct format {
    const char *name;
    bool (*is)(const json_t *root); /* by shape, never by file name */
    void (*run)(struct sheet *s, const json_t *root);
};

/* One case of a suite held, or did not: then `why` (printf) goes to standard error. */
void sheet_good(struct sheet *s, const char *suite);
void sheet_bad(struct sheet *s, const char *suite, const char *why, ...)
    __attribute__((format(printf, 3, 4)));
static inline void sheet_case(struct sheet *s, const char *suite, bool ok, const char *what)
{
    if (ok)
        sheet_good(s, suite);
    else
        sheet_bad(s, suite, "%s", what);
}
/* The file has cases of a suite that the product does not have. */
void sheet_unsupported(struct sheet *s, const char *suite);
/* The name of a numbered suite; valid until the next call but three. */
const char *suite_name(json_int_t number);

/* Bytes of hex text; an empty span for null, absent or malformed (then the case fails by comparison). Valid
 * until the file's end. */
struct span vec_hex(struct sheet *s, const json_t *object, const char *key);
struct span hex_of(struct sheet *s, const json_t *string);
/* Zeroed memory until the file's end. */
void *sheet_take(struct sheet *s, size_t n);
bool vec_has(const json_t *object, const char *key);
uint64_t vec_u64(const json_t *object, const char *key);
/* The first element of an array that is an object, or NULL. */
const json_t *first_of(const json_t *root);

/* Parts of the incamera histories, for vectors_mls.c: the room_policy fields of a history (true when it has
 * none), and the sframe[] samples of an epoch under its base key. */
bool policy_holds(struct sheet *s, const json_t *history);
bool sframe_samples_hold(struct sheet *s, const json_t *samples, struct span base_key);

/* Lists of formats, ended by a row without a name. */
extern const struct format vectors_seal[]; /* hpke, sframe, crypto-basics: vectors_seal.c */
extern const struct format vectors_mls[];  /* the MLS group's: vectors_mls.c */
extern const struct format vectors_wire[]; /* stun, srtp: vectors_wire.c */

#endif
