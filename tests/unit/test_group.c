/* SPDX-License-Identifier: Apache-2.0
 * Groups in random churn: adds, removes, updates, PSKs, commits at once; after each everybody agrees, joiners
 * are in, the removed are out; messages out of order; state saved and restored on the way. And without
 * memory. */
#include "test.h"

#include <stdlib.h>

#include "people.h"

#define PEOPLE 32

static struct person people[PEOPLE];
static uint16_t suite_id;
static uint32_t names;

static void new_person(struct person *p)
{
    snprintf(p->name, sizeof p->name, "p%u", names++);
    assert_ok(person_keys(p, suite_id));
}

static struct person *any_member(void)
{
    for (;;) {
        struct person *p = &people[dice(PEOPLE)];
        if (p->g) return p;
    }
}

static uint32_t member_count(void)
{
    uint32_t n = 0;
    for (size_t i = 0; i < PEOPLE; i++)
        n += people[i].g != NULL;
    return n;
}

static void all_agree(void)
{
    const struct person *first = NULL;
    uint8_t a[32], b[32];
    for (size_t i = 0; i < PEOPLE; i++) {
        const struct person *p = &people[i];
        if (!p->g) continue;
        assert_ok(group_export(p->g, SPAN_LIT("test"), SPAN_LIT("context"), MSPAN(first ? b : a, 32)));
        if (first) {
            assert_memory_equal(a, b, 32);
            assert_true(span_equal(group_authenticator(p->g), group_authenticator(first->g)));
            assert_true(span_equal(group_context(p->g), group_context(first->g)));
        } else {
            first = p;
        }
        assert_int_equal(group_members(p->g), member_count());
    }
}

static void maybe_reborn(struct person *p)
{
    struct group_conf conf = {.crypto = &people_crypto};
    struct blob a, b;
    struct group *g;
    if (dice(4)) return;
    assert_ok(group_save(p->g, &a));
    assert_ok(group_restore(&conf, blob_span(&a), &g));
    assert_ok(group_save(g, &b));
    assert_true(span_equal(blob_span(&a), blob_span(&b)));
    group_free(p->g);
    p->g = g;
    blob_drop(&a);
    blob_drop(&b);
}

/* Everybody but the sender hears; the sender's own proposal is known to it already. */
static void deliver_proposal(const struct person *from, struct draft *d)
{
    for (size_t i = 0; i < PEOPLE; i++)
        if (people[i].g && &people[i] != from) assert_ok(person_take(&people[i], draft_message(d)));
    draft_free(d);
}

/* A few proposals heard before the commit. */
static void proposals_before(void)
{
    struct draft *d;
    for (uint32_t n = dice(3); n > 0; n--) {
        struct person *p = any_member(), *q = any_member();
        struct propose what = {.type = dice(2) ? MLS_UPDATE : MLS_REMOVE, .leaf = group_own_leaf(q->g)};
        if (what.type == MLS_REMOVE && (q == p || member_count() < 6)) continue;
        assert_ok(person_propose(p, &what, dice(2), &d));
        deliver_proposal(p, d);
    }
}

static void let_join(struct person *p, struct draft *d, struct group *from, const struct group_psk *psk,
                     bool apart)
{
    struct group_conf conf = {.crypto = &people_crypto, .past = dice(3)};
    struct blob tree = {0};
    if (apart) assert_ok(group_tree(from, &tree));
    struct join_with with = {&p->key, draft_welcome(d), apart ? blob_span(&tree) : SPAN_NONE, psk, 1};
    assert_ok(group_join(&conf, &with, &p->g));
    blob_drop(&tree);
    invitee_drop(&p->key);
}

struct turn {
    struct propose what[8];
    size_t n;
    struct person *added[4];
    size_t added_n;
    struct person *committer;
};

static void plan(struct turn *t, const struct group_psk *psk)
{
    *t = (struct turn){.committer = any_member()};
    uint32_t count = member_count();
    for (uint32_t k = dice(3); k > 0 && t->added_n < 4; k--) {
        struct person *p = &people[dice(PEOPLE)];
        if (p->g || p->key.message.p || p == t->committer) continue;
        new_person(p);
        t->added[t->added_n++] = p;
        t->what[t->n++] = (struct propose){.type = MLS_ADD, .key_package = blob_span(&p->key.message)};
    }
    if (count > 2 && dice(3) == 0) {
        struct person *p = any_member();
        if (p != t->committer)
            t->what[t->n++] = (struct propose){.type = MLS_REMOVE, .leaf = group_own_leaf(p->g)};
    }
    if (dice(3) == 0) t->what[t->n++] = (struct propose){.type = MLS_PSK, .psk_id = psk->id};
}

/* A member who was removed has only what it had: neither its closed group nor a copy from before lets it
 * follow. */
static struct group *ghost;

static void keep_ghost(struct person *p)
{
    struct group_conf conf = {.crypto = &people_crypto};
    struct blob state;
    group_free(ghost);
    assert_ok(group_save(p->g, &state));
    assert_ok(group_restore(&conf, blob_span(&state), &ghost));
    blob_drop(&state);
}

static void ghost_fails(struct span message)
{
    struct incoming in;
    if (!ghost) return;
    enum err e = group_open(ghost, message, &in);
    if (e) return;
    if (in.removed || !in.inner) {
        incoming_drop(&in);
        return;
    }
    /* not yet removed: follow, so as to fail later */
    assert_ok(group_apply(ghost, &in));
    incoming_drop(&in);
}

