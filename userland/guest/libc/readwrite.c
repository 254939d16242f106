/* read(2), seek(2): the calls of the kernel with the descriptor's own offset. */
#include <u.h>
#include <libc.h>

long
read(int fd, void *buf, long n)
{
    return pread(fd, buf, n, -1LL);
}

long
write(int fd, void const *buf, long n)
{
    return pwrite(fd, (void *)buf, n, -1LL);
}

long
readn(int fd, void *buf, long n)
{
    long got, m;

    for (got = 0; got < n; got += m) {
        m = read(fd, (char *)buf + got, n - got);
        if (m <= 0)
            return got > 0 ? got : m;
    }
    return got;
}

vlong
seek(int fd, vlong offset, int whence)
{
    vlong to;

    if (_seek(&to, fd, offset, whence) == -1)
        return -1;
    return to;
}
