/* lc: ls -p in columns.  Source: ls(1). */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    char **args = calloc(argc + 2, sizeof *args);
    int fd[2], pid;
    Waitmsg *w;

    argv0 = "lc";
    if (args == nil || pipe(fd) < 0)
        sysfatal("pipe: %r");
    pid = fork();
    if (pid < 0)
        sysfatal("fork: %r");
    if (pid == 0) {
        dup(fd[1], 1);
        close(fd[0]);
        close(fd[1]);
        args[0] = "ls";
        args[1] = "-p";
        memmove(args + 2, argv + 1, (argc - 1) * sizeof *args);
        exec("/bin/ls", args);
        sysfatal("/bin/ls: %r");
    }
    if (fork() == 0) {
        dup(fd[0], 0);
        close(fd[0]);
        close(fd[1]);
        execl("/bin/mc", "mc", nil);
        sysfatal("/bin/mc: %r");
    }
    close(fd[0]);
    close(fd[1]);
    char *status = nil;
    while ((w = wait()) != nil)
        if (w->msg[0] != 0)
            status = w->msg;
    exits(status);
}
