/* SPDX-License-Identifier: Apache-2.0
 * What a group costs on this machine, as a table: ms and bytes of a key package, of a commit that adds one,
 * of an empty commit, of processing it, of joining, of removing, at 2 to 1,000 members, suite by suite. Run
 * by hand: bench_mls [MEMBERS...]. Members beyond the first eight and the last are leaves only. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/mem.h"
#include "guest/openssl_crypto.h"
#include "seal/group.h"
#include "seal/suite.h"

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void must(enum err e)
{
    if (e == OK) return;
    fprintf(stderr, "bench_mls: %s\n", err_text(e));
    exit(1);
}

struct one {
    struct secret sign;
    uint8_t pub[CRYPTO_PUBLIC_MAX];
    struct invitee key;
    struct group *g;
};
static struct one who[1001];

static void make(struct one *o, uint16_t suite, size_t *bytes)
{
    struct suite s;
    struct draft *d;
    must(suite_init(&s, suite, openssl_crypto()));
    must(suite_sign_new(&s, &o->sign, o->pub));
    struct leaf_params l = {
        .identity = SPAN_LIT("somebody"), .signature_key = SPAN(o->pub, s.nspk), .not_after = UINT64_MAX};
    must(draft_key_package(openssl_crypto(), suite, &l, &d));
    must(draft_sign(d, secret_span(&o->sign)));
    must(draft_invitee(d, &o->key));
    *bytes = draft_message(d).n;
    draft_free(d);
}

static struct draft *commit(struct one *o, const struct propose *what, size_t n)
{
    struct draft *d;
    struct commit_how how = {.proposals = what, .count = n};
    must(draft_commit(o->g, &how, &d));
    must(draft_sign(d, secret_span(&o->sign)));
    return d;
}

static void take(struct one *o, struct span message)
{
    struct incoming in;
    must(group_open(o->g, message, &in));
    must(group_apply(o->g, &in));
    incoming_drop(&in);
}

static void join(struct one *o, const struct draft *d)
{
    struct group_conf conf = {.crypto = openssl_crypto()};
    struct join_with with = {.own = &o->key, .welcome = draft_welcome(d)};
    must(group_join(&conf, &with, &o->g));
}

/* n members; the first two are live. Everybody who is live takes turns with an empty commit so that the tree
 * fills. */
static void row(uint16_t suite, size_t n)
{
    struct group_conf conf = {.crypto = openssl_crypto()};
    struct propose what[1000];
    size_t kp, live = n < 8 ? n : 8;
    double t[8];
    t[0] = now_ms();
    for (size_t i = 0; i <= n; i++)
        make(&who[i], suite, &kp);
    double key_ms = (now_ms() - t[0]) / (double)(n + 1);
    must(group_create(&conf, &who[0].key, SPAN_LIT("bench"), SPAN_NONE, &who[0].g));
    for (size_t i = 1; i + 1 < n; i++)
        what[i - 1] = (struct propose){.type = MLS_ADD,
                                       .key_package = SPAN(who[i].key.message.p, who[i].key.message.n)};
    t[0] = now_ms();
    struct draft *d = commit(&who[0], what, n - 2);
    double batch_ms = now_ms() - t[0];
    take(&who[0], draft_message(d));
    for (size_t i = 1; i + 1 < live; i++)
        join(&who[i], d);
    draft_free(d);
    /* add the last one */
    struct propose add = {.type = MLS_ADD,
                          .key_package = SPAN(who[n - 1].key.message.p, who[n - 1].key.message.n)};
    t[0] = now_ms();
    d = commit(&who[0], &add, 1);
    t[1] = now_ms();
    size_t add_bytes = draft_message(d).n, welcome_bytes = draft_welcome(d).n;
    for (size_t i = 0; i < n; i++)
        if (who[i].g) take(&who[i], draft_message(d));
    t[2] = now_ms();
    join(&who[n - 1], d);
    t[3] = now_ms();
    draft_free(d);
    d = commit(&who[n - 1], NULL, 0);
    t[4] = now_ms();
    size_t empty_bytes = draft_message(d).n;
    take(&who[0], draft_message(d));
    t[5] = now_ms();
    take(&who[n - 1], draft_message(d));
    draft_free(d);
    struct propose gone = {.type = MLS_REMOVE, .leaf = n > 2 ? 1 : group_own_leaf(who[n - 1].g)};
    t[6] = now_ms();
    d = commit(&who[0], &gone, 1);
    t[7] = now_ms();
    printf("%u | %4zu | %5.2f (%zu) | %7.1f | %6.1f (%zu; %zu) | %6.1f (%zu) | %6.2f | %7.1f | %6.1f (%zu)\n",
           suite, n, key_ms, kp, batch_ms, t[1] - t[0], add_bytes, welcome_bytes, t[4] - t[3], empty_bytes,
           t[5] - t[4], t[3] - t[2], t[7] - t[6], draft_message(d).n);
    draft_free(d);
    for (size_t i = 0; i <= n; i++) {
        group_free(who[i].g);
        invitee_drop(&who[i].key);
        who[i] = (struct one){.g = NULL};
    }
}

int main(int argc, char **argv)
{
    static const size_t sizes[] = {2, 10, 50, 100, 500, 1000};
    printf("suite | members | key package ms (B) | add all ms | add one ms (B; welcome B) | empty commit ms "
           "(B) | process ms | "
           "join ms | remove ms (B)\n");
    for (uint16_t suite = 1; suite <= 3; suite++) {
        for (size_t i = 0; argc < 2 && i < COUNT_OF(sizes); i++)
            row(suite, sizes[i]);
        for (int i = 1; i < argc; i++) {
            size_t n = strtoul(argv[i], NULL, 10);
            if (n >= 2 && n <= 1000) row(suite, n);
        }
    }
    return 0;
}
