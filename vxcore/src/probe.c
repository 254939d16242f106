/*
 * probe.c: for the tests of the core: stop a guest after so many emitted instructions, wherever
 * that is, and look at the code that was emitted.
 *
 * The guest is entered with the trap flag set, and the signal handler counts (trap.c).  Guests
 * cannot get there: they have no way to set the flag, and without a count it means nothing.
 */
#include "nofpu.h"

#include "vx.h"

#define REG(i) (offsetof(struct vx_cpu, reg) + 4 * (i))

/*
 * vx_enter_stepping(cpu): as vx_enter, but by IRET, which can set the trap flag without being
 * stepped through itself.  What is on the stack below r14 is what vx_leave takes off.
 */
__attribute__((used, noinline, noclone)) static void
crossing(void)
{
    __asm__ volatile(
        ".globl vx_enter_stepping\n"
        ".hidden vx_enter_stepping\n"
        ".type vx_enter_stepping, @function\n"
        ".p2align 5\n"
        "vx_enter_stepping:\n"
        "    push %%rbx\n    push %%rbp\n    push %%r12\n    push %%r13\n"
        "    push %%r14\n    push %%r15\n"
        "    mov %%rdi, %%r15\n"
        "    mov %%rsp, %%r14\n"
        "    movzwl %c[control](%%r15), %%eax\n    mov %%eax, %%gs\n"
        "    movzwl %c[data](%%r15), %%eax\n    mov %%eax, %%ds\n    mov %%eax, %%es\n"
        "    push %%rax\n"
        "    mov %c[esp](%%r15), %%eax\n    push %%rax\n"
        "    mov %c[eflags](%%r15), %%eax\n"
        "    and %[user], %%eax\n    or %[tf], %%eax\n    push %%rax\n"
        "    push $0x23\n"
        "    mov %c[go](%%r15), %%eax\n    push %%rax\n"
        "    mov %c[eax](%%r15), %%eax\n    mov %c[ecx](%%r15), %%ecx\n"
        "    mov %c[edx](%%r15), %%edx\n    mov %c[ebx](%%r15), %%ebx\n"
        "    mov %c[ebp](%%r15), %%ebp\n    mov %c[esi](%%r15), %%esi\n"
        "    mov %c[edi](%%r15), %%edi\n"
        "    iretq\n"
        ".size vx_enter_stepping, .-vx_enter_stepping\n"
        :
        : [data] "i"(offsetof(struct vx_cpu, data)),
          [control] "i"(offsetof(struct vx_cpu, control)),
          [eflags] "i"(offsetof(struct vx_cpu, eflags)), [go] "i"(offsetof(struct vx_cpu, go)),
          [eax] "i"(REG(EAX)), [ecx] "i"(REG(ECX)), [edx] "i"(REG(EDX)), [ebx] "i"(REG(EBX)),
          [esp] "i"(REG(ESP)), [ebp] "i"(REG(EBP)), [esi] "i"(REG(ESI)), [edi] "i"(REG(EDI)),
          [user] "i"(VX_FL_USER), [tf] "i"(VX_FL_TF | 2));
}
