/*
 * The C library of guest programs, with the names and rules of the Plan 9 manual.
 * Source: section 2 of the manual; each group names its page.
 */
#ifndef VX9_LIBC_H
#define VX9_LIBC_H

#define nelem(x) (sizeof(x) / sizeof((x)[0]))
#define USED(...) vx9_used(0, __VA_ARGS__)
#define SET(x) ((x) = 0)
static inline void
vx9_used(int x, ...)
{
    (void)x;
}

/* memory(2) */
void *memccpy(void *, void const *, int, ulong);
void *memset(void *, int, ulong);
int memcmp(void const *, void const *, ulong);
void *memcpy(void *, void const *, ulong);
void *memmove(void *, void const *, ulong);
void *memchr(void const *, int, ulong);

/* strcat(2) */
char *strcat(char *, char const *);
char *strchr(char const *, int);
int strcmp(char const *, char const *);
char *strcpy(char *, char const *);
char *strecpy(char *, char *, char const *);
char *strdup(char const *);
char *strncat(char *, char const *, long);
char *strncpy(char *, char const *, ulong);
int strncmp(char const *, char const *, long);
char *strpbrk(char const *, char const *);
char *strrchr(char const *, int);
char *strtok(char *, char *);
long strlen(char const *);
long strspn(char const *, char const *);
long strcspn(char const *, char const *);
char *strstr(char const *, char const *);
int cistrncmp(char const *, char const *, int);
int cistrcmp(char const *, char const *);
char *cistrstr(char const *, char const *);
int tokenize(char *, char **, int);

/* rune(2), runestrcat(2), isalpharune(2) */
enum {
    UTFmax = 4,
    Runesync = 0x80,
    Runeself = 0x80,
    Runeerror = 0xFFFD,
    Runemax = 0x10FFFF,
    Runemask = 0x1FFFFF,
};
int runetochar(char *, Rune const *);
int chartorune(Rune *, char const *);
int runelen(long);
int runenlen(Rune const *, int);
int fullrune(char const *, int);
int utflen(char const *);
int utfnlen(char const *, long);
char *utfrune(char const *, long);
char *utfrrune(char const *, long);
char *utfutf(char const *, char const *);
char *utfecpy(char *, char *, char const *);
Rune *runestrcat(Rune *, Rune const *);
Rune *runestrchr(Rune const *, Rune);
int runestrcmp(Rune const *, Rune const *);
Rune *runestrcpy(Rune *, Rune const *);
Rune *runestrncpy(Rune *, Rune const *, long);
Rune *runestrecpy(Rune *, Rune *, Rune const *);
Rune *runestrdup(Rune const *);
Rune *runestrncat(Rune *, Rune const *, long);
int runestrncmp(Rune const *, Rune const *, long);
Rune *runestrrchr(Rune const *, Rune);
long runestrlen(Rune const *);
Rune *runestrstr(Rune const *, Rune const *);
Rune tolowerrune(Rune);
Rune toupperrune(Rune);
Rune totitlerune(Rune);
int isalpharune(Rune);
int isdigitrune(Rune);
int islowerrune(Rune);
int isspacerune(Rune);
int istitlerune(Rune);
int isupperrune(Rune);

/* malloc(2) */
void *malloc(ulong);
void *mallocz(ulong, int);
void free(void *);
ulong msize(void *);
void *calloc(ulong, ulong);
void *realloc(void *, ulong);
void setmalloctag(void *, ulong);
void setrealloctag(void *, ulong);
ulong getmalloctag(void *);
ulong getrealloctag(void *);
void *malloctopoolblock(void *);

