/* A note ends every call that waits, with "interrupted", and none that need not wait. */
#include <u.h>
#include <libc.h>

static long sem, zero;
static int pair[2], full[2], pid;
static int notes;

static void
count(void *u, char *note)
{
    notes++;
    noted(NCONT);
}

static long
ctl(int pid, char *message)
{
    char path[64];
    int fd, n;

    snprint(path, sizeof path, "/proc/%d/ctl", pid);
    fd = open(path, OWRITE);
    n = write(fd, message, strlen(message));
    if (n > 0)
        errstr("", 0);
    close(fd);
    return n;
}

static long
procwait(int pid)
{
    char path[64], buf[128];
    int fd, n;

    snprint(path, sizeof path, "/proc/%d/wait", pid);
    fd = open(path, OREAD);
    n = read(fd, buf, sizeof buf);
    return n;
}

static char buf[256 * 1024];

static long
blocks(int how)
{
    switch (how) {
    case 0:
        return sleep(10000);
    case 1:
        return read(pair[0], buf, 10);
    case 2:
        return write(full[0], buf, sizeof buf);
    case 3:
        return semacquire(&zero, 1);
    case 4:
        return tsemacquire(&zero, 10000);
    case 5:
        return (long)rendezvous((void *)7, (void *)8);
    case 6:
        return await(buf, sizeof buf);
    case 7:
        return procwait(pid);
    case 8:
        return ctl(pid, "waitstop");
    case 9:
        return ctl(pid, "stop");
    }
    return 0;
}

static long
free_(int how)
{
    switch (how) {
    case 0:
        return sleep(0);
    case 1:
        write(pair[1], "ready", 5);
        return read(pair[0], buf, 10);
    case 2:
        return write(pair[1], "ready", 5);
    case 3:
        semrelease(&sem, 1);
        return semacquire(&sem, 1);
    case 4:
        return semacquire(&zero, 0);
    }
    return 0;
}

/* A handler in which a note waits: calls that need not wait do not mind. */
static void
inside(void *u, char *note)
{
    char path[64];
    int i, fd;

    notes++;
    if (strcmp(note, "go") == 0) {
        snprint(path, sizeof path, "/proc/%d/note", getpid());
        fd = open(path, OWRITE);
        write(fd, "waits", 5);
        close(fd);
        for (i = 0; i < 5; i++)
            print("with a note waiting: %ld\n", free_(i));
    }
    noted(NCONT);
}

void
main(int argc, char **argv)
{
    char err[ERRMAX];
    int i, fd;
    long r;

    pipe(pair);
    pipe(full);
    pid = fork();
    if (pid == 0) {
        close(pair[1]);
        sleep(1000000);
        exits(nil);
    }
    notify(count);
    for (i = 0; i < 10; i++) {
        strcpy(err, "none");
        errstr(err, sizeof err);
        notes = 0;
        alarm(30);
        r = blocks(i);
        alarm(0);
        rerrstr(err, sizeof err);
        print("%d: %ld %s, %d note\n", i, r, err, notes);
    }
    ctl(pid, "kill");
    waitpid();
    notify(inside);
    notes = 0;
    fd = open(smprint("/proc/%d/note", getpid()), OWRITE);
    write(fd, "go", 2);
    print("%d notes\n", notes);
    exits(nil);
}
