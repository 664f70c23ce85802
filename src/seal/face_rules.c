/* SPDX-License-Identifier: Apache-2.0 */
#include "base/read.h"
#include "base/write.h"
#include "seal/face_group.h"
#include "seal/rules.h"

static const char *broken = "";

static int32_t answer(enum err e)
{
    return -(int32_t)e;
}

/* The room as the page knows it; everything borrowed from the input area and *p. */
static enum err room_read(uint32_t n, struct policy_signed *p, struct rules *room)
{
    struct reader all = reader_of(SPAN(face_in(), FACE_IN_BYTES));
    struct reader r = reader_of(read_bytes(&all, n));
    read_copy(&r, room->policy_hash, sizeof room->policy_hash);
    struct span policy = read_vecv(&r);
    room->psk_id = read_vecv(&r);
    enum err e = read_end(&r);
    if (e == OK) e = policy_decode(policy, p);
    room->crypto = face_crypto();
    room->policy = &p->policy;
    return e;
}

int32_t face_rules_join(const struct group *g, uint32_t n)
{
    struct policy_signed p;
    struct rules room;
    broken = "the policy has no sense";
    enum err e = room_read(n, &p, &room);
    return answer(e ? e : rules_join(&room, g, &broken));
}

int32_t face_rules_commit(const struct group *g, uint32_t n)
{
    struct policy_signed p;
    struct rules room;
    const struct incoming *commit = face_group_incoming();
    if (!commit) return answer(ERR_STATE);
    broken = "the policy has no sense";
    enum err e = room_read(n, &p, &room);
    return answer(e ? e : rules_commit(&room, g, commit, &broken));
}

int32_t face_rules_moderator(const struct group *g, uint32_t leaf, uint32_t n)
{
    struct policy_signed p;
    struct rules room;
    struct mls_leaf l;
    enum err e = room_read(n, &p, &room);
    if (e) return answer(e);
    return group_leaf(g, leaf, &l) && rules_moderator(&room, &l);
}

int32_t face_rules_broken(void)
{
    struct writer w = writer_of(MSPAN(face_out(), FACE_OUT_BYTES));
    write_bytes(&w, span_str(broken));
    return write_ok(&w) == OK ? (int32_t)w.n : answer(ERR_LIMIT);
}
