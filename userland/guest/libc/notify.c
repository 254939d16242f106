/* notify(2): several handlers behind the one that the kernel knows. */
#include <u.h>
#include <libc.h>
#include <ureg.h>

enum { NHANDLER = 33 };

static int (*handlers[NHANDLER])(void *, char *);
static Lock handlerlock;

static void
handle(void *ureg, char *note)
{
    int i;

    for (i = 0; i < NHANDLER; i++)
        if (handlers[i] != nil && handlers[i](ureg, note) != 0)
            noted(NCONT);
    noted(NDFLT);
}

/* f is asked about each note; it returns non-zero when the note is dealt with. */
int
atnotify(int (*f)(void *, char *), int in)
{
    int i, done = 0, installed = 0;

    lock(&handlerlock);
    for (i = 0; i < NHANDLER; i++)
        if (handlers[i] != nil)
            installed = 1;
    if (in && !installed)
        notify((void *)handle);
    for (i = 0; i < NHANDLER && !done; i++)
        if (handlers[i] == (in ? nil : f)) {
            handlers[i] = in ? f : nil;
            done = 1;
        }
    if (!in) {
        for (installed = i = 0; i < NHANDLER; i++)
            if (handlers[i] != nil)
                installed = 1;
        if (!installed)
            notify(nil);
    }
    unlock(&handlerlock);
    return done;
}

/* Leave the handler for where setjmp was. */
void
notejmp(void *ureg, jmp_buf j, int ret)
{
    Ureg *u = ureg;

    u->ax = ret != 0 ? ret : 1;
    u->bx = j[0];
    u->si = j[1];
    u->di = j[2];
    u->bp = j[3];
    u->sp = j[JMPBUFSP];
    u->pc = j[JMPBUFPC];
    noted(NCONT);
    exits("notejmp"); /* noted does not come back */
}

int
postnote(int group, int pid, char const *note)
{
    char name[64];
    int fd, n;

    if (group == PNGROUP)
        sprint(name, "/proc/%d/notepg", pid);
    else
        sprint(name, "/proc/%d/note", pid);
    fd = open(name, OWRITE);
    if (fd < 0)
        return -1;
    n = strlen(note);
    if (write(fd, note, n) != n) {
        close(fd);
        return -1;
    }
    close(fd);
    return 0;
}
