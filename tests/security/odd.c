/*
 * Odd things to ask of the kernel, one by one: odd WHAT.  It prints what came of them.
 */
#include <u.h>
#include <libc.h>

static int bad;

static void
say(char *what, int ok)
{
	char err[ERRMAX];

	rerrstr(err, sizeof err);
	print("%s %s %s\n", what, ok ? "ok" : "WRONG", err);
}

static int
keep(void *u, char *note)
{
	USED(u);
	bad += strncmp(note, "sys: bad sys call", 17) == 0;
	return 1;
}

/* What a failed exec says, or "" for one that a child did. */
static void
run(char *what, char **argv)
{
	int pid;

	pid = fork();
	if(pid == 0){
		exec("/bin/echo", argv);
		say(what, 1);
		exits(nil);
	}
	waitpid();
}

static void
arguments(void)
{
	static char *argv[100003], *one[2];
	static char big[65536];
	char *top;
	int i;

	memset(big, 'b', sizeof big - 1);
	run("none", one);
	for(i = 0; i < 100002; i++)
		argv[i] = "";
	run("many", argv);
	for(i = 0; i < 16384; i++)	/* a gigabyte, of the same string */
		argv[i] = big;
	argv[i] = nil;
	run("gigabyte", argv);
	top = sbrk(0);
	top = (char*)(((uintptr)top + 4095) & ~4095);
	brk(top);
	((char**)top)[-1] = big;
	((char**)top)[-2] = "x";
	run("straddle", (char**)top - 2);
	argv[0] = (char*)0x7fffffff;
	argv[1] = nil;
	run("nowhere", argv);
	argv[0] = top - 1;
	top[-1] = 'x';
	run("unended", argv);
	argv[0] = (char*)argv;		/* itself */
	run("itself", argv);
	print("done\n");
}

static long
call(long nr)
{
	long r;

	__asm__ volatile("int $0x40" : "=a"(r) : "0"(nr) : "memory", "cc");
	return r;
}

static void
numbers(void)
{
	static long some[] = { -1, 0x7fffffff, (long)0x80000000, 48, 49, 54, 100, 255, 256, 1<<16, (1<<16)+4, 0x40000004 };
	int i;

	atnotify(keep, 1);
	for(i = 0; i < nelem(some); i++)
		if(call(some[i]) != -1)
			say("number", 0);
	print("bad %d of %d\n", bad, (int)nelem(some));
}

static void
closed(void)
{
	int fd[2], pid, n;
	char b[8];

	pipe(fd);
	pid = rfork(RFPROC|RFMEM);
	if(pid == 0){
		sleep(30);
		close(fd[1]);
		close(fd[0]);
		exits(nil);
	}
	n = read(fd[1], b, sizeof b);
	print("read %d\n", n <= 0);
	waitpid();
}

static void
dups(void)
{
	int i, n, pids[4];

	for(n = 0; n < 4; n++){
		pids[n] = rfork(RFPROC|RFMEM);
		if(pids[n] == 0){
			for(i = 0; i < 400; i++){
				dup(i%2 ? 1 : 0, 10 + i%5);
				close(10 + (i+n)%5);
				fd2path(10 + i%5, (char[64]){0}, 64);
				open("/dev/null", OREAD);
				close(3 + i%20);
			}
			exits(nil);
		}
	}
	for(n = 0; n < 4; n++)
		waitpid();
	print("done\n");
}

static void
execs(void)
{
	int n, i;
	static volatile int go;

	for(n = 0; n < 10; n++){
		if(rfork(RFPROC|RFMEM) == 0){
			if(n%2)
				execl("/bin/echo", "echo", "ran", nil);
			for(i = 0; i < 50; i++){
				sbrk(4096);
				go++;
				sleep(0);
			}
			exits(nil);
		}
	}
	for(n = 0; n < 10; n++)
		waitpid();
	print("done\n");
}

static int depth;

