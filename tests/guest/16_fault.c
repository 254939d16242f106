/* A read that nothing is behind ends the process. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    print("before\n");
    print("%d\n", *(int volatile *)0x10);
    print("after\n");
    exits(nil);
}
