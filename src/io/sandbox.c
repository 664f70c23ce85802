/* SPDX-License-Identifier: Apache-2.0 */
#include "io/sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NOBODY 65534

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(memory_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif
#ifndef SANITIZED
#define SANITIZED 0
#endif

enum { FRONT = 1, ENGINE = 2, VAULT = 4, KEEPER = 8, ARCHIVE = 16, ALL = 31, KMS = 32 };

/* Which roles may make which call. What is not here answers EPERM; what is in `fatal` ends the process. */
static const struct row {
    unsigned roles;
    int call;
} rows[] = {
    {ALL, SCMP_SYS(read)},
    {ALL, SCMP_SYS(readv)},
    {ALL, SCMP_SYS(pread64)},
    {ALL, SCMP_SYS(write)},
    {ALL, SCMP_SYS(writev)},
    {ALL, SCMP_SYS(recvmsg)},
    {ALL, SCMP_SYS(recvfrom)},
    {ALL, SCMP_SYS(sendmsg)},
    {ALL, SCMP_SYS(sendto)},
    {ALL, SCMP_SYS(close)},
    {ALL, SCMP_SYS(epoll_wait)},
    {ALL, SCMP_SYS(epoll_pwait)},
    {ALL, SCMP_SYS(epoll_ctl)},
    {ALL, SCMP_SYS(poll)},
    {ALL, SCMP_SYS(clock_gettime)},
    {ALL, SCMP_SYS(gettimeofday)},
    {ALL, SCMP_SYS(time)},
    {ALL, SCMP_SYS(clock_nanosleep)},
    {ALL, SCMP_SYS(getrandom)},
    {ALL, SCMP_SYS(munmap)},
    {ALL, SCMP_SYS(mremap)},
    {ALL, SCMP_SYS(madvise)},
    {ALL, SCMP_SYS(brk)},
    {ALL, SCMP_SYS(futex)},
    {ALL, SCMP_SYS(rt_sigreturn)},
    {ALL, SCMP_SYS(rt_sigprocmask)},
    {ALL, SCMP_SYS(rt_sigaction)},
    {ALL, SCMP_SYS(exit)},
    {ALL, SCMP_SYS(exit_group)},
    {ALL, SCMP_SYS(restart_syscall)},
    {ALL, SCMP_SYS(sched_yield)},
    {ALL, SCMP_SYS(fcntl)},
    {ALL, SCMP_SYS(fstat)},
    {ALL, SCMP_SYS(lseek)},
    {ALL, SCMP_SYS(getpid)},
    {ALL, SCMP_SYS(gettid)},
    {ALL, SCMP_SYS(getuid)},
    {ALL, SCMP_SYS(geteuid)},
    {ALL, SCMP_SYS(getgid)},
    {ALL, SCMP_SYS(getegid)},
    {ALL, SCMP_SYS(tgkill)},
    {ALL, SCMP_SYS(getrusage)},
    {FRONT | ENGINE | KEEPER, SCMP_SYS(accept4)},
    {FRONT | ENGINE, SCMP_SYS(getsockname)},
    {FRONT | ENGINE, SCMP_SYS(getpeername)},
    {FRONT | ENGINE, SCMP_SYS(getsockopt)},
    {FRONT | ENGINE, SCMP_SYS(setsockopt)},
    {FRONT | ENGINE, SCMP_SYS(shutdown)},
    {ENGINE, SCMP_SYS(recvmmsg)},
    {ENGINE, SCMP_SYS(sendmmsg)},
    {ENGINE, SCMP_SYS(bind)}, /* relay sockets */
    {KEEPER | ARCHIVE, SCMP_SYS(open)},
    {KEEPER | ARCHIVE, SCMP_SYS(openat)},
    {KEEPER | ARCHIVE, SCMP_SYS(stat)},
    {KEEPER | ARCHIVE, SCMP_SYS(lstat)},
    {KEEPER | ARCHIVE, SCMP_SYS(newfstatat)},
    {KEEPER | ARCHIVE, SCMP_SYS(access)},
    {KEEPER | ARCHIVE, SCMP_SYS(faccessat)},
    {KEEPER | ARCHIVE, SCMP_SYS(faccessat2)},
    {KEEPER | ARCHIVE, SCMP_SYS(readlink)},
    {KEEPER | ARCHIVE, SCMP_SYS(getcwd)},
    {KEEPER | ARCHIVE, SCMP_SYS(unlink)},
    {KEEPER | ARCHIVE, SCMP_SYS(unlinkat)},
    {KEEPER | ARCHIVE, SCMP_SYS(rename)},
    {KEEPER | ARCHIVE, SCMP_SYS(renameat)},
    {KEEPER | ARCHIVE, SCMP_SYS(mkdir)},
    {KEEPER | ARCHIVE, SCMP_SYS(ftruncate)},
    {KEEPER | ARCHIVE, SCMP_SYS(fallocate)},
    {KEEPER | ARCHIVE, SCMP_SYS(pwrite64)},
    {KEEPER | ARCHIVE, SCMP_SYS(pwritev)},
    {KEEPER | ARCHIVE, SCMP_SYS(fsync)},
    {KEEPER | ARCHIVE, SCMP_SYS(fdatasync)},
    {KEEPER | ARCHIVE, SCMP_SYS(fchmod)},
    {KEEPER | ARCHIVE, SCMP_SYS(fchown)},
    {KEEPER | ARCHIVE, SCMP_SYS(flock)},
    {ARCHIVE, SCMP_SYS(getdents64)},
};

static const int fatal[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(fork),
    SCMP_SYS(vfork),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_readv),
    SCMP_SYS(mount),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(umount2),
    SCMP_SYS(pivot_root),
    SCMP_SYS(chroot),
    SCMP_SYS(setuid),
    SCMP_SYS(setresuid),
    SCMP_SYS(bpf),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(unshare),
    SCMP_SYS(setns),
    SCMP_SYS(keyctl),
    SCMP_SYS(add_key),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(connect),
    SCMP_SYS(listen),
    SCMP_SYS(reboot),
};

