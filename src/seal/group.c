/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/group_inner.h"

#include "base/mem.h"
#include "seal/leaf.h"
#include "seal/outside.h"

/* ---- birth and death ---- */

struct group *group_new(const struct group_conf *conf, uint16_t suite, enum err *e)
{
    struct group *g = mem_new(1, sizeof *g);
    *e = g ? suite_init(&g->suite, suite, conf->crypto) : ERR_NOMEM;
    if (*e == OK && conf->past > GROUP_PAST_MAX) *e = ERR_RANGE;
    if (*e) {
        mem_free(g);
        return NULL;
    }
    g->conf = *conf;
    if (g->conf.forward == 0) g->conf.forward = SECRETTREE_FORWARD;
    g->welcomed_by = UINT32_MAX;
    return g;
}

void group_unhear(struct group *g)
{
    for (size_t i = 0; i < g->heard_n; i++) {
        blob_drop(&g->heard[i].bytes);
        secret_drop(&g->heard[i].leaf_priv);
    }
    mem_free(g->heard);
    g->heard = NULL;
    g->heard_n = 0;
}

void group_discard(struct group *g)
{
    epoch_free(g->staged);
    g->staged = NULL;
    blob_drop(&g->staged_message);
}

bool group_staged(const struct group *g)
{
    return g->staged != NULL;
}

void group_forget(struct group *g, uint32_t keep)
{
    for (size_t i = keep; i < GROUP_PAST_MAX; i++) {
        epoch_free(g->past[i]);
        g->past[i] = NULL;
    }
}

static void wipe_all(struct group *g)
{
    group_discard(g);
    group_unhear(g);
    group_forget(g, 0);
    epoch_free(g->now);
    g->now = NULL;
    for (size_t i = 0; i < g->psks_n; i++) {
        blob_drop(&g->psks[i].id);
        blob_drop(&g->psks[i].psk);
    }
    g->psks_n = 0;
    blob_drop(&g->joined_psks);
    secret_wipe(g->resume, sizeof g->resume);
    g->resume_n = 0;
}

void group_free(struct group *g)
{
    if (!g) return;
    wipe_all(g);
    secret_wipe(g, sizeof *g);
    mem_free(g);
}

/* ---- pre-shared keys ---- */

void group_psk_drop(struct group *g, struct span id)
{
    for (size_t i = 0; i < g->psks_n; i++) {
        if (!span_equal(blob_span(&g->psks[i].id), id)) continue;
        blob_drop(&g->psks[i].id);
        blob_drop(&g->psks[i].psk);
        g->psks[i] = g->psks[--g->psks_n];
        return;
    }
}

enum err group_psk_put(struct group *g, const struct group_psk *psk)
{
    struct known_psk new = {{0}, {0}};
    if (g->closed) return ERR_CLOSED;
    enum err e = blob_copy(&new.id, psk->id);
    if (e == OK) e = blob_copy(&new.psk, psk->psk);
    if (e == OK) {
        group_psk_drop(g, psk->id);
        if (g->psks_n == GROUP_PSKS_MAX) e = ERR_FULL;
    }
    if (e) {
        blob_drop(&new.id);
        blob_drop(&new.psk);
        return e;
    }
    g->psks[g->psks_n++] = new;
    return OK;
}

enum err group_psk_of(const struct group *g, const struct mls_psk_id *id, struct span *psk)
{
    if (id->nonce.n != SUITE_NH) return ERR_FORMAT;
    if (id->type == MLS_PSK_EXTERNAL) {
        for (size_t i = 0; i < g->psks_n; i++)
            if (span_equal(blob_span(&g->psks[i].id), id->id)) {
                *psk = blob_span(&g->psks[i].psk);
                return OK;
            }
        return ERR_UNKNOWN;
    }
    if (id->usage != MLS_USAGE_APPLICATION) return ERR_UNSUPPORTED;
    if (!g->now || !span_equal(id->group_id, blob_span(&g->now->group_id))) return ERR_UNKNOWN;
    for (size_t i = 0; i < g->resume_n; i++)
        if (g->resume[i].epoch == id->epoch) {
            *psk = secret_span(&g->resume[i].psk);
            return OK;
        }
    return ERR_UNKNOWN;
}

