/* SPDX-License-Identifier: Apache-2.0
 * base/map against a plain array as model, at its cap, and with every allocation failing. */
#include "base/map.h"
#include "test.h"

static void siphash_is_the_published_one(void **state)
{
    (void)state;
    /* SipHash-1-3, key 00..0f, input 00..0e: value of the reference implementation */
    uint8_t key[16], in[15];
    uint64_t seed[2];
    for (uint8_t i = 0; i < 16; i++)
        key[i] = i;
    for (uint8_t i = 0; i < 15; i++)
        in[i] = i;
    memcpy(seed, key, sizeof seed);
    assert_true(map_hash(seed, SPAN_OF(in)) == 0xd320d86d2a519956u);
}

static void agrees_with_a_model(void **state)
{
    (void)state;
    struct rng_seeded seeded = {42};
    struct rng rng = rng_from_seed(&seeded);
    struct map m;
    uint32_t model[500] = {0}, value;
    assert_ok(map_init(&m, 6, 400, &rng));
    for (int step = 0; step < 200000; step++) {
        uint8_t r[4], key[6] = {0};
        assert_ok(rng_fill(&rng, r, sizeof r));
        unsigned k = (r[0] | (unsigned)r[1] << 8) % COUNT_OF(model);
        key[1] = (uint8_t)k;
        key[4] = (uint8_t)(k >> 8);
        if (r[2] & 1) {
            enum err e = map_set(&m, key, (uint32_t)step + 1);
            if (e) {
                assert_err(ERR_FULL, e);
                assert_int_equal(m.count, 400);
            } else {
                model[k] = (uint32_t)step + 1;
            }
        } else {
            assert_int_equal(map_drop(&m, key), model[k] != 0);
            model[k] = 0;
        }
        assert_int_equal(map_get(&m, key, &value), model[k] != 0);
        if (model[k]) assert_int_equal(value, model[k]);
    }
    map_fini(&m);
    assert_int_equal(mem_live(), 0);
}

static enum err fill(void *arg)
{
    struct rng_seeded seeded = {1};
    struct rng rng = rng_from_seed(&seeded);
    struct map m;
    (void)arg;
    enum err e = map_init(&m, 4, 1000, &rng);
    for (uint32_t i = 0; i < 1000 && !e; i++)
        e = map_set(&m, &i, i);
    map_fini(&m);
    return e;
}

static void survives_oom(void **state)
{
    (void)state;
    assert_true(oom_run(fill, NULL) >= 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(siphash_is_the_published_one),
        cmocka_unit_test(agrees_with_a_model),
        cmocka_unit_test(survives_oom),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
