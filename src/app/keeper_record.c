/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keeper_inner.h"

#include "app/log.h"
#include "base/read.h"

#include <assert.h>
#include <stdio.h>

#define BEGIN_WITHIN (12 * USEC_S)
#define HEARD_WITHIN (4 * USEC_S)  /* the archive speaks each second; silent for so long, it is not well */
#define EMPTY_FOR    (10 * USEC_S) /* a room whose engine died fills again: its recording goes on */
#define READ_WITHIN  (20 * USEC_S)

struct live_recording *record_of(struct keeper *k, struct span room)
{
    for (unsigned i = 0; i < RECORDINGS_LIVE_MAX; i++)
        if (k->live[i].used && span_equal(span_str(k->live[i].room), room)) return &k->live[i];
    return NULL;
}

static struct live_recording *live_number(struct keeper *k, uint64_t number)
{
    for (unsigned i = 0; i < RECORDINGS_LIVE_MAX; i++)
        if (k->live[i].used && k->live[i].number == number) return &k->live[i];
    return NULL;
}

bool record_running(struct keeper *k, struct span room)
{
    const struct live_recording *l = record_of(k, room);
    return l && l->begun && !l->ending;
}

void record_hex(const uint8_t id[ARTEFACT_ID], char text[2 * ARTEFACT_ID + 1])
{
    struct writer w = writer_of(MSPAN(text, 2 * ARTEFACT_ID));
    write_hex(&w, SPAN(id, ARTEFACT_ID));
    text[2 * ARTEFACT_ID] = 0;
}

/* What the server itself did, in the trail. */
static void note(struct keeper *k, const char *verb, const char *room, const char *object, bool good)
{
    struct audit_row row = {"archive", verb, room, object, "", good, 0};
    enum err e = store_begin(&k->store);
    if (!e) e = store_audit(&k->store, k->conf.wall(), &row);
    if (!e) e = store_commit(&k->store);
    if (e) {
        store_rollback(&k->store);
        k->counts.audit_failed++;
    }
}

static bool to_archive(struct keeper *k, uint16_t message, uint64_t session, struct span body)
{
    return k->archive && k->conf.send(k->conf.ctx, ROLE_ARCHIVE, 0, message, session, body);
}

static uint64_t at_ms(struct keeper *k, const struct live_recording *l)
{
    int64_t ms = k->conf.wall().ms - l->begin_ms;
    return ms > 0 ? (uint64_t)ms : 0;
}

static void tell_engine(struct keeper *k, const struct live_recording *l, bool on, bool anew)
{
    uint8_t body[256];
    const struct place *at = place_of(k, span_str(l->room), false);
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_record_room(&w, &(struct ipc_record_room){span_str(l->room), on, anew, l->begin_ms});
    if (at && at->running && !w.bad)
        (void)k->conf.send(k->conf.ctx, ROLE_ENGINE, at->engine, IPC_RECORD_ROOM, l->number, writer_span(&w));
}

void record_note(struct keeper *k, struct live_recording *l, const char *what, struct span members)
{
    static uint8_t body[8192];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_record_event(&w, &(struct ipc_record_event){at_ms(k, l), span_str(what), members});
    if (!w.bad) (void)to_archive(k, IPC_RECORD_EVENT, l->number, writer_span(&w));
}

void record_event(struct keeper *k, struct span room, const char *what, const struct person *p)
{
    uint8_t members[1024];
    struct live_recording *l = record_of(k, room);
    struct writer m = writer_of(MSPAN(members, sizeof members));
    if (!l || !l->begun) return;
    write_str(&m, ",\"member\":");
    write_dec(&m, p->number);
    write_str(&m, ",\"name\":");
    json_write_str(&m, p->name);
    write_str(&m, ",\"subject\":");
    json_write_str(&m, p->subject);
    if (!m.bad) record_note(k, l, what, writer_span(&m));
}

/* --- beginning --- */

static bool send_begin(struct keeper *k, struct live_recording *l, struct span sealed)
{
    uint8_t body[1024];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    struct ipc_record_begin m = {
        .part = l->part, .sealed = sealed, .room = span_str(l->room), .begin_ms = l->begin_ms};
    memcpy(m.id, l->id, sizeof m.id);
    put_ipc_record_begin(&w, &m);
    l->heard = k->now;
    return !w.bad && to_archive(k, IPC_RECORD_BEGIN, l->number, writer_span(&w));
}

