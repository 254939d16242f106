/* wait(2): messages, times, and the latest first. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    Waitmsg *w;
    int pid[3], i, j;
    char buf[200];

    for (i = 0; i < 3; i++) {
        pid[i] = fork();
        if (pid[i] == 0) {
            sleep(20 * i);
            exits(i == 0 ? nil : i == 1 ? "it's quoted" : "last");
        }
    }
    sleep(150);
    for (i = 0; i < 3; i++) {
        w = wait();
        for (j = 0; j < 3; j++)
            if (w->pid == pid[j])
                print("child %d: %s\n", j, w->msg[0] != 0 ? strchr(w->msg, ':') : "");
        free(w);
    }
    print("%d %r\n", wait() == nil);
    if (fork() == 0)
        exits("0123456789012345678901234567890123456789012345678901234567890123456789"
              "0123456789012345678901234567890123456789012345678901234567890123456789");
    w = wait();
    print("%d\n", strlen(w->msg) <= ERRMAX);
    if (fork() == 0)
        *(int volatile *)0 = 1;
    w = wait();
    print("%s\n", strstr(w->msg, "sys: trap: fault write addr=0x0") != nil ? "faulted" : w->msg);
    i = fork();
    if (i == 0) {
        sleep(100000);
        exits(nil);
    }
    sleep(10);
    postnote(PNPROC, i, "kill");
    w = wait();
    print("%s\n", strchr(w->msg, ':'));
    i = fork();
    if (i == 0)
        for (;;)
            ;
    snprint(buf, sizeof buf, "/proc/%d/ctl", i);
    j = open(buf, OWRITE);
    print("%ld\n", write(j, "kill", 4));
    w = wait();
    print("%s\n", strchr(w->msg, ':'));
    exits(nil);
}
