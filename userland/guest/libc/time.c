/* time(2), cputime(2), nsec(2) */
#include <u.h>
#include <libc.h>

vlong
nsec(void)
{
    vlong ns;

    return _nsec(&ns) == -1 ? -1 : ns;
}

long
time(long *t)
{
    vlong ns = nsec();
    long s = ns < 0 ? -1 : (long)(ns / 1000000000);

    if (t != nil)
        *t = s;
    return s;
}

/* ms: user, system, and the same of children that are gone; returns the real time. */
long
times(long *t)
{
    char buf[200], *p = buf;
    long v[6];
    int fd = open("/dev/cputime", OREAD), n, i;

    memset(v, 0, sizeof v);
    if (fd < 0)
        fd = open("#c/cputime", OREAD);
    if (fd < 0)
        return -1;
    n = read(fd, buf, sizeof buf - 1);
    close(fd);
    if (n < 0)
        return -1;
    buf[n] = 0;
    for (i = 0; i < nelem(v); i++)
        v[i] = strtoul(p, &p, 10);
    if (t != nil) {
        t[0] = v[0];
        t[1] = v[1];
        t[2] = v[3];
        t[3] = v[4];
    }
    return v[2];
}

double
cputime(void)
{
    long t[4];

    if (times(t) < 0)
        return 0;
    return (t[0] + t[1] + t[2] + t[3]) / 1000.0;
}
