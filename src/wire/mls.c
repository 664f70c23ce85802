/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/mls.h"

static struct span since(const struct reader *r, const uint8_t *start)
{
    return SPAN(start, r->bad ? 0 : (size_t)(r->p - start));
}

static enum err whole(const struct reader *r, enum err e)
{
    return e ? e : read_end(r);
}

static void write_list(struct writer *w, struct span list)
{
    write_vecv(w, list);
}

bool mls_u16_has(struct span list, uint16_t v)
{
    for (size_t i = 0; i + 1 < list.n; i += 2)
        if (list.p[i] == v >> 8 && list.p[i + 1] == (v & 0xff)) return true;
    return false;
}

/* ---- extensions ---- */

bool mls_extension_next(struct reader *r, struct mls_extension *e)
{
    if (read_left(r) == 0) return false;
    e->type = read_u16(r);
    e->data = read_vecv(r);
    return !r->bad;
}

enum err mls_extensions_check(struct span extensions)
{
    struct reader r = reader_of(extensions);
    struct mls_extension e;
    uint16_t seen[MLS_EXTENSIONS_MAX];
    size_t n = 0;
    while (mls_extension_next(&r, &e)) {
        if (n == MLS_EXTENSIONS_MAX) return ERR_LIMIT;
        for (size_t i = 0; i < n; i++)
            if (seen[i] == e.type) return ERR_FORMAT;
        seen[n++] = e.type;
    }
    return read_end(&r);
}

bool mls_extension_find(struct span extensions, uint16_t type, struct span *data)
{
    struct reader r = reader_of(extensions);
    struct mls_extension e;
    while (mls_extension_next(&r, &e))
        if (e.type == type) {
            *data = e.data;
            return true;
        }
    return false;
}

void mls_extension_write(struct writer *w, const struct mls_extension *e)
{
    write_u16(w, e->type);
    write_vecv(w, e->data);
}

static enum err extensions_in(struct reader *r, struct span *extensions)
{
    *extensions = read_vecv(r);
    return r->bad ? ERR_SHORT : mls_extensions_check(*extensions);
}

/* ---- nodes ---- */

static struct span u16_list(struct reader *r)
{
    struct span s = read_vecv(r);
    if (s.n % 2) r->bad = true;
    return s;
}

static enum err credential_in(struct reader *r, struct mls_leaf *l)
{
    l->credential_type = read_u16(r);
    if (r->bad) return ERR_SHORT;
    if (l->credential_type != MLS_CREDENTIAL_BASIC && l->credential_type != MLS_CREDENTIAL_X509)
        return ERR_UNSUPPORTED;
    l->credential = read_vecv(r);
    if (r->bad) return ERR_SHORT;
    if (l->credential_type == MLS_CREDENTIAL_BASIC) return OK;
    struct reader list = reader_of(l->credential);
    while (read_left(&list))
        (void)read_vecv(&list);
    return read_end(&list);
}

static enum err source_in(struct reader *r, struct mls_leaf *l)
{
    l->source = read_u8(r);
    l->not_before = l->not_after = 0;
    l->parent_hash = SPAN_NONE;
    switch (l->source) {
    case MLS_SOURCE_KEY_PACKAGE:
        l->not_before = read_u64(r);
        l->not_after = read_u64(r);
        break;
    case MLS_SOURCE_UPDATE:
        break;
    case MLS_SOURCE_COMMIT:
        l->parent_hash = read_vecv(r);
        break;
    default:
        return r->bad ? ERR_SHORT : ERR_FORMAT;
    }
    return read_ok(r);
}

static enum err leaf_in(struct reader *r, struct mls_leaf *l)
{
    const uint8_t *start = r->p;
    l->encryption_key = read_vecv(r);
    l->signature_key = read_vecv(r);
    enum err e = credential_in(r, l);
    if (e) return e;
    struct mls_capabilities *c = &l->capabilities;
    c->versions = u16_list(r);
    c->suites = u16_list(r);
    c->extensions = u16_list(r);
    c->proposals = u16_list(r);
    c->credentials = u16_list(r);
    if ((e = source_in(r, l)) || (e = extensions_in(r, &l->extensions))) return e;
    l->tbs = since(r, start);
    l->signature = read_vecv(r);
    l->raw = since(r, start);
    return read_ok(r);
}

