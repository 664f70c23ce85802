/* SPDX-License-Identifier: Apache-2.0
 * Making messages, in steps between which somebody signs (declared in group.h). */
#include "seal/draft_inner.h"

#include "base/mem.h"
#include "seal/leaf.h"
#include "seal/welcome.h"

void draft_free(struct draft *d)
{
    if (!d) return;
    struct blob *all[] = {
        &d->tbs,    &d->signer, &d->leaf,    &d->package, &d->body,    &d->authenticated_data,
        &d->values, &d->info,   &d->message, &d->welcome, &d->group_id};
    for (size_t i = 0; i < COUNT_OF(all); i++)
        blob_drop(all[i]);
    epoch_free(d->next);
    proposals_drop(&d->list);
    applied_drop(&d->applied);
    if (d->own_group) group_free(d->g);
    secret_wipe(d, sizeof *d);
    mem_free(d);
}

static struct draft *draft_new(struct group *g, enum draft_kind kind, enum err *e)
{
    struct mls_leaf own;
    *e = g->closed ? ERR_CLOSED : OK;
    if (*e) return NULL;
    struct draft *d = mem_new(1, sizeof *d);
    *e = d ? OK : ERR_NOMEM;
    if (!d) return NULL;
    d->kind = kind;
    d->g = g;
    d->epoch = g->now->number;
    d->suite = g->suite;
    d->from = MLS_MEMBER;
    d->sender = g->now->own.leaf;
    d->init = g->now->keys.init;
    *e = blob_copy(&d->group_id, blob_span(&g->now->group_id));
    if (*e == OK)
        *e = tree_leaf(&g->now->tree, g->now->own.leaf, &own) ? blob_copy(&d->signer, own.signature_key)
                                                              : ERR_STATE;
    if (*e == OK) return d;
    draft_free(d);
    return NULL;
}

/* ---- signatures ---- */

enum err draft_want(struct draft *d, enum draft_stage stage, struct span label, struct span content)
{
    struct blob room = {0};
    struct span tbs = SPAN_NONE;
    enum err e = blob_new(&room, content.n + label.n + 18);
    if (e == OK) e = suite_sign_content(label, content, MSPAN(room.p, room.n), &tbs);
    if (e) {
        blob_drop(&room);
        return e;
    }
    room.n = tbs.n;
    blob_move(&d->tbs, &room);
    d->stage = stage;
    return OK;
}

bool draft_wants(const struct draft *d, struct span *tbs)
{
    if (d->stage == STAGE_DONE || d->dead) return false;
    *tbs = blob_span(&d->tbs);
    return true;
}

/* The bytes and then a signature as a vector, in place of the bytes. */
static enum err append_signature(struct blob *bytes, struct span signature)
{
    struct blob b = {0};
    PACK(&b)
    {
        write_bytes(&k.w, blob_span(bytes));
        write_vecv(&k.w, signature);
    }
    if (!b.p) return ERR_NOMEM;
    blob_move(bytes, &b);
    return OK;
}

/* ---- leaves and key packages ---- */

enum err draft_leaf_start(struct draft *d, const struct mls_leaf *l)
{
    struct blob tbs = {0};
    struct span id = d->g ? blob_span(&d->g->now->group_id) : SPAN_NONE;
    PACK(&d->leaf) mls_leaf_write_tbs(&k.w, l);
    enum err e = d->leaf.p ? leaf_tbs(l, id, d->g ? d->g->now->own.leaf : 0, &tbs) : ERR_NOMEM;
    if (e) return e;
    e = draft_want(d, STAGE_LEAF, SPAN_LIT("LeafNodeTBS"), blob_span(&tbs));
    blob_drop(&tbs);
    return e;
}

/* The own leaf with a new key. */
static enum err leaf_renew(struct draft *d, uint8_t source, struct span parent_hash)
{
    struct mls_leaf l;
    if (!tree_leaf(&d->g->now->tree, d->g->now->own.leaf, &l)) return ERR_STATE;
    l.encryption_key = SPAN(d->leaf_pub, d->suite.npk);
    l.source = source;
    l.parent_hash = parent_hash;
    return draft_leaf_start(d, &l);
}

