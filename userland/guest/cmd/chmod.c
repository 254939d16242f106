/* chmod: changes permissions.  Source: chmod(1). */
#include <u.h>
#include <libc.h>

static int
parse(char *s, ulong *value, ulong *mask)
{
    ulong who = 0, what = 0;
    int op;

    *mask = 0777;
    if (*s >= '0' && *s <= '7') {
        *value = strtoul(s, &s, 8);
        return *s == 0 && *value <= 0777;
    }
    for (;; s++) {
        if (*s == 'u')
            who |= 0700;
        else if (*s == 'g')
            who |= 0070;
        else if (*s == 'o')
            who |= 0007;
        else if (*s == 'a')
            who |= 0777;
        else
            break;
    }
    if (who == 0)
        who = 0777;
    op = *s++;
    if (op != '+' && op != '-' && op != '=')
        return 0;
    *mask = op == '=' ? who : 0;
    for (; *s != 0; s++) {
        if (*s == 'r')
            what |= 0444 & who;
        else if (*s == 'w')
            what |= 0222 & who;
        else if (*s == 'x')
            what |= 0111 & who;
        else if (*s == 'a')
            what |= DMAPPEND;
        else if (*s == 'l')
            what |= DMEXCL;
        else if (*s == 't')
            what |= DMTMP;
        else
            return 0;
    }
    *mask |= what;
    *value = op == '-' ? 0 : what;
    return 1;
}

void
main(int argc, char **argv)
{
    ulong value, mask;
    Dir *d, new;
    int i;

    if (argc < 3) {
        fprint(2, "usage: chmod 0777 file ... or chmod [who]op[rwxalt] file ...\n");
        exits("usage");
    }
    if (!parse(argv[1], &value, &mask)) {
        fprint(2, "chmod: bad mode: %s\n", argv[1]);
        exits("mode");
    }
    for (i = 2; i < argc; i++) {
        d = dirstat(argv[i]);
        if (d == nil) {
            fprint(2, "chmod: can't stat %s: %r\n", argv[i]);
            exits("stat");
        }
        nulldir(&new);
        new.mode = (d->mode & ~mask) | (value & mask);
        if (dirwstat(argv[i], &new) < 0) {
            fprint(2, "chmod: can't wstat %s: %r\n", argv[i]);
            exits("wstat");
        }
        free(d);
    }
    exits(nil);
}