void mls_leaf_write_tbs(struct writer *w, const struct mls_leaf *l)
{
    write_vecv(w, l->encryption_key);
    write_vecv(w, l->signature_key);
    write_u16(w, l->credential_type);
    write_vecv(w, l->credential);
    write_list(w, l->capabilities.versions);
    write_list(w, l->capabilities.suites);
    write_list(w, l->capabilities.extensions);
    write_list(w, l->capabilities.proposals);
    write_list(w, l->capabilities.credentials);
    write_u8(w, l->source);
    if (l->source == MLS_SOURCE_KEY_PACKAGE) {
        write_u64(w, l->not_before);
        write_u64(w, l->not_after);
    }
    if (l->source == MLS_SOURCE_COMMIT) write_vecv(w, l->parent_hash);
    write_list(w, l->extensions);
}

void mls_leaf_write(struct writer *w, const struct mls_leaf *l)
{
    mls_leaf_write_tbs(w, l);
    write_vecv(w, l->signature);
}

enum err mls_leaf_read(struct span in, struct mls_leaf *l)
{
    struct reader r = reader_of(in);
    return whole(&r, leaf_in(&r, l));
}

static enum err parent_in(struct reader *r, struct mls_parent *p)
{
    p->encryption_key = read_vecv(r);
    p->parent_hash = read_vecv(r);
    p->unmerged = read_vecv(r);
    if (p->unmerged.n % 4) return ERR_FORMAT;
    return read_ok(r);
}

void mls_parent_write(struct writer *w, const struct mls_parent *p)
{
    write_vecv(w, p->encryption_key);
    write_vecv(w, p->parent_hash);
    write_vecv(w, p->unmerged);
}

enum err mls_tree_read(struct span extension, struct span *nodes)
{
    struct reader r = reader_of(extension);
    struct span s = read_vecv(&r);
    enum err e = read_end(&r);
    if (e == OK) *nodes = s;
    return e;
}

bool mls_node_next(struct reader *r, struct mls_node *n, enum err *e)
{
    *e = OK;
    if (read_left(r) == 0) {
        if (r->bad) *e = ERR_SHORT;
        return false;
    }
    uint8_t present = read_u8(r);
    n->present = present == 1;
    if (present > 1) *e = ERR_FORMAT;
    if (present == 1) {
        uint8_t type = read_u8(r);
        n->is_leaf = type == 1;
        *e = type == 1 ? leaf_in(r, &n->leaf) : type == 2 ? parent_in(r, &n->parent) : ERR_FORMAT;
    }
    if (*e == OK && r->bad) *e = ERR_SHORT;
    return *e == OK;
}

/* ---- key packages, proposals ---- */

static enum err key_package_in(struct reader *r, struct mls_key_package *k)
{
    const uint8_t *start = r->p;
    k->version = read_u16(r);
    k->suite = read_u16(r);
    k->init_key = read_vecv(r);
    enum err e = leaf_in(r, &k->leaf);
    if (e == OK) e = extensions_in(r, &k->extensions);
    if (e) return e;
    k->tbs = since(r, start);
    k->signature = read_vecv(r);
    k->raw = since(r, start);
    return read_ok(r);
}

void mls_key_package_write_tbs(struct writer *w, const struct mls_key_package *k)
{
    write_u16(w, k->version);
    write_u16(w, k->suite);
    write_vecv(w, k->init_key);
    mls_leaf_write(w, &k->leaf);
    write_list(w, k->extensions);
}

void mls_key_package_write(struct writer *w, const struct mls_key_package *k)
{
    mls_key_package_write_tbs(w, k);
    write_vecv(w, k->signature);
}

enum err mls_key_package_read(struct span in, struct mls_key_package *k)
{
    struct reader r = reader_of(in);
    return whole(&r, key_package_in(&r, k));
}

static enum err psk_id_in(struct reader *r, struct mls_psk_id *p)
{
    const uint8_t *start = r->p;
    *p = (struct mls_psk_id){.type = read_u8(r)};
    if (p->type == MLS_PSK_EXTERNAL) {
        p->id = read_vecv(r);
    } else if (p->type == MLS_PSK_RESUMPTION) {
        p->usage = read_u8(r);
        p->group_id = read_vecv(r);
        p->epoch = read_u64(r);
        if (!r->bad && (p->usage < MLS_USAGE_APPLICATION || p->usage > MLS_USAGE_BRANCH)) return ERR_FORMAT;
    } else {
        return r->bad ? ERR_SHORT : ERR_FORMAT;
    }
    p->nonce = read_vecv(r);
    p->raw = since(r, start);
    return read_ok(r);
}