enum err draft_leaf_fill(const struct leaf_params *p, struct mspan types, struct mls_leaf *l)
{
    static const uint8_t versions[] = {0, MLS_VERSION}, credentials[] = {0, MLS_CREDENTIAL_BASIC},
                         suites[] = {0, SUITE_X25519_AES128, 0, SUITE_P256_AES128, 0, SUITE_X25519_CHACHA};
    struct writer w = writer_of(types);
    for (size_t i = 0; i < p->extension_count; i++)
        write_u16(&w, p->extension_types[i]);
    if (w.bad) return ERR_LIMIT;
    *l = (struct mls_leaf){.signature_key = p->signature_key,
                           .credential_type = MLS_CREDENTIAL_BASIC,
                           .credential = p->identity,
                           .capabilities = {SPAN_OF(versions), SPAN_OF(suites), writer_span(&w), SPAN_NONE,
                                            SPAN_OF(credentials)},
                           .source = MLS_SOURCE_KEY_PACKAGE,
                           .not_before = p->not_before,
                           .not_after = p->not_after,
                           .extensions = p->extensions};
    return mls_extensions_check(p->extensions);
}

enum err draft_key_package(const struct crypto *c, uint16_t suite, const struct leaf_params *p,
                           struct draft **d)
{
    uint8_t types[2 * DRAFT_EXTENSIONS_MAX];
    struct mls_leaf l;
    enum err e = draft_leaf_fill(p, MSPAN(types, sizeof types), &l);
    if (e) return e;
    struct draft *new = mem_new(1, sizeof *new);
    if (!new) return ERR_NOMEM;
    new->kind = DRAFT_KEY_PACKAGE;
    e = suite_init(&new->suite, suite, c);
    if (e == OK && !suite_sign_key_fits(&new->suite, p->signature_key)) e = ERR_FORMAT;
    if (e == OK) e = blob_copy(&new->signer, p->signature_key);
    if (e == OK) e = suite_dh_new(&new->suite, &new->leaf_priv, new->leaf_pub);
    if (e == OK) e = suite_dh_new(&new->suite, &new->init_priv, new->init_pub);
    l.encryption_key = SPAN(new->leaf_pub, new->suite.npk);
    if (e == OK) e = draft_leaf_start(new, &l);
    if (e)
        draft_free(new);
    else
        *d = new;
    return e;
}

static enum err package_start(struct draft *d)
{
    struct mls_key_package p = {
        .version = MLS_VERSION, .suite = d->suite.id, .init_key = SPAN(d->init_pub, d->suite.npk)};
    enum err e = mls_leaf_read(blob_span(&d->leaf), &p.leaf);
    if (e) return e;
    blob_drop(&d->package);
    PACK(&d->package) mls_key_package_write_tbs(&k.w, &p);
    if (!d->package.p) return ERR_NOMEM;
    return draft_want(d, STAGE_PACKAGE, SPAN_LIT("KeyPackageTBS"), blob_span(&d->package));
}

static enum err package_done(struct draft *d, struct span signature)
{
    struct mls_message m = {.wire = MLS_KEY_PACKAGE};
    enum err e = append_signature(&d->package, signature);
    if (e == OK) e = mls_key_package_read(blob_span(&d->package), &m.key_package);
    if (e) return e;
    PACK(&d->message) mls_message_write(&k.w, &m);
    if (!d->message.p) return ERR_NOMEM;
    d->stage = STAGE_DONE;
    return OK;
}

enum err draft_invitee(struct draft *d, struct invitee *i)
{
    struct invitee new = {.suite = d->suite.id, .init_priv = d->init_priv, .leaf_priv = d->leaf_priv};
    if (d->kind != DRAFT_KEY_PACKAGE || d->stage != STAGE_DONE || d->init_priv.n == 0) return ERR_STATE;
    enum err e = blob_copy(&new.message, blob_span(&d->message));
    if (e == OK) {
        *i = new;
        secret_drop(&d->init_priv);
        secret_drop(&d->leaf_priv);
    }
    secret_drop(&new.init_priv);
    secret_drop(&new.leaf_priv);
    return e;
}

