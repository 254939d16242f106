/*
 * walls.c: what stands behind the translator.
 *
 * If a guest ever ran an instruction that was not made for it, it would be in 32-bit mode, or
 * in 64-bit mode below 4 GiB.  So the host's kernel is told, once and for good, to stop a
 * system call that comes from there; that is no business of any code of the host's.  The other
 * walls take from the whole process what it does not need: system calls, code that can be
 * written, files that can be changed.  docs/security.md tells which of them stops what.
 */
#include "nofpu.h"

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "walls.h"

/* Newer than the headers of some hosts. */
#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#endif
enum { MDWE_REFUSE_EXEC_GAIN = 1, MDWE_NO_INHERIT = 2 };
enum { FS_TRUNCATE = 1 << 14 };
enum { SCOPE_ABSTRACT_SOCKET = 1, SCOPE_SIGNAL = 2 };
struct ruleset {  /* landlock_ruleset_attr as of its sixth version */
    uint64_t fs, net, scoped;
};
enum { ARCH_GET_FS_ = 0x1003, ARCH_GET_GS_ = 0x1004 };
struct vx_cpu *volatile vx_selftest_cpu;

enum { TIOCSTI_ = 0x5412, TIOCLINUX_ = 0x541c };

/* ---- the filter of system calls ---- */

/*
 * What becomes of a call.  Calls that are refused are those that ordinary libraries try and do
 * without; who makes one that is fatal is not vx9 any more.
 */
enum answer {
    FATAL, ALLOW, REFUSE /* EPERM */, UNKNOWN /* ENOSYS: libc has another way */,
    /* allowed if ... */
    IF_NOT_WX,      /* mmap, mprotect: not writable and executable */
    IF_THREAD,      /* clone: a thread of this process */
    IF_OURSELVES,   /* kill, tgkill: this process */
    IF_TAME_IOCTL,  /* not a way to type into a terminal */
    IF_READING,     /* prlimit64: no new limit */
    IF_TAME_PRCTL, IF_GETTING /* arch_prctl */, IF_LOCAL /* socket: of this host */,
};

enum { KNOWN = 463 };  /* numbers that had a meaning when this was written */

