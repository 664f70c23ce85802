/* SPDX-License-Identifier: Apache-2.0
 * Whether a secret decides where our code goes. Under valgrind every secret byte is poisoned (marked as undefined:
 * whatever is random, agreed on by Diffie and Hellman, or comes out of HMAC) and the poison travels with what is
 * computed from it; a branch or an address that depends on it is an error, and the run fails (./check --long). The
 * library's primitives are not looked at: each gets a clean copy, and what it gives back is poisoned again unless
 * everybody may see it: public keys, signatures, ciphertexts, digests (nothing secret is hashed bare). What a
 * Welcome and a path bring is poisoned by size and by hand, since its form must be read. The one thing that may be
 * known about a comparison is its outcome. Without valgrind the same histories run, and nothing is poisoned. */
#include "test.h"

#include <stdlib.h>

#include "people.h"
#include "seal/epoch.h"
#include "seal/group_inner.h"
#include "seal/hpke.h"
#include "seal/sframe.h"
#include "seal/welcome.h"

#if __has_include(<valgrind/memcheck.h>)
#include <valgrind/memcheck.h>
#else
#define VALGRIND_MAKE_MEM_UNDEFINED(p, n) ((void)(p), (void)(n))
#define VALGRIND_MAKE_MEM_DEFINED(p, n)   ((void)(p), (void)(n))
#define VALGRIND_GET_VBITS(p, v, n)       ((void)(p), (void)(v), (void)(n), 0)
#define RUNNING_ON_VALGRIND               0
#endif

#define CLEAN_MAX 8

static bool sending; /* tags are for everybody to see */

static void poison(void *p, size_t n)
{
    if (n) VALGRIND_MAKE_MEM_UNDEFINED(p, n);
}

static void publish(const void *p, size_t n)
{
    if (n) VALGRIND_MAKE_MEM_DEFINED(p, n);
}

/* Every byte of it is poisoned: the run sees what it should see. */
static bool poisoned(struct span s)
{
    uint8_t bits[256];
    if (!RUNNING_ON_VALGRIND) return true;
    if (s.n == 0 || s.n > sizeof bits) return false;
    (void)VALGRIND_GET_VBITS(s.p, bits, s.n);
    for (size_t i = 0; i < s.n; i++)
        if (bits[i] != 0xff) return false;
    return true;
}

/* ---- the primitives, on clean copies ---- */

struct clean {
    struct span part[CLEAN_MAX];
    uint8_t *room[CLEAN_MAX];
    size_t n;
};

static struct span clean(struct clean *c, struct span s)
{
    assert_true(c->n < CLEAN_MAX);
    uint8_t *p = malloc(s.n + 1);
    assert_non_null(p);
    if (s.n) memcpy(p, s.p, s.n);
    publish(p, s.n);
    c->room[c->n] = p;
    return c->part[c->n++] = s.p ? SPAN(p, s.n) : SPAN_NONE;
}

static void clean_drop(struct clean *c)
{
    while (c->n)
        free(c->room[--c->n]);
}

static struct span *clean_all(struct clean *c, const struct span *parts, size_t count)
{
    struct span *first = c->part + c->n;
    for (size_t i = 0; i < count; i++)
        clean(c, parts[i]);
    return first;
}

static enum err p_hash(void *ctx, enum crypto_hash h, const struct span *parts, size_t count, uint8_t *out)
{
    struct clean c = {.n = 0};
    const struct span *in = clean_all(&c, parts, count);
    enum err e = openssl_crypto()->hash(ctx, h, in, count, out);
    clean_drop(&c);
    return e;
}

static enum err p_hmac(void *ctx, enum crypto_hash h, struct span key, const struct span *parts, size_t count,
                       uint8_t *out)
{
    struct clean c = {.n = 0};
    const struct span *in = clean_all(&c, parts, count);
    enum err e = openssl_crypto()->hmac(ctx, h, clean(&c, key), in, count, out);
    clean_drop(&c);
    if (e == OK) poison(out, crypto_hash_size(h));
    return e;
}

