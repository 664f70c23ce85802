/* SPDX-License-Identifier: Apache-2.0 */
#include "app/keeper_inner.h"

#include "base/mem.h"

static void room_key(struct span room, uint8_t key[64])
{
    memset(key, 0, 64);
    if (room.n && room.n <= 64) memcpy(key, room.p, room.n);
}

struct person *people_of(struct keeper *k, uint64_t session)
{
    uint32_t i;
    return map_get(&k->by_session, &session, &i) ? &k->person[i] : NULL;
}

static struct place *place_new(struct keeper *k, struct span room)
{
    uint8_t key[64];
    uint32_t i = k->place_free;
    if (!i && k->places + 1 >= k->place_size) {
        uint32_t size = k->place_size ? k->place_size * 2 : 64;
        struct place *p = size > 2 * KEEPER_ROOMS_MAX ? NULL : mem_resize(k->place, size, sizeof *p);
        if (!p) return NULL;
        k->place = p;
        k->place_size = size;
    }
    if (!i) i = k->places + 1;
    room_key(room, key);
    if (map_set(&k->by_room, key, i)) return NULL;
    if (i == k->place_free)
        k->place_free = k->place[i].next_free;
    else
        k->places++;
    k->place[i] = (struct place){.used = true};
    memcpy(k->place[i].name, room.p, room.n);
    return &k->place[i];
}

struct place *place_of(struct keeper *k, struct span room, bool make)
{
    uint8_t key[64];
    uint32_t i;
    if (room.n == 0 || room.n > 64) return NULL;
    room_key(room, key);
    if (map_get(&k->by_room, key, &i)) return &k->place[i];
    return make ? place_new(k, room) : NULL;
}

static void place_leave(struct keeper *k, struct place *at)
{
    uint8_t key[64];
    if (at->members || at->waiting) return;
    record_room_empty(k, span_str(at->name));
    room_key(span_str(at->name), key);
    map_drop(&k->by_room, key);
    *at = (struct place){.next_free = k->place_free};
    k->place_free = (uint32_t)(at - k->place);
}

enum err people_add(struct keeper *k, uint64_t session, struct place *at, struct person **person)
{
    uint32_t i = k->person_free;
    if (people_of(k, session)) return ERR_EXISTS;
    if (!i && k->persons + 1 >= k->person_size) {
        uint32_t size = k->person_size ? k->person_size * 2 : 64;
        struct person *p = size > 2 * KEEPER_MEMBERS_MAX ? NULL : mem_resize(k->person, size, sizeof *p);
        if (!p) return ERR_NOMEM;
        k->person = p;
        k->person_size = size;
    }
    if (!i) i = k->persons + 1;
    enum err e = map_set(&k->by_session, &session, i);
    if (e) return e;
    if (i == k->person_free)
        k->person_free = k->person[i].next;
    else
        k->persons++;
    struct person *p = &k->person[i];
    *p = (struct person){.session = session, .room = (uint32_t)(at - k->place), .next = at->first};
    if (at->first) k->person[at->first].prev = i;
    at->first = i;
    *person = p;
    return OK;
}

void people_drop(struct keeper *k, struct person *p)
{
    struct place *at = &k->place[p->room];
    uint32_t i = (uint32_t)(p - k->person);
    if (p->state == PERSON_IN) {
        record_event(k, span_str(at->name), "leave", p);
        at->members--;
        k->inside--;
        if (k->engine_load[p->engine]) k->engine_load[p->engine]--;
    } else if (p->state == PERSON_WAITING) {
        at->waiting--;
        k->waiting--;
    }
    if (p->prev)
        k->person[p->prev].next = p->next;
    else
        at->first = p->next;
    if (p->next) k->person[p->next].prev = p->prev;
    map_drop(&k->by_session, &p->session);
    *p = (struct person){.next = k->person_free};
    k->person_free = i;
    place_leave(k, at);
}

struct person *people_next(struct keeper *k, const struct place *at, const struct person *p)
{
    uint32_t i = p ? p->next : at->first;
    return i ? &k->person[i] : NULL;
}

