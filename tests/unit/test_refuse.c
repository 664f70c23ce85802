/* SPDX-License-Identifier: Apache-2.0
 * What a group must refuse: commits signed and tagged by a real member that break one rule each, messages at
 * the wrong time, bytes that were altered, Welcomes with another tree. After each refusal the state is bit
 * for bit what it was. */
#include "test.h"

#include "people.h"
#include "seal/group_inner.h"
#include "seal/leaf.h"

static struct person a, b, c, x; /* leaves 0, 1, 2 and one outside */
static const struct group_psk PSK = {SPAN_LIT("known"), SPAN_LIT("psk")};

static void keys(struct person *p, const char *name)
{
    snprintf(p->name, sizeof p->name, "%s", name);
    assert_ok(person_keys(p, 1));
}

static void join_by(struct person *p, struct draft *d)
{
    struct group_conf conf = {.crypto = &people_crypto};
    struct join_with with = {.own = &p->key, .welcome = draft_welcome(d)};
    assert_ok(group_join(&conf, &with, &p->g));
    assert_ok(group_psk_put(p->g, &PSK));
}

static int set_up(void **state)
{
    struct group_conf conf = {.crypto = &people_crypto};
    struct draft *d;
    (void)state;
    people_start(11);
    keys(&a, "a");
    keys(&b, "b");
    keys(&c, "c");
    keys(&x, "x");
    assert_ok(group_create(&conf, &a.key, SPAN_LIT("room"), SPAN_NONE, &a.g));
    assert_ok(group_psk_put(a.g, &PSK));
    struct propose adds[] = {{.type = MLS_ADD, .key_package = blob_span(&b.key.message)},
                             {.type = MLS_ADD, .key_package = blob_span(&c.key.message)}};
    struct commit_how how = {.proposals = adds, .count = 2};
    assert_ok(person_commit(&a, &how, &d));
    assert_ok(person_take(&a, draft_message(d)));
    join_by(&b, d);
    join_by(&c, d);
    draft_free(d);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    person_leave(&a);
    person_leave(&b);
    person_leave(&c);
    person_leave(&x);
    return mem_live() != 0;
}

/* ---- a member who breaks the rules ---- */

static void frame(const struct person *p, struct mls_signed *m, struct blob *message)
{
    struct epoch *e = p->g->now;
    struct blob tbs = {0};
    uint8_t sig[CRYPTO_SIGN_MAX];
    size_t n;
    m->wire = MLS_PUBLIC;
    m->content.group_id = blob_span(&e->group_id);
    if (!m->content.epoch) m->content.epoch = e->number;
    if (!m->content.from) m->content.from = MLS_MEMBER;
    m->content.sender = e->own.leaf;
    assert_ok(protect_tbs(m, blob_span(&e->context), &tbs));
    assert_ok(
        suite_sign(e->suite, secret_span(&p->sign), SPAN_LIT("FramedContentTBS"), blob_span(&tbs), sig, &n));
    blob_drop(&tbs);
    m->signature = SPAN(sig, n);
    struct protect keys_of = epoch_protect(e);
    assert_ok(protect_public(&keys_of, m, message));
}

/* A commit of a's with these proposals and no path; its tag is wrong, so that a rule must have refused it. */
static void forge(const struct mls_given *list, size_t n, struct blob *message)
{
    struct blob proposals = {0}, body = {0};
    uint8_t tag[SUITE_NH] = {0};
    PACK(&proposals)
    for (size_t i = 0; i < n; i++)
        mls_given_write(&k.w, &list[i]);
    struct mls_commit commit = {.proposals = blob_span(&proposals), .count = n};
    PACK(&body) mls_commit_write(&k.w, &commit);
    struct mls_signed m = {.content = {.type = MLS_COMMIT, .body = blob_span(&body)},
                           .confirmation_tag = SPAN_OF(tag)};
    frame(&a, &m, message);
    blob_drop(&proposals);
    blob_drop(&body);
}

static void refused(struct person *p, enum err want, struct span message)
{
    struct blob before = {0}, after = {0};
    struct incoming in;
    assert_ok(group_save(p->g, &before));
    enum err got = group_open(p->g, message, &in);
    assert_int_equal(got, want);
    assert_ok(group_save(p->g, &after));
    assert_true(span_equal(blob_span(&before), blob_span(&after)));
    blob_drop(&before);
    blob_drop(&after);
}

