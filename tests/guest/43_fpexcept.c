/* Floating-point exceptions that are not masked are notes. */
#include <u.h>
#include <libc.h>

static jmp_buf env;
static char seen[ERRMAX];

static void
handler(void *u, char *note)
{
    char *end = strstr(note, " fppc=");

    strecpy(seen, seen + sizeof seen, note);
    if (end != nil)
        seen[end - note] = 0;
    notejmp(u, env, 1);
}

static void
try(char *what, double x, double y)
{
    volatile double a = x, b = y, c = 0;

    seen[0] = 0;
    setfsr(0);
    if (setjmp(env) == 0) {
        if (what[0] == 'd')
            c = a / b;
        else
            c = a * b;
        __asm__ volatile("fwait");
        print("%s: %g\n", what, c);
    } else {
        __asm__ volatile("fninit");
        setfcr(FPPDBL | FPRNR | FPINVAL | FPZDIV | FPOVFL);
        print("%s: %s\n", what, seen);
    }
}

void
main(int argc, char **argv)
{
    notify(handler);
    try("divide 1 by 2", 1, 2);
    try("divide 1 by 0", 1, 0);
    try("divide 0 by 0", 0, 0);
    try("multiply 1e300 by 1e300", 1e300, 1e300);
    try("multiply 1e-300 by 1e-300", 1e-300, 1e-300);
    exits(nil);
}
