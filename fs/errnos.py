"""What a POSIX program is told of an error string, and we of its numbers: the one table.

Servers decorate their errors ("'/a/b' file does not exist", "permission denied: ...") and
have words of their own, so a text that is not in the table is searched for those that are.
What is not found is EIO.  9P2000.L has numbers alone, so its servers' become strings here.
Source: errstr(2), errno(3).
"""

from __future__ import annotations

import errno
from typing import Final

from . import errors as say

ESTALE: Final = "the file is another one now"
EXDEV: Final = "files move within their folder only"
EBADFID: Final = "unknown fid"
EFIDMODE: Final = "fid is not open"
EMANYFIDS: Final = "too many fids"
EMANYREQUESTS: Final = "too many requests under way"
_MOST: Final = 4096  # texts remembered

# fmt: off
ERRNOS: Final = {
    say.ENONEXIST:    errno.ENOENT,
    say.EDOESNOTEXIST: errno.ENOENT,
    say.EEXIST:       errno.EEXIST,
    say.ESRVEXIST:    errno.EEXIST,
    say.ENOTDIR:      errno.ENOTDIR,
    say.EISDIR:       errno.EISDIR,
    say.ENOTEMPTY:    errno.ENOTEMPTY,
    say.EREMOVED:     errno.ENOENT,
    say.EISMTPT:      errno.EBUSY,
    say.EXLOCKED:     errno.EBUSY,
    say.EINUSE:       errno.EBUSY,
    say.ENOCREATE:    errno.EPERM,
    say.EPERM:        errno.EACCES,
    say.ENOATTACH:    errno.EACCES,
    say.ENOTREG:      errno.ENXIO,
    say.EFULL:        errno.ENOSPC,
    say.ENOMEM:       errno.ENOMEM,
    say.ENOVMEM:      errno.ENOMEM,
    say.ENAMETOOLONG: errno.ENAMETOOLONG,
    say.EBADCHAR:     errno.EINVAL,
    say.EFILENAME:    errno.EINVAL,
    say.EEMPTYNAME:   errno.EINVAL,
    say.EBADARG:      errno.EINVAL,
    say.EBADCTL:      errno.EINVAL,
    say.EUNKNOWNCTL:  errno.EINVAL,
    say.EEMPTYCTL:    errno.EINVAL,
    say.ECMDARGS:     errno.EINVAL,
    say.EBADSTAT:     errno.EINVAL,
    say.ENEGOFF:      errno.EINVAL,
    say.ESHORT:       errno.EINVAL,
    say.EISSTREAM:    errno.ESPIPE,
    say.EBADUSEFD:    errno.EBADF,
    say.ETOOBIG:      errno.EFBIG,
    say.ENOFD:        errno.ENFILE,
    say.ENODEV:       errno.EBUSY,
    say.EINTR:        errno.EINTR,
    say.EHUNGUP:      errno.EPIPE,
    say.EMOUNTRPC:    errno.EIO,
    say.ESHUTDOWN:    errno.ENODEV,
    say.EPROCDIED:    errno.ESRCH,
    say.ENOCHILD:     errno.ECHILD,
    say.ETIMEDOUT:    errno.ETIMEDOUT,
    say.ECONREFUSED:  errno.ECONNREFUSED,
    say.EADDRINUSE:   errno.EADDRINUSE,
    say.EIO:          errno.EIO,
    ESTALE:           errno.ESTALE,
    EXDEV:            errno.EXDEV,
    EBADFID:          errno.EBADF,
    EFIDMODE:         errno.EBADF,
    EMANYFIDS:        errno.EMFILE,
    EMANYREQUESTS:    errno.EAGAIN,
}

# Numbers that no row above gives back, or gives back in other words.
TEXTS: Final = {
    errno.ENOENT:       say.ENONEXIST,
    errno.EPERM:        say.EPERM,
    errno.EACCES:       say.EPERM,
    errno.EROFS:        f"{say.EPERM}: read-only file system",
    errno.ELOOP:        f"{say.EPERM}: symbolic link",
    errno.EOPNOTSUPP:   f"{say.EPERM}: not supported by the server",
    errno.EBUSY:        say.EINUSE,
    errno.ETXTBSY:      say.EINUSE,
    errno.EINVAL:       say.EBADARG,
    errno.EEXIST:       say.EEXIST,
    errno.EBADF:        EBADFID,
    errno.ENOMEM:       say.ENOMEM,
    errno.EDQUOT:       say.EFULL,
    errno.EMFILE:       say.ENOFD,
    errno.EOVERFLOW:    say.ETOOBIG,
    errno.EAGAIN:       "resource temporarily unavailable",
    errno.ECONNREFUSED: say.ECONREFUSED,
}
# fmt: on
for _text, _number in ERRNOS.items():
    TEXTS.setdefault(_number, _text)
# Longer ones first: "directory not empty" is not "not a directory", but might contain one.
_PARTS: Final = sorted(ERRNOS, key=len, reverse=True)


def text_of(number: int) -> str:
    """The error string of an errno."""
    text = TEXTS.get(number)
    if text is None:
        name = errno.errorcode.get(number)
        text = f"{say.EIO}: {name}" if name else f"{say.EIO}: error number {number}"
    return text


class Refused(say.PlanError):
    """A PlanError with an errno of its own, where the table's would say less."""

    def __init__(self, number: int, text: str) -> None:
        super().__init__(text)
        self.number = number


class Errnos:
    """The numbers of error strings; remembers those that took a search."""

    def __init__(self) -> None:
        self._known: dict[str, int] = dict(ERRNOS)

    def of(self, text: str) -> int:
        """The errno of an error string."""
        number = self._known.get(text)
        if number is None:
            number = next((ERRNOS[part] for part in _PARTS if part in text), errno.EIO)
            if len(self._known) > _MOST:
                self._known = dict(ERRNOS)
            self._known[text] = number
        return number

    def of_error(self, error: say.PlanError) -> int:
        """The errno of an error."""
        return error.number if isinstance(error, Refused) else self.of(str(error))
