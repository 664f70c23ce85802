/* SPDX-License-Identifier: Apache-2.0
 * The room from the engine's side: who comes in, what messages do, and that packets go where they belong and
 * nowhere else. Real room and peer code, simulated clients (sim/room_world.h). */
#include "test.h"

#include "base/write.h"
#include "room/roster.h"
#include "sim/room_world.h"

#define EVERYTHING (CAN_PUBLISH | CAN_SUBSCRIBE | CAN_CHAT | CAN_SHARE)

static struct world w;

static struct client *browser(const char *subject)
{
    struct client *c = world_join(&w, MEMBER_BROWSER, EVERYTHING, subject);
    assert_non_null(c->member);
    return c;
}

static void send_all(struct client *c)
{
    client_track(c, "microphone", true, false);
    client_track(c, "camera", true, false);
}

static uint64_t packets(const struct client *c, bool video)
{
    uint64_t n = 0;
    for (uint8_t i = 0; i < c->gots; i++)
        if (c->got[i].video == video) n += c->got[i].packets;
    return n;
}

static void clean(void)
{
    for (uint32_t i = 0; i < w.clients; i++) {
        assert_int_equal(w.client[i].bad_payloads, 0);
        assert_int_equal(w.client[i].unknown_ssrc, 0);
        for (uint8_t k = 0; k < w.client[i].gots; k++)
            assert_int_equal(w.client[i].got[k].went_back, 0);
    }
    assert_int_equal(w.nonces_reused, 0);
    assert_int_equal(w.news_lost, 0);
    assert_int_equal(w.data_to_strangers, 0);
}

static void two_browsers_see_each_other(void **state)
{
    (void)state;
    assert_ok(world_init(&w, 1, CLASS_GOVERNED, NULL));
    struct client *a = browser("a"), *b = browser("b");
    assert_true(client_offer(a, 1, 1, 16, 10));
    assert_true(client_offer(b, 1, 1, 16, 10));
    world_run(&w, USEC_S);
    assert_true(a->connected && b->connected);
    assert_int_equal(packets(a, true) + packets(b, true), 0); /* nothing before `track on` */
    send_all(a);
    send_all(b);
    world_run(&w, 2 * USEC_S);
    assert_true(packets(a, true) > 150 && packets(b, true) > 150);
    assert_true(packets(a, false) > 90 && packets(b, false) > 90);
    assert_int_equal(world_missing(&w), 0);
    assert_true(a->notes[ROOM_SLOTS] >= 1 && a->notes[ROOM_TRACK_ON] == 4);
    clean();
    client_track(a, "camera", true, true);
    uint64_t before = packets(b, true);
    world_run(&w, USEC_S);
    assert_int_equal(packets(b, true), before); /* muted: at once */
    client_track(a, "camera", true, false);
    world_run(&w, 3 * USEC_S);
    assert_true(packets(b, true) > before + 100);
    client_leave(a);
    assert_null(a->member);
    assert_int_equal(b->notes[ROOM_MEMBER_LEFT], 1);
    assert_int_equal(b->notes[ROOM_TRACK_OFF], 2);
    before = packets(b, true) + packets(b, false);
    world_run(&w, USEC_S);
    assert_int_equal(packets(b, true) + packets(b, false), before);
    clean();
    world_fini(&w);
}

static void whip_to_many_whep(void **state)
{
    (void)state;
    assert_ok(world_init(&w, 2, CLASS_GOVERNED, NULL));
    struct client *p = world_join(&w, MEMBER_WHIP, CAN_PUBLISH, "");
    assert_true(client_offer(p, 1, 1, 0, 0));
    for (int i = 0; i < 50; i++) {
        struct client *v = world_join(&w, MEMBER_WHEP, CAN_SUBSCRIBE, "");
        assert_true(client_offer(v, 0, 0, 1, 1));
        world_run(&w, 20 * USEC_MS);
    }
    world_run(&w, 3 * USEC_S);
    for (uint32_t i = 1; i < w.clients; i++) {
        assert_true(packets(&w.client[i], true) > 200);
        assert_true(packets(&w.client[i], false) > 120);
    }
    assert_int_equal(world_missing(&w), 0);
    assert_true(p->sent[1].keys <= 5); /* 50 joins in one second ask the source for few key frames */
    clean();
    world_fini(&w);
}

