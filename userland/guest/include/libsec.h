/*
 * Digests.
 * Source: sechash(2).
 */
#ifndef VX9_LIBSEC_H
#define VX9_LIBSEC_H

enum { MD5dlen = 16, SHA1dlen = 20 };

typedef struct DigestState DigestState;
struct DigestState {
    uvlong len;
    u32int state[16];
    uchar buf[256];
    int blen;
    char malloced;
    char seeded;
};
typedef DigestState MD5state;
typedef DigestState SHA1state;

DigestState *md5(uchar *, ulong, uchar *, DigestState *);
DigestState *sha1(uchar *, ulong, uchar *, DigestState *);

#endif
