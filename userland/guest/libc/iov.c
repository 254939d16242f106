/* readv(2): several pieces of memory as one. */
#include <u.h>
#include <libc.h>

static long
total(IOchunk *io, int n)
{
    ulong sum = 0;

    while (n-- > 0) {
        if (io->len > 0x7fffffff - sum) {
            werrstr("read or write too large");
            return -1;
        }
        sum += io++->len;
    }
    return sum;
}

long
preadv(int fd, IOchunk *io, int n, vlong offset)
{
    long size = total(io, n), got, left, m;
    char *buf, *p;

    if (size < 0)
        return -1;
    if (n == 1)
        return pread(fd, io->addr, io->len, offset);
    p = buf = malloc(size > 0 ? size : 1);
    if (buf == nil)
        return -1;
    got = pread(fd, buf, size, offset);
    for (left = got; left > 0; left -= m, p += m, io++) {
        m = left < (long)io->len ? left : (long)io->len;
        memmove(io->addr, p, m);
    }
    free(buf);
    return got;
}

long
pwritev(int fd, IOchunk *io, int n, vlong offset)
{
    long size = total(io, n), put;
    char *buf, *p;

    if (size < 0)
        return -1;
    p = buf = malloc(size > 0 ? size : 1);
    if (buf == nil)
        return -1;
    for (; n > 0; n--, io++) {
        memmove(p, io->addr, io->len);
        p += io->len;
    }
    put = pwrite(fd, buf, size, offset);
    free(buf);
    return put;
}

long
readv(int fd, IOchunk *io, int n)
{
    return preadv(fd, io, n, -1LL);
}

long
writev(int fd, IOchunk *io, int n)
{
    return pwritev(fd, io, n, -1LL);
}
