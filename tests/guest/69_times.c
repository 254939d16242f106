/* User and system time of a process and its children: times, status, cputime, wait, _tos. */
#include <u.h>
#include <libc.h>
#include <tos.h>

enum { User, System, Real, Cuser, Csystem, Creal };

static ulong
status(int n)
{
    char path[64], buf[256], *f[20];
    int fd;

    snprint(path, sizeof path, "/proc/%d/status", getpid());
    fd = open(path, OREAD);
    buf[read(fd, buf, sizeof buf - 1)] = 0;
    close(fd);
    tokenize(buf, f, nelem(f));
    return atoi(f[3 + n]);
}

static volatile int sink;

/* Compute, or make calls, until so many milliseconds are used. */
static long
use(int which, long ms)
{
    long t[4];
    char buf[1];
    int i;

    do {
        for (i = 0; i < 20; i++)
            if (which == User)
                for (sink = 0; sink < 100000; sink++)
                    ;
            else
                stat("/dev/null", (uchar *)buf, 0);
        times(t);
    } while (t[which] < ms);
    return t[which];
}

static ulong
now(void)
{
    return *(volatile ulong *)&_tos->clock;
}

void
main(int argc, char **argv)
{
    long t[4], before;
    ulong clock;
    Waitmsg *w;
    char buf[128], *f[8];
    int fd;

    before = use(User, 60);
    times(t);
    print("user %d, the same in status %d\n", t[0] >= before,
          status(User) >= before && status(User) < before + 2000);
    clock = now();
    while (now() == clock && sink++ < 2000000000)
        ; /* it goes on while one computes */
    print("_tos %d\n", now() > clock && now() <= status(User));
    before = use(System, 40);
    print("system %d %d\n", before >= 40, status(System) >= before);
    print("real %d\n", status(Real) >= status(User) + status(System) - 20);
    print("children %lud %lud\n", status(Cuser), status(Csystem));
    if (fork() == 0) {
        if (fork() == 0) {
            use(User, 30);
            exits(nil);
        }
        waitpid();
        use(User, 30);
        exits(nil);
    }
    w = wait();
    print("its and its child's: %d\n", w->time[0] >= 60 && w->time[0] < 2000);
    print("real %d\n", w->time[2] >= w->time[0] - 20);
    times(t);
    print("ours now: %d %d\n", t[2] == w->time[0], status(Cuser) == w->time[0]);
    fd = open("/dev/cputime", OREAD);
    buf[read(fd, buf, sizeof buf - 1)] = 0;
    print("cputime: %d fields,", tokenize(buf, f, nelem(f)));
    print(" %d\n", atoi(f[3]) == t[2]);
    exits(nil);
}
