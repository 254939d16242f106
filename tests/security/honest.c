/*
 * The neighbour: for each byte that it reads, a round of honest work (memory, a pipe, a variable,
 * a child), and the sum of it as a line.  Whatever others do, the sums must be right.
 */
#include <u.h>
#include <libc.h>

void
main(void)
{
	static uint words[4096];
	uint x, i, sum;
	int fd[2], n;
	char c, b[64];

	sum = 0;
	x = 1;
	if(pipe(fd) < 0)
		exits("pipe");
	while(read(0, &c, 1) == 1){
		x += (uchar)c;
		for(i = 0; i < 20000; i++){
			x = x*1664525 + 1013904223;
			words[x>>20] += x;
			sum ^= words[x>>20];
		}
		if(write(fd[0], &sum, sizeof sum) != sizeof sum || read(fd[1], &sum, sizeof sum) != sizeof sum)
			exits("pipe");
		snprint(b, sizeof b, "%ud", sum);
		if(putenv("sum", b) < 0 || strcmp(getenv("sum"), b) != 0)
			exits("env");
		n = strlen(b);
		b[n++] = '\n';
		if(write(1, b, n) != n)
			exits("write");
	}
	exits(nil);
}
