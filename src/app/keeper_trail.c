/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keeper_inner.h"

static enum err get_hash(struct db_query *q, struct merkle_hash *h)
{
    bool row = false;
    enum err e = db_step(q, &row);
    struct span s = !e && row ? db_get_blob(q, 0) : SPAN_NONE;
    if (!e && s.n != MERKLE_HASH) e = ERR_FORMAT;
    if (!e) memcpy(h->b, s.p, MERKLE_HASH);
    db_done(q);
    return e;
}

static enum err get_node(void *ctx, unsigned level, uint64_t at, struct merkle_hash *h)
{
    struct store *s = ctx;
    struct db_query *q = s->q[level ? Q_AUDIT_NODE : Q_AUDIT_LEAF];
    db_int(q, 1, level ? (int64_t)level : (int64_t)at + 1);
    if (level) db_int(q, 2, (int64_t)at);
    return get_hash(q, h);
}

struct merkle_nodes trail_nodes(struct store *s)
{
    return (struct merkle_nodes){get_node, s};
}

static enum err add_node(void *ctx, unsigned level, uint64_t at, const struct merkle_hash *h)
{
    struct store *s = ctx;
    struct db_query *q = s->q[Q_AUDIT_NODE_ADD];
    db_int(q, 1, level);
    db_int(q, 2, (int64_t)at);
    db_blob(q, 3, SPAN_OF(h->b));
    return db_change(q);
}

enum err store_audit(struct store *s, struct wall now, const struct audit_row *a)
{
    struct db_query *q = s->q[Q_AUDIT_ADD];
    struct merkle_hash leaf;
    struct audit_entry entry = {s->trail_next.size + 1,
                                now.ms,
                                span_str(a->who),
                                span_str(a->verb),
                                span_str(a->room),
                                span_str(a->object),
                                span_str(a->from),
                                a->allowed,
                                a->rule};
    const struct span text[] = {entry.who, entry.verb, entry.room, entry.object, entry.from};
    if (!s->open_transaction) return ERR_STATE;
    enum err e = audit_leaf(s->crypto, &entry, &leaf);
    if (e) return e;
    db_int(q, 1, (int64_t)entry.seq);
    db_int(q, 2, entry.at_ms);
    for (unsigned i = 0; i < COUNT_OF(text); i++)
        db_text(q, 3 + (int)i, text[i]);
    db_int(q, 8, entry.allowed);
    db_int(q, 9, entry.rule);
    db_blob(q, 10, SPAN_OF(leaf.b));
    e = db_change(q);
    return e ? e : merkle_append(s->crypto, &s->trail_next, &leaf, add_node, s);
}

static enum err read_head(struct db_query *q, struct audit_head *h, bool *there)
{
    enum err e = db_step(q, there);
    if (!e && *there) {
        struct span root = db_get_blob(q, 3), signature = db_get_blob(q, 4);
        if (root.n != sizeof h->root.b || signature.n != sizeof h->signature) e = ERR_FORMAT;
        if (!e) {
            h->size = (uint64_t)db_get_int(q, 0);
            h->before = (uint64_t)db_get_int(q, 1);
            h->at_ms = db_get_int(q, 2);
            memcpy(h->root.b, root.p, root.n);
            memcpy(h->signature, signature.p, signature.n);
        }
    }
    db_done(q);
    return e;
}

enum err trail_head_after(struct store *s, uint64_t size, struct audit_head *h, bool *there)
{
    db_int(s->q[Q_AUDIT_HEAD], 1, (int64_t)size);
    return read_head(s->q[Q_AUDIT_HEAD], h, there);
}

/* Rows that an incamera without the tree wrote have no leaf yet. */
static enum err add_leaves(struct store *s)
{
    struct db_query *q = s->q[Q_AUDIT_LEAFLESS], *set = s->q[Q_AUDIT_LEAF_SET];
    bool row = true;
    enum err e = store_begin(s);
    while (!e) {
        struct merkle_hash leaf = {{0}};
        e = db_step(q, &row);
        if (e || !row) break;
        struct audit_entry a = {
            (uint64_t)db_get_int(q, 0), db_get_int(q, 1),      db_get_text(q, 2),
            db_get_text(q, 3),          db_get_text(q, 4),     db_get_text(q, 5),
            db_get_text(q, 6),          db_get_int(q, 7) != 0, (uint16_t)db_get_int(q, 8)};
        uint64_t seq = a.seq;
        if (seq != s->trail_next.size + 1) e = ERR_FORMAT;
        if (!e) e = audit_leaf(s->crypto, &a, &leaf);
        db_done(q);
        db_int(set, 1, (int64_t)seq);
        db_blob(set, 2, SPAN_OF(leaf.b));
        if (!e) e = db_change(set);
        if (!e) e = merkle_append(s->crypto, &s->trail_next, &leaf, add_node, s);
    }
    db_done(q);
    if (!e) return store_commit(s);
    store_rollback(s);
    return e;
}

enum err trail_open(struct store *s)
{
    struct db_query *q = s->q[Q_AUDIT_SIZE];
    struct merkle_nodes nodes = trail_nodes(s);
    struct merkle_hash first;
    bool row = false, head = false;
    enum err e = db_step(q, &row);
    uint64_t size = !e && row ? (uint64_t)db_get_int(q, 0) : 0;
    bool gap = !e && row && size != (uint64_t)db_get_int(q, 1);
    db_done(q);
    if (e) return e;
    if (gap) return ERR_FORMAT;
    /* a trail of an older version has no leaf at all; one with some is damaged */
    if (size && get_node(s, 0, 0, &first)) return add_leaves(s);
    e = merkle_edge_of(&nodes, size, &s->trail);
    if (!e) e = read_head(s->q[Q_AUDIT_HEAD_LAST], &s->head, &head);
    return e;
}

bool trail_whole(struct store *s)
{
    struct merkle_nodes nodes = trail_nodes(s);
    struct merkle_edge edge;
    struct merkle_hash root;
    if (!s->head.size) return true;
    if (s->head.size > s->trail.size || merkle_edge_of(&nodes, s->head.size, &edge)) return false;
    return merkle_root(s->crypto, &edge, &root) == OK && memcmp(root.b, s->head.root.b, sizeof root.b) == 0;
}

enum err trail_keep_head(struct store *s, const struct audit_head *h)
{
    struct db_query *q = s->q[Q_AUDIT_HEAD_ADD];
    enum err e = store_begin(s);
    if (e) return e;
    db_int(q, 1, (int64_t)h->size);
    db_int(q, 2, (int64_t)h->before);
    db_int(q, 3, h->at_ms);
    db_blob(q, 4, SPAN_OF(h->root.b));
    db_blob(q, 5, SPAN_OF(h->signature));
    e = db_change(q);
    if (e) {
        store_rollback(s);
        return e;
    }
    e = store_commit(s);
    if (!e) s->head = *h;
    return e;
}
