/*
 * What a program can find out about the system it runs on, one line a claim: name, blank,
 * value.  claims.tab says what each dialect must answer.
 */
#include "f.h"

enum { UTZERO = 0x1000, PAGE = 0x1000, STACK = 16 << 20 };

extern char etext[], edata[], end[];

static char **args;
static int nargs;
static int initialised[3] = { 1, 2, 3 };
static char bss[3 * PAGE];
static char note[256];
static uint jump[6], frame[3], before;
static char *message;
static Ureg caught;
static int notes;

static void
say(char *name, uint value)
{
	print("%s %ud\n", name, value);
}

static void
hex(char *name, uint value)
{
	print("%s %x\n", name, value);
}

static void
says(char *name, char *value)
{
	print("%s %s\n", name, value);
}

/* a note's text, and back to where setjmp was called */
static void
handler(Ureg *u, char *text)
{
	strcpy(note, text);
	caught = *u;
	notes++;
	frame[0] = (uint)u;
	frame[1] = (uint)text;
	frame[2] = (uint)&u;		/* arguments begin behind the return address */
	before = u->usp;
	u->ax = 1;
	u->usp = jump[0] + 4;	/* as after the return */
	u->pc = jump[1];
	u->bx = jump[2];
	u->si = jump[3];
	u->di = jump[4];
	u->bp = jump[5];
	noted(NCONT);
}

static char *
nopc(void)
{
	char *p;

	for(p = note; *p; p++)
		if(strncmp(p, " pc=", 4) == 0)
			*p = 0;
	return note;
}

#define CATCH(action) (note[0] = 0, notify(handler), (setjmp(jump) == 0 ? (void)(action) : (void)0), notify(nil), note)

static void
start(void)
{
	uint top = (uint)tos + 72, i, at, bad = 0;

	if(top & (PAGE - 1))
		top = (uint)tos + 56;
	say("tos-size", top - (uint)tos);
	say("top-aligned", (top & (PAGE - 1)) == 0);
	say("sp-aligned", (entrysp & 7) == 0);
	say("argc-at-sp", *(int *)entrysp == nargs);
	say("argv-behind", (uint)args == entrysp + 4);
	say("argv-ends", args[nargs] == nil);
	at = (uint)args[0];
	for(i = 0; i < (uint)nargs; i++){
		bad += (uint)args[i] != at;
		at += strlen(args[i]) + 1;
	}
	say("strings-packed", bad == 0);
	say("strings-end-at-tos", at == (uint)tos);
	i = 4*(nargs + 1) + ((top - (uint)args[0] + 3) & ~3);
	if((i + 4) & 7)
		i += 4;
	say("sp-where-it-must-be", entrysp == top - i - 4);
	say("tos-pid", tos->pid == (uint)getpid());
	say("tos-prof", tos->prof.pp == nil && tos->prof.what == 0);
	hex("fcw", entryfcw & ~0x40);		/* that bit reads as one on some processors */
	say("interrupts-on", (entryflags & 0x200) != 0);
	say("direction-clear", (entryflags & 0x400) == 0);
	hex("header", *(uint *)UTZERO);
	say("text-at-header-end", (uint)*(uchar *)(UTZERO + 32) != 0);
	say("data-page", ((uint)initialised & ~(PAGE - 1)) >= (((uint)etext + PAGE - 1) & ~(PAGE - 1)));
	say("data", initialised[2] == 3);
	for(i = bad = 0; i < sizeof bss; i++)
		bad += bss[i] != 0;
	say("bss-zero", bad == 0);
	for(at = (uint)end; at & (PAGE - 1); at++)
		bad += *(char *)at != 0;
	say("last-page-zero", bad == 0);
	hex("brk-base-aligned", brk_(nil) & (PAGE - 1));
	say("brk-base", (uint)brk_(nil) == (((uint)edata + PAGE - 1) & ~(PAGE - 1)));
	*(int *)(entrysp - (2 << 20)) = 7;
	say("stack-2M-below", *(int *)(entrysp - (2 << 20)) == 7);
	*(int *)(top - STACK) = 8;
	say("stack-whole", *(int *)(top - STACK) == 8);
}

