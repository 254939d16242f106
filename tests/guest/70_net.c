/* dial(2), ip(3): calls over the loopback, datagrams, refusals, and notes that end a wait. */
#include <u.h>
#include <libc.h>

static int
ignore(void *ureg, char *note)
{
    return strcmp(note, "alarm") == 0;
}

/* Read to the end of file. */
static void
show(char *who, int fd)
{
    char buf[64];
    long n;

    while ((n = read(fd, buf, sizeof buf)) > 0)
        print("%s read %.*s\n", who, (int)n, buf);
    print("%s at end: %ld\n", who, n);
}

static void
server(int ctl, char *dir)
{
    char newdir[NETPATHLEN];
    NetConnInfo *info;
    int lcfd, fd, i;

    for (i = 0; i < 2; i++) {
        lcfd = listen(dir, newdir);
        if (lcfd < 0)
            sysfatal("listen: %r");
        fd = accept(lcfd, newdir);
        if (fd < 0)
            sysfatal("accept: %r");
        info = getnetconninfo(newdir, -1);
        print("server: %s root %s spec %s local %s from %s\n", i == 0 ? info->dir : "next",
              info->root, info->spec, info->laddr, info->rsys);
        freenetconninfo(info);
        write(fd, "welcome", 7);
        show("server", fd);
        close(fd);
        close(lcfd);
    }
    print("hangup %d\n", hangup(ctl));
    close(ctl);
    print("listen %d %r\n", listen(dir, newdir));
}

static char said[1024], *sp = said;

/* What it sees is told later, so that nobody else's lines come between. */
static void
client(char *addr)
{
    char dir[NETPATHLEN], buf[64], *e = said + sizeof said;
    NetConnInfo *info;
    int ctl, fd;

    fd = dial(addr, nil, dir, &ctl);
    if (fd < 0)
        sysfatal("dial: %r");
    info = getnetconninfo(nil, fd);
    sp = seprint(sp, e, "client: %s\n", info->raddr);
    freenetconninfo(info);
    buf[readn(fd, buf, 7)] = 0;
    sp = seprint(sp, e, "client read %s\n", buf);
    alarm(20);
    sp = seprint(sp, e, "read %ld %r\n", read(fd, buf, sizeof buf));
    write(fd, "goodbye", 7);
    close(fd);
    close(ctl);
}

static void
datagrams(void)
{
    char dir[NETPATHLEN], buf[256], name[NETPATHLEN + 8];
    int ctl, data, fd;
    long n;

    ctl = announce("udp!*!2000", dir);
    fprint(ctl, "headers");
    snprint(name, sizeof name, "%s/data", dir);
    data = open(name, ORDWR);
    fd = dial("udp!127.0.0.1!2000", "3000", nil, nil);
    write(fd, "one", 3);
    write(fd, "two", 3);
    n = read(data, buf, sizeof buf);
    print("%ld bytes from %d.%d.%d.%d!%d to %d: %.*s\n", n, buf[12], buf[13], buf[14], buf[15],
          (uchar)buf[48] << 8 | (uchar)buf[49], (uchar)buf[50] << 8 | (uchar)buf[51], (int)n - 52,
          buf + 52);
    memmove(buf + 52, "answer", 6);
    print("wrote %ld\n", write(data, buf, 58));
    n = read(fd, buf, sizeof buf);
    print("%.*s\n", (int)n, buf);
    n = read(data, buf, 53); /* the rest is lost */
    print("%ld %c\n", n, buf[52]);
    alarm(20);
    print("%ld %r\n", read(data, buf, sizeof buf));
    close(fd);
    close(data);
    close(ctl);
}

void
main(int argc, char **argv)
{
    char dir[NETPATHLEN], buf[1024];
    int ctl, fd[2];
    long n;

    atnotify(ignore, 1);
    print("%s ", netmkaddr("h", nil, "s"));
    print("%s ", netmkaddr("tcp!h", "net", "s"));
    print("%s\n", netmkaddr("tcp!h!1", "net", "s"));
    print("%d %r\n", dial("tcp!127.0.0.1!1234", nil, nil, nil));
    print("%d %r\n", dial("tcp!127.0.0.1!nonesuch", nil, nil, nil));
    print("%d %r\n", dial("tcp!nowhere!1", nil, nil, nil));
    print("%d %r\n", dial("/net/tcp!8.8.8.8!53", nil, nil, nil));
    print("%d %r\n", dial("/net.alt/tcp!127.0.0.1!53", nil, nil, nil));
    print("%d %r\n", announce("tcp!1.2.3.4!80", dir));
    ctl = announce("tcp!*!1234", dir);
    print("announced %s\n", dir);
    print("again %d %r\n", announce("tcp!*!1234", dir));
    print("reject %d %r\n", reject(ctl, dir, "no"));
    pipe(fd);
    if (fork() == 0) {
        close(ctl);
        client("tcp!127.0.0.1!1234");
        client("net!vx9!1234");
        write(fd[1], said, sp - said);
        exits(nil);
    }
    server(ctl, dir);
    n = read(fd[0], buf, sizeof buf);
    print("%.*s", (int)n, buf);
    waitpid();
    datagrams();
    exits(nil);
}
