/* brk(2) */
#include <u.h>
#include <libc.h>

extern char end[];
static char *bloc = end;

int
brk(void *p)
{
    ulong b = ((ulong)p + 7) & ~7ul;

    if (brk_((void *)b) < 0)
        return -1;
    bloc = (char *)b;
    return 0;
}

void *
sbrk(ulong n)
{
    ulong b = ((ulong)bloc + 7) & ~7ul;

    if (n > ~b || brk_((void *)(b + n)) < 0)
        return (void *)-1;
    bloc = (char *)(b + n);
    return (void *)b;
}