#define SAME(answer, ...) {answer, (const uint16_t[]){__VA_ARGS__, UINT16_MAX}}
static const struct {
    uint8_t answer;
    const uint16_t *calls;
} lists[] = {
    /* Files.  Which of them may be changed is for Landlock to say. */
    SAME(ALLOW, SYS_read, SYS_write, SYS_pread64, SYS_pwrite64, SYS_readv, SYS_writev, SYS_preadv,
         SYS_pwritev, SYS_preadv2, SYS_pwritev2, SYS_open, SYS_openat, SYS_openat2, SYS_creat,
         SYS_close, SYS_close_range, SYS_lseek, SYS_stat, SYS_fstat, SYS_lstat, SYS_newfstatat,
         SYS_statx, SYS_statfs, SYS_fstatfs, SYS_access, SYS_faccessat, SYS_faccessat2,
         SYS_getdents, SYS_getdents64, SYS_readlink, SYS_readlinkat, SYS_getcwd, SYS_chdir,
         SYS_fchdir, SYS_mkdir, SYS_mkdirat, SYS_rmdir, SYS_unlink, SYS_unlinkat, SYS_rename,
         SYS_renameat, SYS_renameat2, SYS_link, SYS_linkat, SYS_symlink, SYS_symlinkat,
         SYS_truncate, SYS_ftruncate, SYS_fallocate, SYS_chmod, SYS_fchmod, SYS_fchmodat,
         452 /* fchmodat2 */,
         SYS_umask, SYS_utime, SYS_utimes, SYS_futimesat, SYS_utimensat, SYS_fsync, SYS_fdatasync,
         SYS_sync_file_range, SYS_fadvise64, SYS_readahead, SYS_flock, SYS_fcntl, SYS_dup,
         SYS_dup2, SYS_dup3, SYS_pipe, SYS_pipe2, SYS_sendfile, SYS_copy_file_range, SYS_splice,
         SYS_tee, SYS_memfd_create),
    /* Waiting. */
    SAME(ALLOW, SYS_poll, SYS_ppoll, SYS_select, SYS_pselect6, SYS_epoll_create,
         SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_wait, SYS_epoll_pwait, 441 /* epoll_pwait2 */,
         SYS_eventfd, SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
         SYS_signalfd, SYS_signalfd4, SYS_inotify_init, SYS_inotify_init1,
         SYS_inotify_add_watch, SYS_inotify_rm_watch,
         SYS_nanosleep, SYS_clock_nanosleep, SYS_pause, SYS_futex, 449 /* futex_waitv */,
         SYS_wait4, SYS_waitid, SYS_restart_syscall, SYS_sched_yield),
    /* Memory and threads. */
    SAME(ALLOW, SYS_munmap, SYS_mremap, SYS_madvise, SYS_msync, SYS_mincore, SYS_brk, SYS_mlock,
         SYS_munlock, SYS_mlock2, SYS_set_robust_list, SYS_get_robust_list, SYS_set_tid_address,
         SYS_rseq, SYS_membarrier, SYS_getcpu, SYS_sched_getaffinity, SYS_sched_setaffinity,
         SYS_exit, SYS_exit_group, SYS_gettid),
    /* Signals and timers. */
    SAME(ALLOW, SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigpending,
         SYS_rt_sigtimedwait, SYS_rt_sigsuspend, SYS_sigaltstack, SYS_alarm, SYS_getitimer,
         SYS_setitimer, SYS_timer_create, SYS_timer_settime, SYS_timer_gettime,
         SYS_timer_getoverrun, SYS_timer_delete, SYS_clock_gettime, SYS_clock_getres,
         SYS_gettimeofday, SYS_time),
    /* Who and where we are. */
    SAME(ALLOW, SYS_getpid, SYS_getppid, SYS_getpgrp, SYS_getpgid, SYS_setpgid, SYS_getsid,
         SYS_getuid,
         SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getgroups, SYS_getresuid, SYS_getresgid,
         SYS_uname, SYS_sysinfo, SYS_getrusage, SYS_getrlimit, SYS_times, SYS_getrandom,
         SYS_getpriority, SYS_sched_getscheduler, SYS_sched_getparam,
         SYS_sched_getattr, SYS_sched_get_priority_max, SYS_sched_get_priority_min,
         SYS_sched_rr_get_interval, SYS_capget),
    /* Sockets that exist: pairs, and those that were made before. */
    SAME(ALLOW, SYS_socketpair, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_sendmmsg,
         SYS_recvmmsg, SYS_shutdown, SYS_getsockname, SYS_getpeername, SYS_getsockopt,
         SYS_setsockopt, SYS_accept, SYS_accept4, SYS_listen, SYS_bind, SYS_connect),
    /* They only ever take more away. */
    SAME(ALLOW, 444, 445, 446 /* landlock_... */, 462 /* mseal */),
    SAME(REFUSE, SYS_fork, SYS_vfork, SYS_execve, SYS_execveat, SYS_seccomp, SYS_setrlimit,
         SYS_setpriority, SYS_sched_setscheduler, SYS_sched_setparam, SYS_chown, SYS_fchown,
         SYS_lchown, SYS_fchownat, SYS_setxattr, SYS_lsetxattr, SYS_fsetxattr, SYS_getxattr,
         SYS_lgetxattr, SYS_fgetxattr, SYS_listxattr, SYS_llistxattr, SYS_flistxattr, SYS_mknod,
         SYS_mknodat, SYS_setsid, SYS_mlockall, SYS_sync, SYS_syncfs, SYS_setuid,
         SYS_setgid, SYS_setreuid, SYS_setregid, SYS_setresuid, SYS_setresgid, SYS_setgroups),
    SAME(REFUSE, SYS_get_mempolicy, SYS_set_mempolicy, SYS_mbind, SYS_ioprio_get, SYS_ioprio_set,
         SYS_sched_setattr, SYS_fanotify_init, SYS_shmget, SYS_shmat, SYS_shmctl, SYS_shmdt,
         SYS_semget, SYS_semop, SYS_semctl, SYS_msgget, SYS_msgsnd, SYS_msgrcv, SYS_msgctl,
         SYS_mq_open, SYS_mq_unlink, 424 /* pidfd_send_signal */, 434 /* pidfd_open */),
    SAME(UNKNOWN, SYS_clone3 /* its flags are in memory, where no filter can look */,
         451, 453, 454, 455, 456, 457, 458, 459, 460, 461 /* of 6.5 to 6.8 */),
    SAME(IF_NOT_WX, SYS_mmap, SYS_mprotect),
    SAME(IF_THREAD, SYS_clone),
    SAME(IF_OURSELVES, SYS_kill, SYS_tgkill, SYS_rt_sigqueueinfo, SYS_rt_tgsigqueueinfo),
    SAME(IF_TAME_IOCTL, SYS_ioctl),
    SAME(IF_READING, SYS_prlimit64),
    SAME(IF_TAME_PRCTL, SYS_prctl),
    SAME(IF_GETTING, SYS_arch_prctl),
    SAME(IF_LOCAL, SYS_socket),
};

