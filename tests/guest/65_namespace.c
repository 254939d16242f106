/* proc(3): what /proc/n/ns says, carried out in an empty name space, makes the same one. */
#include <u.h>
#include <libc.h>

enum { Lines = 64 };

static char *
mine(char **lines, int max, int *n)
{
    char path[64], buf[1024];
    int fd, m;

    snprint(path, sizeof path, "#p/%d/ns", getpid());
    fd = open(path, OREAD);
    if (fd < 0)
        return "open";
    for (*n = 0; (m = read(fd, buf, sizeof buf - 1)) > 0 && *n < max; ++*n) {
        buf[m] = 0;
        lines[*n] = strdup(buf);
    }
    close(fd);
    return m < 0 ? "read" : nil;
}

static int
flags(char *s)
{
    int f = MREPL;

    for (; *s; s++)
        f |= *s == 'a' ? MAFTER : *s == 'b' ? MBEFORE : *s == 'c' ? MCREATE
                                : *s == 'C' ? MCACHE : 0;
    return f;
}

/* Carry out a line. */
static int
run(char *line)
{
    char *copy = strdup(line), *f[8], **arg = f + 1;
    int n = tokenize(copy, f, nelem(f)), flag = MREPL, fd, r = -1;

    f[n] = "";
    if (strcmp(f[0], "cd") == 0)
        return chdir(f[1]);
    if (arg[0][0] == '-')
        flag = flags(*arg++);
    if (strcmp(f[0], "bind") == 0)
        r = bind(arg[0], arg[1], flag);
    else if ((fd = open(arg[0], ORDWR)) >= 0)
        r = mount(fd, -1, arg[1], flag, n > arg + 2 - f ? arg[2] : "");
    return r;
}

void
main(int argc, char **argv)
{
    char *before[Lines], *after[Lines];
    int i, n, m, different = 0;

    rfork(RFNAMEG);
    bind("#e", "/mnt", MREPL);
    bind("#c", "/mnt", MAFTER);
    bind("#p", "/mnt", MBEFORE | MCREATE);
    bind("/dev/null", "/dev/zero", MREPL);
    bind("#d", "/n", MAFTER);
    bind("/env", "/srv", MBEFORE);
    unmount("#c", "/mnt");
    chdir("/mnt/1");
    if (mine(before, Lines, &n) != nil)
        sysfatal("ns: %r");
    print("more than eight lines: %d\n", n > 8);
    for (i = 0; i < n; i++)
        if (strstr(before[i], "/mnt") != nil || strstr(before[i], "zero") != nil)
            print("%s", before[i]);
    rfork(RFCNAMEG);
    print("empty: %d\n", access("/dev/null", AEXIST));
    if (mine(after, Lines, &m) != nil)
        sysfatal("ns: %r");
    print("lines: %d\n", m);
    for (i = 0; i < n; i++)
        if (run(before[i]) < 0)
            print("cannot: %s%r\n", before[i]);
    if (mine(after, Lines, &m) != nil)
        sysfatal("ns: %r");
    if (n != m)
        print("%d lines, and then %d\n", n, m);
    for (i = 0; i < n && i < m; i++)
        if (strcmp(before[i], after[i]) != 0) {
            print("was %snow %s", before[i], after[i]);
            different++;
        }
    print("different: %d\n", different);
    print("/dev/zero reads %ld bytes\n", read(open("/dev/zero", OREAD), before, 10));
    exits(nil);
}
