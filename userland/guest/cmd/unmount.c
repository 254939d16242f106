/* unmount: takes away what covers a file, or one of the things that do.  Source: bind(1). */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    if (argc != 2 && argc != 3) {
        fprint(2, "usage: unmount mountpoint\n"
                  "       unmount mounted mountpoint\n");
        exits("usage");
    }
    if ((argc == 2 ? unmount(nil, argv[1]) : unmount(argv[1], argv[2])) < 0)
        sysfatal("unmount %s: %r", argv[argc - 1]);
    exits(nil);
}
