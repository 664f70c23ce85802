/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/proposals.h"

#include "base/mem.h"
#include "seal/leaf.h"
#include "seal/outside.h"

#define EACH(p, in)                                                                                          \
    for (const struct proposal *p = (in)->list->item; p < (in)->list->item + (in)->list->n; p++)

/* ---- each in itself ---- */

static enum err rule_known(const struct proposals_in *in)
{
    EACH(p, in)
    if (p->is.type == MLS_REINIT || (p->is.type == MLS_EXTERNAL_INIT && !in->enters)) return ERR_UNSUPPORTED;
    return OK;
}

/* Section 12.2, the list for external commits: one ExternalInit, at most one Remove, PSKs, all by value. */
static enum err rule_enters(const struct proposals_in *in)
{
    size_t inits = 0, removes = 0;
    if (!in->enters) return OK;
    EACH(p, in)
    {
        inits += p->is.type == MLS_EXTERNAL_INIT;
        removes += p->is.type == MLS_REMOVE;
        if (p->by_ref) return ERR_DENIED;
        if (p->is.type == MLS_EXTERNAL_INIT && p->is.kem_output.n != in->old->suite->npk) return ERR_FORMAT;
        if (p->is.type != MLS_EXTERNAL_INIT && p->is.type != MLS_REMOVE && p->is.type != MLS_PSK)
            return ERR_DENIED;
    }
    return inits == 1 && removes <= 1 ? OK : ERR_DENIED;
}

/* Who enters replaces nobody but themselves. The RFC leaves it to the application which credential will do: the
 * same one, here, and rules.h may ask for more. */
static enum err rule_replaces(const struct proposals_in *in)
{
    struct mls_leaf old;
    EACH(p, in)
    {
        if (!in->enters || p->is.type != MLS_REMOVE) continue;
        if (!tree_leaf(&in->old->tree, p->is.remove, &old)) return ERR_UNKNOWN;
        if (old.credential_type != in->enters->credential_type ||
            !span_equal(old.credential, in->enters->credential))
            return ERR_DENIED;
        if (span_equal(old.encryption_key, in->enters->encryption_key)) return ERR_EXISTS;
    }
    return OK;
}

static enum err rule_update_own(const struct proposals_in *in)
{
    EACH(p, in)
    if (p->is.type == MLS_UPDATE && (!p->by_ref || p->sender == in->committer)) return ERR_DENIED;
    return OK;
}

static enum err rule_update_valid(const struct proposals_in *in)
{
    const struct suite *s = in->old->suite;
    EACH(p, in)
    {
        struct mls_leaf now;
        if (p->is.type != MLS_UPDATE) continue;
        if (!tree_leaf(&in->old->tree, p->sender, &now)) return ERR_UNKNOWN;
        if (span_equal(now.encryption_key, p->is.update.encryption_key)) return ERR_EXISTS;
        if (p->is.update.encryption_key.n != s->npk || !suite_sign_key_fits(s, p->is.update.signature_key))
            return ERR_FORMAT;
        enum err e = leaf_check(&p->is.update, MLS_SOURCE_UPDATE);
        if (e == OK) e = leaf_verify(s, &p->is.update, blob_span(&in->old->group_id), p->sender);
        if (e) return e;
    }
    return OK;
}

static enum err rule_remove_there(const struct proposals_in *in)
{
    struct mls_leaf l;
    EACH(p, in)
    if (p->is.type == MLS_REMOVE && !tree_leaf(&in->old->tree, p->is.remove, &l)) return ERR_UNKNOWN;
    return OK;
}

static enum err rule_remove_committer(const struct proposals_in *in)
{
    EACH(p, in)
    if (p->is.type == MLS_REMOVE && p->is.remove == in->committer) return ERR_DENIED;
    return OK;
}

static enum err rule_add_valid(const struct proposals_in *in)
{
    EACH(p, in)
    {
        enum err e = p->is.type == MLS_ADD ? key_package_check(in->old->suite, &p->is.add) : OK;
        if (e) return e;
    }
    return OK;
}

static enum err rule_psk_form(const struct proposals_in *in)
{
    EACH(p, in)
    {
        if (p->is.type != MLS_PSK) continue;
        if (p->is.psk.nonce.n != SUITE_NH) return ERR_FORMAT;
        if (p->is.psk.type == MLS_PSK_RESUMPTION && p->is.psk.usage != MLS_USAGE_APPLICATION)
            return ERR_DENIED;
    }
    return OK;
}

static enum err rule_extensions_form(const struct proposals_in *in)
{
    EACH(p, in)
    {
        enum err e = p->is.type == MLS_CONTEXT_EXTENSIONS ? outside_context_check(p->is.extensions) : OK;
        if (e) return e;
    }
    return OK;
}

/* ---- together ---- */

