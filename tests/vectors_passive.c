/* SPDX-License-Identifier: Apache-2.0
 * Histories of a passive client: the working group's three files, ours with policy, exports and application
 * messages, and those in which everything must be refused. */
#include "vectors_mls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "seal/group.h"
#include "wire/mls.h"

#define WANT(condition)                                                                                      \
    if (!(condition)) return #condition
#define PSKS_MAX 64

bool passive_is(const json_t *root)
{
    const json_t *f = first_of(root);
    return vec_has(f, "welcome") && vec_has(f, "init_priv") && vec_has(f, "epochs");
}

static bool exports_hold(struct sheet *sh, const json_t *x, const json_t *history, const struct group *g)
{
    uint8_t base[16], secret[32];
    char code[64];
    struct span policy = vec_hex(sh, history, "room_policy_hash");
    size_t i, n = 0;
    json_t *m;
    if (!x) return true;
    if (group_export(g, SPAN_LIT("SFrame 1.0 Base Key"), SPAN_NONE, MSPAN(base, 16)) != OK ||
        group_export(g, SPAN_LIT("incamera 1.0 meeting code"), policy, MSPAN(secret, 32)) != OK)
        return false;
    if (!hex_is(sh, x, "sframe_base_key", SPAN_OF(base)) ||
        !hex_is(sh, x, "meeting_code_secret", SPAN_OF(secret)))
        return false;
    for (i = 0; i < 8; i++) {
        struct reader r = reader_of(SPAN(secret + 4 * i, 4));
        n += (size_t)snprintf(code + n, sizeof code - n, "%s%05u", i ? " " : "", read_u32(&r) % 100000);
    }
    if (strcmp(code, json_string_value(json_object_get(x, "meeting_code")))) return false;
    if (group_epoch(g) != vec_u64(x, "epoch") || group_own_leaf(g) != vec_u64(x, "own_leaf")) return false;
    json_array_foreach(json_object_get(x, "members"), i, m)
    {
        struct mls_leaf l;
        if (!group_leaf(g, (uint32_t)vec_u64(m, "leaf"), &l) || !hex_is(sh, m, "identity", l.credential) ||
            !hex_is(sh, m, "signature_key", l.signature_key))
            return false;
    }
    if (i != group_members(g)) return false;
    return sframe_samples_hold(sh, json_object_get(x, "sframe"), SPAN_OF(base));
}

static bool policy_is(struct sheet *sh, const json_t *history, const struct group *g)
{
    struct span data;
    if (!vec_has(history, "room_policy_extension")) return true;
    return mls_extension_find(group_extensions(g), 0xf1ca, &data) &&
           hex_is(sh, history, "room_policy_extension", data) && policy_holds(sh, history);
}

static const char *applications(struct sheet *sh, const json_t *list, struct group *g)
{
    size_t i;
    json_t *a;
    json_array_foreach(list, i, a)
    {
        struct incoming in;
        WANT(group_open(g, vec_hex(sh, a, "message"), &in) == OK);
        bool ok = in.kind == INCOMING_APPLICATION && in.sender == vec_u64(a, "sender_leaf") &&
                  hex_is(sh, a, "plaintext", in.data);
        incoming_drop(&in);
        WANT(ok);
        WANT(group_open(g, vec_hex(sh, a, "message"), &in) == ERR_REPLAY);
    }
    return NULL;
}

static enum err take(struct group *g, struct span message)
{
    struct incoming in;
    enum err e = group_open(g, message, &in);
    if (e) return e;
    e = group_apply(g, &in);
    incoming_drop(&in);
    return e;
}

/* Saves and restores on the way, so that every history also proves the state's form. */
static const char *reborn(struct sheet *sh, struct group **g)
{
    struct group_conf conf = {.crypto = sh->crypto};
    struct blob a, b;
    struct group *new;
    WANT(group_save(*g, &a) == OK);
    enum err e = group_restore(&conf, blob_span(&a), &new);
    if (e) blob_drop(&a);
    WANT(e == OK);
    group_free(*g);
    *g = new;
    e = group_save(new, &b);
    bool same = e == OK && span_equal(blob_span(&a), blob_span(&b));
    blob_drop(&a);
    blob_drop(&b);
    WANT(same);
    return NULL;
}

