/* SPDX-License-Identifier: Apache-2.0
 * The MLS working group's formats that need no live group; the passive-client histories come beside them. */
#include "vectors_mls.h"

#include <stdlib.h>
#include <string.h>

#include "seal/leaf.h"
#include "seal/protect.h"
#include "seal/treekem.h"
#include "seal/welcome.h"

bool hex_is(struct sheet *s, const json_t *o, const char *key, struct span got)
{
    return span_equal(vec_hex(s, o, key), got);
}

struct secret secret_in(struct sheet *s, const json_t *o, const char *key)
{
    struct span in = vec_hex(s, o, key);
    struct secret x = {0};
    if (in.n > SECRET_MAX) return x;
    x.n = (uint8_t)in.n;
    if (in.n) memcpy(x.b, in.p, in.n);
    return x;
}

static struct digest digest_in(struct sheet *s, const json_t *o, const char *key)
{
    struct secret x = secret_in(s, o, key);
    struct digest d = {x.n <= SUITE_NH ? x.n : 0, {0}};
    memcpy(d.b, x.b, d.n);
    return d;
}

void each_suite(struct sheet *sh, const json_t *root, case_fn run)
{
    size_t i;
    json_t *c;
    json_array_foreach(root, i, c)
    {
        json_int_t id = json_integer_value(json_object_get(c, "cipher_suite"));
        struct suite s;
        if (id < 1 || id > UINT16_MAX || suite_init(&s, (uint16_t)id, sh->crypto) != OK) {
            sheet_unsupported(sh, suite_name(id));
            continue;
        }
        const char *why = run(sh, c, &s);
        if (why)
            sheet_bad(sh, suite_name(id), "entry %zu: %s", i, why);
        else
            sheet_good(sh, suite_name(id));
    }
}

#define WANT(condition)                                                                                      \
    if (!(condition)) return #condition

/* ---- deserialization, tree-math ---- */

static bool is_deserialization(const json_t *root)
{
    return vec_has(first_of(root), "vlbytes_header");
}

static void run_deserialization(struct sheet *s, const json_t *root)
{
    size_t i;
    json_t *c;
    json_array_foreach(root, i, c)
    {
        struct span head = vec_hex(s, c, "vlbytes_header");
        uint8_t b[8];
        struct reader r = reader_of(head);
        struct writer w = writer_of(MSPAN(b, sizeof b));
        uint32_t n = read_varint(&r);
        write_varint(&w, n);
        sheet_case(s, ANY_SUITE,
                   read_end(&r) == OK && n == vec_u64(c, "length") && span_equal(writer_span(&w), head),
                   "length");
    }
}

static bool is_tree_math(const json_t *root)
{
    return vec_has(first_of(root), "n_leaves") && vec_has(first_of(root), "sibling");
}

static bool node_is(const json_t *list, size_t i, bool there, uint32_t value)
{
    const json_t *v = json_array_get(list, i);
    return there ? json_is_integer(v) && json_integer_value(v) == value : json_is_null(v);
}

static bool tree_math_holds(const json_t *c)
{
    uint32_t leaves = (uint32_t)vec_u64(c, "n_leaves"), n = node_count(leaves);
    if (vec_u64(c, "n_nodes") != n || vec_u64(c, "root") != node_root(leaves)) return false;
    for (uint32_t x = 0; x < n; x++) {
        bool inner = x % 2, below = x != node_root(leaves);
        if (!node_is(json_object_get(c, "left"), x, inner, inner ? node_left(x) : 0) ||
            !node_is(json_object_get(c, "right"), x, inner, inner ? node_right(x) : 0) ||
            !node_is(json_object_get(c, "parent"), x, below, below ? node_parent(x) : 0) ||
            !node_is(json_object_get(c, "sibling"), x, below, below ? node_sibling(x) : 0))
            return false;
    }
    return json_array_size(json_object_get(c, "parent")) == n;
}

static void run_tree_math(struct sheet *s, const json_t *root)
{
    size_t i;
    json_t *c;
    json_array_foreach(root, i, c) sheet_case(s, ANY_SUITE, tree_math_holds(c), "tree math");
}

/* ---- key schedule, psk, transcript ---- */

static bool is_key_schedule(const json_t *root)
{
    return vec_has(first_of(root), "initial_init_secret");
}