static enum err p_seal(void *ctx, enum crypto_aead a, struct span key, struct span nonce, struct span aad,
                       struct span pt, uint8_t *ct)
{
    struct clean c = {.n = 0};
    struct span k = clean(&c, key), n = clean(&c, nonce), d = clean(&c, aad), in = clean(&c, pt);
    enum err e = openssl_crypto()->aead_seal(ctx, a, k, n, d, in, ct);
    clean_drop(&c);
    return e;
}

static enum err p_open(void *ctx, enum crypto_aead a, struct span key, struct span nonce, struct span aad,
                       struct span ct, uint8_t *pt)
{
    struct clean c = {.n = 0};
    struct span k = clean(&c, key), n = clean(&c, nonce), d = clean(&c, aad), in = clean(&c, ct);
    enum err e = openssl_crypto()->aead_open(ctx, a, k, n, d, in, pt);
    clean_drop(&c);
    if (e == OK && ct.n == SUITE_NH + CRYPTO_TAG_SIZE) poison(pt, SUITE_NH); /* a path secret */
    return e;
}

static enum err p_ctr(void *ctx, struct span key, struct span iv, struct span in, uint8_t *out)
{
    struct clean c = {.n = 0};
    struct span k = clean(&c, key), v = clean(&c, iv), from = clean(&c, in);
    enum err e = openssl_crypto()->aes_ctr(ctx, k, v, from, out);
    clean_drop(&c);
    return e;
}

static enum err p_dh_public(void *ctx, enum crypto_dh d, struct span priv, uint8_t *pub, size_t *pub_n)
{
    struct clean c = {.n = 0};
    enum err e = openssl_crypto()->dh_public(ctx, d, clean(&c, priv), pub, pub_n);
    clean_drop(&c);
    return e;
}

static enum err p_dh(void *ctx, enum crypto_dh d, struct span priv, struct span pub, uint8_t *shared)
{
    struct clean c = {.n = 0};
    struct span k = clean(&c, priv);
    enum err e = openssl_crypto()->dh(ctx, d, k, clean(&c, pub), shared);
    clean_drop(&c);
    if (e == OK) poison(shared, CRYPTO_DH_MAX);
    return e;
}

static enum err p_sign_public(void *ctx, enum crypto_sign s, struct span priv, uint8_t *pub, size_t *pub_n)
{
    struct clean c = {.n = 0};
    enum err e = openssl_crypto()->sign_public(ctx, s, clean(&c, priv), pub, pub_n);
    clean_drop(&c);
    return e;
}

static enum err p_sign(void *ctx, enum crypto_sign s, struct span priv, struct span message, uint8_t *sig,
                       size_t *sig_n)
{
    struct clean c = {.n = 0};
    struct span k = clean(&c, priv);
    enum err e = openssl_crypto()->sign(ctx, s, k, clean(&c, message), sig, sig_n);
    clean_drop(&c);
    return e;
}

static enum err p_random(void *ctx, uint8_t *dst, size_t n)
{
    (void)ctx;
    enum err e = rng_seeded_fill(&people_seed, dst, n);
    if (e == OK) poison(dst, n);
    return e;
}

static void poison_start(uint64_t seed)
{
    people_start(seed);
    people_crypto.hash = p_hash;
    people_crypto.hmac = p_hmac;
    people_crypto.aead_seal = p_seal;
    people_crypto.aead_open = p_open;
    people_crypto.aes_ctr = p_ctr;
    people_crypto.dh_public = p_dh_public;
    people_crypto.dh = p_dh;
    people_crypto.sign_public = p_sign_public;
    people_crypto.sign = p_sign;
    people_crypto.random = p_random;
}

/* ---- what the linker puts in between (tests/unit/meson.build) ---- */

bool __real_secret_equal(struct span a, struct span b);
bool __wrap_secret_equal(struct span a, struct span b);
bool __wrap_secret_equal(struct span a, struct span b)
{
    bool same = __real_secret_equal(a, b);
    publish(&same, sizeof same);
    if (same) { /* and so they are what a message showed */
        publish(a.p, a.n);
        publish(b.p, b.n);
    }
    return same;
}