static void
faults(void)
{
	volatile int zero = 0;
	volatile double fzero = 0, one = 1, x;
	char *p;

	CATCH(zero = *(volatile int *)16);
	p = strchr(note, 'p');
	for(; *p && strncmp(p, "pc=", 3) != 0; p++)
		;
	say("note-pc-padded", p[5] == '0');
	say("note-pc-right", caught.pc > UTZERO && caught.pc < (uint)etext);
	says("read-fault", nopc());
	say("ureg-trap", caught.trap);
	hex("ureg-selectors", caught.cs << 16 | caught.ss << 8 | caught.ds);
	hex("ureg-fs-gs", caught.fs << 8 | caught.gs);
	say("red-zone-and-ureg", before - frame[0]);
	say("text-below-ureg", frame[0] - frame[1]);
	say("arguments-below-text", frame[1] - frame[2]);
	CATCH(*(volatile int *)0xffc = 1);
	says("write-fault", nopc());
	CATCH(*(volatile char *)(UTZERO + 32) = 1);
	says("text-fault", nopc());
	CATCH(*(volatile int *)((uint)tos + 4096) = 1);
	says("above-stack", strncmp(nopc(), "sys: trap: fault write addr=0x", 30) == 0 ? "fault" : note);
	CATCH(zero = 100 / zero);
	says("divide", nopc());
	CATCH(({ __asm__ volatile("int3"); }));
	says("breakpoint", nopc());
	say("breakpoint-pc", *(uchar *)caught.pc == 0xcc);
	CATCH(({ __asm__ volatile("ud2"); }));
	says("illegal", nopc());
	CATCH(({ __asm__ volatile("hlt"); }));
	says("privileged", nopc());
	CATCH(({ x = one / fzero; __asm__ volatile("fwait"); }));
	note[strlen("sys: fp: division by zero")] = 0;
	says("fp-divide", note);
	__asm__ volatile("fninit");
	CATCH(nosuchcall());
	says("bad-call", nopc());
	CATCH(pread(0, (void *)0x10, 10, -1LL));
	says("bad-pointer", nopc());
	CATCH(semacquire((int *)((uint)bss + 1), 0));
	says("odd-pointer", nopc());
}

static void
precision(void)
{
	volatile double a = 1.0, b = 1.1102230246251565e-16, r;	/* 2^-53: lost with 53 bits */
	ushort fcw = 0x232;

	__asm__ volatile("fldcw %0" : : "m"(fcw));
	__asm__ volatile("fldl %1; faddl %2; faddl %2; fstpl %0" : "=m"(r) : "m"(a), "m"(b));
	say("53-bit", *(uvlong *)&r == 0x3ff0000000000000ULL);
	volatile double half = 2.5;
	volatile int got;
	ushort chop = 0xe32;
	__asm__ volatile("fldcw %1; fldl %2; fistpl %0; fldcw %3"
		: "=m"(got) : "m"(chop), "m"(half), "m"(fcw));
	say("chopped", got);
}

static int shared[4];

