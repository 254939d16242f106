/* From the entry in start.S to main.  Source: exec(2), privalloc(2). */
#include <u.h>
#include <libc.h>
#include <tos.h>

enum { NPRIVATES = 16 };

Tos *_tos;
char *argv0;
void **_privates; /* on the stack, so each process of a program has its own */
int _nprivates;

void main(int, char **);

void
_begin(int argc, char **argv)
{
    void *privates[NPRIVATES];

    memset(privates, 0, sizeof privates);
    _privates = privates;
    _nprivates = NPRIVATES;
    main(argc, argv);
    exits("main");
}

static Lock privlock;
static uchar privinuse[NPRIVATES];

void **
privalloc(void)
{
    int i;

    lock(&privlock);
    for (i = 0; i < _nprivates; i++)
        if (!privinuse[i]) {
            privinuse[i] = 1;
            unlock(&privlock);
            _privates[i] = nil;
            return &_privates[i];
        }
    unlock(&privlock);
    return nil;
}

void
privfree(void **p)
{
    if (p == nil)
        return;
    lock(&privlock);
    privinuse[p - _privates] = 0;
    unlock(&privlock);
}

int
getpid(void)
{
    return _tos->pid;
}