static enum err psk_fold(const struct group *g, const struct mls_psk_id *id, size_t index, size_t count,
                         struct secret *sum)
{
    struct schedule_psk one = {id->raw, SPAN_NONE, (uint16_t)index, (uint16_t)count};
    enum err e = group_psk_of(g, id, &one.psk);
    return e ? e : schedule_psk_fold(&g->suite, &one, sum);
}

enum err group_psk_list(const struct group *g, const struct proposals *list, struct secret *psk)
{
    size_t count = 0, at = 0;
    enum err e = OK;
    *psk = schedule_zero();
    for (size_t i = 0; i < list->n; i++)
        count += list->item[i].is.type == MLS_PSK;
    for (size_t i = 0; i < list->n && e == OK; i++)
        if (list->item[i].is.type == MLS_PSK) e = psk_fold(g, &list->item[i].is.psk, at++, count, psk);
    return e;
}

enum err group_psk_ids(const struct group *g, struct span ids, struct secret *psk)
{
    struct reader r = reader_of(ids);
    struct mls_psk_id id;
    size_t count = 0, at = 0;
    enum err e = OK;
    *psk = schedule_zero();
    while (mls_psk_next(&r, &id))
        count++;
    if (count > MLS_PROPOSALS_MAX) return ERR_LIMIT;
    for (r = reader_of(ids); e == OK && mls_psk_next(&r, &id);)
        e = psk_fold(g, &id, at++, count, psk);
    return e;
}

/* ---- opening ---- */

static struct epoch *epoch_of(struct group *g, uint64_t number)
{
    if (number == g->now->number) return g->now;
    for (size_t i = 0; i < GROUP_PAST_MAX; i++)
        if (g->past[i] && g->past[i]->number == number) return g->past[i];
    return NULL;
}

static enum err sender_check(const struct epoch *e, const struct mls_signed *m)
{
    struct mls_leaf l;
    struct span key;
    if (m->content.from != MLS_MEMBER) {
        enum err x = outside_key(m, blob_span(&e->extensions), &key);
        return x ? x : protect_verify(e->suite, m, blob_span(&e->context), key);
    }
    if (!tree_leaf(&e->tree, m->content.sender, &l)) return ERR_UNKNOWN;
    return protect_verify(e->suite, m, blob_span(&e->context), l.signature_key);
}

/* Group, epoch and kind before any cryptography; finds the epoch. */
static enum err address_check(struct group *g, struct span id, uint64_t number, uint8_t type,
                              struct epoch **e)
{
    if (!span_equal(id, blob_span(&g->now->group_id))) return ERR_UNKNOWN;
    if (number > g->now->number) return ERR_AGAIN;
    if (number < g->now->number && type != MLS_APPLICATION) return ERR_REPLAY;
    *e = epoch_of(g, number);
    return *e ? OK : ERR_REPLAY;
}

static enum err open_public(struct group *g, const struct mls_public *m, struct epoch **e)
{
    const struct mls_content *c = &m->is.content;
    enum err x = address_check(g, c->group_id, c->epoch, c->type, e);
    if (x) return x;
    if (!outside_taken(g->conf.outside, c->from)) return ERR_UNSUPPORTED;
    if (c->type == MLS_APPLICATION) return ERR_DENIED; /* section 6: never in public */
    if (c->from != MLS_MEMBER) return OK;              /* signed, and not by a member */
    struct protect p = epoch_protect(*e);
    return protect_check_public(&p, m);
}

static enum err open_private(struct group *g, const struct mls_private *m, struct epoch **e,
                             struct protect_opened *o)
{
    enum err x = address_check(g, m->group_id, m->epoch, m->type, e);
    if (x) return x;
    struct protect p = epoch_protect(*e);
    return protect_open_private(&p, m, o);
}

static enum err proposal_ref(const struct suite *s, const struct mls_signed *m, uint8_t ref[static SUITE_NH])
{
    struct blob b = {0};
    PACK(&b) mls_signed_write(&k.w, m);
    if (!b.p) return ERR_NOMEM;
    enum err e = suite_proposal_ref(s, blob_span(&b), ref);
    blob_drop(&b);
    return e;
}

