/*
 * trap.c: host signals.
 *
 * Every handler runs on an alternate stack above 4 GiB: a guest's stack pointer, taken as a
 * linear address, can then neither be written through nor lie on it.  A fault in a guest is
 * turned into a return from vx_enter with the guest's registers saved; a fault in the host
 * goes to whoever had the signal before us.
 */
#include "nofpu.h"

#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "walls.h"

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

enum { CS_GUEST = 0x23, CS_HOST = 0x33, SS_HOST = 0x2b };
enum { ALTSTACK = 256 << 10, IDLE_TICKS = 32 };

#define SIG_TICK (SIGRTMIN + 9)

__thread struct vx_cpu *vx_current;

/* What one host thread needs to run guests. */
struct thread {
    int window;             /* index of its control window */
    void *altstack;
    timer_t timer;
    volatile int armed, idle;
    int python;             /* the state of faulthandler when last looked at */
};
static __thread struct thread *self;
static pthread_key_t self_key;
static uint8_t window_taken[VX_NTHREAD];

static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP};
enum { NFAULT = sizeof faults / sizeof faults[0] };
static struct sigaction previous[NFAULT];
static volatile int host_faults;

static void
timer_set(struct thread *t, int on)
{
    struct itimerspec when = {{0, 0}, {0, 0}};
    if (on)
        when.it_interval.tv_nsec = when.it_value.tv_nsec = VX_TICK_US * 1000;
    timer_settime(t->timer, 0, &when, NULL);
    t->armed = on;
    t->idle = 0;
}

void
vx_timer_arm(void)
{
    if (!self->armed)
        timer_set(self, 1);
}

/* Leave the guest: make the interrupted context return from vx_enter. */
static void
leave_guest(struct vx_cpu *c, greg_t *g, void *to)
{
    if (to == (void *)vx_leave_signal) {
        static const uint8_t from[8] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX,
                                        REG_RSP, REG_RBP, REG_RSI, REG_RDI};
        for (int i = 0; i < 8; i++)
            c->reg[i] = (uint32_t)g[from[i]];
        c->eflags = (uint32_t)g[REG_EFL];
        c->host_eip = (uint32_t)g[REG_RIP];
    }
    g[REG_RIP] = (greg_t)(uintptr_t)to;
    g[REG_RSP] = g[REG_R14];
    g[REG_EFL] &= ~(greg_t)(VX_FL_TF | VX_FL_DF | VX_FL_NT | VX_FL_AC);
    uint64_t seg = (uint64_t)g[REG_CSGSFS];
    seg = (seg & 0x0000ffffffff0000) | CS_HOST | (uint64_t)SS_HOST << 48;
    g[REG_CSGSFS] = (greg_t)seg;
}

static int
in_guest(const greg_t *g)
{
    return (g[REG_CSGSFS] & 0xffff) == CS_GUEST;
}

static int
in_window(const greg_t *g)
{
    uintptr_t pc = (uintptr_t)g[REG_RIP];
    return (g[REG_CSGSFS] & 0xffff) == CS_HOST && pc >= (uintptr_t)vx_window &&
           pc < (uintptr_t)vx_window_end;
}

static void
on_tick(int sig, siginfo_t *info, void *context)
{
    (void)sig;
    int saved = errno;
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct vx_cpu *c = vx_current;
    int timer = info->si_code == SI_TIMER;
    if (c == NULL) {
        if (timer && self && ++self->idle > IDLE_TICKS)
            timer_set(self, 0);
        errno = saved;
        return;
    }
    if (timer) {
        self->idle = 0;
        c->ticked = 1;
        if (c->ticks > 0)
            c->ticks--;
    }
    c->pending = 1;
    if (in_guest(g)) {
        c->signal = SIG_TICK;
        c->trapno = 0;
        leave_guest(c, g, vx_leave_signal);
    } else if (in_window(g)) {
        leave_guest(c, g, vx_leave_early);
    }
    errno = saved;
}

