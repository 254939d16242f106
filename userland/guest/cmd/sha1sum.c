/* sha1sum: digests of files.  Source: sum(1). */
#include <u.h>
#include <libc.h>
#include <libsec.h>
#include "digest.h"

void
main(int argc, char **argv)
{
    argv0 = "sha1sum";
    digests(argc, argv, sha1, SHA1dlen);
}
