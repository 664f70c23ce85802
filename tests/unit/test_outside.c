/* SPDX-License-Identifier: Apache-2.0
 * What comes from outside a group: external commits (who enters agrees with all, replaces only themselves, and each
 * rule of RFC 9420 section 12.2 for them refuses what breaks it), external senders, and one's own Add. Without the
 * bit in the conf all of it is ERR_UNSUPPORTED. */
#include "test.h"

#include "people.h"
#include "seal/group_inner.h"
#include "seal/leaf.h"
#include "seal/outside.h"

#define ALL_OUTSIDE (GROUP_EXTERNAL_COMMITS | GROUP_EXTERNAL_SENDERS | GROUP_OWN_ADDS)

static struct person a, b, c, x, server;
static const struct group_psk PSK = {SPAN_LIT("known"), SPAN_LIT("psk")};
static struct person *const members[] = {&a, &b, &c};
static uint16_t suite_id;

static void keys(struct person *p, const char *name)
{
    snprintf(p->name, sizeof p->name, "%s", name);
    assert_ok(person_keys(p, suite_id));
}

static void join_by(struct person *p, const struct draft *d, uint8_t outside)
{
    struct group_conf conf = {.crypto = &people_crypto, .outside = outside};
    struct join_with with = {.own = &p->key, .welcome = draft_welcome(d)};
    assert_ok(group_join(&conf, &with, &p->g));
    assert_ok(group_psk_put(p->g, &PSK));
}

/* external_senders with the server, behind another. */
static void context_extensions(struct blob *out)
{
    struct blob list = {0}, data = {0};
    PACK(&list)
    {
        write_vecv(&k.w, SPAN(b.sign_pub, 32));
        write_u16(&k.w, MLS_CREDENTIAL_BASIC);
        write_vecv(&k.w, SPAN_LIT("another"));
        write_vecv(&k.w, SPAN(server.sign_pub, suite_id == 2 ? 65 : 32));
        write_u16(&k.w, MLS_CREDENTIAL_BASIC);
        write_vecv(&k.w, SPAN_LIT("server"));
    }
    PACK(&data) write_vecv(&k.w, blob_span(&list));
    struct mls_extension e = {MLS_EXT_EXTERNAL_SENDERS, blob_span(&data)};
    PACK(out) mls_extension_write(&k.w, &e);
    blob_drop(&list);
    blob_drop(&data);
}

static void begin(uint16_t suite, uint8_t outside)
{
    struct group_conf conf = {.crypto = &people_crypto, .outside = outside};
    struct blob extensions = {0};
    struct draft *d;
    suite_id = suite;
    people_start(21);
    keys(&a, "a");
    keys(&b, "b");
    keys(&c, "c");
    keys(&x, "x");
    keys(&server, "server");
    context_extensions(&extensions);
    assert_ok(group_create(&conf, &a.key, SPAN_LIT("room"), blob_span(&extensions), &a.g));
    blob_drop(&extensions);
    assert_ok(group_psk_put(a.g, &PSK));
    struct propose adds[] = {{.type = MLS_ADD, .key_package = blob_span(&b.key.message)},
                             {.type = MLS_ADD, .key_package = blob_span(&c.key.message)}};
    struct commit_how how = {.proposals = adds, .count = 2};
    assert_ok(person_commit(&a, &how, &d));
    assert_ok(person_take(&a, draft_message(d)));
    join_by(&b, d, outside);
    join_by(&c, d, outside);
    draft_free(d);
}

static int set_up(void **state)
{
    (void)state;
    begin(1, ALL_OUTSIDE);
    return 0;
}

static int tear_down(void **state)
{
    struct person *all[] = {&a, &b, &c, &x, &server};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(all); i++)
        person_leave(all[i]);
    return mem_live() != 0;
}

static struct enter_with enters(const struct person *p, struct span info)
{
    return (struct enter_with){
        .group_info = info,
        .leaf = {.identity = span_str(p->name), .signature_key = SPAN(p->sign_pub, suite_id == 2 ? 65 : 32)}};
}