static uint8_t nonce[SUITE_NH] = {1};

static struct mls_given psk(struct span id, size_t nonce_n)
{
    return (struct mls_given){
        .proposal = {.type = MLS_PSK,
                     .psk = {.type = MLS_PSK_EXTERNAL, .id = id, .nonce = SPAN(nonce, nonce_n)}}};
}

static struct mls_given remove_leaf(uint32_t leaf)
{
    return (struct mls_given){.proposal = {.type = MLS_REMOVE, .remove = leaf}};
}

static struct mls_given add(const struct person *p)
{
    struct mls_message m;
    assert_ok(mls_message_read(blob_span(&p->key.message), &m));
    return (struct mls_given){.proposal = {.type = MLS_ADD, .add = m.key_package}};
}

static void rule(enum err want, const struct mls_given *list, size_t n)
{
    struct blob message = {0};
    forge(list, n, &message);
    refused(&b, want, blob_span(&message));
    blob_drop(&message);
}

#define RULE(want, ...)                                                                                      \
    do {                                                                                                     \
        struct mls_given list_[] = {__VA_ARGS__};                                                            \
        rule(want, list_, COUNT_OF(list_));                                                                  \
    } while (0)

/* Hears a proposal of `from` everywhere and gives its reference. */
static struct mls_given heard(struct person *from, const struct propose *what)
{
    struct draft *d;
    struct person *all[] = {&a, &b, &c};
    assert_ok(person_propose(from, what, true, &d));
    for (size_t i = 0; i < 3; i++)
        if (all[i] != from) assert_ok(person_take(all[i], draft_message(d)));
    draft_free(d);
    return (struct mls_given){.by_ref = true, .ref = SPAN_OF(b.g->heard[b.g->heard_n - 1].ref)};
}

static void proposal_lists(void **state)
{
    struct propose update = {.type = MLS_UPDATE}, remove_c = {.type = MLS_REMOVE, .leaf = 2};
    struct mls_given by_value = {.proposal = {.type = MLS_UPDATE}},
                     unknown_ref = {.by_ref = true, .ref = SPAN_OF(nonce)};
    struct mls_given reinit = {.proposal = {.type = MLS_REINIT, .reinit = {SPAN_LIT("r"), 1, 1, SPAN_NONE}}};
    struct mls_given external = {.proposal = {.type = MLS_EXTERNAL_INIT, .kem_output = SPAN_OF(nonce)}};
    struct mls_given context = {.proposal = {.type = MLS_CONTEXT_EXTENSIONS}};
    struct mls_given required = {
        .proposal = {.type = MLS_CONTEXT_EXTENSIONS, .extensions = SPAN("\0\3\1\7", 4)}};
    struct mls_given resumption = psk(SPAN_NONE, SUITE_NH), broken = add(&x);
    struct blob leaf = {0};
    (void)state;
    assert_true(group_leaf(a.g, 0, &by_value.proposal.update));
    resumption.proposal.psk.type = MLS_PSK_RESUMPTION;
    resumption.proposal.psk.usage = MLS_USAGE_BRANCH;
    assert_ok(blob_copy(&leaf, broken.proposal.add.signature));
    leaf.p[7] ^= 1;
    broken.proposal.add.signature = blob_span(&leaf);

    rule(ERR_DENIED, NULL, 0); /* an empty commit needs a path */
    RULE(ERR_DENIED, remove_leaf(2));
    RULE(ERR_DENIED, remove_leaf(0));
    RULE(ERR_UNKNOWN, remove_leaf(3));
    RULE(ERR_UNKNOWN, remove_leaf(1u << 20));
    RULE(ERR_EXISTS, remove_leaf(2), remove_leaf(2));
    RULE(ERR_DENIED, by_value);
    RULE(ERR_UNSUPPORTED, reinit);
    RULE(ERR_UNSUPPORTED, external);
    RULE(ERR_FORMAT, psk(PSK.id, 31));
    RULE(ERR_DENIED, resumption);
    RULE(ERR_EXISTS, psk(PSK.id, SUITE_NH), psk(PSK.id, SUITE_NH));
    RULE(ERR_UNKNOWN, psk(SPAN_LIT("nobody's"), SUITE_NH));
    RULE(ERR_EXISTS, context, context);
    RULE(ERR_SHORT, required);
    RULE(ERR_DENIED, context);
    RULE(ERR_EXISTS, add(&b));          /* in the group already */
    RULE(ERR_EXISTS, add(&x), add(&x)); /* one client twice */
    RULE(ERR_AUTH, broken);
    RULE(ERR_UNKNOWN, unknown_ref);
    RULE(ERR_AUTH, add(&x)); /* nothing wrong but the confirmation tag */
    struct mls_given one = heard(&c, &update);
    RULE(ERR_DENIED, one);
    uint8_t first[SUITE_NH];
    memcpy(first, one.ref.p, sizeof first);
    struct mls_given two = heard(&c, &update), one_again = {.by_ref = true, .ref = SPAN_OF(first)};
    RULE(ERR_EXISTS, one_again, two);
    two.ref = SPAN_OF(b.g->heard[1].ref);
    struct mls_given gone = heard(&b, &remove_c);
    RULE(ERR_EXISTS, one_again, gone);
    struct mls_given own = heard(&a, &update);
    RULE(ERR_DENIED, own);
    blob_drop(&leaf);
}