struct person *people_member(struct keeper *k, struct place *at, uint32_t number, enum person_state state)
{
    for (struct person *p = NULL; at && (p = people_next(k, at, p));)
        if (p->state == state && p->number == number) return p;
    return NULL;
}

enum err place_engine(struct keeper *k, struct place *at)
{
    uint32_t best = SEAT_ENGINES_MAX;
    if (at->running && k->engine_up[at->engine]) return OK;
    for (uint32_t i = 0; i < SEAT_ENGINES_MAX; i++)
        if (k->engine_up[i] && (best == SEAT_ENGINES_MAX || k->engine_load[i] < k->engine_load[best]))
            best = i;
    if (best == SEAT_ENGINES_MAX) return ERR_UNKNOWN;
    at->engine = (uint16_t)best;
    at->running = true;
    return OK;
}

void people_relay(struct keeper *k, struct span room, struct span subject, bool revoke)
{
    uint8_t body[256];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    write_u8(&w, revoke);
    write_vec8(&w, room);
    write_vec8(&w, subject);
    for (uint16_t i = 0; i < SEAT_ENGINES_MAX && !w.bad; i++)
        if (k->engine_up[i])
            (void)k->conf.send(k->conf.ctx, ROLE_ENGINE, i, IPC_RELAY_REVOKE, 0, writer_span(&w));
}

/* Whoever has to go takes no relay along, unless another session of the same person stays. */
static void end_relays(struct keeper *k, const struct person *gone, const char *reason)
{
    const struct place *at = &k->place[gone->room];
    if (!gone->subject[0] || strcmp(reason, "draining") == 0) return;
    for (struct person *p = NULL; strcmp(reason, "expired") == 0 && (p = people_next(k, at, p));)
        if (p != gone && strcmp(p->subject, gone->subject) == 0) return;
    people_relay(k, span_str(at->name), span_str(gone->subject), true);
}

void people_expel(struct keeper *k, struct person *p, const char *reason, const char *title, uint32_t by)
{
    uint8_t body[512];
    struct writer w = writer_of(MSPAN(body, sizeof body));
    if (p->state == PERSON_WAITING) {
        put_ipc_join_answer(
            &w, &(struct ipc_join_answer){JOIN_REFUSED, 0, 403, SPAN_LIT("denied"), span_str(title)});
        (void)k->conf.send(k->conf.ctx, ROLE_FRONT, 0, IPC_JOIN_ANSWER, p->session, writer_span(&w));
    } else {
        end_relays(k, p, reason);
        put_ipc_expel(&w, &(struct ipc_expel){span_str(reason), span_str(title), by});
        (void)k->conf.send(k->conf.ctx, ROLE_ENGINE, p->engine, IPC_EXPEL, p->session, writer_span(&w));
    }
    people_drop(k, p);
}

/* Tells the moderators in a room who waits. */
void people_knocks(struct keeper *k, struct place *at)
{
    static uint8_t body[65536], sessions[8 * 64], list[65536 - 1024];
    struct writer s = writer_of(MSPAN(sessions, sizeof sessions)), b = writer_of(MSPAN(list, sizeof list));
    uint16_t to = 0, waiting = 0;
    write_u16(&b, 0);
    for (struct person *p = NULL; (p = people_next(k, at, p));) {
        if (p->state == PERSON_IN && p->moderator && to < 64) {
            write_u64(&s, p->session);
            to++;
        }
        if (p->state == PERSON_WAITING && waiting < 256) {
            write_u64(&b, p->number);
            write_vec32(&b, span_str(p->name));
            waiting++;
        }
    }
    write_u16_at(&b, 0, waiting);
    if (to == 0 || b.bad) return;
    struct writer w = writer_of(MSPAN(body, sizeof body));
    put_ipc_to_clients(&w, &(struct ipc_to_clients){ROOM_KNOCKS, to, writer_span(&s), writer_span(&b)});
    if (!w.bad) (void)k->conf.send(k->conf.ctx, ROLE_FRONT, 0, IPC_KNOCKS, 0, writer_span(&w));
}
