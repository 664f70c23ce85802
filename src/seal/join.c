/* SPDX-License-Identifier: Apache-2.0
 * The two beginnings of a member: a group of one, and a Welcome (declared in group.h). */
#include "seal/group_inner.h"

#include "base/mem.h"
#include "seal/leaf.h"
#include "seal/outside.h"
#include "seal/welcome.h"

static enum err own_package(const struct invitee *own, struct mls_key_package *k)
{
    struct mls_message m;
    enum err e = mls_message_read(blob_span(&own->message), &m);
    if (e) return e;
    if (m.wire != MLS_KEY_PACKAGE || m.key_package.suite != own->suite) return ERR_FORMAT;
    *k = m.key_package;
    return OK;
}

/* The private keys belong to the key package. */
static enum err own_keys_check(const struct suite *s, const struct invitee *own,
                               const struct mls_key_package *k)
{
    uint8_t pub[CRYPTO_PUBLIC_MAX];
    size_t n;
    enum err e = s->crypto->dh_public(s->crypto->ctx, s->dh, secret_span(&own->leaf_priv), pub, &n);
    if (e == OK && !span_equal(SPAN(pub, n), k->leaf.encryption_key)) e = ERR_FORMAT;
    if (e == OK) e = s->crypto->dh_public(s->crypto->ctx, s->dh, secret_span(&own->init_priv), pub, &n);
    if (e == OK && !span_equal(SPAN(pub, n), k->init_key)) e = ERR_FORMAT;
    return e;
}

static enum err create(struct group *g, const struct invitee *own, struct span id, struct span extensions)
{
    struct mls_key_package k;
    struct secret joiner = {.n = SUITE_NH}, psk = schedule_zero();
    struct epoch *e;
    enum err x = own_package(own, &k);
    if (x == OK) x = own_keys_check(&g->suite, own, &k);
    if (x == OK) x = key_package_check(&g->suite, &k);
    if (x == OK) x = mls_extensions_check(extensions);
    if (x == OK) x = outside_context_check(extensions);
    if (x) return x;
    if (!(e = g->now = epoch_new(&g->suite))) return ERR_NOMEM;
    x = blob_copy(&e->group_id, id);
    if (x == OK) x = blob_copy(&e->extensions, extensions);
    if (x == OK) x = tree_init(&e->tree);
    if (x == OK) x = tree_set_leaf(&e->tree, 0, k.leaf.raw);
    if (x == OK) x = group_check_tree(e);
    if (x == OK) x = g->suite.crypto->random(g->suite.crypto->ctx, joiner.b, joiner.n);
    e->own.priv[0] = own->leaf_priv;
    if (x == OK) x = epoch_context(e);
    if (x == OK) x = epoch_keys(e, &joiner, &psk, g->conf.forward);
    secret_drop(&joiner);
    if (x == OK) group_remember(g, e);
    return x;
}

enum err group_create(const struct group_conf *conf, const struct invitee *own, struct span group_id,
                      struct span extensions, struct group **g)
{
    enum err e;
    if (group_id.n > GROUP_ID_MAX) return ERR_LIMIT;
    struct group *new = group_new(conf, own->suite, &e);
    if (new) e = create(new, own, group_id, extensions);
    if (e)
        group_free(new);
    else
        *g = new;
    return e;
}

/* ---- by Welcome ---- */

static enum err tree_of(struct span extension, const struct mls_group_info *info, struct tree *t)
{
    struct span nodes;
    if (!extension.p && !mls_extension_find(info->extensions, MLS_EXT_RATCHET_TREE, &extension))
        return ERR_UNKNOWN;
    enum err e = mls_tree_read(extension, &nodes);
    return e ? e : tree_read(t, nodes);
}

static enum err find_own_leaf(const struct tree *t, const struct mls_key_package *k, uint32_t *leaf)
{
    struct mls_leaf l;
    for (uint32_t i = 0; i < t->leaves; i++)
        if (tree_leaf(t, i, &l) && span_equal(l.raw, k->leaf.raw)) {
            *leaf = i;
            return OK;
        }
    return ERR_UNKNOWN;
}

/* Sections 7.3 and 7.9.2: every leaf and every parent. Signatures last: they cost most. */
static enum err check_tree(struct epoch *e)
{
    struct mls_leaf l;
    enum err x = group_check_tree(e);
    if (x == OK) x = tree_check_parents(&e->tree, e->suite);
    for (uint32_t i = 0; i < e->tree.leaves && x == OK; i++)
        if (tree_leaf(&e->tree, i, &l)) x = leaf_check(&l, l.source);
    for (uint32_t i = 0; i < e->tree.leaves && x == OK; i++)
        if (tree_leaf(&e->tree, i, &l)) x = leaf_verify(e->suite, &l, blob_span(&e->group_id), i);
    return x;
}

