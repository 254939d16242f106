/*
 * Buffered input and output.
 * Source: bio(2).
 */
#ifndef VX9_BIO_H
#define VX9_BIO_H

enum {
    Bsize = 8 * 1024,
    Bungetsize = UTFmax, /* for ungetc */
    Beof = -1,
    Bbad = -2,
};

typedef struct Biobufhdr Biobufhdr;
struct Biobufhdr {
    int fid;
    int mode;         /* OREAD, OWRITE, or -1 after Bterm or an error */
    uchar *base;      /* the buffer, after the room for what is pushed back */
    uchar *next;      /* the next byte to read or to write */
    uchar *end;       /* reading: of what was read; writing: of the buffer */
    uchar *first;     /* reading: where what was read, or is kept, begins */
    int size;
    int eof;          /* the last read gave nothing, and nobody was told yet */
    int linelen;      /* of the last Brdline, or what is there of a line that does not fit */
    int runesize;     /* bytes of the last Bgetrune */
    vlong offset;     /* in the file: reading, of end; writing, of base */
    int allocated;    /* by Bopen */
    Biobufhdr *later; /* those to be flushed at the end */
    void (*errorf)(char *);
};
typedef struct Biobuf Biobuf;
struct Biobuf {
    Biobufhdr;
    uchar b[Bungetsize + Bsize];
};

#define BGETC(bp) ((bp)->next < (bp)->end && (bp)->mode == OREAD ? *(bp)->next++ : Bgetc((bp)))
#define BPUTC(bp, c)                                                                        \
    ((bp)->mode == OWRITE && (bp)->next < (bp)->end ? (*(bp)->next++ = (c)) : Bputc((bp), (c)))
#define BOFFSET(bp) Boffset(bp)
#define BLINELEN(bp) (bp)->linelen
#define BFILDES(bp) (bp)->fid

int Bbuffered(Biobufhdr *);
Biobuf *Bfdopen(int, int);
int Bfildes(Biobufhdr *);
int Bflush(Biobufhdr *);
int Bgetc(Biobufhdr *);
int Bgetd(Biobufhdr *, double *);
long Bgetrune(Biobufhdr *);
int Binit(Biobuf *, int, int);
int Binits(Biobufhdr *, int, int, uchar *, int);
void Blethal(Biobufhdr *, void (*)(char *));
int Blinelen(Biobufhdr *);
vlong Boffset(Biobufhdr *);
Biobuf *Bopen(char const *, int);
int Bprint(Biobufhdr *, char const *, ...);
int Bputc(Biobufhdr *, int);
int Bputrune(Biobufhdr *, long);
void *Brdline(Biobufhdr *, int);
char *Brdstr(Biobufhdr *, int, int);
long Bread(Biobufhdr *, void *, long);
vlong Bseek(Biobufhdr *, vlong, int);
int Bterm(Biobufhdr *);
int Bungetc(Biobufhdr *);
int Bungetrune(Biobufhdr *);
int Bvprint(Biobufhdr *, char const *, va_list);
long Bwrite(Biobufhdr *, void const *, long);

#endif