static enum err open_proposal(struct group *g, const struct mls_signed *m, struct incoming *in)
{
    enum err e = mls_proposal_read(m->content.body, &in->proposal);
    if (e) return e;
    in->kind = INCOMING_PROPOSAL;
    if (!outside_may(m->content.from, in->proposal.type)) return ERR_DENIED;
    if (in->proposal.type == MLS_REINIT || in->proposal.type == MLS_EXTERNAL_INIT) return ERR_UNSUPPORTED;
    return proposal_ref(&g->suite, m, in->inner->ref);
}

/* ---- a commit of another member ---- */

static const struct heard *heard_find(const struct group *g, struct span ref)
{
    for (size_t i = 0; i < g->heard_n; i++)
        if (span_equal(SPAN_OF(g->heard[i].ref), ref)) return &g->heard[i];
    return NULL;
}

static enum err list_fill(const struct group *g, const struct mls_commit *c, uint32_t committer,
                          struct proposals *list)
{
    struct reader r = reader_of(c->proposals);
    struct mls_given given;
    struct proposals new = {mem_new(c->count, sizeof *new.item), 0};
    enum err e = new.item ? OK : ERR_NOMEM;
    while (e == OK && mls_given_next(&r, &given)) {
        struct proposal *p = &new.item[new.n++];
        if (!given.by_ref) {
            *p = (struct proposal){.is = given.proposal, .sender = committer};
            continue;
        }
        const struct heard *h = heard_find(g, given.ref);
        if (!h) {
            e = ERR_UNKNOWN;
            break;
        }
        *p = (struct proposal){.sender = h->sender, .by_ref = true};
        if (h->leaf_priv.n) p->own_leaf = &h->leaf_priv;
        e = mls_proposal_read(blob_span(&h->bytes), &p->is);
    }
    if (e)
        proposals_drop(&new);
    else
        *list = new;
    return e;
}

enum err group_check_tree(const struct epoch *e)
{
    enum err x = tree_check_keys(&e->tree, e->suite);
    return x ? x : leaf_check_all(&e->tree, blob_span(&e->extensions));
}

/* The leaf `was` (NULL when it enters) becomes l. */
static enum err path_leaf_check(const struct epoch *old, const struct mls_leaf *was, uint32_t committer,
                                const struct mls_leaf *l)
{
    if (was && span_equal(was->encryption_key, l->encryption_key)) return ERR_EXISTS;
    if (l->encryption_key.n != old->suite->npk || !suite_sign_key_fits(old->suite, l->signature_key))
        return ERR_FORMAT;
    enum err e = leaf_check(l, MLS_SOURCE_COMMIT);
    return e ? e : leaf_verify(old->suite, l, blob_span(&old->group_id), committer);
}

static enum err path_open(const struct epoch *old, struct epoch *next, const struct incoming *in,
                          const struct mls_path *path, struct secret *commit)
{
    struct mls_leaf was;
    uint32_t committer = in->sender;
    bool enters = in->from == MLS_NEW_COMMIT;
    if (!enters && !tree_leaf(&old->tree, committer, &was)) return ERR_UNKNOWN;
    enum err e = path_leaf_check(old, enters ? NULL : &was, committer, &path->leaf);
    if (e == OK) e = treekem_merge(&next->tree, next->suite, committer, path);
    if (e == OK) e = epoch_context(next); /* provisional: confirmed hash still the old one */
    struct treekem_to to = {&in->added, blob_span(&next->context)};
    if (e == OK) e = treekem_open(&next->tree, next->suite, &next->own, committer, path, &to, commit);
    return e;
}

enum err group_next_keys(struct epoch *next, const struct next_keys *in, struct secret *joiner)
{
    struct digest confirmed;
    enum err e = schedule_confirmed(next->suite, &next->interim, in->commit, &confirmed);
    if (e) return e;
    next->confirmed = confirmed;
    e = epoch_context(next);
    if (e == OK)
        e = schedule_joiner(next->suite, in->init, in->commit_secret, blob_span(&next->context), joiner);
    if (e == OK) e = epoch_keys(next, joiner, in->psk, in->forward);
    return e;
}

