/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keeper.h"

#include "app/keeper_inner.h"
#include "app/log.h"
#include "base/mem.h"
#include "base/read.h"
#include "base/secret.h"

enum err keeper_new(const struct keeper_conf *conf, struct keeper **keeper)
{
    struct keeper *k = mem_new(1, sizeof *k);
    if (!k) return ERR_NOMEM;
    k->conf = *conf;
    k->next_pending = 1;
    k->heads = conf->heads;
    enum err e = map_init(&k->by_session, 8, KEEPER_MEMBERS_MAX, &conf->rng);
    if (!e) e = map_init(&k->by_room, 64, KEEPER_ROOMS_MAX, &conf->rng);
    if (!e) e = rng_fill(&conf->rng, (uint8_t *)k->rate_seed, sizeof k->rate_seed);
    if (!e) e = store_open(&k->store, conf->config->data, conf->crypto);
    if (!e) e = files_open(&k->files, conf->config->data);
    if (!e) e = store_forget_old(&k->store, conf->wall());
    if (!e) e = record_open(k);
    if (e) {
        keeper_free(k);
        return e;
    }
    if (!trail_whole(&k->store)) log_event(LOG_ERROR, "audit.broken", "mend=\"run incamera audit verify\"");
    *keeper = k;
    return OK;
}

void keeper_free(struct keeper *k)
{
    if (!k) return;
    files_close(&k->files);
    store_close(&k->store);
    map_fini(&k->by_session);
    map_fini(&k->by_room);
    mem_free(k->person);
    mem_free(k->place);
    secret_drop(&k->relay);
    mem_free(k);
}

bool keeper_has_keys(const struct keeper *k)
{
    return k->vault;
}

void keeper_relay_to(struct keeper *k, uint16_t engine)
{
    if (k->relay.n && k->engine_up[engine])
        (void)k->conf.send(k->conf.ctx, ROLE_ENGINE, engine, IPC_RELAY_SECRET, 0, secret_span(&k->relay));
}

static void vault_keys(struct keeper *k, struct span body)
{
    struct reader r = reader_of(body);
    struct span token = read_vec8(&r), audit = read_vec8(&r), relay = read_vec8(&r);
    if (read_end(&r) || token.n != 32 || audit.n != 32 || relay.n != 32) return;
    k->keys.count = 1;
    memcpy(k->keys.key[0], token.p, 32);
    if (token_kid(k->conf.crypto, token, k->keys.kid[0])) return;
    memcpy(k->audit_key, audit.p, 32);
    k->relay.n = 32;
    memcpy(k->relay.b, relay.p, 32);
    k->vault = true;
    for (uint16_t i = 0; i < SEAT_ENGINES_MAX; i++)
        keeper_relay_to(k, i);
}

static void member_message(struct keeper *k, uint16_t engine, uint64_t session, struct span body)
{
    struct ipc_member m;
    struct person *p = people_of(k, session);
    if (get_ipc_member(body, &m) || m.in || !p) return;
    /* an engine speaks for its own sessions only */
    if (p->state == PERSON_IN && p->engine == engine) people_drop(k, p);
}

static void left_message(struct keeper *k, uint64_t session)
{
    struct person *p = people_of(k, session);
    if (!p) return;
    uint32_t room = p->room;
    bool waited = p->state == PERSON_WAITING;
    people_drop(k, p);
    if (waited && k->place[room].used) people_knocks(k, &k->place[room]);
}

void keeper_message(struct keeper *k, enum role from, uint16_t index, uint16_t message, uint64_t session,
                    struct span body)
{
    struct ipc_ask ask;
    switch (message) {
    case IPC_JOIN:
        join_message(k, session, body);
        break;
    case IPC_ACT:
        act_message(k, session, body);
        break;
    case IPC_CONSENT:
        consent_message(k, session, body);
        break;
    case IPC_LEFT:
        left_message(k, session);
        break;
    case IPC_MEMBER:
        member_message(k, index, session, body);
        break;
    case IPC_MEMBER_IS:
        return_member(k, index, session, body);
        break;
    case IPC_MEMBERS_TOLD:
        return_told(k, index);
        break;
    case IPC_RECORD_STATE:
        record_state(k, session, body);
        break;
    case IPC_RECORD_BYTES:
        record_bytes(k, session, body);
        break;
    case IPC_VAULT_KEYS:
        vault_keys(k, body);
        break;
    case IPC_SIGNED:
        if (session)
            token_signed(k, session, body);
        else
            audit_signed(k, body);
        break;
    case IPC_ASK:
        if (get_ipc_ask(body, &ask)) break;
        if (from == ROLE_FRONT) ask.trusted = false; /* only control.sock speaks for the operator */
        k->counts.asks++;
        api_message(k, (struct origin){session, false}, &ask);
        break;
    default:
        break;
    }
    store_rollback(&k->store); /* nothing stays open between messages */
}

void keeper_ask(struct keeper *k, uint64_t origin, const struct ipc_ask *ask)
{
    k->counts.asks++;
    api_message(k, (struct origin){origin, true}, ask);
    store_rollback(&k->store);
}

void keeper_met(struct keeper *k, enum role who, uint16_t index)
{
    if (who == ROLE_ARCHIVE) record_archive_met(k);
    if (who != ROLE_ENGINE || index >= SEAT_ENGINES_MAX) return;
    k->engine_met[index] = true;
    k->engine_up[index] = false;
    (void)k->conf.send(k->conf.ctx, ROLE_ENGINE, index, IPC_MEMBERS_ASK, 0, SPAN_NONE);
}

