/* Processes: forking, waiting, exec, and the end of this one. */
#include "rc.h"

typedef struct Child Child;
struct Child {
    Child *link;
    int pid;
    char *msg; /* how it ended; nil: not yet */
};

int mypid;
int insubshell;
static Child *children;

static void
forget(Child **c)
{
    Child *dead = *c;

    *c = dead->link;
    free(dead->msg);
    free(dead);
}

/* A process like this one; 0 in the child, where the redirections are true. */
int
forkchild(int more, int waited)
{
    int pid;
    Child *c;

    updenv();
    pid = rfork(RFPROC | RFFDG | RFREND | more);
    if (pid < 0)
        fail("cannot fork: %r");
    if (pid == 0) {
        insubshell = 1;
        while (children != nil)
            forget(&children);
        applyredirs();
        return 0;
    }
    if (waited) {
        c = emalloc(sizeof *c);
        c->pid = pid;
        c->msg = nil;
        c->link = children;
        children = c;
    }
    return pid;
}

/* One message from a child that ended; -1 if a note came instead or there are no children. */
static int
reap(int *interrupted)
{
    Waitmsg *w = wait();
    char err[ERRMAX];
    Child *c;

    *interrupted = 0;
    if (w == nil) {
        rerrstr(err, sizeof err);
        *interrupted = strstr(err, "interrupt") != nil;
        return -1;
    }
    for (c = children; c != nil; c = c->link)
        if (c->pid == w->pid && c->msg == nil)
            c->msg = estrdup(w->msg);
    free(w);
    return 0;
}

static Child **
find(int pid)
{
    Child **c;

    for (c = &children; *c != nil; c = &(*c)->link)
        if ((*c)->pid == pid)
            return c;
    return nil;
}

/* Wait for a child; *msg is how it ended, in memory of its own. */
void
waitfor(int pid, char **msg)
{
    Child **c;
    int interrupted;

    *msg = nil;
    for (;;) {
        c = find(pid);
        if (c != nil && (*c)->msg != nil) {
            *msg = (*c)->msg;
            (*c)->msg = nil;
            forget(c);
            return;
        }
        if (reap(&interrupted) < 0 && !interrupted)
            break;
    }
    c = find(pid);
    if (c != nil)
        forget(c);
    *msg = estrdup("");
}

/* wait(1): for pid, or with 0 for all; 0 if a note came in between, -1 if it is not a child. */
int
waitall(int pid)
{
    Child **c;
    int interrupted;

    if (pid != 0 && find(pid) == nil)
        return -1;
    for (;;) {
        if (pid != 0) {
            c = find(pid);
            if ((*c)->msg != nil) {
                setstatus((*c)->msg);
                forget(c);
                return 1;
            }
        }
        if (reap(&interrupted) < 0) {
            if (interrupted)
                return 0;
            break;
        }
    }
    if (pid == 0) {
        while (children != nil)
            forget(&children);
        setstatus("");
    } else
        forget(find(pid));
    return 1;
}

static int
isnonexistent(char const *err)
{
    return strstr(err, "not exist") != nil || strstr(err, "not found") != nil;
}

/* Become the program; comes back with its complaint as $status. */
void
execwords(Word *args)
{
    Word *w, *path;
    char **argv, *file, err[ERRMAX], *name = args->text;
    long n = 0;

    argv = take(&temp, (count(args) + 1) * sizeof *argv);
    for (w = args; w != nil; w = w->next)
        argv[n++] = w->text;
    argv[n] = nil;
    err[0] = 0;
    if (name[0] == '/' || name[0] == '#' || strncmp(name, "./", 2) == 0
        || strncmp(name, "../", 3) == 0) {
        exec(name, argv);
        rerrstr(err, sizeof err);
    } else
        for (path = value("path"); path != nil; path = path->next) {
            n = strlen(path->text) + strlen(name) + 3;
            file = take(&temp, n);
            if (path->text[0] == 0)
                snprint(file, n, "./%s", name);
            else
                snprint(file, n, "%s/%s", path->text, name);
            exec(file, argv);
            if (err[0] == 0 || isnonexistent(err))
                rerrstr(err, sizeof err);
        }
    if (err[0] == 0)
        strcpy(err, "file does not exist");
    complain("%s: %s", name, err);
    setstatus(err);
}

/* End this process. */
void
leave(char const *how)
{
    Fn *f;
    static int leaving;
    char *kept = estrdup(how);

    setstatus(kept);
    if (!insubshell && !leaving++) {
        f = fn("sigexit");
        if (f != nil)
            callfn(f, nil);
        setstatus(kept);
    }
    exits(truestatus() ? nil : status());
}