/* print(2), fmtinstall(2) */
typedef struct Fmt Fmt;
struct Fmt {
    uchar runes;        /* the buffer holds Runes, not chars */
    void *start;        /* of the buffer */
    void *to;           /* the next place in it */
    void *stop;         /* its end */
    int (*flush)(Fmt *); /* called when to == stop */
    void *farg;         /* for flush */
    int nfmt;           /* characters formatted so far */
    va_list args;       /* of the verbs still to come */
    int r;              /* the verb */
    int width;
    int prec;
    ulong flags;
};
enum {
    FmtWidth = 1,
    FmtLeft = FmtWidth << 1,
    FmtPrec = FmtLeft << 1,
    FmtSharp = FmtPrec << 1,
    FmtSpace = FmtSharp << 1,
    FmtSign = FmtSpace << 1,
    FmtZero = FmtSign << 1,
    FmtUnsigned = FmtZero << 1,
    FmtShort = FmtUnsigned << 1,
    FmtLong = FmtShort << 1,
    FmtVLong = FmtLong << 1,
    FmtComma = FmtVLong << 1,
    FmtByte = FmtComma << 1,
    FmtFlag = FmtByte << 1,
};
int print(char const *, ...);
char *seprint(char *, char *, char const *, ...);
char *vseprint(char *, char *, char const *, va_list);
int snprint(char *, int, char const *, ...);
int vsnprint(char *, int, char const *, va_list);
char *smprint(char const *, ...);
char *vsmprint(char const *, va_list);
int sprint(char *, char const *, ...);
int fprint(int, char const *, ...);
int vfprint(int, char const *, va_list);
int runesprint(Rune *, char const *, ...);
int runesnprint(Rune *, int, char const *, ...);
int runevsnprint(Rune *, int, char const *, va_list);
Rune *runeseprint(Rune *, Rune *, char const *, ...);
Rune *runevseprint(Rune *, Rune *, char const *, va_list);
Rune *runesmprint(char const *, ...);
Rune *runevsmprint(char const *, va_list);
int fmtfdinit(Fmt *, int, char *, int);
int fmtfdflush(Fmt *);
int fmtstrinit(Fmt *);
char *fmtstrflush(Fmt *);
int runefmtstrinit(Fmt *);
Rune *runefmtstrflush(Fmt *);
int fmtinstall(int, int (*)(Fmt *));
int dofmt(Fmt *, char const *);
int dorfmt(Fmt *, Rune const *);
int fmtprint(Fmt *, char const *, ...);
int fmtvprint(Fmt *, char const *, va_list);
int fmtrune(Fmt *, int);
int fmtstrcpy(Fmt *, char const *);
int fmtrunestrcpy(Fmt *, Rune const *);
int errfmt(Fmt *);

/* quote(2) */
char *quotestrdup(char const *);
Rune *quoterunestrdup(Rune const *);
char *unquotestrdup(char const *);
Rune *unquoterunestrdup(Rune const *);
int quotestrfmt(Fmt *);
int quoterunestrfmt(Fmt *);
void quotefmtinstall(void);
int needsrcquote(int);
extern int (*doquote)(int);

/* rand(2), truerand(2) */
int rand(void);
int nrand(int);
long lrand(void);
long lnrand(long);
vlong vlrand(void);
vlong vlnrand(vlong);
void srand(long);
double frand(void);
ulong truerand(void);
ulong ntruerand(ulong);

/* floor(2), frexp(2), nan(2), getfcr(2) */
double NaN(void);
double Inf(int);
int isNaN(double);
int isInf(double, int);
double frexp(double, int *);
double ldexp(double, int);
double modf(double, double *);
double floor(double);
double ceil(double);
double fabs(double);
double fmod(double, double);
double sqrt(double);
double pow10(int);
ulong getfcr(void);
void setfcr(ulong);
ulong getfsr(void);
void setfsr(ulong);
#define HUGE 1.79769313486231570e+308
#define PI 3.14159265358979323846
#define PIO2 1.57079632679489661923

/* ctime(2), time(2), nsec(2), sleep(2) */
typedef struct Tm Tm;
struct Tm {
    int sec;
    int min;
    int hour;
    int mday;
    int mon;
    int year;
    int wday;
    int yday;
    char zone[4];
    int tzoff;
};
Tm *gmtime(long);
Tm *localtime(long);
char *asctime(Tm *);
char *ctime(long);
long tm2sec(Tm *);
double cputime(void);
long time(long *);
long times(long *);
vlong nsec(void);

