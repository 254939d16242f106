/* hello: the first program anybody runs. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    USED(argc, argv);
    print("hello, world\n");
    exits(nil);
}
