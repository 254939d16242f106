/* atexit(2), and the message of exits. */
#include <u.h>
#include <libc.h>

static void
first(void)
{
    print("first\n");
}

static void
second(void)
{
    print("second\n");
}

static void
third(void)
{
    print("third\n");
}

void
main(int argc, char **argv)
{
    atexit(first);
    atexit(third);
    atexit(second);
    atexitdont(third);
    if (fork() == 0)
        exits("child"); /* they are the parent's */
    waitpid();
    print("end\n");
    exits("bye: all done");
}
