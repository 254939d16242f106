/* bio(2): buffers, and bytes in and out of them. */
#include <u.h>
#include <libc.h>
#include <bio.h>

static Biobufhdr *writers; /* flushed at the end of the program */
static Lock writerlock;
static int registered;

static void
flushall(void)
{
    Biobufhdr *b;

    for (b = writers; b != nil; b = b->later)
        Bflush(b);
}

static void
enlist(Biobufhdr *b)
{
    lock(&writerlock);
    b->later = writers;
    writers = b;
    if (!registered) {
        registered = 1;
        atexit(flushall);
    }
    unlock(&writerlock);
}

static void
delist(Biobufhdr *b)
{
    Biobufhdr **at;

    lock(&writerlock);
    for (at = &writers; *at != nil; at = &(*at)->later)
        if (*at == b) {
            *at = b->later;
            break;
        }
    unlock(&writerlock);
}

static void
failed(Biobufhdr *b, char const *what)
{
    char s[ERRMAX + 32];

    if (b->errorf == nil)
        return;
    snprint(s, sizeof s, "%s error: %r", what);
    b->errorf(s);
}

int
Binits(Biobufhdr *b, int fd, int mode, uchar *p, int size)
{
    delist(b); /* it may be used again, without Bterm */
    memset(b, 0, sizeof *b);
    mode &= ~(OCEXEC | ORCLOSE | OTRUNC);
    if (mode != OREAD && mode != OWRITE) {
        werrstr("Binits: unknown mode %d", mode);
        return Beof;
    }
    b->fid = fd;
    b->mode = mode;
    b->base = p + Bungetsize;
    b->size = size - Bungetsize;
    b->first = b->next = b->end = b->base;
    if (mode == OWRITE) {
        b->end = b->base + b->size;
        enlist(b);
    }
    b->offset = seek(fd, 0, 1); /* a pipe has none, and says 0 or -1 */
    if (b->offset < 0)
        b->offset = 0;
    return 0;
}

int
Binit(Biobuf *b, int fd, int mode)
{
    return Binits(b, fd, mode, b->b, sizeof b->b);
}

Biobuf *
Bfdopen(int fd, int mode)
{
    Biobuf *b = malloc(sizeof *b);

    if (b == nil)
        return nil;
    if (Binit(b, fd, mode) < 0) {
        free(b);
        return nil;
    }
    b->allocated = 1;
    return b;
}

Biobuf *
Bopen(char const *name, int mode)
{
    Biobuf *b;
    int fd;

    switch (mode & ~(OCEXEC | ORCLOSE | OTRUNC)) {
    case OREAD:
        fd = open(name, mode);
        break;
    case OWRITE:
        fd = create(name, mode, 0666);
        break;
    default:
        werrstr("Bopen: unknown mode %d", mode);
        return nil;
    }
    if (fd < 0)
        return nil;
    b = Bfdopen(fd, mode);
    if (b == nil)
        close(fd);
    return b;
}

int
Bterm(Biobufhdr *b)
{
    int r = 0;

    if (b->mode == OWRITE || b->mode == -1) {
        r = Bflush(b);
        delist(b);
    }
    b->mode = -1;
    if (b->allocated) {
        close(b->fid);
        free(b);
    }
    return r;
}

void
Blethal(Biobufhdr *b, void (*f)(char *))
{
    b->errorf = f;
}

int
Bfildes(Biobufhdr *b)
{
    return b->fid;
}

int
Blinelen(Biobufhdr *b)
{
    return b->linelen;
}

int
Bbuffered(Biobufhdr *b)
{
    return b->mode == OREAD ? b->end - b->next : b->mode == OWRITE ? b->next - b->base : 0;
}

vlong
Boffset(Biobufhdr *b)
{
    if (b->mode == OREAD)
        return b->offset - (b->end - b->next);
    if (b->mode == OWRITE)
        return b->offset + (b->next - b->base);
    return Beof;
}

int
Bflush(Biobufhdr *b)
{
    long n;

    if (b->mode == OREAD) {
        b->offset -= b->end - b->next;
        b->first = b->next = b->end = b->base;
        return 0;
    }
    if (b->mode != OWRITE)
        return Beof;
    n = b->next - b->base;
    if (n == 0)
        return 0;
    b->next = b->base;
    if (write(b->fid, b->base, n) != n) {
        b->mode = -1;
        failed(b, "write");
        return Beof;
    }
    b->offset += n;
    return 0;
}

/* Read more, all of what was there having been used; keeps what may be pushed back. */
static int
fill(Biobufhdr *b)
{
    long keep, n;

    if (b->mode != OREAD)
        return Beof;
    if (b->eof) {
        b->eof = 0; /* a terminal goes on */
        return Beof;
    }
    keep = b->end - b->first;
    if (keep > Bungetsize)
        keep = Bungetsize;
    memmove(b->base - keep, b->end - keep, keep);
    b->first = b->base - keep;
    b->next = b->end = b->base;
    n = read(b->fid, b->base, b->size);
    if (n <= 0) {
        if (n < 0)
            failed(b, "read");
        return Beof;
    }
    b->end = b->base + n;
    b->offset += n;
    return 0;
}

