/*
 * What kill, slay, stop and start have in common: for each of one's own processes of a name
 * a command for rc is printed, which can be looked at before it is run.
 * Source: kill(1), proc(3).
 */

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

/* Print the commands that write message to file of every process with one of the names. */
static void
byname(int argc, char **argv, char *message, char *file)
{
    char buf[Statusmin + 1], *user;
    Dir *d;
    long n, i;
    int fd, j;

    argv0 = strrchr(argv[0], '/') != nil ? strrchr(argv[0], '/') + 1 : argv[0];
    if (argc < 2) {
        fprint(2, "usage: %s name ...\n", argv0);
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
                print("echo %s>/proc/%s/%s # %s\n", message, d[i].name, file, argv[j]);
        }
    exits(nil);
}
