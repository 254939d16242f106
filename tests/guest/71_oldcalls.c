/* The system calls of old, which programs of 1995 still make. */
#include <u.h>
#include <libc.h>

static char e[64], old[116], msg[112];

static void
say(char *name, int result)
{
    if (result < 0) {
        _errstr(e);
        print("%s: %s\n", name, e);
        e[0] = 0;
    } else
        print("%s %d\n", name, result);
}

static uint
word(int at)
{
    return (uchar)old[at] | (uchar)old[at + 1] << 8 | (uchar)old[at + 2] << 16
           | (uint)(uchar)old[at + 3] << 24;
}

void
main(int argc, char **argv)
{
    char buf[32];
    int fd, pid;

    say("sysr1", sysr1());
    fd = create("/tmp/old", ORDWR, 0640);
    say("_write", _write(fd, "hello, world\n", 13));
    say("oseek", oseek(fd, 7, 0));
    memset(buf, 0, sizeof buf);
    say("_read", _read(fd, buf, 5));
    print("%s\n", buf);
    say("oseek", oseek(fd, -3, 1));
    say("oseek", oseek(fd, 0, 2));
    say("oseek", oseek(fd, -1, 0));
    say("_fstat", _fstat(fd, old));
    print("%.28s %.28s mode %uo length %ud\n", old, old + 28, word(92), word(104));
    memset(old, 0xff, sizeof old);
    say("_stat", _stat("/tmp/old", old));
    print("%.28s type %c\n", old, old[112]);
    say("_stat", _stat("/tmp", old));
    print("%s directory %d\n", old, word(84) >> 31);
    say("_stat", _stat("/tmp/none", old));
    say("_wstat", _wstat("/tmp/old", old));
    say("_fwstat", _fwstat(fd, old));
    strcpy(buf, "challenge");
    say("_fsession", _fsession(fd, buf, sizeof buf));
    print("'%s'\n", buf);
    say("_fsession", _fsession(fd, buf, 0));
    say("_mount", _mount(fd, "/mnt", MREPL, ""));
    pid = rfork(RFPROC | RFFDG);
    if (pid == 0)
        exits("the word");
    say("_wait", _wait(msg) - pid);
    print("%d %d %s\n", atoi(msg) - pid, msg[11], strchr(msg + 48, ':'));
    say("_wait", _wait(msg));
    strcpy(e, "my own words");
    _errstr(e);
    say("kept", -1);
    exits(nil);
}