/* Whoever was let in just before may have had no word of the engine: front hears that it must ask again. */
#define JUST_CAME_MS 5000
static void tell_lost(struct keeper *k, const struct person *p)
{
    uint8_t body[256];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_join_answer(
        &w, &(struct ipc_join_answer){JOIN_REFUSED, 0, 503, SPAN_LIT("unavailable"),
                                      SPAN_LIT("A part of the server is down. Try again in a moment.")});
    (void)k->conf.send(k->conf.ctx, ROLE_FRONT, 0, IPC_JOIN_ANSWER, p->session, writer_span(&w));
}

/* Everybody that this neighbour held is gone with it. */
void keeper_lost(struct keeper *k, enum role who, uint16_t index)
{
    if (who == ROLE_VAULT) k->vault = false;
    if (who == ROLE_ARCHIVE) record_archive_lost(k);
    if (who == ROLE_ENGINE && index < SEAT_ENGINES_MAX) {
        k->engine_up[index] = k->engine_met[index] = false;
        log_event(LOG_WARN, "engine.lost", "index=%u members=%u", index, k->engine_load[index]);
    }
    if (who != ROLE_ENGINE && who != ROLE_FRONT) return;
    for (uint32_t i = 1; i <= k->persons; i++) {
        struct person *p = &k->person[i];
        bool its = who == ROLE_FRONT ? p->state != PERSON_FREE : p->state == PERSON_IN && p->engine == index;
        if (!its) continue;
        if (who == ROLE_ENGINE && k->conf.wall().ms - p->since_ms < JUST_CAME_MS) tell_lost(k, p);
        people_drop(k, p);
    }
}

usec keeper_turn(struct keeper *k, usec now)
{
    k->now = now;
    if (now < k->next_scan) return k->next_scan;
    int64_t wall = k->conf.wall().ms;
    for (uint32_t i = 1; i <= k->persons; i++)
        if (k->person[i].state != PERSON_FREE && k->person[i].expires_ms <= wall)
            people_expel(k, &k->person[i], "expired", "The time of this access token is over.", 0);
    return_scan(k);
    audit_turn(k);
    record_turn(k);
    files_turn(k);
    k->next_scan = now + USEC_S;
    return k->next_scan;
}

void keeper_drain(struct keeper *k)
{
    k->draining = true;
    for (uint32_t i = 1; i <= k->persons; i++)
        if (k->person[i].state != PERSON_FREE)
            people_expel(k, &k->person[i], "draining", "The server restarts. Join again in a moment.", 0);
    audit_drain(k);
}

bool keeper_ready(const struct keeper *k)
{
    return k->vault && k->settled;
}

bool keeper_empty(const struct keeper *k)
{
    return k->inside == 0 && k->waiting == 0;
}

static void gauge(struct writer *w, const char *name, const char *type, const char *help, uint64_t v)
{
    write_str(w, "# HELP incamera_");
    write_str(w, name);
    write_str(w, " ");
    write_str(w, help);
    write_str(w, "\n# TYPE incamera_");
    write_str(w, name);
    write_str(w, " ");
    write_str(w, type);
    write_str(w, "\nincamera_");
    write_str(w, name);
    write_str(w, " ");
    write_dec(w, v);
    write_str(w, "\n");
}

void keeper_stats(const struct keeper *k, struct writer *w)
{
    gauge(w, "keeper_members", "gauge", "Members in rooms.", k->inside);
    gauge(w, "keeper_members_waiting", "gauge", "People in lobbies.", k->waiting);
    gauge(w, "keeper_joins_total", "counter", "Sessions let into a room.", k->counts.joins);
    gauge(w, "keeper_acts_refused_total", "counter", "Acts that policy refused.", k->counts.refused);
    gauge(w, "keeper_acts_total", "counter", "Acts of members that need a verdict.", k->counts.acts);
    gauge(w, "keeper_api_requests_total", "counter", "API requests.", k->counts.asks);
    gauge(w, "keeper_members_kicked_total", "counter", "Members removed by a moderator.", k->counts.kicked);
    gauge(w, "keeper_members_returned_total", "counter",
          "Members an engine named to this keeper when it began.", k->counts.returned);
    gauge(w, "keeper_files_total", "counter", "Sealed files that were announced.", k->files.made);
    gauge(w, "keeper_file_chunks_total", "counter", "Chunks of sealed files that were taken.",
          k->files.chunks);
    gauge(w, "keeper_files_refused_total", "counter", "Sealed files and chunks refused for size or number.",
          k->files.refused);
    gauge(w, "keeper_audit_failed_total", "counter",
          "Audit rows that could not be stored; the acts were refused.", k->counts.audit_failed);
    gauge(w, "keeper_audit_entries", "gauge", "Entries of the audit trail.", k->store.trail.size);
    gauge(w, "keeper_audit_entries_unsigned", "gauge", "Entries that no signed head covers yet.",
          k->store.trail.size - k->store.head.size);
    gauge(w, "keeper_audit_heads_total", "counter", "Heads of the audit trail that were signed.",
          k->counts.heads);
    gauge(w, "keeper_audit_heads_lost_total", "counter",
          "Heads that could not be written to the file named by audit-heads.", k->counts.heads_lost);
}