static void
processes(void)
{
	char text[256], *p;
	int pid, i, on_stack = 1, order[3], got[3];

	on_stack = 1;
	pid = rfork(RFPROC | RFMEM);
	if(pid == 0){
		shared[0] = 1;
		*(volatile int *)&on_stack = 2;
		shared[1] = tos->pid;
		shared[2] = getpid();
		exits(nil);
	}
	waitfor(text, sizeof text);
	say("rfmem-shares-data", shared[0] == 1);
	say("stack-private", on_stack == 1);
	say("child-tos-pid", shared[1] == pid && shared[2] == pid);
	pid = fork();
	if(pid == 0){
		shared[0] = 9;
		exits(tos->pid == (uint)getpid() ? nil : "wrong");
	}
	waitfor(text, sizeof text);
	say("fork-copies", shared[0] == 1);
	say("fork-tos-pid", strchr(text, '\'')[1] == '\'');

	for(i = 0; i < 3; i++){
		order[i] = fork();
		if(order[i] == 0){
			sleep(30 + 60*i);
			exits("it's done");
		}
	}
	sleep(400);
	for(i = 0; i < 3; i++)
		got[i] = waitfor(text, sizeof text);
	say("wait-newest-first", got[0] == order[2] && got[1] == order[1] && got[2] == order[0]);
	p = strchr(text, '\'');
	for(i = 0; p[i] && p[i] != ' '; i++)
		;
	say("wait-names-program", strncmp(p, "'claims", i < 7 ? i : 7) == 0);
	for(; *p && *p != ':'; p++)
		;
	says("wait-quotes", p);
	say("wait-none", waitfor(text, sizeof text) < 0);
	says("wait-error", err());
	say("no-wait", rfork(RFPROC | RFNOWAIT) == 0 ? (exits(nil), 0) : waitfor(text, sizeof text) < 0);
	say("rfork-mem-alone", rfork(RFMEM) < 0);
	says("rfork-error", err());
}

static int key, sem;		/* Bell Labs' Lock */
static int word;		/* 9front's */
static volatile int counter;

static void
add(volatile int *p, int n)
{
	__asm__ volatile("lock; addl %1, %0" : "+m"(*p) : "r"(n) : "memory");
}

static int
fetchadd(int *p, int n)
{
	__asm__ volatile("lock; xaddl %0, %1" : "+r"(n), "+m"(*p) : : "memory");
	return n;
}

static void
locked(int n, int kind)
{
	int i, j, c;

	for(i = 0; i < n; i++){
		if(kind == 0){
			if(fetchadd(&key, 1) != 0)
				while(semacquire(&sem, 1) < 0)
					;
		}else
			for(j = 0; tas(&word); j++)
				sleep(0);
		c = counter;
		if(i % 16 == 0)
			sleep(0);
		counter = c + 1;
		if(kind == 0){
			if(fetchadd(&key, -1) != 1)
				semrelease(&sem, 1);
		}else
			word = 0;
	}
}

static volatile int turns;

static void
threads(void)
{
	char text[256];
	int kind, i;
	uint v;

	for(kind = 0; kind < 2; kind++){
		counter = 0;
		for(i = 0; i < 4; i++)
			if(rfork(RFPROC | RFMEM) == 0){
				locked(300, kind);
				exits(nil);
			}
		while(waitfor(text, sizeof text) > 0)
			;
		say(kind ? "tas-lock" : "semaphore-lock", counter);
	}
	if(rfork(RFPROC | RFMEM | RFNOWAIT) == 0){
		for(i = 0; i < 500; i++){
			v = rendezvous((void *)0x1234, i);
			turns += v == (uint)i + 1000;
		}
		rendezvous((void *)0x99, 0);
		exits(nil);
	}
	for(i = 0; i < 500; i++)
		turns += rendezvous((void *)0x1234, i + 1000) == (uint)i;
	rendezvous((void *)0x99, 0);
	say("rendezvous", turns);
	sem = 0;
	say("sem-would-block", semacquire(&sem, 0));
	say("sem-timed-out", tsemacquire(&sem, 20));
	say("sem-release", semrelease(&sem, 3));
	say("sem-acquire", semacquire(&sem, 1));
	sem = -1;
	say("sem-negative", semacquire(&sem, 0) < 0);
	says("sem-error", err());
}

