/* SPDX-License-Identifier: Apache-2.0
 * What a subscriber's path bears is shared out: who keeps a picture, at which layer, and that nobody else
 * notices. By hand on a member, and in a whole simulated room with a link that becomes narrow. */
#include "test.h"

#include <stdlib.h>

#include "base/write.h"
#include "room/share.h"
#include "sim/room_world.h"

#define EVERYTHING (CAN_PUBLISH | CAN_SUBSCRIBE | CAN_CHAT | CAN_SHARE)
#define PLACES     6

/* ---- by hand ---- */

static struct room room;
static struct member to, from[PLACES];
static struct track track[PLACES];
static struct slot slot[PLACES], *list[PLACES];
static struct estimate estimate;
static struct out out;
static usec now;

/* Each a camera of three layers: 150, 500 and 1,500 kbit/s. */
static void set_up(void)
{
    static const uint32_t bps[3] = {150000, 500000, 1500000};
    now = 100 * USEC_S;
    room = (struct room){0};
    to = (struct member){.room = &room, .up = true, .sees = true, .slot = list, .estimate = &estimate};
    estimate_init(&estimate, now);
    for (unsigned i = 0; i < PLACES; i++) {
        from[i] = (struct member){.room = &room, .number = i + 2};
        track[i] = (struct track){.room = &room,
                                  .member = &from[i],
                                  .number = i + 1,
                                  .kind = SDP_VIDEO,
                                  .source = SOURCE_CAMERA,
                                  .on = true,
                                  .layers = 3};
        for (unsigned k = 0; k < 3; k++)
            track[i].layer[k] = (struct layer){.ssrc = k + 1, .last_at = now, .sid_bps = {bps[k]}};
        slot[i] = (struct slot){.member = &to,
                                .track = &track[i],
                                .kind = SDP_VIDEO,
                                .rtx_pt = 97,
                                .most = SLOT_NO_LIMIT,
                                .height = 720};
        track[i].next = i + 1 < PLACES ? &track[i + 1] : NULL;
        list[i] = &slot[i];
        slot_choose_layer(&slot[i]);
    }
    room.track_first = &track[0];
    to.slots = 0;
}

/* After so long the share is what `want` says for each slot: a layer, or - for paused. */
static void shares(uint32_t bps, usec wait, const char *want)
{
    char got[PLACES + 1] = {0};
    now += wait;
    estimate.delay_bps = bps;
    estimate.feedback_at = now;
    share_tick(&to, now, &out);
    for (uint8_t i = 0; i < to.slots; i++) { /* as the room's tick does */
        slot_choose_layer(&slot[i]);
        got[i] = slot[i].paused ? '-' : (char)('0' + slot[i].want_layer);
    }
    assert_string_equal(got, want);
}

static void layers_follow_the_estimate(void **state)
{
    (void)state;
    set_up();
    to.slots = 2;
    shares(ESTIMATE_MOST, 0, "22");
    shares(3000000, 0, "22");
    shares(2100000, 0, "21");
    shares(1100000, 0, "11");
    shares(700000, 0, "10");
    shares(310000, 0, "00");
    shares(200000, 0, "0-");
    shares(100000, 0, "--");
    assert_true(to.limited);
    shares(400000, USEC_S, "--"); /* not at once up again */
    shares(400000, 2 * USEC_S, "00");
    shares(720000, 3 * USEC_S, "10");
    shares(600000, 10 * USEC_S, "00"); /* less than 500 and 150 */
    shares(660000, 10 * USEC_S, "00"); /* would just fit: not enough to go up */
    shares(720000, 10 * USEC_S, "10");
    shares(660000, 10 * USEC_S, "10"); /* but enough to stay */
    shares(ESTIMATE_MOST, 10 * USEC_S, "22");
    assert_false(to.limited);
}

static void who_matters_comes_first(void **state)
{
    (void)state;
    set_up();
    to.slots = 5;
    track[3].source = SOURCE_SCREEN;
    slot[1].height = 360; /* wants layer 1 */
    slot[2].height = 180;
    struct track voice = {.room = &room, .member = &from[2], .number = 77, .kind = SDP_AUDIO, .on = true};
    voice.next = room.track_first;
    room.track_first = &voice;
    room.loudest = 77; /* the one of slot 2 speaks */
    shares(10000000, 0, "21022");
    shares(2500000, 0, "10020"); /* screen whole, speaker all it wants, the rest grow in turn */
    shares(760000, 0, "00000");
    shares(620000, 0, "0-000"); /* of the equal ones the smallest goes first */
    shares(310000, 0, "--00-");
    shares(160000, 0, "---0-");
}

static void sound_is_paid_first(void **state)
{
    (void)state;
    set_up();
    to.slots = 2;
    track[0].kind = slot[0].kind = SDP_AUDIO;
    track[0].layers = 1;
    track[0].layer[0].sid_bps[0] = 40000;
    shares(190000, 0, "00");
    assert_false(slot[0].paused);
    shares(180000, 0, "0-");
    assert_false(slot[0].paused);
}

