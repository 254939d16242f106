/* bind: shows a file or folder under another name.  Source: bind(1). */
#include <u.h>
#include <libc.h>
#include "mountflags.h"

static void
usage(void)
{
    fprint(2, "usage: bind [-a|-b|-c|-ac|-bc] new old\n");
    exits("usage");
}

void
main(int argc, char **argv)
{
    int quiet = 0;

    ARGBEGIN {
    case 'q':
        quiet = 1;
        break;
    default:
        if (!mountflag(ARGC()))
            usage();
    }
    ARGEND
    if (argc != 2 || mountflags & MCACHE)
        usage();
    if (bind(argv[0], argv[1], mountflags) < 0) {
        if (quiet)
            exits("bind");
        sysfatal("%s: %r", argv[0]);
    }
    exits(nil);
}
