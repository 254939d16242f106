/*
 * System calls with hostile arguments: calls HOW NUMBER SEED [FILE].
 *
 * The argument words lie in shared memory, where the stack pointer is while a call is made, and so
 * do all strings and buffers.  HOW is  pointers, numbers or strings:  what the words are;  race:  a
 * second process changes words, strings and buffers all the time.  A poker sends notes, so
 * that no call sleeps for long.  Whatever becomes of these processes, they may only harm themselves.
 */
#include <u.h>
#include <libc.h>

enum { WORDS = 6, ROUNDS = 150 };

typedef struct Shared Shared;
struct Shared {
	long	below[1024];	/* what handlers push when the stack pointer is at args */
	long	back;		/* the return address of a call's stub */
	long	args[WORDS];
	long	above[64];
	char	text[4][512];
	char	buf[8192];
	long	argv[64];
};

static Shared *s;
static ulong seed;

static ulong
next(void)
{
	seed = seed*1664525 + 1013904223;
	return seed >> 8;
}

static char *names[] = {
	"", "/", ".", "..", "/dev/null", "/tmp/x", "/proc/1/mem", "/fd/0", "#", "##", "#c/../..", "#p/1/ctl",
	"#U1", "/env/\xff\xfe", "a\nb", "\x1b]0;x\a", "/srv/\xed\xa0\x80", "//////", "/../../../etc/passwd",
	"/dev/cons/../../..", "memory", "shared", "stop", "9P2000", "main",
};

static long
pointer(void)
{
	switch(next() % 14){
	case 0: return 0;
	case 1: return 1;
	case 2: return -1;
	case 3: return -4;
	case 4: return 0x7fffffff;
	case 5: return (long)0x80000000;
	case 6: return 0x1000;			/* text */
	case 7: return 0xfff;
	case 8: return (long)sbrk(0);		/* right behind the data */
	case 9: return (long)sbrk(0) - next()%64;
	case 10: return (long)&seed | (next() & 3);
	case 11: return (long)s->text[next()%4];
	case 12: return (long)s->argv;
	default: return (long)s->buf + next()%64;
	}
}

static long
number(void)
{
	static long some[] = { 0, 1, -1, 2, 3, 5, 64, 127, 4096, 65535, 65536, 1<<20, 1<<24, 1<<30,
		0x7fffffff, (long)0x80000000, (long)0x80000001, (long)0xffff0000, 0x1fff, 0xa0, 0x3fffff };

	return some[next() % nelem(some)];
}

static void
fill(char *how)
{
	int i;

	for(i = 0; i < 4; i++){
		if(*how == 's' && next()%3 == 0){
			memset(s->text[i], next(), sizeof s->text[i]);	/* no end of its own */
			continue;
		}
		strcpy(s->text[i], names[next() % nelem(names)]);
	}
	for(i = 0; i < nelem(s->argv); i++)
		s->argv[i] = next()%8 == 0 ? pointer() : (long)s->text[next()%4];
	s->argv[next() % nelem(s->argv)] = 0;
	for(i = 0; i < WORDS; i++){
		s->args[i] = (long)s->text[next()%4];
		if(*how == 'p' || (*how == 'r' && next()%2))
			s->args[i] = next()%3 ? pointer() : next()%64;
		if(*how == 'n' || (*how == 's' && i > 1))
			s->args[i] = next()%4 ? number() : (long)s->buf;
	}
}

static void
mutate(void)
{
	ulong n;

	for(;;){
		n = next();
		switch(n % 4){
		case 0: s->args[n/4 % WORDS] = pointer(); break;
		case 1: s->args[n/4 % WORDS] = number(); break;
		case 2: s->text[n/4 % 4][n/16 % 512] = next(); break;
		case 3: s->argv[n/4 % nelem(s->argv)] = n & 64 ? 0 : pointer(); break;
		}
	}
}

static long
call(long nr)
{
	long r;
	static long sp;

	__asm__ volatile(
		"pushal\n\tmovl %%esp, %2\n\tmovl %3, %%esp\n\tint $0x40\n\tmovl %2, %%esp\n\t"
		"movl %%eax, 28(%%esp)\n\tpopal"
		: "=a"(r), "+m"(nr), "+m"(sp) : "d"(&s->back), "0"(nr) : "memory", "cc");
	return r;
}

static void
handler(void *u, char *note)
{
	USED(u);
	noted(strncmp(note, "poke", 4) == 0 || strncmp(note, "sys: bad", 8) == 0 ||
		strncmp(note, "sys: odd", 8) == 0 || strncmp(note, "sys: write", 10) == 0 || strcmp(note, "alarm") == 0 ? NCONT : NDFLT);
}

static void
caller(char *how, long nr)
{
	int i;

	notify(handler);
	for(i = 0; i < ROUNDS; i++){
		fill(how);
		call(nr);
	}
}

void
main(int argc, char **argv)
{
	char *how, name[64];
	long nr;
	int pid, i, fd;

	if(argc < 4)
		exits("usage");
	how = argv[1];
	nr = atoi(argv[2]);
	seed = atoi(argv[3]);
	s = segattach(0, "shared", nil, sizeof(Shared) + 4096);
	if(s == (void*)-1)
		exits("segattach");
	if(*how == 'r' && rfork(RFPROC|RFMEM|RFNOWAIT) == 0)
		mutate();
	for(i = 0; i < 4; i++){
		pid = rfork(RFPROC|RFMEM|RFFDG|RFNAMEG|RFENVG|RFNOTEG);
		if(pid == 0){
			caller(how, nr);
			exits(nil);
		}
		if(pid < 0){
			sleep(5);
			continue;
		}
		snprint(name, sizeof name, "/proc/%d/note", pid);
		if(rfork(RFPROC|RFNOWAIT) == 0){
			fd = open(name, OWRITE);
			while(write(fd, "poke", 4) > 0)
				sleep(1);
			exits(nil);
		}
		waitpid();
		seed += 77;
	}
	print("survived\n");
	exits(nil);
}