/* init_secret of the next epoch: this one's, or what an external commit sends. */
static enum err commit_init(const struct group *g, const struct proposals *list, struct secret *init)
{
    for (size_t i = 0; i < list->n; i++)
        if (list->item[i].is.type == MLS_EXTERNAL_INIT)
            return schedule_external_open(&g->suite, &g->now->keys, list->item[i].is.kem_output, init);
    *init = g->now->keys.init;
    return OK;
}

static enum err commit_finish(const struct group *g, const struct mls_signed *m, const struct proposals *list,
                              struct epoch *next, const struct secret *commit)
{
    struct secret psk = {0}, joiner = {0}, init = {0};
    struct next_keys in = {m, commit, &psk, &init, g->conf.forward};
    enum err e = group_check_tree(next);
    if (e == OK) e = commit_init(g, list, &init);
    if (e == OK) e = group_psk_list(g, list, &psk);
    if (e == OK) e = group_next_keys(next, &in, &joiner);
    if (e == OK && !secret_equal(SPAN_OF(next->tag), m->confirmation_tag)) e = ERR_AUTH;
    secret_drop(&psk);
    secret_drop(&joiner);
    secret_drop(&init);
    return e;
}

/* The commit's list, and the next epoch's tree but for the path. */
static enum err commit_apply(struct group *g, const struct mls_commit *c, struct incoming *in)
{
    struct incoming_inner *inner = in->inner;
    bool enters = in->from == MLS_NEW_COMMIT;
    if (enters) in->sender = PROPOSAL_OUTSIDE;
    enum err e = list_fill(g, c, in->sender, &inner->list);
    if (e) return e;
    struct proposals_in rules = {&inner->list, g->now, in->sender, c->has_path,
                                 enters ? &c->path.leaf : NULL};
    if ((e = proposals_check(&rules, NULL))) return e;
    if (!(inner->next = epoch_next(g->now))) return ERR_NOMEM;
    if ((e = proposals_apply(&inner->list, inner->next, &inner->applied))) return e;
    if (!enters) return OK;
    e = tree_add(&inner->next->tree, c->path.leaf.raw, &in->sender);
    if (e == OK) tree_set_put(&inner->applied.added, in->sender);
    return e;
}

static enum err open_commit(struct group *g, const struct mls_signed *m, struct incoming *in)
{
    struct incoming_inner *inner = in->inner;
    struct mls_commit c;
    struct secret commit = schedule_zero();
    in->kind = INCOMING_COMMIT;
    if (in->from == MLS_MEMBER && in->sender == g->now->own.leaf)
        return ERR_STATE; /* ours, and not the staged */
    enum err e = mls_commit_read(m->content.body, &c);
    if (e == OK) e = commit_apply(g, &c, in);
    if (e) return e;
    in->added = inner->applied.added;
    in->gone = inner->applied.removed;
    in->updated = inner->applied.updated;
    in->path = c.has_path;
    in->proposals = &inner->list;
    in->removed = inner->applied.self_removed;
    if (in->removed) return OK; /* the keys of that epoch are not for us */
    if (c.has_path) e = path_open(g->now, inner->next, in, &c.path, &commit);
    if (e == OK) e = commit_finish(g, m, &inner->list, inner->next, &commit);
    secret_drop(&commit);
    return e;
}

static enum err open_signed(struct group *g, const struct mls_signed *m, struct incoming *in)
{
    in->epoch = m->content.epoch;
    in->from = m->content.from;
    in->sender = m->content.sender;
    in->authenticated_data = m->content.authenticated_data;
    if (m->content.type == MLS_PROPOSAL) return open_proposal(g, m, in);
    if (m->content.type == MLS_COMMIT) return open_commit(g, m, in);
    in->kind = INCOMING_APPLICATION;
    in->data = m->content.body;
    return OK;
}

