/* ps: the processes.  Source: ps(1), proc(3). */
#include <u.h>
#include <libc.h>

/* /proc/N/status: three names padded with blanks, then numbers */
enum {
    Name = 0,
    User = 28,
    State = 56,
    Numbers = 68,
    Utime = 0,
    Stime,
    Rtime,
    Cutime,
    Cstime,
    Crtime,
    Size,
    Basepri,
    Pri,
    Nnumber,
};

static int aflag, nflag, pflag, rflag;
static Fmt out;
static char outbuf[4096];

static void
usage(void)
{
    fprint(2, "usage: ps [-anpr]\n");
    exits("usage");
}

static int
contents(char *pid, char *file, char *buf, int size)
{
    char path[64];
    int fd, n;

    snprint(path, sizeof path, "/proc/%s/%s", pid, file);
    fd = open(path, OREAD);
    if (fd < 0)
        return -1;
    n = readn(fd, buf, size - 1);
    close(fd);
    if (n >= 0)
        buf[n] = 0;
    return n;
}

static char *
trimmed(char *s, int n)
{
    s[n - 1] = 0;
    for (n -= 2; n >= 0 && s[n] == ' '; n--)
        s[n] = 0;
    return s;
}

static void
elapsed(ulong ms)
{
    ulong s = ms / 1000;

    if (s < 24 * 3600)
        fmtprint(&out, " %2lud:%.2lud:%.2lud", s / 3600, s / 60 % 60, s % 60);
    else
        fmtprint(&out, " %5ludd%.2ludh", s / (24 * 3600), s / 3600 % 24);
}

/* One line; a process that is gone by now has none. */
static void
ps(char *pid)
{
    char status[256], args[256], group[32], *p;
    ulong v[Nnumber];
    int i, n;

    n = contents(pid, "status", status, sizeof status);
    if (n < Numbers)
        return;
    p = status + Numbers;
    for (i = 0; i < Nnumber; i++)
        v[i] = strtoul(p, &p, 10);
    fmtprint(&out, "%-10s %8s", trimmed(status + User, State - User), pid);
    if (nflag) {
        if (contents(pid, "noteid", group, sizeof group) < 0)
            strcpy(group, "?");
        fmtprint(&out, " %8lud", strtoul(group, nil, 10));
    }
    if (rflag)
        elapsed(v[Rtime]);
    fmtprint(&out, " %4lud:%.2lud %3lud:%.2lud", v[Utime] / 60000, v[Utime] / 1000 % 60,
             v[Stime] / 60000, v[Stime] / 1000 % 60);
    if (pflag)
        fmtprint(&out, " %2lud %2lud", v[Basepri], v[Pri]);
    fmtprint(&out, " %7ludK %-8.8s ", v[Size], trimmed(status + State, Numbers - State));
    trimmed(status + Name, User - Name);
    if (aflag && contents(pid, "args", args, sizeof args) > 0) {
        for (p = args; *p != 0; p++)
            if (*p == '\n')
                *p = ' ';
        fmtprint(&out, "%s\n", args);
    } else
        fmtprint(&out, "%s\n", status + Name);
}

static int
bypid(void const *a, void const *b)
{
    return atoi(((Dir *)a)->name) - atoi(((Dir *)b)->name);
}

void
main(int argc, char **argv)
{
    Dir *d;
    long n, i;
    int fd;

    ARGBEGIN {
    case 'a':
        aflag = 1;
        break;
    case 'n':
        nflag = 1;
        break;
    case 'p':
        pflag = 1;
        break;
    case 'r':
        rflag = 1;
        break;
    default:
        usage();
    }
    ARGEND
    if (argc > 0)
        usage();
    fd = open("/proc", OREAD);
    if (fd < 0)
        sysfatal("can't open /proc: %r");
    n = dirreadall(fd, &d);
    if (n < 0)
        sysfatal("can't read /proc: %r");
    qsort(d, n, sizeof *d, bypid);
    fmtfdinit(&out, 1, outbuf, sizeof outbuf);
    for (i = 0; i < n; i++)
        if (d[i].name[0] >= '0' && d[i].name[0] <= '9')
            ps(d[i].name);
    if (fmtfdflush(&out) < 0)
        exits("write error");
    exits(nil);
}
