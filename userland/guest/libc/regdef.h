/* regexp(2) inside: what regcomp.c makes, regexec.c and regdfa.c run. */

enum {
    Char,  /* consume the character r */
    Any,   /* any but newline */
    Anynl, /* any */
    Class, /* one of a set */
    Bol,
    Eol,
    Save,  /* remember the place as number r: 2n begins subexpression n, 2n+1 ends it */
    Split, /* go on at next and, less eagerly, at other */
    Nop,
    Match,
};

typedef struct Range Range;
struct Range {
    Rune lo;
    Rune hi;
};

typedef struct Inst Inst;
struct Inst {
    int type;
    Rune r;
    int next;
    int other;
    int set; /* of a Class: the number of its first range */
    int nset;
};

typedef struct Machine Machine; /* what a run needs; runs at the same time have one each */
typedef struct Dfa Dfa;
struct Reprog {
    Inst *insts;
    int ninst;
    int instroom;
    Range *ranges;
    int nrange;
    int rangeroom;
    int start;
    int nsub; /* subexpressions, with the whole */
    Rune *bounds; /* ascending: where the classes of characters that differ begin */
    int nbound;
    int fold;
    Machine *machine;
    Dfa *dfa;
};

int _regaccepts(Reprog *, Inst *, Rune);
int _regpossible(Reprog *, char const *, char const *, char const *);
void _regdfafree(Dfa *);
void _regmachinefree(Machine *);