static enum err open_message(struct group *g, struct incoming *in)
{
    struct incoming_inner *inner = in->inner;
    struct mls_message m;
    struct epoch *e = NULL;
    enum err x = mls_message_read(blob_span(&inner->message), &m);
    if (x) return x;
    const struct mls_signed *is;
    if (m.wire == MLS_PUBLIC) {
        is = &m.pub.is;
        x = open_public(g, &m.pub, &e);
    } else if (m.wire == MLS_PRIVATE) {
        is = &inner->opened.is;
        x = open_private(g, &m.priv, &e, &inner->opened);
    } else {
        return ERR_UNSUPPORTED;
    }
    if (x == OK) x = sender_check(e, is);
    if (x == OK) x = open_signed(g, is, in);
    if (x == OK && m.wire == MLS_PRIVATE) secrettree_accept(&e->secrets, &inner->opened.step);
    return x;
}

static void echo_fill(const struct group *g, struct incoming *in)
{
    *in = (struct incoming){.kind = INCOMING_COMMIT,
                            .epoch = g->now->number,
                            .from = MLS_MEMBER,
                            .sender = g->now->own.leaf,
                            .own = true,
                            .added = g->staged_added,
                            .gone = g->staged_gone,
                            .updated = g->staged_updated,
                            .path = g->staged_path};
}

enum err group_open(struct group *g, struct span message, struct incoming *in)
{
    struct incoming new = {0};
    if (g->closed) return ERR_CLOSED;
    if (message.n > MLS_MESSAGE_MAX) return ERR_LIMIT;
    if (g->staged && span_equal(message, blob_span(&g->staged_message))) {
        echo_fill(g, in);
        return OK;
    }
    if (!(new.inner = mem_new(1, sizeof *new.inner))) return ERR_NOMEM;
    enum err e = blob_copy(&new.inner->message, message);
    if (e == OK) e = open_message(g, &new);
    if (e)
        incoming_drop(&new);
    else
        *in = new;
    return e;
}

void incoming_drop(struct incoming *in)
{
    struct incoming_inner *inner = in->inner;
    if (inner) {
        epoch_free(inner->next);
        proposals_drop(&inner->list);
        applied_drop(&inner->applied);
        blob_drop(&inner->opened.plain);
        blob_drop(&inner->message);
        blob_drop(&inner->bytes);
        secret_wipe(inner, sizeof *inner);
        mem_free(inner);
    }
    *in = (struct incoming){0};
}

/* ---- applying ---- */

enum err group_hear(struct group *g, uint32_t sender, const uint8_t ref[static SUITE_NH], struct blob *bytes,
                    const struct secret *leaf_priv)
{
    if (heard_find(g, SPAN(ref, SUITE_NH))) return ERR_EXISTS;
    if (g->heard_n == GROUP_PROPOSALS_MAX) return ERR_FULL;
    struct heard *p = mem_new(g->heard_n + 1, sizeof *p); /* not resized: that would leave secrets behind */
    if (!p) return ERR_NOMEM;
    if (g->heard_n) {
        memcpy(p, g->heard, g->heard_n * sizeof *p);
        secret_wipe(g->heard, g->heard_n * sizeof *p);
    }
    mem_free(g->heard);
    g->heard = p;
    struct heard *h = &p[g->heard_n++];
    memcpy(h->ref, ref, SUITE_NH);
    h->sender = sender;
    h->bytes = *bytes;
    if (leaf_priv) h->leaf_priv = *leaf_priv;
    *bytes = (struct blob){NULL, 0};
    return OK;
}

void group_remember(struct group *g, const struct epoch *e)
{
    if (g->resume_n < GROUP_RESUME_MAX) g->resume_n++;
    memmove(g->resume + 1, g->resume, (g->resume_n - 1) * sizeof *g->resume);
    g->resume[0] = (struct resumption){e->number, e->keys.resumption};
}

void group_advance(struct group *g, struct epoch *next)
{
    struct epoch *old = g->now;
    g->now = next;
    group_unhear(g);
    group_remember(g, next);
    group_discard(g);
    epoch_retire(old);
    group_forget(g, g->conf.past ? g->conf.past - 1 : 0);
    if (g->conf.past == 0) {
        epoch_free(old);
        return;
    }
    memmove(g->past + 1, g->past, (GROUP_PAST_MAX - 1) * sizeof(struct epoch *));
    g->past[0] = old;
}