static const char *one_epoch(struct sheet *sh, const json_t *e, const struct suite *s, struct secret *init,
                             struct mls_context *context)
{
    struct secret commit = secret_in(sh, e, "commit_secret"), psk = secret_in(sh, e, "psk_secret"), joiner,
                  welcome;
    struct blob encoded;
    struct schedule k1;
    context->tree_hash = vec_hex(sh, e, "tree_hash");
    context->confirmed_hash = vec_hex(sh, e, "confirmed_transcript_hash");
    PACK(&encoded) mls_context_write(&k.w, context);
    uint8_t *copy = sheet_take(sh, encoded.n);
    memcpy(copy, encoded.p, encoded.n);
    struct span c = SPAN(copy, encoded.n);
    blob_drop(&encoded);
    WANT(hex_is(sh, e, "group_context", c));
    WANT(schedule_joiner(s, init, &commit, c, &joiner) == OK);
    WANT(hex_is(sh, e, "joiner_secret", secret_span(&joiner)));
    WANT(schedule_welcome(s, &joiner, &psk, &welcome) == OK);
    WANT(hex_is(sh, e, "welcome_secret", secret_span(&welcome)));
    WANT(schedule_epoch(s, &joiner, &psk, c, &k1) == OK);
    const struct {
        const char *name;
        const struct secret *is;
    } rows[] = {{"sender_data_secret", &k1.sender_data},
                {"encryption_secret", &k1.encryption},
                {"exporter_secret", &k1.exporter},
                {"external_secret", &k1.external},
                {"confirmation_key", &k1.confirmation},
                {"membership_key", &k1.membership},
                {"resumption_psk", &k1.resumption},
                {"epoch_authenticator", &k1.authenticator},
                {"init_secret", &k1.init}};
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (!hex_is(sh, e, rows[i].name, secret_span(rows[i].is))) return rows[i].name;
    const json_t *x = json_object_get(e, "exporter");
    uint8_t out[256], pub[CRYPTO_PUBLIC_MAX];
    size_t n = vec_u64(x, "length");
    WANT(n <= sizeof out);
    WANT(schedule_export(s, &k1.exporter, span_str(json_string_value(json_object_get(x, "label"))),
                         vec_hex(sh, x, "context"), MSPAN(out, n)) == OK);
    WANT(hex_is(sh, x, "secret", SPAN(out, n)));
    WANT(schedule_external_pub(s, &k1, pub) == OK);
    WANT(hex_is(sh, e, "external_pub", SPAN(pub, s->npk)));
    *init = k1.init;
    context->epoch++;
    return NULL;
}

static const char *key_schedule(struct sheet *sh, const json_t *c, const struct suite *s)
{
    struct secret init = secret_in(sh, c, "initial_init_secret");
    struct mls_context context = {
        .version = MLS_VERSION, .suite = s->id, .group_id = vec_hex(sh, c, "group_id")};
    size_t i;
    json_t *e;
    json_array_foreach(json_object_get(c, "epochs"), i, e)
    {
        const char *why = one_epoch(sh, e, s, &init, &context);
        if (why) return why;
    }
    return NULL;
}

static void run_key_schedule(struct sheet *sh, const json_t *root)
{
    each_suite(sh, root, key_schedule);
}

static bool is_psk(const json_t *root)
{
    return vec_has(first_of(root), "psk_secret") && vec_has(first_of(root), "psks");
}

static const char *psk_secret(struct sheet *sh, const json_t *c, const struct suite *s)
{
    struct secret sum = schedule_zero();
    const json_t *list = json_object_get(c, "psks");
    size_t i;
    json_t *p;
    json_array_foreach(list, i, p)
    {
        struct mls_psk_id id = {
            .type = MLS_PSK_EXTERNAL, .id = vec_hex(sh, p, "psk_id"), .nonce = vec_hex(sh, p, "psk_nonce")};
        uint8_t b[512];
        struct writer w = writer_of(MSPAN(b, sizeof b));
        mls_psk_id_write(&w, &id);
        struct schedule_psk one = {writer_span(&w), vec_hex(sh, p, "psk"), (uint16_t)i,
                                   (uint16_t)json_array_size(list)};
        WANT(schedule_psk_fold(s, &one, &sum) == OK);
    }
    WANT(hex_is(sh, c, "psk_secret", secret_span(&sum)));
    return NULL;
}

static void run_psk(struct sheet *sh, const json_t *root)
{
    each_suite(sh, root, psk_secret);
}

static bool is_transcript(const json_t *root)
{
    return vec_has(first_of(root), "interim_transcript_hash_before");
}