enum err __real_suite_mac(const struct suite *s, struct span key, const struct span *parts, size_t count,
                          uint8_t *tag);
enum err __wrap_suite_mac(const struct suite *s, struct span key, const struct span *parts, size_t count,
                          uint8_t *tag);
enum err __wrap_suite_mac(const struct suite *s, struct span key, const struct span *parts, size_t count,
                          uint8_t *tag)
{
    enum err e = __real_suite_mac(s, key, parts, count, tag);
    if (sending) publish(tag, SUITE_NH);
    return e;
}

enum err __real_welcome_open_secrets(const struct suite *s, const struct mls_welcome *w,
                                     struct span key_package, const struct secret *init_priv,
                                     struct welcome_opened *o);
enum err __wrap_welcome_open_secrets(const struct suite *s, const struct mls_welcome *w,
                                     struct span key_package, const struct secret *init_priv,
                                     struct welcome_opened *o);
enum err __wrap_welcome_open_secrets(const struct suite *s, const struct mls_welcome *w,
                                     struct span key_package, const struct secret *init_priv,
                                     struct welcome_opened *o)
{
    enum err e = __real_welcome_open_secrets(s, w, key_package, init_priv, o);
    if (e) return e;
    const struct mls_group_secrets *got = &o->secrets;
    poison((void *)(uintptr_t)got->joiner_secret.p, got->joiner_secret.n);
    if (got->has_path_secret) poison((void *)(uintptr_t)got->path_secret.p, got->path_secret.n);
    return OK;
}

/* ---- a group ---- */

static struct person ana, bob, eve;

static struct draft *commit_of(struct person *p, const struct propose *what, size_t n, bool in_public)
{
    struct commit_how how = {.proposals = what, .count = n, .framing = {.in_public = in_public}};
    struct draft *d;
    sending = true;
    assert_ok(person_commit(p, &how, &d));
    sending = false;
    return d;
}

static void joins(struct person *p, const struct draft *d, const struct group_psk *psk)
{
    struct group_conf conf = {.crypto = &people_crypto, .past = 2};
    struct join_with with = {&p->key, draft_welcome(d), SPAN_NONE, psk, 1};
    assert_ok(group_join(&conf, &with, &p->g));
    assert_true(poisoned(secret_span(&p->g->now->keys.exporter)));
    assert_true(poisoned(secret_span(&p->g->now->keys.init)));
    assert_true(poisoned(secret_span(&p->g->now->own.priv[0])));
    invitee_drop(&p->key);
}

static struct propose add(const struct person *p)
{
    return (struct propose){.type = MLS_ADD, .key_package = blob_span(&p->key.message)};
}

static void all_take(struct span message)
{
    assert_ok(person_take(&ana, message));
    assert_ok(person_take(&bob, message));
    assert_ok(person_take(&eve, message));
    assert_true(poisoned(secret_span(&eve.g->now->keys.sender_data)));
}

static void says(struct person *from, struct person *to)
{
    struct draft *d;
    struct incoming in;
    sending = true;
    assert_ok(draft_application(from->g, SPAN_LIT("a secret word"), SPAN_LIT("aad"), &d));
    assert_ok(draft_sign(d, secret_span(&from->sign)));
    sending = false;
    assert_ok(group_open(to->g, draft_message(d), &in));
    assert_true(span_equal(in.data, SPAN_LIT("a secret word")));
    incoming_drop(&in);
    assert_err(ERR_REPLAY, group_open(to->g, draft_message(d), &in));
    /* one that does not hold, down the same paths */
    struct blob bent = {0};
    assert_ok(blob_copy(&bent, draft_message(d)));
    bent.p[bent.n - 1] ^= 1;
    assert_true(group_open(ana.g == to->g ? bob.g : ana.g, blob_span(&bent), &in) != OK);
    blob_drop(&bent);
    draft_free(d);
}

