/* The little that foreign programs here share. */
#include "f.h"

int read(int fd, void *buf, int n) { return pread(fd, buf, n, -1LL); }
int write(int fd, void *buf, int n) { return pwrite(fd, buf, n, -1LL); }

vlong
seek(int fd, vlong offset, int whence)
{
	vlong r;

	return sysseek(&r, fd, offset, whence) < 0 ? -1 : r;
}

int
strlen(char *s)
{
	char *p = s;

	while(*p)
		p++;
	return p - s;
}

int
strncmp(char *a, char *b, int n)
{
	for(; n > 0; n--, a++, b++){
		if(*a != *b)
			return (uchar)*a - (uchar)*b;
		if(*a == 0)
			break;
	}
	return 0;
}

int strcmp(char *a, char *b) { return strncmp(a, b, 0x7fffffff); }

char *
strchr(char *s, int c)
{
	for(; *s != (char)c; s++)
		if(*s == 0)
			return nil;
	return s;
}

char *
strcpy(char *to, char *from)
{
	char *p = to;

	while((*p++ = *from++) != 0)
		;
	return to;
}

void *
memset(void *a, int c, uint n)
{
	uchar *p = a;

	while(n-- > 0)
		*p++ = c;
	return a;
}

void *
memcpy(void *a, const void *b, uint n)
{
	uchar *p = a;
	const uchar *q = b;

	while(n-- > 0)
		*p++ = *q++;
	return a;
}

int
memcmp(void *a, void *b, uint n)
{
	uchar *p = a, *q = b;

	for(; n > 0; n--, p++, q++)
		if(*p != *q)
			return *p - *q;
	return 0;
}

int
atoi(char *s)
{
	int n = 0;

	while(*s == ' ')
		s++;
	for(; *s >= '0' && *s <= '9'; s++)
		n = n*10 + *s - '0';
	return n;
}

static char *
number(char *p, uint n, int base)
{
	char buf[12];
	int i = 0;

	do
		buf[i++] = "0123456789abcdef"[n % base];
	while((n /= base) != 0);
	while(i > 0)
		*p++ = buf[--i];
	return p;
}

static char *
format(char *p, char *f, uint *arg)
{
	char *s;
	int n;

	for(; *f; f++){
		if(*f != '%'){
			*p++ = *f;
			continue;
		}
		switch(*++f){
		case 'd':
			n = *arg++;
			if(n < 0)
				*p++ = '-';
			p = number(p, n < 0 ? -(uint)n : n, 10);
			break;
		case 'u':
			f++;
			p = number(p, *arg++, 10);
			break;
		case 'x':
			p = number(p, *arg++, 16);
			break;
		case 'c':
			*p++ = *arg++;
			break;
		case 's':
			for(s = (char *)*arg++; *s; s++)
				*p++ = *s;
			break;
		}
	}
	*p = 0;
	return p;
}

int
sprint(char *buf, char *f, ...)
{
	return format(buf, f, (uint *)__builtin_next_arg(f)) - buf;
}

int
fprint(int fd, char *f, ...)
{
	char buf[8192];

	return write(fd, buf, format(buf, f, (uint *)__builtin_next_arg(f)) - buf);
}

int
print(char *f, ...)
{
	char buf[8192];

	return write(1, buf, format(buf, f, (uint *)__builtin_next_arg(f)) - buf);
}

char *
err(void)
{
	static char buf[128];

	buf[0] = 0;
	errstr(buf, sizeof buf);
	return buf;
}

int
getpid(void)
{
	char b[32];
	int f, n;

	f = open("#c/pid", OREAD);
	n = read(f, b, sizeof b - 1);
	close(f);
	b[n < 0 ? 0 : n] = 0;
	return atoi(b);
}

int fork(void) { return rfork(RFPROC | RFFDG | RFREND); }

int
waitfor(char *text, int n)
{
	int k = await(text, n);

	if(k < 0)
		return -1;
	text[k < n ? k : n - 1] = 0;
	return atoi(text);
}

int
readfile(char *name, char *buf, int n)
{
	int f, k, at = 0;

	if((f = open(name, OREAD)) < 0)
		return -1;
	while(at < n - 1 && (k = read(f, buf + at, n - 1 - at)) > 0)
		at += k;
	close(f);
	buf[at] = 0;
	return at;
}

int
writefile(char *name, char *text, int n)
{
	int f, k;

	if((f = open(name, OWRITE)) < 0)
		return -1;
	k = write(f, text, n);
	close(f);
	return k;
}

char *
getenv(char *name)
{
	static char buf[4096];
	char file[128];

	sprint(file, "/env/%s", name);
	return readfile(file, buf, sizeof buf) < 0 ? nil : buf;
}
