/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/rules.h"

#include "seal/proposals.h"

/* ---- one leaf ---- */

static bool kind_allowed(const struct policy *p, uint8_t kind)
{
    for (size_t i = 0; i < p->credentials_n; i++)
        if (p->credentials[i].kind == kind) return true;
    return false;
}

enum err rules_admit(const struct rules *room, const struct mls_leaf *l)
{
    struct identity who;
    uint8_t id[IDENTITY_GUEST_ID];
    if (l->credential_type != MLS_CREDENTIAL_BASIC || l->extensions.n) return ERR_DENIED;
    enum err e = identity_decode(l->credential, &who);
    if (e) return e;
    if (who.kind == IDENTITY_ARCHIVE || !kind_allowed(room->policy, who.kind)) return ERR_DENIED;
    if (room->policy->has_archive && span_equal(l->signature_key, room->policy->archive.signature_key))
        return ERR_DENIED;
    if (who.kind != IDENTITY_GUEST) return OK;
    if ((e = identity_guest_id(room->crypto, l->signature_key, id))) return e;
    return span_equal(SPAN_OF(id), who.id) ? OK : ERR_DENIED;
}

static bool named(const struct policy *p, const uint8_t hash[static POLICY_HASH_SIZE])
{
    for (size_t i = 0; i < p->moderators_n; i++)
        if (span_equal(p->moderators[i], SPAN(hash, POLICY_HASH_SIZE))) return true;
    return false;
}

bool rules_moderator(const struct rules *room, const struct mls_leaf *l)
{
    const struct policy *p = room->policy;
    struct identity who;
    uint8_t hash[POLICY_HASH_SIZE];
    if (identity_decode(l->credential, &who) != OK) return false;
    for (size_t i = 0; i < p->credentials_n; i++)
        if (p->credentials[i].kind == who.kind &&
            identity_hash(room->crypto, who.kind, p->credentials[i].issuer, who.id, hash) == OK &&
            named(p, hash))
            return true;
    return false;
}

static bool same_person(const struct mls_leaf *a, const struct mls_leaf *b)
{
    struct identity x, y;
    if (identity_decode(a->credential, &x) != OK || identity_decode(b->credential, &y) != OK) return false;
    if (x.kind != y.kind || !span_equal(x.id, y.id)) return false;
    return x.kind != IDENTITY_GUEST || span_equal(a->signature_key, b->signature_key);
}

/* ---- the group ---- */

static enum err rule_context(const struct rules_in *in)
{
    struct reader r = reader_of(group_extensions(in->group));
    struct mls_extension e;
    bool delegation = false, policy = false;
    while (mls_extension_next(&r, &e)) {
        policy = policy || e.type == POLICY_EXTENSION;
        delegation = delegation || e.type == RULES_DELEGATION;
        if (e.type != POLICY_EXTENSION && e.type != RULES_DELEGATION &&
            e.type != MLS_EXT_REQUIRED_CAPABILITIES)
            return ERR_DENIED;
    }
    return policy && delegation == (in->room->policy->mode == POLICY_WITNESSED) ? OK : ERR_DENIED;
}

static enum err rule_policy(const struct rules_in *in)
{
    struct span bytes;
    struct policy_signed p;
    uint8_t hash[POLICY_HASH_SIZE];
    if (!mls_extension_find(group_extensions(in->group), POLICY_EXTENSION, &bytes)) return ERR_DENIED;
    enum err e = policy_decode(bytes, &p);
    if (e == OK) e = policy_hash(in->room->crypto, &p, hash);
    if (e == OK && !span_equal(SPAN_OF(hash), SPAN_OF(in->room->policy_hash))) e = ERR_DENIED;
    if (e == OK) e = policy_verify(in->room->crypto, &p);
    return e ? e : policy_check(&p.policy);
}

static enum err rule_suite(const struct rules_in *in)
{
    for (size_t i = 0; i < in->room->policy->mls_suites_n; i++)
        if (in->room->policy->mls_suites[i] == group_suite(in->group)) return OK;
    return ERR_DENIED;
}

static enum err rule_group_id(const struct rules_in *in)
{
    struct span id = group_id(in->group), room = in->room->policy->room_id;
    if (id.n != room.n && id.n != room.n + RULES_NONCE) return ERR_DENIED;
    return span_equal(span_part(id, 0, room.n), room) ? OK : ERR_DENIED;
}

static enum err rule_invited(const struct rules_in *in)
{
    if (group_welcomed_by(in->group) == UINT32_MAX) return OK; /* the creator */
    return group_joined_with_psk(in->group, in->room->psk_id) ? OK : ERR_DENIED;
}

static enum err rule_everyone(const struct rules_in *in)
{
    struct mls_leaf l;
    for (uint32_t i = 0; i < group_slots(in->group); i++) {
        enum err e = group_leaf(in->group, i, &l) ? rules_admit(in->room, &l) : OK;
        if (e) return e;
    }
    return OK;
}

static enum err rule_door(const struct rules_in *in)
{
    struct mls_leaf l;
    uint32_t by = group_welcomed_by(in->group);
    if (in->room->policy->join_rule != POLICY_LOBBY) return OK;
    if (by == UINT32_MAX) by = group_own_leaf(in->group); /* only a moderator creates */
    return group_leaf(in->group, by, &l) && rules_moderator(in->room, &l) ? OK : ERR_DENIED;
}

