/*
 * tool VERB ...: what sessions need besides: ls, rm, mkdir, bind, pwd, args, env, spin, status.
 */
#include "f.h"

static int
check(int r, char *name)
{
	if(r < 0){
		fprint(2, "tool: %s: %s\n", name, err());
		exits("error");
	}
	return r;
}

static void
ls(char *dir)
{
	static uchar buf[16384];
	int fd = check(open(dir, OREAD), dir), n, at, size;
	char name[256];

	while((n = read(fd, buf, sizeof buf)) > 0)
		for(at = 0; at < n; at += size){
			uchar *p = buf + at;

			size = 2 + p[0] + p[1]*256;
			int len = p[41] + p[42]*256;
			memcpy(name, p + 43, len);
			name[len] = 0;
			print("%s\n", name);
		}
	check(n, dir);
}

void
main(int argc, char **argv)
{
	char *verb = argv[1], buf[512];
	int i, f;

	if(strcmp(verb, "ls") == 0)
		for(i = 2; i < argc; i++)
			ls(argv[i]);
	else if(strcmp(verb, "rm") == 0)
		for(i = 2; i < argc; i++)
			check(remove(argv[i]), argv[i]);
	else if(strcmp(verb, "mkdir") == 0)
		close(check(create(argv[2], OREAD, 0x80000000 | 0777), argv[2]));
	else if(strcmp(verb, "bind") == 0)
		check(bind(argv[2], argv[3], 0), argv[2]);
	else if(strcmp(verb, "pwd") == 0){
		f = check(open(".", OREAD), ".");
		fd2path(f, buf, sizeof buf);
		print("%s\n", buf);
	}else if(strcmp(verb, "args") == 0)
		for(i = 0; i < argc; i++)
			print(i < argc - 1 ? "[%s]" : "[%s]\n", argv[i]);
	else if(strcmp(verb, "mount") == 0){
		f = check(open(argv[2], ORDWR), argv[2]);
		check(mount(f, -1, argv[3], 0, ""), argv[2]);
	}else if(strcmp(verb, "newns") == 0){	/* as newns in auth(2) makes one, twice over */
		for(i = 0; i < 2; i++){
			check(rfork(RFCNAMEG), "rfork");
			f = check(open("#s/boot", ORDWR), "#s/boot");
			if(fauth(f, "") < 0)
				print("%s\n", err());
			check(mount(f, -1, "/root", 2 | 16, ""), "mount");
			check(bind("/root", "/", 2), "bind");
			check(bind("#c", "/dev", 0), "bind");
			check(bind("/386/bin", "/bin", 0), "bind");
		}
		f = check(open("/lib/hello", OREAD), "/lib/hello");
		print("%d\n", read(f, buf, sizeof buf));
	}else if(strcmp(verb, "sleep") == 0){
		print("sleeping\n");
		sleep(60000);
	}else if(strcmp(verb, "exits") == 0)
		exits(argv[2]);
	else
		exits("no such verb");
	exits(nil);
}
