/* Pointers that system calls cannot use, and the edges of those they can. */
#include <u.h>
#include <libc.h>

static int notes;

static int
handler(void *u, char *note)
{
    if (strncmp(note, "sys: bad address in syscall", 27) != 0
        && strncmp(note, "sys: odd address", 16) != 0)
        return 0;
    notes++;
    return 1;
}

void
main(int argc, char **argv)
{
    int out = dup(1, -1), null = open("/dev/null", ORDWR), fd;
    char *end, *page;
    Fmt f;
    char buf[1024];

    fmtfdinit(&f, out, buf, sizeof buf);
    atnotify(handler, 1);
    dup(null, 2);
    open((char *)0x10, OREAD);
    fmtprint(&f, "open %d\n", notes);
    fd = open("/dev/zero", OREAD);
    read(fd, (void *)0x10, 10);
    fmtprint(&f, "read %d\n", notes);
    read(fd, (void *)main, 10); /* text cannot be written */
    fmtprint(&f, "text %d\n", notes);
    write(null, (void *)0xfffffff0, 100);
    fmtprint(&f, "wraps %d\n", notes);
    pread(fd, buf, -1, 0);
    fmtprint(&f, "negative %d\n", notes);
    read(fd, buf, 0x7fffffff);
    fmtprint(&f, "huge %d\n", notes);
    exec("/bin/echo", (char **)0x4);
    fmtprint(&f, "exec %d\n", notes);
    pipe((int *)0xdeadbeec);
    fmtprint(&f, "pipe %d\n", notes);
    page = sbrk(4096);
    page = (char *)(((ulong)page + 4095) & ~4095ul);
    end = page + 4096;
    brk(end);
    strcpy(end - 10, "/dev/null");
    fd = open(end - 10, OREAD); /* its NUL is the last byte there is */
    fmtprint(&f, "last byte %d %d\n", fd >= 0, notes);
    memcpy(end - 4, "/dev", 4);
    open(end - 4, OREAD);
    fmtprint(&f, "no NUL %d\n", notes);
    fmtprint(&f, "to the end %ld %d\n", read(open("/dev/zero", OREAD), end - 8, 8), notes);
    fmtprint(&f, "past it %ld", read(open("/dev/zero", OREAD), end - 8, 9));
    fmtprint(&f, " %d\n", notes);
    fmtfdflush(&f);
    exits(nil);
}