static const char *kept_folder;

void sandbox_basics(void)
{
    struct rlimit none = {0, 0};
    setrlimit(RLIMIT_CORE, &none);
    umask(077); /* nothing of ours is for others */
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

void sandbox_keep_folder(const char *path)
{
    kept_folder = path;
}

static bool open_path(int set, const char *path, uint64_t access)
{
    struct landlock_path_beneath_attr under = {.allowed_access = access,
                                               .parent_fd = open(path, O_PATH | O_CLOEXEC)};
    if (under.parent_fd < 0) return false;
    bool good = syscall(SYS_landlock_add_rule, set, LANDLOCK_RULE_PATH_BENEATH, &under, 0) == 0;
    close(under.parent_fd);
    return good;
}

/* What a vendor's module may read: libraries, settings, devices. Data folders lie elsewhere. */
static void open_system(int set)
{
    static const char *const reads[] = {"/usr", "/lib", "/lib64", "/etc", "/opt", "/run", "/sys", "/dev"};
    for (unsigned i = 0; i < COUNT_OF(reads); i++) /* one that is not there is no fault */
        (void)open_path(set, reads[i],
                        LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
                            (strcmp(reads[i], "/dev") == 0 ? LANDLOCK_ACCESS_FS_WRITE_FILE : 0));
}

/* No path but the kept folder. A kernel without Landlock answers ENOSYS or EOPNOTSUPP: the other walls stand.
 */
static enum err shut_paths(bool keep, bool system)
{
    struct landlock_ruleset_attr attr = {.handled_access_fs = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1};
    int set = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof attr, 0);
    if (set < 0) return errno == ENOSYS || errno == EOPNOTSUPP ? OK : ERR_IO;
    bool good = true;
    if (system) open_system(set);
    if (keep && kept_folder)
        good = open_path(set, kept_folder,
                         LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                             LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_MAKE_REG |
                             LANDLOCK_ACCESS_FS_REMOVE_FILE);
    good = good && syscall(SYS_landlock_restrict_self, set, 0) == 0;
    close(set);
    return good ? OK : ERR_IO;
}

