/* notify(2): an x87 note tells the pc of the instruction that failed, not only of the one stopped. */
#include <u.h>
#include <libc.h>
#include <ureg.h>

extern char failed[], later[];

static void
handler(void *v, char *note)
{
    struct Ureg *u = v;
    char *p = strstr(note, "fppc="), *s = strstr(note, "status=");

    print("%.*s: fppc %s, pc %s, status %lux, trap %lud\n", (int)(strstr(note, " fppc") - note), note,
          strtoul(p + 5, nil, 0) == (ulong)failed ? "where it failed" : "?",
          u->pc == (ulong)later ? "later" : "?", strtoul(s + 7, nil, 0) & 0x7f, u->trap);
    exits(nil);
}

void
main(int argc, char **argv)
{
    volatile double zero = 0;

    notify(handler);
    setfsr(0);
    asm volatile("fld1\n"
                 "failed: fdivl %0\n"
                 "mov $100, %%ecx\n"
                 "1: loop 1b\n"
                 "later: fstp %%st(0)\n"
                 "fwait"
                 :
                 : "m"(zero)
                 : "ecx");
    exits("went on");
}