enum { MAX_PROGRAM = 1024 };
struct program {
    unsigned short n;
    struct sock_filter code[MAX_PROGRAM];
};

static void
put(struct program *p, unsigned short code, uint32_t k, uint8_t yes, uint8_t no)
{
    p->code[p->n++] = (struct sock_filter){code, yes, no, k};
}

static void
load(struct program *p, size_t offset)
{
    put(p, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

static void
ret(struct program *p, uint32_t value)
{
    put(p, BPF_RET | BPF_K, value, 0, 0);
}

#define DATA(member) offsetof(struct seccomp_data, member)
enum { LOW_HALF = 0, HIGH_HALF = 4 };

/* If the loaded word is k, or has a bit of it: answer yes; otherwise go on. */
static void
answer_if(struct program *p, unsigned short test, uint32_t k, uint32_t yes)
{
    put(p, BPF_JMP | test | BPF_K, k, 0, 1);
    ret(p, yes);
}

static const uint32_t refuse = SECCOMP_RET_ERRNO | EPERM;

/* A value among these is allowed, others are refused. */
static void
allow_among(struct program *p, const uint32_t *values, int n)
{
    for (int i = 0; i < n; i++)
        answer_if(p, BPF_JEQ, values[i], SECCOMP_RET_ALLOW);
    ret(p, refuse);
}

#define AMONG(p, ...) allow_among(p, (const uint32_t[]){__VA_ARGS__}, \
                                  sizeof((const uint32_t[]){__VA_ARGS__}) / 4)

static void
put_answer(struct program *p, int answer)
{
    switch (answer) {
    case ALLOW:
        ret(p, SECCOMP_RET_ALLOW);
        break;
    case REFUSE:
        ret(p, refuse);
        break;
    case UNKNOWN:
        ret(p, SECCOMP_RET_ERRNO | ENOSYS);
        break;
    case IF_NOT_WX:
        load(p, DATA(args[2]) + LOW_HALF);
        put(p, BPF_ALU | BPF_AND | BPF_K, PROT_WRITE | PROT_EXEC, 0, 0);
        answer_if(p, BPF_JEQ, PROT_WRITE | PROT_EXEC, refuse);
        ret(p, SECCOMP_RET_ALLOW);
        break;
    case IF_THREAD:
        load(p, DATA(args[0]) + LOW_HALF);
        put(p, BPF_ALU | BPF_AND | BPF_K, 0x00010000 | 0x100 | 0x7e020000, 0, 0);
        AMONG(p, 0x00010000 | 0x100 /* CLONE_THREAD, CLONE_VM, and no new name space */);
        break;
    case IF_OURSELVES:
        load(p, DATA(args[0]) + LOW_HALF);
        AMONG(p, (uint32_t)getpid(), 0);
        break;
    case IF_TAME_IOCTL:
        load(p, DATA(args[1]) + LOW_HALF);
        answer_if(p, BPF_JEQ, TIOCSTI_, SECCOMP_RET_TRAP);
        answer_if(p, BPF_JEQ, TIOCLINUX_, SECCOMP_RET_TRAP);
        ret(p, SECCOMP_RET_ALLOW);
        break;
    case IF_READING:
        load(p, DATA(args[2]) + LOW_HALF);
        put(p, BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0);
        ret(p, refuse);
        load(p, DATA(args[2]) + HIGH_HALF);
        AMONG(p, 0);
        break;
    case IF_TAME_PRCTL:
        load(p, DATA(args[0]) + LOW_HALF);
        AMONG(p, PR_GET_NAME, PR_SET_NAME, PR_GET_DUMPABLE, PR_GET_PDEATHSIG, PR_GET_NO_NEW_PRIVS,
              PR_GET_SECCOMP, PR_GET_TIMERSLACK, PR_SET_TIMERSLACK, PR_CAPBSET_READ,
              66 /* PR_GET_MDWE */, 0x53564d41 /* PR_SET_VMA: names for mappings */);
        break;
    case IF_GETTING:
        load(p, DATA(args[0]) + LOW_HALF);
        AMONG(p, ARCH_GET_FS_, ARCH_GET_GS_);
        break;
    case IF_LOCAL:
        load(p, DATA(args[0]) + LOW_HALF);
        AMONG(p, AF_UNIX);
        break;
    default:
        ret(p, SECCOMP_RET_TRAP);
    }
}

/* Find the answer for the loaded number, from lo to hi - 1, by halving. */
static void
put_search(struct program *p, const uint8_t *answers, int lo, int hi)
{
    int mid = -1, best = hi;
    for (int i = lo + 1; i < hi; i++) {  /* the border nearest to the middle */
        int distance = abs(i - (lo + hi) / 2);
        if (answers[i] != answers[i - 1] && distance < best) {
            mid = i;
            best = distance;
        }
    }
    if (mid < 0) {
        put_answer(p, answers[lo]);
        return;
    }
    put(p, BPF_JMP | BPF_JGE | BPF_K, (uint32_t)mid, 0, 1);
    put(p, BPF_JMP | BPF_JA, 0, 0, 0);
    unsigned short jump = (unsigned short)(p->n - 1);
    put_search(p, answers, lo, mid);
    p->code[jump].k = (uint32_t)(p->n - jump - 1);
    put_search(p, answers, mid, hi);
}

static void
make_filter(struct program *p, unsigned walls)
{
    p->n = 0;
    load(p, DATA(arch));
    put(p, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
    ret(p, SECCOMP_RET_TRAP);
    load(p, DATA(instruction_pointer) + HIGH_HALF);
    answer_if(p, BPF_JEQ, 0, SECCOMP_RET_TRAP);
    if (!(walls & VX_WALL_CALLS)) {
        ret(p, SECCOMP_RET_ALLOW);
        return;
    }
    uint8_t answers[KNOWN + 1] = {0};
    for (size_t i = 0; i < sizeof lists / sizeof lists[0]; i++)
        for (const uint16_t *call = lists[i].calls; *call != UINT16_MAX; call++)
            answers[*call] = lists[i].answer;
    if (walls & VX_WALL_NETWORK_OPEN)
        answers[SYS_socket] = ALLOW;
    if (walls & VX_WALL_CHILDREN_OPEN) {
        static const uint16_t calls[] = {SYS_fork, SYS_vfork, SYS_clone, SYS_clone3, SYS_execve,
                                         SYS_execveat, SYS_kill, SYS_setsid,
                                         SYS_arch_prctl /* a program's first thread */};
        for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++)
            answers[calls[i]] = ALLOW;
    }
    answers[KNOWN] = UNKNOWN;
    load(p, DATA(nr));
    /* The numbers of the x32 interface have this bit. */
    put(p, BPF_JMP | BPF_JSET | BPF_K, 0x40000000, 0, 1);
    ret(p, SECCOMP_RET_TRAP);
    put_search(p, answers, 0, KNOWN + 1);
}

static int
filter(unsigned walls)
{
    static struct program p;
    make_filter(&p, walls);
    struct sock_fprog prog = {p.n, p.code};
    long err = syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog);
    if (err > 0)
        return -EBUSY;  /* a thread that has a filter of its own */
    return err < 0 ? -errno : 0;
}

