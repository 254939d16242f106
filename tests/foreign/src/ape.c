/*
 * What the POSIX library of Plan 9 does behind open, select and fork: the environment listed as
 * a folder, /env/_fdinfo, a shared segment with a helper process that copies a descriptor into
 * it, rendezvous and notes as signals.
 */
#include "f.h"

typedef struct Mux Mux;
struct Mux {
	volatile int n, eof;
	volatile int lock;
	char data[8192];
};

static volatile int signals;

static void
onnote(Ureg *u, char *note)
{
	signals++;
	noted(strncmp(note, "sys:", 4) == 0 ? NDFLT : NCONT);
}

static int
listenv(char *want)
{
	uchar buf[4096];
	int fd = open("#e", OREAD), n, at, size, found = 0;

	while((n = read(fd, buf, sizeof buf)) > 0)
		for(at = 0; at < n; at += size){
			size = 2 + buf[at] + buf[at + 1]*256;
			int len = buf[at + 41] + buf[at + 42]*256;
			vlong length = *(vlong *)(buf + at + 33);
			found += len == strlen(want) && memcmp(buf + at + 43, want, len) == 0 && length > 0;
		}
	close(fd);
	return found;
}

static void
helper(Mux *m, int fd)
{
	char b[1024];
	int n;

	while((n = read(fd, b, sizeof b)) > 0){
		while(tas((int *)&m->lock))
			sleep(0);
		memcpy(m->data + m->n, b, n);
		m->n += n;
		m->lock = 0;
		rendezvous(m, 0);
	}
	m->eof = 1;
	rendezvous(m, 0);
	exits(nil);
}

void
main(int argc, char **argv)
{
	char *again[] = { "ape", "second", nil }, text[256], name[64];
	int f, p[2], pid, n;
	Mux *m;

	if(argc > 1){
		print("fdinfo %s\n", (readfile("#e/_fdinfo", text, sizeof text), text));
		print("handlers %d\n", readfile("#e/_sighdlr", text, sizeof text));
		exits(nil);
	}
	print("environment %d\n", listenv("home"));
	m = segattach(0, "shared", nil, sizeof *m);
	print("segment %d\n", (int)m != -1);
	pipe(p);
	pid = rfork(RFPROC | RFFDG);
	if(pid == 0){
		close(p[1]);
		helper(m, p[0]);
	}
	close(p[0]);
	write(p[1], "first", 5);
	rendezvous(m, 0);
	print("selected %d\n", m->n);
	write(p[1], "second", 6);
	rendezvous(m, 0);
	close(p[1]);
	rendezvous(m, 0);
	print("%s %d\n", m->data, m->eof);
	waitfor(text, sizeof text);
	segdetach(m);

	notify(onnote);
	pid = fork();
	if(pid == 0){
		while(signals == 0)
			sleep(20);
		exits("signalled");
	}
	sprint(name, "/proc/%d/note", pid);
	sleep(50);
	writefile(name, "interrupt", 9);
	waitfor(text, sizeof text);
	print("%d\n", strchr(text, ':') != nil && strcmp(strchr(text, ':'), ": signalled'") == 0);
	pid = rfork(RFPROC | RFFDG | RFNOTEG);
	if(pid == 0){
		notify(nil);
		for(;;)
			sleep(1000);
	}
	sprint(name, "/proc/%d/notepg", pid);
	f = open(name, OWRITE);
	sleep(50);
	n = write(f, "hangup", 6);
	close(f);
	waitfor(text, sizeof text);
	print("group %d %d\n", n, strchr(text, ':') != nil && strcmp(strchr(text, ':'), ": hangup'") == 0);
	print("time %d\n", readfile("/dev/time", text, sizeof text) > 11);
	f = create("#e/_fdinfo", OWRITE, 0666);
	write(f, "0 1 2", 5);
	close(f);
	close(create("#e/_sighdlr", OWRITE, 0666));
	exec("/bin/ape", again);
	exits(err());
}
