/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keeper_inner.h"

#include "app/log.h"

#define SCANS_WAITED 3 /* seconds that joins wait for engines that say nothing */
#define ONLY_GRANTED (CAN_MODERATE | CAN_CREATE | CAN_ADMIN)

static void send_away(struct keeper *k, uint16_t engine, uint64_t session, const char *reason,
                      const char *title)
{
    uint8_t body[256];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_expel(&w, &(struct ipc_expel){span_str(reason), span_str(title), 0});
    (void)k->conf.send(k->conf.ctx, ROLE_ENGINE, engine, IPC_EXPEL, session, writer_span(&w));
}

/* Why somebody can't stay, or NULL; *can is what they may do. */
static const char *why_not(struct keeper *k, const struct ipc_admit *a, uint32_t *can)
{
    const struct verdict *v = &a->verdict;
    struct span room = span_str(v->room), subject = span_str(v->subject);
    uint32_t granted = 0;
    enum err e = store_room(&k->store, room, &k->room), barred = OK;
    if (e == ERR_UNKNOWN || (!e && k->room.of_class != v->room_class)) return "ended";
    if (e || !v->allowed || a->member == 0 || a->member >= k->room.next_member) return "draining";
    if (store_barred(&k->store, room, subject, &barred) && !barred) return "kicked";
    if (v->can & ONLY_GRANTED && !barred) barred = store_granted(&k->store, room, subject, &granted);
    if (barred) return "draining";
    *can = v->can & (granted | ~(uint32_t)ONLY_GRANTED);
    return NULL;
}

void return_member(struct keeper *k, uint16_t engine, uint64_t session, struct span body)
{
    struct ipc_member_is m;
    struct person *p = NULL;
    uint32_t can = 0;
    if (engine >= SEAT_ENGINES_MAX || !k->engine_met[engine] || k->engine_up[engine]) return;
    if (get_ipc_member_is(body, &m) || session == 0 || people_of(k, session)) return;
    const struct verdict *v = &m.admitted.verdict;
    const char *why = why_not(k, &m.admitted, &can);
    struct place *at = why ? NULL : place_of(k, span_str(v->room), false);
    if (!why && at && at->running && at->engine != engine) why = "draining"; /* a room is in one place */
    if (!why && at && people_member(k, at, m.admitted.member, PERSON_IN)) why = "draining";
    if (!why && !at) at = place_of(k, span_str(v->room), true);
    if (!why && (!at || people_add(k, session, at, &p))) why = "draining";
    if (why) {
        send_away(k, engine, session, why,
                  strcmp(why, "kicked") == 0  ? "A moderator removed you."
                  : strcmp(why, "ended") == 0 ? "This room was closed."
                                              : "A part of the server began anew. Join again.");
        return;
    }
    p->state = PERSON_IN;
    p->entry = m.admitted.entry;
    p->number = m.admitted.member;
    p->engine = at->engine = engine;
    p->verdict = *v;
    p->can = can;
    p->moderator = (can & CAN_MODERATE) != 0;
    p->since_ms = m.since_ms;
    p->expires_ms = v->expires.ms;
    memcpy(p->name, v->name, sizeof p->name);
    memcpy(p->subject, v->subject, sizeof p->subject);
    at->running = true;
    at->must_record = k->room.of_class == CLASS_GOVERNED && k->room.recording == RECORDING_REQUIRED;
    at->members++;
    k->inside++;
    k->engine_load[engine]++;
    k->counts.returned++;
}

static void settle(struct keeper *k)
{
    uint32_t up = 0;
    for (uint32_t i = 0; i < SEAT_ENGINES_MAX; i++)
        up += k->engine_up[i];
    if (k->settled || (up < k->conf.config->engines && k->scans < SCANS_WAITED)) return;
    k->settled = true;
    if (k->inside) log_event(LOG_INFO, "keeper.returned", "members=%u", k->inside);
}

void return_told(struct keeper *k, uint16_t engine)
{
    if (engine >= SEAT_ENGINES_MAX || !k->engine_met[engine] || k->engine_up[engine]) return;
    k->engine_up[engine] = true;
    keeper_relay_to(k, engine);
    settle(k);
}

void return_scan(struct keeper *k)
{
    if (k->scans < SCANS_WAITED) k->scans++;
    for (uint16_t i = 0; i < SEAT_ENGINES_MAX; i++) /* it had not begun when it was asked, or did not read */
        if (k->engine_met[i] && !k->engine_up[i])
            (void)k->conf.send(k->conf.ctx, ROLE_ENGINE, i, IPC_MEMBERS_ASK, 0, SPAN_NONE);
    settle(k);
}
