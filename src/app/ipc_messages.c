/* SPDX-License-Identifier: Apache-2.0 */
#include "app/ipc_messages.h"

#include "base/read.h"
#include "wire/sdp.h"

static bool read_bool(struct reader *r)
{
    uint8_t v = read_u8(r);
    if (v > 1) r->bad = true;
    return v == 1;
}

/* Copies a length-prefixed text into a C string of `size` bytes; NUL inside or too long is bad. */
static void read_cstr(struct reader *r, char *dst, size_t size)
{
    struct span s = read_vec8(r);
    if (s.n >= size || (s.n && memchr(s.p, 0, s.n))) {
        r->bad = true;
        return;
    }
    memset(dst, 0, size);
    if (s.n) memcpy(dst, s.p, s.n);
}

static void write_cstr(struct writer *w, const char *s)
{
    write_vec8(w, span_str(s));
}

#define GET_BEGIN(name)                                                                                      \
    enum err get_##name(struct span body, struct name *m)                                                    \
    {                                                                                                        \
        struct reader r = reader_of(body);                                                                   \
        struct name x = {0};
#define GET_END                                                                                              \
    enum err e = read_end(&r);                                                                               \
    if (!e) *m = x;                                                                                          \
    return e;                                                                                                \
    }

void put_ipc_ask(struct writer *w, const struct ipc_ask *m)
{
    write_u16(w, m->row);
    write_u8(w, m->trusted);
    write_u8(w, m->plain_dev);
    write_vec16(w, m->token);
    write_vec8(w, m->from);
    write_vec16(w, m->room);
    write_vec16(w, m->item);
    write_vec16(w, m->query);
    write_vec32(w, m->body);
}
GET_BEGIN(ipc_ask)
x.row = read_u16(&r);
x.trusted = read_bool(&r);
x.plain_dev = read_bool(&r);
x.token = read_vec16(&r);
x.from = read_vec8(&r);
x.room = read_vec16(&r);
x.item = read_vec16(&r);
x.query = read_vec16(&r);
x.body = read_vec32(&r);
GET_END

void put_ipc_told(struct writer *w, const struct ipc_told *m)
{
    write_u16(w, m->status);
    write_vec8(w, m->type);
    write_vec16(w, m->location);
    write_vec32(w, m->body);
}
GET_BEGIN(ipc_told)
x.status = read_u16(&r);
x.type = read_vec8(&r);
x.location = read_vec16(&r);
x.body = read_vec32(&r);
GET_END

void put_ipc_join(struct writer *w, const struct ipc_join *m)
{
    write_u8(w, m->entry);
    write_u8(w, m->plain_dev);
    write_vec16(w, m->token);
    write_vec8(w, m->room);
    write_vec8(w, m->from);
}
GET_BEGIN(ipc_join)
x.entry = read_u8(&r);
x.plain_dev = read_bool(&r);
x.token = read_vec16(&r);
x.room = read_vec8(&r);
x.from = read_vec8(&r);
if (x.entry > ENTRY_NATIVE) r.bad = true;
GET_END

void put_ipc_join_answer(struct writer *w, const struct ipc_join_answer *m)
{
    write_u8(w, m->result);
    write_u16(w, m->engine);
    write_u16(w, m->status);
    write_vec8(w, m->code);
    write_vec8(w, m->title);
}
GET_BEGIN(ipc_join_answer)
x.result = read_u8(&r);
x.engine = read_u16(&r);
x.status = read_u16(&r);
x.code = read_vec8(&r);
x.title = read_vec8(&r);
if (x.result > JOIN_REFUSED) r.bad = true;
GET_END

void put_ipc_act(struct writer *w, const struct ipc_act *m)
{
    write_u32(w, m->id);
    write_u8(w, m->message);
    write_u32(w, m->member);
    write_u8(w, m->flag);
    write_vec8(w, m->source);
}
GET_BEGIN(ipc_act)
x.id = read_u32(&r);
x.message = read_u8(&r);
x.member = read_u32(&r);
x.flag = read_bool(&r);
x.source = read_vec8(&r);
GET_END

void put_ipc_consent(struct writer *w, const struct ipc_consent *m)
{
    write_u32(w, m->id);
    write_u8(w, m->agreed);
    write_u64(w, m->at_ms);
    write_vec8(w, m->recording);
    write_vec8(w, m->policy);
    write_vec16(w, m->text);
    write_vec8(w, m->key);
    write_vec8(w, m->signature);
}
GET_BEGIN(ipc_consent)
x.id = read_u32(&r);
x.agreed = read_bool(&r);
x.at_ms = read_u64(&r);
x.recording = read_vec8(&r);
x.policy = read_vec8(&r);
x.text = read_vec16(&r);
x.key = read_vec8(&r);
x.signature = read_vec8(&r);
GET_END

void put_ipc_act_answer(struct writer *w, const struct ipc_act_answer *m)
{
    write_u32(w, m->id);
    write_vec8(w, m->code);
    write_vec8(w, m->title);
}
GET_BEGIN(ipc_act_answer)
x.id = read_u32(&r);
x.code = read_vec8(&r);
x.title = read_vec8(&r);
GET_END

