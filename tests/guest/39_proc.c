/* proc(3): what a process can read about itself and do to another. */
#include <u.h>
#include <libc.h>

static char *
contents(int pid, char *file, char *buf, int n)
{
    char path[64];
    int fd;

    snprint(path, sizeof path, "/proc/%d/%s", pid, file);
    fd = open(path, OREAD);
    if (fd < 0)
        return "?";
    n = read(fd, buf, n - 1);
    buf[n < 0 ? 0 : n] = 0;
    close(fd);
    return buf;
}

void
main(int argc, char **argv)
{
    char buf[512], *f[16];
    int n, pid = getpid(), child, fd;

    contents(pid, "status", buf, sizeof buf);
    print("%ld\n", strlen(buf));
    n = tokenize(buf, f, nelem(f));
    print("%d fields\n", n);
    print("%d\n", strcmp(f[1], getuser()));
    print("%s\n", contents(pid, "args", buf, sizeof buf)[0] != 0 ? "args" : "none");
    fd = open("/dev/pid", OREAD);
    n = read(fd, buf, sizeof buf);
    buf[n] = 0;
    print("%d %d\n", n, atoi(buf) == pid);
    child = fork();
    if (child == 0) {
        sleep(100000);
        exits(nil);
    }
    while (strstr(contents(child, "status", buf, sizeof buf), "Sleep") == nil)
        sleep(10);
    print("asleep\n");
    print("%d\n", postnote(PNPROC, child, "enough"));
    print("%s\n", strchr(wait()->msg, ':'));
    print("%s\n", contents(child, "status", buf, sizeof buf));
    fd = open("/proc/notanumber/status", OREAD);
    print("%d %r\n", fd);
    exits(nil);
}