/* atof(2), abs(2), and the rest without a page of its own */
void abort(void) __attribute__((noreturn));
int abs(int);
long labs(long);
double atof(char const *);
int atoi(char const *);
long atol(char const *);
vlong atoll(char const *);
double strtod(char const *, char **);
double fmtstrtod(char const *, char **);
double charstod(int (*)(void *), void *);
long strtol(char const *, char **, int);
ulong strtoul(char const *, char **, int);
vlong strtoll(char const *, char **, int);
uvlong strtoull(char const *, char **, int);
int atexit(void (*)(void));
void atexitdont(void (*)(void));
void qsort(void *, long, long, int (*)(void const *, void const *));
char *cleanname(char *);
int getfields(char *, char **, int, int, char *);
int gettokens(char *, char **, int, char *);
char *getwd(char *, int);
char *getuser(void);
char *sysname(void);
char *getenv(char const *);
int putenv(char const *, char const *);
int setjmp(jmp_buf) __attribute__((returns_twice));
void longjmp(jmp_buf, int) __attribute__((noreturn));
void notejmp(void *, jmp_buf, int) __attribute__((noreturn));
void perror(char const *);
void sysfatal(char const *, ...) __attribute__((noreturn));
void syslog(int, char const *, char const *, ...);
int enc16(char *, int, uchar const *, int);
int dec16(uchar *, int, char const *, int);
int enc32(char *, int, uchar const *, int);
int dec32(uchar *, int, char const *, int);
int enc64(char *, int, uchar const *, int);
int dec64(uchar *, int, char const *, int);
ulong getcallerpc(void *);
void _assert(char const *) __attribute__((noreturn));
#define assert(x)                                                                           \
    do {                                                                                    \
        if (!(x))                                                                           \
            _assert(#x);                                                      \
    } while (0)

/* lock(2), atomics */
typedef struct Lock Lock;
struct Lock {
    long key; /* how many hold it or wait */
    long sem; /* where they wait */
};
typedef struct QLp QLp;
struct QLp {
    int inuse;
    QLp *next;
    char state;
};
typedef struct QLock QLock;
struct QLock {
    Lock lock;
    int locked;
    QLp *head;
    QLp *tail;
};
typedef struct RWLock RWLock;
struct RWLock {
    Lock lock;
    int readers;
    int writer;
    QLp *head;
    QLp *tail;
};
typedef struct Rendez Rendez;
struct Rendez {
    QLock *l;
    QLp *head;
    QLp *tail;
};
int _tas(int *);
long ainc(long *);
long adec(long *);
int cas(int *, int, int);
void lock(Lock *);
void unlock(Lock *);
int canlock(Lock *);
void qlock(QLock *);
void qunlock(QLock *);
int canqlock(QLock *);
void rlock(RWLock *);
void runlock(RWLock *);
int canrlock(RWLock *);
void wlock(RWLock *);
void wunlock(RWLock *);
int canwlock(RWLock *);
void rsleep(Rendez *);
int rwakeup(Rendez *);
int rwakeupall(Rendez *);
void **privalloc(void);
void privfree(void **);

/* the system calls: open(2), stat(2), bind(2), fork(2), notify(2) ... */
enum {
    STATMAX = 65535,
    DIRMAX = 512 + STATMAX,
    ERRMAX = 128,
    STATFIXLEN = 49,
    IOUNIT = 32768,
};
enum { MORDER = 3, MREPL = 0, MBEFORE = 1, MAFTER = 2, MCREATE = 4, MCACHE = 16, MMASK = 23 };
enum {
    OREAD = 0,
    OWRITE = 1,
    ORDWR = 2,
    OEXEC = 3,
    OTRUNC = 16,
    OCEXEC = 32,
    ORCLOSE = 64,
    OEXCL = 0x1000,
};
enum { AEXIST = 0, AEXEC = 1, AWRITE = 2, AREAD = 4 };
enum { SG_RONLY = 040, SG_CEXEC = 0100 };
enum { NCONT = 0, NDFLT = 1, NSAVE = 2, NRSTR = 3 };
enum {
    RFNAMEG = 1 << 0,
    RFENVG = 1 << 1,
    RFFDG = 1 << 2,
    RFNOTEG = 1 << 3,
    RFPROC = 1 << 4,
    RFMEM = 1 << 5,
    RFNOWAIT = 1 << 6,
    RFCNAMEG = 1 << 10,
    RFCENVG = 1 << 11,
    RFCFDG = 1 << 12,
    RFREND = 1 << 13,
    RFNOMNT = 1 << 14,
};
#define QTDIR 0x80
#define QTAPPEND 0x40
#define QTEXCL 0x20
#define QTMOUNT 0x10
#define QTAUTH 0x08
#define QTTMP 0x04
#define QTFILE 0x00
#define DMDIR 0x80000000
#define DMAPPEND 0x40000000
#define DMEXCL 0x20000000
#define DMMOUNT 0x10000000
#define DMAUTH 0x08000000
#define DMTMP 0x04000000
#define DMREAD 0x4
#define DMWRITE 0x2
#define DMEXEC 0x1

typedef struct Qid Qid;
struct Qid {
    uvlong path;
    ulong vers;
    uchar type;
};
typedef struct Dir Dir;
struct Dir {
    ushort type; /* the device's letter */
    uint dev;    /* and which of them */
    Qid qid;
    ulong mode;
    ulong atime;
    ulong mtime;
    vlong length;
    char *name;
    char *uid;
    char *gid;
    char *muid;
};
typedef struct Waitmsg Waitmsg;
struct Waitmsg {
    int pid;
    ulong time[3]; /* ms: user, system, real */
    char *msg;
};
typedef struct IOchunk IOchunk;
struct IOchunk {
    void *addr;
    ulong len;
};

#include "sys.h" /* made from the table of system calls */

int access(char const *, int);
int execl(char const *, ...);
void exits(char const *) __attribute__((noreturn));
int fork(void);
int iounit(int);
int atnotify(int (*)(void *, char *), int);
int postnote(int, int, char const *);
enum { PNPROC = 1, PNGROUP = 2 };
int getpid(void);
int getppid(void);
long read(int, void *, long);
long readn(int, void *, long);
long write(int, void const *, long);
long readv(int, IOchunk *, int);
long writev(int, IOchunk *, int);
long preadv(int, IOchunk *, int, vlong);
long pwritev(int, IOchunk *, int, vlong);
vlong seek(int, vlong, int);
int brk(void *);
void *sbrk(ulong);
Waitmsg *wait(void);
int waitpid(void);
void rerrstr(char *, uint);
void werrstr(char const *, ...);
Dir *dirstat(char const *);
Dir *dirfstat(int);
int dirwstat(char const *, Dir *);
int dirfwstat(int, Dir *);
long dirread(int, Dir **);
long dirreadall(int, Dir **);
void nulldir(Dir *);
uint sizeD2M(Dir *);
uint convD2M(Dir *, uchar *, uint);
uint convM2D(uchar *, uint, Dir *, char *);
int statcheck(uchar *, uint);
int dirmodefmt(Fmt *);

/* dial(2) */
enum { NETPATHLEN = 40 };
typedef struct NetConnInfo NetConnInfo;
struct NetConnInfo {
    char *dir;   /* the conversation's folder */
    char *root;  /* where its network is: /net */
    char *spec;  /* the device: #I0 */
    char *lsys;  /* the local end */
    char *lserv;
    char *rsys;  /* the remote one */
    char *rserv;
    char *laddr; /* both as ADDRESS!PORT */
    char *raddr;
};
int accept(int, char const *);
int announce(char const *, char *);
int dial(char const *, char const *, char *, int *);
int hangup(int);
int listen(char const *, char *);
char *netmkaddr(char const *, char const *, char const *);
int reject(int, char const *, char const *);
NetConnInfo *getnetconninfo(char const *, int);
void freenetconninfo(NetConnInfo *);

/* arg(2) */
extern char *argv0;
#define ARGBEGIN                                                                            \
    for ((argv0 != nil ? 0 : (argv0 = *argv, 0)), argv++, argc--;                           \
         argv[0] != nil && argv[0][0] == '-' && argv[0][1] != 0; argc--, argv++) {          \
        char *_args = &argv[0][1], *_argt;                                                  \
        Rune _argc;                                                                         \
        if (_args[0] == '-' && _args[1] == 0) {                                             \
            argc--, argv++;                                                                 \
            break;                                                                          \
        }                                                                                   \
        while (*_args != 0 && (_args += chartorune(&_argc, _args)))                         \
            switch (_argc)
#define ARGEND                                                                              \
    _argt = nil;                                                                            \
    (void)_argt;                                                                            \
    }
#define ARGF()                                                                              \
    (_argt = _args, _args = "",                                                             \
     (*_argt != 0 ? _argt : argv[1] != nil ? (argc--, *++argv) : nil))
#define EARGF(x)                                                                            \
    (_argt = _args, _args = "",                                                             \
     (*_argt != 0 ? _argt : argv[1] != nil ? (argc--, *++argv) : ((x), abort(), (char *)nil)))
#define ARGC() _argc

#endif
