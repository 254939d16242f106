/* What the tests of this folder look into: seen WHAT [N]. */
#include <u.h>
#include <libc.h>

uint sum;
int shared[4];

uint
spin(uint n)
{
	uint i;

	for(i = 0; i < n; i++)
		sum = sum*1664525 + 1013904223;
	return sum;
}

int
deep(int n, int *p)
{
	if(n == 0){
		*p = 5;
		return 0;
	}
	return deep(n-1, p) + n;
}

void
mark(int n)
{
	shared[0] += n;
}

void
main(int argc, char **argv)
{
	char *what;
	int n, i, fd;
	char b[8];

	what = argv[1];
	n = argc > 2 ? atoi(argv[2]) : 0;
	if(strcmp(what, "count") == 0){
		for(i = 1; i <= n; i++)
			mark(i);
		print("%d\n", shared[0]);
	}else if(strcmp(what, "spin") == 0){
		for(i = 0; i < n; i++)
			spin(100000);
	}else if(strcmp(what, "forever") == 0){
		print("running\n");
		for(;;)
			spin(1000);
	}else if(strcmp(what, "calls") == 0){
		fd = open("/dev/zero", OREAD);
		for(i = 0; i < n; i++)
			pread(fd, b, sizeof b, 0);
	}else if(strcmp(what, "fault") == 0){
		sum = deep(3, (int*)(argc - 2));
	}else if(strcmp(what, "fork") == 0){
		if(fork() == 0){
			mark(100);
			exits(shared[0] == 100 ? "child is right" : "child is wrong");
		}
		waitpid();
		mark(1);
	}else if(strcmp(what, "threads") == 0){
		if(rfork(RFPROC|RFMEM) == 0){
			mark(2);
			while(shared[0] != 5)
				sleep(1);
			exits(nil);
		}
		mark(3);
		while(shared[0] != 5)
			sleep(1);
		waitpid();
		print("met\n");
	}
	exits(n == 7 ? "7" : nil);
}