static enum err store_new(struct keeper *k, struct live_recording *l)
{
    struct db_query *q = k->store.q[Q_RECORDING_ADD];
    db_blob(q, 1, SPAN_OF(l->id));
    db_text(q, 2, span_str(l->room));
    db_int(q, 3, l->begin_ms);
    enum err e = db_change(q);
    if (!e) l->number = (uint64_t)db_last_row(k->store.db);
    return e;
}

enum err record_begin(struct keeper *k, struct span room, const struct origin *asker)
{
    struct live_recording *l = NULL;
    for (unsigned i = 0; i < RECORDINGS_LIVE_MAX && !l; i++)
        if (!k->live[i].used) l = &k->live[i];
    if (!l) return ERR_FULL;
    *l = (struct live_recording){.part = 1, .begin_ms = k->conf.wall().ms, .since = k->now};
    memcpy(l->room, room.p, room.n);
    enum err e = rng_fill(&k->conf.rng, l->id, sizeof l->id);
    if (!e) e = store_new(k, l);
    if (e)
        store_rollback(&k->store);
    else
        e = store_commit(&k->store);
    if (!e && !send_begin(k, l, SPAN_NONE)) e = ERR_CLOSED;
    if (e) return e;
    l->used = true;
    if (asker) {
        l->asker = *asker;
        l->asked = true;
    }
    return OK;
}

static void answer_begun(struct keeper *k, struct live_recording *l)
{
    char id[2 * ARTEFACT_ID + 1], location[80];
    if (!l->asked) return;
    l->asked = false;
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    record_hex(l->id, id);
    snprintf(location, sizeof location, "/api/v1/recordings/%s", id);
    write_str(&w, "{\"id\":");
    json_write_str(&w, id);
    write_str(&w, ",\"room\":");
    json_write_str(&w, l->room);
    write_str(&w, "}\n");
    api_answer(k, l->asker, 201, "application/json", location, writer_span(&w));
}

static void close_row(struct keeper *k, const struct live_recording *l, const struct ipc_record_state *m,
                      const char *verb)
{
    struct db_query *q = k->store.q[Q_RECORDING_END];
    char object[2 * ARTEFACT_ID + 80];
    uint8_t digest[80] = "";
    struct writer d = writer_of(MSPAN(digest, sizeof digest - 1));
    write_hex(&d, m->digest);
    record_hex(l->id, object);
    if (d.n) snprintf(object + 2 * ARTEFACT_ID, sizeof object - 2 * ARTEFACT_ID, " %s", (const char *)digest);
    struct audit_row row = {"archive", verb, l->room, object, "", m->state == RECORD_ENDED, 0};
    enum err e = store_begin(&k->store);
    db_int(q, 1, (int64_t)l->number);
    db_int(q, 2, k->conf.wall().ms);
    db_int(q, 3, (int64_t)m->bytes);
    db_blob(q, 4, m->digest);
    db_text(q, 5, m->why);
    db_int(q, 6, (int64_t)k->store.trail_next.size + 1);
    if (!e) e = db_change(q);
    if (!e) e = store_audit(&k->store, k->conf.wall(), &row);
    if (!e) e = store_commit(&k->store);
    if (e) {
        store_rollback(&k->store);
        k->counts.audit_failed++;
        log_event(LOG_ERROR, "recording.row_lost", "why=\"%s\"", err_text(e));
    }
}

static void failed(struct keeper *k, struct live_recording *l, const struct ipc_record_state *m)
{
    struct question q = {.k = k, .origin = l->asker};
    char why[256] = "";
    memcpy(why, m->why.p, m->why.n < sizeof why ? m->why.n : sizeof why - 1);
    tell_engine(k, l, false, false);
    close_row(k, l, m, "record_failed");
    if (l->asked) api_problem(&q, 503, "unavailable", why, "");
    char room[65];
    memcpy(room, l->room, sizeof room);
    *l = (struct live_recording){0};
    record_why(k, span_str(room), span_str(why));
    record_tell_room(k, span_str(room));
}

