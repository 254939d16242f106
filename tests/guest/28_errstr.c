/* errstr(2): exchanged, and left alone by what succeeds. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    char buf[ERRMAX], small[8];

    print("%d <%r>\n", open("/nodir/file", OREAD));
    print("%d <%r>\n", close(0) + close(77));
    print("%d <%r>\n", open("", OREAD));
    print("%d <%r>\n", open("/", ORDWR));
    print("%d <%r>\n", chdir("/dev/null"));
    print("%d <%r>\n", open("#?", OREAD));
    print("%d <%r>\n", open("/dev/null\n", OREAD));
    print("%d <%r>\n", open("/dev/null", 77));
    print("%d <%r>\n", create("/nodir/x/y", OREAD, 0666));
    getpid();
    print("still <%r>\n");
    strcpy(buf, "mine");
    errstr(buf, sizeof buf);
    print("<%s> <%r>\n", buf);
    strcpy(small, "short");
    errstr(small, 4);
    print("<%s> <%r>\n", small);
    werrstr("%200s|", "long");
    rerrstr(buf, sizeof buf);
    print("%ld\n", strlen(buf));
    werrstr("after");
    perror("what");
    exits(nil);
}
