/*
 * A shell of the tests' own that stands where rc does: rc -l, -i, -c line; words and quotes,
 * $name, name=value, > < | ; cd . exit, patterns none.  Its environment is /env, its path a
 * list with a NUL behind each element, and it takes an interrupt as rc does.
 */
#include "f.h"

enum { WORDS = 64, TEXT = 8192 };

static int interactive, interrupted;
static char status[256];
static void source(char *, int);

static void
onnote(Ureg *u, char *note)
{
	if(strcmp(note, "interrupt") == 0){
		interrupted = 1;
		noted(NCONT);
	}
	noted(NDFLT);
}

/* exec along $path; the error is the last one that says more than that nothing is there */
static void
run(char **argv)
{
	char path[1024], file[1024], why[128];
	int n, at;

	if(strchr(argv[0], '/') != nil){
		exec(argv[0], argv);
		fprint(2, "%s: %s\n", argv[0], err());
		exits("exec");
	}
	n = readfile("/env/path", path, sizeof path);
	strcpy(why, "file does not exist");
	for(at = 0; at < n; at += strlen(path + at) + 1){
		if(strcmp(path + at, ".") == 0)
			sprint(file, "%s", argv[0]);
		else
			sprint(file, "%s/%s", path + at, argv[0]);
		exec(file, argv);
		strcpy(why, err());
	}
	fprint(2, "%s: %s\n", argv[0], why);
	exits("exec");
}

static void
setstatus(char *s)
{
	strcpy(status, s);
}

/* the words of one command between from and its end: > and < are done, then the rest */
static int
words(char *p, char **argv, char *store, char **in, char **out)
{
	int n = 0;
	char name[64], *v, *word;
	int i;

	*in = *out = nil;
	while(*p){
		if(*p == ' ' || *p == '\t'){
			p++;
			continue;
		}
		char **to = &argv[n];
		if(*p == '>' || *p == '<'){
			to = *p == '>' ? out : in;
			for(p++; *p == ' '; p++)
				;
		}else
			n++;
		word = store;
		while(*p && *p != ' ' && *p != '\t' && *p != '>' && *p != '<'){
			if(*p == '\''){
				for(p++; *p && (*p != '\'' || p[1] == '\''); p++){
					if(*p == '\'')
						p++;
					*store++ = *p;
				}
				if(*p)
					p++;
			}else if(*p == '$'){
				for(p++, i = 0; *p && strchr(" '/;|=.<>$", *p) == nil; )
					name[i++] = *p++;
				name[i] = 0;
				if(strcmp(name, "status") == 0)
					v = status;
				else if((v = getenv(name)) == nil)
					v = "";
				while(*v)
					*store++ = *v++;
			}else
				*store++ = *p++;
		}
		*store++ = 0;
		*to = word;
	}
	argv[n] = nil;
	return n;
}

static void
redirect(char *in, char *out)
{
	int f;

	if(in != nil){
		if((f = open(in, OREAD)) < 0){
			fprint(2, "%s: %s\n", in, err());
			exits("open");
		}
		dup(f, 0);
		close(f);
	}
	if(out != nil){
		if((f = create(out, OWRITE, 0666)) < 0){
			fprint(2, "%s: %s\n", out, err());
			exits("create");
		}
		dup(f, 1);
		close(f);
	}
}

/* cd, ., exit, name=value: whether it was one of them */
static int
builtin(char **argv, int n)
{
	char *eq, file[256];
	int f;

	if(strcmp(argv[0], "exit") == 0)
		exits(n > 1 ? argv[1] : status);
	if(strcmp(argv[0], "cd") == 0){
		char *dir = n > 1 ? argv[1] : getenv("home");
		if(dir == nil || chdir(dir) < 0){
			fprint(2, "Can't cd %s: %s\n", dir == nil ? "" : dir, err());
			setstatus("can't cd");
		}else
			setstatus("");
		return 1;
	}
	if(strcmp(argv[0], ".") == 0 && n > 1){
		source(argv[1], 0);
		return 1;
	}
	if(n == 1 && (eq = strchr(argv[0], '=')) != nil && eq != argv[0]){
		*eq = 0;
		sprint(file, "/env/%s", argv[0]);
		f = create(file, OWRITE, 0666);
		write(f, eq + 1, strlen(eq + 1));
		close(f);
		return 1;
	}
	return 0;
}