static enum err apply_proposal(struct group *g, struct incoming *in)
{
    struct blob bytes = {0};
    enum err e = blob_copy(&bytes, in->proposal.raw);
    if (e) return e;
    uint32_t sender = in->from == MLS_MEMBER ? in->sender : PROPOSAL_OUTSIDE;
    e = group_hear(g, sender, in->inner->ref, &bytes, NULL);
    if (e) blob_drop(&bytes);
    return e == ERR_EXISTS ? OK : e;
}

enum err group_apply(struct group *g, struct incoming *in)
{
    struct epoch *next;
    if (g->closed) return ERR_CLOSED;
    if (in->kind == INCOMING_APPLICATION) return OK;
    if (in->epoch != g->now->number) return ERR_STATE;
    if (in->kind == INCOMING_PROPOSAL) return apply_proposal(g, in);
    if (in->removed) {
        g->closed = true;
        wipe_all(g);
        return OK;
    }
    if (in->own) {
        if (!g->staged) return ERR_STATE;
        next = g->staged;
        g->staged = NULL;
    } else {
        if (!in->inner || !in->inner->next) return ERR_STATE;
        next = in->inner->next;
        in->inner->next = NULL;
    }
    in->proposals = NULL;
    group_advance(g, next);
    return OK;
}

/* ---- what it knows ---- */

bool group_closed(const struct group *g)
{
    return g->closed;
}
uint64_t group_epoch(const struct group *g)
{
    return g->now ? g->now->number : 0;
}
uint16_t group_suite(const struct group *g)
{
    return g->suite.id;
}
uint32_t group_own_leaf(const struct group *g)
{
    return g->now ? g->now->own.leaf : UINT32_MAX;
}
uint32_t group_members(const struct group *g)
{
    return g->now ? tree_members(&g->now->tree) : 0;
}
uint32_t group_slots(const struct group *g)
{
    return g->now ? g->now->tree.leaves : 0;
}
struct span group_id(const struct group *g)
{
    return g->now ? blob_span(&g->now->group_id) : SPAN_NONE;
}
struct span group_extensions(const struct group *g)
{
    return g->now ? blob_span(&g->now->extensions) : SPAN_NONE;
}
struct span group_context(const struct group *g)
{
    return g->now ? blob_span(&g->now->context) : SPAN_NONE;
}
struct span group_confirmed_hash(const struct group *g)
{
    return g->now ? digest_span(&g->now->confirmed) : SPAN_NONE;
}
bool group_leaf(const struct group *g, uint32_t leaf, struct mls_leaf *l)
{
    return g->now && tree_leaf(&g->now->tree, leaf, l);
}
bool incoming_leaf(const struct incoming *in, uint32_t leaf, struct mls_leaf *l)
{
    return in->inner && in->inner->next && tree_leaf(&in->inner->next->tree, leaf, l);
}
struct span incoming_extensions(const struct incoming *in)
{
    return in->inner && in->inner->next ? blob_span(&in->inner->next->extensions) : SPAN_NONE;
}
uint32_t group_welcomed_by(const struct group *g)
{
    return g->welcomed_by;
}
bool group_joined_with_psk(const struct group *g, struct span psk_id)
{
    struct reader r = reader_of(blob_span(&g->joined_psks));
    struct mls_psk_id id;
    while (mls_psk_next(&r, &id))
        if (id.type == MLS_PSK_EXTERNAL && span_equal(id.id, psk_id)) return true;
    return false;
}
struct span group_authenticator(const struct group *g)
{
    return g->now ? secret_span(&g->now->keys.authenticator) : SPAN_NONE;
}
enum err group_export(const struct group *g, struct span label, struct span context, struct mspan out)
{
    if (g->closed) return ERR_CLOSED;
    return schedule_export(&g->suite, &g->now->keys.exporter, label, context, out);
}
enum err group_tree(const struct group *g, struct blob *extension)
{
    struct blob nodes = {0}, b = {0};
    if (g->closed) return ERR_CLOSED;
    PACK(&nodes) tree_write(&k.w, &g->now->tree);
    if (!nodes.p) return ERR_NOMEM;
    PACK(&b) write_vecv(&k.w, blob_span(&nodes));
    blob_drop(&nodes);
    if (!b.p) return ERR_NOMEM;
    *extension = b;
    return OK;
}
