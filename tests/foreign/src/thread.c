/*
 * What libthread does: processes that share memory, each with its stack at one address and data
 * of its own on it, channels by rendezvous, one another interrupted and ended by notes.
 */
#include "f.h"

enum { PROCS = 5, ROUNDS = 200 };

typedef struct Channel Channel;
struct Channel {
	int lock, full, value, waiting;	/* waiting: a bit for each sender that sleeps */
};

static Channel chan;
static char tags[PROCS];
static volatile int sum, ended, pids[PROCS];
static int **self;	/* on the private stack: the same address in every process */

static void
handler(Ureg *u, char *note)
{
	if(strcmp(note, "kill") == 0)
		exits("threadkill");
	noted(strcmp(note, "threadint") == 0 ? NCONT : NDFLT);
}

static void
lock(int *l)
{
	while(tas(l))
		sleep(0);
}

static void
send(Channel *c, int v, int n)
{
	for(;;){
		lock(&c->lock);
		if(!c->full)
			break;
		c->waiting |= 1 << n;
		c->lock = 0;
		while(rendezvous(&tags[n], 0) == ~0U)
			;
	}
	c->value = v;
	c->full = 1;
	c->lock = 0;
}

static int
recv(Channel *c)
{
	int v, wake, n;

	for(;;){
		lock(&c->lock);
		if(c->full)
			break;
		c->lock = 0;
		sleep(0);
	}
	v = c->value;
	c->full = 0;
	wake = c->waiting;
	c->waiting = 0;
	c->lock = 0;
	for(n = 0; n < PROCS; n++)
		if(wake & 1 << n)
			while(rendezvous(&tags[n], 0) == ~0U)
				;
	return v;
}

static void
proc(int n)
{
	int mine = n, i;

	*self = &mine;
	for(i = 0; i < ROUNDS; i++){
		send(&chan, i, n);
		if(**self != n)
			exits("stack shared");
	}
	send(&chan, -1, n);
	sleep(100000);
	print("interrupted %s\n", err());
	rendezvous((void *)7, 0);
	for(;;)
		sleep(100000);
}

void
main(int argc, char **argv)
{
	int *slot, i, v, pid;
	char name[64];

	self = &slot;
	notify(handler);
	for(i = 0; i < PROCS; i++){
		pid = rfork(RFPROC | RFMEM | RFNOWAIT);
		if(pid == 0)
			proc(i);
		pids[i] = pid;
	}
	while(ended < PROCS){
		v = recv(&chan);
		if(v < 0)
			ended++;
		else
			sum += v;
	}
	print("sum %d\n", sum);
	sleep(50);
	sprint(name, "/proc/%d/note", pids[2]);
	writefile(name, "threadint", 9);
	while(rendezvous((void *)7, 0) == ~0U)
		;
	for(i = 0; i < PROCS; i++){
		sprint(name, "/proc/%d/note", pids[i]);
		writefile(name, "kill", 4);
	}
	for(i = v = 0; i < PROCS; i++){
		sprint(name, "/proc/%d/status", pids[i]);
		for(v += 1; open(name, OREAD) >= 0; sleep(5))
			;
	}
	print("ended %d\n", v);
	exits(nil);
}
