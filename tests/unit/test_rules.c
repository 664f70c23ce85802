/* SPDX-License-Identifier: Apache-2.0
 * ROOMS.md's rules over the MLS core: for each row of both tables something the core allows and a room does
 * not. */
#include "test.h"

#include "base/write.h"
#include "people.h"
#include "seal/face_group.h"
#include "seal/group_inner.h"
#include "seal/rules.h"

static uint8_t bytes[POLICY_SIZE_MAX], context[POLICY_SIZE_MAX + 16];
static const uint8_t room_id[32] = {5, 6, 7}, owner[32] = {[31] = 3};
static struct person a, b, c; /* a creates and moderates */
static uint8_t moderator[POLICY_HASH_SIZE];
static size_t bytes_n;
static struct policy_signed signed_policy;
static struct rules room;
static struct span context_span;
static const struct group_psk PSK = {SPAN_LIT("incamera join"), SPAN_LIT("join secret")};

static void person(struct person *p, const char *name, bool true_id)
{
    struct suite s;
    uint8_t id[IDENTITY_GUEST_ID] = {9};
    *p = (struct person){.g = NULL};
    assert_ok(suite_init(&s, 1, &people_crypto));
    assert_ok(suite_sign_new(&s, &p->sign, p->sign_pub));
    if (true_id) assert_ok(identity_guest_id(&people_crypto, SPAN(p->sign_pub, 32), id));
    struct identity i = {IDENTITY_GUEST, span_str(name), SPAN_OF(id), SPAN_NONE};
    assert_ok(identity_encode(&i, MSPAN(p->identity, sizeof p->identity), &p->identity_n));
    assert_ok(person_keys(p, 1));
    if (p == &a) assert_ok(identity_hash(&people_crypto, IDENTITY_GUEST, SPAN_NONE, SPAN_OF(id), moderator));
}

struct make { /* what differs from a plain sealed room */
    enum policy_join join;
    uint8_t flags;
    uint16_t suite;
    bool extra_extension, no_psk, false_guest;
    struct span group_id;
};

static void policy_make(const struct make *m)
{
    struct policy p = {.version = 1,
                       .room_id = SPAN_OF(room_id),
                       .serial = 1,
                       .not_after = 2000,
                       .mode = POLICY_SEALED,
                       .join_rule = m->join ? m->join : POLICY_LINK,
                       .credentials = {{IDENTITY_GUEST, SPAN_NONE, SPAN_NONE}},
                       .credentials_n = 1,
                       .moderators = {SPAN_OF(moderator)},
                       .moderators_n = 1,
                       .mls_suites = {m->suite ? m->suite : 1},
                       .mls_suites_n = 1,
                       .sframe_suite = 4,
                       .sframe_epoch_bits = 6,
                       .sframe_index_bits = 10,
                       .flags = (uint8_t)(POLICY_PSK_REQUIRED | m->flags)};
    const struct crypto *k = &people_crypto;
    uint8_t pub[CRYPTO_PUBLIC_MAX], sig[CRYPTO_SIGN_MAX];
    size_t pub_n, sig_n, n;
    assert_ok(k->sign_public(k->ctx, CRYPTO_ED25519, SPAN_OF(owner), pub, &pub_n));
    assert_ok(policy_encode(&p, POLICY_SCHEME_ED25519, SPAN(pub, pub_n), MSPAN(bytes, sizeof bytes), &n));
    assert_ok(policy_sign(k, POLICY_SCHEME_ED25519, SPAN_OF(owner), SPAN(bytes, n), sig, &sig_n));
    assert_ok(policy_append(MSPAN(bytes, sizeof bytes), &n, SPAN(sig, sig_n)));
    bytes_n = n;
    assert_ok(policy_decode(SPAN(bytes, n), &signed_policy));
    struct writer w = writer_of(MSPAN(context, sizeof context));
    struct mls_extension own = {POLICY_EXTENSION, SPAN(bytes, n)}, extra = {RULES_DELEGATION, SPAN_LIT("D")};
    mls_extension_write(&w, &own);
    if (m->extra_extension) mls_extension_write(&w, &extra);
    context_span = writer_span(&w);
    room = (struct rules){.crypto = k, .policy = &signed_policy.policy, .psk_id = PSK.id};
    assert_ok(policy_hash(k, &signed_policy, room.policy_hash));
}

