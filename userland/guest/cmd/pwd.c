/* pwd: the current directory's name.  Source: pwd(1). */
#include <u.h>
#include <libc.h>

static char path[65536];

void
main(int argc, char **argv)
{
    USED(argc, argv);
    argv0 = "pwd";
    if (getwd(path, sizeof path) == nil)
        sysfatal("getwd: %r");
    if (print("%s\n", path) < 0)
        exits("write error");
    exits(nil);
}