enum err group_epoch_fill(struct epoch *e, struct span tree, const struct mls_group_info *info)
{
    const struct mls_context *c = &info->context;
    struct mls_leaf signer;
    if (c->version != MLS_VERSION || c->suite != e->suite->id) return ERR_UNSUPPORTED;
    if (c->group_id.n > GROUP_ID_MAX) return ERR_LIMIT;
    size_t hash_n = c->epoch ? SUITE_NH : 0; /* nothing was committed before the first epoch */
    if (c->confirmed_hash.n != hash_n || c->tree_hash.n != SUITE_NH) return ERR_FORMAT;
    e->number = c->epoch;
    e->confirmed.n = (uint8_t)hash_n;
    if (hash_n) memcpy(e->confirmed.b, c->confirmed_hash.p, hash_n);
    enum err x = blob_copy(&e->group_id, c->group_id);
    if (x == OK) x = blob_copy(&e->extensions, c->extensions);
    if (x == OK) x = outside_context_check(c->extensions);
    if (x == OK) x = tree_of(tree, info, &e->tree);
    if (x == OK && !tree_leaf(&e->tree, info->signer, &signer)) x = ERR_FORMAT;
    if (x == OK) x = welcome_check_info(e->suite, info, signer.signature_key);
    if (x == OK) x = epoch_context(e);
    if (x == OK && !span_equal(blob_span(&e->context), c->raw)) x = ERR_AUTH; /* the tree has another hash */
    return x ? x : check_tree(e);
}

static enum err join_epoch(struct group *g, const struct join_with *with, const struct mls_key_package *k,
                           const struct welcome_opened *o, const struct secret *psk)
{
    struct epoch *e = g->now = epoch_new(&g->suite);
    struct secret joiner = {.n = SUITE_NH};
    if (!e) return ERR_NOMEM;
    if (o->info.context.epoch == 0) return ERR_FORMAT;
    enum err x = group_epoch_fill(e, with->tree, &o->info);
    if (x == OK) x = find_own_leaf(&e->tree, k, &e->own.leaf);
    if (x == OK && o->info.signer == e->own.leaf) x = ERR_FORMAT;
    if (x) return x;
    e->own.priv[0] = with->own->leaf_priv;
    if (o->secrets.has_path_secret)
        x = treekem_learn(&e->tree, e->suite, &e->own, o->info.signer, o->secrets.path_secret);
    memcpy(joiner.b, o->secrets.joiner_secret.p, SUITE_NH);
    if (x == OK) x = epoch_keys(e, &joiner, psk, g->conf.forward);
    secret_drop(&joiner);
    if (x == OK && !secret_equal(SPAN_OF(e->tag), o->info.confirmation_tag)) x = ERR_AUTH;
    return x;
}

static enum err join(struct group *g, const struct join_with *with, struct welcome_opened *o)
{
    struct mls_message w;
    struct mls_key_package k;
    struct secret psk = {0};
    enum err e = own_package(with->own, &k);
    if (e == OK) e = own_keys_check(&g->suite, with->own, &k);
    if (e == OK) e = mls_message_read(with->welcome, &w);
    if (e == OK && w.wire != MLS_WELCOME) e = ERR_FORMAT;
    for (size_t i = 0; i < with->psk_count && e == OK; i++)
        e = group_psk_put(g, &with->psks[i]);
    if (e == OK) e = welcome_open_secrets(&g->suite, &w.welcome, k.raw, &with->own->init_priv, o);
    if (e == OK) e = group_psk_ids(g, o->secrets.psks, &psk);
    if (e == OK) e = welcome_open_info(&g->suite, &w.welcome, &psk, o);
    if (e == OK) e = blob_copy(&g->joined_psks, o->secrets.psks);
    if (e == OK) e = join_epoch(g, with, &k, o, &psk);
    secret_drop(&psk);
    if (e == OK) {
        g->welcomed_by = o->info.signer;
        group_remember(g, g->now);
    }
    return e;
}

enum err group_join(const struct group_conf *conf, const struct join_with *with, struct group **g)
{
    enum err e;
    struct welcome_opened o = {0};
    struct group *new = group_new(conf, with->own->suite, &e);
    if (new) e = join(new, with, &o);
    welcome_drop(&o);
    if (e)
        group_free(new);
    else
        *g = new;
    return e;
}
