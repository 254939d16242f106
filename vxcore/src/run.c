/*
 * run.c: run a guest until something happens that its host must know of.
 */
#include "nofpu.h"

#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "decode.h"
#include "walls.h"

static volatile int forked;

static void
after_fork(void)
{
    forked = 1;  /* the page store is shared with the parent: this process must not run guests */
}

int
vx_init(const char **why)
{
    static int state;  /* 0: not yet, 1: done, < 0: failed */
    static const char *failed;
    static const struct {
        const char *what;
        int (*init)(void);
    } steps[] = {
        {"cannot make the page store (memfd_create, mmap)", vx_store_init},
        {"cannot set LDT segments (modify_ldt): this kernel or container denies it",
         vx_slot_init},
        {"cannot map the code arena at 0xf0000000: the host uses those addresses",
         vx_cache_init},
        {"cannot install signal handlers", vx_trap_init},
    };
    if (state == 0) {
        state = 1;
        for (size_t i = 0; i < sizeof steps / sizeof steps[0] && state == 1; i++) {
            int err = steps[i].init();
            if (err < 0) {
                state = err;
                failed = steps[i].what;
            }
        }
        pthread_atfork(NULL, NULL, after_fork);
    }
    *why = forked ? "this process was forked from one that runs guests: start guests in the "
                    "parent, or exec a new program"
                  : failed;
    return forked ? -EPERM : state == 1 ? 0 : state;
}

struct vx_cpu *
vx_cpu_new(void)
{
    void *p;
    if (posix_memalign(&p, 64, sizeof(struct vx_cpu)) != 0)
        return NULL;
    struct vx_cpu *c = p;
    memset(c, 0, sizeof *c);
    c->leave = (void (*)(void))vx_leave;
    c->eflags = VX_FL_IF | 2;
    c->go.selector = 0x23;
    vx_cpu_reset_fpu(c);
    return c;
}

void
vx_cpu_free(struct vx_cpu *c)
{
    free(c->handlers);
    free(c);
}

int
vx_cpu_handle(struct vx_cpu *c, int vector, vx_handler call, void *arg)
{
    if (c->handlers == NULL && (c->handlers = calloc(256, sizeof *c->handlers)) == NULL)
        return -ENOMEM;
    c->handlers[vector].call = call;
    c->handlers[vector].arg = arg;
    return 0;
}

/* A guest got out of its segments or its translation.  Nothing can be trusted any more. */
static void
escaped(struct vx_cpu *c)
{
    fprintf(stderr, "vx9: a guest ran code that was not made for it "
            "(trap %u, linear address %#x, eip %#x); stopping\n",
            c->trapno, c->linear, c->host_eip);
    abort();
}

static int
trap(struct vx_cpu *c, int kind)
{
    c->trap = (struct vx_trap){.kind = kind};
    return 1;
}

static int
fault(struct vx_cpu *c, uint32_t address, int write)
{
    c->trap = (struct vx_trap){.kind = VX_T_FAULT, .address = address, .write = write};
    return 1;
}

/* Make the guest's registers those of an instruction boundary. */
static void
recover(struct vx_cpu *c)
{
    const struct vx_record *r = vx_cache_locate(c->cache, c->host_eip);
    int how;
    if (r)
        how = r->recovery;
    else if (c->host_eip - VX_CODE_BASE < VX_PAGE)
        how = vx_stub_recovery(c->host_eip);
    else if (c == vx_selftest_cpu)
        how = VX_COPY;  /* a tick on its way to where it will fault */
    else
        escaped(c), how = 0;
    uint32_t eip = r ? r->eip : 0;
    c->resume = c->host_eip;
    c->resume_generation = c->cache->generation;
    c->resume_ecx = c->reg[ECX];
    c->resume_esp = c->reg[ESP];
    c->resume_spill = c->ctl->spill;
    c->resume_target = c->ctl->target;
    c->resume_exit = c->ctl->exit;  /* it may be about to leave by it */
    if (how & VX_AFRESH) {
        how &= ~VX_AFRESH;
        c->resume = 0;
    }
    switch (how) {
    case VX_UNPOP:
        c->reg[ESP] -= 4;
        break;
    case VX_FORWARD:
        eip = c->ctl->target;
        break;
    case VX_RETURNING:
        vx_memory_read(c->memory, c->reg[ESP], &eip, 4);
        c->reg[ESP] += 4;
        break;
    case VX_RETURNED:
        eip += c->reg[ECX];
        break;
    }
    c->eip = eip;
    if (how != VX_COPY)
        c->reg[ECX] = c->ctl->spill;
}

