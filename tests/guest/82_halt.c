/* cons(3): reboot ends every process, and well. */
#include <u.h>
#include <libc.h>

static int
deaf(void *u, char *note)
{
    return 1;
}

void
main(int argc, char **argv)
{
    int fd, i;

    for (i = 0; i < 3; i++)
        if (rfork(RFPROC | RFFDG | RFNOTEG) == 0) {
            atnotify(deaf, 1);
            for (;;)
                sleep(1000);
        }
    fd = open("/dev/reboot", OWRITE);
    print("%ld %r\n", write(fd, "never", 5));
    print("halt\n");
    write(fd, "halt", 4);
    print("gone on\n");
    exits("still here");
}