static void nobody_gets_his_own(void **state)
{
    (void)state;
    assert_ok(world_init(&w, 3, CLASS_GOVERNED, NULL));
    struct client *p = world_join(&w, MEMBER_WHIP, CAN_PUBLISH, "alice");
    struct client *v = world_join(&w, MEMBER_WHEP, CAN_SUBSCRIBE, "alice");
    struct client *o = world_join(&w, MEMBER_WHEP, CAN_SUBSCRIBE, "bob");
    assert_true(client_offer(p, 1, 1, 0, 0) && client_offer(v, 0, 0, 2, 2) && client_offer(o, 0, 0, 2, 2));
    world_run(&w, 2 * USEC_S);
    assert_int_equal(packets(v, true) + packets(v, false), 0);
    assert_true(packets(o, true) > 50);
    clean();
    world_fini(&w);
}

static void whep_wants_something_live(void **state)
{
    (void)state;
    assert_ok(world_init(&w, 4, CLASS_GOVERNED, NULL));
    struct client *early = world_join(&w, MEMBER_WHEP, CAN_SUBSCRIBE, "bob");
    assert_false(client_offer(early, 0, 0, 1, 1));
    struct client *p = world_join(&w, MEMBER_WHIP, CAN_PUBLISH, "alice");
    assert_true(client_offer(p, 1, 1, 0, 0));
    assert_true(client_offer(early, 0, 0, 1, 1));
    struct client *browser = world_join(&w, MEMBER_BROWSER, CAN_PUBLISH | CAN_SUBSCRIBE, "eve");
    assert_true(client_offer(browser, 0, 0, 1, 1)); /* members of the room protocol wait inside */
    world_run(&w, 2 * USEC_S);
    assert_true(packets(early, true) > 50);
    clean();
    world_fini(&w);
}

/* One track by WHEP: that picture and its sound, or that sound alone, of all that the room has. */
static void whep_of_one_track(void **state)
{
    (void)state;
    assert_ok(world_init(&w, 5, CLASS_GOVERNED, NULL));
    struct client *one = world_join(&w, MEMBER_WHIP, CAN_PUBLISH, "alice");
    struct client *two = world_join(&w, MEMBER_WHIP, CAN_PUBLISH, "carol");
    assert_true(client_offer(one, 1, 1, 0, 0) && client_offer(two, 1, 1, 0, 0));
    for (unsigned audio = 0; audio < 2; audio++) {
        const struct member *wanted = two->member;
        struct track *t = member_track(wanted, audio ? SOURCE_MICROPHONE : SOURCE_CAMERA);
        struct client *v = world_join(&w, MEMBER_WHEP, CAN_SUBSCRIBE, "");
        uint8_t b[64];
        struct writer m = writer_of(MSPAN(b, sizeof b));
        write_u64(&m, 1);
        write_u16(&m, 1);
        write_u64(&m, t->number);
        write_u64(&m, 640);
        write_u64(&m, 360);
        client_message(v, ROOM_VIEW, writer_span(&m));
        assert_true(client_offer(v, 0, 0, 3, 3));
        world_run(&w, 2 * USEC_S);
        unsigned pictures = 0, sounds = 0;
        for (uint8_t i = 0; i < v->member->slots; i++) {
            const struct track *got = v->member->slot[i]->track;
            if (!got) continue;
            assert_ptr_equal(got->member, wanted);
            pictures += got->kind == SDP_VIDEO;
            sounds += got->kind == SDP_AUDIO;
        }
        assert_int_equal(pictures, audio ? 0 : 1);
        assert_int_equal(sounds, 1);
        assert_true(packets(v, false) > 50);
    }
    clean();
    world_fini(&w);
}

/* A player without a format of what is live gets an offer with those; its answer begins the session, under the
 * credentials it was promised. */
