/*
 * The operations of ops.c as Linux has them, for a program of Linux; "-" in the output for those
 * that it has not.  Prints for each, REPEATS times, the nanoseconds of TIMES(n), in hexadecimal: of the
 * processor, children included, and of the clock on the wall.
 * With an argument it is the small program that is executed, and ends at once.  It runs in a folder
 * with the file "block".
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#ifdef TINY
#define TIMES(n) ((n) / 100 + 1)
enum { REPEATS = 2 };
#else
#define TIMES(n) (n)
enum { REPEATS = 4 };
#endif

enum { BLOCK = 8192, LARGE = 65536 };
static char block[LARGE];
static const char *self;

static void
check(int ok)
{
    if (!ok) {
        perror("hostops");
        exit(1);
    }
}

static void
null(int n)
{
    while (n-- > 0)
        syscall(SYS_getppid);
}

static void
clocks(int n)
{
    struct timespec t;

    while (n-- > 0)
        syscall(SYS_clock_gettime, CLOCK_REALTIME, &t);  /* and not the library's way round the kernel */
}

static void
yield(int n)
{
    while (n-- > 0)
        syscall(SYS_sched_yield);
}

static void
ping(int n)
{
    int to[2], from[2];
    char c = 0;

    check(pipe(to) == 0 && pipe(from) == 0);
    if (fork() == 0) {
        close(to[1]);
        while (read(to[0], &c, 1) == 1)
            check(write(from[1], &c, 1) == 1);
        _exit(0);
    }
    while (n-- > 0)
        check(write(to[1], &c, 1) == 1 && read(from[0], &c, 1) == 1);
    close(to[0]);
    close(to[1]);
    close(from[0]);
    close(from[1]);
    wait(0);
}

static void
stream(int n, long size)
{
    int fd[2];
    long left = n * size, got;

    check(pipe(fd) == 0);
    if (fork() == 0) {
        while (n-- > 0)
            check(write(fd[1], block, (size_t)size) == size);
        _exit(0);
    }
    while (left > 0) {
        check((got = read(fd[0], block, (size_t)size)) > 0);
        left -= got;
    }
    close(fd[0]);
    close(fd[1]);
    wait(0);
}

static void
stream_block(int n)
{
    stream(n, BLOCK);
}

static void
stream_large(int n)
{
    stream(n, LARGE);
}

static void
copy(int n)
{
    int zero = open("/dev/zero", O_RDONLY), null = open("/dev/null", O_WRONLY);

    while (n-- > 0)
        check(read(zero, block, BLOCK) == BLOCK && write(null, block, BLOCK) == BLOCK);
    close(zero);
    close(null);
}

static void
forks(int n)
{
    while (n-- > 0) {
        if (fork() == 0)
            _exit(0);
        wait(0);
    }
}

static void
spawns(int n)
{
    char *argv[] = {(char *)self, "x", 0}, *env[] = {0};
    pid_t pid;

    while (n-- > 0) {
        check(posix_spawn(&pid, self, 0, 0, argv, env) == 0);
        waitpid(pid, 0, 0);
    }
}

static void
opens(int n)
{
    int fd;

    while (n-- > 0) {
        check((fd = open("block", O_RDONLY)) >= 0);
        close(fd);
    }
}

static void
reads(int n)
{
    int fd = open("block", O_RDONLY);

    while (n-- > 0)
        check(pread(fd, block, BLOCK, 0) == BLOCK);
    close(fd);
}

static const struct {
    void (*f)(int);
    int times;
} rows[] = {
    {null, 100000}, {0, 0}, {clocks, 50000}, {0, 0}, {yield, 50000}, {0, 0}, {0, 0},
    {ping, 5000}, {stream_block, 10000}, {stream_large, 4000}, {copy, 20000},
    {forks, 500}, {spawns, 500}, {opens, 5000}, {reads, 20000},
};

static unsigned long long
used(void)
{
    struct rusage r[2];

    getrusage(RUSAGE_SELF, r);
    getrusage(RUSAGE_CHILDREN, r + 1);
    return 1000000000ull * (unsigned long long)(r[0].ru_utime.tv_sec + r[0].ru_stime.tv_sec +
                                                r[1].ru_utime.tv_sec + r[1].ru_stime.tv_sec) +
           1000ull * (unsigned long long)(r[0].ru_utime.tv_usec + r[0].ru_stime.tv_usec +
                                          r[1].ru_utime.tv_usec + r[1].ru_stime.tv_usec);
}

int
main(int argc, char **argv)
{
    struct timespec a, b;

    if (argc > 1)
        return 0;
    self = argv[0];
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++)
        for (int k = 0; k < REPEATS; k++) {
            if (rows[i].f == 0) {
                puts("-");
                continue;
            }
            fflush(stdout);
            unsigned long long before = used();
            clock_gettime(CLOCK_MONOTONIC, &a);
            rows[i].f(TIMES(rows[i].times));
            clock_gettime(CLOCK_MONOTONIC, &b);
            printf("%llx %llx\n", used() - before, (b.tv_sec - a.tv_sec) * 1000000000ull + (unsigned long long)b.tv_nsec
                   - (unsigned long long)a.tv_nsec);
        }
    return 0;
}
