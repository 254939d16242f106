/*
 * start: prints the commands, for rc, that let one's own stopped processes of a name go on.
 * Source: kill(1), stop(1), proc(3).
 */
#include <u.h>
#include <libc.h>
#include "byname.h"

void
main(int argc, char **argv)
{
    byname(argc, argv, "start", "ctl");
}
