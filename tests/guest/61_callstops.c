/* proc(3): stops at both ends of system calls, and what /proc/n/syscall says there. */
#include <u.h>
#include <libc.h>

static void
victim(void)
{
    int fd;

    while (access("/env/go", AEXIST) < 0)
        sleep(1);
    fd = open("/dev/null", ORDWR);
    write(fd, "text\n", 5);
    if (fork() == 0)
        exits("child");
    waitpid();
    dup(fd, 20);
    close(99);
    open("/nosuch", OREAD | OCEXEC);
    alarm(0);
    exits("done");
}

static char *shown[] = {"Open", "Pwrite", "Rfork", "Dup", "Close", "Alarm", "Exits"};

/* The child stops at its calls as well. */
static void
release(int pid)
{
    char path[64];
    int fd;

    snprint(path, sizeof path, "/proc/%d/ctl", pid);
    fd = open(path, OWRITE);
    print(" (child: waitstop %d,", fprint(fd, "waitstop"));
    print(" start %d)", fprint(fd, "start"));
    close(fd);
}

/* A line of the file, without what differs from run to run; whether the call is of those shown. */
static int
show(char *s)
{
    static int begun;
    static char last[32];
    char *f[32], *p, *after;
    int i, n, times;

    if (s[0] == ' ') {
        if (!begun)
            return 0;
        after = strstr(s, "= ");
        times = 0;
        for (p = after + strlen(after); p > after && times < 2; p--)
            if (*p == ' ')
                times++;
        p[1] = 0;
        if (strcmp(last, "Rfork") == 0) {
            release(atoi(after + 2));
            after = "= child";
            p = after + 6;
        }
        print(" %.*s, then times\n", (int)(p + 1 - after), after);
        return begun = 0;
    }
    n = getfields(s, f, nelem(f), 1, " ");
    begun = 0;
    for (i = 0; i < nelem(shown); i++)
        begun |= n > 3 && strcmp(f[2], shown[i]) == 0;
    if (!begun)
        return 0;
    strecpy(last, last + sizeof last, f[2]);
    print("%s %s", f[1], f[2]);
    for (i = 4; i < n; i++)
        print(" %s", (p = strchr(f[i], '/')) != nil ? p : f[i]);
    return 1;
}

void
main(int argc, char **argv)
{
    char path[64], buf[1024];
    int pid, ctl, fd, n;
    Waitmsg *w;

    pid = fork();
    if (pid == 0)
        victim();
    snprint(path, sizeof path, "/proc/%d/ctl", pid);
    ctl = open(path, OWRITE);
    n = fprint(ctl, "startsyscall");
    print("%d %r\n", n);
    print("stop %d\n", fprint(ctl, "stop"));
    close(create("/env/go", OWRITE, 0666));
    snprint(path, sizeof path, "/proc/%d/syscall", pid);
    fd = open(path, OREAD);
    print("%d bytes before\n", (int)pread(fd, buf, sizeof buf, 0));
    while (fprint(ctl, "startsyscall") > 0) {
        n = pread(fd, buf, sizeof buf - 1, 0);
        buf[n < 0 ? 0 : n] = 0;
        show(buf);
    }
    print("\n%r\n");
    w = wait();
    print("%s\n", strchr(w->msg, ':'));
    exits(nil);
}
