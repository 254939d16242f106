/* Notes: counted when they come, looked at between commands.  Source: notify(2), rc(1). */
#include "rc.h"

typedef struct Note Note;
struct Note {
    char const *note;
    char const *fn;
    int volatile came;
};

static Note notes[] = {
    {"hangup", "sighup", 0},   {"interrupt", "sigint", 0}, {"quit", "sigquit", 0},
    {"alarm", "sigalrm", 0},   {"sys: fp:", "sigfpe", 0},  {"term", "sigterm", 0},
};
int volatile pending;

static void
handle(void *ureg, char *note)
{
    int i;

    USED(ureg);
    for (i = 0; i < nelem(notes); i++)
        if (strncmp(note, notes[i].note, strlen(notes[i].note)) == 0) {
            if (notes[i].came++ >= 32)
                break;
            pending++;
            noted(NCONT);
        }
    noted(NDFLT);
}

void
catchnotes(void)
{
    notify((void *)handle);
}

/* Do what the notes that came ask for. */
void
traps(void)
{
    int i;
    Fn *f;

    for (i = 0; i < nelem(notes); i++)
        while (notes[i].came > 0) {
            notes[i].came--;
            pending--;
            if (insubshell)
                leave(notes[i].note);
            f = fn(notes[i].fn);
            if (f != nil)
                callfn(f, nil);
            else {
                setstatus(notes[i].note);
                if (strcmp(notes[i].fn, "sigint") == 0 || strcmp(notes[i].fn, "sigquit") == 0)
                    stop();
                leave(notes[i].note);
            }
        }
}
