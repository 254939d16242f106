/* segment(3): memory with a name, which processes attach and files show. */
#include <u.h>
#include <libc.h>

enum { Where = 0x1000000 };

static void
put(char *name, char *text)
{
    int fd = open(name, OWRITE);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        print("%s: %r\n", name);
    close(fd);
}

static void
get(char *name)
{
    char buf[64];
    int fd = open(name, OREAD), n;

    n = fd < 0 ? -1 : pread(fd, buf, 32, 0);
    if (n < 0)
        print("%s: %r\n", name);
    else
        print("%s: %.*s\n", name, n, buf);
    close(fd);
}

void
main(int argc, char **argv)
{
    char *at;
    Dir *d;

    print("%d %r\n", create("#g/file", OREAD, 0666));
    close(create("#g/board", OREAD, DMDIR | 0777));
    print("%d %r\n", create("#g/board", OREAD | OEXCL, DMDIR | 0777));
    get("#g/board/ctl");
    get("#g/board/data");
    print("%d %r\n", segattach(0, "board", nil, 0) != (void *)-1);
    put("#g/board/ctl", "va 0x1000000 100");
    put("#g/board/ctl", "va 0x2000000 100");
    get("#g/board/ctl");
    put("#g/board/data", "chalk");
    at = segattach(0, "board", nil, 0);
    print("%d %s\n", at == (char *)Where, at);
    print("%d %r\n", segattach(0, "board", nil, 0) != (void *)-1);
    if (rfork(RFPROC | RFFDG) == 0) {
        strcpy(at, "written by a child, without RFMEM");
        exits(nil);
    }
    waitpid();
    print("%s\n", at);
    get("#g/board/data");
    d = dirstat("#g/board/data");
    print("%s %lld %luo %c\n", d->name, d->length, d->mode, d->type);
    print("%d\n", remove("#g/board"));
    get("#g/board/data");
    print("%s\n", at);
    segdetach(at);
    print("%d %r\n", segattach(0, "board", nil, 4096) != (void *)-1);
    exits(nil);
}
