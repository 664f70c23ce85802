/* SPDX-License-Identifier: Apache-2.0
 * What the commands share: reading their words, asking the keeper (over DIR/control.sock, or in this process
 * under the lock on DIR when no server runs), saying what came back. Exit codes: 0 done, 1 refused or failed,
 * 2 wrong usage, 3 when DIR is locked but nobody answers. */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

#include "app/api_table.h"
#include "app/config.h"
#include "base/buf.h"

#define COMMAND_WORDS_MAX   4
#define COMMAND_OPTIONS_MAX 12

struct option {
    const char *name;  /* "--room" */
    bool flag;         /* takes no value */
    const char *value; /* what was given, NULL: not given */
};
struct words { /* a command's line, taken apart */
    const char *word[COMMAND_WORDS_MAX];
    unsigned count;
    struct option option[COMMAND_OPTIONS_MAX];
    unsigned options;
    char data[CONFIG_PATH];
    bool json;
};
/* Takes the line apart: options named in `names` (NULL-ended; a leading '!' marks one without a value),
 * --data, --json,
 * --help. Returns -1 to go on, or the exit code when the line was wrong or asked for help. */
int words_read(struct words *w, int argc, char **argv, const char *const *names, const char *usage);
/* What was given, or NULL. */
const char *words_option(const struct words *w, const char *name);

struct reply {
    uint16_t status;
    struct buf body;
};
/* Asks; 0, or the exit code with the reason said. The reply's body is the caller's to free. */
int command_ask(const struct words *w, enum api_number row, const char *room, const char *item,
                const char *query, struct span body, struct reply *reply);
/* The value of a member of the reply's object as text, "" when it is not there. */
void reply_text(const struct reply *r, const char *member, char *into, size_t size);
/* Says why a request was refused (its title); the exit code. */
int reply_refused(const struct reply *r);

void say(const char *format, ...) __attribute__((format(printf, 1, 2))); /* standard output */
int complain(int code, const char *format, ...)
    __attribute__((format(printf, 2, 3))); /* one line, standard error */

int command_room(int argc, char **argv);
int command_token(int argc, char **argv);
int command_turn(int argc, char **argv);
int command_audit(int argc, char **argv);
int command_archive(int argc, char **argv);
int command_policy(int argc, char **argv);
int command_doctor(int argc, char **argv);
int command_version(int argc, char **argv);

#endif
