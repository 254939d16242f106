/* touch: sets modification times.  Source: touch(1). */
#include <u.h>
#include <libc.h>

static void
usage(void)
{
    fprint(2, "usage: touch [-c] [-t time] files\n");
    exits("usage");
}

static int
touch(char *name, int nocreate, ulong when)
{
    Dir d;
    int fd;

    nulldir(&d);
    d.mtime = when;
    if (dirwstat(name, &d) >= 0)
        return 0;
    if (access(name, AEXIST) == 0 || nocreate) {
        fprint(2, "touch: %s: %r\n", name);
        return 1;
    }
    fd = create(name, OREAD | OEXCL, 0666);
    if (fd < 0 || dirfwstat(fd, &d) < 0) {
        fprint(2, "touch: %s: %r\n", name);
        return 1;
    }
    close(fd);
    return 0;
}

void
main(int argc, char **argv)
{
    ulong when = time(nil);
    int nocreate = 0, failed = 0;
    char *s;

    argv0 = "touch";
    ARGBEGIN {
    case 't':
        s = EARGF(usage());
        when = strtoul(s, &s, 0);
        if (*s != 0)
            usage();
        break;
    case 'c':
        nocreate = 1;
        break;
    default:
        usage();
    }
    ARGEND
    if (argc == 0)
        usage();
    for (; argc > 0; argc--, argv++)
        failed |= touch(*argv, nocreate, when);
    exits(failed ? "touch" : nil);
}
