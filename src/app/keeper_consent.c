/* SPDX-License-Identifier: Apache-2.0
 * What a room hears of its recording, and what its members answer. */
#include "app/keeper_inner.h"

#include "app/log.h"
#include "archive/consent.h"
#include "base/read.h"
#include "room/room.h"
#include "wire/base64url.h"
#include "wire/room_messages.h"

#include <assert.h>

#define RETRY_EVERY (5 * USEC_S)

static void to_engine(struct keeper *k, const struct place *at, const struct ipc_room_set *m)
{
    uint8_t body[1024];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_room_set(&w, m);
    if (at->running && !w.bad)
        (void)k->conf.send(k->conf.ctx, ROLE_ENGINE, at->engine, IPC_ROOM_SET, 0, writer_span(&w));
}

void record_tell_room(struct keeper *k, struct span room)
{
    const struct live_recording *l = record_of(k, room);
    const struct place *at = place_of(k, room, false);
    char id[2 * ARTEFACT_ID + 1] = "";
    if (!at) return;
    struct ipc_room_set m = {.what = ROOM_SET_RECORDING, .room = room, .flag = at->must_record};
    bool runs = l && l->begun && !l->ending && !(l->alarm && at->must_record);
    m.state = runs ? ROOM_RECORDED : at->must_record ? ROOM_HELD : ROOM_NOT_RECORDED;
    m.why = span_str(l && l->alarm ? l->why : at->record_why);
    if (runs) record_hex(l->id, id);
    m.recording = span_str(id);
    to_engine(k, at, &m);
}

void record_why(struct keeper *k, struct span room, struct span why)
{
    struct place *at = place_of(k, room, false);
    if (!at) return;
    size_t n = why.n < sizeof at->record_why ? why.n : sizeof at->record_why - 1;
    if (n) memcpy(at->record_why, why.p, n);
    at->record_why[n] = 0;
    at->record_retry = k->now + RETRY_EVERY;
}

/* A room that has to be recorded has somebody in it, and nothing records. */
static void begin_required(struct keeper *k, struct place *at)
{
    struct span room = span_str(at->name);
    struct audit_row row = {"policy", "record", at->name, "", "", true, 0};
    enum err e = k->archive && k->vault ? store_begin(&k->store) : ERR_CLOSED;
    at->record_retry = k->now + RETRY_EVERY;
    if (!e) e = store_audit(&k->store, k->conf.wall(), &row);
    if (!e) e = record_begin(k, room, NULL);
    if (!e) {
        record_why(k, room, SPAN_LIT("The recording is about to begin."));
        return;
    }
    store_rollback(&k->store);
    record_why(k, room,
               e == ERR_FULL ? SPAN_LIT("Too many recordings run at once on this server.")
                             : SPAN_LIT("The recorder is not available. This is tried again by itself."));
}

void record_required(struct keeper *k, struct place *at)
{
    at->must_record = k->room.of_class == CLASS_GOVERNED && k->room.recording == RECORDING_REQUIRED;
    if (at->must_record && !record_of(k, span_str(at->name))) begin_required(k, at);
}

void record_retry(struct keeper *k)
{
    if (k->now < k->record_look) return;
    k->record_look = k->now + USEC_S;
    for (uint32_t i = 1; i <= k->places; i++) {
        struct place *at = &k->place[i];
        if (!at->used || !at->must_record || !at->members || k->now < at->record_retry) continue;
        if (record_of(k, span_str(at->name))) continue;
        begin_required(k, at);
        record_tell_room(k, span_str(at->name));
    }
}

/* --- a member's answer --- */

struct answer { /* as it was given, and taken apart */
    struct ipc_consent in;
    struct consent said;
    uint8_t key[CONSENT_KEY], signature[CONSENT_SIGNATURE];
};

