/* SPDX-License-Identifier: Apache-2.0 */
#include "io/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

static enum err why(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return ERR_UNKNOWN;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    default:
        return ERR_IO;
    }
}

enum err file_read(const char *path, struct buf *b)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return why();
    enum err e = OK;
    size_t before = b->n;
    for (;;) {
        struct mspan room;
        size_t left = b->cap - b->n;
        uint8_t one;
        e = left ? buf_reserve(b, left < 4096 ? left : 4096, &room) : OK;
        if (e) break;
        ssize_t n = left ? read(fd, room.p, room.n) : read(fd, &one, 1);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) e = ERR_IO;
        if (n > 0 && !left) e = ERR_LIMIT;
        if (n <= 0 || e) break;
        b->n += (size_t)n;
    }
    close(fd);
    if (e) b->n = before;
    return e;
}

/* Hands over the whole lines in b[0..*n] and keeps what is left of the last; false when `line` had enough. */
static bool hand_lines(char *b, size_t *n, bool (*line)(void *ctx, struct span line), void *ctx)
{
    size_t at = 0;
    bool more = true;
    for (char *end; more && (end = memchr(b + at, '\n', *n - at));) {
        size_t stop = (size_t)(end - b);
        more = line(ctx, SPAN(b + at, stop - at));
        at = stop + 1;
    }
    memmove(b, b + at, *n - at);
    *n -= at;
    return more;
}

enum err file_lines(const char *path, bool (*line)(void *ctx, struct span line), void *ctx)
{
    char b[FILE_LINE_MAX + 1];
    size_t n = 0;
    bool more = true;
    enum err e = OK;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0) return why();
    while (more && !e) {
        ssize_t got = read(fd, b + n, sizeof b - n);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) e = ERR_IO;
        if (got <= 0) break;
        n += (size_t)got;
        more = hand_lines(b, &n, line, ctx);
        if (more && n == sizeof b) e = ERR_LIMIT;
    }
    if (!e && more && n) (void)line(ctx, SPAN(b, n)); /* a last line without its newline */
    close(fd);
    return e;
}

static enum err write_all(int fd, struct span s)
{
    for (size_t at = 0; at < s.n;) {
        ssize_t n = write(fd, s.p + at, s.n - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return why();
        at += (size_t)n;
    }
    return fsync(fd) < 0 ? ERR_IO : OK;
}

static enum err open_to_add(const char *path, int more, int *fd)
{
    int f = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY | more, 0600);
    if (f < 0) return errno == EEXIST ? ERR_EXISTS : why();
    *fd = f;
    return OK;
}

enum err file_open_add(const char *path, int *fd)
{
    return open_to_add(path, 0, fd);
}

enum err file_open_new(const char *path, int *fd)
{
    return open_to_add(path, O_EXCL, fd);
}

enum err file_add_soon(int fd, struct span s)
{
    return write_all(fd, s);
}

enum err file_sync(int fd)
{
    return fdatasync(fd) ? why() : OK;
}

enum err file_cut(int fd, uint64_t n)
{
    return ftruncate(fd, (off_t)n) ? why() : OK;
}

enum err file_open_read(const char *path, int *fd)
{
    int f = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (f < 0) return why();
    *fd = f;
    return OK;
}

enum err file_read_at(int fd, uint64_t at, struct mspan into, size_t *n)
{
    size_t have = 0;
    while (have < into.n) {
        ssize_t got = pread(fd, into.p + have, into.n - have, (off_t)(at + have));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return ERR_IO;
        if (got == 0) break;
        have += (size_t)got;
    }
    *n = have;
    return OK;
}

enum err file_names(const char *folder, const char *prefix, void (*name)(void *ctx, const char *name),
                    void *ctx)
{
    DIR *d = opendir(folder);
    if (!d) return why();
    for (struct dirent *e; (e = readdir(d));)
        if (strncmp(e->d_name, prefix, strlen(prefix)) == 0) name(ctx, e->d_name);
    closedir(d);
    return OK;
}

enum err file_drop(const char *path)
{
    return unlink(path) ? why() : OK;
}

enum err file_add(int fd, struct span s)
{
    enum err e = write_all(fd, s);
    if (!e && fdatasync(fd)) e = why();
    return e;
}

enum err file_write(const char *folder, const char *name, struct span s)
{
    char temp[128];
    int n = snprintf(temp, sizeof temp, ".%s.new", name);
    if (n < 0 || (size_t)n >= sizeof temp) return ERR_LIMIT;
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return why();
    (void)unlinkat(dir, temp, 0); /* left by a crash */
    int fd = openat(dir, temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err e = fd < 0 ? why() : write_all(fd, s);
    if (fd >= 0 && close(fd) < 0 && !e) e = ERR_IO;
    if (!e && renameat(dir, temp, dir, name) < 0) e = why();
    if (e && fd >= 0) (void)unlinkat(dir, temp, 0);
    if (!e && fsync(dir) < 0) e = ERR_IO;
    close(dir);
    return e;
}

enum err file_folder(const char *path)
{
    struct stat s;
    if (mkdir(path, 0700) == 0) return OK;
    if (errno != EEXIST) return why();
    return stat(path, &s) == 0 && S_ISDIR(s.st_mode) ? OK : ERR_UNKNOWN;
}

enum err file_lock(const char *folder, const char *name, int *fd)
{
    int dir = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir < 0) return why();
    int f = openat(dir, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    enum err e = f < 0 ? why() : OK;
    close(dir);
    if (e) return e;
    if (flock(f, LOCK_EX | LOCK_NB) < 0) {
        e = errno == EWOULDBLOCK ? ERR_EXISTS : ERR_IO;
        close(f);
        return e;
    }
    *fd = f;
    return OK;
}

bool file_open_to_others(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 && (s.st_mode & 077) != 0;
}

uint64_t file_free_bytes(const char *path)
{
    struct statvfs s;
    return statvfs(path, &s) == 0 ? (uint64_t)s.f_bavail * s.f_frsize : 0;
}

bool file_there(const char *path)
{
    return access(path, F_OK) == 0;
}
