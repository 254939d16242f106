/* dial(2): the other side, which announces itself, listens and takes calls. */
#include <u.h>
#include <libc.h>

int netdirof(char const *, char *, char const **);
int netclone(char const *, char const *, char *);
int askcs(char const *, char const *);
char *nextanswer(int, char *, int);

int
announce(char const *addr, char *dir)
{
    char netdir[NETPATHLEN], conversation[NETPATHLEN], answer[256], *at;
    char const *rest, *bang;
    int cs, ctl;

    if (netdirof(addr, netdir, &rest) < 0)
        return -1;
    cs = askcs(netdir, rest);
    if (cs >= 0) {
        at = nextanswer(cs, answer, sizeof answer);
        close(cs);
        if (at == nil) {
            werrstr("no answer from cs");
            return -1;
        }
    } else if (cs == -1 && (bang = strchr(rest, '!')) != nil && bang - rest < NETPATHLEN) {
        at = answer + sizeof answer / 2;
        snprint(answer, sizeof answer / 2, "/net/%.*s/clone", (int)(bang - rest), rest);
        snprint(at, sizeof answer / 2, "%s", bang + 1);
    } else
        return -1;
    ctl = netclone(netdir, answer, conversation);
    if (ctl < 0)
        return -1;
    if (fprint(ctl, "announce %s", at) < 0) {
        close(ctl);
        return -1;
    }
    if (dir != nil)
        strcpy(dir, conversation);
    return ctl;
}

/* Wait for a call to the conversation dir; the call's folder goes to newdir. */
int
listen(char const *dir, char *newdir)
{
    char name[NETPATHLEN + 8], number[16], *slash;
    long n;
    int ctl;

    if (strlen(dir) >= NETPATHLEN || strchr(dir, '/') == nil) {
        werrstr("bad conversation %s", dir);
        return -1;
    }
    snprint(name, sizeof name, "%s/listen", dir);
    ctl = open(name, ORDWR);
    if (ctl < 0)
        return -1;
    n = read(ctl, number, sizeof number - 1);
    if (n <= 0) {
        close(ctl);
        return -1;
    }
    number[n] = 0;
    strcpy(name, dir);
    slash = strrchr(name, '/');
    *slash = 0;
    snprint(newdir, NETPATHLEN, "%s/%s", name, number);
    return ctl;
}

/* The data file of a call; networks where a call need not be accepted do not mind. */
int
accept(int ctl, char const *dir)
{
    char name[NETPATHLEN + 8];
    char const *slash = strrchr(dir, '/');

    fprint(ctl, "accept %s", slash != nil ? slash + 1 : dir);
    snprint(name, sizeof name, "%s/data", dir);
    return open(name, ORDWR);
}

int
reject(int ctl, char const *dir, char const *cause)
{
    char const *slash = strrchr(dir, '/');

    return fprint(ctl, "reject %s %s", slash != nil ? slash + 1 : dir, cause) < 0 ? -1 : 0;
}

/* addr with what it lacks of net!host!service; good until the next call. */
char *
netmkaddr(char const *addr, char const *net, char const *service)
{
    static char made[256];
    char const *bang = strchr(addr, '!');

    if (bang == nil) {
        snprint(made, sizeof made, "%s!%s", net != nil ? net : "net", addr);
    } else if (strchr(bang + 1, '!') != nil) {
        snprint(made, sizeof made, "%s", addr);
        return made;
    } else
        snprint(made, sizeof made, "%s", addr);
    if (service != nil)
        seprint(made + strlen(made), made + sizeof made, "!%s", service);
    return made;
}
