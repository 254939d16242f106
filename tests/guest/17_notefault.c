/* notify(2): faults of all kinds become notes, with the right address and registers. */
#include <u.h>
#include <libc.h>
#include <ureg.h>

static jmp_buf env;
static char seen[ERRMAX];
static Ureg at;

static void
handler(void *v, char *note)
{
    Ureg *u = v;
    char *pc = strstr(note, " pc=");

    at = *u;
    strecpy(seen, seen + sizeof seen, note);
    if (pc != nil) {
        if (strtoul(pc + 6, nil, 16) != u->pc)
            strcpy(seen, "pc of note and ureg differ");
        else
            seen[pc - note] = 0;
    }
    notejmp(v, env, 1);
}

static void
readbad(void)
{
    (void)*(int volatile *)0x00000ffc;
}

static void
writebad(void)
{
    *(int volatile *)0xdfffff00 = 1;
}

static void
writetext(void)
{
    *(uchar volatile *)readbad = 0x90;
}

static void
divide(void)
{
    volatile int zero = 0;

    zero = 7 / zero;
}

static void
illegal(void)
{
    __asm__ volatile("ud2");
}

static void
breakpoint(void)
{
    __asm__ volatile("int3");
}

static void
privileged(void)
{
    __asm__ volatile("hlt");
}

static void
callnil(void)
{
    void (*volatile nowhere)(void) = nil;

    nowhere();
}

static void
registers(void)
{
    __asm__ volatile("movl $0x11111111, %%eax; movl $0x22222222, %%ecx; movl $0x33333333, %%edx\n"
                     "movl $0x55555555, %%esi; movl $0x66666666, %%edi; stc\n"
                     "movl 0, %%ebx"
                     :
                     :
                     : "eax", "ebx", "ecx", "edx", "esi", "edi", "memory");
}

static void
try(char *name, void (*f)(void))
{
    seen[0] = 0;
    if (setjmp(env) == 0)
        f();
    print("%s: %s\n", name, seen);
}

void
main(int argc, char **argv)
{
    notify(handler);
    try("read", readbad);
    try("write", writebad);
    try("divide", divide);
    try("illegal", illegal);
    try("breakpoint", breakpoint);
    try("call 0", callnil);
    print("pc %lux\n", at.pc);
    try("registers", registers);
    print("%lux %lux %lux %lux %lux %lud\n", at.ax, at.cx, at.dx, at.si, at.di, at.flags & 1);
    try("privileged", privileged);
    seen[0] = 0;
    if (setjmp(env) == 0)
        writetext();
    print("text: %s\n", strncmp(seen, "sys: trap: fault write addr=0x1", 31) == 0 ? "fault" : seen);
    exits(nil);
}