static struct draft *info_of(struct person *p)
{
    struct draft *d;
    assert_ok(draft_group_info(p->g, &d));
    assert_ok(draft_sign(d, secret_span(&p->sign)));
    return d;
}

static struct draft *enter_draft(struct person *p, const struct enter_with *with)
{
    struct group_conf conf = {.crypto = &people_crypto, .outside = ALL_OUTSIDE};
    struct draft *d;
    assert_ok(draft_enter(&conf, with, &d));
    assert_err(ERR_STATE, draft_entered(d, &p->g));
    assert_ok(draft_sign(d, secret_span(&p->sign)));
    return d;
}

static void same(const struct person *p, const struct person *q)
{
    uint8_t m[32], n[32];
    assert_true(span_equal(group_context(p->g), group_context(q->g)));
    assert_true(span_equal(group_authenticator(p->g), group_authenticator(q->g)));
    assert_ok(group_export(p->g, SPAN_LIT("l"), SPAN_LIT("c"), MSPAN(m, 32)));
    assert_ok(group_export(q->g, SPAN_LIT("l"), SPAN_LIT("c"), MSPAN(n, 32)));
    assert_memory_equal(m, n, 32);
}

static void hears(struct person *from, struct person *to)
{
    struct draft *d;
    struct incoming in;
    assert_ok(draft_application(from->g, SPAN_LIT("hello"), SPAN_NONE, &d));
    assert_ok(draft_sign(d, secret_span(&from->sign)));
    assert_ok(group_open(to->g, draft_message(d), &in));
    assert_true(in.from == MLS_MEMBER && in.sender == group_own_leaf(from->g));
    incoming_drop(&in);
    draft_free(d);
}

/* Everybody of `who` takes it; then all are the same. */
static void all_take(struct person *const *who, size_t n, struct span message)
{
    for (size_t i = 0; i < n; i++)
        assert_ok(person_take(who[i], message));
    for (size_t i = 1; i < n; i++)
        same(who[0], who[i]);
}

static void goes_on(struct person *p)
{
    struct person *all[] = {&a, &b, &c, p};
    struct commit_how empty = {0};
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        struct draft *d;
        assert_ok(person_commit(all[i], &empty, &d));
        all_take(all, COUNT_OF(all), draft_message(d));
        draft_free(d);
    }
    hears(p, &a);
    hears(&b, p);
}

/* ---- external commits ---- */

static void one_enters(void **state)
{
    (void)state;
    for (uint16_t suite = 1; suite <= 3; suite++) {
        if (suite > 1) {
            tear_down(NULL);
            begin(suite, ALL_OUTSIDE);
        }
        struct draft *info = info_of(&b);
        struct enter_with with = enters(&x, draft_message(info));
        with.psks = &PSK;
        with.psk_count = suite == 2;
        struct draft *d = enter_draft(&x, &with);
        struct incoming in;
        assert_ok(group_open(a.g, draft_message(d), &in));
        assert_true(in.kind == INCOMING_COMMIT && in.from == MLS_NEW_COMMIT && in.sender == 3 && !in.own &&
                    in.path);
        assert_true(tree_set_has(&in.added, 3));
        incoming_drop(&in);
        all_take(members, 3, draft_message(d));
        assert_ok(draft_entered(d, &x.g));
        struct group *again;
        assert_err(ERR_STATE, draft_entered(d, &again));
        same(&x, &a);
        assert_int_equal(group_own_leaf(x.g), 3);
        assert_int_equal(group_welcomed_by(x.g), 1);
        assert_true(group_joined_with_psk(x.g, PSK.id) == (suite == 2));
        draft_free(d);
        draft_free(info);
        goes_on(&x);
    }
}