static void put_verdict(struct writer *w, const struct verdict *v)
{
    write_u8(w, v->allowed);
    write_u8(w, v->room_class);
    write_u32(w, v->can);
    write_u16(w, v->rule);
    write_u64(w, (uint64_t)v->expires.ms);
    write_cstr(w, v->room);
    write_cstr(w, v->name);
    write_cstr(w, v->subject);
    write_cstr(w, v->reason);
}
static void get_verdict(struct reader *r, struct verdict *v)
{
    v->allowed = read_bool(r);
    v->room_class = read_u8(r);
    v->can = read_u32(r);
    v->rule = read_u16(r);
    v->expires.ms = (int64_t)read_u64(r);
    read_cstr(r, v->room, sizeof v->room);
    read_cstr(r, v->name, sizeof v->name);
    read_cstr(r, v->subject, sizeof v->subject);
    read_cstr(r, v->reason, sizeof v->reason);
    if (v->room_class > CLASS_GOVERNED) r->bad = true;
}

static void get_admit(struct reader *r, struct ipc_admit *m)
{
    get_verdict(r, &m->verdict);
    m->member = read_u32(r);
    m->entry = read_u8(r);
    m->ice = read_vec16(r);
    if (m->entry > ENTRY_NATIVE) r->bad = true;
}

void put_ipc_admit(struct writer *w, const struct ipc_admit *m)
{
    put_verdict(w, &m->verdict);
    write_u32(w, m->member);
    write_u8(w, m->entry);
    write_vec16(w, m->ice);
}
GET_BEGIN(ipc_admit)
get_admit(&r, &x);
GET_END

void put_ipc_member_is(struct writer *w, const struct ipc_member_is *m)
{
    put_ipc_admit(w, &m->admitted);
    write_u64(w, (uint64_t)m->since_ms);
}
GET_BEGIN(ipc_member_is)
get_admit(&r, &x.admitted);
x.since_ms = (int64_t)read_u64(&r);
GET_END

void put_ipc_expel(struct writer *w, const struct ipc_expel *m)
{
    write_vec8(w, m->reason);
    write_vec8(w, m->title);
    write_u32(w, m->by);
}
GET_BEGIN(ipc_expel)
x.reason = read_vec8(&r);
x.title = read_vec8(&r);
x.by = read_u32(&r);
GET_END

void put_ipc_room_set(struct writer *w, const struct ipc_room_set *m)
{
    write_u8(w, m->what);
    write_vec8(w, m->room);
    write_u32(w, m->by);
    write_u32(w, m->member);
    write_u8(w, m->flag);
    write_vec8(w, m->source);
    write_u8(w, m->state);
    write_vec8(w, m->recording);
    write_vec8(w, m->why);
}
GET_BEGIN(ipc_room_set)
x.what = read_u8(&r);
x.room = read_vec8(&r);
x.by = read_u32(&r);
x.member = read_u32(&r);
x.flag = read_bool(&r);
x.source = read_vec8(&r);
x.state = read_u8(&r);
x.recording = read_vec8(&r);
x.why = read_vec8(&r);
GET_END

void put_ipc_member(struct writer *w, const struct ipc_member *m)
{
    write_u8(w, m->in);
    write_vec8(w, m->room);
    write_u32(w, m->member);
    write_vec8(w, m->reason);
}
GET_BEGIN(ipc_member)
x.in = read_bool(&r);
x.room = read_vec8(&r);
x.member = read_u32(&r);
x.reason = read_vec8(&r);
GET_END

void put_ipc_to_room(struct writer *w, const struct ipc_to_room *m)
{
    write_u8(w, m->message);
    write_vec32(w, m->body);
}
GET_BEGIN(ipc_to_room)
x.message = read_u8(&r);
x.body = read_vec32(&r);
GET_END

void put_ipc_to_clients(struct writer *w, const struct ipc_to_clients *m)
{
    write_u8(w, m->message);
    write_u16(w, m->count);
    write_bytes(w, m->sessions);
    write_vec32(w, m->body);
}
GET_BEGIN(ipc_to_clients)
x.message = read_u8(&r);
x.count = read_u16(&r);
x.sessions = read_bytes(&r, (size_t)x.count * 8);
x.body = read_vec32(&r);
GET_END

/* --- recording --- */

void put_ipc_record_room(struct writer *w, const struct ipc_record_room *m)
{
    write_vec8(w, m->room);
    write_u8(w, m->on);
    write_u8(w, m->anew);
    write_u64(w, (uint64_t)m->begin_ms);
}
GET_BEGIN(ipc_record_room)
x.room = read_vec8(&r);
x.on = read_bool(&r);
x.anew = read_bool(&r);
x.begin_ms = (int64_t)read_u64(&r);
GET_END

