/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/outside.h"

#include "seal/group.h"
#include "seal/leaf.h"

bool outside_taken(uint8_t bits, uint8_t from)
{
    switch (from) {
    case MLS_MEMBER:
        return true;
    case MLS_EXTERNAL:
        return bits & GROUP_EXTERNAL_SENDERS;
    case MLS_NEW_PROPOSAL:
        return bits & GROUP_OWN_ADDS;
    case MLS_NEW_COMMIT:
        return bits & GROUP_EXTERNAL_COMMITS;
    default:
        return false;
    }
}

bool outside_may(uint8_t from, uint16_t type)
{
    if (from == MLS_MEMBER) return true;
    if (from == MLS_NEW_PROPOSAL) return type == MLS_ADD;
    return from == MLS_EXTERNAL && (type == MLS_ADD || type == MLS_REMOVE || type == MLS_PSK ||
                                    type == MLS_REINIT || type == MLS_CONTEXT_EXTENSIONS);
}

/* ---- external_senders ---- */

static bool sender_next(struct reader *r, struct outside_sender *s)
{
    if (read_left(r) == 0) return false;
    s->signature_key = read_vecv(r);
    s->credential_type = read_u16(r);
    s->credential = read_vecv(r); /* of X.509 a vector of certificates, which is one too */
    return !r->bad;
}

static enum err senders_read(struct span data, struct span *list)
{
    struct reader r = reader_of(data);
    struct outside_sender s;
    struct span all = read_vecv(&r);
    size_t n = 0;
    enum err e = read_end(&r);
    if (e) return e;
    for (r = reader_of(all); sender_next(&r, &s);) {
        if (s.credential_type != MLS_CREDENTIAL_BASIC && s.credential_type != MLS_CREDENTIAL_X509)
            return ERR_UNSUPPORTED; /* its length is not known */
        n++;
    }
    if (r.bad) return ERR_FORMAT;
    if (n > OUTSIDE_SENDERS_MAX) return ERR_LIMIT;
    *list = all;
    return OK;
}

enum err outside_context_check(struct span extensions)
{
    struct span data, list;
    struct leaf_required q;
    enum err e = OK;
    if (mls_extension_find(extensions, MLS_EXT_REQUIRED_CAPABILITIES, &data))
        e = leaf_required_read(data, &q);
    if (e == OK && mls_extension_find(extensions, MLS_EXT_EXTERNAL_SENDERS, &data))
        e = senders_read(data, &list);
    return e;
}

bool outside_sender(struct span context_extensions, uint32_t index, struct outside_sender *s)
{
    struct span data, list;
    if (!mls_extension_find(context_extensions, MLS_EXT_EXTERNAL_SENDERS, &data)) return false;
    if (senders_read(data, &list) != OK) return false;
    struct reader r = reader_of(list);
    for (uint32_t i = 0; sender_next(&r, s); i++)
        if (i == index) return true;
    return false;
}

/* ---- whose signature ---- */

enum err outside_key(const struct mls_signed *m, struct span context_extensions, struct span *key)
{
    const struct mls_content *c = &m->content;
    if (m->wire != MLS_PUBLIC) return ERR_DENIED;
    if (c->from == MLS_NEW_COMMIT) {
        struct mls_commit commit;
        if (c->type != MLS_COMMIT) return ERR_DENIED;
        enum err e = mls_commit_read(c->body, &commit);
        if (e == OK && !commit.has_path) e = ERR_DENIED;
        if (e == OK) *key = commit.path.leaf.signature_key;
        return e;
    }
    if (c->type != MLS_PROPOSAL) return ERR_DENIED;
    if (c->from == MLS_NEW_PROPOSAL) {
        struct mls_proposal p;
        enum err e = mls_proposal_read(c->body, &p);
        if (e == OK && p.type != MLS_ADD) e = ERR_DENIED;
        if (e == OK) *key = p.add.leaf.signature_key;
        return e;
    }
    struct outside_sender s;
    if (!outside_sender(context_extensions, c->sender, &s)) return ERR_UNKNOWN;
    *key = s.signature_key;
    return OK;
}
