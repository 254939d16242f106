/*
 * enter.c: the way into a guest and back.
 *
 * r15 holds the vx_cpu and r14 the host's stack pointer while a guest runs: 32-bit code cannot
 * touch them and interrupts preserve them, so nothing is spilled below 4 GiB.  DS, ES, SS and
 * GS are loaded only when they differ, and stay loaded in the host, which does not use them.
 * The assembly names structure members by offsetof, so there is nothing to keep in step.
 */
#include "nofpu.h"

#include "vx.h"

#define REG(i) (offsetof(struct vx_cpu, reg) + 4 * (i))

/*
 * vx_enter(cpu): returns why it came back.
 *
 * From vx_window to vx_window_end the processor is between host and guest: the signal handler
 * abandons an entry there (vx_leave_early), as nothing of the guest has changed yet.
 */
__attribute__((used, noinline, noclone)) static void
crossing(void)
{
    __asm__ volatile(
        ".globl vx_enter, vx_window, vx_window_end, vx_leave, vx_leave_signal, vx_leave_early\n"
        ".hidden vx_enter, vx_window, vx_window_end, vx_leave, vx_leave_signal, vx_leave_early\n"
        ".type vx_enter, @function\n"
        ".p2align 5\n"
        "vx_enter:\n"
        "    push %%rbx\n    push %%rbp\n    push %%r12\n    push %%r13\n"
        "    push %%r14\n    push %%r15\n"
        "    mov %%rdi, %%r15\n"
        "    mov %%rsp, %%r14\n"
        "    movzwl %c[data](%%r15), %%eax\n"
        "    mov %%ss, %%ecx\n    cmp %%eax, %%ecx\n    je 1f\n    mov %%eax, %%ss\n1:\n"
        "    mov %%ds, %%ecx\n    cmp %%eax, %%ecx\n    je 1f\n    mov %%eax, %%ds\n1:\n"
        "    mov %%es, %%ecx\n    cmp %%eax, %%ecx\n    je 1f\n    mov %%eax, %%es\n1:\n"
        "    movzwl %c[control](%%r15), %%eax\n"
        "    mov %%gs, %%ecx\n    cmp %%eax, %%ecx\n    je 1f\n    mov %%eax, %%gs\n1:\n"
        "vx_window:\n"
        "    cmpl $0, %c[pending](%%r15)\n"
        "    jne vx_leave_early\n"
        "    mov %c[eflags](%%r15), %%edx\n"
        "    test %[df], %%edx\n    jz 1f\n    std\n1:\n"
        "    mov %%edx, %%eax\n"
        "    mov %%al, %%ah\n"           /* CF PF AF ZF SF, for sahf */
        "    shr $11, %%edx\n    and $1, %%edx\n"
        "    mov %%dl, %%al\n"
        "    add $0x7f, %%al\n"          /* OF */
        "    sahf\n"
        "    mov %c[ecx](%%r15), %%ecx\n    mov %c[edx](%%r15), %%edx\n"
        "    mov %c[ebx](%%r15), %%ebx\n    mov %c[ebp](%%r15), %%ebp\n"
        "    mov %c[esi](%%r15), %%esi\n    mov %c[edi](%%r15), %%edi\n"
        "    mov %c[esp](%%r15), %%esp\n    mov %c[eax](%%r15), %%eax\n"
        "    ljmp *%c[go](%%r15)\n"
        "vx_window_end:\n"
        /* The stub below 4 GiB comes here, with the guest's registers. */
        "vx_leave:\n"
        "    mov %%eax, %c[eax](%%r15)\n    mov %%ecx, %c[ecx](%%r15)\n"
        "    mov %%edx, %c[edx](%%r15)\n    mov %%ebx, %c[ebx](%%r15)\n"
        "    mov %%esp, %c[esp](%%r15)\n    mov %%ebp, %c[ebp](%%r15)\n"
        "    mov %%esi, %c[esi](%%r15)\n    mov %%edi, %c[edi](%%r15)\n"
        "    mov %%r14, %%rsp\n"
        "    pushfq\n    pop %%rax\n"
        "    mov %%eax, %c[eflags](%%r15)\n"
        "    cld\n"
        "    mov %[left_exit], %%eax\n"
        "2:  pop %%r15\n    pop %%r14\n    pop %%r13\n    pop %%r12\n    pop %%rbp\n    pop %%rbx\n"
        "    ret\n"
        /* The signal handler has saved the guest and sends us here, on the host's stack. */
        "vx_leave_signal:\n"
        "    mov %[left_signal], %%eax\n    jmp 2b\n"
        "vx_leave_early:\n"
        "    mov %[not_entered], %%eax\n    jmp 2b\n"
        ".size vx_enter, .-vx_enter\n"
        :
        : [data] "i"(offsetof(struct vx_cpu, data)),
          [control] "i"(offsetof(struct vx_cpu, control)),
          [pending] "i"(offsetof(struct vx_cpu, pending)),
          [eflags] "i"(offsetof(struct vx_cpu, eflags)), [go] "i"(offsetof(struct vx_cpu, go)),
          [eax] "i"(REG(EAX)), [ecx] "i"(REG(ECX)), [edx] "i"(REG(EDX)), [ebx] "i"(REG(EBX)),
          [esp] "i"(REG(ESP)), [ebp] "i"(REG(EBP)), [esi] "i"(REG(ESI)), [edi] "i"(REG(EDI)),
          [df] "i"(VX_FL_DF), [left_exit] "i"(VX_LEFT_EXIT),
          [left_signal] "i"(VX_LEFT_SIGNAL), [not_entered] "i"(VX_NOT_ENTERED));
}

/*
 * The guest's x87 and SSE state, kept in the processor until code runs that may use it: all of
 * the core is compiled without, Python is not.
 */
void
vx_fpu_load(struct vx_cpu *c)
{
    __asm__ volatile("fxrstor %0" : : "m"(c->fpu) : "memory");
    c->fpu_live = 1;
}

void
vx_fpu_save(struct vx_cpu *c)
{
    static const uint32_t mxcsr = 0x1f80;
    if (!c->fpu_live)
        return;
    __asm__ volatile("fxsave %0\n\tfninit\n\tldmxcsr %1"
                     : "=m"(c->fpu)
                     : "m"(mxcsr)
                     : "memory");
    c->fpu_live = 0;
}

void
vx_cpu_reset_fpu(struct vx_cpu *c)
{
    for (unsigned i = 0; i < sizeof c->fpu; i++)
        c->fpu[i] = 0;
    c->fpu[0] = 0x7f;  /* FCW as after FNINIT */
    c->fpu[1] = 0x03;
    c->fpu[24] = 0x80;  /* MXCSR */
    c->fpu[25] = 0x1f;
    c->fpu_live = 0;
    c->resume = 0;
}
