/*
 * lock.c: the one lock of the core, and stopping guests.
 *
 * The lock guards everything the core knows; it is free while a guest runs, so guests of
 * several host threads run at once.  What must not happen under a running guest (dropping
 * code, taking memory away) is done between vx_stop and vx_go.
 *
 * It is ours, not pthread's, because it is taken between entries, when the x87 and SSE
 * registers may be a guest's and only code that we compile is known to leave them alone.
 */
#include "nofpu.h"

#define _GNU_SOURCE
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "vx.h"

uint32_t vx_lock;  /* 0: free, 1: taken, 2: taken, and someone waits */

static struct vx_cpu *running[VX_NTHREAD];
static int in_guest;           /* how many of them are between vx_going and vx_back */
static int stopping;
static uint32_t back, gone;    /* counters to wait on */

static void
futex(uint32_t *word, int op, uint32_t value)
{
    syscall(SYS_futex, word, op | FUTEX_PRIVATE_FLAG, value, NULL, NULL, 0);
}

void
vx_take_slowly(void)
{
    while (__atomic_exchange_n(&vx_lock, 2, __ATOMIC_ACQUIRE))
        futex(&vx_lock, FUTEX_WAIT, 2);
}

void
vx_give_slowly(void)
{
    futex(&vx_lock, FUTEX_WAKE, 1);
}

/* Let others have the lock until the counter moves. */
static void
await(uint32_t *counter)
{
    uint32_t seen = *counter;
    vx_give();
    futex(counter, FUTEX_WAIT, seen);
    vx_take();
}

static void
announce(uint32_t *counter)
{
    __atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
    futex(counter, FUTEX_WAKE, INT_MAX);
}

void
vx_running(struct vx_cpu *c, int on)
{
    for (int i = 0; i < VX_NTHREAD; i++)
        if (running[i] == (on ? NULL : c)) {
            running[i] = on ? c : NULL;
            return;
        }
}

int
vx_going(struct vx_cpu *c)
{
    if (stopping) {
        await(&gone);
        return 0;
    }
    in_guest++;
    c->in_guest = 1;
    vx_give();
    return 1;
}

void
vx_back(struct vx_cpu *c)
{
    vx_take();
    c->in_guest = 0;
    in_guest--;
    if (stopping && in_guest == 0)
        announce(&back);
}

void
vx_stop(void)
{
    stopping++;
    for (int i = 0; i < VX_NTHREAD; i++)
        if (running[i] && running[i]->in_guest)
            vx_kick(running[i]);
    while (in_guest)
        await(&back);
}

void
vx_go(void)
{
    if (--stopping == 0)
        announce(&gone);
}
