/*
 * kill: prints the commands, for rc, that end one's own processes of a name.
 * Source: kill(1), proc(3).
 */
#include <u.h>
#include <libc.h>

/* name, user and state are padded with blanks in /proc/N/status */
enum { Namewidth = 28, Statusmin = 2 * Namewidth };

static char *
trimmed(char *s, int n)
{
    s[n - 1] = 0;
    for (n -= 2; n >= 0 && s[n] == ' '; n--)
        s[n] = 0;
    return s;
}

static int
status(char *pid, char *buf, int size)
{
    char path[64];
    int fd, n;

    snprint(path, sizeof path, "/proc/%s/status", pid);
    fd = open(path, OREAD);
    if (fd < 0)
        return 0;
    n = readn(fd, buf, size);
    close(fd);
    return n >= Statusmin;
}

static int
bypid(void const *a, void const *b)
{
    return atoi(((Dir *)a)->name) - atoi(((Dir *)b)->name);
}

void
main(int argc, char **argv)
{
    char buf[Statusmin + 1], *user;
    Dir *d;
    long n, i;
    int fd, j;

    argv0 = "kill";
    if (argc < 2) {
        fprint(2, "usage: kill name ...\n");
        exits("usage");
    }
    user = getuser();
    fd = open("/proc", OREAD);
    if (fd < 0)
        sysfatal("can't open /proc: %r");
    n = dirreadall(fd, &d);
    if (n < 0)
        sysfatal("can't read /proc: %r");
    qsort(d, n, sizeof *d, bypid);
    for (j = 1; j < argc; j++)
        for (i = 0; i < n; i++) {
            if (d[i].name[0] < '0' || d[i].name[0] > '9' || !status(d[i].name, buf, Statusmin))
                continue;
            if (strcmp(trimmed(buf + Namewidth, Namewidth), user) == 0
                && strcmp(trimmed(buf, Namewidth), argv[j]) == 0)
                print("echo kill>/proc/%s/note # %s\n", d[i].name, argv[j]);
        }
    exits(nil);
}
