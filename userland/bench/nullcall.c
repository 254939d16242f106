/* 20,000 system calls that do nothing: notify(0), which a process makes before it has a handler. */
#include "work.h"

u32
work(int variant)
{
    u32 bad = 0;
    int i;

    (void)variant;
    for (i = 0; i < 20000; i++)
#ifdef PLAN9
        bad |= (u32)call(28, 0, 0, 0, 0, 0);    /* notify */
#else
        bad |= (u32)call(64, 0, 0, 0) & 0x80000000u;    /* getppid */
#endif
    return bad;
}
