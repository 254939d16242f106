/* proc(3): a process that computes is stopped at once, looked into, and sent on another way. */
#include <u.h>
#include <libc.h>
#include <ureg.h>

static volatile int go = 1;
static volatile double x = 1;

static void
spin(void)
{
    while (go)
        x = x * 1.5 - x / 2;
    exits(smprint("%g", x));
}

static int pid;

static int
file(char *name, int mode)
{
    char path[64];
    int fd;

    snprint(path, sizeof path, "/proc/%d/%s", pid, name);
    fd = open(path, mode);
    if (fd < 0)
        sysfatal("%s: %r", path);
    return fd;
}

void
main(int argc, char **argv)
{
    struct Ureg u;
    uchar fp[200];
    char buf[200], *f[20];
    int ctl, mem, regs, i, n, zero = 0;
    vlong before, longest = 0;

    pid = fork();
    if (pid == 0)
        spin();
    ctl = file("ctl", OWRITE), mem = file("mem", ORDWR), regs = file("regs", ORDWR);
    sleep(50); /* so that it has its own processor, if there is one */
    for (i = 0; i < 20; i++) {
        before = nsec();
        if (write(ctl, "stop", 4) != 4)
            sysfatal("stop: %r");
        if (nsec() - before > longest)
            longest = nsec() - before;
        pread(regs, &u, sizeof u, 0);
        if (u.pc < (ulong)spin || u.pc > (ulong)spin + 100)
            print("pc %lux?\n", u.pc);
        if (i < 19 && write(ctl, "start", 5) != 5)
            sysfatal("start: %r");
    }
    print("stopped within a second each time: %d\n", longest < 1000000000);
    pread(file("status", OREAD), buf, 176, 0);
    buf[176] = 0;
    n = tokenize(buf, f, nelem(f));
    print("%d fields, %s, user time %d\n", n, f[2], atoi(f[3]) > 0);
    n = read(file("fpregs", OREAD), fp, sizeof fp);
    print("%d bytes of FP registers, control word %x%x\n", n, fp[1], fp[0] & ~0x40);
    n = pwrite(mem, "xxxx", 4, 0);
    print("%d %r\n", n);
    pwrite(mem, &zero, sizeof zero, (ulong)&go);
    write(ctl, "start", 5);
    print("spun%s\n", strchr(wait()->msg, ':'));
    exits(nil);
}