int
Bgetc(Biobufhdr *b)
{
    if (b->mode != OREAD || b->next == b->end && fill(b) < 0)
        return Beof;
    return *b->next++;
}

int
Bungetc(Biobufhdr *b)
{
    if (b->mode != OREAD || b->next == b->first)
        return Beof;
    b->next--;
    return 1;
}

long
Bread(Biobufhdr *b, void *p, long count)
{
    uchar *to = p;
    long n;

    while (count > 0) {
        n = b->end - b->next;
        if (b->mode != OREAD || n == 0 && fill(b) < 0)
            break;
        n = b->end - b->next;
        if (n > count)
            n = count;
        memmove(to, b->next, n);
        b->next += n;
        to += n;
        count -= n;
    }
    if (to == (uchar *)p && b->mode != OREAD)
        return -1;
    return to - (uchar *)p;
}

int
Bputc(Biobufhdr *b, int c)
{
    if (b->mode != OWRITE || b->next == b->end && Bflush(b) < 0)
        return Beof;
    *b->next++ = c;
    return 0;
}

long
Bwrite(Biobufhdr *b, void const *p, long count)
{
    uchar const *from = p;
    long n, left;

    for (left = count; left > 0; left -= n) {
        if (b->mode != OWRITE || b->next == b->end && Bflush(b) < 0)
            return Beof;
        n = b->end - b->next;
        if (n > left)
            n = left;
        memmove(b->next, from, n);
        b->next += n;
        from += n;
    }
    return count;
}

vlong
Bseek(Biobufhdr *b, vlong offset, int how)
{
    vlong at;

    if (b->mode == OWRITE) {
        if (Bflush(b) < 0)
            return Beof;
    } else if (b->mode == OREAD) {
        if (how == 1) {
            offset += Boffset(b);
            how = 0;
        }
        if (how == 0 && offset >= b->offset - (b->end - b->base) && offset <= b->offset) {
            b->next = b->end - (b->offset - offset);
            b->eof = 0;
            return offset;
        }
    } else
        return Beof;
    at = seek(b->fid, offset, how);
    if (at < 0)
        return Beof;
    b->offset = at;
    b->eof = 0;
    b->first = b->next = b->base;
    if (b->mode == OREAD)
        b->end = b->base;
    return at;
}

/*
 * The next line, its delimiter last; it lies in the buffer.  nil with Blinelen > 0: the line
 * is longer than the buffer, or the last one and without a delimiter.
 */
void *
Brdline(Biobufhdr *b, int delim)
{
    uchar *p, *s;
    long n, have;

    b->linelen = 0;
    if (b->mode != OREAD)
        return nil;
    p = memchr(b->next, delim, b->end - b->next);
    if (p == nil) {
        have = b->end - b->next;
        memmove(b->base, b->next, have);
        b->first = b->next = b->base;
        b->end = b->base + have;
        while (p == nil && have < b->size && !b->eof) {
            n = read(b->fid, b->end, b->size - have);
            if (n <= 0) {
                if (n < 0)
                    failed(b, "read");
                b->eof = have > 0;
                break;
            }
            p = memchr(b->end, delim, n);
            b->end += n;
            b->offset += n;
            have += n;
        }
        if (p == nil) {
            b->linelen = have;
            if (have == 0)
                b->eof = 0;
            return nil;
        }
    }
    s = b->next;
    b->next = p + 1;
    b->linelen = b->next - s;
    return s;
}

/* The next line in memory of its own, whatever its length; without its delimiter if asked. */
char *
Brdstr(Biobufhdr *b, int delim, int nulldelim)
{
    char *line = nil, *more;
    uchar *p;
    long n, have = 0, room = 0;

    b->linelen = 0;
    for (;;) {
        if (b->mode != OREAD || b->next == b->end && fill(b) < 0) {
            if (line == nil)
                return nil;
            b->eof = b->mode == OREAD;
            break;
        }
        p = memchr(b->next, delim, b->end - b->next);
        n = p != nil ? p + 1 - b->next : b->end - b->next;
        if (have + n + 1 > room) {
            room = have == 0 ? n + 1 : 2 * (have + n + 1);
            more = realloc(line, room);
            if (more == nil) {
                free(line);
                return nil;
            }
            line = more;
        }
        memmove(line + have, b->next, n);
        have += n;
        b->next += n;
        if (p != nil) {
            if (nulldelim)
                have--;
            break;
        }
    }
    line[have] = 0;
    b->linelen = have;
    return line;
}
