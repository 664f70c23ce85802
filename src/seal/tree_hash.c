/* SPDX-License-Identifier: Apache-2.0
 * Tree hashes, parent hashes and the checks at join over them (RFC 9420 sections 7.8, 7.9); declared in
 * tree.h. */
#include "seal/tree.h"

#include "base/mem.h"

static uint32_t entry(struct span list, size_t i)
{
    const uint8_t *p = list.p + 4 * i;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool listed(struct span list, uint32_t leaf)
{
    size_t low = 0, high = list.n / 4;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (entry(list, mid) < leaf)
            low = mid + 1;
        else
            high = mid;
    }
    return low < list.n / 4 && entry(list, low) == leaf;
}

static enum err hash_leaf(const struct tree *t, const struct suite *s, uint32_t x, bool blank,
                          uint8_t out[static SUITE_NH])
{
    const struct tree_node *n = &t->nodes[x];
    uint8_t head[6];
    struct writer w = writer_of(MSPAN(head, sizeof head));
    blank = blank || n->kind == TREE_BLANK;
    write_u8(&w, 1);
    write_u32(&w, x / 2);
    write_u8(&w, !blank);
    struct span parts[] = {writer_span(&w), blank ? SPAN_NONE : SPAN(t->heap + n->at, n->n)};
    return suite_hash(s, parts, 2, out);
}

/* With the given unmerged leaves, which for the real tree hash are the node's own. */
static enum err hash_parent(const struct tree *t, const struct suite *s, uint32_t x, struct span unmerged,
                            const uint8_t *left_right, uint8_t out[static SUITE_NH])
{
    const struct tree_node *n = &t->nodes[x];
    uint8_t head[2 + 3 + CRYPTO_PUBLIC_MAX + 1 + SUITE_NH + 4], tail[2 * (1 + SUITE_NH)];
    struct writer w = writer_of(MSPAN(head, sizeof head)), v = writer_of(MSPAN(tail, sizeof tail));
    write_u8(&w, 2);
    write_u8(&w, n->kind == TREE_PARENT);
    if (n->kind == TREE_PARENT) {
        write_vecv(&w, SPAN(n->key, n->key_n));
        write_vecv(&w, SPAN(n->parent_hash, n->parent_hash_n));
        write_varint(&w, unmerged.n);
    } else {
        unmerged = SPAN_NONE;
    }
    write_vecv(&v, SPAN(left_right, SUITE_NH));
    write_vecv(&v, SPAN(left_right + SUITE_NH, SUITE_NH));
    struct span parts[] = {writer_span(&w), unmerged, writer_span(&v)};
    return suite_hash(s, parts, 3, out);
}

/* Bottom up by level: children before parents, without recursion. */
static enum err hash_all(struct tree *t, const struct suite *s)
{
    enum err e = OK;
    if (t->nodes[node_root(t->leaves)].hashed) return OK;
    for (uint32_t x = 0; x < node_count(t->leaves) && e == OK; x += 2) {
        struct tree_node *n = &t->nodes[x];
        if (!n->hashed && (e = hash_leaf(t, s, x, false, n->hash)) == OK) n->hashed = true;
    }
    for (uint32_t step = 2; step <= t->leaves && e == OK; step *= 2)
        for (uint32_t x = step - 1; x < node_count(t->leaves) && e == OK; x += 2 * step) {
            struct tree_node *n = &t->nodes[x];
            uint8_t both[2 * SUITE_NH];
            if (n->hashed) continue;
            memcpy(both, t->nodes[node_left(x)].hash, SUITE_NH);
            memcpy(both + SUITE_NH, t->nodes[node_right(x)].hash, SUITE_NH);
            if ((e = hash_parent(t, s, x, tree_unmerged(t, x), both, n->hash)) == OK) n->hashed = true;
        }
    return e;
}