void invitee_drop(struct invitee *i)
{
    blob_drop(&i->message);
    secret_wipe(i, sizeof *i);
}

/* ---- framing ---- */

enum err draft_frame_start(struct draft *d, uint8_t type, struct span context)
{
    struct blob tbs = {0};
    d->content = (struct mls_signed){.wire = d->in_public ? MLS_PUBLIC : MLS_PRIVATE,
                                     .content = {.group_id = blob_span(&d->group_id),
                                                 .epoch = d->epoch,
                                                 .from = d->from,
                                                 .sender = d->sender,
                                                 .authenticated_data = blob_span(&d->authenticated_data),
                                                 .type = type,
                                                 .body = blob_span(&d->body)}};
    enum err e = protect_tbs(&d->content, context, &tbs);
    if (e == OK) e = draft_want(d, STAGE_FRAME, SPAN_LIT("FramedContentTBS"), blob_span(&tbs));
    blob_drop(&tbs);
    return e;
}

static enum err frame_start(struct draft *d, uint8_t type)
{
    return draft_frame_start(d, type, d->g ? blob_span(&d->g->now->context) : SPAN_NONE);
}

static enum err frame_protect(struct draft *d)
{
    uint32_t step = d->kind == DRAFT_APPLICATION ? GROUP_PADDING : 1;
    if (d->from != MLS_MEMBER) return protect_public(NULL, &d->content, &d->message);
    struct protect p = epoch_protect(d->g->now);
    return d->in_public ? protect_public(&p, &d->content, &d->message)
                        : protect_private(&p, &d->content, step, &d->message);
}

static enum err framing_in(struct draft *d, const struct framing *f)
{
    d->in_public = f->in_public;
    return blob_copy(&d->authenticated_data, f->authenticated_data);
}

enum err draft_application(struct group *g, struct span plain, struct span authenticated_data,
                           struct draft **d)
{
    enum err e;
    struct framing f = {.authenticated_data = authenticated_data};
    struct draft *new = draft_new(g, DRAFT_APPLICATION, &e);
    if (!new) return e;
    e = framing_in(new, &f);
    if (e == OK) e = blob_copy(&new->body, plain);
    if (e == OK) e = frame_start(new, MLS_APPLICATION);
    if (e)
        draft_free(new);
    else
        *d = new;
    return e;
}

/* ---- proposals ---- */

enum err draft_fill(const struct suite *s, const struct group *g, const struct propose *what,
                    struct mls_proposal *p, uint8_t nonce[static SUITE_NH])
{
    struct mls_message m;
    struct span psk;
    enum err e = OK;
    *p = (struct mls_proposal){.type = what->type};
    switch (what->type) {
    case MLS_ADD:
        if ((e = mls_message_read(what->key_package, &m))) return e;
        if (m.wire != MLS_KEY_PACKAGE) return ERR_FORMAT;
        p->add = m.key_package;
        return key_package_check(s, &p->add);
    case MLS_REMOVE:
        p->remove = what->leaf;
        return OK;
    case MLS_PSK:
        if (!g) return ERR_UNSUPPORTED;
        e = s->crypto->random(s->crypto->ctx, nonce, SUITE_NH);
        p->psk =
            (struct mls_psk_id){.type = MLS_PSK_EXTERNAL, .id = what->psk_id, .nonce = SPAN(nonce, SUITE_NH)};
        return e ? e : group_psk_of(g, &p->psk, &psk);
    case MLS_CONTEXT_EXTENSIONS:
        p->extensions = what->extensions;
        return mls_extensions_check(what->extensions);
    default:
        return ERR_UNSUPPORTED;
    }
}

static enum err proposal_pack(struct draft *d, const struct mls_proposal *p)
{
    PACK(&d->body) mls_proposal_write(&k.w, p);
    return d->body.p ? frame_start(d, MLS_PROPOSAL) : ERR_NOMEM;
}

