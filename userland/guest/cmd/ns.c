/*
 * ns: the name space of a process, as commands for rc that make it again.
 * Source: ns(1), proc(3).
 */
#include <u.h>
#include <libc.h>

static int rflag;

static void
usage(void)
{
    fprint(2, "usage: ns [-r] [pid]\n");
    exits("usage");
}

/* Services are posted in #s, which people know as /srv. */
static char *
shown(char *name)
{
    return !rflag && strncmp(name, "#s/", 3) == 0 ? smprint("/srv/%s", name + 3) : name;
}

/* One line: a command, perhaps a flag, and names; %q quotes those that need it. */
static void
line(char *buf)
{
    char *f[8];
    int i, n = tokenize(buf, f, nelem(f));

    if (n == 0)
        return;
    print("%s", f[0]);
    for (i = 1; i < n; i++)
        print(i == 1 && f[i][0] == '-' ? " %s" : " %q", shown(f[i]));
    print("\n");
}

void
main(int argc, char **argv)
{
    char path[64], *buf, *pid;
    int fd;
    long n;

    ARGBEGIN {
    case 'r':
        rflag = 1;
        break;
    default:
        usage();
    }
    ARGEND
    if (argc > 1)
        usage();
    pid = argc == 1 ? argv[0] : smprint("%d", getpid());
    quotefmtinstall();
    snprint(path, sizeof path, "/proc/%s/ns", pid);
    fd = open(path, OREAD);
    if (fd < 0)
        sysfatal("can't open %s: %r", path);
    buf = malloc(65536);
    if (buf == nil)
        sysfatal("out of memory");
    while ((n = read(fd, buf, 65535)) > 0) { /* a line at a time */
        buf[n] = 0;
        line(buf);
    }
    if (n < 0)
        sysfatal("can't read %s: %r", path);
    exits(nil);
}
