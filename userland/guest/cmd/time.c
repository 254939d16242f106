/* time: how long a command takes.  Source: time(1). */
#include <u.h>
#include <libc.h>

static int
ignored(void *u, char *s)
{
    USED(u);
    return strcmp(s, "interrupt") == 0;
}

void
main(int argc, char **argv)
{
    Waitmsg *w;
    int pid, i;
    char *path;

    argv0 = "time";
    if (argc < 2) {
        fprint(2, "usage: time command\n");
        exits("usage");
    }
    pid = fork();
    if (pid < 0)
        sysfatal("fork: %r");
    if (pid == 0) {
        exec(argv[1], argv + 1);
        if (argv[1][0] != '/' && strncmp(argv[1], "./", 2) != 0
            && strncmp(argv[1], "../", 3) != 0) {
            path = smprint("/bin/%s", argv[1]);
            exec(path, argv + 1);
        }
        sysfatal("%s: %r", argv[1]);
    }
    atnotify(ignored, 1);
    do {
        w = wait();
        if (w == nil)
            sysfatal("wait: %r");
    } while (w->pid != pid);
    fprint(2, "%.2fu %.2fs %.2fr \t", w->time[0] / 1000.0, w->time[1] / 1000.0,
           w->time[2] / 1000.0);
    for (i = 1; i < argc; i++)
        fprint(2, " %s", argv[i]);
    if (w->msg[0] != 0)
        fprint(2, " # status=%s", w->msg);
    fprint(2, "\n");
    exits(w->msg);
}
