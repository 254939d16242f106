/*
 * stop: prints the commands, for rc, that stop one's own processes of a name.
 * Source: kill(1), stop(1), proc(3).
 */
#include <u.h>
#include <libc.h>
#include "byname.h"

void
main(int argc, char **argv)
{
    byname(argc, argv, "stop", "ctl");
}
