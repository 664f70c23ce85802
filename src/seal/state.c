/* SPDX-License-Identifier: Apache-2.0
 * A group's whole state in and out (declared in group.h). The first bytes name the format and its version. */
#include "seal/group_inner.h"

#include "base/mem.h"

#define STATE_MAGIC   "iMLS"
#define STATE_VERSION 1

static void psks_write(struct writer *w, const struct group *g)
{
    write_u32(w, (uint32_t)g->psks_n);
    for (size_t i = 0; i < g->psks_n; i++) {
        write_vec32(w, blob_span(&g->psks[i].id));
        write_vec32(w, blob_span(&g->psks[i].psk));
    }
    write_u32(w, (uint32_t)g->resume_n);
    for (size_t i = 0; i < g->resume_n; i++) {
        write_u64(w, g->resume[i].epoch);
        write_vec8(w, secret_span(&g->resume[i].psk));
    }
}

static void heard_write(struct writer *w, const struct group *g)
{
    write_u32(w, (uint32_t)g->heard_n);
    for (size_t i = 0; i < g->heard_n; i++) {
        write_bytes(w, SPAN_OF(g->heard[i].ref));
        write_u32(w, g->heard[i].sender);
        write_vec32(w, blob_span(&g->heard[i].bytes));
        write_vec8(w, secret_span(&g->heard[i].leaf_priv));
    }
}

static void staged_write(struct writer *w, const struct group *g)
{
    write_u8(w, g->staged != NULL);
    if (!g->staged) return;
    epoch_write(w, g->staged);
    write_vec32(w, blob_span(&g->staged_message));
    write_bytes(w, SPAN_OF(g->staged_added.bits));
    write_bytes(w, SPAN_OF(g->staged_gone.bits));
    write_bytes(w, SPAN_OF(g->staged_updated.bits));
    write_u8(w, g->staged_path);
}

static void group_write(struct writer *w, const struct group *g)
{
    write_str(w, STATE_MAGIC);
    write_u16(w, STATE_VERSION);
    write_u16(w, g->suite.id);
    write_u32(w, g->conf.forward);
    write_u32(w, g->conf.past);
    write_u8(w, g->closed);
    if (g->closed) return;
    epoch_write(w, g->now);
    for (size_t i = 0; i < GROUP_PAST_MAX; i++) {
        write_u8(w, g->past[i] != NULL);
        if (g->past[i]) epoch_write(w, g->past[i]);
    }
    heard_write(w, g);
    staged_write(w, g);
    psks_write(w, g);
    write_u32(w, g->welcomed_by);
    write_vec32(w, blob_span(&g->joined_psks));
}

enum err group_save(const struct group *g, struct blob *state)
{
    struct blob b = {0};
    PACK(&b) group_write(&k.w, g);
    if (!b.p) return ERR_NOMEM;
    *state = b;
    return OK;
}

static enum err psks_read(struct reader *r, struct group *g)
{
    uint32_t n = read_u32(r);
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        struct group_psk psk = {read_vec32(r), SPAN_NONE};
        psk.psk = read_vec32(r);
        enum err e = r->bad ? ERR_SHORT : group_psk_put(g, &psk);
        if (e) return e;
    }
    n = read_u32(r);
    if (n > GROUP_RESUME_MAX) return ERR_FORMAT;
    for (uint32_t i = 0; i < n; i++) {
        g->resume[i].epoch = read_u64(r);
        struct span s = read_vec8(r);
        if (s.n > SECRET_MAX) return ERR_FORMAT;
        g->resume[i].psk.n = (uint8_t)s.n;
        if (s.n) memcpy(g->resume[i].psk.b, s.p, s.n);
    }
    g->resume_n = n;
    return read_ok(r);
}

static enum err heard_read(struct reader *r, struct group *g)
{
    uint32_t n = read_u32(r);
    for (uint32_t i = 0; i < n && !r->bad; i++) {
        uint8_t ref[SUITE_NH];
        struct secret priv = {0};
        struct blob bytes = {0};
        read_copy(r, ref, sizeof ref);
        uint32_t sender = read_u32(r);
        enum err e = blob_copy(&bytes, read_vec32(r));
        if (e) return e;
        struct span s = read_vec8(r);
        if (s.n > SECRET_MAX) r->bad = true;
        if (!r->bad && s.n) memcpy(priv.b, s.p, s.n);
        priv.n = (uint8_t)s.n;
        e = r->bad ? ERR_SHORT : group_hear(g, sender, ref, &bytes, &priv);
        secret_drop(&priv);
        blob_drop(&bytes);
        if (e) return e;
    }
    return read_ok(r);
}

static enum err staged_read(struct reader *r, struct group *g)
{
    if (read_u8(r) != 1) return read_ok(r);
    enum err e = epoch_read(r, &g->suite, &g->staged);
    if (e == OK) e = blob_copy(&g->staged_message, read_vec32(r));
    if (e) return e;
    read_copy(r, g->staged_added.bits, sizeof g->staged_added.bits);
    read_copy(r, g->staged_gone.bits, sizeof g->staged_gone.bits);
    read_copy(r, g->staged_updated.bits, sizeof g->staged_updated.bits);
    g->staged_path = read_u8(r) == 1;
    return read_ok(r);
}

static enum err fill(struct reader *r, struct group *g)
{
    enum err e = epoch_read(r, &g->suite, &g->now);
    for (size_t i = 0; i < GROUP_PAST_MAX && e == OK; i++)
        if (read_u8(r) == 1) e = epoch_read(r, &g->suite, &g->past[i]);
    if (e == OK) e = heard_read(r, g);
    if (e == OK) e = staged_read(r, g);
    if (e == OK) e = psks_read(r, g);
    if (e) return e;
    g->welcomed_by = read_u32(r);
    e = blob_copy(&g->joined_psks, read_vec32(r));
    return e ? e : read_end(r);
}

enum err group_restore(const struct group_conf *conf, struct span state, struct group **g)
{
    struct reader r = reader_of(state);
    struct group_conf with = *conf;
    enum err e;
    if (!span_equal(read_bytes(&r, sizeof STATE_MAGIC - 1), SPAN_LIT(STATE_MAGIC))) return ERR_FORMAT;
    if (read_u16(&r) != STATE_VERSION) return ERR_UNSUPPORTED;
    uint16_t suite = read_u16(&r);
    with.forward = read_u32(&r);
    with.past = read_u32(&r);
    uint8_t closed = read_u8(&r);
    if (r.bad) return ERR_SHORT;
    struct group *new = group_new(&with, suite, &e);
    if (!new) return e;
    new->closed = closed == 1;
    e = new->closed ? read_end(&r) : fill(&r, new);
    if (e)
        group_free(new);
    else
        *g = new;
    return e;
}
