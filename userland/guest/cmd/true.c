/* true: succeeds.  Source: test(1). */
#include <u.h>
#include <libc.h>

void
main(void)
{
    exits(nil);
}
