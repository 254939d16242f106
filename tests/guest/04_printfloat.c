/* print(2): floating point, exact and rounded once. */
#include <u.h>
#include <libc.h>

void
main(int argc, char **argv)
{
    print("%f %e %g\n", 0.0, 0.0, 0.0);
    print("%f %.0f %.0f %.0f %.1f\n", 3.14159265358979, 0.5, 1.5, 2.5, 0.25);
    print("%g %g %g %g %g %g\n", 1e5, 1e6, 1e-4, 1e-5, 123456789.0, 0.1);
    print("%.17g %.17g\n", 0.1, 1.0 / 3);
    print("%e %.0e %#.0e %.3E %G\n", 12345.678, 15.0, 15.0, 1e-300, 1e100);
    print("|%10.2f|%-10.2f|%010.2f|%+.1f|% .1f|\n", 3.14159, 3.14159, -3.14159, 2.0, 2.0);
    print("%.20f\n%.0f\n", 1e-10, 1e22);
    print("%g %g\n", 1.7976931348623157e308, 5e-324);
    print("%.60f\n", 0.1);
    print("%#g %#.3g %,f %,.1f\n", 1.0, 100.0, 1234567.0, 123.0);
    print("%g %g %g|%6.1f|%-6g|\n", NaN(), Inf(1), Inf(-1), Inf(1), NaN());
    print("%f %g\n", -0.0, 1e21);
    exits(nil);
}
