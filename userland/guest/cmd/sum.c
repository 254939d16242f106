/* sum: checksums and sizes.  Source: sum(1). */
#include <u.h>
#include <libc.h>

static int method; /* 0: CRC-32 of the bytes and their number; r: BSD's, 5: System V's */
static char *errors;

static ulong
crc(ulong sum, uchar *p, long n)
{
    static ulong table[256];
    ulong c;
    int i, j;

    if (table[1] == 0)
        for (i = 0; i < 256; i++) {
            c = i;
            for (j = 0; j < 8; j++)
                c = c & 1 ? 0xedb88320 ^ c >> 1 : c >> 1;
            table[i] = c;
        }
    while (n-- > 0)
        sum = table[(sum ^ *p++) & 0xff] ^ sum >> 8;
    return sum;
}

static ulong
add(ulong sum, uchar *p, long n)
{
    if (method == 0)
        return crc(sum, p, n);
    for (; n > 0; n--, p++)
        if (method == '5')
            sum += *p;
        else
            sum = ((sum >> 1 | (sum & 1) << 15) + *p) & 0xffff;
    return sum;
}

static void
file(int fd, char *name)
{
    static uchar buf[IOUNIT];
    ulong sum = 0;
    uvlong size = 0, n8;
    uchar length[8];
    long n;
    int i;

    while ((n = read(fd, buf, sizeof buf)) > 0) {
        sum = add(sum, buf, n);
        size += n;
    }
    if (n < 0) {
        fprint(2, "sum: error reading %s: %r\n", name != nil ? name : "stdin");
        errors = "read error";
        return;
    }
    if (method == 0) {
        for (i = 0, n8 = size; n8 > 0; n8 >>= 8)
            length[i++] = n8;
        print("%.8lux %6llud", crc(sum, length, i), size);
    } else if (method == '5') {
        sum = (sum & 0xffff) + (sum >> 16);
        print("%5lud %6llud", (sum & 0xffff) + (sum >> 16), (size + 511) / 512);
    } else
        print("%.5lud %6llud", sum, (size + 1023) / 1024);
    if (name != nil)
        print(" %s", name);
    print("\n");
}

void
main(int argc, char **argv)
{
    int fd;

    argv0 = "sum";
    ARGBEGIN {
    case 'r':
    case '5':
        method = ARGC();
        break;
    default:
        fprint(2, "usage: sum [-5r] [file...]\n");
        exits("usage");
    }
    ARGEND
    if (argc == 0)
        file(0, nil);
    for (; *argv != nil; argv++) {
        fd = open(*argv, OREAD);
        if (fd < 0) {
            fprint(2, "sum: can't open %s: %r\n", *argv);
            errors = "can't open";
            continue;
        }
        file(fd, *argv);
        close(fd);
    }
    exits(errors);
}