static void proposes(struct person *from, bool in_public)
{
    struct draft *d;
    struct propose update = {.type = MLS_UPDATE};
    sending = true;
    assert_ok(person_propose(from, &update, in_public, &d));
    sending = false;
    struct person *all[] = {&ana, &bob, &eve};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        if (all[i] != from) assert_ok(person_take(all[i], draft_message(d)));
    draft_free(d);
}

static void reborn(struct person *p)
{
    struct group_conf conf = {.crypto = &people_crypto, .past = 2};
    struct blob state;
    struct group *g;
    assert_ok(group_save(p->g, &state));
    assert_ok(group_restore(&conf, blob_span(&state), &g));
    blob_drop(&state);
    group_free(p->g);
    p->g = g;
    assert_true(poisoned(secret_span(&g->now->keys.exporter)));
}

static void exports_equal(void)
{
    uint8_t a[32], b[32];
    assert_ok(group_export(ana.g, SPAN_LIT("label"), SPAN_LIT("context"), MSPAN(a, 32)));
    assert_ok(group_export(eve.g, SPAN_LIT("label"), SPAN_LIT("context"), MSPAN(b, 32)));
    assert_true(poisoned(SPAN_OF(a)));
    publish(a, sizeof a);
    publish(b, sizeof b);
    assert_memory_equal(a, b, sizeof a);
}

/* Comes back by an external commit. */
static void enters(struct person *p, uint16_t suite)
{
    struct group_conf conf = {.crypto = &people_crypto};
    struct draft *info, *d;
    assert_ok(person_keys(p, suite));
    sending = true;
    assert_ok(draft_group_info(ana.g, &info));
    assert_ok(draft_sign(info, secret_span(&ana.sign)));
    struct enter_with with = {
        .group_info = draft_message(info),
        .leaf = {.identity = SPAN_LIT("bob"), .signature_key = SPAN(p->sign_pub, suite == 2 ? 65 : 32)}};
    assert_ok(draft_enter(&conf, &with, &d));
    assert_ok(draft_sign(d, secret_span(&p->sign)));
    sending = false;
    ana.g->conf.outside = eve.g->conf.outside = GROUP_EXTERNAL_COMMITS;
    assert_ok(person_take(&ana, draft_message(d)));
    assert_ok(person_take(&eve, draft_message(d)));
    assert_ok(draft_entered(d, &p->g));
    assert_true(poisoned(secret_span(&p->g->now->keys.exporter)));
    exports_equal();
    draft_free(d);
    draft_free(info);
}

static void history(uint16_t suite)
{
    uint8_t key[32];
    struct group_conf conf = {.crypto = &people_crypto, .past = 2};
    struct group_psk psk = {SPAN_LIT("link"), SPAN_OF(key)};
    struct person *all[] = {&ana, &bob, &eve};
    assert_ok(p_random(NULL, key, sizeof key));
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        assert_ok(person_keys(all[i], suite));
        assert_true(poisoned(secret_span(&all[i]->sign)));
        assert_true(poisoned(secret_span(&all[i]->key.init_priv)));
    }
    assert_ok(group_create(&conf, &ana.key, SPAN_LIT("poison"), SPAN_NONE, &ana.g));
    assert_ok(group_psk_put(ana.g, &psk));
    struct propose both[] = {add(&bob), {.type = MLS_PSK, .psk_id = psk.id}}, third = add(&eve);
    struct draft *d = commit_of(&ana, both, 2, false);
    assert_ok(person_take(&ana, draft_message(d)));
    joins(&bob, d, &psk);
    draft_free(d);
    d = commit_of(&bob, &third, 1, true);
    assert_ok(person_take(&ana, draft_message(d)));
    assert_ok(person_take(&bob, draft_message(d)));
    joins(&eve, d, &psk);
    draft_free(d);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        proposes(all[(i + 1) % 3], i % 2);
        d = commit_of(all[i], NULL, 0, i % 2 == 0);
        all_take(draft_message(d));
        draft_free(d);
        says(all[i], all[(i + 1) % 3]);
        reborn(all[i]);
    }
    exports_equal();
    struct propose gone = {.type = MLS_REMOVE, .leaf = group_own_leaf(bob.g)};
    d = commit_of(&ana, &gone, 1, false);
    all_take(draft_message(d));
    draft_free(d);
    assert_true(group_closed(bob.g));
    exports_equal();
    person_leave(&bob);
    enters(&bob, suite);
    for (size_t i = 0; i < COUNT_OF(all); i++)
        person_leave(all[i]);
}

