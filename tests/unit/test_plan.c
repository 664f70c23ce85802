/* SPDX-License-Identifier: Apache-2.0
 * What a composed recording shows when: timelines read, hostile lines refused, nobody outside the picture. */
#include "test.h"

#include "compose/plan.h"

static struct plan plan;

static void line(const char *text)
{
    assert_ok(plan_line(&plan, span_str(text)));
}

static void meeting(void)
{
    plan = (struct plan){0};
    line("{\"at\":1,\"what\":\"here\",\"member\":1,\"name\":\"Ana\",\"subject\":\"ana\"}");
    line("{\"at\":40,\"what\":\"track\",\"track\":1,\"member\":1,\"source\":\"microphone\",\"name\":\"Ana\","
         "\"file\":\"1.webm\"}");
    line("{\"at\":1000,\"what\":\"track\",\"track\":2,\"member\":1,\"source\":\"camera\",\"name\":\"Ana\","
         "\"file\":\"2.webm\"}");
    line("{\"at\":2000,\"what\":\"track\",\"track\":3,\"member\":2,\"source\":\"camera\",\"name\":\"Ben\","
         "\"file\":\"3.webm\"}");
    line("{\"at\":2500,\"what\":\"speaker\",\"track\":3,\"member\":2,\"name\":\"Ben\"}");
    line("{\"at\":3000,\"what\":\"track\",\"track\":4,\"member\":2,\"source\":\"screen\",\"name\":\"Ben\","
         "\"file\":\"4.webm\"}");
    line("{\"at\":4000,\"what\":\"track_end\",\"track\":4,\"member\":2,\"source\":\"screen\",\"name\":"
         "\"Ben\",\"file\":\"4.webm\"}");
    line("{\"at\":5000,\"what\":\"end\"}");
    plan_end(&plan);
}

static void who_is_there_is_shown(void **state)
{
    struct plan_cell c[PLAN_CELLS_MAX];
    (void)state;
    meeting();
    assert_int_equal(plan.length, 5000);
    assert_int_equal(plan_at(&plan, PLAN_GRID, 10, 1280, 720, c), 0);
    assert_int_equal(plan_at(&plan, PLAN_GRID, 100, 1280, 720, c), 1);
    assert_int_equal(c[0].track, -1); /* a voice without a picture: a card */
    assert_string_equal(c[0].name, "Ana");
    assert_int_equal(plan_at(&plan, PLAN_GRID, 1000, 1280, 720, c), 1);
    assert_int_equal(c[0].track, 1);
    assert_int_equal(plan_at(&plan, PLAN_GRID, 2600, 1280, 720, c), 2);
    assert_true(c[0].x + c[0].w <= c[1].x && c[0].w == c[1].w);
    assert_int_equal(plan_at(&plan, PLAN_SPEAKER, 2600, 1280, 720, c), 2);
    assert_string_equal(c[0].name, "Ben"); /* who spoke last is large */
    assert_true(c[0].h > 3 * c[1].h);
    assert_int_equal(plan_at(&plan, PLAN_SPEAKER, 2400, 1280, 720, c), 2);
    assert_string_equal(c[0].name, "Ana");
    assert_int_equal(plan_at(&plan, PLAN_GRID, 3500, 1280, 720, c), 3);
    assert_true(c[0].screen && c[0].h > 3 * c[1].h);
    assert_int_equal(plan_at(&plan, PLAN_GRID, 4000, 1280, 720, c), 2);
    assert_int_equal(plan_at(&plan, PLAN_GRID, 5000, 1280, 720, c), 0);
}

static void all_stay_inside(void **state)
{
    static const unsigned sizes[][2] = {{160, 90}, {1280, 720}, {720, 1280}, {3840, 2160}};
    struct plan_cell c[PLAN_CELLS_MAX];
    char text[256];
    (void)state;
    plan = (struct plan){0};
    for (unsigned n = 1; n <= PLAN_CELLS_MAX + 5; n++) {
        snprintf(text, sizeof text,
                 "{\"at\":0,\"what\":\"track\",\"track\":%u,\"member\":%u,\"source\":\"camera\",\"name\":"
                 "\"x\",\"file\":\"%u.webm\"}",
                 n, n, n);
        line(text);
        line("{\"at\":100,\"what\":\"other\",\"more\":[1,{\"a\":null}]}");
        for (unsigned k = 0; k < COUNT_OF(sizes) * 2; k++) {
            unsigned w = sizes[k / 2][0], h = sizes[k / 2][1];
            static struct plan now;
            now = plan;
            plan_end(&now);
            unsigned cells = plan_at(&now, k % 2 ? PLAN_SPEAKER : PLAN_GRID, 50, w, h, c);
            assert_int_equal(cells, n < PLAN_CELLS_MAX ? n : PLAN_CELLS_MAX);
            for (unsigned i = 0; i < cells; i++) {
                assert_true(c[i].x + c[i].w <= w && c[i].y + c[i].h <= h && c[i].w >= 2 && c[i].h >= 2);
                assert_int_equal((c[i].x | c[i].y | c[i].w | c[i].h) & 1, 0);
            }
        }
    }
}

static void hostile_lines_are_refused(void **state)
{
    static const char *const bad[] = {
        "",
        "x",
        "[]",
        "{",
        "{\"at\":-1}",
        "{\"at\":1e9}",
        "{\"at\":99999999999999}",
        "{\"what\":7}",
        "{\"at\":1,\"what\":\"track\",\"source\":\"camera\",\"file\":\"../../etc/passwd\"}",
        "{\"at\":1,\"what\":\"track\",\"source\":\"camera\",\"file\":\".x\"}",
        "{\"at\":1,\"what\":\"track\",\"source\":\"camera\",\"file\":\"a b\"}",
        "{\"at\":1,\"what\":\"track\",\"source\":\"camera\"}",
        "{\"at\":1} x"};
    (void)state;
    plan = (struct plan){0};
    for (unsigned i = 0; i < COUNT_OF(bad); i++)
        assert_err(ERR_FORMAT, plan_line(&plan, span_str(bad[i])));
    assert_int_equal(plan.tracks, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_is_there_is_shown),
                                       cmocka_unit_test(all_stay_inside),
                                       cmocka_unit_test(hostile_lines_are_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
