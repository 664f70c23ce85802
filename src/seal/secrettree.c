/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/secrettree.h"

#include "base/mem.h"
#include "seal/treemath.h"

enum err secrettree_init(struct secrettree *t, const struct suite *s, uint32_t leaves,
                         const struct secret *root, uint32_t forward)
{
    if (leaves == 0 || leaves > SECRETTREE_LEAVES || node_full(leaves) != leaves) return ERR_RANGE;
    struct secrettree new = {.suite = s, .leaves = leaves, .forward = forward};
    new.nodes = mem_new(node_count(leaves), sizeof *new.nodes);
    new.ratchets = mem_new(2 * (size_t)leaves, sizeof *new.ratchets);
    if (!new.nodes || !new.ratchets) {
        mem_free(new.nodes);
        mem_free(new.ratchets);
        return ERR_NOMEM;
    }
    struct secrettree_node *top = &new.nodes[node_root(leaves)];
    if (root) {
        top->have = 1;
        memcpy(top->secret, root->b, SUITE_NH);
    }
    *t = new;
    return OK;
}

static void ratchet_free(struct ratchet *r)
{
    if (r) secret_wipe(r, sizeof *r);
    mem_free(r);
}

void secrettree_fini(struct secrettree *t)
{
    for (uint32_t i = 0; t->ratchets && i < 2 * t->leaves; i++)
        ratchet_free(t->ratchets[i]);
    if (t->nodes) secret_wipe(t->nodes, node_count(t->leaves) * sizeof *t->nodes);
    mem_free(t->nodes);
    mem_free(t->ratchets);
    *t = (struct secrettree){0};
}

/* Splits the secrets from the highest known ancestor down to the leaf; what was split is erased. */
static enum err descend(struct secrettree *t, uint32_t leaf)
{
    uint32_t x = 2 * leaf, top = x;
    while (!t->nodes[top].have) {
        if (top == node_root(t->leaves)) return ERR_REPLAY;
        top = node_parent(top);
    }
    while (top != x) {
        struct secrettree_node *n = &t->nodes[top], *l = &t->nodes[node_left(top)],
                               *r = &t->nodes[node_right(top)];
        struct span key = SPAN(n->secret, SUITE_NH);
        enum err e =
            suite_expand(t->suite, key, SPAN_LIT("tree"), SPAN_LIT("left"), MSPAN(l->secret, SUITE_NH));
        if (e == OK)
            e = suite_expand(t->suite, key, SPAN_LIT("tree"), SPAN_LIT("right"), MSPAN(r->secret, SUITE_NH));
        if (e) return e;
        l->have = r->have = 1;
        secret_wipe(n, sizeof *n);
        top = x < top ? node_left(top) : node_right(top);
    }
    return OK;
}

/* Both ratchets of a leaf, made when first asked for. */
static enum err leaf_open(struct secrettree *t, uint32_t leaf)
{
    if (leaf >= t->leaves) return ERR_RANGE;
    struct ratchet **two = &t->ratchets[2 * leaf];
    if (two[0]) return OK;
    enum err e = descend(t, leaf);
    if (e) return e;
    struct ratchet *a = mem_new(1, sizeof *a), *b = mem_new(1, sizeof *b);
    struct secrettree_node *n = &t->nodes[2 * leaf];
    struct span key = SPAN(n->secret, SUITE_NH);
    if (!a || !b) e = ERR_NOMEM;
    if (e == OK)
        e = suite_expand(t->suite, key, SPAN_LIT("handshake"), SPAN_NONE, MSPAN(a->secret, SUITE_NH));
    if (e == OK)
        e = suite_expand(t->suite, key, SPAN_LIT("application"), SPAN_NONE, MSPAN(b->secret, SUITE_NH));
    if (e) {
        ratchet_free(a);
        ratchet_free(b);
        return e;
    }
    secret_wipe(n, sizeof *n);
    two[RATCHET_HANDSHAKE] = a;
    two[RATCHET_APPLICATION] = b;
    return OK;
}

/* The key of the ratchet's next generation; steps on. */
static enum err ratchet_turn(const struct suite *s, struct ratchet *r, struct ratchet_key *key)
{
    struct span secret = SPAN(r->secret, SUITE_NH);
    uint8_t after[SUITE_NH];
    if (r->next == UINT32_MAX) return ERR_LIMIT;
    enum err e = suite_derive_tree(s, secret, SPAN_LIT("key"), r->next, MSPAN(key->key, s->nk));
    if (e == OK) e = suite_derive_tree(s, secret, SPAN_LIT("nonce"), r->next, MSPAN(key->nonce, SUITE_NN));
    if (e == OK) e = suite_derive_tree(s, secret, SPAN_LIT("secret"), r->next, MSPAN(after, sizeof after));
    if (e == OK) {
        memcpy(r->secret, after, sizeof after);
        r->next++;
    }
    secret_wipe(after, sizeof after);
    return e;
}