void mls_psk_id_write(struct writer *w, const struct mls_psk_id *p)
{
    write_u8(w, p->type);
    if (p->type == MLS_PSK_EXTERNAL) {
        write_vecv(w, p->id);
    } else {
        write_u8(w, p->usage);
        write_vecv(w, p->group_id);
        write_u64(w, p->epoch);
    }
    write_vecv(w, p->nonce);
}

bool mls_psk_next(struct reader *r, struct mls_psk_id *p)
{
    return read_left(r) > 0 && psk_id_in(r, p) == OK;
}

static enum err proposal_body_in(struct reader *r, struct mls_proposal *p)
{
    switch (p->type) {
    case MLS_ADD:
        return key_package_in(r, &p->add);
    case MLS_UPDATE:
        return leaf_in(r, &p->update);
    case MLS_REMOVE:
        p->remove = read_u32(r);
        return read_ok(r);
    case MLS_PSK:
        return psk_id_in(r, &p->psk);
    case MLS_REINIT:
        p->reinit.group_id = read_vecv(r);
        p->reinit.version = read_u16(r);
        p->reinit.suite = read_u16(r);
        return extensions_in(r, &p->reinit.extensions);
    case MLS_EXTERNAL_INIT:
        p->kem_output = read_vecv(r);
        return read_ok(r);
    case MLS_CONTEXT_EXTENSIONS:
        return extensions_in(r, &p->extensions);
    default:
        return r->bad ? ERR_SHORT : ERR_UNSUPPORTED;
    }
}

static enum err proposal_in(struct reader *r, struct mls_proposal *p)
{
    const uint8_t *start = r->p;
    p->type = read_u16(r);
    enum err e = proposal_body_in(r, p);
    p->raw = since(r, start);
    return e;
}

bool mls_proposal_next(struct reader *r, struct mls_proposal *p)
{
    return read_left(r) > 0 && proposal_in(r, p) == OK;
}

enum err mls_proposal_body_read(struct span in, uint16_t type, struct mls_proposal *p)
{
    struct reader r = reader_of(in);
    p->type = type;
    p->raw = SPAN_NONE;
    return whole(&r, proposal_body_in(&r, p));
}

enum err mls_proposal_read(struct span in, struct mls_proposal *p)
{
    struct reader r = reader_of(in);
    return whole(&r, proposal_in(&r, p));
}

void mls_proposal_body_write(struct writer *w, const struct mls_proposal *p)
{
    switch (p->type) {
    case MLS_ADD:
        mls_key_package_write(w, &p->add);
        break;
    case MLS_UPDATE:
        mls_leaf_write(w, &p->update);
        break;
    case MLS_REMOVE:
        write_u32(w, p->remove);
        break;
    case MLS_PSK:
        mls_psk_id_write(w, &p->psk);
        break;
    case MLS_REINIT:
        write_vecv(w, p->reinit.group_id);
        write_u16(w, p->reinit.version);
        write_u16(w, p->reinit.suite);
        write_list(w, p->reinit.extensions);
        break;
    case MLS_EXTERNAL_INIT:
        write_vecv(w, p->kem_output);
        break;
    default:
        write_list(w, p->extensions);
    }
}

void mls_proposal_write(struct writer *w, const struct mls_proposal *p)
{
    write_u16(w, p->type);
    mls_proposal_body_write(w, p);
}

/* ---- commits ---- */

static enum err given_in(struct reader *r, struct mls_given *g)
{
    uint8_t kind = read_u8(r);
    g->by_ref = kind == 2;
    if (kind == 1) return proposal_in(r, &g->proposal);
    g->ref = read_vecv(r);
    return r->bad ? ERR_SHORT : kind == 2 ? OK : ERR_FORMAT;
}

bool mls_given_next(struct reader *r, struct mls_given *g)
{
    return read_left(r) > 0 && given_in(r, g) == OK;
}

void mls_given_write(struct writer *w, const struct mls_given *g)
{
    write_u8(w, g->by_ref ? 2 : 1);
    if (g->by_ref)
        write_vecv(w, g->ref);
    else
        mls_proposal_write(w, &g->proposal);
}

