/* dial(2): who talks in a conversation. */
#include <u.h>
#include <libc.h>

/* The file `file` of a conversation, ADDRESS!PORT, as two strings. */
static void
endof(char const *dir, char const *file, char **sys, char **serv)
{
    char buf[128], name[NETPATHLEN + 16], *bang;
    long n = 0;
    int fd;

    snprint(name, sizeof name, "%s/%s", dir, file);
    fd = open(name, OREAD);
    if (fd >= 0) {
        n = read(fd, buf, sizeof buf - 1);
        close(fd);
    }
    if (n > 0 && buf[n - 1] == '\n')
        n--;
    buf[n > 0 ? n : 0] = 0;
    bang = strchr(buf, '!');
    if (bang != nil)
        *bang++ = 0;
    *sys = strdup(n > 0 ? buf : "unknown");
    *serv = strdup(bang != nil ? bang : "unknown");
}

/* Of the conversation that is the folder dir, or that fd is a file of. */
NetConnInfo *
getnetconninfo(char const *dir, int fd)
{
    char path[256], folder[NETPATHLEN], *slash;
    NetConnInfo *info;
    Dir *d;

    if (dir != nil)
        snprint(path, sizeof path, "%s", dir);
    else {
        if (fd2path(fd, path, sizeof path) < 0)
            return nil;
        slash = strrchr(path, '/');
        if (slash == nil || slash == path) {
            werrstr("fd %d is no conversation", fd);
            return nil;
        }
        *slash = 0;
    }
    if (strlen(path) >= sizeof folder) {
        werrstr("%s is no conversation", path);
        return nil;
    }
    strcpy(folder, path);
    info = mallocz(sizeof *info, 1);
    if (info == nil)
        return nil;
    info->dir = strdup(folder);
    d = dirstat(folder);
    info->spec = smprint("#%C%d", d != nil ? d->type : 'I', d != nil ? d->dev : 0);
    free(d);
    slash = strrchr(path, '/');
    if (slash != nil && slash != path) {
        *slash = 0;
        slash = strrchr(path, '/');
    }
    info->root = slash != nil ? smprint("%.*s", (int)(slash - path), path) : strdup("/net");
    endof(folder, "local", &info->lsys, &info->lserv);
    endof(folder, "remote", &info->rsys, &info->rserv);
    info->laddr = smprint("%s!%s", info->lsys, info->lserv);
    info->raddr = smprint("%s!%s", info->rsys, info->rserv);
    return info;
}

void
freenetconninfo(NetConnInfo *info)
{
    if (info == nil)
        return;
    free(info->dir);
    free(info->root);
    free(info->spec);
    free(info->lsys);
    free(info->lserv);
    free(info->rsys);
    free(info->rserv);
    free(info->laddr);
    free(info->raddr);
    free(info);
}
