/*
 * run.c: fuzz target: translate and run whatever bytes, in this process, which is to be thrown
 * away: a guest that gets out of the sandbox ends it or is noticed below.
 *
 * Input: how many emitted instructions to go before an interrupt (2 bytes), flags (2), the
 * registers but ESP (7 words), then the text.  It is run twice, the second time interrupted and
 * resumed by its guest address; both must end the same.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../vxcore/src/vx.h"

enum { HEADER = 2 + 2 + 28, TEXT = 0x01000000, DATA = 0x02000000, STACK = 0x02100000,
       AREA = VX_PAGE };

#define CHECK(what) ((what) ? (void)0 : fail(#what, __LINE__))

static struct vx_object *victim;
static struct vx_cpu *cpu;

static void
fail(const char *what, int line)
{
    fprintf(stderr, "run.c:%d: not so: %s\n", line, what);
    abort();
}

/* The handlers of the fuzzer do not ask for the other stack; in a guest there is no other. */
static void
handlers_on_alternate_stack(void)
{
    for (int sig = 1; sig < NSIG; sig++) {
        struct sigaction a;
        if (sigaction(sig, NULL, &a) == 0 && a.sa_handler != SIG_DFL &&
            a.sa_handler != SIG_IGN && !(a.sa_flags & SA_ONSTACK)) {
            a.sa_flags |= SA_ONSTACK;
            sigaction(sig, &a, NULL);
        }
    }
    CHECK(vx_trap_unsafe_signal() == 0);
}

static void
start(void)
{
    const char *why = NULL;
    vx_take();
    if (vx_init(&why) < 0) {
        fprintf(stderr, "run.c: %s\n", why);
        exit(3);
    }
    cpu = vx_cpu_new();
    victim = vx_object_new(AREA, 0);
    CHECK(cpu && victim);
    memset(vx_object_data(victim), 0x5a, AREA);
    vx_give();
    handlers_on_alternate_stack();
}

/* What the host relies on. */
static void
check_host(void)
{
    uint32_t mxcsr;
    uint16_t control;
    uint64_t flags;
    __asm__ volatile("stmxcsr %0\n\tfnstcw %1\n\tpushfq\n\tpop %2"
                     : "=m"(mxcsr), "=m"(control), "=r"(flags));
    CHECK((mxcsr & ~0x3fu) == 0x1f80);
    CHECK(control == 0x37f);
    CHECK((flags & (VX_FL_TF | VX_FL_DF | VX_FL_NT | VX_FL_AC)) == 0);
    const uint8_t *p = vx_object_data(victim);
    for (int i = 0; i < AREA; i++)
        CHECK(p[i] == 0x5a);
}

struct end {
    struct vx_trap trap;
    uint32_t reg[8], eip, eflags, hash;
};

static struct end
run(struct vx_memory *m, struct vx_object *data, struct vx_object *stack, const uint8_t *header,
    uint32_t steps)
{
    struct end end = {0};
    uint16_t flags;
    memset(vx_object_data(data), 0, AREA);
    memset(vx_object_data(stack), 0, AREA);
    memcpy(&flags, header + 2, 2);
    for (int i = 0, k = 0; i < 8; i++)
        if (i == ESP)
            cpu->reg[i] = STACK + AREA / 2;
        else
            memcpy(&cpu->reg[i], header + 4 + 4 * k++, 4);
    cpu->eip = TEXT;
    cpu->eflags = (flags & VX_FL_USER) | VX_FL_IF | 2;
    cpu->id_flag = 0;
    vx_cpu_reset_fpu(cpu);
    cpu->memory = m;
    cpu->interrupt = 0;
    for (int calls = 0; calls < 8; calls++) {
        cpu->steps = steps;
        steps = 0;
        vx_take();
        int err = vx_thread_init(&cpu->ctl, &cpu->control);
        err = err < 0 ? err : vx_run(cpu, 2);
        vx_give();
        CHECK(err == 0);
        check_host();
        if (cpu->trap.kind == VX_T_INTERRUPT)
            cpu->resume = 0;
        else if (cpu->trap.kind != VX_T_INT)
            break;
    }
    end.trap = cpu->trap;
    memcpy(end.reg, cpu->reg, sizeof end.reg);
    end.eip = cpu->eip;
    end.eflags = cpu->eflags & VX_FL_USER;
    for (uint32_t i = 0; i < AREA; i++)
        end.hash = (end.hash ^ vx_object_data(data)[i] ^ vx_object_data(stack)[i] << 8) *
                   16777619u;
    return end;
}

static void
show(const char *what, const struct end *e)
{
    fprintf(stderr, "%s: trap %d %u %#x%s, eip %#x, flags %#x, memory %#x", what, e->trap.kind,
            e->trap.number, e->trap.address, e->trap.write ? " write" : "", e->eip, e->eflags,
            e->hash);
    for (int i = 0; i < 8; i++)
        fprintf(stderr, " %#x", e->reg[i]);
    fprintf(stderr, "\n");
}

/* RDTSC and CPUID: what they say, or when, is no function of the program. */
static int
tells_time(const uint8_t *p, size_t n)
{
    for (size_t i = 0; i + 1 < n; i++)
        if (p[i] == 0x0f && (p[i + 1] == 0x31 || p[i + 1] == 0xa2 || p[i + 1] == 0xc7))
            return 1;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (cpu == NULL)
        start();
    if (size <= HEADER || size > HEADER + AREA)
        return 0;
    vx_take();
    struct vx_cache *c = vx_cache_new();
    struct vx_memory *m = vx_memory_new(32 << 20, c);
    struct vx_object *text = vx_object_new(AREA, 0), *room = vx_object_new(AREA, 0),
                     *stack = vx_object_new(AREA, 0);
    CHECK(c && m && text && room && stack);
    memcpy(vx_object_data(text), data + HEADER, size - HEADER);
    CHECK(vx_memory_map(m, TEXT, text, VX_READ | VX_EXEC) == 0);
    CHECK(vx_memory_map(m, DATA, room, VX_READ | VX_WRITE) == 0);
    CHECK(vx_memory_map(m, STACK, stack, VX_READ | VX_WRITE) == 0);
    vx_give();
    uint16_t steps;
    memcpy(&steps, data, 2);
    struct end a = run(m, room, stack, data, 0);
    struct end b = run(m, room, stack, data, 1 + steps % 500);
    int timed = a.trap.kind == VX_T_QUANTUM || b.trap.kind == VX_T_QUANTUM ||
                a.trap.kind == VX_T_INT || b.trap.kind == VX_T_INT;
    if (!timed && !tells_time(data + HEADER, size - HEADER) && memcmp(&a, &b, sizeof a)) {
        show("straight on", &a);
        show("interrupted", &b);
        fail("both are the same", __LINE__);
    }
    vx_take();
    CHECK(c->count.refused == 0);
    vx_object_unref(text);
    vx_object_unref(room);
    vx_object_unref(stack);
    vx_memory_free(m);
    vx_cache_unref(c);
    vx_give();
    return 0;
}
