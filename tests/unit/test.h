/* SPDX-License-Identifier: Apache-2.0
 * What every unit test includes: cmocka, and oom_run, which repeats a test with allocation N failing. */
#ifndef TEST_H
#define TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "base/span.h"

/* Sizes and times mean nothing in a build with a sanitizer; gcc and clang say it in two ways. */
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
#define SANITIZED 1
#endif
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

#define assert_ok(expression)            assert_int_equal(expression, OK)
#define assert_err(expected, expression) assert_int_equal(expression, expected)

/* Runs `body` with no allocation failing, counts its allocations, then again once for each of them failing. The body
 * returns OK or the error that the failure led to; nothing may leak or crash. Returns how many runs failed cleanly. */
uint64_t oom_run(enum err (*body)(void *arg), void *arg);

#endif
