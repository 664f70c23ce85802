/* SPDX-License-Identifier: Apache-2.0
 * archive/merkle: the roots of RFC 6962's well-known eight leaves, every proof of every tree up to 130 leaves against
 * a naive tree, and forged proofs. archive/audit: an export is taken, 400 random changes of it are not (row 73). */
#include "archive/audit.h"
#include "base/rng.h"
#include "guest/openssl_crypto.h"
#include "test.h"

#define LEAVES 130

static struct merkle_hash leaf[LEAVES], node[9][LEAVES];
static bool have[9][LEAVES];

/* Section 2.1.1 as it is written, recursively. */
static struct merkle_hash naive(unsigned from, unsigned n)
{
    const struct crypto *c = openssl_crypto();
    struct merkle_hash h;
    if (n == 1) return leaf[from];
    unsigned k = 1;
    while (k * 2 < n)
        k *= 2;
    struct merkle_hash l = naive(from, k), r = naive(from + k, n - k);
    uint8_t one = 1;
    struct span parts[] = {SPAN(&one, 1), SPAN_OF(l.b), SPAN_OF(r.b)};
    assert_ok(c->hash(c->ctx, CRYPTO_SHA256, parts, 3, h.b));
    return h;
}

static enum err full(void *ctx, unsigned level, uint64_t at, const struct merkle_hash *h)
{
    (void)ctx;
    assert_true(level < 9 && at < LEAVES && !have[level][at]);
    node[level][at] = *h;
    have[level][at] = true;
    return OK;
}

static enum err get(void *ctx, unsigned level, uint64_t at, struct merkle_hash *h)
{
    (void)ctx;
    if (level == 0) {
        *h = leaf[at];
        return OK;
    }
    if (!have[level][at]) return ERR_UNKNOWN;
    *h = node[level][at];
    return OK;
}

static const struct merkle_nodes nodes = {get, NULL};

