/* setjmp(2) */
#include <u.h>
#include <libc.h>

static jmp_buf env;

static void
deep(int n)
{
    char room[100];

    memset(room, n, sizeof room);
    if (n == 0)
        longjmp(env, 42);
    deep(n - 1);
    print("never %d\n", room[3]);
}

void
main(int argc, char **argv)
{
    volatile int tries = 0;
    int r;

    r = setjmp(env);
    print("setjmp %d\n", r);
    if (r == 0)
        deep(50);
    if (++tries == 1)
        longjmp(env, 0);
    exits(nil);
}