/*
 * The processor gives no address when an access is beyond the segment.  Find the access of
 * the emitted instruction that is.  Returns 0 if none is.
 */
static int
beyond_limit(struct vx_cpu *c, const uint32_t *reg)
{
    const uint8_t *code = vx_code_view(c->host_eip);
    struct vx_insn in;
    uint32_t left = VX_CODE_BASE + VX_CODE_SIZE - c->host_eip;
    if (vx_decode(code, left < 15 ? left : 15, VX_FEATURES_ALL, &in) <= 0)
        return 0;
    struct vx_access access[VX_NACCESS];
    int n = vx_insn_accesses(&in, code, reg, access);
    for (int i = 0; i < n; i++) {
        uint64_t end = (uint64_t)access[i].address + access[i].size;
        if (end > c->memory->limit)
            return fault(c, access[i].address, access[i].write);
    }
    return 0;
}

/* A write to a page that holds translated code: the code is dropped, and the write done. */
static int
watched(struct vx_cpu *c)
{
    uint32_t address = c->linear - c->memory->slot->base;
    if (!(c->error & 2) || address >= c->memory->limit)
        return 0;
    struct vx_mapping *g = vx_memory_find(c->memory, address);
    if (g == NULL || !(g->prot & VX_WRITE) || !vx_written(g->object, address - g->address, 1))
        return 0;
    c->once = c->resume_generation != c->cache->generation;  /* the writer is gone too */
    return 1;
}

/*
 * An x87 error is told at the next x87 instruction, or later; the processor remembers where the
 * code is that made it.
 */
static int
fpu_error(struct vx_cpu *c)
{
    uint32_t host;
    vx_fpu_save(c);
    memcpy(&host, c->fpu + 8, sizeof host);
    const struct vx_record *r = vx_cache_locate(c->cache, host);
    trap(c, VX_T_FPU);
    c->trap.address = r ? r->eip : c->eip;
    return 1;
}

/* What a signal in the guest means.  Returns 1: a trap for the caller of run. */
static int
after_signal(struct vx_cpu *c)
{
    enum { DE, DB, NMI, BP, OF, BR, UD, NM, NP = 11, SS, GP, PF, MF = 16, AC, MC, XM };
    uint32_t reg[8];
    memcpy(reg, c->reg, sizeof reg);
    int trapno = (int)c->trapno;
    if (c == vx_selftest_cpu && trapno) {
        c->resume = 0;
        return trap(c, VX_T_PROTECTION);
    }
    recover(c);
    if (c->signal != SIGSEGV && c->signal != SIGBUS && c->signal != SIGFPE &&
        c->signal != SIGILL && c->signal != SIGTRAP)
        return 0;  /* a tick */
    if (trapno == PF && watched(c))
        return 0;
    c->resume = 0;
    switch (trapno) {
    case DE:
        return trap(c, VX_T_DIVIDE);
    case DB:
        return trap(c, VX_T_DEBUG);
    case BR:
        return trap(c, VX_T_BOUND);
    case UD:
        return trap(c, VX_T_ILLEGAL);
    case SS:
    case GP:
        if (beyond_limit(c, reg))
            return 1;
        return trap(c, trapno == SS ? VX_T_STACK : VX_T_PROTECTION);
    case PF: {
        uint32_t address = c->linear - c->memory->slot->base;
        if (address >= c->memory->limit)
            escaped(c);
        uint32_t prot = c->error & 2 ? VX_WRITE : VX_READ;
        if (c->memory->slot->layout != vx_layout &&
            vx_memory_check(c->memory, address, 1, prot) == 1)
            return 0;  /* mapped meanwhile by someone who shares it: go on with it */
        return fault(c, address, (c->error & 2) != 0);
    }
    case MF:
        return fpu_error(c);
    case AC:
        return trap(c, VX_T_ALIGNMENT);
    case XM:
        return trap(c, VX_T_SIMD);
    }
    escaped(c);
    return 0;
}

/*
 * The code to run for c->eip, translated now if need be.  Like what follows: 0, go on;
 * 1, a trap for the caller of run; negative, an errno.
 */
static int
code_by(struct vx_cpu *c, uint32_t *host,
        int (*translate)(struct vx_memory *, struct vx_cache *, uint32_t, uint32_t *, uint32_t *))
{
    vx_fpu_save(c);  /* the translator calls libc, which uses SSE */
    uint32_t bad;
    int err = translate(c->memory, c->cache, c->eip, host, &bad);
    if (err == -EAGAIN)  /* the cache was full, and is empty now */
        err = translate(c->memory, c->cache, c->eip, host, &bad);
    return err == -EFAULT ? fault(c, bad, 0) : err;
}

