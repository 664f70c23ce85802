/* SPDX-License-Identifier: Apache-2.0 */
#include "archive/merkle.h"

#include <string.h>

/* RFC 9162 section 2.1.1: leaves and nodes hash with different first bytes. */
static const uint8_t leaf_prefix = 0, node_prefix = 1;

enum err merkle_leaf(const struct crypto *c, struct span entry, struct merkle_hash *leaf)
{
    struct span parts[2] = {SPAN(&leaf_prefix, 1), entry};
    return c->hash(c->ctx, CRYPTO_SHA256, parts, 2, leaf->b);
}

static enum err join(const struct crypto *c, const struct merkle_hash *left, const struct merkle_hash *right,
                     struct merkle_hash *out)
{
    struct merkle_hash h;
    struct span parts[3] = {SPAN(&node_prefix, 1), SPAN_OF(left->b), SPAN_OF(right->b)};
    enum err e = c->hash(c->ctx, CRYPTO_SHA256, parts, 3, h.b);
    if (!e) *out = h;
    return e;
}

enum err merkle_append(const struct crypto *c, struct merkle_edge *e, const struct merkle_hash *leaf,
                       merkle_full_fn *full, void *ctx)
{
    struct merkle_hash h = *leaf;
    unsigned level = 0;
    enum err err = OK;
    if (e->size >= (UINT64_C(1) << MERKLE_LEVELS) - 1) return ERR_FULL;
    for (; !err && e->size >> level & 1; level++) {
        err = join(c, &e->root[level], &h, &h);
        if (!err && full) err = full(ctx, level + 1, e->size >> (level + 1), &h);
    }
    if (err) return err;
    e->root[level] = h;
    e->size++;
    return OK;
}

enum err merkle_root(const struct crypto *c, const struct merkle_edge *e, struct merkle_hash *root)
{
    struct merkle_hash h;
    bool any = false;
    enum err err = OK;
    for (unsigned level = 0; level < MERKLE_LEVELS && !err; level++) {
        if (!(e->size >> level & 1)) continue;
        if (any)
            err = join(c, &e->root[level], &h, &h);
        else
            h = e->root[level];
        any = true;
    }
    if (!any) err = c->hash(c->ctx, CRYPTO_SHA256, NULL, 0, h.b);
    if (!err) *root = h;
    return err;
}

enum err merkle_edge_of(const struct merkle_nodes *from, uint64_t size, struct merkle_edge *e)
{
    struct merkle_edge edge = {.size = size};
    enum err err = size >> MERKLE_LEVELS ? ERR_RANGE : OK;
    for (unsigned level = 0; level < MERKLE_LEVELS && !err; level++)
        if (size >> level & 1) /* the last full subtree of this level */
            err = from->get(from->ctx, level, (size >> level) - 1, &edge.root[level]);
    if (!err) *e = edge;
    return err;
}

/* The root of leaves from..to-1, where from is a multiple of the smallest power of two that holds them: its
 * full subtrees are those of the whole tree. */
static enum err part(const struct crypto *c, const struct merkle_nodes *n, uint64_t from, uint64_t to,
                     struct merkle_hash *h)
{
    uint64_t size = to - from;
    struct merkle_hash acc = {{0}}, left;
    bool any = false;
    enum err err = OK;
    for (unsigned level = 0; level < MERKLE_LEVELS && !err; level++) {
        if (!(size >> level & 1)) continue;
        /* where in the whole the subtree of this level begins: after all larger ones */
        uint64_t begin = from + (size >> (level + 1) << (level + 1));
        err = n->get(n->ctx, level, begin >> level, any ? &left : &acc);
        if (!err && any) err = join(c, &left, &acc, &acc);
        any = true;
    }
    if (!err) *h = acc;
    return err;
}

/* The largest power of two below n ≥ 2. */
static uint64_t split(uint64_t n)
{
    uint64_t k = 1;
    while (k << 1 < n)
        k <<= 1;
    return k;
}

static void turn_round(struct merkle_proof *p)
{
    for (unsigned i = 0; i < p->n / 2; i++) {
        struct merkle_hash h = p->hash[i];
        p->hash[i] = p->hash[p->n - 1 - i];
        p->hash[p->n - 1 - i] = h;
    }
}

/* Sections 2.1.3.1 and 2.1.4.1 walk from the root down and name the other half at each step; proofs are written
 * from the leaf up. */
