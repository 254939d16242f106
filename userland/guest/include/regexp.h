/*
 * Regular expressions.
 * Source: regexp(2), regexp(6).
 */
#ifndef VX9_REGEXP_H
#define VX9_REGEXP_H

typedef struct Reprog Reprog;
typedef struct Resub Resub;
struct Resub {
    union {
        char *sp;
        Rune *rsp;
    };
    union {
        char *ep;
        Rune *rep;
    };
};

Reprog *regcomp(char const *);
Reprog *regcomplit(char const *);
Reprog *regcompnl(char const *);
void regfree(Reprog *); /* free(2) alone leaks what the program keeps for its runs */
void regerror(char *);
int regexec(Reprog *, char const *, Resub *, int);
void regsub(char const *, char *, int, Resub *, int);
int rregexec(Reprog *, Rune const *, Resub *, int);
void rregsub(Rune const *, Rune *, int, Resub *, int);

/* Ours: where, in the text between two places, the first line that matches is known to. */
char const *regscan(Reprog *, char const *, char const *);
void regfold(Reprog *); /* regscan takes the letters of the text as small ones */

#endif