static void whep_is_countered(void **state)
{
    char ufrag[64];
    (void)state;
    assert_ok(world_init(&w, 6, CLASS_GOVERNED, NULL));
    struct client *p = world_join(&w, MEMBER_WHIP, CAN_PUBLISH, "alice");
    assert_true(client_offer(p, 0, 1, 0, 0));
    struct client *v = world_join(&w, MEMBER_WHEP, CAN_SUBSCRIBE, "");
    struct client *deaf = world_join(&w, MEMBER_WHEP, CAN_JOIN, "");
    deaf->no_vp8 = v->no_vp8 = true;
    assert_false(client_offer(deaf, 0, 0, 0, 1)); /* who may not receive is not told what is live */
    assert_int_equal(deaf->notes[ROOM_COUNTER_OFFER], 0);
    assert_false(client_offer(v, 0, 0, 1, 1));
    assert_int_equal(v->notes[ROOM_COUNTER_OFFER], 1);
    memcpy(ufrag, v->remote_ufrag, sizeof ufrag);
    assert_int_equal(strlen(ufrag), ICE_UFRAG);
    assert_null(v->member->peer);
    assert_int_equal(v->member->slots, 0);
    assert_false(client_offer(v, 0, 0, 0, 1)); /* refuses again: no second counter-offer */
    assert_int_equal(v->notes[ROOM_COUNTER_OFFER], 1);
    v->no_vp8 = false;
    assert_true(client_offer(v, 0, 0, 0, 1));
    assert_string_equal(v->remote_ufrag, ufrag);
    world_run(&w, 2 * USEC_S);
    assert_true(v->connected && packets(v, true) > 50);
    clean();
    world_fini(&w);
}

/* Who sends only the lowest of three encodings is shown at once, and better when there is better. */
static void layers_never_sent_are_not_waited_for(void **state)
{
    (void)state;
    struct track t = {.layers = 3, .kind = SDP_VIDEO};
    struct slot s = {.track = &t, .kind = SDP_VIDEO, .most = SLOT_NO_LIMIT};
    slot_choose_layer(&s);
    assert_int_equal(s.want_layer, 2);
    t.layer[0].last_at = 1;
    slot_choose_layer(&s);
    assert_int_equal(s.want_layer, 0);
    t.layer[2].last_at = 2;
    slot_choose_layer(&s);
    assert_int_equal(s.want_layer, 2);
    s.height = 400;
    slot_choose_layer(&s);
    assert_int_equal(s.want_layer, 0);
    t.layer[1].last_at = 2;
    slot_choose_layer(&s);
    assert_int_equal(s.want_layer, 1);
}

static struct span load_offer(const char *name)
{
    static uint8_t bytes[SDP_BYTES_MAX];
    char path[4096];
    snprintf(path, sizeof path, TEST_DATA "/sdp-meeting/%s.sdp", name);
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    return SPAN(bytes, n);
}

static void browsers_meetings_are_answered(void **state)
{
    (void)state;
    static const char *const names[] = {"chromium", "firefox"};
    assert_ok(world_init(&w, 10, CLASS_GOVERNED, NULL));
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        struct client *c = browser(names[i]);
        struct span offer = load_offer(names[i]);
        c->sents = 4;
        for (uint8_t k = 0; k < 4; k++)
            c->sent[k] = (struct sent_stream){.mid = k, .video = k == 1 || k == 2};
        assert_true(client_offer_text(c, offer));
        assert_int_equal(c->member->tracks, 4);
        assert_int_equal(c->member->slots, i ? 35 : 27); /* Firefox's is the second one, with 8 more */
        const struct track *camera = member_track(c->member, SOURCE_CAMERA);
        assert_non_null(camera);
        assert_int_equal(camera->layers, 3);
        unsigned screens = 0;
        for (uint8_t k = 0; k < c->member->slots; k++)
            screens += c->member->slot[k]->for_screen;
        assert_int_equal(screens, 2);
        assert_true(c->member->ext_in[EXT_RID] && !c->member->ext_out[EXT_RID] &&
                    c->member->ext_out[EXT_MID]);
        assert_true(client_offer_text(c, offer)); /* the same again changes nothing */
        assert_int_equal(c->member->tracks, 4);
        assert_int_equal(c->member->slots, i ? 35 : 27); /* Firefox's is the second one, with 8 more */
    }
    world_fini(&w);
}