/* Choose the cache for c->eip. */
static int
choose(struct vx_cpu *c)
{
    int err = vx_memory_cache(c->memory, c->eip, &c->cache);
    if (err == 0 && c->cache != c->memory->cache && c->own == NULL) {
        c->own = c->cache;
        c->own->running++;
    }
    return err;
}

static int
code_for(struct vx_cpu *c, int away, uint32_t *host)
{
    int err = choose(c);
    if (err < 0)
        return err;
    if (c->once) {
        c->once = 0;
        if (c->cache == c->memory->own)
            return code_by(c, host, vx_translate_once);
    }
    *host = vx_cache_find(c->cache, c->eip, away);
    return *host ? 0 : code_by(c, host, away ? vx_translate_away : vx_translate);
}

/* Go on at host, with the registers as they are; ECX may be expected here or away. */
static void
go_on(struct vx_cpu *c, uint32_t host)
{
    c->resume = host;
    c->resume_generation = c->cache->generation;
    c->resume_ecx = c->resume_spill = c->reg[ECX];
    c->resume_esp = c->reg[ESP];
    c->resume_target = c->ctl->target;
    c->resume_exit = c->ctl->exit;
}

/*
 * The guest uses its thread segment.  Caches are shared and bases are not, so each such access
 * comes here, to be sent to the code that was made of it for this base.
 */
static int
in_thread_segment(struct vx_cpu *c, uint32_t exit)
{
    struct vx_cache *cache = c->cache;
    if (!c->has_thread)
        return trap(c, VX_T_ILLEGAL);
    uint32_t host = vx_cache_thread(cache, exit, c->thread_base);
    if (host == 0) {
        vx_fpu_save(c);  /* as for the translator */
        int err = vx_translate_thread(cache, exit, c->thread_base, &host);
        if (err < 0)
            return err == -EAGAIN ? 0 : err;  /* flushed: come again, by another exit */
    }
    go_on(c, host);
    return 0;
}

static int
after_exit(struct vx_cpu *c)
{
    struct vx_cache *cache = c->cache;
    uint32_t index = c->ctl->exit, host;
    int err;
    c->resume = c->once = 0;
    if (index == VX_EXIT_MISS) {
        c->eip = c->ctl->target;
        c->reg[ECX] = c->ctl->spill;
        err = code_for(c, VX_AWAY, &host);
        if (err)
            return err;
        go_on(c, host);
        vx_fpu_save(c);  /* as for the translator */
        /* Code of one cache knows nothing of another's: such transfers come here each time. */
        return c->cache != cache ? 0 : vx_landing(cache, c->eip, host, 0);
    }
    if (index == VX_EXIT_RETURN_MISS) {
        c->eip = c->ctl->target;
        c->reg[ECX] = c->ctl->spill;
        err = choose(c);
        if (err < 0 || c->cache != cache)
            return err;
        host = vx_cache_find(cache, c->eip, VX_AWAY);
        if (host == 0) {
            err = code_by(c, &host, vx_translate_return);
            if (err == 0)
                go_on(c, host);
            return err;
        }
        go_on(c, host);
        vx_fpu_save(c);
        return vx_landing(cache, c->eip, host, 1);
    }
    if (index >= cache->nexit)
        escaped(c);
    struct vx_exit x = cache->exit[index];
    uint64_t generation = cache->generation;
    c->eip = x.eip;
    switch (x.kind) {
    case VX_X_LINK:
        if (x.arg)
            c->reg[ECX] = c->ctl->spill;
        err = code_for(c, x.arg ? VX_AWAY : VX_HERE, &host);
        if (err)
            return err;
        go_on(c, host);
        if (c->cache == cache && cache->generation == generation) {
            err = vx_cache_patch(cache, x.site, host - (x.site + 4));
            cache->count.links++;
        }
        return err;
    case VX_X_INDIRECT:
    case VX_X_RETURN:
        c->eip = x.kind == VX_X_RETURN ? c->reg[ECX] : c->ctl->target;
        c->reg[ECX] = c->ctl->spill;
        err = code_for(c, VX_AWAY, &host);
        if (err)
            return err;
        go_on(c, host);
        if (c->cache == cache && cache->generation == generation)
            err = vx_predict(cache, &x, c->eip, host);
        return err;
    case VX_X_INT:
        c->trap = (struct vx_trap){.kind = VX_T_INT, .number = x.arg};
        if (c->handlers && c->handlers[x.arg].call)
            return c->handlers[x.arg].call(c, c->handlers[x.arg].arg);
        return 1;
    case VX_X_TRAP:
        return trap(c, x.arg);
    case VX_X_EMULATE:
        vx_fpu_save(c);
        return vx_emulate(c, &x);
    case VX_X_THREAD:
        return in_thread_segment(c, index);
    }
    escaped(c);
    return 1;
}