static void add_by(struct person *p, struct person *new, bool psk)
{
    struct group_conf conf = {.crypto = &people_crypto};
    struct person *all[] = {&a, &b, &c};
    struct draft *d;
    struct propose what[] = {{.type = MLS_ADD, .key_package = blob_span(&new->key.message)},
                             {.type = MLS_PSK, .psk_id = PSK.id}};
    struct commit_how how = {.proposals = what, .count = psk ? 2 : 1};
    assert_ok(person_commit(p, &how, &d));
    for (size_t i = 0; i < 3; i++)
        if (all[i]->g) assert_ok(person_take(all[i], draft_message(d)));
    struct join_with with = {.own = &new->key, .welcome = draft_welcome(d), .psks = &PSK, .psk_count = 1};
    assert_ok(group_join(&conf, &with, &new->g));
    draft_free(d);
}

/* a creates, b is added by a, c by b. */
static void life(const struct make *m)
{
    struct group_conf conf = {.crypto = &people_crypto};
    people_start(21);
    face_start(&people_crypto);
    person(&a, "a", true);
    person(&b, "b", true);
    person(&c, "c", !m->false_guest);
    policy_make(m);
    struct span id = m->group_id.p ? m->group_id : SPAN_OF(room_id);
    assert_ok(group_create(&conf, &a.key, id, context_span, &a.g));
    assert_ok(group_psk_put(a.g, &PSK));
    add_by(&a, &b, true);
    add_by(&b, &c, !m->no_psk);
}

static void end(void)
{
    person_leave(&a);
    person_leave(&b);
    person_leave(&c);
    assert_int_equal(mem_live(), 0);
}

/* The flat face says the same, by the same name. */
static uint32_t face_room(void)
{
    struct writer w = writer_of(MSPAN(face_in(), FACE_IN_BYTES));
    write_bytes(&w, SPAN_OF(room.policy_hash));
    write_vecv(&w, SPAN(bytes, bytes_n));
    write_vecv(&w, room.psk_id);
    return (uint32_t)w.n;
}

static void face_said(int32_t answer, enum err want, const char *name)
{
    assert_int_equal(answer, -(int32_t)want);
    if (!want) return;
    assert_int_equal(face_rules_broken(), strlen(name));
    assert_memory_equal(face_out(), name, strlen(name));
}

static void joining(enum err want, const struct make *m, size_t row)
{
    const char *name = NULL;
    life(m);
    assert_int_equal(rules_join(&room, c.g, &name), want);
    if (want) assert_ptr_equal(name, rules_at_join[row].name);
    face_said(face_rules_join(c.g, face_room()), want, name);
    for (uint32_t n = face_room(), i = 0; i < n; i += 7)
        assert_true(face_rules_join(c.g, i) < 0);
    end();
}

static void at_join(void **state)
{
    static const uint8_t with_nonce[40] = {5, 6, 7};
    const char *name = NULL;
    (void)state;
    joining(OK, &(struct make){0}, 0);
    joining(OK, &(struct make){.group_id = SPAN_OF(with_nonce)}, 0);
    joining(ERR_DENIED, &(struct make){.extra_extension = true}, 0);
    joining(ERR_DENIED, &(struct make){.suite = 2}, 2);
    joining(ERR_DENIED, &(struct make){.group_id = SPAN_LIT("another room")}, 3);
    joining(ERR_DENIED, &(struct make){.no_psk = true}, 4);
    joining(ERR_DENIED, &(struct make){.false_guest = true}, 5);
    joining(ERR_DENIED, &(struct make){.join = POLICY_LOBBY}, 6);
    life(&(struct make){.join = POLICY_LOBBY});
    assert_ok(rules_join(&room, b.g, NULL)); /* admitted by the moderator */
    assert_int_equal(face_rules_moderator(b.g, 0, face_room()), 1);
    assert_int_equal(face_rules_moderator(b.g, 1, face_room()), 0);
    assert_int_equal(face_rules_moderator(b.g, 9, face_room()), 0);
    room.policy_hash[3] ^= 1;
    assert_err(ERR_DENIED, rules_join(&room, b.g, &name));
    assert_ptr_equal(name, rules_at_join[1].name);
    end();
}

