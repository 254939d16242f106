/*
 * The same code on sixteen layouts: LAYOUTS(f) makes sixteen copies of an inline function
 * u32 f(u32), the inside of each 4 bytes further on in its line of 64 than that of the one before.
 * Compile with -fno-align-loops and the like, or the compiler moves the loops back.
 */
#ifdef __i386__
#define PAD(n) __asm__ volatile(".fill " #n ", 1, 0x90")
#define LINE __attribute__((noinline, aligned(64)))
#else
#define PAD(n) __asm__ volatile("")
#define LINE __attribute__((noinline))
#endif

#define AT(f, n) static u32 LINE f##_at_##n(u32 x) { PAD(n); return f(x); }

#define LAYOUTS(f) \
    AT(f, 0) AT(f, 4) AT(f, 8) AT(f, 12) AT(f, 16) AT(f, 20) AT(f, 24) AT(f, 28) \
    AT(f, 32) AT(f, 36) AT(f, 40) AT(f, 44) AT(f, 48) AT(f, 52) AT(f, 56) AT(f, 60) \
    static u32 (*const f##_at[16])(u32) = { \
        f##_at_0, f##_at_4, f##_at_8, f##_at_12, f##_at_16, f##_at_20, f##_at_24, f##_at_28, \
        f##_at_32, f##_at_36, f##_at_40, f##_at_44, f##_at_48, f##_at_52, f##_at_56, f##_at_60, \
    };