enum err tree_hash(struct tree *t, const struct suite *s, struct digest *hash)
{
    enum err e = hash_all(t, s);
    if (e) return e;
    hash->n = SUITE_NH;
    memcpy(hash->b, t->nodes[node_root(t->leaves)].hash, SUITE_NH);
    return OK;
}

/* ---- the tree as it was before some leaves were added ---- */

struct original {
    const struct tree *t;
    const struct suite *s;
    struct span without; /* leaves to leave out, sorted */
    uint8_t *room;       /* as many bytes as the longest list of unmerged leaves */
};

static bool any_within(struct span list, uint32_t x)
{
    uint32_t first = node_first_leaf(x), last = node_last_leaf(x);
    size_t low = 0, high = list.n / 4;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (entry(list, mid) < first)
            low = mid + 1;
        else
            high = mid;
    }
    return low < list.n / 4 && entry(list, low) <= last;
}

static struct span list_without(const struct original *o, struct span list)
{
    size_t n = 0;
    for (size_t i = 0; i < list.n / 4; i++)
        if (!listed(o->without, entry(list, i))) {
            memcpy(o->room + n, list.p + 4 * i, 4);
            n += 4;
        }
    return SPAN(o->room, n);
}

/* As deep as the tree; a subtree with none of the leaves to leave out has its cached hash. */
static enum err original_hash(const struct original *o, uint32_t x, uint8_t out[static SUITE_NH])
{
    if (!any_within(o->without, x)) {
        memcpy(out, o->t->nodes[x].hash, SUITE_NH);
        return OK;
    }
    if (x % 2 == 0) return hash_leaf(o->t, o->s, x, true, out);
    uint8_t both[2 * SUITE_NH];
    enum err e = original_hash(o, node_left(x), both);
    if (e == OK) e = original_hash(o, node_right(x), both + SUITE_NH);
    if (e) return e;
    return hash_parent(o->t, o->s, x, list_without(o, tree_unmerged(o->t, x)), both, out);
}

static enum err parent_hash_with(struct tree *t, const struct suite *s, uint32_t node, uint32_t sibling,
                                 uint8_t *room, struct digest *hash)
{
    const struct tree_node *n = &t->nodes[node];
    struct original o = {t, s, tree_unmerged(t, node), room};
    uint8_t sibling_hash[SUITE_NH], in[3 + CRYPTO_PUBLIC_MAX + 2 * (1 + SUITE_NH)];
    enum err e = original_hash(&o, sibling, sibling_hash);
    if (e) return e;
    struct writer w = writer_of(MSPAN(in, sizeof in));
    write_vecv(&w, SPAN(n->key, n->key_n));
    write_vecv(&w, SPAN(n->parent_hash, n->parent_hash_n));
    write_vecv(&w, SPAN_OF(sibling_hash));
    struct span part = writer_span(&w);
    struct digest d = {.n = SUITE_NH};
    if ((e = suite_hash(s, &part, 1, d.b)) == OK) *hash = d;
    return e;
}

enum err tree_parent_hash(struct tree *t, const struct suite *s, uint32_t node, uint32_t sibling,
                          struct digest *hash)
{
    uint8_t *room = mem_new(4, TREE_SLOTS);
    if (!room) return ERR_NOMEM;
    enum err e = parent_hash_with(t, s, node, sibling, room, hash);
    mem_free(room);
    return e;
}

/* The parent_hash field of a node, empty when it has none. */
static struct span hash_field(const struct tree *t, uint32_t x)
{
    struct mls_leaf l;
    if (x % 2) return SPAN(t->nodes[x].parent_hash, t->nodes[x].parent_hash_n);
    return tree_leaf(t, x / 2, &l) ? l.parent_hash : SPAN_NONE;
}

/* The one node that parent P's key could have been set with on the side of child c: the resolution of c
 * without P's unmerged leaves, provided that is a single node and all those leaves are in it. */
