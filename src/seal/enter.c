/* SPDX-License-Identifier: Apache-2.0
 * Messages of those outside a group: the external commit with which one enters, and proposals of external senders and
 * of newcomers (declared in group.h). An external commit is a draft over a group of its own, whose epoch has no
 * keys; the steps are those of a member's commit. */
#include "seal/draft_inner.h"

#include "base/mem.h"
#include "seal/leaf.h"

/* ---- external commits ---- */

/* The epoch as the GroupInfo shows it. Its confirmation tag can't be checked without the epoch's keys: a false one
 * makes a commit that the members refuse. */
static enum err epoch_seen(struct draft *d, const struct enter_with *with, const struct mls_group_info *info)
{
    struct group *g = d->g;
    if (!(g->now = epoch_new(&g->suite))) return ERR_NOMEM;
    struct epoch *e = g->now;
    if (info->confirmation_tag.n != SUITE_NH) return ERR_FORMAT;
    enum err x = group_epoch_fill(e, with->tree, info);
    if (x) return x;
    memcpy(e->tag, info->confirmation_tag.p, SUITE_NH);
    d->epoch = e->number;
    g->welcomed_by = info->signer;
    x = blob_copy(&d->group_id, blob_span(&e->group_id));
    return x ? x : schedule_interim(e->suite, &e->confirmed, SPAN_OF(e->tag), &e->interim);
}

static enum err external_pub(const struct mls_group_info *info, struct span *pub)
{
    struct span data;
    if (!mls_extension_find(info->extensions, MLS_EXT_EXTERNAL_PUB, &data)) return ERR_UNKNOWN;
    struct reader r = reader_of(data);
    *pub = read_vecv(&r);
    return read_end(&r);
}

/* ExternalInit, Remove of the former leaf, PSKs; encoded into d->values, which the list points into. */
static enum err list_write(struct draft *d, const struct enter_with *with, struct span kem_output)
{
    struct mls_proposal init = {.type = MLS_EXTERNAL_INIT, .kem_output = kem_output},
                        remove = {.type = MLS_REMOVE, .remove = with->former}, psk;
    const struct crypto *c = d->suite.crypto;
    uint8_t(*nonces)[SUITE_NH] = mem_new(with->psk_count + 1, sizeof *nonces);
    if (!nonces) return ERR_NOMEM;
    enum err e = OK;
    for (size_t i = 0; i < with->psk_count && e == OK; i++) {
        e = c->random(c->ctx, nonces[i], SUITE_NH);
        if (e == OK) e = group_psk_put(d->g, &with->psks[i]);
    }
    if (e == OK) {
        PACK(&d->values)
        {
            mls_proposal_write(&k.w, &init);
            if (with->replace) mls_proposal_write(&k.w, &remove);
            for (size_t i = 0; i < with->psk_count; i++) {
                psk = (struct mls_proposal){.type = MLS_PSK,
                                            .psk = {.type = MLS_PSK_EXTERNAL,
                                                    .id = with->psks[i].id,
                                                    .nonce = SPAN(nonces[i], SUITE_NH)}};
                mls_proposal_write(&k.w, &psk);
            }
        }
        if (!d->values.p) e = ERR_NOMEM;
    }
    mem_free(nonces);
    return e;
}

static enum err list_make(struct draft *d, const struct enter_with *with, const struct mls_leaf *l)
{
    struct mls_proposal p;
    if (with->psk_count > GROUP_PSKS_MAX) return ERR_LIMIT;
    d->list.item = mem_new(with->psk_count + 2, sizeof *d->list.item);
    if (!d->list.item) return ERR_NOMEM;
    for (struct reader r = reader_of(blob_span(&d->values)); mls_proposal_next(&r, &p);)
        d->list.item[d->list.n++] = (struct proposal){.is = p, .sender = PROPOSAL_OUTSIDE};
    struct proposals_in in = {&d->list, d->g->now, PROPOSAL_OUTSIDE, true, l};
    return proposals_check(&in, NULL);
}

/* Takes its place in the next tree: a leaf without signature first, so that the path can be made. */
static enum err place_take(struct draft *d, struct mls_leaf *l)
{
    struct epoch *next = d->next;
    struct blob bytes = {0};
    uint32_t at = 0;
    l->parent_hash = SPAN_NONE;
    PACK(&bytes) mls_leaf_write(&k.w, l);
    enum err e = bytes.p ? tree_add(&next->tree, blob_span(&bytes), &at) : ERR_NOMEM;
    blob_drop(&bytes);
    if (e) return e;
    tree_set_put(&d->applied.added, at);
    d->g->now->own.leaf = next->own.leaf = at; /* the leaf's signature names it */
    e = treekem_start(&next->tree, next->suite, &next->own, &d->made);
    next->own.priv[0] = d->leaf_priv;
    l->parent_hash = digest_span(&d->made.parent_hash);
    return e;
}

