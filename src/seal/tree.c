/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/tree.h"

#include "base/mem.h"

/* ---- memory ---- */

enum err tree_init(struct tree *t)
{
    struct tree_node *nodes = mem_new(1, sizeof *nodes);
    if (!nodes) return ERR_NOMEM;
    *t = (struct tree){.leaves = 1, .nodes = nodes};
    return OK;
}

void tree_fini(struct tree *t)
{
    mem_free(t->nodes);
    mem_free(t->heap);
    *t = (struct tree){0};
}

static enum err heap_room(struct tree *t, uint32_t n)
{
    if (n > TREE_HEAP_MAX || t->heap_n > TREE_HEAP_MAX - n) return ERR_LIMIT;
    if (t->heap_size - t->heap_n >= n) return OK;
    uint32_t size = 2 * t->heap_size > t->heap_n + n ? 2 * t->heap_size : t->heap_n + n;
    uint8_t *p = mem_resize(t->heap, size, 1);
    if (!p) return ERR_NOMEM;
    t->heap = p;
    t->heap_size = size;
    return OK;
}

/* Puts s into the heap with room for `size` bytes in all; s may be of the heap itself. */
static enum err heap_put(struct tree *t, struct span s, uint32_t size, uint32_t *at)
{
    bool inside = t->heap && s.n && s.p >= t->heap && s.p < t->heap + t->heap_n;
    size_t from = inside ? (size_t)(s.p - t->heap) : 0;
    enum err e = heap_room(t, size);
    if (e) return e;
    *at = t->heap_n;
    if (s.n) memmove(t->heap + t->heap_n, inside ? t->heap + from : s.p, s.n);
    t->heap_n += size;
    return OK;
}

enum err tree_clone(const struct tree *from, struct tree *t)
{
    uint32_t bytes = 0, count = node_count(from->leaves);
    for (uint32_t i = 0; i < count; i++)
        bytes += from->nodes[i].n;
    struct tree new = {.leaves = from->leaves, .heap_size = bytes + bytes / 4 + 1024};
    new.nodes = mem_new(count, sizeof *new.nodes);
    new.heap = mem_new(new.heap_size, 1);
    if (!new.nodes || !new.heap) {
        tree_fini(&new);
        return ERR_NOMEM;
    }
    memcpy(new.nodes, from->nodes, count * sizeof *new.nodes);
    for (uint32_t i = 0; i < count; i++) {
        struct tree_node *x = &new.nodes[i];
        if (x->n) memcpy(new.heap + new.heap_n, from->heap + x->at, x->n);
        x->at = new.heap_n;
        x->size = x->n;
        new.heap_n += x->n;
    }
    *t = new;
    return OK;
}

/* ---- what is in it ---- */

static struct span heap_span(const struct tree *t, const struct tree_node *x)
{
    return x->n ? SPAN(t->heap + x->at, x->n) : SPAN_NONE;
}

bool tree_leaf(const struct tree *t, uint32_t i, struct mls_leaf *l)
{
    if (i >= t->leaves || t->nodes[2 * i].kind != TREE_LEAF) return false;
    return mls_leaf_read(heap_span(t, &t->nodes[2 * i]), l) == OK;
}

struct span tree_key(const struct tree *t, uint32_t node)
{
    const struct tree_node *x = &t->nodes[node];
    if (x->kind == TREE_PARENT) return SPAN(x->key, x->key_n);
    struct reader r = reader_of(heap_span(t, x)); /* the first field of a leaf */
    return read_vecv(&r);
}

struct span tree_unmerged(const struct tree *t, uint32_t node)
{
    return t->nodes[node].kind == TREE_PARENT ? heap_span(t, &t->nodes[node]) : SPAN_NONE;
}

uint32_t tree_members(const struct tree *t)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < t->leaves; i++)
        n += t->nodes[2 * i].kind == TREE_LEAF;
    return n;
}