/* The first epoch has no transcript. */
static void the_second_enters(void **state)
{
    struct group_conf conf = {.crypto = &people_crypto, .outside = ALL_OUTSIDE};
    (void)state;
    person_leave(&a);
    keys(&a, "a");
    assert_ok(group_create(&conf, &a.key, SPAN_LIT("another room"), SPAN_NONE, &a.g));
    struct draft *info = info_of(&a);
    struct enter_with with = enters(&x, draft_message(info));
    struct draft *d = enter_draft(&x, &with);
    assert_ok(person_take(&a, draft_message(d)));
    assert_ok(draft_entered(d, &x.g));
    same(&a, &x);
    draft_free(d);
    draft_free(info);
    hears(&x, &a);
}

/* Somebody lost their state and comes again, in the place of what they were. */
static void one_comes_again(void **state)
{
    (void)state;
    struct draft *info = info_of(&a);
    struct person again = {.name = "b"};
    assert_ok(person_keys(&again, 1));
    struct enter_with with = enters(&again, draft_message(info));
    with.replace = true;
    with.former = 2; /* c */
    struct group_conf conf = {.crypto = &people_crypto};
    struct draft *d;
    assert_err(ERR_DENIED, draft_enter(&conf, &with, &d));
    with.former = 7;
    assert_err(ERR_UNKNOWN, draft_enter(&conf, &with, &d));
    with.former = 1;
    d = enter_draft(&again, &with);
    struct incoming in;
    assert_ok(group_open(b.g, draft_message(d), &in));
    assert_true(in.removed && in.from == MLS_NEW_COMMIT);
    assert_ok(group_apply(b.g, &in));
    incoming_drop(&in);
    assert_true(group_closed(b.g));
    assert_ok(person_take(&a, draft_message(d)));
    assert_ok(person_take(&c, draft_message(d)));
    assert_ok(draft_entered(d, &again.g));
    assert_int_equal(group_own_leaf(again.g), 1);
    same(&a, &c);
    same(&a, &again);
    hears(&again, &c);
    draft_free(d);
    draft_free(info);
    person_leave(&again);
}

static void late_and_unwanted(void **state)
{
    (void)state;
    struct draft *info = info_of(&a), *d, *e;
    struct enter_with with = enters(&x, draft_message(info));
    struct commit_how empty = {0};
    struct incoming in;
    d = enter_draft(&x, &with);
    assert_ok(person_commit(&b, &empty, &e));
    all_take(members, 3, draft_message(e));
    assert_err(ERR_REPLAY, group_open(a.g, draft_message(d), &in)); /* another commit was first */
    draft_free(d);
    draft_free(e);
    draft_free(info);
    /* bytes of it changed, one after another */
    info = info_of(&a);
    with.group_info = draft_message(info);
    d = enter_draft(&x, &with);
    struct blob bent = {0};
    assert_ok(blob_copy(&bent, draft_message(d)));
    for (size_t i = 0; i < bent.n; i++) {
        bent.p[i] ^= 0x40;
        assert_true(group_open(a.g, blob_span(&bent), &in) != OK);
        bent.p[i] ^= 0x40;
    }
    blob_drop(&bent);
    assert_ok(group_open(a.g, draft_message(d), &in));
    incoming_drop(&in);
    a.g->conf.outside = GROUP_EXTERNAL_SENDERS | GROUP_OWN_ADDS;
    assert_err(ERR_UNSUPPORTED, group_open(a.g, draft_message(d), &in));
    draft_free(d);
    /* the GroupInfo too */
    struct group_conf conf = {.crypto = &people_crypto};
    assert_ok(blob_copy(&bent, draft_message(info)));
    with.group_info = blob_span(&bent);
    for (size_t i = 0; i < bent.n; i++) {
        bent.p[i] ^= 0x40;
        assert_true(draft_enter(&conf, &with, &d) != OK);
        bent.p[i] ^= 0x40;
    }
    blob_drop(&bent);
    draft_free(info);
}

/* ---- external commits that break a rule ---- */

