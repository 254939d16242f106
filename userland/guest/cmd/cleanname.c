/* cleanname: paths without what is of no use in them.  Source: cleanname(1). */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    char *dir = nil, *s;

    argv0 = "cleanname";
    ARGBEGIN {
    case 'd':
        dir = ARGF();
        if (dir != nil)
            break;
        /* fall through */
    default:
    usage:
        fprint(2, "usage: cleanname [-d pwd] name...\n");
        exits("usage");
    }
    ARGEND
    if (argc == 0)
        goto usage;
    for (; *argv != nil; argv++) {
        s = dir != nil && **argv != '/' ? smprint("%s/%s", dir, *argv) : strdup(*argv);
        if (s == nil)
            sysfatal("no memory");
        print("%s\n", cleanname(s));
        free(s);
    }
    exits(nil);
}
