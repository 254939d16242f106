/* cat [file ...] */
#include "f.h"

static void
copy(int fd, char *name)
{
	static char buf[8192];
	int n;

	while((n = read(fd, buf, sizeof buf)) > 0)
		if(write(1, buf, n) != n)
			exits("write");
	if(n < 0){
		fprint(2, "cat: error reading %s: %s\n", name, err());
		exits("read");
	}
}

void
main(int argc, char **argv)
{
	int i, fd;

	if(argc == 1)
		copy(0, "standard input");
	for(i = 1; i < argc; i++){
		if((fd = open(argv[i], OREAD)) < 0){
			fprint(2, "cat: can't open %s: %s\n", argv[i], err());
			exits("open");
		}
		copy(fd, argv[i]);
		close(fd);
	}
	exits(nil);
}
