/*
 * lock(2): a count of holders and waiters; who does not get the lock at once sleeps
 * on the semaphore.  Source: lock(2), semacquire(2).
 */
#include <u.h>
#include <libc.h>

long
ainc(long *p)
{
    return __sync_add_and_fetch(p, 1);
}

long
adec(long *p)
{
    return __sync_sub_and_fetch(p, 1);
}

int
cas(int *p, int old, int new)
{
    return __sync_bool_compare_and_swap(p, old, new);
}

int
_tas(int *p)
{
    int v = 0xdeaddead;

    __asm__ volatile("xchgl %0, %1" : "+r"(v), "+m"(*p) : : "memory");
    return v;
}

void
lock(Lock *l)
{
    if (ainc(&l->key) == 1)
        return;
    while (semacquire(&l->sem, 1) < 0)
        ; /* a note came: wait on */
}

void
unlock(Lock *l)
{
    if (adec(&l->key) == 0)
        return;
    semrelease(&l->sem, 1);
}

int
canlock(Lock *l)
{
    return __sync_bool_compare_and_swap(&l->key, 0, 1);
}
