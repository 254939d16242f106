/* exits(2), atexit(2) */
#include <u.h>
#include <libc.h>

enum { NEXIT = 33 };

static Lock onexlock;
static struct {
    void (*f)(void);
    int pid;
} onex[NEXIT];

/* f runs when this process exits; not in children that it forks. */
int
atexit(void (*f)(void))
{
    int i;

    lock(&onexlock);
    for (i = 0; i < NEXIT; i++)
        if (onex[i].f == nil) {
            onex[i].pid = getpid();
            onex[i].f = f;
            unlock(&onexlock);
            return 1;
        }
    unlock(&onexlock);
    return 0;
}

void
atexitdont(void (*f)(void))
{
    int i, pid = getpid();

    for (i = 0; i < NEXIT; i++)
        if (onex[i].f == f && onex[i].pid == pid)
            onex[i].f = nil;
}

void
exits(char const *s)
{
    int i, pid = getpid();
    void (*f)(void);

    for (i = NEXIT - 1; i >= 0; i--)
        if ((f = onex[i].f) != nil && onex[i].pid == pid) {
            onex[i].f = nil;
            f();
        }
    _exits(s);
    for (;;)
        ;
}
