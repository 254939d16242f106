/* fork(2): memory is copied, the stack too; descriptors are shared in what they hold. */
#include <u.h>
#include <libc.h>

static int global = 1;

void
main(int argc, char **argv)
{
    int local = 1, pid, fd[2];
    char *heap = malloc(10);
    char buf[32];
    Waitmsg *w;

    strcpy(heap, "parent");
    pipe(fd);
    pid = fork();
    if (pid == 0) {
        global = 2;
        local = 2;
        strcpy(heap, "child");
        fprint(fd[1], "%d %d %s %d", global, local, heap, getpid() != getppid());
        exits("done");
    }
    w = wait();
    print("%d %s\n", w->pid == pid, strchr(w->msg, ':'));
    buf[read(fd[0], buf, sizeof buf - 1)] = 0;
    print("%s\n%d %d %s\n", buf, global, local, heap);
    print("%d %r\n", waitpid());
    switch (rfork(RFPROC | RFFDG | RFNOWAIT)) {
    case 0:
        exits(nil);
    }
    print("%d %r\n", waitpid());
    print("%d %r\n", rfork(RFMEM));
    print("%d %r\n", rfork(RFFDG | RFCFDG | RFPROC));
    exits(nil);
}