static int
prepare(struct vx_cpu *c)
{
    struct vx_memory *m = c->memory;
    int err = vx_thread_init(&c->ctl, &c->control);
    if (err == 0)
        err = vx_cache_activate(m->cache);
    if (err == 0)
        err = vx_slot_enter(m);
    if (err < 0)
        return err;
    c->data = m->slot->selector;
    if (c->resume && c->cache != m->cache && c->cache != m->own)
        c->resume = 0;  /* another memory's */
    return 0;
}

static int
loop(struct vx_cpu *c)
{
    for (;;) {
        c->pending = 0;
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
        if (c->interrupt && __atomic_exchange_n(&c->interrupt, 0, __ATOMIC_SEQ_CST)) {
            trap(c, VX_T_INTERRUPT);
            return 0;
        }
        if (c->ticks <= 0) {
            c->memory->computes = 1;
            trap(c, VX_T_QUANTUM);
            return 0;
        }
        if (c->ticked && c->poll) {
            trap(c, VX_T_POLL);
            return 0;
        }
        uint32_t ecx = c->reg[ECX], esp = c->reg[ESP];
        if (c->memory->slot->layout != vx_layout) {
            int err = vx_slot_enter(c->memory);
            if (err < 0)
                return err;
        }
        if (c->resume && c->resume_generation == c->cache->generation) {
            c->go.offset = c->resume;
            c->reg[ECX] = c->resume_ecx;
            c->reg[ESP] = c->resume_esp;
            c->ctl->spill = c->resume_spill;
            c->ctl->target = c->resume_target;
            c->ctl->exit = c->resume_exit;
        } else {
            int err = code_for(c, VX_HERE, &c->go.offset);
            if (err)
                return err < 0 ? err : 0;
        }
        if (!c->fpu_live)
            vx_fpu_load(c);
        int done = 0, how = VX_NOT_ENTERED;
        if (vx_going(c)) {
            how = c->steps ? vx_enter_stepping(c) : vx_enter(c);
            vx_back(c);
        }
        switch (how) {
        case VX_LEFT_EXIT:
            done = after_exit(c);
            break;
        case VX_LEFT_SIGNAL:
            done = after_signal(c);
            break;
        case VX_NOT_ENTERED:
            c->reg[ECX] = ecx;
            c->reg[ESP] = esp;
            break;
        }
        if (done)
            return done < 0 ? done : 0;
    }
}

int
vx_run(struct vx_cpu *c, int ticks)
{
    static __thread pid_t me;
    if (me == 0)
        me = (pid_t)syscall(SYS_gettid);
    c->ticks = ticks;
    c->ticked = 0;
    int err = prepare(c);
    if (err < 0)
        return err;
    __atomic_store_n(&c->thread, me, __ATOMIC_SEQ_CST);
    vx_timer_arm();
    c->memory->slot->running++;
    c->memory->cache->running++;
    vx_running(c, 1);
    vx_current = c;
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    err = loop(c);
    __atomic_signal_fence(__ATOMIC_SEQ_CST);
    vx_current = NULL;
    __atomic_store_n(&c->thread, 0, __ATOMIC_SEQ_CST);
    vx_running(c, 0);
    c->memory->cache->running--;
    if (c->own)
        c->own->running--;
    c->own = NULL;
    c->memory->slot->running--;
    vx_fpu_save(c);
    return err;
}

static int
count_down(struct vx_cpu *c, void *arg)
{
    (void)c;
    uint64_t *left = arg;
    return --*left == 0;
}

/*
 * Run until interrupt vector has come count times, with a handler in C that does nothing:
 * the cost of a trap by itself.  Returns nanoseconds, 0 if something else came.
 */
uint64_t
vx_bench_traps(struct vx_cpu *c, int vector, uint64_t count)
{
    if (vx_cpu_handle(c, vector, count_down, &count) < 0)
        return 0;
    struct timespec from, to;
    clock_gettime(CLOCK_MONOTONIC, &from);
    int err;
    do {
        err = vx_run(c, INT32_MAX);
    } while (err == 0 && c->trap.kind == VX_T_POLL);
    clock_gettime(CLOCK_MONOTONIC, &to);
    c->handlers[vector].call = NULL;
    if (err < 0 || c->trap.kind != VX_T_INT || count)
        return 0;
    return (uint64_t)(to.tv_sec - from.tv_sec) * 1000000000u + (uint64_t)to.tv_nsec -
           (uint64_t)from.tv_nsec;
}