const struct rules_row rules_at_join[] = {
    {"the group bears other extensions than a room", rule_context},
    {"the group has another policy than the link", rule_policy},
    {"the policy does not name this suite", rule_suite},
    {"the group is of another room", rule_group_id},
    {"the Welcome does not need the join secret", rule_invited},
    {"a leaf that may not be here", rule_everyone},
    {"admitted by nobody who may", rule_door},
    {NULL, NULL},
};

/* ---- commits ---- */

#define EACH(p, in)                                                                                          \
    for (const struct proposal *p = (in)->commit->proposals->item, *end_ = p + (in)->commit->proposals->n;   \
         p < end_; p++)

/* Without GroupContextExtensions the context's extensions, and so the policy, stay byte for byte what they
 * were. */
static enum err rule_types(const struct rules_in *in)
{
    EACH(p, in)
    if (p->is.type != MLS_ADD && p->is.type != MLS_REMOVE && p->is.type != MLS_UPDATE &&
        p->is.type != MLS_PSK)
        return ERR_DENIED;
    return OK;
}

static enum err rule_psk(const struct rules_in *in)
{
    size_t adds = 0, psks = 0;
    EACH(p, in)
    {
        adds += p->is.type == MLS_ADD;
        if (p->is.type != MLS_PSK) continue;
        psks++;
        if (p->is.psk.type != MLS_PSK_EXTERNAL || !span_equal(p->is.psk.id, in->room->psk_id))
            return ERR_DENIED;
    }
    return psks == (adds > 0) ? OK : ERR_DENIED;
}

static enum err rule_new_leaves(const struct rules_in *in)
{
    EACH(p, in)
    {
        enum err e = p->is.type == MLS_ADD      ? rules_admit(in->room, &p->is.add.leaf)
                     : p->is.type == MLS_UPDATE ? rules_admit(in->room, &p->is.update)
                                                : OK;
        if (e) return e;
    }
    struct mls_leaf l;
    if (!in->commit->path || !incoming_leaf(in->commit, in->commit->sender, &l)) return OK;
    return rules_admit(in->room, &l);
}

/* Nobody becomes another by an Update or a path. */
static enum err rule_same_person(const struct rules_in *in)
{
    struct mls_leaf before, after;
    EACH(p, in)
    if (p->is.type == MLS_UPDATE &&
        !(group_leaf(in->group, p->sender, &before) && same_person(&before, &p->is.update)))
        return ERR_DENIED;
    if (!in->commit->path || !incoming_leaf(in->commit, in->commit->sender, &after)) return OK;
    return group_leaf(in->group, in->commit->sender, &before) && same_person(&before, &after) ? OK
                                                                                              : ERR_DENIED;
}

/* Whether an Add replaces a leaf: removed by the same commit, and the same person. */
static bool resyncs(const struct rules_in *in, const struct mls_leaf *added)
{
    struct mls_leaf old;
    EACH(p, in)
    if (p->is.type == MLS_REMOVE && group_leaf(in->group, p->is.remove, &old) && same_person(&old, added))
        return true;
    return false;
}

static bool moderates(const struct rules_in *in, uint32_t leaf)
{
    struct mls_leaf l;
    return group_leaf(in->group, leaf, &l) && rules_moderator(in->room, &l);
}

static enum err rule_lobby(const struct rules_in *in)
{
    if (in->room->policy->join_rule != POLICY_LOBBY || moderates(in, in->commit->sender)) return OK;
    EACH(p, in)
    if (p->is.type == MLS_ADD && !resyncs(in, &p->is.add.leaf)) return ERR_DENIED;
    return OK;
}

static bool replaced(const struct rules_in *in, uint32_t leaf)
{
    struct mls_leaf old;
    if (!group_leaf(in->group, leaf, &old)) return false;
    EACH(p, in)
    if (p->is.type == MLS_ADD && same_person(&old, &p->is.add.leaf)) return true;
    return false;
}

static enum err rule_moderators_only(const struct rules_in *in)
{
    if (!(in->room->policy->flags & POLICY_MODERATORS_ONLY)) return OK;
    EACH(p, in)
    if (p->is.type == MLS_REMOVE && p->sender != p->is.remove && !moderates(in, p->sender) &&
        !replaced(in, p->is.remove))
        return ERR_DENIED;
    return OK;
}

const struct rules_row rules_at_commit[] = {
    {"a proposal that rooms do not have", rule_types},
    {"an Add without the join secret, or another PSK", rule_psk},
    {"a leaf that may not be here", rule_new_leaves},
    {"somebody becomes another", rule_same_person},
    {"an Add past the lobby", rule_lobby},
    {"a Remove that only moderators may", rule_moderators_only},
    {NULL, NULL},
};

static enum err run(const struct rules_row *rows, const struct rules_in *in, const char **name)
{
    for (; rows->name; rows++) {
        enum err e = rows->check(in);
        if (e && name) *name = rows->name;
        if (e) return e;
    }
    return OK;
}

enum err rules_join(const struct rules *room, const struct group *g, const char **name)
{
    struct rules_in in = {room, g, NULL};
    return group_closed(g) ? ERR_CLOSED : run(rules_at_join, &in, name);
}

enum err rules_commit(const struct rules *room, const struct group *g, const struct incoming *commit,
                      const char **name)
{
    struct rules_in in = {room, g, commit};
    if (group_closed(g)) return ERR_CLOSED;
    if (commit->kind != INCOMING_COMMIT) return ERR_STATE;
    return commit->own ? OK : run(rules_at_commit, &in, name);
}
