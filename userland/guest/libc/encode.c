/* encode(2): bytes as text in base 16, 32 and 64; -1 when there is no room or no sense. */
#include <u.h>
#include <libc.h>

static char const digits16[] = "0123456789ABCDEF";
static char const digits32[] = "23456789abcdefghijkmnpqrstuvwxyz";
static char const digits64[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static int
encode(char *out, int room, uchar const *in, int n, char const *digits, int bits, int group)
{
    ulong v = 0;
    int have = 0, count = 0;

    for (; n > 0 || have > 0;) {
        if (have < bits && n > 0) {
            v = v << 8 | *in++;
            have += 8;
            n--;
            continue;
        }
        if (have < bits) { /* the last digit: zeros below */
            v <<= bits - have;
            have = bits;
        }
        if (count + 1 >= room)
            return -1;
        have -= bits;
        out[count++] = digits[v >> have & ((1 << bits) - 1)];
        v &= (1ul << have) - 1;
    }
    for (; group != 0 && count % group != 0; count++) {
        if (count + 1 >= room)
            return -1;
        out[count] = '=';
    }
    if (count >= room)
        return -1;
    out[count] = 0;
    return count;
}

static int
decode(uchar *out, int room, char const *in, int n, char const *digits, int bits, int fold)
{
    ulong v = 0;
    int have = 0, count = 0, c;
    char const *d;

    for (; n > 0; n--) {
        c = *in++;
        if (c == '=' || c == 0)
            break;
        if (fold && c >= 'a' && c <= 'z' && digits == digits16)
            c += 'A' - 'a';
        if (fold && c >= 'A' && c <= 'Z' && digits == digits32)
            c += 'a' - 'A';
        d = strchr(digits, c);
        if (d == nil) {
            if (c == '\n' || c == '\r' || c == ' ' || c == '\t')
                continue;
            return -1;
        }
        v = v << bits | (d - digits);
        have += bits;
        if (have >= 8) {
            if (count >= room)
                return -1;
            have -= 8;
            out[count++] = v >> have;
            v &= (1ul << have) - 1;
        }
    }
    return count;
}

int
enc16(char *out, int room, uchar const *in, int n)
{
    return encode(out, room, in, n, digits16, 4, 0);
}

int
dec16(uchar *out, int room, char const *in, int n)
{
    return decode(out, room, in, n, digits16, 4, 1);
}

int
enc32(char *out, int room, uchar const *in, int n)
{
    return encode(out, room, in, n, digits32, 5, 0);
}

int
dec32(uchar *out, int room, char const *in, int n)
{
    return decode(out, room, in, n, digits32, 5, 1);
}

int
enc64(char *out, int room, uchar const *in, int n)
{
    return encode(out, room, in, n, digits64, 6, 4);
}

int
dec64(uchar *out, int room, char const *in, int n)
{
    return decode(out, room, in, n, digits64, 6, 0);
}
