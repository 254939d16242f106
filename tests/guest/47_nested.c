/* notify(2): notes wait while a handler runs; state is saved and restored. */
#include <u.h>
#include <libc.h>

static volatile int depth, count;
static char order[64];

static int
handler(void *u, char *note)
{
    depth++;
    if (depth > 1)
        print("nested\n");
    strcat(order, note);
    if (strcmp(note, "a") == 0) {
        postnote(PNPROC, getpid(), "b");
        postnote(PNPROC, getpid(), "c");
        getpid();
    }
    strcat(order, "-");
    count++;
    depth--;
    return 1;
}

void
main(int argc, char **argv)
{
    int n;

    atnotify(handler, 1);
    postnote(PNPROC, getpid(), "a");
    while (count < 3)
        sleep(0);
    print("%s\n", order);
    n = noted(NCONT);
    print("not reached, or an error: %d\n", n < 0);
    exits(nil);
}
