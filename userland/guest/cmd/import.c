/*
 * import: mounts a folder of another system's name space, which its exporter serves by 9P.
 * Source: import(4); the folder is the spec of the attach.
 */
#include <u.h>
#include <libc.h>
#include "dialsrv.h"
#include "mountflags.h"

static void
usage(void)
{
    fprint(2, "usage: import [-a|-b|-c|-ac|-bc] [-C] host remotefolder [mountpoint]\n");
    exits("usage");
}

void
main(int argc, char **argv)
{
    int fd;

    ARGBEGIN {
    default:
        if (!mountflag(ARGC()))
            usage();
    }
    ARGEND
    if (argc != 2 && argc != 3)
        usage();
    fd = dialsrv(argv[0]);
    if (fd < 0)
        sysfatal("dial %s: %r", argv[0]);
    if (mount(fd, -1, argv[argc - 1], mountflags, argv[1]) < 0)
        sysfatal("mount %s: %r", argv[argc - 1]);
    exits(nil);
}