bool mls_ciphertext_next(struct reader *r, struct mls_ciphertext *c)
{
    if (read_left(r) == 0) return false;
    c->kem_output = read_vecv(r);
    c->ciphertext = read_vecv(r);
    return !r->bad;
}

void mls_ciphertext_write(struct writer *w, const struct mls_ciphertext *c)
{
    write_vecv(w, c->kem_output);
    write_vecv(w, c->ciphertext);
}

bool mls_path_node_next(struct reader *r, struct mls_path_node *n)
{
    if (read_left(r) == 0) return false;
    n->encryption_key = read_vecv(r);
    n->ciphertexts = read_vecv(r);
    return !r->bad;
}

static enum err path_in(struct reader *r, struct mls_path *p)
{
    enum err e = leaf_in(r, &p->leaf);
    p->nodes = read_vecv(r);
    if (e == OK) e = read_ok(r);
    struct reader nodes = reader_of(p->nodes);
    struct mls_path_node n;
    while (e == OK && mls_path_node_next(&nodes, &n)) {
        struct reader list = reader_of(n.ciphertexts);
        struct mls_ciphertext c;
        while (mls_ciphertext_next(&list, &c))
            continue;
        e = read_end(&list);
    }
    return e ? e : read_end(&nodes);
}

enum err mls_path_read(struct span in, struct mls_path *p)
{
    struct reader r = reader_of(in);
    return whole(&r, path_in(&r, p));
}

void mls_path_write(struct writer *w, const struct mls_path *p)
{
    mls_leaf_write(w, &p->leaf);
    write_list(w, p->nodes);
}

static enum err commit_in(struct reader *r, struct mls_commit *c)
{
    c->proposals = read_vecv(r);
    struct reader list = reader_of(c->proposals);
    struct mls_given g;
    for (c->count = 0; read_left(&list); c->count++) {
        if (c->count == MLS_PROPOSALS_MAX) return ERR_LIMIT;
        enum err e = given_in(&list, &g);
        if (e) return e;
    }
    if (list.bad) return ERR_SHORT;
    uint8_t present = read_u8(r);
    if (r->bad) return ERR_SHORT;
    if (present > 1) return ERR_FORMAT;
    c->has_path = present == 1;
    return c->has_path ? path_in(r, &c->path) : OK;
}

enum err mls_commit_read(struct span in, struct mls_commit *c)
{
    struct reader r = reader_of(in);
    return whole(&r, commit_in(&r, c));
}

void mls_commit_write(struct writer *w, const struct mls_commit *c)
{
    write_list(w, c->proposals);
    write_u8(w, c->has_path);
    if (c->has_path) mls_path_write(w, &c->path);
}

/* ---- framing ---- */

static enum err body_in(struct reader *r, uint8_t type, struct span *body)
{
    const uint8_t *start = r->p;
    enum err e = OK;
    if (type == MLS_APPLICATION) {
        *body = read_vecv(r);
    } else if (type == MLS_PROPOSAL) {
        struct mls_proposal p;
        e = proposal_in(r, &p);
        *body = since(r, start);
    } else if (type == MLS_COMMIT) {
        struct mls_commit c;
        e = commit_in(r, &c);
        *body = since(r, start);
    } else {
        e = ERR_FORMAT;
    }
    return e ? e : read_ok(r);
}

static void body_write(struct writer *w, const struct mls_content *c)
{
    if (c->type == MLS_APPLICATION)
        write_vecv(w, c->body);
    else
        write_bytes(w, c->body);
}

static enum err content_in(struct reader *r, struct mls_content *c)
{
    c->group_id = read_vecv(r);
    c->epoch = read_u64(r);
    c->from = read_u8(r);
    c->sender = c->from == MLS_MEMBER || c->from == MLS_EXTERNAL ? read_u32(r) : 0;
    if (!r->bad && (c->from < MLS_MEMBER || c->from > MLS_NEW_COMMIT)) return ERR_FORMAT;
    c->authenticated_data = read_vecv(r);
    c->type = read_u8(r);
    if (r->bad) return ERR_SHORT;
    return body_in(r, c->type, &c->body);
}

