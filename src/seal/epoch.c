/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/epoch.h"

#include "base/mem.h"

struct epoch *epoch_new(const struct suite *s)
{
    struct epoch *e = mem_new(1, sizeof *e);
    if (e) e->suite = s;
    return e;
}

void epoch_free(struct epoch *e)
{
    if (!e) return;
    secrettree_fini(&e->secrets);
    tree_fini(&e->tree);
    blob_drop(&e->group_id);
    blob_drop(&e->extensions);
    blob_drop(&e->context);
    secret_wipe(e, sizeof *e);
    mem_free(e);
}

struct epoch *epoch_next(const struct epoch *old)
{
    struct epoch *e = epoch_new(old->suite);
    if (!e) return NULL;
    if (blob_copy(&e->group_id, blob_span(&old->group_id)) != OK ||
        blob_copy(&e->extensions, blob_span(&old->extensions)) != OK ||
        tree_clone(&old->tree, &e->tree) != OK) {
        epoch_free(e);
        return NULL;
    }
    e->number = old->number + 1;
    e->confirmed = old->confirmed;
    e->interim = old->interim;
    e->own = old->own;
    return e;
}

enum err epoch_context(struct epoch *e)
{
    enum err x = tree_hash(&e->tree, e->suite, &e->tree_hash);
    if (x) return x;
    struct mls_context c = {.version = MLS_VERSION,
                            .suite = e->suite->id,
                            .group_id = blob_span(&e->group_id),
                            .epoch = e->number,
                            .tree_hash = digest_span(&e->tree_hash),
                            .confirmed_hash = digest_span(&e->confirmed),
                            .extensions = blob_span(&e->extensions)};
    struct blob b = {0};
    PACK(&b) mls_context_write(&k.w, &c);
    if (!b.p) return ERR_NOMEM;
    blob_move(&e->context, &b);
    return OK;
}

enum err epoch_keys(struct epoch *e, const struct secret *joiner, const struct secret *psk, uint32_t forward)
{
    enum err x = schedule_epoch(e->suite, joiner, psk, blob_span(&e->context), &e->keys);
    if (x == OK) x = secrettree_init(&e->secrets, e->suite, e->tree.leaves, &e->keys.encryption, forward);
    secret_drop(&e->keys.encryption);
    if (x == OK) x = schedule_confirm(e->suite, &e->keys, &e->confirmed, e->tag);
    if (x == OK) x = schedule_interim(e->suite, &e->confirmed, SPAN_OF(e->tag), &e->interim);
    return x;
}

void epoch_retire(struct epoch *e)
{
    struct secret sender_data = e->keys.sender_data;
    uint32_t leaf = e->own.leaf;
    schedule_drop(&e->keys);
    treekem_own_drop(&e->own);
    e->keys.sender_data = sender_data;
    e->own.leaf = leaf;
    secret_drop(&sender_data);
}

/* ---- state ---- */

static void secret_write(struct writer *w, const struct secret *s)
{
    write_vec8(w, secret_span(s));
}

static void secret_read(struct reader *r, struct secret *s)
{
    struct span in = read_vec8(r);
    if (in.n > SECRET_MAX) {
        r->bad = true;
        return;
    }
    s->n = (uint8_t)in.n;
    if (in.n) memcpy(s->b, in.p, in.n);
}

static void digest_read(struct reader *r, struct digest *d)
{
    struct span in = read_vec8(r);
    if (in.n > SUITE_NH) {
        r->bad = true;
        return;
    }
    d->n = (uint8_t)in.n;
    if (in.n) memcpy(d->b, in.p, in.n);
}

#define SCHEDULE_SECRETS (sizeof(struct schedule) / sizeof(struct secret))

static struct secret *schedule_secret(struct schedule *k, size_t i)
{
    struct secret *all[SCHEDULE_SECRETS] = {&k->sender_data, &k->encryption,    &k->exporter,
                                            &k->external,    &k->confirmation,  &k->membership,
                                            &k->resumption,  &k->authenticator, &k->init};
    return all[i];
}

void epoch_write(struct writer *w, const struct epoch *e)
{
    struct schedule keys = e->keys;
    struct writer nodes = writer_counting(BLOB_MAX);
    tree_write(&nodes, &e->tree);
    write_u64(w, e->number);
    write_vec32(w, blob_span(&e->group_id));
    write_vec32(w, blob_span(&e->extensions));
    write_u32(w, (uint32_t)nodes.n);
    tree_write(w, &e->tree);
    write_vec8(w, digest_span(&e->confirmed));
    write_vec8(w, digest_span(&e->interim));
    for (size_t i = 0; i < SCHEDULE_SECRETS; i++)
        secret_write(w, schedule_secret(&keys, i));
    schedule_drop(&keys);
    write_u32(w, e->own.leaf);
    for (size_t i = 0; i <= TREE_DEPTH_MAX; i++)
        secret_write(w, &e->own.priv[i]);
    write_bytes(w, SPAN_OF(e->tag));
    secrettree_write(w, &e->secrets);
}

static enum err epoch_fill(struct reader *r, struct epoch *e)
{
    e->number = read_u64(r);
    enum err x = blob_copy(&e->group_id, read_vec32(r));
    if (x == OK) x = blob_copy(&e->extensions, read_vec32(r));
    struct span nodes = read_vec32(r);
    if (x == OK) x = r->bad ? ERR_SHORT : tree_read(&e->tree, nodes);
    if (x) return x;
    digest_read(r, &e->confirmed);
    digest_read(r, &e->interim);
    for (size_t i = 0; i < SCHEDULE_SECRETS; i++)
        secret_read(r, schedule_secret(&e->keys, i));
    e->own.leaf = read_u32(r);
    for (size_t i = 0; i <= TREE_DEPTH_MAX; i++)
        secret_read(r, &e->own.priv[i]);
    read_copy(r, e->tag, sizeof e->tag);
    if ((x = read_ok(r)) || (x = secrettree_read(r, &e->secrets, e->suite))) return x;
    if (e->secrets.leaves != e->tree.leaves || e->own.leaf >= e->tree.leaves) return ERR_FORMAT;
    return epoch_context(e);
}

enum err epoch_read(struct reader *r, const struct suite *s, struct epoch **e)
{
    struct epoch *new = epoch_new(s);
    if (!new) return ERR_NOMEM;
    enum err x = epoch_fill(r, new);
    if (x)
        epoch_free(new);
    else
        *e = new;
    return x;
}