/* A fault of the host's own: whoever was there before us deals with it. */
static void
host_fault(int sig, siginfo_t *info, void *context)
{
    struct sigaction *a = NULL;
    for (int i = 0; i < NFAULT; i++)
        if (faults[i] == sig)
            a = &previous[i];
    if (a == NULL || host_faults++ > 0 ||
        (!(a->sa_flags & SA_SIGINFO) && a->sa_handler == SIG_DFL)) {
        signal(sig, SIG_DFL);  /* happens again at return, and ends the process */
        if (info->si_code <= 0)
            raise(sig);
        return;
    }
    if (a->sa_flags & SA_SIGINFO)
        a->sa_sigaction(sig, info, context);
    else if (a->sa_handler != SIG_IGN)
        a->sa_handler(sig);
}

/* A single step (probe.c): of the guest, or of the host as it comes out, where it is over. */
static void
stepped(struct vx_cpu *c, greg_t *g)
{
    if (!in_guest(g)) {
        g[REG_EFL] &= ~(greg_t)VX_FL_TF;
    } else if (--c->steps == 0) {
        c->signal = SIG_TICK;
        c->trapno = 0;
        c->interrupt = 1;
        leave_guest(c, g, vx_leave_signal);
    }
}

static void
on_fault(int sig, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct vx_cpu *c = vx_current;
    if (c && c->steps && sig == SIGTRAP && g[REG_TRAPNO] == 1) {
        stepped(c, g);
        return;
    }
    if (c == NULL || !in_guest(g) || info->si_code <= 0) {
        host_fault(sig, info, context);
        return;
    }
    c->signal = sig;
    c->trapno = (uint32_t)g[REG_TRAPNO];
    c->error = (uint32_t)g[REG_ERR];
    c->linear = (uint32_t)(uintptr_t)info->si_addr;
    leave_guest(c, g, vx_leave_signal);
}

int
vx_trap_install(void)
{
    struct sigaction a, old;
    memset(&a, 0, sizeof a);
    sigfillset(&a.sa_mask);
    a.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
    a.sa_sigaction = on_fault;
    for (int i = 0; i < NFAULT; i++) {
        if (sigaction(faults[i], &a, &old) < 0)
            return -errno;
        if (!(old.sa_flags & SA_SIGINFO) || old.sa_sigaction != on_fault)
            previous[i] = old;
    }
    a.sa_sigaction = on_tick;
    if (sigaction(SIG_TICK, &a, NULL) < 0)
        return -errno;
    host_faults = 0;
    return 0;
}

/*
 * The filter of system calls stopped one.  From where guests run, that is an escape; from the
 * host's own code, code of the host's that is not vx9's.  Nothing can be trusted any more.
 */
static void
on_wall(int sig, siginfo_t *info, void *context)
{
    greg_t *g = ((ucontext_t *)context)->uc_mcontext.gregs;
    struct vx_cpu *c = vx_current;
    char line[160];
    (void)sig;
    if (c && c == vx_selftest_cpu && in_guest(g)) {
        c->signal = SIGSYS;
        c->trapno = VX_TRAPNO_WALL;
        leave_guest(c, g, vx_leave_signal);
        return;
    }
    __asm__ volatile("pushfq\n\tandl %0, (%%rsp)\n\tpopfq"
                     : : "i"(~VX_FL_AC) : "cc", "memory");
    uintptr_t from = (uintptr_t)info->si_call_addr;
    int guest = info->si_arch != AUDIT_ARCH_X86_64 || from >> 32 == 0;
    int n = snprintf(line, sizeof line, guest ?
                     "vx9: a guest reached the host's system calls (number %d, from %#lx, "
                     "arch %#x); stopping\n" :
                     "vx9: system call %d, from %#lx, is not one that vx9 makes (arch %#x); "
                     "stopping\n", info->si_syscall, (unsigned long)from, info->si_arch);
    if (write(STDERR_FILENO, line, (size_t)n) < 0)
        _exit(128 + SIGABRT);
    abort();
}

int
vx_trap_wall(void)
{
    struct sigaction a;
    memset(&a, 0, sizeof a);
    sigfillset(&a.sa_mask);
    a.sa_flags = SA_SIGINFO | SA_ONSTACK;
    a.sa_sigaction = on_wall;
    return sigaction(SIGSYS, &a, NULL) < 0 ? -errno : 0;
}