static void deliver_commit(const struct turn *t, struct draft *d)
{
    for (size_t i = 0; i < PEOPLE; i++) {
        struct person *p = &people[i];
        if (!p->g) continue;
        maybe_reborn(p);
        if (dice(8) == 0) keep_ghost(p);
        enum err e = person_take(p, draft_message(d));
        assert_ok(e);
        if (group_closed(p->g)) {
            assert_err(ERR_CLOSED, person_take(p, draft_message(d)));
            person_leave(p);
        } else {
            assert_err(ERR_REPLAY, person_take(p, draft_message(d)));
            assert_false(group_staged(p->g));
        }
    }
    ghost_fails(draft_message(d));
    (void)t;
}

static void chat(void)
{
    struct draft *d[4];
    struct person *from = any_member();
    static const char text[] = "0123456789";
    for (size_t i = 0; i < 4; i++) {
        assert_ok(draft_application(from->g, SPAN(text + i, 5), SPAN_LIT("aad"), &d[i]));
        assert_ok(draft_sign(d[i], secret_span(&from->sign)));
    }
    for (size_t k = 0; k < PEOPLE; k++) {
        struct person *p = &people[k];
        if (!p->g || p == from || dice(3)) continue;
        for (size_t j = 0; j < 4; j++) {
            size_t i = (j * 3 + k) % 4;
            struct incoming in;
            assert_ok(group_open(p->g, draft_message(d[i]), &in));
            assert_true(in.kind == INCOMING_APPLICATION && in.sender == group_own_leaf(from->g));
            assert_true(span_equal(in.data, SPAN(text + i, 5)));
            incoming_drop(&in);
            assert_err(ERR_REPLAY, group_open(p->g, draft_message(d[i]), &in));
        }
    }
    for (size_t i = 0; i < 4; i++)
        draft_free(d[i]);
}

static void one_turn(const struct group_psk *psk)
{
    struct turn t;
    struct draft *d, *rival = NULL;
    proposals_before();
    plan(&t, psk);
    bool apart = dice(2);
    struct commit_how how = {.proposals = t.what,
                             .count = t.n,
                             .no_path = dice(2),
                             .tree_apart = apart,
                             .framing = {.in_public = dice(2)}};
    struct person *other = any_member();
    assert_ok(person_commit(t.committer, &how, &d));
    if (other != t.committer) { /* two at once: the other one loses */
        struct commit_how empty = {.framing = {.in_public = dice(2)}};
        assert_ok(person_commit(other, &empty, &rival));
        draft_free(rival);
    }
    deliver_commit(&t, d);
    for (size_t i = 0; i < t.added_n; i++) {
        let_join(t.added[i], d, any_member()->g, psk, apart);
        assert_ok(group_psk_put(t.added[i]->g, psk));
    }
    draft_free(d);
    all_agree();
    chat();
}

static void churn(uint64_t seed, uint16_t suite, int turns)
{
    struct group_psk psk = {SPAN_LIT("the psk"), SPAN_LIT("its secret bytes")};
    struct group_conf conf = {.crypto = &people_crypto, .past = 2};
    print_message("churn seed %llu suite %u\n", (unsigned long long)seed, suite);
    people_start(seed);
    suite_id = suite;
    new_person(&people[0]);
    assert_ok(group_create(&conf, &people[0].key, SPAN_LIT("room"), SPAN_NONE, &people[0].g));
    assert_ok(group_psk_put(people[0].g, &psk));
    for (int i = 0; i < turns; i++)
        one_turn(&psk);
    for (size_t i = 0; i < PEOPLE; i++)
        person_leave(&people[i]);
    group_free(ghost);
    ghost = NULL;
    assert_int_equal(mem_live(), 0);
}

static void churns(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    for (uint64_t i = 1; i <= 4; i++)
        churn(given ? strtoull(given, NULL, 0) + i : i, (uint16_t)(1 + i % 3), given ? 200 : 40);
}

/* ---- without memory ---- */

static enum err small_life(void *arg)
{
    struct group_conf conf = {.crypto = &people_crypto, .past = 1};
    struct person a = {.name = "a"}, b = {.name = "b"};
    struct draft *d = NULL;
    struct blob state = {0};
    struct group *again = NULL;
    (void)arg;
    people_start(7);
    enum err e = person_keys(&a, 1);
    if (e == OK) e = person_keys(&b, 1);
    if (e == OK) e = group_create(&conf, &a.key, SPAN_LIT("room"), SPAN_NONE, &a.g);
    struct propose what = {.type = MLS_ADD, .key_package = blob_span(&b.key.message)};
    struct commit_how how = {.proposals = &what, .count = 1};
    if (e == OK && (e = person_commit(&a, &how, &d))) d = NULL;
    if (e == OK) e = person_take(&a, draft_message(d));
    struct join_with with = {.own = &b.key, .welcome = d && e == OK ? draft_welcome(d) : SPAN_NONE};
    if (e == OK) e = group_join(&conf, &with, &b.g);
    if (e == OK) {
        draft_free(d);
        d = NULL;
        how = (struct commit_how){0};
        e = person_commit(&a, &how, &d);
        if (e) d = NULL;
    }
    if (e == OK &&
        (e = person_take(&b, draft_message(d)))) { /* refused for want of memory: nothing happened */
        mem_fail_nth(0);
        assert_ok(person_take(&b, draft_message(d)));
    }
    if (e == OK) e = group_save(b.g, &state);
    if (e == OK) e = group_restore(&conf, blob_span(&state), &again);
    draft_free(d);
    group_free(again);
    blob_drop(&state);
    person_leave(&a);
    person_leave(&b);
    return e;
}

static void without_memory(void **state)
{
    (void)state;
    assert_true(oom_run(small_life, NULL) > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(churns), cmocka_unit_test(without_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