static const char *transcript(struct sheet *sh, const json_t *c, const struct suite *s)
{
    struct digest interim = digest_in(sh, c, "interim_transcript_hash_before"), confirmed;
    struct schedule k = {.confirmation = secret_in(sh, c, "confirmation_key")};
    struct mls_signed m;
    uint8_t tag[SUITE_NH];
    WANT(mls_signed_read(vec_hex(sh, c, "authenticated_content"), &m) == OK);
    WANT(schedule_confirmed(s, &interim, &m, &confirmed) == OK);
    WANT(hex_is(sh, c, "confirmed_transcript_hash_after", digest_span(&confirmed)));
    WANT(schedule_interim(s, &confirmed, m.confirmation_tag, &interim) == OK);
    WANT(hex_is(sh, c, "interim_transcript_hash_after", digest_span(&interim)));
    WANT(schedule_confirm(s, &k, &confirmed, tag) == OK);
    WANT(span_equal(SPAN_OF(tag), m.confirmation_tag));
    return NULL;
}

static void run_transcript(struct sheet *sh, const json_t *root)
{
    each_suite(sh, root, transcript);
}

/* ---- secret tree ---- */

static bool is_secret_tree(const json_t *root)
{
    return vec_has(first_of(root), "encryption_secret") && vec_has(first_of(root), "leaves");
}

static bool key_holds(struct sheet *sh, const json_t *g, const char *key, const char *nonce,
                      const struct suite *s, const struct ratchet_key *k)
{
    return hex_is(sh, g, key, SPAN(k->key, s->nk)) && hex_is(sh, g, nonce, SPAN_OF(k->nonce));
}

static bool leaf_keys_hold(struct sheet *sh, const json_t *generations, struct secrettree *t, uint32_t leaf)
{
    size_t i;
    json_t *g;
    json_array_foreach(generations, i, g)
    {
        uint32_t generation = (uint32_t)vec_u64(g, "generation");
        struct ratchet_step step = {.leaf = leaf, .kind = RATCHET_APPLICATION};
        if (secrettree_find(t, &step, generation) != OK ||
            !key_holds(sh, g, "application_key", "application_nonce", t->suite, &step.key))
            return false;
        secrettree_accept(t, &step);
        step = (struct ratchet_step){.leaf = leaf, .kind = RATCHET_HANDSHAKE};
        if (secrettree_find(t, &step, generation) != OK ||
            !key_holds(sh, g, "handshake_key", "handshake_nonce", t->suite, &step.key))
            return false;
        secrettree_accept(t, &step);
        if (secrettree_find(t, &step, generation) == OK) return false; /* used once */
    }
    return true;
}

static const char *secret_tree(struct sheet *sh, const json_t *c, const struct suite *s)
{
    const json_t *data = json_object_get(c, "sender_data"), *leaves = json_object_get(c, "leaves");
    struct secret sender = secret_in(sh, data, "sender_data_secret"),
                  root = secret_in(sh, c, "encryption_secret");
    struct ratchet_key key = {0};
    WANT(protect_sender_key(s, &sender, vec_hex(sh, data, "ciphertext"), &key) == OK);
    WANT(key_holds(sh, data, "key", "nonce", s, &key));
    struct secrettree t;
    WANT(secrettree_init(&t, s, node_full((uint32_t)json_array_size(leaves)), &root, 1 << 20) == OK);
    bool ok = true;
    size_t i;
    json_t *generations;
    json_array_foreach(leaves, i, generations) ok = ok && leaf_keys_hold(sh, generations, &t, (uint32_t)i);
    secrettree_fini(&t);
    return ok ? NULL : "a key of the tree";
}

static void run_secret_tree(struct sheet *sh, const json_t *root)
{
    each_suite(sh, root, secret_tree);
}

/* ---- message protection ---- */

static bool is_protection(const json_t *root)
{
    return vec_has(first_of(root), "proposal_priv") && vec_has(first_of(root), "commit_pub");
}

struct protection {
    struct sheet *sh;
    const json_t *c;
    const struct suite *s;
    struct schedule k;
    struct secret encryption, priv;
    struct span context, pub;
};

static bool content_is(const struct mls_signed *m, uint8_t type, struct span body)
{
    return m->content.type == type && m->content.sender == 1 && span_equal(m->content.body, body);
}

static const char *opens_public(const struct protection *p, struct span message, uint8_t type,
                                struct span body)
{
    struct protect keys = {p->s, &p->k, NULL, p->context};
    struct mls_message m;
    WANT(mls_message_read(message, &m) == OK && m.wire == MLS_PUBLIC);
    WANT(protect_check_public(&keys, &m.pub) == OK);
    WANT(protect_verify(p->s, &m.pub.is, p->context, p->pub) == OK);
    WANT(content_is(&m.pub.is, type, body));
    return NULL;
}

