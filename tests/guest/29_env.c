/* getenv(2) */
#include <u.h>
#include <libc.h>

static char long_[5000];

void
main(int argc, char **argv)
{
    int fd;

    print("%d\n", getenv("nosuchvariable") == nil);
    print("%d", putenv("one", "1"));
    print(" %s\n", getenv("one"));
    print("%d", putenv("one", "two"));
    print(" %s\n", getenv("one"));
    putenv("empty", "");
    print("<%s>\n", getenv("empty"));
    fd = create("/env/list", OWRITE, 0644);
    write(fd, "a\0b c\0d\0", 8);
    close(fd);
    print("<%s>\n", getenv("list"));
    memset(long_, 'x', sizeof long_ - 1);
    putenv("long", long_);
    print("%d\n", strcmp(getenv("long"), long_) == 0);
    if (rfork(RFPROC) == 0) {
        putenv("one", "by a child that shares");
        exits(nil);
    }
    waitpid();
    print("%s\n", getenv("one"));
    if (rfork(RFPROC | RFENVG) == 0) {
        putenv("one", "by a child with a copy");
        exits(nil);
    }
    waitpid();
    print("%s\n", getenv("one"));
    rfork(RFCENVG);
    print("%d\n", getenv("one") == nil);
    print("%d %d\n", getenv("..") == nil, putenv("a/b", "x"));
    exits(nil);
}