static void test_groups(void **state)
{
    (void)state;
    for (uint16_t suite = 1; suite <= 3; suite++) {
        poison_start(suite);
        history(suite);
    }
}

/* ---- HPKE and SFrame by themselves ---- */

static void test_hpke(void **state)
{
    static const uint16_t kems[] = {HPKE_KEM_X25519, HPKE_KEM_P256};
    (void)state;
    poison_start(9);
    for (size_t i = 0; i < COUNT_OF(kems); i++) {
        uint8_t ikm[32], pub[HPKE_ENC_MAX], enc[HPKE_ENC_MAX], ct[60], pt[60], ex[32];
        size_t pub_n, enc_n;
        struct secret priv;
        struct hpke a, b;
        struct hpke_with with = {&people_crypto,           kems[i],          HPKE_KDF_SHA256,
                                 HPKE_AES_128_GCM,         SPAN_LIT("info"), .psk = SPAN_OF(ikm),
                                 .psk_id = SPAN_LIT("psk")};
        assert_ok(p_random(NULL, ikm, sizeof ikm));
        assert_ok(hpke_derive_key_pair(&people_crypto, kems[i], SPAN_OF(ikm), &priv, pub, &pub_n));
        assert_true(poisoned(secret_span(&priv)));
        with.ephemeral_ikm = SPAN_OF(ikm);
        assert_ok(hpke_send(&a, &with, SPAN(pub, pub_n), enc, &enc_n));
        assert_ok(hpke_receive(&b, &with, secret_span(&priv), SPAN(enc, enc_n)));
        assert_ok(hpke_seal(&a, SPAN_NONE, SPAN(ikm, 32), ct));
        assert_ok(hpke_open(&b, SPAN_NONE, SPAN(ct, 48), pt));
        ct[0] ^= 1;
        assert_err(ERR_AUTH, hpke_open(&b, SPAN_NONE, SPAN(ct, 48), pt));
        assert_ok(hpke_export(&b, SPAN_LIT("x"), MSPAN(ex, sizeof ex)));
        assert_true(poisoned(SPAN_OF(ex)));
        hpke_fini(&a);
        hpke_fini(&b);
    }
}

static void test_sframe(void **state)
{
    (void)state;
    poison_start(10);
    for (uint16_t suite = 1; suite <= 8; suite++) {
        uint8_t base[64], frame[200], clear[200];
        size_t n, m;
        struct sframe_key key;
        if (!sframe_suite_known(suite)) continue;
        assert_ok(p_random(NULL, base, sizeof base));
        struct span in = SPAN(base, sframe_hash_size(suite) < 64 ? 32 : 64);
        assert_ok(sframe_key_derive(&key, &people_crypto, suite, in, 7));
        assert_true(poisoned(SPAN(key.key, sframe_key_size(suite))));
        sending = true;
        assert_ok(
            sframe_seal(&key, 3, SPAN_LIT("metadata"), SPAN_LIT("a frame"), MSPAN(frame, sizeof frame), &n));
        publish(frame, n); /* its tag goes out */
        sending = false;
        assert_ok(sframe_open(&key, SPAN(frame, n), SPAN_LIT("metadata"), MSPAN(clear, sizeof clear), &m));
        assert_int_equal(m, sizeof "a frame" - 1);
        frame[n - 1] ^= 1;
        assert_err(ERR_AUTH,
                   sframe_open(&key, SPAN(frame, n), SPAN_LIT("metadata"), MSPAN(clear, sizeof clear), &m));
        sframe_key_drop(&key);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_groups), cmocka_unit_test(test_hpke),
                                       cmocka_unit_test(test_sframe)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
