/*
 * What a foreign program knows of the system, written from the manual alone: nothing here
 * comes from our C library or from the kernel's own tables.
 */
typedef unsigned char uchar;
typedef unsigned short ushort;
typedef unsigned int uint;
typedef long long vlong;
typedef unsigned long long uvlong;
#define nil ((void *)0)
#define nelem(a) (sizeof(a) / sizeof(a)[0])

enum {
	OREAD = 0, OWRITE = 1, ORDWR = 2, OEXEC = 3, OTRUNC = 16, OCEXEC = 32, ORCLOSE = 64,
	RFNAMEG = 1, RFENVG = 2, RFFDG = 4, RFNOTEG = 8, RFPROC = 16, RFMEM = 32, RFNOWAIT = 64,
	RFCNAMEG = 1024, RFREND = 8192,
	NCONT = 0, NDFLT = 1, NSAVE = 2, NRSTR = 3,
	SG_CEXEC = 0100,
};

typedef struct Tos Tos;
struct Tos {
	struct { void *pp, *next, *last, *first; uint pid, what; } prof;
	uvlong cyclefreq;
	vlong kcycles, pcycles;
	uint pid, clock;
};

typedef struct Ureg Ureg;
struct Ureg {
	uint di, si, bp, nsp, bx, dx, cx, ax, gs, fs, es, ds, trap, ecode, pc, cs, flags, usp, ss;
};

/* start.S */
extern Tos *tos;
extern uint entrysp, entryflags;
extern ushort entryfcw;
int cas(int *p, int old, int new);
int tas(int *p);
int setjmp(uint *buf);
void longjmp(uint *buf, int v);

/* the system */
int bind(char *, char *, int);
int chdir(char *);
int fauth(int, char *);
int close(int);
int dup(int, int);
int alarm(uint);
int exec(char *, char **);
void exits(char *) __attribute__((noreturn));
int segbrk(void *, void *);
int open(char *, int);
int sleep(int);
int rfork(int);
int pipe(int *);
int create(char *, int, uint);
int fd2path(int, char *, int);
int brk_(void *);
int remove(char *);
int notify(void (*)(Ureg *, char *));
int noted(int);
void *segattach(int, char *, void *, uint);
int segdetach(void *);
int segfree(void *, uint);
uint rendezvous(void *, uint);
int unmount(char *, char *);
int semacquire(int *, int);
int semrelease(int *, int);
int sysseek(vlong *, int, vlong, int);
int errstr(char *, uint);
int stat(char *, uchar *, int);
int fstat(int, uchar *, int);
int mount(int, int, char *, int, char *);
int await(char *, int);
int pread(int, void *, int, vlong);
int pwrite(int, void *, int, vlong);
int tsemacquire(int *, int);
int sysnsec(vlong *);
int nosuchcall(void);

/* f.c */
int read(int, void *, int);
int write(int, void *, int);
vlong seek(int, vlong, int);
int strlen(char *);
int strcmp(char *, char *);
int strncmp(char *, char *, int);
char *strchr(char *, int);
char *strcpy(char *, char *);
void *memset(void *, int, uint);
void *memcpy(void *, const void *, uint);
int memcmp(void *, void *, uint);
int atoi(char *);
int print(char *, ...);      /* %d %ud %x %s %c on 1 */
int fprint(int, char *, ...);
int sprint(char *, char *, ...);
char *err(void);             /* the error string, taken */
int getpid(void);
int fork(void);
int waitfor(char *, int);    /* one child's record: pid, and its text */
int readfile(char *, char *, int);
int writefile(char *, char *, int);
char *getenv(char *);
void main(int, char **);