static void unknown_type(void **state)
{
    static const uint8_t body[] = {4,    1, 0x7a,
                                   0x7a, 1, 0}; /* one proposal by value, of a type nobody has; no path */
    uint8_t tag[SUITE_NH] = {0};
    struct blob message = {0};
    struct mls_signed m = {.content = {.type = MLS_COMMIT, .body = SPAN_OF(body)},
                           .confirmation_tag = SPAN_OF(tag)};
    (void)state;
    frame(&a, &m, &message);
    refused(&b, ERR_UNSUPPORTED, blob_span(&message));
    blob_drop(&message);
}

/* ---- senders and times ---- */

static void senders(void **state)
{
    static const uint8_t from[] = {MLS_EXTERNAL, MLS_NEW_PROPOSAL, MLS_NEW_COMMIT};
    uint8_t proposal[] = {0, 3, 0, 0, 0, 2}, tag[SUITE_NH] = {0};
    struct blob message = {0};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(from); i++) {
        struct mls_signed m = {.content = {.type = MLS_PROPOSAL, .body = SPAN_OF(proposal), .from = from[i]}};
        frame(&a, &m, &message);
        refused(&b, ERR_UNSUPPORTED, blob_span(&message));
        blob_drop(&message);
    }
    struct mls_signed app = {.content = {.type = MLS_APPLICATION, .body = SPAN_LIT("in public")}};
    frame(&a, &app, &message);
    refused(&b, ERR_DENIED, blob_span(&message));
    blob_drop(&message);
    struct mls_signed later = {.content = {.type = MLS_PROPOSAL, .body = SPAN_OF(proposal), .epoch = 9},
                               .confirmation_tag = SPAN_OF(tag)};
    frame(&a, &later, &message);
    refused(&b, ERR_AGAIN, blob_span(&message));
    blob_drop(&message);
}

static void times(void **state)
{
    struct commit_how empty = {0};
    struct propose gone = {.type = MLS_REMOVE, .leaf = 1};
    struct commit_how kick = {.proposals = &gone, .count = 1};
    struct draft *d, *old, *e;
    (void)state;
    assert_ok(person_commit(&b, &empty, &old)); /* b's, which loses */
    assert_ok(person_commit(&a, &kick, &d));
    assert_ok(person_take(&a, draft_message(d)));
    assert_ok(person_take(&c, draft_message(d)));
    refused(&c, ERR_REPLAY, draft_message(d));
    refused(&c, ERR_REPLAY, draft_message(old)); /* a commit of a member removed meanwhile */
    assert_ok(person_take(&b, draft_message(old)));
    assert_ok(person_commit(&b, &empty, &e)); /* its own branch goes nowhere */
    struct incoming in;
    assert_int_not_equal(group_open(c.g, draft_message(e), &in), OK);
    draft_free(e);
    assert_ok(person_commit(&a, &empty, &e));
    assert_int_not_equal(group_open(b.g, draft_message(e), &in), OK);
    draft_free(d);
    draft_free(old);
    draft_free(e);
}

/* ---- altered bytes ---- */

