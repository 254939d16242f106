/* What rfork shares, in each of its ways, and what it refuses. */
#include <u.h>
#include <libc.h>

static int bad[] = {
    RFFDG | RFCFDG,
    RFPROC | RFFDG | RFCFDG,
    RFNAMEG | RFCNAMEG,
    RFENVG | RFCENVG,
    RFMEM,
    RFNOWAIT,
    RFMEM | RFNOWAIT | RFFDG,
};

static int global = 1;
static char *stop;

static void
handler(void *u, char *note)
{
    global += 100;
    noted(NCONT);
}

/* Run f in a child made with flags; what the child says. */
static char *
child(int flags, char *(*f)(void))
{
    static char msg[128];
    Waitmsg *w;
    char *p;
    int pid = rfork(RFPROC | flags);

    if (pid == 0)
        exits(f());
    if (pid < 0)
        return "failed";
    w = wait();
    if (w == nil)
        return smprint("%r");
    p = strchr(w->msg, ':');
    strecpy(msg, msg + sizeof msg, p != nil ? p + 2 : "nothing");
    free(w);
    return msg;
}

static char *
changes(void)
{
    global++;
    *stop = 'c';
    dup(1, 17);
    putenv("fromchild", "yes");
    return "changed";
}

static char *
sees(void)
{
    char *e = getenv("mine");

    return smprint("env %s, fd %s", e != nil ? e : "none", dup(1, -1) < 0 ? "none" : "open");
}

static void
look(char *how, char *said)
{
    char *e = getenv("fromchild");

    print("%s: child %s; global %d stack %c fd 17 %s env %s\n", how, said, global, *stop,
          close(17) < 0 ? "closed" : "open", e != nil ? e : "none");
    remove("/env/fromchild");
    global = 1;
    *stop = 'p';
}

static char *shared = "#e";

static char *
mounts(void)
{
    return bind(shared, "/mnt", MREPL) < 0 ? smprint("%r") : "bound";
}

static int
noteid(void)
{
    char buf[32], path[64];
    int fd, n;

    snprint(path, sizeof path, "/proc/%d/noteid", getpid());
    fd = open(path, OREAD);
    n = read(fd, buf, sizeof buf - 1);
    buf[n] = 0;
    close(fd);
    return atoi(buf);
}

static int group;

static char *
samegroup(void)
{
    return noteid() == group ? "same group" : "another group";
}

static char *
ppid(void)
{
    char buf[16];
    int fd = open("/dev/ppid", OREAD), n = read(fd, buf, 15);

    buf[n] = 0;
    if (atoi(buf) == 0)
        putenv("said", "no parent");
    return atoi(buf) == 0 ? "no parent" : "a parent";
}

void
main(int argc, char **argv)
{
    char here = 'p';
    int i, pid, tag = 0x1234;

    stop = &here;
    for (i = 0; i < nelem(bad); i++) {
        pid = rfork(bad[i]);
        if (pid == 0 && bad[i] & RFPROC)
            exits(nil);
        print("%#o %d %r\n", bad[i], pid);
    }
    look("nothing", child(0, changes));
    look("RFMEM", child(RFMEM, changes));
    look("RFFDG", child(RFFDG, changes));
    look("RFCFDG", child(RFCFDG, changes));
    look("RFENVG", child(RFENVG, changes));
    look("RFCENVG", child(RFCENVG, changes));
    putenv("mine", "here");
    print("RFENVG: %s\n", child(RFENVG, sees));
    print("RFCENVG: %s\n", child(RFCENVG | RFFDG, sees));
    print("RFCFDG: %s\n", child(RFCFDG, sees));
    group = noteid();
    print("notes: %s", child(0, samegroup));
    print(", %s\n", child(RFNOTEG, samegroup));
    rfork(RFNOTEG);
    print("left: %s\n", noteid() == group ? "no" : "yes");
    print("RFNAMEG: %s\n", child(RFNAMEG | RFMEM, mounts));
    print("/env on /mnt: %d\n", access("/mnt/mine", AEXIST));
    print("devices that RFNOMNT leaves: %s\n", child(RFNAMEG | RFNOMNT, mounts));
    print("shared: %s\n", child(0, mounts));
    print("/env on /mnt: %d\n", access("/mnt/mine", AEXIST));
    unmount(nil, "/mnt");
    rfork(RFNAMEG);
    shared = "#s";
    print("RFNAMEG|RFNOMNT: %s\n", child(RFNAMEG | RFNOMNT, mounts));
    print("but not here: %s\n", mounts());
    print("RFNOMNT alone %s\n", child(RFNOMNT, mounts));
    print("hits all that share: %s\n", mounts());
    print("RFNOWAIT: %s\n", child(RFNOWAIT, ppid));
    close(create("/env/said", OWRITE, 0666));
    child(RFNOWAIT, ppid);
    while (*getenv("said") == 0)
        sleep(5);
    print("%s, %s\n", getenv("said"), child(0, ppid));
    pid = rfork(RFPROC | RFREND | RFMEM);
    if (pid == 0) {
        notify(handler);
        alarm(50);
        i = (int)(ulong)rendezvous((void *)(long)tag, (void *)1);
        exits(smprint("%d, handler ran: %d", i, global));
    }
    notify(handler);
    alarm(100);
    i = (int)(ulong)rendezvous((void *)(long)tag, (void *)2);
    print("parent %d; ", i);
    print("child%s\n", strchr(wait()->msg, ':'));
    rfork(RFCENVG | RFCNAMEG);
    print("empty: %d %d\n", access("/env/mine", AEXIST), access("/dev/cons", AEXIST));
    exits(nil);
}