/* A layer that was never sent is neither chosen nor paid for. */
static void absent_layers_are_passed_over(void **state)
{
    (void)state;
    set_up();
    to.slots = 1;
    track[0].layer[1].last_at = 0;
    shares(1600000, 0, "2");
    shares(1000000, 0, "0");
    shares(1800000, 5 * USEC_S, "2");
    track[0].layer[2].last_at = 0;
    slot[0].most = SLOT_NO_LIMIT;
    shares(1000000, 5 * USEC_S, "0");
    assert_false(to.limited);
}

/* Spatial layers of one stream: less at once, more with a key frame. */
static void layers_of_one_stream(void **state)
{
    (void)state;
    set_up();
    to.slots = 1;
    track[0].layers = 1;
    track[0].layer[0].sid_bps[0] = 150000;
    track[0].layer[0].sid_bps[1] = 350000;
    track[0].layer[0].sid_bps[2] = 1000000;
    slot_choose_layer(&slot[0]);
    slot[0].started = true;
    shares(1600000, 0, "0");
    assert_int_equal(slot[0].max_sid, SLOT_SIDS);
    shares(1400000, 0, "0");
    assert_int_equal(slot[0].max_sid, 1);
    shares(2000000, 5 * USEC_S, "0");
    assert_int_equal(slot[0].want_sid, SLOT_SIDS);
    assert_int_equal(slot[0].max_sid, 1);
    shares(100000, 0, "-");
}

/* ---- in a room ---- */

static struct world w;

static void see(struct client *c, const uint16_t *height, unsigned n)
{
    uint8_t b[400];
    struct writer m = writer_of(MSPAN(b, sizeof b));
    unsigned i = 0;
    write_u64(&m, 9);
    write_u16(&m, (uint16_t)n);
    for (const struct track *t = w.room->track_first; t; t = t->next) {
        if (t->kind != SDP_VIDEO || i >= n) continue;
        write_u64(&m, t->number);
        write_u64(&m, height[i] * 16u / 9);
        write_u64(&m, height[i++]);
    }
    assert_int_equal(i, n);
    client_message(c, ROOM_VIEW, writer_span(&m));
}

static void count(const struct client *c, const struct track *const *t, unsigned n, uint64_t *packets)
{
    for (unsigned i = 0; i <= n; i++)
        packets[i] = 0;
    for (uint8_t i = 0; i < c->gots; i++) {
        const struct got_stream *g = &c->got[i];
        if (!g->video) packets[n] += g->packets;
        for (uint8_t k = 0; k < c->member->slots; k++)
            for (unsigned j = 0; j < n; j++)
                if (c->member->slot[k]->ssrc == g->ssrc && c->member->slot[k]->track == t[j])
                    packets[j] += g->packets;
    }
}

static void narrow(struct client *c, uint64_t bps)
{
    struct link_conf conf = c->down.conf;
    conf.rate_bps = bps;
    conf.queue_bytes = (uint32_t)(bps / 8 * 3 / 10);
    link_set(&c->down, &conf);
}

static void over(struct client *c, usec us, const struct track *const *t, uint64_t *packets)
{
    uint64_t before[5];
    count(c, t, 4, before);
    world_run(&w, us);
    count(c, t, 4, packets);
    for (unsigned i = 0; i < 5; i++)
        packets[i] -= before[i];
}

/* Four who publish, and two who watch: the one returned and the last. */
static struct client *meet(enum room_class of_class, const struct track *t[static 4])
{
    static const uint16_t height[4] = {180, 720, 180, 360};
    struct link_conf link = {.delay_us = 30000};
    assert_ok(world_init(&w, 61, of_class, &link));
    for (unsigned i = 0; i < 4; i++) {
        char subject[8] = {'p', (char)('0' + i), 0};
        struct client *c = world_join(&w, MEMBER_BROWSER, EVERYTHING, subject);
        assert_true(client_offer(c, 1, 1, 0, 0));
        client_track(c, "microphone", true, false);
        client_track(c, "camera", true, false);
    }
    struct client *v = world_join(&w, MEMBER_BROWSER, EVERYTHING, "v"),
                  *other = world_join(&w, MEMBER_BROWSER, EVERYTHING, "o");
    v->tells = other->tells = true;
    assert_true(client_offer(v, 0, 0, 5, 5));
    assert_true(client_offer(other, 0, 0, 5, 5));
    for (uint32_t i = 0; i < w.clients; i++)
        room_sees(w.client[i].member, w.now);
    unsigned n = 0;
    for (const struct track *k = w.room->track_first; k; k = k->next)
        if (k->kind == SDP_VIDEO) t[n++] = k;
    see(v, height, 4);
    see(other, height, 4);
    return v;
}