static void known_roots(void **state)
{
    static const char *const entry[8] = {"",
                                         "\0",
                                         "\x10",
                                         "\x20\x21",
                                         "\x30\x31",
                                         "\x40\x41\x42\x43",
                                         "\x50\x51\x52\x53\x54\x55\x56\x57",
                                         "\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f"};
    static const size_t size[8] = {0, 1, 1, 2, 2, 4, 8, 16};
    static const char *const root[9] = {"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
                                        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
                                        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
                                        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
                                        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
                                        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
                                        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
                                        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
                                        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328"};
    const struct crypto *c = openssl_crypto();
    struct merkle_edge e = {0};
    (void)state;
    for (unsigned i = 0; i <= 8; i++) {
        struct merkle_hash h, l;
        uint8_t hex[65] = "";
        struct writer w = writer_of(MSPAN(hex, 64));
        assert_ok(merkle_root(c, &e, &h));
        write_hex(&w, SPAN_OF(h.b));
        assert_string_equal((char *)hex, root[i]);
        if (i == 8) break;
        assert_ok(merkle_leaf(c, SPAN(entry[i], size[i]), &l));
        assert_ok(merkle_append(c, &e, &l, NULL, NULL));
    }
}

static void build(void)
{
    const struct crypto *c = openssl_crypto();
    struct merkle_edge e = {0};
    memset(have, 0, sizeof have);
    for (unsigned i = 0; i < LEAVES; i++) {
        uint8_t entry[2] = {(uint8_t)i, 7};
        assert_ok(merkle_leaf(c, SPAN_OF(entry), &leaf[i]));
    }
    for (unsigned i = 0; i < LEAVES; i++) {
        struct merkle_edge again;
        struct merkle_hash root, want = naive(0, i + 1);
        assert_ok(merkle_append(c, &e, &leaf[i], full, NULL));
        assert_ok(merkle_root(c, &e, &root));
        assert_memory_equal(root.b, want.b, MERKLE_HASH);
        assert_ok(merkle_edge_of(&nodes, i + 1, &again));
        assert_ok(merkle_root(c, &again, &root));
        assert_memory_equal(root.b, want.b, MERKLE_HASH);
    }
}

/* Whatever is changed of a good proof, it is not taken. */
static unsigned spoil(const struct merkle_proof *good, struct rng *rng, struct merkle_proof *bad)
{
    uint8_t r[4];
    *bad = *good;
    assert_ok(rng_fill(rng, r, sizeof r));
    switch (r[0] % 3) {
    case 0:
        if (!bad->n) return 0;
        bad->hash[r[1] % bad->n].b[r[2] % MERKLE_HASH] ^= (uint8_t)(1 << (r[3] & 7));
        return 1;
    case 1:
        if (!bad->n) return 0;
        bad->n--;
        return 1;
    default:
        memset(bad->hash[bad->n++].b, r[3], MERKLE_HASH);
        return 1;
    }
}

static void every_proof(void **state)
{
    const struct crypto *c = openssl_crypto();
    struct rng_seeded seeded = {73};
    struct rng rng = rng_from_seed(&seeded);
    unsigned proofs = 0, forged = 0;
    (void)state;
    build();
    for (unsigned size = 1; size <= LEAVES; size++) {
        struct merkle_hash root = naive(0, size);
        for (unsigned at = 0; at < size; at++) {
            struct merkle_proof p, bad;
            struct merkle_hash before = naive(0, at + 1);
            assert_ok(merkle_prove_entry(c, &nodes, at, size, &p));
            assert_ok(merkle_check_entry(c, &p, at, size, &leaf[at], &root));
            assert_err(ERR_AUTH, merkle_check_entry(c, &p, at, size, &leaf[(at + 1) % LEAVES], &root));
            if (spoil(&p, &rng, &bad)) {
                assert_err(ERR_AUTH, merkle_check_entry(c, &bad, at, size, &leaf[at], &root));
                forged++;
            }
            assert_ok(merkle_prove_growth(c, &nodes, at + 1, size, &p));
            assert_ok(merkle_check_growth(c, &p, at + 1, &before, size, &root));
            if (spoil(&p, &rng, &bad)) {
                assert_err(ERR_AUTH, merkle_check_growth(c, &bad, at + 1, &before, size, &root));
                forged++;
            }
            before.b[0] ^= 1;
            assert_err(ERR_AUTH, merkle_check_growth(c, &p, at + 1, &before, size, &root));
            proofs += 2;
        }
        struct merkle_proof p;
        assert_err(ERR_RANGE, merkle_prove_entry(c, &nodes, size, size, &p));
        assert_err(ERR_RANGE, merkle_prove_growth(c, &nodes, size + 1, size, &p));
        assert_err(ERR_RANGE, merkle_prove_growth(c, &nodes, 0, size, &p));
    }
    print_message("row 73: %u proofs taken, %u forged ones refused\n", proofs, forged);
}

/* --- the export --- */

#define ENTRIES    60
#define EXPORT_MAX 65536

static uint8_t export[EXPORT_MAX];
static size_t export_n;
static uint8_t private_key[32], public_key[32];
static struct audit_head last_head;

static void sign(struct audit_head *h)
{
    const struct crypto *c = openssl_crypto();
    uint8_t b[AUDIT_SIGNED_MAX];
    size_t n;
    struct writer w = writer_of(MSPAN(b, sizeof b));
    audit_head_signed(&w, h);
    assert_ok(c->sign(c->ctx, CRYPTO_ED25519, SPAN_OF(private_key), writer_span(&w), h->signature, &n));
    assert_int_equal(n, AUDIT_SIGNATURE);
}

/* An export of `entries` rows with a head each 7; `turn` makes another history under the same key. */
static void make_export(unsigned entries, unsigned turn)
{
    const struct crypto *c = openssl_crypto();
    struct merkle_edge e = {0};
    size_t n;
    memset(private_key, 9, sizeof private_key);
    assert_ok(c->sign_public(c->ctx, CRYPTO_ED25519, SPAN_OF(private_key), public_key, &n));
    struct writer w = writer_of(MSPAN(export, sizeof export));
    audit_line_key(&w, SPAN_OF(public_key));
    for (unsigned i = 1; i <= entries; i++) {
        struct audit_entry a = {i,
                                1000 + i,
                                SPAN_LIT("anna"),
                                SPAN_LIT("join"),
                                SPAN_LIT("m\xc3\xb6we \"1\""),
                                SPAN_NONE,
                                SPAN_LIT("10.0.0.1"),
                                (i + turn) % 3 != 0,
                                40};
        struct merkle_hash leaf_of;
        assert_ok(audit_leaf(c, &a, &leaf_of));
        assert_ok(merkle_append(c, &e, &leaf_of, NULL, NULL));
        audit_line_entry(&w, &a, &leaf_of);
        if (i % 7 && i != entries) continue;
        last_head = (struct audit_head){.size = i, .before = i > 7 ? (i - 1) / 7 * 7 : 0, .at_ms = 2000 + i};
        assert_ok(merkle_root(c, &e, &last_head.root));
        sign(&last_head);
        audit_line_head(&w, &last_head);
    }
    assert_false(w.bad);
    export_n = w.n;
}

static enum err check(struct audit_check *k, struct span text, const struct audit_head *keep)
{
    audit_check_begin(k, openssl_crypto(), SPAN_OF(public_key), keep);
    enum err e = OK;
    for (size_t at = 0; at < text.n && !e;) {
        const uint8_t *end = memchr(text.p + at, '\n', text.n - at);
        size_t n = end ? (size_t)(end - text.p) - at : text.n - at;
        e = audit_check_line(k, SPAN(text.p + at, n));
        at += n + 1;
    }
    return e ? e : audit_check_end(k);
}

struct lines {
    size_t at[128], n[128];
    unsigned count;
};

static void find_lines(struct lines *l)
{
    l->count = 0;
    for (size_t at = 0; at < export_n;) {
        size_t n = (size_t)((uint8_t *)memchr(export + at, '\n', export_n - at) - (export + at)) + 1;
        l->at[l->count] = at;
        l->n[l->count++] = n;
        at += n;
    }
}

/* One change of the kinds that row 73 names. */
static size_t change(const struct lines *l, const uint8_t r[6], uint8_t *out)
{
    unsigned a = 1 + r[1] % (l->count - 1), b = 1 + r[2] % (l->count - 1);
    size_t n = 0;
    memcpy(out, export, export_n);
    if (r[0] % 6 == 0) { /* a byte */
        size_t at = ((size_t)r[3] << 8 | r[4]) % (export_n - 1);
        out[at] = out[at] == r[5] ? (uint8_t)(r[5] ^ 1) : r[5];
        return export_n;
    }
    if (r[0] % 6 == 1) return l->at[a]; /* the tail */
    for (unsigned i = 0; i < l->count; i++) {
        unsigned from = r[0] % 6 == 2 && i == a   ? b
                        : r[0] % 6 == 2 && i == b ? a
                                                  : i; /* two lines change places */
        if (r[0] % 6 == 3 && i == a) continue;         /* a line is missing */
        for (unsigned times = r[0] % 6 == 4 && i == a ? 2 : 1; times; times--, n += l->n[from])
            memcpy(out + n, export + l->at[from], l->n[from]);
        if (r[0] % 6 == 5 && i == a) { /* one is put in */
            static const char more[] =
                "{\"seq\":9,\"at\":1,\"who\":\"eve\",\"verb\":\"join\",\"room\":\"r\",\"object\":\"\","
                "\"from\":\"\",\"allowed\":true,\"rule\":40,\"leaf\":\"00\"}\n";
            memcpy(out + n, more, sizeof more - 1);
            n += sizeof more - 1;
        }
    }
    return n;
}

static void changes_are_noticed(void **state)
{
    static uint8_t other[2 * EXPORT_MAX];
    struct audit_check k;
    struct lines l;
    struct rng_seeded seeded = {730};
    struct rng rng = rng_from_seed(&seeded);
    unsigned tried = 0, missed = 0;
    (void)state;
    make_export(ENTRIES, 0);
    find_lines(&l);
    struct audit_head keep = last_head;
    assert_ok(check(&k, SPAN(export, export_n), &keep));
    assert_int_equal(k.edge.size, ENTRIES);
    while (tried < 400) {
        uint8_t r[6];
        assert_ok(rng_fill(&rng, r, sizeof r));
        size_t n = change(&l, r, other);
        if (n == export_n && memcmp(other, export, n) == 0) continue;
        tried++;
        if (check(&k, SPAN(other, n), &keep) == OK)
            missed++;
        else
            assert_true(k.why[0]);
    }
    print_message("row 73: %u changes of an export, %u not noticed\n", tried, missed);
    assert_int_equal(missed, 0);
}

/* Whoever holds the signing key can write another history, but not one that holds the head kept elsewhere. */
static void a_kept_head_holds(void **state)
{
    struct audit_check k;
    struct audit_head keep;
    (void)state;
    make_export(ENTRIES, 0);
    keep = last_head;
    make_export(ENTRIES, 1);
    assert_ok(check(&k, SPAN(export, export_n), NULL));
    assert_err(ERR_AUTH, check(&k, SPAN(export, export_n), &keep)); /* two heads for one size */
    assert_int_equal(k.bad, 57);                                    /* after the last head before it */
    make_export(ENTRIES - 10, 0);
    assert_ok(check(&k, SPAN(export, export_n), NULL));
    assert_err(ERR_AUTH, check(&k, SPAN(export, export_n), &keep)); /* cut, and signed anew */
    assert_int_equal(k.bad, ENTRIES - 9);
    make_export(ENTRIES + 10, 0);
    assert_ok(check(&k, SPAN(export, export_n), &keep)); /* it has grown: good */
    keep.signature[3] ^= 1;
    assert_err(ERR_AUTH, check(&k, SPAN(export, export_n), &keep));
}

static void the_first_bad_entry_is_named(void **state)
{
    struct audit_check k;
    (void)state;
    make_export(ENTRIES, 0);
    export[export_n] = 0;
    char *at = strstr((char *)export, "\"at\":1033,");
    assert_non_null(at);
    at[8] = '4';
    assert_err(ERR_AUTH, check(&k, SPAN(export, export_n), NULL));
    assert_int_equal(k.bad, 33);
    uint8_t other[32] = {1};
    audit_check_begin(&k, openssl_crypto(), SPAN_OF(other), NULL);
    size_t n = (size_t)((uint8_t *)memchr(export, '\n', export_n) - export);
    assert_err(ERR_AUTH, audit_check_line(&k, SPAN(export, n))); /* another key than the pinned one */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_roots),
        cmocka_unit_test(every_proof),
        cmocka_unit_test(changes_are_noticed),
        cmocka_unit_test(a_kept_head_holds),
        cmocka_unit_test(the_first_bad_entry_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
