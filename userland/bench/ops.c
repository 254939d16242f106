/*
 * What a kernel is asked for: system calls, switches, pipes, processes, files.  Each variant does
 * one kind of operation TIMES(n) times; ops.py has the same n.  hostops.c does the same on Linux.
 * It reads /n/bench/block, a file of 8 KiB and more, and executes /bin/hello.
 */
#define VARIANTS 15
#include "work.h"

enum {
    BLOCK = 8192, LARGE = 65536, RFMEM = 32, RFPROC = 16, RFFDG = 4,
    SYSR1 = 0, CLOSE = 4, EXEC = 7, EXITS = 8, OPEN = 14, SLEEP = 17, RFORK = 19, PIPE = 21, SEMACQUIRE = 37,
    AWAIT = 47, PREAD = 50, PWRITE = 51, NSEC = 53,
};

static char block[LARGE];
static volatile int semaphore;

static int
open(const char *name, int mode)
{
    return (int)call(OPEN, (long)name, mode, 0, 0, 0);
}

static int
close(int fd)
{
    return (int)call(CLOSE, fd, 0, 0, 0, 0);
}

static long
read(int fd, long count)
{
    return call(PREAD, fd, (long)block, count, -1, -1);
}

static long
write(int fd, long count)
{
    return call(PWRITE, fd, (long)block, count, -1, -1);
}

static void
await(void)
{
    char record[256];

    call(AWAIT, (long)record, sizeof record, 0, 0, 0);
}

/* A child that runs f(fd) and ends. */
CALLED void
child(int flags, void (*f)(int), int fd)
{
    if (call(RFORK, flags | RFPROC | RFFDG, 0, 0, 0, 0) == 0) {
        f(fd);
        quit();
    }
}

static u32
calls(int number, long a, long b, int n)
{
    u32 bad = 0;
    int i;

    for (i = 0; i < n; i++)
        bad |= (u32)call(number, a, b, 0, 0, 0) & 0x80000000u;
    return bad;
}

CALLED void
give_way(int n)
{
    calls(SLEEP, 0, 0, n);
}

static u32
in_turn(int flags, int n)
{
    child(flags, give_way, n);
    give_way(n);
    await();
    return 0;
}

CALLED void
echo(int fd)
{
    while (read(fd, 1) == 1)
        write(fd, 1);
}

static u32
ping(int n)
{
    int fd[2], i;
    u32 bad = 0;

    call(PIPE, (long)fd, 0, 0, 0, 0);
    if (call(RFORK, RFPROC | RFFDG, 0, 0, 0, 0) == 0) {
        close(fd[0]);
        echo(fd[1]);
        quit();
    }
    close(fd[1]);
    for (i = 0; i < n; i++)
        bad |= write(fd[0], 1) != 1 || read(fd[0], 1) != 1;
    close(fd[0]);
    await();
    return bad;
}

static u32
stream(int n, long size)
{
    int fd[2], i;
    u32 bad = 0;

    call(PIPE, (long)fd, 0, 0, 0, 0);
    if (call(RFORK, RFPROC | RFFDG, 0, 0, 0, 0) == 0) {
        close(fd[0]);
        for (i = 0; i < n; i++)
            write(fd[1], size);
        quit();
    }
    close(fd[1]);
    for (i = 0; i < n; i++)
        bad |= read(fd[0], size) != size;
    close(fd[0]);
    await();
    return bad;
}

static u32
copy(int n)
{
    int zero = open("/dev/zero", 0), null = open("/dev/null", 1), i;
    u32 bad = 0;

    for (i = 0; i < n; i++)
        bad |= read(zero, BLOCK) != BLOCK || write(null, BLOCK) != BLOCK;
    close(zero);
    close(null);
    return bad;
}

static u32
reads(const char *name, long size, int n)
{
    int fd = open(name, 0), i;
    u32 bad = 0;

    for (i = 0; i < n; i++)
        bad |= call(PREAD, fd, (long)block, size, 0, 0) != size;
    close(fd);
    return bad;
}

static u32
opens(int n)
{
    u32 bad = 0;
    int i;

    for (i = 0; i < n; i++)
        bad |= (u32)close(open("/n/bench/block", 0));
    return bad;
}

CALLED void
nothing(int fd)
{
    (void)fd;
}

CALLED void
run(int fd)
{
    static const char *argv[] = {"hello", 0};

    close(fd);                                  /* it has nothing to tell */
    call(EXEC, (long)"/bin/hello", (long)argv, 0, 0, 0);
}

static u32
children(void (*f)(int), int n)
{
    int i;

    for (i = 0; i < n; i++) {
        child(0, f, 1);
        await();
    }
    return 0;
}

static u32
semaphores(int n)
{
    u32 bad = 0;
    int i;

    for (i = 0; i < n; i++) {
        semaphore = 1;
        bad |= call(SEMACQUIRE, (long)&semaphore, 0, 0, 0, 0) != 1;
    }
    return bad;
}

u32
work(int variant)
{
    static long long time;

    switch (variant) {
    case 0: return calls(SYSR1, 0, 0, TIMES(100000));
    case 1: return reads("/dev/bintime", 8, TIMES(50000));
    case 2: return calls(NSEC, (long)&time, 0, TIMES(50000));
    case 3: return semaphores(TIMES(50000));
    case 4: return calls(SLEEP, 0, 0, TIMES(50000));
    case 5: return in_turn(0, TIMES(5000));
    case 6: return in_turn(RFMEM, TIMES(5000));
    case 7: return ping(TIMES(5000));
    case 8: return stream(TIMES(10000), BLOCK);
    case 9: return stream(TIMES(4000), LARGE);
    case 10: return copy(TIMES(20000));
    case 11: return children(nothing, TIMES(500));
    case 12: return children(run, TIMES(500));
    case 13: return opens(TIMES(5000));
    case 14: return reads("/n/bench/block", BLOCK, TIMES(20000));
    }
    return 1;
}
