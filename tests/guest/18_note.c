/* notify(2): a handler that continues, one that is changed, one that refuses. */
#include <u.h>
#include <libc.h>

static volatile int count;
static char last[ERRMAX];

static int
first(void *u, char *note)
{
    if (strcmp(note, "one") != 0)
        return 0;
    count++;
    return 1;
}

static int
second(void *u, char *note)
{
    strcpy(last, note);
    count += 10;
    return strcmp(note, "two") == 0;
}

void
main(int argc, char **argv)
{
    int pid = getpid();

    print("%d", atnotify(first, 1));
    print(" %d\n", atnotify(second, 1));
    postnote(PNPROC, pid, "one");
    print("%d <%s>\n", count, last);
    postnote(PNPROC, pid, "two");
    print("%d <%s>\n", count, last);
    print("%d\n", atnotify(first, 0));
    print("%d\n", atnotify(first, 0));
    print("%d\n", postnote(PNPROC, 99999, "one"));
    postnote(PNPROC, pid, "three");
    print("not reached\n");
    exits(nil);
}