enum err draft_proposal(struct group *g, const struct propose *what, const struct framing *f,
                        struct draft **d)
{
    enum err e;
    struct mls_proposal p;
    uint8_t nonce[SUITE_NH];
    struct draft *new = draft_new(g, DRAFT_PROPOSAL, &e);
    if (!new) return e;
    e = framing_in(new, f);
    if (e == OK && what->type == MLS_UPDATE) {
        e = suite_dh_new(&g->suite, &new->leaf_priv, new->leaf_pub);
        if (e == OK) e = leaf_renew(new, MLS_SOURCE_UPDATE, SPAN_NONE);
    } else if (e == OK) {
        e = draft_fill(&g->suite, g, what, &p, nonce);
        if (e == OK) e = proposal_pack(new, &p);
    }
    if (e)
        draft_free(new);
    else
        *d = new;
    return e;
}

static enum err proposal_done(struct draft *d)
{
    uint8_t ref[SUITE_NH];
    struct blob is, bytes = {0};
    if (!d->g) { /* from outside: nobody here remembers it */
        enum err x = frame_protect(d);
        if (x == OK) d->stage = STAGE_DONE;
        return x;
    }
    PACK(&is) mls_signed_write(&k.w, &d->content);
    enum err e = is.p ? suite_proposal_ref(&d->suite, blob_span(&is), ref) : ERR_NOMEM;
    blob_drop(&is);
    if (e == OK) e = blob_copy(&bytes, blob_span(&d->body));
    if (e == OK) e = frame_protect(d);
    if (e == OK)
        e = group_hear(d->g, d->g->now->own.leaf, ref, &bytes, d->leaf_priv.n ? &d->leaf_priv : NULL);
    blob_drop(&bytes);
    if (e)
        blob_drop(&d->message);
    else
        d->stage = STAGE_DONE;
    return e;
}

/* ---- commits: what goes in ---- */

/* Encodes the proposals by value into d->values and lists them. */
static enum err list_values(struct draft *d, const struct commit_how *how)
{
    struct mls_proposal p;
    enum err e = OK;
    uint8_t(*nonces)[SUITE_NH] = mem_new(how->count, sizeof *nonces);
    if (!nonces) return ERR_NOMEM;
    for (size_t i = 0; i < how->count && e == OK; i++)
        e = draft_fill(&d->suite, d->g, &how->proposals[i], &d->list.item[i].is, nonces[i]);
    if (e == OK) {
        PACK(&d->values)
        for (size_t i = 0; i < how->count; i++)
            mls_proposal_write(&k.w, &d->list.item[i].is);
        if (!d->values.p) e = ERR_NOMEM;
    }
    mem_free(nonces);
    struct reader r = reader_of(blob_span(&d->values));
    while (e == OK && mls_proposal_next(&r, &p))
        d->list.item[d->list.n++] = (struct proposal){.is = p, .sender = d->g->now->own.leaf};
    return e ? e : read_end(&r);
}

static bool key_known(const struct draft *d, const struct tree_set *gone, struct span signature_key)
{
    struct mls_leaf l;
    for (size_t i = 0; i < d->list.n; i++)
        if (d->list.item[i].is.type == MLS_ADD &&
            span_equal(d->list.item[i].is.add.leaf.signature_key, signature_key))
            return true;
    for (uint32_t i = 0; i < d->g->now->tree.leaves; i++)
        if (tree_leaf(&d->g->now->tree, i, &l) && !tree_set_has(gone, i) &&
            span_equal(l.signature_key, signature_key))
            return true;
    return false;
}

/* Whether a proposal that was heard goes with those in the list. `touched`: leaves with an Update or Remove.
 */
static bool heard_fits(const struct draft *d, const struct proposal *p, const struct tree_set *touched,
                       const struct tree_set *gone)
{
    struct span psk;
    struct proposals one = {(struct proposal *)(uintptr_t)p, 1};
    struct proposals_in in = {&one, d->g->now, d->g->now->own.leaf, true, NULL};
    uint32_t leaf = p->is.type == MLS_UPDATE ? p->sender : p->is.remove;
    if (proposals_check(&in, NULL) != OK) return false;
    if (p->is.type == MLS_UPDATE || p->is.type == MLS_REMOVE) return !tree_set_has(touched, leaf);
    if (p->is.type == MLS_PSK) return group_psk_of(d->g, &p->is.psk, &psk) == OK;
    if (p->is.type == MLS_ADD) return !key_known(d, gone, p->is.add.leaf.signature_key);
    for (size_t i = 0; i < d->list.n; i++)
        if (d->list.item[i].is.type == p->is.type) return false;
    return true;
}