static void sign_from(const struct person *p, struct mls_signed *m, uint8_t from, struct blob *message)
{
    struct epoch *e = a.g->now;
    struct blob tbs = {0};
    uint8_t sig[CRYPTO_SIGN_MAX];
    size_t n;
    m->wire = MLS_PUBLIC;
    m->content.group_id = blob_span(&e->group_id);
    m->content.epoch = e->number;
    m->content.from = from;
    assert_ok(protect_tbs(m, blob_span(&e->context), &tbs));
    assert_ok(
        suite_sign(e->suite, secret_span(&p->sign), SPAN_LIT("FramedContentTBS"), blob_span(&tbs), sig, &n));
    blob_drop(&tbs);
    m->signature = SPAN(sig, n);
    assert_ok(protect_public(NULL, m, message));
}

static void refused(enum err want, struct span message)
{
    struct blob before = {0}, after = {0};
    struct incoming in;
    assert_ok(group_save(a.g, &before));
    assert_int_equal(group_open(a.g, message, &in), want);
    assert_ok(group_save(a.g, &after));
    assert_true(span_equal(blob_span(&before), blob_span(&after)));
    blob_drop(&before);
    blob_drop(&after);
}

struct forgery {
    struct mls_commit true_one;
    struct span tag;
};

/* The path of a true commit with another list of proposals, signed by whose path it is. */
static void forged(const struct forgery *f, enum err want, const struct mls_given *list, size_t n, bool path)
{
    struct blob proposals = {0}, body = {0}, message = {0};
    struct mls_commit commit = f->true_one;
    PACK(&proposals)
    for (size_t i = 0; i < n; i++)
        mls_given_write(&k.w, &list[i]);
    commit.proposals = blob_span(&proposals);
    commit.count = n;
    commit.has_path = path;
    PACK(&body) mls_commit_write(&k.w, &commit);
    struct mls_signed m = {.content = {.type = MLS_COMMIT, .body = blob_span(&body)},
                           .confirmation_tag = f->tag};
    sign_from(&x, &m, MLS_NEW_COMMIT, &message);
    refused(want, blob_span(&message));
    blob_drop(&proposals);
    blob_drop(&body);
    blob_drop(&message);
}

#define FORGED(want, ...)                                                                                    \
    do {                                                                                                     \
        const struct mls_given list_[] = {__VA_ARGS__};                                                      \
        forged(&f, want, list_, COUNT_OF(list_), true);                                                      \
    } while (0)

static struct mls_given remove_leaf(uint32_t leaf)
{
    return (struct mls_given){.proposal = {.type = MLS_REMOVE, .remove = leaf}};
}

static void rules(void **state)
{
    (void)state;
    struct draft *info = info_of(&a), *heard;
    struct enter_with with = enters(&x, draft_message(info));
    struct draft *d = enter_draft(&x, &with);
    struct mls_message m, kp;
    struct forgery f;
    assert_ok(mls_message_read(draft_message(d), &m));
    assert_ok(mls_commit_read(m.pub.is.content.body, &f.true_one));
    f.tag = m.pub.is.confirmation_tag;
    struct reader r = reader_of(f.true_one.proposals);
    struct mls_given init, add = {.proposal = {.type = MLS_ADD}}, short_init, low_init;
    static const uint8_t zero[32], nonce[32];
    assert_true(mls_given_next(&r, &init));
    assert_ok(mls_message_read(blob_span(&server.key.message), &kp));
    add.proposal.add = kp.key_package;
    short_init = low_init = init;
    short_init.proposal.kem_output.n--;
    low_init.proposal.kem_output = SPAN_OF(zero);
    struct propose remove_c = {.type = MLS_REMOVE, .leaf = 2};
    assert_ok(person_propose(&b, &remove_c, true, &heard));
    assert_ok(person_take(&a, draft_message(heard)));
    struct mls_given by_ref = {.by_ref = true, .ref = SPAN_OF(a.g->heard[0].ref)};
    struct mls_given context = {.proposal = {.type = MLS_CONTEXT_EXTENSIONS}},
                     update = {.proposal = {.type = MLS_UPDATE}};
    struct mls_given reinit = {.proposal = {.type = MLS_REINIT, .reinit = {SPAN_LIT("r"), 1, 1, SPAN_NONE}}};
    struct mls_given psk = {
        .proposal = {.type = MLS_PSK,
                     .psk = {.type = MLS_PSK_EXTERNAL, .id = SPAN_LIT("nobody's"), .nonce = SPAN_OF(nonce)}}};
    update.proposal.update = f.true_one.path.leaf;

    forged(&f, ERR_DENIED, &init, 1, false);
    forged(&f, ERR_DENIED, NULL, 0, true);
    FORGED(ERR_DENIED, psk);
    FORGED(ERR_DENIED, init, init);
    FORGED(ERR_DENIED, init, add);
    FORGED(ERR_DENIED, init, update);
    FORGED(ERR_DENIED, init, context);
    FORGED(ERR_UNSUPPORTED, init, reinit);
    FORGED(ERR_DENIED, init, by_ref);
    FORGED(ERR_DENIED, init, remove_leaf(1), remove_leaf(2));
    FORGED(ERR_DENIED, init, remove_leaf(1));
    FORGED(ERR_UNKNOWN, init, remove_leaf(5));
    FORGED(ERR_UNKNOWN, init, psk);
    FORGED(ERR_FORMAT, short_init);
    FORGED(ERR_AUTH, low_init);
    f.tag = SPAN_OF(zero);
    FORGED(ERR_AUTH, init); /* nothing wrong but the confirmation tag */
    draft_free(heard);
    draft_free(d);
    draft_free(info);
}

