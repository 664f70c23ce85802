/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/treekem.h"

#include "base/mem.h"

void treekem_own_drop(struct treekem_own *own)
{
    secret_wipe(own, sizeof *own);
}

void treekem_made_drop(struct treekem_made *made)
{
    secret_wipe(made, sizeof *made);
}

void treekem_prune(struct treekem_own *own, const struct tree *t)
{
    uint32_t x = 2 * own->leaf;
    bool there = true;
    for (size_t level = 1; level <= TREE_DEPTH_MAX; level++) {
        there = there && x != node_root(t->leaves);
        if (there) x = node_parent(x);
        if (!there || t->nodes[x].kind == TREE_BLANK) secret_drop(&own->priv[level]);
    }
}

/* Key pair of a path secret. */
static enum err node_keys(const struct suite *s, const struct secret *path_secret, struct secret *priv,
                          uint8_t *pub)
{
    struct secret node;
    enum err e = suite_derive(s, secret_span(path_secret), SPAN_LIT("node"), &node);
    if (e == OK) e = suite_dh_derive(s, secret_span(&node), priv, pub);
    secret_drop(&node);
    return e;
}

struct path_keys {
    struct span key[TREE_DEPTH_MAX];
};

/* Blanks the direct path, sets the filtered one from the top and says which parent hash the leaf must bear.
 */
static enum err path_set(struct tree *t, const struct suite *s, uint32_t leaf, const struct tree_path *p,
                         const struct path_keys *keys, struct digest *parent_hash)
{
    struct digest hash;
    enum err e = tree_hash(t, s, &hash); /* so that the siblings' hashes are there */
    if (e) return e;
    for (uint32_t x = 2 * leaf; x != node_root(t->leaves);) {
        x = node_parent(x);
        tree_blank(t, x);
    }
    hash.n = 0;
    for (size_t i = p->n; i-- > 0;) {
        tree_set_parent(t, p->node[i], keys->key[i], &hash);
        if ((e = tree_parent_hash(t, s, p->node[i], p->copath[i], &hash))) return e;
    }
    *parent_hash = hash;
    return OK;
}

enum err treekem_start(struct tree *t, const struct suite *s, struct treekem_own *own,
                       struct treekem_made *made)
{
    uint8_t pub[TREE_DEPTH_MAX][CRYPTO_PUBLIC_MAX];
    struct path_keys keys;
    struct secret next = {.n = SUITE_NH};
    tree_filtered_path(t, own->leaf, &made->path);
    for (size_t i = 1; i <= TREE_DEPTH_MAX; i++)
        secret_drop(&own->priv[i]);
    enum err e = s->crypto->random(s->crypto->ctx, next.b, next.n);
    for (size_t i = 0; i < made->path.n && e == OK; i++) {
        made->secret[i] = next;
        e = node_keys(s, &next, &own->priv[node_level(made->path.node[i])], pub[i]);
        keys.key[i] = SPAN(pub[i], s->npk);
        if (e == OK) e = suite_derive(s, secret_span(&next), SPAN_LIT("path"), &next);
    }
    if (e == OK) made->commit = next;
    if (e == OK) e = path_set(t, s, own->leaf, &made->path, &keys, &made->parent_hash);
    secret_drop(&next);
    return e;
}

/* Keeps in list those that are not fresh leaves. */
static size_t not_fresh(uint16_t *list, size_t n, const struct tree_set *fresh)
{
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (list[i] % 2 || !tree_set_has(fresh, list[i] / 2)) list[kept++] = list[i];
    return kept;
}

struct sealing { /* one path's encryption in progress */
    const struct tree *t;
    const struct suite *s;
    const struct treekem_to *to;
    uint16_t *list;
    struct writer w;
};

/* Encryptions of one path secret; the size is known before: each is kem output and secret with its tag. */
static enum err node_encrypt(struct sealing *o, uint32_t copath, const struct secret *secret)
{
    const struct suite *s = o->s;
    size_t n = not_fresh(o->list, tree_resolution(o->t, copath, o->list), o->to->fresh);
    struct writer size = writer_counting(256);
    uint8_t kem[CRYPTO_PUBLIC_MAX], ct[SUITE_NH + CRYPTO_TAG_SIZE];
    struct mls_ciphertext c = {SPAN(kem, s->npk), SPAN_OF(ct)};
    mls_ciphertext_write(&size, &c);
    write_varint(&o->w, n * size.n);
    for (size_t i = 0; i < n; i++) {
        struct suite_box box = {tree_key(o->t, o->list[i]), SPAN_LIT("UpdatePathNode"), o->to->context};
        if (o->w.p) {
            enum err e = suite_encrypt(s, &box, secret_span(secret), kem, ct);
            if (e) return e;
        }
        mls_ciphertext_write(&o->w, &c);
    }
    return OK;
}

enum err treekem_encrypt(const struct tree *t, const struct suite *s, const struct treekem_made *made,
                         const struct treekem_to *to, struct blob *nodes)
{
    struct sealing o = {t, s, to, mem_new(TREE_NODES_MAX, sizeof *o.list), {0}};
    struct blob out = {0};
    enum err e = o.list ? OK : ERR_NOMEM;
    if (e == OK) {
        PACK(&out)
        {
            o.w = k.w;
            for (size_t i = 0; i < made->path.n && e == OK; i++) {
                write_vecv(&o.w, tree_key(t, made->path.node[i]));
                e = node_encrypt(&o, made->path.copath[i], &made->secret[i]);
            }
            k.w = o.w;
        }
        if (!out.p) e = ERR_NOMEM;
    }
    mem_free(o.list);
    if (e)
        blob_drop(&out);
    else
        *nodes = out;
    return e;
}

