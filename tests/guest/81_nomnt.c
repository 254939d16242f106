/* fork(2), cons(3): what RFNOMNT and chdev take from a name space, and from whom. */
#include <u.h>
#include <libc.h>

static void
try(char *name)
{
    int fd = open(name, OREAD);

    if (fd < 0)
        print("  %r\n");
    else
        print("  %s\n", name);
    close(fd);
}

static void
all(char *when)
{
    int fd[2];

    print("%s\n", when);
    try("#c/null");
    try("#e");
    try("#s");
    try("#/");
    try("/env");
    pipe(fd);
    if (mount(fd[0], -1, "/mnt", MREPL, "") < 0)
        print("  mount %r\n");
    print("  bind %d\n", bind("/env", "/mnt", MREPL) >= 0);
    close(fd[0]);
    close(fd[1]);
}

static void
chdev(char *text)
{
    int fd = open("/dev/drivers", OWRITE);

    if (write(fd, text, strlen(text)) < 0)
        print("%r\n");
    close(fd);
}

void
main(int argc, char **argv)
{
    rfork(RFNAMEG);
    if (rfork(RFPROC | RFFDG | RFNAMEG) == 0) {
        if (rfork(RFPROC | RFFDG | RFNOMNT) == 0)
            exits(nil);
        waitpid();
        all("shared with a child that gave it up");
        rfork(RFCNAMEG);
        try("#s");
        exits(nil);
    }
    waitpid();
    try("#s");
    if (rfork(RFPROC | RFFDG | RFNAMEG) == 0) {
        chdev("chdev &~ sM");
        all("without s and M");
        chdev("chdev & ce");
        try("#/");
        chdev("chdev + s");
        chdev("chdev ~");
        all("without any");
        exits(nil);
    }
    waitpid();
    try("#s");
    exits(nil);
}
