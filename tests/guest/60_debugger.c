/* proc(3): a program that another one stops, looks into, changes and lets go on. */
#include <u.h>
#include <libc.h>
#include <ureg.h>

int counter = 1;
char secret[] = "not yet";

__attribute__((noinline)) int
target(int a, int b)
{
    counter++;
    return a * 10 + b;
}

static int
victim(void)
{
    int r = 0, i;

    for (i = 0; i < 3; i++)
        r = target(i, 2);
    return counter == 4 && strcmp(secret, "changed") == 0 ? r : -1;
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
        sysfatal("open %s: %r", path);
    return fd;
}

static int
ctl(char *message)
{
    int fd = file("ctl", OWRITE), n = fprint(fd, "%s", message);

    close(fd);
    return n;
}

static char *
contents(char *name, char *buf, int size)
{
    int fd = file(name, OREAD), n = read(fd, buf, size - 1);

    buf[n < 0 ? 0 : n] = 0;
    close(fd);
    return n < 0 ? "error" : buf;
}

static long
mem(int write, ulong address, void *p, long n)
{
    int fd = file("mem", write ? OWRITE : OREAD);

    n = write ? pwrite(fd, p, n, address) : pread(fd, p, n, address);
    close(fd);
    return n;
}

static void
regs(int write, struct Ureg *u)
{
    int fd = file("regs", write ? OWRITE : OREAD);

    if ((write ? pwrite(fd, u, sizeof *u, 0) : pread(fd, u, sizeof *u, 0)) != sizeof *u)
        sysfatal("regs: %r");
    close(fd);
}

static char *
state(void)
{
    static char buf[256];
    char *f[20];

    contents("status", buf, sizeof buf);
    tokenize(buf, f, nelem(f));
    return f[2];
}

void
main(int argc, char **argv)
{
    char buf[512], old, trap = 0xCC, *args[3];
    struct Ureg u;
    ulong stack[3];
    int i, n;
    Waitmsg *w;

    if (argc > 1)
        exits(smprint("%d", victim()));
    pid = fork();
    if (pid == 0) {
        pid = getpid();
        ctl("hang");
        args[0] = argv[0], args[1] = "victim", args[2] = nil;
        exec(argv[0], args);
        sysfatal("exec: %r");
    }
    print("waitstop %d\n", ctl("waitstop"));
    print("%s %s\n", state(), strstr(contents("args", buf, sizeof buf), "victim"));
    print("text shown %s\n", strstr(contents("segment", buf, sizeof buf), "Text   R ") != nil ? "yes" : "no");
    if (mem(0, (ulong)target, &old, 1) != 1 || mem(1, (ulong)target, &trap, 1) != 1)
        sysfatal("mem: %r");
    print("text is %s now\n", strstr(contents("segment", buf, sizeof buf), "Text") == nil ? "data" : "text");
    for (i = 0; i < 3; i++) {
        ctl("startstop");
        print("%s: %s\n", state(), contents("note", buf, sizeof buf));
        regs(0, &u);
        mem(0, u.sp, stack, sizeof stack);
        print("pc is %s target(%lud, %lud), counter", u.pc == (ulong)target ? "at" : "not at",
              stack[1], stack[2]);
        mem(0, (ulong)&counter, &n, sizeof n);
        print(" %d, trap %lud\n", n, u.trap);
        /* one step: the instruction back in, a breakpoint where it returns to */
        mem(1, (ulong)target, &old, 1);
        if (i == 0)
            mem(1, (ulong)secret, "changed", 8);
        if (i == 2)
            break;
        mem(0, stack[0], buf + 1, 1);
        mem(1, stack[0], &trap, 1);
        ctl("startstop");
        contents("note", buf + 2, sizeof buf - 2);
        regs(0, &u);
        print("%s, returned %lud\n", u.pc == stack[0] ? "back" : "lost", u.ax);
        mem(1, stack[0], buf + 1, 1);
        mem(1, (ulong)target, &trap, 1);
    }
    u.bx = 77;
    u.flags |= 0x3000;
    u.cs = 0x10;
    regs(1, &u);
    regs(0, &u);
    print("bx %lud cs %#lux io %lud\n", u.bx, u.cs, u.flags & 0x3000);
    print("start %d\n", ctl("start"));
    w = wait();
    print("%s\n", strchr(w->msg, ':'));
    exits(nil);
}