void put_ipc_record_begin(struct writer *w, const struct ipc_record_begin *m)
{
    write_bytes(w, SPAN_OF(m->id));
    write_u16(w, m->part);
    write_vec16(w, m->sealed);
    write_vec8(w, m->room);
    write_u64(w, (uint64_t)m->begin_ms);
}
GET_BEGIN(ipc_record_begin)
read_copy(&r, x.id, sizeof x.id);
x.part = read_u16(&r);
x.sealed = read_vec16(&r);
x.room = read_vec8(&r);
x.begin_ms = (int64_t)read_u64(&r);
GET_END

void put_ipc_record_state(struct writer *w, const struct ipc_record_state *m)
{
    write_u8(w, m->state);
    write_u64(w, m->bytes);
    write_vec16(w, m->sealed);
    write_vec8(w, m->digest);
    write_vec8(w, m->why);
}
GET_BEGIN(ipc_record_state)
x.state = read_u8(&r);
x.bytes = read_u64(&r);
x.sealed = read_vec16(&r);
x.digest = read_vec8(&r);
x.why = read_vec8(&r);
if (x.state < RECORD_BEGUN || x.state > RECORD_FAILED) r.bad = true;
GET_END

void put_ipc_record_event(struct writer *w, const struct ipc_record_event *m)
{
    write_u64(w, m->at_ms);
    write_vec8(w, m->what);
    write_vec16(w, m->members);
}
GET_BEGIN(ipc_record_event)
x.at_ms = read_u64(&r);
x.what = read_vec8(&r);
x.members = read_vec16(&r);
GET_END

void put_ipc_record_track(struct writer *w, const struct ipc_record_track *m)
{
    write_u8(w, m->ends);
    write_u32(w, m->track);
    write_u32(w, m->member);
    write_u64(w, m->at_ms);
    write_u8(w, m->codec);
    write_u8(w, m->channels);
    write_vec8(w, m->source);
    write_vec8(w, m->name);
}
GET_BEGIN(ipc_record_track)
x.ends = read_bool(&r);
x.track = read_u32(&r);
x.member = read_u32(&r);
x.at_ms = read_u64(&r);
x.codec = read_u8(&r);
x.channels = read_u8(&r);
x.source = read_vec8(&r);
x.name = read_vec8(&r);
if (x.codec >= CODEC_COUNT) r.bad = true;
GET_END

void put_ipc_record_frame(struct writer *w, const struct ipc_record_frame *m)
{
    write_u32(w, m->track);
    write_u64(w, m->at_ms);
    write_u8(w, m->flags);
    write_vec32(w, m->bytes);
}
GET_BEGIN(ipc_record_frame)
x.track = read_u32(&r);
x.at_ms = read_u64(&r);
x.flags = read_u8(&r);
x.bytes = read_vec32(&r);
GET_END

void put_ipc_record_read(struct writer *w, const struct ipc_record_read *m)
{
    write_bytes(w, SPAN_OF(m->id));
    write_vec16(w, m->sealed);
    write_vec8(w, m->file);
    write_u64(w, m->from);
}
GET_BEGIN(ipc_record_read)
read_copy(&r, x.id, sizeof x.id);
x.sealed = read_vec16(&r);
x.file = read_vec8(&r);
x.from = read_u64(&r);
GET_END

void put_ipc_record_bytes(struct writer *w, const struct ipc_record_bytes *m)
{
    write_u16(w, m->status);
    write_u8(w, m->last);
    write_vec32(w, m->bytes);
}
GET_BEGIN(ipc_record_bytes)
x.status = read_u16(&r);
x.last = read_bool(&r);
x.bytes = read_vec32(&r);
GET_END

void put_ipc_key_wanted(struct writer *w, const struct ipc_key_wanted *m)
{
    write_bytes(w, SPAN_OF(m->id));
    write_vec8(w, m->space);
    write_vec16(w, m->sealed);
}
GET_BEGIN(ipc_key_wanted)
read_copy(&r, x.id, sizeof x.id);
x.space = read_vec8(&r);
x.sealed = read_vec16(&r);
GET_END

void put_ipc_key(struct writer *w, const struct ipc_key *m)
{
    write_vec8(w, m->plain);
    write_vec16(w, m->sealed);
    write_vec8(w, m->why);
}
GET_BEGIN(ipc_key)
x.plain = read_vec8(&r);
x.sealed = read_vec16(&r);
x.why = read_vec8(&r);
GET_END

void put_ipc_kms_ask(struct writer *w, const struct ipc_kms_ask *m)
{
    write_u8(w, m->wrap);
    write_vec16(w, m->aad);
    write_vec16(w, m->bytes);
}
GET_BEGIN(ipc_kms_ask)
x.wrap = read_u8(&r) != 0;
x.aad = read_vec16(&r);
x.bytes = read_vec16(&r);
GET_END

void put_ipc_kms_told(struct writer *w, const struct ipc_kms_told *m)
{
    write_u8(w, m->fault);
    write_vec16(w, m->bytes);
}
GET_BEGIN(ipc_kms_told)
x.fault = read_u8(&r);
x.bytes = read_vec16(&r);
if (x.fault >= ERR_COUNT || (x.fault == OK) != (x.bytes.n != 0)) return ERR_FORMAT;
GET_END