/* ---- Landlock ---- */

enum {
    FS_FILE = LANDLOCK_ACCESS_FS_WRITE_FILE,
    FS_FOLDER = LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
                LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
                LANDLOCK_ACCESS_FS_MAKE_SYM,
};

int
vx_walls_files(const char *const *writable, const char **which)
{
    long abi = syscall(444, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < 1)
        return 0;
    uint64_t file = FS_FILE | (abi >= 3 ? FS_TRUNCATE : 0);
    uint64_t all = file | FS_FOLDER | (abi >= 2 ? LANDLOCK_ACCESS_FS_REFER : 0);
    struct ruleset r = {.fs = all, .scoped = SCOPE_ABSTRACT_SOCKET};
    size_t size = abi >= 6 ? sizeof r : sizeof r.fs;
    int set = (int)syscall(444, &r, size, 0);
    if (set < 0)
        return -errno;
    int err = 0;
    for (; *writable && err == 0; writable++) {
        struct stat st;
        *which = *writable;
        int fd = open(*writable, O_PATH | O_CLOEXEC);
        if (fd < 0 || fstat(fd, &st) < 0)
            err = -errno;
        struct landlock_path_beneath_attr rule = {S_ISDIR(st.st_mode) ? all : file, fd};
        if (err == 0 && syscall(445, set, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) < 0)
            err = -errno;
        if (fd >= 0)
            close(fd);
    }
    if (err == 0)
        *which = NULL;
    if (err == 0 && syscall(446, set, 0) < 0)
        err = -errno;
    close(set);
    return err ? err : (int)abi;
}

