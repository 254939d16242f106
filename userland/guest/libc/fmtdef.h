/* What the files of the formatter share. */
int _charfmt(Fmt *);
int _floatfmt(Fmt *);
int _intfmt(Fmt *);
int _runefmt(Fmt *);
int _runestrfmt(Fmt *);
int _strfmt(Fmt *);

int _fmtbyte(Fmt *, int);
int _fmtbytes(Fmt *, char const *, long);
int _fmtpad(Fmt *, int);
int _fmtnumber(Fmt *, char const *, char const *, int);

enum { DECMAX = 800 }; /* digits that any double needs, exactly */
int _decimal(uvlong, int, char *, int *);
int _decround(char *, int *, int, int);
