/* The flags of bind(1), mount, srv and import. */

static int mountflags;

/* Take one flag letter; 0 when it is none. */
static int
mountflag(int letter)
{
    switch (letter) {
    case 'a':
        mountflags |= MAFTER;
        break;
    case 'b':
        mountflags |= MBEFORE;
        break;
    case 'c':
        mountflags |= MCREATE;
        break;
    case 'C':
        mountflags |= MCACHE;
        break;
    default:
        return 0;
    }
    return (mountflags & (MAFTER | MBEFORE)) != (MAFTER | MBEFORE);
}