/* NULL, or what is wrong with it. */
static const char *open_answer(struct keeper *k, struct span room, uint32_t member, struct answer *a)
{
    struct span key, signature;
    uint8_t policy[sizeof a->said.policy];
    a->said.room = room;
    a->said.member = member;
    a->said.agreed = a->in.agreed;
    a->said.at_ms = a->in.at_ms;
    a->said.text = a->in.text;
    if (read_hex(a->in.recording, a->said.recording, sizeof a->said.recording) ||
        read_hex(a->in.policy, a->said.policy, sizeof a->said.policy))
        return "recording and policy are hexadecimal digits.";
    if (base64url_read(a->in.key, MSPAN(a->key, sizeof a->key), &key) ||
        base64url_read(a->in.signature, MSPAN(a->signature, sizeof a->signature), &signature))
        return "key and signature are base64url.";
    if (consent_check(k->conf.crypto, &a->said, key, signature))
        return "The signature is not that of the answer.";
    if (policy_digest(k, &k->room, policy) || memcmp(policy, a->said.policy, sizeof policy) != 0)
        return "The room's policy is another one. Load the page again.";
    return NULL;
}

/* The receipt as JSON members. */
static void put_receipt(struct writer *w, const struct person *p, const struct answer *a)
{
    write_str(w, ",\"recording\":\"");
    write_hex(w, SPAN_OF(a->said.recording));
    write_str(w, "\",\"room\":");
    json_write_text(w, a->said.room);
    write_str(w, ",\"member\":");
    write_dec(w, p->number);
    write_str(w, ",\"name\":");
    json_write_str(w, p->name);
    write_str(w, ",\"subject\":");
    json_write_str(w, p->subject);
    write_str(w, a->said.agreed ? ",\"agreed\":true,\"when\":" : ",\"agreed\":false,\"when\":");
    write_dec(w, a->said.at_ms);
    write_str(w, ",\"policy\":\"");
    write_hex(w, SPAN_OF(a->said.policy));
    write_str(w, "\",\"text\":");
    json_write_text(w, a->said.text);
    write_str(w, ",\"key\":");
    json_write_text(w, a->in.key);
    write_str(w, ",\"signature\":");
    json_write_text(w, a->in.signature);
}

static enum err store_receipt(struct keeper *k, const struct live_recording *l, struct span receipt)
{
    struct db_query *q = k->store.q[Q_CONSENT_ADD];
    db_int(q, 1, (int64_t)l->number);
    db_text(q, 2, receipt);
    return db_change(q);
}

void consent_message(struct keeper *k, uint64_t session, struct span body)
{
    static uint8_t text[6 * CONSENT_TEXT_MAX + 1024];
    struct answer a = {0};
    struct asking ask;
    char object[2 * ARTEFACT_ID + 8] = "no ";
    struct person *p = people_of(k, session);
    if (get_ipc_consent(body, &a.in)) return;
    k->counts.acts++;
    if (!p || p->state != PERSON_IN) {
        act_answer(k, session, a.in.id, "not_joined", "Join the room first.");
        return;
    }
    struct place *at = &k->place[p->room];
    struct span room = span_str(at->name);
    struct live_recording *l = record_of(k, room);
    act_facts(k, &ask, p, at);
    const char *wrong = open_answer(k, room, p->number, &a);
    if (wrong) {
        store_rollback(&k->store);
        act_answer(k, session, a.in.id, "bad_message", wrong);
        return;
    }
    ask.facts.verb = VERB_CONSENT;
    ask.facts.object.there =
        l && l->begun && !l->ending && memcmp(l->id, a.said.recording, sizeof l->id) == 0;
    if (a.said.agreed) memcpy(object, "yes ", 5);
    if (l) record_hex(l->id, object + strlen(object));
    if (!ask_decide(k, &ask, object)) {
        act_answer(k, session, a.in.id, ask.rule->code, ask.rule->reason);
        return;
    }
    assert(l); /* policy says no to what is not there */
    struct writer receipt = writer_of(MSPAN(text, sizeof text));
    put_receipt(&receipt, p, &a);
    enum err e = write_ok(&receipt);
    if (!e) e = store_receipt(k, l, writer_span(&receipt));
    if (e)
        store_rollback(&k->store);
    else
        e = store_commit(&k->store);
    if (e) {
        act_answer(k, session, a.in.id, "unavailable",
                   "This could not be written down, so it does not count. Try again.");
        return;
    }
    record_note(k, l, "consent", writer_span(&receipt));
    to_engine(k, at,
              &(struct ipc_room_set){
                  .what = ROOM_SET_CONSENT, .room = room, .member = p->number, .flag = a.said.agreed});
    act_answer(k, session, a.in.id, "", "");
}
