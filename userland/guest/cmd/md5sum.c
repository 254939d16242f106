/* md5sum: digests of files.  Source: sum(1). */
#include <u.h>
#include <libc.h>
#include <libsec.h>
#include "digest.h"

void
main(int argc, char **argv)
{
    argv0 = "md5sum";
    digests(argc, argv, md5, MD5dlen);
}