/* ---- proposals from outside ---- */

static struct outsider outsider(bool new_member)
{
    return (struct outsider){.suite = suite_id,
                             .group_id = group_id(a.g),
                             .epoch = group_epoch(a.g),
                             .new_member = new_member,
                             .sender = 1,
                             .signature_key = SPAN(server.sign_pub, suite_id == 2 ? 65 : 32)};
}

static struct draft *outside(const struct person *p, const struct outsider *who, const struct propose *what)
{
    struct draft *d;
    assert_ok(draft_outside(&people_crypto, who, what, &d));
    assert_ok(draft_sign(d, secret_span(&p->sign)));
    return d;
}

static void all_hear(const struct draft *d)
{
    for (size_t i = 0; i < 3; i++)
        assert_ok(person_take(members[i], draft_message(d)));
}

static void reborn(struct person *p)
{
    struct group_conf conf = {.crypto = &people_crypto, .outside = ALL_OUTSIDE};
    struct blob state;
    struct group *g;
    assert_ok(group_save(p->g, &state));
    assert_ok(group_restore(&conf, blob_span(&state), &g));
    blob_drop(&state);
    group_free(p->g);
    p->g = g;
}

static void the_server_proposes(void **state)
{
    (void)state;
    for (uint16_t suite = 1; suite <= 3; suite++) {
        if (suite > 1) {
            tear_down(NULL);
            begin(suite, ALL_OUTSIDE);
        }
        struct outsider who = outsider(false);
        struct propose add = {.type = MLS_ADD, .key_package = blob_span(&x.key.message)},
                       gone = {.type = MLS_REMOVE, .leaf = 1};
        struct draft *d = outside(&server, &who, &add), *e;
        struct incoming in;
        assert_ok(group_open(b.g, draft_message(d), &in));
        assert_true(in.kind == INCOMING_PROPOSAL && in.from == MLS_EXTERNAL && in.sender == 1);
        assert_int_equal(in.proposal.type, MLS_ADD);
        incoming_drop(&in);
        all_hear(d);
        draft_free(d);
        d = outside(&server, &who, &gone);
        all_hear(d);
        draft_free(d);
        reborn(&a);
        struct commit_how how = {0};
        assert_ok(person_commit(&b, &how, &e)); /* who is to go leaves that out */
        assert_ok(group_open(a.g, draft_message(e), &in));
        assert_true(!tree_set_has(&in.gone, 1) && tree_set_has(&in.added, 3));
        assert_int_equal(in.proposals->item[0].sender, PROPOSAL_OUTSIDE);
        incoming_drop(&in);
        group_discard(b.g);
        draft_free(e);
        assert_ok(person_commit(&c, &how, &e));
        assert_ok(person_take(&a, draft_message(e)));
        assert_ok(person_take(&c, draft_message(e)));
        assert_ok(person_take(&b, draft_message(e)));
        assert_true(group_closed(b.g));
        join_by(&x, e, ALL_OUTSIDE);
        same(&a, &c);
        same(&a, &x);
        draft_free(e);
    }
}

