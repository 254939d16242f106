/* Text is shared by all that run one file: counted, profiled, and no longer when it is written. */
#include <u.h>
#include <libc.h>

static int hang;

static int
file(int pid, char *name, int mode)
{
    char path[64];
    int fd;

    snprint(path, sizeof path, "/proc/%d/%s", pid, name);
    fd = open(path, mode);
    if (fd < 0)
        sysfatal("%s: %r", path);
    return fd;
}

/* The text's line of segment: flags and users. */
static void
text(char *when, int pid)
{
    char buf[1024], *line[12], *f[8];
    int fd = file(pid, "segment", OREAD), n = read(fd, buf, sizeof buf - 1);

    buf[n < 0 ? 0 : n] = 0;
    close(fd);
    getfields(buf, line, nelem(line), 1, "\n");
    n = tokenize(line[1], f, nelem(f));
    print("%s: %s %s, %s users\n", when, f[0], n == 5 ? f[1] : "-", f[n - 1]);
}

static void
message(int pid, char *s)
{
    int fd = file(pid, "ctl", OWRITE);

    if (write(fd, s, strlen(s)) < 0)
        print("%s: %r\n", s);
    close(fd);
}

static int
start(char *self, char *how)
{
    int pid = fork();

    if (pid == 0) {
        if (hang)
            message(getpid(), "hang");
        execl(self, self, how, nil);
        sysfatal("exec: %r");
    }
    return pid;
}

static void
ready(void)
{
    close(create("/env/ready", OWRITE, 0666));
    sleep(1000000);
}

void
main(int argc, char **argv)
{
    char trap = 0xCC;
    int a, b, fd, n;
    ulong counts[4];

    if (argc > 1)
        ready();
    text("alone", getpid());
    a = start(argv[0], "wait");
    while (access("/env/ready", AEXIST) < 0)
        sleep(1);
    remove("/env/ready");
    text("with one that runs the same file", getpid());
    hang = 1;
    b = start(argv[0], "wait");
    message(b, "waitstop");
    text("with two", a);
    message(a, "profile");
    text("profiled", b);
    fd = file(b, "profile", OREAD);
    n = read(fd, counts, sizeof counts);
    print("%d bytes of counts\n", n);
    close(fd);
    n = pwrite(file(b, "mem", OWRITE), &trap, 1, (ulong)ready);
    print("written %d\n", n);
    text("the writer's victim", b);
    text("the others", a);
    message(b, "profile");
    message(a, "kill");
    message(b, "kill");
    waitpid();
    waitpid();
    text("alone again", getpid());
    exits(nil);
}
