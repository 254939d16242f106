/* fork(2), exec(2), wait(2), getpid(2) */
#include <u.h>
#include <libc.h>

int
fork(void)
{
    return rfork(RFPROC | RFFDG | RFREND);
}

/* The arguments are already an array, on the stack. */
int
execl(char const *name, ...)
{
    va_list args;
    char *argv[256];
    int i = 0;

    va_start(args, name);
    do {
        if (i == nelem(argv)) {
            va_end(args);
            werrstr("execl: more than %d arguments", (int)nelem(argv) - 1);
            return -1;
        }
        argv[i] = va_arg(args, char *);
    } while (argv[i++] != nil);
    va_end(args);
    return exec(name, argv);
}

/* One message and what it points to are one piece of memory. */
Waitmsg *
wait(void)
{
    char buf[512], *fields[5];
    Waitmsg *w;
    int n, i;

    n = await(buf, sizeof buf - 1);
    if (n < 0)
        return nil;
    buf[n] = 0;
    if (tokenize(buf, fields, nelem(fields)) != nelem(fields)) {
        werrstr("couldn't parse wait message");
        return nil;
    }
    w = malloc(sizeof *w + strlen(fields[4]) + 1);
    if (w == nil)
        return nil;
    w->pid = atoi(fields[0]);
    for (i = 0; i < 3; i++)
        w->time[i] = strtoul(fields[i + 1], nil, 10);
    w->msg = (char *)(w + 1);
    strcpy(w->msg, fields[4]);
    return w;
}

int
waitpid(void)
{
    char buf[512], *fields[5];
    int n = await(buf, sizeof buf - 1);

    if (n <= 0)
        return -1;
    buf[n] = 0;
    if (tokenize(buf, fields, nelem(fields)) != nelem(fields)) {
        werrstr("couldn't parse wait message");
        return -1;
    }
    return atoi(fields[0]);
}

static long
numberin(char const *file)
{
    char buf[32];
    int fd = open(file, OREAD);
    long n;

    if (fd < 0)
        return 0;
    n = read(fd, buf, sizeof buf - 1);
    close(fd);
    if (n < 0)
        return 0;
    buf[n] = 0;
    return strtol(buf, nil, 10);
}

int
getppid(void)
{
    return numberin("#c/ppid");
}

static char *
linein(char const *file, char *buf, int size)
{
    int fd = open(file, OREAD);
    long n;

    if (fd < 0)
        return nil;
    n = read(fd, buf, size - 1);
    close(fd);
    if (n < 0)
        return nil;
    buf[n] = 0;
    return buf;
}

char *
getuser(void)
{
    static char user[64];

    if (linein("/dev/user", user, sizeof user) == nil)
        strcpy(user, "none");
    return user;
}

char *
sysname(void)
{
    static char name[128];
    char *newline;

    if (linein("/dev/sysname", name, sizeof name) == nil)
        return nil;
    newline = strchr(name, '\n');
    if (newline != nil)
        *newline = 0;
    return name;
}

char *
getwd(char *buf, int size)
{
    int fd = open(".", OREAD), n;

    if (fd < 0)
        return nil;
    n = fd2path(fd, buf, size);
    close(fd);
    return n < 0 ? nil : buf;
}