static void
inhandler(void *u, char *note)
{
	int fd;
	char b[64];

	USED(u);
	fd = open("/dev/null", OREAD);
	read(fd, b, sizeof b);
	close(fd);
	if(rfork(RFPROC) == 0)
		exits(nil);
	waitpid();
	depth++;
	if(strncmp(note, "again", 5) == 0)
		noted(NCONT);
	noted(NDFLT);
}

static void
handlers(void)
{
	int i;

	notify(inhandler);
	for(i = 0; i < 20; i++){
		postnote(PNPROC, getpid(), "again");
		sleep(0);
	}
	print("handled %d\n", depth);
}

/* Behind what a call says that it wrote, nothing may have changed; and all of it is its own. */
static int
untouched(uchar *b, int n, int size)
{
	for(; n < size; n++)
		if(b[n] != 0xAA)
			return 0;
	return 1;
}

static void
fresh(void)
{
	static uchar b[8192], old[112];
	int n, fd;

	memset(b, 0xAA, sizeof b);
	n = stat("/dev/null", b, sizeof b);
	say("stat", n > 0 && untouched(b, n, sizeof b));
	memset(b, 0xAA, sizeof b);
	fd = open("/proc/1", OREAD);
	n = read(fd, b, sizeof b);
	say("dirread", n > 0 && untouched(b, n, sizeof b));
	close(fd);
	memset(b, 0xAA, sizeof b);
	fd = open("/proc/1/regs", OREAD);
	n = read(fd, b, sizeof b);
	say("regs", n == 76 && untouched(b, n, sizeof b));
	close(fd);
	if(fork() == 0)
		exits("x");
	memset(b, 0xAA, sizeof b);
	n = await((char*)b, 512);
	say("await", n > 0 && untouched(b, n + 1, sizeof b));
	memset(b, 0xAA, sizeof b);
	errstr((char*)b, 64);
	say("errstr", untouched(b, 64, sizeof b));
	memset(b, 0xAA, sizeof b);
	fd2path(1, (char*)b, 100);
	say("fd2path", untouched(b, 100, sizeof b));
	USED(old);
}

static void
places(void)
{
	static char *names[] = {
		"/proc/self/mem", "/proc/1/../../proc/self/mem", "/dev/mem", "/dev/kmem", "/dev/fd/0", "/proc/self/fd/0",
		"/n/files/mem", "/n/files/devmem", "/n/files/up", "/n/files/fifo", "/n/files/up/etc/passwd",
		"/n/files/../../etc/passwd", "#U0", "#U", "#U99", "/proc/0/mem", "/proc/-1/mem", "/dev/kcore", "/sys/kernel",
		"/n/files/null", "/n/files/socket", "/etc/passwd",
	};
	int i, fd;

	for(i = 0; i < nelem(names); i++){
		fd = open(names[i], OREAD);
		if(fd >= 0)
			print("OPEN %s\n", names[i]);
	}
	print("done\n");
}

static void
marks(void)
{
	int i;

	close(open("/marker-of-a-guest", OREAD));
	create("/marker-of-a-guest", OWRITE, 0666);
	execl("/marker-of-a-guest", "marker-of-a-guest", nil);
	bind("/marker-of-a-guest", "/n", MREPL);
	remove("/marker-of-a-guest");
	chdir("/marker-of-a-guest");
	for(i = 0; i < 3; i++)
		open("/n/../marker-of-a-guest", i);
	putenv("marker-of-a-guest", "marker-of-a-guest");
	print("done\n");
}

void
main(int argc, char **argv)
{
	char *what = argv[1];

	USED(argc);
	if(strcmp(what, "arguments") == 0) arguments();
	if(strcmp(what, "numbers") == 0) numbers();
	if(strcmp(what, "closed") == 0) closed();
	if(strcmp(what, "dups") == 0) dups();
	if(strcmp(what, "execs") == 0) execs();
	if(strcmp(what, "handlers") == 0) handlers();
	if(strcmp(what, "fresh") == 0) fresh();
	if(strcmp(what, "places") == 0) places();
	if(strcmp(what, "marks") == 0) marks();
	exits(nil);
}
