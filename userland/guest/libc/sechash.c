/* sechash(2): MD5 (RFC 1321) and SHA-1 (FIPS 180). */
#include <u.h>
#include <libc.h>
#include <libsec.h>

enum { Block = 64 };

static u32int
left(u32int x, int n)
{
    return x << n | x >> (32 - n);
}

static void
md5block(u32int *s, uchar *p)
{
    static uchar const turns[4][4] = {{7, 12, 17, 22}, {5, 9, 14, 20}, {4, 11, 16, 23}, {6, 10, 15, 21}};
    static u32int const table[64] = {
        0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613, 0xfd469501,
        0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193, 0xa679438e, 0x49b40821,
        0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d, 0x02441453, 0xd8a1e681, 0xe7d3fbc8,
        0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed, 0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a,
        0xfffa3942, 0x8771f681, 0x6d9d6122, 0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70,
        0x289b7ec6, 0xeaa127fa, 0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665,
        0xf4292244, 0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
        0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb, 0xeb86d391,
    };
    u32int a = s[0], b = s[1], c = s[2], d = s[3], f, w[16];
    int i, g;

    for (i = 0; i < 16; i++, p += 4)
        w[i] = p[0] | p[1] << 8 | p[2] << 16 | (u32int)p[3] << 24;
    for (i = 0; i < 64; i++) {
        switch (i / 16) {
        case 0: f = (b & c) | (~b & d); g = i; break;
        case 1: f = (d & b) | (~d & c); g = 5 * i + 1; break;
        case 2: f = b ^ c ^ d; g = 3 * i + 5; break;
        default: f = c ^ (b | ~d); g = 7 * i;
        }
        f += a + table[i] + w[g & 15];
        a = d;
        d = c;
        c = b;
        b += left(f, turns[i / 16][i & 3]);
    }
    s[0] += a;
    s[1] += b;
    s[2] += c;
    s[3] += d;
}

static void
sha1block(u32int *s, uchar *p)
{
    u32int w[80], a = s[0], b = s[1], c = s[2], d = s[3], e = s[4], f;
    int i;

    for (i = 0; i < 16; i++, p += 4)
        w[i] = (u32int)p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
    for (; i < 80; i++)
        w[i] = left(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (i = 0; i < 80; i++) {
        if (i < 20)
            f = ((b & c) | (~b & d)) + 0x5a827999;
        else if (i < 40)
            f = (b ^ c ^ d) + 0x6ed9eba1;
        else if (i < 60)
            f = ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc;
        else
            f = (b ^ c ^ d) + 0xca62c1d6;
        f += left(a, 5) + e + w[i];
        e = d;
        d = c;
        c = left(b, 30);
        b = a;
        a = f;
    }
    s[0] += a;
    s[1] += b;
    s[2] += c;
    s[3] += d;
    s[4] += e;
}

/* With digest not nil these were the last bytes: the padding, the length, and out. */
static DigestState *
hash(uchar *p, ulong n, uchar *digest, DigestState *s, void (*block)(u32int *, uchar *), int words,
     int big)
{
    static u32int const seed[5] = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0};
    ulong m;
    uvlong bits;
    int i;

    if (s == nil) {
        s = mallocz(sizeof *s, 1);
        if (s == nil)
            return nil;
        s->malloced = 1;
    }
    if (!s->seeded) {
        memmove(s->state, seed, sizeof seed);
        s->seeded = 1;
    }
    s->len += n;
    while (n > 0) {
        if (s->blen == 0 && n >= Block) {
            block(s->state, p);
            m = Block;
        } else {
            m = Block - s->blen < n ? Block - s->blen : n;
            memmove(s->buf + s->blen, p, m);
            s->blen += m;
            if (s->blen == Block) {
                block(s->state, s->buf);
                s->blen = 0;
            }
        }
        p += m;
        n -= m;
    }
    if (digest == nil)
        return s;
    bits = s->len * 8;
    s->buf[s->blen++] = 0x80;
    if (s->blen > Block - 8) {
        memset(s->buf + s->blen, 0, Block - s->blen);
        block(s->state, s->buf);
        s->blen = 0;
    }
    memset(s->buf + s->blen, 0, Block - s->blen);
    for (i = 0; i < 8; i++)
        s->buf[Block - 8 + i] = bits >> 8 * (big ? 7 - i : i);
    block(s->state, s->buf);
    for (i = 0; i < 4 * words; i++)
        digest[i] = s->state[i / 4] >> 8 * (big ? 3 - i % 4 : i % 4);
    if (s->malloced)
        free(s);
    return nil;
}

DigestState *
md5(uchar *p, ulong n, uchar *digest, DigestState *s)
{
    return hash(p, n, digest, s, md5block, 4, 0);
}

DigestState *
sha1(uchar *p, ulong n, uchar *digest, DigestState *s)
{
    return hash(p, n, digest, s, sha1block, 5, 1);
}