enum err secrettree_next(struct secrettree *t, uint32_t leaf, enum ratchet_kind kind, uint32_t *generation,
                         struct ratchet_key *key)
{
    enum err e = leaf_open(t, leaf);
    if (e) return e;
    struct ratchet *r = t->ratchets[2 * leaf + kind];
    uint32_t g = r->next;
    if ((e = ratchet_turn(t->suite, r, key)) == OK) *generation = g;
    return e;
}

static enum err find_kept(struct ratchet_step *step, uint32_t generation)
{
    struct ratchet *r = &step->after;
    size_t slot = generation % SECRETTREE_BACK;
    if (!r->kept[slot].have || r->kept[slot].generation != generation) return ERR_REPLAY;
    step->key = r->kept[slot].key;
    secret_wipe(&r->kept[slot], sizeof r->kept[slot]);
    return OK;
}

static void drop_old(struct ratchet *r)
{
    for (size_t i = 0; i < SECRETTREE_BACK; i++)
        if (r->kept[i].have && r->next - r->kept[i].generation > SECRETTREE_BACK)
            secret_wipe(&r->kept[i], sizeof r->kept[i]);
}

enum err secrettree_find(struct secrettree *t, struct ratchet_step *step, uint32_t generation)
{
    enum err e = leaf_open(t, step->leaf);
    if (e) return e;
    struct ratchet *r = &step->after;
    *r = *t->ratchets[2 * step->leaf + step->kind];
    if (generation < r->next) return find_kept(step, generation);
    if (generation - r->next > t->forward) return ERR_LIMIT;
    while (r->next < generation && e == OK) {
        size_t slot = r->next % SECRETTREE_BACK;
        struct ratchet_key key;
        uint32_t g = r->next;
        e = ratchet_turn(t->suite, r, &key);
        r->kept[slot].have = true;
        r->kept[slot].generation = g;
        r->kept[slot].key = key;
        secret_wipe(&key, sizeof key);
    }
    if (e == OK) e = ratchet_turn(t->suite, r, &step->key);
    if (e == OK) drop_old(r);
    return e;
}

void secrettree_accept(struct secrettree *t, struct ratchet_step *step)
{
    *t->ratchets[2 * step->leaf + step->kind] = step->after;
    ratchet_step_drop(step);
}

void ratchet_step_drop(struct ratchet_step *step)
{
    secret_wipe(step, sizeof *step);
}

static void ratchet_write(struct writer *w, const struct ratchet *r)
{
    write_bytes(w, SPAN(r->secret, SUITE_NH));
    write_u32(w, r->next);
    for (size_t i = 0; i < SECRETTREE_BACK; i++) {
        write_u8(w, r->kept[i].have);
        if (!r->kept[i].have) continue;
        write_u32(w, r->kept[i].generation);
        write_bytes(w, SPAN(r->kept[i].key.key, SUITE_NK_MAX));
        write_bytes(w, SPAN(r->kept[i].key.nonce, SUITE_NN));
    }
}

static enum err ratchet_read(struct reader *r, struct ratchet **made)
{
    struct ratchet *x = mem_new(1, sizeof *x);
    if (!x) return ERR_NOMEM;
    read_copy(r, x->secret, SUITE_NH);
    x->next = read_u32(r);
    for (size_t i = 0; i < SECRETTREE_BACK; i++) {
        if (!(x->kept[i].have = read_u8(r) == 1)) continue;
        x->kept[i].generation = read_u32(r);
        read_copy(r, x->kept[i].key.key, SUITE_NK_MAX);
        read_copy(r, x->kept[i].key.nonce, SUITE_NN);
    }
    *made = x;
    return read_ok(r);
}

void secrettree_write(struct writer *w, const struct secrettree *t)
{
    write_u32(w, t->leaves);
    write_u32(w, t->forward);
    for (uint32_t i = 0; i < node_count(t->leaves); i++) {
        write_u8(w, t->nodes[i].have);
        if (t->nodes[i].have) write_bytes(w, SPAN(t->nodes[i].secret, SUITE_NH));
    }
    for (uint32_t i = 0; i < 2 * t->leaves; i++) {
        write_u8(w, t->ratchets[i] != NULL);
        if (t->ratchets[i]) ratchet_write(w, t->ratchets[i]);
    }
}

enum err secrettree_read(struct reader *r, struct secrettree *t, const struct suite *s)
{
    uint32_t leaves = read_u32(r), forward = read_u32(r);
    struct secrettree new;
    enum err e = r->bad ? ERR_SHORT : secrettree_init(&new, s, leaves, NULL, forward);
    if (e) return e;
    for (uint32_t i = 0; i < node_count(leaves); i++)
        if ((new.nodes[i].have = read_u8(r) == 1)) read_copy(r, new.nodes[i].secret, SUITE_NH);
    for (uint32_t i = 0; i < 2 * leaves && e == OK; i++)
        if (read_u8(r) == 1) e = ratchet_read(r, &new.ratchets[i]);
    for (uint32_t i = 0; i < leaves && e == OK; i++) /* a leaf has both or none */
        if (!new.ratchets[2 * i] != !new.ratchets[2 * i + 1]) e = ERR_FORMAT;
    if (e == OK) e = read_ok(r);
    if (e)
        secrettree_fini(&new);
    else
        *t = new;
    return e;
}