static void own_add(void **state)
{
    (void)state;
    struct outsider who = outsider(true);
    struct propose add = {.type = MLS_ADD, .key_package = blob_span(&x.key.message)},
                   gone = {.type = MLS_REMOVE, .leaf = 1};
    struct commit_how how = {0};
    struct draft *d, *e;
    assert_err(ERR_DENIED, draft_outside(&people_crypto, &who, &gone, &d));
    d = outside(&x, &who, &add);
    struct incoming in;
    a.g->conf.outside = GROUP_EXTERNAL_COMMITS | GROUP_EXTERNAL_SENDERS;
    assert_err(ERR_UNSUPPORTED, group_open(a.g, draft_message(d), &in));
    a.g->conf.outside = ALL_OUTSIDE;
    all_hear(d);
    assert_ok(person_commit(&b, &how, &e));
    all_take(members, 3, draft_message(e));
    join_by(&x, e, 0);
    same(&a, &x);
    draft_free(d);
    draft_free(e);
}

static void proposals_refused(void **state)
{
    (void)state;
    struct outsider who = outsider(false);
    struct propose gone = {.type = MLS_REMOVE, .leaf = 1}, update = {.type = MLS_UPDATE};
    struct draft *d;
    struct blob message = {0}, leaf_update = {0};
    struct incoming in;
    assert_err(ERR_DENIED, draft_outside(&people_crypto, &who, &update, &d));
    who.sender = 2; /* nobody has that place */
    d = outside(&server, &who, &gone);
    refused(ERR_UNKNOWN, draft_message(d));
    draft_free(d);
    who.sender = 0; /* another has */
    d = outside(&server, &who, &gone);
    refused(ERR_AUTH, draft_message(d));
    draft_free(d);
    who.sender = 1;
    who.epoch++;
    d = outside(&server, &who, &gone);
    refused(ERR_AGAIN, draft_message(d));
    draft_free(d);
    who.epoch = 0;
    d = outside(&server, &who, &gone);
    refused(ERR_REPLAY, draft_message(d));
    draft_free(d);
    who = outsider(false);
    d = outside(&server, &who, &gone);
    a.g->conf.outside = GROUP_EXTERNAL_COMMITS | GROUP_OWN_ADDS;
    assert_err(ERR_UNSUPPORTED, group_open(a.g, draft_message(d), &in));
    a.g->conf.outside = ALL_OUTSIDE;
    draft_free(d);
    /* an Update, a commit, text by the server; a Remove as if by a newcomer */
    struct mls_proposal p = {.type = MLS_UPDATE};
    uint8_t remove[] = {0, 3, 0, 0, 0, 1}, tag[SUITE_NH] = {0}, commit[] = {0, 0};
    assert_true(group_leaf(a.g, 1, &p.update));
    PACK(&leaf_update) mls_proposal_write(&k.w, &p);
    const struct {
        enum err want;
        uint8_t from, type;
        struct span body;
    } bad[] = {{ERR_DENIED, MLS_EXTERNAL, MLS_PROPOSAL, blob_span(&leaf_update)},
               {ERR_DENIED, MLS_EXTERNAL, MLS_COMMIT, SPAN_OF(commit)},
               {ERR_DENIED, MLS_EXTERNAL, MLS_APPLICATION, SPAN_LIT("text")},
               {ERR_DENIED, MLS_NEW_PROPOSAL, MLS_PROPOSAL, SPAN_OF(remove)},
               {ERR_DENIED, MLS_NEW_PROPOSAL, MLS_COMMIT, SPAN_OF(commit)},
               {ERR_DENIED, MLS_NEW_COMMIT, MLS_PROPOSAL, SPAN_OF(remove)},
               {ERR_DENIED, MLS_NEW_COMMIT, MLS_COMMIT, SPAN_OF(commit)}};
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct mls_signed m = {.content = {.type = bad[i].type, .sender = 1, .body = bad[i].body}};
        if (bad[i].type == MLS_COMMIT) m.confirmation_tag = SPAN_OF(tag);
        sign_from(&server, &m, bad[i].from, &message);
        refused(bad[i].want, blob_span(&message));
        blob_drop(&message);
    }
    blob_drop(&leaf_update);
}

