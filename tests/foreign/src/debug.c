/*
 * What acid and db do: a child held at exec, its text file and memory read through /proc, a
 * breakpoint planted with int3, run to it, registers changed, single files watched, killed.
 */
#include "f.h"

static char dir[64], buf[8192];

static char *
file(char *name)
{
	static char path[96];

	sprint(path, "%s/%s", dir, name);
	return path;
}

static int
ctl(char *text)
{
	int n = writefile(file("ctl"), text, strlen(text));

	if(n < 0)
		print("ctl %s: %s\n", text, err());
	return n;
}

static int
mem(uint address, void *p, int n, int writing)
{
	int f = open(file("mem"), ORDWR), r;

	r = writing ? pwrite(f, p, n, address) : pread(f, p, n, address);
	if(r != n)
		print("mem %x: %s\n", address, err());
	close(f);
	return r;
}

static void
regs(Ureg *u, int writing)
{
	int f = open(file("regs"), ORDWR);

	if((writing ? pwrite(f, u, sizeof *u, 0) : pread(f, u, sizeof *u, 0)) != sizeof *u)
		print("regs: %s\n", err());
	close(f);
}

/* the state field of status */
static char *
state(void)
{
	static char word[16];
	int i;

	readfile(file("status"), buf, sizeof buf);
	for(i = 0; i < 12 && buf[56 + i] != ' '; i++)
		word[i] = buf[56 + i];
	word[i] = 0;
	return word;
}

static uint
bigendian(uchar *p)
{
	return p[0] << 24 | p[1] << 16 | p[2] << 8 | p[3];
}

/* the address of a name in the symbol table of the file behind /proc/n/text */
static uint
symbol(char *name)
{
	static uchar syms[65536];
	uchar head[32];
	uint at, size, value;
	int f = open(file("text"), OREAD);

	if(pread(f, head, 32, 0) != 32 || bigendian(head) != 0x1eb){
		print("text: %s\n", err());
		return 0;
	}
	size = bigendian(head + 16);
	at = 32 + bigendian(head + 4) + bigendian(head + 8);
	if(size > sizeof syms)
		size = sizeof syms;
	pread(f, syms, size, at);
	close(f);
	for(at = 0; at + 5 < size; at += 5 + strlen((char *)syms + at + 5) + 1){
		value = bigendian(syms + at);
		if((syms[at + 4] & 0x7f) == 'T' && strcmp((char *)syms + at + 5, name) == 0)
			return value;
	}
	return 0;
}

int
__attribute__((noinline, noclone)) target(int n)
{
	print("target %d\n", n);
	return n + 1;
}

static void
child(void)
{
	volatile int i;

	for(i = 0; i < 2; i++)
		print("got %d\n", target(i));
	for(;;)
		sleep(100);
}

void
main(int argc, char **argv)
{
	char *again[] = { "debug", "child", nil }, text[256];
	uchar old, trap = 0xcc;
	uint where;
	Ureg u;
	int pid;

	if(argc > 1)
		child();
	pid = fork();
	if(pid == 0){
		sprint(dir, "/proc/%d", getpid());
		ctl("hang");
		exec("/bin/debug", again);
		exits("exec");
	}
	sprint(dir, "/proc/%d", pid);
	while(strcmp(state(), "Stopped") != 0)
		sleep(10);
	print("stopped at exec\n");
	regs(&u, 0);
	print("entry %d\n", u.pc >= 0x1020 && *(uint *)&u.usp != 0);
	where = symbol("target");
	print("symbol %d\n", where == (uint)target);
	mem(where, &old, 1, 0);
	print("text %d\n", old == *(uchar *)target);
	mem(where, &trap, 1, 1);
	ctl("startstop");
	while(strcmp(state(), "Stopped") != 0)
		sleep(10);
	readfile(file("note"), text, sizeof text);
	print("note %s\n", strncmp(text, "sys: breakpoint", 15) == 0 ? "sys: breakpoint" : text);
	regs(&u, 0);
	print("at breakpoint %d\n", u.pc == where);
	mem(where, &old, 1, 1);
	int stack[2];
	mem(u.usp, stack, 8, 0);
	print("argument %d\n", stack[1]);
	stack[1] = 41;
	mem(u.usp, stack, 8, 1);
	ctl("start");
	while(strcmp(state(), "Sleep") != 0)
		sleep(10);
	ctl("stop");
	print("%s\n", state());
	readfile(file("segment"), buf, sizeof buf);
	print("%c%c%c%c%c\n", buf[0], buf[1], buf[2], buf[3], buf[4]);
	print("fpregs %d\n", readfile(file("fpregs"), buf, sizeof buf) >= 108);
	print("args %s\n", (readfile(file("args"), buf, sizeof buf), buf));
	ctl("kill");
	ctl("start");
	waitfor(text, sizeof text);
	print("%s\n", strchr(text, '\''));
	exits(nil);
}