void mls_content_write(struct writer *w, const struct mls_content *c)
{
    write_vecv(w, c->group_id);
    write_u64(w, c->epoch);
    write_u8(w, c->from);
    if (c->from == MLS_MEMBER || c->from == MLS_EXTERNAL) write_u32(w, c->sender);
    write_vecv(w, c->authenticated_data);
    write_u8(w, c->type);
    body_write(w, c);
}

static enum err auth_in(struct reader *r, struct mls_signed *s)
{
    s->signature = read_vecv(r);
    s->confirmation_tag = s->content.type == MLS_COMMIT ? read_vecv(r) : SPAN_NONE;
    return read_ok(r);
}

void mls_auth_write(struct writer *w, const struct mls_signed *s)
{
    write_vecv(w, s->signature);
    if (s->content.type == MLS_COMMIT) write_vecv(w, s->confirmation_tag);
}

void mls_signed_write(struct writer *w, const struct mls_signed *s)
{
    write_u16(w, s->wire);
    mls_content_write(w, &s->content);
    mls_auth_write(w, s);
}

enum err mls_signed_read(struct span in, struct mls_signed *s)
{
    struct reader r = reader_of(in);
    s->wire = read_u16(&r);
    enum err e = content_in(&r, &s->content);
    if (e == OK) e = auth_in(&r, s);
    return whole(&r, e);
}

void mls_inner_write(struct writer *w, const struct mls_signed *s)
{
    body_write(w, &s->content);
    mls_auth_write(w, s);
}

enum err mls_inner_read(struct span in, uint8_t type, struct mls_signed *s)
{
    struct reader r = reader_of(in);
    s->content.type = type;
    enum err e = body_in(&r, type, &s->content.body);
    if (e == OK) e = auth_in(&r, s);
    if (e) return e;
    uint8_t padding = 0;
    while (read_left(&r))
        padding |= read_u8(&r);
    return padding ? ERR_FORMAT : OK;
}

static enum err public_in(struct reader *r, struct mls_public *p)
{
    p->is.wire = MLS_PUBLIC;
    enum err e = content_in(r, &p->is.content);
    if (e == OK) e = auth_in(r, &p->is);
    if (e) return e;
    p->membership_tag = p->is.content.from == MLS_MEMBER ? read_vecv(r) : SPAN_NONE;
    return read_ok(r);
}

static enum err private_in(struct reader *r, struct mls_private *p)
{
    p->group_id = read_vecv(r);
    p->epoch = read_u64(r);
    p->type = read_u8(r);
    if (!r->bad && (p->type < MLS_APPLICATION || p->type > MLS_COMMIT)) return ERR_FORMAT;
    p->authenticated_data = read_vecv(r);
    p->sender_data = read_vecv(r);
    p->ciphertext = read_vecv(r);
    return read_ok(r);
}

/* ---- welcome and group info ---- */

static enum err context_in(struct reader *r, struct mls_context *c)
{
    const uint8_t *start = r->p;
    c->version = read_u16(r);
    c->suite = read_u16(r);
    c->group_id = read_vecv(r);
    c->epoch = read_u64(r);
    c->tree_hash = read_vecv(r);
    c->confirmed_hash = read_vecv(r);
    enum err e = extensions_in(r, &c->extensions);
    c->raw = since(r, start);
    return e;
}

enum err mls_context_read(struct span in, struct mls_context *c)
{
    struct reader r = reader_of(in);
    return whole(&r, context_in(&r, c));
}

void mls_context_write(struct writer *w, const struct mls_context *c)
{
    write_u16(w, c->version);
    write_u16(w, c->suite);
    write_vecv(w, c->group_id);
    write_u64(w, c->epoch);
    write_vecv(w, c->tree_hash);
    write_vecv(w, c->confirmed_hash);
    write_list(w, c->extensions);
}

static enum err group_info_in(struct reader *r, struct mls_group_info *g)
{
    const uint8_t *start = r->p;
    enum err e = context_in(r, &g->context);
    if (e == OK) e = extensions_in(r, &g->extensions);
    if (e) return e;
    g->confirmation_tag = read_vecv(r);
    g->signer = read_u32(r);
    g->tbs = since(r, start);
    g->signature = read_vecv(r);
    g->raw = since(r, start);
    return read_ok(r);
}

enum err mls_group_info_read(struct span in, struct mls_group_info *g)
{
    struct reader r = reader_of(in);
    return whole(&r, group_info_in(&r, g));
}

