/* fork(2): the copy of memory is that of one moment, whatever other processes write meanwhile. */
#include <u.h>
#include <libc.h>

enum { Pages = 600, Words = Pages * 1024, Children = 60 };

static int *area, stop;

/* Write ever greater numbers, from the last page to the first: none may be less than those after it. */
static void
writer(void)
{
    int n, page;

    for (n = 1; !*(volatile int *)&stop; n++)
        for (page = Pages - 1; page >= 0; page--)
            *(volatile int *)&area[page * 1024] = n;
    exits(nil);
}

/* A moment's picture: n+1 from some page on to the end, n before. */
static void
check(void)
{
    int page, last = area[(Pages - 1) * 1024];

    for (page = Pages - 2; page >= 0; page--) {
        int n = area[page * 1024];

        if (n > last || n < area[(Pages - 1) * 1024] - 1)
            exits(smprint("page %d has %d, after it %d, at the end %d", page, n, last,
                          area[(Pages - 1) * 1024]));
        last = n;
    }
    exits(nil);
}

void
main(int argc, char **argv)
{
    Waitmsg *w;
    int i, bad = 0, seen = 0;

    area = malloc(Words * sizeof *area);
    memset(area, 0, Words * sizeof *area);
    for (i = 0; i < 2; i++)
        if (i == 0 && rfork(RFPROC | RFMEM) == 0)
            writer();
    while (*(volatile int *)area == 0)
        sleep(1);
    for (i = 0; i < Children; i++) {
        int before = *(volatile int *)area;

        if (rfork(RFPROC) == 0)
            check();
        w = wait();
        if (w->msg[0] != 0 && bad++ == 0)
            print("%s\n", strchr(w->msg, ':'));
        free(w);
        sleep(1);
        seen += *(volatile int *)area != before;
    }
    stop = 1;
    waitpid();
    print("%d bad, written meanwhile: %d\n", bad, seen > 0);
    exits(nil);
}
