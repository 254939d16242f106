/* atof(2): whole numbers. */
#include <u.h>
#include <libc.h>

static void
show(char *s, int base)
{
    char *rest;
    long n = strtol(s, &rest, base);

    print("%s in %d: %ld <%s> %lud %lld %llud\n", s, base, n, rest, strtoul(s, nil, base),
          strtoll(s, nil, base), strtoull(s, nil, base));
}

void
main(int argc, char **argv)
{
    show("42", 10);
    show("  -42 ", 10);
    show("0x1f", 0);
    show("0x1f", 16);
    show("0x", 16);
    show("017", 0);
    show("019", 0);
    show("zz", 36);
    show("2147483647", 10);
    show("2147483648", 10);
    show("-2147483648", 10);
    show("-2147483649", 10);
    show("4294967295", 10);
    show("4294967296", 10);
    show("9223372036854775808", 10);
    show("-9223372036854775808", 10);
    show("18446744073709551615", 10);
    show("18446744073709551616", 10);
    show("", 10);
    show("-", 10);
    show("12", 1);
    print("%ld %d %lld\n", atol("0x10"), atoi("-7x"), atoll("123456789012"));
    exits(nil);
}
