/* brk(2): new memory is zero, and stays when it is let go only below. */
#include <u.h>
#include <libc.h>

static jmp_buf env;

static int
fault(void *u, char *note)
{
    if (strncmp(note, "sys: trap: fault", 16) != 0)
        return 0;
    notejmp(u, env, 1);
    return 1;
}

void
main(int argc, char **argv)
{
    char *p, *q;
    long i;

    p = sbrk(0);
    q = sbrk(3 * 1024 * 1024);
    print("%d\n", q == p);
    for (i = 0; i < 3 * 1024 * 1024; i++)
        if (q[i] != 0) {
            print("byte %ld is %d\n", i, q[i]);
            break;
        }
    memset(q, 1, 3 * 1024 * 1024);
    print("%d\n", (char *)sbrk(0) == q + 3 * 1024 * 1024);
    print("%d\n", brk(q + 4096));
    atnotify(fault, 1);
    if (setjmp(env) == 0) {
        q[100000] = 1;
        print("still there\n");
    } else
        print("fault above the break\n");
    brk(q + 200000);
    print("%d %d\n", q[100], q[100000]);
    print("%d %r\n", brk((void *)0xdff00000));
    print("%d\n", brk((void *)0x2000));
    exits(nil);
}
