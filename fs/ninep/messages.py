"""The messages of 9P2000 and of 9P2000.L: the one table that the codec is compiled from.

One class a message, whose fields are those of the manual, in its order and with its sizes.
MESSAGES has those of 9P2000.  9P2000.L, the dialect of Linux, takes some of them out, gives
numbers of users to two, and has more, below 100: MESSAGES_L has what it speaks.
Source: intro(5) and the pages of section 5 named like the messages; for 9P2000.L the pages of
diod (protocol.md) and net/9p/client.c of Linux.
"""

from __future__ import annotations

from typing import Annotated, Final, NamedTuple, TypeAlias

from ..dir import Qid

VERSION: Final = "9P2000"
VERSION_L: Final = "9P2000.L"
NOTAG: Final = 0xFFFF
NOFID: Final = 0xFFFFFFFF
NAMES: Final = 16  # elements in one walk
OVERHEAD: Final = 24  # bytes that a read or write message has beside its data, at most
MSIZE_MIN: Final = 256
HEADER: Final = 7  # size[4] type[1] tag[2]

U1: TypeAlias = Annotated[int, "B"]
U2: TypeAlias = Annotated[int, "H"]
U4: TypeAlias = Annotated[int, "I"]
U8: TypeAlias = Annotated[int, "Q"]
S: TypeAlias = Annotated[str, "string"]  # n[2] and UTF-8 without NUL
Qid13: TypeAlias = Annotated[Qid, "qid"]
Strings: TypeAlias = Annotated[tuple[str, ...], "strings"]  # n[2], at most 16
Qids: TypeAlias = Annotated[tuple[Qid, ...], "qids"]  # n[2], at most 16
Data: TypeAlias = Annotated[bytes, "data"]  # count[4]
Stat: TypeAlias = Annotated[bytes, "stat"]  # n[2]: a record that begins with its own size


# fmt: off
class Tversion(NamedTuple): tag: U2; msize: U4; version: S
class Rversion(NamedTuple): tag: U2; msize: U4; version: S
class Tauth(NamedTuple):    tag: U2; afid: U4; uname: S; aname: S
class Rauth(NamedTuple):    tag: U2; aqid: Qid13
class Tattach(NamedTuple):  tag: U2; fid: U4; afid: U4; uname: S; aname: S
class Rattach(NamedTuple):  tag: U2; qid: Qid13
class Rerror(NamedTuple):   tag: U2; ename: S
class Tflush(NamedTuple):   tag: U2; oldtag: U2
class Rflush(NamedTuple):   tag: U2
class Twalk(NamedTuple):    tag: U2; fid: U4; newfid: U4; wname: Strings
class Rwalk(NamedTuple):    tag: U2; wqid: Qids
class Topen(NamedTuple):    tag: U2; fid: U4; mode: U1
class Ropen(NamedTuple):    tag: U2; qid: Qid13; iounit: U4
class Tcreate(NamedTuple):  tag: U2; fid: U4; name: S; perm: U4; mode: U1
class Rcreate(NamedTuple):  tag: U2; qid: Qid13; iounit: U4
class Tread(NamedTuple):    tag: U2; fid: U4; offset: U8; count: U4  # type: ignore[assignment]
class Rread(NamedTuple):    tag: U2; data: Data
class Twrite(NamedTuple):   tag: U2; fid: U4; offset: U8; data: Data
class Rwrite(NamedTuple):   tag: U2; count: U4  # type: ignore[assignment]
class Tclunk(NamedTuple):   tag: U2; fid: U4
class Rclunk(NamedTuple):   tag: U2
class Tremove(NamedTuple):  tag: U2; fid: U4
class Rremove(NamedTuple):  tag: U2
class Tstat(NamedTuple):    tag: U2; fid: U4
class Rstat(NamedTuple):    tag: U2; stat: Stat
class Twstat(NamedTuple):   tag: U2; fid: U4; stat: Stat
class Rwstat(NamedTuple):   tag: U2

# 106, Terror, does not exist: nobody asks for an error.
MESSAGES: Final[dict[int, type]] = {
    100: Tversion, 101: Rversion, 102: Tauth,   103: Rauth,   104: Tattach, 105: Rattach,
                   107: Rerror,   108: Tflush,  109: Rflush,  110: Twalk,   111: Rwalk,
    112: Topen,    113: Ropen,    114: Tcreate, 115: Rcreate, 116: Tread,   117: Rread,
    118: Twrite,   119: Rwrite,   120: Tclunk,  121: Rclunk,  122: Tremove, 123: Rremove,
    124: Tstat,    125: Rstat,    126: Twstat,  127: Rwstat,
}
# fmt: on

# 9P2000.L.  Errors are numbers; so are users, NONUNAME where there is only a name.
# fmt: off
class TauthL(NamedTuple):    tag: U2; afid: U4; uname: S; aname: S; n_uname: U4
class TattachL(NamedTuple):  tag: U2; fid: U4; afid: U4; uname: S; aname: S; n_uname: U4
class Rlerror(NamedTuple):   tag: U2; ecode: U4
class Tstatfs(NamedTuple):   tag: U2; fid: U4
class Rstatfs(NamedTuple):
    tag: U2; type: U4; bsize: U4; blocks: U8; bfree: U8; bavail: U8; files: U8; ffree: U8
    fsid: U8; namelen: U4