static bool candidate(const struct tree *t, uint32_t p, uint32_t c, uint16_t *list, uint32_t *d)
{
    struct span unmerged = tree_unmerged(t, p);
    size_t n = tree_resolution(t, c, list), others = 0, inside = 0, seen = 0;
    for (size_t i = 0; i < unmerged.n / 4; i++)
        inside += node_within(2 * entry(unmerged, i), c);
    for (size_t i = 0; i < n; i++)
        if (list[i] % 2 == 0 && listed(unmerged, list[i] / 2)) {
            seen++;
        } else {
            *d = list[i];
            if (++others > 1) return false;
        }
    return others == 1 && seen == inside;
}

enum err tree_check_parents(struct tree *t, const struct suite *s)
{
    uint16_t *list = mem_new(TREE_NODES_MAX, sizeof *list);
    uint8_t *room = mem_new(4, TREE_SLOTS);
    enum err e = list && room ? hash_all(t, s) : ERR_NOMEM;
    for (uint32_t p = 1; p < node_count(t->leaves) && e == OK; p += 2) {
        bool holds = false;
        if (t->nodes[p].kind != TREE_PARENT) continue;
        for (int side = 0; side < 2 && !holds && e == OK; side++) {
            uint32_t c = side ? node_right(p) : node_left(p), sibling = side ? node_left(p) : node_right(p),
                     d = 0;
            struct digest hash;
            if (!candidate(t, p, c, list, &d) || hash_field(t, d).n == 0) continue;
            e = parent_hash_with(t, s, p, sibling, room, &hash);
            holds = e == OK && span_equal(digest_span(&hash), hash_field(t, d));
        }
        if (e == OK && !holds) e = ERR_AUTH;
    }
    mem_free(list);
    mem_free(room);
    return e;
}

/* ---- keys ---- */

static int order(struct span a, struct span b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int d = n ? memcmp(a.p, b.p, n) : 0;
    return d ? d : a.n < b.n ? -1 : a.n > b.n;
}

static void sift(struct span *v, size_t i, size_t n)
{
    for (;;) {
        size_t c = 2 * i + 1;
        if (c >= n) return;
        if (c + 1 < n && order(v[c], v[c + 1]) < 0) c++;
        if (order(v[i], v[c]) >= 0) return;
        struct span x = v[i];
        v[i] = v[c];
        v[c] = x;
        i = c;
    }
}

/* Sorts in place; true when no two are equal. */
static bool all_differ(struct span *v, size_t n)
{
    for (size_t i = n / 2; i-- > 0;)
        sift(v, i, n);
    for (size_t end = n; end-- > 1;) {
        struct span x = v[0];
        v[0] = v[end];
        v[end] = x;
        sift(v, 0, end);
    }
    for (size_t i = 1; i < n; i++)
        if (span_equal(v[i - 1], v[i])) return false;
    return true;
}

enum err tree_check_keys(const struct tree *t, const struct suite *s)
{
    size_t nodes = 0, leaves = 0;
    struct span *v = mem_new(node_count(t->leaves) + t->leaves, sizeof *v),
                *keys = v ? v + node_count(t->leaves) : NULL;
    enum err e = v ? OK : ERR_NOMEM;
    for (uint32_t x = 0; e == OK && x < node_count(t->leaves); x++) {
        struct mls_leaf l;
        if (t->nodes[x].kind == TREE_BLANK) continue;
        v[nodes++] = tree_key(t, x);
        if (v[nodes - 1].n != s->npk) e = ERR_FORMAT;
        if (x % 2 || !tree_leaf(t, x / 2, &l)) continue;
        keys[leaves++] = l.signature_key;
        if (!suite_sign_key_fits(s, l.signature_key)) e = ERR_FORMAT;
    }
    if (e == OK && (!all_differ(v, nodes) || !all_differ(keys, leaves))) e = ERR_EXISTS;
    mem_free(v);
    return e;
}
