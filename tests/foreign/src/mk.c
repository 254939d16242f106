/*
 * What mk and the compilers do: several programs at once, their output through pipes, files
 * written, read and compared by time, brk by the megabyte, a big bss, answers in order.
 */
#include "f.h"

enum { JOBS = 60, ATONCE = 4, BIG = 40 << 20 };

static char big[BIG];

static void
job(int n)
{
	char name[64], *p, text[256];
	int f, i, k, pfd[2];

	p = (char *)((brk_(nil) + (int)sizeof big + 4095) & ~4095);
	if(brk_(p + (8 << 20)) < 0)
		exits("brk");
	for(i = 0; i < 8 << 20; i += 65536)
		p[i] = n;
	big[n * 4096] = n;
	pipe(pfd);
	if(fork() == 0){
		char *argv[] = { "echo", "job", nil, nil };

		sprint(text, "%d", n);
		argv[2] = text;
		dup(pfd[1], 1);
		close(pfd[0]);
		close(pfd[1]);
		exec("/bin/echo", argv);
		exits("exec");
	}
	close(pfd[1]);
	for(k = 0; (i = read(pfd[0], text + k, sizeof text - 1 - k)) > 0; k += i)
		;
	text[k] = 0;
	waitfor(name, sizeof name);
	sprint(name, "/tmp/job%d", n);
	f = create(name, OWRITE, 0666);
	write(f, text, k);
	close(f);
	exits(n == 13 ? "unlucky" : nil);
}

void
main(int argc, char **argv)
{
	char name[64], text[256], want[64];
	int i, running = 0, started = 0, bad = 0, failed = 0;
	uchar d[256], e[256];

	for(i = 0; i < BIG; i += 1 << 20)
		bad += big[i] != 0;
	print("bss %d\n", bad);
	for(bad = 0; started < JOBS || running > 0; ){
		while(started < JOBS && running < ATONCE){
			if(fork() == 0)
				job(started);
			started++;
			running++;
		}
		if(waitfor(text, sizeof text) < 0)
			bad++;
		failed += strchr(text, '\'')[1] != '\'';
		running--;
	}
	for(i = 0; i < JOBS; i++){
		sprint(name, "/tmp/job%d", i);
		sprint(want, "job %d\n", i);
		readfile(name, text, sizeof text);
		bad += strcmp(text, want) != 0;
	}
	print("jobs %d bad %d failed %d\n", started, bad, failed);
	stat("/tmp/job0", d, sizeof d);
	sleep(1100);
	i = open("/tmp/job0", OWRITE | OTRUNC);
	write(i, "again", 5);
	close(i);
	stat("/tmp/job0", e, sizeof e);
	print("newer %d\n", *(uint *)(e + 29) > *(uint *)(d + 29));
	print("version %d\n", memcmp(d + 9, e + 9, 4) != 0);
	exits(nil);
}
