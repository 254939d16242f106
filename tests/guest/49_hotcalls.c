/* The calls that may be answered in C, at their edges: with and without, all must be the same. */
#include <u.h>
#include <libc.h>

static char big[3 * 4096];
static int notes;

static int
count(void *u, char *note)
{
    char *pc = strstr(note, " pc=");

    print("note: %.*s\n", pc != 0 ? (int)(pc - note) : (int)strlen(note), note);
    notes++;
    return 1;
}

static void
tell(char *what, vlong result)
{
    if (result == -1)
        print("%s: -1 %r\n", what, result);
    else
        print("%s: %lld\n", what, result);
}

static void
offsets(char *name, int mode, int writing)
{
    int fd = open(name, mode), other = dup(fd, -1);

    tell(name, writing ? write(fd, big, 100) : read(fd, big, 100));
    tell(" moved", seek(other, 0, 1));
    tell(" at 7", writing ? pwrite(fd, big, 10, 7) : pread(fd, big, 10, 7));
    tell(" not moved", seek(fd, 0, 1));
    tell(" before the file", writing ? pwrite(fd, big, 10, -2) : pread(fd, big, 10, -2));
    tell(" nothing", writing ? write(fd, big, 0) : read(fd, big, 0));
    tell(" the other way", writing ? read(fd, big, 10) : write(fd, big, 10));
    tell(" to the end", seek(fd, 0x7fffffffffffffffLL, 0));
    tell(" beyond", writing ? write(fd, big, 10) : read(fd, big, 10));
    tell(" then", seek(fd, 0, 1));
    close(fd);
    tell(" closed", writing ? write(fd, big, 10) : read(fd, big, 10));
    tell(" the copy", writing ? pwrite(other, big, 10, 3) : pread(other, big, 10, 3));
    close(other);
}

static int
zeros(char *p, long n)
{
    while (n > 0 && *p == 0)
        p++, n--;
    return n == 0;
}

static void
sharing(void)
{
    static char order[40];
    static long at;
    int i;

    if (rfork(RFPROC | RFMEM) == 0) {
        for (i = 0; i < 10; i++) {
            order[at++] = 'c';
            sleep(0);
        }
        exits(0);
    }
    for (i = 0; i < 10; i++) {
        order[at++] = 'p';
        sleep(0);
    }
    waitpid();
    print("%ld in turn: %d\n", at, strstr(order, "ppp") == 0 && strstr(order, "cccc") == 0);
}

void
main(int argc, char **argv)
{
    long sems[4];
    uchar clock[64];
    vlong now, t;
    int fd, i;

    atnotify(count, 1);
    offsets("/dev/zero", OREAD, 0);
    offsets("/dev/null", OREAD, 0);
    offsets("/dev/null", OWRITE, 1);
    offsets("/dev/null", ORDWR, 1);
    offsets("/dev/bintime", OREAD, 0);

    memset(big, 1, sizeof big);
    fd = open("/dev/zero", OREAD);
    tell("zeros", read(fd, big + 1, sizeof big - 2));
    print("all: %d, no more: %d %d\n", zeros(big + 1, sizeof big - 2), big[0], big[sizeof big - 1]);
    close(fd);

    fd = open("/dev/bintime", OREAD);
    for (i = 0; i <= 40; i += 5)
        tell("bintime", pread(fd, clock, i, 0));
    pread(fd, clock, 8, 0);
    for (now = i = 0; i < 8; i++)
        now = now << 8 | clock[i];
    t = nsec();
    print("the same clock: %d\n", t >= now && t - now < 1000000000LL);
    close(fd);

    sems[0] = 2, sems[1] = -1, sems[2] = 0x7fffffff;
    for (i = 0; i < 3; i++)
        tell("semacquire", semacquire(sems, 0));
    tell("semrelease", semrelease(sems, 3));
    tell("semrelease 0", semrelease(sems, 0));
    tell("semrelease -1", semrelease(sems, -1));
    tell("below zero", semacquire(sems + 1, 0));
    tell("below zero", semrelease(sems + 1, 1));
    print("%ld %ld\n", sems[0], sems[1]);
    tell("sleep", sleep(0));
    tell("sleep -1", sleep(-1));
    sharing();

    tell("zeros to nowhere", read(fd = open("/dev/zero", OREAD), (char *)0x10, 8));
    tell("zeros into text", read(fd, (char *)0x1020, 8));
    tell("null from nowhere", write(open("/dev/null", OWRITE), (char *)0xfffffff0, 100));
    tell("odd", semacquire((long *)((char *)sems + 1), 0));
    print("%d notes\n", notes);
    exits(0);
}
