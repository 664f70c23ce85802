/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

uint64_t oom_run(enum err (*body)(void *arg), void *arg)
{
    uint64_t before = mem_live(), failed = 0;
    mem_fail_nth(0);
    assert_ok(body(arg));
    uint64_t count = mem_fail_nth(0);
    assert_int_equal(mem_live(), before);
    for (uint64_t n = 1; n <= count; n++) {
        mem_fail_nth(n);
        enum err e = body(arg);
        mem_fail_nth(0);
        if (e) failed++;
        assert_int_equal(mem_live(), before);
    }
    return failed;
}
