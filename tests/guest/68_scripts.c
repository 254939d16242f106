/* exec(2): scripts, other file servers, and what a program finds of the one before it. */
#include <u.h>
#include <libc.h>

static void
nothing(void *u, char *note)
{
    noted(NCONT);
}

static void
put(char *name, char *text, ulong mode)
{
    int fd = create(name, OWRITE, mode);

    write(fd, text, strlen(text));
    close(fd);
}

/* Copy the program itself. */
static void
copy(char *from, char *to)
{
    static char buf[8192];
    int in = open(from, OREAD), out = create(to, OWRITE, 0777), n;

    while ((n = read(in, buf, sizeof buf)) > 0)
        write(out, buf, n);
    close(in);
    close(out);
}

static char *
field(char *name, int n)
{
    static char buf[1024];
    char path[64], *f[32];
    int fd;

    snprint(path, sizeof path, "/proc/%d/%s", getpid(), name);
    fd = open(path, OREAD);
    buf[read(fd, buf, sizeof buf - 1)] = 0;
    close(fd);
    if (n < 0)
        return buf;
    return tokenize(buf, f, nelem(f)) > n ? f[n] : "";
}

static void
attempt(char *name, ...)
{
    Waitmsg *w;
    char *p;

    if (fork() == 0) {
        exec(name, &name); /* the arguments, and nil, follow it */
        exits(smprint("%r"));
    }
    w = wait();
    p = strchr(w->msg, ':');
    if (p != nil)
        print("%s\n", p + 2);
    free(w);
}

/* What a program sees that runs after a script or another program. */
static void
second(int argc, char **argv)
{
    char *what = argv[argc - 1];
    long *shared = (long *)0x800000;
    int i;

    if (strcmp(what, "state") == 0) {
        print("shared segment has %ld\n", *shared);
        print("close on exec: %s\n", strstr(field("segment", -1), "00900000") == nil ? "gone" : "there");
        i = sleep(1000);
        print("alarm %d %r\n", i); /* not reached: it has no handler now */
        exits("no alarm");
    }
    print("%s:", field("status", 0));
    for (i = 0; i < argc; i++)
        print(" <%s>", argv[i]);
    print(" args %s\n", field("args", -1));
    exits(nil);
}

void
main(int argc, char **argv)
{
    char line[512], name[128], *self = argv[0], *big[3];
    int i;

    if (argc > 1)
        second(argc, argv);
    copy(self, "/tmp/prog");
    remove("/tmp/68"), remove("/tmp/bin");
    attempt("/tmp/prog", "from memory", nil);
    snprint(line, sizeof line, "#!%s\n", self);
    put("/tmp/one", line, 0777);
    attempt("/tmp/one", "a", "b c", nil);
    snprint(line, sizeof line, "#! \t%s  -x\ty 'q r' \nrest", self);
    put("/tmp/two", line, 0777);
    attempt("/tmp/two", "a", nil);
    put("/tmp/nested", "#!/tmp/two z\n", 0777);
    attempt("/tmp/nested", "a", nil);
    chdir("/tmp");
    put("relative", "#!prog here\n", 0777);
    attempt("relative", "a", nil);
    attempt("./relative", "a", nil);
    put("long", "#!/tmp/prog ", 0777);
    i = open("long", OWRITE);
    seek(i, 0, 2);
    for (; seek(i, 0, 1) < 300;)
        write(i, "0123456789", 10);
    write(i, "\n", 1);
    close(i);
    attempt("long", nil);
    put("none", "#!   \n", 0777);
    attempt("none", nil);
    put("cut", "#!/tmp/prog", 0777);
    attempt("cut", nil);
    put("empty", "", 0777);
    attempt("empty", nil);
    put("plain", "echo hello\n", 0777);
    attempt("plain", nil);
    put("missing", "#!/no/such/thing\n", 0777);
    attempt("missing", nil);
    put("closed", "#!/tmp/prog\n", 0666);
    attempt("closed", nil);
    attempt("/tmp", nil);
    put("loop", "#!/tmp/loop\n", 0777);
    attempt("loop", nil);
    memset(name, 'n', 64);
    name[64] = 0;
    put(name, "#!/tmp/prog\n", 0777);
    attempt(name, nil);
    name[63] = 0;
    put(name, "#!/tmp/prog ok\n", 0777);
    attempt(name, nil);
    if (segattach(0, "shared", (void *)0x800000, 4096) == (void *)-1
        || segattach(SG_CEXEC, "shared", (void *)0x900000, 4096) == (void *)-1)
        print("segattach: %r\n");
    *(long *)0x800000 = 4711;
    notify(nothing);
    alarm(100);
    if (fork() == 0) {
        alarm(100);
        execl("/tmp/prog", "prog", "state", nil);
        exits(smprint("%r"));
    }
    alarm(0);
    print("%s\n", strchr(wait()->msg, ':'));
    notify(nil);
    segdetach((void *)0x800000);
    segdetach((void *)0x900000);
    big[0] = "prog", big[1] = sbrk(20 << 20), big[2] = nil;
    memset(big[1], 'x', (20 << 20) - 1);
    i = exec("/tmp/prog", big);
    print("%d %r\n", i);
    exits(nil);
}
