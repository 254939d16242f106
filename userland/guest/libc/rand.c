/* rand(2), truerand(2): the same numbers after the same seed. */
#include <u.h>
#include <libc.h>

static Lock randlock;
static uvlong state = 0x853c49e6748fea9bull;

/* 31 bits, from the top of a linear congruence that is permuted by a rotation. */
long
lrand(void)
{
    uvlong s;
    ulong x, r;

    lock(&randlock);
    s = state;
    state = s * 6364136223846793005ull + 1442695040888963407ull;
    unlock(&randlock);
    x = (s >> 18 ^ s) >> 27;
    r = s >> 59;
    return (x >> r | x << (-r & 31)) >> 1;
}

void
srand(long seed)
{
    lock(&randlock);
    state = ((uvlong)seed << 32 | (ulong)seed) ^ 0x853c49e6748fea9bull;
    unlock(&randlock);
    lrand();
}

int
rand(void)
{
    return lrand() & 0x7fff;
}

/* Each of 0..n-1 as often as the others. */
long
lnrand(long n)
{
    ulong most, v;

    if (n <= 0)
        return 0;
    most = 0x80000000ul - 0x80000000ul % n;
    do
        v = lrand();
    while (v >= most);
    return v % n;
}

int
nrand(int n)
{
    return lnrand(n);
}

vlong
vlrand(void)
{
    return (vlong)lrand() << 32 ^ (vlong)lrand() << 16 ^ lrand();
}

vlong
vlnrand(vlong n)
{
    return n > 0 ? vlrand() % n : 0;
}

double
frand(void)
{
    return (lrand() * 2147483648.0 + lrand()) / 4611686018427387904.0;
}

ulong
truerand(void)
{
    ulong x;
    int fd = open("/dev/random", OREAD);

    if (fd < 0)
        fd = open("#c/random", OREAD);
    if (fd < 0 || readn(fd, &x, sizeof x) != sizeof x)
        sysfatal("can't read /dev/random: %r");
    close(fd);
    return x;
}

ulong
ntruerand(ulong n)
{
    ulong most, v;

    if (n == 0)
        return 0;
    most = ~0ul - ~0ul % n;
    do
        v = truerand();
    while (v >= most);
    return v % n;
}
