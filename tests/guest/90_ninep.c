/* intro(5), mount(2): a process serves files by 9P on a pipe, others mount and use them. */
#include <u.h>
#include <libc.h>

enum { Msize = 4096, Nfid = 64, Hello = 1, Block, Store, Gone, Nfile };

static char *names[] = {"/", "hello", "block", "store", "gone"};
static uchar buf[Msize + 1], out[Msize + 1];
static struct {
    int used, fid, file, open;
} fids[Nfid];
static char store[20000];
static int nstore, blocked = -1;
static char *lastop = "";

static uint
get(uchar *p, int n)
{
    uint v = 0;

    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

static uchar *
put(uchar *p, uvlong v, int n)
{
    for (; n > 0; n--, v >>= 8)
        *p++ = v;
    return p;
}

static uchar *
putqid(uchar *p, int file)
{
    p = put(p, file == 0 ? QTDIR : QTFILE, 1);
    p = put(p, 0, 4);
    return put(p, file + 100, 8);
}

static int
record(int file, uchar *p, int n)
{
    Dir d;

    memset(&d, 0, sizeof d);
    d.qid.path = file + 100;
    d.qid.type = file == 0 ? QTDIR : QTFILE;
    d.mode = file == 0 ? DMDIR | 0755 : 0666;
    d.length = file == Store ? nstore : 0;
    d.name = names[file];
    d.uid = d.gid = d.muid = "srv";
    return convD2M(&d, p, n);
}

static void
answer(int fd, int type, int tag, uchar *end)
{
    put(out, end - out, 4);
    put(out + 4, type, 1);
    put(out + 5, tag, 2);
    if (write(fd, out, end - out) != end - out)
        exits("write");
}

static void
error(int fd, int tag, char *text)
{
    uchar *p = put(out + 7, strlen(text), 2);

    memcpy(p, text, strlen(text));
    answer(fd, 107, tag, p + strlen(text));
}

static int
find(uint fid)
{
    int i;

    for (i = 0; i < Nfid; i++)
        if (fids[i].used && fids[i].fid == fid)
            return i;
    return -1;
}

static void
serve(int fd)
{
    uchar *p;
    int n, i, j, k, type, tag, count, file;
    uint offset;

    while ((n = read(fd, buf, Msize)) > 0) {
        if (n != get(buf, 4))
            exits("a message in two reads");
        type = buf[4];
        tag = get(buf + 5, 2);
        i = type == 100 || type == 108 ? 0 : find(get(buf + 7, 4));
        p = out + 7;
        if (i < 0 && type != 104) {
            error(fd, tag, "unknown fid");
            continue;
        }
        switch (type) {
        case 100: /* Tversion */
            p = put(p, get(buf + 7, 4) < Msize ? get(buf + 7, 4) : Msize, 4);
            p = put(p, 6, 2);
            memcpy(p, "9P2000", 6);
            p += 6;
            break;
        case 104: /* Tattach */
        case 110: /* Twalk */
            file = type == 104 ? 0 : fids[i].file;
            count = type == 104 ? 0 : get(buf + 15, 2);
            p += type == 104 ? 0 : 2;
            for (j = 17, k = 0; k < count; k++, j += 2 + get(buf + j, 2)) {
                int f;

                for (f = 0; f < Nfile; f++)
                    if (f != Gone && file == 0 && strlen(names[f]) == get(buf + j, 2)
                        && memcmp(names[f], buf + j + 2, get(buf + j, 2)) == 0)
                        break;
                if (get(buf + j, 2) == 2 && memcmp("..", buf + j + 2, 2) == 0)
                    f = 0;
                if (f == Nfile)
                    break;
                file = f;
                p = putqid(p, file);
            }
            if (k < count && k == 0) {
                error(fd, tag, "no such file here");
                continue;
            }
            if (k == count) {
                j = get(buf + (type == 104 ? 7 : 11), 4);
                k = find(j);
                for (i = 0; k < 0 && i < Nfid; i++)
                    if (!fids[i].used)
                        k = i;
                fids[k].used = 1;
                fids[k].fid = j;
                fids[k].file = file;
                k = count;
            }
            if (type == 104)
                p = putqid(p, 0);
            else
                put(out + 7, k, 2);
            break;
        case 108: /* Tflush */
            lastop = "flush";
            if (get(buf + 7, 2) == blocked)
                blocked = -1;
            break;
        case 112: /* Topen */
            p = put(putqid(p, fids[i].file), 0, 4);
            break;
        case 116: /* Tread */
            file = fids[i].file;
            offset = get(buf + 11, 4);
            count = get(buf + 19, 4);
            p += 4;
            if (file == Block) {
                blocked = tag;
                continue;
            } else if (file == Hello) {
                char text[64];

                n = snprint(text, sizeof text, "hello from a process (%s)\n", lastop);
                if (offset < n) {
                    memcpy(p, text + offset, n - offset);
                    p += n - offset;
                }
            } else if (file == Store) {
                if (offset < nstore) {
                    n = nstore - offset < count ? nstore - offset : count;
                    memcpy(p, store + offset, n);
                    p += n;
                }
            } else {
                /* all records at offset 0; one that is too short on purpose at 1 */
                for (j = 1; offset == 0 && j < Nfile; j++)
                    p += record(j, p, out + Msize - p);
            }
            put(out + 7, p - out - 11, 4);
            break;
        case 118: /* Twrite */
            offset = get(buf + 11, 4);
            count = get(buf + 19, 4);
            if (fids[i].file != Store || offset + count > sizeof store) {
                error(fd, tag, "not that one");
                continue;
            }
            memcpy(store + offset, buf + 23, count);
            if (offset + count > nstore)
                nstore = offset + count;
            p = put(p, count, 4);
            break;
        case 120: /* Tclunk */
            fids[i].used = 0;
            break;
        case 122: /* Tremove */
            fids[i].used = 0;
            error(fd, tag, "things stay here");
            continue;
        case 124: /* Tstat */
            n = record(fids[i].file, p + 2, 200);
            p = put(p, n, 2) + n;
            break;
        default:
            error(fd, tag, "not here");
            continue;
        }
        answer(fd, type + 1, tag, p);
    }
    exits(nil);
}

static int
ring(void *u, char *note)
{
    return strcmp(note, "alarm") == 0;
}

static void
show(char *name)
{
    char text[200];
    int fd, n;

    fd = open(name, OREAD);
    if (fd < 0) {
        print("open: %r\n");
        return;
    }
    n = read(fd, text, sizeof text);
    if (n < 0)
        print("read: %r\n");
    else
        print("%d %.*s", n, n, text);
    close(fd);
}

void
main(int argc, char **argv)
{
    static char big[10000], back[10000];
    int fd[2], s, n, i;
    Dir *d;
    char text[64];

    pipe(fd);
    s = create("/srv/files", OWRITE | ORCLOSE, 0600);
    fprint(s, "%d", fd[0]);
    switch (rfork(RFPROC | RFFDG)) {
    case 0:
        close(fd[0]);
        close(s);
        serve(fd[1]);
    }
    close(fd[1]);
    close(fd[0]);

    n = open("/srv/files", ORDWR);
    strcpy(text, "9P2000");
    print("fversion %d\n", fversion(n, 0, text, sizeof text));
    print("again %d\n", fversion(n, 8216, text, sizeof text));
    strcpy(text, "9P1984");
    print("other %d %r\n", fversion(n, 8216, text, sizeof text));
    print("read %ld %r\n", (long)read(n, text, 1));
    print("fauth %d %r\n", fauth(n, ""));
    i = open("/srv/files", OREAD);
    print("mount of a read-only file %d %r\n", mount(open("/dev/null", OREAD), -1, "/mnt", MREPL, ""));
    close(i);
    print("mount %d\n", mount(n, -1, "/mnt", MREPL, "") > 0);
    print("fd is closed: %ld %r\n", (long)read(n, text, 1));

    show("/mnt/hello");
    show("/mnt/nonesuch");
    show("/mnt/hello/x");
    show("/mnt/gone");
    n = open("/mnt", OREAD);
    while ((i = dirread(n, &d)) > 0) {
        int k;

        for (k = 0; k < i; k++)
            print("%s %c %llud\n", d[k].name, d[k].type, d[k].qid.path);
        free(d);
    }
    close(n);
    print("remove %d %r\n", remove("/mnt/hello"));
    d = dirstat("/mnt");
    print("stat %s %c %luo\n", d->name, d->type, d->mode & 0777);
    free(d);

    for (i = 0; i < sizeof big; i++)
        big[i] = i * 7;
    n = open("/mnt/store", ORDWR);
    print("write %ld\n", (long)pwrite(n, big, sizeof big, 0));
    print("read %ld\n", (long)pread(n, back, sizeof back, 0));
    print("same %d\n", memcmp(big, back, sizeof big) == 0);
    print("too much %ld %r\n", (long)pwrite(n, big, sizeof big, 15000));
    close(n);

    /* a read that blocks keeps nobody else from the server, and an alarm ends it */
    atnotify(ring, 1);
    if (rfork(RFPROC | RFFDG) == 0) {
        n = open("/mnt/block", OREAD);
        alarm(50);
        i = read(n, text, sizeof text);
        print("blocked %d %r\n", i);
        exits(nil);
    }
    show("/mnt/hello");
    waitpid();
    show("/mnt/hello");

    /* two mounts of one server are two devices, and unmount finds one by its channel */
    n = open("/srv/files", ORDWR);
    print("mount %d\n", mount(n, -1, "/n", MREPL, "") > 0);
    show("/n/hello");
    print("unmount %d\n", unmount("/srv/files", "/n"));
    show("/n/hello");

    /* the server goes */
    close(s); /* and with it /srv/files */
    n = open("/mnt/hello", OREAD);
    print("unmount %d\n", unmount(nil, "/mnt"));
    i = read(n, text, sizeof text);
    print("still %.*s", i, text);
    close(n);
    print("%d\n", waitpid() > 0); /* it reads the end of its pipe */
    exits(nil);
}
