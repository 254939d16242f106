/* exec(2): arguments, close on exec, what fails and what stays. */
#include <u.h>
#include <libc.h>

static int
never(void *u, char *note)
{
    return 1;
}

void
main(int argc, char **argv)
{
    char buf[64], *args[] = {"renamed", "second", "two words", "", nil};
    int keep, gone, fd, n;

    if (argc > 1) {
        print("%s %s <%s> <%s> %d\n", argv[0], argv[1], argv[2], argv[3], argc);
        keep = atoi(getenv("keep"));
        gone = atoi(getenv("gone"));
        print("keep %d gone %d\n", write(keep, "", 0), close(gone));
        exits("second time");
    }
    keep = open("/dev/null", ORDWR);
    gone = open("/dev/null", ORDWR | OCEXEC);
    sprint(buf, "%d", keep);
    putenv("keep", buf);
    sprint(buf, "%d", gone);
    putenv("gone", buf);
    print("%d %r\n", exec("/nowhere/prog", args));
    print("%d %r\n", exec("/tmp", args));
    fd = create("/tmp/notaprogram", OWRITE, 0777);
    write(fd, "this is not a program at all, but it is long enough for a header", 64);
    close(fd);
    print("%d %r\n", exec("/tmp/notaprogram", args));
    fd = create("/tmp/script", OWRITE, 0777);
    n = fprint(fd, "#!/bin/echo from a script\n");
    close(fd);
    USED(n);
    if (fork() == 0)
        execl("/tmp/script", "x", "1", "2", nil);
    print("<%s>\n", wait()->msg);
    atnotify(never, 1);
    if (fork() == 0)
        execl("/bin/echo", "echo", "by", "execl", nil);
    waitpid();
    snprint(buf, sizeof buf, "/proc/%d/text", getpid());
    exec(buf, args);
    print("exec: %r\n");
    exits("exec");
}