class Tlopen(NamedTuple):    tag: U2; fid: U4; flags: U4
class Rlopen(NamedTuple):    tag: U2; qid: Qid13; iounit: U4
class Tlcreate(NamedTuple):  tag: U2; fid: U4; name: S; flags: U4; mode: U4; gid: U4
class Rlcreate(NamedTuple):  tag: U2; qid: Qid13; iounit: U4
class Tsymlink(NamedTuple):  tag: U2; dfid: U4; name: S; target: S; gid: U4
class Rsymlink(NamedTuple):  tag: U2; qid: Qid13
class Tmknod(NamedTuple):
    tag: U2; dfid: U4; name: S; mode: U4; major: U4; minor: U4; gid: U4
class Rmknod(NamedTuple):    tag: U2; qid: Qid13
class Trename(NamedTuple):   tag: U2; fid: U4; dfid: U4; name: S
class Rrename(NamedTuple):   tag: U2
class Treadlink(NamedTuple): tag: U2; fid: U4
class Rreadlink(NamedTuple): tag: U2; target: S
class Tgetattr(NamedTuple):  tag: U2; fid: U4; mask: U8
class Rgetattr(NamedTuple):
    tag: U2; valid: U8; qid: Qid13; mode: U4; uid: U4; gid: U4; nlink: U8; rdev: U8; size: U8
    blksize: U8; blocks: U8; atime: U8; atime_nsec: U8; mtime: U8; mtime_nsec: U8; ctime: U8
    ctime_nsec: U8; btime: U8; btime_nsec: U8; gen: U8; data_version: U8
class Tsetattr(NamedTuple):
    tag: U2; fid: U4; valid: U4; mode: U4; uid: U4; gid: U4; size: U8; atime: U8; atime_nsec: U8
    mtime: U8; mtime_nsec: U8
class Rsetattr(NamedTuple):  tag: U2
class Txattrwalk(NamedTuple): tag: U2; fid: U4; newfid: U4; name: S
class Rxattrwalk(NamedTuple): tag: U2; size: U8
class Txattrcreate(NamedTuple): tag: U2; fid: U4; name: S; size: U8; flags: U4
class Rxattrcreate(NamedTuple): tag: U2
class Treaddir(NamedTuple):  tag: U2; fid: U4; offset: U8; count: U4  # type: ignore[assignment]
class Rreaddir(NamedTuple):  tag: U2; data: Data
class Tfsync(NamedTuple):    tag: U2; fid: U4; datasync: U4
class Rfsync(NamedTuple):    tag: U2
class Tlock(NamedTuple):
    tag: U2; fid: U4; type: U1; flags: U4; start: U8; length: U8; proc_id: U4; client_id: S
class Rlock(NamedTuple):     tag: U2; status: U1
class Tgetlock(NamedTuple):
    tag: U2; fid: U4; type: U1; start: U8; length: U8; proc_id: U4; client_id: S
class Rgetlock(NamedTuple):
    tag: U2; type: U1; start: U8; length: U8; proc_id: U4; client_id: S
class Tlink(NamedTuple):     tag: U2; dfid: U4; fid: U4; name: S
class Rlink(NamedTuple):     tag: U2
class Tmkdir(NamedTuple):    tag: U2; dfid: U4; name: S; mode: U4; gid: U4
class Rmkdir(NamedTuple):    tag: U2; qid: Qid13
class Trenameat(NamedTuple): tag: U2; olddir: U4; oldname: S; newdir: U4; newname: S
class Rrenameat(NamedTuple): tag: U2
class Tunlinkat(NamedTuple): tag: U2; dfid: U4; name: S; flags: U4
class Runlinkat(NamedTuple): tag: U2

_OTHERS: Final = (Rerror, Topen, Ropen, Tcreate, Rcreate, Tstat, Rstat, Twstat, Rwstat)
MESSAGES_L: Final[dict[int, type]] = {
    **{number: message for number, message in MESSAGES.items() if message not in _OTHERS},
    102: TauthL,       104: TattachL,
                       7: Rlerror,
    8: Tstatfs,        9: Rstatfs,        12: Tlopen,        13: Rlopen,
    14: Tlcreate,      15: Rlcreate,      16: Tsymlink,      17: Rsymlink,
    18: Tmknod,        19: Rmknod,        20: Trename,       21: Rrename,
    22: Treadlink,     23: Rreadlink,     24: Tgetattr,      25: Rgetattr,
    26: Tsetattr,      27: Rsetattr,      30: Txattrwalk,    31: Rxattrwalk,
    32: Txattrcreate,  33: Rxattrcreate,  40: Treaddir,      41: Rreaddir,
    50: Tfsync,        51: Rfsync,        52: Tlock,         53: Rlock,
    54: Tgetlock,      55: Rgetlock,      70: Tlink,         71: Rlink,
    72: Tmkdir,        73: Rmkdir,        74: Trenameat,     75: Rrenameat,
    76: Tunlinkat,     77: Runlinkat,
}
# fmt: on
NUMBERS: Final = {message: number for number, message in (*MESSAGES.items(), *MESSAGES_L.items())}
