/* pipe(3): what boundaries do, lengths, the end of one side, and folders of pipes. */
#include <u.h>
#include <libc.h>

static char block[70000], buf[70000];

static int
closed(void *u, char *note)
{
    print("note: %.25s\n", note);
    return strncmp(note, "sys: write on closed pipe", 25) == 0;
}

static vlong
waiting(int fd)
{
    Dir *d = dirfstat(fd);
    vlong n = d->length;

    free(d);
    return n;
}

void
main(int argc, char **argv)
{
    int fd[2], i, n, other;
    Dir *d;

    atnotify(closed, 1);
    pipe(fd);
    write(fd[0], "one", 3);
    write(fd[0], "", 0);
    write(fd[0], "three", 5);
    print("%lld %lld\n", waiting(fd[0]), waiting(fd[1]));
    for (i = 0; i < 3; i++) {
        n = read(fd[1], buf, sizeof buf);
        print("%d '%.*s'\n", n, n, buf);
    }
    write(fd[0], "abcdef", 6);
    print("%ld\n", read(fd[1], buf, 0));
    print("%ld", read(fd[1], buf, 2));
    print(" %lld", waiting(fd[1]));
    print(" %ld\n", read(fd[1], buf, 100));
    if (rfork(RFPROC | RFFDG) == 0) {
        print("%ld written\n", write(fd[0], block, sizeof block));
        exits(nil);
    }
    waitpid();
    for (i = 0; i < 2; i++)
        print("%ld\n", read(fd[1], buf, sizeof buf));
    print("%d", (int)pread(fd[1], buf, 1, -5));
    print(" %r\n");

    write(fd[0], "left", 4);
    close(fd[0]);
    n = write(fd[1], "x", 1);
    print("%d %r\n", n);
    for (i = 0; i < 6; i++) {
        n = read(fd[1], buf, sizeof buf);
        if (n < 0)
            print("-1 %r\n");
        else
            print("%d '%.*s'\n", n, n, buf);
    }
    close(fd[1]);

    rfork(RFNAMEG);
    print("%d\n", bind("#|", "/mnt", MREPL) >= 0);
    fd[0] = open("/mnt/data", OWRITE);
    fd[1] = open("/mnt/data1", OREAD);
    write(fd[0], "through names", 13);
    n = read(fd[1], buf, sizeof buf);
    print("%.*s\n", n, buf);
    n = read(fd[0], buf, 1);
    print("%d %r\n", n);
    n = write(fd[1], buf, 1);
    print("%d %r\n", n);
    other = open("/mnt/data", OWRITE);
    close(fd[0]);
    write(other, "held", 4);
    print("%ld\n", read(fd[1], buf, sizeof buf));
    close(other);
    print("%ld\n", read(fd[1], buf, sizeof buf));
    close(fd[1]);
    fd[0] = open("/mnt/data", ORDWR);
    fd[1] = open("/mnt/data1", ORDWR);
    write(fd[0], "anew", 4);
    print("%ld\n", read(fd[1], buf, sizeof buf));
    d = dirstat("/mnt/data");
    print("%s %luo %c\n", d->name, d->mode, d->type);
    nulldir(d);
    d->mode = 0640;
    print("%d\n", dirwstat("/mnt/data", d));
    print("%luo\n", dirstat("/mnt/data")->mode);
    print("%d %r\n", create("/mnt/data2", OWRITE, 0666));
    exits(nil);
}
