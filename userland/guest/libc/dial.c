/* dial(2): a call to an address such as tcp!host!service, by the files of a network. */
#include <u.h>
#include <libc.h>

enum {
    Reply = 256, /* bytes of what cs answers, and of an address */
};

typedef struct Call Call;
struct Call {
    char netdir[NETPATHLEN]; /* where the networks are: /net */
    char const *rest;        /* of the address: net!host!service */
    char const *local;
    char *dir; /* the caller's, NETPATHLEN bytes, or nil */
    int *cfdp; /* the caller's, or nil */
};

/* Take [NETDIR/]NET!REST apart. */
int
netdirof(char const *addr, char *netdir, char const **rest)
{
    char const *bang = strchr(addr, '!'), *slash;

    strcpy(netdir, "/net");
    *rest = addr;
    if (*addr != '/')
        return 0;
    if (bang == nil)
        bang = addr + strlen(addr);
    for (slash = bang; *slash != '/'; slash--)
        ;
    if (slash == addr || slash - addr >= NETPATHLEN) {
        werrstr("bad network folder in address %s", addr);
        return -1;
    }
    memmove(netdir, addr, slash - addr);
    netdir[slash - addr] = 0;
    *rest = slash + 1;
    return 0;
}

/*
 * Open a clone file, whatever name space cs saw it in, and tell the conversation's folder.
 * The result is its ctl file.
 */
int
netclone(char const *netdir, char const *clone, char *dir)
{
    char name[NETPATHLEN + 32], number[16];
    char const *net = *clone == '/' ? strchr(clone + 1, '/') : nil;
    char *slash;
    long n;
    int fd;

    if (net == nil || strlen(netdir) + strlen(net) + 8 > NETPATHLEN) {
        werrstr("bad answer from cs: %s", clone);
        return -1;
    }
    snprint(name, sizeof name, "%s%s", netdir, net);
    fd = open(name, ORDWR);
    if (fd < 0)
        return -1;
    n = read(fd, number, sizeof number - 1);
    if (n <= 0) {
        close(fd);
        return -1;
    }
    number[n] = 0;
    slash = strrchr(name, '/');
    *slash = 0;
    snprint(dir, NETPATHLEN, "%s/%s", name, number);
    return fd;
}

/* Ask cs; the result is the file to read answers from, -1 if there is no cs, -2 if no answer. */
int
askcs(char const *netdir, char const *question)
{
    char name[NETPATHLEN + 8];
    int fd;

    snprint(name, sizeof name, "%s/cs", netdir);
    fd = open(name, ORDWR);
    if (fd < 0)
        return -1;
    if (fprint(fd, strchr(question, '!') != nil ? "%s" : "net!%s", question) < 0) {
        close(fd);
        return -2;
    }
    seek(fd, 0, 0);
    return fd;
}

/* The next answer, cut at its blank: the clone file in buf; the address is the result. */
char *
nextanswer(int fd, char *buf, int size)
{
    long n = read(fd, buf, size - 1);
    char *blank;

    if (n <= 0)
        return nil;
    buf[n] = 0;
    blank = strchr(buf, ' ');
    if (blank == nil)
        return nil;
    *blank = 0;
    return blank + 1;
}

/* Connect by one clone file to one address; the data file. */
static int
call(Call *c, char const *clone, char const *addr)
{
    char dir[NETPATHLEN], name[NETPATHLEN + 8];
    int ctl, data;

    ctl = netclone(c->netdir, clone, dir);
    if (ctl < 0)
        return -1;
    if ((c->local != nil ? fprint(ctl, "connect %s %s", addr, c->local)
                         : fprint(ctl, "connect %s", addr)) < 0) {
        close(ctl);
        return -1;
    }
    snprint(name, sizeof name, "%s/data", dir);
    data = open(name, ORDWR);
    if (data < 0) {
        close(ctl);
        return -1;
    }
    if (c->dir != nil)
        strcpy(c->dir, dir);
    if (c->cfdp != nil)
        *c->cfdp = ctl;
    else
        close(ctl);
    return data;
}

/* Without cs the address must be one that the network itself understands. */
static int
callasis(Call *c)
{
    char clone[Reply];
    char const *bang = strchr(c->rest, '!');

    if (bang == nil || bang - c->rest > NETPATHLEN) {
        werrstr("no network in address %s", c->rest);
        return -1;
    }
    snprint(clone, sizeof clone, "/net/%.*s/clone", (int)(bang - c->rest), c->rest);
    return call(c, clone, bang + 1);
}

int
dial(char const *addr, char const *local, char *dir, int *cfdp)
{
    char answer[Reply], err[ERRMAX], *to;
    Call c = {.local = local, .dir = dir, .cfdp = cfdp};
    int cs, fd = -1;

    if (netdirof(addr, c.netdir, &c.rest) < 0)
        return -1;
    cs = askcs(c.netdir, c.rest);
    if (cs == -1)
        return callasis(&c);
    if (cs < 0)
        return -1;
    strcpy(err, "no answer from cs");
    while (fd < 0 && (to = nextanswer(cs, answer, sizeof answer)) != nil) {
        fd = call(&c, answer, to);
        if (fd < 0) {
            rerrstr(err, sizeof err);
            if (strstr(err, "interrupted") != nil)
                break;
        }
    }
    close(cs);
    if (fd < 0)
        errstr(err, sizeof err);
    return fd;
}

int
hangup(int ctl)
{
    return write(ctl, "hangup", 6) == 6 ? 0 : -1;
}
