/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/leaf.h"

enum err leaf_tbs(const struct mls_leaf *l, struct span group_id, uint32_t index, struct blob *tbs)
{
    PACK(tbs)
    {
        mls_leaf_write_tbs(&k.w, l);
        if (l->source == MLS_SOURCE_KEY_PACKAGE) continue;
        write_vecv(&k.w, group_id);
        write_u32(&k.w, index);
    }
    return tbs->p ? OK : ERR_NOMEM;
}

enum err leaf_verify(const struct suite *s, const struct mls_leaf *l, struct span group_id, uint32_t index)
{
    struct blob tbs = {0};
    enum err e = leaf_tbs(l, group_id, index, &tbs);
    if (e == OK)
        e = suite_verify(s, l->signature_key, SPAN_LIT("LeafNodeTBS"), blob_span(&tbs), l->signature);
    blob_drop(&tbs);
    return e;
}

/* Extension types 1 to 5 and proposal types 1 to 7 are every member's. */
static bool supports_extension(const struct mls_capabilities *c, uint16_t type)
{
    return (type >= MLS_EXT_APPLICATION_ID && type <= MLS_EXT_EXTERNAL_SENDERS) ||
           mls_u16_has(c->extensions, type);
}

static bool supports_proposal(const struct mls_capabilities *c, uint16_t type)
{
    return (type >= MLS_ADD && type <= MLS_CONTEXT_EXTENSIONS) || mls_u16_has(c->proposals, type);
}

static bool supports_extensions(const struct mls_capabilities *c, struct span extensions)
{
    struct reader r = reader_of(extensions);
    struct mls_extension x;
    while (mls_extension_next(&r, &x))
        if (!supports_extension(c, x.type)) return false;
    return true;
}

enum err leaf_check(const struct mls_leaf *l, uint8_t source)
{
    if (l->source != source) return ERR_FORMAT;
    if (!mls_u16_has(l->capabilities.credentials, l->credential_type)) return ERR_FORMAT;
    return supports_extensions(&l->capabilities, l->extensions) ? OK : ERR_FORMAT;
}

enum err leaf_check_time(const struct mls_leaf *l, struct wall now)
{
    if (l->source != MLS_SOURCE_KEY_PACKAGE) return OK;
    if (now.ms < 0) return ERR_EXPIRED;
    uint64_t s = (uint64_t)now.ms / 1000;
    return s >= l->not_before && s <= l->not_after ? OK : ERR_EXPIRED;
}

enum err key_package_check(const struct suite *s, const struct mls_key_package *k)
{
    if (k->version != MLS_VERSION || k->suite != s->id) return ERR_UNSUPPORTED;
    if (k->init_key.n != s->npk || k->leaf.encryption_key.n != s->npk ||
        !suite_sign_key_fits(s, k->leaf.signature_key))
        return ERR_FORMAT;
    if (span_equal(k->init_key, k->leaf.encryption_key)) return ERR_FORMAT;
    enum err e = leaf_check(&k->leaf, MLS_SOURCE_KEY_PACKAGE);
    if (e == OK) e = leaf_verify(s, &k->leaf, SPAN_NONE, 0);
    if (e == OK) e = suite_verify(s, k->leaf.signature_key, SPAN_LIT("KeyPackageTBS"), k->tbs, k->signature);
    return e;
}

enum err leaf_required_read(struct span data, struct leaf_required *q)
{
    struct reader r = reader_of(data);
    struct leaf_required new = {read_vecv(&r), read_vecv(&r), read_vecv(&r)};
    enum err e = read_end(&r);
    if (e == OK && (new.extensions.n % 2 || new.proposals.n % 2 || new.credentials.n % 2)) e = ERR_FORMAT;
    if (e == OK) *q = new;
    return e;
}

static uint16_t u16_of(struct span list, size_t i)
{
    return (uint16_t)(list.p[i] << 8 | list.p[i + 1]);
}

static bool bears(const struct mls_capabilities *c, const struct leaf_required *q)
{
    for (size_t i = 0; i < q->extensions.n; i += 2)
        if (!supports_extension(c, u16_of(q->extensions, i))) return false;
    for (size_t i = 0; i < q->proposals.n; i += 2)
        if (!supports_proposal(c, u16_of(q->proposals, i))) return false;
    for (size_t i = 0; i < q->credentials.n; i += 2)
        if (!mls_u16_has(c->credentials, u16_of(q->credentials, i))) return false;
    return true;
}

static enum err credential_types(const struct tree *t, uint16_t *types, size_t *count)
{
    struct mls_leaf l;
    for (uint32_t i = 0; i < t->leaves; i++) {
        size_t k = 0;
        if (!tree_leaf(t, i, &l)) continue;
        while (k < *count && types[k] != l.credential_type)
            k++;
        if (k < *count) continue;
        if (*count == LEAF_CREDENTIALS_MAX) return ERR_LIMIT;
        types[(*count)++] = l.credential_type;
    }
    return OK;
}

enum err leaf_check_all(const struct tree *t, struct span context_extensions)
{
    struct leaf_required q = {0};
    struct span data;
    struct mls_leaf l;
    uint16_t types[LEAF_CREDENTIALS_MAX];
    size_t count = 0;
    enum err e = OK;
    if (mls_extension_find(context_extensions, MLS_EXT_REQUIRED_CAPABILITIES, &data))
        e = leaf_required_read(data, &q);
    if (e == OK) e = credential_types(t, types, &count);
    for (uint32_t i = 0; i < t->leaves && e == OK; i++) {
        if (!tree_leaf(t, i, &l)) continue;
        if (!bears(&l.capabilities, &q) || !supports_extensions(&l.capabilities, context_extensions))
            e = ERR_UNSUPPORTED;
        for (size_t k = 0; k < count && e == OK; k++)
            if (!mls_u16_has(l.capabilities.credentials, types[k])) e = ERR_UNSUPPORTED;
    }
    return e;
}