static void begun(struct keeper *k, struct live_recording *l, struct span sealed)
{
    struct db_query *q = k->store.q[Q_RECORDING_KEY];
    enum err e = OK;
    if (sealed.n) {
        e = store_begin(&k->store);
        db_int(q, 1, (int64_t)l->number);
        db_blob(q, 2, sealed);
        if (!e) e = db_change(q);
        if (!e) e = store_commit(&k->store);
    }
    if (e) { /* a recording whose key is not kept could never be opened */
        store_rollback(&k->store);
        (void)to_archive(k, IPC_RECORD_END, l->number, SPAN_NONE);
        failed(k, l,
               &(struct ipc_record_state){.state = RECORD_FAILED,
                                          .why = SPAN_LIT("The key of the recording could not be stored.")});
        return;
    }
    bool first = !l->begun;
    l->begun = true;
    l->alarm = false;
    answer_begun(k, l);
    record_why(k, span_str(l->room), SPAN_NONE);
    record_tell_room(k, span_str(l->room));
    struct place *at = place_of(k, span_str(l->room), false);
    for (struct person *p = NULL; first && at && (p = people_next(k, at, p));)
        if (p->state == PERSON_IN) record_event(k, span_str(l->room), "here", p);
    tell_engine(k, l, true, true);
}

/* --- as it goes --- */

static void alarm_on(struct keeper *k, struct live_recording *l, struct span why)
{
    if (l->alarm) return;
    l->alarm = true;
    char text[200] = "";
    memcpy(text, why.p, why.n < sizeof text ? why.n : sizeof text - 1);
    note(k, "record_alarm", l->room, text, false);
    log_event(LOG_ERROR, "recording.alarm", "room=%s why=\"%s\"", log_name(span_str(l->room)).text, text);
    memcpy(l->why, text, sizeof l->why);
    record_tell_room(k, span_str(l->room));
}

void record_state(struct keeper *k, uint64_t number, struct span body)
{
    struct ipc_record_state m;
    struct live_recording *l = live_number(k, number);
    if (get_ipc_record_state(body, &m)) return;
    if (!l) {
        if (m.state != RECORD_ENDED && m.state != RECORD_FAILED) /* nobody knows it any more */
            (void)to_archive(k, IPC_RECORD_END, number, SPAN_NONE);
        return;
    }
    l->heard = k->now;
    switch (m.state) {
    case RECORD_BEGUN:
        begun(k, l, m.sealed);
        break;
    case RECORD_ALARM:
        alarm_on(k, l, m.why);
        break;
    case RECORD_WELL:
        if (!l->alarm) break;
        note(k, "record_well", l->room, "", true);
        l->alarm = false;
        record_tell_room(k, span_str(l->room));
        break;
    case RECORD_ENDED:
        close_row(k, l, &m, "recorded");
        *l = (struct live_recording){0};
        break;
    default:
        failed(k, l, &m);
        break;
    }
}

void record_let_in(struct keeper *k, struct place *at, const struct person *p)
{
    struct span room = span_str(at->name);
    record_required(k, at);
    struct live_recording *l = record_of(k, room);
    if (l || at->must_record) record_tell_room(k, room);
    if (!l || !l->begun) return;
    l->empty = 0;
    record_event(k, room, "join", p);
    tell_engine(k, l, true, false);
}

static void end_now(struct keeper *k, struct live_recording *l)
{
    tell_engine(k, l, false, false);
    l->ending = true;
    (void)to_archive(k, IPC_RECORD_END, l->number, SPAN_NONE);
    record_tell_room(k, span_str(l->room));
}

void record_room_empty(struct keeper *k, struct span room)
{
    struct live_recording *l = record_of(k, room);
    if (l && !l->empty) l->empty = k->now + 1;
}

static void read_key_of(struct keeper *k, const struct live_recording *l, struct span *sealed)
{
    struct db_query *q = k->store.q[Q_RECORDING_GET];
    static uint8_t copy[KMS_SEALED_MAX + 64];
    bool row = false;
    *sealed = SPAN_NONE;
    db_blob(q, 1, SPAN_OF(l->id));
    if (db_step(q, &row) == OK && row) {
        struct span s = db_get_blob(q, 4);
        if (s.n && s.n <= sizeof copy) {
            memcpy(copy, s.p, s.n);
            *sealed = SPAN(copy, s.n);
        }
    }
    db_done(q);
}

void record_archive_met(struct keeper *k)
{
    k->archive = true;
    for (unsigned i = 0; i < RECORDINGS_LIVE_MAX; i++) {
        struct live_recording *l = &k->live[i];
        struct span sealed;
        if (!l->used) continue;
        read_key_of(k, l, &sealed);
        l->part++;
        (void)send_begin(k, l, sealed);
        if (l->ending) (void)to_archive(k, IPC_RECORD_END, l->number, SPAN_NONE);
    }
}