/* What c's client says of a commit. */
static void committing(enum err want, struct person *by, const struct propose *what, size_t n, size_t row)
{
    struct commit_how how = {.proposals = what, .count = n};
    struct draft *d;
    const char *name = NULL;
    assert_ok(person_commit(by, &how, &d));
    struct span message = draft_message(d);
    memcpy(face_in(), message.p, message.n);
    assert_true(face_group_open(c.g, (uint32_t)message.n) > 0);
    assert_int_equal(rules_commit(&room, c.g, face_group_incoming(), &name), want);
    if (want) assert_ptr_equal(name, rules_at_commit[row].name);
    face_said(face_rules_commit(c.g, face_room()), want, name);
    face_group_refuse();
    assert_int_equal(face_rules_commit(c.g, face_room()), -ERR_STATE);
    group_discard(by->g);
    draft_free(d);
}

static void at_commit(void **state)
{
    struct person x;
    (void)state;
    life(&(struct make){0});
    person(&x, "x", true);
    struct propose add = {.type = MLS_ADD, .key_package = blob_span(&x.key.message)},
                   psk = {.type = MLS_PSK, .psk_id = PSK.id}, gone = {.type = MLS_REMOVE, .leaf = 0},
                   changed = {.type = MLS_CONTEXT_EXTENSIONS, .extensions = context_span};
    struct propose both[] = {add, psk};
    assert_ok(group_psk_put(b.g, &PSK));
    committing(OK, &b, NULL, 0, 0);
    committing(OK, &b, both, 2, 0);
    committing(OK, &b, &gone, 1, 0);
    committing(ERR_DENIED, &b, &changed, 1, 0);
    committing(ERR_DENIED, &b, &add, 1, 1);
    committing(ERR_DENIED, &b, &psk, 1, 1);
    person_leave(&x);
    person(&x, "x", false);
    both[0].key_package = blob_span(&x.key.message);
    committing(ERR_DENIED, &b, both, 2, 2);
    person_leave(&x);
    end();
}

/* The core's own drafts keep the identity, so this list is made by hand. */
static void another(void **state)
{
    struct proposal update = {.is = {.type = MLS_UPDATE}, .sender = 0, .by_ref = true};
    struct proposals list = {&update, 1};
    struct incoming in = {.kind = INCOMING_COMMIT, .sender = 1, .proposals = &list};
    const char *name = NULL;
    (void)state;
    life(&(struct make){0});
    assert_true(group_leaf(c.g, 0, &update.is.update));
    assert_ok(rules_commit(&room, c.g, &in, &name));
    assert_true(group_leaf(c.g, 1, &update.is.update)); /* a becomes b */
    assert_err(ERR_DENIED, rules_commit(&room, c.g, &in, &name));
    assert_ptr_equal(name, rules_at_commit[3].name);
    end();
}

static void lobby(void **state)
{
    struct person x, again;
    (void)state;
    life(&(struct make){.join = POLICY_LOBBY});
    person(&x, "x", true);
    assert_ok(group_psk_put(b.g, &PSK));
    struct propose what[] = {{.type = MLS_ADD, .key_package = blob_span(&x.key.message)},
                             {.type = MLS_PSK, .psk_id = PSK.id},
                             {.type = MLS_REMOVE, .leaf = 0}};
    committing(ERR_DENIED, &b, what, 2, 4);
    committing(OK, &a, what, 2, 4);
    again = a; /* a lost its state: the same identity and key, a new key package */
    again.key = (struct invitee){0};
    again.g = NULL;
    assert_ok(person_keys(&again, 1));
    what[0].key_package = blob_span(&again.key.message);
    committing(OK, &b, what, 3, 4);
    person_leave(&again);
    person_leave(&x);
    end();
}

static void moderators_only(void **state)
{
    struct propose gone = {.type = MLS_REMOVE, .leaf = 0}, leaves = {.type = MLS_REMOVE, .leaf = 1};
    struct draft *d;
    (void)state;
    life(&(struct make){.flags = POLICY_MODERATORS_ONLY});
    committing(ERR_DENIED, &b, &gone, 1, 5);
    committing(OK, &a, &leaves, 1, 5);
    assert_ok(person_propose(&a, &gone, true, &d)); /* a asks to go, b may do it */
    assert_ok(person_take(&b, draft_message(d)));
    assert_ok(person_take(&c, draft_message(d)));
    draft_free(d);
    committing(OK, &b, NULL, 0, 5);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(at_join), cmocka_unit_test(at_commit),
                                       cmocka_unit_test(another), cmocka_unit_test(lobby),
                                       cmocka_unit_test(moderators_only)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