static enum err rule_one_per_leaf(const struct proposals_in *in)
{
    struct tree_set seen = {{0}};
    EACH(p, in)
    {
        if (p->is.type != MLS_UPDATE && p->is.type != MLS_REMOVE) continue;
        uint32_t leaf = p->is.type == MLS_UPDATE ? p->sender : p->is.remove;
        if (leaf >= TREE_SLOTS) return ERR_UNKNOWN;
        if (tree_set_has(&seen, leaf)) return ERR_EXISTS;
        tree_set_put(&seen, leaf);
    }
    return OK;
}

static enum err rule_psk_once(const struct proposals_in *in)
{
    EACH(p, in)
    for (const struct proposal *q = in->list->item; q < p; q++)
        if (p->is.type == MLS_PSK && q->is.type == MLS_PSK && span_equal(p->is.psk.raw, q->is.psk.raw))
            return ERR_EXISTS;
    return OK;
}

static enum err rule_extensions_once(const struct proposals_in *in)
{
    size_t n = 0;
    EACH(p, in) n += p->is.type == MLS_CONTEXT_EXTENSIONS;
    return n > 1 ? ERR_EXISTS : OK;
}

static enum err rule_path(const struct proposals_in *in)
{
    return in->has_path || !proposals_need_path(in->list) ? OK : ERR_DENIED;
}

/* Two Adds of one client, or of one who is in the group, end as one key twice in the tree: the tree's own
 * rule (tree_check_keys) refuses them after the proposals were applied, as it does every other double key. */
const struct proposals_rule proposals_rules[] = {
    {"a proposal of a type this group does not have", rule_known},
    {"an external commit with other proposals than it may have", rule_enters},
    {"an Update by the committer or by value", rule_update_own},
    {"a Remove of the committer", rule_remove_committer},
    {"an Update and a Remove, or two of one, for one leaf", rule_one_per_leaf},
    {"a Remove of nobody", rule_remove_there},
    {"an external commit that replaces somebody else", rule_replaces},
    {"a PSK of wrong form or usage", rule_psk_form},
    {"a PSK twice", rule_psk_once},
    {"GroupContextExtensions twice", rule_extensions_once},
    {"GroupContextExtensions of wrong form", rule_extensions_form},
    {"a commit without the path it needs", rule_path},
    {"an Update with an invalid leaf", rule_update_valid},
    {"an Add with an invalid key package", rule_add_valid},
    {NULL, NULL},
};

enum err proposals_check(const struct proposals_in *in, const char **rule)
{
    for (const struct proposals_rule *r = proposals_rules; r->name; r++) {
        enum err e = r->check(in);
        if (e && rule) *rule = r->name;
        if (e) return e;
    }
    return OK;
}

bool proposals_need_path(const struct proposals *list)
{
    bool other = false;
    for (size_t i = 0; i < list->n; i++)
        other = other || (list->item[i].is.type != MLS_ADD && list->item[i].is.type != MLS_PSK);
    return list->n == 0 || other;
}

/* ---- application ---- */

static enum err apply_one(const struct proposal *p, struct epoch *next, struct applied *a, uint32_t *leaf)
{
    enum err e = OK;
    switch (p->is.type) {
    case MLS_CONTEXT_EXTENSIONS: {
        struct blob b = {0};
        if ((e = blob_copy(&b, p->is.extensions)) == OK) blob_move(&next->extensions, &b);
        return e;
    }
    case MLS_UPDATE:
        tree_set_put(&a->updated, p->sender);
        if (p->sender == next->own.leaf) {
            if (!p->own_leaf) return ERR_STATE;
            next->own.priv[0] = *p->own_leaf;
        }
        return tree_update(&next->tree, p->sender, p->is.update.raw);
    case MLS_REMOVE:
        tree_set_put(&a->removed, p->is.remove);
        a->self_removed = a->self_removed || p->is.remove == next->own.leaf;
        tree_remove(&next->tree, p->is.remove);
        return OK;
    case MLS_ADD:
        e = tree_add(&next->tree, p->is.add.leaf.raw, leaf);
        if (e == OK) tree_set_put(&a->added, *leaf);
        return e;
    default:
        return OK;
    }
}

enum err proposals_apply(const struct proposals *list, struct epoch *next, struct applied *a)
{
    static const uint16_t order[] = {MLS_CONTEXT_EXTENSIONS, MLS_UPDATE, MLS_REMOVE, MLS_ADD};
    enum err e = OK;
    *a = (struct applied){.leaf_of = mem_new(list->n, sizeof *a->leaf_of)};
    if (!a->leaf_of) return ERR_NOMEM;
    for (size_t k = 0; k < COUNT_OF(order) && e == OK; k++)
        for (size_t i = 0; i < list->n && e == OK; i++)
            if (list->item[i].is.type == order[k]) e = apply_one(&list->item[i], next, a, &a->leaf_of[i]);
    if (e) applied_drop(a);
    if (e == OK && !a->self_removed) treekem_prune(&next->own, &next->tree);
    return e;
}

void applied_drop(struct applied *a)
{
    mem_free(a->leaf_of);
    a->leaf_of = NULL;
}

void proposals_drop(struct proposals *list)
{
    mem_free(list->item);
    *list = (struct proposals){NULL, 0};
}