static void every_byte(void **state)
{
    struct commit_how how[] = {{.framing = {.in_public = true}}, {.framing = {.in_public = false}}};
    struct draft *d;
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct blob copy = {0};
        struct incoming in;
        assert_ok(person_commit(&a, &how[i], &d));
        assert_ok(blob_copy(&copy, draft_message(d)));
        for (size_t at = 0; at < copy.n; at++) {
            copy.p[at] ^= 0x41;
            assert_int_not_equal(group_open(b.g, blob_span(&copy), &in), OK);
            copy.p[at] ^= 0x41;
            assert_int_not_equal(group_open(b.g, SPAN(copy.p, at), &in), OK);
        }
        assert_ok(person_take(&b, blob_span(&copy)));
        assert_ok(person_take(&a, blob_span(&copy)));
        assert_ok(person_take(&c, blob_span(&copy)));
        blob_drop(&copy);
        draft_free(d);
    }
    assert_true(span_equal(group_authenticator(a.g), group_authenticator(c.g)));
}

/* A commit with a path, taken apart and signed again by its author after one change. */
enum change {
    CHANGE_NOTHING,
    CHANGE_TAG,
    CHANGE_PARENT_HASH,
    CHANGE_LEAF_KEY,
    CHANGE_NODES,
    CHANGE_SOURCE,
    CHANGES
};

static void leaf_again(struct mls_leaf *l, struct blob *bytes)
{
    struct blob tbs = {0};
    uint8_t sig[CRYPTO_SIGN_MAX];
    size_t n;
    assert_ok(leaf_tbs(l, group_id(a.g), 0, &tbs));
    assert_ok(
        suite_sign(&a.g->suite, secret_span(&a.sign), SPAN_LIT("LeafNodeTBS"), blob_span(&tbs), sig, &n));
    l->signature = SPAN(sig, n);
    PACK(bytes) mls_leaf_write(&k.w, l);
    assert_ok(mls_leaf_read(blob_span(bytes), l));
    blob_drop(&tbs);
}

static void altered(struct span message, enum change change, struct blob *out)
{
    struct mls_message m;
    struct mls_commit commit;
    struct mls_leaf now;
    struct blob leaf = {0}, body = {0};
    uint8_t hash[SUITE_NH] = {5}, tag[SUITE_NH];
    assert_ok(mls_message_read(message, &m));
    assert_ok(mls_commit_read(m.pub.is.content.body, &commit));
    assert_true(group_leaf(a.g, 0, &now));
    struct mls_leaf *l = &commit.path.leaf;
    if (change == CHANGE_PARENT_HASH) l->parent_hash = SPAN_OF(hash);
    if (change == CHANGE_LEAF_KEY) l->encryption_key = now.encryption_key;
    if (change == CHANGE_SOURCE) l->source = MLS_SOURCE_UPDATE;
    if (change == CHANGE_NODES) commit.path.nodes = SPAN_NONE;
    leaf_again(l, &leaf);
    PACK(&body) mls_commit_write(&k.w, &commit);
    memcpy(tag, m.pub.is.confirmation_tag.p, sizeof tag);
    if (change == CHANGE_TAG) tag[31] ^= 1;
    struct mls_signed s = {.content = {.type = MLS_COMMIT, .body = blob_span(&body)},
                           .confirmation_tag = SPAN_OF(tag)};
    frame(&a, &s, out);
    blob_drop(&leaf);
    blob_drop(&body);
}

static void paths(void **state)
{
    static const enum err want[CHANGES] = {[CHANGE_TAG] = ERR_AUTH,
                                           [CHANGE_PARENT_HASH] = ERR_AUTH,
                                           [CHANGE_LEAF_KEY] = ERR_EXISTS,
                                           [CHANGE_NODES] = ERR_FORMAT,
                                           [CHANGE_SOURCE] = ERR_FORMAT};
    struct commit_how how = {.framing = {.in_public = true}};
    struct draft *d;
    struct blob message = {0};
    (void)state;
    assert_ok(person_commit(&a, &how, &d));
    for (enum change i = CHANGE_TAG; i < CHANGES; i++) {
        altered(draft_message(d), i, &message);
        refused(&b, want[i], blob_span(&message));
        refused(&c, want[i], blob_span(&message));
        blob_drop(&message);
    }
    altered(draft_message(d), CHANGE_NOTHING,
            &message); /* Ed25519 signs alike each time: the very same commit */
    assert_ok(person_take(&b, blob_span(&message)));
    blob_drop(&message);
    draft_free(d);
}

