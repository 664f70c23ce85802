/* SPDX-License-Identifier: Apache-2.0
 * Wraps and unwraps a second, by the key file and by a PKCS#11 token.
 * usage: bench_kms [MODULE TOKEN KEY PIN]      PIN of a token made for the bench; real ones stand in files */
#include "app/kms_file.h"
#include "guest/openssl_crypto.h"
#include "guest/pkcs11.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int measure(const struct kms *k)
{
    uint8_t sealed[KMS_SEALED_MAX];
    struct secret plain = {32, {1}}, again = {0};
    struct writer w = writer_of(MSPAN(sealed, sizeof sealed));
    unsigned wraps = 0, unwraps = 0;
    double begun = now(), took;
    do {
        w = writer_of(MSPAN(sealed, sizeof sealed));
        if (k->wrap(k->ctx, &plain, SPAN_LIT("bench"), &w)) return 1;
        wraps++;
    } while ((took = now() - begun) < 2);
    printf("%s: %.0f wraps a second", k->name, wraps / took);
    begun = now();
    do {
        if (k->unwrap(k->ctx, writer_span(&w), SPAN_LIT("bench"), &again)) return 1;
        unwraps++;
    } while ((took = now() - begun) < 2);
    printf(", %.0f unwraps\n", unwraps / took);
    return !secret_equal(secret_span(&plain), secret_span(&again));
}

int main(int argc, char **argv)
{
    const struct crypto *c = openssl_crypto();
    struct secret key = {32, {7}}, pin = {0};
    struct kms_file file = {c, &key};
    struct kms k;
    struct pkcs11 *p = NULL;
    kms_file_init(&k, &file);
    if (measure(&k)) return 1;
    if (argc != 5 || strlen(argv[4]) > SECRET_MAX) return argc != 1;
    pin.n = (uint8_t)strlen(argv[4]);
    memcpy(pin.b, argv[4], pin.n);
    if (pkcs11_new(&(struct pkcs11_conf){argv[1], argv[2], argv[3], &pin, c->random, c->ctx}, &p)) return 1;
    pkcs11_kms(p, &k);
    int code = measure(&k);
    if (code) fprintf(stderr, "%s\n", pkcs11_why(p));
    pkcs11_free(p);
    return code;
}