static void
segments(void)
{
	char *one, *two, text[256];
	int n = brk_(nil);

	say("brk", brk_((void *)(n + (sizeof bss) + (40 << 20))) == 0);
	memset((char *)n + sizeof bss + (39 << 20), 1, PAGE);
	say("brk-low", brk_((void *)UTZERO) < 0);
	says("brk-error", err());
	one = segattach(0, "shared", nil, 2*PAGE);
	two = segattach(SG_CEXEC, "memory", nil, 2*PAGE);
	say("segattach-below-stack", (uint)one > (uint)two && ((uint)one & (PAGE-1)) == 0);
	say("segattach-adjacent", one - two == 2*PAGE);
	one[0] = two[0] = 1;
	if(fork() == 0){
		one[0] = two[0] = 2;
		exits(nil);
	}
	waitfor(text, sizeof text);
	say("segment-shared", one[0]);
	say("segment-memory", two[0]);
	say("segment-overlap", (int)segattach(0, "shared", one + PAGE, PAGE) == -1);
	says("segment-error", err());
	say("segment-class", (int)segattach(0, "nonesuch", nil, PAGE) == -1);
	says("class-error", err());
	say("segfree", segfree(one, 2*PAGE) == 0 && one[0] == 0);
	say("segdetach", segdetach(two) == 0);
	say("segdetach-stack", segdetach(&n) < 0);
	segdetach(one);
	two = segattach(0, "shared", (void *)0x10000000, 3*PAGE);
	say("segment-at-its-address", (uint)two == 0x10000000);
	two[0] = 5;
	two[3*PAGE - 1] = 6;
	n = 7;
	if(fork() == 0){
		two[1] = two[0] + n;
		exits(nil);
	}
	waitfor(text, sizeof text);
	say("and-shared", two[1]);
	one = segattach(0, "memory", (void *)0x20000000, PAGE);
	say("and-another", (uint)one == 0x20000000 && one[0] == 0 && two[3*PAGE - 1] == 6 && n == 7);
	say("beyond-all", (int)segattach(0, "shared", (void *)0xe0000000, PAGE) == -1);
	if(fork() == 0){
		char *again[] = { "claims", "kept", nil };

		exec("/bin/claims", again);
		exits(nil);
	}
	waitfor(text, sizeof text);
	segdetach(one);
	segdetach(two);
	CATCH(two[0] = 1);
	says("detached-fault", nopc());
}

static void
files(void)
{
	char buf[256], path[64];
	uchar d[256];
	int f, g, p[2], i, r;

	f = open("/lib/hello", OREAD);
	read(f, buf, 2);
	pread(f, buf, 4, 6LL);
	say("pread-moves", seek(f, 0, 1) != 2);
	g = dup(f, -1);
	seek(g, 1, 0);
	say("dup-shares-offset", seek(f, 0, 1) == 1);
	close(f);
	close(g);
	say("missing", open("/nodir/x", OREAD) < 0);
	says("missing-error", err());
	say("partial", open("/lib/nodir/x", OREAD) < 0);
	says("partial-error", err());
	say("not-a-dir", open("/lib/hello/x", OREAD) < 0);
	says("not-a-dir-error", err());
	say("exec-dir", exec("/lib", args) < 0);
	says("exec-dir-error", err());
	say("exec-missing", exec("/nope", args) < 0);
	says("exec-missing-error", err());
	say("exec-no-args", exec("/lib/hello", (char *[]){ nil }) < 0);
	says("exec-no-args-error", err());
	say("exec-text", exec("/lib/hello", args) < 0);
	says("exec-text-error", err());
	says("stale-error", (open("/lib/hello", OREAD), err()));
	r = bind("/lib", "/mnt", 0);
	say("bind-number", r > 0);
	unmount(nil, "/mnt");
	f = open("/", OREAD);
	fstat(f, d, sizeof d);
	say("fstat-root-name", d[41]);
	say("stat-root-name", (stat("/", d, sizeof d), d[41]));
	say("stat-short", fstat(f, d, 2) == 2);
	say("stat-too-short", fstat(f, d, 1) < 0);
	says("stat-error", err());
	close(f);
	pipe(p);
	write(p[1], "one", 3);
	write(p[1], "two", 3);
	say("pipe-boundaries", read(p[0], buf, 100) == 3 && read(p[0], buf, 100) == 3);
	close(p[1]);
	for(i = 0; read(p[0], buf, 100) == 0 && i < 10; i++)
		;
	say("pipe-ends", i);
	says("pipe-error", err());
	CATCH(write(p[0], "x", 1));
	says("pipe-note", nopc());
	close(p[0]);
	say("seek-stream", (pipe(p), seek(p[0], 0, 0) < 0));
	says("seek-error", err());
	close(p[0]);
	close(p[1]);
	f = open("/dev/bintime", OREAD);
	fd2path(f, path, sizeof path);
	says("bintime-path", path);
	say("bintime", read(f, buf, 24));
	close(f);
	f = open("/env/list", ORDWR);
	say("no-variable", f < 0);
	f = create("/env/list", OWRITE, 0666);
	write(f, "a\0b c\0", 6);
	close(f);
	say("variable", readfile("/env/list", buf, sizeof buf) == 6 && memcmp(buf, "a\0b c\0", 6) == 0);
	say("user", readfile("/dev/user", buf, sizeof buf) > 0);
	f = open("#~/x", OREAD);
	says("unknown-device", err());
}