static int
use_altstack(struct thread *t)
{
    stack_t s = {.ss_sp = t->altstack, .ss_size = ALTSTACK};
    return sigaltstack(&s, NULL) < 0 ? -errno : 0;
}

/*
 * faulthandler takes the fault signals, and the alternate stack of the thread, when it is
 * enabled, and gives back what it found when disabled.  Told its state before each run, put
 * ours back when they are gone: that it is enabled does not tell when it was.
 */
int
vx_trap_refresh(int python)
{
    if (!python && self->python == python)
        return 0;
    self->python = python;
    struct sigaction a;
    if (sigaction(SIGSEGV, NULL, &a) < 0)
        return -errno;
    if ((a.sa_flags & SA_SIGINFO) && a.sa_sigaction == on_fault)
        return 0;
    int err = vx_trap_install();
    return err < 0 ? err : use_altstack(self);
}

static void
thread_free(void *p)
{
    struct thread *t = p;
    stack_t s = {.ss_flags = SS_DISABLE};
    timer_delete(t->timer);
    sigaltstack(&s, NULL);
    munmap(t->altstack, ALTSTACK);
    vx_take();
    window_taken[t->window] = 0;
    vx_give();
    self = NULL;
    free(t);
}

int
vx_trap_init(void)
{
    int err = pthread_key_create(&self_key, thread_free);
    return err ? -err : vx_trap_install();
}

/* Every handler in the process must run on the alternate stack.  Returns one that does not. */
int
vx_trap_unsafe_signal(void)
{
    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction a;
        if (sigaction(sig, NULL, &a) < 0)
            continue;
        int handled = (a.sa_flags & SA_SIGINFO) ||
                      (a.sa_handler != SIG_DFL && a.sa_handler != SIG_IGN);
        if (handled && !(a.sa_flags & SA_ONSTACK))
            return sig;
    }
    return 0;
}

int
vx_thread_init(struct vx_ctl **ctl, uint16_t *selector)
{
    if (self == NULL) {
        int w = 0;
        while (w < VX_NTHREAD && window_taken[w])
            w++;
        if (w == VX_NTHREAD)
            return -EAGAIN;
        struct thread *t = calloc(1, sizeof *t);
        if (t == NULL)
            return -ENOMEM;
        t->window = w;
        t->python = -1;
        t->altstack = mmap(NULL, ALTSTACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
                           -1, 0);
        if (t->altstack == MAP_FAILED || (uintptr_t)t->altstack >> 32 == 0) {
            free(t);
            return -ENOMEM;
        }
        struct sigevent e = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = SIG_TICK};
        e.sigev_notify_thread_id = (pid_t)syscall(SYS_gettid);
        int err = use_altstack(t);
        if (err == 0 && timer_create(CLOCK_MONOTONIC, &e, &t->timer) < 0)
            err = -errno;
        if (err < 0) {
            munmap(t->altstack, ALTSTACK);
            free(t);
            return err;
        }
        sigset_t ours;
        sigemptyset(&ours);
        sigaddset(&ours, SIG_TICK);
        for (int i = 0; i < NFAULT; i++)
            sigaddset(&ours, faults[i]);
        pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
        window_taken[w] = 1;
        pthread_setspecific(self_key, t);
        self = t;
    }
    *ctl = (struct vx_ctl *)(uintptr_t)(VX_CTL_BASE + (uint32_t)self->window * VX_CTL_STRIDE);
    *selector = vx_control_selector(self->window);
    return 0;
}

void
vx_kick(struct vx_cpu *c)
{
    c->pending = 1;
    pid_t thread = __atomic_load_n(&c->thread, __ATOMIC_SEQ_CST);
    if (thread)
        syscall(SYS_tgkill, getpid(), thread, SIG_TICK);
}

void
vx_cpu_interrupt(struct vx_cpu *c)
{
    /* One signal at a time: they are queued, and would be handled one by one. */
    if (!__atomic_exchange_n(&c->interrupt, 1, __ATOMIC_SEQ_CST))
        vx_kick(c);
}
