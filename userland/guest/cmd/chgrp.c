/* chgrp: changes the group, or with -u the owner.  Source: chgrp(1). */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    int uflag = 0, failed = 0;
    char *group;
    Dir d;

    argv0 = "chgrp";
    ARGBEGIN {
    case 'o':
    case 'u':
        uflag = 1;
        break;
    default:
    usage:
        fprint(2, "usage: chgrp [-ou] group file ...\n");
        exits("usage");
    }
    ARGEND
    if (argc < 1)
        goto usage;
    group = *argv++;
    for (; *argv != nil; argv++) {
        nulldir(&d);
        if (uflag)
            d.uid = group;
        else
            d.gid = group;
        if (dirwstat(*argv, &d) < 0) {
            fprint(2, "chgrp: can't wstat %s: %r\n", *argv);
            failed = 1;
        }
    }
    exits(failed ? "errors" : nil);
}
