/* SPDX-License-Identifier: Apache-2.0 */
#include "io/process.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LINK 3
#define HIGH 16 /* a place above the link for it while the low descriptors are put right */

extern char **environ;

static void own_signals(sigset_t *set)
{
    sigemptyset(set);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGHUP);
    sigaddset(set, SIGCHLD);
}

/* In the child, between fork and exec: only calls that are safe there. */
static void become(const char *const args[], int link, int parent)
{
    static const char *const keep[] = {"ASAN_OPTIONS=", "UBSAN_OPTIONS=", "LSAN_OPTIONS="};
    static char *env[8];
    unsigned n = 0;
    for (char **e = environ; e && *e && n + 1 < COUNT_OF(env); e++)
        for (unsigned i = 0; i < COUNT_OF(keep); i++)
            if (strncmp(*e, keep[i], strlen(keep[i])) == 0 && n + 1 < COUNT_OF(env)) env[n++] = *e;
    sigset_t set;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    int high = fcntl(link, F_DUPFD, HIGH);
    int null = open("/dev/null", O_RDWR);
    if (high < 0 || null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(high, LINK) < 0) _exit(1);
    if (syscall(SYS_close_range, LINK + 1, ~0u, 0) < 0)
        for (int fd = LINK + 1; fd < 4096; fd++)
            close(fd);
    sigemptyset(&set);
    sigprocmask(SIG_SETMASK, &set, NULL);
    setpgid(0, 0); /* a terminal's interrupt goes to the parent, which drains the roles in order */
    execve("/proc/self/exe", (char *const *)(uintptr_t)args, env);
    _exit(127);
}

enum err process_spawn(const char *const args[PROCESS_ARGS_MAX], int link, int *pid)
{
    int parent = getpid();
    pid_t p = fork();
    if (p < 0) return ERR_IO;
    if (p == 0) become(args, link, parent);
    *pid = p;
    return OK;
}

enum err process_become(const char *const args[PROCESS_ARGS_MAX])
{
    char path[4096];
    ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    path[n > 0 ? n : 0] = 0;
    char *end = strrchr(path, '/');
    if (!end || (size_t)(end + 1 - path) + strlen(args[0]) + 1 > sizeof path) return ERR_IO;
    memcpy(end + 1, args[0], strlen(args[0]) + 1);
    execv(path, (char *const *)(uintptr_t)args);
    return errno == ENOENT ? ERR_UNKNOWN : ERR_IO;
}

enum err process_reap(int *pid, int *code)
{
    int status;
    pid_t p = waitpid(-1, &status, WNOHANG);
    if (p <= 0) return ERR_AGAIN;
    *pid = p;
    *code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
    return OK;
}

void process_kill(int pid, bool gently)
{
    if (pid > 0) kill(pid, gently ? SIGTERM : SIGKILL);
}

enum err process_signals(int *fd)
{
    sigset_t set;
    own_signals(&set);
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0) return ERR_IO;
    int s = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s < 0) return ERR_IO;
    *fd = s;
    return OK;
}

enum process_signal process_signal_next(int fd)
{
    struct signalfd_siginfo i;
    if (read(fd, &i, sizeof i) != (ssize_t)sizeof i) return SIGNAL_NONE;
    return i.ssi_signo == SIGCHLD ? SIGNAL_CHILD : i.ssi_signo == SIGHUP ? SIGNAL_RELOAD : SIGNAL_STOP;
}

enum err process_take_link(int fd)
{
    signal(SIGPIPE, SIG_IGN);
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
        return ERR_IO;
    return OK;
}

void process_name(const char *name)
{
    prctl(PR_SET_NAME, name);
}

void process_close(int fd)
{
    close(fd);
}

static void write_whole(int fd, struct span s)
{
    for (size_t at = 0; at < s.n;) {
        ssize_t n = write(fd, s.p + at, s.n - at);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) return;
        at += (size_t)n;
    }
}

void process_write_error(struct span s)
{
    write_whole(STDERR_FILENO, s);
}

void process_write_output(struct span s)
{
    write_whole(STDOUT_FILENO, s);
}

const char *process_env(const char *name)
{
    return getenv(name);
}

const char *process_env_at(unsigned at)
{
    for (unsigned i = 0; environ && environ[i]; i++)
        if (i == at) return environ[i];
    return NULL;
}

unsigned process_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) < 0) return 1;
    int n = CPU_COUNT(&set);
    return n > 0 ? (unsigned)n : 1;
}

uint64_t process_resident(void)
{
    static int fd = -1; /* opened by the first call, before the sandbox */
    char text[128];
    if (fd < 0) fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    if (fd < 0) return 0;
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    if (n <= 0) return 0;
    text[n] = 0;
    const char *space = strchr(text, ' ');
    return space ? strtoull(space, NULL, 10) * (uint64_t)sysconf(_SC_PAGESIZE) : 0;
}

void process_raise_descriptors(void)
{
    struct rlimit r;
    if (getrlimit(RLIMIT_NOFILE, &r) < 0) return;
    r.rlim_cur = r.rlim_max < 262144 ? r.rlim_max : 262144;
    setrlimit(RLIMIT_NOFILE, &r);
}

enum err process_env_set(const char *assignment)
{
    char name[64];
    const char *equals = strchr(assignment, '=');
    size_t n = equals ? (size_t)(equals - assignment) : 0;
    if (n == 0 || n >= sizeof name) return ERR_FORMAT;
    memcpy(name, assignment, n);
    name[n] = 0;
    return setenv(name, equals + 1, 1) == 0 ? OK : ERR_NOMEM;
}

void process_end_within(unsigned seconds)
{
    alarm(seconds);
}
