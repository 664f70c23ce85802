/* SPDX-License-Identifier: Apache-2.0 */
#include "seal/face_group.h"

#include "base/mem.h"
#include "base/read.h"
#include "base/write.h"

#define SIGNATURE_PRIV 32

static void *made;
static struct incoming current; /* the open message */
static bool have_current;

static int32_t answer(enum err e, size_t n)
{
    return e == OK ? (int32_t)n : -(int32_t)e;
}

static struct reader input(uint32_t n)
{
    struct reader r = reader_of(SPAN(face_in(), FACE_IN_BYTES));
    return reader_of(read_bytes(&r, n));
}

static struct writer output(void)
{
    return writer_of(MSPAN(face_out(), FACE_OUT_BYTES));
}

static int32_t written(const struct writer *w)
{
    return answer(write_ok(w) == OK ? OK : ERR_LIMIT, w->n);
}

static struct group_conf conf(void)
{
    return (struct group_conf){.crypto = face_crypto(), .past = GROUP_PAST_MAX};
}

void *face_made(void)
{
    return made;
}

int32_t face_signature_new(uint32_t suite)
{
    struct suite s;
    struct secret priv = {0};
    uint8_t pub[CRYPTO_PUBLIC_MAX];
    enum err e = suite > UINT16_MAX ? ERR_UNSUPPORTED : suite_init(&s, (uint16_t)suite, face_crypto());
    if (e == OK) e = suite_sign_new(&s, &priv, pub);
    struct writer w = output();
    if (e == OK) {
        write_bytes(&w, secret_span(&priv));
        write_bytes(&w, SPAN(pub, s.nspk));
    }
    secret_drop(&priv);
    return e == OK ? written(&w) : answer(e, 0);
}

static enum err types_read(struct span list, uint16_t *types, size_t *count)
{
    struct reader r = reader_of(list);
    *count = 0;
    while (read_left(&r) > 0) {
        if (*count == FACE_EXTENSIONS_MAX) return ERR_LIMIT;
        types[(*count)++] = read_u16(&r);
    }
    return read_ok(&r);
}

int32_t face_key_package(uint32_t suite, uint32_t n)
{
    struct reader r = input(n);
    struct span priv = read_bytes(&r, SIGNATURE_PRIV), identity = read_vecv(&r), types = read_vecv(&r);
    uint16_t type[FACE_EXTENSIONS_MAX];
    uint8_t pub[CRYPTO_PUBLIC_MAX];
    size_t pub_n;
    struct suite s;
    struct leaf_params p = {.identity = identity, .extension_types = type};
    p.not_before = read_u64(&r);
    p.not_after = read_u64(&r);
    enum err e = read_end(&r);
    if (e == OK) e = suite > UINT16_MAX ? ERR_UNSUPPORTED : suite_init(&s, (uint16_t)suite, face_crypto());
    if (e == OK) e = types_read(types, type, &p.extension_count);
    if (e == OK) e = s.crypto->sign_public(s.crypto->ctx, s.sign, priv, pub, &pub_n);
    if (e != OK) return answer(e, 0);
    p.signature_key = SPAN(pub, pub_n);
    struct draft *d = NULL;
    struct invitee *own = mem_new(1, sizeof *own);
    if (!own) return answer(ERR_NOMEM, 0);
    e = draft_key_package(s.crypto, s.id, &p, &d);
    if (e == OK) e = draft_sign(d, priv);
    if (e == OK) e = draft_invitee(d, own);
    draft_free(d);
    struct writer w = output();
    if (e == OK) write_bytes(&w, blob_span(&own->message));
    if (e == OK && write_ok(&w) == OK) {
        made = own;
        return written(&w);
    }
    face_invitee_free(own);
    return e == OK ? written(&w) : answer(e, 0);
}

void face_invitee_free(struct invitee *own)
{
    if (!own) return;
    invitee_drop(own);
    mem_free(own);
}

/* ---- life ---- */

static int32_t group_made(enum err e, struct group *g)
{
    if (e == OK) made = g;
    return answer(e, 0);
}