static void
wait(int pid)
{
	char text[256], *p;
	int got, i;

	for(;;){
		got = waitfor(text, sizeof text);
		if(got < 0){
			if(interrupted){
				interrupted = 0;
				setstatus("interrupt");
				continue;
			}
			return;
		}
		if(got == pid)
			break;
	}
	for(p = text, i = 0; i < 4; p++)
		i += *p == ' ';
	if(*p == '\''){
		p++;
		p[strlen(p) - 1] = 0;
	}
	setstatus(p);
}

static void
pipeline(char *p)
{
	char *argv[WORDS], store[TEXT], *in, *out, *bar, *next;
	int n, pid = 0, pfd[2], last = -1, quoted;

	for(next = p; next != nil; p = next){
		bar = nil;
		for(quoted = 0, next = p; *next; next++){
			quoted ^= *next == '\'';
			if(*next == '|' && !quoted){
				bar = next;
				break;
			}
		}
		next = bar == nil ? nil : bar + 1;
		if(bar != nil)
			*bar = 0;
		if((n = words(p, argv, store, &in, &out)) == 0)
			return;
		if(bar == nil && last < 0 && builtin(argv, n))
			return;
		if(bar != nil)
			pipe(pfd);
		if((pid = fork()) == 0){
			notify(nil);
			if(last >= 0)
				dup(last, 0);
			if(bar != nil)
				dup(pfd[1], 1);
			for(n = 3; n < 20; n++)
				close(n);
			redirect(in, out);
			run(argv);
		}
		if(pid < 0){
			fprint(2, "fork: %s\n", err());
			setstatus("fork");
			return;
		}
		if(last >= 0)
			close(last);
		if(bar != nil){
			close(pfd[1]);
			last = pfd[0];
		}
	}
	wait(pid);
}

static void
line(char *p)
{
	char *start = p;
	int quoted = 0;

	for(;; p++){
		quoted ^= *p == '\'';
		if(*p == 0 || ((*p == ';' || *p == '\n') && !quoted)){
			int end = *p == 0;
			*p = 0;
			while(*start == ' ' || *start == '\t')
				start++;
			if(*start && *start != '#')
				pipeline(start);
			if(end)
				return;
			start = p + 1;
		}
	}
}

static void
source(char *name, int shell)
{
	char text[TEXT], *p, *prompt;
	int f, n, at;

	if((f = open(name, OREAD)) < 0){
		if(shell)
			fprint(2, "rc: can't open %s: %s\n", name, err());
		return;
	}
	for(at = 0;;){
		if(shell && interactive){
			prompt = getenv("prompt");
			fprint(2, "%s", prompt == nil ? "% " : prompt);
		}
		while((p = strchr((text[at] = 0, text), '\n')) == nil && at < TEXT - 1){
			if((n = read(f, text + at, shell ? 1 : TEXT - 1 - at)) <= 0){
				if(n < 0 && interrupted){
					interrupted = 0;
					at = 0;
					fprint(2, "\n");
					break;
				}
				close(f);
				line(text);
				return;
			}
			at += n;
		}
		if(p == nil)
			continue;
		*p++ = 0;
		char rest[TEXT];
		strcpy(rest, p);
		line(text);
		strcpy(text, rest);
		at = strlen(text);
	}
}

void
main(int argc, char **argv)
{
	int i, login = 0;
	char *command = nil, profile[256], *home, *p;

	for(i = 1; i < argc && argv[i][0] == '-'; i++)
		for(p = argv[i] + 1; *p; p++)
			if(*p == 'l')
				login = 1;
			else if(*p == 'i')
				interactive = 1;
			else if(*p == 'c' && i + 1 < argc){
				command = argv[++i];
				break;
			}
	notify(onnote);
	if(login && (home = getenv("home")) != nil){
		sprint(profile, "%s/lib/profile", home);
		source(profile, 0);
	}
	if(command != nil)
		line(command);
	else if(i < argc)
		source(argv[i], 1);
	else
		source("/fd/0", 1);
	exits(status);
}