void record_archive_lost(struct keeper *k)
{
    k->archive = false;
    for (unsigned i = 0; i < RECORDINGS_LIVE_MAX; i++)
        if (k->live[i].used) alarm_on(k, &k->live[i], SPAN_LIT("The archive is down."));
}

void record_turn(struct keeper *k)
{
    record_retry(k);
    for (unsigned i = 0; i < RECORDINGS_LIVE_MAX; i++) {
        struct live_recording *l = &k->live[i];
        if (!l->used) continue;
        if (!l->begun && usec_since(k->now, l->since) > BEGIN_WITHIN) {
            failed(k, l,
                   &(struct ipc_record_state){.state = RECORD_FAILED,
                                              .why = SPAN_LIT("The archive does not answer.")});
            continue;
        }
        if (l->begun && usec_since(k->now, l->heard) > HEARD_WITHIN)
            alarm_on(k, l, SPAN_LIT("The archive does not answer: its disk may be too slow."));
        if (l->empty && !l->ending && usec_since(k->now, l->empty) > EMPTY_FOR) end_now(k, l);
    }
    for (unsigned i = 0; i < READS_WAITING_MAX; i++) {
        struct read_waiting *r = &k->reading[i];
        if (!r->used || usec_since(k->now, r->since) < READ_WITHIN) continue;
        struct question q = {.k = k, .origin = r->origin};
        r->used = false;
        api_problem(&q, 503, "unavailable", "The archive does not answer. Try again in a moment.", "");
    }
}

/* A keeper that begins anew finds the recordings that had not ended. */
enum err record_open(struct keeper *k)
{
    struct db_query *q = k->store.q[Q_RECORDING_OPEN];
    bool row = true;
    enum err e = OK;
    for (unsigned i = 0; !e && row && i < RECORDINGS_LIVE_MAX;) {
        e = db_step(q, &row);
        if (e || !row) break;
        struct live_recording *l = &k->live[i];
        struct span id = db_get_blob(q, 1), room = db_get_text(q, 2);
        if (id.n != sizeof l->id || room.n >= sizeof l->room) continue;
        *l = (struct live_recording){.used = true,
                                     .begun = true,
                                     .number = (uint64_t)db_get_int(q, 0),
                                     .begin_ms = db_get_int(q, 3),
                                     .part = (uint16_t)(db_get_int(q, 4) + 1),
                                     .empty = 1};
        memcpy(l->id, id.p, id.n);
        memcpy(l->room, room.p, room.n);
        i++;
    }
    db_done(q);
    return e;
}

/* --- the API --- */

void api_record(struct question *q)
{
    struct keeper *k = q->k;
    q->a.facts.archive = k->archive && k->vault;
    if (!ask_decide(k, &q->a, "")) {
        api_refused(q);
        return;
    }
    struct live_recording *l = record_of(k, span_str(q->a.room));
    const struct place *at = place_of(k, span_str(q->a.room), false);
    if (l || !at || !at->members) {
        store_rollback(&k->store);
        ask_refuse(k, &q->a, "");
        api_problem(q, 409, "exists", l ? "This room is being recorded." : "Nobody is in this room.", "");
        return;
    }
    if (record_begin(k, span_str(q->a.room), &q->origin)) api_unavailable(q);
}

void api_unrecord(struct question *q)
{
    struct keeper *k = q->k;
    struct live_recording *l = record_of(k, span_str(q->a.room));
    q->a.facts.object.there = l != NULL;
    if (!api_allowed(q, "") || !api_done(q, OK)) return;
    assert(l); /* policy says no to what is not there */
    end_now(k, l);
    api_answer(k, q->origin, 204, "", "", SPAN_NONE);
}

static void put_recording(struct writer *w, struct db_query *l)
{
    char id[2 * ARTEFACT_ID + 1] = "";
    struct span s = db_get_blob(l, 1);
    if (s.n == ARTEFACT_ID) record_hex(s.p, id);
    write_str(w, "{\"id\":");
    json_write_str(w, id);
    write_str(w, ",\"room\":");
    json_write_text(w, db_get_text(l, 2));
    write_str(w, ",\"begin\":");
    write_dec(w, (uint64_t)db_get_int(l, 3));
    write_str(w, ",\"end\":");
    if (db_is_null(l, 5))
        write_str(w, "null");
    else
        write_dec(w, (uint64_t)db_get_int(l, 5));
    write_str(w, ",\"bytes\":");
    write_dec(w, (uint64_t)db_get_int(l, 6));
    write_str(w, ",\"destroyed\":");
    write_str(w, db_get_int(l, 8) ? "true" : "false");
    write_str(w, ",\"digest\":\"");
    write_hex(w, db_get_blob(l, 7));
    write_str(w, "\",\"fault\":");
    json_write_text(w, db_get_text(l, 9));
    write_str(w, ",\"entry\":");
    write_dec(w, (uint64_t)db_get_int(l, 10));
    write_str(w, "}");
}