/* ---- all together ---- */

int
vx_walls(unsigned walls, const char **why)
{
    static unsigned standing;
    if (standing) {
        *why = "the walls stand already, and cannot be changed";
        return (walls & ~standing) ? -EBUSY : (int)standing;
    }
    *why = "cannot handle SIGSYS";
    int err = vx_trap_wall();
    if (err < 0)
        return err;
    *why = "cannot set no_new_privs (prctl)";
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -errno;
    if (walls & VX_WALL_PARENT)
        prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
    if (walls & VX_WALL_CALLS)
        prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    /* A kernel that does not know it (before 6.3) leaves that to the filter. */
    if (prctl(PR_SET_MDWE, MDWE_REFUSE_EXEC_GAIN | MDWE_NO_INHERIT, 0, 0, 0) == 0 ||
        prctl(PR_SET_MDWE, MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) == 0)
        walls |= VX_WALL_MDWE;
    *why = "cannot install the filter of system calls (seccomp)";
    err = filter(walls);
    if (err < 0)
        return err;
    standing = walls | VX_WALL_ENTRY;
    return (int)standing;
}

/* ---- code that the translator did not make ---- */

/*
 * Put code in the place of the guest's at eip, unlooked at; after it comes int 0x41.  For the
 * self-test, and for tests: nothing that guests can cause gets here.
 */
int
vx_publish_raw(struct vx_memory *m, uint32_t eip, const uint8_t *code, uint32_t n)
{
    struct vx_cache *c = m->cache;
    uint8_t block[VX_RAW_MAX + 32];
    uint32_t host;
    if (n > VX_RAW_MAX)
        return -EINVAL;
    int err = vx_cache_activate(c);
    if (err == 0)
        err = vx_cache_room(c, sizeof block, 32, &host);
    if (err < 0)
        return err;
    uint32_t first = c->nrecord;
    int index = vx_cache_exit(c, &(struct vx_exit){.kind = VX_X_INT, .arg = 0x41,
                                                   .eip = eip + n + 2});
    const struct vx_record records[] = {{0, VX_COPY, eip}, {(uint16_t)n, VX_COPY, eip + n}};
    if (index < 0 || vx_cache_records(c, records, 2) < 0)
        return -ENOMEM;
    memcpy(block, code, n);
    uint8_t *end = vx_make_exit(block + n, (uint32_t)index);
    return vx_cache_publish_raw(c, eip, host, block, (uint32_t)(end - block), first);
}

/* ---- self-test ---- */

/*
 * Enter the guest with r8 to r11 marked, and see that they come back; r14 and r15 are what
 * every crossing stands on.  The code at eip must be translated, and go straight out.
 */
int
vx_selftest_registers(struct vx_cpu *c)
{
    struct vx_memory *m = c->memory;
    uint64_t before[4] = {0x0123456789abcdef, 0xfedcba9876543210, 0x8000000080000000,
                          0x7fffffffffffffff};
    uint64_t after[4] = {0};
    if (m == NULL || m->slot == NULL || m->slot->layout != vx_layout)
        return -EINVAL;
    c->go.offset = vx_cache_find(m->cache, c->eip, VX_HERE);
    if (c->go.offset == 0)
        return -EINVAL;
    c->pending = 0;
    register uint64_t r8 __asm__("r8") = before[0];
    register uint64_t r9 __asm__("r9") = before[1];
    register uint64_t r10 __asm__("r10") = before[2];
    register uint64_t r11 __asm__("r11") = before[3];
    struct vx_cpu *cpu = c;
    int how;
    __asm__ volatile("call vx_enter"
                     : "=a"(how), "+D"(cpu), "+r"(r8), "+r"(r9), "+r"(r10), "+r"(r11)
                     :
                     : "rcx", "rdx", "rsi", "memory", "cc");
    after[0] = r8, after[1] = r9, after[2] = r10, after[3] = r11;
    return how == VX_LEFT_EXIT && memcmp(before, after, sizeof after) == 0;
}

/* Is the alternate stack of this thread where no guest can reach, and big enough? */
int
vx_selftest_altstack(void)
{
    stack_t s;
    return sigaltstack(NULL, &s) == 0 && !(s.ss_flags & SS_DISABLE) && s.ss_size >= 64 << 10 &&
           (uintptr_t)s.ss_sp >> 32 != 0;
}
