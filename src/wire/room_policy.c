/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/room_policy.h"

#include "base/read.h"

#define CREDENTIALS_MAX 16
#define MODERATORS_MAX  64

static enum err skip_credentials(struct span list)
{
    struct reader r = reader_of(list);
    for (unsigned n = 0; read_left(&r) > 0; n++) {
        if (n == CREDENTIALS_MAX) return ERR_LIMIT;
        read_u8(&r);
        (void)read_vecv(&r);
        (void)read_vecv(&r);
    }
    return read_end(&r);
}

static enum err skip_moderators(struct span list)
{
    struct reader r = reader_of(list);
    for (unsigned n = 0; read_left(&r) > 0; n++) {
        if (n == MODERATORS_MAX) return ERR_LIMIT;
        if (read_vecv(&r).n != 32) return ERR_FORMAT;
    }
    return read_end(&r);
}

static enum err skip_archive(struct reader *r)
{
    uint8_t there = read_u8(r);
    if (r->bad) return ERR_SHORT;
    if (there > 1) return ERR_FORMAT;
    if (!there) return OK;
    (void)read_vecv(r); /* name */
    read_u16(r);
    (void)read_vecv(r); /* signature key */
    read_u16(r);
    read_u32(r);
    (void)read_vecv(r); /* jurisdiction */
    (void)read_vecv(r); /* notice */
    return read_ok(r);
}

enum err room_policy_read(struct span bytes, struct room_policy *policy)
{
    struct room_policy p;
    struct reader r = reader_of(bytes);
    if (bytes.n > ROOM_POLICY_MAX) return ERR_LIMIT;
    uint16_t version = read_u16(&r);
    p.room_id = read_vecv(&r);
    read_u64(&r); /* serial */
    p.not_after = read_u64(&r);
    p.mode = read_u8(&r);
    p.join_rule = read_u8(&r);
    struct span credentials = read_vecv(&r), moderators = read_vecv(&r);
    if (r.bad) return ERR_SHORT;
    if (version != 1) return ERR_UNSUPPORTED;
    if (p.room_id.n != 32) return ERR_FORMAT;
    if (p.mode < 1 || p.mode > 4 || p.join_rule < 1 || p.join_rule > 4) return ERR_RANGE;
    enum err e = skip_credentials(credentials);
    if (!e) e = skip_moderators(moderators);
    if (!e) e = skip_archive(&r);
    if (e) return e;
    read_u32(&r);                               /* chat retention */
    if (read_vecv(&r).n % 2) return ERR_FORMAT; /* MLS suites */
    read_skip(&r, 2 + 1 + 1 + 1);               /* SFrame suite, bits, flags */
    read_u16(&r);                               /* signature scheme */
    struct span owner = read_vecv(&r), signature = read_vecv(&r);
    e = read_end(&r);
    if (e) return e;
    if (owner.n == 0 || owner.n > 133 || signature.n == 0 || signature.n > 256) return ERR_FORMAT;
    *policy = p;
    return OK;
}