static const char *one_epoch(struct sheet *sh, const json_t *history, const json_t *e, struct group *g)
{
    size_t i;
    json_t *p;
    static char why[200];
    const char *bad = applications(sh, json_object_get(e, "application"), g);
    if (bad) return bad;
    json_array_foreach(json_object_get(e, "proposals"), i, p)
    {
        enum err x = take(g, hex_of(sh, p));
        snprintf(why, sizeof why, "epoch %llu proposal %zu: %s", (unsigned long long)group_epoch(g), i,
                 err_text(x));
        if (x) return why;
    }
    enum err x = take(g, vec_hex(sh, e, "commit"));
    snprintf(why, sizeof why, "epoch %llu commit: %s", (unsigned long long)group_epoch(g), err_text(x));
    if (x) return why;
    WANT(hex_is(sh, e, "epoch_authenticator", group_authenticator(g)));
    WANT(policy_is(sh, history, g));
    WANT(exports_hold(sh, json_object_get(e, "exports"), history, g));
    return NULL;
}

/* Everything in the history after the join is refused, and leaves the state as it was. */
static const char *refuses(struct sheet *sh, const json_t *history, struct group *g)
{
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(history, "epochs"), i, e)
    {
        uint8_t before[32], after[32];
        struct span auth = group_authenticator(g);
        WANT(auth.n == 32);
        memcpy(before, auth.p, 32);
        size_t j;
        json_t *p;
        json_array_foreach(json_object_get(e, "proposals"), j, p)(void) !take(
            g, hex_of(sh, p)); /* one alone may be in order; the commit is not */
        WANT(take(g, vec_hex(sh, e, "commit")) != OK);
        memcpy(after, group_authenticator(g).p, 32);
        WANT(memcmp(before, after, 32) == 0);
    }
    return NULL;
}

static const char *live(struct sheet *sh, const json_t *c, struct group **g)
{
    size_t i;
    json_t *e;
    const char *why = NULL;
    WANT(hex_is(sh, c, "initial_epoch_authenticator", group_authenticator(*g)));
    WANT(policy_is(sh, c, *g));
    WANT(exports_hold(sh, json_object_get(c, "initial"), c, *g));
    if (json_is_true(json_object_get(c, "must_reject"))) return refuses(sh, c, *g);
    json_array_foreach(json_object_get(c, "epochs"), i, e)
    {
        if (!why) why = one_epoch(sh, c, e, *g);
        if (!why && i % 8 == 0) why = reborn(sh, g);
    }
    return why;
}

static const char *history(struct sheet *sh, const json_t *c, const struct suite *s)
{
    const json_t *psks = json_object_get(c, "external_psks");
    struct group_psk list[PSKS_MAX];
    size_t n = json_array_size(psks);
    struct group_conf conf = {.crypto = sh->crypto};
    struct span kp = vec_hex(sh, c, "key_package");
    struct mls_message m;
    struct secret priv = secret_in(sh, c, "signature_priv");
    uint8_t pub[CRYPTO_PUBLIC_MAX];
    size_t pub_n;
    uint8_t *copy = sheet_take(sh, kp.n);
    if (kp.n) memcpy(copy, kp.p, kp.n);
    struct invitee own = {
        s->id, {copy, kp.n}, secret_in(sh, c, "init_priv"), secret_in(sh, c, "encryption_priv")};
    WANT(n <= PSKS_MAX);
    for (size_t i = 0; i < n; i++)
        list[i] = (struct group_psk){vec_hex(sh, json_array_get(psks, i), "psk_id"),
                                     vec_hex(sh, json_array_get(psks, i), "psk")};
    WANT(mls_message_read(kp, &m) == OK && m.wire == MLS_KEY_PACKAGE);
    WANT(s->crypto->sign_public(s->crypto->ctx, s->sign, secret_span(&priv), pub, &pub_n) == OK);
    if (m.key_package.leaf.signature_key.n == pub_n)
        WANT(span_equal(SPAN(pub, pub_n), m.key_package.leaf.signature_key));
    struct join_with with = {&own, vec_hex(sh, c, "welcome"), vec_hex(sh, c, "ratchet_tree"), list, n};
    struct group *g;
    static char why[100];
    enum err e = group_join(&conf, &with, &g);
    if (json_is_true(json_object_get(c, "must_reject")) &&
        json_is_null(json_object_get(c, "initial_epoch_authenticator"))) {
        if (e == OK) group_free(g);
        return e ? NULL : "a Welcome that must be refused was taken";
    }
    snprintf(why, sizeof why, "join: %s", err_text(e));
    if (e) return why;
    const char *bad = live(sh, c, &g);
    group_free(g);
    return bad;
}

void passive_run(struct sheet *sh, const json_t *root)
{
    each_suite(sh, root, history);
}
