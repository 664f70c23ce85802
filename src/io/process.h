/* SPDX-License-Identifier: Apache-2.0
 * Processes and signals: starting this same program again as a role, hearing of its end, the few calls about
 * the process itself. A role starts with an empty environment, standard error, and its link to the parent as
 * descriptor 3; it dies with its parent (PR_SET_PDEATHSIG). */
#ifndef IO_PROCESS_H
#define IO_PROCESS_H

#include "base/err.h"
#include "base/span.h"

#define PROCESS_ARGS_MAX 8

enum process_signal { SIGNAL_NONE, SIGNAL_STOP /* TERM, INT */, SIGNAL_RELOAD /* HUP */, SIGNAL_CHILD };

/* Starts this program with the arguments (NULL-terminated); `link` becomes descriptor 3 of the new process.
 * ERR_IO. */
enum err process_spawn(const char *const args[PROCESS_ARGS_MAX], int link, int *pid) MUST_CHECK;
/* Becomes another program, which stands beside this one: args[0] is its name. Comes back only when it can't:
 * ERR_UNKNOWN when it is not there, ERR_IO. */
enum err process_become(const char *const args[PROCESS_ARGS_MAX]);
/* A child that has ended: its pid, and its exit code or -signal. ERR_AGAIN when there is none. */
enum err process_reap(int *pid, int *code) MUST_CHECK;
void process_kill(int pid, bool gently);
/* A descriptor that becomes readable on the signals above, which are blocked from now on; SIGPIPE is ignored.
 */
enum err process_signals(int *fd) MUST_CHECK;
enum process_signal process_signal_next(int fd);
/* Gives SIGCHLD and the others back their ways in a child; sets non-blocking and close-on-exec on the link.
 * ERR_IO. */
enum err process_take_link(int fd) MUST_CHECK;
/* How ps and top show this process; at most 15 characters. */
void process_name(const char *name);
void process_close(int fd);
/* Standard error and output: whole, or not at all; a full pipe loses the line. */
void process_write_error(struct span s);
void process_write_output(struct span s);
/* An environment variable, borrowed, or NULL; `at` walks over all of them: NULL at the end. */
const char *process_env(const char *name);
const char *process_env_at(unsigned at);
/* Sets NAME=VALUE for libraries in this process. ERR_FORMAT, ERR_NOMEM. */
enum err process_env_set(const char *assignment) MUST_CHECK;
/* Ends this process (SIGALRM) unless it is called again within so many seconds; 0 calls it off. */
void process_end_within(unsigned seconds);
unsigned process_cores(void);
/* The resident bytes of this process, for the metrics; 0 when unknown. */
uint64_t process_resident(void);
/* The largest number of descriptors, raised as far as the system allows. */
void process_raise_descriptors(void);

#endif
