/* SPDX-License-Identifier: Apache-2.0
 * Files: reading small ones whole, writing them so that what was acknowledged is on disk (R8: temporary file,
 * fsync, rename, fsync of the folder; an error of fsync is final), folders, locks. Names are ours, never from
 * outside. */
#ifndef IO_FILE_H
#define IO_FILE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/span.h"

/* Adds the whole file to b, which has the cap. ERR_UNKNOWN when it is not there, ERR_DENIED, ERR_LIMIT,
 * ERR_IO. */
enum err file_read(const char *path, struct buf *b) MUST_CHECK;
/* Reads a file of any size line by line, without their newlines, until `line` says false. ERR_LIMIT for a line
 * over FILE_LINE_MAX; else as file_read. */
#define FILE_LINE_MAX 16384
enum err file_lines(const char *path, bool (*line)(void *ctx, struct span line), void *ctx) MUST_CHECK;
/* Writes folder/name whole or not at all, mode 0600. On failure the old file is as it was. ERR_FULL for a
 * full disk, ERR_DENIED, ERR_IO. */
enum err file_write(const char *folder, const char *name, struct span s) MUST_CHECK;
/* Opens a file that is only added to, made with mode 0600 when it is not there; file_add writes s at its end
 * and to disk. ERR_FULL, ERR_DENIED, ERR_UNKNOWN when its folder is not there, ERR_IO. */
enum err file_open_add(const char *path, int *fd) MUST_CHECK;
/* The same for a file that must not be there yet: ERR_EXISTS. */
enum err file_open_new(const char *path, int *fd) MUST_CHECK;
enum err file_add(int fd, struct span s) MUST_CHECK;
/* Cuts the file to n bytes: what a failed file_add left behind goes. ERR_IO. */
enum err file_cut(int fd, uint64_t n) MUST_CHECK;
/* Opens for reading at any place; file_read_at gives what is there, perhaps less than asked (0 at the end). */
enum err file_open_read(const char *path, int *fd) MUST_CHECK;
enum err file_read_at(int fd, uint64_t at, struct mspan into, size_t *n) MUST_CHECK;
/* The names in a folder that begin with `prefix`, in no order. ERR_UNKNOWN, ERR_DENIED, ERR_IO. */
enum err file_names(const char *folder, const char *prefix, void (*name)(void *ctx, const char *name),
                    void *ctx) MUST_CHECK;
/* Removes a file. ERR_UNKNOWN when it is not there. */
enum err file_drop(const char *path) MUST_CHECK;
/* Writes to disk what was added. ERR_FULL, ERR_IO: final. */
enum err file_sync(int fd) MUST_CHECK;
/* The same without it reaching the disk at once. */
enum err file_add_soon(int fd, struct span s) MUST_CHECK;
/* Makes the folder, mode 0700, when it is not there; its parent must be. ERR_DENIED, ERR_UNKNOWN, ERR_IO. */
enum err file_folder(const char *path) MUST_CHECK;
/* Takes the lock file folder/name until the descriptor closes. ERR_EXISTS when another process has it,
 * ERR_DENIED, ERR_IO. */
enum err file_lock(const char *folder, const char *name, int *fd) MUST_CHECK;
bool file_there(const char *path);
/* Others can read or write it. False also when it is not there. */
bool file_open_to_others(const char *path);
/* Free bytes on the disk of path; 0 when unknown. */
uint64_t file_free_bytes(const char *path);

#endif