/* Root's powers go: an empty root folder, nobody's user, no capability. The keeper stays owner of its files.
 */
static enum err drop_root(bool keep)
{
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct none[2] = {{0}};
    if (geteuid() == 0) {
        for (int c = 0; c <= 40; c++)
            (void)prctl(PR_CAPBSET_DROP, c, 0, 0, 0);
        /* a folder of the kernel's that is always there and holds nothing anybody can open */
        if (!keep && (chroot("/proc/self/fdinfo") < 0 || chdir("/") < 0) && errno != ENOENT && errno != EPERM)
            return ERR_IO;
        if (!keep && !SANITIZED &&
            (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
             setresuid(NOBODY, NOBODY, NOBODY) < 0))
            return ERR_IO;
    }
    (void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &header, none) < 0) return ERR_IO;
    /* changing the user clears both */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    return OK;
}

static bool add_special(scmp_filter_ctx c, unsigned role)
{
    /* memory is never made executable */
    bool good = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0 &&
                seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                                 SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0)) == 0;
    /* fstat of an open file, in glibc's way */
    if (good && role != KEEPER && role != ARCHIVE)
        good = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                                SCMP_A3(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH)) == 0;
    if (good && role == ENGINE) {
        static const int families[] = {AF_INET, AF_INET6};
        for (unsigned i = 0; good && i < COUNT_OF(families); i++)
            good = seccomp_rule_add(c, SCMP_ACT_ALLOW, SCMP_SYS(socket), 2,
                                    SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i], 0),
                                    SCMP_A1(SCMP_CMP_MASKED_EQ, 0xf, SOCK_DGRAM)) == 0;
    }
    return good;
}

static enum err filter(unsigned role)
{
    scmp_filter_ctx c = seccomp_init(SANITIZED || role == KMS ? SCMP_ACT_ALLOW : SCMP_ACT_ERRNO(EPERM));
    if (!c) return ERR_NOMEM;
    bool good = true;
    for (unsigned i = 0; good && i < COUNT_OF(fatal); i++)
        /* a vendor's module talks to its HSM over the network */
        if ((role != KMS || fatal[i] != SCMP_SYS(connect)) &&
            (!SANITIZED || fatal[i] != SCMP_SYS(ptrace))) /* the leak checker's way of stopping threads */
            good = seccomp_rule_add(c, SCMP_ACT_KILL_PROCESS, fatal[i], 0) == 0;
    if (!SANITIZED && role != KMS) {
        for (unsigned i = 0; good && i < COUNT_OF(rows); i++)
            if (rows[i].roles & role) good = seccomp_rule_add(c, SCMP_ACT_ALLOW, rows[i].call, 0) == 0;
        good = good && add_special(c, role);
    }
    good = good && seccomp_load(c) == 0;
    seccomp_release(c);
    return good ? OK : ERR_IO;
}

enum err sandbox_enter(const char *name)
{
    static const struct {
        const char *name;
        unsigned role;
    } roles[] = {{"front", FRONT},   {"engine", ENGINE},   {"vault", VAULT},
                 {"keeper", KEEPER}, {"archive", ARCHIVE}, {"kms", KMS}};
    for (unsigned i = 0; i < COUNT_OF(roles); i++) {
        if (strcmp(name, roles[i].name) != 0) continue;
        bool keep = roles[i].role == KEEPER || roles[i].role == ARCHIVE || roles[i].role == KMS;
        enum err e =
            SANITIZED ? OK : shut_paths(keep, roles[i].role == KMS); /* the sanitizers' reports read /proc */
        if (!e) e = drop_root(keep || SANITIZED);
        return e ? e : filter(roles[i].role);
    }
    return ERR_UNKNOWN;
}
