/* mount: shows the tree of a file server that is posted in /srv.  Source: bind(1). */
#include <u.h>
#include <libc.h>
#include "mountflags.h"

static void
usage(void)
{
    fprint(2, "usage: mount [-a|-b|-c|-ac|-bc] [-Cnq] service old [spec]\n");
    exits("usage");
}

void
main(int argc, char **argv)
{
    int fd, quiet = 0;

    ARGBEGIN {
    case 'n': /* no authentication: there is no other way here */
        break;
    case 'q':
        quiet = 1;
        break;
    default:
        if (!mountflag(ARGC()))
            usage();
    }
    ARGEND
    if (argc != 2 && argc != 3)
        usage();
    fd = open(argv[0], ORDWR);
    if (fd < 0) {
        if (quiet)
            exits("open");
        sysfatal("can't open %s: %r", argv[0]);
    }
    if (mount(fd, -1, argv[1], mountflags, argc == 3 ? argv[2] : "") < 0) {
        if (quiet)
            exits("mount");
        sysfatal("mount %s: %r", argv[1]);
    }
    exits(nil);
}