static void mark(const struct proposal *p, struct tree_set *touched, struct tree_set *gone)
{
    if (p->is.type != MLS_UPDATE && p->is.type != MLS_REMOVE) return;
    uint32_t leaf = p->is.type == MLS_UPDATE ? p->sender : p->is.remove;
    if (leaf >= TREE_SLOTS) return;
    tree_set_put(touched, leaf);
    if (p->is.type == MLS_REMOVE) tree_set_put(gone, leaf);
}

/* Lists the heard proposals that fit, Removes first. */
static enum err list_heard(struct draft *d)
{
    static const uint16_t order[] = {MLS_REMOVE, MLS_UPDATE, MLS_ADD, MLS_PSK, MLS_CONTEXT_EXTENSIONS};
    struct tree_set touched = {{0}}, gone = {{0}};
    for (size_t i = 0; i < d->list.n; i++)
        mark(&d->list.item[i], &touched, &gone);
    for (size_t k = 0; k < COUNT_OF(order); k++)
        for (size_t i = 0; i < d->g->heard_n; i++) {
            const struct heard *h = &d->g->heard[i];
            struct proposal p = {.sender = h->sender, .by_ref = true};
            enum err e = mls_proposal_read(blob_span(&h->bytes), &p.is);
            if (e) return e;
            if (p.is.type != order[k] || !heard_fits(d, &p, &touched, &gone)) continue;
            mark(&p, &touched, &gone);
            d->list.item[d->list.n++] = p;
        }
    return OK;
}

static enum err list_make(struct draft *d, const struct commit_how *how)
{
    size_t most = how->count + (how->leave_out_heard ? 0 : d->g->heard_n);
    if (how->count > MLS_PROPOSALS_MAX || most > MLS_PROPOSALS_MAX + GROUP_PROPOSALS_MAX) return ERR_LIMIT;
    d->list.item = mem_new(most, sizeof *d->list.item);
    if (!d->list.item) return ERR_NOMEM;
    enum err e = list_values(d, how);
    if (e == OK && !how->leave_out_heard) e = list_heard(d);
    if (e == OK && d->list.n > MLS_PROPOSALS_MAX) e = ERR_LIMIT;
    for (size_t i = 0; i < d->list.n && e == OK; i++)
        d->has_adds = d->has_adds || d->list.item[i].is.type == MLS_ADD;
    d->has_path = !how->no_path || proposals_need_path(&d->list);
    struct proposals_in in = {&d->list, d->g->now, d->g->now->own.leaf, d->has_path, NULL};
    return e ? e : proposals_check(&in, NULL);
}

/* ---- commits: the steps ---- */

static const struct heard *heard_of(const struct group *g, const struct proposal *p)
{
    for (size_t i = 0; i < g->heard_n; i++)
        if (g->heard[i].bytes.p == p->is.raw.p) return &g->heard[i];
    return NULL;
}

static enum err commit_body(struct draft *d, struct span nodes)
{
    struct mls_commit c = {.has_path = d->has_path, .path = {.nodes = nodes}};
    struct blob list = {0};
    enum err e = d->has_path ? mls_leaf_read(blob_span(&d->leaf), &c.path.leaf) : OK;
    if (e) return e;
    PACK(&list)
    for (size_t i = 0; i < d->list.n; i++) {
        const struct proposal *p = &d->list.item[i];
        const struct heard *h = p->by_ref ? heard_of(d->g, p) : NULL;
        struct mls_given given = {
            .by_ref = h != NULL, .ref = h ? SPAN_OF(h->ref) : SPAN_NONE, .proposal = p->is};
        mls_given_write(&k.w, &given);
    }
    if (!list.p) return ERR_NOMEM;
    c.proposals = blob_span(&list);
    blob_drop(&d->body);
    PACK(&d->body) mls_commit_write(&k.w, &c);
    blob_drop(&list);
    return d->body.p ? OK : ERR_NOMEM;
}

