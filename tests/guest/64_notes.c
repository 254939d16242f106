/* notify(2): the queue, what waits for a handler to end, NSAVE and NRSTR, the FPU, the frame. */
#include <u.h>
#include <libc.h>
#include <ureg.h>

static char seen[512], *at = seen;
static ulong frame;
static int depth;
static double number = 2.5;
static ulong pc;

static void
said(char *fmt, ...)
{
    va_list arg;

    va_start(arg, fmt);
    at = vseprint(at, seen + sizeof seen, fmt, arg);
    va_end(arg);
}

static void
flush(char *what)
{
    print("%s:%s\n", what, seen);
    at = seen;
    *at = 0;
}

static void
tell(int pid, char *note)
{
    char path[64];
    int fd;

    snprint(path, sizeof path, "/proc/%d/note", pid);
    fd = open(path, OWRITE);
    if (write(fd, note, strlen(note)) < 0)
        said(" (%r)");
    close(fd);
}

static void
log(void *v, char *note)
{
    struct Ureg *u = v;
    double x = number / 3.0; /* changes the FPU */

    frame = u->sp - (ulong)((char *)note - 12);
    said(" %s", note);
    number = x * 3.0;
    if (strcmp(note, "first") == 0) {
        tell(getpid(), "waits");
        tell(getpid(), "waits too");
        said(" [handler goes on]");
    }
    noted(NCONT);
}

/* Run with the frame of the note still there, but not as its handler. */
static void
later(struct Ureg *u)
{
    said(" later:");
    tell(getpid(), "inner");
    said(" >");
    u->pc = pc;
    noted(NRSTR);
}

static void
nest(void *v, char *note)
{
    struct Ureg *u = v;

    said(" <%s", note);
    if (depth++ == 0) {
        pc = u->pc;
        u->pc = (ulong)later;
        noted(NSAVE);
    }
    said(">");
    noted(NCONT);
}

static void
skip(void *v, char *note)
{
    struct Ureg *u = v;
    char *pc = strstr(note, " pc=");

    if (pc != nil)
        *pc = 0;
    said(" %s trap %lud", note, u->trap);
    u->pc += 2; /* the instruction is two bytes */
    u->ax = 42;
    noted(NCONT);
}

static int
faulty(int how)
{
    int r = 0;

    switch (how) {
    case 0:
        asm volatile("xor %%eax, %%eax; mov (%%eax), %%eax" : "=a"(r) : : "memory");
        break;
    case 1:
        asm volatile("xor %%ecx, %%ecx; div %%ecx" : "=a"(r) : "a"(1), "d"(0) : "ecx");
        break;
    case 2:
        asm volatile("ud2" : "=a"(r));
        break;
    case 3:
        asm volatile("mov $0xfffffff0, %%eax; mov %%ecx, (%%eax)" : "=a"(r) : : "memory");
        break;
    case 4:
        asm volatile("int3; nop" : "=a"(r));
        break;
    case 5:
        asm volatile("int $3" : "=a"(r));
        break;
    case 6:
        asm volatile("hlt; nop" : "=a"(r));
        break;
    }
    return r;
}

static void
early(void *v, char *note)
{
    struct Ureg *u = v;
    char *pc = strstr(note, " pc=");

    if (pc != nil)
        *pc = 0;
    said(" %s", note);
    u->pc++; /* over the CC, the 03 of CD 03, the F4 */
    noted(NCONT);
}

static void
waitfor(int pid, char *state)
{
    char path[64], buf[256];
    int fd;

    snprint(path, sizeof path, "/proc/%d/status", pid);
    do {
        sleep(1);
        fd = open(path, OREAD);
        buf[read(fd, buf, sizeof buf - 1)] = 0;
        close(fd);
    } while (strstr(buf, state) == nil);
}

void
main(int argc, char **argv)
{
    int i, pid, ctl, debugger;
    double x = 1.25, y;
    char path[64], buf[128];

    notify(log);
    tell(getpid(), "first");
    flush("in order");
    y = x * 2.0 + number;
    tell(getpid(), "and FP");
    y = y - number;
    print("fp %g, frame %lud bytes\n", y, frame);
    at = seen, *at = 0;

    pid = fork();
    if (pid == 0) {
        at = seen, *at = 0;
        sleep(100000);
        flush("the sleeper got");
        exits("woken");
    }
    snprint(path, sizeof path, "/proc/%d/ctl", pid);
    ctl = open(path, OWRITE);
    waitfor(pid, "Sleep");
    debugger = fork();
    if (debugger == 0) {
        fprint(ctl, "stop"); /* waits for the sleep to end */
        exits(nil);
    }
    waitfor(debugger, "Stopwait");
    for (i = 0; i < 7; i++) {
        snprint(buf, sizeof buf, "n%d", i);
        tell(pid, buf);
    }
    waitpid();
    flush("six and seven");
    fprint(ctl, "start");
    print("sleeper%s\n", strchr(wait()->msg, ':'));

    notify(nest);
    tell(getpid(), "outer");
    flush("nested");

    notify(skip);
    for (i = 0; i < 4; i++)
        said(" -> %d;", faulty(i));
    flush("faults");
    notify(early);
    faulty(4);
    faulty(5);
    faulty(6);
    flush("breakpoints and more");
    exits(nil);
}
