/*
 * A guest that takes what it can get: hog WHAT.  It goes on when a call fails, and says how far
 * it came; who is to be stopped does not come that far.
 */
#include <u.h>
#include <libc.h>

enum { MB = 1<<20 };

static int
failing(char *what, int n)
{
	char err[ERRMAX];

	rerrstr(err, sizeof err);
	print("%s %d %s\n", what, n, err);
	return 0;
}

static void
procs(int flags)
{
	int i, n, pid;

	n = 0;
	for(i = 0; i < 5000; i++){
		pid = rfork(RFPROC|flags);
		if(pid == 0)
			for(;;)
				sleep(1000);
		if(pid < 0)
			break;
		n++;
	}
	failing("procs", n);
}

static void
memory(void)
{
	char *p;
	int n, i;

	for(n = 0; n < 4096; n++){
		p = sbrk(MB);
		if(p == (char*)-1)
			break;
		for(i = 0; i < MB; i += 4096)
			p[i] = 1;
	}
	failing("memory", n);
}

/* Children that each stay within the limit of one process. */
static void
children(void)
{
	char *p;
	int n, i, tries;

	for(n = tries = 0; n < 64; n++){
		switch(rfork(RFPROC|RFNOWAIT)){
		case -1:	/* until those that there are have taken their memory */
			if(++tries == 60){
				failing("children", n);
				return;
			}
			sleep(250);
			break;
		case 0:
			p = sbrk(16*MB);
			if(p != (char*)-1)
				for(i = 0; i < 16*MB; i += 4096)
					p[i] = 1;
			for(;;)
				sleep(1000);
		}
	}
	sleep(2000);
	failing("children", n);
}

static void
stack(int n)
{
	volatile char b[8192];

	b[0] = n;
	b[4096] = n;
	stack(n + b[0]*0 + 1);
	b[0] = 0;
}

static void
fds(char *file)
{
	int n;

	for(n = 0; n < 1000000; n++)
		if(open(file, OREAD) < 0)
			break;
	failing("fds", n);
}

static void
pipes(void)
{
	static char b[65536];
	int n, fd[2];

	for(n = 0; n < 100000; n++){
		if(pipe(fd) < 0 || write(fd[0], b, sizeof b) < 0 || write(fd[1], b, sizeof b) < 0)
			break;
	}
	failing("pipes", n);
}

static void
variables(void)
{
	char name[1100];
	int n, fd;

	memset(name, 'v', sizeof name);
	for(n = 0; n < 100000; n++){
		if(n%500 == 499)
			rfork(RFPROC|RFENVG|RFNOWAIT);  /* children, too, go on */
		snprint(name, sizeof name, "/env/%0*d", 1000, n + getpid()*100000);
		fd = create(name, OWRITE, 0666);
		if(fd < 0)
			break;
		close(fd);
	}
	failing("variables", n);
}

static void
files(char *where)
{
	char name[256];
	int n, fd;

	for(n = 0; n < 2000000; n++){
		snprint(name, sizeof name, "%s/a file with a name of some length %d", where, n);
		fd = create(name, OWRITE, 0666);
		if(fd < 0)
			break;
		close(fd);
	}
	failing("files", n);
}

static void
data(char *where)
{
	static char b[65536];
	char name[64];
	int n, fd;

	snprint(name, sizeof name, "%s/big", where);
	fd = create(name, OWRITE, 0666);
	for(n = 0; n < 1000000; n++)
		if(write(fd, b, sizeof b) != sizeof b)
			break;
	failing("data", n);
}

static void
deep(char *where)
{
	int n;

	chdir(where);
	for(n = 0; n < 100000; n++){
		if(close(create("deep", OREAD, DMDIR|0777)) < 0 || chdir("deep") < 0)
			break;
	}
	failing("deep", n);
}

static void
mounts(void)
{
	int n;

	for(n = 0; n < 100000; n++)
		if(bind("/dev", "/n", MAFTER) < 0)
			break;
	failing("mounts", n);
}

/* A folder bound on itself, and on what is in it, a hundred deep. */
static void
loop(void)
{
	char name[2048], *p;
	int i;

	create("/tmp/a", OREAD, DMDIR|0777);
	for(i = 0; i < 100; i++){
		bind("/tmp", "/tmp/a", MREPL);
		bind("/tmp/a", "/tmp", MBEFORE);
	}
	p = name;
	p += snprint(p, sizeof name, "/tmp");
	for(i = 0; i < 100; i++)
		p += snprint(p, 16, "/a");
	i = open(name, OREAD);
	print("loop %d %s\n", i >= 0, fd2path(i, name, sizeof name) < 0 ? "?" : name);
}

