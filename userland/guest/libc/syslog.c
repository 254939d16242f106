/* perror(2): a line in /sys/log/NAME, and on the console if asked for. */
#include <u.h>
#include <libc.h>

void
syslog(int cons, char const *name, char const *format, ...)
{
    char err[ERRMAX], path[128], buf[1024], *p, *e = buf + sizeof buf - 1;
    va_list args;
    char *host;
    int fd;

    rerrstr(err, sizeof err);
    host = sysname();
    p = seprint(buf, e, "%s ", host != nil ? host : "?");
    p = seprint(p, e, "%.15s ", ctime(time(nil)) + 4);
    errstr(err, sizeof err); /* for a %r in the format */
    va_start(args, format);
    p = vseprint(p, e, format, args);
    va_end(args);
    *p++ = '\n';
    if (name != nil) {
        snprint(path, sizeof path, "/sys/log/%s", name);
        fd = open(path, OWRITE);
        if (fd >= 0) {
            seek(fd, 0, 2);
            write(fd, buf, p - buf);
            close(fd);
        } else
            cons = 1;
    }
    if (cons) {
        fd = open("#c/cons", OWRITE);
        if (fd >= 0) {
            write(fd, buf, p - buf);
            close(fd);
        }
    }
}
