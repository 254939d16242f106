/* rfork in a handler while a note waits: the child has it too, but not on its way out of rfork. */
#include <u.h>
#include <libc.h>

static volatile int born, seen = -1;
static int depth;

static void
handler(void *u, char *note)
{
    char path[64];
    int fd, pid;

    if (strcmp(note, "first") == 0) {
        snprint(path, sizeof path, "/proc/%d/note", getpid());
        fd = open(path, OWRITE);
        write(fd, "second", 6); /* it waits for this handler to end */
        close(fd);
        depth++;
        pid = fork();
        if (pid == 0) {
            born = 1;
            sleep(0);
            exits(smprint("%s when born was %d", seen >= 0 ? "delivered" : "not delivered", seen));
        }
        depth--;
    } else
        seen = born;
    noted(NCONT);
}

void
main(int argc, char **argv)
{
    char path[64];
    int i, fd;

    notify(handler);
    for (i = 0; i < 3; i++) {
        seen = -1;
        snprint(path, sizeof path, "/proc/%d/note", getpid());
        fd = open(path, OWRITE);
        write(fd, "first", 5);
        close(fd);
        print("parent: second seen %d; child%s\n", seen, strchr(wait()->msg, ':'));
    }
    exits(nil);
}
