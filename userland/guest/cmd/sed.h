/* sed(1) inside: sed.c runs what sedcomp.h makes of the script. */

typedef struct Addr Addr;
struct Addr {
    enum { Anone, Aline, Alast, Are } type;
    vlong line;
    Reprog *re; /* nil: the last one used */
};

typedef struct Cmd Cmd;
struct Cmd {
    Addr from;
    Addr to;
    int inside; /* between from and to */
    vlong until; /* its last line, when to is a number */
    int negated;
    int name;
    char *text; /* of a c i, the replacement of s, a label, a file's name */
    int target; /* where b, t and { go */
    Reprog *re;
    int nth;
    int global;
    int prints;
    Biobuf *file; /* of w */
    Rune *pairs;  /* of y: character, its replacement, ...; a 0 */
};
