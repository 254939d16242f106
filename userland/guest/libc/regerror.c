/* regexp(2): what is said of a bad expression; programs may have their own. */
#include <u.h>
#include <libc.h>
#include <regexp.h>

void
regerror(char *s)
{
    fprint(2, "%s%sregerror: %s\n", argv0 != nil ? argv0 : "", argv0 != nil ? ": " : "", s);
    exits(s);
}