static const char *opens_private(const struct protection *p, struct span message, uint8_t type,
                                 struct span body)
{
    struct secrettree t;
    struct protect_opened o;
    struct mls_message m;
    WANT(mls_message_read(message, &m) == OK && m.wire == MLS_PRIVATE);
    WANT(secrettree_init(&t, p->s, 2, &p->encryption, SECRETTREE_FORWARD) == OK);
    struct protect keys = {p->s, &p->k, &t, p->context};
    bool ok = protect_open_private(&keys, &m.priv, &o) == OK;
    secrettree_fini(&t);
    WANT(ok);
    ok = protect_verify(p->s, &o.is, p->context, p->pub) == OK && content_is(&o.is, type, body);
    blob_drop(&o.plain);
    ratchet_step_drop(&o.step);
    WANT(ok);
    return NULL;
}

/* Protects what the vector protected, and opens that. */
static const char *own_message(const struct protection *p, uint8_t type, struct span body, bool private)
{
    struct mls_signed m = {.wire = private ? MLS_PRIVATE : MLS_PUBLIC,
                           .content = {.group_id = vec_hex(p->sh, p->c, "group_id"),
                                       .epoch = vec_u64(p->c, "epoch"),
                                       .from = MLS_MEMBER,
                                       .sender = 1,
                                       .type = type,
                                       .body = body}};
    uint8_t sig[CRYPTO_SIGN_MAX], tag[SUITE_NH] = {7};
    size_t n;
    struct blob tbs, message = {0};
    struct secrettree t;
    m.confirmation_tag = SPAN_OF(tag);
    WANT(protect_tbs(&m, p->context, &tbs) == OK);
    enum err e =
        suite_sign(p->s, secret_span(&p->priv), SPAN_LIT("FramedContentTBS"), blob_span(&tbs), sig, &n);
    blob_drop(&tbs);
    WANT(e == OK);
    m.signature = SPAN(sig, n);
    WANT(secrettree_init(&t, p->s, 2, &p->encryption, SECRETTREE_FORWARD) == OK);
    struct protect keys = {p->s, &p->k, &t, p->context};
    e = private ? protect_private(&keys, &m, 64, &message) : protect_public(&keys, &m, &message);
    secrettree_fini(&t);
    WANT(e == OK);
    const char *why = private ? opens_private(p, blob_span(&message), type, body)
                              : opens_public(p, blob_span(&message), type, body);
    blob_drop(&message);
    return why;
}

static const char *protection(struct sheet *sh, const json_t *c, const struct suite *s)
{
    struct mls_context context = {.version = MLS_VERSION,
                                  .suite = s->id,
                                  .group_id = vec_hex(sh, c, "group_id"),
                                  .epoch = vec_u64(c, "epoch"),
                                  .tree_hash = vec_hex(sh, c, "tree_hash"),
                                  .confirmed_hash = vec_hex(sh, c, "confirmed_transcript_hash")};
    uint8_t b[512];
    struct writer w = writer_of(MSPAN(b, sizeof b));
    mls_context_write(&w, &context);
    struct protection p = {sh,
                           c,
                           s,
                           {.sender_data = secret_in(sh, c, "sender_data_secret"),
                            .membership = secret_in(sh, c, "membership_key")},
                           secret_in(sh, c, "encryption_secret"),
                           secret_in(sh, c, "signature_priv"),
                           writer_span(&w),
                           vec_hex(sh, c, "signature_pub")};
    static const struct {
        uint8_t type;
        const char *body, *pub, *priv;
    } rows[] = {{MLS_PROPOSAL, "proposal", "proposal_pub", "proposal_priv"},
                {MLS_COMMIT, "commit", "commit_pub", "commit_priv"},
                {MLS_APPLICATION, "application", NULL, "application_priv"}};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct span body = vec_hex(sh, c, rows[i].body);
        const char *why =
            rows[i].pub ? opens_public(&p, vec_hex(sh, c, rows[i].pub), rows[i].type, body) : NULL;
        if (!why) why = opens_private(&p, vec_hex(sh, c, rows[i].priv), rows[i].type, body);
        if (!why && rows[i].pub) why = own_message(&p, rows[i].type, body, false);
        if (!why) why = own_message(&p, rows[i].type, body, true);
        if (why) return why;
    }
    return NULL;
}