void api_recording_list(struct question *q)
{
    struct keeper *k = q->k;
    struct db_query *l = k->store.q[Q_RECORDING_LIST];
    uint64_t before;
    bool row = false;
    unsigned n = 0;
    enum err e = OK;
    if (!api_query_number(q->ask->query, "before", INT64_MAX, &before)) before = INT64_MAX;
    if (!api_allowed(q, "")) return;
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    write_str(&w, "{\"recordings\":[");
    db_int(l, 1, (int64_t)before);
    while (write_left(&w) > 2048 && !(e = db_step(l, &row)) && row) {
        if (n++) write_str(&w, ",");
        put_recording(&w, l);
    }
    db_done(l);
    write_str(&w, "]}");
    if (api_done(q, e)) api_tell(q, &w);
}

/* Finds the row of {item}; its key is copied. False: told. */
static bool find_row(struct question *q, uint8_t id[ARTEFACT_ID], struct span *sealed)
{
    struct keeper *k = q->k;
    struct db_query *l = k->store.q[Q_RECORDING_GET];
    static uint8_t copy[KMS_SEALED_MAX + 64];
    bool row = false;
    bool good = read_hex(q->ask->item, id, ARTEFACT_ID) == OK;
    enum err e = OK;
    *sealed = SPAN_NONE;
    if (good) {
        db_blob(l, 1, SPAN(id, ARTEFACT_ID));
        e = db_step(l, &row);
        if (!e && row) {
            struct span s = db_get_blob(l, 4);
            memcpy(copy, s.p, s.n <= sizeof copy ? s.n : 0);
            *sealed = SPAN(copy, s.n <= sizeof copy ? s.n : 0);
        }
        db_done(l);
    }
    q->a.facts.object.there = !e && row;
    return !e;
}

void api_recording_show(struct question *q)
{
    struct keeper *k = q->k;
    uint8_t id[ARTEFACT_ID];
    struct span sealed;
    char object[2 * ARTEFACT_ID + 1] = "";
    (void)find_row(q, id, &sealed);
    if (q->a.facts.object.there) record_hex(id, object);
    if (!api_allowed(q, object)) return;
    struct db_query *l = k->store.q[Q_RECORDING_GET];
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    bool row = false;
    db_blob(l, 1, SPAN_OF(id));
    enum err e = db_step(l, &row);
    if (!e && row) put_recording(&w, l);
    db_done(l);
    if (api_done(q, e)) api_tell(q, &w);
}

void api_recording_consents(struct question *q)
{
    struct keeper *k = q->k;
    struct db_query *l = k->store.q[Q_CONSENT_LIST], *get = k->store.q[Q_RECORDING_GET];
    uint8_t id[ARTEFACT_ID];
    struct span sealed;
    uint64_t after;
    char object[2 * ARTEFACT_ID + 1] = "";
    bool row = false;
    unsigned n = 0;
    (void)find_row(q, id, &sealed);
    if (!api_query_number(q->ask->query, "after", 0, &after)) after = INT64_MAX;
    if (q->a.facts.object.there) record_hex(id, object);
    if (!api_allowed(q, object)) return;
    db_blob(get, 1, SPAN_OF(id));
    enum err e = db_step(get, &row);
    int64_t number = !e && row ? db_get_int(get, 0) : 0;
    db_done(get);
    struct writer w = writer_of(MSPAN(k->answer, sizeof k->answer));
    write_str(&w, "{\"consents\":[");
    db_int(l, 1, number);
    db_int(l, 2, (int64_t)after);
    while (!e && write_left(&w) > 8192 && !(e = db_step(l, &row)) && row) {
        write_str(&w, n++ ? ",{\"seq\":" : "{\"seq\":");
        write_dec(&w, (uint64_t)db_get_int(l, 0));
        write_bytes(&w, db_get_text(l, 1));
        write_str(&w, "}");
    }
    db_done(l);
    write_str(&w, "]}");
    if (api_done(q, e)) api_tell(q, &w);
}

