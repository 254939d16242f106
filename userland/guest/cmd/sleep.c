/* sleep: nothing, for some seconds.  Source: sleep(1). */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    long seconds = 0, ms = 0, scale;
    char *p;

    argv0 = "sleep";
    if (argc > 1) {
        seconds = strtol(argv[1], &p, 10);
        if (*p == '.')
            for (p++, scale = 100; *p >= '0' && *p <= '9'; p++, scale /= 10)
                ms += (*p - '0') * scale;
        if (*p != 0 || p == argv[1] || seconds < 0)
            sysfatal("bad number of seconds: %s", argv[1]);
    }
    for (; seconds > 0; seconds--) /* in steps, so that stop(1) need not wait for the end */
        if (sleep(1000) < 0)
            exits("interrupted");
    if (ms > 0 && sleep(ms) < 0)
        exits("interrupted");
    exits(nil);
}