static void only_with_a_verdict(void **state)
{
    (void)state;
    assert_ok(world_init(&w, 4, CLASS_GOVERNED, NULL));
    struct verdict v = {.allowed = true, .room_class = CLASS_GOVERNED, .can = CAN_JOIN, .room = "sim"};
    struct room_entrant who = {.session = 90, .number = 90, .kind = MEMBER_BROWSER};
    struct member *m;
    struct verdict no = v, other = v, wrong_class = v, no_join = v;
    no.allowed = false;
    strcpy(other.room, "elsewhere");
    wrong_class.room_class = CLASS_SEALED;
    no_join.can = CAN_PUBLISH;
    assert_err(ERR_DENIED, room_admit(w.room, &no, &who, w.now, &w.news, &m));
    assert_err(ERR_DENIED, room_admit(w.room, &other, &who, w.now, &w.news, &m));
    assert_err(ERR_DENIED, room_admit(w.room, &wrong_class, &who, w.now, &w.news, &m));
    assert_err(ERR_DENIED, room_admit(w.room, &no_join, &who, w.now, &w.news, &m));
    assert_int_equal(w.news.count, 0);
    assert_ok(room_admit(w.room, &v, &who, w.now, &w.news, &m));
    assert_err(ERR_EXISTS, room_admit(w.room, &v, &who, w.now, &w.news, &m));
    who.session = 91;
    assert_err(ERR_EXISTS, room_admit(w.room, &v, &who, w.now, &w.news, &m));
    world_fini(&w);
}

static void rights_are_those_of_the_verdict(void **state)
{
    (void)state;
    assert_ok(world_init(&w, 5, CLASS_GOVERNED, NULL));
    struct client *mute = world_join(&w, MEMBER_BROWSER, CAN_SUBSCRIBE, "a");
    assert_false(client_offer(mute, 1, 1, 1, 1));
    assert_string_equal(mute->last_error, "denied");
    struct client *deaf = world_join(&w, MEMBER_BROWSER, CAN_PUBLISH, "b");
    assert_false(client_offer(deaf, 1, 1, 1, 1));
    assert_string_equal(deaf->last_error, "denied");
    uint8_t b[64];
    struct writer t = writer_of(MSPAN(b, sizeof b));
    write_u64(&t, 3);
    write_vec32(&t, SPAN_LIT("hello"));
    client_message(deaf, ROOM_CHAT, writer_span(&t));
    assert_string_equal(deaf->last_error, "denied");
    client_track(deaf, "camera", true, false);
    assert_string_equal(deaf->last_error, "no_such_track");
    world_fini(&w);
}

static void chat_hand_and_reactions(void **state)
{
    (void)state;
    assert_ok(world_init(&w, 6, CLASS_GOVERNED, NULL));
    struct client *a = browser("a"), *b = browser("b");
    uint8_t bytes[64];
    struct writer t = writer_of(MSPAN(bytes, sizeof bytes));
    write_u64(&t, 3);
    write_vec32(&t, SPAN_LIT("hello"));
    client_message(a, ROOM_CHAT, writer_span(&t));
    assert_int_equal(a->notes[ROOM_CHAT_SAID], 1);
    assert_int_equal(b->notes[ROOM_CHAT_SAID], 1);
    assert_int_equal(a->notes[ROOM_OK], 1);
    client_message(a, ROOM_REACT, writer_span(&t));
    assert_int_equal(b->notes[ROOM_REACTED], 1);
    t = writer_of(MSPAN(bytes, sizeof bytes));
    write_u64(&t, 4);
    write_u8(&t, 1);
    client_message(a, ROOM_HAND, writer_span(&t));
    assert_int_equal(b->notes[ROOM_MEMBER_CHANGED], 1);
    for (int i = 0; i < 200; i++)
        client_message(a, ROOM_HAND, writer_span(&t));
    assert_string_equal(a->last_error, "too_many");
    client_message(b, ROOM_HAND, SPAN(bytes, 5)); /* cut short */
    assert_string_equal(b->last_error, "bad_message");
    client_message(b, ROOM_KICK, SPAN(bytes, 8));
    assert_string_equal(b->last_error, "bad_message");
    world_fini(&w);
}

static void sealed_rooms_take_no_chat(void **state)
{
    (void)state;
    assert_ok(world_init(&w, 7, CLASS_SEALED, NULL));
    struct client *a = browser("a"), *b = browser("b");
    uint8_t bytes[64];
    struct writer t = writer_of(MSPAN(bytes, sizeof bytes));
    write_u64(&t, 3);
    write_vec32(&t, SPAN_LIT("hello"));
    client_message(a, ROOM_CHAT, writer_span(&t));
    assert_string_equal(a->last_error, "unsupported");
    assert_int_equal(b->notes[ROOM_CHAT_SAID], 0);
    assert_true(client_offer(a, 1, 1, 4, 4) && client_offer(b, 1, 1, 4, 4));
    send_all(a);
    send_all(b);
    room_sees(b->member, w.now);
    world_run(&w, 2 * USEC_S);
    assert_true(packets(b, true) > 50 && packets(b, false) > 50);
    assert_int_equal(packets(a, true) + packets(a, false), 0); /* it holds no epoch yet */
    room_sees(a->member, w.now);
    world_run(&w, 2 * USEC_S);
    assert_true(packets(a, true) > 50 && packets(a, false) > 50);
    clean(); /* payload bytes went through as they were */
    world_fini(&w);
}

