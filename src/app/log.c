/* SPDX-License-Identifier: Apache-2.0 */
#include "app/log.h"

#include "base/map.h"
#include "io/clock.h"
#include "io/process.h"

#include <stdarg.h>
#include <stdio.h>

#define LINE_BYTES 1024

static const char *const levels[] = {"debug", "info", "warn", "error"};
static const char *speaker = "incamera";
static int speaker_index = -1;
static enum log_level least = LOG_INFO;
static uint64_t seed[2];
static bool seeded;

void log_as(const char *who, int index)
{
    speaker = who;
    speaker_index = index;
}

void log_set_level(enum log_level level)
{
    least = level;
}

bool log_level_of(struct span name, enum log_level *level)
{
    for (unsigned i = 0; i < COUNT_OF(levels); i++)
        if (span_equal(name, span_str(levels[i]))) {
            *level = (enum log_level)i;
            return true;
        }
    return false;
}

void log_event(enum log_level level, const char *event, const char *format, ...)
{
    char line[LINE_BYTES];
    if (level < least) return;
    struct wall now = clock_wall();
    int n = snprintf(line, sizeof line, "%lld.%03d %s %s", (long long)(now.ms / 1000), (int)(now.ms % 1000),
                     levels[level], speaker);
    if (speaker_index >= 0 && n > 0) n += snprintf(line + n, sizeof line - (size_t)n, "-%d", speaker_index);
    if (n < 0 || (size_t)n >= sizeof line) return;
    n += snprintf(line + n, sizeof line - (size_t)n, " %s ", event);
    va_list list;
    va_start(list, format);
    int more = vsnprintf(line + n, sizeof line - (size_t)n, format, list);
    va_end(list);
    if (more < 0) return;
    size_t len = (size_t)n + (size_t)more;
    if (len > sizeof line - 1) len = sizeof line - 1;
    for (size_t i = 0; i < len; i++)
        if ((uint8_t)line[i] < 0x20 || line[i] == 0x7f) line[i] = '?';
    line[len] = '\n';
    process_write_error(SPAN(line, len + 1));
}

static struct redacted tag(const char *what, struct span s)
{
    struct redacted r;
    if (!seeded) {
        struct rng rng = clock_rng();
        seeded = rng_fill(&rng, (uint8_t *)seed, sizeof seed) == OK;
    }
    snprintf(r.text, sizeof r.text, "%s~%08x", what, (unsigned)map_hash(seed, s));
    return r;
}

struct redacted log_name(struct span name)
{
    return tag("name", name);
}

struct redacted log_token(struct span token)
{
    return tag("token", token);
}

struct redacted log_address(struct span address)
{
    struct redacted r = {"x"};
    bool v6 = address.n && memchr(address.p, ':', address.n);
    unsigned parts = 0;
    for (size_t i = 0; i < address.n && i < sizeof r.text - 3; i++) {
        uint8_t c = address.p[i];
        bool good = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || c == '.' || c == ':';
        if (!good) break;
        r.text[i] = (char)c;
        r.text[i + 1] = 'x';
        r.text[i + 2] = 0;
        if (c == (v6 ? ':' : '.') && ++parts == (v6 ? 2 : 3)) return r;
    }
    return (struct redacted){"x"};
}