/* The leaf is signed, or there is none: encrypt the path, write the commit. */
static enum err commit_frame(struct draft *d)
{
    struct epoch *next = d->next;
    struct blob nodes = {0};
    enum err e = OK;
    if (d->has_path) {
        e = tree_set_leaf(&next->tree, next->own.leaf, blob_span(&d->leaf));
        if (e == OK) e = epoch_context(next);
        struct treekem_to to = {&d->applied.added, blob_span(&next->context)};
        if (e == OK) e = treekem_encrypt(&next->tree, next->suite, &d->made, &to, &nodes);
    }
    if (e == OK) e = group_check_tree(next);
    if (e == OK) e = commit_body(d, blob_span(&nodes));
    if (e == OK) e = frame_start(d, MLS_COMMIT);
    blob_drop(&nodes);
    return e;
}

static enum err commit_start(struct draft *d, const struct commit_how *how)
{
    struct group *g = d->g;
    d->tree_apart = how->tree_apart;
    enum err e = framing_in(d, &how->framing);
    if (e == OK) e = list_make(d, how);
    if (e == OK) e = group_psk_list(g, &d->list, &d->psk);
    if (e) return e;
    if (!(d->next = epoch_next(g->now))) return ERR_NOMEM;
    if ((e = proposals_apply(&d->list, d->next, &d->applied))) return e;
    d->made.commit = schedule_zero();
    if (!d->has_path) return commit_frame(d);
    e = suite_dh_new(&d->suite, &d->leaf_priv, d->leaf_pub);
    if (e == OK) e = treekem_start(&d->next->tree, d->next->suite, &d->next->own, &d->made);
    if (e) return e;
    d->next->own.priv[0] = d->leaf_priv;
    return leaf_renew(d, MLS_SOURCE_COMMIT, digest_span(&d->made.parent_hash));
}

enum err draft_commit(struct group *g, const struct commit_how *how, struct draft **d)
{
    enum err e;
    if (g->staged) return ERR_STATE;
    struct draft *new = draft_new(g, DRAFT_COMMIT, &e);
    if (!new) return e;
    e = commit_start(new, how);
    if (e)
        draft_free(new);
    else
        *d = new;
    return e;
}

/* ---- group info and welcome ---- */

static enum err info_extensions(const struct epoch *e, bool with_tree, bool with_external, struct blob *out)
{
    uint8_t pub[CRYPTO_PUBLIC_MAX], ext[CRYPTO_PUBLIC_MAX + 4];
    struct writer w = writer_of(MSPAN(ext, sizeof ext)), nodes = writer_counting(BLOB_MAX), tree;
    enum err x = with_external ? schedule_external_pub(e->suite, &e->keys, pub) : OK;
    if (x) return x;
    write_vecv(&w, SPAN(pub, e->suite->npk));
    tree_write(&nodes, &e->tree);
    tree = writer_counting(BLOB_MAX);
    write_varint(&tree, nodes.n);
    PACK(out)
    {
        if (with_tree) {
            write_u16(&k.w, MLS_EXT_RATCHET_TREE);
            write_varint(&k.w, tree.n + nodes.n);
            write_varint(&k.w, nodes.n);
            tree_write(&k.w, &e->tree);
        }
        struct mls_extension external = {MLS_EXT_EXTERNAL_PUB, writer_span(&w)};
        if (with_external) mls_extension_write(&k.w, &external);
    }
    return out->p ? OK : ERR_NOMEM;
}

static enum err info_start(struct draft *d, struct epoch *of, bool with_tree, bool with_external)
{
    struct blob extensions = {0};
    struct mls_group_info i = {.confirmation_tag = SPAN_OF(of->tag), .signer = d->g->now->own.leaf};
    enum err e = mls_context_read(blob_span(&of->context), &i.context);
    if (e == OK) e = info_extensions(of, with_tree, with_external, &extensions);
    if (e) return e;
    i.extensions = blob_span(&extensions);
    blob_drop(&d->info);
    PACK(&d->info) mls_group_info_write_tbs(&k.w, &i);
    blob_drop(&extensions);
    if (!d->info.p) return ERR_NOMEM;
    return draft_want(d, STAGE_INFO, SPAN_LIT("GroupInfoTBS"), blob_span(&d->info));
}