static void run_protection(struct sheet *sh, const json_t *root)
{
    each_suite(sh, root, protection);
}

/* ---- messages ---- */

static bool is_messages(const json_t *root)
{
    return vec_has(first_of(root), "mls_welcome") && vec_has(first_of(root), "private_message");
}

static bool again(struct span in, struct blob *b)
{
    bool ok = b->p && span_equal(blob_span(b), in);
    blob_drop(b);
    return ok;
}

static bool message_again(struct span in)
{
    struct mls_message m;
    struct blob b;
    if (mls_message_read(in, &m) != OK) return false;
    PACK(&b) mls_message_write(&k.w, &m);
    return again(in, &b);
}

static bool body_again(struct span in, uint16_t type)
{
    struct mls_proposal p;
    struct blob b;
    if (mls_proposal_body_read(in, type, &p) != OK) return false;
    PACK(&b) mls_proposal_body_write(&k.w, &p);
    return again(in, &b);
}

static bool tree_again(struct span in)
{
    struct span nodes;
    struct mls_node n;
    enum err e;
    struct blob b;
    if (mls_tree_read(in, &nodes) != OK) return false;
    PACK(&b)
    {
        struct reader r = reader_of(nodes);
        write_varint(&k.w, nodes.n);
        while (mls_node_next(&r, &n, &e)) {
            write_u8(&k.w, n.present);
            if (!n.present) continue;
            write_u8(&k.w, n.is_leaf ? 1 : 2);
            if (n.is_leaf)
                mls_leaf_write(&k.w, &n.leaf);
            else
                mls_parent_write(&k.w, &n.parent);
        }
        if (e) k.w.bad = true;
    }
    return again(in, &b);
}

static bool secrets_again(struct span in)
{
    struct mls_group_secrets g;
    struct blob b;
    if (mls_group_secrets_read(in, &g) != OK) return false;
    PACK(&b) mls_group_secrets_write(&k.w, &g);
    return again(in, &b);
}

static bool commit_again(struct span in)
{
    struct mls_commit c;
    struct blob b;
    if (mls_commit_read(in, &c) != OK) return false;
    PACK(&b) mls_commit_write(&k.w, &c);
    return again(in, &b);
}

static const char *messages_hold(struct sheet *sh, const json_t *c)
{
    static const char *const whole[] = {"mls_welcome",
                                        "mls_group_info",
                                        "mls_key_package",
                                        "public_message_application",
                                        "public_message_proposal",
                                        "public_message_commit",
                                        "private_message"};
    static const char *const bodies[] = {"add_proposal",
                                         "update_proposal",
                                         "remove_proposal",
                                         "pre_shared_key_proposal",
                                         "re_init_proposal",
                                         "external_init_proposal",
                                         "group_context_extensions_proposal"};
    for (size_t i = 0; i < COUNT_OF(whole); i++)
        if (!message_again(vec_hex(sh, c, whole[i]))) return whole[i];
    for (size_t i = 0; i < COUNT_OF(bodies); i++)
        if (!body_again(vec_hex(sh, c, bodies[i]), (uint16_t)(i + MLS_ADD))) return bodies[i];
    WANT(tree_again(vec_hex(sh, c, "ratchet_tree")));
    WANT(secrets_again(vec_hex(sh, c, "group_secrets")));
    WANT(commit_again(vec_hex(sh, c, "commit")));
    return NULL;
}

static void run_messages(struct sheet *sh, const json_t *root)
{
    size_t i;
    json_t *c;
    json_array_foreach(root, i, c)
    {
        const char *why = messages_hold(sh, c);
        sheet_case(sh, ANY_SUITE, !why, why ? why : "");
    }
}

/* ---- trees ---- */

static enum err tree_in(struct sheet *sh, const json_t *c, const char *key, struct tree *t)
{
    struct span nodes;
    enum err e = mls_tree_read(vec_hex(sh, c, key), &nodes);
    return e ? e : tree_read(t, nodes);
}

static bool tree_is(const struct tree *t, struct span want)
{
    struct blob b, vec;
    PACK(&b) tree_write(&k.w, t);
    PACK(&vec) write_vecv(&k.w, blob_span(&b));
    blob_drop(&b);
    return again(want, &vec);
}

static bool is_tree_operations(const json_t *root)
{
    return vec_has(first_of(root), "tree_before");
}

