/* mtime: when files were changed.  Source: mtime(1). */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    int failed = 0;
    Dir *d;

    argv0 = "mtime";
    ARGBEGIN {
    default:
    usage:
        fprint(2, "usage: mtime file...\n");
        exits("usage");
    }
    ARGEND
    if (argc == 0)
        goto usage;
    for (; *argv != nil; argv++) {
        d = dirstat(*argv);
        if (d == nil) {
            fprint(2, "mtime: stat %s: %r\n", *argv);
            failed = 1;
            continue;
        }
        print("%11lud %s\n", d->mtime, *argv);
        free(d);
    }
    exits(failed ? "stat" : nil);
}