/* ---- joining ---- */

static void joins(void **state)
{
    struct propose what = {.type = MLS_ADD, .key_package = blob_span(&x.key.message)};
    struct commit_how how = {.proposals = &what, .count = 1, .tree_apart = true};
    struct group_conf conf = {.crypto = &people_crypto};
    struct draft *d;
    struct blob tree = {0}, welcome = {0};
    struct group *g = NULL;
    (void)state;
    assert_ok(person_commit(&b, &how, &d));
    assert_ok(person_take(&a, draft_message(d)));
    assert_ok(group_tree(a.g, &tree));
    assert_ok(blob_copy(&welcome, draft_welcome(d)));
    struct join_with with = {.own = &x.key, .welcome = blob_span(&welcome), .tree = blob_span(&tree)};
    for (size_t at = 0; at < tree.n; at++) { /* any other tree */
        tree.p[at] ^= 0x11;
        assert_int_not_equal(group_join(&conf, &with, &g), OK);
        tree.p[at] ^= 0x11;
    }
    for (size_t at = 0; at < welcome.n; at += 7) {
        welcome.p[at] ^= 0x11;
        assert_int_not_equal(group_join(&conf, &with, &g), OK);
        welcome.p[at] ^= 0x11;
    }
    with.own = &c.key; /* not for this one */
    assert_err(ERR_UNKNOWN, group_join(&conf, &with, &g));
    with.own = &x.key;
    with.tree = SPAN_NONE;
    assert_err(ERR_UNKNOWN, group_join(&conf, &with, &g));
    with.tree = blob_span(&tree);
    assert_ok(group_join(&conf, &with, &x.g));
    assert_true(span_equal(group_authenticator(x.g), group_authenticator(a.g)));
    blob_drop(&tree);
    blob_drop(&welcome);
    draft_free(d);
}

/* ---- a slow signer ---- */

static void signer(void **state)
{
    struct propose what = {.type = MLS_ADD, .key_package = blob_span(&x.key.message)};
    struct commit_how how = {.proposals = &what, .count = 1};
    struct draft *d;
    struct span tbs;
    const struct crypto *c_ = &people_crypto;
    uint8_t sig[CRYPTO_SIGN_MAX];
    size_t n, times_asked = 0;
    (void)state;
    assert_ok(draft_commit(a.g, &how, &d));
    while (draft_wants(d, &tbs)) {
        assert_ok(c_->sign(c_->ctx, CRYPTO_ED25519, secret_span(&b.sign), tbs, sig, &n));
        assert_err(ERR_AUTH, draft_give(d, SPAN(sig, n))); /* another's key */
        assert_ok(c_->sign(c_->ctx, CRYPTO_ED25519, secret_span(&a.sign), tbs, sig, &n));
        assert_false(group_staged(a.g));
        assert_ok(draft_give(d, SPAN(sig, n)));
        times_asked++;
    }
    assert_int_equal(times_asked, 3);
    assert_err(ERR_STATE, draft_give(d, SPAN(sig, n)));
    assert_true(group_staged(a.g));
    struct draft *second;
    assert_err(ERR_STATE, draft_commit(a.g, &how, &second));
    group_discard(a.g);
    draft_free(d);
    assert_ok(draft_commit(a.g, &how, &d)); /* begun, and then another's commit wins */
    struct commit_how empty = {0};
    assert_ok(person_commit(&b, &empty, &second));
    assert_ok(person_take(&a, draft_message(second)));
    assert_true(draft_wants(d, &tbs));
    assert_ok(c_->sign(c_->ctx, CRYPTO_ED25519, secret_span(&a.sign), tbs, sig, &n));
    assert_err(ERR_STATE, draft_give(d, SPAN(sig, n)));
    draft_free(second);
    draft_free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(proposal_lists, set_up, tear_down),
        cmocka_unit_test_setup_teardown(unknown_type, set_up, tear_down),
        cmocka_unit_test_setup_teardown(senders, set_up, tear_down),
        cmocka_unit_test_setup_teardown(times, set_up, tear_down),
        cmocka_unit_test_setup_teardown(every_byte, set_up, tear_down),
        cmocka_unit_test_setup_teardown(paths, set_up, tear_down),
        cmocka_unit_test_setup_teardown(joins, set_up, tear_down),
        cmocka_unit_test_setup_teardown(signer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