static enum err apply(struct tree *t, const struct mls_proposal *p, uint32_t sender)
{
    uint32_t index;
    switch (p->type) {
    case MLS_ADD:
        return tree_add(t, p->add.leaf.raw, &index);
    case MLS_UPDATE:
        return sender < t->leaves ? tree_update(t, sender, p->update.raw) : ERR_RANGE;
    case MLS_REMOVE:
        if (p->remove >= t->leaves) return ERR_RANGE;
        tree_remove(t, p->remove);
        return OK;
    default:
        return ERR_UNSUPPORTED;
    }
}

static const char *tree_operations(struct sheet *sh, const json_t *c, const struct suite *s)
{
    struct tree t;
    struct mls_proposal p;
    struct digest before, after;
    WANT(mls_proposal_read(vec_hex(sh, c, "proposal"), &p) == OK);
    WANT(tree_in(sh, c, "tree_before", &t) == OK);
    bool ok = tree_hash(&t, s, &before) == OK && hex_is(sh, c, "tree_hash_before", digest_span(&before)) &&
              apply(&t, &p, (uint32_t)vec_u64(c, "proposal_sender")) == OK &&
              tree_is(&t, vec_hex(sh, c, "tree_after")) && tree_hash(&t, s, &after) == OK &&
              hex_is(sh, c, "tree_hash_after", digest_span(&after));
    tree_fini(&t);
    return ok ? NULL : "the tree after the proposal";
}

static void run_tree_operations(struct sheet *sh, const json_t *root)
{
    each_suite(sh, root, tree_operations);
}

static bool is_tree_validation(const json_t *root)
{
    return vec_has(first_of(root), "resolutions") && vec_has(first_of(root), "tree_hashes");
}

static const char *tree_holds(struct sheet *sh, const json_t *c, const struct suite *s, struct tree *t)
{
    struct digest root;
    uint16_t list[TREE_NODES_MAX];
    const json_t *hashes = json_object_get(c, "tree_hashes"), *all = json_object_get(c, "resolutions");
    WANT(tree_hash(t, s, &root) == OK);
    WANT(json_array_size(hashes) == node_count(t->leaves) && json_array_size(all) == node_count(t->leaves));
    for (uint32_t x = 0; x < node_count(t->leaves); x++) {
        const json_t *want = json_array_get(all, x);
        size_t n = tree_resolution(t, x, list);
        WANT(span_equal(hex_of(sh, json_array_get(hashes, x)), SPAN_OF(t->nodes[x].hash)));
        WANT(json_array_size(want) == n);
        for (size_t i = 0; i < n; i++)
            WANT(json_integer_value(json_array_get(want, i)) == list[i]);
    }
    WANT(tree_check_parents(t, s) == OK);
    WANT(tree_check_keys(t, s) == OK);
    WANT(tree_is(t, vec_hex(sh, c, "tree")));
    for (uint32_t i = 0; i < t->leaves; i++) {
        struct mls_leaf l;
        if (!tree_leaf(t, i, &l)) continue;
        WANT(leaf_verify(s, &l, vec_hex(sh, c, "group_id"), i) == OK);
        WANT(leaf_check(&l, l.source) == OK);
    }
    return NULL;
}

static const char *tree_validation(struct sheet *sh, const json_t *c, const struct suite *s)
{
    struct tree t;
    WANT(tree_in(sh, c, "tree", &t) == OK);
    const char *why = tree_holds(sh, c, s, &t);
    tree_fini(&t);
    return why;
}

static void run_tree_validation(struct sheet *sh, const json_t *root)
{
    each_suite(sh, root, tree_validation);
}

/* ---- treekem ---- */

static bool is_treekem(const json_t *root)
{
    return vec_has(first_of(root), "update_paths") && vec_has(first_of(root), "leaves_private");
}

static bool own_in(struct sheet *sh, const json_t *l, const struct suite *s, const struct tree *t,
                   struct treekem_own *own)
{
    *own = (struct treekem_own){.leaf = (uint32_t)vec_u64(l, "index")};
    own->priv[0] = secret_in(sh, l, "encryption_priv");
    size_t i;
    json_t *p;
    json_array_foreach(json_object_get(l, "path_secrets"), i, p)
    {
        struct secret secret = secret_in(sh, p, "path_secret"), node;
        uint32_t x = (uint32_t)vec_u64(p, "node");
        uint8_t pub[CRYPTO_PUBLIC_MAX];
        if (x >= node_count(t->leaves) || !node_within(2 * own->leaf, x) ||
            suite_derive(s, secret_span(&secret), SPAN_LIT("node"), &node) != OK ||
            suite_dh_derive(s, secret_span(&node), &own->priv[node_level(x)], pub) != OK ||
            !span_equal(SPAN(pub, s->npk), tree_key(t, x)))
            return false;
    }
    return true;
}

