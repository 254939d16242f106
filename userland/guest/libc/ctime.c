/* ctime(2): the zone is the text of /env/timezone:
 *     NAME seconds-east NAME seconds-east
 *     start end start end ...   of summer times, in seconds of GMT
 */
#include <u.h>
#include <libc.h>

enum { Day = 24 * 60 * 60, Maxpairs = 150 };

static struct {
    int read;
    char name[2][4];
    long east[2];
    int n;
    ulong change[2 * Maxpairs];
} zone;
static Lock zonelock;

static int
leap(int year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

static int
monthdays(int month, int year)
{
    static uchar const days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[month] + (month == 1 && leap(year));
}

/* Broken down into tm, which stays until the next call. */
static Tm *
breakdown(vlong t, char const *name, long east)
{
    static Tm tm;
    long days, rest;
    int year = 1970;

    t += east;
    days = t / Day;
    rest = t % Day;
    if (rest < 0) {
        rest += Day;
        days--;
    }
    tm.sec = rest % 60;
    tm.min = rest / 60 % 60;
    tm.hour = rest / 3600;
    tm.wday = ((days + 4) % 7 + 7) % 7;
    for (; days < 0; days += 365 + leap(year))
        year--;
    for (; days >= 365 + leap(year); year++)
        days -= 365 + leap(year);
    tm.year = year - 1900;
    tm.yday = days;
    for (tm.mon = 0; days >= monthdays(tm.mon, year); tm.mon++)
        days -= monthdays(tm.mon, year);
    tm.mday = days + 1;
    strecpy(tm.zone, tm.zone + sizeof tm.zone, name);
    tm.tzoff = east;
    return &tm;
}

Tm *
gmtime(long t)
{
    return breakdown((ulong)t, "GMT", 0);
}

static char *
zonename(char *s, char *name, long *east)
{
    int i;

    s += strspn(s, " \t\n");
    for (i = 0; *s != 0 && strchr(" \t\n", *s) == nil; s++)
        if (i < 3)
            name[i++] = *s;
    name[i] = 0;
    *east = strtol(s, &s, 10);
    return s;
}

static void
readzone(void)
{
    char *text, *s, *e;

    zone.read = 1;
    zone.n = 0;
    zone.east[0] = zone.east[1] = 0;
    strcpy(zone.name[0], "GMT");
    text = getenv("timezone");
    if (text == nil)
        return;
    s = zonename(text, zone.name[0], &zone.east[0]);
    s = zonename(s, zone.name[1], &zone.east[1]);
    if (zone.name[0][0] == 0) {
        strcpy(zone.name[0], "GMT");
        zone.east[0] = 0;
    }
    while (zone.n < nelem(zone.change)) {
        zone.change[zone.n] = strtoul(s, &e, 10);
        if (e == s)
            break;
        zone.n++;
        s = e;
    }
    free(text);
}

Tm *
localtime(long t)
{
    int i, summer = 0;

    lock(&zonelock);
    if (!zone.read)
        readzone();
    unlock(&zonelock);
    for (i = 0; i + 1 < zone.n; i += 2)
        if ((ulong)t >= zone.change[i] && (ulong)t < zone.change[i + 1])
            summer = 1;
    return breakdown((ulong)t, zone.name[summer], zone.east[summer]);
}

/* GMT unless the zone's name is the local one. */
long
tm2sec(Tm *tm)
{
    vlong days = tm->mday - 1;
    long t;
    int y, year = tm->year + 1900, m;

    for (y = 1970; y < year; y++)
        days += 365 + leap(y);
    for (y = year; y < 1970; y++)
        days -= 365 + leap(y);
    for (m = 0; m < tm->mon && m < 12; m++)
        days += monthdays(m, year);
    t = days * Day + tm->hour * 3600L + tm->min * 60L + tm->sec;
    lock(&zonelock);
    if (!zone.read)
        readzone();
    unlock(&zonelock);
    if (strcmp(tm->zone, "GMT") == 0)
        return t;
    if (strcmp(tm->zone, zone.name[0]) == 0)
        return t - zone.east[0];
    if (strcmp(tm->zone, zone.name[1]) == 0)
        return t - zone.east[1];
    return t;
}

char *
asctime(Tm *tm)
{
    static char const days[] = "SunMonTueWedThuFriSat";
    static char const months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    static char text[40];

    snprint(text, sizeof text, "%.3s %.3s %2d %.2d:%.2d:%.2d %s %d\n", days + 3 * tm->wday,
            months + 3 * tm->mon, tm->mday, tm->hour, tm->min, tm->sec, tm->zone,
            tm->year + 1900);
    return text;
}

char *
ctime(long t)
{
    return asctime(localtime(t));
}