enum err draft_group_info(struct group *g, struct draft **d)
{
    enum err e;
    struct draft *new = draft_new(g, DRAFT_INFO, &e);
    if (!new) return e;
    e = info_start(new, g->now, true, true);
    if (e)
        draft_free(new);
    else
        *d = new;
    return e;
}

static enum err info_done(struct draft *d)
{
    struct mls_message m = {.wire = MLS_GROUP_INFO};
    enum err e = mls_group_info_read(blob_span(&d->info), &m.group_info);
    if (e) return e;
    PACK(&d->message) mls_message_write(&k.w, &m);
    if (!d->message.p) return ERR_NOMEM;
    d->stage = STAGE_DONE;
    return OK;
}

enum err draft_psk_ids(const struct draft *d, struct blob *ids)
{
    PACK(ids)
    for (size_t i = 0; i < d->list.n; i++)
        if (d->list.item[i].is.type == MLS_PSK) mls_psk_id_write(&k.w, &d->list.item[i].is.psk);
    return ids->p ? OK : ERR_NOMEM;
}

struct joiners {
    struct welcome_joiner *is;
    uint8_t (*refs)[SUITE_NH];
    size_t n;
};

static enum err joiners_fill(const struct draft *d, struct joiners *j)
{
    j->is = mem_new(d->list.n, sizeof *j->is);
    j->refs = mem_new(d->list.n, sizeof *j->refs);
    if (!j->is || !j->refs) return ERR_NOMEM;
    for (size_t i = 0; i < d->list.n; i++) {
        const struct mls_proposal *p = &d->list.item[i].is;
        if (p->type != MLS_ADD) continue;
        struct welcome_joiner *w = &j->is[j->n];
        enum err e = suite_key_package_ref(&d->suite, p->add.raw, j->refs[j->n]);
        if (e) return e;
        *w = (struct welcome_joiner){.ref = SPAN(j->refs[j->n], SUITE_NH), .init_key = p->add.init_key};
        if (d->has_path)
            w->has_path_secret =
                treekem_secret_for(&d->made, d->next->own.leaf, d->applied.leaf_of[i], &w->path_secret);
        j->n++;
    }
    return OK;
}

static enum err commit_welcome(struct draft *d)
{
    struct joiners j = {0};
    struct blob ids = {0};
    enum err e = joiners_fill(d, &j);
    if (e == OK) e = draft_psk_ids(d, &ids);
    if (e == OK) {
        struct welcome_seal seal = {&d->joiner, &d->psk, blob_span(&ids), blob_span(&d->info), j.is, j.n};
        e = welcome_write(&d->suite, &seal, &d->welcome);
    }
    blob_drop(&ids);
    mem_free(j.is);
    mem_free(j.refs);
    return e;
}

/* Everything is made: encrypt the commit, stage the epoch. */
static enum err commit_done(struct draft *d)
{
    struct group *g = d->g;
    struct blob copy = {0};
    if (d->kind == DRAFT_ENTER) {
        enum err x = frame_protect(d);
        if (x == OK) d->stage = STAGE_DONE;
        return x;
    }
    if (g->staged) return ERR_STATE;
    enum err e = d->has_adds ? commit_welcome(d) : OK;
    if (e == OK) e = frame_protect(d);
    if (e == OK) e = blob_copy(&copy, blob_span(&d->message));
    if (e) {
        blob_drop(&d->welcome);
        blob_drop(&d->message);
        return e;
    }
    g->staged = d->next;
    d->next = NULL;
    g->staged_message = copy;
    g->staged_added = d->applied.added;
    g->staged_gone = d->applied.removed;
    g->staged_updated = d->applied.updated;
    g->staged_path = d->has_path;
    d->stage = STAGE_DONE;
    return OK;
}