static struct span kem_context(struct sheet *sh, const json_t *c, const struct suite *s, struct tree *t)
{
    struct digest hash = {0};
    uint8_t *b = sheet_take(sh, 512);
    struct writer w = writer_of(MSPAN(b, 512));
    if (tree_hash(t, s, &hash) != OK) return SPAN_NONE;
    struct mls_context context = {.version = MLS_VERSION,
                                  .suite = s->id,
                                  .group_id = vec_hex(sh, c, "group_id"),
                                  .epoch = vec_u64(c, "epoch"),
                                  .tree_hash = digest_span(&hash),
                                  .confirmed_hash = vec_hex(sh, c, "confirmed_transcript_hash")};
    mls_context_write(&w, &context);
    return writer_span(&w);
}

static const json_t *private_of(const json_t *c, uint32_t leaf)
{
    size_t i;
    json_t *l;
    json_array_foreach(json_object_get(c, "leaves_private"), i, l) if (vec_u64(l, "index") == leaf) return l;
    return NULL;
}

struct kem_case {
    struct sheet *sh;
    const json_t *c;
    const struct suite *s;
    const struct tree *before;
};

/* Every other member opens the path and gets this commit secret; `secrets` are the vector's, or NULL. */
static const char *all_open(const struct kem_case *k, const struct tree *after, const struct treekem_to *to,
                            const struct mls_path *path, uint32_t sender, const struct secret *commit,
                            const json_t *secrets)
{
    for (uint32_t i = 0; i < after->leaves; i++) {
        const json_t *l = private_of(k->c, i);
        struct treekem_own own;
        struct secret got;
        if (i == sender || !l) continue;
        WANT(own_in(k->sh, l, k->s, k->before, &own));
        WANT(treekem_open(after, k->s, &own, sender, path, to, &got) == OK);
        WANT(secret_equal(secret_span(&got), secret_span(commit)));
        if (!secrets) continue;
        struct span secret = hex_of(k->sh, json_array_get(secrets, i));
        WANT(treekem_learn(after, k->s, &own, sender, secret) == OK);
    }
    return NULL;
}

static const char *given_path(const struct kem_case *k, const json_t *u, struct tree *t)
{
    struct mls_path path;
    struct tree_set fresh = {{0}};
    struct digest hash;
    uint32_t sender = (uint32_t)vec_u64(u, "sender");
    struct secret commit = secret_in(k->sh, u, "commit_secret");
    WANT(mls_path_read(vec_hex(k->sh, u, "update_path"), &path) == OK);
    WANT(treekem_merge(t, k->s, sender, &path) == OK);
    WANT(leaf_verify(k->s, &path.leaf, vec_hex(k->sh, k->c, "group_id"), sender) == OK);
    struct treekem_to to = {&fresh, kem_context(k->sh, k->c, k->s, t)};
    WANT(tree_hash(t, k->s, &hash) == OK);
    WANT(hex_is(k->sh, u, "tree_hash_after", digest_span(&hash)));
    return all_open(k, t, &to, &path, sender, &commit, json_object_get(u, "path_secrets"));
}

static void leaf_pack(const struct mls_leaf *l, struct blob *b)
{
    PACK(b) mls_leaf_write(&k.w, l);
}

/* A path of our own from the same member, opened by the others. */
static const char *own_path(const struct kem_case *k, uint32_t sender, struct tree *t)
{
    struct treekem_own own;
    struct treekem_made made = {0};
    struct tree_set fresh = {{0}};
    struct blob nodes, leaf;
    struct mls_path path;
    struct tree received;
    WANT(own_in(k->sh, private_of(k->c, sender), k->s, k->before, &own));
    WANT(tree_clone(t, &received) == OK);
    WANT(treekem_start(t, k->s, &own, &made) == OK);
    WANT(tree_leaf(t, sender, &path.leaf));
    path.leaf.source = MLS_SOURCE_COMMIT;
    path.leaf.parent_hash = digest_span(&made.parent_hash);
    leaf_pack(&path.leaf, &leaf);
    WANT(mls_leaf_read(blob_span(&leaf), &path.leaf) == OK);
    WANT(tree_set_leaf(t, sender, path.leaf.raw) == OK);
    struct treekem_to to = {&fresh, kem_context(k->sh, k->c, k->s, t)};
    WANT(treekem_encrypt(t, k->s, &made, &to, &nodes) == OK);
    path.nodes = blob_span(&nodes);
    enum err e = treekem_merge(&received, k->s, sender, &path);
    struct digest a, b;
    bool same = e == OK && tree_hash(t, k->s, &a) == OK && tree_hash(&received, k->s, &b) == OK &&
                span_equal(digest_span(&a), digest_span(&b));
    const char *why =
        same ? all_open(k, &received, &to, &path, sender, &made.commit, NULL) : "own path merged";
    tree_fini(&received);
    blob_drop(&nodes);
    blob_drop(&leaf);
    return why;
}

