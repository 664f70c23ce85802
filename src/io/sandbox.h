/* SPDX-License-Identifier: Apache-2.0
 * Giving up power (R10). Before a role serves it loses everything it does not need: no new privileges, no
 * capability, no core dump, no file system (its root becomes an empty folder, or Landlock shuts every path),
 * and a system-call filter with one row a role. The keeper keeps its data folder, the others no file at all.
 * Sanitizer builds have a row of their own, since the sanitizers' runtime makes calls that the product does
 * not. */
#ifndef IO_SANDBOX_H
#define IO_SANDBOX_H

#include "base/err.h"
#include "base/span.h"

/* Any process of ours, at its very start: no core dumps, not to be traced by others, no new privileges. */
void sandbox_basics(void);
/* Lets sandbox_enter keep this folder readable and writable (the keeper's). Borrowed for ever. */
void sandbox_keep_folder(const char *path);
/* Drops everything for the role of this name; nothing can be undone. ERR_UNKNOWN for another name, ERR_IO. */
enum err sandbox_enter(const char *role) MUST_CHECK;

#endif