static enum err enter_start(struct draft *d, const struct enter_with *with, const struct mls_group_info *info)
{
    uint8_t types[2 * DRAFT_EXTENSIONS_MAX], kem[CRYPTO_PUBLIC_MAX];
    struct mls_leaf l;
    struct span pub = SPAN_NONE;
    enum err e = draft_leaf_fill(&with->leaf, MSPAN(types, sizeof types), &l);
    if (e == OK && !suite_sign_key_fits(&d->suite, with->leaf.signature_key)) e = ERR_FORMAT;
    if (e == OK) e = blob_copy(&d->signer, with->leaf.signature_key);
    if (e == OK) e = blob_copy(&d->authenticated_data, with->authenticated_data);
    if (e == OK) e = epoch_seen(d, with, info);
    if (e == OK) e = external_pub(info, &pub);
    if (e == OK) e = schedule_external_make(&d->suite, pub, kem, &d->init);
    if (e == OK) e = suite_dh_new(&d->suite, &d->leaf_priv, d->leaf_pub);
    if (e == OK) e = list_write(d, with, SPAN(kem, d->suite.npk));
    l.source = MLS_SOURCE_COMMIT;
    l.encryption_key = SPAN(d->leaf_pub, d->suite.npk);
    if (e == OK) e = list_make(d, with, &l);
    if (e == OK) e = group_psk_list(d->g, &d->list, &d->psk);
    if (e) return e;
    if (!(d->next = epoch_next(d->g->now))) return ERR_NOMEM;
    if ((e = proposals_apply(&d->list, d->next, &d->applied))) return e;
    d->has_path = true;
    e = place_take(d, &l);
    return e ? e : draft_leaf_start(d, &l);
}

enum err draft_enter(const struct group_conf *conf, const struct enter_with *with, struct draft **d)
{
    struct mls_message m;
    enum err e = mls_message_read(with->group_info, &m);
    if (e == OK && m.wire != MLS_GROUP_INFO) e = ERR_FORMAT;
    if (e) return e;
    struct draft *new = mem_new(1, sizeof *new);
    if (!new) return ERR_NOMEM;
    new->kind = DRAFT_ENTER;
    new->from = MLS_NEW_COMMIT;
    new->in_public = true;
    new->g = group_new(conf, m.group_info.context.suite, &e);
    new->own_group = true;
    if (new->g) new->suite = new->g->suite;
    if (e == OK) e = enter_start(new, with, &m.group_info);
    if (e)
        draft_free(new);
    else
        *d = new;
    return e;
}

enum err draft_entered(struct draft *d, struct group **g)
{
    if (d->kind != DRAFT_ENTER || d->stage != STAGE_DONE || !d->next) return ERR_STATE;
    enum err e = draft_psk_ids(d, &d->g->joined_psks);
    if (e) return e;
    group_advance(d->g, d->next);
    group_forget(d->g, 0); /* the epoch before is not ours */
    d->next = NULL;
    *g = d->g;
    d->g = NULL;
    d->own_group = false;
    return OK;
}

/* ---- proposals ---- */

static enum err outside_start(struct draft *d, const struct outsider *who, const struct propose *what)
{
    uint8_t nonce[SUITE_NH];
    struct mls_proposal p;
    if (what->type == MLS_UPDATE || (who->new_member && what->type != MLS_ADD)) return ERR_DENIED;
    enum err e = blob_copy(&d->group_id, who->group_id);
    if (e == OK) e = blob_copy(&d->authenticated_data, who->authenticated_data);
    if (e == OK) e = draft_fill(&d->suite, NULL, what, &p, nonce);
    if (e) return e;
    e = blob_copy(&d->signer, who->new_member ? p.add.leaf.signature_key : who->signature_key);
    PACK(&d->body) mls_proposal_write(&k.w, &p);
    if (e == OK && !d->body.p) e = ERR_NOMEM;
    return e ? e : draft_frame_start(d, MLS_PROPOSAL, SPAN_NONE);
}

enum err draft_outside(const struct crypto *c, const struct outsider *who, const struct propose *what,
                       struct draft **d)
{
    if (who->group_id.n > GROUP_ID_MAX) return ERR_LIMIT;
    struct draft *new = mem_new(1, sizeof *new);
    if (!new) return ERR_NOMEM;
    new->kind = DRAFT_PROPOSAL;
    new->from = who->new_member ? MLS_NEW_PROPOSAL : MLS_EXTERNAL;
    new->sender = who->sender;
    new->epoch = who->epoch;
    new->in_public = true;
    enum err e = suite_init(&new->suite, who->suite, c);
    if (e == OK) e = outside_start(new, who, what);
    if (e)
        draft_free(new);
    else
        *d = new;
    return e;
}