enum err merkle_prove_entry(const struct crypto *c, const struct merkle_nodes *from, uint64_t at,
                            uint64_t size, struct merkle_proof *p)
{
    struct merkle_proof out = {0};
    uint64_t begin = 0, end = size;
    enum err err = OK;
    if (at >= size || size >> MERKLE_LEVELS) return ERR_RANGE;
    while (!err && end - begin > 1) {
        uint64_t middle = begin + split(end - begin);
        struct merkle_hash *h = &out.hash[out.n++];
        if (at < middle) {
            err = part(c, from, middle, end, h);
            end = middle;
        } else {
            err = part(c, from, begin, middle, h);
            begin = middle;
        }
    }
    if (err) return err;
    turn_round(&out);
    *p = out;
    return OK;
}

enum err merkle_prove_growth(const struct crypto *c, const struct merkle_nodes *from, uint64_t before,
                             uint64_t size, struct merkle_proof *p)
{
    struct merkle_proof out = {0};
    uint64_t begin = 0, end = size;
    enum err err = OK;
    if (before == 0 || before > size || size >> MERKLE_LEVELS) return ERR_RANGE;
    while (!err && end != before) {
        uint64_t middle = begin + split(end - begin);
        struct merkle_hash *h = &out.hash[out.n++];
        if (before <= middle) {
            err = part(c, from, middle, end, h);
            end = middle;
        } else {
            err = part(c, from, begin, middle, h);
            begin = middle;
        }
    }
    /* the old tree's last part, unless it is the whole old tree, whose root the other side has */
    if (!err && begin) err = part(c, from, begin, end, &out.hash[out.n++]);
    if (err) return err;
    turn_round(&out);
    *p = out;
    return OK;
}

static bool same(const struct merkle_hash *a, const struct merkle_hash *b)
{
    return memcmp(a->b, b->b, MERKLE_HASH) == 0;
}

/* Section 2.1.3.2. */
enum err merkle_check_entry(const struct crypto *c, const struct merkle_proof *p, uint64_t at, uint64_t size,
                            const struct merkle_hash *leaf, const struct merkle_hash *root)
{
    uint64_t fn = at, sn = size - 1;
    struct merkle_hash r = *leaf;
    if (at >= size || p->n > MERKLE_PROOF_MAX) return ERR_AUTH;
    for (unsigned i = 0; i < p->n; i++) {
        if (sn == 0) return ERR_AUTH;
        bool right = fn & 1 || fn == sn;
        enum err e = right ? join(c, &p->hash[i], &r, &r) : join(c, &r, &p->hash[i], &r);
        if (e) return e;
        while (right && !(fn & 1) && fn)
            fn >>= 1, sn >>= 1;
        fn >>= 1, sn >>= 1;
    }
    return sn == 0 && same(&r, root) ? OK : ERR_AUTH;
}

/* Section 2.1.4.2. */
enum err merkle_check_growth(const struct crypto *c, const struct merkle_proof *p, uint64_t before,
                             const struct merkle_hash *root_before, uint64_t size,
                             const struct merkle_hash *root)
{
    if (before == 0 || before > size || p->n > MERKLE_PROOF_MAX) return ERR_AUTH;
    if (before == size) return p->n == 0 && same(root_before, root) ? OK : ERR_AUTH;
    bool whole = (before & (before - 1)) == 0;
    unsigned i = whole ? 0 : 1;
    uint64_t fn = before - 1, sn = size - 1;
    if (p->n == 0) return ERR_AUTH;
    for (; fn & 1; fn >>= 1, sn >>= 1) {
    }
    struct merkle_hash fr = whole ? *root_before : p->hash[0], sr = fr;
    for (; i < p->n; i++) {
        enum err e = OK;
        if (sn == 0) return ERR_AUTH;
        if (fn & 1 || fn == sn) {
            e = join(c, &p->hash[i], &fr, &fr);
            if (!e) e = join(c, &p->hash[i], &sr, &sr);
            while (!(fn & 1) && fn)
                fn >>= 1, sn >>= 1;
        } else {
            e = join(c, &sr, &p->hash[i], &sr);
        }
        if (e) return e;
        fn >>= 1, sn >>= 1;
    }
    return sn == 0 && same(&fr, root_before) && same(&sr, root) ? OK : ERR_AUTH;
}
