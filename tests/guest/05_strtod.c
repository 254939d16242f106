/* atof(2) */
#include <u.h>
#include <libc.h>

static void
show(char *s)
{
    FPdbleword d;
    char *rest;

    d.x = strtod(s, &rest);
    print("%-32s %.8lux%.8lux <%s>\n", s, d.hi, d.lo, rest);
}

void
main(int argc, char **argv)
{
    show("0");
    show("-0");
    show("1");
    show(" +1.5e3x");
    show(".5.");
    show("5.e-1");
    show("1e");
    show("1e+");
    show(".");
    show("x");
    show("0.1");
    show("9007199254740993");
    show("9007199254740992.99999");
    show("1.7976931348623158e308");
    show("1.7976931348623159e308");
    show("2.4703282292062327e-324");
    show("2.4703282292062328e-324");
    show("2.2250738585072011e-308");
    show("1e-400");
    show("-1e400");
    show("nan");
    show("-infinity and more");
    exits(nil);
}