enum err treekem_merge(struct tree *t, const struct suite *s, uint32_t sender, const struct mls_path *path)
{
    struct tree_path p;
    struct path_keys keys;
    struct reader r = reader_of(path->nodes);
    struct mls_path_node n;
    struct digest hash;
    size_t count = 0;
    tree_filtered_path(t, sender, &p);
    while (mls_path_node_next(&r, &n)) {
        if (count == p.n || n.encryption_key.n != s->npk) return ERR_FORMAT;
        keys.key[count++] = n.encryption_key;
    }
    if (count != p.n) return ERR_FORMAT;
    enum err e = path_set(t, s, sender, &p, &keys, &hash);
    if (e == OK && !span_equal(digest_span(&hash), path->leaf.parent_hash)) e = ERR_AUTH;
    return e ? e : tree_set_leaf(t, sender, path->leaf.raw);
}

/* From the path secret of p->node[at] up to the root: private keys into own, each compared with the tree. */
static enum err climb(const struct tree *t, const struct suite *s, struct treekem_own *own,
                      const struct tree_path *p, size_t at, struct secret *secret)
{
    uint8_t pub[CRYPTO_PUBLIC_MAX];
    enum err e = OK;
    for (; at < p->n && e == OK; at++) {
        struct secret priv = {0};
        e = node_keys(s, secret, &priv, pub);
        if (e == OK && !span_equal(SPAN(pub, s->npk), tree_key(t, p->node[at]))) e = ERR_AUTH;
        if (e == OK) own->priv[node_level(p->node[at])] = priv;
        if (e == OK) e = suite_derive(s, secret_span(secret), SPAN_LIT("path"), secret);
        secret_drop(&priv);
    }
    return e;
}

static enum err decrypt_first(const struct suite *s, const struct treekem_own *own, const uint16_t *list,
                              size_t count, struct span ciphertexts, struct span context,
                              struct secret *secret)
{
    struct reader r = reader_of(ciphertexts);
    struct mls_ciphertext c;
    for (size_t i = 0; i < count && mls_ciphertext_next(&r, &c); i++) {
        const struct secret *priv = &own->priv[node_level(list[i])];
        if (!node_within(2 * own->leaf, list[i]) || priv->n == 0) continue;
        struct suite_box box = {secret_span(priv), SPAN_LIT("UpdatePathNode"), context};
        if (c.ciphertext.n != SUITE_NH + CRYPTO_TAG_SIZE) return ERR_FORMAT;
        secret->n = SUITE_NH;
        return suite_decrypt(s, &box, c.kem_output, c.ciphertext, secret->b);
    }
    return ERR_DENIED;
}

static size_t ciphertext_count(struct span ciphertexts)
{
    struct reader r = reader_of(ciphertexts);
    struct mls_ciphertext c;
    size_t n = 0;
    while (mls_ciphertext_next(&r, &c))
        n++;
    return n;
}

enum err treekem_open(const struct tree *t, const struct suite *s, struct treekem_own *own, uint32_t sender,
                      const struct mls_path *path, const struct treekem_to *to, struct secret *commit)
{
    struct tree_path p;
    struct secret secret = {0};
    struct reader r = reader_of(path->nodes);
    struct mls_path_node node;
    uint16_t *list = mem_new(TREE_NODES_MAX, sizeof *list);
    if (!list) return ERR_NOMEM;
    enum err e = ERR_DENIED;
    size_t at = 0, found = 0;
    tree_filtered_path(t, sender, &p);
    for (; at < p.n && mls_path_node_next(&r, &node); at++) {
        size_t n = not_fresh(list, tree_resolution(t, p.copath[at], list), to->fresh);
        if (ciphertext_count(node.ciphertexts) != n) {
            e = ERR_FORMAT;
            break;
        }
        if (!node_within(2 * own->leaf, p.copath[at])) continue;
        if ((e = decrypt_first(s, own, list, n, node.ciphertexts, to->context, &secret))) break;
        found = at;
    }
    for (size_t level = node_level(node_common(2 * own->leaf, 2 * sender));
         e == OK && level <= TREE_DEPTH_MAX; level++)
        secret_drop(&own->priv[level]);
    if (e == OK) e = climb(t, s, own, &p, found, &secret);
    if (e == OK) *commit = secret;
    secret_drop(&secret);
    mem_free(list);
    return e;
}

/* Place of the node common to both leaves on the sender's filtered path. */
static bool common_place(const struct tree_path *p, uint32_t sender, uint32_t leaf, size_t *at)
{
    uint32_t x = node_common(2 * sender, 2 * leaf);
    for (*at = 0; *at < p->n; (*at)++)
        if (p->node[*at] == x) return true;
    return false;
}

enum err treekem_learn(const struct tree *t, const struct suite *s, struct treekem_own *own, uint32_t sender,
                       struct span path_secret)
{
    struct tree_path p;
    struct secret secret = {.n = SUITE_NH};
    size_t at;
    if (path_secret.n != SUITE_NH || sender == own->leaf) return ERR_FORMAT;
    tree_filtered_path(t, sender, &p);
    if (!common_place(&p, sender, own->leaf, &at)) return ERR_FORMAT;
    for (size_t i = at; i < p.n; i++)
        if (t->nodes[p.node[i]].kind != TREE_PARENT) return ERR_FORMAT;
    memcpy(secret.b, path_secret.p, SUITE_NH);
    enum err e = climb(t, s, own, &p, at, &secret);
    secret_drop(&secret);
    return e;
}

bool treekem_secret_for(const struct treekem_made *made, uint32_t sender, uint32_t leaf, struct span *secret)
{
    size_t at;
    if (!common_place(&made->path, sender, leaf, &at)) return false;
    *secret = secret_span(&made->secret[at]);
    return true;
}
