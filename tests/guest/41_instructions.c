/* Integer instructions that compilers seldom choose, with their flags. */
#include <u.h>
#include <libc.h>

#define FLAGS(f) ((f) & 0x8d5) /* O S Z A P C */

static ulong
rotate(ulong v, int by)
{
    ulong flags, r = v;

    __asm__ volatile("clc; rcll %%cl, %0; pushfl; popl %1" : "+r"(r), "=r"(flags) : "c"(by));
    return r ^ (flags & 1) << 31;
}

void
main(int argc, char **argv)
{
    ulong a, b, flags;
    ushort w;
    uchar c;
    vlong x, y;

    print("%lux %lux\n", rotate(0x80000001, 1), rotate(0x12345678, 13));
    a = 0x12345678;
    __asm__("bswap %0" : "+r"(a));
    print("%lux\n", a);
    a = 0x00010000;
    __asm__("bsfl %1, %0" : "=r"(b) : "r"(a));
    print("%lud", b);
    __asm__("bsrl %1, %0" : "=r"(b) : "r"(a | 5));
    print(" %lud\n", b);
    a = 0xf0000000;
    __asm__ volatile("addl %2, %0; pushfl; popl %1" : "+r"(a), "=r"(flags) : "r"(0x20000000));
    print("%lux %lux\n", a, FLAGS(flags));
    a = 0x7fffffff;
    __asm__ volatile("incl %0; pushfl; popl %1" : "+r"(a), "=r"(flags));
    print("%lux %lux\n", a, FLAGS(flags));
    w = 0xff00;
    __asm__ volatile("shldw $4, %2, %0; pushfl; popl %1" : "+r"(w), "=r"(flags) : "r"((ushort)0xabcd));
    print("%ux %lux\n", w, flags & 0xc5);
    a = 0x80000000;
    b = 0xdeadbeef;
    __asm__("shrdl $8, %1, %0" : "+r"(a) : "r"(b));
    print("%lux\n", a);
    c = 0x9a;
    __asm__ volatile("movb %2, %%al; addb $0x19, %%al; daa; movb %%al, %0; pushfl; popl %1"
                     : "=m"(c), "=r"(flags) : "m"(c) : "eax", "memory");
    print("%ux %lux\n", c, flags & 0xd5);
    x = 0x100000002ll;
    y = 5;
    __asm__ volatile("lock; cmpxchg8b %1" : "+A"(y), "+m"(x) : "b"(7), "c"(9) : "cc");
    print("%llux %llux\n", x, y);
    __asm__ volatile("lock; cmpxchg8b %1" : "+A"(y), "+m"(x) : "b"(7), "c"(9) : "cc");
    print("%llux %llux\n", x, y);
    a = 3;
    b = 4;
    __asm__ volatile("lock; xaddl %0, %1" : "+r"(a), "+m"(b) : : "cc");
    print("%lud %lud\n", a, b);
    a = 0;
    __asm__ volatile("movl $5, %%ecx; 1: addl %%ecx, %0; loop 1b" : "+r"(a) : : "ecx", "cc");
    print("%lud\n", a);
    {
        char from[] = "string instructions", to[32];
        char *s = from, *d = to;
        ulong n = sizeof from;

        __asm__ volatile("rep movsb" : "+S"(s), "+D"(d), "+c"(n) : : "memory");
        d = to;
        n = 100;
        __asm__ volatile("repne scasb" : "+D"(d), "+c"(n) : "a"(0) : "cc");
        print("%s %ld %lud\n", to, d - to, n);
        s = from;
        d = "string instruments";
        n = 18;
        __asm__ volatile("repe cmpsb" : "+S"(s), "+D"(d), "+c"(n) : : "cc");
        print("%ld %lud\n", s - from, n);
    }
    a = 0x40000000;
    __asm__("imull $6, %1, %0" : "=r"(b) : "r"(a));
    print("%lux\n", b);
    c = 200;
    __asm__ volatile("movb %1, %%al; cbtw; cwtl; movl %%eax, %0" : "=r"(a) : "m"(c) : "eax");
    print("%ld\n", a);
    __asm__ volatile("movl $0x12345, %%eax; aam; movl %%eax, %0" : "=r"(a) : : "eax", "cc");
    print("%lux\n", a);
    __asm__ volatile("movl $0x0205, %%eax; aad; movl %%eax, %0" : "=r"(a) : : "eax", "cc");
    print("%lux\n", a);
    __asm__ volatile("pushal; popal; pushl $0x1234; movl %%esp, %%eax; enter $16, $0; leave; popl %0"
                     : "=r"(a) : : "eax", "memory");
    print("%lux\n", a);
    exits(nil);
}