static int got;
static void
count(Ureg *u, char *text)
{
	got++;
	noted(NCONT);
}

/* one note at a time, the next when noted is called */
static void
later(Ureg *u, char *text)
{
	got++;
	sleep(0);
	noted(NCONT);
}

static void
notesandsuch(void)
{
	char text[256], name[64];
	vlong t0, t1;
	int pid, n;

	notify(count);
	alarm(50);
	say("sleep-interrupted", sleep(10000) < 0);
	says("interrupted", err());
	say("alarm-note", got);
	alarm(1234);
	n = alarm(0);
	say("alarm-rest", n == 1230 || n == 1220);
	notify(nil);
	sysnsec(&t0);
	sleep(30);
	sysnsec(&t1);
	say("nsec", t1 - t0 >= 29000000LL);
	if((pid = fork()) == 0){
		int r = noted(NCONT);
		print("noted-outside %d %s\n", r, err());
		exits(nil);
	}
	waitfor(text, sizeof text);
	if(strchr(text, 'S') != nil)
		print("noted-outside Suicide\n");
	got = 0;
	notify(later);
	n = open((sprint(name, "/proc/%d/note", getpid()), name), OWRITE);
	write(n, "first", 5);
	write(n, "second", 6);
	say("notes-one-by-one", got == 2);
	close(n);
	notify(nil);
}

static void
scripts(void)
{
	char *plain[] = { "script", "one", "two", nil };
	char text[256];

	static char *names[] = { "/lib/script", "/lib/quoted", "/lib/nested", "/lib/long" };
	uint i;

	for(i = 0; i < nelem(names); i++){
		if(fork() == 0){
			print("%s ", names[i] + 5);
			exec(names[i], plain);
			print("%s\n", err());
			exits(nil);
		}
		waitfor(text, sizeof text);
	}
}

static void
closeonexec(void)
{
	char *again[] = { "claims", "fds", nil }, text[256];
	int f, g;

	if(fork() == 0){
		for(f = 3; f < 20; f++)
			close(f);
		f = open("/lib/hello", OREAD | OCEXEC);
		g = dup(f, -1);
		print("%s", g == 4 && f == 3 ? "" : "fds wrong\n");
		exec("/bin/claims", again);
		print("exec %s\n", err());
		exits(nil);
	}
	waitfor(text, sizeof text);
}

void
main(int argc, char **argv)
{
	char buf[8];

	args = argv;
	nargs = argc;
	if(argc > 1 && strcmp(argv[1], "kept") == 0){
		say("kept-by-exec", *(char *)0x10000000);
		exits(nil);
	}
	if(argc > 1 && strcmp(argv[1], "fds") == 0){
		say("cexec-closes", read(3, buf, 1) < 0);
		say("cexec-dup-lives", read(4, buf, 1) == 1);
		exits(nil);
	}
	start();
	faults();
	precision();
	processes();
	threads();
	segments();
	files();
	notesandsuch();
	scripts();
	closeonexec();
	exits(nil);
}
