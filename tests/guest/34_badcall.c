/* A number that is no system call: an error, a line, a note. */
#include <u.h>
#include <libc.h>

static int notes;

static int
handler(void *u, char *note)
{
    if (strncmp(note, "sys: bad sys call", 17) != 0)
        return 0;
    notes++;
    return 1;
}

static int
call(int n)
{
    __asm__ volatile("int $0x40" : "+a"(n) : : "memory");
    return n;
}

void
main(int argc, char **argv)
{
    int fd = open("/dev/null", OWRITE), keep = dup(2, -1);

    atnotify(handler, 1);
    dup(fd, 2); /* the line holds a pid and a pc */
    print("%d", call(48));
    print(" %d", notes);
    print(" %d", call(1000000));
    print(" %d", call(-1));
    print(" %d\n", notes);
    dup(keep, 2);
    exits(nil);
}