static void a_narrow_link(enum room_class of_class)
{
    const struct track *t[4] = {0};
    uint64_t got[5], beside[5];
    struct client *v = meet(of_class, t), *other = &w.client[w.clients - 1];
    world_run(&w, 4 * USEC_S);
    over(v, 5 * USEC_S, t, got);
    print_message("wide: %llu %llu %llu %llu\n", (unsigned long long)got[0], (unsigned long long)got[1],
                  (unsigned long long)got[2], (unsigned long long)got[3]);
    for (unsigned i = 0; i < 4; i++)
        assert_true(got[i] > 5 * 80);
    assert_true(got[4] > 4 * 5 * 45);
    assert_int_equal(estimate_bps(v->member->estimate), ESTIMATE_MOST);

    narrow(v, 800000); /* of 1.9 Mbit/s */
    world_run(&w, 6 * USEC_S);
    uint64_t other_before[5];
    count(other, t, 4, other_before);
    over(v, 10 * USEC_S, t, got);
    count(other, t, 4, beside);
    print_message("narrow: %llu %llu %llu %llu packets in 10 s, sound %llu; %u kbit/s, limited %d\n",
                  (unsigned long long)got[0], (unsigned long long)got[1], (unsigned long long)got[2],
                  (unsigned long long)got[3], (unsigned long long)got[4],
                  estimate_bps(v->member->estimate) / 1000, v->member->limited);
    assert_true(v->member->limited);
    assert_true(got[1] > 10 * 80);                   /* the biggest stays */
    assert_true(got[0] + got[2] + got[3] < 10 * 60); /* the others don't fit */
    assert_true(got[4] > 4 * 10 * 46);               /* sound is whole */
    for (unsigned i = 0; i < 4; i++)                 /* and the other one notices nothing */
        assert_true(beside[i] - other_before[i] > 10 * 88);
    assert_int_equal(estimate_bps(other->member->estimate), ESTIMATE_MOST);
    assert_false(other->member->limited);

    narrow(v, 4000000);
    usec start = w.now;
    while (v->member->limited && w.now - start < 60 * USEC_S)
        world_run(&w, 100 * USEC_MS);
    print_message("whole again after %llu ms, %llu packets of padding\n",
                  (unsigned long long)((w.now - start) / USEC_MS), (unsigned long long)v->padding);
    assert_true(w.now - start < 30 * USEC_S);
    world_run(&w, 3 * USEC_S);
    over(v, 5 * USEC_S, t, got);
    for (unsigned i = 0; i < 4; i++)
        assert_true(got[i] > 5 * 80);
    for (uint32_t i = 0; i < w.clients; i++) {
        assert_int_equal(w.client[i].bad_payloads, 0);
        assert_int_equal(w.client[i].unknown_ssrc, 0);
    }
    assert_int_equal(w.nonces_reused, 0);
    world_fini(&w);
}

static void a_narrow_link_in_a_governed_room(void **state)
{
    (void)state;
    a_narrow_link(CLASS_GOVERNED);
}

static void a_narrow_link_in_a_sealed_room(void **state)
{
    (void)state;
    a_narrow_link(CLASS_SEALED);
}

/* Row 22. Whoever says that all of it came, on a link that is full, gets what is published and no more, and hurts
 * nobody else. */
static void who_lies_hurts_itself(void **state)
{
    const struct track *t[4] = {0};
    uint64_t got[5], before[5], beside[5];
    (void)state;
    struct client *v = meet(CLASS_GOVERNED, t), *other = &w.client[w.clients - 1];
    v->lies = true;
    world_run(&w, 4 * USEC_S);
    narrow(v, 800000);
    world_run(&w, 4 * USEC_S);
    uint64_t bytes = v->down.counts.in_bytes, beside_bytes = other->down.counts.in_bytes;
    count(other, t, 4, before);
    over(v, 20 * USEC_S, t, got);
    count(other, t, 4, beside);
    bytes = v->down.counts.in_bytes - bytes;
    beside_bytes = other->down.counts.in_bytes - beside_bytes;
    print_message("the liar is sent %llu kbit/s, of %llu that are published\n",
                  (unsigned long long)(bytes * 8 / 20000), (unsigned long long)(beside_bytes * 8 / 20000));
    assert_true(bytes < beside_bytes * 13 / 10);
    for (unsigned i = 0; i < 4; i++)
        assert_true(beside[i] - before[i] > 20 * 88);
    assert_int_equal(estimate_bps(other->member->estimate), ESTIMATE_MOST);
    world_fini(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_follow_the_estimate),
        cmocka_unit_test(who_matters_comes_first),
        cmocka_unit_test(sound_is_paid_first),
        cmocka_unit_test(absent_layers_are_passed_over),
        cmocka_unit_test(layers_of_one_stream),
        cmocka_unit_test(a_narrow_link_in_a_governed_room),
        cmocka_unit_test(a_narrow_link_in_a_sealed_room),
        cmocka_unit_test(who_lies_hurts_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