int32_t face_group_create(const struct invitee *own, uint32_t n)
{
    struct reader r = input(n);
    struct span id = read_vecv(&r), extensions = read_vecv(&r);
    struct group_conf c = conf();
    struct group *g = NULL;
    enum err e = read_end(&r);
    if (e == OK) e = group_create(&c, own, id, extensions, &g);
    return group_made(e, g);
}

int32_t face_group_join(const struct invitee *own, uint32_t n)
{
    struct reader r = input(n);
    struct group_psk psks[FACE_COMMIT_MAX];
    struct join_with with = {.own = own, .psks = psks};
    struct group_conf c = conf();
    struct group *g = NULL;
    with.welcome = read_vecv(&r);
    while (read_left(&r) > 0 && with.psk_count < FACE_COMMIT_MAX) {
        struct span id = read_vecv(&r);
        psks[with.psk_count++] = (struct group_psk){.id = id, .psk = read_vecv(&r)};
    }
    enum err e = read_end(&r);
    if (e == OK) e = group_join(&c, &with, &g);
    return group_made(e, g);
}

void face_group_free(struct group *g)
{
    face_group_refuse();
    group_free(g);
}

int32_t face_group_psk_put(struct group *g, uint32_t n)
{
    struct reader r = input(n);
    struct group_psk psk;
    psk.id = read_vecv(&r);
    psk.psk = read_vecv(&r);
    enum err e = read_end(&r);
    return answer(e == OK ? group_psk_put(g, &psk) : e, 0);
}

int32_t face_group_psk_drop(struct group *g, uint32_t n)
{
    struct reader r = input(n);
    struct span id = read_vecv(&r);
    enum err e = read_end(&r);
    if (e == OK) group_psk_drop(g, id);
    return answer(e, 0);
}

int32_t face_group_joined_with_psk(const struct group *g, uint32_t n)
{
    struct reader r = input(n);
    struct span id = read_vecv(&r);
    enum err e = read_end(&r);
    return e == OK ? group_joined_with_psk(g, id) : answer(e, 0);
}

/* ---- sending ---- */

static enum err proposals_read(struct reader *r, struct propose *list, size_t *count)
{
    *count = 0;
    while (read_left(r) > 0) {
        if (*count == FACE_COMMIT_MAX) return ERR_LIMIT;
        struct propose p = {.type = read_u8(r)};
        switch (p.type) {
        case MLS_ADD:
            p.key_package = read_vecv(r);
            break;
        case MLS_REMOVE:
            p.leaf = read_u32(r);
            break;
        case MLS_PSK:
            p.psk_id = read_vecv(r);
            break;
        default:
            return ERR_UNSUPPORTED;
        }
        list[(*count)++] = p;
    }
    return read_end(r);
}

int32_t face_group_commit(struct group *g, uint32_t n)
{
    struct reader r = input(n);
    struct span priv = read_bytes(&r, SIGNATURE_PRIV);
    struct propose list[FACE_COMMIT_MAX];
    struct commit_how how = {.proposals = list};
    struct draft *d = NULL;
    how.framing.authenticated_data = read_vecv(&r);
    enum err e = proposals_read(&r, list, &how.count);
    if (e == OK) e = draft_commit(g, &how, &d);
    if (e == OK) e = draft_sign(d, priv);
    struct writer w = output();
    if (e == OK) {
        write_vecv(&w, draft_message(d));
        write_vecv(&w, draft_welcome(d));
    }
    draft_free(d);
    if (e != OK) return answer(e, 0);
    if (write_ok(&w) != OK) group_discard(g);
    return written(&w);
}

void face_group_discard(struct group *g)
{
    group_discard(g);
}
int32_t face_group_staged(const struct group *g)
{
    return group_staged(g);
}

