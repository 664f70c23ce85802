/* SPDX-License-Identifier: Apache-2.0
 * A live group that hears everything: the input is a program for two members who hold valid keys. Each step
 * makes a true message (commit, proposal, application), maybe changes bytes of it, and hands it to the third,
 * who must refuse what was changed, still take the true one after it, and agree with the others. Or somebody outside
 * makes an external commit, whose changed form the third refuses too. */
#include <stdlib.h>

#include "../unit/people.h"
#include "seal/outside.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct person who[3], outside;

static void must(bool ok)
{
    if (!ok) abort();
}

static void start(void)
{
    struct group_conf conf = {.crypto = &people_crypto, .past = 2, .outside = 7};
    struct draft *d;
    people_start(5);
    must(person_keys(&outside, 1) == OK);
    for (int i = 0; i < 3; i++) {
        snprintf(who[i].name, sizeof who[i].name, "%d", i);
        must(person_keys(&who[i], 1) == OK);
    }
    must(group_create(&conf, &who[0].key, SPAN_LIT("room"), SPAN_NONE, &who[0].g) == OK);
    struct propose adds[] = {
        {.type = MLS_ADD, .key_package = SPAN(who[1].key.message.p, who[1].key.message.n)},
        {.type = MLS_ADD, .key_package = SPAN(who[2].key.message.p, who[2].key.message.n)}};
    struct commit_how how = {.proposals = adds, .count = 2};
    must(person_commit(&who[0], &how, &d) == OK && person_take(&who[0], draft_message(d)) == OK);
    for (int i = 1; i < 3; i++) {
        struct join_with with = {.own = &who[i].key, .welcome = draft_welcome(d)};
        must(group_join(&conf, &with, &who[i].g) == OK);
    }
    draft_free(d);
}

static struct draft *make(struct person *p, uint8_t kind)
{
    struct draft *d = NULL;
    struct propose update = {.type = MLS_UPDATE};
    struct commit_how how = {.framing = {.in_public = kind & 4}};
    enum err e;
    if (kind % 4 == 0) {
        e = draft_application(p->g, SPAN_LIT("text"), SPAN_NONE, &d);
        if (e == OK) e = draft_sign(d, SPAN(p->sign.b, p->sign.n));
    } else if (kind % 4 == 1) {
        e = person_propose(p, &update, kind & 4, &d);
    } else {
        e = person_commit(p, &how, &d);
    }
    must(e == OK);
    return d;
}

/* Gives the third a message in which the input changed bytes. */
static void altered(struct reader *r, struct span true_message)
{
    struct blob copy = {0};
    struct incoming in;
    must(blob_copy(&copy, true_message) == OK);
    uint32_t at = read_u16(r) % (uint32_t)copy.n, n = 1 + read_u8(r) % 8;
    for (uint32_t i = at; i < copy.n && i < at + n; i++)
        copy.p[i] ^= read_u8(r);
    if (!span_equal(blob_span(&copy), true_message)) must(group_open(who[2].g, blob_span(&copy), &in) != OK);
    blob_drop(&copy);
}

/* Somebody makes the commit with which they would enter; the group stays as it is. */
static void entry(struct reader *r)
{
    struct group_conf conf = {.crypto = &people_crypto};
    struct draft *info, *d;
    struct incoming in;
    must(draft_group_info(who[0].g, &info) == OK && draft_sign(info, SPAN(who[0].sign.b, 32)) == OK);
    struct enter_with with = {
        .group_info = draft_message(info),
        .leaf = {.identity = SPAN_LIT("new"), .signature_key = SPAN(outside.sign_pub, 32)}};
    must(draft_enter(&conf, &with, &d) == OK && draft_sign(d, SPAN(outside.sign.b, 32)) == OK);
    altered(r, draft_message(d));
    must(group_open(who[2].g, draft_message(d), &in) == OK && in.from == MLS_NEW_COMMIT);
    incoming_drop(&in);
    draft_free(d);
    draft_free(info);
}

static void step(struct reader *r)
{
    uint8_t kind = read_u8(r);
    if (kind & 0x40) {
        entry(r);
        return;
    }
    struct person *from = &who[kind >> 7];
    struct draft *d = make(from, kind & 7);
    struct span m = draft_message(d);
    if (kind & 8) altered(r, m);
    must(person_take(&who[2], m) == OK);
    must(person_take(&who[2], m) != OK || (kind & 7) == 5); /* a public proposal may be heard twice */
    must(person_take(&who[!(kind >> 7)], m) == OK);
    if (group_staged(from->g)) must(person_take(from, m) == OK);
    for (int i = 1; i < 3; i++)
        must(span_equal(group_authenticator(who[0].g), group_authenticator(who[i].g)));
    draft_free(d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reader r = reader_of(SPAN(data, size));
    struct incoming in;
    start();
    if (group_open(who[2].g, SPAN(data, size), &in) == OK) abort(); /* nobody signed this */
    struct outside_sender sender;
    if (mls_extensions_check(SPAN(data, size)) == OK && outside_context_check(SPAN(data, size)) == OK)
        (void)outside_sender(SPAN(data, size), 3, &sender);
    for (int i = 0; i < 24 && read_left(&r); i++)
        step(&r);
    for (int i = 0; i < 3; i++)
        person_leave(&who[i]);
    person_leave(&outside);
    must(mem_live() == 0);
    return 0;
}