static void kicked_and_muted_by_the_keeper(void **state)
{
    (void)state;
    assert_ok(world_init(&w, 8, CLASS_GOVERNED, NULL));
    struct client *a = browser("a"), *b = browser("b");
    assert_true(client_offer(a, 1, 1, 4, 4) && client_offer(b, 1, 1, 4, 4));
    send_all(a);
    world_run(&w, 2 * USEC_S);
    struct room_setting mute = {
        .what = ROOM_MUTE_MEMBER, .by = b->number, .member = a->number, .source = SPAN_LIT("camera")};
    assert_ok(room_set(w.room, w.now, &mute, &w.out, &w.news));
    world_run(&w, 50 * USEC_MS);
    assert_int_equal(a->notes[ROOM_ASKED], 1);
    uint64_t before = packets(b, true);
    world_run(&w, USEC_S);
    assert_int_equal(packets(b, true), before);
    client_track(a, "camera", true, false);
    world_run(&w, 3 * USEC_S);
    assert_true(packets(b, true) > before);
    struct room_expulsion why = {.reason = SPAN_LIT("kicked"), .title = SPAN_LIT("Out."), .by = b->number};
    room_expel(w.room, a->member, w.now, &why, &w.out, &w.news);
    before = packets(b, true) + packets(b, false);
    world_run(&w, USEC_S);
    assert_null(a->member);
    assert_int_equal(a->notes[ROOM_CLOSED], 1);
    assert_true(packets(b, true) + packets(b, false) <= before);
    struct room_setting end = {.what = ROOM_END, .by = b->number};
    assert_ok(room_set(w.room, w.now, &end, &w.out, &w.news));
    world_run(&w, 10 * USEC_MS);
    assert_null(b->member);
    world_fini(&w);
}

static enum err admit_and_offer(void *arg)
{
    (void)arg;
    struct world *v = &w;
    enum err e = world_init(v, 9, CLASS_GOVERNED, NULL);
    if (e) goto out;
    struct verdict verdict = {
        .allowed = true, .room_class = CLASS_GOVERNED, .can = CAN_JOIN | EVERYTHING, .room = "sim"};
    for (uint32_t i = 1; i <= 2 && !e; i++) {
        struct room_entrant who = {.session = 100 + i, .number = i, .kind = MEMBER_WHIP};
        struct member *m;
        e = room_admit(v->room, &verdict, &who, v->now, &v->news, &m);
        if (e) break;
        struct client *c = &v->client[0];
        c->w = v;
        c->member = m;
        c->number = i;
        memcpy(c->ufrag, "ufrag1", 6);
        memcpy(c->pwd, "0123456789012345678901234", 25);
        (void)client_offer(c, 1, 1, 0, 0);
    }
out:
    if (!e && v->news_lost) e = ERR_NOMEM;
    world_fini(v);
    return e;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    (void)oom_run(admit_and_offer, NULL);
    assert_int_equal(mem_live(), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(two_browsers_see_each_other),
        cmocka_unit_test(whip_to_many_whep),
        cmocka_unit_test(nobody_gets_his_own),
        cmocka_unit_test(whep_wants_something_live),
        cmocka_unit_test(whep_of_one_track),
        cmocka_unit_test(whep_is_countered),
        cmocka_unit_test(layers_never_sent_are_not_waited_for),
        cmocka_unit_test(browsers_meetings_are_answered),
        cmocka_unit_test(only_with_a_verdict),
        cmocka_unit_test(rights_are_those_of_the_verdict),
        cmocka_unit_test(chat_hand_and_reactions),
        cmocka_unit_test(sealed_rooms_take_no_chat),
        cmocka_unit_test(kicked_and_muted_by_the_keeper),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