/* The commit is signed: the next epoch's keys. The signature stays behind the body. */
static enum err commit_signed(struct draft *d)
{
    struct next_keys in = {&d->content, &d->made.commit, &d->psk, &d->init, d->g->conf.forward};
    enum err e = group_next_keys(d->next, &in, &d->joiner);
    if (e) return e;
    d->content.confirmation_tag = SPAN_OF(d->next->tag);
    return d->has_adds ? info_start(d, d->next, !d->tree_apart, false) : commit_done(d);
}

/* ---- going on ---- */

/* The signature of the frame is kept where the leaf's no longer needed bytes were. */
static enum err frame_done(struct draft *d, struct span signature)
{
    struct blob kept = {0};
    enum err e = blob_copy(&kept, signature);
    if (e) return e;
    blob_move(&d->leaf, &kept);
    d->content.signature = blob_span(&d->leaf);
    if (d->kind == DRAFT_COMMIT || d->kind == DRAFT_ENTER) return commit_signed(d);
    if (d->kind == DRAFT_PROPOSAL) return proposal_done(d);
    e = frame_protect(d);
    if (e == OK) d->stage = STAGE_DONE;
    return e;
}

static enum err leaf_done(struct draft *d, struct span signature)
{
    struct mls_proposal p = {.type = MLS_UPDATE};
    enum err e = append_signature(&d->leaf, signature);
    if (e) return e;
    if (d->kind == DRAFT_KEY_PACKAGE) return package_start(d);
    if (d->kind == DRAFT_COMMIT || d->kind == DRAFT_ENTER) return commit_frame(d);
    e = mls_leaf_read(blob_span(&d->leaf), &p.update);
    return e ? e : proposal_pack(d, &p);
}

static enum err step(struct draft *d, struct span signature)
{
    enum err e;
    if (d->dead || (d->g && (d->g->closed || d->g->now->number != d->epoch))) return ERR_STATE;
    switch (d->stage) {
    case STAGE_LEAF:
        return leaf_done(d, signature);
    case STAGE_PACKAGE:
        return package_done(d, signature);
    case STAGE_FRAME:
        return frame_done(d, signature);
    case STAGE_INFO:
        e = append_signature(&d->info, signature);
        if (e) return e;
        return d->kind == DRAFT_COMMIT ? commit_done(d) : info_done(d);
    default:
        return ERR_STATE;
    }
}

/* A step that failed half-way cannot be taken again. */
static enum err go_on(struct draft *d, struct span signature)
{
    enum err e = step(d, signature);
    if (e) d->dead = true;
    return e;
}

enum err draft_give(struct draft *d, struct span signature)
{
    const struct crypto *c = d->suite.crypto;
    if (d->stage == STAGE_DONE || d->dead) return ERR_STATE;
    enum err e = c->verify(c->ctx, d->suite.sign, blob_span(&d->signer), blob_span(&d->tbs), signature);
    return e ? e : go_on(d, signature);
}

enum err draft_sign(struct draft *d, struct span signature_priv)
{
    const struct crypto *c = d->suite.crypto;
    uint8_t pub[CRYPTO_PUBLIC_MAX], sig[CRYPTO_SIGN_MAX];
    size_t n = 0;
    struct span tbs;
    enum err e = c->sign_public(c->ctx, d->suite.sign, signature_priv, pub, &n);
    const size_t s_n = n; /* a compressed key is not compared: the signature is verified instead */
    if (e == OK && n == d->signer.n && !span_equal(SPAN(pub, n), blob_span(&d->signer))) e = ERR_AUTH;
    while (e == OK && draft_wants(d, &tbs)) {
        e = c->sign(c->ctx, d->suite.sign, signature_priv, tbs, sig, &n);
        if (e == OK) e = d->signer.n == s_n ? go_on(d, SPAN(sig, n)) : draft_give(d, SPAN(sig, n));
    }
    return e;
}

struct span draft_message(const struct draft *d)
{
    return d->stage == STAGE_DONE ? blob_span(&d->message) : SPAN_NONE;
}

struct span draft_welcome(const struct draft *d)
{
    return d->stage == STAGE_DONE ? blob_span(&d->welcome) : SPAN_NONE;
}
