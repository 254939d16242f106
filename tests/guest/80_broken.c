/* A process that dies of a trap stays, broken: memory, registers and text can be looked at. */
#include <u.h>
#include <libc.h>
#include <ureg.h>

static char evidence[] = "still here";
static int pid;

static int
file(char *name, int mode)
{
    char path[64];

    snprint(path, sizeof path, "/proc/%d/%s", pid, name);
    return open(path, mode);
}

static void
contents(char *name)
{
    char buf[256];
    int fd = file(name, OREAD), n;

    n = read(fd, buf, sizeof buf - 1);
    buf[n < 0 ? 0 : n] = 0;
    if (n < 0)
        print("%s: %r\n", name);
    else
        print("%s: %d bytes\n", name, n);
    close(fd);
}

static int
die(int null)
{
    dup(null, 2);
    evidence[0] = 'S';
    *(volatile int *)0x40 = 1;
    exits(nil);
    return 0;
}

static int
exists(int pid)
{
    char path[64];

    snprint(path, sizeof path, "/proc/%d", pid);
    return access(path, AEXIST) == 0;
}

void
main(int argc, char **argv)
{
    char buf[128], *f[20];
    struct Ureg u;
    int fd, null = open("/dev/null", ORDWR), i, first[6];
    Waitmsg *w;

    pid = fork();
    if (pid == 0)
        die(null);
    w = wait();
    print("%d %.40s\n", w->pid == pid, strchr(w->msg, ':'));
    fd = file("status", OREAD);
    buf[read(fd, buf, 68)] = 0;
    tokenize(buf, f, nelem(f));
    print("%s\n", f[2]);
    memset(buf, 0, sizeof buf);
    fd = file("mem", OREAD);
    pread(fd, buf, sizeof evidence, (ulong)evidence);
    print("%s, here %s\n", buf, evidence);
    fd = file("regs", OREAD);
    read(fd, &u, sizeof u);
    print("trap %lud, in die: %d\n", u.trap, u.pc > (ulong)die && u.pc < (ulong)die + 200);
    fd = file("text", OREAD);
    print("text %d", (int)read(fd, buf, 4));
    print(" magic %x%02x\n", buf[2] & 0xff, buf[3] & 0xff);
    contents("segment");
    contents("fd");
    contents("ns");
    contents("wait");
    fd = file("note", OWRITE);
    i = write(fd, "hello", 5);
    print("note %d %r\n", i);
    fd = file("ctl", OWRITE);
    print("stop %d\n", (int)write(fd, "stop", 4));
    i = write(fd, "start", 5);
    print("start %d %r\n", i);
    print("kill %d\n", (int)write(fd, "kill", 4));
    i = write(fd, "kill", 4);
    print("again %d %r\n", i);
    for (i = 0; i < nelem(first); i++) {
        first[i] = fork();
        if (first[i] == 0)
            die(null);
        waitpid();
    }
    print("kept:");
    for (i = 0; i < nelem(first); i++)
        print(" %d", exists(first[i]));
    print("\n");
    exits(nil);
}