static uint32_t u32_at(struct span list, size_t i)
{
    const uint8_t *p = list.p + 4 * i;
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Place of the first entry not below leaf, in a sorted list. */
static size_t list_place(struct span list, uint32_t leaf)
{
    size_t low = 0, high = list.n / 4;
    while (low < high) {
        size_t mid = (low + high) / 2;
        if (u32_at(list, mid) < leaf)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static bool list_has(struct span list, uint32_t leaf)
{
    size_t at = list_place(list, leaf);
    return at < list.n / 4 && u32_at(list, at) == leaf;
}

/* ---- changes ---- */

static void touch(struct tree *t, uint32_t x)
{
    for (;; x = node_parent(x)) {
        t->nodes[x].hashed = false;
        if (x == node_root(t->leaves)) return;
    }
}

void tree_blank(struct tree *t, uint32_t node)
{
    t->nodes[node] = (struct tree_node){.kind = TREE_BLANK};
    touch(t, node);
}

static void blank_path(struct tree *t, uint32_t leaf)
{
    for (uint32_t x = 2 * leaf; x != node_root(t->leaves);) {
        x = node_parent(x);
        t->nodes[x] = (struct tree_node){.kind = TREE_BLANK};
    }
    touch(t, 2 * leaf);
}

enum err tree_set_leaf(struct tree *t, uint32_t i, struct span leaf)
{
    uint32_t at;
    enum err e = heap_put(t, leaf, (uint32_t)leaf.n, &at);
    if (e) return e;
    t->nodes[2 * i] =
        (struct tree_node){.kind = TREE_LEAF, .at = at, .n = (uint32_t)leaf.n, .size = (uint32_t)leaf.n};
    touch(t, 2 * i);
    return OK;
}

void tree_set_parent(struct tree *t, uint32_t node, struct span key, const struct digest *parent_hash)
{
    struct tree_node *x = &t->nodes[node];
    *x = (struct tree_node){.kind = TREE_PARENT, .key_n = (uint8_t)key.n, .parent_hash_n = parent_hash->n};
    memcpy(x->key, key.p, key.n);
    if (parent_hash->n) memcpy(x->parent_hash, parent_hash->b, parent_hash->n);
    touch(t, node);
}

enum err tree_update(struct tree *t, uint32_t i, struct span leaf)
{
    enum err e = tree_set_leaf(t, i, leaf);
    if (e == OK) blank_path(t, i);
    return e;
}

static enum err grow(struct tree *t)
{
    if (t->leaves >= TREE_SLOTS) return ERR_LIMIT;
    struct tree_node *p = mem_resize(t->nodes, node_count(2 * t->leaves), sizeof *p);
    if (!p) return ERR_NOMEM;
    uint32_t old = node_count(t->leaves);
    memset(p + old, 0, (node_count(2 * t->leaves) - old) * sizeof *p);
    t->nodes = p;
    t->leaves *= 2;
    return OK;
}

static enum err unmerged_put(struct tree *t, uint32_t node, uint32_t leaf)
{
    struct span list = tree_unmerged(t, node);
    size_t at = 4 * list_place(list, leaf);
    struct tree_node *x = &t->nodes[node];
    if (x->size - x->n < 4) {
        uint32_t place, size = 2 * x->n + 16;
        enum err e = heap_put(t, list, size, &place);
        if (e) return e;
        x->at = place;
        x->size = size;
    }
    uint8_t *p = t->heap + x->at;
    memmove(p + at + 4, p + at, x->n - at);
    struct writer w = writer_of(MSPAN(p + at, 4));
    write_u32(&w, leaf);
    x->n += 4;
    return OK;
}

enum err tree_add(struct tree *t, struct span leaf, uint32_t *index)
{
    uint32_t i = 0;
    enum err e = OK;
    while (i < t->leaves && t->nodes[2 * i].kind == TREE_LEAF)
        i++;
    if (i >= TREE_LEAVES_MAX) return ERR_LIMIT;
    if (i == t->leaves) e = grow(t);
    if (e == OK) e = tree_set_leaf(t, i, leaf);
    for (uint32_t x = 2 * i; e == OK && x != node_root(t->leaves);) {
        x = node_parent(x);
        if (t->nodes[x].kind == TREE_PARENT) e = unmerged_put(t, x, i);
    }
    if (e == OK) *index = i;
    return e;
}

static bool right_half_empty(const struct tree *t)
{
    for (uint32_t i = t->leaves / 2; i < t->leaves; i++)
        if (t->nodes[2 * i].kind == TREE_LEAF) return false;
    return true;
}

void tree_remove(struct tree *t, uint32_t i)
{
    t->nodes[2 * i] = (struct tree_node){.kind = TREE_BLANK};
    blank_path(t, i);
    while (t->leaves > 1 && right_half_empty(t))
        t->leaves /= 2;
}

/* ---- encoding ---- */

static enum err node_put(struct tree *t, uint32_t x, const struct mls_node *n)
{
    struct tree_node *to = &t->nodes[x];
    if (!n->present) return OK;
    if (n->is_leaf != (x % 2 == 0)) return ERR_FORMAT;
    struct span bytes = n->is_leaf ? n->leaf.raw : n->parent.unmerged;
    uint32_t at;
    if (!n->is_leaf &&
        (n->parent.encryption_key.n > sizeof to->key || n->parent.parent_hash.n > sizeof to->parent_hash))
        return ERR_FORMAT;
    enum err e = heap_put(t, bytes, (uint32_t)bytes.n, &at);
    if (e) return e;
    *to = (struct tree_node){.kind = n->is_leaf ? TREE_LEAF : TREE_PARENT,
                             .at = at,
                             .n = (uint32_t)bytes.n,
                             .size = (uint32_t)bytes.n};
    if (n->is_leaf) return OK;
    to->key_n = (uint8_t)n->parent.encryption_key.n;
    to->parent_hash_n = (uint8_t)n->parent.parent_hash.n;
    if (to->key_n) memcpy(to->key, n->parent.encryption_key.p, to->key_n);
    if (to->parent_hash_n) memcpy(to->parent_hash, n->parent.parent_hash.p, to->parent_hash_n);
    return OK;
}

/* One parent's unmerged leaves: sorted, there, below, and known to all nodes between. */
static enum err check_unmerged(const struct tree *t, uint32_t x)
{
    struct span list = tree_unmerged(t, x);
    for (size_t k = 0; k < list.n / 4; k++) {
        uint32_t leaf = u32_at(list, k);
        if (k && leaf <= u32_at(list, k - 1)) return ERR_FORMAT;
        if (leaf >= t->leaves || !node_within(2 * leaf, x) || t->nodes[2 * leaf].kind != TREE_LEAF)
            return ERR_FORMAT;
        for (uint32_t y = node_parent(2 * leaf); y != x; y = node_parent(y))
            if (t->nodes[y].kind == TREE_PARENT && !list_has(tree_unmerged(t, y), leaf)) return ERR_FORMAT;
    }
    return OK;
}

enum err tree_read(struct tree *t, struct span nodes)
{
    struct reader r = reader_of(nodes);
    struct mls_node n;
    struct tree new = {0};
    uint32_t count = 0;
    enum err e = OK;
    new.nodes = mem_new(TREE_NODES_MAX, sizeof *new.nodes);
    if (!new.nodes) return ERR_NOMEM;
    bool last = false;
    while (mls_node_next(&r, &n, &e)) {
        if (count >= 2 * TREE_LEAVES_MAX - 1)
            e = ERR_LIMIT;
        else
            e = node_put(&new, count++, &n);
        last = n.present;
        if (e) break;
    }
    if (e == OK && (count == 0 || !last || count % 2 == 0)) e = ERR_FORMAT;
    if (e == OK) {
        new.leaves = node_full((count + 1) / 2);
        struct tree_node *p = mem_resize(new.nodes, node_count(new.leaves), sizeof *p);
        if (p) new.nodes = p; /* a block that would not shrink still serves */
    }
    for (uint32_t x = 1; e == OK && x < node_count(new.leaves); x += 2)
        e = check_unmerged(&new, x);
    if (e)
        tree_fini(&new);
    else
        *t = new;
    return e;
}

void tree_write(struct writer *w, const struct tree *t)
{
    uint32_t count = node_count(t->leaves);
    while (count && t->nodes[count - 1].kind == TREE_BLANK)
        count--;
    for (uint32_t x = 0; x < count; x++) {
        const struct tree_node *n = &t->nodes[x];
        write_u8(w, n->kind != TREE_BLANK);
        if (n->kind == TREE_BLANK) continue;
        write_u8(w, n->kind == TREE_LEAF ? 1 : 2);
        if (n->kind == TREE_LEAF) {
            write_bytes(w, heap_span(t, n));
        } else {
            write_vecv(w, SPAN(n->key, n->key_n));
            write_vecv(w, SPAN(n->parent_hash, n->parent_hash_n));
            write_vecv(w, heap_span(t, n));
        }
    }
}

/* ---- resolution and paths ---- */

size_t tree_resolution(const struct tree *t, uint32_t node, uint16_t *list)
{
    uint32_t stack[2 * TREE_DEPTH_MAX + 2];
    size_t depth = 0, n = 0;
    stack[depth++] = node;
    while (depth) {
        uint32_t x = stack[--depth];
        if (t->nodes[x].kind != TREE_BLANK) {
            struct span unmerged = tree_unmerged(t, x);
            list[n++] = (uint16_t)x;
            for (size_t i = 0; i < unmerged.n / 4; i++)
                list[n++] = (uint16_t)(2 * u32_at(unmerged, i));
        } else if (x % 2) {
            stack[depth++] = node_right(x);
            stack[depth++] = node_left(x);
        }
    }
    return n;
}

/* Whether the resolution is empty: nothing below that is not blank. */
static bool nothing_below(const struct tree *t, uint32_t x)
{
    uint32_t half = (1u << node_level(x)) - 1;
    for (uint32_t y = x - half; y <= x + half; y += 2)
        if (t->nodes[y].kind == TREE_LEAF) return false;
    return true;
}

void tree_filtered_path(const struct tree *t, uint32_t leaf, struct tree_path *p)
{
    p->n = 0;
    for (uint32_t x = 2 * leaf; x != node_root(t->leaves); x = node_parent(x)) {
        if (nothing_below(t, node_sibling(x))) continue;
        p->node[p->n] = node_parent(x);
        p->copath[p->n++] = node_sibling(x);
    }
}