static void
posts(void)
{
	char name[300];
	int n, fd;

	for(n = 0; n < 100000; n++){
		snprint(name, sizeof name, "/srv/%0*d", 200, n);
		fd = create(name, OWRITE, 0666);
		if(fd < 0 || fprint(fd, "0") < 0)
			break;
		close(fd);
	}
	failing("posts", n);
}

static void
segments(void)
{
	int n;

	for(n = 0; n < 100000; n++)
		if(segattach(0, "shared", nil, 4*MB) == (void*)-1)
			break;
	failing("segments", n);
}

static void
notes(void)
{
	int n, fd;
	char name[64];

	if(rfork(RFPROC|RFMEM) == 0){
		snprint(name, sizeof name, "/proc/%d/note", getppid());
		fd = open(name, OWRITE);
		for(n = 0; n < 20000; n++)
			write(fd, "flood", 5);
		exits(nil);
	}
	n = 0;
	while(waitpid() < 0 && n++ < 1000000)
		;
	failing("notes", n < 1000000);
}

static void
ignore(void *u, char *s)
{
	USED(u);
	noted(strcmp(s, "flood") == 0 ? NCONT : NDFLT);
}

static void
output(void)
{
	static char b[8192];
	int n;

	memset(b, 'x', sizeof b);
	for(n = 0; n < 1000000; n++)
		write(1, b, sizeof b);
}

/* As many waiters as there may be processes, none of which is ever met. */
static void
waiters(int how)
{
	static long sem;
	int n, pid;

	for(n = 0; n < 5000; n++){
		pid = rfork(RFPROC|RFMEM);
		if(pid < 0)
			break;
		if(pid == 0){
			switch(how){
			case 0:
				rendezvous((void*)(uintptr)getpid(), nil);
				break;
			case 1:
				semacquire(&sem, 1);
				break;
			case 2:
				alarm(3600*1000);
				for(n = 0; n < 1000; n++)
					alarm(3600*1000 + n);
				tsemacquire(&sem, 3600*1000);
				break;
			}
			exits(nil);
		}
	}
	failing("waiters", n);
}

static void
zombies(void)
{
	int n;

	for(n = 0; n < 3000; n++)
		if(rfork(RFPROC) == 0)
			exits("a message of some length, that the parent never reads");
	failing("zombies", n);
}

static void
arguments(void)
{
	static char *argv[4002];
	static char word[1001];
	int i;

	memset(word, 'w', sizeof word - 1);
	for(i = 0; i < 4000; i++)
		argv[i] = word;
	for(i = 0; i < 30; i++)
		if(rfork(RFPROC|RFNOWAIT) == 0){
			exec("/bin/sleep", argv);
			exits(nil);
		}
	sleep(100);
	failing("arguments", i);
}

void
main(int argc, char **argv)
{
	char *what = argv[1];

	USED(argc);
	notify(strcmp(what, "notes") == 0 ? ignore : nil);
	if(strcmp(what, "procs") == 0) procs(0);
	if(strcmp(what, "threads") == 0) procs(RFMEM|RFNOWAIT);
	if(strcmp(what, "memory") == 0) memory();
	if(strcmp(what, "children") == 0) children();
	if(strcmp(what, "stack") == 0) stack(0);
	if(strcmp(what, "fds") == 0) fds("/dev/null");
	if(strcmp(what, "hostfds") == 0) fds(argv[2]);
	if(strcmp(what, "pipes") == 0) pipes();
	if(strcmp(what, "variables") == 0) variables();
	if(strcmp(what, "files") == 0) files("/tmp");
	if(strcmp(what, "data") == 0) data("/tmp");
	if(strcmp(what, "deep") == 0) deep("/tmp");
	if(strcmp(what, "mounts") == 0) mounts();
	if(strcmp(what, "loop") == 0) loop();
	if(strcmp(what, "posts") == 0) posts();
	if(strcmp(what, "segments") == 0) segments();
	if(strcmp(what, "notes") == 0) notes();
	if(strcmp(what, "output") == 0) output();
	if(strcmp(what, "rendezvous") == 0) waiters(0);
	if(strcmp(what, "semaphores") == 0) waiters(1);
	if(strcmp(what, "timers") == 0) waiters(2);
	if(strcmp(what, "zombies") == 0) zombies();
	if(strcmp(what, "arguments") == 0) arguments();
	if(strcmp(what, "bomb") == 0) for(;;) fork();
	if(strcmp(what, "spin") == 0) for(;;);
	if(strcmp(what, "yield") == 0) for(;;) sleep(0);
	exits(nil);
}