static const char *treekem(struct sheet *sh, const json_t *c, const struct suite *s)
{
    struct tree before, t;
    size_t i;
    json_t *u;
    const char *why = NULL;
    WANT(tree_in(sh, c, "ratchet_tree", &before) == OK);
    struct kem_case k = {sh, c, s, &before};
    json_array_foreach(json_object_get(c, "update_paths"), i, u)
    {
        if (!why && tree_clone(&before, &t) == OK) {
            why = given_path(&k, u, &t);
            tree_fini(&t);
        }
        if (!why && tree_clone(&before, &t) == OK) {
            why = own_path(&k, (uint32_t)vec_u64(u, "sender"), &t);
            tree_fini(&t);
        }
    }
    tree_fini(&before);
    return why;
}

static void run_treekem(struct sheet *sh, const json_t *root)
{
    each_suite(sh, root, treekem);
}

/* ---- welcome ---- */

static bool is_welcome(const json_t *root)
{
    return vec_has(first_of(root), "signer_pub") && vec_has(first_of(root), "welcome");
}

static const char *welcome_holds(struct sheet *sh, const json_t *c, const struct suite *s,
                                 struct welcome_opened *o)
{
    struct mls_message w, kp;
    struct secret init = secret_in(sh, c, "init_priv"), zero = schedule_zero(), joiner = {.n = SUITE_NH};
    struct schedule k;
    struct digest confirmed = {.n = SUITE_NH};
    uint8_t tag[SUITE_NH];
    WANT(mls_message_read(vec_hex(sh, c, "welcome"), &w) == OK && w.wire == MLS_WELCOME);
    WANT(mls_message_read(vec_hex(sh, c, "key_package"), &kp) == OK && kp.wire == MLS_KEY_PACKAGE);
    WANT(welcome_open_secrets(s, &w.welcome, kp.key_package.raw, &init, o) == OK);
    WANT(welcome_open_info(s, &w.welcome, &zero, o) == OK);
    WANT(welcome_check_info(s, &o->info, vec_hex(sh, c, "signer_pub")) == OK);
    memcpy(joiner.b, o->secrets.joiner_secret.p, SUITE_NH);
    WANT(schedule_epoch(s, &joiner, &zero, o->info.context.raw, &k) == OK);
    WANT(o->info.context.confirmed_hash.n == SUITE_NH);
    memcpy(confirmed.b, o->info.context.confirmed_hash.p, SUITE_NH);
    WANT(schedule_confirm(s, &k, &confirmed, tag) == OK);
    WANT(span_equal(SPAN_OF(tag), o->info.confirmation_tag));
    return NULL;
}

static const char *welcome(struct sheet *sh, const json_t *c, const struct suite *s)
{
    struct welcome_opened o = {0};
    const char *why = welcome_holds(sh, c, s, &o);
    welcome_drop(&o);
    return why;
}

static void run_welcome(struct sheet *sh, const json_t *root)
{
    each_suite(sh, root, welcome);
}

const struct format vectors_mls[] = {{"deserialization", is_deserialization, run_deserialization},
                                     {"tree-math", is_tree_math, run_tree_math},
                                     {"key-schedule", is_key_schedule, run_key_schedule},
                                     {"psk_secret", is_psk, run_psk},
                                     {"transcript-hashes", is_transcript, run_transcript},
                                     {"secret-tree", is_secret_tree, run_secret_tree},
                                     {"message-protection", is_protection, run_protection},
                                     {"messages", is_messages, run_messages},
                                     {"tree-operations", is_tree_operations, run_tree_operations},
                                     {"tree-validation", is_tree_validation, run_tree_validation},
                                     {"treekem", is_treekem, run_treekem},
                                     {"welcome", is_welcome, run_welcome},
                                     {"passive-client", passive_is, passive_run},
                                     {0}};
