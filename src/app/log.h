/* SPDX-License-Identifier: Apache-2.0
 * The log: one line an event on standard error, the event's name first, then fields `key=value`. info = one
 * line per change in a life; the hot path counts, it does not log. Never writes control characters.
 * Addresses, names, tokens and keys reach a line only through the functions below: an address loses its host
 * part, a name and a token become a short tag that is the same for the life of the process and tells nothing
 * outside it. */
#ifndef APP_LOG_H
#define APP_LOG_H

#include "base/span.h"

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

#define LOG_REDACTED 24
struct redacted {
    char text[LOG_REDACTED];
};

/* Who speaks; index -1 = none. `who` is borrowed for ever. */
void log_as(const char *who, int index);
void log_set_level(enum log_level level);
/* "debug", "info", "warn", "error"; false for anything else. */
bool log_level_of(struct span name, enum log_level *level);
void log_event(enum log_level level, const char *event, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

struct redacted log_address(struct span address); /* 192.0.2.x, 2001:db8:x */
struct redacted log_name(struct span name);       /* name~1a2b3c4d */
struct redacted log_token(struct span token);     /* token~1a2b3c4d */

#endif