static void extension_forms(void **state)
{
    /* cut off, a credential nobody knows, bytes behind */
    static const uint8_t bad[][12] = {
        {3, 1, 'k', 0}, {6, 1, 'k', 0x7a, 0x7a, 1, 'n'}, {6, 1, 'k', 0, 1, 1, 'n', 0}};
    static const size_t n[] = {4, 7, 8};
    static const enum err want[] = {ERR_FORMAT, ERR_UNSUPPORTED, ERR_FORMAT};
    struct group_conf conf = {.crypto = &people_crypto};
    struct outside_sender s;
    (void)state;
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        struct blob list = {0};
        struct group *g;
        struct mls_extension e = {MLS_EXT_EXTERNAL_SENDERS, SPAN(bad[i], n[i])};
        PACK(&list) mls_extension_write(&k.w, &e);
        assert_int_equal(outside_context_check(blob_span(&list)), want[i]);
        assert_false(outside_sender(blob_span(&list), 0, &s));
        assert_int_equal(group_create(&conf, &x.key, SPAN_LIT("r"), blob_span(&list), &g), want[i]);
        struct propose what = {.type = MLS_CONTEXT_EXTENSIONS, .extensions = blob_span(&list)};
        struct commit_how how = {.proposals = &what, .count = 1};
        struct draft *d;
        assert_int_equal(draft_commit(a.g, &how, &d), want[i]);
        blob_drop(&list);
    }
    assert_true(outside_sender(group_extensions(a.g), 1, &s));
    assert_true(span_equal(s.credential, SPAN_LIT("server")));
    assert_false(outside_sender(group_extensions(a.g), 2, &s));
}

/* ---- without memory ---- */

static enum err whole_entry(void *arg)
{
    struct group_conf conf = {.crypto = &people_crypto, .outside = ALL_OUTSIDE};
    struct enter_with *with = arg;
    struct draft *d = NULL;
    struct group *g = NULL;
    struct incoming in;
    enum err e = draft_enter(&conf, with, &d);
    if (e) return e;
    e = draft_sign(d, secret_span(&x.sign));
    if (e == OK) e = group_open(a.g, draft_message(d), &in);
    if (e == OK) incoming_drop(&in);
    if (e == OK) e = draft_entered(d, &g);
    group_free(g);
    draft_free(d);
    return e;
}

static void out_of_memory(void **state)
{
    (void)state;
    struct draft *info = info_of(&a);
    struct enter_with with = enters(&x, draft_message(info));
    with.psks = &PSK;
    with.psk_count = 1;
    assert_true(oom_run(whole_entry, &with) > 50);
    draft_free(info);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_enters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_second_enters, set_up, tear_down),
        cmocka_unit_test_setup_teardown(one_comes_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(late_and_unwanted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(rules, set_up, tear_down),
        cmocka_unit_test_setup_teardown(the_server_proposes, set_up, tear_down),
        cmocka_unit_test_setup_teardown(own_add, set_up, tear_down),
        cmocka_unit_test_setup_teardown(proposals_refused, set_up, tear_down),
        cmocka_unit_test_setup_teardown(extension_forms, set_up, tear_down),
        cmocka_unit_test_setup_teardown(out_of_memory, set_up, tear_down)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
