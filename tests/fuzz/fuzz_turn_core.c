/* SPDX-License-Identifier: Apache-2.0
 * Sequences of good and bad steps by four clients with valid credentials. Each byte triple is a step. After
 * each, the books must balance: what the users hold is what the tables hold, sockets opened are closed or in
 * use. */
#include <stdlib.h>

#include "base/mem.h"
#include "sim/turn_client.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct turn_addr peer_of(uint8_t v)
{
    struct turn_addr a = turn_addr4(v & 1 ? 9 : 127, 9, 9, (uint8_t)(v >> 3 & 7), (uint16_t)(v >> 6));
    if (v & 2) {
        a = (struct turn_addr){.family = 6,
                               .port = (uint16_t)(v >> 6),
                               .addr = {v & 4 ? 0x26 : 0xfe, [15] = (uint8_t)(v >> 3 & 7)}};
    }
    return a;
}

/* Any message, signed. */
static void raw(struct turn_world *w, struct turn_client *c, uint8_t v, struct span body)
{
    struct turn_request r;
    turn_request_begin(&r, c, (enum turn_class)(v & 3), v >> 2 & 15);
    turn_put(&r.w, v & 0x40 ? TURN_A_FAMILY : TURN_A_ADDITIONAL_FAMILY, span_part(body, 0, 4));
    turn_put_u32(&r.w, TURN_A_TRANSPORT, 17u << 24);
    for (size_t i = 4; i + 6 <= body.n && i < 64; i += 6)
        turn_put(&r.w, (uint16_t)(body.p[i] & 0x3f), span_part(body, i + 2, body.p[i + 1] % 24));
    (void)turn_exchange(w, c, &r);
}

static void step(struct turn_world *w, struct turn_client *all, const uint8_t s[3], struct span rest)
{
    struct turn_client *c = &all[s[0] >> 6];
    struct turn_addr peer = peer_of(s[1]), pair[2] = {peer, peer_of(s[2])};
    uint16_t channel = (uint16_t)(0x4000 + (s[2] & 7));
    switch (s[0] & 15) {
    case 0:
        (void)turn_client_allocate(w, c, (uint8_t[]){0, 4, 6, 5}[s[1] & 3]);
        break;
    case 1:
        (void)turn_client_refresh(w, c, s[1] & 1 ? 0 : (uint32_t)s[2] * 16);
        break;
    case 2:
        (void)turn_client_permit(w, c, pair, 1 + (s[2] & 1));
        break;
    case 3:
        (void)turn_client_bind(w, c, channel, &peer);
        break;
    case 4:
        (void)turn_client_data(w, c, channel, rest, &peer);
        break;
    case 5:
        (void)turn_client_send(w, c, span_part(rest, 0, 1300), &peer);
        break;
    case 6:
        (void)turn_peer_data(w, s[2] & 15, &peer, span_part(rest, 0, 1500), c);
        break;
    case 7:
        turn_world_pass(w, (usec)s[1] * USEC_S);
        break;
    case 8:
        turn_closed(&w->turn, &c->path);
        break;
    case 9:
        (void)!turn_revoke(&w->turn, w->now, SPAN_LIT("room"), SPAN("abcd", (size_t)(s[1] & 3)));
        break;
    case 10:
        turn_restore(&w->turn, SPAN_LIT("room"), SPAN("abcd", (size_t)(s[1] & 3)));
        break;
    case 11:
        w->fail_opens = s[1] & 3;
        break;
    case 12:
        w->hold = s[1] & 1;
        break;
    case 13:
        (void)!turn_auth_secret(&w->turn.auth, span_part(rest, 0, 32));
        break;
    default:
        raw(w, c, s[1], rest);
        break;
    }
}

static void balance(const struct turn_world *w)
{
    const struct turn_table *t = &w->turn.table;
    uint32_t allocs = 0, perms = 0, chans = 0, open = 0;
    for (uint32_t i = 0; i < t->alloc.made; i++) {
        const struct turn_alloc *a = turn_alloc_at(t, i);
        if (a->state == TURN_FREE) continue;
        allocs++;
        perms += a->perm_count;
        chans += a->chan_count;
        for (size_t k = 0; k < 2; k++)
            open += a->relay[k].state == TURN_RELAY_OPEN;
    }
    if (allocs != t->alloc.used || perms != t->perm.used || chans != t->chan.used ||
        open != t->by_relay.count)
        abort();
    if (allocs != t->by_client.count || t->user.used != t->by_user.count || t->user.used > allocs) abort();
    if (!w->hold && t->closing_head == TURN_LOCAL_NONE && (uint32_t)(w->opened - w->closed) != open) abort();
    if (t->alloc.used > turn_world_total.allocations || perms > turn_world_total.permissions) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct turn_world w;
    static const char *const handle[] = {"a", "ab", "abc", "x"};
    struct turn_client c[4];
    if (turn_world_init(&w, &turn_world_user, &turn_world_total)) abort();
    for (uint16_t i = 0; i < 4; i++)
        c[i] = turn_client_make(&w, i, "room", handle[i]);
    c[3].path.kind = PATH_TCP;
    for (size_t at = 0; at + 3 <= size && at < 3 * 64; at += 3) {
        step(&w, c, data + at, span_part(SPAN(data, size), at + 3, 1400));
        turn_world_serve(&w);
        balance(&w);
    }
    turn_world_fini(&w);
    if (mem_live()) abort();
    return 0;
}
