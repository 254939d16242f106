/*
 * rc: what its parts share.  Source: rc(1); Duff, "Rc - The Plan 9 Shell".
 *
 * Text comes from a Source, lex.c makes tokens of it, parse.c makes a Tree of Nodes, run.c walks
 * the tree.  What a command needs while it runs lives in the arena `temp` and goes when it ends;
 * what else must be given back is on the undo stack (mem.c), so that an error can leave from
 * anywhere.
 */
#include <u.h>
#include <libc.h>

typedef struct Arena Arena;
typedef struct Chunk Chunk;
typedef struct Str Str;
typedef struct Word Word;
typedef struct Source Source;
typedef struct Node Node;
typedef struct Tree Tree;
typedef struct Var Var;
typedef struct Fn Fn;

enum {
    Mark = 1, /* in a pattern this char precedes each of * ? [ that was not quoted, and itself */
};

/* mem.c: memory, strings, and what is undone on the way out */
struct Arena {
    Chunk *chunk;
};
struct Str {
    char *p; /* always ends in a zero */
    ulong n;
    ulong room;
};
extern Arena temp;
void *emalloc(ulong);
void *erealloc(void *, ulong);
char *estrdup(char const *);
void *take(Arena *, ulong);
void freestr(void *);
void takeback(Arena *, Chunk *, ulong);
void putch(Str *, int);
void putstr(Str *, char const *);
void putbytes(Str *, char const *, ulong);
void emptied(Str *);
ulong undomark(void);
void undo(void (*)(void *), void *);
void undoto(ulong);
void tempundo(void);
void deep(void);
char *intern(char const *);

/* word.c: lists of strings */
struct Word {
    Word *next;
    int glob; /* text is a pattern, with Marks */
    char text[];
};
Word *word(char const *, int);
Word *wordbytes(char const *, ulong, int);
Word *copywords(Word *);
void freewords(Word *);
long count(Word *);
char *joined(Word *, int);
Word *pairwise(Word *, Word *);
Word *plain(Word *);
char *marked(char const *);
char *unmarked(char const *);
void putquoted(Str *, char const *);
void putpattern(Str *, char const *);
int iskeyword(char const *);
int idchr(int);

/* lex.c: where text comes from, and tokens */
struct Source {
    int fd; /* -1: all text is there already */
    char *buf;
    long n;
    long pos;
    char *file; /* for messages; nil: none */
    int line;
    int interactive;
    int quiet;  /* of rcmain: -v -x -e -s do not look at it */
    int fresh;  /* a new command begins: the first prompt */
    int atline; /* the next char begins a line */
    int afterif; /* the last command was an if */
    int eof;
};
enum {
    Teof, Tnewline, Tword, Tsemi, Tamp, Tandand, Toror, Tpipe, Tredir, Tdup, Tcaret, Tdollar,
    Tcount, Tjoin, Tbackq, Topen, Tclose, Tlbrace, Trbrace, Tequal,
};
enum { Knone, Kfor, Kin, Kwhile, Kif, Knot, Kswitch, Kfn, Kmatch, Kbang, Ksub };
enum { Rread, Rwrite, Rappend, Rboth, Rhere, Rdup, Rclose };
typedef struct Token Token;
struct Token {
    int kind;
    int keyword;
    int space;  /* blanks came before it */
    int glob;   /* a word with Marks */
    int quoted;
    int how;    /* of a redirection */
    int fd0;
    int fd1;
    int line;
    char *text; /* a word's; good until the next token */
};
typedef struct Lexer Lexer;
struct Lexer {
    Source *src;
    Token tok;
    Str text;
    int name;   /* the next word is a variable's name */
    Node *here; /* documents that begin at the next newline */
    Node **heretail;
};
Source *filesource(int, char const *, int);
Source *textsource(char const *, char const *, int);
void freesource(void *);
void next(Lexer *);
void skipnewlines(Lexer *);
char *tokenname(Token *);
void badsyntax(Lexer *, char const *, ...);

/* parse.c, tree.c: commands as trees */
enum {
    /* words */
    Nword, Nlist, Ndollar, Ncount, Njoin, Nconcat, Nbackq, Nfd,
    /* what stands before or behind a command */
    Nassign, Nredir,
    /* commands; kids hang on a, one after the other by next */
    Nseq, Nsimple, Nprefix, Nbrace, Nif, Nifnot, Nfor, Nwhile, Nswitch, Nmatch, Nandor, Npipe,
    Nnot, Nsub, Nfn,
};
struct Node {
    uchar type;
    uchar glob;   /* Nword: text has Marks.  Nfor: there is a list */
    uchar async;  /* ended by & */
    uchar op;     /* in Nandor: Tandand or Toror before it.  Nredir, Nfd: how */
    uchar quiet;  /* of rcmain */
    uchar quoted; /* here document: taken as it is */
    int fd0;      /* Nredir; in Npipe: of the pipe behind this command, writer */
    int fd1;      /* and reader */
    int line;
    char *file;   /* interned, or nil */
    char *text;   /* Nword; a here document's tag */
    char *body;   /* of a here document */
    Node *a;
    Node *b;
    Node *c;
    Node *next;
};
struct Tree {
    Arena arena;
    long refs;
    Node *root;
};
Tree *parse(Source *, int *);
Tree *newtree(void);
Node *newnode(Tree *, int, Lexer *);
Tree *clonetree(Node *);
void freetree(void *);
void show(Str *, Node *);
char *treestr(Tree *, char const *);

/* var.c: variables and functions; env.c: both in /env */
struct Var {
    Var *link;
    Word *val;
    int changed; /* since it was written to /env */
    int inner;   /* never written there */
    char name[];
};
struct Fn {
    Fn *link;
    Tree *tree;   /* root is the body; nil: not defined, or not yet read from text */
    char *source; /* from the environment: read when it is wanted */
    int changed;
    char name[];
};
Var *var(char const *);
Word *value(char const *);
void setvar(char const *, Word *);
void setstr(char const *, char const *);
void local(char const *, Word *);
void innervar(char const *);
Fn *fn(char const *);
void setfn(char const *, Node *);
void fnfrom(char const *, char *);
Var *eachvar(Var *);
Fn *eachfn(Fn *);
void readvars(void);
void readfns(void);
void updenv(void);
char *readall(int, ulong *);

/* eval.c, glob.c: words to lists */
Word *eval(Node *);
Word *evalall(Node *);
Word *evalpatterns(Node *);
char *evalone(Node *, char const *);
int match(char const *, char const *);
Word *expand(Word *);

/* redir.c: what stands for which descriptor while a command runs */
int mapfd(int);
void redirect(int, int, int);
void openredirs(Node *);
void holdfd(int);
void applyredirs(void);
void forgetheld(void);

/* proc.c: processes */
extern int mypid;
extern int insubshell;
int forkchild(int, int);
void waitfor(int, char **);
int waitall(int);
void execwords(Word *);
void leave(char const *);

/* run.c, read.c, builtin.c, note.c, main.c */
extern uchar flags[128];
int hereline(char **);
int opensource(char *);
extern int ifnot;
void run(Node *, int);
void runsource(Source *);
void at(Node *);
void callfn(Fn *, Word *);
char const *status(void);
void setstatus(char const *);
int truestatus(void);
void complain(char const *, ...);
void fail(char const *, ...) __attribute__((noreturn));
void stop(void) __attribute__((noreturn));
int (*builtin(char const *))(Word *);
int isbuiltin(char const *);
void writeall(int, char const *, ulong);
void catchnotes(void);
void traps(void);
extern int volatile pending;