void mls_group_info_write_tbs(struct writer *w, const struct mls_group_info *g)
{
    mls_context_write(w, &g->context);
    write_list(w, g->extensions);
    write_vecv(w, g->confirmation_tag);
    write_u32(w, g->signer);
}

void mls_group_info_write(struct writer *w, const struct mls_group_info *g)
{
    mls_group_info_write_tbs(w, g);
    write_vecv(w, g->signature);
}

enum err mls_group_secrets_read(struct span in, struct mls_group_secrets *s)
{
    struct reader r = reader_of(in);
    s->joiner_secret = read_vecv(&r);
    uint8_t present = read_u8(&r);
    s->has_path_secret = present == 1;
    s->path_secret = SPAN_NONE;
    if (present > 1) return ERR_FORMAT;
    if (present) s->path_secret = read_vecv(&r);
    s->psks = read_vecv(&r);
    struct reader list = reader_of(s->psks);
    struct mls_psk_id p;
    while (read_left(&list)) {
        enum err e = psk_id_in(&list, &p);
        if (e) return e;
    }
    return list.bad ? ERR_SHORT : read_end(&r);
}

void mls_group_secrets_write(struct writer *w, const struct mls_group_secrets *s)
{
    write_vecv(w, s->joiner_secret);
    write_u8(w, s->has_path_secret);
    if (s->has_path_secret) write_vecv(w, s->path_secret);
    write_list(w, s->psks);
}

bool mls_welcome_secret_next(struct reader *r, struct mls_welcome_secret *s)
{
    if (read_left(r) == 0) return false;
    s->ref = read_vecv(r);
    s->box.kem_output = read_vecv(r);
    s->box.ciphertext = read_vecv(r);
    return !r->bad;
}

static enum err welcome_in(struct reader *r, struct mls_welcome *w)
{
    w->suite = read_u16(r);
    w->secrets = read_vecv(r);
    w->group_info = read_vecv(r);
    struct reader list = reader_of(w->secrets);
    struct mls_welcome_secret s;
    while (mls_welcome_secret_next(&list, &s))
        continue;
    enum err e = read_end(&list);
    return e ? e : read_ok(r);
}

/* ---- the message around all of them ---- */

enum err mls_message_read(struct span in, struct mls_message *m)
{
    if (in.n > MLS_MESSAGE_MAX) return ERR_LIMIT;
    struct reader r = reader_of(in);
    uint16_t version = read_u16(&r);
    m->wire = read_u16(&r);
    if (r.bad) return ERR_SHORT;
    if (version != MLS_VERSION) return ERR_UNSUPPORTED;
    switch (m->wire) {
    case MLS_PUBLIC:
        return whole(&r, public_in(&r, &m->pub));
    case MLS_PRIVATE:
        return whole(&r, private_in(&r, &m->priv));
    case MLS_WELCOME:
        return whole(&r, welcome_in(&r, &m->welcome));
    case MLS_GROUP_INFO:
        return whole(&r, group_info_in(&r, &m->group_info));
    case MLS_KEY_PACKAGE:
        return whole(&r, key_package_in(&r, &m->key_package));
    default:
        return ERR_UNSUPPORTED;
    }
}

void mls_message_write(struct writer *w, const struct mls_message *m)
{
    write_u16(w, MLS_VERSION);
    write_u16(w, m->wire);
    switch (m->wire) {
    case MLS_PUBLIC:
        mls_content_write(w, &m->pub.is.content);
        mls_auth_write(w, &m->pub.is);
        if (m->pub.is.content.from == MLS_MEMBER) write_vecv(w, m->pub.membership_tag);
        break;
    case MLS_PRIVATE:
        write_vecv(w, m->priv.group_id);
        write_u64(w, m->priv.epoch);
        write_u8(w, m->priv.type);
        write_vecv(w, m->priv.authenticated_data);
        write_vecv(w, m->priv.sender_data);
        write_vecv(w, m->priv.ciphertext);
        break;
    case MLS_WELCOME:
        write_u16(w, m->welcome.suite);
        write_list(w, m->welcome.secrets);
        write_vecv(w, m->welcome.group_info);
        break;
    case MLS_GROUP_INFO:
        mls_group_info_write(w, &m->group_info);
        break;
    default:
        mls_key_package_write(w, &m->key_package);
    }
}