/* The value of file= in the query. */
static struct span query_file(struct span query)
{
    static const char name[] = "file=";
    for (size_t at = 0; at < query.n;) {
        size_t end = at;
        while (end < query.n && query.p[end] != '&')
            end++;
        struct span part = span_part(query, at, end - at);
        if (part.n >= sizeof name - 1 && memcmp(part.p, name, sizeof name - 1) == 0)
            return span_part(part, sizeof name - 1, part.n);
        at = end + 1;
    }
    return SPAN_NONE;
}

void api_recording_read(struct question *q)
{
    struct keeper *k = q->k;
    uint8_t body[1024];
    struct ipc_record_read m = {.file = query_file(q->ask->query)};
    char object[2 * ARTEFACT_ID + 64] = "";
    struct read_waiting *r = NULL;
    (void)find_row(q, m.id, &m.sealed);
    bool destroyed = q->a.facts.object.there && m.sealed.n == 0;
    if (q->a.facts.object.there) {
        record_hex(m.id, object);
        snprintf(object + 2 * ARTEFACT_ID, sizeof object - 2 * ARTEFACT_ID, " %.*s",
                 (int)(m.file.n < 48 ? m.file.n : 48), (const char *)m.file.p);
    }
    bool good = api_query_number(q->ask->query, "from", 0, &m.from) && m.file.n < 64;
    if (!api_allowed(q, object) || !api_done(q, OK)) return;
    for (unsigned i = 0; i < READS_WAITING_MAX && !r; i++)
        if (!k->reading[i].used) r = &k->reading[i];
    if (!good || destroyed || !r) {
        api_problem(q,
                    !good       ? 422
                    : destroyed ? 410
                                : 503,
                    !good       ? "bad_message"
                    : destroyed ? "destroyed"
                                : "unavailable",
                    !good       ? "file is a name of the list, from a number."
                    : destroyed ? "This recording was destroyed."
                                : "Too many read recordings at once. Try again in a moment.",
                    good ? "" : "from");
        return;
    }
    struct writer w = writer_of(MSPAN(body, sizeof body));
    *r = (struct read_waiting){true, m.file.n == 0, q->origin, k->now};
    put_ipc_record_read(&w, &m);
    if (!w.bad && to_archive(k, IPC_RECORD_READ, (uint64_t)(r - k->reading), writer_span(&w))) return;
    r->used = false;
    api_problem(q, 503, "unavailable", "The archive is down. Try again in a moment.", "");
}

void record_bytes(struct keeper *k, uint64_t session, struct span body)
{
    struct ipc_record_bytes m;
    char why[256] = "";
    if (session >= READS_WAITING_MAX || !k->reading[session].used || get_ipc_record_bytes(body, &m)) return;
    struct read_waiting *r = &k->reading[session];
    struct question q = {.k = k, .origin = r->origin};
    r->used = false;
    if (m.status == 200) {
        api_answer(k, r->origin, 200, r->list ? "application/json" : "application/octet-stream", "", m.bytes);
        return;
    }
    memcpy(why, m.bytes.p, m.bytes.n < sizeof why ? m.bytes.n : sizeof why - 1);
    api_problem(&q, m.status,
                m.status == 404   ? "no_such_file"
                : m.status == 500 ? "damaged"
                                  : "unavailable",
                why, "");
}

void api_recording_drop(struct question *q)
{
    struct keeper *k = q->k;
    uint8_t id[ARTEFACT_ID];
    struct span sealed;
    char object[2 * ARTEFACT_ID + 1] = "";
    (void)find_row(q, id, &sealed);
    for (unsigned i = 0; i < RECORDINGS_LIVE_MAX && q->a.facts.object.there; i++)
        if (k->live[i].used && memcmp(k->live[i].id, id, sizeof id) == 0) q->a.facts.object.self = true;
    if (q->a.facts.object.there) record_hex(id, object);
    if (!api_allowed(q, object)) return;
    struct db_query *l = k->store.q[Q_RECORDING_SHRED];
    db_blob(l, 1, SPAN_OF(id));
    if (!api_done(q, db_change(l))) return;
    (void)to_archive(k, IPC_RECORD_DROP, 0, SPAN_OF(id));
    api_answer(k, q->origin, 204, "", "", SPAN_NONE);
}