int32_t face_group_say(struct group *g, uint32_t n)
{
    struct reader r = input(n);
    struct span priv = read_bytes(&r, SIGNATURE_PRIV), data = read_vecv(&r),
                plain = read_bytes(&r, read_left(&r));
    struct draft *d = NULL;
    enum err e = read_end(&r);
    if (e == OK) e = draft_application(g, plain, data, &d);
    if (e == OK) e = draft_sign(d, priv);
    struct writer w = output();
    if (e == OK) write_bytes(&w, draft_message(d));
    draft_free(d);
    return e == OK ? written(&w) : answer(e, 0);
}

/* ---- receiving ---- */

static void set_write(struct writer *w, const struct tree_set *set)
{
    size_t count = 0;
    for (uint32_t i = 0; i < 8 * sizeof set->bits; i++)
        count += tree_set_has(set, i);
    write_varint(w, 4 * count);
    for (uint32_t i = 0; i < 8 * sizeof set->bits; i++)
        if (tree_set_has(set, i)) write_u32(w, i);
}

int32_t face_group_open(struct group *g, uint32_t n)
{
    struct reader r = input(n);
    struct span message = read_bytes(&r, read_left(&r));
    if (n > FACE_IN_BYTES) return answer(ERR_LIMIT, 0);
    face_group_refuse();
    enum err e = group_open(g, message, &current);
    if (e != OK) return answer(e, 0);
    have_current = true;
    struct writer w = output();
    write_u8(&w, (uint8_t)current.kind);
    write_u8(&w, current.own);
    write_u8(&w, current.removed);
    write_u8(&w, current.path);
    write_u64(&w, current.epoch);
    write_u32(&w, current.sender);
    write_vecv(&w, current.authenticated_data);
    write_vecv(&w, current.data);
    set_write(&w, &current.added);
    set_write(&w, &current.gone);
    set_write(&w, &current.updated);
    return written(&w);
}

static int32_t leaf_write(const struct mls_leaf *l)
{
    struct writer w = output();
    write_vecv(&w, l->credential);
    write_vecv(&w, l->signature_key);
    write_u64(&w, l->not_before);
    write_u64(&w, l->not_after);
    return written(&w);
}

const struct incoming *face_group_incoming(void)
{
    return have_current ? &current : NULL;
}

int32_t face_incoming_leaf(uint32_t leaf)
{
    struct mls_leaf l;
    if (!have_current || !incoming_leaf(&current, leaf, &l)) return answer(ERR_UNKNOWN, 0);
    return leaf_write(&l);
}

int32_t face_group_apply(struct group *g)
{
    if (!have_current) return answer(ERR_STATE, 0);
    enum err e = group_apply(g, &current);
    face_group_refuse();
    return answer(e, 0);
}

void face_group_refuse(void)
{
    if (have_current) incoming_drop(&current);
    have_current = false;
}

/* ---- what it knows ---- */

int32_t face_group_info(const struct group *g)
{
    struct writer w = output();
    write_u64(&w, group_epoch(g));
    write_u32(&w, group_own_leaf(g));
    write_u32(&w, group_members(g));
    write_u32(&w, group_slots(g));
    write_u32(&w, group_welcomed_by(g));
    write_u16(&w, group_suite(g));
    write_u8(&w, group_closed(g));
    write_vecv(&w, group_id(g));
    write_vecv(&w, group_extensions(g));
    write_vecv(&w, group_authenticator(g));
    write_vecv(&w, group_confirmed_hash(g));
    return written(&w);
}

int32_t face_group_leaf(const struct group *g, uint32_t leaf)
{
    struct mls_leaf l;
    return group_leaf(g, leaf, &l) ? leaf_write(&l) : answer(ERR_UNKNOWN, 0);
}

int32_t face_group_export(const struct group *g, uint32_t n, uint32_t length)
{
    struct reader r = input(n);
    struct span label = read_vecv(&r), context = read_vecv(&r);
    enum err e = read_end(&r);
    if (e == OK && length > 255 * SUITE_NH) e = ERR_LIMIT;
    if (e == OK) e = group_export(g, label, context, MSPAN(face_out(), length));
    return answer(e, length);
}

void face_group_forget(struct group *g, uint32_t keep)
{
    group_forget(g, keep);
}
