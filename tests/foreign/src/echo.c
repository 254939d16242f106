/* echo [-n] word ... */
#include "f.h"

void
main(int argc, char **argv)
{
	int i, n = argc > 1 && strcmp(argv[1], "-n") == 0;

	for(i = 1 + n; i < argc; i++)
		print(i < argc - 1 ? "%s " : "%s", argv[i]);
	if(!n)
		print("\n");
	exits(nil);
}
